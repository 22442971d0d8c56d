"""`compare`: two spaces side by side, and which of the differences are real.

Two checkpoints, two models or two layers, of the same rows or of others. Where the rows match, the
same random blocks of them are left out of both, and the jackknife is of the difference itself: what
the two have in common (which rows were drawn) cancels. Where they do not, variances add.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from gramax.audits.audit import BLOCKS
from gramax.comparison.alignment import aligned
from gramax.comparison.changes import changes_of, without_each_of
from gramax.comparison.moved import moves
from gramax.comparison.passes import in_turn
from gramax.comparison.results import Alignment, Change, Comparison, Moved, Side, side_of
from gramax.comparison.saved import compare_saved
from gramax.comparison.sides import Look, look_at, mismatch, open_space
from gramax.comparison.similarity import linear_cka, procrustes_similarity
from gramax.errors import InputError
from gramax.metrics.options import Options
from gramax.streaming import Classes, Progress, engines, in_words

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
    engine: engines.Name = "serial",
    workers: int | None = None,
    engine_address: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    skip_bad: bool = False,
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
        progress: as for `gramax.audit`; of all passes over the rows: one over each side, and where
            rows are paired one more over both, for the alignment.
        engine: who reads and sums the rows, as for `gramax.audit`; the alignment is this thread's.
        workers: of the engine; by default one a core.
        engine_address: of a running Ray cluster.
        checkpoint: what is done of `a` is kept in the file `checkpoint.a`, of `b` in
            `checkpoint.b`. After a stop of any kind the same call goes on where it was.
        skip_bad: leave out what cannot be read. Rows are not paired then: which of them match is
            no longer known.

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
    spaces = [
        open_space(given, names, codes, column, skip_bad)
        for given, names in ((a, labels), (b, labels if labels_b is None else labels_b))
    ]
    apart = _checked(mismatch(*spaces), paired)
    sources = [space.source for space in spaces]
    both = [] if apart or paired is False else [sources]
    told = in_turn(progress, [[one] for one in sources] + both)
    with engines.opened(engine, workers=workers, address=engine_address) as runner:
        first, second = (
            look_at(
                space,
                not raw,
                options,
                progress=tell,
                engine=runner,
                checkpoint=f"{os.fspath(checkpoint)}.{side}" if checkpoint else None,
                skip_bad=skip_bad,
            )
            for side, space, tell in zip("ab", spaces, told, strict=False)
        )
    if first.left_out or second.left_out:
        apart = _checked(apart or "rows were left out", paired)
    paired = not apart if paired is None else paired
    return _compared(first, second, paired, apart, moved, options, told[-1])


def _checked(apart: str, paired: bool | None) -> str:
    """Why rows do not match, which is an error where they are said to."""
    if paired and apart:
        raise InputError(f"rows cannot be paired: {apart}")
    return apart


def _compared(
    first: Look,
    second: Look,
    paired: bool,
    apart: str,
    moved: int,
    options: Options,
    progress: Progress | None,
) -> Comparison:
    a, b = (side_of(one.report, one.left_out) for one in (first, second))
    left = without_each_of(first, options), without_each_of(second, options)
    names = _shared(first.space.classes, second.space.classes)
    places = _places(first, names), _places(second, names)
    codes = first.codes[places[0]], second.codes[places[1]]
    pairs = moves(names, codes, places, (first.blocks, second.blocks), paired, moved)
    few = 1 < len(names) <= PICTURED
    changes = changes_of(a, b, left, paired)
    return Comparison(
        a,
        b,
        paired,
        changes,
        pairs if len(names) > 1 else (),
        aligned(first, second, BLOCKS, progress) if paired else (),
        _notes(a, b, paired, apart) + _unknown(changes),
        tuple(names),
        np.stack([one @ one.T for one in codes]) if few else None,
    )


def _shared(a: Classes, b: Classes) -> list[str]:
    """The names of the classes that both have; none without labels."""
    if not (a.labelled and b.labelled):
        return []
    others = set(b.names)
    return [name for name in a.names if name in others]


def _places(look: Look, names: list[str]) -> np.ndarray:
    where = {name: k for k, name in enumerate(look.space.classes.names)}
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
