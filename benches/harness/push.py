"""The push that is sent, and the check that a target really delivers it."""

import datetime
import hashlib
import http.client
import json
import urllib.parse

APP_KEY, APP_SECRET = "12345678", "helloworld"
TOKEN = "benchmark-token-0123456789"
CASE = "1290293148910"
PATH = f"/mediations/{CASE}/result"
SENTENCE = "双方经调解达成一致意见，款项已于当日退回买家账户。"


def body(content_length):
    """A valid push as JSON. Chinese characters take 3 bytes each; `content` may have 10,000 of them."""
    content = (SENTENCE * (content_length // len(SENTENCE) + 1))[:content_length]
    push = {
        "result": "success", "work_number": "123123", "completed_time": "2025-11-16T16:00:00Z",
        "mediator_name": "张三", "mediator_phone": "13812345678", "content": content,
    }
    return json.dumps(push, ensure_ascii=False, separators=(",", ":")).encode()


SMALL = body(45)
LARGE = body(9950)


def signed_form():
    """The call that a bridge makes of SMALL: the request for nginx, which can only forward it."""
    req = {"mediation_case_id": CASE, **json.loads(SMALL), "completed_time": "2025-11-17 00:00:00"}
    now = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=8)))
    parameters = {
        "app_key": APP_KEY, "format": "json", "method": "alibaba.jym.servicecenter.mediation.result.push",
        "req": json.dumps(req, ensure_ascii=False, separators=(",", ":")), "sign_method": "md5",
        "timestamp": now.strftime("%Y-%m-%d %H:%M:%S"), "v": "2.0",
    }
    text = "".join(name + parameters[name] for name in sorted(parameters))
    parameters["sign"] = hashlib.md5((APP_SECRET + text + APP_SECRET).encode()).hexdigest().upper()
    return urllib.parse.urlencode(parameters).encode()


def ask(port, method, path, sent=None, headers=None):
    """Sends one request and returns the status and text of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, sent, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def check(target, port, request):
    """Exits unless the target accepts one push."""
    status, text = ask(port, "POST", request.path, request.body, request.headers("check" if request.keyed else None))
    if status != 200 or not ('"accepted"' in text or '"is_success":true' in text):
        raise SystemExit(f"{target} did not accept a push, so it is not measured: HTTP {status} {text[:300]}")
