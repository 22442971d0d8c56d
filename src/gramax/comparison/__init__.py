"""`compare`: two spaces side by side, and which of the differences are real.

The two may be checkpoints, models or layers, of the same rows or of different ones. Where the rows
match, the same random blocks of rows are left out of both, and the jackknife is of the difference
itself, so that what the two owe to the rows that were drawn cancels. Where the rows do not match,
the variances of both add up.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gramax.audits.audit import BLOCKS
from gramax.comparison.alignment import aligned
from gramax.comparison.changes import changes_of, without_each_of
from gramax.comparison.moved_pairs import most_moved
from gramax.comparison.results import Alignment, Change, Comparison, Moved, Side, side_of
from gramax.comparison.saved_reports import compare_saved
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

MAX_PICTURED_CLASSES = 200
"""Classes up to which their cosines are kept for a picture."""


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
            same labels if any. Rows are paired by their position alone.
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
    for letter, rows, names in (
        ("a", a, labels),
        ("b", b, labels if labels_b is None else labels_b),
    ):
        file = execution.checkpoint
        how = replace(execution, checkpoint=f"{os.fspath(file)}.{letter}" if file else None)
        request = Request(rows, names, column, codes, BLOCKS, not raw, how)
        collected.append(collect(request, progress))
    why_apart = mismatch(*collected)
    if paired and why_apart:
        raise InputError(f"rows cannot be paired: {why_apart}")
    first, second = (judged(one, options, progress) for one in collected)
    if progress:
        progress("comparing", 0, 1, 0)
    paired = not why_apart if paired is None else paired
    return _compared(first, second, paired, why_apart, moved, options)


def _compared(
    first: Space, second: Space, paired: bool, why_apart: str, moved: int, options: Options
) -> Comparison:
    a, b = (side_of(one.report, one.collected.left_out) for one in (first, second))
    left = without_each_of(first, options), without_each_of(second, options)
    changes = changes_of(a, b, left, paired)
    alignment = aligned(first, second, BLOCKS) if paired else ()
    names = _shared_classes(first.collected, second.collected)
    places = _places(first, names), _places(second, names)
    codes = first.codes[places[0]], second.codes[places[1]]
    blocks = first.collected.totals.blocks, second.collected.totals.blocks
    pictured = 1 < len(names) <= MAX_PICTURED_CLASSES
    return Comparison(
        a,
        b,
        paired,
        changes,
        most_moved(names, codes, places, blocks, paired, moved) if len(names) > 1 else (),
        alignment,
        _notes(a, b, paired, why_apart) + _reasons(changes, alignment),
        tuple(names),
        np.stack([one @ one.T for one in codes]) if pictured else None,
    )


def _shared_classes(a: Collected, b: Collected) -> list[str]:
    """The names of the classes that both have; none without labels."""
    if not (a.labelled and b.labelled):
        return []
    others = set(b.names)
    return [name for name in a.names if name in others]


def _places(space: Space, names: list[str]) -> np.ndarray:
    """Where these classes stand among those of a space."""
    where = {name: k for k, name in enumerate(space.collected.names)}
    return np.array([where[name] for name in names], np.int64)


def _notes(a: Side, b: Side, paired: bool, why_apart: str) -> tuple[str, ...]:
    if paired:
        notes = ["rows are paired: row i is taken for the same sample in both"]
    else:
        why = f" ({why_apart})" if why_apart else ""
        notes = [f"rows are not paired{why}: errors are wider"]
    if a.d != b.d:
        notes.append(f"{a.d:,} and {b.d:,} dimensions: there is room for different ranks")
    for letter, side in (("A", a), ("B", b)):
        if side.left_out:
            notes.append(f"{letter}: {in_words(side.left_out)}")
    return tuple(notes)


def _reasons(changes: Mapping[str, Change], alignment: Sequence[Alignment]) -> tuple[str, ...]:
    """Why numbers are undefined or have no error, those of one reason in one note."""
    names: dict[str, list[str]] = {}
    for name, change in changes.items():
        if change.kind == "unknown":
            names.setdefault(change.reason, []).append(name)
    for one in alignment:
        if one.reason:
            names.setdefault(one.reason, []).append(one.name)
    return tuple(f"{', '.join(which)}: {why}" for why, which in names.items())
