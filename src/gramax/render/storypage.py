"""The story of runs as one self-contained page: charts as inline SVG, no script, no request."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup

from gramax.files import write_text
from gramax.render import style
from gramax.render.scales import even_ticks, log_ticks
from gramax.render.storyline import Chart, Track, charts_of, stretched, telling, words_above
from gramax.render.words import plain

WIDTH, HEIGHT = 460, 220
"""Of a chart, in the units of its SVG; the page scales it."""

_STYLE = """
:root { --ink: #1b2027; --quiet: #5d6670; --rule: #d8dbde; --paper: #fff }
@media screen and (prefers-color-scheme: dark) {
  :root { color-scheme: dark; --ink: #e8eaed; --quiet: #a3abb3; --rule: #3a4149; --paper: #16191d }
  path, circle { filter: brightness(1.5) }
}
body { margin: 2rem auto; max-width: 66rem; padding: 0 1rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.45 system-ui, sans-serif }
h1 { margin: 0 } h2 { font-size: 1.05rem; margin: 0 }
p { color: var(--quiet); margin: .3rem 0 1.2rem }
.charts { display: grid; gap: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)) }
figure { margin: 0 } svg { width: 100%; height: auto; overflow: visible }
svg text { font-size: 13px; fill: var(--quiet) }
.floor { stroke: var(--ink); stroke-dasharray: 6 4 }
.grid { stroke: var(--rule) } path { fill: none; stroke-width: 2.5; stroke-linejoin: round }
.table { overflow-x: auto } table { border-collapse: collapse; margin-top: 1.5rem; width: 100% }
th, td { padding: .35rem .7rem .35rem 0; text-align: right; border-bottom: 1px solid var(--rule) }
td { vertical-align: top; white-space: nowrap }
tr > :first-child { text-align: left; white-space: normal; overflow-wrap: anywhere;
  position: sticky; left: 0; background: var(--paper); min-width: 16rem; font-weight: 600 }
.verdict { color: var(--quiet); font-weight: 400 }
@media (max-width: 40rem) {
  tr > :first-child { min-width: 52vw } svg text { font-size: 18px } body { margin-top: 1rem }
}
@media print { body { margin: 0 } figure { break-inside: avoid } }
"""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'sha256-{{ digest }}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<h1>{{ title }}</h1>
<p>Audits of the features while the network trains, against their floors (dashed).</p>
<div class="charts">
{% for chart in charts %}
<figure>
<h2>{{ chart.title }}{{ ", log scale" if chart.log }}</h2>
<svg viewBox="-58 -8 {{ width + 74 }} {{ height + 36 }}" role="img" aria-label="{{ chart.words }}">
{% for tick in chart.ticks %}
<line class="grid" x1="0" x2="{{ width }}" y1="{{ tick.y }}" y2="{{ tick.y }}"/>
<text x="-8" y="{{ tick.y + 4 }}" text-anchor="end">{{ tick.words }}</text>
{% endfor %}
{% if chart.floor %}
<line class="floor" x1="0" x2="{{ width }}" y1="{{ chart.floor.y }}" y2="{{ chart.floor.y }}"/>
<text x="{{ width }}" y="{{ chart.floor.label }}" text-anchor="end">{{ chart.floor.words }}</text>
{% endif %}
{% for line in chart.lines %}
<path d="{{ line.path }}" stroke="{{ line.colour }}"/>
{% for point in line.points %}
<circle cx="{{ point.x }}" cy="{{ point.y }}" r="3.5" fill="{{ line.colour }}">
<title>{{ point.words }}</title></circle>
{% endfor %}
{% endfor %}
<text x="0" y="{{ height + 18 }}">{{ first }}</text>
<text x="{{ width }}" y="{{ height + 18 }}" text-anchor="end">{{ last }}</text>
</svg>
</figure>
{% endfor %}
</div>
<div class="table" tabindex="0" role="region" aria-label="The last audit of every run">
<table>
<thead><tr><th scope="col">run and verdict</th><th scope="col">step</th>
{% for chart in charts %}<th scope="col">{{ chart.title.lower() }}</th>{% endfor %}
</tr></thead>
<tbody>
{% for row in rows %}
<tr><th scope="row"><svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
<circle cx="6" cy="6" r="5" fill="{{ row.colour }}"/></svg> {{ row.label }}
<div class="verdict">{{ row.verdict }}</div></th>
<td>{{ row.step }}</td>
{% for value in row.numbers %}<td>{{ value }}</td>{% endfor %}
</tr>
{% endfor %}
</tbody>
</table>
</div>
</body>
</html>
"""

Place = Callable[[float], float]
"""From a step or a value to its place in the chart."""

POINTS = 200
"""Audits of a track drawn at most."""


def write_page(tracks: Sequence[Track], path: str | Path, title: str) -> None:
    """Write the page, whole or not at all; names and verdicts are escaped."""
    steps = np.unique(np.concatenate([track.steps for track in tracks]))
    charts = charts_of(tracks)
    style_text = f"{_STYLE}.table svg {{ width: .8rem }}\n"
    page = jinja2.Environment(autoescape=True, trim_blocks=True).from_string(_PAGE)
    text = page.render(
        title=title,
        style=Markup(style_text),
        digest=base64.b64encode(hashlib.sha256(style_text.encode()).digest()).decode(),
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
        at, above = y(chart.floor[0]), words_above(chart, tracks)
        floor = {"y": at, "label": at - 6 if above else at + 16, "words": chart.floor[1]}
    return {
        "title": chart.title,
        "log": chart.log,
        "words": f"{chart.title} over training; the last values are in the table below",
        "ticks": [{"y": y(tick), "words": plain(tick)} for tick in ticks],
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
    chosen = telling(values, POINTS)
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
        "numbers": [f"{value:.4g}" if math.isfinite(value) else "–" for value in values],
        "verdict": last.verdict,
    }
