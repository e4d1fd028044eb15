"""Network namespaces, and links between them that lose, delay, duplicate and reorder packets, or go silent.

A link is a TUN device in each of two namespaces and a process that passes packets from one to the other.
"""

import collections
import contextlib
import ctypes
import fcntl
import heapq
import multiprocessing
import os
import random
import select
import signal
import struct
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PREFIX = "drill-"  # the process's id follows
CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
LIBC = ctypes.CDLL(None, use_errno=True)
THERE, BACK = 0, 1  # the ways of a link: from its first end to its second, and back


class NotPossible(Exception):
    """This machine or user cannot have namespaces or TUN devices."""


def ip(*words):
    try:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise NotPossible("the program `ip` is not installed") from error
    except subprocess.CalledProcessError as error:
        raise NotPossible(f"`ip {' '.join(words)}` says: {error.stderr.strip()}") from error


def remove_leftovers():
    """Deletes the namespaces of earlier drills that were killed. Their processes have died with them."""
    for path in Path("/run/netns").glob(f"{PREFIX}*"):
        if not Path("/proc", path.name.removeprefix(PREFIX).split("-")[0]).exists():
            ip("netns", "delete", path.name)


class Namespace:
    """A network namespace that this process has made."""

    def __init__(self, role):
        self.name = f"{PREFIX}{os.getpid()}-{role}"
        ip("netns", "add", self.name)
        ip("-n", self.name, "link", "set", "lo", "up")

    def command(self, *words):
        """The command that runs `words` in here, and dies with this process."""
        return ["ip", "netns", "exec", self.name, "setpriv", "--pdeathsig", "KILL", *map(str, words)]

    def enter(self):
        """Moves the calling thread, and the threads that it starts from now on, in here."""
        with open(f"/run/netns/{self.name}") as namespace:
            set_namespace(namespace)

    @contextlib.contextmanager
    def entered(self):
        with open("/proc/thread-self/ns/net") as before:
            self.enter()
            try:
                yield
            finally:
                set_namespace(before)

    def close(self):
        ip("netns", "delete", self.name)


def set_namespace(file):
    if LIBC.setns(file.fileno(), CLONE_NEWNET):
        raise NotPossible(f"setns: {os.strerror(ctypes.get_errno())}")


@dataclass(frozen=True)
class Faults:
    """What a link does to packets. Shares are between 0 and 1, times in seconds."""

    loss: float = 0
    duplication: float = 0
    reordering: float = 0  # the share that is held back so that later packets overtake it
    delay: float = 0
    jitter: float = 0
    period: float = 0  # of silences; each period ends with one
    silence: float = 0
    one_way: bool = False  # silent only on the way back

    HELD_BACK = 0.01, 0.03

    def is_silent(self, way, elapsed):
        return self.silence > 0 and (way == BACK or not self.one_way) and \
            elapsed % self.period >= self.period - self.silence

    def not_shown(self, counts):
        """The faults that must show in so many packets, but did not."""
        enough = 20  # so many are expected that none at all is no chance
        expected = {"lost": self.loss, "doubled": self.duplication, "overtaken": self.reordering,
                    "delayed": float(self.delay > 0), "silenced": float(self.silence > 0)}
        return [fault for fault, share in expected.items()
                if counts["packets"] * share > enough and not counts[fault]]


class Link:
    """A link between two namespaces, with addresses that end in 1 and 2."""

    def __init__(self, name, namespaces, network, seed):
        self.name, self.namespaces = name, namespaces
        self.addresses = [f"{network}.1", f"{network}.2"]
        ends = []
        try:
            for namespace, address in zip(namespaces, self.addresses):
                ends.append(open_tunnel(namespace, name, address))
            self.control, remote = multiprocessing.Pipe()
            forwarder = Forwarder(ends, remote, seed)
            self.process = multiprocessing.Process(target=forwarder.run, args=(self.control,), daemon=True)
            self.process.start()
            remote.close()
        finally:
            for end in ends:
                os.close(end)

    def set(self, faults):
        """Sets the faults, and returns the counts of packets since they were last set."""
        self.control.send(faults)
        return self.control.recv()

    def cut(self, seconds):
        """Takes the first end down for a while, as if its cable was pulled."""
        ip("-n", self.namespaces[0].name, "link", "set", self.name, "down")
        time.sleep(seconds)
        ip("-n", self.namespaces[0].name, "link", "set", self.name, "up")

    def close(self):
        self.control.close()
        self.process.join()


def open_tunnel(namespace, name, address):
    """Makes a TUN device in a namespace, and returns the descriptor at which its packets come out and go in."""
    try:
        with namespace.entered():
            end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    except OSError as error:
        raise NotPossible(f"a TUN device cannot be made: {error}") from error
    # A queue so long that only the forwarder drops packets.
    ip("-n", namespace.name, "link", "set", name, "mtu", "1500", "txqueuelen", "10000", "up")
    ip("-n", namespace.name, "address", "add", f"{address}/24", "dev", name)
    return end


class Forwarder:
    """Passes packets between the two ends of a link, until the other side of `control` is closed."""

    def __init__(self, ends, control, seed):
        self.ends, self.control, self.chance = ends, control, random.Random(seed)
        self.waiting = []  # a heap of (time, number, way, packet)
        self.number, self.passed = 0, [0, 0]
        self.set(Faults())

    def set(self, faults):
        self.faults, self.begun, self.counts = faults, time.monotonic(), collections.Counter()

    def run(self, others_end):
        others_end.close()  # else it is not closed when the drill ends
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with contextlib.suppress(EOFError):
            while True:
                pause = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
                ready, _, _ = select.select([self.control, *self.ends], [], [], pause)
                if self.control in ready:
                    faults, counts = self.control.recv(), self.counts
                    self.set(faults)
                    self.control.send(counts)
                for way in (THERE, BACK):
                    if self.ends[way] in ready:
                        self.receive(way)
                while self.waiting and self.waiting[0][0] <= time.monotonic():
                    self.deliver(*heapq.heappop(self.waiting)[1:])

    def receive(self, way):
        """Reads the packets that wait at one end, and decides when each of them arrives, if at all."""
        for _ in range(100):
            try:
                packet = os.read(self.ends[way], 2048)
            except OSError:
                return  # there is none
            if packet[0] >> 4 != 4:
                continue  # the kernel looks for IPv6 routers
            self.counts["packets"] += 1
            now = time.monotonic()
            if self.faults.is_silent(way, now - self.begun):
                self.counts["silenced"] += 1
                continue
            if self.chance.random() < self.faults.loss:
                self.counts["lost"] += 1
                continue
            self.send(way, packet, now)
            if self.chance.random() < self.faults.duplication:
                self.counts["doubled"] += 1
                self.send(way, packet, now)

    def send(self, way, packet, now):
        wait = self.faults.delay + self.faults.jitter * self.chance.uniform(-1, 1)
        if self.chance.random() < self.faults.reordering:
            wait += self.chance.uniform(*Faults.HELD_BACK)
        self.counts["delayed"] += wait > 0
        self.number += 1
        heapq.heappush(self.waiting, (now + wait, self.number, way, packet))

    def deliver(self, number, way, packet):
        self.counts["overtaken"] += number < self.passed[way]
        self.passed[way] = max(self.passed[way], number)
        try:
            os.write(self.ends[1 - way], packet)
        except OSError:
            self.counts["cut off"] += 1  # that end is down
