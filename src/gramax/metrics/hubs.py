"""Question 4, by neighbours: do a few rows crowd the neighbourhoods of all others?"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import checks
from gramax.arrays.guarded import ratio
from gramax.metrics.nearest import distinct, nearest
from gramax.metrics.registry import METRICS, MOVED, Metric

HUBNESS = METRICS.add(
    Metric(
        name="hubness",
        question="crosstalk",
        meaning="whether a few rows are the neighbours of all others",
        formula="skewness Σ(N-N̄)³/n / (Σ(N-N̄)²/n)^1.5 of N_k, the times that a row is among the k "
        "nearest of another, k = 10",
        source="Radovanović, Nanopoulos, Ivanović 2010",
        interval=(float("-inf"), float("inf")),
        best="about 0 (no hubs)",
        direction="lower",
        compute=None,
        undefined=(),
        labels=False,
        invariant=MOVED,
        degenerate="NaN for k distinct rows or fewer; 0 where all counts are equal; copies of a "
        "row are one point; ties go to the lower row",
        variants="Euclidean neighbours of the rows as they are: normalise them for cosines",
        needs=frozenset({"neighbours"}),
        function="hubs.hubness",
    )
)

ANTI_HUBS = METRICS.add(
    Metric(
        name="anti_hub_share",
        question="crosstalk",
        meaning="share of the rows that are nobody's neighbour",
        formula="share of rows with N_k = 0, k = 10",
        source="Radovanović, Nanopoulos, Ivanović 2010",
        interval=(0.0, 1.0),
        best="0",
        direction="lower",
        compute=None,
        undefined=(),
        labels=False,
        invariant=MOVED,
        degenerate="as hubness",
        needs=frozenset({"neighbours"}),
        function="hubs.hubness",
    )
)


class Hubness(NamedTuple):
    """Skewness of how often rows are neighbours, and the share that never are."""

    skewness: Float[Array, ""]
    anti_hub_share: Float[Array, ""]


def hubness(x: ArrayLike, k: int = 10) -> Hubness:
    """Whether a few rows are among the k nearest neighbours of many others (hubs).

    Args:
        x: `[n, d]` rows, not normalised here; copies of a row are one point.
        k: number of neighbours, at least 1.

    Returns:
        `skewness` of the counts, about 0 without hubs, and `anti_hub_share`, the share of rows that
        are nobody's neighbour; both NaN for k distinct rows or fewer, or where a row holds NaN.

    Raises:
        ValueError: `x` is not a matrix of real numbers, or k is less than 1.

    Source:
        Radovanović, Nanopoulos, Ivanović 2010, Hubs in space.

    Example:
        >>> import jax.numpy as jnp
        >>> star = jnp.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.1], [0.0, 1.1], [0.2, -1.0]])
        >>> print(hubness(star, 1).anti_hub_share.round(2))  # the centre is nearest to all others
        0.6
    """
    x = checks.rows(x, "x")
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k}")
    if len(x) <= k:
        return Hubness(*(jnp.full((), jnp.nan, x.dtype),) * 2)
    return Hubness(*_hubness(x, k))


@partial(jax.jit, static_argnames="k")
def _hubness(x: Float[Array, "n d"], k: int) -> tuple[Array, Array]:
    exists = distinct(x)
    where = nearest(x, k, exists)[1]
    counts = jnp.zeros(len(x), jnp.int32).at[where].add(exists.astype(jnp.int32)[:, None])
    n = jnp.sum(exists)
    gap = jnp.where(exists, counts - k, 0).astype(x.dtype)  # the mean count is k exactly
    variance, third = jnp.sum(gap**2) / n, jnp.sum(gap**3) / n
    skewness = jnp.where(variance > 0, ratio(third, variance**1.5), 0)
    share = jnp.sum(exists & (counts == 0)) / n
    defined = jnp.all(jnp.isfinite(x)) & (n > k)
    skewness, share = (jnp.where(defined, v, jnp.nan) for v in (skewness, share))
    return skewness, share.astype(x.dtype)
