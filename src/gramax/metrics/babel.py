"""Question 4, beyond the worst pair: the crosstalk that a code gathers from many others."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import checks, pairs
from gramax.arrays.guarded import ratio
from gramax.arrays.rows import unit_rows
from gramax.metrics.registry import METRICS, SCALED, Metric


def _babel(codes: Float[Array, "c d"], m: int | None, mesh: Mesh | None = None) -> Float[Array, ""]:
    others = len(codes) - 1
    m = others if m is None else m
    sums = _top_sums(codes, m, mesh) if m < others else pairs.row_sums(codes, mesh)
    return jnp.max(jnp.where(pairs.present(codes), sums, 0))


def _top_sums(x: Float[Array, "c d"], m: int, mesh: Mesh | None) -> Float[Array, " c"]:
    """Sum over the m other rows with the largest |cosine| to each row, a tile at a time."""
    c = len(x)
    tile = pairs.tile_side(c)

    def top(*sizes: Float[Array, "_ _"]) -> Float[Array, "_ m"]:
        return jax.lax.top_k(jnp.concatenate(sizes, axis=1), m)[0]

    def step(best: Array, cosines: Array, pair: Array, row: Any, column: Any) -> Array:
        sizes = jnp.where(pair, jnp.abs(cosines), 0)
        for at, more in ((row, sizes), (column, sizes.T)):
            new = top(jax.lax.dynamic_slice_in_dim(best, at, tile), more)
            best = jax.lax.dynamic_update_slice_in_dim(best, new, at, axis=0)
        return best

    start = jnp.zeros((c + -c % tile, m), x.dtype)
    return jnp.sum(pairs.reduce_pairs(x, step, start, top, mesh)[:c], axis=1)


def _average_coherence(codes: Float[Array, "c d"]) -> Float[Array, ""]:
    """Σ_{j≠i} ⟨x_i, x_j⟩ = ⟨x_i, Σ_j x_j - x_i⟩: no pair is formed."""
    codes = unit_rows(codes)
    count = jnp.sum(pairs.present(codes)).astype(codes.dtype)
    others = jnp.sum(codes, axis=0) - codes
    worst = jnp.max(jnp.abs(jnp.sum(codes * others, axis=1)))
    return jnp.minimum(ratio(worst, count - 1), 1)


CLASS_BABEL = METRICS.add(
    Metric(
        name="class_babel",
        question="crosstalk",
        meaning="the most crosstalk that one class code gathers from all others",
        formula="max_a Σ_{b≠a} |cos(m_a, m_b)|, m the class means: μ₁(c-1)",
        source="Tropp 2004, Greed is good",
        interval=(0.0, float("inf")),
        best="(c-1) times the Welch floor for equiangular tight frames; 0 for orthogonal codes",
        direction="lower",
        compute=lambda e: _babel(e.codes, None),
        undefined=("few_codes",),
        samples=False,
        invariant=SCALED,
        degenerate="NaN for fewer than two classes; c-1 where all codes coincide",
        abbreviation="μ₁",
        variants="μ₁(m) sums the m largest alone: `babel(x, m)`; μ₁(1) is the coherence",
        function="babel.babel",
    )
)

CLASS_AVERAGE_COHERENCE = METRICS.add(
    Metric(
        name="class_average_coherence",
        question="crosstalk",
        meaning="crosstalk of a class code with the others together, signs cancelling",
        formula="max_a |Σ_{b≠a} cos(m_a, m_b)|/(c-1), m the class means",
        source="Bajwa, Calderbank, Jafarpour 2010",
        interval=(0.0, 1.0),
        best="0; 1/(c-1) for a simplex, and for every codebook whose codes sum to 0",
        direction="lower",
        compute=lambda e: _average_coherence(e.codes),
        undefined=("few_codes",),
        samples=False,
        invariant=SCALED,
        degenerate="NaN for fewer than two classes; 1 where all codes coincide",
        abbreviation="ν",
        variants="the mean of the |cosines| of all pairs goes by this name too",
        function="babel.average_coherence",
    )
)


def _where_two(x: Float[Array, "c d"], value: Float[Array, ""]) -> Float[Array, ""]:
    return jnp.where(jnp.sum(pairs.present(x)) > 1, value, jnp.nan)


@partial(jax.jit, static_argnums=(1, 2))
def _of_codes(x: Float[Array, "c d"], m: int | None, mesh: Mesh | None) -> Float[Array, ""]:
    return _where_two(x, _babel(x, m, mesh))


@jax.jit
def _average_of_codes(x: Float[Array, "c d"]) -> Float[Array, ""]:
    return _where_two(x, _average_coherence(x))


def babel(x: ArrayLike, m: int | None = None, mesh: Mesh | None = None) -> Float[Array, ""]:
    """Cumulative coherence μ₁(m): the most crosstalk that a code gathers from m others.

    Args:
        x: `[c, d]` codes, of any length; zero rows are absent classes, left out. The cosines are
            worked through in tiles, so c may be large.
        m: how many other codes count, the worst for each; None counts all c-1.
        mesh: deal the tiles over its devices; each holds all codes.

    Returns:
        A scalar in [0, m]; lower is better, `babel(x, 1)` is `coherence(x)` to rounding. NaN for
        fewer than two codes, or where a row holds NaN.

    Raises:
        ValueError: `x` is not a matrix of real numbers, or m is less than 1.

    Source:
        Tropp 2004, Greed is good: algorithmic results for sparse approximation.

    Example:
        >>> import jax.numpy as jnp
        >>> triangle = jnp.array([[2.0, 0.0], [-1.0, 3**0.5], [-1.0, -(3**0.5)]])
        >>> print(babel(triangle, 1).round(4), babel(triangle).round(4))
        0.5 1.0
    """
    x = checks.codes(x)
    if m is not None and m < 1:
        raise ValueError(f"m must be at least 1; got {m}")
    return _of_codes(pairs.on_every_device(x, mesh), m, mesh)


def average_coherence(x: ArrayLike) -> Float[Array, ""]:
    """Largest mean cosine of a code with the others, max_i |Σ_{j≠i} ⟨x_i, x_j⟩|/(c-1), in O(c d).

    Args:
        x: `[c, d]` codes, of any length; zero rows are absent classes, left out.

    Returns:
        A scalar in [0, 1]; lower is better. NaN for fewer than two codes, or where a row holds
        NaN.

    Raises:
        ValueError: `x` is not a matrix of real numbers.

    Source:
        Bajwa, Calderbank, Jafarpour 2010, Why Gabor frames?

    Example:
        >>> import jax.numpy as jnp
        >>> print(average_coherence(jnp.array([[1.0, 0.0], [1.0, 1.0]])).round(4))
        0.7071
    """
    return _average_of_codes(checks.codes(x))
