"""Holds the clients to copy, push.py, push.mjs and Push.java, to what really happened.

Two parts. First a scripted server answers in the bridge's place: each rule of the retry guide is one row of a table.
Then the clients push through a real bridge to a gateway that misbehaves and keeps a record of what it executed. Between
client and bridge a proxy now and then answers instead of the bridge, before or after the bridge has taken the push. At
the end every conclusion is compared with the gateway's record: a push that was executed must not count as not executed.

Usage: clients.py BRIDGE_BINARY FOLDER_OF_CLIENTS [--pushes N] [--seed N]

`--pushes` is for each client. The seed decides what happens to which try of which push; what a client sees still
depends on timing. Everything listens on 127.0.0.1, on free ports, and ends with this program. Needs Python 3.11, node,
java and javac.
"""

import argparse
import asyncio
import collections
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

OUTCOMES = ["accepted", "rejected", "not_executed", "unknown"]  # in the order of the exit codes
PUSH = '{ "result":"success",\n "mediator_name":"张三", "content":"沟通内容\\n第二行" }\n'.encode()
INVALID_PUSH = '{"resault":"成功"}'.encode()
# One time-out is shorter than the bridge's deadline, the other is longer.
DEADLINE_S = 2
TIMEOUTS_S = (1, 4)
GIVE_UP_S = 8
LIMIT_S = 600

failures: list[str] = []
children: list[asyncio.subprocess.Process] = []
tasks: set[asyncio.Task] = set()  # asyncio itself may forget a task whose connection is closed


# HTTP, as far as the servers below need it.


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    head: bytes
    at: float = field(default_factory=time.monotonic)


async def read_request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(first.split(" ")[1], headers, await reader.readexactly(int(headers.get("content-length", 0))), head)


def message(status, body=b"", media_type="application/json", **headers):
    if not isinstance(body, bytes):
        body = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
    headers = {"Content-Type": media_type, **headers, "Content-Length": str(len(body))}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Text\r\n{lines}\r\n".encode() + body


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


BAD_GATEWAY = message(502, "<html><title>502 Bad Gateway</title></html>", "text/html", Connection="close")
BARE_400 = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


async def serve(handle):
    """Starts a server that calls `handle` for each connection, and returns its port."""

    async def connection(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            await handle(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the other side has closed, or everything ends
        finally:
            writer.close()
            tasks.discard(asyncio.current_task())

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    return server.sockets[0].getsockname()[1]


# The clients.


@dataclass
class Ended:
    code: int
    out: str
    err: str
    at: float  # when it ended


async def run(*command, limit=60):
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    children.append(process)
    try:
        out, err = await asyncio.wait_for(process.communicate(), limit)
        return Ended(process.returncode, out.decode(), err.decode(), time.monotonic())
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        children.remove(process)


def conclusion(ended):
    """The three fields of the line, or what is wrong with it."""
    try:
        line = json.loads(ended.out)
    except ValueError:
        return f"no line of JSON but {ended.out!r}; {ended.err[-500:]}"
    if ended.out.count("\n") != 1 or sorted(line) != ["code", "outcome", "tries"]:
        return f"not one line with three fields: {ended.out!r}"
    if line["outcome"] not in OUTCOMES or ended.code != OUTCOMES.index(line["outcome"]):
        return f"outcome and exit code {ended.code} do not fit: {ended.out!r}"
    return line["outcome"], line["tries"], line["code"]


# Part one: a scripted server. A script is a list of functions that answer one request each; the last one repeats.


def send(data):
    async def move(writer):
        writer.write(data)
        await writer.drain()
    return move


async def hang(writer):
    await asyncio.sleep(30)


async def cut(writer):
    reset(writer)


def trickle(data, from_byte):
    async def move(writer):
        writer.write(data[:from_byte])
        for byte in data[from_byte:]:
            await asyncio.sleep(0.3)
            writer.write(bytes([byte]))
            await writer.drain()
    return move


ACCEPTED_BODY = {"case_id": "1", "outcome": "accepted", "attempts": 1, "top": {"state_code": "20000", "code": "no"}}


def accepted(**fields):
    return send(message(200, ACCEPTED_BODY | fields))


def problem(status, code, outcome, retryable, headers=None, media_type="application/problem+json", **fields):
    own = {"type": f"/problems/{code}", "status": status, "code": code, "outcome": outcome, "retryable": retryable}
    return send(message(status, own | fields, media_type, **headers or {}))


def unreachable(**fields):
    return problem(503, "top_unreachable", "not_executed", True, fields.pop("headers", {"Retry_After": 1}), **fields)


REJECTED = problem(422, "top_rejected", "rejected", False, top={"code": "50", "sub_code": "isv.invalid-parameter"})
INVALID = problem(422, "validation_failed", "not_executed", False, errors=[{"pointer": "/result", "code": "required"}])
TIMEOUT = problem(504, "top_timeout", "unknown", True)
# The fields that count come after others that have their names, deeper or inside of strings.
DECEPTIVE = r"""{
    "top": {"code": "a", "outcome": "rejected", "numbers": [1, -2.5e3, {"outcome": "rejected"}]},
    "detail": "\"outcome\":\"rejected\",{[\\", "errors": [{"code": "b", "outcome": "rejected"}],
    "code" :"validation_failed", "outcome" :"not_executed", "retryable":false,
    "title": "已\u6848", "prior_outcome": null
}"""


@dataclass
class Check:
    name: str
    script: list
    expected: tuple | None  # outcome, tries (None: any number), code; or None where the client must go on waiting
    options: str = ""
    complaint: object = lambda seen, ended: None  # looks at the requests and the end; what it returns is wrong


def gaps(seen):
    return [later.at - earlier.at for earlier, later in zip(seen, seen[1:])]


def within(what, *bounds):
    """A complaint where one of the values lies outside of its bounds, with some slack for a busy machine."""
    def complaint(seen, ended):
        values = what(seen, ended)
        fits = [low - 0.3 <= value <= high + 1.5 for value, (low, high) in zip(values, bounds)]
        if len(values) != len(bounds) or not all(fits):
            return f"{[round(v, 2) for v in values]} instead of {bounds}"
    return complaint


def waits(*bounds):
    return within(lambda seen, _: gaps(seen), *bounds)


def ends_within(low, high):
    """From the first request to the end of the client."""
    return within(lambda seen, ended: [ended.at - seen[0].at], (low, high))


def same_push(seen, ended):
    names = ("idempotency-key", "content-type", "authorization")
    if len({(*map(request.headers.get, names), request.body) for request in seen}) > 1:
        return "the tries differ"
    if seen[0].body != PUSH or seen[0].headers["content-type"] != "application/json":
        return f"{seen[0].headers} {seen[0].body!r}"


def has(name, value):
    return lambda seen, ended: None if seen[0].headers.get(name) == value else f"{name}: {seen[0].headers.get(name)}"


def one_request(seen, ended):
    return None if len(seen) == 1 else f"{len(seen)} requests"


NOT_EXECUTED, UNKNOWN = ("not_executed", 1, "validation_failed"), ("unknown", 2, "validation_failed")
A_DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
CHECKS = [
    Check("accepted", [accepted()], ("accepted", 1, "accepted")),
    Check("rejected", [REJECTED], ("rejected", 1, "top_rejected")),
    Check("not executed", [INVALID], NOT_EXECUTED),
    Check("unknown", [problem(500, "internal_error", "unknown", False)], ("unknown", 1, "internal_error")),

    # What is sent.
    Check("the same key and bytes on each try", [TIMEOUT, send(BAD_GATEWAY), unreachable(), accepted()],
          ("accepted", 4, "accepted"), "--token secret-token", same_push),
    Check("a token", [accepted()], ("accepted", 1, "accepted"), "--token secret-token",
          has("authorization", "Bearer secret-token")),
    Check("a key", [accepted()], ("accepted", 1, "accepted"), "--key my-key", has("idempotency-key", "my-key")),

    # How long a client waits.
    Check("Retry-After", [unreachable(headers={"Retry_After": 3}), accepted()], ("accepted", 2, "accepted"), "",
          waits((3, 3))),
    Check("Retry-After of an hour counts as 60 s, which is too late", [unreachable(headers={"Retry_After": 3600})],
          ("not_executed", 1, "top_unreachable"), "--give-up 59", ends_within(0, 0)),
    Check("Retry-After of an hour counts as 60 s, which is in time", [unreachable(headers={"Retry_After": 3600})],
          None, "--give-up 62", one_request),
    Check("Retry-After that is no number", [unreachable(headers={"Retry_After": A_DATE}), accepted()],
          ("accepted", 2, "accepted"), "", waits((0.5, 1))),
    Check("waits that double", [TIMEOUT, unreachable(headers={}), send(BARE_400), accepted()],
          ("accepted", 4, "accepted"), "", waits((0.5, 1), (1, 2), (2, 4))),
    Check("--give-up", [unreachable()], ("not_executed", 3, "top_unreachable"), "--give-up 2.9", ends_within(2, 2)),
    Check("--give-up 0", [TIMEOUT], ("unknown", 1, "top_timeout"), "--give-up 0", ends_within(0, 0)),
    Check("a time-out", [hang], ("unknown", 1, "no_answer"), "--timeout 1 --give-up 1", ends_within(1, 1)),
    Check("a body that trickles", [trickle(message(200, ACCEPTED_BODY), 100)], ("unknown", 1, "no_answer"),
          "--timeout 1 --give-up 1", ends_within(1, 1)),
    Check("a head that trickles", [trickle(message(200, ACCEPTED_BODY), 20)], ("unknown", 1, "no_answer"),
          "--timeout 1 --give-up 1", ends_within(1, 1)),
    Check("a slow answer", [trickle(message(200, ACCEPTED_BODY), len(message(200, ACCEPTED_BODY)) - 3)],
          ("accepted", 1, "accepted"), "--timeout 6"),

    # Which answers are the bridge's.
    Check("a media type with a parameter", [problem(422, "validation_failed", "not_executed", False,
          media_type="Application/Problem+JSON; charset=utf-8")], NOT_EXECUTED),
    Check("the same names in strings and nested objects", [send(message(422, DECEPTIVE, "application/problem+json"))],
          NOT_EXECUTED),
    Check("a redirect", [send(message(307, "", "text/plain", Location="/elsewhere/result")), INVALID], UNKNOWN),
    Check("a redirect that holds a problem", [problem(302, "validation_failed", "not_executed", False,
          {"Location": "/elsewhere/result"}), INVALID], UNKNOWN),
    Check("an HTML 502", [send(BAD_GATEWAY), INVALID], UNKNOWN),
    Check("a bare 400", [send(BARE_400), INVALID], UNKNOWN),
    Check("an HTML 200", [send(message(200, "<html></html>", "text/html")), INVALID], UNKNOWN),
    Check("a 200 without outcome", [send(message(200, {"ok": True})), INVALID], UNKNOWN),
    Check("a 200 that is a list", [send(message(200, [{"outcome": "accepted"}])), INVALID], UNKNOWN),
    Check("a 200 that is a word", [send(message(200, '"accepted"')), INVALID], UNKNOWN),
    Check("a 200 with a problem", [problem(200, "top_rejected", "rejected", False), INVALID], UNKNOWN),
    Check("a 200 whose JSON ends early",
          [send(message(200, '{"outcome":"accepted","top":{"outcome":"accepted"}')), INVALID], UNKNOWN),
    Check("a 200 with something behind the JSON",
          [send(message(200, '{"outcome":"accepted"}<!-- -->')), INVALID], UNKNOWN),
    Check("a 201", [send(message(201, ACCEPTED_BODY)), INVALID], UNKNOWN),
    Check("JSON of another media type",
          [problem(502, "x", "not_executed", False, media_type="application/json"), INVALID], UNKNOWN),
    Check("an outcome that does not exist", [problem(502, "x", "executed", False), INVALID], UNKNOWN),
    Check("a problem without code", [problem(502, None, "not_executed", False), INVALID], UNKNOWN),
    Check("JSON nested too deeply", [send(message(502, "[" * 100_000, "application/problem+json")), INVALID], UNKNOWN),
    Check("a reset", [cut, INVALID], UNKNOWN),
    Check("a body that stops", [send(message(422, "x" * 100)[:-50]), INVALID], UNKNOWN, "--timeout 1"),

    # What ends a doubt and what does not.
    Check("unknown, then not executed", [TIMEOUT, INVALID], UNKNOWN),
    Check("a prior outcome", [problem(500, "internal_error", "not_executed", False, prior_outcome="unknown")],
          ("unknown", 1, "internal_error")),
    Check("a prior outcome, then none", [unreachable(prior_outcome="unknown"), INVALID], UNKNOWN),
    Check("a time-out, then 409s", [hang, problem(409, "idempotency_in_flight", "unknown", True, {"Retry_After": 1})],
          ("unknown", None, "idempotency_in_flight"), "--timeout 1 --give-up 4"),
    Check("a time-out, then always unreachable", [hang, unreachable()], ("unknown", None, "top_unreachable"),
          "--timeout 1 --give-up 4"),
    Check("a doubt, then accepted", [TIMEOUT, accepted(prior_outcome="unknown")], ("accepted", 2, "accepted")),
    Check("a doubt, then rejected", [send(BAD_GATEWAY), REJECTED], ("rejected", 2, "top_rejected")),
    Check("rejected with a prior outcome", [problem(422, "top_rejected", "rejected", False, prior_outcome="unknown")],
          ("rejected", 1, "top_rejected")),
]
WRONG_COMMAND_LINES = [
    "", "--help", "URL", "URL case", "URL case FILE more", "URL case /no/such/file",
    "ftp://127.0.0.1/ case FILE", "127.0.0.1:80 case FILE", "URL case FILE --unknown x", "URL case FILE --tok x",
    "URL case FILE --key", "URL case FILE --timeout 0", "URL case FILE --timeout soon", "URL case FILE --give-up -1",
]


async def scripted_checks(clients, source, folder):
    scripts, seen = {}, collections.defaultdict(list)

    async def handle(reader, writer):
        while True:
            request = await read_request(reader)
            case = urllib.parse.unquote(request.path.split("/")[-2])
            seen[case].append(request)
            script = scripts.get(case, [cut])
            await script[min(len(seen[case]), len(script)) - 1](writer)
            if b"close" in request.head.lower():
                return

    port = await serve(handle)
    file = folder / "push.json"
    file.write_bytes(PUSH)
    slots = asyncio.Semaphore(12)

    async def fulfil(name, command, number, check):
        case = f"{name} {number}"
        scripts[case] = check.script
        async with slots:
            # The prefix and the slash at the end are what a reverse proxy may ask for.
            ended = await run(*command, f"http://127.0.0.1:{port}/pre/fix/", case, file, *check.options.split(),
                              limit=60 if check.expected else 5)
        wrong = None
        if check.expected is None:
            wrong = ended and f"ended with {ended.out!r} instead of waiting"
        elif ended is None:
            wrong = "did not end"
        else:
            got = conclusion(ended)
            if isinstance(got, tuple) and check.expected[1] is None:
                got = (got[0], None, got[2])
            if got != check.expected:
                wrong = f"{got} instead of {check.expected}; {ended.err[-500:]}"
        if not wrong and not seen[case]:
            wrong = "sent nothing"
        if not wrong and any(r.path != f"/pre/fix/mediations/{urllib.parse.quote(case)}/result" for r in seen[case]):
            wrong = f"wrong path {seen[case][0].path}"
        wrong = wrong or check.complaint(seen[case], ended)
        if wrong:
            failures.append(f"{name}: {check.name}: {wrong}")

    async def refused(name, command):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            unused = closed.getsockname()[1]
        async with slots:
            ended = await run(*command, f"http://127.0.0.1:{unused}", "case", file, "--give-up", "2")
        got = ended and conclusion(ended)
        if not isinstance(got, tuple) or (got[0], got[2]) != ("not_executed", "no_answer") or got[1] < 2:
            failures.append(f"{name}: a refused connection: {got}")

    async def launched_from_its_source(command):
        scripts["source"] = [accepted()]
        async with slots:
            ended = await run(*command, f"http://127.0.0.1:{port}", "source", file)
        if not ended or conclusion(ended) != ("accepted", 1, "accepted"):
            failures.append(f"java Push.java: {ended}")

    async def wrong_command_line(name, command, text):
        words = [{"URL": f"http://127.0.0.1:{port}", "FILE": file}.get(word, word) for word in text.split()]
        async with slots:
            ended = await run(*command, *words)
        if not ended or ended.code != 64 or ended.out or "usage" not in ended.err:
            failures.append(f"{name}: the command line {text!r}: {ended}")

    start = time.monotonic()
    rows = [fulfil(*client, *check) for client in clients.items() for check in enumerate(CHECKS)]
    rows += [launched_from_its_source(["java", source / "Push.java"])]
    rows += [refused(*client) for client in clients.items()]
    rows += [wrong_command_line(*client, text) for client in clients.items() for text in WRONG_COMMAND_LINES]
    await asyncio.gather(*rows)
    if "elsewhere" in seen:
        failures.append("a redirect was followed")
    for name in clients:
        first = [requests[0] for case, requests in seen.items() if case.startswith(f"{name} ")]
        keys = [request.headers.get("idempotency-key") for request in first]
        if len(set(keys)) != len(keys) or not all(keys):
            failures.append(f"{name}: keys are missing or not fresh")
    print(f"{len(rows)} scripted checks, {len(failures)} failed ({time.monotonic() - start:.0f} s)")


# Part two: a gateway that misbehaves and a proxy that answers in the bridge's place.


SUCCESS = message(200, {"alibaba_jym_servicecenter_mediation_result_push_response": {
    "result": True, "is_success": True, "state_code": "20000", "request_id": "top-request-1"}})


def error(code, sub_code, sub_msg="…"):
    return message(200, {"error_response": {"code": code, "msg": "Remote service error", "sub_code": sub_code,
                                            "sub_msg": sub_msg, "request_id": "top-request-2"}})


BACK_END_TIMEOUT = error(15, "isp.remote-service-timeout")
REFUSALS = {
    "refuse": error(50, "isv.invalid-parameter"), "duplicate": error(50, "isv.data-duplicate-error"),
    "ban": error(7, "accesscontrol.limited-by-api-access-count", "This ban will last for 1 more seconds"),
    "not connected": error(15, "isp.http-connection-refuse"),
}
# What a call may come to, and how often where nothing else decides.
MOVES = {
    "accept": 26, "accept slowly": 6, "execute, then answer slowly": 6, "refuse": 7, "ban": 0.4, "not connected": 12,
    "execute, then hang": 5, "execute, then reset": 5, "execute, then truncate": 5, "execute, then time-out": 5,
    "time-out, then execute": 4, "time-out": 6, "hang": 4, "reset": 6,
}
EXECUTED_IN_SILENCE = ["execute, then hang", "execute, then reset", "execute, then truncate", "execute, then time-out",
                       "time-out, then execute", "execute, then answer slowly"]
# How a case fares. Chance alone seldom leads to what matters most: one doubt, then proofs of not executed.
MOODS = {"any": 60, "never connected": 12, "executed in silence, then never connected": 16, "never decided": 12}


class Gateway:
    """A TOP that misbehaves. It records which calls executed the push of a case, and which refused it."""

    def __init__(self, seed):
        self.seed = seed
        self.calls = collections.Counter()
        self.executed = collections.defaultdict(list)
        self.refused = collections.defaultdict(list)
        self.moves = collections.Counter()

    def choose(self, case, call):
        mood, = random.Random(f"{self.seed} {case}").choices(list(MOODS), MOODS.values())
        chance = random.Random(f"{self.seed} {case} {call}")
        if mood == "never connected" or (mood == "executed in silence, then never connected" and call > 1):
            return "not connected"
        if mood == "executed in silence, then never connected":
            return chance.choice(EXECUTED_IN_SILENCE)
        if mood == "never decided":
            return chance.choice(["execute, then hang", "execute, then reset", "time-out", "reset", "not connected"])
        if self.executed[case] and chance.random() < 0.5:
            return "duplicate"
        return chance.choices(list(MOVES), MOVES.values())[0]

    async def handle(self, reader, writer):
        while True:
            request = await read_request(reader)
            form = urllib.parse.parse_qs(request.body.decode())
            case = json.loads(form["req"][0])["mediation_case_id"]
            self.calls[case] += 1
            call = self.calls[case]
            move = self.choose(case, call)
            self.moves[move] += 1
            if move.startswith("execute"):
                self.executed[case].append(call)
            # Longer than the client's shorter time-out and shorter than the bridge's deadline, calls before aside.
            if "slowly" in move:
                await asyncio.sleep(random.Random(f"{case} {call}").uniform(1.2, 1.6))
            if move.startswith("accept"):
                self.executed[case].append(call)
            if move in ("refuse", "duplicate"):
                self.refused[case].append(call)
            if "hang" in move:
                await asyncio.sleep(DEADLINE_S + 3)
                return
            if "reset" in move:
                reset(writer)
                return
            if "truncate" in move:
                writer.write(SUCCESS[:-20])
                return
            writer.write(REFUSALS.get(move, BACK_END_TIMEOUT if "time-out" in move else SUCCESS))
            await writer.drain()
            if move == "time-out, then execute":
                await asyncio.sleep(0.3)
                self.executed[case].append(call)


# Before the bridge gets the push, after its answer, or while it works on it.
INTERFERENCES = {
    "none": 80, "502 before": 4, "400 before": 4, "502 after": 4, "400 after": 4, "reset after": 2, "502 meanwhile": 2,
}


class Proxy:
    """Stands between client and bridge, and keeps what it saw of each case.

    Some cases move to a second bridge between two tries. It knows nothing of the tries before, like a bridge after a
    restart. Without it, the bridge's memory of the key would hide that a client forgets a doubt.
    """

    def __init__(self, seed, bridges):
        self.seed, self.bridges = seed, bridges
        self.moved = set()
        self.seen = collections.defaultdict(list)
        self.moves = collections.Counter()

    async def handle(self, reader, writer):
        request = await read_request(reader)
        case = request.path.split("/")[-2]
        self.seen[case].append((request.headers.get("idempotency-key"), request.body))
        chance = random.Random(f"{self.seed} {case} proxy {len(self.seen[case])}")
        move, = chance.choices(list(INTERFERENCES), INTERFERENCES.values())
        self.moves[move] += 1
        instead = BAD_GATEWAY if "502" in move else BARE_400
        if "before" in move:
            writer.write(instead)
            return
        if "meanwhile" in move:
            writer.write(instead)
            writer.close()
        # The bridge is asked whether or not the client still waits.
        if len(self.seen[case]) > 1 and chance.random() < 0.3:
            self.moved.add(case)
        from_bridge, to_bridge = await asyncio.open_connection("127.0.0.1", self.bridges[case in self.moved])
        to_bridge.write(request.head[:-2] + b"Connection: close\r\n\r\n" + request.body)
        answer = await from_bridge.read()
        to_bridge.close()
        if "reset" in move:
            reset(writer)
        elif "meanwhile" not in move:
            writer.write(instead if "after" in move else answer)
            await writer.drain()


# Hundreds of starts of an interpreter would take minutes. One process for each client makes its pushes, by the function
# that teams copy. The arguments are the client's folder, the number of pushes at once, and a file of pushes.
DRIVERS = {
    "driver.py": """
import concurrent.futures, pathlib, sys
sys.path.insert(0, sys.argv[1])
from push import push

def drive(line):
    url, case, file, timeout, give_up = line.split("\\t")
    end = push(url, case, pathlib.Path(file).read_bytes(), timeout=float(timeout), give_up=float(give_up))
    return "\\t".join([case, end.outcome, str(end.tries), end.code, str(end.doubt).lower()])

with concurrent.futures.ThreadPoolExecutor(int(sys.argv[2])) as pool:
    for end in pool.map(drive, pathlib.Path(sys.argv[3]).read_text().splitlines()):
        print(end)
""",
    "driver.mjs": """
import { readFileSync } from "node:fs";
const { push } = await import(`${process.argv[2]}/push.mjs`);
const lines = readFileSync(process.argv[4], "utf8").trimEnd().split("\\n");

async function drive() {
  while (lines.length > 0) {
    const [url, caseId, file, timeout, giveUp] = lines.shift().split("\\t");
    const options = { timeout: Number(timeout), giveUp: Number(giveUp) };
    const { outcome, tries, code, doubt } = await push(url, caseId, readFileSync(file), options);
    console.log([caseId, outcome, tries, code, doubt].join("\\t"));
  }
}
await Promise.all(Array.from({ length: Number(process.argv[3]) }, drive));
""",
    "Driver.java": """
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;

class Driver {
    public static void main(String[] arguments) throws Exception {
        var push = new Push();
        var pool = Executors.newFixedThreadPool(Integer.parseInt(arguments[1]));
        var running = new ArrayList<Future<String>>();
        for (String line : Files.readAllLines(Path.of(arguments[2]))) {
            String[] given = line.split("\\t");
            running.add(pool.submit(() -> {
                var end = push.push(given[0], given[1], Files.readAllBytes(Path.of(given[2])), null, null,
                        Double.parseDouble(given[3]), Double.parseDouble(given[4]));
                return String.join("\\t", given[1], end.outcome(), "" + end.tries(), end.code(), "" + end.doubt());
            }));
        }
        for (var end : running) {
            System.out.println(end.get());
        }
        System.exit(0);
    }
}
""",
}
PUSHES_AT_ONCE = 160


@dataclass
class Push:
    client: str
    timeout: int
    case: str
    file: Path
    conclusion: tuple | None = None  # outcome, tries, code, doubt


async def drive(command, source, url, folder, pushes):
    """Lets one client make its pushes, half of them with each time-out, side by side."""
    rows = [(url, push.case, push.file, push.timeout, GIVE_UP_S) for push in pushes]
    list_of_pushes = folder / f"{pushes[0].client}.pushes"
    list_of_pushes.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    ended = await run(*command, source, str(PUSHES_AT_ONCE), list_of_pushes, limit=LIMIT_S)
    if not ended or ended.code != 0:
        failures.append(f"{pushes[0].client}: {ended and (ended.code, ended.err[-2000:])}")
        return
    lines = [line.split("\t") for line in ended.out.splitlines()]
    conclusions = {case: (outcome, int(tries), code, doubt == "true") for case, outcome, tries, code, doubt in lines}
    for push in pushes:
        push.conclusion = conclusions.get(push.case)


def violation(push, gateway, proxy):
    """What of the conclusion contradicts the record."""
    if push.conclusion is None:
        return "no conclusion"
    outcome, tries, code, doubt = push.conclusion
    executed, refused = gateway.executed[push.case], gateway.refused[push.case]
    if outcome == "accepted" and not executed:
        return "never executed"
    if outcome == "not_executed" and executed:
        return "executed"
    # An execution may come before the refusal (its try was in doubt), never with it or after it.
    if outcome == "rejected" and (not refused or any(call >= refused[-1] for call in executed)):
        return "no refusal after the last execution"
    if not doubt and (outcome == "unknown" or len(executed) != (outcome == "accepted")):
        return "no doubt"
    expected = {"accepted": code == "accepted", "rejected": code == "top_rejected"}
    if not expected.get(outcome, code not in ("accepted", "top_rejected")):
        return f"the code is {code}"
    if len(set(proxy.seen[push.case])) != 1:
        return "tries with another key or another body"
    if len(proxy.seen[push.case]) > tries:
        return f"{len(proxy.seen[push.case])} requests came"
    return None


async def start_bridge(binary, gateway, log_file):
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TOP_", "BRIDGE_"))}
    settings = {
        "TOP_APP_KEY": "12345678", "TOP_APP_SECRET": "helloworld", "TOP_CONNECT_TIMEOUT": "500ms",
        "TOP_GATEWAY_URL": f"http://127.0.0.1:{gateway}/router/rest", "BRIDGE_BIND": f"127.0.0.1:{port}",
        "BRIDGE_DEADLINE": f"{DEADLINE_S}s", "BRIDGE_IDEMPOTENCY": "memory",
    }
    with open(log_file, "wb") as log:
        bridge = await asyncio.create_subprocess_exec(
            binary, "serve", stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=inherited | settings)
    children.append(bridge)
    for _ in range(100):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return bridge, port
        except OSError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the bridge does not listen")


async def pushes_against_the_record(drivers, source, binary, folder, number, seed):
    start = time.monotonic()
    gateway = Gateway(seed)
    gateway_port = await serve(gateway.handle)
    logs = [folder / "first-bridge.log", folder / "second-bridge.log"]
    bridges = [await start_bridge(binary, gateway_port, log) for log in logs]
    proxy = Proxy(seed, [port for _, port in bridges])
    url = f"http://127.0.0.1:{await serve(proxy.handle)}"
    valid, invalid = folder / "push.json", folder / "invalid.json"
    valid.write_bytes(PUSH)
    invalid.write_bytes(INVALID_PUSH)
    pushes = [Push(name, TIMEOUTS_S[i % 2], f"{name.replace('.', '-')}_{i}", invalid if i % 40 > 37 else valid)
              for name in drivers for i in range(number)]
    took = {}

    async def client(name, command):
        await drive(command, source, url, folder, [push for push in pushes if push.client == name])
        took[name] = time.monotonic() - start

    await asyncio.gather(*(client(*driver) for driver in drivers.items()))
    await asyncio.sleep(DEADLINE_S + 1)  # what was still on its way is on the record now
    for (bridge, _), log in zip(bridges, logs):
        if bridge.returncode is None:
            bridge.terminate()
        if await bridge.wait() != 0:
            failures.append(f"a bridge ended with {bridge.returncode}: {log.read_text()[-2000:]}")
        children.remove(bridge)

    print(f"\n{'client':10} {'time-out':>8} {'pushes':>6}", *(f"{outcome:>12}" for outcome in OUTCOMES),
          f"{'tries':>6} {'violations':>10}")
    for name in drivers:
        for timeout in TIMEOUTS_S:
            group = [push for push in pushes if (push.client, push.timeout) == (name, timeout)]
            ended = [push.conclusion for push in group if push.conclusion]
            outcomes = collections.Counter(outcome for outcome, *_ in ended)
            wrong = {push.case: what for push in group if (what := violation(push, gateway, proxy))}
            print(f"{name:10} {timeout:>6} s {len(group):>6}", *(f"{outcomes[outcome]:>12}" for outcome in OUTCOMES),
                  f"{sum(tries for _, tries, *_ in ended):>6} {len(wrong):>10}")
            for push in group:
                if push.case in wrong:
                    failures.append(
                        f"{push.case}, time-out {timeout} s: {wrong[push.case]}: {push.conclusion}; of its calls "
                        f"1 to {gateway.calls[push.case]} the gateway executed {gateway.executed[push.case]} and "
                        f"refused {gateway.refused[push.case]}")
            # A run in which nothing goes wrong, or everything, proves nothing.
            if number >= 200 and set(outcomes) != set(OUTCOMES):
                failures.append(f"{name}, time-out {timeout} s: not every kind of conclusion came: {dict(outcomes)}")
    executed = {outcome: [len(gateway.executed[push.case]) for push in pushes
                          if push.conclusion and push.conclusion[0] == outcome] for outcome in OUTCOMES}
    print(f"\naccepted: {sum(n > 1 for n in executed['accepted'])} executed more than once; rejected: "
          f"{sum(n > 0 for n in executed['rejected'])} executed by an earlier try; unknown: "
          f"{sum(n > 0 for n in executed['unknown'])} executed, {executed['unknown'].count(0)} not")
    print("gateway:", ", ".join(f"{move} {count}" for move, count in gateway.moves.most_common()))
    print("proxy:", ", ".join(f"{move} {count}" for move, count in proxy.moves.most_common()))
    print("seconds:", ", ".join(f"{name} {seconds:.0f}" for name, seconds in took.items()))
    unused = (set(MOVES) | {"duplicate"}) - set(gateway.moves) | set(INTERFERENCES) - set(proxy.moves)
    if number >= 200 and unused:
        failures.append(f"did not happen: {', '.join(sorted(unused))}")


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bridge", metavar="BRIDGE_BINARY", type=Path)
    parser.add_argument("folder", metavar="FOLDER_OF_CLIENTS", type=Path)
    parser.add_argument("--pushes", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20251117)
    given = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = given.folder.resolve()
        for file, text in DRIVERS.items():
            (folder / file).write_text(text)
        sources = [source / "Push.java", folder / "Driver.java"]
        subprocess.run(["javac", "-Xlint:all", "-Werror", "-d", folder, *sources], check=True)
        java = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", folder]
        python = [sys.executable, "-B"]  # leaves nothing behind in the folder of the clients
        clients = {
            "push.py": [*python, source / "push.py"],
            "push.mjs": ["node", source / "push.mjs"],
            "Push.java": [*java, "Push"],
        }
        drivers = {
            "push.py": [*python, folder / "driver.py"],
            "push.mjs": ["node", folder / "driver.mjs"],
            "Push.java": [*java, "Driver"],
        }
        try:
            async with asyncio.timeout(LIMIT_S):
                await scripted_checks(clients, source, folder)
                await pushes_against_the_record(
                    drivers, source, given.bridge.resolve(), folder, given.pushes, given.seed)
        finally:
            for child in children:
                if child.returncode is None:
                    child.kill()
    for failure in failures:
        print("FAILED:", failure)
    print(f"{given.pushes} pushes for each of {len(clients)} clients, seed {given.seed}: {len(failures)} failures, "
          f"{time.monotonic() - start:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
