"""Spectra of rows from their class means and Σ_W, and how much of them is known."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from gramax.arrays import linalg
from gramax.arrays.guarded import ratio


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


def of_rows(
    means: Float[Array, "c d"],
    within: Float[Array, "d d"],
    within_values: Float[Array, " d"],
    within_rank: Float[Array, ""],
    rank: Float[Array, ""],
    of_means: Float[Array, ""],
    share: Float[Array, ""],
) -> Spectrum:
    """What is known of the singular values of rows over √n.

    A coordinate in which no row differs adds nothing to their rank.

    Args:
        means: class means, each times the root of its share of the rows.
        within: Σ_W.
        within_values: its eigenvalues, as computed.
        within_rank: how many of these can differ from 0.
        rank: how many singular values can.
        of_means: how many of them by the means.
        share: the resolution of Σ_W.
    """
    values = below(rank + 1, linalg.singular_values(means, within, share))
    used = jnp.sum((jnp.diag(within) > 0) | jnp.any(means != 0, axis=0))
    rank = jnp.minimum(jnp.minimum(rank, used), of_means + within_rank)
    least = linalg.RTOL * jnp.finfo(values.dtype).eps * jnp.max(values)
    return known(values, rank, within_values, within_rank, share, least)


def below(limit: Float[Array, ""], values: Float[Array, " d"]) -> Float[Array, " d"]:
    """Ascending values, those beyond a rank less than `limit` set to 0."""
    d = len(values)
    return jnp.where(d - jnp.arange(d) < limit, values, 0)


def known(
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
