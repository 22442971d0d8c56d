"""Rows of a matrix: their lengths, their directions, their cosines, and one code a class."""

from __future__ import annotations

import math

import numpy as np

from gramax._shapes import Float
from gramax.arrays import checks
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import (
    Array,
    dot,
    is_jax_array,
    is_numpy_array,
    namespace,
    segment_sum,
    stop_gradient,
)


def power_of_two(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The power of two closest to `x` (in ratio), exactly; 1 for 0, NaN and infinity.

    Its inverse is no subnormal number, which processors take for 0.
    """
    xp = namespace(x)
    x = stop_gradient(x)
    usable = xp.isfinite(x) & (x > 0)
    largest = 2.0 ** math.floor(0.75 * math.log2(float(xp.finfo(x.dtype).max)))
    if is_jax_array(x):  # its frexp and ldexp are 60 operations, which are slow to compile
        from gramax.arrays.mesh import exponent_alone

        power = xp.where(usable, exponent_alone(math.sqrt(2) * x), 1)
        return xp.clip(power, 1 / largest, largest)
    # All three libraries have these two beyond the standard; a logarithm might miss by one.
    mantissa, exponent = xp.frexp(xp.where(usable, x, 1))
    below = xp.astype(mantissa < math.sqrt(0.5), exponent.dtype)
    return xp.clip(xp.ldexp(xp.ones_like(x), exponent - below), 1 / largest, largest)


def inverse(power: Float[Array, "..."]) -> Float[Array, "..."]:
    """1 over a power of two, in JAX without a division: XLA makes a kernel of every one."""
    if not is_jax_array(power):
        return 1 / power
    from gramax.arrays.mesh import inverse_exponent

    return inverse_exponent(power)


def row_squares(x: Float[Array, "n d"]) -> Float[Array, " n"]:
    """Sum of the squares of each row."""
    if is_numpy_array(x):
        return np.einsum("ij,ij->i", x, x)  # without an array of the squares
    return namespace(x).sum(x * x, axis=-1)


def _scaled(x: Float[Array, "n d"]) -> tuple[Float[Array, "n d"], Array, Float[Array, "n 1"]]:
    """Rows over a power of two near their largest entry, their norms, and that power.

    So 1e-30 does not underflow when squared, nor 1e30 overflow. The gradient of the norm of a zero
    row is 0, not NaN.
    """
    xp = namespace(x)
    scale = power_of_two(xp.max(xp.abs(x), axis=-1, keepdims=True))
    x = x * inverse(scale)
    return x, safe_sqrt(xp.sum(x * x, axis=-1, keepdims=True)), scale


def norms(x: Float[Array, "n d"]) -> Float[Array, "n 1"]:
    """Euclidean norms of the rows, of any scale, with a gradient of 0 (not NaN) at a zero row."""
    if is_numpy_array(x):
        squares = row_squares(x)
        least, largest = float(np.finfo(x.dtype).tiny) ** 0.5, float(np.finfo(x.dtype).max) ** 0.5
        if np.all((squares > least) & (squares < largest)):  # nothing under- or overflows
            return np.sqrt(squares)[:, None]
    _, lengths, scale = _scaled(x)
    return scale * lengths


def unit_rows(x: Float[Array, "n d"]) -> Float[Array, "n d"]:
    """Rows divided by their norm exactly; a zero row, which has no direction, stays zero."""
    return ratio(x, norms(x)) if is_numpy_array(x) else ratio(*_scaled(x)[:2])


def spanned(z: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n r"]:
    """Coordinates of the rows in the space that they span: r = min(n, d) of them, in float64.

    Lengths and angles stay as they are, and with them every number that turning the rows does not
    change. Of 48 rows in 2,000 dimensions nothing then is larger than 48 × 48.
    """
    z = np.asarray(z, np.float64)
    return z if z.shape[0] >= z.shape[1] else np.asarray(np.linalg.qr(z.T, mode="r")).T


def present(x: Float[Array, "c d"]) -> Array:
    """Rows that are codes: not zero (a row with NaN counts, so that it shows in the result)."""
    xp = namespace(x)  # XLA compiles the largest of floats in a third of the time of `any`
    return xp.max(xp.abs(x), axis=-1) != 0


def unit_count(x: Float[Array, "c d"]) -> Float[Array, ""]:
    """How many of these unit rows are not zero: the sum of their squares, rounded."""
    xp = namespace(x)
    return xp.round(xp.sum(x * x))


def l2_normalize(x: Array, eps: float = 1e-8) -> Float[Array, "n d"]:
    """Rows over their Euclidean norm plus `eps`.

    Args:
        x: `[n, d]` vectors, one a row.
        eps: added to the norm, so that a zero row gives a zero row.

    Returns:
        `[n, d]` rows of norm 1 (0 for a zero row; NaN for a row that holds NaN).

    Raises:
        ValueError: `x` is not a matrix of real numbers.

    Example:
        >>> import numpy as np
        >>> print(l2_normalize(np.array([[3.0, 4.0], [0.0, 0.0]])))
        [[0.6 0.8]
         [0.  0. ]]
    """
    x = checks.rows(x, "x")
    return x / (norms(x) + eps)


def gram(z: Array) -> Float[Array, "n n"]:
    """Cosine matrix of the rows: `gram(z)[i, j]` is the cosine of rows i and j.

    Args:
        z: `[n, d]` vectors, one a row; a zero row has cosine 0 with every row.

    Returns:
        `[n, n]`, in [-1, 1] up to rounding. For many rows use `gramax.coherence` and its kin,
        which hold one tile of this matrix at a time.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Example:
        >>> import numpy as np
        >>> print(gram(np.array([[2.0, 0.0], [1.0, 1.0]])).round(3))
        [[1.    0.707]
         [0.707 1.   ]]
    """
    z = l2_normalize(z)
    return dot(z, z.T)


def class_means(z: Array, y: Array, c: int) -> Float[Array, "c d"]:
    """One code a class: rows on the unit sphere, averaged by class, put back on the sphere.

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
        >>> import numpy as np
        >>> z = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 5.0]])
        >>> print(class_means(z, np.array([0, 1, 1]), 2))
        [[1. 0.]
         [0. 1.]]
    """
    c = checks.num_classes(c)
    z = l2_normalize(z)
    y = checks.labels(y, z.shape[0], c, z)
    return unit_rows(segment_sum(z, y, c))  # which drops labels outside of 0..c-1
