"""Question 2: is the space being used?"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays.guarded import ratio
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS, MOVED, SQUARED, Metric
from gramax.moments.class_moments import ClassMoments


def entropy_rank(values: Float[Array, " d"], eps: float = 1e-12) -> Float[Array, ""]:
    """Exponential of the entropy of `values` over their sum; no less than 1, whatever `eps`."""
    total = jnp.sum(values)
    p = ratio(values, total)
    return jnp.maximum(jnp.exp(-jnp.sum(p * jnp.log(p + eps))), 1)


EFFECTIVE_RANK = METRICS.add(
    Metric(
        name="effective_rank",
        question="rank",
        meaning="number of dimensions that the rows spread over",
        formula="exp(-Σ p log(p + 1e-12)), p the covariance eigenvalues over their sum (centred)",
        source="Roy & Vetterli 2007, on eigenvalues; Bouhsine 2026",
        interval=(1.0, float("inf")),
        best="min(n-1, d) (all dimensions alike); c-1 for collapsed classes",
        direction="higher",
        compute=lambda e: entropy_rank(e.eigenvalues),
        undefined=(*SQUARED, "few_rows", "no_scatter"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one row or coinciding rows; 1 for rows on a line",
        abbreviation="erank",
        variants="of eigenvalues (σ²); RankMe takes the singular values σ, and reads more",
        function="rank.effective_rank",
    )
)


def _spectrum(z: ArrayLike) -> Evidence:
    return Evidence(ClassMoments.of(z, None, 1, normalize=False))


def covariance_eigs(z: ArrayLike) -> Float[Array, " d"]:
    """Eigenvalues of the centred covariance (divisor n-1), ascending.

    Args:
        z: `[n, d]` embeddings, not normalised here.

    Returns:
        `[d]` eigenvalues ≥ 0 in the units of z²; NaN for a single row, or where a row holds NaN.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> print(covariance_eigs(jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])))
        [0. 1.]
    """
    e = _spectrum(z)
    return jnp.where((e.not_finite > 0) | (e.n < 2), jnp.nan, e.eigenvalues)


def effective_rank(z: ArrayLike, eps: float = 1e-12) -> Float[Array, ""]:
    """Number of dimensions that the rows spread over: exp of the spectrum's entropy.

    Args:
        z: `[n, d]` embeddings, not normalised here.
        eps: added inside the logarithm.

    Returns:
        A scalar in [1, min(n-1, d)]; higher is better. A round cloud in the plane gives 2, a line
        1; NaN for a single row, coinciding rows, or where a row holds NaN.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Source:
        Roy & Vetterli 2007, The effective rank, with eigenvalues in place of singular values.

    Example:
        >>> import jax.numpy as jnp
        >>> cross = jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(effective_rank(cross))
        2.0
    """
    e = _spectrum(z)
    defined = jnp.isfinite(EFFECTIVE_RANK.value(e))
    return jnp.where(defined, entropy_rank(e.eigenvalues, eps), jnp.nan)
