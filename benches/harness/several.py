"""Several bridges behind haproxy on one Redis: what a push costs in all processes together, and what a restart does."""

import contextlib
import dataclasses
import os
import re
import socket
import time

from . import load, machine, push, report, targets
from .process import Process, free_port

HAPROXY_CONF = """
global
    maxconn 8192
    nbthread 1
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 60s
frontend callers
    bind 127.0.0.1:{port}
    default_backend bridges
backend bridges
    balance {balance}
    option httpchk GET /readyz
    default-server check inter 200ms fall 1 rise 1
{servers}
"""
# How the load is spread: evenly, or four times as much to the first bridge.
SPREADS = {"even": ("leastconn", [1, 1, 1]), "uneven": ("roundrobin", [4, 1, 1])}
# The mean of the gateway's delay, in seconds, and connections enough for a multiple of the pushes in flight.
DELAY, CONNECTIONS = 0.05, 128


@dataclasses.dataclass
class Case:
    """A row of the results."""
    bridges: int
    spread: str = "even"
    restarts: bool = False


CASES = [Case(1), Case(2), Case(3), Case(3, "uneven"), Case(2, restarts=True), Case(3, restarts=True)]


def run(bench, options):
    """Every case once, at a constant rate, with a key on every push. Processes share all cores."""
    bench = dataclasses.replace(bench, workers=len(bench.cores))
    rows = [measure(case, bench, options) for case in CASES]
    columns = [
        ("bridges, µs a push", "bridges_us", 1), ("Redis", "redis_us", 1), ("haproxy", "haproxy_us", 1),
        ("together", "together_us", 1), ("most on one bridge (%)", "most_percent", 0), ("Redis busy (%)", "redis_percent", 1),
        ("scripts a push", "scripts", 2), ("p50 (ms)", "p50_ms", 2), ("p99 (ms)", "p99_ms", 2), ("pushes", "pushes", 0),
    ]
    report.table([
        ("bridges", lambda row: f'{row["bridges"]}, {row["spread"]}' + (", restarted in turn" if row["restarts"] else "")),
        *((title, lambda row, name=name, digits=digits: report.number(row[name], digits)) for title, name, digits in columns),
    ], rows)
    return rows


def measure(case, bench, options):
    """Starts everything, pushes at the rate, and counts over the whole run. The load ends with the first push refused."""
    with contextlib.ExitStack() as stack:
        redis_port, port, cores = free_port(), free_port(), bench.cores
        redis = stack.enter_context(Process([machine.find("redis-server"), "--port", str(redis_port), "--save", ""], cores))
        gateway, _ = stack.enter_context(bench.gateway("-delay", f"{DELAY}s"))
        service = targets.rust(
            request=targets.Request(push.SMALL, keyed=True), BRIDGE_IDEMPOTENCY="redis", BRIDGE_DRAIN_DELAY="1s",
            BRIDGE_REDIS_URL=f"redis://127.0.0.1:{redis_port}", BRIDGE_IDEMPOTENCY_TTL="5m")
        bridges = [Bridge(service, bench, gateway, stack) for _ in range(case.bridges)]
        haproxy = stack.enter_context(Process(haproxy_command(case, port, bridges, bench.scratch), cores))
        haproxy.wait_ready(port)
        push.check(service.name, port, service.request)
        counted = {"redis": redis, "haproxy": haproxy}
        before = {name: process.cpu_seconds() for name, process in counted.items()}
        own, scripts = [bridge.process.cpu_seconds() for bridge in bridges], redis_scripts(redis_port)
        begun = time.monotonic()
        with load.pacing(bench, port, service.request, options.rate, 3 * options.seconds, CONNECTIONS) as finish:
            for bridge in bridges if case.restarts else []:
                time.sleep(options.seconds / 2)
                bridge.restart()
            latencies = finish()
        elapsed = time.monotonic() - begun
        pushes = latencies["requests"] + options.rate  # with the second of warm-up
        used = {f"{name}_us": (process.cpu_seconds() - before[name]) / pushes * 1e6 for name, process in counted.items()}
        each = [bridge.process.cpu_seconds() - first for bridge, first in zip(bridges, own)]
        scripts = (redis_scripts(redis_port) - scripts) / pushes
    whole = not case.restarts
    return {
        **dataclasses.asdict(case), **used, "bridges_us": sum(each) / pushes * 1e6 if whole else None,
        "together_us": sum(each) / pushes * 1e6 + sum(used.values()) if whole else None,
        "most_percent": max(each) / sum(each) * 100 if whole else None, "scripts": scripts, "pushes": pushes,
        "redis_percent": used["redis_us"] * pushes / elapsed / 1e4,
        "p50_ms": latencies["p50_us"] / 1000, "p99_ms": latencies["p99_us"] / 1000,
    }


class Bridge:
    """A bridge that keeps its port when it is started again."""

    def __init__(self, service, bench, gateway, stack):
        self.port = free_port()
        self.start = lambda: stack.enter_context(service.start(bench, self.port, gateway))
        self.process = self.start()
        self.process.wait_ready(self.port)

    def restart(self):
        """Stops it as an orchestrator does, and starts it again; it must end with 0."""
        self.process.popen.terminate()
        if code := self.process.popen.wait():
            raise SystemExit(f"a bridge ended with {code}")
        self.process = self.start()
        self.process.wait_ready(self.port)
        time.sleep(0.5)  # until the balancer has noticed


def haproxy_command(case, port, bridges, scratch):
    """Writes the configuration, and returns the command."""
    balance, weights = SPREADS[case.spread]
    servers = "\n".join(f"    server bridge{number} 127.0.0.1:{bridge.port} weight {weight}"
                        for number, (bridge, weight) in enumerate(zip(bridges, weights)))
    file = os.path.join(scratch, f"haproxy-{port}.cfg")
    with open(file, "w", encoding="ascii") as conf:
        conf.write(HAPROXY_CONF.format(port=port, balance=balance, servers=servers))
    return [machine.find("haproxy"), "-db", "-f", file]


def redis_scripts(port):
    """How many scripts Redis has run."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"INFO commandstats\r\nQUIT\r\n")
        text = b"".join(iter(lambda: connection.recv(1 << 16), b"")).decode()
    found = re.search(r"cmdstat_evalsha:calls=(\d+)", text)
    return int(found[1]) if found else 0
