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

CLOSE = 1 / 16
"""A squared distance below this share of |a|² + |b|² is taken from the difference itself."""

Step = Callable[[Any, Float[Array, "t t"], Bool[Array, "t t"], Any, Any], Any]
Measure = Callable[
    [Float[Array, "t d"], Float[Array, "t d"], Bool[Array, "t t"]], Float[Array, "t t"]
]


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
    x = unit_rows(x)
    return _fold(x, present(x), _products, step, carry)


def reduce_products(
    x: Float[Array, "c d"], exists: Bool[Array, " c"], step: Step, carry: Any
) -> Any:
    """`reduce_pairs` over the inner products of rows as they are; `exists` says which count."""
    return _fold(x, exists, _products, step, carry)


def reduce_distances(
    x: Float[Array, "c d"], exists: Bool[Array, " c"], step: Step, carry: Any
) -> Any:
    """`reduce_pairs` over the squared distances of rows as they are, right for close rows too."""
    return _fold(x, exists, _squared_distances, step, carry)


def _products(a: Array, b: Array, _: Array) -> Float[Array, "t t"]:
    return jnp.matmul(a, b.T, precision=PRECISION)


def _squared_distances(a: Array, b: Array, pair: Array) -> Float[Array, "t t"]:
    both = jnp.sum(a * a, axis=1)[:, None] + jnp.sum(b * b, axis=1)
    quick = both - 2 * jnp.matmul(a, b.T, precision=PRECISION)
    return where_close(a, b, quick, jnp.any(pair & (quick < CLOSE * both)))


def where_close(
    a: Float[Array, "s d"], b: Float[Array, "t d"], quick: Float[Array, "s t"], close: Array
) -> Float[Array, "s t"]:
    """Squared distances: `quick` = |a|² + |b|² - 2ab, or Σ (a-b)² where close rows cancel it."""

    def direct() -> Array:
        def add(k: Any, total: Array) -> Array:
            return total + (a[:, k][:, None] - b[:, k]) ** 2

        return jax.lax.fori_loop(0, a.shape[1], add, jnp.zeros_like(quick))

    return jax.lax.cond(close, direct, lambda: quick)


def _fold(
    x: Float[Array, "c d"], exists: Bool[Array, " c"], measure: Measure, step: Step, carry: Any
) -> Any:
    c = x.shape[0]
    tile = min(c, TILE)
    x = jnp.pad(x, ((0, -c % tile), (0, 0)))
    exists = jnp.pad(exists, (0, -c % tile))
    first, second = np.triu_indices(x.shape[0] // tile)
    starts = jnp.asarray(np.stack([first, second], axis=1) * tile)

    @jax.checkpoint
    def fold(carry: Any, row: Any, column: Any) -> Any:
        a, b = (jax.lax.dynamic_slice_in_dim(x, at, tile) for at in (row, column))
        own, other = (jax.lax.dynamic_slice_in_dim(exists, at, tile) for at in (row, column))
        ordered = row + jnp.arange(tile)[:, None] < column + jnp.arange(tile)
        pair = ordered & own[:, None] & other
        return step(carry, measure(a, b, pair), pair, row, column)

    if len(first) == 1:
        return fold(carry, 0, 0)
    return jax.lax.fori_loop(0, len(first), lambda i, s: fold(s, starts[i, 0], starts[i, 1]), carry)


def pair_count(exists: Bool[Array, " c"], dtype: Any) -> Float[Array, ""]:
    """Number of pairs i < j of rows that exist."""
    count = jnp.sum(exists).astype(dtype)
    return count * (count - 1) / 2


def row_sums(x: Float[Array, "c d"]) -> Float[Array, " c"]:
    """Sum over the other rows of the |cosine| to each row."""
    c = x.shape[0]
    tile = min(c, TILE)

    def step(sums: Array, cosines: Array, pair: Array, row: Any, column: Any) -> Array:
        sizes = jnp.where(pair, jnp.abs(cosines), 0)
        for start, axis in ((row, 1), (column, 0)):
            at = start + jnp.arange(tile)
            sums = sums.at[at].add(jnp.sum(sizes, axis=axis))
        return sums

    return reduce_pairs(x, step, jnp.zeros(c + -c % tile, x.dtype))[:c]


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
        size = jnp.where(pair, jnp.abs(cosines), -1)
        # The k largest lie in the k rows with the largest maxima: no sort of the whole tile.
        rows = jnp.sort(jax.lax.top_k(jnp.max(size, axis=1), min(k, tile))[1])
        size, flat = jax.lax.top_k(size[rows].ravel(), min(k, rows.size * tile))
        left, right = rows[flat // tile], flat % tile
        found = jnp.stack([row + left, column + right], axis=1)
        found = jnp.where(size[:, None] >= 0, found, -1)
        best, where, signed = (
            jnp.concatenate(both)
            for both in ((best, size), (where, found), (signed, cosines[left, right]))
        )
        order = jnp.lexsort((where[:, 1], where[:, 0], -best))[:k]
        return best[order], where[order], signed[order]

    start = (jnp.full(k, -1.0, x.dtype), jnp.full((k, 2), -1), jnp.full(k, jnp.nan, x.dtype))
    best, where, signed = reduce_pairs(x, step, start)
    return where, jnp.where(best >= 0, signed, jnp.nan)
