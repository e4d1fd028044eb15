"""Sends requests of every kind through two Prism proxies in front of one bridge and looks for answers that the OpenAPI
document does not describe.

Prism validates both ways. The first proxy runs with --errors: it takes the requests that the document allows, and turns
any violation, of a request or an answer, into an error of its own. The second runs without --errors: it passes on what
is wrong on purpose and lists in the header `sl-violations` what violates the document; there, a violation in the
request is what was asked for, a violation in the answer is a failure. Each request has an X-Request-Id of its own, which
only the bridge's answer repeats: so no answer of Prism's is taken for the bridge's.

Usage: prism.py CALLERS_GUIDE STRICT_PROXY REPORTING_PROXY TOKEN
"""

import http.client
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

guide, strict, reporting, token = sys.argv[1:]
AUTH = {"Authorization": f"Bearer {token}"}
JSON = {"Content-Type": "application/json"}
FULL = {
    "result": "success",
    "work_number": "123123",
    "completed_time": "2025-11-16T16:00:00.5Z",
    "mediator_name": "张三",
    "mediator_phone": "+86 138-1234-5678",
    "content": "沟通内容\n第二行",
}


def push(case_id="1290293148910", body=None, expect=200, **headers):
    text = json.dumps({"result": "success"} if body is None else body)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return "POST", f"/mediations/{case_id}/result", {**AUTH, **JSON, **headers}, text, expect


def get(path, expect=200, method="GET", **headers):
    return method, path, headers, None, expect


# Requests as the document allows them.
allowed = [
    push(body=FULL),
    push(body={"result": "success", "work_number": None, "completed_time": None}),
    push(body={"result": "success", "completed_time": "2024-02-29 23:59:59"}),
    push(body={"result": "成" * 64, "content": "字" * 10_000}),
    push("a", Idempotency_Key="one"),
    push("a", Idempotency_Key="one"),
    push("a", Idempotency_Key='"one"', body={"result": "another"}, expect="idempotency_key_reused"),
    push("sandbox-backend-timeout", Idempotency_Key="doubt", expect="top_timeout"),
    push("sandbox-backend-timeout", Idempotency_Key="doubt", expect="top_timeout"),
    get("/livez"), get("/readyz"), get("/metrics"), get("/openapi.json"),
    get("/problems", Accept="application/json"), get("/problems", Accept="text/html"),
    get("/problems/top_timeout", Accept="application/json"), get("/problems/top_timeout", Accept="text/html"),
]

# Requests that the document does not allow. Some cannot be sent through Prism: it refuses a body that is no JSON and
# fails at HEAD for JSON itself, and ends at a path that cannot be decoded. The program's own tests send those.
not_allowed = [
    *[push(body=body, expect="validation_failed") for body in (
        {}, {"result": ""}, {"result": " "}, {"result": 1}, {"result": "a" * 65}, {"result": "a\u0007"},
        {"result": "a", "resault": "b"}, {"result": "a", "ctrl\u0007\n": 1}, {"result": "a", "x" * 5000: 1},
        {"result": "a", **{f"m{i}": i for i in range(20)}}, {"result": "a", "completed_time": "2025-02-30 00:00:00"},
        {"result": "a", "completed_time": "1999-12-31T15:59:59Z"}, {"result": "a", "completed_time": 1},
        {"result": "a", "mediator_phone": "12"}, {"result": "a", "mediator_phone": "abc"},
        {"result": "a", "content": "字" * 10_001}, {"result": {}, "work_number": [], "content": True})],
    *[push(body=body, expect="validation_failed") for body in ([], [{}])],
    *[push(case_id, expect="validation_failed") for case_id in ("a%2Fb", "a" * 65, "%E8%B0%83", "%00", "a.b")],
    push(Idempotency_Key="k" * 256, expect="validation_failed"), push(Idempotency_Key="a b", expect="validation_failed"),
    push(Authorization="Bearer wrong", expect="unauthenticated"), push(Authorization="Basic YTpi", expect="unauthenticated"),
    push(Content_Type="text/plain", expect="unsupported_media_type"),
    push(Content_Encoding="gzip", expect="unsupported_media_type"),
    push(body={"result": "a" * 300_000}, expect="payload_too_large"),
    get("/nowhere", "not_found"), get("/mediations", "not_found"), get("/problems/no_such_problem", "not_found"),
    *[get(path, "method_not_allowed", method)
      for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/problems", "/problems/top_timeout")
      for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS")],
    *[get("/mediations/1/result", "method_not_allowed", method) for method in ("GET", "PUT", "OPTIONS")],
    get("/metrics", method="HEAD"), get("/problems", method="HEAD", Accept="text/html"),
]

# Every case id of the callers' guide, with what the table says the bridge answers. Bans come last: they last. Those with
# a clock of their own come alone: the bridge learns one clock, and two that differ at once would teach it by turns.
cases = re.findall(r"^\| `(sandbox-[a-z0-9-]+)` \| `(\w+)` \|", open(guide, encoding="utf-8").read(), re.M)
assert len(cases) > 40, "the guide's table of case ids was not found"
cases = [push(case, FULL, 200 if answer == "200" else answer) for case, answer in cases]
lasting = [case for case in cases if "-ban-" in case[1]]
alone = [case for case in cases if "-clock" in case[1]]
passing = [case for case in cases if case not in lasting + alone]
assert lasting and alone


def send(proxy, number, request):
    """What is wrong with the answer, in a line each."""
    method, path, headers, body, expect = request
    ours = f"prism-{number}"
    connection = http.client.HTTPConnection(urlsplit(proxy).netloc, timeout=30)
    try:
        connection.request(method, path, body and body.encode(), {**headers, "X-Request-Id": ours})
        answer = connection.getresponse()
        text = answer.read().decode()
    except OSError as error:
        return [f"{method} {path[:80]}: {error!r}"]
    finally:
        connection.close()
    wrong = []
    if answer.headers.get("X-Request-Id") != ours:
        wrong.append(f"Prism answers in the bridge's place: {answer.status} {text[:600]}")
    violations = answer.headers.get("sl-violations") or "[]"
    try:
        wrong += [f"the answer violates the document: {v}" for v in json.loads(violations) if v["location"][0] != "request"]
    except json.JSONDecodeError:
        wrong.append(f"no JSON in sl-violations: {violations}")
    if not wrong and expect is not None and method != "HEAD":
        got = answer.status if answer.status == 200 else json.loads(text)["code"]
        if got != expect:
            wrong.append(f"{expect} was expected, {got} came")
    return [f"{method} {path[:80]}: {line}" for line in wrong]


def main():
    failures, sent = [], 0
    for proxy, requests, at_once in (
        (strict, allowed, 1), (reporting, not_allowed, 1), (strict, passing, 8),
        (strict, alone, 1), (strict, lasting, 1),
    ):
        with ThreadPoolExecutor(at_once) as pool:
            for lines in pool.map(lambda item: send(proxy, sent + item[0], item[1]), enumerate(requests)):
                failures += lines
        sent += len(requests)
    for line in failures:
        print(line)
    print(f"{sent} requests through Prism: {len(allowed) + len(cases)} allowed by the document, "
          f"{len(not_allowed)} not; {len(failures)} violations")
    sys.exit(1 if failures else 0)


main()
