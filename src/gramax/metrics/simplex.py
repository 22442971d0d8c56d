"""Question 3: do the class codes form a simplex, when they fit?"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import checks, pairs
from gramax.arrays.guarded import ratio, safe_sqrt
from gramax.arrays.rows import unit_rows
from gramax.metrics.registry import METRICS, MOVED, SCALED, Metric


@jax.jit
def _mean_square(codes: Float[Array, "c d"]) -> Float[Array, ""]:
    """Mean square entry difference of the codes' Gram matrix to the simplex's."""
    exists = pairs.present(codes)
    count = jnp.sum(exists).astype(codes.dtype)
    target = -ratio(1.0, count - 1)
    total = pairs.squared_gaps(unit_rows(codes), exists, target)
    return jnp.where(count > 1, ratio(2 * total, count**2), jnp.nan)


def _error(codes: Float[Array, "c d"]) -> Float[Array, ""]:
    return safe_sqrt(_mean_square(codes))


CLASS_SIMPLEX_ERROR = METRICS.add(
    Metric(
        name="class_simplex_error",
        question="simplex",
        meaning="distance of the class codes' cosines to those of a simplex",
        formula="RMS over all c² entries of (cos(m_a, m_b) - target), target 1 and -1/(c-1)",
        source="Bouhsine 2026, Auditing Latent Space Geometry in JAX",
        interval=(0.0, 2.0),
        best="0 (a simplex; possible for c ≤ d+1)",
        direction="lower",
        compute=lambda e: _error(e.codes),
        undefined=("few_codes",),
        samples=False,
        invariant=SCALED,
        degenerate="NaN for fewer than two classes; a class mean of zero is left out",
        variants="of the class means as they lie; see class_simplex_error_centred",
        function="simplex.simplex_error",
    )
)

CENTRED_SIMPLEX_ERROR = METRICS.add(
    Metric(
        name="class_simplex_error_centred",
        question="simplex",
        meaning="distance of the cosines of centred class means to those of a simplex",
        formula="RMS over all c² entries of (cos(m_a - m̄, m_b - m̄) - target), m̄ the mean of means",
        source="Papyan, Han, Donoho 2020 (centring); Bouhsine 2026 (error)",
        interval=(0.0, 2.0),
        best="0 (a simplex; possible for c ≤ d+1)",
        direction="lower",
        compute=lambda e: _error(e.centred_codes),
        undefined=("few_classes", "few_centred"),
        samples=False,
        invariant=MOVED,
        degenerate="NaN for fewer than two classes, or where all class means coincide",
        variants="centred by the mean of the class means, whatever the weighting",
        function="simplex.simplex_error",
    )
)


def _largest(codes: Float[Array, "c d"]) -> Float[Array, ""]:
    def step(largest: Array, cosines: Array, pair: Array, *_: object) -> Array:
        return jnp.maximum(largest, jnp.max(jnp.where(pair, cosines, -1)))

    largest = pairs.reduce_pairs(codes, step, jnp.full((), -1.0, codes.dtype))
    return jnp.minimum(largest, 1)


CLASS_LARGEST_COSINE = METRICS.add(
    Metric(
        name="class_largest_cosine",
        question="simplex",
        meaning="the least separation: largest cosine, with its sign, of two centred class codes",
        formula="max over a<b of cos(m_a - m̄, m_b - m̄), m̄ the mean of means",
        source="Rankin 1955",
        interval=(-1.0, 1.0),
        best="the floor of c points on the sphere: -1/(c-1), a simplex, for c ≤ d+1",
        direction="lower",
        compute=lambda e: _largest(e.centred_codes),
        undefined=("few_classes", "few_centred"),
        samples=False,
        invariant=MOVED,
        degenerate="NaN for fewer than two classes, or where all class means coincide",
        variants="class_coherence takes cosines without their sign and the means as they lie",
    )
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
    off = -1.0 / (c - 1)
    return jnp.full((c, c), off).at[jnp.diag_indices(c)].set(1.0)


def simplex_error(means: ArrayLike) -> Float[Array, ""]:
    """RMS entry difference between the Gram matrix of the normalised means and the simplex's.

    Args:
        means: `[c, d]` class means, of any length; zero rows are absent classes, left out.

    Returns:
        A scalar in [0, 2]; best 0, with a gradient of 0 there. NaN for fewer than two codes.

    Raises:
        ValueError: `means` is not a matrix of real numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> triangle = jnp.array([[2.0, 0.0], [-1.0, 3**0.5], [-1.0, -(3**0.5)]])
        >>> print(simplex_error(triangle).round(5))
        0.0
    """
    return _error(checks.rows(means, "means"))


def simplex_step(means: ArrayLike, lr: float = 0.04) -> Float[Array, "c d"]:
    """One projected gradient step on `simplex_error`² from the normalised means.

    Args:
        means: `[c, d]` class means, of any length.
        lr: step size.

    Returns:
        `[c, d]` unit rows, closer to a simplex for a small enough step.

    Raises:
        ValueError: `means` is not a matrix of real numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> before = jnp.array([[1.0, 0.0], [0.0, 1.0]])
        >>> bool(simplex_error(simplex_step(before)) < simplex_error(before))
        True
    """
    return _step(unit_rows(checks.rows(means, "means")), lr)


@jax.jit
def _step(codes: Float[Array, "c d"], lr: float | Float[Array, ""]) -> Float[Array, "c d"]:
    return unit_rows(codes - lr * jax.grad(_mean_square)(codes))
