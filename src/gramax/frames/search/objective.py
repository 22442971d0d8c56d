"""The smooth coherence that packing descends: a soft maximum over pairs, with its gradient, in JAX.

What a row and its similarity to another are is told in `gramax.frames.codebooks`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from gramax.arrays.namespace import dot
from gramax.frames.codebooks import Kind, similarities, times_i


def soft_terms(s: Array, beta: Array | float, shift: Array | float) -> Array:
    """exp(beta (s - shift)), 0 where s is -inf; `shift` is about the largest s.

    The exponent stops at 30: a shift that is too low costs digits, never an overflow.
    """
    return jnp.exp(jnp.minimum(beta * (s - shift), 30.0))


def soft_maximum(
    x: Float[Array, "n k"],
    mask: Float[Array, " n"],
    beta: Float[Array, ""],
    kind: Kind,
    tile: int | None = None,
    shift: Array | None = None,
) -> tuple[Float[Array, ""], Float[Array, "n k"], Float[Array, ""]]:
    """(1/beta) log sum over pairs of exp(beta s_ij), its gradient, and the largest s.

    s is |<x,y>|^2 or <x,y>. The rows, none of them zero, are normalised inside, so the value does
    not depend on their lengths and the gradient is tangent to the spheres: descent needs no
    constraint. Rows whose `mask` is 0 are padding. The gradient is by hand, half the work of
    tracing it back. With a `tile`, of which the number of rows is a multiple, so many rows are
    held against all at a time; `shift` is then about the largest s.
    """
    n, k = x.shape
    length = jnp.linalg.norm(x, axis=-1, keepdims=True)
    u = x / length

    def part(args: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        rows, index = args
        s, g, h = similarities(rows, u, kind)
        pairs = (mask[index][:, None] * mask > 0) & (index[:, None] != jnp.arange(n))
        s = jnp.where(pairs, s, -jnp.inf)
        top = jnp.max(s)
        terms = soft_terms(s, beta, top if shift is None else shift)
        total = jnp.sum(terms)
        if kind == "signed":
            return total, 2 * dot(terms, u), top
        slope = 4 * dot(terms * g, u)
        return total, slope if h is None else slope + 4 * dot(terms * h, times_i(u)), top

    if tile is None:
        total, slope, top = part((u, jnp.arange(n)))
    else:
        found = jax.lax.map(part, (u.reshape(-1, tile, k), jnp.arange(n).reshape(-1, tile)))
        total, slope, top = jnp.sum(found[0]), found[1].reshape(n, k), jnp.max(found[2])
    slope = slope / total
    slope = (slope - jnp.sum(slope * u, axis=-1, keepdims=True) * u) / length
    return (top if shift is None else shift) + jnp.log(total / 2) / beta, slope, top
