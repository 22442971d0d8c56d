"""Question 3, the field's other numbers: are the class means equally long and equally far apart?

All take the class means from the global mean μ_G; with center "none", from the origin.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import pairs
from gramax.arrays.guarded import ratio, safe_sqrt
from gramax.arrays.rows import norms
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS, MOVED, SQUARED, Metric
from gramax.metrics.single import measure


def _equinorm(e: Evidence) -> Float[Array, ""]:
    k = jnp.maximum(e.present_count, 2)
    lengths = jnp.where(e.present, norms(e.vectors).ravel(), 0)
    mean = jnp.sum(lengths) / k
    squares = jnp.sum(jnp.where(e.present, (lengths - mean) ** 2, 0))
    deviation = safe_sqrt(squares / (k - 1 if e.options.deviation == "sample" else k))
    return ratio(deviation, mean)


def _equiangular(e: Evidence) -> Float[Array, ""]:
    target = -ratio(1.0, e.present_count - 1)

    def step(total: Array, cosines: Array, pair: Array, *_: object) -> Array:
        return total + jnp.sum(jnp.where(pair, jnp.abs(cosines - target), 0))

    total = pairs.reduce_pairs(e.directions, step, jnp.zeros_like(e.n))
    return ratio(total, pairs.pair_count(e.present, e.n.dtype))


def _etf_error(e: Evidence) -> Float[Array, ""]:
    """Entry by entry, as 2 - 2⟨A, B⟩ would lose a small error; M is first scaled to |MMᵀ| = 1."""
    k = jnp.maximum(e.present_count, 2)
    largest = jnp.max(norms(e.vectors))
    m = ratio(e.vectors, largest)
    size = safe_sqrt(pairs.potential(m))
    m = ratio(m, safe_sqrt(size))
    on, off = safe_sqrt(k - 1) / k, -1 / (k * safe_sqrt(k - 1))

    diagonal = jnp.sum(jnp.where(e.present, (jnp.sum(m * m, axis=1) - on) ** 2, 0))
    return safe_sqrt(diagonal + 2 * pairs.squared_gaps(m, e.present, off))


NC2_EQUINORM = METRICS.add(
    Metric(
        name="nc2_equinorm",
        question="simplex",
        meaning="how unequal the lengths of the class means are",
        formula="std_k |μ_k-μ_G| / mean_k |μ_k-μ_G|, divisor K",
        source="Papyan, Han, Donoho 2020",
        interval=(0.0, float("inf")),
        best="0 (all of one length)",
        direction="lower",
        compute=_equinorm,
        undefined=(*SQUARED, "few_classes", "no_between"),
        samples=False,
        invariant=MOVED,
        degenerate="NaN for one class, and where all class means coincide; 0 for any two classes "
        "of one size",
        abbreviation="NC2",
        variants="divisor K-1 with deviation 'sample' (Papyan's code, torch.std); lengths from the "
        "origin with center 'none'; μ_G is the mean of the class means with weighting 'macro'",
        options=("normalize", "weighting", "deviation", "center"),
        function="equiangular.nc2_equinorm",
    )
)

NC2_EQUIANGULAR = METRICS.add(
    Metric(
        name="nc2_equiangular",
        question="simplex",
        meaning="how far the angles between class means are from those of a simplex",
        formula="mean over k<l of |cos(μ_k-μ_G, μ_l-μ_G) + 1/(K-1)|",
        source="Papyan, Han, Donoho 2020",
        interval=(0.0, 2.0),
        best="0 (a simplex; possible for K ≤ d+1)",
        direction="lower",
        compute=_equiangular,
        undefined=(*SQUARED, "few_classes", "no_between", "no_direction"),
        samples=False,
        invariant=MOVED,
        degenerate="NaN for one class, where all class means coincide, and where one of them lies "
        "at μ_G (it has no direction)",
        abbreviation="NC2",
        variants="from the mean of class means with macro weighting, from the origin with center "
        '"none"; others report the standard deviation of the cosines, which a cone satisfies too',
        options=("normalize", "weighting", "center"),
        function="equiangular.nc2_equiangular",
    )
)

NC2_ETF_ERROR = METRICS.add(
    Metric(
        name="nc2_etf_error",
        question="simplex",
        meaning="distance of the class means, lengths and angles together, from a simplex",
        formula="|MMᵀ/|MMᵀ|_F - (I - 11ᵀ/K)/√(K-1)|_F, rows of M the μ_k-μ_G",
        source="Zhu et al. 2021, A geometric analysis of neural collapse",
        interval=(0.0, 2.0),
        best="0 (a simplex; possible for K ≤ d+1)",
        direction="lower",
        compute=_etf_error,
        undefined=(*SQUARED, "few_classes", "no_between"),
        samples=False,
        invariant=MOVED,
        degenerate="NaN for one class, and where all class means coincide",
        abbreviation="NC2",
        variants="from the mean of class means with macro weighting, from the origin with center "
        '"none"',
        options=("normalize", "weighting", "center"),
        function="equiangular.nc2_etf_error",
    )
)


def nc2_equinorm(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """Coefficient of variation of the lengths |μ_k-μ_G| of the class means.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`weighting`: of μ_G;
            `deviation`; `center`).

    Returns:
        A scalar ≥ 0; best 0. NaN for fewer than two classes or where all class means coincide.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Papyan, Han, Donoho 2020, Prevalence of neural collapse.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[5.0, 4.0], [2.0, 4.0 + 3**0.5], [2.0, 4.0 - 3**0.5]])
        >>> print(nc2_equinorm(z, jnp.arange(3), 3).round(4))
        0.0
    """
    return measure("nc2_equinorm", z, y, c, normalize=normalize, options=options)


def nc2_equiangular(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """Mean |cos(μ_k-μ_G, μ_l-μ_G) + 1/(K-1)| over pairs of classes.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`weighting`: of μ_G;
            `center`).

    Returns:
        A scalar in [0, 2]; best 0. NaN for fewer than two classes, where all class means coincide,
        or where one of them lies at μ_G.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Papyan, Han, Donoho 2020, Prevalence of neural collapse.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[5.0, 4.0], [2.0, 4.0 + 3**0.5], [2.0, 4.0 - 3**0.5]])
        >>> print(nc2_equiangular(z, jnp.arange(3), 3).round(4))
        0.0
    """
    return measure("nc2_equiangular", z, y, c, normalize=normalize, options=options)


def nc2_etf_error(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """Frobenius distance of the class means' normalised Gram matrix from that of a simplex.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`weighting`: of μ_G;
            `center`).

    Returns:
        A scalar in [0, 2]; best 0. NaN for fewer than two classes or where all class means
        coincide.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Zhu et al. 2021, A geometric analysis of neural collapse with unconstrained features.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[5.0, 4.0], [2.0, 4.0 + 3**0.5], [2.0, 4.0 - 3**0.5]])
        >>> print(nc2_etf_error(z, jnp.arange(3), 3).round(4))
        0.0
    """
    return measure("nc2_etf_error", z, y, c, normalize=normalize, options=options)
