"""A faulty TOP gateway with a record of the calls that executed a push."""

import collections
import json
import os
import random
import socket
import struct
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """A request whose answer can be cut short or never come."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two packets

    def read(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def send(self, status, body=b"", media_type="application/json", missing=0, **headers):
        """Answers. The last `missing` bytes are not sent, and the connection is closed."""
        self.send_response(status)
        for name, value in {"Content-Type": media_type, "Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body[: len(body) - missing])
        self.close_connection |= missing > 0

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, *_):
        pass


def serve(answer, address="127.0.0.1", tls=None):
    """Starts a server that calls `answer` with each request, and returns its port. `tls` is its context, if any."""
    handler = type("OwnHandler", (Handler,), dict.fromkeys(["do_GET", "do_POST"], lambda request: answer(request)))
    server = type("Server", (ThreadingHTTPServer,), {"request_queue_size": 1024})((address, 0), handler)
    if tls:
        # Each connection's own thread makes the handshake, when it first reads.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # the other side has gone
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def refusal(code, sub_code, sub_msg="…"):
    return {"error_response": {"code": code, "sub_code": sub_code, "sub_msg": sub_msg, "request_id": "1"}}


ACCEPTED = {"alibaba_jym_servicecenter_mediation_result_push_response":
            {"result": True, "is_success": True, "state_code": "20000", "request_id": "1"}}
BANNED = refusal(7, "accesscontrol.limited-by-api-access-count", "This ban will last for 1 more seconds")
NOT_CONNECTED = refusal(15, "isp.http-connection-refuse")
TIMED_OUT = refusal(15, "isp.remote-service-timeout")
# The results of a call: the frequency if the case does not decide it, and the answer. "Slowly" takes longer than the
# client's shorter time-out.
MOVES = {
    "execute": (26, ACCEPTED), "execute slowly": (10, ACCEPTED),
    "execute, then hang": (5, ACCEPTED), "execute, then reset": (5, ACCEPTED), "execute, then truncate": (5, ACCEPTED),
    "execute, then time out": (6, TIMED_OUT), "time out": (6, TIMED_OUT), "hang": (4, ACCEPTED), "reset": (6, ACCEPTED),
    "refuse": (8, refusal(50, "isv.invalid-parameter")), "refuse slowly": (2, refusal(50, "isv.invalid-parameter")),
    "refuse a duplicate": (0, refusal(50, "isv.data-duplicate-error")),
    "ban": (0.4, BANNED), "not connected": (12, NOT_CONNECTED),
}
IN_SILENCE = [move for move in MOVES if move.startswith("execute,")]
UNDECIDED = ["execute, then hang", "execute, then reset", "time out", "reset", "not connected"]
# The fixed sequences for cases. Chance alone seldom leads to the most important one: a doubt,
# then proofs of not executed.
MOODS = {"any": 60, "never connected": 12, "executed in silence, then never connected": 16, "never decided": 12}


class Gateway:
    """Chooses by seed, case and number of the call, and records which calls executed or refused the push of a case."""

    def __init__(self, seed, deadline, address="127.0.0.1", tls=None):
        self.seed, self.deadline, self.lock = seed, deadline, threading.Lock()
        self.calls, self.moves = collections.Counter(), collections.Counter()
        self.executed, self.refused = collections.defaultdict(list), collections.defaultdict(list)
        self.port = serve(self.answer, address, tls)

    def choose(self, case, call):
        mood, = random.Random(f"{self.seed} {case}").choices(list(MOODS), MOODS.values())
        chance = random.Random(f"{self.seed} {case} {call}")
        if mood == "never decided":
            return chance.choice(UNDECIDED)
        if mood != "any":
            return chance.choice(IN_SILENCE) if mood.startswith("executed") and call == 1 else "not connected"
        if self.executed[case] and chance.random() < 0.5:
            return "refuse a duplicate"
        return chance.choices(list(MOVES), [weight for weight, _ in MOVES.values()])[0]

    def answer(self, request):
        form = urllib.parse.parse_qs(request.read().decode())
        case = json.loads(form["req"][0])["mediation_case_id"]
        with self.lock:
            self.calls[case] += 1
            move = self.choose(case, self.calls[case])
            self.moves[move] += 1
            if move.startswith("execute"):
                self.executed[case].append(self.calls[case])
            if move.startswith("refuse"):
                self.refused[case].append(self.calls[case])
        if "slowly" in move:
            time.sleep(0.7 * self.deadline)
        if "hang" in move:
            time.sleep(1.5 * self.deadline)
        if "hang" in move or "reset" in move:
            request.reset()
        else:
            request.send(200, json.dumps(MOVES[move][1]).encode(), missing=20 if "truncate" in move else 0)
            self.answered(case, move)

    def answered(self, case, move):
        """Is called when an answer has been sent."""
