"""Makes many pushes side by side with push.py: a line of input for each push, a line of output for each conclusion."""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

folder, at_once = sys.argv[1:]
sys.path.insert(0, folder)
from push import push  # noqa: E402


def drive(line):
    url, case, body, token, key, timeout, give_up = line.split("\t")
    end = push(url, case, Path(body).read_bytes(), token or None, key or None, float(timeout), float(give_up))
    sys.stdout.write("\t".join([case, *map(str, end)]) + "\n")


logging.disable()
with ThreadPoolExecutor(int(at_once)) as pool:
    for line in sys.stdin:
        pool.submit(drive, line.rstrip("\n"))
