"""The scaffolding: rows on the unit sphere, their cosines, and one code a class."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import checks
from gramax.arrays.guarded import ratio, safe_sqrt

PRECISION = jax.lax.Precision.HIGHEST
"""Every product of a statistic: GPUs would otherwise round float32 inputs to TF32."""


def _scaled(x: Float[Array, "n d"]) -> tuple[Float[Array, "n d"], Float[Array, "n 1"]]:
    """Rows over a power of two near their largest entry, and that power.

    So 1e-30 does not underflow when squared, nor 1e30 overflow. The power's inverse is no subnormal
    number, which processors take for 0.
    """
    most = 0.75 * jnp.finfo(x.dtype).maxexp
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(x), axis=-1, keepdims=True))
    usable = (largest > 0) & jnp.isfinite(largest)
    exponent = jnp.floor(jnp.log2(jnp.where(usable, largest, 1)))
    scale = jnp.exp2(jnp.clip(exponent, -most, most))
    return x / scale, scale


def _lengths(x: Float[Array, "n d"]) -> Float[Array, "n 1"]:
    """Norms of rows that can be squared, with a gradient of 0 (not NaN) at a zero row."""
    return safe_sqrt(jnp.sum(x * x, axis=-1, keepdims=True))


def norms(x: Float[Array, "n d"]) -> Float[Array, "n 1"]:
    """Euclidean norms of the rows, of any scale, with a gradient of 0 (not NaN) at a zero row."""
    x, scale = _scaled(x)
    return scale * _lengths(x)


def unit_rows(x: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Rows divided by their norm exactly; a zero row, which has no direction, stays zero."""
    x, _ = _scaled(x)
    return ratio(x, _lengths(x))


def directions(z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """`unit_rows` on the host, of any scale; NaN for a row that is not finite."""
    with np.errstate(invalid="ignore"):
        largest = np.abs(z).max(axis=1, keepdims=True, initial=0)
        z = z / np.where(largest == 0, 1, largest)
        length = np.linalg.norm(z, axis=1, keepdims=True)
        return z / np.where(length == 0, 1, length)


def l2_normalize(x: ArrayLike, eps: float = 1e-8) -> Float[Array, "n d"]:
    """Rows over their Euclidean norm plus `eps`.

    Args:
        x: `[n, d]` vectors, one a row.
        eps: added to the norm, so that a zero row gives a zero row.

    Returns:
        `[n, d]` rows of norm 1 (0 for a zero row; NaN for a row that holds NaN).

    Raises:
        ValueError: `x` is not a matrix of real numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> print(l2_normalize(jnp.array([[3.0, 4.0], [0.0, 0.0]])))
        [[0.6 0.8]
         [0.  0. ]]
    """
    x = checks.rows(x, "x")
    return x / (norms(x) + eps)


def gram(z: ArrayLike) -> Float[Array, "n n"]:
    """Cosine matrix of the rows: `gram(z)[i, j]` is the cosine of rows i and j.

    Args:
        z: `[n, d]` vectors, one a row; a zero row has cosine 0 with every row.

    Returns:
        `[n, n]`, in [-1, 1] up to rounding. For many rows use `gramax.coherence` and its kin,
        which hold one tile of this matrix at a time.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> print(gram(jnp.array([[2.0, 0.0], [1.0, 1.0]])).round(3))
        [[1.    0.707]
         [0.707 1.   ]]
    """
    z = l2_normalize(z)
    return jnp.matmul(z, z.T, precision=PRECISION)


def class_means(z: ArrayLike, y: ArrayLike, c: int) -> Float[Array, "c d"]:
    """One code a class: normalised rows, averaged by class, normalised again.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer.

    Returns:
        `[c, d]` unit rows; the row of a class without samples is zero, and is left out by
        `coherence`, `simplex_error` and every function of a codebook.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[1.0, 0.0], [0.0, 2.0], [0.0, 5.0]])
        >>> print(class_means(z, jnp.array([0, 1, 1]), 2))
        [[1. 0.]
         [0. 1.]]
    """
    c = checks.num_classes(c)
    z = l2_normalize(z)
    y = checks.labels(y, z.shape[0], c)
    return unit_rows(jax.ops.segment_sum(z, y, c))  # which drops labels outside of 0..c-1
