"""Question 1, the field's other numbers: within-class scatter against the scatter of the means.

Σ_W is the pooled within-class covariance (divisor n) and Σ_B = (1/K) Σ (μ_k-μ_G)(μ_k-μ_G)ᵀ, every
class alike, as Papyan, Han and Donoho write them.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import linalg
from gramax.arrays.guarded import ratio
from gramax.arrays.rows import PRECISION
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import CONDITIONS, METRICS, MOVED, SQUARED, Condition, Metric
from gramax.metrics.single import measure


class _Axes(NamedTuple):
    """Σ_W over Σ_B along each principal axis of the class means.

    Attributes:
        ratios: one an axis, 0 where there is none.
        rank: how many axes there are.
        doubt: what the rounding of Σ_W can add to the sum of the ratios.
    """

    ratios: Float[Array, " r"]
    rank: Float[Array, ""]
    doubt: Float[Array, ""]


def _axes(e: Evidence) -> _Axes:
    """Σ_B from the singular values of the means, which keep the digits that its own would lose."""
    values, axes = linalg.principal_axes(ratio(e.centred, jnp.sqrt(e.present_count)))
    within = jnp.sum(jnp.matmul(axes, e.within, precision=PRECISION) * axes, axis=1)
    # Centred means span K-1 dimensions at most: what rounding leaves beyond is not an axis.
    real = linalg.significant(values) & (jnp.arange(len(values)) < e.present_count - 1)
    inverse = jnp.where(real, 1 / jnp.where(real, values, 1), 0)
    rounding = e.moments.rounding * jnp.sum(axes**2 * jnp.diag(e.within), axis=1)
    ratios, doubt = within * inverse * inverse, jnp.sum(rounding * inverse * inverse)
    return _Axes(ratios, jnp.sum(real).astype(values.dtype), doubt)


def _nc1(e: Evidence) -> Float[Array, ""]:
    return ratio(jnp.sum(e.once(_axes).ratios), e.present_count)


def _quotient(e: Evidence) -> Float[Array, ""]:
    return ratio(e.within_trace, e.between_norm)


def _flat(e: Evidence) -> Array:
    return e.once(_axes).rank < jnp.minimum(e.present_count - 1, e.moments.dim)


CONDITIONS["flat_means"] = Condition(
    _flat,
    lambda e: (
        f"the class means span {int(e.once(_axes).rank)} dimensions, "
        f"not {min(int(e.present_count) - 1, e.moments.dim)}: Σ_B has no inverse there"
    ),
)


def _thin(e: Evidence) -> Array:
    """The rounding of a thin axis is a tenth of the sum, or of what it would be without one."""
    axes = e.once(_axes)
    return axes.doubt > 0.1 * jnp.maximum(jnp.sum(axes.ratios), _quotient(e))


CONDITIONS["thin_axis"] = Condition(
    _thin,
    lambda e: (
        f"along the thinnest axis of the class means Σ_W is below the rounding of "
        f"{e.moments.precision}: use float64"
    ),
)

_UNDEFINED = (*SQUARED, "few_rows", "no_samples", "few_classes", "no_between")

NC1_PINV = METRICS.add(
    Metric(
        name="nc1_pinv",
        question="collapse",
        meaning="within-class scatter measured by the scatter of the class means",
        formula="tr(Σ_W Σ_B⁺)/K, Σ_W pooled with divisor n, Σ_B = (1/K) Σ (μ_k-μ_G)(μ_k-μ_G)ᵀ",
        source="Papyan, Han, Donoho 2020",
        interval=(0.0, float("inf")),
        best="0 (each class a point)",
        direction="lower",
        compute=_nc1,
        undefined=(*_UNDEFINED, "thin_axis"),
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one class, for classes of one row, and where all class means coincide; "
        "where some do, only the axes between the others count",
        abbreviation="NC1",
        variants="many copies forget /K; Σ_B's rank is cut at K-1 and at a relative tolerance; "
        "macro weighting takes μ_G as the mean of the class means, Σ_W stays pooled",
        options=("normalize", "weighting"),
        function="variability.nc1_pinv",
    )
)

NC1_SVD = METRICS.add(
    Metric(
        name="nc1_svd",
        question="collapse",
        meaning="within-class scatter (nc1_pinv) along every axis that K class means can span",
        formula="(1/K) Σ_i v_iᵀ Σ_W v_i / λ_i over the top min(K-1, d) eigenpairs of Σ_B",
        source="Papyan, Han, Donoho 2020, their code",
        interval=(0.0, float("inf")),
        best="0 (each class a point)",
        direction="lower",
        compute=_nc1,
        undefined=(*_UNDEFINED, "flat_means", "thin_axis"),
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN where the class means span fewer than min(K-1, d) dimensions, as λ_i is 0 "
        "there (copies divide by rounding, or crash for K > d); else equal to nc1_pinv",
        abbreviation="NC1",
        variants="copies leave out /K; macro weighting as in nc1_pinv",
        options=("normalize", "weighting"),
        function="variability.nc1_svd",
    )
)

NC1_QUOTIENT = METRICS.add(
    Metric(
        name="nc1_quotient",
        question="collapse",
        meaning="total scatter within classes over total scatter of the class means",
        formula="tr Σ_W / tr Σ_B, Σ_B = (1/K) Σ (μ_k-μ_G)(μ_k-μ_G)ᵀ",
        source="Tirer, Huang, Niles-Weed 2023",
        interval=(0.0, float("inf")),
        best="0 (each class a point)",
        direction="lower",
        compute=_quotient,
        undefined=_UNDEFINED,
        invariant=MOVED,
        degenerate="NaN for one class, for classes of one row, and where all class means coincide",
        abbreviation="NC1",
        variants="Σ_B weighs classes alike; macro weighting does so in Σ_W and μ_G too",
        options=("normalize", "weighting"),
        function="variability.nc1_quotient",
    )
)


def nc1_pinv(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """Within-class scatter measured by the scatter of the class means, tr(Σ_W Σ_B⁺)/K.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`weighting`: of μ_G).

    Returns:
        A scalar ≥ 0; best 0. NaN for fewer than two classes, classes of one row, or where all
        class means coincide.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Papyan, Han, Donoho 2020, Prevalence of neural collapse.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
        >>> print(nc1_pinv(z, jnp.array([0, 0, 1, 1]), 2))
        0.0
    """
    return measure("nc1_pinv", z, y, c, normalize=normalize, options=options)


def nc1_svd(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """`nc1_pinv` over the top min(K-1, d) axes of the class means, as its authors' code has it.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`weighting`: of μ_G).

    Returns:
        A scalar ≥ 0; best 0. NaN where `nc1_pinv` is, and where the class means span fewer than
        min(K-1, d) dimensions.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Papyan, Han, Donoho 2020, Prevalence of neural collapse.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
        >>> print(nc1_svd(z, jnp.array([0, 0, 1, 1]), 2))
        0.0
    """
    return measure("nc1_svd", z, y, c, normalize=normalize, options=options)


def nc1_quotient(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """Total scatter within classes over total scatter of the class means, tr Σ_W / tr Σ_B.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`weighting`: of Σ_W
            and μ_G).

    Returns:
        A scalar ≥ 0; best 0. NaN for fewer than two classes, classes of one row, or where all
        class means coincide.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Tirer, Huang, Niles-Weed 2023, Perturbation analysis of neural collapse.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
        >>> print(nc1_quotient(z, jnp.array([0, 0, 1, 1]), 2))
        0.25
    """
    return measure("nc1_quotient", z, y, c, normalize=normalize, options=options)
