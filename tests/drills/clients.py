"""Compares the results of the clients to copy, push.py, push.mjs and Push.java, with what really happened.

Each client pushes many times, through a proxy and a bridge, to a gateway that misbehaves and keeps a record. The proxy
now and then answers in the bridge's place: before, after or while the bridge has the push. Every conclusion is compared
with the gateway's record and, where the client waits long enough to see every answer, with what the proxy has sent.

Usage: clients.py BRIDGE_BINARY FOLDER_OF_CLIENTS [--pushes N] [--seed N]

`--pushes` is for each client. The seed decides what happens to which try of which push; timing decides what a client
sees of it. Everything listens on 127.0.0.1, on free ports, and ends with this program. Needs node, java and javac.
"""

import argparse
import collections
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from gateway import Gateway
from proxy import Proxy

OUTCOMES = ["accepted", "rejected", "not_executed", "unknown"]  # in the order of the exit codes
TOKEN = "a-token-for-the-clients-to-copy"
BODIES = {"valid.json": '{ "result":"success",\n "mediator_name":"张三" }\n', "invalid.json": '{"resault":"成功"}'}
# One time-out is shorter than the bridge's deadline, the other leaves time for every answer on a busy machine.
DEADLINE, SHORT, LONG = 2, 1, 8
AT_ONCE = 120


class Push:
    """One push by one client, and what the client concludes."""

    def __init__(self, client, number, seed):
        chance = random.Random(f"{seed} {client} {number}")
        self.client, self.case = client, f"{client.replace('.', '-')}-{number}"
        self.key = f"key-of-{self.case}" if chance.random() < 0.2 else ""
        self.token = TOKEN if chance.random() < 0.97 else ""
        self.file = "valid.json" if chance.random() < 0.95 else "invalid.json"
        self.timeout, self.give_up = (SHORT, LONG)[number % 2], chance.choice([0, 8, 8, 8])
        self.by_command_line = number % 24 == 23
        self.conclusion = None  # outcome, tries, code

    def run(self, command, url, folder):
        """Makes this push by the client's command line."""
        options = {"--token": self.token, "--key": self.key, "--timeout": self.timeout, "--give-up": self.give_up}
        words = [str(word) for name, value in options.items() if value != "" for word in (name, value)]
        done = subprocess.run([*command, url, self.case, folder / self.file, *words], capture_output=True, timeout=60)
        line = json.loads(done.stdout)
        assert done.stdout.count(b"\n") == 1 and sorted(line) == ["code", "outcome", "tries"], done
        assert line["outcome"] == OUTCOMES[done.returncode], done
        self.conclusion = line["outcome"], line["tries"], line["code"]

    def judge(self, tried, executed, refused):
        """Returns what in the conclusion contradicts the gateway's record or what the proxy saw."""
        if not self.conclusion or self.timeout == LONG and not tried:
            return "no conclusion, or none that a request led to"
        outcome = self.conclusion[0]
        if outcome == "accepted" and not executed:
            return "never executed"
        if outcome == "not_executed" and executed:
            return "executed"
        # An execution may come before the refusal (its try was in doubt), never after it.
        if outcome == "rejected" and (not refused or executed and executed[-1] > refused[-1]):
            return "no refusal after the last execution"
        sent = "application/json", f"Bearer {self.token}" if self.token else None, BODIES[self.file].encode()
        if any((one.key, one.rest) != (self.key or tried[0].key, sent) for one in tried):
            return f"not always the same push, or not the one that was asked for: {tried}"
        return self.judge_exactly(tried) if self.timeout == LONG else None

    def judge_exactly(self, tried):
        doubt = any(not one.answer or one.answer["outcome"] == "unknown" or "prior_outcome" in one.answer for one in tried)
        last = tried[-1].answer or {"outcome": "unknown", "code": "no_answer", "retryable": True}
        decided = last["outcome"] in ("accepted", "rejected")
        outcome = last["outcome"] if decided else "unknown" if doubt else "not_executed"
        if self.conclusion != (outcome, len(tried), last.get("code", "accepted")):
            return f"{outcome} was to be concluded from {tried}"
        for number, (one, following) in enumerate(zip(tried, tried[1:])):
            if following.started - one.ended < (one.retry_after or 2**number / 2) - 0.05:
                return f"came back {following.started - one.ended:.2f} s after {one}"
        pause = tried[-1].retry_after or 2 ** (len(tried) - 1)
        early = not decided and last["retryable"] and tried[-1].ended - tried[0].started + pause < self.give_up - 2
        if early or tried[-1].started - tried[0].started > self.give_up + 2:
            return f"gave up at the wrong time: {tried}"
        return None


@contextlib.contextmanager
def running_bridge(binary, gateway):
    """Yields the bridge's port. The bridge must also exit with 0."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TOP_", "BRIDGE_"))} | {
        "TOP_APP_KEY": "12345678", "TOP_APP_SECRET": "helloworld", "TOP_CONNECT_TIMEOUT": "500ms",
        "TOP_GATEWAY_URL": f"http://127.0.0.1:{gateway.port}/router/rest", "BRIDGE_BIND": f"127.0.0.1:{port}",
        "BRIDGE_DEADLINE": f"{DEADLINE}s", "BRIDGE_CALLERS": f"clients:{TOKEN}", "BRIDGE_LOG": "error",
    }
    bridge = subprocess.Popen([binary, "serve"], env=environment)
    try:
        while bridge.poll() is None and socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
        yield port
    finally:
        bridge.terminate()
        assert bridge.wait(30) == 0, f"a bridge ended with {bridge.returncode}"


def prepare(folder, source):
    """Writes the bodies, compiles the Java client, and returns for each client its command line, and the command that
    makes many pushes in one process.
    """
    for file, text in BODIES.items():
        (folder / file).write_text(text)
    here = Path(__file__).parent
    sources = [source / "Push.java", here / "Driver.java"]
    subprocess.run(["javac", "-Xlint:all", "-Werror", "-d", folder, *sources], check=True)
    python, java = [sys.executable, "-B"], ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", folder]
    return {
        "push.py": ([*python, source / "push.py"], [*python, here / "driver.py"]),
        "push.mjs": (["node", source / "push.mjs"], ["node", here / "driver.mjs"]),
        "Push.java": ([*java, "Push"], [*java, "Driver"]),
    }


def make_pushes(pushes, clients, url, folder, source):
    """Lets the clients make their pushes, most of them side by side in one process, some by the command line."""

    def drive(client):
        mine = {push.case: push for push in pushes if push.client == client and not push.by_command_line}
        rows = [(url, push.case, folder / push.file, push.token, push.key, push.timeout, push.give_up)
                for push in mine.values()]
        done = subprocess.run(
            [*clients[client][1], source, str(AT_ONCE)], input="".join("\t".join(map(str, row)) + "\n" for row in rows),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=600, check=True)
        for case, outcome, tries, code in (line.split("\t") for line in done.stdout.splitlines()):
            mine[case].conclusion = outcome, int(tries), code

    with ThreadPoolExecutor(len(clients) + 2) as pool:
        jobs = [pool.submit(drive, client) for client in clients]
        jobs += [pool.submit(push.run, clients[push.client][0], url, folder) for push in pushes if push.by_command_line]
    for job in jobs:
        job.result()


def report(pushes, proxy, gateway):
    """Prints the outcomes of the pushes, and returns the errors."""
    failures = []
    print(f"{'client':10} {'time-out':>8} {'pushes':>6}", *(f"{outcome:>12}" for outcome in OUTCOMES), " tries  wrong")
    for client, timeout in dict.fromkeys((push.client, push.timeout) for push in pushes):
        group = [push for push in pushes if (push.client, push.timeout) == (client, timeout)]
        outcomes = collections.Counter(push.conclusion[0] for push in group if push.conclusion)
        tries = sum(push.conclusion[1] for push in group if push.conclusion)
        wrong = [f"{push.case}, {timeout} s: {push.conclusion}: {what}; of {gateway.calls[push.case]} calls "
                 f"{gateway.executed[push.case]} executed it" for push in group if (what := push.judge(
                     proxy.tries[push.case], gateway.executed[push.case], gateway.refused[push.case]))]
        print(f"{client:10} {timeout:>6} s {len(group):>6}", *(f"{outcomes[outcome]:>12}" for outcome in OUTCOMES),
              f"{tries:>6} {len(wrong):>6}")
        # A run in which nothing goes wrong, or everything, proves nothing.
        if len(group) >= 100 and set(outcomes) != set(OUTCOMES):
            wrong.append(f"{client}, time-out {timeout} s: only {dict(outcomes)}")
        failures += wrong
    if "" in proxy.tries or len({one.key for tries in proxy.tries.values() for one in tries}) < len(pushes):
        failures.append("a redirect was followed, or a key was used for two pushes")
    print("gateway:", ", ".join(f"{move} {count}" for move, count in gateway.moves.most_common()))
    print("proxy:", ", ".join(f"{move} {count}" for move, count in proxy.moves.most_common()))
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bridge", metavar="BRIDGE_BINARY", type=Path)
    parser.add_argument("folder", metavar="FOLDER_OF_CLIENTS", type=Path)
    parser.add_argument("--pushes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20251117)
    given = parser.parse_args()
    start, source = time.monotonic(), given.folder.resolve()
    gateway = Gateway(given.seed, DEADLINE)
    with tempfile.TemporaryDirectory() as name, running_bridge(given.bridge, gateway) as first, \
            running_bridge(given.bridge, gateway) as second:
        folder, proxy = Path(name), Proxy(given.seed, [first, second])
        clients = prepare(folder, source)
        pushes = [Push(client, number, given.seed) for number in range(given.pushes) for client in clients]
        make_pushes(pushes, clients, f"http://127.0.0.1:{proxy.port}/", folder, source)
    failures = report(pushes, proxy, gateway)
    for failure in failures:
        print("FAILED:", failure)
    print(f"{given.pushes} pushes for each of {len(clients)} clients, seed {given.seed}: {len(failures)} failures, "
          f"{time.monotonic() - start:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
