"""Holds the clients to copy, push.py, push.mjs and Push.java, to what really happened.

Each client pushes many times, through a proxy and a bridge, to a gateway that misbehaves and keeps a record. The proxy
now and then answers in the bridge's place: before, after or while the bridge has the push. Every conclusion is compared
with the gateway's record and, where the client waits long enough to see every answer, with what the proxy has sent.

Usage: clients.py BRIDGE_BINARY FOLDER_OF_CLIENTS [--pushes N] [--seed N]

`--pushes` is for each client. The seed decides what happens to which try of which push; timing decides what a client
sees of it. Everything listens on 127.0.0.1, on free ports, and ends with this program. Needs node, java and javac.
"""

import argparse
import collections
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gateway import Gateway, serve

OUTCOMES = ["accepted", "rejected", "not_executed", "unknown"]  # in the order of the exit codes
TOKEN = "a-token-for-the-clients-to-copy"
BODIES = {"valid.json": '{ "result":"success",\n "mediator_name":"张三" }\n', "invalid.json": '{"resault":"成功"}'}
# One time-out is shorter than the bridge's deadline, the other leaves time for every answer on a busy machine.
DEADLINE, SHORT, LONG = 2, 1, 8
AT_ONCE = 120

PROBLEM = "application/problem+json"
NOT_EXECUTED = b'{"code": "overloaded", "outcome": "not_executed", "retryable": false}'
# Answers that are none of the bridge, whatever they seem to say about the push.
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
# Who answers a try: the bridge, the proxy (before, after or while the bridge has the push), or nobody.
MOVES = {"bridge": 76, "before": 6, "after": 10, "meanwhile": 5, "reset": 3}


@dataclass
class Try:
    sent: tuple  # media type, key, token, body
    started: float
    ended: float = 0
    answer: dict | None = None  # the bridge's, where the client got it
    retry_after: int = 0


class Proxy:
    """Stands between client and bridges, and keeps what it saw of each case.

    For some cases it first makes the same push itself, like an earlier run of the caller that has died since. Others
    move to a second bridge between two tries. It knows nothing of the tries before, like a bridge after a restart: the
    first bridge's memory of the key would hide that a client forgets a doubt.
    """

    def __init__(self, seed, bridges):
        self.seed, self.bridges = seed, bridges
        self.tries, self.moves = collections.defaultdict(list), collections.Counter()
        self.moved, self.earlier = set(), {}
        self.port = serve(self.answer)

    def answer(self, request):
        case, body, tried = request.path.split("/")[-2], request.read(), self.tries[request.path.split("/")[-2]]
        if len(body) < int(request.headers["Content-Length"]):
            return  # the client has gone
        headers = {name: request.headers[name] for name in ("Content-Type", "Idempotency-Key", "Authorization")}
        this = Try((*headers.values(), body), time.monotonic())
        tried.append(this)
        if len(tried) == 1 and random.Random(f"{self.seed} {case} earlier").random() < 0.2:
            self.earlier[case] = self.begin(case, body, headers)
            time.sleep(0.1)
        chance = random.Random(f"{self.seed} {case} try {len(tried)}")
        if len(tried) > 1 and chance.random() < 0.3 and case not in self.earlier:
            self.moved.add(case)
        move, = chance.choices(list(MOVES), MOVES.values())
        self.moves[move] += 1
        foreign = chance.choice(FOREIGN)
        try:
            if move in ("before", "meanwhile"):
                self.deliver(request, this, foreign)
                request.connection.shutdown(socket.SHUT_WR)
            if move == "before":
                return
            response = self.begin(case, body, headers).getresponse()
            answer = dict(status=response.status, body=response.read(), media_type=response.headers["Content-Type"],
                          Retry_After=response.headers.get("Retry-After", 0))
            if move == "reset":
                request.reset()
            elif move == "after":
                self.deliver(request, this, foreign)
            elif move == "bridge":
                this.answer = json.loads(answer["body"])
                self.deliver(request, this, answer)
        finally:
            this.ended = this.ended or time.monotonic()

    def begin(self, case, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.bridges[case in self.moved], timeout=30)
        connection.request("POST", f"/mediations/{case}/result", body, {name: text for name, text in headers.items() if text})
        return connection

    @staticmethod
    def deliver(request, this, answer):
        this.retry_after, this.ended = int(answer.get("Retry_After", 0)), time.monotonic()
        request.send(**answer, Connection="close")


class Push:
    """One push by one client, and what the client concludes."""

    def __init__(self, client, number, seed):
        chance = random.Random(f"{seed} {client} {number}")
        self.client, self.conclusion, self.wrong = client, None, None
        self.case = f"{client.replace('.', '-')}-{number}"
        self.key = f"key-of-{self.case}" if chance.random() < 0.2 else ""
        self.token = TOKEN if chance.random() < 0.97 else ""
        self.file = "valid.json" if chance.random() < 0.95 else "invalid.json"
        self.timeout, self.give_up = (SHORT, LONG)[number % 2], chance.choice([0, 8, 8, 8])
        self.by_command_line = number % 24 == 23

    def run(self, command, url, folder):
        """Makes this push by the client's command line."""
        options = {"--token": self.token, "--key": self.key, "--timeout": self.timeout, "--give-up": self.give_up}
        words = [str(word) for option in options.items() if option[1] != "" for word in option]
        done = subprocess.run([*command, url, self.case, folder / self.file, *words], capture_output=True, timeout=60)
        line = json.loads(done.stdout or "{}")
        if done.stdout.count(b"\n") != 1 or sorted(line) != ["code", "outcome", "tries"]:
            self.wrong = f"{done.stdout} is not one line with three members: {done.stderr}"
        elif OUTCOMES[done.returncode: done.returncode + 1] != [line["outcome"]]:
            self.wrong = f"exit code {done.returncode} after {done.stdout}"
        else:
            self.conclusion = line["outcome"], line["tries"], line["code"]

    def judge(self, tried, executed, refused):
        """What of the conclusion contradicts the gateway's record, or what the proxy saw."""
        if self.wrong or not self.conclusion:
            return self.wrong or "no conclusion"
        outcome = self.conclusion[0]
        if outcome == "accepted" and not executed:
            return "never executed"
        if outcome == "not_executed" and executed:
            return "executed"
        # An execution may come before the refusal (its try was in doubt), never after it.
        if outcome == "rejected" and (not refused or executed and executed[-1] > refused[-1]):
            return "no refusal after the last execution"
        sent = "application/json", self.key, f"Bearer {self.token}" if self.token else None, BODIES[self.file].encode()
        if any(one.sent != (sent[0], self.key or tried[0].sent[1], *sent[2:]) for one in tried):
            return f"{tried} are not all the push that was asked for"
        return self.judge_exactly(tried) if self.timeout == LONG else None

    def judge_exactly(self, tried):
        if not tried:
            return "sent nothing"
        doubt = any(not one.answer or one.answer["outcome"] == "unknown" or "prior_outcome" in one.answer for one in tried)
        last = tried[-1].answer or {"outcome": "unknown", "code": "no_answer", "retryable": True}
        decided = last["outcome"] in ("accepted", "rejected")
        outcome = last["outcome"] if decided else "unknown" if doubt else "not_executed"
        if self.conclusion != (outcome, len(tried), last.get("code", "accepted")):
            return f"{outcome} was to be concluded from {tried}"
        for number, (one, following) in enumerate(zip(tried, tried[1:])):
            if following.started - one.ended < (one.retry_after or 2**number / 2) - 0.05:
                return f"came back {following.started - one.ended:.2f} s after {one}"
        if tried[-1].started - tried[0].started > self.give_up + 2:
            return "gave up late"
        pause = tried[-1].retry_after or 2 ** (len(tried) - 1)
        if not decided and last["retryable"] and tried[-1].ended - tried[0].started + pause < self.give_up - 2:
            return f"gave up early: {tried}"
        return None


def start_bridge(binary, gateway, log):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    settings = {
        "TOP_APP_KEY": "12345678", "TOP_APP_SECRET": "helloworld", "TOP_CONNECT_TIMEOUT": "500ms",
        "TOP_GATEWAY_URL": f"http://127.0.0.1:{gateway.port}/router/rest", "BRIDGE_BIND": f"127.0.0.1:{port}",
        "BRIDGE_DEADLINE": f"{gateway.deadline}s", "BRIDGE_CALLERS": f"clients:{TOKEN}",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TOP_", "BRIDGE_"))}
    bridge = subprocess.Popen([binary, "serve"], stdout=log, stderr=log, env=inherited | settings)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return bridge, port
        except OSError:
            if bridge.poll() is not None:
                raise
            time.sleep(0.1)


def make_pushes(pushes, clients, url, folder, source):
    """Lets the clients make their pushes, most of them side by side in one process, some by the command line."""

    def drive(client):
        mine = [push for push in pushes if push.client == client and not push.by_command_line]
        rows = [(url, push.case, folder / push.file, push.token, push.key, push.timeout, push.give_up) for push in mine]
        (folder / client).write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
        command = [*clients[client][1], source, folder / client, str(AT_ONCE)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=600)
        lines = {case: end for case, *end in (line.split("\t") for line in done.stdout.splitlines())}
        for push in mine:
            if end := lines.get(push.case):
                push.conclusion = end[0], int(end[1]), end[2]

    with ThreadPoolExecutor(len(clients) + 2) as pool:
        jobs = [pool.submit(drive, client) for client in clients]
        jobs += [pool.submit(push.run, clients[push.client][0], url, folder) for push in pushes if push.by_command_line]
    for job in jobs:
        job.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bridge", metavar="BRIDGE_BINARY", type=Path)
    parser.add_argument("folder", metavar="FOLDER_OF_CLIENTS", type=Path)
    parser.add_argument("--pushes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20251117)
    given = parser.parse_args()
    start, source, here, failures = time.monotonic(), given.folder.resolve(), Path(__file__).parent, []
    with tempfile.TemporaryDirectory() as name, open(f"{name}/bridges.log", "w+") as log:
        folder = Path(name)
        for file, text in BODIES.items():
            (folder / file).write_text(text)
        subprocess.run(["javac", "-Xlint:all", "-Werror", "-d", folder, source / "Push.java", here / "Driver.java"], check=True)
        python, java = [sys.executable, "-B"], ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", folder]
        clients = {  # by its command line, and many pushes in one process
            "push.py": ([*python, source / "push.py"], [*python, here / "driver.py"]),
            "push.mjs": (["node", source / "push.mjs"], ["node", here / "driver.mjs"]),
            "Push.java": ([*java, "Push"], [*java, "Driver"]),
        }
        pushes = [Push(client, number, given.seed) for number in range(given.pushes) for client in clients]
        gateway = Gateway(given.seed, DEADLINE)
        bridges = [start_bridge(given.bridge, gateway, log) for _ in range(2)]
        proxy = Proxy(given.seed, [port for _, port in bridges])
        try:
            make_pushes(pushes, clients, f"http://127.0.0.1:{proxy.port}/", folder, source)
        finally:
            for bridge, _ in bridges:
                bridge.terminate()
            if any([bridge.wait(30) for bridge, _ in bridges]):
                log.seek(0)
                failures.append(f"a bridge failed: {log.read()[-2000:]}")

    print(f"{'client':10} {'time-out':>8} {'pushes':>6}", *(f"{outcome:>12}" for outcome in OUTCOMES), " tries  wrong")
    for client in clients:
        for timeout in (SHORT, LONG):
            group = [push for push in pushes if (push.client, push.timeout) == (client, timeout)]
            wrong = {push: what for push in group if (what := push.judge(
                proxy.tries[push.case], gateway.executed[push.case], gateway.refused[push.case]))}
            failures += [f"{push.case}, time-out {timeout} s: {push.conclusion}: {what}; of {gateway.calls[push.case]} calls "
                         f"{gateway.executed[push.case]} executed it" for push, what in wrong.items()]
            outcomes = collections.Counter(push.conclusion[0] for push in group if push.conclusion)
            tries = sum(push.conclusion[1] for push in group if push.conclusion)
            print(f"{client:10} {timeout:>6} s {len(group):>6}", *(f"{outcomes[outcome]:>12}" for outcome in OUTCOMES),
                  f"{tries:>6} {len(wrong):>6}")
            # A run in which nothing goes wrong, or everything, proves nothing.
            if given.pushes >= 200 and set(outcomes) != set(OUTCOMES):
                failures.append(f"{client}, time-out {timeout} s: only {dict(outcomes)}")
    if "" in proxy.tries or len({one.sent[1] for tries in proxy.tries.values() for one in tries}) != len(pushes):
        failures.append("a redirect was followed, or a key was used for two pushes")
    print("gateway:", ", ".join(f"{move} {count}" for move, count in gateway.moves.most_common()))
    print("proxy:", ", ".join(f"{move} {count}" for move, count in proxy.moves.most_common()))
    for failure in failures:
        print("FAILED:", failure)
    print(f"{given.pushes} pushes for each of {len(clients)} clients, seed {given.seed}: {len(failures)} failures, "
          f"{time.monotonic() - start:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
