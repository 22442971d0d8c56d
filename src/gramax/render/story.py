"""The film of a training run: Gram matrix of the class means beside three curves over epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from gramax.errors import InputError
from gramax.render import style
from gramax.render.board import MARGIN, SIZE, Board, Box
from gramax.render.curve import CurvePanel, Floor, Line
from gramax.render.gif import durations, write_gif
from gramax.render.panels import GramPanel, Key, NumbersPanel, small
from gramax.render.scales import decades, round_up
from gramax.render.scenes.common import FRAMES
from gramax.render.storyline import stretched

SIMPLEX, COLLAPSE, RANK = "class_simplex_error_centred", "collapse_ratio", "effective_rank"
"""The metrics that the film shows, by their names in a report."""

_GRAM: Box = (66, 152, 384, 384)
_CURVES: tuple[Box, ...] = tuple((558, top, SIZE[0] - MARGIN - 558, 104) for top in (152, 306, 460))
_NUMBERS: Box = (MARGIN, 640, SIZE[0] - 2 * MARGIN, 92)


def training_story(
    records: Sequence[Mapping[str, float]],
    grams: Sequence[np.ndarray],
    class_names: Sequence[str],
    path: str | Path,
    *,
    title: str = "Watching a network collapse",
    caption: str = "Class means of the training set, centred, while the network trains on.",
) -> Path:
    """Draw a training run as a GIF.

    Args:
        records: one mapping an audit, in the order of the epochs, with `epoch`, `train_error`
            (a share, 0 to 1) and the metrics `class_simplex_error_centred`, `collapse_ratio` and
            `effective_rank`; other entries are left alone.
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
    values = _values(records, grams, class_names)
    chosen = np.unique(np.linspace(0, len(records) - 1, min(FRAMES, len(records))).astype(int))
    with style.look():
        frames = _frames(values, np.asarray(grams), class_names, chosen, (title, caption))
        return write_gif(path, frames, durations(len(chosen), each=110))


def _values(
    records: Sequence[Mapping[str, float]], grams: Sequence[np.ndarray], names: Sequence[str]
) -> dict[str, np.ndarray]:
    """The curves by name, checked against each other."""
    if len(records) < 2 or len(records) != len(grams):
        raise InputError(
            f"a story needs two or more audits with one Gram matrix each; "
            f"got {len(records)} records and {len(grams)} matrices"
        )
    c = len(names)
    for k, (record, cosines) in enumerate(zip(records, grams, strict=True)):
        if np.shape(cosines) != (c, c):
            raise InputError(f"matrix {k} has shape {np.shape(cosines)}; {c} classes are named")
        for key in ("epoch", "train_error", SIMPLEX, COLLAPSE, RANK):
            if key not in record:
                raise InputError(f"record {k} has no {key!r}")
    keys = ("epoch", "train_error", SIMPLEX, COLLAPSE, RANK)
    return {key: np.asarray([record[key] for record in records], float) for key in keys}


def _frames(
    values: dict[str, np.ndarray],
    grams: np.ndarray,
    names: Sequence[str],
    chosen: np.ndarray,
    words: tuple[str, str],
) -> Iterator[np.ndarray]:
    board = Board(*words)
    c = len(names)
    heat = GramPanel(board, _GRAM, c, "Cosines of the class means", names=names)
    curves = _curves(board, values, c)
    keys = [
        Key("epoch", f"of {values['epoch'][-1]:g}", "{:g}".format),
        Key("train error", _fit_words(values), "{:.1%}".format),
        Key("top cosine", f"simplex −1/{c - 1}", _three),
        Key("simplex error", "floor 0", small),
        Key("collapse ratio", "floor 0", small),
        Key("effective rank", f"simplex {c - 1}", "{:.2f}".format),
    ]
    numbers = NumbersPanel(board, _NUMBERS, keys, across=True)
    off = ~np.eye(c, dtype=bool)
    for k in chosen:
        heat.update(grams[k])
        for curve in curves:
            curve.update(k)
        now = (values[key][k] for key in ("epoch", "train_error", SIMPLEX, COLLAPSE, RANK))
        epoch, error, simplex, ratio, rank = now
        numbers.update([epoch, error, grams[k][off].max(), simplex, ratio, rank])
        yield board.frame()


def _curves(board: Board, values: dict[str, np.ndarray], c: int) -> list[CurvePanel]:
    error, ratio, rank = (values[key] for key in (SIMPLEX, COLLAPSE, RANK))
    high = round_up(np.nanmax(error))
    low, top = decades(ratio)
    peak = round_up(max(np.nanmax(rank), c - 1))
    about = [
        (
            "Simplex error",
            error,
            [Floor(0, "floor 0: a simplex")],
            (-0.42 * high, 1.08 * high),
            (0, high),
        ),
        ("Collapse ratio", ratio, [], (low, 1.5 * top), (low, top)),
        ("Effective rank", rank, [_rank_floor(rank, c)], (0, 1.06 * peak), (0, peak)),
    ]
    epochs, fitted = values["epoch"], _fitted(values)
    stretch = stretched(epochs)
    ends = (f"{epochs[0]:g}", f"{epochs[-1]:g} epochs{', log scale' if stretch else ''}")
    if fitted is not None:
        right, top = SIZE[0] - MARGIN, _CURVES[0][1] - 14
        board.text(right, top, "dotted: train error 0", style.SMALL, colour=style.QUIET, ha="right")
    return [
        CurvePanel(
            board,
            box,
            title,
            [Line(line, style.METRIC)],
            floors,
            steps=epochs,
            limits=limits,
            ticks=ticks,
            log=title == "Collapse ratio",
            ends=ends if box is _CURVES[-1] else ("", ""),
            mark=fitted,
            stretch=stretch,
        )
        for box, (title, line, floors, limits, ticks) in zip(_CURVES, about, strict=True)
    ]


def _fitted(values: dict[str, np.ndarray]) -> float | None:
    """The first epoch without a training error."""
    free = np.flatnonzero(values["train_error"] == 0)
    return float(values["epoch"][free[0]]) if free.size else None


def _fit_words(values: dict[str, np.ndarray]) -> str:
    fitted = _fitted(values)
    return "floor 0" if fitted is None else f"0 at epoch {fitted:g}"


def _three(value: float) -> str:
    return f"{value:.3f}".replace("-", "−")


def _rank_floor(rank: np.ndarray, c: int) -> Floor:
    """The label stands on the side of the line that the curve does not end on."""
    return Floor(c - 1, f"a simplex: {c - 1}", above=bool(rank[-1] < c - 1))
