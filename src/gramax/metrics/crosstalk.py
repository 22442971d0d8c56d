"""Question 4: how close is the worst crosstalk to its floor, when the codes do not fit?"""

from __future__ import annotations

from functools import partial
from typing import overload

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, ArrayLike, Float, Int

from gramax.arrays import checks, pairs
from gramax.arrays.guarded import ratio
from gramax.arrays.rows import unit_rows
from gramax.arrays.worst import largest
from gramax.frames import bounds
from gramax.frames.search.objective import counted, soft_terms, soft_value
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS, SCALED, Metric


@partial(jax.jit, static_argnames="mesh")
def _coherence(codes: Float[Array, "c d"], mesh: Mesh | None = None) -> Float[Array, ""]:
    found = jnp.abs(largest(codes, 1, mesh, by_index=False).cosines[0])
    return jnp.where(jnp.all(jnp.isfinite(codes)), found, jnp.nan)


def _floor(c: Float[Array, ""], d: int) -> Float[Array, ""]:
    return jnp.sqrt(ratio(jnp.maximum(c - d, 0), d * (c - 1)))


def _gap(worst: Float[Array, ""], c: Float[Array, ""], d: int) -> Float[Array, ""]:
    """Above the floor, which only rounding is below; in one dimension every codebook is at it."""
    return jnp.maximum(worst - _floor(c, d), 0 if d > 1 else jnp.nan)


def _of_codes(e: Evidence) -> Float[Array, ""]:
    return _coherence(e.codes)


CLASS_COHERENCE = METRICS.add(
    Metric(
        name="class_coherence",
        question="crosstalk",
        meaning="the worst crosstalk: largest |cosine| between two class codes",
        formula="max over a<b of |cos(m_a, m_b)|, m the class means",
        source="Welch 1974; Strohmer & Heath 2003",
        interval=(0.0, 1.0),
        best="the floor of c codes in d dimensions (Welch and better bounds)",
        direction="lower",
        compute=lambda e: e.once(_of_codes),
        undefined=("few_codes",),
        samples=False,
        invariant=SCALED,
        degenerate="NaN for fewer than two classes; a class mean of zero is left out",
    )
)

CLASS_WELCH_GAP = METRICS.add(
    Metric(
        name="class_welch_gap",
        question="crosstalk",
        meaning="worst crosstalk above the Welch floor",
        formula="class_coherence - sqrt(max(c-d, 0)/(d·max(c-1, 1))), c the classes present",
        source="Welch 1974",
        interval=(0.0, 1.0),
        best="0 (an equiangular tight frame; possible only for some d < c ≤ d(d+1)/2)",
        direction="lower",
        compute=lambda e: _gap(e.once(_of_codes), e.code_count, e.codes.shape[1]),
        undefined=("few_codes", "one_dimension"),
        samples=False,
        invariant=SCALED,
        degenerate="NaN for fewer than two classes, or d = 1, where every codebook is at the floor",
    )
)


def coherence(x: ArrayLike, mesh: Mesh | None = None) -> Float[Array, ""]:
    """The worst crosstalk of a codebook: its largest |off-diagonal cosine|.

    Args:
        x: `[c, d]` codes, of any length; zero rows are absent classes, left out. The cosines are
            worked through in tiles, so c may be large.
        mesh: deal the tiles over its devices; each holds all codes.

    Returns:
        A scalar in [0, 1]; lower is better, no lower than `welch_floor(c, d)`. NaN for fewer than
        two codes, or where a row holds NaN. Its gradient is that of the worst pair's cosine.

    Raises:
        ValueError: `x` is not a matrix of real numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> print(coherence(jnp.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])).round(4))
        0.7071
    """
    return _coherence(pairs.on_every_device(checks.codes(x), mesh), mesh)


def worst_pairs(
    x: ArrayLike, k: int = 10, mesh: Mesh | None = None
) -> tuple[Int[Array, "k 2"], Float[Array, " k"]]:
    """The k pairs of codes with the largest |cosine|, exactly, in the memory of a tile.

    Args:
        x: `[c, d]` codes, of any length; zero rows and rows that hold NaN are left out.
        k: how many.
        mesh: deal the tiles over its devices; each holds all codes.

    Returns:
        Rows (a, b), a < b, of the k worst pairs, worst first, and their cosines with sign. A
        |cosine| within rounding of 1 is 1; pairs whose |cosines| are closer than four epsilons tie
        and come by index. Where there are fewer than k pairs, the rest is (-1, -1) with NaN.

    Raises:
        ValueError: `x` is not a matrix of real numbers, or k is less than 1.

    Example:
        >>> import jax.numpy as jnp
        >>> where, cosines = worst_pairs(jnp.array([[1.0, 0.0], [0.0, 1.0], [-3.0, 0.0]]), 2)
        >>> print(where.tolist(), cosines)
        [[0, 2], [0, 1]] [-1. 0.]
    """
    x = checks.codes(x)
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k}")
    found = _worst(pairs.on_every_device(x, mesh), k, mesh)
    return found.pairs, found.cosines


_worst = jax.jit(largest, static_argnums=(1, 2))


@overload
def welch_floor(c: int, d: int) -> float: ...
@overload
def welch_floor(c: Array, d: int) -> Float[Array, ""]: ...
def welch_floor(c: int | Array, d: int) -> float | Float[Array, ""]:
    """Welch's lower bound on the coherence of c unit vectors in d dimensions.

    Args:
        c: number of codes (may be a traced scalar).
        d: dimension.

    Returns:
        sqrt(max(c-d, 0)/(d·max(c-1, 1))): 0 for c ≤ d. For c > d(d+1)/2 it cannot be attained by
        real vectors; `gramax.frames.coherence_floor` gives the best bound known.

    Raises:
        ValueError: d, or a static c, is less than 1.

    Source:
        Welch 1974, Lower bounds on the maximum cross correlation of signals.

    Example:
        >>> round(welch_floor(6, 3), 4)
        0.4472
    """
    d = checks.size(d, "d")
    if isinstance(c, jax.Array):
        return _floor(c, d)
    return bounds.welch(checks.num_classes(c), d) or 0.0


def welch_gap(x: ArrayLike) -> Float[Array, ""]:
    """Coherence above the Welch floor for as many codes as `x` holds.

    Args:
        x: `[c, d]` codes, of any length; zero rows are absent classes, left out.

    Returns:
        A scalar in [0, 1]; best 0. NaN for fewer than two codes, or d = 1.

    Raises:
        ValueError: `x` is not a matrix of real numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> triangle = jnp.array([[2.0, 0.0], [-1.0, 3**0.5], [-1.0, -(3**0.5)]])
        >>> print(abs(welch_gap(triangle)) < 1e-6)
        True
    """
    x = checks.codes(x)
    return _gap(_coherence(x), jnp.sum(pairs.present(x)).astype(x.dtype), x.shape[1])


def smooth_coherence_loss(x: ArrayLike, beta: float = 30.0) -> Float[Array, ""]:
    """A differentiable stand-in for coherence, with a term that keeps the rank.

    logsumexp(β·|off-diagonal cosines|)/β + 0.15·|xᵀx/n - I/d|²_F over unit rows. Without the second
    term, which a tight frame minimises, an optimiser lowers crosstalk by wasting rank.

    Args:
        x: `[c, d]` codes, of any length; zero rows are absent classes, left out.
        beta: sharpness; the first term exceeds the coherence by at most log(c(c-1))/beta.

    Returns:
        A scalar; NaN for fewer than two codes.

    Raises:
        ValueError: `x` is not a matrix of real numbers.

    Example:
        >>> import jax.numpy as jnp
        >>> print(smooth_coherence_loss(jnp.eye(3)).round(4))  # log(6)/30: all crosstalk is 0
        0.0597
    """
    x = unit_rows(checks.rows(x, "x"))
    count = jnp.sum(pairs.present(x)).astype(x.dtype)

    def step(total: Array, cosines: Array, pair: Array, *_: object) -> Array:
        # No |cosine| exceeds 1, the shift: nothing overflows, and no running maximum is needed.
        return total + 2 * jnp.sum(soft_terms(counted(jnp.abs(cosines), pair), beta, 1.0))

    total = pairs.reduce_pairs(x, step, jnp.zeros((), x.dtype))
    crosstalk = soft_value(jnp.where(count > 1, total, jnp.nan), beta, 1.0)
    tightness = ratio(pairs.potential(x), count**2) - 1 / x.shape[1]
    return crosstalk + 0.15 * tightness
