"""Bridges, Redis and a gateway as processes, each with TLS, on free ports of 127.0.0.1."""

import json
import os
import random
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from gateway import Gateway


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        return unused.getsockname()[1]


def wait_until(is_true, what, seconds=30):
    end = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > end:
            raise SystemExit(f"{what} did not come within {seconds} s")
        time.sleep(0.02)


def certificate(folder):
    """Makes an authority, `ca.pem`, and a certificate for localhost."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=drill authority",
            "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-x509", *curve, "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "host.key", "-out", "host.pem",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE")


def common_settings(folder, gateway, redis, deadline):
    """The settings of a bridge before this gateway and on this Redis."""
    return {
        "SSL_CERT_FILE": str(folder / "ca.pem"), "TOP_GATEWAY_URL": f"https://localhost:{gateway.port}/router/rest",
        "TOP_CONNECT_TIMEOUT": "500ms", "BRIDGE_DEADLINE": f"{deadline}s",
        "BRIDGE_IDEMPOTENCY": "redis", "BRIDGE_REDIS_URL": redis.url,
    }


class Process:
    """A child that ends with the block."""

    process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Redis(Process):
    """Redis behind TLS, with a password; it keeps nothing on disk."""

    def __init__(self, folder):
        self.port, password = free_port(), secrets.token_hex(8)
        options = {"port": 0, "tls-port": self.port, "tls-cert-file": folder / "host.pem",
                   "tls-key-file": folder / "host.key", "tls-ca-cert-file": folder / "ca.pem", "tls-auth-clients": "no",
                   "requirepass": password, "save": "", "bind": "127.0.0.1"}
        words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        self.process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        self.url = f"rediss://default:{password}@localhost:{self.port}"
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", self.port)) == 0, "Redis")

    def memory(self):
        """Bytes of its process."""
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Bridge(Process):
    """A bridge on a port that it keeps when it is started again. A thread reads its log while `is_read` is set, counts the
    lines, and keeps those of `level`.
    """

    def __init__(self, binary, settings, level="ERROR"):
        self.port, self.lines, self.generation = free_port(), 0, 0
        self.kept, self.level = [], f'"level":"{level}"'.encode()
        self.is_read, self.is_ready = threading.Event(), False
        self.is_read.set()
        self.command = [binary, "serve"]
        self.environment = {"TOP_APP_KEY": "12345678", "TOP_APP_SECRET": "helloworld",
                            "BRIDGE_BIND": f"127.0.0.1:{self.port}", **settings}
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.PIPE)
        threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True).start()
        wait_until(lambda: self.get("/readyz") is not None, "a bridge")
        self.generation += 1

    def read(self, output):
        while self.is_read.wait() and (line := output.readline()):
            self.lines += 1
            if self.level in line:
                self.kept.append(json.loads(line))

    def probe(self):
        """Asks whether it is ready, as a load balancer does."""
        self.is_ready = self.get("/readyz") is not None

    def restart(self):
        """Stops it as an orchestrator does, starts it again, and returns its exit code."""
        self.process.terminate()
        code = self.process.wait(30)
        self.start()
        return code

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.read().decode()
        except OSError:
            return None

    def metric(self, name):
        return next(float(line.split()[-1]) for line in self.get("/metrics").splitlines() if line.startswith(name))

    def figures(self):
        """Memory in kB, descriptors, threads and seconds of CPU time; None while it is being restarted."""
        folder = Path(f"/proc/{self.process.pid}")
        try:
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            ticks = (folder / "stat").read_text().rsplit(")", 1)[1].split()[11:13]
            descriptors = len(list((folder / "fd").iterdir()))
            return (int(status["VmRSS"].split()[0]), descriptors, int(status["Threads"]),
                    sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"))
        except (OSError, KeyError):
            return None


class TlsGateway(Process):
    """A gateway in a process of its own, mostly well; its record is a file (see `Recording`)."""

    def __init__(self, folder, *options):
        command = [sys.executable, "-B", __file__, folder, *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())


class Recording(Gateway):
    """Takes some seconds for each call and executes most; the others go as the faulty gateway decides. It writes a line
    for each call, `CASE MOVE`, and one for each answer that it has sent, `CASE answered SECONDS` of the monotonic clock.
    """

    def __init__(self, seed, deadline, share, takes, tls, file):
        self.share, self.takes, self.file = share, takes, file
        super().__init__(seed, deadline, tls=tls)

    def choose(self, case, call):
        is_well = random.Random(f"{self.seed} {case} {call} well").random() < self.share
        move = "execute" if is_well else super().choose(case, call)
        self.file.write(f"{case} {move}\n".encode())
        return move

    def answer(self, request):
        time.sleep(self.takes)
        super().answer(request)

    def answered(self, case, move):
        self.file.write(f"{case} answered {time.monotonic()}\n".encode())


def main(folder, seed, deadline, share, takes):
    """The gateway's process: prints the port, and ends with SIGTERM."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(f"{folder}/host.pem", f"{folder}/host.key")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    # Without a buffer, each line is one write, which threads may do side by side.
    with open(f"{folder}/record.txt", "wb", buffering=0) as record:
        print(Recording(seed, int(deadline), float(share), float(takes), tls, record).port, flush=True)
        signal.sigwait([signal.SIGTERM])
        os._exit(0)  # without waiting for threads that hang on purpose


if __name__ == "__main__":
    main(*sys.argv[1:])
