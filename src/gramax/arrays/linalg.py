"""Linear algebra whose gradients survive degenerate spectra."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from gramax.arrays.guarded import ratio
from gramax.arrays.resolution import settled
from gramax.arrays.rows import PRECISION


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


RTOL = 64
"""A singular value below this many rounding units of the largest is taken for 0."""


def significant(values: Float[Array, " r"]) -> Bool[Array, " r"]:
    """Which singular values or eigenvalues are more than the rounding of the largest."""
    return values > RTOL * jnp.finfo(values.dtype).eps * jnp.max(values)


def root(a: Float[Array, "d d"], share: Float[Array, ""]) -> Float[Array, "d d"]:
    """A matrix whose product rᵀr is the positive `a`; eigenvalues below `share` are 0 in it."""
    values, vectors = jnp.linalg.eigh(a)
    return jnp.sqrt(settled(jnp.maximum(values, 0), share))[:, None] * vectors.T


@jax.custom_jvp
def singular_values(
    x: Float[Array, "c d"], a: Float[Array, "d d"], share: Float[Array, ""]
) -> Float[Array, " d"]:
    """Singular values, ascending, of the rows of `x` stacked on a root of `a`; noise is 0.

    Their squares are the eigenvalues of xᵀx + a. Made without that sum, in which a small `a` (tight
    classes, rows far from the origin) would lose its digits beside a large x. What of `a` is below
    `share` of its largest eigenvalue is noise. The derivative is that of the eigenvalues, finite
    where some coincide.
    """
    stacked = jnp.concatenate([compressed(x), root(a, share)])
    values = jnp.linalg.svd(stacked, compute_uv=False)[::-1]
    return jnp.where(significant(values), values, 0)


@singular_values.defjvp
def _singular_values_jvp(
    primals: tuple[Array, Array, Array], tangents: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    (x, a, share), (x_dot, a_dot, _) = primals, tangents
    values = singular_values(x, a, share)
    axes = principal_axes(jnp.concatenate([compressed(x), root(a, share)]))[1][::-1].T
    along, moved = (jnp.matmul(v, axes, precision=PRECISION) for v in (x, x_dot))
    change = jnp.matmul(a_dot, axes, precision=PRECISION)
    rise = 2 * jnp.sum(along * moved, axis=0) + jnp.sum(axes * change, axis=0)
    return values, jnp.where(values > 0, ratio(rise, 2 * values), 0)


def compressed(x: Float[Array, "c d"]) -> Float[Array, "r d"]:
    """A matrix with min(c, d) rows and the same xᵀx, made without squaring x."""
    return jnp.linalg.qr(x, mode="r") if x.shape[0] > x.shape[1] else x


def principal_axes(x: Float[Array, "c d"]) -> tuple[Float[Array, " r"], Float[Array, "r d"]]:
    """Singular values, descending, and right singular vectors as rows; r = min(c, d)."""
    _, values, axes = jnp.linalg.svd(compressed(x), full_matrices=False)
    return values, axes
