"""The story of runs over training as one picture or film: four charts, and the cosines of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gramax.files import replacing
from gramax.render import style
from gramax.render.board import MARGIN, SIZE, Board, Box
from gramax.render.curve import CurvePanel, Floor, Line
from gramax.render.gif import durations, write_gif
from gramax.render.panels import GramPanel, Key, NumbersPanel, small
from gramax.render.scenes.common import FRAMES
from gramax.render.stills import png_bytes
from gramax.render.storyline import Chart, Track, charts_of, stretched, words_above

_GRAM: Box = (66, 152, 384, 384)
_BESIDE: tuple[Box, ...] = tuple(
    (558, top, SIZE[0] - MARGIN - 558, 78) for top in (146, 272, 398, 524)
)
_WIDE = (SIZE[0] - 2 * MARGIN - 40) / 2
_ALONE: tuple[Box, ...] = tuple(
    (left, top, _WIDE, 200) for top in (196, 482) for left in (MARGIN, MARGIN + _WIDE + 40)
)
_NUMBERS: Box = (MARGIN, 648, SIZE[0] - 2 * MARGIN, 92)

_TEXT: dict[str, Callable[[float], str]] = {
    "effective_rank": "{:.2f}".format,
    "class_coherence": "{:.3f}".format,
}


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
        n = len(picture.steps)
        chosen = np.unique(np.linspace(0, n - 1, min(FRAMES, n)).astype(int))
        frames = (picture.frame(k) for k in chosen)
        write_gif(path, frames, durations(len(chosen), each=110))


class _Timeline:
    """The board of a timeline; `frame(k)` shows it up to the k-th of all steps."""

    def __init__(self, tracks: Sequence[Track], title: str) -> None:
        """Lay out the panels; the cosines stand beside the charts where one run has them."""
        self.steps = np.unique(np.concatenate([track.steps for track in tracks]))
        self._board = Board(title, _caption(tracks))
        self._tracks = tracks
        self._charts = charts_of(tracks)
        self._cosines = _cosines(tracks)
        if self._cosines is None:
            _legend(self._board, tracks)
            boxes = _ALONE
        else:
            names = tracks[0].entries[-1].classes
            heading = "Cosines of the class means, centred"
            self._heat = GramPanel(
                self._board, _GRAM, len(self._cosines[0]), heading, names=names or None
            )
            self._numbers = NumbersPanel(self._board, _NUMBERS, _keys(self._charts), across=True)
            boxes = _BESIDE
        self._curves = [
            self._curve(chart, box, box[1] == boxes[-1][1])
            for chart, box in zip(self._charts, boxes, strict=True)
        ]

    def frame(self, k: int) -> np.ndarray:
        """Pixels of the story up to step `self.steps[k]`."""
        for curve in self._curves:
            curve.update(k)
        if self._cosines is not None:
            entry = self._tracks[0].entries[k]
            self._heat.update(self._cosines[k])
            shown = [entry.numbers.get(chart.metric, np.nan) for chart in self._charts]
            self._numbers.update([entry.step, *shown])
        return self._board.frame()

    def _curve(self, chart: Chart, box: Box, last: bool) -> CurvePanel:
        steps = self.steps if len(self.steps) > 1 else np.append(self.steps, self.steps + 1)
        stretch = stretched(steps)
        words = f"{steps[-1]:g} steps{', log scale' if stretch else ''}"
        lines = [Line(t.values(chart.metric), t.colour, steps=t.steps) for t in self._tracks]
        return CurvePanel(
            self._board,
            box,
            chart.title,
            lines,
            [Floor(*chart.floor, above=words_above(chart, self._tracks))] if chart.floor else [],
            steps=steps,
            limits=chart.limits,
            ticks=chart.ticks,
            log=chart.log,
            ends=(f"{steps[0]:g}", words) if last else ("", ""),
            stretch=stretch,
        )


def _cosines(tracks: Sequence[Track]) -> list[np.ndarray] | None:
    """The heat maps of a single run, where every audit holds one of the same classes."""
    found = [entry.cosines for entry in tracks[0].entries]
    shapes = {None if cosines is None else cosines.shape for cosines in found}
    if len(tracks) > 1 or len(shapes) > 1 or None in shapes:
        return None
    return [np.asarray(cosines) for cosines in found]


def _keys(charts: Sequence[Chart]) -> list[Key]:
    keys = [Key("step", "", "{:g}".format)]
    for chart in charts:
        floor = chart.floor[1] if chart.floor else "floor 0"
        words = floor.split(":")[0].replace("classes need", "need")
        keys.append(Key(chart.title.lower(), words, _TEXT.get(chart.metric, small)))
    return keys


def _caption(tracks: Sequence[Track]) -> str:
    last = tracks[0].entries[-1]
    if len(tracks) > 1:
        return "Audits of the features while the network trains, floors dashed."
    name = f"{last.name} rows" if last.name else "rows"
    return (
        f"{last.n:,} {name} × {last.d:,} dimensions, {last.c:,} classes, while the network trains."
    )


def _legend(board: Board, tracks: Sequence[Track]) -> None:
    """The names of the tracks in their colours, on up to two lines."""
    x, y = float(MARGIN), 124.0
    renderer = board.canvas.get_renderer()
    for track in tracks if len(tracks) > 1 else ():
        label = track.label if len(track.label) <= 24 else f"{track.label[:23]}…"
        text = board.text(x, y, label, style.SMALL, colour=track.colour, weight="bold")
        width = text.get_window_extent(renderer).width
        if x > MARGIN and x + width > SIZE[0] - MARGIN:
            x, y = float(MARGIN), y + 24
            text.set_position((x / SIZE[0], 1 - y / SIZE[1]))
        x += width + 26
