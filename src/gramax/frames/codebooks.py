"""Codebooks as arrays: how close their codes are, and complex codes held as real rows.

Lines are measured by |<x, y>|^2 and points by <x, y>. Complex vectors are held as 2d reals, real
parts first, so that <x, y> has the real part x.y and the imaginary part x.Jy up to its sign, J the
multiplication by i.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from gramax.arrays.namespace import Array, dot, namespace

Kind = Literal["real", "complex", "signed"]
"""Lines of R^d, lines of C^d, or points of the sphere in R^d."""


def as_real(codes: np.ndarray, kind: Kind) -> np.ndarray:
    """Codes as real rows: `[c, d]`, or `[c, 2d]` for complex ones."""
    if kind != "complex":
        return np.ascontiguousarray(np.real(codes), dtype=np.float64)
    return np.concatenate([np.real(codes), np.imag(codes)], axis=-1).astype(np.float64)


def as_codes(x: np.ndarray, kind: Kind) -> np.ndarray:
    """The inverse of `as_real`, with rows of norm 1."""
    x = unit(np.asarray(x, dtype=np.float64))
    d = x.shape[-1] // 2
    return x[..., :d] + 1j * x[..., d:] if kind == "complex" else x


def unit(x: np.ndarray) -> np.ndarray:
    """The rows, scaled to norm 1."""
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def times_i(x: Array) -> Array:
    """Multiplication by i of complex rows held as reals, of NumPy or of JAX."""
    d = x.shape[-1] // 2
    return namespace(x).concat([-x[..., d:], x[..., :d]], axis=-1)


def similarities(rows: Array, others: Array, kind: Kind) -> tuple[Array, Array, Array | None]:
    """How close real rows are to other ones, <x, y> of points and |<x, y>|^2 of lines; its parts.

    The parts are the inner products: the real parts, and the imaginary ones where complex.
    """
    g = dot(rows, others.T)
    if kind == "complex":
        h = dot(rows, times_i(others).T)
        return g * g + h * h, g, h
    return g if kind == "signed" else g * g, g, None


def coherence(codes: np.ndarray, signed: bool = False, tile: int = 1024) -> float:
    """The largest |<x_i, x_j>| (or <x_i, x_j>) over pairs of unit codes, `tile` rows at a time.

    It is computed in the codes' own precision, and is 0 (-1 where signed) for one code.
    """
    worst = -1.0 if signed else 0.0
    for start in range(0, len(codes), tile):
        block = codes[start : start + tile] @ codes.conj().T
        block = np.real(block) if signed else np.abs(block)
        block[np.arange(len(block)), start + np.arange(len(block))] = -1.0
        worst = float(np.maximum(worst, block.max()))  # NaN stays NaN, as `max` would not have it
    return worst


def coherence_of_rows(x: np.ndarray, kind: Kind) -> float:
    """The coherence of a codebook that is held as real rows of any length."""
    return coherence(as_codes(x, kind), kind == "signed")
