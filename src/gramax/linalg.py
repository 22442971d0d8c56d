"""Linear algebra whose gradients survive degenerate spectra."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

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


def safe_sqrt(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Square root with a gradient of 0, not infinity, at 0; NaN below."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), jnp.where(x == 0, 0, jnp.nan))
