"""Draws the figures of a long day: chart.py FOLDER SVG_FILE. Needs matplotlib from PyPI."""

import csv
import sys
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "long day", "font.family": "sans-serif", "font.size": 9})
from matplotlib import pyplot  # noqa: E402

NAMES = {"A": "restarted; its log unread for a while", "B": "restarted", "C": "never restarted"}
PANELS = [("memory_kb", "memory, MB", 1024), ("descriptors", "open descriptors", 1), ("threads", "threads", 1)]


def read(file):
    with open(file) as rows:
        return list(csv.DictReader(rows))


def main(folder, target):
    samples, windows = read(folder / "samples.csv"), read(folder / "windows.csv")
    figure, axes = pyplot.subplots(4, 1, figsize=(9, 10), sharex=True, constrained_layout=True)
    for axis, (field, title, unit) in zip(axes, PANELS):
        for bridge, name in NAMES.items():
            rows = [row for row in samples if row["bridge"] == bridge]
            axis.plot([int(row["second"]) / 60 for row in rows], [int(row[field]) / unit for row in rows], label=name, lw=1)
        axis.set_title(title, loc="left")
    axes[0].legend(ncols=3, fontsize=8)
    for quantile in ("p50", "p90", "p99", "p99.9"):
        minutes = [int(row["minute"]) - int(windows[0]["minute"]) / 2 for row in windows]
        axes[3].plot(minutes, [float(row[quantile]) for row in windows], marker="o", ms=3, lw=1, label=quantile)
    axes[3].set_title("milliseconds to accepted, per window (the gateway takes 10, and now and then 1,400)", loc="left")
    axes[3].set_yscale("log")
    axes[3].legend(ncols=4, fontsize=8)
    axes[3].set_xlabel("minutes")
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.set_ylim(bottom=None if axis is axes[3] else 0)
    figure.savefig(target, metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
