"""Pushes the result of a mediation through the mediation-bridge, retries, and tells what came of it.

Copy this file into your service and call `push`, or run it:

    push.py BASE_URL CASE_ID JSON_FILE [--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]

It prints one line of JSON, {"outcome": ..., "tries": ..., "code": ...}, and exits 0 accepted, 1 rejected, 2 not
executed (proven for every try), 3 unknown, 64 wrong command line. A run that printed no line was cut short: nobody
knows whether it pushed. Python 3.11, standard library only.
"""

import argparse
import http.client
import io
import json
import logging
import random
import re
import socket
import sys
import time
import urllib.parse
import uuid
from typing import NamedTuple


class Conclusion(NamedTuple):
    outcome: str  # accepted, rejected, not_executed or unknown
    tries: int
    code: str  # of the last try: accepted, the code of the bridge's problem, or no_answer
    doubt: bool  # a try may have been executed without an answer that says so; see `push`


class Answer(NamedTuple):
    outcome: str
    code: str
    retryable: bool
    prior_outcome: str | None = None


# The push may have arrived, and what answered, if anything, was not the bridge.
NO_ANSWER = Answer("unknown", "no_answer", True)
# There was no connection, so nothing of the push was sent.
NOT_SENT = Answer("not_executed", "no_answer", True)
LONGEST_WAIT = 60
log = logging.getLogger("push")


def push(base_url, case_id, body, token=None, key=None, timeout=15, give_up=120):
    """Pushes `body`, JSON as bytes, until its outcome is certain, a retry is useless or `give_up` seconds are over.

    `timeout` is for one try. It should exceed the bridge's BRIDGE_DEADLINE (10 s), or the bridge's own answer is often
    missed; then more pushes come to `unknown`, but no conclusion becomes wrong. The last try may end after `give_up`.

    With `doubt`, `accepted` may stand for two executions, and `rejected` may mean that an earlier try was executed: TOP
    also refuses what it calls a duplicate or a closed case. Ask Jiaoyimao before you push other data. If an earlier run
    with the same `key` came to `unknown`, `not_executed` speaks of this run only, and the push is still in doubt.
    """
    end = time.monotonic() + give_up
    url = urllib.parse.urlsplit(f"{base_url.rstrip('/')}/mediations/{urllib.parse.quote(case_id, safe='')}/result")
    # One key for all tries: the bridge then never runs two of them at once, and repeats what TOP has decided.
    headers = {"Content-Type": "application/json", "Idempotency-Key": key or str(uuid.uuid4())}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname, url.port, timeout=timeout)
    tries, doubt, pause = 0, False, 1
    while True:
        tries += 1
        answer, retry_after = attempt(connection, url.path, headers, body)
        doubt = doubt or "unknown" in (answer.outcome, answer.prior_outcome)
        # Only TOP's decision ends a doubt. A later not_executed is about its own try, not about the others.
        if answer.outcome in ("accepted", "rejected"):
            return Conclusion(answer.outcome, tries, answer.code, doubt)
        # The jitter keeps callers that failed together from coming back together.
        wait = min(retry_after or pause * random.uniform(0.5, 1), LONGEST_WAIT)
        if not answer.retryable or time.monotonic() + wait > end:
            return Conclusion("unknown" if doubt else "not_executed", tries, answer.code, doubt)
        time.sleep(wait)
        pause = min(2 * pause, LONGEST_WAIT)


def attempt(connection, path, headers, body):
    """One try: what it says about the push, and the seconds that the answer asks to wait, 0 where it names none."""
    end = time.monotonic() + connection.timeout
    try:
        try:
            connection.connect()
        except (ConnectionRefusedError, socket.gaierror) as error:
            log.warning("nothing sent: %r", error)
            return NOT_SENT, 0
        connection.sock.settimeout(max(end - time.monotonic(), 0.001))
        connection.request("POST", path, body, headers)
        response = http.client.HTTPResponse(TimedSocket(connection.sock, end), method="POST")
        response.begin()
        answer = read_answer(response.status, response.headers.get_content_type(), response.read())
        asked = response.headers.get("Retry-After", "")
        return answer, int(asked) if re.fullmatch("[0-9]{1,9}", asked) else 0
    except Exception as error:  # whatever went wrong, the push may have been sent
        log.warning("no answer: %r", error)
        return NO_ANSWER, 0
    finally:
        connection.close()


def read_answer(status, content_type, body):
    """Believes only the bridge. A proxy's page, a redirect or a bare status says nothing about the push."""
    try:
        fields = json.loads(body)
    except ValueError:
        fields = None
    if isinstance(fields, dict):
        outcome, code = fields.get("outcome"), fields.get("code")
        if status == 200 and outcome == "accepted":
            return Answer("accepted", "accepted", False, fields.get("prior_outcome"))
        problem = status >= 400 and content_type == "application/problem+json" and isinstance(code, str)
        if problem and outcome in ("rejected", "not_executed", "unknown"):
            return Answer(outcome, code, fields.get("retryable") is True, fields.get("prior_outcome"))
    log.warning("no answer of the bridge: status %d", status)
    return NO_ANSWER


class TimedSocket(io.RawIOBase):
    """Reads from a socket until one point in time. The socket's own time-out starts anew with every byte that comes."""

    def __init__(self, sock, end):
        self.sock, self.end = sock, end

    def makefile(self, _mode):
        return io.BufferedReader(self)

    def readable(self):
        return True

    def readinto(self, buffer):
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self.sock.settimeout(left)
        return self.sock.recv_into(buffer)


class CommandLine(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f"{self.format_usage()}{message}\n")  # argparse's own code, 2, means "not executed" here


def matching(pattern, convert=str):
    def check(text):
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(text)
        return convert(text)
    return check


def main():
    line = CommandLine(prog="push.py", add_help=False, allow_abbrev=False)
    line.add_argument("base_url", metavar="BASE_URL", type=matching("https?://[!-~]+"))
    line.add_argument("case_id", metavar="CASE_ID", type=matching(".+"))
    line.add_argument("json_file", metavar="JSON_FILE")
    line.add_argument("--token", metavar="T", type=matching("[!-~]+"))
    line.add_argument("--key", metavar="K", type=matching("[!-~]{1,255}"))
    line.add_argument("--timeout", metavar="SECONDS", type=matching(r"(?=.*[1-9])\d{1,6}(\.\d+)?", float), default=15)
    line.add_argument("--give-up", metavar="SECONDS", type=matching(r"\d{1,6}(\.\d+)?", float), default=120)
    given = vars(line.parse_args())
    try:
        with open(given.pop("json_file"), "rb") as file:
            body = file.read()
        outcome, tries, code, _ = push(body=body, **given)
    except (OSError, ValueError) as error:  # the file, or the address in the URL; nothing was sent yet
        line.error(error)
    print(json.dumps({"outcome": outcome, "tries": tries, "code": code}))
    return ["accepted", "rejected", "not_executed", "unknown"].index(outcome)


if __name__ == "__main__":
    sys.exit(main())
