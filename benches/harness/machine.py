"""The machine: checks that it can run the benchmark, and describes it."""

import datetime
import os
import platform
import resource
import shutil
import subprocess
import sys
import time

PACKAGES = {"nginx": "nginx", "wrk": "wrk", "go": "golang-go", "openssl": "openssl", "haproxy": "haproxy",
            "redis-server": "redis-server"}


def find(tool):
    """The path of a tool; nginx lies in sbin, which is not on everybody's PATH."""
    return shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin")


def require(tools, bridge):
    """Exits with a remedy if a tool, the bridge or a core is missing."""
    missing = [PACKAGES[tool] for tool in tools if not find(tool)]
    if missing:
        sys.exit(f"Missing here; on Debian or Ubuntu install it with: sudo apt-get install {' '.join(missing)}")
    if not os.access(bridge, os.X_OK):
        sys.exit(f"There is no bridge at {bridge}; build it with: cargo build --release --locked")
    if len(os.sched_getaffinity(0)) < 2:
        sys.exit("This needs 2 processor cores: one for what is measured, one for everything else.")


def busy_percent():
    """The share of the processors that other processes use now, with a warning if it distorts figures."""
    def ticks():
        with open("/proc/stat", encoding="ascii") as lines:
            numbers = [int(number) for number in lines.readline().split()[1:9]]
        return sum(numbers), numbers[3] + numbers[4]

    first = ticks()
    time.sleep(1)
    last = ticks()
    busy = 100 - 100 * (last[1] - first[1]) / max(last[0] - first[0], 1)
    if busy > 5:
        print(f"The machine is {busy:.0f} % busy with other things; expect worse figures than it can do.", file=sys.stderr)
    return round(busy, 1)


def raise_file_limit(wanted):
    """Allows this process and its children this many open files, as far as that is permitted."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    if limit < wanted:
        print(f"Only {limit} open files are allowed; raise the limit with: ulimit -Hn {wanted}", file=sys.stderr)


def describe(bridge):
    """The description of the machine for readers of the figures."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "bridge": first_line([bridge, "--version"]),
        "nginx": first_line([find("nginx"), "-v"]),
        "go": first_line([find("go"), "version"]),
        "wrk": first_line([find("wrk"), "-v"]) if find("wrk") else "none",
    }


def cpu_model():
    """The name of the processor."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def first_line(command):
    """The version of a tool."""
    said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    return said.splitlines()[0].split(" Copyright")[0].strip() if said else "unknown"
