"""The pairs of classes whose cosine changed most, with the error of the change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gramax._shapes import Float, Int
from gramax.comparison.changes import ROUNDING, error_of
from gramax.comparison.results import Moved
from gramax.metrics.evidence import Evidence
from gramax.moments import ClassMoments

TILE_CODES, MAX_TILE_COSINES = 1024, 1 << 22
"""Codes that are compared with all others at once, and the most cosines held at a time."""

Blocks = Sequence[ClassMoments]


def largest_moves(
    before: Float[np.ndarray, "c p"], after: Float[np.ndarray, "c q"], k: int
) -> Int[np.ndarray, "k 2"]:
    """The `k` pairs of codes whose cosine differs most, the largest difference first.

    Args:
        before: `[c, p]` unit codes of one space; a zero row has no direction, and is in no pair.
        after: `[c, q]` of the same classes in the other.
        k: how many pairs; fewer where not as many moved.
    """
    usable = np.any(before, axis=1) & np.any(after, axis=1)
    found, size = np.zeros((0, 2), np.int64), np.zeros(0)
    tile = max(1, min(TILE_CODES, MAX_TILE_COSINES // max(len(before), 1)))
    for start in range(0, len(before), tile):
        rows = slice(start, start + tile)
        moved = np.abs(after[rows] @ after[start:].T - before[rows] @ before[start:].T)
        pair = np.arange(len(moved))[:, None] < np.arange(moved.shape[1])
        moved = np.where(pair & usable[rows, None] & usable[start:], moved, -1).ravel()
        best = np.argpartition(-moved, min(k, moved.size - 1))[:k]
        where = np.stack(np.unravel_index(best, pair.shape), axis=1) + start
        found, size = np.concatenate([found, where]), np.concatenate([size, moved[best]])
        kept = np.lexsort((found[:, 1], found[:, 0], -size))[:k]
        found, size = found[kept], size[kept]
    return found[size >= ROUNDING]


def most_moved(
    names: Sequence[str],
    codes: tuple[np.ndarray, np.ndarray],
    places: tuple[np.ndarray, np.ndarray],
    blocks: tuple[Blocks, Blocks],
    paired: bool,
    k: int,
) -> tuple[Moved, ...]:
    """The `k` pairs of classes that moved most.

    Args:
        names: of the c classes that both spaces have.
        codes: `[c, r]` unit codes of these classes, in each space.
        places: `[c]` where these classes stand in the moments, in each space.
        blocks: moments of random blocks of the rows, of each space.
        paired: whether the blocks hold the same rows.
        k: how many pairs.
    """
    pairs = largest_moves(*codes, k)
    if not len(pairs):
        return ()
    used = np.unique(pairs)
    at = np.searchsorted(used, pairs)
    whole = [np.einsum("kd,kd->k", code[pairs[:, 0]], code[pairs[:, 1]]) for code in codes]
    left = [
        _cosines_without_each(_class_sums(side, place[used]), at)
        for side, place in zip(blocks, places, strict=True)
    ]
    found = []
    for i, pair in enumerate(pairs):
        first, second = (names[int(k)] for k in pair)
        before, after = (float(cosines[i]) for cosines in whole)
        error, _ = error_of((before, left[0][:, i]), (after, left[1][:, i]), paired)
        found.append(Moved(first, second, before, after, error))
    return tuple(found)


def _class_sums(blocks: Blocks, classes: Int[np.ndarray, " k"]) -> Float[np.ndarray, "b k r"]:
    """Sums of the rows of these classes in each block."""
    with np.errstate(all="ignore"):
        return np.stack(
            [(block.counts[:, None] * Evidence(block).origin_means)[classes] for block in blocks]
        )


def _cosines_without_each(
    sums: Float[np.ndarray, "b k r"], pairs: Int[np.ndarray, "m 2"]
) -> Float[np.ndarray, "b m"]:
    """Cosines of the pairs without each block; NaN where a class is then gone."""
    rest = sums.sum(axis=0) - sums
    length = np.linalg.norm(rest, axis=2, keepdims=True)
    unit = rest / np.where(length > 1e-12 * np.max(length, initial=0.0), length, np.nan)
    return np.einsum("bmd,bmd->bm", unit[:, pairs[:, 0]], unit[:, pairs[:, 1]])
