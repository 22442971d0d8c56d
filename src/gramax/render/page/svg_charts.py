"""Charts as SVG: the spectrum against chance, cosines against their floor. Numbers only, no names.

They are drawn here, not by the script, so that print and readers without script have them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from gramax.render.axis_scales import even_ticks, log_ticks, root_ticks
from gramax.render.number_text import tick_text

if TYPE_CHECKING:
    from gramax.audits.portrait import Histogram, Scree

WIDTH, HEIGHT = 440, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 20, 34


class _Frame:
    """A plot area with scales; collects the parts of the drawing."""

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        x_log: bool = False,
        y_log: bool = False,
    ):
        self._x, self._y, self._logs = x, y, (x_log, y_log)
        self.parts: list[str] = []

    def x(self, value: float) -> float:
        return LEFT + _share(value, self._x, self._logs[0]) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - _share(value, self._y, self._logs[1]) * (HEIGHT - TOP - BOTTOM)

    def path(self, kind: str, xs: Iterable[Any], ys: Iterable[Any]) -> None:
        points = "L".join(f"{self.x(a):.1f} {self.y(b):.1f}" for a, b in zip(xs, ys, strict=True))
        self.parts.append(f'<path class="{kind}" d="M{points}"/>')

    def words(self, kind: str, x: float, y: float, text: str, anchor: str = "start") -> None:
        self.parts.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
        )

    def ticks(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        x_name: str,
        y_name: str,
        y_power: float = 1.0,
    ) -> None:
        base = HEIGHT - BOTTOM
        self.parts.append(f'<path class="axis" d="M{LEFT} {base}H{WIDTH - RIGHT}"/>')
        for value in xs:
            self.parts.append(f'<path class="axis" d="M{self.x(value):.1f} {base}v4"/>')
            self.words("tick", self.x(value), base + 16, tick_text(value), "middle")
        for value in ys:
            y = self.y(value**y_power)
            self.parts.append(f'<path class="axis" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            self.words("tick", LEFT - 6, y + 4, tick_text(value), "end")
        self.words("tick", WIDTH - RIGHT, base + 31, x_name, "end")
        self.words("tick", 0, 11, y_name)

    def drawing(self, label: str) -> Markup:
        return Markup(  # of numbers and fixed words alone
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
    frame = _Frame((1, max(last, 2)), (bottom, top * (top / bottom) ** 0.12), log, True)
    xs = log_ticks(1, last) if log else _counting(last)
    x_name = "axis, log scale" if log else "axis"
    frame.ticks(xs, log_ticks(bottom, top), x_name, "share, log scale")
    if 1 < codes - 1 < last:
        frame.path("limit", [codes - 1] * 2, [bottom, top])
        right = _share(codes - 1, (1, max(last, 2)), log) > 0.6
        side, anchor = (-5, "end") if right else (5, "start")
        text = f"{codes - 1} = classes − 1"  # low, where no other text stands
        frame.words("said l", frame.x(codes - 1) + side, HEIGHT - BOTTOM - 24, text, anchor)
    by_luck, seen = scree.chance >= bottom, scree.share >= bottom
    frame.path("byluck", scree.index[by_luck], scree.chance[by_luck])
    frame.path("seen", scree.index[seen], scree.share[seen])
    if last <= 64:
        for index, share in zip(scree.index[seen], scree.share[seen], strict=True):
            x, y = frame.x(index), frame.y(share)
            said = f"<title>axis {index}: {share:.3g} of the variance</title>"
            frame.parts.append(
                f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3">{said}</circle>'
            )
    if beyond := last - int(scree.index[seen][-1]):
        text = f"{beyond:,} more below {tick_text(bottom)}"
        frame.words("said a", WIDTH - RIGHT - 4, HEIGHT - BOTTOM - 7, text, "end")
    above = scree.share[0] > scree.chance[0]
    frame.words("said c", LEFT + 8, frame.y(scree.chance[0]) + (16 if above else -8), "chance")
    frame.words("said a", LEFT + 8, frame.y(scree.share[0]) + (-8 if above else 18), "these rows")
    return frame.drawing("Share of the variance along each principal axis, beside that of chance")


def _counting(last: int) -> list[float]:
    """The first axis, and round numbers of them."""
    if last <= 6:
        return [float(k) for k in range(1, last + 1)]
    ticks = [tick for tick in even_ticks(0, last) if tick == int(tick)]
    return [1.0, *(tick for tick in ticks if tick > 0.08 * last + 1)]


def cosine_chart(histogram: Histogram, floor: float, simplex: float | None) -> Markup:
    """Counts of pairs by cosine (square-root scale for many pairs), with chance and limits."""
    limit, pairs = float(histogram.edges[-1]), int(histogram.counts.sum())
    chance = histogram.chance if histogram.chance is not None else np.zeros(1)
    power = 0.5 if pairs > 500 else 1.0
    top = float(max(histogram.counts.max(), chance.max())) ** power * 1.12
    frame = _Frame((-limit, limit), (0, top))
    step = _nice(limit / 2.5)
    ticks = np.arange(-math.floor(limit / step), math.floor(limit / step) + 1) * step
    most = top ** (1 / power)
    levels = root_ticks(most) if power < 1 else even_ticks(0, most)
    name = "pairs, square-root scale" if power < 1 else "pairs"
    frame.ticks(ticks.round(6).tolist(), levels, "cosine", name, power)
    base, width = HEIGHT - BOTTOM, (WIDTH - LEFT - RIGHT) / len(histogram.counts)
    bars = "".join(
        f"M{LEFT + i * width + 0.4:.1f} {base}V{frame.y(count**power):.1f}"
        f"h{width - 0.8:.1f}V{base}Z"
        for i, count in enumerate(histogram.counts)
        if count
    )
    frame.parts.append(f'<path class="bars" d="{bars}"/>')
    if histogram.chance is not None:
        middles = (histogram.edges[1:] + histogram.edges[:-1]) / 2
        frame.path("byluck", middles, histogram.chance**power)
        half = np.flatnonzero(histogram.chance >= chance.max() / 2)[-1]
        x, y = frame.x(float(middles[half])), frame.y(float(histogram.chance[half]) ** power)
        frame.words("said c", x + 8, y - 4, "chance")
    _limits(frame, floor, simplex, limit, top)
    return frame.drawing("How many pairs have which cosine, beside random directions")


def _limits(frame: _Frame, floor: float, simplex: float | None, limit: float, top: float) -> None:
    """Dotted lines at the floor of the worst pair, or at the one cosine of a simplex."""
    marks = [(floor, f"floor ±{floor:.2g}"), (-floor, "")] if floor > 0 else []
    if simplex is not None:
        marks = [(simplex, f"simplex {simplex:.2g}".replace("-", "−"))]
    for at, text in marks:
        if abs(at) > limit:
            continue
        frame.path("limit", [at, at], [0, top])
        side, anchor = (-4, "end") if at > 0.55 * limit or text.startswith("s") else (4, "start")
        frame.words("said l", frame.x(at) + side, TOP + 4, text, anchor)


def _nice(value: float) -> float:
    """1, 2 or 5 times a power of ten, at most about `value`."""
    power = 10.0 ** math.floor(math.log10(max(value, 1e-9)))
    return next(m for m in (5, 2, 1) if m * power <= value * 1.0001) * power
