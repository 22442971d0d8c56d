"""Cheap upper bounds on the |cosines| of a tile, so that most tiles need no exact product.

A unit row is u = Q s + r: s its short form, coordinates in orthonormal axes Q, and r the rest,
computed and not estimated. By Cauchy–Schwarz

    |⟨u, v⟩| ≤ |⟨s_u, s_v⟩| + |s_u||Qᵀr_v| + |Qᵀr_u||s_v| + |r_u||r_v| + |QᵀQ - I||s_u||s_v|,

where Qᵀr is small: it is what rounding left. In all axes (Q = I) s is the row in bfloat16, and the
product costs half of that in float32 or less. In few leading axes it costs a small part of it, but
rules out a tile only where the spectrum decays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from gramax.arrays.rows import PRECISION

AXES = 32
"""Leading axes: the product of tiles this narrow costs a fifth of that of 256 columns."""

SAMPLE = 8192
"""Rows that the axes are found from: any axes are right, good ones rule out more."""


class Screen(NamedTuple):
    """The short forms of all rows, and what bounds the rest.

    Attributes:
        short: coordinates in m axes.
        rest: length of what the axes leave out of each row; None where that is rounding alone.
        slack: what bounds all else, for every pair: rounding of the short forms, of their product,
            and of the exact product that the bound stands for.
    """

    short: Float[Array, "c m"]
    rest: Float[Array, " c"] | None
    slack: Float[Array, ""]


def in_all_axes(x: Float[Array, "c d"]) -> Screen:
    """The screen of unit rows as they are, in bfloat16: bounds within 2⁻⁶ or so."""
    x = x.astype(jnp.float32)
    # Not x less its bfloat16 form: XLA may leave out a conversion there and back.
    lost = x - jax.lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)
    rest = jnp.max(jnp.linalg.norm(lost, axis=1))
    return Screen(x.astype(jnp.bfloat16), None, 1.01 * rest * (2 + rest) + _rounding(x))


def in_leading_axes(x: Float[Array, "c d"]) -> Screen:
    """The screen of unit rows in about the `AXES` axes in which they are longest."""
    x = x.astype(jnp.float32)
    axes = leading_axes(x)
    short = _product(x, axes)
    rest = x - _product(short, axes.T)
    inside = jnp.max(jnp.linalg.norm(_product(rest, axes), axis=1))
    skew = jnp.linalg.norm(_product(axes.T, axes) - jnp.eye(axes.shape[1], dtype=x.dtype))
    of_rest = 2 * axes.shape[1] ** 1.5 * float(jnp.finfo(x.dtype).eps)  # rounding in r and in Qᵀr
    slack = 1.01 * (2 * inside + skew) + _rounding(x) + of_rest
    return Screen(short, jnp.linalg.norm(rest, axis=1), slack)


def leading_axes(x: Float[Array, "c d"]) -> Float[Array, "d m"]:
    """Orthonormal axes near the `AXES` leading eigenvectors of xᵀx, by subspace iteration."""
    x = x[:: -(-len(x) // SAMPLE)]
    axes = jax.random.normal(jax.random.key(0), (x.shape[1], AXES), x.dtype)
    for _ in range(4):
        axes = jnp.linalg.qr(_product(x.T, _product(x, axes)))[0]
    return axes


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=PRECISION)


def _rounding(x: Float[Array, "c d"]) -> float:
    """Of sums of d products of unit rows in float32: of the bound, and of the exact cosine.

    A sum is wrong by d·eps/2 at most where it is rounded, by d·eps where it is cut off.
    """
    return 2 * x.shape[1] * float(jnp.finfo(jnp.float32).eps)


def bound(screen: Screen, row: Any, column: Any, tile: int) -> Float[Array, ""]:
    """No |cosine| of the tile at (row, column) is larger; NaN where a row holds NaN."""
    a, b = (jax.lax.dynamic_slice_in_dim(screen.short, at, tile) for at in (row, column))
    precision = PRECISION if a.dtype == jnp.float32 else None
    products = jax.lax.dot_general(
        a, b, (((1,), (1,)), ((), ())), precision, preferred_element_type=jnp.float32
    )
    sizes = jnp.abs(products)
    if screen.rest is not None:
        own, other = (jax.lax.dynamic_slice_in_dim(screen.rest, at, tile) for at in (row, column))
        sizes = sizes + own[:, None] * other
    return jnp.max(sizes) + screen.slack


def head_start(x: Float[Array, "c d"], screen: Screen, k: int) -> Float[Array, ""]:
    """A number that k pairs of rows reach in |cosine|, from few pairs likely to be close.

    Rows are sorted by the sides of their mean that they lie on along the leading axes, and each is
    compared with the next two.
    """
    bits = (screen.short > jnp.mean(screen.short, axis=0))[:, :16]
    x = x[jnp.argsort(jnp.sum(bits << jnp.arange(bits.shape[1]), axis=1))]
    sizes = jnp.abs(jnp.concatenate([jnp.sum(x[:-i] * x[i:], axis=1) for i in (1, 2)]))
    if k > sizes.size:
        return jnp.full((), -1, jnp.float32)
    return jax.lax.top_k(sizes, k)[0][-1].astype(jnp.float32) - _rounding(x)
