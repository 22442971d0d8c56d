"""The smooth coherence that packing descends: a soft maximum over pairs, with its gradient.

Lines are measured by |<x, y>|^2 and points by <x, y>. Complex vectors are held as 2d reals, real
parts first, so that <x, y> has the real part x.y and the imaginary part x.Jy up to its sign.
"""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Kind = Literal["real", "complex", "signed"]
"""Lines of R^d, lines of C^d, or points of the sphere in R^d."""

HIGHEST = jax.lax.Precision.HIGHEST


def kind_of(field: str, signed: bool) -> Kind:
    """The kind of codebook for a field and a sign."""
    if signed:
        return "signed"
    return "complex" if field == "complex" else "real"


def as_real(codes: np.ndarray, kind: Kind) -> np.ndarray:
    """Codes as real rows: `[c, d]`, or `[c, 2d]` for complex ones."""
    if kind != "complex":
        return np.ascontiguousarray(np.real(codes), dtype=np.float64)
    return np.concatenate([np.real(codes), np.imag(codes)], axis=-1).astype(np.float64)


def as_codes(x: np.ndarray, kind: Kind) -> np.ndarray:
    """The inverse of `as_real`, with rows of norm 1."""
    x = np.asarray(x, dtype=np.float64)
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    if kind != "complex":
        return x
    d = x.shape[-1] // 2
    return x[..., :d] + 1j * x[..., d:]


def turn(x: Array) -> Array:
    """Multiplication by i of complex rows held as reals."""
    d = x.shape[-1] // 2
    return jnp.concatenate([-x[..., d:], x[..., :d]], axis=-1)


def rotate(x: np.ndarray) -> np.ndarray:
    """`turn` on NumPy arrays."""
    d = x.shape[-1] // 2
    return np.concatenate([-x[..., d:], x[..., :d]], axis=-1)


def coherence(codes: np.ndarray, signed: bool = False, tile: int = 1024) -> float:
    """The largest |<x_i, x_j>| (or <x_i, x_j>) over pairs, in tiles, float64 on the host.

    Args:
        codes: `[c, d]` unit rows, real or complex.
        signed: take cosines with their sign.
        tile: rows at a time.

    Returns:
        The coherence; 0 (or -1 where signed) for one code.
    """
    worst = -1.0 if signed else 0.0
    for start in range(0, len(codes), tile):
        block = codes[start : start + tile] @ codes.conj().T
        block = np.real(block) if signed else np.abs(block)
        block[np.arange(len(block)), start + np.arange(len(block))] = -1.0
        worst = max(worst, float(block.max()))
    return worst


def soft_maximum(
    x: Float[Array, "n k"], mask: Float[Array, " n"], beta: Float[Array, ""], kind: Kind
) -> tuple[Float[Array, ""], Float[Array, "n k"]]:
    """(1/beta) log sum over pairs of exp(beta s_ij), and its gradient; s is |<x,y>|^2 or <x,y>.

    The rows are normalised inside, so the value does not depend on their lengths and the gradient
    is tangent to the spheres: descent needs no constraint.

    Args:
        x: `[n, k]` rows, none zero.
        mask: `[n]` 1 for a code, 0 for padding, whose pairs do not count.
        beta: sharpness.
        kind: what s is.

    Returns:
        `(value, gradient)`, the gradient by hand: half the work of tracing it back.
    """
    length = jnp.linalg.norm(x, axis=-1, keepdims=True)
    u = x / length
    g = jnp.matmul(u, u.T, precision=HIGHEST)
    v = turn(u) if kind == "complex" else u
    h = jnp.matmul(u, v.T, precision=HIGHEST) if kind == "complex" else jnp.zeros_like(g)
    s = g if kind == "signed" else g * g + h * h
    pairs = (mask[:, None] * mask[None, :] > 0) & ~jnp.eye(x.shape[0], dtype=bool)
    logits = jnp.where(pairs, beta * s, -jnp.inf)
    top = jnp.max(logits)
    weight = jnp.exp(logits - top)
    total = jnp.sum(weight)
    weight = weight / total
    if kind == "signed":
        slope = 2 * jnp.matmul(weight, u, precision=HIGHEST)
    else:
        slope = 4 * jnp.matmul(weight * g, u, precision=HIGHEST)
    if kind == "complex":
        slope = slope + 4 * jnp.matmul(weight * h, v, precision=HIGHEST)
    slope = (slope - jnp.sum(slope * u, axis=-1, keepdims=True) * u) / length
    return (top + jnp.log(total / 2)) / beta, slope
