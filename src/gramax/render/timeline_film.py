"""Training runs as one picture or film: a chart for each question, and the cosines of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gramax.audits.run_log import Entry
from gramax.errors import InputError
from gramax.files import replacing
from gramax.render import style
from gramax.render.canvas import CANVAS_SIZE, MARGIN, Box, Canvas
from gramax.render.curve_panel import CurvePanel, Floor, Line
from gramax.render.gif import frame_durations, write_gif
from gramax.render.panels import (
    GramPanel,
    KeyNumber,
    NumbersPanel,
    small_number,
    three_decimals,
)
from gramax.render.scenes.common import FRAMES
from gramax.render.single_pictures import png_bytes
from gramax.render.timeline_charts import (
    Chart,
    Track,
    charts_of,
    floor_text_above,
    stretched,
    tracks_of,
)

SIMPLEX, COLLAPSE, RANK = "class_simplex_error_centred", "collapse_ratio", "effective_rank"
"""The metrics that the film of a single training run shows, by their names in a report."""

_RIGHT = CANVAS_SIZE[0] - MARGIN
_GRAM_BOX: Box = (66, 152, 384, 384)
_HALF_WIDTH = (CANVAS_SIZE[0] - 2 * MARGIN - 40) / 2
_GRID_BOXES: tuple[Box, ...] = tuple(
    (left, top, _HALF_WIDTH, 200)
    for top in (196, 482)
    for left in (MARGIN, MARGIN + _HALF_WIDTH + 40)
)
"""Four charts where no heat map stands beside them."""

_TEXT: dict[str, Callable[[float], str]] = {
    RANK: "{:.2f}".format,
    "class_coherence": "{:.3f}".format,
}
"""How a key number is written, where it is not `small_number`."""


def draw_png(tracks: Sequence[Track], path: str | Path, title: str) -> None:
    """Write the whole story as one PNG; MissingExtraError where matplotlib is not installed."""
    with style.look():
        picture = _Timeline(tracks, title)
        pixels = picture.frame(len(picture.steps) - 1)
    with replacing(path) as temporary:
        temporary.write_bytes(png_bytes(pixels))


def draw_gif(tracks: Sequence[Track], path: str | Path, title: str) -> None:
    """Write the story as a film of at most 50 frames."""
    with style.look():
        picture = _Timeline(tracks, title)
        _write(path, len(picture.steps), picture.frame)


def _write(path: str | Path, audits: int, frame: Callable[[int], np.ndarray]) -> Path:
    """Evenly spaced audits as frames, the first and the last among them."""
    chosen = np.unique(np.linspace(0, audits - 1, min(FRAMES, audits)).astype(int))
    frames = (frame(int(k)) for k in chosen)
    return write_gif(path, frames, frame_durations(len(chosen), each=110))


class _Timeline:
    """The canvas of a timeline; `frame(k)` shows it up to the k-th of all steps."""

    def __init__(self, tracks: Sequence[Track], title: str) -> None:
        """Lay out the panels; the cosines stand beside the charts where one run has them."""
        self.steps = np.unique(np.concatenate([track.steps for track in tracks]))
        self._canvas = Canvas(title, _caption(tracks))
        self._tracks = tracks
        self._charts = charts_of(tracks)
        self._cosines = _cosines(tracks)
        if self._cosines is None:
            _legend(self._canvas, tracks)
            boxes = _GRID_BOXES
        else:
            names = tracks[0].entries[-1].classes
            heading = "Cosines of the class means, centred"
            self._heat = GramPanel(
                self._canvas, _GRAM_BOX, len(self._cosines[0]), heading, names=names
            )
            box = (MARGIN, 648, CANVAS_SIZE[0] - 2 * MARGIN, 92)
            self._numbers = NumbersPanel(self._canvas, box, _keys(self._charts), across=True)
            boxes = tuple((558, top, _RIGHT - 558, 78) for top in (146, 272, 398, 524))
        self._curves = chart_panels(self._canvas, self._charts, tracks, self.steps, boxes)

    def frame(self, k: int) -> np.ndarray:
        """Pixels of the story up to step `self.steps[k]`."""
        for curve in self._curves:
            curve.update(k)
        if self._cosines is not None:
            entry = self._tracks[0].entries[k]
            self._heat.update(self._cosines[k])
            shown = [entry.numbers.get(chart.metric, np.nan) for chart in self._charts]
            self._numbers.update([entry.step, *shown])
        return self._canvas.frame()


def chart_panels(
    canvas: Canvas,
    charts: Sequence[Chart],
    tracks: Sequence[Track],
    steps: np.ndarray,
    boxes: Sequence[Box],
    unit: str = "steps",
    mark: float | None = None,
) -> list[CurvePanel]:
    """A panel for each chart; those of the last row tell the ends of the step axis.

    Args:
        canvas: what they are drawn on.
        charts: as many as `boxes`.
        tracks: the runs.
        steps: all steps of the tracks, rising.
        boxes: where the panels stand.
        unit: what the steps are called.
        mark: a step at which a dotted line stands.
    """
    steps = steps if len(steps) > 1 else np.append(steps, steps + 1)
    stretch = stretched(steps)
    ends = (f"{steps[0]:g}", f"{steps[-1]:g} {unit}{', log scale' if stretch else ''}")
    panels = []
    for chart, box in zip(charts, boxes, strict=True):
        floors = []
        if chart.floor:
            floors = [Floor(*chart.floor, above=floor_text_above(chart, tracks))]
        panels.append(
            CurvePanel(
                canvas,
                box,
                chart.title,
                [Line(t.values(chart.metric), t.colour, steps=t.steps) for t in tracks],
                floors,
                steps=steps,
                limits=chart.limits,
                ticks=chart.ticks,
                log=chart.log,
                ends=ends if box[1] == boxes[-1][1] else ("", ""),
                mark=mark,
                stretch=stretch,
            )
        )
    return panels


def _cosines(tracks: Sequence[Track]) -> list[np.ndarray] | None:
    """The heat maps of a single run, where every audit holds one of the same classes."""
    found = [entry.cosines for entry in tracks[0].entries]
    shapes = {None if cosines is None else cosines.shape for cosines in found}
    if len(tracks) > 1 or len(shapes) > 1 or None in shapes:
        return None
    return [np.asarray(cosines) for cosines in found]


def _keys(charts: Sequence[Chart]) -> list[KeyNumber]:
    keys = [KeyNumber("step", "", "{:g}".format)]
    for chart in charts:
        floor = chart.floor[1] if chart.floor else "floor 0"
        target = floor.split(":")[0].replace("classes need", "need")
        keys.append(KeyNumber(chart.title.lower(), target, _TEXT.get(chart.metric, small_number)))
    return keys


def _caption(tracks: Sequence[Track]) -> str:
    last = tracks[0].entries[-1]
    if len(tracks) > 1:
        return "Audits of the features while the network trains, floors dashed."
    name = f"{last.name} rows" if last.name else "rows"
    return (
        f"{last.n:,} {name} × {last.d:,} dimensions, {last.c:,} classes, while the network trains."
    )


def _legend(canvas: Canvas, tracks: Sequence[Track]) -> None:
    """The names of the tracks in their colours, on up to two lines."""
    x, y = float(MARGIN), 124.0
    for track in tracks if len(tracks) > 1 else ():
        label = track.label if len(track.label) <= 24 else f"{track.label[:23]}…"
        text = canvas.text(x, y, label, style.SMALL, colour=track.colour, weight="bold")
        width = canvas.width_of(text)
        if x > MARGIN and x + width > _RIGHT:
            x, y = float(MARGIN), y + 24
            text.set_position((x / CANVAS_SIZE[0], 1 - y / CANVAS_SIZE[1]))
        x += width + 26


def training_story(
    records: Sequence[Mapping[str, float]],
    grams: Sequence[np.ndarray],
    class_names: Sequence[str],
    path: str | Path,
    *,
    title: str = "Watching a network collapse",
    caption: str = "Class means of the training set, centred, while the network trains on.",
) -> Path:
    """Draw a training run as a GIF: the cosines of its class means beside three curves.

    Args:
        records: one mapping for each audit, in the order of the epochs, with `epoch`,
            `train_error` (a share, 0 to 1) and the metrics `class_simplex_error_centred`,
            `collapse_ratio` and `effective_rank`; other entries are left alone.
        grams: the `[c, c]` cosines of the centred class means at each of these audits.
        class_names: c short names.
        path: the GIF to write; its folder exists.
        title: the question of the film.
        caption: one plain line below the title.

    Returns:
        The path written. At most 50 frames, the first and the last audit among them.

    Raises:
        InputError: the lengths or shapes do not match, or a record lacks an entry.
        MissingExtraError: matplotlib or Pillow is not installed.
    """
    c = len(class_names)
    _check_story(records, grams, c)
    floors = {SIMPLEX: 0.0, RANK: float(c - 1)}
    entries = []
    for record in records:
        epoch: Any = record["epoch"]  # may be a fraction
        numbers = {metric: record[metric] for metric in (SIMPLEX, COLLAPSE, RANK)}
        entries.append(Entry(epoch, numbers, floors=floors, c=c, d=c))
    tracks = tracks_of({"": entries})
    free = [record["epoch"] for record in records if record["train_error"] == 0]
    with style.look():
        canvas = Canvas(title, caption)
        heat = GramPanel(canvas, _GRAM_BOX, c, "Cosines of the class means", names=class_names)
        boxes = tuple((558, top, _RIGHT - 558, 104) for top in (152, 306, 460))
        charts = charts_of(tracks, (SIMPLEX, COLLAPSE, RANK))
        mark = float(free[0]) if free else None
        curves = chart_panels(canvas, charts, tracks, tracks[0].steps, boxes, "epochs", mark)
        if free:
            text = "dotted: train error 0"
            top = boxes[0][1] - 14
            canvas.text(_RIGHT, top, text, style.SMALL, colour=style.QUIET, ha="right")
        box = (MARGIN, 640, CANVAS_SIZE[0] - 2 * MARGIN, 92)
        numbers = NumbersPanel(canvas, box, _story_keys(records, c, mark), across=True)
        off = ~np.eye(c, dtype=bool)

        def frame(k: int) -> np.ndarray:
            now = records[k]
            heat.update(np.asarray(grams[k]))
            for curve in curves:
                curve.update(k)
            top_cosine = np.asarray(grams[k])[off].max()
            shown = (now[key] for key in (SIMPLEX, COLLAPSE, RANK))
            numbers.update([now["epoch"], now["train_error"], top_cosine, *shown])
            return canvas.frame()

        return _write(path, len(records), frame)


def _check_story(
    records: Sequence[Mapping[str, float]], grams: Sequence[np.ndarray], c: int
) -> None:
    if len(records) < 2 or len(records) != len(grams):
        raise InputError(
            f"a story needs two or more audits with one Gram matrix each; "
            f"got {len(records)} records and {len(grams)} matrices"
        )
    for k, (record, cosines) in enumerate(zip(records, grams, strict=True)):
        if np.shape(cosines) != (c, c):
            raise InputError(f"matrix {k} has shape {np.shape(cosines)}; {c} classes are named")
        for key in ("epoch", "train_error", SIMPLEX, COLLAPSE, RANK):
            if key not in record:
                raise InputError(f"record {k} has no {key!r}")


def _story_keys(
    records: Sequence[Mapping[str, float]], c: int, fitted: float | None
) -> list[KeyNumber]:
    fit = "floor 0" if fitted is None else f"0 at epoch {fitted:g}"
    return [
        KeyNumber("epoch", f"of {records[-1]['epoch']:g}", "{:g}".format),
        KeyNumber("train error", fit, "{:.1%}".format),
        KeyNumber("top cosine", f"simplex −1/{c - 1}", three_decimals),
        KeyNumber("simplex error", "floor 0", small_number),
        KeyNumber("collapse ratio", "floor 0", small_number),
        KeyNumber("effective rank", f"simplex {c - 1}", "{:.2f}".format),
    ]
