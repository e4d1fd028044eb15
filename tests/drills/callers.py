"""Pushes to the bridge and how they are judged, and a prober of its health."""

import contextlib
import http.client
import json
import threading
import time
from dataclasses import dataclass, field

OUTCOMES = ["accepted", "rejected", "not_executed", "unknown"]


@dataclass
class Answer:
    """The bridge's answer to one try, or an error as its outcome."""

    outcome: str
    seconds: float
    code: str = ""
    attempts: int = 0
    in_doubt: bool = False
    replayed: bool = False

    def allowed_calls(self):
        """The calls that may have reached the gateway: one, or none if the answer proves that there was none."""
        proof = self.outcome == "not_executed" or self.code == "idempotency_in_flight" or self.replayed
        return 0 if proof else 1


@dataclass
class Push:
    case: str
    key: str
    content: str
    pause: float  # before a second try
    answers: list = field(default_factory=list)

    def judge(self, calls, executed, longest):
        """Returns what in the answers contradicts the gateway's record of `calls` and those that `executed` it."""
        outcomes = {answer.outcome for answer in self.answers}
        decisions = outcomes & {"accepted", "rejected"}
        first, last = self.answers[0], self.answers[-1]
        if not outcomes <= set(OUTCOMES):
            return "no answer"
        if not bool(decisions) <= calls <= sum(answer.allowed_calls() for answer in self.answers):
            return "not the number of calls that the answers allow"
        if decisions - {"accepted" if executed else "rejected"}:
            return "not what the gateway decided"
        if len(self.answers) > 1 and first.outcome == "unknown" and last.attempts and not last.in_doubt:
            return "the doubt about the first try is forgotten"
        if any(answer.seconds > longest for answer in self.answers):
            return "answered too late"
        return None


def clock():
    """The time in seconds, without what this thread has waited for a processor."""
    with open("/proc/thread-self/schedstat") as file:
        return time.monotonic() - int(file.read().split()[1]) / 1e9


class Caller:
    """Calls a bridge at a port of loopback, in the namespace of the thread."""

    def __init__(self, port):
        self.port = port

    def push(self, push):
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": push.key} if push.key else {})
        body = json.dumps({"result": "success"} | ({"content": push.content} if push.content else {}))
        begun = clock()
        try:
            _, headers, text = self.exchange("POST", f"/mediations/{push.case}/result", body, headers)
            answer = json.loads(text)
            outcome, replayed = answer["outcome"], "Idempotent-Replayed" in headers
        except (OSError, LookupError, ValueError, http.client.HTTPException) as error:
            return Answer(repr(error), clock() - begun)
        return Answer(outcome, clock() - begun, answer.get("code", ""), answer.get("attempts", 0),
                      "prior_outcome" in answer, replayed)

    def probe(self):
        """Returns the status of `/livez`, or 0, and the seconds that it took."""
        begun = clock()
        try:
            status, _, _ = self.exchange("GET", "/livez")
        except (OSError, http.client.HTTPException):
            status = 0
        return status, clock() - begun

    def exchange(self, method, path, body=None, headers=None):
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()


@contextlib.contextmanager
def repeated(action, pause):
    """Repeats an action after a pause each, and yields the list of its results."""
    results, stop = [], threading.Event()

    def repeat():
        while not stop.wait(pause):
            results.append(action())

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield results
    finally:
        stop.set()
        thread.join()
