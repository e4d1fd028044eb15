"""The targets of the benchmark: how to start each of them, and its requests."""

import contextlib
import dataclasses
import os
import subprocess

from . import machine, push
from .process import Process, free_port

PEERS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "peers")
FORM = "application/x-www-form-urlencoded;charset=utf-8"

NGINX_CONF = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {scratch}/nginx.pid;
error_log stderr;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_buffer_size 128k;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    keepalive_requests 1000000000;
    upstream gateway {{ server 127.0.0.1:{gateway}; keepalive 1024; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://gateway;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@dataclasses.dataclass
class Request:
    """The requests for a target."""
    body: bytes
    path: str = push.PATH
    content_type: str = "application/json"
    token: str = push.TOKEN
    keyed: bool = False

    def headers(self, key=None):
        """The headers for one push."""
        headers = {"Content-Type": self.content_type}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        return {**headers, "Idempotency-Key": key} if key else headers


@dataclasses.dataclass
class Bench:
    """What all targets share: the programs, a folder for temporary files, the cores that may be used."""
    bridge: str
    peers: str
    scratch: str
    cores: list
    workers: int = 1

    @property
    def target_cores(self):
        """One core for each worker of the target, from the first on."""
        return self.cores[:self.workers]

    @property
    def other_cores(self):
        """The second core, for everything else; with two workers and more cores, the third."""
        return self.cores[self.workers:self.workers + 1] or self.cores[-1:]

    @contextlib.contextmanager
    def gateway(self, *options):
        """The fast gateway of the Go program; returns its port and the port of its counters."""
        port, counters = free_port(), free_port()
        addresses = ["-bind", f"127.0.0.1:{port}", "-stats", f"127.0.0.1:{counters}"]
        with Process([self.peers, "gateway", *addresses, *options], self.other_cores) as process:
            process.wait_ready(counters)
            yield port, counters

    def sandbox(self, port):
        """The bridge's own strict gateway."""
        keys = ["--app-key", push.APP_KEY, "--app-secret", push.APP_SECRET]
        return Process([self.bridge, "sandbox", "--bind", f"127.0.0.1:{port}", *keys], self.other_cores)


class Service:
    """A bridge, ours or the Go one; both read the same variables."""

    def __init__(self, name, command, request, **settings):
        self.name, self.command, self.request, self.settings = name, command, request, settings

    def start(self, bench, port, gateway, scheme="http", **more):
        """Starts it in front of the gateway at a port."""
        environment = {
            "TOP_APP_KEY": push.APP_KEY, "TOP_APP_SECRET": push.APP_SECRET,
            "TOP_GATEWAY_URL": f"{scheme}://localhost:{gateway}/router/rest" if scheme == "https"
            else f"http://127.0.0.1:{gateway}/router/rest",
            "BRIDGE_BIND": f"127.0.0.1:{port}", "BRIDGE_WORKERS": "1", "GOMAXPROCS": "1",
            **({"BRIDGE_CALLERS": f"benchmark:{push.TOKEN}"} if self.request.token else {}),
            **self.settings, **more,
        }
        return Process(self.command(bench), bench.target_cores, environment, read_output=True)


class Nginx:
    """The yardstick: nginx that passes a form on, which is the least that anything between two others can do."""

    name = "nginx, proxy_pass"

    @property
    def request(self):
        """A form that is signed now, since a gateway refuses old ones."""
        return Request(push.signed_form(), "/router/rest", FORM, "")

    def start(self, bench, port, gateway):
        """Starts it in front of the gateway at a port."""
        conf = os.path.join(bench.scratch, f"nginx-{port}.conf")
        with open(conf, "w", encoding="ascii") as file:
            file.write(NGINX_CONF.format(scratch=bench.scratch, port=port, gateway=gateway))
        command = [machine.find("nginx"), "-e", "stderr", "-p", bench.scratch, "-c", conf]
        return Process(command, bench.target_cores)


def rust(name="bridge", request=None, **settings):
    """A variant of the bridge."""
    return Service(name, lambda bench: [bench.bridge, "serve"], request or Request(push.SMALL), **settings)


def go(request=None, **settings):
    """The Go service."""
    return Service("Go net/http, the same work", lambda bench: [bench.peers, "bridge"], request or Request(push.SMALL), **settings)


NGINX = Nginx()
GO = go()
BRIDGE = rust()
QUIET = rust("bridge, log off and no callers", Request(push.SMALL, token=""), BRIDGE_LOG="off")
KEYED = rust("bridge, Idempotency-Key on every push", Request(push.SMALL, keyed=True))


def keyed_in_redis(url):
    """The bridge with a key on every push, kept in the Redis at `url`."""
    settings = {"BRIDGE_IDEMPOTENCY": "redis", "BRIDGE_REDIS_URL": url, "BRIDGE_IDEMPOTENCY_TTL": "5m"}
    return rust("bridge, Idempotency-Key in Redis", Request(push.SMALL, keyed=True), **settings)


@contextlib.contextmanager
def running(target, bench, gateway, **more):
    """The target, started in front of a gateway and ready; returns the process, its port and its start time."""
    port = free_port()
    with target.start(bench, port, gateway, **more) as process:
        seconds = process.wait_ready(port)
        yield process, port, seconds


def in_turns(targets, repetitions):
    """Every target in every repetition, every other one in reversed order."""
    for repetition in range(repetitions):
        yield from targets[::-1] if repetition % 2 else targets


def check_all(targets, bench):
    """Lets each target push once to the strict sandbox, which checks the signature and everything else."""
    gateway = free_port()
    with bench.sandbox(gateway) as sandbox:
        sandbox.wait_ready(gateway)
        for target in targets:
            with running(target, bench, gateway) as (_, port, _):
                push.check(target.name, port, target.request)


def build_peers(scratch):
    """Compiles the Go program."""
    program = os.path.join(scratch, "peers")
    built = subprocess.run([machine.find("go"), "build", "-o", program, "."], cwd=PEERS, check=False)
    if built.returncode:
        raise SystemExit("The Go program in benches/peers does not compile; it needs Go 1.19 or newer.")
    return program
