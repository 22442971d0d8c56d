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
from jaxtyping import Array, Float, Int

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
    order = jnp.lexsort((where[:, 1], where[:, 0], -size))[:k]
    return Found(size[order], where[order])


def first(k: int, level: Float[Array, ""], *found: Found) -> Found:
    """The first k by index of the pairs that tie with `level`, each once."""
    size = jnp.concatenate([one.size for one in found])
    where = jnp.concatenate([one.where for one in found])
    tied = (where[:, 0] >= 0) & (jnp.abs(size - level) <= width(size.dtype))
    where = jnp.where(tied[:, None], where, LAST)
    order = jnp.lexsort((where[:, 1], where[:, 0]))
    size, where = size[order], where[order]
    seen = jnp.all(where == jnp.roll(where, 1, axis=0), axis=1) & (jnp.arange(len(where)) > 0)
    usable = (where[:, 0] < LAST) & ~seen
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
    size = jnp.where(where[:, 0] >= 0, size, -1)

    def lead(leader: Array, one: Array) -> tuple[Array, Array]:
        leader = jnp.where(leader - one > width(size.dtype), one, leader)
        return leader, leader

    falling = jnp.argsort(-size)
    _, leaders = jax.lax.scan(lead, jnp.full((), jnp.inf, size.dtype), size[falling])
    group = jnp.zeros_like(size).at[falling].set(leaders)
    return jnp.lexsort((where[:, 1], where[:, 0], -group))
