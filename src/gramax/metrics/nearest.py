"""The nearest neighbours of every row, a tile of distances at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt

from gramax.arrays import pairs
from gramax.arrays.guarded import ratio
from gramax.arrays.kernels import power_of_two
from gramax.arrays.rows import PRECISION

ROWS = 128
"""Rows whose neighbours are looked for at a time."""

SPARE = 8
"""Candidates kept beyond k; their distances are then taken from differences, and ordered."""

CLOSE_UNITS = 1024
"""A tile with a pair this many rounding units close is worked through by differences."""


def distinct(x: Float[Array, "n d"]) -> Bool[Array, " n"]:
    """One row of each set of exact copies: copies are one point, at no distance from itself.

    Copies are brought together by sorting two 32-bit hashes, and then compared.
    """
    x = jnp.where(x == 0, 0, x)  # -0.0 equals 0.0
    order = jnp.lexsort((_hash(x, 1), _hash(x, 2)))
    copy = jnp.all(x[order[1:]] == x[order[:-1]], axis=1)
    return jnp.ones(x.shape[0], bool).at[order[1:]].set(~copy)


def _hash(x: Float[Array, "n d"], seed: int) -> UInt[Array, " n"]:
    """Sum of mixed words: integers, so that the order of summation cannot matter."""
    words = jax.lax.bitcast_convert_type(x, jnp.uint32).reshape(x.shape[0], -1)
    salt = np.random.default_rng(seed).integers(0, 2**32, words.shape[1], dtype=np.uint32)
    words = words ^ salt
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):  # the finaliser of MurmurHash3
        words = (words ^ (words >> shift)) * jnp.uint32(factor)
    return jnp.sum((words ^ (words >> 16)) * (salt | 1), axis=1, dtype=jnp.uint32)


def _prepared(
    x: Float[Array, "n d"], exists: Bool[Array, " n"]
) -> tuple[Float[Array, "n d"], Float[Array, "n d"], Float[Array, ""]]:
    """Rows as they are and rows about their mean, both over a power of two, and that power.

    Products take the latter, so that an offset costs no digits; differences the former, because a
    difference of two rows as they are is correctly rounded, however close they lie.
    """
    middle = jnp.where(exists[:, None], x - x[jnp.argmax(exists)], 0)
    middle = middle - jnp.sum(ratio(middle, jnp.sum(exists)), axis=0)
    size = power_of_two(jnp.max(jnp.abs(middle)))
    return x / size, middle / size, size


def nearest(
    x: Float[Array, "n d"], k: int, exists: Bool[Array, " n"]
) -> tuple[Float[Array, "n k"], Int[Array, "n k"]]:
    """Distances to the k nearest other rows, nearest first, and their indices; O(tile·n) work.

    Args:
        x: `[n, d]` rows; neither an offset nor their scale costs digits.
        k: number of neighbours, below n; ties go to the lower index.
        exists: rows that count, as neighbours too. Where fewer than k others do, the rest is
            (infinity, some index).
    """
    n, wide, tile = len(x), min(k + SPARE, len(x)), pairs.tile_side(len(x))
    size = min(ROWS, tile)
    x, middle, unit = _prepared(x, exists)
    rows, centred, counts = (pairs.whole_tiles(v, tile) for v in (x, middle, exists))
    squares = jnp.sum(centred * centred, axis=1)
    starts = jnp.arange(0, n, tile)

    def of_block(start: Array) -> tuple[Array, Array]:
        own = jnp.minimum(start + jnp.arange(size), n - 1)
        a = x[own], middle[own]

        def add(i: Any, found: tuple[Array, Array]) -> tuple[Array, Array]:
            column = starts[i]
            *b, there, bb = (
                jax.lax.dynamic_slice_in_dim(v, column, tile)
                for v in (rows, centred, counts, squares)
            )
            at = column + jnp.arange(tile)
            allowed = there & (own[:, None] != at)
            d2 = jnp.where(allowed, _distances(a, b, bb, allowed), jnp.inf)
            every = jnp.concatenate([found[0], d2], axis=1)
            where = jnp.concatenate([found[1], jnp.broadcast_to(at, d2.shape)], axis=1)
            least, which = jax.lax.top_k(-every, wide)
            return -least, jnp.take_along_axis(where, which, axis=1)

        none = (jnp.full((size, wide), jnp.inf, x.dtype), jnp.zeros((size, wide), starts.dtype))
        d2, where = jax.lax.fori_loop(0, starts.shape[0], add, none)
        exact = jnp.sum((a[0][:, None] - x[jnp.minimum(where, n - 1)]) ** 2, axis=2)
        exact = jnp.where(jnp.isinf(d2), jnp.inf, exact)
        exact, where = jax.lax.sort((exact, where), dimension=1, num_keys=2)
        return jnp.sqrt(exact[:, :k]), jnp.minimum(where[:, :k], n - 1)

    blocks = jnp.arange(0, n, size)
    distances, where = jax.lax.map(of_block, blocks)
    return unit * distances.reshape(-1, k)[:n], where.reshape(-1, k)[:n]


def _distances(
    a: Sequence[Float[Array, "s d"]],
    b: Sequence[Float[Array, "t d"]],
    bb: Float[Array, " t"],
    allowed: Bool[Array, "s t"],
) -> Float[Array, "s t"]:
    """Squared distances; `a` and `b` hold rows as they are and centred, `bb` squares of these."""
    (rows_a, near_a), (rows_b, near_b) = a, b
    both = jnp.sum(near_a * near_a, axis=1)[:, None] + bb
    quick = both - 2 * jnp.matmul(near_a, near_b.T, precision=PRECISION)
    close = quick < CLOSE_UNITS * jnp.finfo(bb.dtype).eps * both
    return pairs.where_close(rows_a, rows_b, quick, jnp.any(allowed & close))
