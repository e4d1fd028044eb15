"""Compares what the bridge says of pushes over broken networks with what the gateway has done.

Bridge, gateway and Redis have a network namespace each. The links between them lose, delay, duplicate and reorder
packets, go silent or are cut, and a proxy restarts. Callers are beside the bridge, so their connections are sound. Each
answer is compared with the gateway's record: pushes that were accepted or rejected reached it once, those that were not
executed never.

Usage: networks.py BRIDGE_BINARY [--pushes N] [--seed N] [--only TEXT]

`--pushes` is for each scenario. The seed decides what is pushed, what the gateway does and what a link does to which
packet; timing decides which packets there are. What a busy machine adds to times is not held against the bridge. Needs
root on Linux, ip, setpriv, redis-server and openssl. Exits with 1 after a contradiction, and with 2 where namespaces
cannot be made.
"""

import argparse
import collections
import contextlib
import random
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from callers import OUTCOMES, Caller, Push, repeated
from deployment import Deployment
from links import Faults, NotPossible

DEADLINE = 2
# What an answer may take beyond the deadline, and `/livez` at all, apart from waits of the bridge for a processor.
LATE, SLOW_PROBE = 0.2, 0.1
RATE, AT_ONCE = 70, 64  # pushes a second, and at once
PERIOD, LENGTH = 5, 3  # a silence of 3 s every 5 s
SHORTEST = 3.2  # seconds of pushes that meet a silence, a cut or a restart
# What a bridge may keep after all scenarios: MiB, and descriptors (a connection to Redis for each worker).
MEMORY, DESCRIPTORS = 16, 4
QUIET = 3  # seconds in which a kernel sends again what was given up during a silence
SETTLED = 10  # seconds until the bridges have closed what the gateway has closed
MAX_DETAILS = 50
MANY = 300  # pushes that surely show what is expected
HEAD = ("scenario           tries packets dropped doubled delayed overtaken accepted rejected not_exec unknown twice "
        "wrong    p50    p99    max /livez p99, max  wait, s   MiB  fds")


@dataclass(frozen=True)
class Scenario:
    """Something that is broken, and the outcomes that show it in many pushes."""

    name: str
    gateway: Faults = Faults()
    redis: Faults = Faults()
    repeats: str = ""  # "cut" or "restart"
    by_proxy: bool = False
    shown_by: tuple = ()

    def tries_twice(self):
        """Whether what was not decided is pushed again with the same key."""
        return self.redis != Faults()

    def has_rhythm(self):
        return self.repeats or self.gateway.silence or self.redis.silence


SILENCE, LOSS = Faults(period=PERIOD, silence=LENGTH), Faults(loss=0.1)
NOT_DONE, IN_DOUBT = "not_executed", "unknown"
SCENARIOS = [
    Scenario("clean"),
    Scenario("loss 1 %", Faults(loss=0.01)),
    Scenario("loss 5 %", Faults(loss=0.05)),
    Scenario("loss 10 %", LOSS),
    Scenario("loss 30 %", Faults(loss=0.3), shown_by=(IN_DOUBT,)),
    Scenario("delay 50 ms ± 40", Faults(delay=0.05, jitter=0.04)),
    Scenario("duplicates 10 %", Faults(duplication=0.1)),
    Scenario("reordering 25 %", Faults(reordering=0.25)),
    Scenario("silence", SILENCE, shown_by=(NOT_DONE, IN_DOUBT)),
    Scenario("silence, one way", Faults(period=PERIOD, silence=LENGTH, one_way=True), shown_by=(NOT_DONE, IN_DOUBT)),
    Scenario("cut", repeats="cut", shown_by=(NOT_DONE, IN_DOUBT)),
    Scenario("Redis: loss 10 %", redis=LOSS, shown_by=(IN_DOUBT,)),
    Scenario("Redis: silence", redis=SILENCE, shown_by=(NOT_DONE, IN_DOUBT)),
    Scenario("proxy: loss 10 %", LOSS, by_proxy=True),
    Scenario("proxy: restarts", repeats="restart", by_proxy=True, shown_by=(NOT_DONE, IN_DOUBT)),
]


@dataclass
class Result:
    """What was seen of a scenario."""

    scenario: Scenario
    pushes: list
    packets: collections.Counter
    probes: list
    usage: tuple
    waited: float  # by the bridge, for a processor
    wrong: list


def make_pushes(scenario, count, seed):
    chance, name = random.Random(f"{seed} {scenario.name}"), "".join(filter(str.isalnum, scenario.name))
    # Some are longer than a packet.
    return [Push(case=f"{name}-{number}", key="once" if scenario.tries_twice() or number % 2 else "",
                 content="裁" * 2000 if chance.random() < 0.2 else "", pause=chance.uniform(0.05, 1.5))
            for number in range(count)]


def run(deployment, scenario, count, seed):
    """Makes the pushes of a scenario while its faults last."""
    bridge, pushes = deployment.by_proxy if scenario.by_proxy else deployment.direct, make_pushes(scenario, count, seed)
    caller, interval = Caller(bridge.port), max(1 / RATE, SHORTEST / count if scenario.has_rhythm() else 0)
    action = {"": lambda: None, "cut": lambda: deployment.to_gateway.cut(LENGTH),
              "restart": lambda: deployment.proxy.restart(0.3)}[scenario.repeats]

    def push(number):
        this = pushes[number]
        time.sleep(max(0, begun + number * interval - time.monotonic()))
        this.answers.append(caller.push(this))
        if scenario.tries_twice() and this.answers[0].outcome in (NOT_DONE, IN_DOUBT):
            time.sleep(this.pause)
            this.answers.append(caller.push(this))

    links = {deployment.to_gateway: scenario.gateway, deployment.to_redis: scenario.redis}
    for link, faults in links.items():
        link.set(faults)
    begun, waited = time.monotonic(), bridge.waited()
    with repeated(action, 1) as actions, repeated(caller.probe, 0.05) as probes, ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(push, range(count)))
    counts = {link: link.set(Faults()) for link in links}
    wrong = [f"no packet was {fault}" for link, faults in links.items() for fault in faults.not_shown(counts[link])]
    if scenario.repeats and not actions:
        wrong.append(f"no {scenario.repeats}")
    packets = counts[deployment.to_redis if scenario.tries_twice() else deployment.to_gateway]
    return Result(scenario, pushes, packets, probes, bridge.usage(), bridge.waited() - waited, wrong)


def judge(result, gateway):
    """Returns what in a result contradicts the gateway's record, or was not shown."""
    wrong = [f"{what}: {push.case}, {push.answers}, {gateway.calls[push.case]} calls" for push in result.pushes
             if (what := push.judge(gateway.calls[push.case], gateway.executed[push.case],
                                    DEADLINE + LATE + result.waited))]
    outcomes = {answer.outcome for push in result.pushes for answer in push.answers}
    if len(result.pushes) >= MANY:
        wrong += [f"no push was {outcome}" for outcome in ("accepted", "rejected", *result.scenario.shown_by)
                  if outcome not in outcomes]
    failed, times = [status for status, _ in result.probes if status != 200], [seconds for _, seconds in result.probes]
    slow = [seconds for seconds in times if seconds > SLOW_PROBE + result.waited]
    if failed or slow:
        wrong.append(f"/livez answered {failed}, took {slow} s")
    return wrong + result.wrong


def quantile(times, share):
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def print_row(result, gateway, wrong):
    outcomes = collections.Counter(push.answers[-1].outcome for push in result.pushes)
    tries = [answer.seconds for push in result.pushes for answer in push.answers]
    probes = [seconds for _, seconds in result.probes]
    twice = sum(gateway.calls[push.case] > 1 for push in result.pushes)
    packets, dropped = result.packets, sum(result.packets[fault] for fault in ("lost", "silenced", "cut off"))
    print(f"{result.scenario.name:18}", f"{len(tries):5}", f"{packets['packets']:7}", f"{dropped:7}",
          *(f"{packets[fault]:7}" for fault in ("doubled", "delayed", "overtaken")),
          *(f"{outcomes[outcome]:8}" for outcome in OUTCOMES), f"{twice:5} {wrong:5}",
          *(f"{quantile(times, share) * 1000:6.0f}" for times, share in (
              (tries, 0.5), (tries, 0.99), (tries, 1), (probes, 0.99), (probes, 1))),
          f"{result.waited:7.1f} {result.usage[0]:6.0f} {result.usage[1]:4}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bridge", metavar="BRIDGE_BINARY", type=Path)
    parser.add_argument("--pushes", type=int, default=750)
    parser.add_argument("--seed", type=int, default=20251127)
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose names contain it")
    given = parser.parse_args()
    start = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    environment = {"BRIDGE_DEADLINE": f"{DEADLINE}s", "TOP_CONNECT_TIMEOUT": "500ms"}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        try:
            deployment = Deployment(given.bridge.resolve(), given.seed, environment, Path(folder), stack)
        except NotPossible as error:
            print(f"Broken networks need root and network namespaces: {error}", file=sys.stderr)
            return 2
        bridges = {bridge: bridge.usage() for bridge in (deployment.direct, deployment.by_proxy)}
        results = []
        for scenario in SCENARIOS:
            if given.only in scenario.name:
                print(scenario.name, end=", ", file=sys.stderr, flush=True)
                results.append(run(deployment, scenario, given.pushes, given.seed))
        time.sleep(QUIET)
        deployment.gateway.hang_up()
        failures = settle(bridges)
    gateway = deployment.gateway
    print(HEAD)
    for result in results:
        wrong = judge(result, gateway)
        print_row(result, gateway, len(wrong))
        failures += [f"{result.scenario.name}: {what}" for what in wrong]
    for failure in failures[:MAX_DETAILS]:
        print("FAILED:", failure)
    answers = [answer for result in results for push in result.pushes for answer in push.answers]
    codes = collections.Counter(answer.code for answer in answers if answer.code)
    print("problems:", ", ".join(f"{code} {count}" for code, count in codes.most_common()))
    print(f"{len(answers)} tries, seed {given.seed}: {len(failures)} failures; proxy: {deployment.proxy.made} tunnels, "
          f"{deployment.proxy.broken} of them reset; {time.monotonic() - start:.0f} s")
    return 1 if failures else 0


def settle(bridges):
    """Waits until connections are closed, and returns what the bridges keep."""
    end = time.monotonic() + SETTLED
    while True:
        usages = [(before, bridge.usage()) for bridge, before in bridges.items()]
        kept = [f"a bridge kept memory or descriptors: first (MiB, descriptors) {before}, then {after}"
                for before, after in usages if after[0] > before[0] + MEMORY or after[1] > before[1] + DESCRIPTORS]
        if not kept or time.monotonic() > end:
            return kept
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
