"""The namespaces of the drill of broken networks, and the programs in them."""

import contextlib
import functools
import os
import random
import socket
import ssl
import subprocess
import time
import weakref
from pathlib import Path

from callers import Caller
from gateway import Gateway, serve
from links import Link, Namespace, remove_leftovers
from tunnels import TunnelProxy

SLOWNESS = 0.3  # the gateway's, in seconds
PRIORITY = -10  # of all that follows, because other work on the machine is not what is measured


class RecordingGateway(Gateway):
    """Decides on each push that it gets, as the case says, on some of them slowly."""

    def __init__(self, seed, address):
        self.connections, self.chance = weakref.WeakSet(), random.Random(seed)
        super().__init__(seed, SLOWNESS, address)

    def answer(self, request):
        self.connections.add(request.connection)
        if self.chance.random() < 0.3:  # so that new connections are needed all the time
            request.send = functools.partial(request.send, Connection="close")
        super().answer(request)

    def hang_up(self):
        """Closes idle connections."""
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def choose(self, case, call):
        chance = random.Random(f"{self.seed} {case}")
        if chance.random() < 0.1:
            return "refuse"
        # Where the link to the gateway is sound, so that second tries meet doubts.
        if case.startswith("Redis") and call == 1 and chance.random() < 0.2:
            return "execute, then reset"
        return "execute slowly" if chance.random() < 0.3 else "execute"


class Bridge:
    """A bridge in a namespace."""

    def __init__(self, binary, namespace, port, environment):
        self.port = port
        others = {name: text for name, text in os.environ.items() if not name.startswith(("TOP_", "BRIDGE_"))}
        self.process = subprocess.Popen(namespace.command(binary, "serve"), env=others | environment | {
            "TOP_APP_KEY": "12345678", "TOP_APP_SECRET": "helloworld", "TOP_ALLOW_PLAINTEXT": "true",
            "BRIDGE_BIND": f"127.0.0.1:{port}", "BRIDGE_IDEMPOTENCY": "redis", "BRIDGE_LOG": "error",
        }, stdout=subprocess.DEVNULL)
        self.files = Path(f"/proc/{self.process.pid}")

    def usage(self):
        """The memory that it uses, in MiB, and the number of its descriptors."""
        status = (self.files / "status").read_text()
        resident, = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
        return resident / 1024, len(os.listdir(self.files / "fd"))

    def waited(self):
        """The seconds that one of its threads has waited for a processor."""
        return max(int(file.read_text().split()[1]) for file in self.files.glob("task/*/schedstat")) / 1e9

    def close(self):
        self.process.terminate()
        assert self.process.wait(30) == 0, f"a bridge ended with {self.process.returncode}"


class Deployment:
    """Two bridges in one namespace, the second one with TLS and a proxy, the gateway and Redis in one each, and links
    between them. All of it ends with `stack`. The calling thread moves to the bridges, to be their caller.
    """

    def __init__(self, binary, seed, environment, folder, stack):
        def keep(thing):
            return stack.enter_context(contextlib.closing(thing))

        remove_leftovers()
        here, there, store = (keep(Namespace(role)) for role in ("bridge", "gateway", "redis"))
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        self.to_gateway = keep(Link("gateway", [here, there], "10.91.1", f"{seed} gateway"))
        self.to_redis = keep(Link("redis", [here, store], "10.91.2", f"{seed} redis"))
        host, store_host = self.to_gateway.addresses[1], self.to_redis.addresses[1]
        tls = make_certificate(folder, host)
        with there.entered():
            self.gateway = RecordingGateway(seed, host)
            tls_port = serve(self.gateway.answer, host, tls)
            self.proxy = TunnelProxy(host)
        redis = store.command("redis-server", "--bind", store_host, "--save", "", "--protected-mode", "no")
        server = subprocess.Popen(redis, cwd=folder, stdout=subprocess.DEVNULL)
        stack.callback(server.wait)
        stack.callback(server.terminate)
        environment = environment | {"BRIDGE_REDIS_URL": f"redis://{store_host}:6379"}
        self.direct = keep(Bridge(binary, here, 8001, environment | {
            "TOP_GATEWAY_URL": f"http://{host}:{self.gateway.port}/router/rest"}))
        self.by_proxy = keep(Bridge(binary, here, 8002, environment | {
            "TOP_GATEWAY_URL": f"https://{host}:{tls_port}/router/rest", "SSL_CERT_FILE": str(folder / "certificate"),
            "TOP_PROXY_URL": f"http://{host}:{self.proxy.port}"}))
        here.enter()
        for bridge in (self.direct, self.by_proxy):
            while Caller(bridge.port).probe()[0] != 200:
                assert bridge.process.poll() is None, f"a bridge ended with {bridge.process.returncode}"
                time.sleep(0.1)


def make_certificate(folder, address):
    """Makes a certificate for `address` that is its own authority, and returns the context of a server that has it."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=gateway", "-addext", f"subjectAltName=IP:{address}", "-days", "2",
                    "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", folder / "key",
                    "-out", folder / "certificate"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate", folder / "key")
    return context
