"""`compare`: two spaces side by side, and which of the differences are real.

Two checkpoints, two models or two layers, of the same rows or of others. Where the rows match, the
same random blocks of them are left out of both, and the jackknife is of the difference itself: what
the two have in common (which rows were drawn) cancels. Where they do not, variances add.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gramax.audits.audit import BLOCKS
from gramax.comparison.alignment import aligned
from gramax.comparison.changes import changes_of, without_each_of
from gramax.comparison.moved import moves
from gramax.comparison.results import Alignment, Change, Comparison, Moved, Side, side_of
from gramax.comparison.saved import compare_saved
from gramax.comparison.similarity import linear_cka, procrustes_similarity
from gramax.comparison.spaces import Space, judged, mismatch
from gramax.errors import InputError
from gramax.metrics.options import Options
from gramax.streaming import Collected, Execution, Progress, Request, collect, in_words

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
    execution: Execution | None = None,
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
        progress: as for `gramax.audit`, of one side after the other.
        execution: who reads the rows, as for `gramax.audit`. What is done of `a` is kept in the
            file `checkpoint.a`, of `b` in `checkpoint.b`. With `skip_bad` rows are not paired where
            some are left out: which of them match is no longer known.

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
        >>> found = compare(loose, tight, y)
        >>> print(found.paired, found["collapse_ratio"].kind)
        True better
    """
    options, execution = options or Options(), execution or Execution()
    collected = []
    for side, given, names in (
        ("a", a, labels),
        ("b", b, labels if labels_b is None else labels_b),
    ):
        kept = execution.checkpoint
        how = replace(execution, checkpoint=f"{os.fspath(kept)}.{side}" if kept else None)
        request = Request(given, names, column, codes, BLOCKS, not raw, how)
        collected.append(collect(request, progress))
    apart = _checked(mismatch(*collected), paired)
    first, second = (judged(one, options, progress) for one in collected)
    paired = not apart if paired is None else paired
    if progress:
        progress("comparing", 0, 1, 0)
    return _compared(first, second, paired, apart, moved, options)


def _checked(apart: str, paired: bool | None) -> str:
    """Why rows do not match, which is an error where they are said to."""
    if paired and apart:
        raise InputError(f"rows cannot be paired: {apart}")
    return apart


def _compared(
    first: Space,
    second: Space,
    paired: bool,
    apart: str,
    moved: int,
    options: Options,
) -> Comparison:
    a, b = (side_of(one.report, one.collected.left_out) for one in (first, second))
    left = without_each_of(first, options), without_each_of(second, options)
    names = _shared(first.collected, second.collected)
    places = _places(first, names), _places(second, names)
    codes = first.codes[places[0]], second.codes[places[1]]
    blocks = first.collected.totals.blocks, second.collected.totals.blocks
    pairs = moves(names, codes, places, blocks, paired, moved)
    few = 1 < len(names) <= PICTURED
    changes = changes_of(a, b, left, paired)
    return Comparison(
        a,
        b,
        paired,
        changes,
        pairs if len(names) > 1 else (),
        aligned(first, second, BLOCKS) if paired else (),
        _notes(a, b, paired, apart) + _unknown(changes),
        tuple(names),
        np.stack([one @ one.T for one in codes]) if few else None,
    )


def _shared(a: Collected, b: Collected) -> list[str]:
    """The names of the classes that both have; none without labels."""
    if not (a.labelled and b.labelled):
        return []
    others = set(b.names)
    return [name for name in a.names if name in others]


def _places(space: Space, names: list[str]) -> np.ndarray:
    where = {name: k for k, name in enumerate(space.collected.names)}
    return np.array([where[name] for name in names], np.int64)


def _notes(a: Side, b: Side, paired: bool, apart: str) -> tuple[str, ...]:
    notes = ["rows are paired: row i is taken for the same sample in both"] if paired else []
    if not paired:
        notes.append(f"rows are not paired{f' ({apart})' if apart else ''}: errors are wider")
    if a.d != b.d:
        notes.append(f"{a.d:,} and {b.d:,} dimensions: there is room for different ranks")
    notes += [f"{k}: {in_words(one.left_out)}" for k, one in (("A", a), ("B", b)) if one.left_out]
    return tuple(notes)


def _unknown(changes: Mapping[str, Change]) -> tuple[str, ...]:
    """Which numbers have no error, by reason."""
    names: dict[str, list[str]] = {}
    for name, change in changes.items():
        if change.kind == "unknown":
            names.setdefault(change.reason, []).append(name)
    return tuple(f"{', '.join(which)}: {why}" for why, which in names.items())
