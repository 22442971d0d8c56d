"""CKA and Procrustes of two sources, row by row, in a second pass: memory dₓ² + d_y² + dₓ·d_y."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from gramax.chance.laws import Chance
from gramax.comparing.changes import LEVEL, LINE
from gramax.comparing.results import Alignment
from gramax.comparing.similarity import (
    CrossMoments,
    cka,
    cka_chance,
    cka_debiased,
    debiased_chance,
    procrustes,
    procrustes_chance,
    procrustes_near,
)
from gramax.data import Source, check_finite
from gramax.errorbars import jackknife
from gramax.errorbars.blocks import dealt

CHUNK_BYTES, MEMORY = 1 << 25, 1 << 30
"""Bytes of a chunk of rows, and of the products of all blocks."""

Means = tuple[np.ndarray, np.ndarray]
Value = Callable[[CrossMoments], float]


def aligned(a: Source, b: Source, normalize: bool, blocks: int) -> tuple[Alignment, ...]:
    """How alike two spaces of the same rows are, each number with its error and chance.

    Args:
        a: the first source; b: the second, of as many rows in the same order.
        b: as said.
        normalize: take rows on the unit sphere.
        blocks: of the jackknife; fewer where memory is short.
    """
    means = _means(a, b, normalize)
    parts = _products(a, b, normalize, means, _blocks(a.dim, b.dim, blocks))
    whole = sum(parts[1:], parts[0])
    without = [(whole - part).centred() for part in parts] if len(parts) > 2 else []
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


def _chunks(a: Source, b: Source, normalize: bool) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    size = max(1, min(a.rows, CHUNK_BYTES // (4 * max(a.dim, b.dim))))
    for (start, x), (_, y) in zip(a.chunks(size), b.chunks(size), strict=True):
        yield start, _rows(x, start, a.name, normalize), _rows(y, start, b.name, normalize)


def _rows(z: np.ndarray, start: int, name: str, normalize: bool) -> np.ndarray:
    check_finite(z, start, name)
    z = z.astype(np.float64 if z.dtype == np.float64 else np.float32, copy=False)
    if not normalize:
        return z
    largest = np.abs(z).max(axis=1, keepdims=True)
    z = z / np.where(largest > 0, largest, 1)
    length = np.linalg.norm(z, axis=1, keepdims=True)
    return z / np.where(length > 0, length, 1)


def _means(a: Source, b: Source, normalize: bool) -> Means:
    x_sum, y_sum = np.zeros(a.dim), np.zeros(b.dim)
    for _, x, y in _chunks(a, b, normalize):
        x_sum += x.sum(axis=0, dtype=np.float64)
        y_sum += y.sum(axis=0, dtype=np.float64)
    return x_sum / a.rows, y_sum / b.rows


def _products(
    a: Source, b: Source, normalize: bool, means: Means, blocks: int
) -> list[CrossMoments]:
    """Products of the centred rows by block, the same blocks as those of the moments."""
    parts = [CrossMoments.of(np.zeros((0, a.dim)), np.zeros((0, b.dim)))] * blocks
    for start, x, y in _chunks(a, b, normalize):
        x, y = (z - mean.astype(z.dtype) for z, mean in zip((x, y), means, strict=True))
        block = dealt(start, len(x), blocks, 0)
        parts = [
            part + CrossMoments.of(x[block == k], y[block == k]) for k, part in enumerate(parts)
        ]
    return parts
