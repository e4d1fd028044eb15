"""Draws benches/growth.svg: two panels with logarithmic axes, readable on light and on dark pages."""

import math

WIDTH, HEIGHT = 920, 440
TOP, BOTTOM, PANEL = 96, 360, 360
LEFTS = [70, 520]
SERIES = [("300 B, plain HTTP", "300 B", False, "#0b6e99"), ("30 kB, plain HTTP", "30 kB", False, "#b3541e"),
          ("300 B, TLS to the gateway", "300 B", True, "#5b3a9e")]


def draw(rows, path):
    """Writes the chart of the rows with one worker."""
    rows = [row for row in rows if row["workers"] == 1 and not row["keyed"]]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-size="13"'
        ' font-family="system-ui, sans-serif" fill="#222">',
        "<title>CPU time and memory of the bridge per push, against pushes in flight</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(WIDTH / 2, 28, "How the bridge's cost grows with pushes in flight", "middle", 17),
    ]
    for place, (name, _, _, colour) in enumerate(SERIES):
        x = 180 + place * 210
        parts.append(f'<line x1="{x}" y1="50" x2="{x + 24}" y2="50" stroke="{colour}" stroke-width="3"/>')
        parts.append(text(x + 30, 54, name))
    parts += panel(rows, LEFTS[0], "CPU per push (µs)", "cpu_us")
    parts += panel(rows, LEFTS[1], "memory per push in flight (kB)", "kb_per_push")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(parts) + "\n</svg>\n")


def panel(rows, left, title, key):
    """One panel: frame, axes, and a line for each series."""
    rows = [row for row in rows if row[key] is not None and row[key] > 0]
    counts = sorted({row["in_flight"] for row in rows})
    ticks = one_two_five(min(row[key] for row in rows), max(row[key] for row in rows))
    across = scale(1, counts[-1], left + 16, left + PANEL - 16)
    up = scale(ticks[0], ticks[-1], BOTTOM, TOP)
    parts = [text(left, TOP - 14, title, size=14)]
    for tick in ticks:
        parts.append(f'<line x1="{left}" y1="{up(tick):.1f}" x2="{left + PANEL}" y2="{up(tick):.1f}" stroke="#ddd"/>')
        parts.append(text(left - 8, up(tick) + 4, f"{tick:,g}", "end"))
    for count in counts:
        x = across(count)
        parts.append(f'<line x1="{x:.1f}" y1="{BOTTOM}" x2="{x:.1f}" y2="{BOTTOM + 5}" stroke="#222"/>')
        parts.append(text(x, BOTTOM + 20, f"{count:,}", "middle"))
    parts.append(f'<line x1="{left}" y1="{BOTTOM}" x2="{left + PANEL}" y2="{BOTTOM}" stroke="#222"/>')
    parts.append(text(left + PANEL / 2, BOTTOM + 44, "pushes in flight (logarithmic)", "middle"))
    for name, body, tls, colour in SERIES:
        points = [(across(row["in_flight"]), up(row[key])) for row in rows if (row["body"], row["tls"]) == (body, tls)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
    return parts


def scale(low, high, start, end):
    """A logarithmic scale from values to pixels."""
    return lambda value: start + (end - start) * math.log(value / low) / math.log(high / low)


def one_two_five(low, high):
    """Ticks 1, 2, 5, 10 … that enclose a range."""
    ticks = [step * 10.0**power for power in range(-2, 7) for step in (1, 2, 5)]
    first = max(index for index, tick in enumerate(ticks) if tick <= low)
    last = min(index for index, tick in enumerate(ticks) if tick >= high)
    return ticks[first:max(last, first + 1) + 1]


def text(x, y, words, anchor="start", size=13):
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{words}</text>'
