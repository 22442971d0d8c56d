"""Training runs as one picture or film: a chart for each question, and the cosines of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gramax._files import replacing
from gramax.audits.run_log import Entry
from gramax.render import style
from gramax.render.canvas import CANVAS_SIZE, MARGIN, Canvas
from gramax.render.gif import FRAMES, write_film
from gramax.render.panels import (
    KeyNumber,
    Line,
    curve_panel,
    gram_panel,
    numbers_panel,
    small_number,
    three_decimals,
)
from gramax.render.single_pictures import png_bytes
from gramax.render.timeline_charts import CHARTS, Chart, Track, chart_of, stretch_of, tracks_of

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


def draw_png(tracks: Sequence[Track], path: str | Path, title: str) -> None:
    """Write the whole story as one PNG; MissingExtraError where matplotlib is not installed."""
    with style.look():
        canvas, frames = _canvas(tracks, title)
        pixels = canvas.frame(frames - 1)
    with replacing(path) as temporary:
        temporary.write_bytes(png_bytes(pixels))


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

    Args:
        tracks: the runs; the cosines of one run stand beside the charts, where it has them.
        title: above the picture.
        metrics: of the charts.
        keys: key numbers of every audit of one run, beside those of its charts; the step by
            default.
        fitted: the step at which the training error is 0; a dotted line stands there.
        unit: what the steps are called.
    """
    last = tracks[0].entries[-1]
    rows = f"{last.n:,} {last.name} rows".replace("  ", " ")
    caption = f"{rows} × {last.d:,} dimensions, {last.c:,} classes, while the network trains."
    if len(tracks) > 1:
        caption = "Audits of the features while the network trains, floors dashed."
    canvas = Canvas(title, caption)
    steps = np.unique(np.concatenate([track.steps for track in tracks]))
    shown = np.unique(np.linspace(0, len(steps) - 1, min(FRAMES, len(steps))).astype(int))
    charts = [chart_of(tracks, metric) for metric in metrics]
    boxes = GRID_BOXES
    found = [entry.cosines for entry in tracks[0].entries]
    if len(tracks) > 1 or len({np.shape(cosines) for cosines in found}) > 1 or found[0] is None:
        _legend(canvas, tracks)
    else:
        top, apart, height = (152, 154, 104) if len(charts) == 3 else (146, 126, 78)
        boxes = [(558, top + apart * k, RIGHT - 558, height) for k in range(len(charts))]
        names = last.classes or tuple(map(str, range(last.c)))
        cosines = np.array([found[k] for k in shown])
        heading = "Cosines of the class means, centred"
        gram_panel(canvas, (66, 152, 384, 384), heading, cosines, names)
        keys = keys or [KeyNumber("step", "", tracks[0].steps, "{:g}".format)]
        keys = [*keys, *(_key(chart, tracks[0]) for chart in charts)]
        keys = [replace(key, values=key.values[shown]) for key in keys]
        numbers_panel(canvas, (MARGIN, 646, RIGHT - MARGIN, 92), keys, across=True)
    stretch = stretch_of(steps)
    ends = f"{steps[0]:g}", f"{steps[-1]:g} {unit}{', log scale' if stretch else ''}"
    for chart, box in zip(charts, boxes, strict=True):
        curve_panel(
            canvas,
            box,
            chart.title,
            [Line(t.values(chart.metric), t.colour, steps=t.steps) for t in tracks],
            chart.floor,
            steps[shown],
            limits=chart.limits,
            ticks=chart.ticks,
            ends=ends if box[1] == boxes[-1][1] else ("", ""),
            log=chart.log,
            mark=fitted,
            stretch=stretch,
        )
    if fitted is not None:
        dotted = {"colour": style.QUIET, "ha": "right"}
        canvas.text(RIGHT, boxes[0][1] - 14, "dotted: train error 0", style.SMALL, **dotted)
    return canvas, len(shown)


def _key(chart: Chart, track: Track) -> KeyNumber:
    """The key number of a chart, held against its floor."""
    target = chart.floor.label.split(":")[0] if chart.floor else "floor 0"
    text = KEY_TEXTS.get(chart.metric, small_number)
    return KeyNumber(chart.title.lower(), target, track.values(chart.metric), text)


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
