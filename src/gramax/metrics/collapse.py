"""Question 1: are classes tightening?

On the sphere, the mean μ of unit rows satisfies 1 - |μ|² = mean |z - μ|², so the seed's scatter
about the re-normalised mean, 2(1 - |μ|), follows from the centred variance without cancellation.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays.guarded import ratio, safe_sqrt
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS, MOVED, SCALED, SQUARED, Metric
from gramax.moments.class_moments import ClassMoments


def _code_scatter(e: Evidence) -> Float[Array, ""]:
    """Mean squared distance of a row to the code of its class."""
    if not e.moments.normalize:
        return e.within_trace
    variance = jnp.minimum(e.variances, 1)
    return jnp.sum(e.share * 2 * variance / (1 + safe_sqrt(1 - variance)))


WITHIN_CLASS_VARIANCE = METRICS.add(
    Metric(
        name="within_class_variance",
        question="collapse",
        meaning="mean squared distance of a row to the code of its class",
        formula="mean_i |z_i - m_{y_i}|², rows on the sphere, m the re-normalised class mean",
        source="Bouhsine 2026, Auditing Latent Space Geometry in JAX",
        interval=(0.0, 2.0),
        best="0 (each class a point)",
        direction="lower",
        compute=_code_scatter,
        undefined=(*SQUARED, "few_rows", "no_samples", "no_scatter"),
        invariant=SCALED,
        degenerate="NaN where no class has two rows, and where all rows coincide; a class of one "
        "row adds 0",
        raw="m is the class mean itself, and the range is unbounded",
        variants="about the re-normalised mean (2(1-|μ|) for a class), not the mean μ (1-|μ|²)",
        options=("normalize", "weighting"),
        function="collapse.within_class_variance",
    )
)

COLLAPSE_RATIO = METRICS.add(
    Metric(
        name="collapse_ratio",
        question="collapse",
        meaning="scatter of the rows about the class codes (means put back on the sphere), over "
        "the total scatter",
        formula="within_class_variance / (mean_i |z_i - mean z|² + 1e-8)",
        source="Bouhsine 2026, Auditing Latent Space Geometry in JAX",
        interval=(0.0, 2.0),
        best="0 (collapsed classes), about 1 and more for diffuse ones",
        direction="lower",
        compute=lambda e: ratio(_code_scatter(e), e.total_trace + _epsilon(e)),
        undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "no_scatter"),
        invariant=SCALED,
        degenerate="NaN for one class, for classes of one row, and where all rows coincide",
        raw="equal to scatter_ratio",
        variants="scatter_ratio has the same divisor and measures from the class means μ "
        "themselves, which lie inside the sphere. Here the scatter of a class is 2/(1+|μ|) times "
        "as large: the same where it is tight, twice where it is noise",
        options=("normalize", "weighting"),
        function="collapse.collapse_ratio",
    )
)

SCATTER_RATIO = METRICS.add(
    Metric(
        name="scatter_ratio",
        question="collapse",
        meaning="share of the total scatter that lies within classes, about their means",
        formula="tr Σ_W / tr Σ_T about the class means themselves (Euclidean), rows weighted alike",
        source="the weak form of NC1; Papyan, Han, Donoho 2020",
        interval=(0.0, 1.0),
        best="0 (each class a point); 1 means that the classes share one mean",
        direction="lower",
        compute=lambda e: ratio(e.within_trace, e.total_trace),
        undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "no_scatter"),
        invariant=MOVED,
        degenerate="NaN for one class, for classes of one row, and where all rows coincide",
        abbreviation="weak NC1",
        variants="macro weighting weighs classes alike in Σ_W, Σ_T and the global mean",
        options=("normalize", "weighting"),
        function="collapse.scatter_ratio",
    )
)


def _epsilon(e: Evidence) -> float:
    """The seed adds 1e-8 to the total scatter of unit rows; raw rows have no such scale."""
    return 1e-8 if e.moments.normalize else 0.0


def _of(metric: Metric, z: ArrayLike, y: ArrayLike, c: int) -> Float[Array, ""]:
    return metric.value(Evidence(ClassMoments.of(z, y, c, scatter=False)))


def within_class_variance(z: ArrayLike, y: ArrayLike, c: int) -> Float[Array, ""]:
    """Mean squared distance of a row to the code of its class, on the sphere.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.

    Returns:
        A scalar in [0, 2]; best 0. NaN where no class has two rows, all rows coincide, or a row
        holds NaN.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [-2.0, 0.0]])
        >>> print(within_class_variance(z, jnp.array([0, 0, 1, 1]), 2).round(4))
        0.2929
    """
    return _of(WITHIN_CLASS_VARIANCE, z, y, c)


def collapse_ratio(z: ArrayLike, y: ArrayLike, c: int, eps: float = 1e-8) -> Float[Array, ""]:
    """Scatter about the class codes over the total scatter, on the sphere.

    The seed's definition: codes are class means put back on the sphere, and a mean μ lies inside
    it, so a class's scatter is 2/(1+|μ|) times what it is about μ, and diffuse classes exceed 1
    (1.62 on noise). `scatter_ratio`, about μ itself, has the same divisor and is bounded by 1.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        eps: added to the total scatter.

    Returns:
        A scalar in [0, 2]; best 0. NaN for fewer than two classes or coinciding rows.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> print(collapse_ratio(z, jnp.array([0, 0, 1, 1]), 2).round(4))
        0.0099
    """
    e = Evidence(ClassMoments.of(z, y, c, scatter=False))
    defined = jnp.isfinite(COLLAPSE_RATIO.value(e))
    return jnp.where(defined, ratio(_code_scatter(e), e.total_trace + eps), jnp.nan)


def scatter_ratio(z: ArrayLike, y: ArrayLike, c: int) -> Float[Array, ""]:
    """Share of the total scatter that lies within classes, tr Σ_W / tr Σ_T, rows as they are.

    Args:
        z: `[n, d]` embeddings, not normalised here.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.

    Returns:
        A scalar in [0, 1]; best 0. NaN for fewer than two classes or coinciding rows.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> print(scatter_ratio(z, jnp.array([0, 0, 1, 1]), 2))
        0.5
    """
    moments = ClassMoments.of(z, y, c, normalize=False, scatter=False)
    return SCATTER_RATIO.value(Evidence(moments))
