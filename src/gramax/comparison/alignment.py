"""CKA and Procrustes of two spaces, with their errors and what chance gives for them.

They are of the rows that both audits kept: of all up to some 200,000, and of one sample of more.
Error bars are a jackknife over blocks of rows. The products of each block are subtracted from those
of all rows, so that no number costs a second pass over them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from gramax._shapes import Int
from gramax.comparison.centred_rows import CentredRows
from gramax.comparison.changes import LEVEL, TOO_FEW, WHOLE_LINE
from gramax.comparison.results import Alignment
from gramax.comparison.similarity import (
    MIN_DEBIASED_ROWS,
    CrossMoments,
    cka,
    cka_chance,
    cka_debiased,
    debiased_chance,
    procrustes_chance,
    procrustes_near,
    why_undefined,
)
from gramax.comparison.spaces import Space
from gramax.uncertainty.chance.laws import Chance
from gramax.uncertainty.errorbars import jackknife

MAX_BLOCK_BYTES = 1 << 30
"""Bytes that the products of all blocks may take."""

FEW_BLOCKS = (10, 5)
"""How many blocks there are where as many as were asked for do not fit."""

NO_MEMORY = f"the products of blocks of rows would take more than {MAX_BLOCK_BYTES >> 30} GiB"


@dataclass(frozen=True)
class _Similarity:
    """One of the numbers: what it is called, and how it and its chance are computed."""

    name: str
    meaning: str
    value: Callable[[CrossMoments], float]
    chance: Callable[[CrossMoments], Chance]
    debiased: bool = False


def aligned(a: Space, b: Space, blocks: int) -> tuple[Alignment, ...]:
    """How alike two spaces of the same rows are, each number with its error and chance.

    Args:
        a: the first space.
        b: the second, of as many rows in the same order.
        blocks: of the jackknife; fewer where memory is short.
    """
    kept = (space.collected.totals.sample.numbers for space in (a, b))
    numbers = np.intersect1d(*kept, assume_unique=True)
    if not len(numbers):
        return ()
    x, y = (_rows(space, numbers) for space in (a, b))
    return similarities(x, y, blocks)


def _rows(space: Space, numbers: Int[np.ndarray, " n"]) -> CentredRows:
    """The rows of these numbers; without a copy where they are all that were kept."""
    sample = space.collected.totals.sample
    every = len(numbers) == len(sample.numbers)
    rows = sample.rows if every else sample.rows[np.searchsorted(sample.numbers, numbers)]
    return CentredRows.of(rows, space.report.normalized)


def similarities(x: CentredRows, y: CentredRows, blocks: int) -> tuple[Alignment, ...]:
    """How alike two lists of rows are that match one by one, as `aligned`."""
    blocks = _affordable(x.dim, y.dim, blocks)
    parts = _products(x, y, blocks)
    total = reduce(CrossMoments.combined, parts)
    whole = total.centred()
    numbers = _numbers(whole)
    left, why = [], NO_MEMORY if blocks == 1 else ""
    size = parts[0].n
    if not why and whole.n - size < MIN_DEBIASED_ROWS:
        why = TOO_FEW
    for part in () if why else (part for part in parts if part.n == size):
        rest = total.combined(part, -1).centred()
        left.append([one.value(rest) for one in numbers])
    table = np.array(left).reshape(-1, len(numbers))
    return tuple(_judged(one, whole, table[:, k], why) for k, one in enumerate(numbers))


def _affordable(p: int, q: int, blocks: int) -> int:
    """As many blocks as memory allows; 1, which is none, where it does not even allow a few."""
    each = 8 * (p + q) ** 2
    choices = (blocks, *(few for few in FEW_BLOCKS if few < blocks))
    return next((count for count in choices if count * each <= MAX_BLOCK_BYTES), 1)


def _products(x: CentredRows, y: CentredRows, blocks: int) -> list[CrossMoments]:
    """Products of random blocks of as many rows each, and last of the few rows beyond them, if any.

    Of one size, since plain CKA depends on the number of rows where those are few: blocks of
    different sizes would make its error several times too large.
    """
    n = len(x.rows)
    size = n // min(n, blocks)
    order = np.random.default_rng(0).permutation(n)
    cuts = range(0, n, size)
    rows = (np.sort(order[start : start + size]) for start in cuts)
    return [CrossMoments.of(x.at(which), y.at(which)) for which in rows]


def _numbers(whole: CrossMoments) -> tuple[_Similarity, ...]:
    return (
        _Similarity(
            "linear CKA, debiased",
            "similarity of the two spaces' geometry; 0 is unrelated, 1 the same up to rotation",
            cka_debiased,
            debiased_chance,
            debiased=True,
        ),
        _Similarity(
            "linear CKA",
            "the same with the plain estimator, which few rows inflate",
            cka,
            cka_chance,
        ),
        _Similarity(
            "Procrustes similarity",
            "how well one rotation and scale turn the one into the other; 1 is exactly",
            procrustes_near(whole),
            procrustes_chance,
        ),
    )


def _judged(one: _Similarity, whole: CrossMoments, left: np.ndarray, why: str) -> Alignment:
    """A number with its error and chance, or with the reason why it has none."""
    value = one.value(whole)
    bar = jackknife(value, left, WHOLE_LINE, LEVEL)
    reason = why_undefined(whole, one.debiased)
    if not reason and bar.error is None:
        reason = why or bar.reason
    return Alignment(one.name, one.meaning, value, bar.error, one.chance(whole), reason)
