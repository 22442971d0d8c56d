"""Training runs as one self-contained page: charts as inline SVG, no script, no request."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from gramax._files import write_text
from gramax.render import style
from gramax.render.axis_scales import even_ticks, log_ticks
from gramax.render.number_text import number, tick_text
from gramax.render.page import html_file
from gramax.render.timeline_charts import (
    Chart,
    Track,
    charts_of,
    floor_text_above,
    stretched,
    telling_places,
)

WIDTH, HEIGHT = 460, 220
"""Size of a chart in the units of its SVG; the page scales it."""

Place = Callable[[float], float]
"""From a step or a value to its place in the chart."""

MAX_POINTS = 200
"""Audits of a track that are drawn."""


def write_timeline_page(tracks: Sequence[Track], path: str | Path, title: str) -> None:
    """Write the page, whole or not at all; names and verdicts are escaped."""
    steps = np.unique(np.concatenate([track.steps for track in tracks]))
    charts = charts_of(tracks)
    css = (html_file.TEMPLATES / "timeline.css").read_text(encoding="utf-8").strip()
    text = html_file.template("timeline.html").render(
        title=title,
        css=Markup(css),
        digest=html_file.digest(css),
        width=WIDTH,
        height=HEIGHT,
        first=f"{steps[0]:g}",
        last=f"{steps[-1]:g} steps{', log scale' if stretched(steps) else ''}",
        charts=[_drawn(chart, tracks, _across(steps)) for chart in charts],
        rows=[_row(track, charts) for track in tracks],
    )
    write_text(path, text)


def _across(steps: np.ndarray) -> Place:
    """Where a step stands; by its logarithm where audits came more often at the start."""
    unit = float(steps[1] - steps[0]) if stretched(steps) else 0.0
    span = max(float(steps[-1] - steps[0]), 1.0)

    def x(step: float) -> float:
        share = (step - steps[0]) / span
        if unit:
            share = math.log1p((step - steps[0]) / unit) / math.log1p(span / unit)
        return round(WIDTH * share, 1)

    return x


def _drawn(chart: Chart, tracks: Sequence[Track], x: Place) -> dict[str, object]:
    low, high = (_position(chart, limit) for limit in chart.limits)

    def y(value: float) -> float:
        return round(HEIGHT * (1 - (_position(chart, value) - low) / (high - low)), 1)

    first, last = chart.ticks[0], chart.ticks[-1]
    ticks = log_ticks(first, last) if chart.log else even_ticks(first, last)
    floor = None
    if chart.floor:
        at, above = y(chart.floor[0]), floor_text_above(chart, tracks)
        floor = {"y": at, "label": at - 6 if above else at + 16, "words": chart.floor[1]}
    return {
        "title": chart.title,
        "log": chart.log,
        "words": f"{chart.title} over training; the last values are in the table below",
        "ticks": [{"y": y(tick), "words": tick_text(tick)} for tick in ticks],
        "floor": floor,
        "lines": [_line(chart, track, x, y) for track in tracks],
    }


def _position(chart: Chart, value: float) -> float:
    return math.log10(value) if chart.log else value


def _line(chart: Chart, track: Track, x: Place, y: Place) -> dict[str, object]:
    """The path of a track, broken where it is undefined, and the points that tell their values."""
    path, points, pen = [], [], "M"
    steps, values = track.steps, track.values(chart.metric)
    if chart.log:
        values = np.where(values > 0, values, np.nan)
    chosen = telling_places(values, MAX_POINTS)
    for step, value in zip(steps[chosen], values[chosen], strict=True):
        if not math.isfinite(value):
            pen = "M"
            continue
        words = f"{track.label}, step {step:g}: {value:.4g}"
        points.append({"x": x(step), "y": y(value), "words": words})
        path.append(f"{pen}{x(step)} {y(value)}")
        pen = "L"
    return {"colour": style.css(track.colour), "path": " ".join(path), "points": points}


def _row(track: Track, charts: Sequence[Chart]) -> dict[str, object]:
    last = track.entries[-1]
    values = [last.numbers.get(chart.metric, math.nan) for chart in charts]
    return {
        "label": track.label,
        "colour": style.css(track.colour),
        "step": f"{last.step:,}",
        "numbers": [number(value) for value in values],
        "verdict": last.verdict,
    }
