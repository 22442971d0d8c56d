"""Question 2, by neighbours: the intrinsic dimension. Exact copies of a row are one point."""

from __future__ import annotations

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import checks
from gramax.arrays.guarded import ratio
from gramax.metrics.nearest import distinct, nearest
from gramax.metrics.registry import METRICS, MOVED, Metric

TWO_NN = METRICS.add(
    Metric(
        name="two_nn",
        question="rank",
        meaning="intrinsic dimension, from the distances to the two nearest neighbours",
        formula="slope through 0 of -log(1 - i/N) on log(r₂/r₁), sorted, its top tenth discarded",
        source="Facco et al. 2017",
        interval=(0.0, float("inf")),
        best="the dimension that the data has",
        direction="neither",
        compute=None,
        undefined=(),
        labels=False,
        invariant=MOVED,
        degenerate="NaN for fewer than three distinct rows, or where all are equally far apart; "
        "copies of a row are one point",
        abbreviation="TwoNN",
        variants="scikit-dimension counts i from 0; the maximum likelihood form is N/Σ log(r₂/r₁)",
        needs=frozenset({"neighbours"}),
        function="neighbours.two_nn",
    )
)

MLE_ID = METRICS.add(
    Metric(
        name="mle_id",
        question="rank",
        meaning="intrinsic dimension, from the distances to the k nearest neighbours",
        formula="mean over rows of ((1/(k-1)) Σ_{j<k} log(T_k/T_j))⁻¹, k = 20",
        source="Levina & Bickel 2004",
        interval=(0.0, float("inf")),
        best="the dimension that the data has",
        direction="neither",
        compute=None,
        undefined=(),
        labels=False,
        invariant=MOVED,
        degenerate="NaN for k distinct rows or fewer; a row with k equally far neighbours is left "
        "out; copies of a row are one point",
        variants="the harmonic mean over rows (MacKay & Ghahramani 2005) is less biased: "
        "average='harmonic'; k-2 in place of k-1 removes the bias at one row",
        needs=frozenset({"neighbours"}),
        function="neighbours.mle_id",
    )
)


def two_nn(x: ArrayLike, discard: float = 0.1) -> Float[Array, ""]:
    """Intrinsic dimension from the ratio of the distances to the two nearest neighbours.

    Args:
        x: `[n, d]` rows, not normalised here; copies of a row are one point.
        discard: share of the rows, those with the largest ratios, that the fit leaves out.

    Returns:
        A scalar > 0; NaN for fewer than three distinct rows, where all are equally far apart, or
        where a row holds NaN.

    Raises:
        ValueError: `x` is not a matrix of real numbers, or `discard` is not in [0, 1).

    Source:
        Facco et al. 2017, Estimating the intrinsic dimension of datasets by a minimal
        neighborhood information.

    Example:
        >>> import jax
        >>> plane = jax.random.normal(jax.random.key(0), (500, 2))
        >>> print(bool(1.7 < two_nn(plane) < 2.3))
        True
    """
    x = checks.rows(x, "x")
    if not 0 <= discard < 1:
        raise ValueError(f"discard must be in [0, 1); got {discard}")
    return _two_nn(x, discard) if len(x) > 2 else jnp.full((), jnp.nan, x.dtype)


@jax.jit
def _two_nn(x: Float[Array, "n d"], discard: Array) -> Float[Array, ""]:
    exists = distinct(x)
    first, second = nearest(x, 2, exists)[0].T
    usable = exists & (first > 0) & jnp.isfinite(second)
    ratios = jnp.where(usable, second / jnp.where(usable, first, 1), jnp.inf)
    logs = jnp.log(jnp.sort(ratios))
    count = jnp.sum(usable)
    i = jnp.arange(1, len(x) + 1)
    kept = (i <= jnp.floor(count * (1 - discard))) & (i < count)
    logs = jnp.where(kept, logs, 0)
    survival = jnp.where(kept, 1 - ratio(i, count), 1).astype(x.dtype)
    slope = -jnp.sum(logs * jnp.log(survival)) / jnp.sum(logs * logs)
    return jnp.where(jnp.all(jnp.isfinite(x)) & (jnp.sum(logs) > 0), slope, jnp.nan)


def mle_id(
    x: ArrayLike, k: int = 20, average: Literal["arithmetic", "harmonic"] = "arithmetic"
) -> Float[Array, ""]:
    """Intrinsic dimension by maximum likelihood from the distances to the k nearest neighbours.

    Args:
        x: `[n, d]` rows, not normalised here; copies of a row are one point.
        k: number of neighbours, at least 2.
        average: over rows: "arithmetic" as published, or "harmonic", which is less biased.

    Returns:
        A scalar > 0; NaN for k distinct rows or fewer, where all are equally far apart, or where a
        row holds NaN.

    Raises:
        ValueError: `x` is not a matrix of real numbers, k is less than 2, or `average` is unknown.

    Source:
        Levina & Bickel 2004, Maximum likelihood estimation of intrinsic dimension; MacKay &
        Ghahramani 2005 (harmonic).

    Example:
        >>> import jax
        >>> plane = jax.random.normal(jax.random.key(0), (500, 2))
        >>> print(bool(1.7 < mle_id(plane) < 2.3))
        True
    """
    x = checks.rows(x, "x")
    if k < 2:
        raise ValueError(f"k must be at least 2; got {k}")
    if average not in ("arithmetic", "harmonic"):
        raise ValueError(f"average must be 'arithmetic' or 'harmonic'; got {average!r}")
    if len(x) <= k:
        return jnp.full((), jnp.nan, x.dtype)
    return _mle_id(x, k, average == "harmonic")


@partial(jax.jit, static_argnames=("k", "harmonic"))
def _mle_id(x: Float[Array, "n d"], k: int, harmonic: bool) -> Float[Array, ""]:
    exists = distinct(x)
    near = nearest(x, k, exists)[0]
    usable = exists & (near[:, 0] > 0) & jnp.isfinite(near[:, -1])
    logs = jnp.log(near[:, -1:] / jnp.where(usable[:, None], near[:, :-1], 1))
    inverse = jnp.where(usable, jnp.sum(logs, axis=1) / (k - 1), 0)
    if not harmonic:
        usable = usable & (inverse > 0)
        inverse = jnp.where(usable, 1 / jnp.where(usable, inverse, 1), 0)
    mean = jnp.sum(inverse) / jnp.sum(usable)
    value = 1 / mean if harmonic else mean
    return jnp.where(jnp.all(jnp.isfinite(x)) & (mean > 0), value, jnp.nan)
