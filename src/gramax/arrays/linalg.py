"""Linear algebra that fails as a value, and whose gradients survive degenerate spectra.

A decomposition that a library cannot do, of numbers that are finite, is tried in another way; what
nothing can do is NaN, never a number. LAPACK's divide and conquer (`gesdd`) can fail on finite
float32 input by its shape and by how many threads run, so that no spectrum here relies on it alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import Any

import numpy as np

from gramax._shapes import Bool, Float
from gramax.arrays.namespace import Array, cond, dot, epsilon, is_jax_array, namespace

MAX_LONE_SIDE = 512
"""Side up to which a matrix is decomposed by one thread, which is faster than several that wait for
each other: ten times so where the machine is busy."""

SIGNIFICANT_UNITS = 64
"""Rounding units of the largest singular value (or eigenvalue) that hide all that are smaller."""


def few_threads(side: int) -> Any:
    """Within it, matrices of this side are worked on by as many threads of BLAS as do it fastest.

    Rows are as many numbers as a matrix of side √(n d).
    """
    if side > MAX_LONE_SIDE:
        return nullcontext()
    return _libraries("scipy.linalg" in sys.modules).limit(limits=1, user_api="blas")


@cache
def _libraries(of_scipy: bool) -> Any:
    """The BLAS libraries that are loaded.

    To look for them takes milliseconds, so it is done once, and once more when SciPy is loaded,
    which brings a library of its own.
    """
    from threadpoolctl import ThreadpoolController  # looks for libraries: imported late

    return ThreadpoolController()


def ratio(part: Any, whole: Array) -> Array:
    """`part / whole`, or `part` itself where the whole is 0; NaN where either is NaN."""
    return part / namespace(whole).where(whole == 0, 1, whole)


def safe_sqrt(x: Array) -> Array:
    """Square root with a gradient of 0, not infinity, at 0; NaN below."""
    xp = namespace(x)
    positive = x > 0
    root = xp.sqrt(xp.where(positive, x, 1))
    return xp.where(positive, root, xp.where(x == 0, 0 * x, xp.nan))


def covariance_root(matrix: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d d"]:
    """R with RᵀR a covariance, also a singular one: rows of normal numbers times R have it.

    By Cholesky's factor; where rounding has made eigenvalues negative, from those that are not. NaN
    where the matrix holds NaN.
    """
    if not np.all(np.isfinite(matrix)):
        return np.full_like(matrix, np.nan)
    ground = 1e-12 * np.trace(matrix) / len(matrix) + np.finfo(float).tiny
    try:
        return np.linalg.cholesky(matrix + ground * np.eye(len(matrix))).T
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        return np.sqrt(np.maximum(values, 0))[:, None] * vectors.T


def eigvalsh(a: Float[Array, "d d"]) -> Float[Array, " d"]:
    """Eigenvalues of a symmetric matrix, ascending; NaN where it holds NaN."""
    if is_jax_array(a):
        return _jax_eigvalsh()(a)
    xp = namespace(a)
    values = _attempt(lambda: (xp.linalg.eigvalsh(a),), a, (a.shape[-1],))[0]
    return values if bool(xp.all(xp.isfinite(values))) else eigh(a)[0]


@cache
def _jax_eigvalsh() -> Callable[[Array], Array]:
    """With the derivative diag(Vᵀ ȧ V) of the eigenvalues.

    JAX's own rule also differentiates the eigenvectors, which is NaN where eigenvalues coincide
    (an exact simplex, total collapse).
    """
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def values_of(a: Array) -> Array:
        return jnp.linalg.eigvalsh(a)

    @values_of.defjvp
    def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        values, vectors = jnp.linalg.eigh(primals[0])
        return values, jnp.sum(vectors * dot(tangents[0], vectors), axis=0)

    return values_of


def eigh(a: Float[Array, "d d"]) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
    """Eigenvalues of a symmetric matrix, ascending, and eigenvectors as columns; NaN as above."""
    d = a.shape[-1]
    return _attempt(lambda: namespace(a).linalg.eigh(a), a, (d,), (d, d))  # type: ignore


def principal_axes(x: Float[Array, "c d"]) -> tuple[Float[Array, " r"], Float[Array, "r d"]]:
    """Singular values, descending, and right singular vectors as rows; r = min(c, d)."""
    xp, x = namespace(x), compressed(x)
    r, d = x.shape
    svd = lambda: xp.linalg.svd(x, full_matrices=False)[1:]  # noqa: E731
    values, axes = _attempt(svd, x, (r,), (r, d))

    def by_gram() -> tuple[Array, Array]:
        """From the eigenvectors of xxᵀ, which loses half of the digits of small values."""
        squares, left = eigh(dot(x, x.T))
        values = safe_sqrt(xp.maximum(xp.flip(squares), 0))
        return values, ratio(dot(xp.flip(left, axis=1).T, x), values[:, None])

    failed = ~xp.all(xp.isfinite(values)) & xp.all(xp.isfinite(x))
    return cond(failed, by_gram, lambda: (values, axes))


def singular_values(x: Float[Array, "c d"]) -> Float[Array, " r"]:
    """Singular values, descending; r = min(c, d)."""
    return principal_axes(x)[0]


def compressed(x: Float[Array, "c d"]) -> Float[Array, "r d"]:
    """A matrix with min(c, d) rows and the same xᵀx, made without squaring x."""
    return namespace(x).linalg.qr(x, mode="reduced")[1] if x.shape[0] > x.shape[1] else x


def significant(values: Float[Array, " r"]) -> Bool[Array, " r"]:
    """Which singular values or eigenvalues are more than the rounding of the largest."""
    return values > SIGNIFICANT_UNITS * epsilon(values) * namespace(values).max(values)


def _attempt(solve: Callable[[], Any], a: Array, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
    """What `solve` gives, or NaN of these shapes where the library gives up or `a` is not finite.

    JAX gives NaN by itself, and cannot be asked while it traces.
    """
    if is_jax_array(a):
        return tuple(solve())
    xp, torch = namespace(a), sys.modules.get("torch")
    errors = (np.linalg.LinAlgError, *([torch.linalg.LinAlgError] if torch else []))
    if bool(xp.all(xp.isfinite(a))):
        try:
            return tuple(solve())
        except errors:
            pass
    nothing = xp.sum(a) * 0 + xp.nan  # on the device of `a`, in its dtype
    return tuple(xp.broadcast_to(nothing, shape) for shape in shapes)


def solved(matrix: Float[np.ndarray, "d d"], right: Float[np.ndarray, "d c"]) -> np.ndarray:
    """The solution, or the least one where the matrix is singular (classes that are points)."""
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(matrix, right, rcond=None)[0]
