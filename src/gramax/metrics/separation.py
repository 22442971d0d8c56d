"""Question 1, the field's other numbers: how far classes lie apart for the room that they take."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from gramax.arrays import linalg, pairs
from gramax.arrays.guarded import ratio
from gramax.arrays.rows import PRECISION
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import CONDITIONS, METRICS, MOVED, SQUARED, Condition, Metric
from gramax.metrics.single import measure

HIDDEN = 1e4
"""How far below its rounding Σ_W may lie along an axis, as far as can be told."""


class _Left(NamedTuple):
    """What Σ_W leaves of each axis of the means.

    Attributes:
        shares: one an axis, 0 where there is none.
        doubt: how much of their sum may be gone, as Σ_W is rounding there.
    """

    shares: Float[Array, " r"]
    doubt: Float[Array, ""]


def _left(e: Evidence) -> _Left:
    """Shares 1/(1 + s²), s the singular values of the means in units of Σ_W^½.

    With Σ_T = Σ_W + Σ_B an axis adds s²/(1 + s²) to tr(Σ_T⁺ Σ_B), and what is left of its 1 keeps
    its digits however tight the classes are. Σ_B has classes by their share, so that shares are in
    [0, 1]. Along an axis where Σ_W is rounding, s is as large as can be told.
    """
    values, vectors = jnp.linalg.eigh(e.within)
    size, axes = linalg.principal_axes(jnp.sqrt(e.share)[:, None] * e.centred)
    means = jnp.where(linalg.significant(size), size, 0)[:, None] * axes
    floor = e.resolution * jnp.max(values)
    lost = values < floor
    values = jnp.maximum(values, jnp.where(floor > 0, floor, 1))
    white = jnp.matmul(means, vectors, precision=PRECISION) / jnp.sqrt(values)
    _, s, along = jnp.linalg.svd(white, full_matrices=False)
    exists = jnp.arange(len(s)) < e.present_count - 1
    shares = jnp.where(exists, jnp.where(floor > 0, 1 / (1 + s**2), s == 0), 0)
    hidden = jnp.minimum(HIDDEN * jnp.sum(along**2 * lost, axis=1), 1)
    return _Left(shares, jnp.sum(shares * hidden))


def _vci(e: Evidence) -> Float[Array, ""]:
    most = jnp.clip(e.present_count - 1, 1, e.moments.dim)
    return jnp.sum(e.once(_left).shares) / most


CONDITIONS["thin_within"] = Condition(
    lambda e: (
        e.once(_left).doubt
        > 0.1 * jnp.maximum(jnp.sum(e.once(_left).shares), e.within_trace / e.total_trace)
    ),
    lambda e: (
        "along an axis of the class means Σ_W is below the rounding of "
        f"{e.moments.precision}: use float64"
    ),
)

VCI = METRICS.add(
    Metric(
        name="vci",
        question="collapse",
        meaning="collapse that a linear map of the space cannot change",
        formula="1 - tr(Σ_T⁺ Σ_B)/min(d, K-1), Σ_T = Σ_W + Σ_B, Σ_B with classes by size",
        source="Xu & Liu 2023, arXiv 2306.03440",
        interval=(0.0, 1.0),
        best="0 (each class a point); 1 means that the classes share one mean",
        direction="lower",
        compute=_vci,
        undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "no_scatter", "thin_within"),
        spectrum=True,
        invariant=frozenset({*MOVED, "linear"}),
        degenerate="NaN for one class, for classes of one row, and where all rows coincide; 1 "
        "where all class means do; reads low where n is not far above d, as n ≤ d rows separate",
        variants="with Σ_B = (1/K) Σ and unequal classes Σ_T ≠ Σ_W + Σ_B and the value leaves "
        "[0, 1]; macro weighting takes that Σ_B in both",
        options=("normalize", "weighting"),
        function="separation.vci",
    )
)


class _Distances(NamedTuple):
    """Sum over pairs of classes of CDNV, and the two classes that lie closest."""

    total: Float[Array, ""]
    closest: Float[Array, ""]
    where: Int[Array, " 2"]


def _cdnv(e: Evidence) -> _Distances:
    tile = pairs.tile_side(e.moments.num_classes)
    lengths = jnp.sum(e.centred**2, axis=1)
    variances, squares = (pairs.whole_tiles(v, tile) for v in (e.variances, lengths))

    def step(s: _Distances, d2: Array, pair: Array, row: Array, column: Array) -> _Distances:
        terms = ratio(pairs.sums(variances, row, column, tile), 2 * d2)
        size = pairs.sums(squares + variances, row, column, tile)
        relative = jnp.where(pair, ratio(d2, size), jnp.inf)
        least, at = jnp.min(relative), jnp.argmin(relative)
        here = jnp.stack([row + at // tile, column + at % tile]).astype(jnp.int32)
        better = least < s.closest
        return _Distances(
            s.total + jnp.sum(jnp.where(pair, terms, 0)),
            jnp.where(better, least, s.closest),
            jnp.where(better, here, s.where),
        )

    start = _Distances(jnp.zeros_like(e.n), jnp.full_like(e.n, jnp.inf), jnp.zeros(2, jnp.int32))
    return pairs.reduce_distances(e.centred, e.present, step, start)


def _merged(e: Evidence) -> Array:
    return e.once(_cdnv).closest <= e.grain**2


CONDITIONS["merged_means"] = Condition(
    _merged,
    lambda e: "classes {} and {} have the same mean".format(*map(int, e.once(_cdnv).where)),
)

CDNV = METRICS.add(
    Metric(
        name="cdnv",
        question="collapse",
        meaning="spread of two classes against the distance of their means, averaged over pairs",
        formula="mean over k<l of (v_k + v_l)/(2|μ_k-μ_l|²), v the mean |z-μ|² of a class",
        source="Galanti, György, Hutter 2021",
        interval=(0.0, float("inf")),
        best="0 (each class a point)",
        direction="lower",
        compute=lambda e: ratio(e.once(_cdnv).total, pairs.pair_count(e.present, e.n.dtype)),
        undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "merged_means"),
        invariant=MOVED,
        degenerate="NaN where two classes have the same mean (they are named), for one class, and "
        "for classes of one row",
        abbreviation="CDNV",
        variants="pairs weigh alike whatever the class sizes; some average over ordered pairs, "
        "which is the same number",
        function="separation.cdnv",
    )
)


def vci(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """Collapse that no invertible linear map changes, 1 - tr(Σ_T⁺ Σ_B)/min(d, K-1).

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`weighting`: of Σ_B).

    Returns:
        A scalar in [0, 1]; best 0. NaN for fewer than two classes, classes of one row, or where
        all rows coincide.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Xu & Liu 2023, Quantifying the variability collapse of neural networks.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
        >>> print(vci(z, jnp.array([0, 0, 1, 1]), 2).round(4))
        0.0
    """
    return measure("vci", z, y, c, normalize=normalize, options=options)


def cdnv(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """Spread of two classes against the distance of their means, averaged over pairs of classes.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (none matters here).

    Returns:
        A scalar ≥ 0; best 0. NaN where two classes have the same mean, for fewer than two
        classes, or for classes of one row.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Galanti, György, Hutter 2021, On the role of neural collapse in transfer learning.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
        >>> print(cdnv(z, jnp.array([0, 0, 1, 1]), 2))
        0.0625
    """
    return measure("cdnv", z, y, c, normalize=normalize, options=options)
