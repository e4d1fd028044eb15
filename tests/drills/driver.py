"""Makes many pushes side by side with push.py: the lines of a file in, a line for each conclusion out."""

import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

folder, file, at_once = sys.argv[1:]
sys.path.insert(0, folder)
from push import push  # noqa: E402


def drive(line):
    url, case, body, token, key, timeout, give_up = line.split("\t")
    end = push(url, case, Path(body).read_bytes(), token or None, key or None, float(timeout), float(give_up))
    return "\t".join([case, *map(str, end)])


logging.disable()
with ThreadPoolExecutor(int(at_once)) as pool:
    for line in pool.map(drive, Path(file).read_text().splitlines()):
        print(line)
