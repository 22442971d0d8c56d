"""Linear algebra whose gradients survive degenerate spectra."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from gramax.sphere import PRECISION


@jax.custom_jvp
def eigvalsh(a: Float[Array, "d d"]) -> Float[Array, " d"]:
    """Eigenvalues of a symmetric matrix, ascending.

    The derivative of an eigenvalue is diag(Vᵀ ȧ V); JAX's own rule also differentiates the
    eigenvectors, which is NaN where eigenvalues coincide (an exact simplex, total collapse).
    """
    return jnp.linalg.eigvalsh(a)


@eigvalsh.defjvp
def _eigvalsh_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (a,), (a_dot,) = primals, tangents
    values, vectors = jnp.linalg.eigh(a)
    moved = jnp.matmul(a_dot, vectors, precision=PRECISION)
    return values, jnp.sum(vectors * moved, axis=0)


def safe_sqrt(x: Array) -> Array:
    """Square root with a gradient of 0, not infinity, at 0; NaN below."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), jnp.where(x == 0, 0, jnp.nan))


RTOL = 64
"""A singular value below this many rounding units of the largest is taken for 0."""


def significant(values: Float[Array, " r"]) -> Bool[Array, " r"]:
    """Which singular values or eigenvalues are more than the rounding of the largest."""
    return values > RTOL * jnp.finfo(values.dtype).eps * jnp.max(values)


def settled(eigenvalues: Float[Array, " d"]) -> Float[Array, " d"]:
    """Eigenvalues of a sum of squares, those within its rounding (1 to 3 units) set to 0.

    Without this a spectrum of few dimensions ends in noise, whose square roots, 3e-4 of the
    largest in float32, add up over hundreds of dimensions.
    """
    floor = 8 * jnp.finfo(eigenvalues.dtype).eps * jnp.max(eigenvalues)
    return jnp.where(eigenvalues > floor, eigenvalues, 0)


def compressed(x: Float[Array, "c d"]) -> Float[Array, "r d"]:
    """A matrix with min(c, d) rows and the same xᵀx, made without squaring x."""
    return jnp.linalg.qr(x, mode="r") if x.shape[0] > x.shape[1] else x


def principal_axes(x: Float[Array, "c d"]) -> tuple[Float[Array, " r"], Float[Array, "r d"]]:
    """Singular values, descending, and right singular vectors as rows; r = min(c, d)."""
    _, values, axes = jnp.linalg.svd(compressed(x), full_matrices=False)
    return values, axes
