#!/usr/bin/env python3
"""Simulates 10,000 pushes a second on several replicas, with one replica lost, a ban, or a slow TOP, and draws a chart.

Usage: simulation.py [--seed N] [--rate N] [--chart FILE]

The service times are the measured ones of results/several.json, which the simulation first reproduces: what it says for
one to three bridges is printed beside what was measured. Needs simpy and matplotlib from PyPI.
"""

import argparse
import collections
import dataclasses
import json
import os
import random
import statistics

import simpy

RESULTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "results", "several.json")
LENGTH, CHANGE, END = 12.0, 4.0, 8.0  # seconds: of a run, and of what happens in its middle
BEFORE = 0.6  # the share of a push's processor time that comes before the call to TOP


@dataclasses.dataclass
class Setting:
    """What is simulated: seconds throughout."""
    rate: float
    replicas: int
    places: int  # BRIDGE_MAX_IN_FLIGHT of each
    cpu: float  # of one push, on one core
    top: object  # draws how long TOP takes, by the time of the call
    cores: int = 1
    deadline: float = 10.0
    lost: bool = False  # the first replica, in the middle of the run
    ban: bool = False


class Replica:
    def __init__(self, environment, cores):
        self.cores, self.in_flight, self.alive = simpy.Resource(environment, cores), 0, True
        self.peak, self.busy = 0, 0.0


class Run:
    """One run; afterwards `latencies` has (time, seconds) of accepted pushes, and `refused` the others by reason."""

    def __init__(self, setting, seed):
        self.setting, self.chance, self.environment = setting, random.Random(seed), simpy.Environment()
        self.replicas = [Replica(self.environment, setting.cores) for _ in range(setting.replicas)]
        self.latencies, self.refused, self.series = [], collections.Counter(), []
        self.environment.process(self.arrivals())
        self.environment.process(self.events())
        self.environment.process(self.watch())
        self.environment.run(LENGTH)

    def arrivals(self):
        while True:
            yield self.environment.timeout(self.chance.expovariate(self.setting.rate))
            alive = [replica for replica in self.replicas if replica.alive]
            # As a balancer by the fewest connections does, of two drawn at random.
            drawn = self.chance.sample(alive, min(2, len(alive)))
            self.environment.process(self.push(min(drawn, key=lambda replica: replica.in_flight)))

    def push(self, replica):
        begun, setting = self.environment.now, self.setting
        if replica.in_flight >= setting.places:
            self.refused["overloaded"] += 1
            return
        replica.in_flight += 1
        replica.peak = max(replica.peak, replica.in_flight)
        yield from self.work(replica, setting.cpu * BEFORE)
        if setting.ban and CHANGE <= begun < END:
            # The first calls learn of the ban; the others are refused without a call. All are answered at once.
            self.refused["in a ban"] += 1
        else:
            took = setting.top(self.chance, self.environment.now)
            yield self.environment.timeout(min(took, setting.deadline))
            yield from self.work(replica, setting.cpu * (1 - BEFORE))
            if not replica.alive:
                self.refused["lost with its replica"] += 1
            elif took > setting.deadline:
                self.refused["timed out"] += 1
            else:
                self.latencies.append((begun, self.environment.now - begun))
        replica.in_flight -= 1

    def work(self, replica, seconds):
        with replica.cores.request() as core:
            yield core
            took = self.chance.expovariate(1 / seconds)
            replica.busy += took
            yield self.environment.timeout(took)

    def events(self):
        yield self.environment.timeout(CHANGE)
        if self.setting.lost:
            self.replicas[0].alive = False
        yield self.environment.timeout(END - CHANGE)
        self.replicas[0].alive = True

    def watch(self):
        while True:
            alive = [replica.in_flight for replica in self.replicas if replica.alive]
            self.series.append((self.environment.now, statistics.mean(alive)))
            yield self.environment.timeout(0.05)

    def percentiles(self, first=1.0, last=LENGTH):
        values = sorted(took for begun, took in self.latencies if first <= begun < last)
        return [values[min(len(values) - 1, int(share * len(values)))] * 1000 for share in (0.5, 0.99, 0.999)] if values else [0] * 3


def uniform(low, high):
    return lambda chance, _: chance.uniform(low, high)


def usual(median, slow=None):
    """TOP's time: a long-tailed distribution, in the middle of the run with another median."""
    def draw(chance, now):
        return chance.lognormvariate(0, 0.5) * (slow if slow and CHANGE <= now < END else median)
    return draw


def check(measured, seed):
    """Prints what the simulation says for the measured cases beside what was measured."""
    print("| bridges | p50 (ms), simulated | measured | p99 (ms), simulated | measured |\n| --- | ---: | ---: | ---: | ---: |")
    for row in measured["rows"]:
        if row["restarts"] or row["spread"] != "even":
            continue
        # Balancer and Redis are on the way of each push, too; the gateway takes 25 to 75 ms.
        cpu = row["together_us"] / 1e6
        run = Run(Setting(measured["options"]["rate"], row["bridges"], 1024, cpu, uniform(0.025, 0.075)), seed)
        p50, p99, _ = run.percentiles()
        print(f"| {row['bridges']} | {p50:.1f} | {row['p50_ms']:.1f} | {p99:.1f} | {row['p99_ms']:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20251117)
    parser.add_argument("--rate", type=int, default=10_000)
    parser.add_argument("--chart")
    given = parser.parse_args()
    with open(RESULTS, encoding="utf-8") as file:
        measured = json.load(file)
    check(measured, given.seed)
    cpu = statistics.median(row["bridges_us"] for row in measured["rows"] if row["bridges_us"]) / 1e6
    base = Setting(given.rate, 4, 4096, cpu, usual(0.2))
    cases = {
        "as usual": base,
        "one replica lost": dataclasses.replace(base, lost=True),
        "a ban": dataclasses.replace(base, ban=True),
        "TOP takes 2 s": dataclasses.replace(base, top=usual(0.2, 2.0)),
        "three replicas, one lost": dataclasses.replace(base, replicas=3, lost=True),
    }
    print(f"\n{given.rate:,} pushes a second, {cpu * 1e6:.0f} µs each, TOP's median 0.2 s\n")
    print("| case | in the middle: p50 (ms) | p99 (ms) | p99.9 (ms) | most in flight on a replica | processor busy | refused |\n"
          "| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    runs = {}
    for name, setting in cases.items():
        run = runs[name] = Run(setting, given.seed)
        p50, p99, p999 = run.percentiles(CHANGE, END)
        refused = ", ".join(f"{count:,} {reason}" for reason, count in run.refused.items()) or "–"
        busy = max(replica.busy for replica in run.replicas) / LENGTH
        print(f"| {name} | {p50:.0f} | {p99:.0f} | {p999:.0f} | {max(replica.peak for replica in run.replicas):,} | "
              f"{busy:.0%} | {refused} |", flush=True)
    if given.chart:
        draw(runs, given.chart)


def draw(runs, target):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "simulation", "font.size": 9})
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), constrained_layout=True)
    for name, run in runs.items():
        left.plot(*zip(*run.series), label=name, lw=1.2)
        windows = [step / 2 for step in range(2, int(LENGTH * 2) - 4)]  # what begins later may not end
        right.plot(windows, [run.percentiles(start, start + 0.5)[1] or None for start in windows], lw=1.2, label=name)
    left.set_title("pushes in flight on a replica, mean", loc="left")
    right.set_title("p99 of accepted pushes, ms", loc="left")
    right.set_yscale("log")
    left.legend(fontsize=8)
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.axvspan(CHANGE, END, alpha=0.08)
        axis.set_xlabel("seconds; what happens lasts from 4 to 8")
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main()
