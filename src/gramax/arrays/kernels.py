"""The numerics under `ClassMoments`: displacements, exact counts, blocks, symmetric products."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from gramax.arrays.rows import PRECISION

BLOCK, WIDE_BLOCK = 512, 1 << 15
"""Rows worked on at a time: on a CPU a block and its copies stay in a core's cache, and elsewhere
it fills the device. Sums over the blocks keep the digits that one sum over all rows would lose."""

ALIGNED = 64
"""Blocks have a multiple of so many rows: products of an odd number take a tenth longer."""

TERMS = 2048
"""Rows that one sum of products runs over. An accelerator may add them one after the other: 23 to
77 units of rounding are measured for 65,536 rows (NVIDIA H200)."""


def displacement(
    x: Float[Array, "n d"],
    length: Float[Array, "n 1"],
    anchor: Float[Array, "#n d"],
    radius: Float[Array, "#n 1"],
    normalize: bool,
) -> Float[Array, "n d"]:
    """Rows relative to their anchors, or their directions relative to the anchors' directions.

    On the sphere, with r the anchor, R = |r|, p = r/R and t = x - r (exact for close rows):
    x/|x| - p = (t - (|x| - R) p)/|x| and |x| - R = (x + r)·t/(|x| + R), so that the result is as
    precise as t is. Anchors are first scaled to a length near 1, and rows to the length closest to
    their anchor's, by powers of two, which is exact.
    """
    if not normalize:
        return x - anchor
    usable = (length > 0) & (radius > 0) & jnp.isfinite(length)
    unit = power_of_two(1 / jnp.where(usable, radius, 1))
    anchor, radius = anchor * unit, jnp.where(usable, radius * unit, 1)
    scale = power_of_two(radius / jnp.where(usable, length, 1))
    x, length = x * scale, jnp.where(usable, length * scale, 1)
    t = x - anchor
    growth = jnp.sum((x + anchor) * t, axis=-1, keepdims=True) / (length + radius)
    return (t - (growth / radius) * anchor) / length


def power_of_two(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The power of two closest to `x` (in ratio); 1 for 0."""
    return jnp.ldexp(jnp.ones_like(x), jnp.frexp(x * math.sqrt(0.5))[1])


def add_exact(total: Float[Array, "2 ..."], more: Float[Array, "2 ..."]) -> Float[Array, "2 ..."]:
    """Sum of two unevaluated sums of two floats (Knuth's TwoSum): exact to twice the digits."""
    for x in (more[0], more[1]):
        high, low = total
        s = high + x
        back = s - high
        low = low + ((high - (s - back)) + (x - back))
        top = s + low
        total = jnp.stack([top, low - (top - s)])
    return total


def tally(
    keep: Bool[Array, " n"],
    weight: Float[Array, " n"] | None,
    y: Int[Array, " n"],
    c: int,
    dtype: Any,
    total: Callable[[Any], Any],
) -> Float[Array, "2 c"]:
    """Rows or weight of each class, as high and low parts; `total` sums over shards.

    Rows of weight 1 are counted as integers, exact to 2³¹ rows: sums of float32 ones end at 2²⁴.
    """
    ones = keep if weight is None else keep & (weight == 1)
    counts = total(jax.ops.segment_sum(ones.astype(jnp.int32), y, c))
    high = counts.astype(dtype)
    exact = jnp.stack([high, (counts - high.astype(jnp.int32)).astype(dtype)])
    if weight is None:
        return exact
    rest = total(jax.ops.segment_sum(jnp.where(keep & (weight != 1), weight, 0), y, c))
    return add_exact(exact, jnp.stack([rest, jnp.zeros_like(rest)]))


def over_blocks(step: Callable[[Any, Any, Any], Any], carry: Any, rows: Any) -> Any:
    """`carry = step(carry, block, new)` over blocks of the rows, a tree of arrays `[n, ...]`.

    Blocks are of one size. `new` marks the rows of a block not seen before: where n is no multiple
    of the size, the last block starts early.
    """
    n = len(jax.tree.leaves(rows)[0])
    count = -(-n // block_limit())
    if count <= 1:
        return step(carry, rows, jnp.ones(n, bool))
    even = -(-n // count)
    size = min(n, even + -even % ALIGNED)

    def body(i: Any, carry: Any) -> Any:
        start = jnp.minimum(i * size, n - size)
        block = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, start, size), rows)
        return step(carry, block, start + jnp.arange(size) >= i * size)

    return jax.lax.fori_loop(0, count, body, carry)


def block_limit() -> int:
    """The most rows that a block has, on the device that is JAX's default."""
    return BLOCK if jax.default_backend() == "cpu" else WIDE_BLOCK


def product_upper(x: Float[Array, "n d"], strips: int = 3) -> list[Array]:
    """xᵀx on and above its diagonal, as strips of rows: two thirds of the work of all of it.

    The products of `TERMS` rows are summed apart, as far as their sums take no more memory than
    the rows do. Without the barrier XLA may make one sum over all rows of it again.
    """
    n, d = x.shape
    width = -(-d // strips)
    parts = min(-(-n // TERMS), n // d)
    if parts > 1:
        x = jnp.pad(x, ((0, -n % parts), (0, 0))).reshape(parts, -1, d)
    products = [
        jnp.matmul(x[..., i : i + width].mT, x[..., i:], precision=PRECISION)
        for i in range(0, d, width)
    ]
    if parts <= 1:
        return products
    return [jnp.sum(p, axis=0) for p in jax.lax.optimization_barrier(products)]


def join_upper(strips: list[Array]) -> Float[Array, "d d"]:
    """The symmetric matrix whose upper strips `product_upper` gave."""
    d = strips[0].shape[1]
    upper = jnp.concatenate([jnp.pad(s, ((0, 0), (d - s.shape[1], 0))) for s in strips])
    return jnp.triu(upper) + jnp.triu(upper, 1).T
