"""Question 3 for a classifier: do its weights follow the class means, and do outliers not?"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import checks, pairs
from gramax.arrays.guarded import ratio
from gramax.arrays.rows import PRECISION, norms, unit_rows
from gramax.metrics.registry import METRICS, MOVED, SCALED, Metric, Need

_CLASSIFIER: frozenset[Need] = frozenset({"classifier"})

NC3_SELF_DUALITY = METRICS.add(
    Metric(
        name="nc3_self_duality",
        question="simplex",
        meaning="distance of a classifier's weights from the class means, up to one scale",
        formula="|W/|W|_F - M/|M|_F|_F, rows of M the μ_k-μ_G",
        source="Papyan, Han, Donoho 2020",
        interval=(0.0, 2.0),
        best="0 (weights are the class means)",
        direction="lower",
        compute=None,
        undefined=(),
        samples=False,
        invariant=MOVED,
        degenerate="NaN where W is zero or all class means coincide; a class whose mean is a row "
        "of zeros is absent and left out",
        abbreviation="NC3",
        variants="μ_G is the mean of the class means unless given; others compare WMᵀ to a simplex",
        options=(),
        needs=_CLASSIFIER,
        function="classifier.nc3_self_duality",
    )
)

NC3_UNIFORM_DUALITY = METRICS.add(
    Metric(
        name="nc3_uniform_duality",
        question="simplex",
        meaning="how unequally the weights of a classifier are aligned with the class means",
        formula="variance over k of cos(w_k, μ_k-μ_G), divisor K",
        source="Wu & Papyan 2024, arXiv 2405.17767",
        interval=(0.0, 1.0),
        best="0 (all classes alike)",
        direction="lower",
        compute=None,
        undefined=(),
        samples=False,
        invariant=MOVED,
        degenerate="NaN for fewer than two classes, and where a weight or a centred mean is zero; "
        "0 too where all are equally badly aligned: read it with nc3_self_duality",
        abbreviation="UNC3",
        variants="μ_G is the mean of the class means unless given",
        options=(),
        needs=_CLASSIFIER,
        function="classifier.nc3_uniform_duality",
    )
)

NC5_ORTHOGONALITY = METRICS.add(
    Metric(
        name="nc5_orthogonality",
        question="crosstalk",
        meaning="crosstalk of the class means with the mean of rows that belong to no class",
        formula="mean_k |cos(μ_k, μ_OOD)|, not centred",
        source="Ammar et al. 2024",
        interval=(0.0, 1.0),
        best="0 (outliers lie apart from all classes)",
        direction="lower",
        compute=None,
        undefined=(),
        samples=False,
        invariant=SCALED,
        degenerate="NaN where μ_OOD is zero or no class has a mean; zero rows are left out",
        abbreviation="NC5",
        options=(),
        needs=frozenset({"outliers"}),
        function="classifier.nc5_orthogonality",
    )
)


def _checked(W: ArrayLike, means: ArrayLike) -> tuple[Array, Array]:
    W, means = checks.rows(W, "W"), checks.rows(means, "means")
    if W.shape != means.shape:
        raise ValueError(f"W and means must be [c, d] alike; got {W.shape} and {means.shape}")
    return checks.codes(W), checks.codes(means)


def _matched(W: Array, means: Array, centre: ArrayLike | None) -> tuple[Array, Array]:
    """Weights and centred means of the classes present; 0 for the others."""
    there = pairs.present(means)[:, None]
    if centre is None:
        # About a first row, whose offset then costs no digits.
        means = jnp.where(there, means - means[jnp.argmax(there)], 0)
        centre = ratio(jnp.sum(means, axis=0), jnp.sum(there))
    return jnp.where(there, W, 0), jnp.where(there, means - jnp.asarray(centre), 0)


def nc3_self_duality(
    W: ArrayLike, means: ArrayLike, centre: ArrayLike | None = None
) -> Float[Array, ""]:
    """Distance of a classifier's weights from the centred class means, each scaled to norm 1.

    Args:
        W: `[c, d]` weights of a linear classifier, one row a class.
        means: `[c, d]` class means as they lie; a row of zeros is an absent class, left out.
        centre: `[d]` global mean μ_G; None takes the mean of the class means.

    Returns:
        A scalar in [0, 2]; best 0. NaN where W is zero or all class means coincide.

    Raises:
        ValueError: `W` and `means` are not matrices of one shape.

    Source:
        Papyan, Han, Donoho 2020, Prevalence of neural collapse.

    Example:
        >>> import jax.numpy as jnp
        >>> means = jnp.array([[3.0, 1.0], [1.0, 1.0]])
        >>> print(nc3_self_duality(jnp.array([[5.0, 0.0], [-5.0, 0.0]]), means))
        0.0
    """
    return _self_duality(*_checked(W, means), centre)


@jax.jit
def _self_duality(W: Array, means: Array, centre: ArrayLike | None) -> Float[Array, ""]:
    W, M = _matched(W, means, centre)
    w, m = (norms(v.reshape(1, -1))[0, 0] for v in (W, M))
    defined = (w > 0) & (m > 0)
    gap = ratio(W, w) - ratio(M, m)
    return jnp.where(defined, jnp.linalg.norm(gap), jnp.nan)


def nc3_uniform_duality(
    W: ArrayLike, means: ArrayLike, centre: ArrayLike | None = None
) -> Float[Array, ""]:
    """Variance over classes of the cosine between a classifier's weight and the class mean.

    Args:
        W: `[c, d]` weights of a linear classifier, one row a class.
        means: `[c, d]` class means as they lie; a row of zeros is an absent class, left out.
        centre: `[d]` global mean μ_G; None takes the mean of the class means.

    Returns:
        A scalar in [0, 1]; best 0. NaN for fewer than two classes, or where a weight or a centred
        mean is zero.

    Raises:
        ValueError: `W` and `means` are not matrices of one shape.

    Source:
        Wu & Papyan 2024, Linguistic collapse, arXiv 2405.17767.

    Example:
        >>> import jax.numpy as jnp
        >>> means = jnp.array([[3.0, 1.0], [1.0, 1.0]])
        >>> print(nc3_uniform_duality(jnp.array([[5.0, 0.0], [5.0, 0.0]]), means))  # cosines 1, -1
        1.0
    """
    return _uniform_duality(*_checked(W, means), centre)


@jax.jit
def _uniform_duality(W: Array, means: Array, centre: ArrayLike | None) -> Float[Array, ""]:
    there = pairs.present(means)
    W, M = _matched(W, means, centre)
    cosines = jnp.sum(unit_rows(W) * unit_rows(M), axis=1)
    count = jnp.sum(there)
    mean = ratio(jnp.sum(cosines), count)
    variance = ratio(jnp.sum(jnp.where(there, (cosines - mean) ** 2, 0)), count)
    defined = (count > 1) & ~jnp.any(there & ~(pairs.present(W) & pairs.present(M)))
    return jnp.where(defined, variance, jnp.nan)


def nc5_orthogonality(means: ArrayLike, outlier_mean: ArrayLike) -> Float[Array, ""]:
    """Mean |cosine| of the class means with the mean of rows that belong to no class.

    Args:
        means: `[c, d]` class means as they lie; a row of zeros is an absent class, left out.
        outlier_mean: `[d]` mean of the out-of-distribution rows.

    Returns:
        A scalar in [0, 1]; best 0. NaN where a side has no direction.

    Raises:
        ValueError: the shapes do not match.

    Source:
        Ammar et al. 2024, NECO: neural collapse based out-of-distribution detection.

    Example:
        >>> import jax.numpy as jnp
        >>> print(nc5_orthogonality(jnp.eye(3)[:2], jnp.array([0.0, 3.0, 4.0])).round(4))
        0.3
    """
    means = checks.rows(means, "means")
    outlier = checks.widen(outlier_mean, "outlier_mean")
    if outlier.shape != means.shape[1:]:
        raise ValueError(f"outlier_mean must have shape {means.shape[1:]}; got {outlier.shape}")
    cosines = jnp.matmul(unit_rows(means), unit_rows(outlier[None]).T, precision=PRECISION)
    count = jnp.sum(pairs.present(means))
    defined = (count > 0) & jnp.any(outlier != 0)
    return jnp.where(defined, ratio(jnp.sum(jnp.abs(cosines)), count), jnp.nan)
