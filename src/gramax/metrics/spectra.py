"""Question 2, the field's other numbers: how evenly the spectrum spreads.

λ are the eigenvalues of the covariance of the rows; with center "none", of ZᵀZ/n.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays.guarded import ratio
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS, MOVED, SCALED, SQUARED, Metric
from gramax.metrics.single import measure


def _participation(e: Evidence) -> Float[Array, ""]:
    """(Σλ)²/Σλ² as (tr C)²/|C|²_F: no eigenvalue is computed, so the gradient is always finite."""
    trace = jnp.trace(e.spread_matrix)
    c = ratio(e.spread_matrix, trace)
    squares = jnp.sum(c * c)
    return jnp.maximum(ratio(1.0, squares), 1)  # below is rounding


def _share_of_top(sigma: Float[Array, " d"]) -> Float[Array, ""]:
    """Σσ² over the largest σ²."""
    top = jnp.max(sigma)
    return jnp.maximum(jnp.sum(ratio(sigma, top) ** 2), 1)


PARTICIPATION_RATIO = METRICS.add(
    Metric(
        name="participation_ratio",
        question="rank",
        meaning="number of dimensions that carry the variance, large eigenvalues counting most",
        formula="(Σλ)²/Σλ², λ the covariance eigenvalues (centred)",
        source="Gao et al. 2017; Rudman et al. 2022",
        interval=(1.0, float("inf")),
        best="min(n-1, d) (all dimensions alike); c-1 for collapsed classes",
        direction="higher",
        compute=_participation,
        undefined=(*SQUARED, "few_rows", "no_scatter"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one row or coinciding rows; 1 for rows on a line",
        abbreviation="PR",
        variants='of ZᵀZ/n, uncentred, with center "none"',
        options=("normalize", "center"),
        function="spectra.participation_ratio",
    )
)

ISOSCORE = METRICS.add(
    Metric(
        name="isoscore",
        question="rank",
        meaning="share of the dimensions that the variance uses evenly",
        formula="(PR - 1)/(d - 1), PR the participation ratio",
        source="Rudman et al. 2022; their nine steps reduce to this exactly",
        interval=(0.0, 1.0),
        best="1 (all dimensions alike)",
        direction="higher",
        compute=lambda e: (_participation(e) - 1) / max(e.moments.dim - 1, 1),
        undefined=(*SQUARED, "few_rows", "no_scatter", "one_dimension"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one row, coinciding rows, or d = 1; 0 for rows on a line",
        variants='of ZᵀZ/n, uncentred, with center "none"; reads at most (n-2)/(d-1) for n ≤ d',
        options=("normalize", "center"),
        function="spectra.isoscore",
    )
)

STABLE_RANK = METRICS.add(
    Metric(
        name="stable_rank",
        question="rank",
        meaning="total energy of the rows over that of their strongest direction",
        formula="|Z|²_F/|Z|²_2, not centred",
        source="Rudelson & Vershynin 2007",
        interval=(1.0, float("inf")),
        best="min(n, d) (all dimensions alike)",
        direction="higher",
        compute=lambda e: _share_of_top(e.spectrum.values),
        undefined=(*SQUARED, "few_rows", "no_length"),
        labels=False,
        spectrum=True,
        invariant=SCALED,
        degenerate="NaN for one row or where all are zero; 1 for coinciding rows, so an offset "
        "lowers it",
        variants="of the rows as they lie; of centred rows it is nesum",
        function="spectra.stable_rank",
    )
)

NESUM = METRICS.add(
    Metric(
        name="nesum",
        question="rank",
        meaning="total variance over that of the strongest direction",
        formula="Σλ/λ₁, λ the covariance eigenvalues (centred)",
        source="He & Ozay 2022",
        interval=(1.0, float("inf")),
        best="min(n-1, d) (all dimensions alike)",
        direction="higher",
        compute=lambda e: _share_of_top(e.spread_spectrum.values),
        undefined=(*SQUARED, "few_rows", "no_scatter"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one row or coinciding rows; 1 for rows on a line",
        variants='equal to stable_rank with center "none"',
        options=("normalize", "center"),
        function="spectra.nesum",
    )
)


def participation_ratio(
    z: ArrayLike, *, normalize: bool = False, options: Options | None = None
) -> Float[Array, ""]:
    """Number of dimensions that carry the variance, (Σλ)²/Σλ²; finite gradients everywhere.

    Args:
        z: `[n, d]` embeddings.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`center`).

    Returns:
        A scalar in [1, min(n-1, d)]; higher is better. NaN for a single row, coinciding rows, or
        where a row holds NaN.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Source:
        Gao et al. 2017, A theory of multineuronal dimensionality.

    Example:
        >>> import jax.numpy as jnp
        >>> cross = jnp.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(participation_ratio(cross).round(2))
        1.47
    """
    return measure("participation_ratio", z, normalize=normalize, options=options)


def isoscore(
    z: ArrayLike, *, normalize: bool = False, options: Options | None = None
) -> Float[Array, ""]:
    """Share of the dimensions that the variance uses evenly, (PR - 1)/(d - 1).

    Args:
        z: `[n, d]` embeddings.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`center`).

    Returns:
        A scalar in [0, 1]; best 1. NaN for a single row, coinciding rows, or d = 1.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Source:
        Rudman et al. 2022, IsoScore: measuring the uniformity of embedding space utilization.

    Example:
        >>> import jax.numpy as jnp
        >>> cross = jnp.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(isoscore(cross).round(2))
        0.47
    """
    return measure("isoscore", z, normalize=normalize, options=options)


def stable_rank(
    z: ArrayLike, *, normalize: bool = False, options: Options | None = None
) -> Float[Array, ""]:
    """Energy of the rows over that of their strongest direction, |Z|²_F/|Z|²_2, not centred.

    Args:
        z: `[n, d]` embeddings.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (none matters here).

    Returns:
        A scalar in [1, min(n, d)]; higher is better. NaN for a single row or where all are zero.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Source:
        Rudelson & Vershynin 2007, Sampling from large matrices.

    Example:
        >>> import jax.numpy as jnp
        >>> cross = jnp.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(stable_rank(cross))
        1.25
    """
    return measure("stable_rank", z, normalize=normalize, options=options)


def nesum(
    z: ArrayLike, *, normalize: bool = False, options: Options | None = None
) -> Float[Array, ""]:
    """Variance over that of the strongest direction, Σλ/λ₁.

    Args:
        z: `[n, d]` embeddings.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`center`).

    Returns:
        A scalar in [1, min(n-1, d)]; higher is better. NaN for a single row or coinciding rows.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Source:
        He & Ozay 2022, Exploring the gap between collapsed and whitened features.

    Example:
        >>> import jax.numpy as jnp
        >>> cross = jnp.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(nesum(cross))
        1.25
    """
    return measure("nesum", z, normalize=normalize, options=options)
