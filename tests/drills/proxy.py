"""A proxy between clients and bridges that sometimes answers instead of the bridge, and records what it saw."""

import collections
import http.client
import json
import random
import socket
import time
from dataclasses import dataclass

from gateway import serve

PROBLEM = "application/problem+json"
NOT_EXECUTED = b'{"code": "overloaded", "outcome": "not_executed", "retryable": false}'
# Answers that are not from the bridge, whatever they seem to say about the push.
FOREIGN = [
    dict(status=502, body=b"<html>502 Bad Gateway</html>", media_type="text/html"),
    dict(status=400, media_type="text/html"),
    dict(status=503, body=b"<html>503</html>", media_type="text/html", Retry_After=2),
    dict(status=200, body=b"<html>200</html>", media_type="text/html"),
    dict(status=200, body=b'[{"outcome": "accepted"}]'),
    dict(status=200, body=b'{"top": {"outcome": "accepted"}, "detail": "\\"outcome\\":\\"accepted\\""}'),
    dict(status=200, body=b'{"outcome": "accepted"}<!-- -->'),
    dict(status=200, body=NOT_EXECUTED, media_type=PROBLEM),
    dict(status=302, body=NOT_EXECUTED, media_type=PROBLEM, Location="/elsewhere"),
    dict(status=502, body=NOT_EXECUTED.replace(b"not_", b""), media_type=PROBLEM),
    dict(status=503, body=NOT_EXECUTED),
    dict(status=503, body=NOT_EXECUTED[:-1], media_type=PROBLEM),
    dict(status=503, body=NOT_EXECUTED + b" " * 9, media_type=PROBLEM, missing=9),
    dict(status=503, body=NOT_EXECUTED.replace(b"code", b"name"), media_type=PROBLEM),
]
# What answers a try: the bridge, the proxy (before, after or while the bridge has the push), or nothing.
MOVES = {"bridge": 76, "before": 6, "after": 10, "meanwhile": 5, "reset": 3}


@dataclass
class Try:
    key: str
    rest: tuple  # media type, token, body
    started: float
    ended: float = 0
    answer: dict | None = None  # the bridge's, where the client got it
    retry_after: int = 0


class Proxy:
    """For some cases it first makes the same push itself, like an earlier run of the caller that has died since. Others
    move to a second bridge between two tries. It knows nothing of the tries before, like a bridge after a restart: the
    first bridge's memory of the key would hide that a client forgets a doubt.
    """

    def __init__(self, seed, bridges):
        self.seed, self.bridges = seed, bridges
        self.tries, self.moves = collections.defaultdict(list), collections.Counter()
        self.moved, self.earlier = set(), {}
        self.port = serve(self.answer)

    def answer(self, request):
        case, body = request.path.split("/")[-2], request.read()
        tried = self.tries[case]
        if len(body) < int(request.headers["Content-Length"]):
            return  # the client has gone
        headers = {name: request.headers[name] for name in ("Content-Type", "Authorization", "Idempotency-Key")}
        this = Try(headers["Idempotency-Key"], (headers["Content-Type"], headers["Authorization"], body), time.monotonic())
        tried.append(this)
        if len(tried) == 1 and random.Random(f"{self.seed} {case} earlier").random() < 0.2:
            self.earlier[case] = self.begin(case, body, headers)
            time.sleep(0.1)
        chance = random.Random(f"{self.seed} {case} try {len(tried)}")
        if len(tried) > 1 and chance.random() < 0.3 and case not in self.earlier:
            self.moved.add(case)
        move, = chance.choices(list(MOVES), MOVES.values())
        self.moves[move] += 1
        answer = chance.choice(FOREIGN)
        try:
            if move in ("before", "meanwhile"):
                self.deliver(request, this, answer)
            if move == "before":
                return
            response = self.begin(case, body, headers).getresponse()
            text = response.read()
            if move == "reset":
                request.reset()
            if move == "bridge":
                this.answer = json.loads(text)
                answer = dict(status=response.status, body=text, media_type=response.headers["Content-Type"],
                              Retry_After=response.headers.get("Retry-After", 0))
            if move in ("bridge", "after"):
                self.deliver(request, this, answer)
        finally:
            this.ended = this.ended or time.monotonic()

    def begin(self, case, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.bridges[case in self.moved], timeout=30)
        headers = {name: text for name, text in headers.items() if text}
        connection.request("POST", f"/mediations/{case}/result", body, headers)
        return connection

    @staticmethod
    def deliver(request, this, answer):
        this.retry_after, this.ended = int(answer.get("Retry_After", 0)), time.monotonic()
        request.send(**answer, Connection="close")
        request.connection.shutdown(socket.SHUT_WR)
