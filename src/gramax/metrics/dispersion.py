"""Question 3, hyperspherical uniformity of the class means: are they spread when K > d+1 too?"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import pairs
from gramax.arrays.guarded import ratio
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import CONDITIONS, METRICS, MOVED, SQUARED, Condition, Metric
from gramax.metrics.single import measure


class _Logs(NamedTuple):
    """Pairs, mean and squared deviations of log(1/distance).

    `closest` is the smallest squared distance, over what `Evidence.grain` would make of it were it
    1: the rounding of the means turns short vectors most.
    """

    pairs: Float[Array, ""]
    mean: Float[Array, ""]
    squares: Float[Array, ""]
    closest: Float[Array, ""]


def _logs(e: Evidence) -> _Logs:
    """Tile by tile, merged as Chan, Golub and LeVeque merge variances."""
    tile = pairs.tile_side(e.moments.num_classes)
    blur = 1 + ratio(e.total_trace, jnp.sum(e.vectors**2, axis=1))
    blur = pairs.whole_tiles(blur, tile)

    def step(s: _Logs, d2: Array, pair: Array, row: Array, column: Array) -> _Logs:
        blurs = pairs.sums(blur, row, column, tile)
        usable = pair & (d2 > 0)
        logs = -0.5 * jnp.log(jnp.where(usable, d2, 1))
        count = jnp.sum(usable).astype(d2.dtype)
        mean = ratio(jnp.sum(jnp.where(usable, logs, 0)), count)
        squares = jnp.sum(jnp.where(usable, (logs - mean) ** 2, 0))
        share = ratio(count, s.pairs + count)
        gap = mean - s.mean
        return _Logs(
            s.pairs + count,
            s.mean + gap * share,
            s.squares + squares + gap * gap * s.pairs * share,
            jnp.minimum(s.closest, jnp.min(jnp.where(pair, ratio(d2, blurs), jnp.inf))),
        )

    zero = jnp.zeros_like(e.n)
    start = _Logs(zero, zero, zero, zero + jnp.inf)
    return pairs.reduce_distances(e.directions, e.present, step, start)


CONDITIONS["merged_directions"] = Condition(
    lambda e: e.once(_logs).closest <= e.grain**2,
    lambda e: "two class means lie in the same direction: the log of their distance is infinite",
)

_UNDEFINED = (*SQUARED, "few_classes", "no_between", "no_direction", "merged_directions")

GNC2_LOG_MEAN = METRICS.add(
    Metric(
        name="gnc2_log_mean",
        question="simplex",
        meaning="how evenly the directions of the class means spread: mean log inverse distance",
        formula="mean over k<l of log(1/|û_k-û_l|), û the unit μ_k-μ_G",
        source="Liu et al. 2023, Generalizing and decoupling, arXiv 2303.06484",
        interval=(-0.6931471805599453, float("inf")),
        best="-log(2K/(K-1))/2 for K ≤ d+1 (a simplex); as low as can be for more",
        direction="lower",
        compute=lambda e: e.once(_logs).mean,
        undefined=_UNDEFINED,
        samples=False,
        invariant=MOVED,
        degenerate="NaN for one class, where two means share a direction, and where one of them "
        "lies at μ_G (it has no direction)",
        abbreviation="GNC2",
        variants="as in nc2_equiangular; peers that sum signed logs of |û_k-û_l| flip the sign",
        options=("normalize", "weighting", "center"),
        function="dispersion.gnc2_log",
    )
)

GNC2_LOG_VARIANCE = METRICS.add(
    Metric(
        name="gnc2_log_variance",
        question="simplex",
        meaning="how unequal the distances between the directions of the class means are",
        formula="variance over k<l of log(1/|û_k-û_l|), divisor K(K-1)/2",
        source="Liu et al. 2023, Generalizing and decoupling, arXiv 2303.06484",
        interval=(0.0, float("inf")),
        best="0 (all pairs at one distance)",
        direction="lower",
        compute=lambda e: ratio(e.once(_logs).squares, e.once(_logs).pairs),
        undefined=_UNDEFINED,
        samples=False,
        invariant=MOVED,
        degenerate="as gnc2_log_mean; 0 for any two classes",
        abbreviation="GNC2",
        variants="as in nc2_equiangular",
        options=("normalize", "weighting", "center"),
        function="dispersion.gnc2_log",
    )
)


class LogDistances(NamedTuple):
    """Mean and variance of log(1/distance) over pairs of classes."""

    mean: Float[Array, ""]
    variance: Float[Array, ""]


def gnc2_log(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> LogDistances:
    """Mean and variance over pairs of log(1/|û_k-û_l|), û the unit class means from μ_G.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`weighting`: of μ_G; `center`).

    Returns:
        `mean`, for c ≤ d+1 at best -log(2c/(c-1))/2, and `variance`, at best 0. NaN for fewer than
        two classes, where two means share a direction, or where one lies at μ_G.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Liu et al. 2023, Generalizing and decoupling neural collapse, arXiv 2303.06484.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[5.0, 4.0], [2.0, 4.0 + 3**0.5], [2.0, 4.0 - 3**0.5]])
        >>> print(gnc2_log(z, jnp.arange(3), 3).mean.round(4))  # -log(3)/2
        -0.5493
    """
    names = ("gnc2_log_mean", "gnc2_log_variance")
    return LogDistances(
        *(measure(name, z, y, c, normalize=normalize, options=options) for name in names)
    )
