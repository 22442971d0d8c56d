"""Charts as SVG.

They are drawn here, not by the script, so that print and readers without script have them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

from gramax.render.number_text import tick_text

if TYPE_CHECKING:
    from gramax.decide.decision import Chart, Line

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 20, 34
BASE = HEIGHT - BOTTOM
"""Where the horizontal axis stands."""

MAX_DOTS = 64
"""Points of a line up to which each of them tells its number."""


def even_ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2, 5 or 10 times a power of ten: three to eight of them.

    Example:
        >>> even_ticks(0.0, 0.9), even_ticks(0, 45)
        ([0.0, 0.2, 0.4, 0.6, 0.8], [0.0, 10.0, 20.0, 30.0, 40.0])
    """
    power = 10.0 ** math.floor(math.log10((high - low) / 5))
    for step in (10 * power, 5 * power, 2 * power, power):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first >= 2:
            break
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, fewer where there are many of them; 1, 2 and 5 times those of few.

    Example:
        >>> log_ticks(1, 64), log_ticks(1e-8, 0.2)
        ([1.0, 2.0, 5.0, 10.0, 20.0, 50.0], [1e-08, 1e-06, 0.0001, 0.01])
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for multiples in ((1,), (1, 2, 5)):
        ticks = [float(f"{m}e{k}") for k in powers for m in multiples]
        found = [tick for tick in ticks if low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9)]
        if len(found) > 2:
            return found[:: 1 + (len(found) - 1) // 6]
    return even_ticks(low, high)


class Frame:
    """A plot area with scales; collects the parts of the drawing."""

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], x_log: bool = False, y_log=False
    ):
        """`x` and `y` are the ends of the axes, in the units of what is drawn."""
        self._x, self._y, self._logs = x, y, (x_log, y_log)
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        """Where a value stands across."""
        return LEFT + _share(value, self._x, self._logs[0]) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        """Where a value stands, from the top."""
        return BASE - _share(value, self._y, self._logs[1]) * (BASE - TOP)

    def path(self, kind: str, xs: Iterable[Any], ys: Iterable[Any]) -> None:
        """A line through points, broken where a `y` is undefined."""
        drawn, pen = "", "M"
        for a, b in zip(xs, ys, strict=True):
            drawn += f"{pen}{self.x(a):.1f} {self.y(b):.1f}" if math.isfinite(b) else ""
            pen = "L" if math.isfinite(b) else "M"
        self.parts.append(f'<path class="{kind}" d="{drawn}"/>')

    def dot(self, x: float, y: float, told: str) -> None:
        """A point that tells its value to a pointer."""
        self.parts.append(
            f'<circle class="dot" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3">'
            f"<title>{escape(told)}</title></circle>"
        )

    def words(self, kind: str, x: float, y: float, text: str, anchor: str = "start") -> None:
        """Text at a place of the drawing."""
        self.parts.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
        )

    def value_ticks(self, values: Sequence[float]) -> None:
        """Lines across at these values, and the axis below."""
        self.parts.append(f'<path class="axis" d="M{LEFT} {BASE}H{WIDTH - RIGHT}"/>')
        for value in values:
            y = self.y(value)
            self.parts.append(f'<path class="axis" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            self.words("tick", LEFT - 6, y + 4, tick_text(value), "end")

    def names(self, x_name: str, y_name: str, ticks: Sequence[float]) -> None:
        """The names of the axes, and ticks of the horizontal one."""
        for value in ticks:
            self.parts.append(f'<path class="axis" d="M{self.x(value):.1f} {BASE}v4"/>')
            self.words("tick", self.x(value), BASE + 16, tick_text(value), "middle")
        self.words("tick", WIDTH - RIGHT, BASE + 31, x_name, "end")
        self.words("tick", 0, 11, y_name)

    def drawing(self, label: str) -> Markup:
        """The SVG; what `label` says is heard in its place."""
        return Markup(  # of numbers, fixed words and escaped text
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">'
            f"{''.join(self.parts)}</svg>"
        )


def _share(value: float, ends: tuple[float, float], log: bool) -> float:
    low, high = ends
    if log:
        low, high, value = (math.log10(v) for v in (low, high, value))
    return (value - low) / (high - low)


def line_chart(chart: Chart) -> Markup:
    """Lines over one axis with the bands of their intervals; the page has the legend."""
    (left, right), (low, high) = _ends(chart)
    frame = Frame((left, right), (low, high), chart.x_log, chart.y_log)
    frame.value_ticks(log_ticks(low, high) if chart.y_log else even_ticks(low, high))
    ticks = log_ticks(left, right) if chart.x_log else even_ticks(left, right)
    if chart.names:
        ticks = []
        step = math.ceil(len(chart.names) / 8)
        for k in range(0, len(chart.names), step):
            frame.words("tick", frame.x(k), BASE + 16, str(escape(chart.names[k])), "middle")
    logs = (", log scale" if log else "" for log in (chart.x_log, chart.y_log))
    x_name, y_name = (a + b for a, b in zip((chart.x_name, chart.y_name), logs, strict=True))
    frame.names(str(escape(x_name)), str(escape(y_name)), ticks)
    if chart.bars is not None:
        _bars(frame, *chart.bars)
    for at, word in chart.marks:
        frame.path("limit", [at, at], [low, high])
        right_half = frame.x(at) > WIDTH / 2
        side, anchor = (-4, "end") if right_half else (4, "start")
        frame.words("said l", frame.x(at) + side, TOP + 4, str(escape(word)), anchor)
    for k, line in enumerate(chart.lines):
        frame.parts.append(f'<g class="ink{k}">')  # the legend has the same colours
        _band(frame, line)
        frame.path("dashed" if line.dashed else "line", line.x, line.y)
        if line.dashed:
            _named(frame, line)
        few = len(line.x) <= MAX_DOTS and not line.dashed
        for x, y in zip(line.x, line.y, strict=True) if few else ():
            if math.isfinite(y):
                at = chart.names[int(x)] if chart.names else tick_text(float(x))
                frame.dot(float(x), float(y), f"{line.name}, {at}: {y:.4g}")
        frame.parts.append("</g>")
    return frame.drawing(str(escape(chart.title)))


def _ends(chart: Chart) -> tuple[tuple[float, float], tuple[float, float]]:
    """The ends of both axes, with room above, and below where no bars stand on the axis."""
    xs = [line.x for line in chart.lines]
    parts = ((line.y, line.low, line.high) for line in chart.lines)
    ys = [part for line in parts for part in line if part is not None]
    if chart.bars is not None:
        xs, ys = [*xs, chart.bars[0]], [*ys, chart.bars[1], [0.5 if chart.y_log else 0.0]]
    x, y = np.concatenate(xs), np.concatenate(ys)
    y = y[np.isfinite(y) & ((y > 0) | (not chart.y_log))]
    low, high = (float(y.min()), float(y.max())) if len(y) else (1.0, 1.0)
    if chart.y_log:
        below, above = low / 1.2, high * max(1.2, (high / low) ** 0.12)
    else:
        margin = 0.06 * (high - low) or 0.5
        below, above = low - margin, high + margin
    left, right = float(x.min()), float(x.max())
    right = right if right > left else left + 1
    return (left, right), (below if chart.bars is None else low, above)


def _bars(frame: Frame, edges: np.ndarray, heights: np.ndarray) -> None:
    """The bars of a histogram, with a thin gap between them."""
    drawn = "".join(
        f"M{left + 0.4:.1f} {BASE}V{frame.y(height):.1f}H{right - 0.4:.1f}V{BASE}Z"
        for (left, right), height in zip(pairwise(map(frame.x, edges)), heights, strict=True)
        if height
    )
    frame.parts.append(f'<path class="bars" d="{drawn}"/>')


def _named(frame: Frame, line: Line) -> None:
    """The name of a dashed line, which no legend has, above where it is highest."""
    top = int(np.nanargmax(line.y))
    x, y = frame.x(float(line.x[top])), frame.y(float(line.y[top]))
    anchor = "start" if x < WIDTH / 3 else "end" if x > 2 * WIDTH / 3 else "middle"
    frame.words("said", x + 4 * (anchor == "start"), y - 5, str(escape(line.name)), anchor)


def _band(frame: Frame, line: Line) -> None:
    """The interval around a line, where it has one."""
    if line.low is None or line.high is None:
        return
    there = np.isfinite(line.low) & np.isfinite(line.high)
    across = [*line.x[there], *line.x[there][::-1]]
    ends = [*line.high[there], *line.low[there][::-1]]
    points = "L".join(
        f"{frame.x(float(x)):.1f} {frame.y(float(y)):.1f}"
        for x, y in zip(across, ends, strict=True)
    )
    frame.parts.append(f'<path class="band" d="M{points}Z"/>')
