"""The smooth coherence that packing descends: a soft maximum over pairs, with its gradient, in JAX.

What a row and its similarity to another are is told in `gramax.frames.codebooks`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from gramax.frames.codebooks import Kind

PRECISION = jax.lax.Precision.HIGHEST
"""Precision of every matrix product. By default GPUs and TPUs round factors to about 10 bits."""


def _times_i(x: Float[Array, "n k"]) -> Float[Array, "n k"]:
    d = x.shape[-1] // 2
    return jnp.concatenate([-x[..., d:], x[..., :d]], axis=-1)


def similarities(
    rows: Float[Array, "m k"], u: Float[Array, "n k"], kind: Kind
) -> tuple[Float[Array, "m n"], Float[Array, "m n"], Float[Array, "m n"] | None]:
    """How close rows are to rows, <x,y> of points and |<x,y>|^2 of lines, with its parts.

    The parts are the inner products: the real parts, and the imaginary ones where complex.
    """
    g = jnp.matmul(rows, u.T, precision=PRECISION)
    if kind == "complex":
        h = jnp.matmul(rows, _times_i(u).T, precision=PRECISION)
        return g * g + h * h, g, h
    return g if kind == "signed" else g * g, g, None


def soft_terms(s: Array, beta: Array | float, shift: Array | float) -> Array:
    """exp(beta (s - shift)), 0 where s is -inf; `shift` is about the largest s.

    The exponent stops at 30: a shift that is too low costs digits, never an overflow.
    """
    return jnp.exp(jnp.minimum(beta * (s - shift), 30.0))


def soft_slope(
    terms: Float[Array, "m n"],
    g: Float[Array, "m n"],
    h: Float[Array, "m n"] | None,
    u: Float[Array, "n k"],
    kind: Kind,
) -> Float[Array, "m k"]:
    """Gradient by its rows of the sum over ordered pairs whose terms are `terms`, beta left out."""
    if kind == "signed":
        return 2 * jnp.matmul(terms, u, precision=PRECISION)
    slope = 4 * jnp.matmul(terms * g, u, precision=PRECISION)
    if h is None:
        return slope
    return slope + 4 * jnp.matmul(terms * h, _times_i(u), precision=PRECISION)


def soft_maximum(
    x: Float[Array, "n k"], mask: Float[Array, " n"], beta: Float[Array, ""], kind: Kind
) -> tuple[Float[Array, ""], Float[Array, "n k"]]:
    """(1/beta) log sum over pairs of exp(beta s_ij), and its gradient; s is |<x,y>|^2 or <x,y>.

    The rows, none of them zero, are normalised inside, so the value does not depend on their
    lengths and the gradient is tangent to the spheres: descent needs no constraint. Rows whose
    `mask` is 0 are padding. The gradient is by hand, half the work of tracing it back.
    """
    length = jnp.linalg.norm(x, axis=-1, keepdims=True)
    u = x / length
    s, g, h = similarities(u, u, kind)
    pairs = (mask[:, None] * mask[None, :] > 0) & ~jnp.eye(x.shape[0], dtype=bool)
    s = jnp.where(pairs, s, -jnp.inf)
    top = jnp.max(s)
    terms = soft_terms(s, beta, top)
    total = jnp.sum(terms)
    slope = soft_slope(terms / total, g, h, u, kind)
    slope = (slope - jnp.sum(slope * u, axis=-1, keepdims=True) * u) / length
    return top + jnp.log(total / 2) / beta, slope
