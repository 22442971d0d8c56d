"""Linear algebra that fails as a value, and whose gradients survive degenerate spectra.

A decomposition that a library cannot do, of numbers that are finite, is tried in another way; what
nothing can do is NaN, never a number. LAPACK's divide and conquer (`gesdd`) can fail on finite
float32 input by its shape and by how many threads run, so that no spectrum here relies on it alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from gramax._shapes import Bool, Float
from gramax.arrays.namespace import Array, cond, dot, epsilon, is_jax_array, namespace

# -- quotients and roots at 0 -------------------------------------------------------------------


def ratio(part: Any, whole: Array) -> Array:
    """`part / whole`, or `part` itself where the whole is 0; NaN where either is NaN."""
    xp = namespace(whole)
    return part / xp.where(whole == 0, 1, whole)


def safe_sqrt(x: Array) -> Array:
    """Square root with a gradient of 0, not infinity, at 0; NaN below."""
    xp = namespace(x)
    positive = x > 0
    root = xp.sqrt(xp.where(positive, x, 1))
    return xp.where(positive, root, xp.where(x == 0, 0 * x, xp.nan))


# -- spectra ------------------------------------------------------------------------------------


def eigvalsh(a: Float[Array, "d d"]) -> Float[Array, " d"]:
    """Eigenvalues of a symmetric matrix, ascending; NaN where it holds NaN.

    The derivative of an eigenvalue is diag(Vᵀ ȧ V); JAX's own rule also differentiates the
    eigenvectors, which is NaN where eigenvalues coincide (an exact simplex, total collapse).
    """
    if is_jax_array(a):
        return _jax_eigvalsh()(a)
    xp = namespace(a)
    values = _attempt(lambda: xp.linalg.eigvalsh(a), a, (a.shape[-1],))[0]
    return values if bool(xp.all(xp.isfinite(values))) else eigh(a)[0]


@cache
def _jax_eigvalsh() -> Callable[[Array], Array]:
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def values_of(a: Array) -> Array:
        return jnp.linalg.eigvalsh(a)

    @values_of.defjvp
    def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (a,), (a_dot,) = primals, tangents
        values, vectors = jnp.linalg.eigh(a)
        return values, jnp.sum(vectors * dot(a_dot, vectors), axis=0)

    return values_of


def eigh(a: Float[Array, "d d"]) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
    """Eigenvalues of a symmetric matrix, ascending, and eigenvectors as columns; NaN as above.

    What fails outside of JAX is tried by singular values too, which are the eigenvalues of a
    covariance: it has no negative ones.
    """
    xp, d = namespace(a), a.shape[-1]
    values, vectors = _attempt(lambda: xp.linalg.eigh(a), a, (d,), (d, d))
    if is_jax_array(a) or bool(xp.all(xp.isfinite(values))):
        return values, vectors
    _, values, axes = _attempt(lambda: xp.linalg.svd(a), a, (d, d), (d,), (d, d))
    return xp.flip(values), xp.flip(axes, axis=0).T


def principal_axes(x: Float[Array, "c d"]) -> tuple[Float[Array, " r"], Float[Array, "r d"]]:
    """Singular values, descending, and right singular vectors as rows; r = min(c, d)."""
    xp = namespace(x)
    x = compressed(x)
    r, d = x.shape

    def by_svd() -> tuple[Array, ...]:
        return tuple(xp.linalg.svd(x, full_matrices=False))[1:]

    values, axes = _attempt(by_svd, x, (r,), (r, d))
    failed = ~xp.all(xp.isfinite(values)) & xp.all(xp.isfinite(x))
    return cond(failed, lambda: _axes_by_gram(x), lambda: (values, axes))


def _axes_by_gram(x: Float[Array, "r d"]) -> tuple[Float[Array, " r"], Float[Array, "r d"]]:
    """The same from the eigenvectors of xxᵀ, which loses half of the digits of small values."""
    xp = namespace(x)
    squares, left = eigh(dot(x, x.T))
    values = safe_sqrt(xp.maximum(xp.flip(squares), 0))
    axes = dot(xp.flip(left, axis=1).T, x)
    return values, ratio(axes, values[:, None])


def singular_values(x: Float[Array, "c d"]) -> Float[Array, " r"]:
    """Singular values, descending; r = min(c, d)."""
    return principal_axes(x)[0]


def compressed(x: Float[Array, "c d"]) -> Float[Array, "r d"]:
    """A matrix with min(c, d) rows and the same xᵀx, made without squaring x."""
    return namespace(x).linalg.qr(x, mode="reduced")[1] if x.shape[0] > x.shape[1] else x


def significant(values: Float[Array, " r"]) -> Bool[Array, " r"]:
    """Which singular values or eigenvalues are more than the rounding of the largest."""
    return values > 64 * epsilon(values) * namespace(values).max(values)


def _attempt(solve: Callable[[], Any], a: Array, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
    """What `solve` gives, or NaN of these shapes where the library gives up or `a` is not finite.

    JAX gives NaN by itself, and cannot be asked while it traces.
    """
    xp = namespace(a)
    if not is_jax_array(a):
        if not bool(xp.all(xp.isfinite(a))):
            return _nan(a, shapes)
        try:
            found = solve()
        except _errors():
            return _nan(a, shapes)
    else:
        found = solve()
    return (found,) if len(shapes) == 1 else tuple(found)


def _nan(a: Array, shapes: tuple[tuple[int, ...], ...]) -> tuple[Array, ...]:
    xp = namespace(a)
    nothing = xp.sum(a) * 0 + xp.nan  # on the device of `a`, in its dtype
    return tuple(xp.broadcast_to(nothing, shape) for shape in shapes)


def _errors() -> tuple[type[BaseException], ...]:
    """What libraries raise where a decomposition does not converge."""
    torch = sys.modules.get("torch")
    return (np.linalg.LinAlgError, *([torch.linalg.LinAlgError] if torch else []))
