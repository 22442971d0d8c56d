"""The view of each class: its spread, and the other class nearest to it."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from gramax.arrays import pairs


def nearest(codes: Float[Array, "c d"]) -> tuple[Int[Array, " c"], Float[Array, " c"]]:
    """For every code, the other code with the largest cosine, and that cosine.

    Returns:
        Indices and cosines `[c]`; -1 and NaN for a zero row and where there is no other code. Ties
        go to the lower index.
    """
    c = codes.shape[0]
    tile = pairs.tile_side(c)
    size = c + (-c % tile)

    def keep(state: Any, at: Any, cosines: Array, index: Array) -> tuple[Array, Array]:
        best, who = state
        old, holder = (jnp.take(v, at, mode="clip") for v in (best, who))
        better = (cosines > old) | ((cosines == old) & (index < holder))
        return best.at[at].set(jnp.where(better, cosines, old)), who.at[at].set(
            jnp.where(better, index, holder)
        )

    def step(state: Any, cosines: Array, pair: Array, row: Any, column: Any) -> Any:
        cosines = jnp.where(pair, cosines, -jnp.inf)
        side = jnp.arange(cosines.shape[0])
        state = keep(state, row + side, cosines.max(1), column + cosines.argmax(1))
        return keep(state, column + side, cosines.max(0), row + cosines.argmax(0))

    start = (jnp.full(size, -jnp.inf, codes.dtype), jnp.full(size, size))
    best, who = pairs.reduce_pairs(codes, step, start)
    found = jnp.isfinite(best[:c])
    return jnp.where(found, who[:c], -1), jnp.where(found, best[:c], jnp.nan)
