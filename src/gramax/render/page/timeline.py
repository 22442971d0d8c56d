"""Training runs as one self-contained page: charts as inline SVG, no script, no request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup

from gramax._files import write_text
from gramax.render import style
from gramax.render.number_text import number
from gramax.render.page import html_file, svg_charts
from gramax.render.timeline_charts import (
    CHARTS,
    Chart,
    Track,
    chart_of,
    stretch_of,
    telling_places,
)

MAX_POINTS = 200
"""Audits of a track that are drawn."""


def write_timeline_page(tracks: Sequence[Track], path: str | Path, title: str) -> None:
    """Write the page, whole or not at all; names and verdicts are escaped."""
    steps = np.unique(np.concatenate([track.steps for track in tracks]))
    charts = [chart_of(tracks, metric) for metric in CHARTS]
    css = (html_file.TEMPLATES / "timeline.css").read_text(encoding="utf-8").strip()
    text = html_file.template("timeline.html").render(
        title=title,
        css=Markup(css),
        digest=html_file.digest(css),
        charts=[(chart.title, chart.log, _drawing(chart, tracks, steps)) for chart in charts],
        rows=[_row(track) for track in tracks],
    )
    write_text(path, text)


def _drawing(chart: Chart, tracks: Sequence[Track], steps: np.ndarray) -> Markup:
    stretch = stretch_of(steps)

    def across(step: np.ndarray) -> np.ndarray:
        return np.log1p((step - steps[0]) / stretch) if stretch else step - steps[0]

    end = float(across(steps[-1])) or 1.0
    frame = svg_charts.Frame((0, end), chart.limits, y_log=chart.log)
    frame.value_ticks((svg_charts.log_ticks if chart.log else svg_charts.even_ticks)(*chart.ticks))
    frame.words("tick", svg_charts.LEFT, svg_charts.BASE + 16, f"{steps[0]:g}")
    last = f"{steps[-1]:g} steps{', log scale' if stretch else ''}"
    frame.words("tick", frame.x(end), svg_charts.BASE + 16, last, "end")
    if floor := chart.floor:
        frame.path("floor", (0, end), (floor.value, floor.value))
    for track in tracks:
        values, colour = track.values(chart.metric), style.css(track.colour)
        values = np.where(values > 0, values, np.nan) if chart.log else values
        chosen = telling_places(values, MAX_POINTS)
        places = across(track.steps)
        frame.path("line", places[chosen], values[chosen], colour)
        for k in chosen[np.isfinite(values[chosen])]:
            told = f"{track.label}, step {track.steps[k]:g}: {values[k]:.4g}"
            frame.dot(places[k], values[k], told, colour)
    if floor:
        y = frame.y(floor.value) + (-6 if floor.above else 15)
        frame.words("said", frame.x(end), y, floor.label, "end")
    return frame.drawing(f"{chart.title} over training; the last values are in the table below")


def _row(track: Track) -> dict[str, object]:
    last = track.entries[-1]
    return {
        "label": track.label,
        "colour": style.css(track.colour),
        "step": f"{last.step:,}",
        "numbers": [number(last.numbers.get(metric, np.nan)) for metric in CHARTS],
        "verdict": last.verdict,
    }
