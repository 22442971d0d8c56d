"""Training runs as a picture, a film or a page: one chart a question, and the cosines of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gramax._files import replacing, write_text
from gramax.audits.run_log import Entry
from gramax.decide.decision import Chart, Line
from gramax.errors import InputError
from gramax.render import style
from gramax.render.canvas import CANVAS_SIZE, MARGIN, Canvas
from gramax.render.gif import FRAMES, write_film
from gramax.render.number_text import spoken
from gramax.render.page.html_file import render_page
from gramax.render.page.picture_data import pictures_data
from gramax.render.page.svg_charts import line_chart
from gramax.render.panels import (
    Curve,
    KeyNumber,
    ValueAxis,
    curve_panel,
    gram_panel,
    numbers_panel,
    small_number,
    three_decimals,
)

MAX_TRACKS = 10
"""Tracks of one picture: as many as there are colours that can be told apart."""

CHARTS = {
    "collapse_ratio": "Collapse ratio",
    "effective_rank": "Effective rank",
    "class_simplex_error_centred": "Simplex error",
    "class_coherence": "Worst crosstalk",
}
"""The charts: their metric and their title."""

RIGHT = CANVAS_SIZE[0] - MARGIN

HALF_WIDTH = (CANVAS_SIZE[0] - 2 * MARGIN - 40) / 2
GRID_BOXES = tuple(
    (left, top, HALF_WIDTH, 200)
    for top in (196, 482)
    for left in (MARGIN, MARGIN + HALF_WIDTH + 40)
)
"""Four charts where no heat map stands beside them."""

KEY_TEXTS = {"effective_rank": "{:.2f}".format, "class_coherence": "{:.3f}".format}
"""How a key number is written, where it is not `small_number`."""


@dataclass(frozen=True)
class Track:
    """The audits of one run, or of one kind of rows of it, in order of their steps."""

    label: str
    colour: style.RGB
    entries: tuple[Entry, ...]

    @property
    def steps(self) -> np.ndarray:
        """Steps, rising."""
        return np.asarray([entry.step for entry in self.entries], float)

    def values(self, metric: str) -> np.ndarray:
        """The metric by audit, NaN where it is undefined or was not logged."""
        return np.asarray([entry.numbers.get(metric, math.nan) for entry in self.entries])


def tracks_of(runs: Mapping[str, Sequence[Entry]]) -> list[Track]:
    """Tracks by label, in colours that colour-blind eyes tell apart.

    Raises:
        InputError: there are more than `MAX_TRACKS`, or none.
    """
    if not 0 < len(runs) <= MAX_TRACKS:
        raise InputError(
            f"{len(runs)} runs (counting every kind of rows) in one picture; "
            f"up to {MAX_TRACKS} can be told apart: name fewer files, or one kind of rows with "
            "--rows"
        )
    colours = style.CLASSES if len(runs) > 1 else [style.METRIC]
    return [
        Track(label, colour, tuple(entries))
        for colour, (label, entries) in zip(colours, runs.items(), strict=False)
    ]


def stretch_of(steps: np.ndarray) -> float:
    """The first gap, beyond which a logarithm of the steps reads best; 0 where it does not.

    It does where audits came more often at the start.
    """
    gaps = np.diff(steps)
    denser = gaps.size and gaps.min() > 0 and gaps.max() > 4 * gaps.min() and steps[0] < 2
    return float(gaps[0]) if denser else 0.0


def charts_of(tracks: Sequence[Track], metrics: Iterable[str] = CHARTS) -> dict[str, ValueAxis]:
    """A chart for each metric, with limits that hold every track and the floor."""
    return {metric: _chart(tracks, metric) for metric in metrics}


def _chart(tracks: Sequence[Track], metric: str) -> ValueAxis:
    values = [track.values(metric) for track in tracks]
    values = [value[np.isfinite(value)] for value in values]
    finite, title = np.concatenate(values), CHARTS[metric]
    if metric == "collapse_ratio":
        powers = np.log10(finite[finite > 0]) if (finite > 0).any() else np.array([-3.0, 0.0])
        low = np.floor(powers.min())
        ends = float(10.0**low), float(10.0 ** max(np.ceil(powers.max()), low + 1))
        return ValueAxis(title, (ends[0], 1.5 * ends[1]), ends, log=True)
    floor, text = _floor(tracks, metric)
    known = [*finite] if floor is None else [*finite, floor]
    highest = max(*known, 1e-12) if known else 1.0
    power = 10.0 ** np.floor(np.log10(highest))
    top = float(next(m for m in (1, 2, 3, 4, 5, 6, 8, 10) if m * power >= highest) * power)
    if metric == "class_coherence":
        top = 1.0
    below, above = 0.0, False
    if floor is not None and floor < 0.25 * top:
        below = 0.42  # room for the text, below the line
    elif floor is not None:  # the text stands on the side where no curve ends
        lasts = [value[-1:] for value in values]
        above = bool(np.mean(np.concatenate([*lasts, [floor]])) < floor)
    return ValueAxis(title, (-below * top, 1.08 * top), (0.0, top), floor, text, above)


def _floor(tracks: Sequence[Track], metric: str) -> tuple[float | None, str]:
    """The floor that all tracks share, at their last audit, and what it is."""
    found = {track.entries[-1].floors.get(metric, math.nan) for track in tracks}
    if len(found) != 1 or not math.isfinite(value := found.pop()):
        return None, ""
    last = tracks[0].entries[-1]
    fits = last.c <= last.d + 1
    if metric == "effective_rank":
        return value, f"{last.c} classes need {value:g}"
    if metric == "class_simplex_error_centred" and fits:
        return value, "floor 0: a simplex"
    crosstalk_fits = fits and metric == "class_coherence"
    return value, f"{'simplex' if crosstalk_fits else 'floor'} {value:.3g}"


def draw_png(tracks: Sequence[Track], path: str | Path, title: str) -> None:
    """Write the whole story as one PNG; MissingExtraError where matplotlib is not installed."""
    with style.look():
        canvas, frames = _canvas(tracks, title)
        pixels = canvas.frame(frames - 1)
    from PIL import Image

    with replacing(path) as temporary:
        Image.fromarray(pixels).save(temporary, "PNG", optimize=True)


def draw_gif(tracks: Sequence[Track], path: str | Path, title: str) -> None:
    """Write the story as a film of at most 50 frames, the first and the last audit among them."""
    with style.look():
        canvas, frames = _canvas(tracks, title)
        write_film(path, canvas, 110, frames)


def training_story(entries: Sequence[Entry], path: str | Path) -> None:
    """Write the film of the demo: its training rows, by `epoch` and with its `error`."""
    entries = [replace(entry, step=int(entry.extra["epoch"])) for entry in entries]
    c, epochs = entries[0].c, [entry.step for entry in entries]
    off = [np.asarray(entry.cosines)[~np.eye(c, dtype=bool)] for entry in entries]
    errors = np.array([entry.extra["error"] for entry in entries])
    fitted = next((entry.step for entry in entries if entry.extra["error"] == 0), None)
    fit = "floor 0" if fitted is None else f"0 at epoch {fitted}"
    top = np.array([cosines.max() for cosines in off])
    keys = [
        KeyNumber("epoch", f"of {epochs[-1]}", np.array(epochs), "{:g}".format),
        KeyNumber("train error", fit, errors, "{:.1%}".format),
        KeyNumber("top cosine", f"simplex −1/{c - 1}", top, three_decimals),
    ]
    metrics = ("class_simplex_error_centred", "collapse_ratio", "effective_rank")
    with style.look():
        canvas, frames = _canvas(
            tracks_of({"": entries}), "Watching a network collapse", metrics, keys, fitted, "epochs"
        )
        write_film(path, canvas, 110, frames)


def _canvas(
    tracks: Sequence[Track],
    title: str,
    metrics: Sequence[str] = tuple(CHARTS),
    keys: Sequence[KeyNumber] = (),
    fitted: int | None = None,
    unit: str = "steps",
) -> tuple[Canvas, int]:
    """The canvas of a timeline, and the number of its frames.

    The cosines of a single run stand beside the charts of `metrics`, where it has them, and below
    stand `keys` (by default the step) and the numbers of the charts. At the step `fitted` the
    training error is 0. `unit` is what the steps are called.
    """
    last = tracks[0].entries[-1]
    rows = f"{last.n:,} {last.name} rows".replace("  ", " ")
    caption = f"{rows} × {last.d:,} dimensions, {last.c:,} classes, while the network trains."
    if len(tracks) > 1:
        caption = "Audits of the features while the network trains, floors dashed."
    canvas = Canvas(title, caption)
    steps = np.unique(np.concatenate([track.steps for track in tracks]))
    shown = np.unique(np.linspace(0, len(steps) - 1, min(FRAMES, len(steps))).astype(int))
    charts = charts_of(tracks, metrics)
    boxes = GRID_BOXES
    found = [entry.cosines for entry in tracks[0].entries]
    shapes = {None if cosines is None else cosines.shape for cosines in found}
    if len(tracks) > 1 or len(shapes) > 1 or None in shapes:
        _legend(canvas, tracks)
    else:
        top, apart, height = (152, 154, 104) if len(charts) == 3 else (146, 126, 78)
        boxes = [(558, top + apart * k, RIGHT - 558, height) for k in range(len(charts))]
        names = last.classes or tuple(map(str, range(last.c)))
        cosines = np.array([found[k] for k in shown])
        heading = "Cosines of the class means, centred"
        gram_panel(canvas, (66, 152, 384, 384), heading, cosines, names)
        keys = keys or [KeyNumber("step", "", tracks[0].steps, "{:g}".format)]
        keys = [*keys, *(_key(chart, metric, tracks[0]) for metric, chart in charts.items())]
        keys = [replace(key, values=key.values[shown]) for key in keys]
        numbers_panel(canvas, (MARGIN, 646, RIGHT - MARGIN, 92), keys, across=True)
    stretch = stretch_of(steps)
    ends = f"{steps[0]:g}", f"{steps[-1]:g} {unit}{', log scale' if stretch else ''}"
    for (metric, chart), box in zip(charts.items(), boxes, strict=True):
        lines = [Curve(t.values(metric), t.colour, steps=t.steps) for t in tracks]
        told = ends if box[1] == boxes[-1][1] else ("", "")
        curve_panel(canvas, box, chart, lines, steps[shown], told, fitted, stretch)
    if fitted is not None:
        dotted = {"colour": style.QUIET, "ha": "right"}
        canvas.text(RIGHT, boxes[0][1] - 14, "dotted: train error 0", style.SMALL, **dotted)
    return canvas, len(shown)


def _key(chart: ValueAxis, metric: str, track: Track) -> KeyNumber:
    """The key number of a chart, held against its floor."""
    target = chart.floor_text.split(":")[0] or "floor 0"
    text = KEY_TEXTS.get(metric, small_number)
    return KeyNumber(chart.title.lower(), target, track.values(metric), text)


def _legend(canvas: Canvas, tracks: Sequence[Track]) -> None:
    """The names of the tracks in their colours, on up to two lines."""
    x, y = float(MARGIN), 124.0
    for track in tracks if len(tracks) > 1 else ():
        label = track.label if len(track.label) <= 24 else f"{track.label[:23]}…"
        text = canvas.text(x, y, label, style.SMALL, colour=track.colour, weight="bold")
        width = canvas.width_of(text)
        if x > MARGIN and x + width > RIGHT:
            x, y = float(MARGIN), y + 24
            text.set_position((x / CANVAS_SIZE[0], 1 - y / CANVAS_SIZE[1]))
        x += width + 26


def write_timeline_page(tracks: Sequence[Track], path: str | Path, title: str) -> None:
    """Write the page, whole or not at all; names and verdicts are escaped."""
    charts = [line_chart_of(tracks, metric, axis) for metric, axis in charts_of(tracks).items()]
    text = render_page(
        "timeline.html",
        pictures_data(()),
        title=title,
        charts=[(chart, line_chart(chart)) for chart in charts],
        tracks=tracks,
        metrics=CHARTS,
        nan=math.nan,
    )
    write_text(path, text)


def line_chart_of(tracks: Sequence[Track], metric: str, axis: ValueAxis) -> Chart:
    """A metric of all tracks by step; audits that came denser at the start are spaced evenly."""
    steps = np.unique(np.concatenate([track.steps for track in tracks]))
    uneven = stretch_of(steps) > 0

    def place(at: np.ndarray) -> np.ndarray:
        return np.searchsorted(steps, at) if uneven else at

    values = [track.values(metric) for track in tracks]
    values = [np.where(one > 0, one, np.nan) if axis.log else one for one in values]
    lines = [Line(t.label, place(t.steps), one) for t, one in zip(tracks, values, strict=True)]
    if axis.floor is not None:
        floor = np.full(2, axis.floor)
        lines.append(Line(axis.floor_text, place(steps[[0, -1]]), floor, dashed=True))
    names = tuple(f"{step:g}" for step in steps) if uneven else ()
    return Chart(axis.title, "", "step", spoken(metric), tuple(lines), y_log=axis.log, names=names)


WRITERS = {".png": draw_png, ".gif": draw_gif, ".html": write_timeline_page}
"""What writes a timeline, by the ending of its file."""
