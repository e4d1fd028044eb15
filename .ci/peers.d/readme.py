"""Runs every `sh` block of a Markdown file that calls the demonstration with curl, and compares the answer with the block
that follows: status line, the headers that it shows, and body, aside from identifiers that differ every time.

Usage: readme.py ADDRESS_OF_THE_DEMO FILE…
"""

import difflib
import json
import re
import subprocess
import sys
from pathlib import Path

CURL = 'curl() { command curl --silent --show-error --max-time 30 "$@"; }\n'
DOCUMENTED = "127.0.0.1:8080"
BLOCKS = re.compile(r"^```sh\n(.*?)^```\n(?:\n```(?:json|http|)\n(.*?)^```$)?", re.M | re.S)


def parts(answer):
    """Status line, header lines and lines of the body, each identifier in them masked."""
    answer = re.sub(r'(?im)(^x-request-id: |"request_id": ?")[0-9a-z]{16,32}', r"\1ID", answer.replace("\r\n", "\n")).strip()
    head, _, body = answer.partition("\n\n") if answer.startswith("HTTP/") else ("", "", answer)
    if body.startswith("{"):
        body = json.dumps(json.loads(body), ensure_ascii=False, indent=1)
    status, *headers = head.lower().split("\n")
    return status, headers, body.split("\n")


def differences(commands, shown, address):
    script = CURL + commands.replace(DOCUMENTED, address)
    done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=60)
    status, headers, body = parts(shown)
    came_status, came_headers, came_body = parts(done.stdout.replace(address, DOCUMENTED))
    names = {header.partition(":")[0] for header in headers}
    came_headers = [header for header in came_headers if header.partition(":")[0] in names]
    wanted, came = [status, *sorted(headers), *body], [came_status, *sorted(came_headers), *came_body]
    return [*difflib.unified_diff(wanted, came, "shown", "came", lineterm="", n=1), *done.stderr.splitlines()]


address, *files = sys.argv[1:]
run = failed = 0
for file in files:
    for commands, shown in (block.groups() for block in BLOCKS.finditer(Path(file).read_text())):
        if not re.search(rf"^\s*curl\b.*{re.escape(DOCUMENTED)}", commands, re.M):
            continue
        lines = differences(commands, shown, address) if shown else ["no block with the answer follows"]
        run, failed = run + 1, failed + bool(lines)
        for line in [f"{file}: {commands}", *lines] if lines else []:
            print(line)
print(f"{run} curl blocks run, {failed} gave another answer than the one that is shown")
sys.exit(failed > 0 or run == 0)
