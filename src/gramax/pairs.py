"""Reductions over all pairs of rows that hold one tile of cosines at a time.

A codebook of c rows has c(c-1)/2 pairs; no c×c matrix is made. Zero rows are not codes: they are
left out of every pair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from gramax.sphere import PRECISION, unit_rows

TILE = 1024
"""Side of a tile: 4 MiB of float32 cosines."""

Step = Callable[[Any, Float[Array, "t t"], Bool[Array, "t t"], Any, Any], Any]


def present(x: Float[Array, "c d"]) -> Bool[Array, " c"]:
    """Rows that are codes: not zero (a row with NaN counts, so that it shows in the result)."""
    return jnp.any(x != 0, axis=-1)


def reduce_pairs(x: Float[Array, "c d"], step: Step, carry: Any) -> Any:
    """Fold `step(carry, cosines, pair, row, column)` over the tiles of the upper triangle.

    Args:
        x: `[c, d]` rows of any length; their cosines are taken.
        step: folds one tile: `cosines[i, j]` is that of rows `row + i` and `column + j`, and
            `pair[i, j]` says whether it counts (i < j overall, both rows codes).
        carry: the state before the first tile.
    """
    c = x.shape[0]
    tile = min(c, TILE)
    x = jnp.pad(unit_rows(x), ((0, -c % tile), (0, 0)))
    code = present(x)
    first, second = np.triu_indices(x.shape[0] // tile)
    starts = jnp.asarray(np.stack([first, second], axis=1) * tile)

    @jax.checkpoint
    def fold(carry: Any, row: Any, column: Any) -> Any:
        a, b = (jax.lax.dynamic_slice_in_dim(x, at, tile) for at in (row, column))
        own, other = (jax.lax.dynamic_slice_in_dim(code, at, tile) for at in (row, column))
        ordered = row + jnp.arange(tile)[:, None] < column + jnp.arange(tile)
        cosines = jnp.matmul(a, b.T, precision=PRECISION)
        return step(carry, cosines, ordered & own[:, None] & other, row, column)

    if len(first) == 1:
        return fold(carry, 0, 0)
    return jax.lax.fori_loop(
        0, len(first), lambda i, s: fold(s, starts[i, 0], starts[i, 1]), carry
    )


def potential(x: Float[Array, "c d"]) -> Float[Array, ""]:
    """Sum of all squared inner products, |xxᵀ|²_F = |xᵀx|²_F: the smaller product is formed."""
    small = x if x.shape[0] < x.shape[1] else x.T
    return jnp.sum(jnp.matmul(small, small.T, precision=PRECISION) ** 2)


def largest(x: Float[Array, "c d"], k: int) -> tuple[Int[Array, "k 2"], Float[Array, " k"]]:
    """The `k` pairs of rows with the largest |cosine|, largest first, and their signed cosines.

    Ties go to the pair that comes first by index. Where there are fewer than k pairs, the rest is
    (-1, -1) with NaN.
    """
    tile = min(x.shape[0], TILE)

    def step(carry: Any, cosines: Array, pair: Array, row: Any, column: Any) -> Any:
        best, where, signed = carry
        size, flat = jax.lax.top_k(
            jnp.where(pair, jnp.abs(cosines), -1).ravel(), min(k, cosines.size)
        )
        found = jnp.stack([row + flat // tile, column + flat % tile], axis=1)
        found = jnp.where(size[:, None] >= 0, found, -1)
        best, where, signed = (
            jnp.concatenate(both)
            for both in ((best, size), (where, found), (signed, cosines.ravel()[flat]))
        )
        order = jnp.lexsort((where[:, 1], where[:, 0], -best))[:k]
        return best[order], where[order], signed[order]

    start = (jnp.full(k, -1.0, x.dtype), jnp.full((k, 2), -1), jnp.full(k, jnp.nan, x.dtype))
    best, where, signed = reduce_pairs(x, step, start)
    return where, jnp.where(best >= 0, signed, jnp.nan)
