"""The rounding floor of a spectrum: which of its eigenvalues are numbers, and which are rounding.

Scatters are sums of squares. However they are decomposed, an eigenvalue below the rounding of
those sums is not known: it may be 0, or anything up to the floor. One rule serves all metrics:
such eigenvalues count as 0, and a metric that would be another number if they were as large as they
can be (`gramax.metrics.spectrum`) is undefined.

The precision is that in which the rows were summed, which moments remember when they are merged in
float64 (`ClassMoments.widened`): the digits that a sum has lost do not come back.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

SURE = 8
"""Rounding units of the largest eigenvalue that the sum of a block of rows, and the decomposition,
stay below: 1 to 3 of float32 are measured."""

EACH_BLOCK = 1 / 32
"""Units that the blocks add, times √n: the sums of n rows, in blocks of 512 or in batches of some
tens, differ from the right ones by less. 14 units are measured for a million rows. (On a GPU blocks
are larger, and `kernels.TERMS` rows are what is summed at once, where d is no larger.)"""

STEP = 1 << 24
"""Numbers that are summed in float32 before they are merged in float64 (see `gathering.tasks`)."""


def resolution(rounding: float, n: Float[Array, ""], d: int, merged: bool) -> Float[Array, ""]:
    """The share of its largest eigenvalue below which an eigenvalue of a scatter is rounding.

    Args:
        rounding: of the numbers that were summed, relative.
        n: how many rows.
        d: their length.
        merged: whether sums over steps of rows were merged in float64.
    """
    blocks = EACH_BLOCK * jnp.sqrt(n)
    if merged:
        blocks = jnp.minimum(blocks, EACH_BLOCK * (STEP / d) ** 0.5)
    return rounding * (SURE + blocks)


def settled(values: Float[Array, " d"], share: Float[Array, ""]) -> Float[Array, " d"]:
    """Eigenvalues of a sum of squares, those that are its rounding set to 0.

    Without this a spectrum of few dimensions ends in noise, whose square roots, 3e-4 of the
    largest in float32, add up over hundreds of dimensions.
    """
    return jnp.where(values > share * jnp.max(values), values, 0)
