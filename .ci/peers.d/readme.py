"""Runs every `sh` block of a Markdown file that has a curl for the demo's address, and compares the answer with the
block that follows: its status line, the headers that it shows, in any order, and its body. Request ids, the bridge's and
TOP's, differ every time and are masked.

Usage: readme.py FILE ADDRESS_OF_THE_DEMO
"""

import difflib
import re
import subprocess
import sys

file, address = sys.argv[1:]
IN_THE_FILE = "127.0.0.1:8080"
text = open(file, encoding="utf-8").read()


def mask(answer):
    answer = re.sub(r"(?im)^(x-request-id: )[0-9a-f]{32}$", r"\1REQUEST-ID", answer)
    answer = re.sub(r'("request_id":\s*)"[0-9a-f]{32}"', r'\1"REQUEST-ID"', answer)
    return re.sub(r'("request_id":\s*)"[0-9a-z]{16}"', r'\1"TOP-REQUEST-ID"', answer)


def parts(answer):
    """Status line, headers, body; an answer without a status line is a body alone."""
    answer = mask(answer.replace("\r\n", "\n")).strip("\n")
    if not answer.startswith("HTTP/"):
        return "", [], answer
    head, _, body = answer.partition("\n\n")
    status, *headers = head.split("\n")
    return status, sorted(re.sub(r"^[^:]+", lambda name: name[0].lower(), header) for header in headers), body


blocks = list(re.finditer(r"^```(\S*)\n(.*?)^```$", text, re.M | re.S))
failures = run = 0
for number, block in enumerate(blocks):
    language, commands = block.groups()
    if language != "sh" or not re.search(rf"^\s*curl\b.*{re.escape(IN_THE_FILE)}", commands, re.M):
        continue
    run += 1
    line = text.count("\n", 0, block.start()) + 1
    following = blocks[number + 1] if number + 1 < len(blocks) else None
    if following is None or following[1] not in ("", "json", "http") or text[block.end() : following.start()].strip():
        print(f"{file}:{line}: no block with the answer follows")
        failures += 1
        continue
    script = 'curl() { command curl --silent --show-error --max-time 30 "$@"; }\n' + commands.replace(IN_THE_FILE, address)
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    wanted_status, wanted_headers, wanted_body = parts(following[2])
    status, headers, body = parts(done.stdout)
    shown = {header.partition(":")[0] for header in wanted_headers}
    headers = [header for header in headers if header.partition(":")[0] in shown]
    wanted = [wanted_status, *wanted_headers, "", *wanted_body.split("\n")]
    got = [status, *headers, "", *body.replace(address, IN_THE_FILE).split("\n")]
    if done.returncode != 0 or wanted != got:
        failures += 1
        print(f"{file}:{line}: another answer than the one shown (exit code {done.returncode}) {done.stderr}")
        print("\n".join(difflib.unified_diff(wanted, got, "shown", "came", lineterm="")))

print(f"{run} curl blocks run, {run - failures} gave what is shown")
sys.exit(1 if failures or run == 0 else 0)
