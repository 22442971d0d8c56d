"""Question 3: do the class codes form a simplex, when they fit?

The simplex error compares all cosines with those of a simplex. Neural collapse (NC2) asks apart
whether the class means are equally long (equinorm) and equally far apart (equiangular), from the
global mean μ_G or, with center "none", from the origin. Generalised collapse (GNC2) asks whether
the means spread evenly over the sphere, which more than d+1 of them can do too.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Float
from gramax.arrays import checks, pairs
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import Array, compiled, dot, namespace, take_rows
from gramax.arrays.rows import norms, present, unit_count, unit_rows
from gramax.metrics.evidence import Evidence
from gramax.metrics.functions import ARGUMENTS, declares, measure, of_classes
from gramax.metrics.options import Options
from gramax.metrics.registry import CONDITIONS, METRICS, SCALED, SQUARED, Condition

_SHARED: dict[str, Any] = {"question": "simplex", "direction": "lower", "samples": False}
_declares, _of_classes = partial(declares, **_SHARED), partial(of_classes, **_SHARED)

# -- all cosines at once ------------------------------------------------------------------------


def _largest(codes: Float[Array, "c d"]) -> Float[Array, ""]:
    """Of unit rows."""
    xp = namespace(codes)

    def step(largest: Array, cosines: Array, pair: Array, *_: object) -> Array:
        cosines = xp.where(pair, cosines, -1)
        return xp.where(xp.max(cosines) > largest, xp.max(cosines), largest)

    largest = pairs.reduce_products(codes, present(codes), step, xp.sum(codes) * 0 - 1)
    return xp.minimum(largest, 1.0)


def _error(codes: Float[Array, "c d"]) -> Float[Array, ""]:
    """Of unit rows, and zeros for classes that are absent."""
    xp, count = namespace(codes), unit_count(codes)
    total = pairs.squared_gaps(codes, present(codes), -ratio(1.0, count - 1))
    return safe_sqrt(xp.where(count > 1, ratio(2 * total, count**2), xp.nan))


@_declares(
    name="class_simplex_error",
    meaning="distance of the class codes' cosines to those of a simplex",
    formula="RMS over all c² entries of (cos(m_a, m_b) - target), target 1 and -1/(c-1)",
    source="Bouhsine 2026, Auditing Latent Space Geometry in JAX",
    interval=(0.0, 2.0),
    best="0 (a simplex; possible for c ≤ d+1)",
    compute=lambda e: _error(e.codes),
    undefined=("few_codes",),
    invariant=SCALED,
    of_codes=lambda e: e.away_from_simplex(),
    variants="of the class means as they lie; see class_simplex_error_centred",
)
@compiled()
def simplex_error(means: Any) -> Float[Array, ""]:
    """RMS entry difference between the Gram matrix of the normalised means and the simplex's.

    Its gradient is 0 at a simplex.

    Example:
        >>> import numpy as np
        >>> triangle = np.array([[2.0, 0.0], [-1.0, 3**0.5], [-1.0, -(3**0.5)]])
        >>> print(simplex_error(triangle).round(5))
        0.0
    """
    return _error(unit_rows(checks.wide(checks.rows(means, "means"))))


METRICS.add(
    **_SHARED,
    name="class_simplex_error_centred",
    meaning="distance of the cosines of centred class means to those of a simplex",
    formula="RMS over all c² entries of (cos(m_a - m̄, m_b - m̄) - target), m̄ the mean of means",
    source="Papyan, Han, Donoho 2020 (centring); Bouhsine 2026 (error)",
    interval=(0.0, 2.0),
    best="0 (a simplex; possible for c ≤ d+1)",
    compute=lambda e: _error(e.centred_codes),
    undefined=("few_classes", "few_centred"),
    variants="centred by the mean of the class means, whatever the weighting",
    of_codes=lambda e: e.away_from_simplex(centred=True),
    function="simplex_error",
)

METRICS.add(
    **_SHARED,
    name="class_largest_cosine",
    meaning="the least separation: largest cosine, with its sign, of two centred class codes",
    formula="max over a<b of cos(m_a - m̄, m_b - m̄), m̄ the mean of means",
    source="Rankin 1955",
    interval=(-1.0, 1.0),
    best="the floor of c points on the sphere: -1/(c-1), a simplex, for c ≤ d+1",
    compute=lambda e: _largest(e.centred_codes),
    of_codes=lambda e: e.largest_cosine,
    undefined=("few_classes", "few_centred"),
    variants="class_coherence takes cosines without their sign and the means as they lie",
)


def simplex_gram(c: int) -> Float[Array, "c c"]:
    """Gram matrix of a regular simplex: ones on the diagonal, -1/(c-1) elsewhere.

    Args:
        c: number of codes, at least 2.

    Returns:
        `[c, c]`, of rank c-1.

    Raises:
        ValueError: c is less than 2 (one code has no partner).

    Example:
        >>> print(simplex_gram(3))
        [[ 1.  -0.5 -0.5]
         [-0.5  1.  -0.5]
         [-0.5 -0.5  1. ]]
    """
    c = checks.num_classes(c)
    if c < 2:
        raise ValueError("a simplex needs at least two codes; got c = 1")
    return np.where(np.eye(c) > 0, 1.0, -1.0 / (c - 1))


@compiled()
def simplex_step(means: Any, lr: float = 0.04) -> Float[Array, "c d"]:
    """One projected gradient step on `simplex_error`² from the normalised means.

    Args:
        means: `[c, d]` class means, of any length.
        lr: step size.

    Returns:
        `[c, d]` unit rows, closer to a simplex for a small enough step.

    Raises:
        ValueError: `means` is not a matrix of real numbers.

    Example:
        >>> import numpy as np
        >>> before = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> bool(simplex_error(simplex_step(before)) < simplex_error(before))
        True
    """
    # With E_ab the entry differences, d(mean E²)/dx_a = (4/c²) Σ_{b≠a} E_ab x_b, by hand, so that
    # every library has it; the part of it along x_a does nothing, as rows are normalised.
    means = checks.wide(checks.rows(means, "means"))
    xp = namespace(means)
    x = unit_rows(means)
    exists = present(x)
    count = xp.sum(xp.astype(exists, x.dtype))
    target = -ratio(1.0, count - 1)

    def step(slope: Array, cosines: Array, pair: Array, rows: Array, columns: Array) -> Array:
        gaps = xp.where(pair, cosines - target, 0.0)
        slope = pairs.add_at(slope, rows, dot(gaps, take_rows(x, columns)))
        return pairs.add_at(slope, columns, dot(gaps.T, take_rows(x, rows)))

    slope = ratio(4.0, count**2) * pairs.reduce_products(x, exists, step, 0 * x)
    slope = slope - xp.sum(slope * x, axis=1, keepdims=True) * x
    return unit_rows(x - lr * slope)


# -- lengths and angles apart -------------------------------------------------------------------


def _at_least_two(e: Evidence) -> Float[Array, ""]:
    return e.xp.where(e.present_count < 2, 2 + e.zero, e.present_count)


def _equinorm(e: Evidence) -> Float[Array, ""]:
    k = _at_least_two(e)
    lengths = e.only(e.present, norms(e.vectors)[:, 0])
    mean = e.xp.sum(lengths) / k
    squares = e.xp.sum(e.only(e.present, (lengths - mean) ** 2))
    deviation = safe_sqrt(squares / (k - 1 if e.options.deviation == "sample" else k))
    return ratio(deviation, mean)


def _equiangular(e: Evidence) -> Float[Array, ""]:
    target = -ratio(1.0, e.present_count - 1)

    def step(total: Array, cosines: Array, pair: Array, *_: object) -> Array:
        return total + e.xp.sum(e.only(pair, e.xp.abs(cosines - target)))

    total = pairs.reduce_products(e.directions, present(e.directions), step, e.zero)
    return ratio(total, pairs.pair_count(e.present, e.n))


def _etf_error(e: Evidence) -> Float[Array, ""]:
    """Entry by entry, as 2 - 2⟨A, B⟩ would lose a small error; M is first scaled to |MMᵀ| = 1."""
    k = _at_least_two(e)
    m = ratio(e.vectors, e.xp.max(norms(e.vectors)))
    m = ratio(m, safe_sqrt(safe_sqrt(pairs.potential(m))))
    on, off = safe_sqrt(k - 1) / k, -1 / (k * safe_sqrt(k - 1))
    diagonal = e.xp.sum(e.only(e.present, (e.xp.sum(m * m, axis=1) - on) ** 2))
    return safe_sqrt(diagonal + 2 * pairs.squared_gaps(m, e.present, off))


nc2_equinorm = _of_classes(
    name="nc2_equinorm",
    meaning="how unequal the lengths of the class means are",
    formula="std_k |μ_k-μ_G| / mean_k |μ_k-μ_G|, divisor K",
    source="Papyan, Han, Donoho 2020",
    best="0 (all of one length)",
    compute=_equinorm,
    undefined=(*SQUARED, "few_classes", "no_between"),
    degenerate="0 for any two classes of one size",
    abbreviation="NC2",
    variants="divisor K-1 with deviation 'sample' (Papyan's code, torch.std); lengths from the "
    "origin with center 'none'; μ_G is the mean of the class means with weighting 'macro'",
    options=("normalize", "weighting", "deviation", "center"),
    example="0.0998",
)

nc2_equiangular = _of_classes(
    name="nc2_equiangular",
    meaning="how far the angles between class means are from those of a simplex",
    formula="mean over k<l of |cos(μ_k-μ_G, μ_l-μ_G) + 1/(K-1)|",
    source="Papyan, Han, Donoho 2020",
    interval=(0.0, 2.0),
    best="0 (a simplex; possible for K ≤ d+1)",
    compute=_equiangular,
    undefined=(*SQUARED, "few_classes", "no_between", "no_direction"),
    abbreviation="NC2",
    variants="from the mean of class means with macro weighting, from the origin with center "
    '"none"; others report the standard deviation of the cosines, which a cone satisfies too',
    options=("normalize", "weighting", "center"),
    example="0.1606",
)

nc2_etf_error = _of_classes(
    name="nc2_etf_error",
    meaning="distance of the class means, lengths and angles together, from a simplex",
    formula="|MMᵀ/|MMᵀ|_F - (I - 11ᵀ/K)/√(K-1)|_F, rows of M the μ_k-μ_G",
    source="Zhu et al. 2021, A geometric analysis of neural collapse",
    interval=(0.0, 2.0),
    best="0 (a simplex; possible for K ≤ d+1)",
    compute=_etf_error,
    undefined=(*SQUARED, "few_classes", "no_between"),
    abbreviation="NC2",
    variants="from the mean of class means with macro weighting, from the origin with center "
    '"none"',
    options=("normalize", "weighting", "center"),
    example="0.2808",
)

# -- spread over the sphere ---------------------------------------------------------------------


class _Logs(NamedTuple):
    """Pairs, mean and squared deviations of log(1/distance).

    `closest` is the smallest squared distance, over what `Evidence.tolerance` would make of it
    were it 1: the rounding of the means turns short vectors most.
    """

    pairs: Float[Array, ""]
    mean: Float[Array, ""]
    squares: Float[Array, ""]
    closest: Float[Array, ""]


def _logs(e: Evidence) -> _Logs:
    """Tile by tile, merged as Chan, Golub and LeVeque merge variances."""
    xp = e.xp
    blur = 1 + ratio(e.total_trace, xp.sum(e.vectors**2, axis=1))

    def step(s: _Logs, d2: Array, pair: Array, rows: Array, columns: Array) -> _Logs:
        blurs = take_rows(blur, rows)[:, None] + take_rows(blur, columns)
        usable = pair & (d2 > 0)
        logs = -0.5 * xp.log(xp.where(usable, d2, 1))
        count = e.count(usable)
        mean = ratio(xp.sum(e.only(usable, logs)), count)
        squares = xp.sum(e.only(usable, (logs - mean) ** 2))
        share = ratio(count, s.pairs + count)
        gap = mean - s.mean
        least = xp.min(xp.where(pair, ratio(d2, blurs), xp.inf))
        return _Logs(
            s.pairs + count,
            s.mean + gap * share,
            s.squares + squares + gap * gap * s.pairs * share,
            xp.where(least < s.closest, least, s.closest),
        )

    start = _Logs(e.zero, e.zero, e.zero, e.zero + xp.inf)
    return pairs.reduce_distances(e.directions, e.present, step, start)


CONDITIONS["merged_directions"] = Condition(
    "two class means in one direction",
    lambda e: e.once(_logs).closest <= e.tolerance**2,
    lambda e: "two class means lie in the same direction: the log of their distance is infinite",
)

_SPREAD: dict[str, Any] = {
    "source": "Liu et al. 2023, Generalizing and decoupling, arXiv 2303.06484",
    "undefined": (*SQUARED, "few_classes", "no_between", "no_direction", "merged_directions"),
    "abbreviation": "GNC2",
    "options": ("normalize", "weighting", "center"),
}


class LogDistances(NamedTuple):
    """Mean and variance of log(1/distance) over pairs of classes."""

    mean: Float[Array, ""]
    variance: Float[Array, ""]


@_declares(
    **_SPREAD,
    name="gnc2_log_mean",
    meaning="how evenly the directions of the class means spread: mean log inverse distance",
    formula="mean over k<l of log(1/|û_k-û_l|), û the unit μ_k-μ_G",
    interval=(-0.6931471805599453, float("inf")),
    best="-log(2K/(K-1))/2 for K ≤ d+1 (a simplex); as low as can be for more",
    compute=lambda e: e.once(_logs).mean,
    variants="as in nc2_equiangular; peers that sum signed logs of |û_k-û_l| flip the sign",
    arguments={"options": f"{ARGUMENTS['options']} (`weighting`: of μ_G; `center`)"},
    returns="`mean`, for c ≤ d+1 at best -log(2c/(c-1))/2, and `variance`, at best 0.",
)
def gnc2_log(
    z: Any, y: Any, c: int, *, normalize: bool = False, options: Options | None = None
) -> LogDistances:
    """Mean and variance over pairs of log(1/|û_k-û_l|), û the unit class means from μ_G.

    Example:
        >>> import numpy as np
        >>> z = np.array([[5.0, 4.0], [2.0, 4.0 + 3**0.5], [2.0, 4.0 - 3**0.5]])
        >>> print(gnc2_log(z, np.arange(3), 3).mean.round(4))  # -log(3)/2
        -0.5493
    """
    names = ("gnc2_log_mean", "gnc2_log_variance")
    return LogDistances(
        *(measure(name, z, y, c, normalize=normalize, options=options) for name in names)
    )


METRICS.add(
    **_SHARED,
    **_SPREAD,
    name="gnc2_log_variance",
    meaning="how unequal the distances between the directions of the class means are",
    formula="variance over k<l of log(1/|û_k-û_l|), divisor K(K-1)/2",
    best="0 (all pairs at one distance)",
    compute=lambda e: ratio(e.once(_logs).squares, e.once(_logs).pairs),
    degenerate="0 for any two classes",
    variants="as in nc2_equiangular",
    function="gnc2_log",
)
