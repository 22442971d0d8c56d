"""Question 4, the whole picture: how many pairs of codes have how much crosstalk."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, ArrayLike, Float, UInt32

from gramax.arrays import checks, pairs


def crosstalk_histogram(
    x: ArrayLike, bins: int = 50, mesh: Mesh | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """How many pairs of codes have a |cosine| in each of `bins` equal parts of [0, 1].

    Args:
        x: `[c, d]` codes, of any length; zero rows are absent classes, left out. The cosines are
            worked through in tiles, so c may be large.
        bins: how many parts, each closed on the left; the last holds 1 too.
        mesh: deal the tiles over its devices; each holds all codes.

    Returns:
        Counts `[bins]`, exact integers that sum to the number of pairs (those of a row that holds
        NaN left out), and edges `[bins + 1]`. Not for use inside jit: counts are 64-bit.

    Raises:
        ValueError: `x` is not a matrix of real numbers, or bins is less than 1.

    Example:
        >>> import jax.numpy as jnp
        >>> counts, edges = crosstalk_histogram(jnp.eye(3), 4)
        >>> print(counts, edges)
        [3 0 0 0] [0.   0.25 0.5  0.75 1.  ]
    """
    x = checks.rows(x, "x")
    if bins < 1:
        raise ValueError(f"bins must be at least 1; got {bins}")
    low, high = np.asarray(_reaching(pairs.on_every_device(x, mesh), bins, mesh)).astype(np.int64)
    reaching = np.append(low + (high << 32), 0)
    return reaching[:-1] - reaching[1:], np.linspace(0, 1, bins + 1)


@partial(jax.jit, static_argnums=(1, 2))
def _reaching(x: Float[Array, "c d"], bins: int, mesh: Mesh | None) -> UInt32[Array, "2 bins"]:
    """Pairs whose |cosine| reaches each lower edge: low and high words, as int64 may be off."""
    edges = jnp.asarray(np.arange(bins) / bins, x.dtype)

    def step(total: Array, cosines: Array, pair: Array, *_: object) -> Array:
        sizes = jnp.where(pair, jnp.abs(cosines), -1)
        found = jax.lax.map(lambda edge: jnp.sum(sizes >= edge, dtype=jnp.uint32), edges)
        return add(total, jnp.stack([found, jnp.zeros_like(found)]))

    return pairs.reduce_pairs(x, step, jnp.zeros((2, bins), jnp.uint32), add, mesh)


def add(total: UInt32[Array, "2 bins"], more: UInt32[Array, "2 bins"]) -> UInt32[Array, "2 bins"]:
    """The sum of counts in low and high words."""
    low = total[0] + more[0]
    return jnp.stack([low, total[1] + more[1] + (low < total[0])])
