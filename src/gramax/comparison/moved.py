"""The pairs of classes whose cosine changed most, with the error of the change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from gramax.comparison.changes import STILL, error_of
from gramax.comparison.results import Moved
from gramax.metrics.evidence import Evidence
from gramax.moments import ClassMoments

TILE, CELLS = 1024, 1 << 22
"""Codes compared at once with all others, and the most cosines held at a time."""

Blocks = Sequence[ClassMoments]


def largest_moves(
    before: Float[np.ndarray, "c p"], after: Float[np.ndarray, "c q"], k: int
) -> Int[np.ndarray, "k 2"]:
    """The `k` pairs of codes whose cosine differs most, the largest difference first.

    Args:
        before: `[c, p]` unit codes of one space; a zero row has none, and no pair.
        after: `[c, q]` of the same classes in the other.
        k: how many pairs; fewer where not as many moved.
    """
    usable = np.any(before, axis=1) & np.any(after, axis=1)
    found, size = np.zeros((0, 2), np.int64), np.zeros(0)
    tile = max(1, min(TILE, CELLS // max(len(before), 1)))
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
    return found[size >= STILL]


def moves(
    names: Sequence[str],
    codes: tuple[np.ndarray, np.ndarray],
    places: tuple[np.ndarray, np.ndarray],
    blocks: tuple[Blocks, Blocks],
    paired: bool,
    k: int,
) -> tuple[Moved, ...]:
    """The pairs that moved most.

    Args:
        names: of the classes that both spaces have.
        codes: unit codes of these classes, in each space.
        places: of these classes in the moments of each space.
        blocks: moments of random blocks of the rows, of each space.
        paired: whether the blocks hold the same rows.
        k: how many pairs.
    """
    pairs = largest_moves(*codes, k)
    if not len(pairs):
        return ()
    used = np.unique(pairs)
    at = np.searchsorted(used, pairs)
    values = [
        _without_each(_means(side, place[used]), at)
        for side, place in zip(blocks, places, strict=True)
    ]
    whole = [np.einsum("kd,kd->k", code[pairs[:, 0]], code[pairs[:, 1]]) for code in codes]
    return tuple(
        Moved(
            names[int(a)],
            names[int(b)],
            float(whole[0][i]),
            float(whole[1][i]),
            error_of((whole[0][i], values[0][:, i]), (whole[1][i], values[1][:, i]), paired)[0],
        )
        for i, (a, b) in enumerate(pairs)
    )


def _means(blocks: Blocks, classes: np.ndarray) -> Float[np.ndarray, "b k d"]:
    """Sums of the rows of these classes in each block."""
    with np.errstate(all="ignore"):
        return np.stack(
            [(block.counts[:, None] * Evidence(block).origin_means)[classes] for block in blocks]
        )


def _without_each(
    sums: Float[np.ndarray, "b k d"], pairs: Int[np.ndarray, "m 2"]
) -> Float[np.ndarray, "b m"]:
    """Cosines of the pairs without each block; NaN where a class is then gone."""
    rest = sums.sum(axis=0) - sums
    length = np.linalg.norm(rest, axis=2, keepdims=True)
    unit = rest / np.where(length > 1e-12 * np.max(length, initial=0.0), length, np.nan)
    return np.einsum("bmd,bmd->bm", unit[:, pairs[:, 0]], unit[:, pairs[:, 1]])
