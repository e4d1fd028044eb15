"""Pushes the result of a mediation through the mediation-bridge, retries if this helps, and reports the outcome.

    push.py BASE_URL CASE_ID JSON_FILE [--token T] [--key K] [--timeout SECONDS] [--give-up SECONDS]

Prints one line of JSON, {"outcome": ..., "tries": ..., "code": ...}, and exits 0 accepted, 1 rejected, 2 not executed
(proven, over all tries), 3 unknown, 64 wrong command line. If the line is missing, the outcome is unknown.
Copy this file into your service and call `push`. Python 3.8, standard library only.
"""

import argparse
import http.client
import json
import logging
import random
import re
import sys
import threading
import time
import urllib.parse
import uuid

OUTCOMES = ["accepted", "rejected", "not_executed", "unknown"]  # in the order of the exit codes
NO_ANSWER = {"outcome": "unknown", "code": "no_answer", "retryable": True}
MAX_PAUSE = 60
log = logging.getLogger("push")


def push(base_url, case_id, body, token=None, key=None, timeout=15, give_up=120):
    """Pushes `body`, JSON as bytes, until TOP decides, a retry is useless or `give_up` seconds have passed. Returns
    the outcome, the number of tries, and `accepted`, the code of the last problem, or `no_answer`.

    `timeout` limits each try. It should exceed the bridge's BRIDGE_DEADLINE (10 s): a shorter one misses answers, and
    more pushes end as `unknown`. After several tries, `accepted` can stand for two executions, and `rejected` can be
    the refusal of a duplicate. `not_executed` covers the tries of this call, not those of an earlier one.
    """
    end = time.monotonic() + give_up
    url = urllib.parse.urlsplit(f"{base_url.rstrip('/')}/mediations/{urllib.parse.quote(case_id, safe='')}/result")
    # One key for all tries: the bridge never runs two of them at once, and replays what TOP has decided.
    headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4()) if key is None else key}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    if url.scheme not in ("http", "https") or not url.hostname or url.port == 0:
        raise ValueError("the base URL is no http or https URL")
    if not all(re.fullmatch("[ -~]+", value) for value in headers.values()):
        raise ValueError("token and key must be visible ASCII characters")
    tries, doubt, pause = 0, False, 1
    while True:
        tries += 1
        answer, retry_after = attempt(url, headers, body, timeout)
        outcome, code = answer["outcome"], answer["code"]
        # Only TOP's decision ends a doubt: a later not_executed covers only its own try.
        doubt = doubt or outcome == "unknown" or "prior_outcome" in answer
        if outcome in ("accepted", "rejected"):
            return outcome, tries, code
        # The jitter keeps callers that failed together from retrying together.
        wait = retry_after or pause * random.uniform(0.5, 1)
        if answer.get("retryable") is not True or time.monotonic() + wait > end:
            return "unknown" if doubt else "not_executed", tries, code
        time.sleep(wait)
        pause = min(2 * pause, MAX_PAUSE)


def attempt(url, headers, body, timeout):
    """One try. Returns the bridge's answer, or NO_ANSWER, and the seconds of Retry-After, 0 without it."""
    answers = []
    # A socket's own time-out starts again with every byte that arrives. Waiting for a thread limits the whole try.
    thread = threading.Thread(target=lambda: answers.append(exchange(url, headers, body, timeout)), daemon=True)
    thread.start()
    thread.join(timeout)
    if not answers:
        log.warning("no answer within %s s", timeout)
    return answers[0] if answers else (NO_ANSWER, 0)


def exchange(url, headers, body, timeout):
    retry_after = 0
    connection_class = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = connection_class(url.hostname, url.port, timeout=timeout)
    try:
        connection.request("POST", url.path, body, headers)
        response = connection.getresponse()
        seconds = response.headers.get("Retry-After", "")
        retry_after = int(seconds) if re.fullmatch("[0-9]{1,9}", seconds) else 0
        answer = json.loads(response.read())
        if response.status == 200 and answer["outcome"] == "accepted":
            return {**answer, "code": "accepted"}, 0
        problem = response.status >= 400 and response.headers.get_content_type() == "application/problem+json"
        if problem and answer["outcome"] in OUTCOMES[1:] and isinstance(answer["code"], str):
            return answer, retry_after
        log.warning("status %d does not come from the bridge", response.status)
    except Exception as error:  # whatever failed, the push may have arrived
        log.warning("no answer of the bridge: %r", error)
    finally:
        connection.close()
    return NO_ANSWER, retry_after


class CommandLine(argparse.ArgumentParser):
    def error(self, message):
        self.exit(64, f"{self.format_usage()}{message}\n")  # argparse exits 2, which means "not executed" here


def main():
    line = CommandLine(prog="push.py", add_help=False, allow_abbrev=False)
    for name in ("base_url", "case_id", "json_file"):
        line.add_argument(name, metavar=name.upper())
    line.add_argument("--token", metavar="T")
    line.add_argument("--key", metavar="K")
    line.add_argument("--timeout", metavar="SECONDS", type=float, default=15)
    line.add_argument("--give-up", metavar="SECONDS", type=float, default=120)
    given = vars(line.parse_args())
    try:
        with open(given.pop("json_file"), "rb") as file:
            given["body"] = file.read()
        if not 0 < given["timeout"] < 1e6 or not 0 <= given["give_up"] < 1e6:
            raise ValueError("SECONDS is out of range")
        outcome, tries, code = push(**given)
    except (OSError, ValueError) as error:  # nothing was sent yet
        line.error(error)
    print(json.dumps({"outcome": outcome, "tries": tries, "code": code}))
    return OUTCOMES.index(outcome)


if __name__ == "__main__":
    sys.exit(main())
