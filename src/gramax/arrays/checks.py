"""Static checks of shapes and dtypes, and eager checks of values, with the input in the message.

Shapes and dtypes are known while tracing, so these always raise. Values (labels out of range) are
known only outside ``jit``: there an offending row is named; inside, callers mask and count it.
"""

from __future__ import annotations

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


def is_concrete(x: Any) -> bool:
    """Whether values can be seen now: not while JAX traces, nor if other processes hold some."""
    traced = isinstance(x, jax.core.Tracer)  # pyright: ignore[reportAttributeAccessIssue]
    return not traced and getattr(x, "is_fully_addressable", True)


def rows(z: Any, name: str = "z") -> Float[Array, "n d"]:
    """`z` as a matrix of floats, at least float32 wide; ValueError that quotes its shape if not."""
    z = jnp.asarray(z)
    if z.ndim != 2:
        raise ValueError(f"{name} must be a matrix [n, d], one row a vector; got shape {z.shape}")
    if z.shape[1] == 0:
        raise ValueError(f"{name} must have at least one column; got shape {z.shape}")
    return widen(z, name)


def codes(x: Any, name: str = "x") -> Float[Array, "c d"]:
    """`x` as `rows` has it; a codebook of no codes is one absent code, a row of zeros."""
    x = rows(x, name)
    return x if x.shape[0] else jnp.zeros((1, x.shape[1]), x.dtype)


def widen(z: Any, name: str = "z") -> Float[Array, ...]:
    """`z` in float32, or in float64 where it is float64 already (float16 and integers widen)."""
    z = jnp.asarray(z)
    if not (jnp.issubdtype(z.dtype, jnp.floating) or jnp.issubdtype(z.dtype, jnp.integer)):
        raise ValueError(f"{name} must hold real numbers; got dtype {z.dtype}")
    return z.astype(jnp.promote_types(z.dtype, jnp.float32))


def size(value: Any, what: str) -> int:
    """`value` as a Python int of at least 1 (it sets shapes, so it cannot be traced)."""
    try:
        value = operator.index(value)
    except TypeError:
        raise ValueError(f"{what} must be a static integer; got {value!r}") from None
    if value < 1:
        raise ValueError(f"{what} must be at least 1; got {value}")
    return value


def num_classes(c: Any) -> int:
    """`c` as `size` has it."""
    return size(c, "the number of classes")


def labels(y: Any, n: int, c: int) -> Int[Array, " n"]:
    """`y` as int32 labels of `n` rows; eagerly, a label outside -1..c-1 names its row.

    -1 marks a row to leave out. Under ``jit`` the values are unknown: every label outside 0..c-1
    becomes -1 where it is used, and `ClassMoments` counts them.
    """
    y = y if isinstance(y, jax.Array | np.ndarray) else np.asarray(y)
    if y.ndim != 1 or y.shape[0] != n:
        raise ValueError(f"y must hold one label a row, shape ({n},); got shape {y.shape}")
    if not jnp.issubdtype(y.dtype, jnp.integer) and y.dtype != bool:
        raise ValueError(f"labels must be integers in 0..{c - 1}; got dtype {y.dtype}")
    if is_concrete(y):
        host = np.asarray(y)
        bad = np.flatnonzero((host < -1) | (host >= c))
        if bad.size:
            more = f" ({bad.size} such rows)" if bad.size > 1 else ""
            raise ValueError(
                f"row {bad[0]}: label {host[bad[0]]} is outside 0..{c - 1}{more}; "
                "use -1 for a row to leave out"
            )
    y = jnp.asarray(y)
    if y.dtype.itemsize >= 4:  # clipped before it is narrowed, so that none wraps
        y = jnp.clip(y, -2 if jnp.issubdtype(y.dtype, jnp.signedinteger) else 0, c)
    return y.astype(jnp.int32)


def weights(w: Any, n: int) -> Float[Array, " n"]:
    """`w` as `n` non-negative weights; eagerly, a negative or non-finite one names its row."""
    if jnp.shape(w) != (n,):
        raise ValueError(f"weight must hold one number a row, shape ({n},); got {jnp.shape(w)}")
    if is_concrete(w):
        host = np.asarray(w, dtype=np.float64)
        bad = np.flatnonzero(~(np.isfinite(host) & (host >= 0)))
        if bad.size:
            raise ValueError(f"row {bad[0]}: weight {host[bad[0]]} is not a number of 0 or more")
    return widen(jnp.asarray(w) + 0, "weight")


def key_words(key: Any) -> list[int]:
    """The 32-bit words of a JAX key, typed or raw."""
    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    words = np.asarray(jax.random.key_data(key) if typed else key).ravel()
    return [int(word) & 0xFFFFFFFF for word in words]
