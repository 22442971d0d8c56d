"""The rounding floor of a spectrum: which of its eigenvalues are numbers, and which are rounding.

Scatters are sums of squares. However they are decomposed, an eigenvalue below the rounding of
those sums is not known: it may be 0, or anything up to the floor. One rule serves all metrics:
such eigenvalues count as 0 (`Spectrum.values`), and a metric that would be another number if they
were as large as they can be (`Spectrum.most`) is undefined.

The precision is that in which the rows were summed, which moments remember when they are merged in
float64 (`ClassMoments.widened`): the digits that a sum has lost do not come back.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from gramax.guarded import ratio

SURE = 8
"""Rounding units of the largest eigenvalue that the sum of a block of rows, and the decomposition,
stay below: 1 to 3 of float32 are measured."""

EACH_BLOCK = 1 / 32
"""Units that the blocks add, times √n: the sums of n rows, in blocks of 512 or in batches of some
tens, differ from the right ones by less. 14 units are measured for a million rows. (On a GPU blocks
are larger, and `kernels.TERMS` rows are what is summed at once, where d is no larger.)"""

STEP = 1 << 24
"""Numbers that are summed in float32 before they are merged in float64 (see `gathering.tasks`)."""


class Spectrum(NamedTuple):
    """Singular values of rows over √n, ascending, as far as they are known.

    Attributes:
        values: those that are; 0 for the others, or what the class means alone give.
        most: the same, the others as large as they may be.
        hidden: how many others there are, without those that must be 0.
    """

    values: Float[Array, " d"]
    most: Float[Array, " d"]
    hidden: Float[Array, ""]


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


def spectrum(
    values: Float[Array, " d"],
    rank: Float[Array, ""],
    within: Float[Array, " d"],
    within_rank: Float[Array, ""],
    share: Float[Array, ""],
    least: Float[Array, ""],
) -> Spectrum:
    """What is known of a spectrum, and how large the rest may be.

    All eigenvalues of a scatter together are its trace, which is known to `share` of itself. So
    those that are rounding are together no larger than this and what is found of them; each, no
    larger than the floor. An axis along which the class means alone are seen is one of these too.

    Args:
        values: singular values over √n, ascending, 0 where they are not known.
        rank: how many can differ from 0.
        within: eigenvalues of Σ_W, as computed.
        within_rank: how many of these can differ from 0.
        share: the resolution of Σ_W.
        least: the singular value below which none is told beside larger ones.
    """
    floor = share * jnp.maximum(jnp.max(within), 0)
    floor = jnp.where(jnp.sum(within > floor) < within_rank, floor, 0)
    found = jnp.sum(jnp.where(within > floor, 0, within))
    together = jnp.maximum(found, 0) + share * jnp.sum(jnp.maximum(within, 0))
    place = len(values) - jnp.arange(len(values))  # 1 for the largest
    small = (place <= rank) & (values <= jnp.sqrt(floor))
    hidden = jnp.sum(small)
    each = jnp.sqrt(jnp.minimum(ratio(together, hidden), floor))
    most = jnp.maximum(values, jnp.where(values > 0, 0, least)) + each
    return Spectrum(values, jnp.where(small, most, values), hidden)
