"""Processes that are pinned to cores, die with the benchmark, and report exactly what they used."""

import ctypes
import os
import signal
import socket
import subprocess
import threading
import time

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
READY_WITHIN = 15


class Process:
    """A running program. Use it in a `with` block; it is gone afterwards, with its children."""

    def __init__(self, command, cores, environment=None, log=None, read_output=False):
        def prepare():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            os.sched_setaffinity(0, cores)

        # Nothing of the caller's environment but PATH and HOME, so that no setting of it changes a figure.
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        output = subprocess.PIPE if read_output else (log or subprocess.DEVNULL)
        self.command = command
        self.lines = 0
        self.begun = time.monotonic()
        self.popen = subprocess.Popen(
            command, env={**kept, **(environment or {})}, stdin=subprocess.DEVNULL, stdout=output,
            stderr=log or subprocess.DEVNULL, preexec_fn=prepare, start_new_session=True,
        )
        if read_output:
            threading.Thread(target=self._count_lines, daemon=True).start()

    def _count_lines(self):
        while chunk := os.read(self.popen.stdout.fileno(), 1 << 16):
            self.lines += chunk.count(b"\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for signal_number, patience in ((signal.SIGTERM, 3), (signal.SIGKILL, 3)):
            try:
                os.killpg(self.popen.pid, signal_number)
                self.popen.wait(patience)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass

    def wait_ready(self, port, path="/livez"):
        """Waits for the first 200 and returns the seconds since the start."""
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        while time.monotonic() < self.begun + READY_WITHIN:
            if self.popen.poll() is not None:
                raise SystemExit(f"{self.command[0]} ended at its start, exit code {self.popen.returncode}")
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as connection:
                    connection.sendall(request)
                    if connection.recv(64).split(b" ")[1:2] == [b"200"]:
                        return time.monotonic() - self.begun
            except OSError:
                pass
            time.sleep(0.0002)
        raise SystemExit(f"{self.command[0]} did not answer on port {port} within {READY_WITHIN} s")

    def family(self):
        """The process and its children."""
        with open(f"/proc/{self.popen.pid}/task/{self.popen.pid}/children", encoding="ascii") as children:
            return [self.popen.pid, *map(int, children.read().split())]

    def cpu_seconds(self):
        """CPU time so far, to the nanosecond: the clocks that clock_getcpuclockid(3) would name."""
        return sum(time.clock_gettime((~pid << 3) | 2) for pid in self.family())

    def memory_kb(self, field):
        """`VmRSS` or `VmHWM` (its peak), over the process and its children."""
        total = 0
        for pid in self.family():
            with open(f"/proc/{pid}/status", encoding="utf-8") as lines:
                total += sum(int(line.split()[1]) for line in lines if line.startswith(field + ":"))
        return total


def free_port():
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
