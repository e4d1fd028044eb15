"""Load: as much as a target takes (wrk), or at a constant rate (pace, of the Go program)."""

import contextlib
import json
import os
import tempfile

from . import machine, push
from .process import Process

SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "push.lua")


class Wrk:
    """A running wrk. Use it in a `with` block."""

    def __init__(self, bench, port, request, connections, seconds):
        self.log = tempfile.TemporaryFile("w+", dir=bench.scratch)
        url = f"http://127.0.0.1:{port}{request.path}"
        command = [
            machine.find("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", SCRIPT, url, "--",
            body_file(bench, request.body), request.content_type, request.token, "yes" if request.keyed else "no",
        ]
        self.process = Process(command, bench.other_cores, log=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *trouble):
        self.process.__exit__(*trouble)
        self.log.close()

    def finish(self):
        """Waits for the end and returns the counts: answers, refused (no 2xx or 3xx), broken (no answer)."""
        self.process.popen.wait()
        self.log.seek(0)
        text = self.log.read()
        counts = [line for line in text.splitlines() if line.startswith('{"answers"')]
        if not counts:
            raise SystemExit(f"wrk failed: {text[:500]}")
        return json.loads(counts[0])


def flood(bench, port, request, connections, seconds):
    """Pushes without a pause; returns how many were accepted and exits if one was not."""
    with Wrk(bench, port, request, connections, seconds) as wrk:
        counts = wrk.finish()
    if counts["refused"] or counts["broken"]:
        raise SystemExit(f"Not every push was accepted, so there is no figure: {counts}")
    return counts["answers"]


def pace(bench, port, request, rate, seconds):
    """Pushes at a constant rate over 16 connections; returns the latencies in µs. Exits if a push was not accepted."""
    with pacing(bench, port, request, rate, seconds) as finish:
        return finish()


@contextlib.contextmanager
def pacing(bench, port, request, rate, seconds, connections=16):
    """The same load beside what the block does; yields a function that waits for the latencies."""
    head = [f"POST {request.path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(request.body)}"]
    head += [f"{name}: {value}" for name, value in request.headers("0" * 12 if request.keyed else None).items()]
    whole = ("\r\n".join(head) + "\r\n\r\n").encode() + request.body
    options = ["-address", f"127.0.0.1:{port}", "-request", body_file(bench, whole)]
    options += ["-rate", str(rate), "-seconds", str(seconds), "-connections", str(connections)]
    with tempfile.TemporaryFile("w+", dir=bench.scratch) as log, \
            Process([bench.peers, "pace", *options], bench.other_cores, log=log) as process:
        def finish():
            process.popen.wait()
            log.seek(0)
            text = log.read()
            if process.popen.returncode:
                raise SystemExit(f"The load failed: {text[:500]}")
            return json.loads(text)

        yield finish


def stats(counters):
    """The gateway's counters; its peak is reset."""
    return json.loads(push.ask(counters, "GET", "/stats")[1])


def body_file(bench, content):
    """A temporary file with the content."""
    with tempfile.NamedTemporaryFile(dir=bench.scratch, delete=False) as file:
        file.write(content)
    return file.name
