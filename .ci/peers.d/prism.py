"""Makes pushes and other requests through a Prism proxy, and looks for answers that the OpenAPI document does not describe.

Prism lists in the header `sl-violations` what of a request and of its answer violates the document. Most of the pushes are
one for each case id of the sandbox; each must come to what the table of case ids says. Every request has an X-Request-Id
of its own, which only the bridge's answer repeats: so no answer of Prism's is taken for the bridge's.

Usage: prism.py PROXY TOKEN CALLERS_GUIDE
"""

import itertools
import json
import re
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

proxy, token, guide = sys.argv[1:]
FULL = {"result": "success", "work_number": "123123", "completed_time": "2025-11-16T16:00:00.5Z", "mediator_name": "张三",
        "mediator_phone": "+86 138-1234-5678", "content": "沟通内容\n第二行"}
numbers = itertools.count()


def send(path, expected, allowed=True, body=None, **headers):
    """The errors of the answer, one per line. `allowed`: the request is one that the document allows."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"X-Request-Id": f"prism-{next(numbers)}"}
    request = urllib.request.Request(proxy + path, body and json.dumps(body).encode(), headers)
    try:
        answer = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        answer = error
    text = answer.read().decode()
    if answer.headers["X-Request-Id"] != headers["X-Request-Id"]:
        return [f"{path}: Prism answers in the bridge's place: {answer.status} {text[:600]}"]
    came = "200" if answer.status == 200 else json.loads(text)["code"]
    wrong = [] if came == expected else [f"{path}: {came} instead of {expected}"]
    violations = json.loads(answer.headers.get("sl-violations", "[]"))
    return wrong + [f"{path}: {one}" for one in violations if allowed or one["location"][0] != "request"]


def push(case, expected, body=FULL, allowed=True, **headers):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | headers
    return send(f"/mediations/{case}/result", expected, allowed, body, **headers)


table = re.findall(r"^\| `(sandbox-[a-z0-9-]+)` \| `(\w+)` \|", Path(guide).read_text(), re.M)
# Bans come last, because they apply to later pushes. Cases with another clock run alone, because the bridge has one.
lasting = [row for row in table if "-ban-" in row[0]]
alone = [row for row in table if "clock" in row[0]]
with ThreadPoolExecutor(8) as pool:
    wrong = list(pool.map(lambda row: push(*row), [row for row in table if row not in lasting + alone]))
wrong += [
    push("a", "200", Idempotency_Key="prism"), push("a", "200", Idempotency_Key='"prism"'),
    push("a", "idempotency_key_reused", {"result": "another"}, Idempotency_Key="prism"),
    push("a", "validation_failed", {"resault": 1, "completed_time": "", "mediator_phone": "12"}, allowed=False),
    push("a", "unauthenticated", allowed=False, Authorization="Bearer wrong"),
    push("a", "payload_too_large", {"result": "a" * 300_000}, allowed=False),
    send("/nowhere", "not_found", allowed=False),
    *[send(path, "200", Accept=media_type, Accept_Language=language) for path in ("/problems", "/problems/top_timeout")
      for media_type in ("text/html", "application/json") for language in ("en", "zh")],
]
wrong += [push(*row) for row in alone + lasting]
for line in sum(wrong, []):
    print(line)
print(f"{len(wrong)} requests through Prism, {len(table)} for a case id of the sandbox: {sum(map(bool, wrong))} failed")
sys.exit(any(wrong) or len(table) < 40)
