"""Line charts as SVG."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 420, 280
"""Size of a chart, in pixels."""
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 34, 44
"""Margins of a chart around its axes."""
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Told apart by colour-blind people too (Okabe and Ito 2008)."""

Line = Sequence[tuple[float, float]]


class Chart(NamedTuple):
    """A chart with logarithmic axes.

    Args:
        title: Its title.
        x: What is on the horizontal axis.
        lines: The points of each line by its name, all of them positive.
    """

    title: str
    x: str
    lines: Mapping[str, Line]


def draw(charts: Sequence[Chart], *, columns: int = 2) -> str:
    """Charts beside each other as an SVG document, with one legend: the charts' lines have the same names.

    Args:
        charts: The charts.
        columns: Charts of a row.
    """
    names = list(dict.fromkeys(name for chart in charts for name in chart.lines))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    rows = math.ceil(len(charts) / columns)
    width, height = columns * WIDTH, rows * HEIGHT + 20 * len(names) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for i, chart in enumerate(charts):
        position = f"translate({i % columns * WIDTH} {i // columns * HEIGHT})"
        parts += [f'<g transform="{position}">', *draw_chart(chart, colours), "</g>"]
    for i, name in enumerate(names):
        y = rows * HEIGHT + 20 * i + 10
        parts.append(f'<rect x="{LEFT}" y="{y}" width="12" height="12" fill="{colours[name]}"/>')
        parts.append(text(LEFT + 18, y + 10, name))
    return "\n".join([*parts, "</svg>"]) + "\n"


def draw_chart(chart: Chart, colours: Mapping[str, str]) -> list[str]:
    points = [point for line in chart.lines.values() for point in line]
    x_axis = Axis.over([x for x, _ in points], LEFT, WIDTH - RIGHT)
    y_axis = Axis.over([y for _, y in points], HEIGHT - BOTTOM, TOP)
    parts = [text(LEFT, TOP - 14, chart.title, weight="bold")]
    for value in x_axis.ticks():
        x = x_axis.place(value)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(text(x, HEIGHT - BOTTOM + 16, f"{value:,.0f}", anchor="middle"))
    for value in y_axis.ticks():
        y = y_axis.place(value)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(text(LEFT - 6, y + 4, f"{value:,.0f}", anchor="end"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 34, chart.x, anchor="middle"))
    for name, line in chart.lines.items():
        places = [(x_axis.place(x), y_axis.place(y)) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colours[name]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colours[name]}"/>' for x, y in places]
    return parts


class Axis(NamedTuple):
    """A logarithmic axis, from one power of ten to another."""

    low: int
    high: int
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> "Axis":
        """An axis for values, between two places on the page."""
        logs = [math.log10(value) for value in values] or [0.0]
        low = math.floor(min(logs))
        return cls(low, max(low + 1, math.ceil(max(logs))), start, end)

    def place(self, value: float) -> float:
        """Where on the page a value is."""
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        return [float(10**power) for power in range(self.low, self.high + 1)]


def text(x: float, y: float, string: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(string)}</text>'
