"""The growth of cost, of the bridge and of the Go service: with pushes in flight, with the size of a push, with TLS, with
keys, with a second worker."""

import dataclasses
import os
import statistics
import subprocess
import time

from . import chart, load, machine, push, report, targets

PATIENCE = {"BRIDGE_MAX_IN_FLIGHT": "8192", "BRIDGE_DEADLINE": "60s", "TOP_CONNECT_TIMEOUT": "30s"}
IN_FLIGHT = [1, 64, 512, 5000]


@dataclasses.dataclass(frozen=True)
class Case:
    """A row of the results."""
    in_flight: int
    body: str = "300 B"
    tls: bool = False
    keyed: bool = False
    workers: int = 1

    @property
    def delay(self):
        """The seconds that the gateway waits, so that about 10,000 small or 1,500 large pushes pass a second."""
        rate = 1500 if self.body == "30 kB" else 10_000
        return self.in_flight / rate if self.in_flight > 64 else 0


CASES = [
    *(Case(count) for count in IN_FLIGHT),
    *(Case(count, "30 kB") for count in IN_FLIGHT),
    *(Case(count, tls=True) for count in IN_FLIGHT),
    *(Case(count, keyed=True) for count in IN_FLIGHT),
    Case(512, "30 kB", tls=True), Case(64, workers=2), Case(5000, workers=2),
]


def run(bench, options):
    """Every case in every repetition, each with a fresh target and a fresh gateway; medians. The Go service has no keys."""
    machine.raise_file_limit(16384)
    targets.check_all([targets.BRIDGE, targets.rust("bridge, 30 kB", targets.Request(push.LARGE))], bench)
    certificate, key, authority = make_certificates(bench.scratch)
    measured = [(case, go) for case in CASES for go in ([False] if case.keyed else [False, True])]
    samples = {one: [] for one in measured}
    for one in targets.in_turns(measured, options.repetitions):
        case, go = one
        secure = ["-certificate", certificate, "-key", key] if case.tls else []
        more = {"SSL_CERT_FILE": authority, "scheme": "https"} if case.tls else {}
        samples[one].append(measure(case, go, bench, options, secure, more))
    rows = [row(case, samples[case, False], samples.get((case, True))) for case in CASES]
    report.table([
        ("pushes in flight", lambda row: report.number(row["in_flight"], 0)),
        ("body", lambda row: row["body"]),
        ("to the gateway", lambda row: "TLS" if row["tls"] else "plain HTTP"),
        ("keys", lambda row: "yes" if row["keyed"] else "–"),
        ("workers", lambda row: str(row["workers"])),
        ("CPU per push (µs)", lambda row: report.number(row["cpu_us"])),
        ("lowest – highest", lambda row: f'{row["cpu_us_lowest"]:.1f} – {row["cpu_us_highest"]:.1f}'),
        ("peak RSS (MB)", lambda row: report.number(row["peak_kb"] / 1024)),
        ("kB per push in flight", lambda row: report.number(row["kb_per_push"])),
        ("seen in flight", lambda row: report.number(row["peak_at_gateway"], 0)),
        ("pushes/s", lambda row: report.number(row["pushes_per_second"], 0)),
        ("Go: CPU per push (µs)", lambda row: report.number(row["go_cpu_us"])),
        ("Go: kB per push in flight", lambda row: report.number(row["go_kb_per_push"])),
    ], rows)
    chart.draw(rows, os.path.join(report.BENCHES, "growth.svg"))
    return rows


def row(case, samples, go):
    """The medians of a case, the spread of its CPU time, and what the Go service took."""
    costs = [sample["cpu_us"] for sample in samples]
    return {
        **dataclasses.asdict(case), **medians(samples), "cpu_us_lowest": min(costs), "cpu_us_highest": max(costs),
        **{"go_" + name: medians(go)[name] if go else None for name in ("cpu_us", "kb_per_push")},
    }


def medians(samples):
    """The median of each value, or none where there is none."""
    return {name: None if value is None else statistics.median(sample[name] for sample in samples)
            for name, value in samples[0].items()}


def measure(case, go, bench, options, secure, more):
    """Loads the target until its traffic is even, then counts CPU and pushes for a while."""
    request = targets.Request(push.LARGE if case.body == "30 kB" else push.SMALL, keyed=case.keyed)
    # With two workers on a machine with two cores, the target shares one with all other processes.
    bench = dataclasses.replace(bench, workers=case.workers)
    settle = 2 * case.delay + 3
    settings = {"BRIDGE_WORKERS": str(case.workers), "GOMAXPROCS": str(case.workers), **PATIENCE}
    service = targets.go(request, **settings) if go else targets.rust(request=request, **settings)
    with bench.gateway("-delay", f"{case.delay}s", *secure) as (gateway, counters):
        with targets.running(service, bench, gateway, **more) as (process, port, _):
            push.check(service.name, port, request)
            idle = process.memory_kb("VmRSS")
            with load.Wrk(bench, port, request, case.in_flight, round(settle + options.seconds) + 2) as wrk:
                time.sleep(settle)
                window = count(process, counters, options.seconds)
                counts = wrk.finish()
            peak = process.memory_kb("VmHWM")
    if counts["refused"] or counts["broken"]:
        raise SystemExit(f"Not every push was accepted by {service.name} with {case}, so there is no figure: {counts}")
    # With keys the memory also holds those of all pushes before.
    per_push = (peak - idle) / case.in_flight if case.in_flight > 1 and not case.keyed else None
    return {**window, "idle_kb": idle, "peak_kb": peak, "kb_per_push": per_push,
            "delay_seconds": case.delay}


def count(process, counters, seconds):
    """The pushes within some seconds, counted by the gateway, and the CPU time that they took."""
    begun, before, first = time.monotonic(), process.cpu_seconds(), load.stats(counters)
    time.sleep(seconds)
    used, last, ended = process.cpu_seconds() - before, load.stats(counters), time.monotonic()
    pushes = last["answered"] - first["answered"]
    return {
        "cpu_us": used / pushes * 1e6, "pushes_per_second": pushes / (ended - begun),
        "peak_at_gateway": last["peak"],
    }


def make_certificates(folder):
    """A certificate for localhost and its key, and the authority to trust for it."""
    def openssl(*arguments):
        subprocess.run([machine.find("openssl"), *arguments], cwd=folder, check=True, capture_output=True)

    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=Benchmark CA")
    openssl("req", *new_key, "-keyout", "gateway.key", "-out", "gateway.csr", "-subj", "/CN=localhost")
    with open(os.path.join(folder, "names"), "w", encoding="ascii") as file:
        file.write("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", "gateway.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", "names", "-out", "gateway.crt")
    return [os.path.join(folder, name) for name in ("gateway.crt", "gateway.key", "ca.crt")]
