"""Two bridges on one Redis are killed in turn and started again, while the clients to copy push through a balancer.

Usage: killed_bridges.py BRIDGE_BINARY FOLDER_OF_CLIENTS [--seconds N] [--rate N] [--every SECONDS] [--seed N]

Every push has an Idempotency-Key, and its tries go to either bridge. What the clients conclude is compared with the
gateway's record. A push may be executed twice only if TOP had not said that it was executed, or said it to a bridge that
was killed before it could record it, or that logged that it could not record it; all are counted. Needs redis-server,
openssl, node, java and javac.
"""

import argparse
import asyncio
import collections
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clients import LONG, OUTCOMES, TOKEN, prepare
from processes import Bridge, Redis, TlsGateway, certificate, common_settings

DEADLINE, AT_ONCE = 2, 400
GIVE_UP = [0, 4, 30, 30]  # seconds, by the number of the push
RECORDING = 0.5  # seconds that a bridge may need on a busy machine from TOP's answer to its record in Redis


class Balancer:
    """Passes each connection to one of the bridges, and to the other if that one is not there."""

    def __init__(self, bridges, seed):
        self.bridges, self.chance = bridges, random.Random(seed)

    async def pass_on(self, reader, writer):
        for bridge in self.chance.sample(self.bridges, len(self.bridges)):
            with contextlib.suppress(OSError):
                other = await asyncio.open_connection("127.0.0.1", bridge.port)
                await asyncio.gather(self.copy(reader, other[1]), self.copy(other[0], writer))
                return
        writer.close()

    @staticmethod
    async def copy(reader, writer):
        with contextlib.suppress(OSError):
            while chunk := await reader.read(1 << 16):
                writer.write(chunk)
                await writer.drain()
        writer.close()


async def kill_in_turn(bridges, every, kills):
    """Kills one bridge after the other and starts it again half a second later."""
    for number in range(1 << 30):
        await asyncio.sleep(every)
        bridge = bridges[number % len(bridges)]
        bridge.kill()
        kills.append(time.monotonic())
        await asyncio.sleep(0.5)
        await asyncio.to_thread(bridge.start)


async def make_pushes(given, url, drivers, folder, kills, bridges):
    """Gives the drivers a push at a time, at a constant rate; returns what they printed."""
    files = {client: open(folder / f"{client}.out", "w+") for client in drivers}
    running = {client: await asyncio.create_subprocess_exec(
        *map(str, command), stdin=subprocess.PIPE, stdout=files[client], stderr=subprocess.DEVNULL)
        for client, command in drivers.items()}
    killing = asyncio.create_task(kill_in_turn(bridges, given.every, kills))
    start = time.monotonic()
    for number in range(given.seconds * given.rate):
        client = list(drivers)[number % len(drivers)]
        row = [url, f"{client.replace('.', '-')}-{number}", folder / "valid.json", TOKEN, f"key-{number}", LONG,
               GIVE_UP[number // len(drivers) % len(GIVE_UP)]]
        running[client].stdin.write(("\t".join(map(str, row)) + "\n").encode())
        await asyncio.sleep(max(0, start + number / given.rate - time.monotonic()))
    for process in running.values():
        process.stdin.close()
    for process in running.values():
        await process.wait()
    killing.cancel()
    ends = {}
    for client, file in files.items():
        file.seek(0)
        ends[client] = [line.rstrip("\n").split("\t") for line in file]
        file.close()
    return ends


def read_record(folder):
    """The calls of each case, in order: the move, and when the answer was sent, if it was."""
    calls = collections.defaultdict(list)
    with open(folder / "record.txt") as record:
        for line in record:
            case, what = line.rstrip("\n").split(" ", 1)
            if what.startswith("answered "):
                # The bridge never has two calls of one push at once: the answer is the last call's.
                calls[case][-1][1] = float(what.split()[1])
            else:
                calls[case].append([what, None])
    return calls


def judge(outcome, calls, kills, is_unrecorded):
    """Returns what contradicts the record, and how each repeated execution came about."""
    executed = [index for index, (move, _) in enumerate(calls) if move.startswith("execute")]
    refused = [index for index, (move, _) in enumerate(calls) if move.startswith("refuse")]
    wrong, repeated = [], []
    if outcome == "accepted" and not executed or outcome == "not_executed" and executed:
        wrong.append(f"{outcome}, executed {len(executed)} times")
    if outcome == "rejected" and (not refused or executed and executed[-1] > refused[-1]):
        wrong.append("rejected, but no refusal after the last execution")
    for index in executed[:-1]:
        move, answered = calls[index]
        if move not in ("execute", "execute slowly") or not answered:
            repeated.append("TOP had not said so")
        elif any(answered - DEADLINE < kill < answered + RECORDING for kill in kills):
            repeated.append("TOP had told a bridge that was killed")
        elif is_unrecorded:
            repeated.append("the bridge logged that it could not record it")
        else:
            later = min((kill - answered for kill in kills if kill > answered), default=None)
            wrong.append(f"executed again after TOP had told a living bridge (the next kill came {later} s later)")
    return wrong, repeated


def report(ends, calls, kills, unrecorded, expected):
    failures, repeated = [], collections.Counter()
    print(f"{'client':10} {'pushes':>7}", *(f"{outcome:>12}" for outcome in OUTCOMES), "  tries  wrong")
    for client, lines in ends.items():
        outcomes = collections.Counter(outcome for _, outcome, _, _ in lines)
        before = len(failures)
        for case, outcome, tries, code in lines:
            wrong, again = judge(outcome, calls[case], kills, case in unrecorded)
            repeated.update(again)
            failures += [f"{case}: {outcome}, {code} after {tries} tries: {what}; {calls[case]}" for what in wrong]
        print(f"{client:10} {len(lines):>7}", *(f"{outcomes[outcome]:>12}" for outcome in OUTCOMES),
              f"{sum(int(tries) for _, _, tries, _ in lines):>7} {len(failures) - before:>6}")
    concluded = sum(map(len, ends.values()))
    if concluded != expected:
        failures.append(f"{expected} pushes, {concluded} conclusions")
    print(f"{len(kills)} kills; executed again: {dict(repeated)}; {len(unrecorded)} logged as not recorded")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bridge", metavar="BRIDGE_BINARY", type=Path)
    parser.add_argument("clients", metavar="FOLDER_OF_CLIENTS", type=Path)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--rate", type=int, default=200)
    parser.add_argument("--every", type=float, default=3)
    parser.add_argument("--seed", type=int, default=20251117)
    given = parser.parse_args()
    source, kills = given.clients.resolve(), []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        drivers = {client: [*driver, source, AT_ONCE] for client, (_, driver) in prepare(folder, source).items()}
        certificate(folder)
        gateway = stack.enter_context(TlsGateway(folder, given.seed, DEADLINE, 0.9, 0.1))
        redis = stack.enter_context(Redis(folder))
        settings = common_settings(folder, gateway, redis, DEADLINE) | {
            "BRIDGE_CALLERS": f"clients:{TOKEN}", "BRIDGE_LOG": "error"}
        bridges = [stack.enter_context(Bridge(given.bridge, settings)) for _ in range(2)]

        async def run():
            server = await asyncio.start_server(Balancer(bridges, given.seed).pass_on, "127.0.0.1", 0, backlog=1024)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            return await make_pushes(given, url, drivers, folder, kills, bridges)

        start = time.monotonic()
        ends = asyncio.run(run())
        gateway.stop()
        unrecorded = {line.get("push.case_id") for bridge in bridges for line in bridge.kept
                      if "not recorded" in line["message"]}
        failures = report(ends, read_record(folder), kills, unrecorded, given.seconds * given.rate)
    for failure in failures[:50]:
        print("FAILED:", failure)
    print(f"{given.seconds * given.rate} pushes in {time.monotonic() - start:.0f} s, seed {given.seed}: "
          f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
