"""CPU time per accepted push, the bridge compared with nginx and a Go service in one run."""

import contextlib
import statistics
import time

from . import load, machine, report, targets
from .process import Process, free_port


def run(bench, options):
    """Every target in every repetition, in reversed order every other time; medians."""
    with redis(bench) as url:
        compared = [targets.NGINX, targets.GO, targets.BRIDGE, targets.QUIET, targets.KEYED, targets.keyed_in_redis(url)]
        targets.check_all(compared, bench)
        samples = {target.name: [] for target in compared}
        for target in targets.in_turns(compared, options.repetitions):
            samples[target.name].append(measure(target, bench, options))
    rows = [row(target.name, samples) for target in compared]
    report.table([
        ("target", lambda row: row["target"]),
        ("CPU per push (µs)", lambda row: report.number(row["cpu_us"])),
        ("lowest – highest", lambda row: f'{row["cpu_us_lowest"]:.1f} – {row["cpu_us_highest"]:.1f}'),
        ("times nginx", lambda row: report.number(row["times_nginx"], 2)),
        ("pushes/s", lambda row: report.number(row["pushes_per_second"], 0)),
        ("its core busy (%)", lambda row: report.number(row["core_busy_percent"], 0)),
    ], rows)
    return rows


@contextlib.contextmanager
def redis(bench):
    """A Redis beside load and gateway; returns its URL."""
    port = free_port()
    with Process([machine.find("redis-server"), "--port", str(port), "--save", ""], bench.other_cores):
        yield f"redis://127.0.0.1:{port}"


def measure(target, bench, options):
    """One fresh process, warmed up for a second, then loaded."""
    with bench.gateway() as (gateway, _):
        with targets.running(target, bench, gateway) as (process, port, _):
            request = target.request
            load.flood(bench, port, request, options.connections, 1)
            before = process.cpu_seconds()
            pushes = load.flood(bench, port, request, options.connections, options.seconds)
            used = process.cpu_seconds() - before
            check_log(target, process, pushes)
    return {
        "cpu_us": used / pushes * 1e6,
        "pushes_per_second": pushes / options.seconds,
        "core_busy_percent": used / options.seconds * 100,
    }


def check_log(target, process, pushes):
    """Exits if a target that logs did not write one line per push."""
    time.sleep(0.2)
    if target not in (targets.NGINX, targets.QUIET) and process.lines < pushes:
        raise SystemExit(f"{target.name} wrote {process.lines} lines for {pushes} pushes, so there is no figure")


def row(name, samples):
    """A target's medians; its ratio is the median of the ratios to nginx in the same repetition."""
    mine, nginx = samples[name], samples[targets.NGINX.name]
    costs = [sample["cpu_us"] for sample in mine]
    ratios = [one["cpu_us"] / other["cpu_us"] for one, other in zip(mine, nginx)]
    return {
        "target": name,
        "cpu_us_lowest": min(costs), "cpu_us_highest": max(costs),
        "times_nginx": statistics.median(ratios),
        **{key: statistics.median(sample[key] for sample in mine) for key in mine[0]},
    }
