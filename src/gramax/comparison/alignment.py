"""CKA and Procrustes of two spaces, row by row, of the rows that both audits kept.

Those are all rows up to some 200,000, and the same sample of more. Rows that are fewer than their
dimensions are turned into the space that they span, which changes neither number: memory is
dₓ² + d_y² + dₓ·d_y for a block, with n in the place of a larger d.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from gramax.arrays.rows import spanned, unit_rows
from gramax.comparison.changes import LEVEL, LINE
from gramax.comparison.results import Alignment
from gramax.comparison.similarity import (
    CrossMoments,
    cka,
    cka_chance,
    cka_debiased,
    debiased_chance,
    procrustes,
    procrustes_chance,
    procrustes_near,
)
from gramax.comparison.spaces import Space
from gramax.moments.blocks import dealt
from gramax.uncertainty.chance import Chance
from gramax.uncertainty.errorbars import jackknife

MEMORY = 1 << 30
"""Bytes of the products of all blocks."""

Value = Callable[[CrossMoments], float]


def aligned(a: Space, b: Space, blocks: int) -> tuple[Alignment, ...]:
    """How alike two spaces of the same rows are, each number with its error and chance.

    Args:
        a: the first space.
        b: the second, of as many rows in the same order.
        blocks: of the jackknife; fewer where memory is short.
    """
    parts = _products(a, b, blocks)
    total = sum(parts[1:], parts[0])
    whole = total.centred()
    without = [(total - part).centred() for part in parts] if len(parts) > 2 else []
    near = procrustes_near(whole)
    rows: list[tuple[str, str, float, Value, Chance]] = [
        (
            "linear CKA, debiased",
            "similarity of the two spaces' geometry; 0 is unrelated, 1 the same up to rotation",
            cka_debiased(whole),
            cka_debiased,
            debiased_chance(whole),
        ),
        (
            "linear CKA",
            "the same with the plain estimator, which few rows inflate",
            cka(whole),
            cka,
            cka_chance(whole),
        ),
        (
            "Procrustes similarity",
            "how well one rotation and scale turn the one into the other; 1 is exactly",
            procrustes(whole),
            near,
            procrustes_chance(whole),
        ),
    ]
    return tuple(
        Alignment(name, meaning, value, _error(value, f, without), chance)
        for name, meaning, value, f, chance in rows
    )


def _error(value: float, f: Value, without: list[CrossMoments]) -> float | None:
    if not without or not math.isfinite(value):
        return None
    return jackknife(value, np.array([f(part) for part in without]), LINE, LEVEL).error


def _blocks(p: int, q: int, blocks: int) -> int:
    """As many blocks as fit into memory; 1 where not even five do."""
    each = 3 * 8 * (p * p + q * q + p * q)
    return next((k for k in (blocks, 10, 5) if k <= blocks and k * each <= MEMORY), 1)


def _products(a: Space, b: Space, blocks: int) -> list[CrossMoments]:
    """Products of the centred rows by block, the same blocks as those of the moments."""
    numbers = np.intersect1d(
        a.collected.totals.sample.numbers, b.collected.totals.sample.numbers, assume_unique=True
    )
    x, y = _rows(a, numbers), _rows(b, numbers)
    blocks = _blocks(x.shape[1], y.shape[1], blocks)
    block = dealt(0, int(numbers.max(initial=-1)) + 1, blocks, 0)[numbers]
    return [CrossMoments.of(x[block == k], y[block == k]) for k in range(blocks)]


def _rows(space: Space, numbers: np.ndarray) -> np.ndarray:
    """The rows with these numbers, centred, in the space that they span."""
    sample = space.collected.totals.sample
    rows = sample.rows[np.searchsorted(sample.numbers, numbers)]
    if space.report.normalized:
        rows = unit_rows(rows)
    rows = spanned(rows) if len(rows) < rows.shape[1] else rows
    return rows - rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
