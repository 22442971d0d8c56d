"""Pairs whose |cosines| rounding does not tell apart, in the order of their indices.

The codes of a simplex all have one cosine with each other, but their float32 products differ in the
last bits, by tile and by processor. So that the pair that is named does not hang on those bits, the
pairs within `width` of the k-th largest |cosine| tie: beside the k largest, a sweep keeps the first
k of them by index.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

LAST = jnp.iinfo(jnp.int32).max


class Found(NamedTuple):
    """Pairs with their |cosines|; (-1, -1) and -1 where there are fewer.

    Attributes:
        size: |cosines|.
        where: rows (a, b), a < b.
    """

    size: Float[Array, " k"]
    where: Int[Array, "k 2"]


def none(k: int, dtype: jnp.dtype) -> Found:
    """No pair."""
    return Found(jnp.full(k, -1.0, dtype), jnp.full((k, 2), -1, jnp.int32))


def width(dtype: jnp.dtype) -> float:
    """|cosines| closer than this tie: equal ones of unit rows were found within two epsilons."""
    return 4 * float(jnp.finfo(dtype).eps)


def largest(k: int, *found: Found) -> Found:
    """The k largest, ties to the bit by index; NaN last."""
    size = jnp.concatenate([one.size for one in found])
    where = jnp.concatenate([one.where for one in found])
    order = _by_index(where, -size)[:k]
    return Found(size[order], where[order])


def first(k: int, level: Float[Array, ""], *found: Found) -> Found:
    """The first k by index of the pairs that tie with `level`, each once."""
    size = jnp.concatenate([one.size for one in found])
    where = jnp.concatenate([one.where for one in found])
    tied = exist(where) & (jnp.abs(size - level) <= width(size.dtype))
    where = jnp.where(tied[:, None], where, LAST)
    order = _by_index(where)
    size, where = size[order], where[order]
    before = jnp.roll(where, 1, axis=0).at[0].set(LAST)
    usable = jnp.any(where != before, axis=1) & jnp.all(where < LAST, axis=1)
    order = jnp.argsort(~usable)[:k]
    usable = usable[order]
    return Found(jnp.where(usable, size[order], -1), jnp.where(usable[:, None], where[order], -1))


def settled(best: Found, tied: Found) -> Int[Array, "k 2"]:
    """The k largest, where those that tie with the last of them are the first by index."""
    above = jnp.sum(best.size > best.size[-1] + width(best.size.dtype))
    place = jnp.arange(len(best.size))
    clear = (place < above)[:, None]
    return jnp.where(clear, best.where, tied.where[jnp.maximum(place - above, 0)])


def in_order(size: Float[Array, " k"], where: Int[Array, "k 2"]) -> Int[Array, " k"]:
    """Largest first; pairs that tie with the largest of their group by index; no pair last."""
    size = jnp.where(exist(where), size, -1)

    def lead(leader: Array, one: Array) -> tuple[Array, Array]:
        leader = jnp.where(leader - one > width(size.dtype), one, leader)
        return leader, leader

    falling = jnp.argsort(-size)
    _, leaders = jax.lax.scan(lead, jnp.full((), jnp.inf, size.dtype), size[falling])
    group = jnp.zeros_like(size).at[falling].set(leaders)
    return _by_index(where, -group)


def exist(where: Int[Array, "k 2"]) -> Bool[Array, " k"]:
    """Which of them are pairs; (-1, -1) is none."""
    return jnp.all(where >= 0, axis=1)


def _by_index(where: Int[Array, "k 2"], *first: Float[Array, " k"]) -> Int[Array, " k"]:
    """Their order by index, or by numbers that come first and then by index."""
    left, right = where.T
    return jnp.lexsort((right, left, *first))
