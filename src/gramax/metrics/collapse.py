"""Question 1: are classes tightening?

On the sphere, the mean μ of unit rows satisfies 1 - |μ|² = mean |z - μ|², so the seed's scatter
about the re-normalised mean, 2(1 - |μ|), follows from the centred variance without cancellation.

The first three numbers weigh the scatter within classes against all scatter. Neural collapse (NC1)
weighs it against the scatter of the class means: Σ_W is the pooled within-class covariance (divisor
n) and Σ_B = (1/K) Σ (μ_k-μ_G)(μ_k-μ_G)ᵀ, every class alike, as Papyan, Han and Donoho write them.
The class-distance normalised variance (CDNV) does so pair by pair, and the variability collapse
index (VCI) in a way that no linear map of the space changes.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from gramax._shapes import Float, Int
from gramax.arrays import checks, linalg, pairs
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import Array, compiled, dot, epsilon, take_rows
from gramax.metrics.evidence import Evidence
from gramax.metrics.functions import declares, of_classes
from gramax.metrics.registry import CONDITIONS, METRICS, MOVED, SCALED, SQUARED, Condition
from gramax.moments import ClassMoments

_SHARED: dict[str, Any] = {
    "question": "collapse",
    "direction": "lower",
    "options": ("normalize", "weighting"),
}
_of_classes, _declares = partial(of_classes, **_SHARED), partial(declares, **_SHARED)

# -- within classes against everything ----------------------------------------------------------


def _collapse(e: Evidence, epsilon: float = 1e-8) -> Float[Array, ""]:
    """The seed adds an epsilon to the total scatter of unit rows; raw rows have no such scale."""
    return ratio(e.code_trace, e.total_trace + (epsilon if e.moments.normalize else 0.0))


within_class_variance = _of_classes(
    sphere=True,
    name="within_class_variance",
    meaning="mean squared distance of a row to the code of its class",
    formula="mean_i |z_i - m_{y_i}|², rows on the sphere, m the re-normalised class mean",
    source="Bouhsine 2026, Auditing Latent Space Geometry in JAX",
    interval=(0.0, 2.0),
    best="0 (each class a point)",
    compute=lambda e: e.code_trace,
    undefined=(*SQUARED, "few_rows", "no_samples", "no_scatter"),
    invariant=SCALED,
    degenerate="a class of one row adds 0",
    raw="m is the class mean itself, and the range is unbounded",
    variants="about the re-normalised mean (2(1-|μ|) for a class), not the mean μ (1-|μ|²)",
    example="0.0312",
)


@_declares(
    meaning="scatter of the rows about the class codes (means put back on the sphere), over "
    "the total scatter",
    formula="within_class_variance / (mean_i |z_i - mean z|² + 1e-8)",
    source="Bouhsine 2026, Auditing Latent Space Geometry in JAX",
    interval=(0.0, 2.0),
    best="0 (collapsed classes), about 1 and more for diffuse ones",
    compute=_collapse,
    undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "no_scatter"),
    invariant=SCALED,
    raw="equal to scatter_ratio",
    variants="scatter_ratio has the same divisor and measures from the class means μ "
    "themselves, which lie inside the sphere. Here the scatter of a class is 2/(1+|μ|) times "
    "as large: the same where it is tight, twice where it is noise",
    arguments={"eps": "added to the total scatter"},
)
def collapse_ratio(z: Any, y: Any, c: int, eps: float = 1e-8) -> Float[Array, ""]:
    """Scatter about the class codes over the total scatter, on the sphere.

    The seed's definition: codes are class means put back on the sphere, and a mean μ lies inside
    it, so a class's scatter is 2/(1+|μ|) times what it is about μ, and diffuse classes exceed 1
    (1.62 on noise). `scatter_ratio`, about μ itself, has the same divisor and is bounded by 1.

    Example:
        >>> import numpy as np
        >>> z = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> print(collapse_ratio(z, np.array([0, 0, 1, 1]), 2).round(4))
        0.0099
    """
    z, c = checks.rows(z), checks.num_classes(c)
    return _collapse_of(z, checks.labels(y, z.shape[0], c, z), c, eps)


@compiled("c", "epsilon")
def _collapse_of(z: Array, y: Array, c: int, epsilon: float) -> Float[Array, ""]:
    e = Evidence(ClassMoments.of(z, y, c, scatter=False))
    return METRICS["collapse_ratio"].value(e, lambda e: _collapse(e, epsilon))


def _scatter_ratio(e: Evidence) -> Float[Array, ""]:
    return ratio(e.within_trace, e.total_trace)


scatter_ratio = _of_classes(
    name="scatter_ratio",
    meaning="share of the total scatter that lies within classes, about their means",
    formula="tr Σ_W / tr Σ_T about the class means themselves (Euclidean), rows weighted alike",
    source="the weak form of NC1; Papyan, Han, Donoho 2020",
    interval=(0.0, 1.0),
    best="0 (each class a point); 1 means that the classes share one mean",
    compute=_scatter_ratio,
    undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "no_scatter"),
    abbreviation="weak NC1",
    variants="macro weighting weighs classes alike in Σ_W, Σ_T and the global mean",
    example="0.0732",
)

# -- within classes against the class means -----------------------------------------------------


class _Axes(NamedTuple):
    """Σ_W over Σ_B along each principal axis of the class means.

    Attributes:
        total: sum of the ratios.
        rank: how many axes there are.
        doubt: what the rounding of Σ_W can add to the total.
    """

    total: Float[Array, ""]
    rank: Float[Array, ""]
    doubt: Float[Array, ""]


def _axes(e: Evidence) -> _Axes:
    """Σ_B from the singular values of the means, which keep the digits that its own would lose."""
    xp = e.xp
    values, axes = linalg.principal_axes(ratio(e.centred, safe_sqrt(e.present_count)))
    within = xp.sum(dot(axes, e.within) * axes, axis=1)
    # Centred means span K-1 dimensions at most: what rounding leaves beyond is not an axis.
    places = xp.astype(xp.arange(values.shape[0]), values.dtype)
    real = ~(values <= 64 * epsilon(values) * xp.max(values)) & (places < e.present_count - 1)
    inverse = e.only(real, 1 / xp.where(real, values, 1))
    rounding = e.moments.rounding * xp.sum(axes**2 * xp.linalg.diagonal(e.within), axis=1)
    total, doubt = (xp.sum(size * inverse * inverse) for size in (within, rounding))
    return _Axes(total, e.count(real), doubt)


def _nc1(e: Evidence) -> Float[Array, ""]:
    return ratio(e.once(_axes).total, e.present_count)


def _quotient(e: Evidence) -> Float[Array, ""]:
    return ratio(e.within_trace, e.between_norm)


def _expected_rank(e: Evidence) -> Float[Array, ""]:
    return e.xp.minimum(e.present_count - 1, float(e.dim))


CONDITIONS["flat_means"] = Condition(
    "class means that span fewer than min(K-1, d) dimensions",
    lambda e: e.once(_axes).rank < _expected_rank(e),
    lambda e: (
        f"the class means span {int(e.once(_axes).rank)} dimensions, "
        f"not {int(_expected_rank(e))}: Σ_B has no inverse there"
    ),
)
CONDITIONS["thin_axis"] = Condition(
    "an axis of the class means along which Σ_W is below rounding",
    lambda e: e.once(_axes).doubt > 0.1 * e.xp.maximum(e.once(_axes).total, _quotient(e)),
    lambda e: (
        "along the thinnest axis of the class means Σ_W is below the rounding of "
        f"{e.moments.precision}: use float64"
    ),
)
CONDITIONS["thin_within"] = replace(
    CONDITIONS["thin_axis"],
    holds=lambda e: e.once(_left)[1] > 0.1 * e.xp.maximum(e.once(_left)[0], _scatter_ratio(e)),
)

_UNDEFINED = (*SQUARED, "few_rows", "no_samples", "few_classes", "no_between")

nc1_pinv = _of_classes(
    name="nc1_pinv",
    meaning="within-class scatter measured by the scatter of the class means",
    formula="tr(Σ_W Σ_B⁺)/K, Σ_W pooled with divisor n, Σ_B = (1/K) Σ (μ_k-μ_G)(μ_k-μ_G)ᵀ",
    source="Papyan, Han, Donoho 2020",
    best="0 (each class a point)",
    compute=_nc1,
    undefined=(*_UNDEFINED, "thin_axis"),
    spectrum=True,
    degenerate="where some class means coincide, only the axes between the others count",
    abbreviation="NC1",
    variants="many copies forget /K; Σ_B's rank is cut at K-1 and at a relative tolerance; "
    "macro weighting takes μ_G as the mean of the class means, Σ_W stays pooled",
    example="0.0658",
)

nc1_svd = _of_classes(
    name="nc1_svd",
    meaning="within-class scatter (nc1_pinv) along every axis that K class means can span",
    formula="(1/K) Σ_i v_iᵀ Σ_W v_i / λ_i over the top min(K-1, d) eigenpairs of Σ_B",
    source="Papyan, Han, Donoho 2020, their code",
    best="0 (each class a point)",
    compute=_nc1,
    undefined=(*_UNDEFINED, "flat_means", "thin_axis"),
    spectrum=True,
    degenerate="where the means are flat λ_i is 0 (copies divide by rounding, or crash for K > d); "
    "else equal to nc1_pinv",
    abbreviation="NC1",
    variants="copies leave out /K; macro weighting as in nc1_pinv",
    example="0.0658",
)

nc1_quotient = _of_classes(
    name="nc1_quotient",
    meaning="total scatter within classes over total scatter of the class means",
    formula="tr Σ_W / tr Σ_B, Σ_B = (1/K) Σ (μ_k-μ_G)(μ_k-μ_G)ᵀ",
    source="Tirer, Huang, Niles-Weed 2023",
    best="0 (each class a point)",
    compute=_quotient,
    undefined=_UNDEFINED,
    abbreviation="NC1",
    variants="Σ_B weighs classes alike; macro weighting does so in Σ_W and μ_G too",
    example="0.0789",
)

# -- pair by pair, and under any linear map -----------------------------------------------------

MOST_HIDDEN = 1e4
"""How far below its rounding Σ_W may lie along an axis, as far as can be told."""


def _left(e: Evidence) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """What Σ_W leaves of the axes of the means, and how much of it may be gone by its rounding.

    It is the sum of 1/(1 + s²), s the singular values of the means in units of Σ_W^½.

    With Σ_T = Σ_W + Σ_B an axis adds s²/(1 + s²) to tr(Σ_T⁺ Σ_B), and what is left of its 1 keeps
    its digits however tight the classes are. Σ_B has classes by their share, so that shares are in
    [0, 1]. Along an axis where Σ_W is rounding, s is as large as can be told.
    """
    xp = e.xp
    values, vectors = e.within_spectrum
    size, axes = linalg.principal_axes(safe_sqrt(e.share)[:, None] * e.centred)
    means = e.only(linalg.significant(size), size)[:, None] * axes
    floor = e.resolution * xp.max(values)
    lost = values <= floor
    ones = xp.ones_like(values)
    values = xp.where(lost, xp.where(floor > 0, floor * ones, ones), values)
    s, along = linalg.principal_axes(dot(means, vectors) / xp.sqrt(values))
    places = xp.astype(xp.arange(s.shape[0]), s.dtype)
    shares = xp.where(floor > 0, 1 / (1 + s**2), xp.astype(s == 0, s.dtype))
    shares = e.only(places < e.present_count - 1, shares)
    hidden = MOST_HIDDEN * xp.sum(along**2 * xp.astype(lost, s.dtype), axis=1)
    hidden = xp.where(hidden < 1, hidden, 1)
    return xp.sum(shares), e.zero if e.exact else xp.sum(shares * hidden)


vci = _of_classes(
    name="vci",
    meaning="collapse that a linear map of the space cannot change",
    formula="1 - tr(Σ_T⁺ Σ_B)/min(d, K-1), Σ_T = Σ_W + Σ_B, Σ_B with classes by size",
    source="Xu & Liu 2023, arXiv 2306.03440",
    interval=(0.0, 1.0),
    best="0 (each class a point); 1 means that the classes share one mean",
    compute=lambda e: e.once(_left)[0] / e.xp.clip(e.present_count - 1, 1.0, float(e.dim)),
    undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "no_scatter", "thin_within"),
    spectrum=True,
    invariant=frozenset({*MOVED, "linear"}),
    degenerate="1 where all class means coincide; reads low where n is not far above d, as n ≤ d "
    "rows separate",
    variants="with Σ_B = (1/K) Σ and unequal classes Σ_T ≠ Σ_W + Σ_B and the value leaves "
    "[0, 1]; macro weighting takes that Σ_B in both",
    example="0.085",
)


class _Distances(NamedTuple):
    """Sum over pairs of classes of CDNV, and the two classes that lie closest."""

    total: Float[Array, ""]
    closest: Float[Array, ""]
    where: Int[Array, " 2"]


def _distances(e: Evidence) -> _Distances:
    xp = e.xp
    sizes = xp.sum(e.centred**2, axis=1) + e.variances

    def step(s: _Distances, d2: Array, pair: Array, rows: Array, columns: Array) -> _Distances:
        both = take_rows(e.variances, rows)[:, None] + take_rows(e.variances, columns)
        size = take_rows(sizes, rows)[:, None] + take_rows(sizes, columns)
        relative = xp.where(pair, ratio(d2, size), xp.inf)
        least, at = xp.min(relative), xp.argmin(relative)
        here = xp.stack([rows[at // columns.shape[0]], columns[at % columns.shape[0]]])
        better = least < s.closest
        return _Distances(
            s.total + xp.sum(e.only(pair, ratio(both, 2 * d2))),
            xp.where(better, least, s.closest),
            xp.where(better, here, s.where),
        )

    start = _Distances(e.zero, e.zero + xp.inf, xp.arange(2))
    return pairs.reduce_distances(e.centred, e.present, step, start)


CONDITIONS["merged_means"] = Condition(
    "two classes with the same mean (they are named)",
    lambda e: e.once(_distances).closest <= e.tolerance**2,
    lambda e: "classes {} and {} have the same mean".format(*map(int, e.once(_distances).where)),
)

cdnv = _of_classes(
    name="cdnv",
    meaning="spread of two classes against the distance of their means, averaged over pairs",
    formula="mean over k<l of (v_k + v_l)/(2|μ_k-μ_l|²), v the mean |z-μ|² of a class",
    source="Galanti, György, Hutter 2021",
    best="0 (each class a point)",
    compute=lambda e: ratio(e.once(_distances).total, pairs.pair_count(e.present, e.n)),
    undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "merged_means"),
    abbreviation="CDNV",
    variants="pairs weigh alike whatever the class sizes; some average over ordered pairs, "
    "which is the same number",
    options=("normalize",),
    example="0.0265",
)
