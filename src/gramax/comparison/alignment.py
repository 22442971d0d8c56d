"""CKA and Procrustes of two sides, row by row, in a second pass: memory dₓ² + d_y² + dₓ·d_y.

Of the rows that count in both: those that the first pass left out of a side are left out here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from gramax.arrays.rows import directions
from gramax.comparison.changes import LEVEL, LINE
from gramax.comparison.results import Alignment
from gramax.comparison.sides import Look
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
from gramax.moments.blocks import dealt
from gramax.streaming import Progress
from gramax.uncertainty.chance.laws import Chance
from gramax.uncertainty.errorbars import jackknife

CHUNK_BYTES, MEMORY = 1 << 25, 1 << 30
"""Bytes of a chunk of rows, and of the products of all blocks."""

Value = Callable[[CrossMoments], float]


def aligned(a: Look, b: Look, blocks: int, progress: Progress | None) -> tuple[Alignment, ...]:
    """How alike two spaces of the same rows are, each number with its error and chance.

    Args:
        a: the first side.
        b: the second, of as many rows in the same order.
        blocks: of the jackknife; fewer where memory is short.
        progress: told what is done of this pass.
    """
    parts = _products(a, b, _blocks(len(a.centre), len(b.centre), blocks), progress)
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


def _products(a: Look, b: Look, blocks: int, progress: Progress | None) -> list[CrossMoments]:
    """Products of the centred rows by block, the same blocks as those of the moments."""
    p, q = len(a.centre), len(b.centre)
    n = a.space.source.rows
    size = max(1, min(n, CHUNK_BYTES // (4 * max(p, q))))
    parts = [CrossMoments.of(np.zeros((0, p)), np.zeros((0, q)))] * blocks
    done = read = 0
    for (x, x_counts), (y, y_counts) in zip(_rows(a, size), _rows(b, size), strict=True):
        block = np.where(x_counts & y_counts, dealt(done, len(x), blocks, 0), -1)
        parts = [
            part + CrossMoments.of(x[block == k], y[block == k]) for k, part in enumerate(parts)
        ]
        done += len(x)
        read += x.nbytes + y.nbytes
        if progress:
            progress(2 * done, 2 * n, read)
    return parts


def _rows(look: Look, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The rows, centred, and which of them count, in chunks of `size`."""
    source, classes = look.space.source, look.space.classes
    labels = classes.labels and classes.labels.part(0, source.rows).chunks(size)
    normalize = look.report.normalized
    for _, z in source.chunks(size):
        counts = next(labels) >= 0 if labels else np.ones(len(z), bool)
        z = z.astype(np.float64 if z.dtype == np.float64 else np.float32, copy=False)
        if normalize:
            z, counts = directions(z), counts & z.any(axis=1)
        yield z - look.centre.astype(z.dtype), counts
