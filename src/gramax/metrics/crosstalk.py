"""Question 4: how close is the worst crosstalk to its floor, when the codes do not fit?

Coherence is the worst pair alone. Beyond it, Babel and average coherence ask what one code gathers
from many others, and the histogram shows all pairs.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays import checks, pairs
from gramax.arrays.linalg import ratio
from gramax.arrays.namespace import (
    Array,
    as_array,
    compiled,
    is_jax_array,
    namespace,
    take_rows,
    to_numpy,
    top_k,
)
from gramax.arrays.rows import present, unit_rows
from gramax.frames.bounds import welch
from gramax.metrics.evidence import Evidence
from gramax.metrics.functions import declares
from gramax.metrics.registry import SCALED

_declares = partial(
    declares, question="crosstalk", direction="lower", samples=False, invariant=SCALED
)


def _everywhere(x: Array, mesh: Any) -> Array:
    """The codes, on every device of a mesh where there is one."""
    if mesh is None:
        return x
    from gramax.arrays.mesh import on_every_device

    return on_every_device(x, mesh)


def _count(x: Float[Array, "c d"]) -> Float[Array, ""]:
    """How many codes are there."""
    xp = namespace(x)
    return xp.sum(xp.astype(present(x), x.dtype))


# -- the worst pair -----------------------------------------------------------------------------


@compiled("mesh")
def _coherence(codes: Float[Array, "c d"], mesh: Any = None) -> Float[Array, ""]:
    return pairs.largest_size(unit_rows(codes), mesh)


def _worst(e: Evidence) -> Float[Array, ""]:
    return pairs.largest_size(e.codes)


def _floor(c: Float[Array, ""], d: int) -> Float[Array, ""]:
    xp = namespace(c)
    return xp.sqrt(ratio(xp.where(c > d, c - d, 0.0), d * (c - 1)))


def _gap(worst: Float[Array, ""], c: Float[Array, ""], d: int) -> Float[Array, ""]:
    """Above the floor, which only rounding is below; in one dimension every codebook is at it."""
    xp = namespace(worst)
    gap = worst - _floor(c, d)
    return xp.maximum(gap, 0.0) if d > 1 else gap + xp.nan


@_declares(
    name="class_coherence",
    meaning="the worst crosstalk: largest |cosine| between two class codes",
    formula="max over a<b of |cos(m_a, m_b)|, m the class means",
    source="Welch 1974; Strohmer & Heath 2003",
    interval=(0.0, 1.0),
    best="the floor of c codes in d dimensions (Welch and better bounds)",
    compute=lambda e: e.once(_worst),
    of_codes=lambda e: e.coherence,
    undefined=("few_codes",),
    arguments={"x": "`[c, d]` codes, real or complex, of any length; zero rows are left out"},
)
def coherence(x: Any, mesh: Any = None) -> Float[Array, ""]:
    """The worst crosstalk of a codebook: its largest |off-diagonal cosine|.

    The cosines are worked through in tiles, so c may be large. The floor is `welch_floor(c, d)` or
    more. The gradient is that of the worst pair's cosine.

    Example:
        >>> import numpy as np
        >>> print(coherence(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])).round(4))
        0.7071
    """
    x = as_array(x)
    if x.ndim == 2 and checks.is_complex(x):
        return _complex_coherence(x)
    return _coherence(_everywhere(checks.codes(x), mesh), mesh)


@compiled()
def _complex_coherence(x: Array) -> Float[Array, ""]:
    """It is NaN where there are fewer than two codes, and of NaN."""
    xp = namespace(x)
    some = xp.sum(xp.astype(present(x), xp.int32)) > 1
    return xp.where(some & xp.all(xp.isfinite(x)), pairs.largest_of_complex(x), xp.nan)


def worst_pairs(
    x: Any, k: int = 10, mesh: Any = None
) -> tuple[Int[Array, "k 2"], Float[Array, " k"]]:
    """The k pairs of codes with the largest |cosine|, exactly, in the memory of a tile.

    Args:
        x: `[c, d]` codes, of any length; zero rows and rows that hold NaN are left out.
        k: how many.
        mesh: of JAX; deal the tiles over its devices, each of which holds all codes.

    Returns:
        Rows (a, b), a < b, of the k worst pairs, worst first, and their cosines with sign. A
        |cosine| within rounding of 1 is 1; pairs whose |cosines| round to the same multiple of 16
        epsilons tie and come by index. Where there are fewer than k pairs, the rest is (-1, -1)
        with NaN.

    Raises:
        ValueError: `x` is not a matrix of real numbers, or k is less than 1.

    Example:
        >>> import numpy as np
        >>> where, cosines = worst_pairs(np.array([[1.0, 0.0], [0.0, 1.0], [-3.0, 0.0]]), 2)
        >>> print(where.tolist(), cosines)
        [[0, 2], [0, 1]] [-1. 0.]
    """
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k}")
    return _largest(_everywhere(checks.codes(x), mesh), k, mesh)


_largest = compiled("k", "mesh")(pairs.largest)


def welch_floor(c: Any, d: int) -> Any:
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
    if not isinstance(c, int) and hasattr(c, "dtype") and is_jax_array(c):
        return _floor(c, d)
    return welch(checks.num_classes(c), d) or 0.0


@_declares(
    name="class_welch_gap",
    meaning="worst crosstalk above the Welch floor",
    formula="class_coherence - sqrt(max(c-d, 0)/(d·max(c-1, 1))), c the classes present",
    source="Welch 1974",
    interval=(0.0, 1.0),
    best="0 (an equiangular tight frame; possible only for some d < c ≤ d(d+1)/2)",
    compute=lambda e: _gap(e.once(_worst), e.code_count, e.dim),
    of_codes=lambda e: float(_gap(np.float64(e.coherence), np.float64(e.count), e.dim)),
    undefined=("few_codes", "one_dimension"),
    degenerate="in one dimension every codebook is at the floor",
)
@compiled()
def welch_gap(x: Any) -> Float[Array, ""]:
    """Coherence above the Welch floor for as many codes as `x` holds.

    Example:
        >>> import numpy as np
        >>> triangle = np.array([[2.0, 0.0], [-1.0, 3**0.5], [-1.0, -(3**0.5)]])
        >>> print(abs(welch_gap(triangle)) < 1e-6)
        True
    """
    x = checks.codes(x)
    return _gap(_coherence(x), _count(x), x.shape[1])


@compiled()
def smooth_coherence_loss(x: Any, beta: float = 30.0) -> Float[Array, ""]:
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
        >>> import numpy as np
        >>> print(smooth_coherence_loss(np.eye(3)).round(4))  # log(6)/30: all crosstalk is 0
        0.0597
    """
    x = unit_rows(checks.wide(checks.rows(x, "x")))
    xp, count = namespace(x), _count(x)

    def step(total: Array, cosines: Array, pair: Array, *_: object) -> Array:
        # No |cosine| exceeds 1, the shift: nothing overflows, and no running maximum is needed.
        # Where there is no pair, -infinity is kept out of the exponent: its gradient would be NaN.
        sizes = xp.where(pair, xp.abs(cosines), 0.0)
        terms = xp.exp(beta * (sizes - 1))
        return total + 2 * xp.sum(xp.where(pair, terms, 0.0))

    total = pairs.reduce_pairs(x, step, xp.sum(x) * 0)
    some = count > 1
    crosstalk = 1 + xp.log(xp.where(some, total, 1)) / beta
    tightness = ratio(pairs.potential(x), count**2) - 1 / x.shape[1]
    return xp.where(some, crosstalk + 0.15 * tightness, xp.nan)


# -- what a code gathers from many others -------------------------------------------------------


@_declares(
    name="class_babel",
    meaning="the most crosstalk that one class code gathers from all others",
    formula="max_a Σ_{b≠a} |cos(m_a, m_b)|, m the class means: μ₁(c-1)",
    source="Tropp 2004, Greed is good",
    best="(c-1) times the Welch floor for equiangular tight frames; 0 for orthogonal codes",
    compute=lambda e: _babel(e.codes, None),
    of_codes=lambda e: float(e.sweep.sums.max()),
    undefined=("few_codes",),
    degenerate="c-1 where all codes coincide",
    abbreviation="μ₁",
    variants="μ₁(m) sums the m largest alone: `babel(x, m)`; μ₁(1) is the coherence",
    arguments={"m": "how many other codes count, the worst for each; None counts all c-1"},
)
def babel(x: Any, m: int | None = None, mesh: Any = None) -> Float[Array, ""]:
    """Cumulative coherence μ₁(m): the most crosstalk that a code gathers from m others.

    The cosines are worked through in tiles, so c may be large; `babel(x, 1)` is `coherence(x)` to
    rounding.

    Example:
        >>> import numpy as np
        >>> triangle = np.array([[2.0, 0.0], [-1.0, 3**0.5], [-1.0, -(3**0.5)]])
        >>> print(babel(triangle, 1).round(4), babel(triangle).round(4))
        0.5 1.0
    """
    if m is not None and m < 1:
        raise ValueError(f"m must be at least 1; got {m}")
    return _babel(_everywhere(checks.codes(x), mesh), m, mesh)


@compiled("m", "mesh")
def _babel(codes: Float[Array, "c d"], m: int | None, mesh: Any = None) -> Float[Array, ""]:
    xp, others = namespace(codes), codes.shape[0] - 1
    most = others if m is None else m
    sums = _top_sums(codes, most, mesh) if most < others else _row_sums(codes, mesh)
    largest = xp.max(xp.where(present(codes), sums, 0.0))
    return xp.where(_count(codes) > 1, largest, xp.nan)


def _row_sums(x: Float[Array, "c d"], mesh: Any) -> Float[Array, " c"]:
    """Sum over the other rows of the |cosine| to each row."""
    xp = namespace(x)

    def step(sums: Array, cosines: Array, pair: Array, rows: Array, columns: Array) -> Array:
        sizes = xp.where(pair, xp.abs(cosines), 0.0)
        sums = pairs.add_at(sums, rows, xp.sum(sizes, axis=1))
        return pairs.add_at(sums, columns, xp.sum(sizes, axis=0))

    return pairs.reduce_pairs(x, step, xp.sum(x, axis=1) * 0, lambda a, b: a + b, mesh)


def _top_sums(x: Float[Array, "c d"], m: int, mesh: Any) -> Float[Array, " c"]:
    """Sum over the m other rows with the largest |cosine| to each row, a tile at a time."""
    xp = namespace(x)

    def top(*sizes: Float[Array, "_ _"]) -> Float[Array, "_ m"]:
        return top_k(xp.concat(sizes, axis=1), m)[0]

    def step(best: Array, cosines: Array, pair: Array, rows: Array, columns: Array) -> Array:
        sizes = xp.where(pair, xp.abs(cosines), 0.0)
        for at, more in ((rows, sizes), (columns, sizes.T)):
            best = pairs.put(best, at, top(take_rows(best, at), more))
        return best

    start = xp.zeros((x.shape[0], m), dtype=x.dtype) + 0 * x[:, :1]
    return xp.sum(pairs.reduce_pairs(x, step, start, top, mesh), axis=1)


def _average(e: Evidence) -> Float[Array, ""]:
    return average_coherence(e.codes)


@_declares(
    name="class_average_coherence",
    meaning="crosstalk of a class code with the others together, signs cancelling",
    formula="max_a |Σ_{b≠a} cos(m_a, m_b)|/(c-1), m the class means",
    source="Bajwa, Calderbank, Jafarpour 2010",
    interval=(0.0, 1.0),
    best="0; 1/(c-1) for a simplex, and for every codebook whose codes sum to 0",
    compute=_average,
    of_codes=lambda e: min(np.abs(e.per_code.signed[e.sums.alive]).max() / (e.count - 1), 1.0),
    undefined=("few_codes",),
    degenerate="1 where all codes coincide",
    abbreviation="ν",
    variants="the mean of the |cosines| of all pairs goes by this name too",
)
@compiled()
def average_coherence(x: Any) -> Float[Array, ""]:
    """Largest mean cosine of a code with the others, max_i |Σ_{j≠i} ⟨x_i, x_j⟩|/(c-1), in O(c d).

    No pair is formed: Σ_{j≠i} ⟨x_i, x_j⟩ is ⟨x_i, Σ_j x_j - x_i⟩.

    Example:
        >>> import numpy as np
        >>> print(average_coherence(np.array([[1.0, 0.0], [1.0, 1.0]])).round(4))
        0.7071
    """
    x = unit_rows(checks.codes(x))
    xp, count = namespace(x), _count(x)
    others = xp.sum(x, axis=0) - x
    worst = ratio(xp.max(xp.abs(xp.sum(x * others, axis=1))), count - 1)
    return xp.where(count > 1, xp.minimum(worst, 1.0), xp.nan)


# -- all pairs ----------------------------------------------------------------------------------


def crosstalk_histogram(x: Any, bins: int = 50, mesh: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """How many pairs of codes have a |cosine| in each of `bins` equal parts of [0, 1].

    Args:
        x: `[c, d]` codes, of any length; zero rows are absent classes, left out. The cosines are
            worked through in tiles, so c may be large.
        bins: how many parts, each closed on the left; the last holds 1 too.
        mesh: of JAX; deal the tiles over its devices, each of which holds all codes.

    Returns:
        Counts `[bins]`, exact integers that sum to the number of pairs (those of a row that holds
        NaN left out), and edges `[bins + 1]`. Not for use inside jit: counts are 64-bit.

    Raises:
        ValueError: `x` is not a matrix of real numbers, or bins is less than 1.

    Example:
        >>> import numpy as np
        >>> counts, edges = crosstalk_histogram(np.eye(3), 4)
        >>> print(counts, edges)
        [3 0 0 0] [0.   0.25 0.5  0.75 1.  ]
    """
    x = checks.rows(x, "x")
    if bins < 1:
        raise ValueError(f"bins must be at least 1; got {bins}")
    low, high = to_numpy(_reaching(_everywhere(checks.wide(x), mesh), bins, mesh)).astype(np.int64)
    reaching = np.append(low + (high << 32), 0)
    return reaching[:-1] - reaching[1:], np.linspace(0, 1, bins + 1)


@compiled("bins", "mesh")
def _reaching(x: Float[Array, "c d"], bins: int, mesh: Any) -> Int[Array, "2 bins"]:
    """Pairs whose |cosine| reaches each lower edge: low and high words, as JAX may lack int64."""
    xp = namespace(x)
    edges = [k / bins for k in range(bins)]
    word = xp.uint32 if is_jax_array(x) else xp.int64

    def step(total: Array, cosines: Array, pair: Array, *_: object) -> Array:
        sizes = xp.where(pair, xp.abs(cosines), -1)
        found = xp.stack([xp.sum(xp.astype(sizes >= edge, word), dtype=word) for edge in edges])
        return _carried(total, xp.stack([found, 0 * found]))

    start = xp.zeros((2, bins), dtype=word)
    return pairs.reduce_pairs(x, step, start, _carried, mesh)


def _carried(total: Int[Array, "2 bins"], more: Int[Array, "2 bins"]) -> Int[Array, "2 bins"]:
    """The sum of counts in low and high words."""
    xp = namespace(total)
    low = total[0] + more[0]
    carry = xp.astype(low < total[0], low.dtype)
    return xp.stack([low, total[1] + more[1] + carry])
