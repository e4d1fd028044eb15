"""Further figures: start, idle memory, size, and latency at a constant rate."""

import os
import statistics
import time

from . import load, machine, report, targets

TARGETS = [targets.NGINX, targets.GO, targets.BRIDGE]


def run(bench, options):
    """Starts each target several times, then loads it at a constant rate; medians. nginx is subtracted per repetition."""
    targets.check_all(TARGETS, bench)
    starts = {target.name: [] for target in TARGETS}
    paced = {target.name: [] for target in TARGETS}
    with bench.gateway() as (gateway, _):
        for _ in range(options.starts):
            for target in TARGETS:
                starts[target.name].append(start(target, bench, gateway))
        for target in targets.in_turns(TARGETS, options.repetitions):
            with targets.running(target, bench, gateway) as (_, port, _):
                paced[target.name].append(load.pace(bench, port, target.request, options.rate, options.seconds))
    rows = [row(target, bench, starts[target.name], paced) for target in TARGETS]
    report.table([
        ("target", lambda row: row["target"]),
        ("first 200 after (ms)", lambda row: report.number(row["start_ms"])),
        ("idle RSS (MB)", lambda row: report.number(row["idle_kb"] / 1024)),
        ("binary (MB)", lambda row: report.number(row["binary_bytes"] / 1e6)),
        ("p50 (µs)", lambda row: report.number(row["p50_us"], 0)),
        ("above nginx", lambda row: report.number(row["p50_us_above_nginx"], 0)),
        ("p99 (µs)", lambda row: report.number(row["p99_us"], 0)),
        ("above nginx", lambda row: report.number(row["p99_us_above_nginx"], 0)),
    ], rows)
    return rows


def start(target, bench, gateway):
    """The milliseconds until /livez answers, and the memory a little later."""
    with targets.running(target, bench, gateway) as (process, _, seconds):
        time.sleep(0.2)
        return seconds * 1000, process.memory_kb("VmRSS")


def row(target, bench, starts, paced):
    """The medians of a target."""
    mine, nginx = paced[target.name], paced[targets.NGINX.name]
    figures = {"target": target.name, "binary_bytes": size(target, bench)}
    figures["start_ms"], figures["idle_kb"] = (statistics.median(column) for column in zip(*starts))
    for key in ("p50_us", "p99_us"):
        figures[key] = statistics.median(sample[key] for sample in mine)
        above = statistics.median(one[key] - other[key] for one, other in zip(mine, nginx))
        figures[key + "_above_nginx"] = None if target is targets.NGINX else above
    return figures


def size(target, bench):
    """The size of the program in bytes."""
    program = machine.find("nginx") if target is targets.NGINX else target.command(bench)[0]
    return os.path.getsize(os.path.realpath(program))
