"""Training runs as one picture or film: a chart for each question, and the cosines of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gramax._files import replacing
from gramax.audits.run_log import Entry
from gramax.errors import InputError
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
    CHARTS,
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
_COLUMN_BOXES: dict[int, tuple[Box, ...]] = {
    3: tuple((558, top, _RIGHT - 558, 104) for top in (152, 306, 460)),
    4: tuple((558, top, _RIGHT - 558, 78) for top in (146, 272, 398, 524)),
}
"""Charts beside a heat map, by their number."""

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
        _Timeline(tracks, title).write(path)


class _Timeline:
    """The canvas of a timeline; `frame(k)` shows it up to the k-th of all steps."""

    def __init__(
        self,
        tracks: Sequence[Track],
        title: str,
        caption: str = "",
        keys: Sequence[KeyNumber] = (),
        extras: Sequence[str] = (),
        **options: Any,
    ) -> None:
        """Lay out the panels; the cosines stand beside the charts where one run has them.

        Args:
            tracks: the runs.
            title: above the picture.
            caption: below the title; what was audited by default.
            keys: the key numbers of a single run: the step, `extras`, and the metrics of its
                charts; step and metrics by default.
            extras: numbers that the run logged itself, by their names.
            options: of the charts, see `_chart_panels`.
        """
        self.steps = np.unique(np.concatenate([track.steps for track in tracks]))
        self.canvas = Canvas(title, caption or _caption(tracks))
        self._tracks, self._extras = tracks, extras
        self._cosines = _cosines(tracks)
        charts = charts_of(tracks, options.pop("metrics", tuple(CHARTS)))
        self._metrics = [chart.metric for chart in charts]
        boxes = _COLUMN_BOXES[len(charts)]
        if self._cosines is None:
            _legend(self.canvas, tracks)
            boxes = _GRID_BOXES
        else:
            names, c = tracks[0].entries[-1].classes, len(self._cosines[0])
            heading = "Cosines of the class means, centred"
            self._heat = GramPanel(self.canvas, (66, 152, 384, 384), c, heading, names=names)
            box = (MARGIN, 646, CANVAS_SIZE[0] - 2 * MARGIN, 92)
            keys = keys or _keys(charts)
            self._numbers = NumbersPanel(self.canvas, box, keys, across=True)
        self._curves = _chart_panels(self.canvas, charts, tracks, self.steps, boxes, **options)

    def frame(self, k: int) -> np.ndarray:
        """Pixels of the story up to step `self.steps[k]`."""
        for curve in self._curves:
            curve.update(k)
        if self._cosines is not None:
            entry = self._tracks[0].entries[k]
            self._heat.update(self._cosines[k])
            shown = [entry.numbers.get(metric, np.nan) for metric in self._metrics]
            self._numbers.update(
                [entry.step, *(entry.extra[name] for name in self._extras), *shown]
            )
        return self.canvas.frame()

    def write(self, path: str | Path) -> Path:
        """Write evenly spaced audits as a film, the first and the last among them."""
        n = len(self.steps)
        chosen = np.unique(np.linspace(0, n - 1, min(FRAMES, n)).astype(int))
        frames = (self.frame(int(k)) for k in chosen)
        return write_gif(path, frames, frame_durations(len(chosen), each=110))


def _chart_panels(
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
    entries = []
    for record, cosines in zip(records, grams, strict=True):
        epoch: Any = record["epoch"]  # may be a fraction
        top_cosine = np.asarray(cosines)[~np.eye(c, dtype=bool)].max()
        entries.append(
            Entry(
                epoch,
                {metric: record[metric] for metric in (SIMPLEX, COLLAPSE, RANK)},
                floors={SIMPLEX: 0.0, RANK: float(c - 1)},
                extra={"train_error": record["train_error"], "top_cosine": top_cosine},
                cosines=np.asarray(cosines),
                classes=tuple(class_names),
                c=c,
                d=c,
            )
        )
    fitted = next((float(r["epoch"]) for r in records if r["train_error"] == 0), None)
    with style.look():
        picture = _Timeline(
            tracks_of({"": entries}),
            title,
            caption,
            _story_keys(records, c, fitted),
            ("train_error", "top_cosine"),
            metrics=(SIMPLEX, COLLAPSE, RANK),
            unit="epochs",
            mark=fitted,
        )
        if fitted is not None:
            where = {"colour": style.QUIET, "ha": "right"}
            top = _COLUMN_BOXES[3][0][1] - 14
            picture.canvas.text(_RIGHT, top, "dotted: train error 0", style.SMALL, **where)
        return picture.write(path)


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
