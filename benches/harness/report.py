"""Results: as JSON next to the sources, and as one Markdown table on standard output."""

import json
import os

BENCHES = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def save(mode, machine, options, rows):
    """Writes benches/results/{mode}.json."""
    folder = os.path.join(BENCHES, "results")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, mode + ".json"), "w", encoding="utf-8") as file:
        json.dump({"mode": mode, "machine": machine, "options": options, "rows": rows}, file, indent=2, ensure_ascii=False)
        file.write("\n")


def table(columns, rows):
    """Prints a Markdown table: `columns` are pairs of a heading and a function for the cell of a row; all but text right-aligned."""
    print("| " + " | ".join(heading for heading, _ in columns) + " |")
    print("| --- |" + " ---: |" * (len(columns) - 1))
    for row in rows:
        print("| " + " | ".join(cell(row) for _, cell in columns) + " |", flush=True)


def number(value, digits=1):
    """A number for people, or a dash if there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"
