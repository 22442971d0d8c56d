"""Charts as SVG: the spectrum, cosines against their floor, the lines of a decision.

They are drawn here, not by the script, so that print and readers without script have them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup, escape

from gramax.render.number_text import tick_text

if TYPE_CHECKING:
    from gramax.audits.portrait import Histogram, Scree
    from gramax.decide.decision import Chart, Line

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 20, 34
BASE = HEIGHT - BOTTOM
"""Where the horizontal axis stands."""


def even_ticks(low: float, high: float) -> list[float]:
    """Three to six multiples of 1, 2 or 5 times a power of ten.

    Example:
        >>> even_ticks(0.0, 0.9), even_ticks(0, 45)
        ([0.0, 0.2, 0.4, 0.6, 0.8], [0.0, 10.0, 20.0, 30.0, 40.0])
    """
    power = 10.0 ** math.floor(math.log10((high - low) / 5))
    step = power * next(m for m in (1, 2, 5, 10) if m * power * 5 >= (high - low) * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
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

    def path(self, kind: str, xs: Iterable[Any], ys: Iterable[Any], colour: str = "") -> None:
        """A line through points, broken where a `y` is undefined."""
        drawn, pen = "", "M"
        for a, b in zip(xs, ys, strict=True):
            drawn += f"{pen}{self.x(a):.1f} {self.y(b):.1f}" if math.isfinite(b) else ""
            pen = "L" if math.isfinite(b) else "M"
        stroke = f' stroke="{colour}"' if colour else ""
        self.parts.append(f'<path class="{kind}" d="{drawn}"{stroke}/>')

    def dot(self, x: float, y: float, told: str, colour: str = "") -> None:
        """A point that tells its value to a pointer."""
        fill = f' fill="{colour}"' if colour else ""
        self.parts.append(
            f'<circle class="dot" cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3"{fill}>'
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


def scree_chart(scree: Scree, codes: int) -> Markup:
    """The share of the variance along each axis; `codes` > 1 marks the c-1 that classes need."""
    top = max(scree.share[0], scree.chance[0])
    low = max(min(scree.share[-1], scree.chance[-1]), 1e-7 * top)
    bottom = 10.0 ** math.floor(math.log10(low))
    last = int(scree.index[-1])
    log = last > 32
    ends = 1, max(last, 2)
    frame = Frame(ends, (bottom, top * (top / bottom) ** 0.12), log, True)
    frame.value_ticks(log_ticks(bottom, top))
    if log:
        ticks = log_ticks(1, last)
    elif last <= 6:
        ticks = list(map(float, range(1, last + 1)))
    else:
        round_ones = (tick for tick in even_ticks(0, last) if tick == int(tick))
        ticks = [1.0, *(tick for tick in round_ones if tick > 0.08 * last + 1)]
    frame.names("axis, log scale" if log else "axis", "share, log scale", ticks)
    if 1 < codes - 1 < last:
        frame.path("limit", [codes - 1] * 2, [bottom, top])
        side, anchor = (-5, "end") if _share(codes - 1, ends, log) > 0.6 else (5, "start")
        text = f"{codes - 1} = classes − 1"  # low, where no other text stands
        frame.words("said l", frame.x(codes - 1) + side, BASE - 24, text, anchor)
    by_luck, seen = scree.chance >= bottom, scree.share >= bottom
    frame.path("byluck", scree.index[by_luck], scree.chance[by_luck])
    frame.path("seen", scree.index[seen], scree.share[seen])
    if last <= 64:
        for index, share in zip(scree.index[seen], scree.share[seen], strict=True):
            frame.dot(index, share, f"axis {index}: {share:.3g} of the variance")
    if beyond := last - int(scree.index[seen][-1]):
        text = f"{beyond:,} more below {tick_text(bottom)}"
        frame.words("said a", WIDTH - RIGHT - 4, BASE - 7, text, "end")
    above = scree.share[0] > scree.chance[0]
    frame.words("said c", LEFT + 8, frame.y(scree.chance[0]) + (16 if above else -8), "chance")
    frame.words("said a", LEFT + 8, frame.y(scree.share[0]) + (-8 if above else 18), "these rows")
    return frame.drawing("Share of the variance along each principal axis, beside that of chance")


def cosine_chart(histogram: Histogram, floor: float, simplex: float | None) -> Markup:
    """Counts of pairs by cosine (on a logarithmic scale for many pairs), with chance and limits."""
    limit, many = float(histogram.edges[-1]), int(histogram.counts.sum()) > 500
    chance = histogram.chance if histogram.chance is not None else np.zeros(1)
    most, low = float(max(histogram.counts.max(), chance.max())), 0.5 if many else 0.0
    top = most * (most / low) ** 0.1 if many else 1.12 * most
    frame = Frame((-limit, limit), (low, top), y_log=many)
    frame.value_ticks(log_ticks(1, most) if many else even_ticks(0, top))
    unit = 10.0 ** math.floor(math.log10(max(limit / 2.5, 1e-9)))
    step = next(m for m in (5, 2, 1) if m * unit <= limit / 2.5 * 1.0001) * unit
    ticks = np.arange(-math.floor(limit / step), math.floor(limit / step) + 1) * step
    frame.names("cosine", "pairs, log scale" if many else "pairs", ticks.round(6).tolist())
    width = (WIDTH - LEFT - RIGHT) / len(histogram.counts)
    bars = "".join(
        f"M{LEFT + i * width + 0.4:.1f} {BASE}V{frame.y(count):.1f}h{width - 0.8:.1f}V{BASE}Z"
        for i, count in enumerate(histogram.counts)
        if count
    )
    frame.parts.append(f'<path class="bars" d="{bars}"/>')
    if histogram.chance is not None:
        middles = (histogram.edges[1:] + histogram.edges[:-1]) / 2
        frame.path("byluck", middles, np.where(chance >= low, chance, np.nan))
        peak = float(chance.max())
        shoulder = min(peak, math.sqrt(low * peak)) if many else peak / 2
        at = np.flatnonzero(chance >= shoulder)[-1]
        x, y = frame.x(float(middles[at])), frame.y(max(float(chance[at]), low))
        frame.words("said c", x + 8, y - 4, "chance")
    # Dotted lines at the floor of the worst pair, or at the one cosine of a simplex.
    marks = [(floor, f"floor ±{floor:.2g}"), (-floor, "")] if floor > 0 else []
    if simplex is not None:
        marks = [(simplex, f"simplex {simplex:.2g}".replace("-", "−"))]
    for at, text in (mark for mark in marks if abs(mark[0]) <= limit):
        frame.path("limit", [at, at], [low, top])
        left = at > 0.55 * limit or simplex is not None
        side, anchor = (-4, "end") if left else (4, "start")
        frame.words("said l", frame.x(at) + side, TOP + 4, text, anchor)
    return frame.drawing("How many pairs have which cosine, beside random directions")


def line_chart(chart: Chart) -> Markup:
    """Lines over one axis with the bands of their intervals; the page has the legend."""
    every = [line.y for line in chart.lines]
    every += [end for line in chart.lines for end in (line.low, line.high) if end is not None]
    ys, xs = np.concatenate(every), np.concatenate([line.x for line in chart.lines])
    ys = ys[np.isfinite(ys) & ((ys > 0) | (not chart.y_log))]
    if not len(ys):
        ys = np.array([1.0])
    low, high = float(ys.min()), float(ys.max())
    if chart.y_log:
        low, high = low / 1.2, high * 1.2
    else:
        margin = 0.06 * (high - low) or 0.5
        low, high = low - margin, high + margin
    left, right = float(xs.min()), float(xs.max())
    right = right if right > left else left + 1
    frame = Frame((left, right), (low, high), chart.x_log, chart.y_log)
    frame.value_ticks(log_ticks(low, high) if chart.y_log else even_ticks(low, high))
    ticks = log_ticks(left, right) if chart.x_log else even_ticks(left, right)
    if chart.names:
        ticks = []
        step = math.ceil(len(chart.names) / 8)
        for k in range(0, len(chart.names), step):
            frame.words("tick", frame.x(k), BASE + 16, str(escape(chart.names[k])), "middle")
    frame.names(str(escape(chart.x_name)), str(escape(chart.y_name)), ticks)
    for at, word in chart.marks:
        frame.path("limit", [at, at], [low, high])
        right_half = frame.x(at) > WIDTH / 2
        side, anchor = (-4, "end") if right_half else (4, "start")
        frame.words("said l", frame.x(at) + side, TOP + 4, str(escape(word)), anchor)
    for k, line in enumerate(chart.lines):
        frame.parts.append(f'<g class="ink{k}">')  # the legend has the same colours
        _band(frame, line)
        frame.path("line", line.x, line.y)
        for x, y in zip(line.x, line.y, strict=True):
            if len(line.x) <= 40 and math.isfinite(y):
                at = chart.names[int(x)] if chart.names else tick_text(float(x))
                frame.dot(float(x), float(y), f"{line.name}, {at}: {y:.4g}", "currentColor")
        frame.parts.append("</g>")
    return frame.drawing(str(escape(chart.title)))


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
