"""Checks of arguments, with the input in the message.

Shapes and dtypes are known while JAX traces, so these always raise. Values (labels out of range)
are known only outside of ``jit``: there an offending row is named; inside, callers mask and count
it.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.namespace import (
    Array,
    as_array,
    is_jax_array,
    is_numpy_array,
    is_visible,
    like,
    namespace,
    to_numpy,
)


def rows(z: Any, name: str = "z") -> Float[Array, "n d"]:
    """`z` as a matrix of floats; ValueError that quotes its shape if it is none."""
    z = as_array(z)
    if z.ndim != 2:
        raise ValueError(f"{name} must be a matrix [n, d], one row a vector; got shape {z.shape}")
    if z.shape[1] == 0:
        raise ValueError(f"{name} must have at least one column; got shape {z.shape}")
    return widen(z, name)


def codes(x: Any, name: str = "x") -> Float[Array, "c d"]:
    """`x` as `rows` has it, NumPy's in float64; a codebook of no codes is one absent code."""
    x = wide(rows(x, name))
    return x if x.shape[0] else namespace(x).zeros((1, x.shape[1]), dtype=x.dtype)


def is_complex(x: Array) -> bool:
    """Whether an array of any library holds complex numbers."""
    return bool(namespace(x).isdtype(x.dtype, "complex floating"))


def matrix(x: Any, name: str = "x") -> np.ndarray:
    """`x` on the host as a matrix of real or complex numbers, as they are."""
    x = as_array(x)
    if x.ndim == 2 and x.shape[0] and x.shape[1] and is_complex(x):
        return to_numpy(x)
    return to_numpy(rows(x, name))


def widen(z: Any, name: str = "z") -> Float[Array, ...]:
    """`z` in float32 at least: half precision and integers are widened (NumPy's to float64)."""
    z = as_array(z)
    xp, host = namespace(z), is_numpy_array(z)
    real = xp.isdtype(z.dtype, ("real floating", "integral")) or "bfloat16" in str(z.dtype)
    if not real or (host and z.dtype.kind not in "fiu"):
        raise ValueError(f"{name} must hold real numbers; got dtype {z.dtype}")
    if z.dtype in (xp.float32, xp.float64):
        return z
    large = host and z.dtype.kind in "iu" and z.dtype.itemsize > 2
    return xp.astype(z, xp.float64 if large else xp.float32)


def wide(z: Array) -> Array:
    """`z` in float64 on the host, where that costs little; other libraries keep their dtype."""
    return z.astype(np.float64, copy=False) if is_numpy_array(z) else z


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


def labels(y: Any, n: int, c: int, z: Array) -> Int[Array, " n"]:
    """`y` as integer labels of the `n` rows of `z`, beside them; the row of a wrong one is named.

    -1 marks a row to leave out. Under ``jit`` the values are unknown: every label outside 0..c-1
    becomes -1 where it is used, and `ClassMoments` counts them.
    """
    y = as_array(y)
    xp = namespace(y)
    if y.ndim != 1 or y.shape[0] != n:
        raise ValueError(f"y must hold one label a row, shape ({n},); got shape {y.shape}")
    if not xp.isdtype(y.dtype, ("integral", "bool")):
        raise ValueError(f"labels must be integers in 0..{c - 1}; got dtype {y.dtype}")
    if is_visible(y):
        bad = np.flatnonzero(((host := to_numpy(y)) < -1) | (host >= c))
        if bad.size:
            more = f" ({bad.size} such rows)" if bad.size > 1 else ""
            raise ValueError(
                f"row {bad[0]}: label {host[bad[0]]} is outside 0..{c - 1}{more}; "
                "use -1 for a row to leave out"
            )
    if xp.isdtype(y.dtype, "integral"):  # so that no label becomes another in a narrower dtype
        limits = xp.iinfo(y.dtype)
        y = xp.clip(y, max(-2, int(limits.min)), min(c, int(limits.max)))
    return like(xp.astype(y, xp.int32 if is_jax_array(z) else xp.int64), z)


def weights(w: Any, n: int, z: Array) -> Float[Array, " n"]:
    """`w` as `n` non-negative weights beside `z`; the row of a negative or non-finite one is named.

    Raises:
        ValueError: the shape or a value is wrong.
    """
    w = as_array(w)
    if tuple(w.shape) != (n,):
        raise ValueError(f"weight must hold one number a row, shape ({n},); got {tuple(w.shape)}")
    if is_visible(w):
        host = to_numpy(w).astype(np.float64)
        bad = np.flatnonzero(~(np.isfinite(host) & (host >= 0)))
        if bad.size:
            raise ValueError(f"row {bad[0]}: weight {host[bad[0]]} is not a number of 0 or more")
    if namespace(w).isdtype(w.dtype, "bool"):
        w = namespace(w).astype(w, namespace(w).float32)
    return like(widen(w, "weight"), z)


def key_words(key: Any) -> list[int]:
    """The 32-bit words of a JAX key, typed or raw."""
    import jax

    typed = jax.numpy.issubdtype(key.dtype, jax.dtypes.prng_key)
    words = np.asarray(jax.random.key_data(key) if typed else key).ravel()
    return [int(word) & 0xFFFFFFFF for word in words]
