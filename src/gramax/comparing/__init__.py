"""`compare`: two spaces side by side, and which of the differences are real.

Two checkpoints, two models or two layers, of the same rows or of others. Where the rows match, the
same random blocks of them are left out of both, and the jackknife is of the difference itself: what
the two have in common (which rows were drawn) cancels. Where they do not, variances add.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np

from gramax.auditing import BLOCKS, concluded
from gramax.comparing.alignment import aligned
from gramax.comparing.changes import changes_of, left_out
from gramax.comparing.moved import moves
from gramax.comparing.results import Alignment, Change, Comparison, Moved, Side, side_of
from gramax.comparing.saved import compare_saved
from gramax.comparing.similarity import linear_cka, procrustes_similarity
from gramax.concluding import codes_of
from gramax.data import Source
from gramax.errors import InputError
from gramax.gathering import Classes, Progress, accumulate, classes_of, open_source
from gramax.moments import ClassMoments
from gramax.options import Options
from gramax.reports import Report

__all__ = [
    "Alignment",
    "Change",
    "Comparison",
    "Moved",
    "Side",
    "compare",
    "compare_saved",
    "linear_cka",
    "procrustes_similarity",
]

PICTURED = 200
"""Classes whose cosines are kept for a picture."""


def compare(
    a: Any,
    b: Any,
    labels: Any = None,
    labels_b: Any = None,
    *,
    paired: bool | None = None,
    codes: bool = False,
    raw: bool = False,
    column: str | None = None,
    moved: int = 10,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare two spaces: every number with the error of its change, moved pairs, alignment.

    Args:
        a: the first embeddings, an array or files, as for `gramax.audit`.
        b: the second; of any dimension.
        labels: of the rows of `a`, and of those of `b` unless `labels_b` is given.
        labels_b: of the rows of `b`.
        paired: row i is the same sample in both; by default where both have as many rows, and the
            same labels if any.
        codes: the rows are codebooks, as for `gramax.audit`.
        raw: take rows as they are, not on the unit sphere.
        column: the embedding column of files that hold several.
        moved: how many of the pairs of classes that moved most to name.
        options: the choices in which published definitions differ.
        progress: as for `gramax.audit`; called for `a`, then for `b`.

    Returns:
        A `Comparison`: `found["effective_rank"].kind` is "better", "worse", "same", ...

    Raises:
        InputError: an input cannot be audited, or rows are said to be paired and cannot be.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(200) % 4
        >>> loose = np.eye(4)[y] + 0.5 * rng.normal(size=(200, 4))
        >>> tight = np.eye(4)[y] + 0.1 * rng.normal(size=(200, 4))
        >>> found = compare(loose, tight, y)  # doctest: +SKIP
        >>> print(found.paired, found["collapse_ratio"].kind)  # doctest: +SKIP
        True better
    """
    options = options or Options()
    spaces = []
    for given, names in ((a, labels), (b, labels if labels_b is None else labels_b)):
        source, _ = open_source(given, column)
        spaces.append(_Space(source, classes_of(names, source, codes)))
    mismatch = _mismatch(*spaces)
    if paired and mismatch:
        raise InputError(f"rows cannot be paired: {mismatch}")
    paired = not mismatch if paired is None else paired
    first, second = (_look(space, not raw, options, progress) for space in spaces)
    return _compared(first, second, paired, mismatch, moved, options)


class _Space(NamedTuple):
    """One space, opened."""

    source: Source
    classes: Classes


class _Look(NamedTuple):
    """One space, looked at."""

    source: Source
    classes: Classes
    blocks: tuple[ClassMoments, ...]
    report: Report
    codes: np.ndarray


def _look(space: _Space, normalize: bool, options: Options, progress: Progress | None) -> _Look:
    totals = accumulate(*space, BLOCKS, normalize, progress)
    report, moments = concluded(space.source, totals, space.classes, 1, options, False, False)
    with jax.enable_x64(True):
        return _Look(*space, totals.blocks, report, np.asarray(codes_of(moments)[0]))


def _mismatch(a: _Space, b: _Space) -> str:
    """Why rows do not match; empty where they do, as far as one can see."""
    if a.source.rows != b.source.rows:
        return f"{a.source.rows:,} and {b.source.rows:,} rows"
    if a.classes.names != b.classes.names:
        return "the two have different classes"
    if a.classes.labels is not None and b.classes.labels is not None:
        sides = (
            one.part(0, a.source.rows).chunks(1 << 16)
            for one in (a.classes.labels, b.classes.labels)
        )
        if not all(np.array_equal(x, y) for x, y in zip(*sides, strict=True)):
            return "their labels differ"
    return ""


def _compared(
    first: _Look, second: _Look, paired: bool, mismatch: str, moved: int, options: Options
) -> Comparison:
    a, b = side_of(first.report), side_of(second.report)
    left = left_out(first.blocks, options), left_out(second.blocks, options)
    names = [name for name in first.classes.names if name in set(second.classes.names)]
    labelled = first.classes.labelled and second.classes.labelled
    names = names if labelled else []
    places = _places(first, names), _places(second, names)
    codes = first.codes[places[0]], second.codes[places[1]]
    pairs = moves(names, codes, places, (first.blocks, second.blocks), paired, moved)
    normalize = first.report.normalized
    few = 1 < len(names) <= PICTURED
    return Comparison(
        a,
        b,
        paired,
        changes_of(a, b, left, paired),
        pairs if len(names) > 1 else (),
        aligned(first.source, second.source, normalize, BLOCKS) if paired else (),
        _notes(a, b, paired, mismatch),
        tuple(names),
        np.stack([one @ one.T for one in codes]) if few else None,
    )


def _places(look: _Look, names: list[str]) -> np.ndarray:
    where = {name: k for k, name in enumerate(look.classes.names)}
    return np.array([where[name] for name in names], np.int64)


def _notes(a: Side, b: Side, paired: bool, mismatch: str) -> tuple[str, ...]:
    notes = ["rows are paired: row i is taken for the same sample in both"] if paired else []
    if not paired:
        notes.append(f"rows are not paired{f' ({mismatch})' if mismatch else ''}: errors are wider")
    if a.d != b.d:
        notes.append(f"{a.d:,} and {b.d:,} dimensions: there is room for different ranks")
    return tuple(notes)
