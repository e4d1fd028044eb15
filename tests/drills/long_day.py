"""A long day: three bridges serve a constant rate for hours, with faults, TLS, Redis and restarts, and must stay flat.

Usage: long_day.py BRIDGE_BINARY [--minutes N] [--rate N] [--window MINUTES] [--seed N] [--folder F]

The gateway speaks TLS, fails now and then and keeps a record; Redis speaks TLS and needs a password; every second push
has an Idempotency-Key. In each window the first two bridges are restarted one after the other, as a rolling update
does, and nobody reads the first one's log for a minute. The third bridge is never restarted, so that a slow leak shows.
At the end every outcome is compared with the gateway's record. Samples (samples.csv), latencies (windows.csv) and
conclusions are in the folder; chart.py draws them. Needs redis-server and openssl. Exits 1 if something contradicts the
record, a restart refused a push, or memory, descriptors or threads of the third bridge grew.
"""

import argparse
import asyncio
import collections
import contextlib
import csv
import json
import sys
import tempfile
import time
from pathlib import Path

from processes import Bridge, Redis, TlsGateway, certificate, common_settings

BODY = '{"result":"success","work_number":"123123","completed_time":"2025-11-16T16:00:00Z","mediator_name":"张三",' \
       '"mediator_phone":"13812345678","content":"沟通内容"}'.encode()
TOKEN = "a-token-for-the-long-day"
DEADLINE = 2
UNREAD = 120  # seconds of each window for which the first bridge's log is not read: more lines than its queue holds


class Caller:
    """Pushes at a constant rate, in turn to each bridge that is ready, as a load balancer does."""

    def __init__(self, bridges):
        self.bridges, self.idle = bridges, collections.defaultdict(list)
        self.latencies, self.outcomes, self.moved = [], collections.Counter(), 0
        self.conclusions = []

    async def push(self, number):
        case, began = f"day-{number}", time.monotonic()
        key = f"Idempotency-Key: key-{number}\r\n" if number % 2 else ""
        head = (f"POST /mediations/{case}/result HTTP/1.1\r\nHost: bridge\r\nAuthorization: Bearer {TOKEN}\r\n{key}"
                f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n")
        answer = None
        ready = [bridge for bridge in self.bridges if bridge.is_ready]
        for turn in range(len(ready)):
            bridge = ready[(number + turn) % len(ready)]
            answer, was_sent = await self.exchange(bridge, head.encode() + BODY)
            if answer or was_sent:
                break
            self.moved += 1
        outcome = answer["outcome"] if answer else "no answer"
        code = answer.get("code", "accepted") if answer else "no answer"
        self.outcomes[code] += 1
        self.conclusions.append(f"{case} {outcome} {code}\n")
        if outcome == "accepted":
            self.latencies.append(time.monotonic() - began)

    async def exchange(self, bridge, request):
        """Returns the answer, or None, and whether the bridge may have got the request."""
        generation = bridge.generation
        while True:
            pool = self.idle[bridge.port, generation]
            is_new = not pool
            try:
                reader, writer = pool.pop() if pool else await asyncio.open_connection("127.0.0.1", bridge.port)
            except OSError:
                return None, False
            try:
                writer.write(request)
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 15)
                length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                answer = json.loads(await reader.readexactly(length))
            except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
                writer.close()
                # A bridge that stops closes idle connections. It says so before it reads anything, so the push is repeated.
                is_closed = isinstance(error, OSError | asyncio.IncompleteReadError) and not getattr(error, "partial", b"")
                if is_closed and not is_new:
                    continue
                return None, True
            if b"\r\nconnection: close" in head.lower():
                writer.close()
            else:
                pool.append((reader, writer))
            return answer, True


def percentile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))] * 1000 if values else 0


async def probe(bridges):
    while True:
        for bridge in bridges:
            await asyncio.to_thread(bridge.probe)
        await asyncio.sleep(0.5)


async def sample(bridges, redis, caller, rows, start):
    """Appends a row for each bridge every ten seconds."""
    while True:
        for name, bridge in zip("ABC", bridges):
            if figures := bridge.figures():
                rows.writerow([round(time.monotonic() - start), name, *figures, redis.memory()])
        await asyncio.sleep(10)


async def disturb(bridges, window, minutes, codes, dropped):
    """In each window, leaves a log unread for a while and restarts two bridges, one after the other."""
    start = time.monotonic()
    for number in range(minutes // window):
        await asyncio.sleep(max(0, start + (number + 0.2) * window * 60 - time.monotonic()))
        bridges[0].is_read.clear()
        await asyncio.sleep(min(UNREAD, window * 12))
        bridges[0].is_read.set()
        await asyncio.sleep(2)
        dropped.append(await asyncio.to_thread(bridges[0].metric, "mediation_bridge_log_lines_dropped_total"))
        await asyncio.sleep(max(0, start + (number + 0.8) * window * 60 - time.monotonic()))
        for bridge in bridges[:2]:
            codes.append(await asyncio.to_thread(bridge.restart))
            await asyncio.sleep(5)


async def day(given, bridges, redis, folder):
    probing = asyncio.create_task(probe(bridges))
    await asyncio.sleep(1)
    caller, start, codes, dropped = Caller(bridges), time.monotonic(), [], []
    with open(folder / "samples.csv", "w", newline="") as file, open(folder / "windows.csv", "w", newline="") as windows, \
            open(folder / "conclusions.txt", "w") as conclusions:
        rows, table = csv.writer(file), csv.writer(windows)
        rows.writerow(["second", "bridge", "memory_kb", "descriptors", "threads", "cpu_seconds", "redis_bytes"])
        table.writerow(["minute", "pushes", "accepted", "moved", "p50", "p90", "p99", "p99.9", "max", "codes"])
        others = [probing, asyncio.create_task(sample(bridges, redis, caller, rows, start)),
                  asyncio.create_task(disturb(bridges, given.window, given.minutes, codes, dropped))]
        pushes, number = set(), 0
        for window in range(given.minutes // given.window):
            for _ in range(given.rate * given.window * 60):
                task = asyncio.create_task(caller.push(number))
                pushes.add(task)
                task.add_done_callback(pushes.discard)
                number += 1
                if (ahead := start + number / given.rate - time.monotonic()) > 0.002:
                    await asyncio.sleep(ahead)
            values = sorted(caller.latencies)
            figures = [round(percentile(values, share), 2) for share in (0.5, 0.9, 0.99, 0.999, 1)]
            row = [(window + 1) * given.window, sum(caller.outcomes.values()), len(values), caller.moved, *figures]
            table.writerow([*row, json.dumps(caller.outcomes)])
            print(*row, dict(caller.outcomes), flush=True)
            conclusions.writelines(caller.conclusions)
            caller.latencies, caller.conclusions, caller.moved = [], [], 0
            caller.outcomes.clear()
            file.flush(), windows.flush(), conclusions.flush()
        await asyncio.wait_for(asyncio.gather(*pushes), 30)
        conclusions.writelines(caller.conclusions)
        for task in others:
            task.cancel()
    return number, codes, dropped


def judge(folder, number):
    """Returns what in the conclusions contradicts the gateway's record."""
    executed, refused = collections.Counter(), collections.Counter()
    with open(folder / "record.txt") as record:
        for line in record:
            case, move = line.rstrip("\n").split(" ", 1)
            executed[case] += move.startswith("execute")
            refused[case] += move.startswith("refuse")
    failures, counts = [], collections.Counter()
    with open(folder / "conclusions.txt") as conclusions:
        for line in conclusions:
            case, outcome, code = line.rstrip("\n").split(" ", 2)
            counts[outcome] += 1
            if outcome == "no answer" or code == "shutting_down":
                failures.append(f"{case}: {code}")
            is_true = {"accepted": executed[case] == 1, "rejected": refused[case] == 1 and not executed[case],
                       "not_executed": not executed[case]}.get(outcome, executed[case] <= 1)
            if not is_true:
                failures.append(f"{case}: {outcome}, {code}; executed {executed[case]} times")
    print("outcomes:", dict(counts), "executed:", sum(executed.values()))
    if sum(counts.values()) != number:
        failures.append(f"{number} pushes, {sum(counts.values())} conclusions")
    return failures


def growth(folder):
    """Returns what grew in the third bridge: its last sixth against the second one."""
    with open(folder / "samples.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["bridge"] == "C"]
    sixth, failures = len(rows) // 6, []
    for field, share in (("memory_kb", 1.2), ("descriptors", 1.2), ("threads", 1)):
        parts = rows[sixth:2 * sixth], rows[-sixth:]
        before, after = (sorted(int(row[field]) for row in part)[len(part) // 2] for part in parts)
        print(f"{field} of the bridge that is never restarted: {before} in the second sixth, {after} in the last")
        if after > before * share:
            failures.append(f"{field} grew from {before} to {after}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bridge", metavar="BRIDGE_BINARY", type=Path)
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--rate", type=int, default=300)
    parser.add_argument("--seed", type=int, default=20251117)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        certificate(folder)
        gateway = stack.enter_context(TlsGateway(folder, given.seed, DEADLINE, 0.97, 0.01))
        redis = stack.enter_context(Redis(folder))
        settings = common_settings(folder, gateway, redis, DEADLINE) | {
            "BRIDGE_CALLERS": f"day:{TOKEN}", "BRIDGE_IDEMPOTENCY_TTL": "10m", "BRIDGE_DRAIN_DELAY": "2s"}
        bridges = [stack.enter_context(Bridge(given.bridge, settings)) for _ in range(3)]
        number, codes, dropped = asyncio.run(day(given, bridges, redis, folder))
        print("restarts:", len(codes), "exit codes:", sorted(set(codes)), "log lines read:",
              [bridge.lines for bridge in bridges], "dropped while nobody read:", dropped)
        gateway.stop()
        failures = judge(folder, number) + growth(folder)
        if set(codes) - {0}:
            failures.append(f"a bridge ended with {set(codes)}")
    for failure in failures[:50]:
        print("FAILED:", failure)
    print(f"{number} pushes in {given.minutes} min, seed {given.seed}: {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
