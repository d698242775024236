#!/usr/bin/env python3
"""Draws docs/pictures/dashboard.svg, a map of the dashboard: its rows and panels, where they stand. With --check, only says whether it is up to date.

It shows no data: what a panel looks like with some is for Grafana to draw.
"""

import json
import pathlib
import sys
import textwrap
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parents[1]
DASHBOARD = ROOT / "charts/kafka-eventhubs-bridge/files/dashboard.json"
PICTURE = ROOT / "docs/pictures/dashboard.svg"
# Pixels of a column and of a line of Grafana's grid, which has 24 columns; between panels; of a letter and between lines of text.
COLUMN, LINE, GAP, LETTER, TEXT = 40, 10, 4, 6.4, 14
STYLE = """
    .page { fill: #f6f8fa } .panel { fill: #ffffff; stroke: #d0d7de } .mark { fill: none; stroke: #8c959f; stroke-width: 1.5 }
    text { font: 11px sans-serif; fill: #1f2328 } .row { font-weight: bold }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117 } .panel { fill: #161b22; stroke: #30363d } .mark { stroke: #8b949e } text { fill: #e6edf3 }
    }
"""


def mark(kind, x, y, width, height):
    """What kind of panel it is: a curve, or the lines of a table. A number needs none."""
    if kind == "timeseries":
        steps = [0.6, 0.5, 0.55, 0.3, 0.35, 0.2, 0.4, 0.3, 0.45]
        points = " ".join(f"{x + width * n / (len(steps) - 1):.0f},{y + height * step:.0f}" for n, step in enumerate(steps))
        return f'<polyline class="mark" points="{points}"/>'
    if kind == "table":
        lines = range(int(y), int(y + height), 10)
        return "".join(f'<path class="mark" d="M{x:.0f} {line} h{width:.0f}"/>' for line in lines)
    return ""


def drawn(panel):
    """A panel, or the title of a row."""
    grid = panel["gridPos"]
    x, y = grid["x"] * COLUMN, grid["y"] * LINE
    width, height = grid["w"] * COLUMN - GAP, grid["h"] * LINE - GAP
    if panel["type"] == "row":
        return f'<text class="row" x="{x + GAP}" y="{y + LINE - 2}">{escape(panel["title"])}</text>'
    said = textwrap.wrap(panel["title"], int((width - 12) / LETTER))
    text = "".join(f'<text x="{x + 6}" y="{y + TEXT * (n + 1)}">{escape(line)}</text>' for n, line in enumerate(said))
    below = y + TEXT * len(said) + 10
    body = mark(panel["type"], x + 8, below, width - 16, y + height - 4 - below)
    return f'<rect class="panel" x="{x}" y="{y}" width="{width}" height="{height}" rx="3"/>{text}{body}'


def picture():
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    width, height = 24 * COLUMN, max(it["gridPos"]["y"] + it["gridPos"]["h"] for it in panels) * LINE
    size = f'viewBox="{-GAP} {-GAP} {width + GAP} {height + 2 * GAP}" width="{width + GAP}" height="{height + 2 * GAP}"'
    page = f'<rect class="page" x="{-GAP}" y="{-GAP}" width="100%" height="100%"/>'
    lines = [f"<style>{STYLE}</style>", f"<title>{escape(dashboard['title'])}</title>", page, *map(drawn, panels)]
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n' + "\n".join(lines) + "\n</svg>\n"


def main():
    new = picture()
    if PICTURE.exists() and PICTURE.read_text() == new:
        return
    if "--check" in sys.argv:
        sys.exit(f"{PICTURE.name} is not what the dashboard says: run `make chart-docs`")
    PICTURE.write_text(new)


if __name__ == "__main__":
    main()
