"""Metrics of pairs of rows: their mean cosine, how evenly they spread, and positive pairs."""

from __future__ import annotations

from typing import Any

from gramax._shapes import Float
from gramax.arrays import checks
from gramax.arrays.linalg import ratio
from gramax.arrays.namespace import Array, compiled, like, namespace, stop_gradient
from gramax.arrays.pairs import pair_count, reduce_pairs
from gramax.arrays.rows import present, unit_rows
from gramax.metrics.evidence import Evidence
from gramax.metrics.functions import declares, of_rows
from gramax.metrics.registry import CONDITIONS, SCALED, Condition


def _mean_cosine(e: Evidence) -> Float[Array, ""]:
    """With μ the mean of n unit rows, (n|μ|²-1)/(n-1), and |μ|² = 1 - tr Σ_T.

    Each form of |μ|² keeps its digits where it is small or, as 1 - tr Σ_T, close to 1. Of weighted
    rows a pair weighs as the product of its weights, and n is (Σw)²/Σw².
    """
    xp = e.xp
    mean = xp.sum(e.row_share[:, None] * e.origin_means, axis=0)
    square = xp.sum(mean * mean)
    total = xp.sum(e.row_share * (e.variances + xp.sum((e.origin_means - mean) ** 2, axis=1)))
    n = ratio(e.weight**2, xp.sum(e.moments.weight_squares))
    others = xp.where(n > 1, n - 1, 1)
    return xp.where(square < 0.5, (n * square - 1) / others, 1 - n * total / others)


CONDITIONS["not_unit"] = Condition(
    "",
    lambda e: e.zero + (0 if e.moments.normalize else 1) > 0,
    lambda e: "needs rows on the sphere: raw moments do not hold their directions",
)

mean_cosine = of_rows(
    sphere=True,
    name="mean_cosine",
    question="rank",
    meaning="average cosine of two different rows: how far they share a cone",
    formula="(|Σx|² - n)/(n(n-1)), x the unit rows",
    source="Ethayarajh 2019 (anisotropy)",
    interval=(-1.0, 1.0),
    best="0 and just below (no common direction); 1 where all rows share one",
    direction="neither",
    compute=_mean_cosine,
    undefined=("few_rows", "not_unit"),
    of_rows=lambda e: mean_cosine(e.x),
    labels=False,
    invariant=frozenset({"rotation", "permutation", "scale"}),
    degenerate="1 where all rows share a direction; no less than -1/(n-1)",
    raw="NaN: raw moments do not hold the directions of the rows",
    variants="over pairs of different rows; with the n pairs of a row with itself it is |μ|²",
    example="-0.3333",
)


@declares(
    question="collapse",
    meaning="mean distance of positive pairs, to a power",
    formula="mean_i |x_i - y_i|^α over positive pairs of unit rows, α = 2",
    source="Wang & Isola 2020",
    interval=(0.0, 4.0),
    best="0 (both rows of a pair at one point)",
    direction="lower",
    labels=False,
    invariant=SCALED,
    degenerate="0 for total collapse, so read it with uniformity; NaN without pairs; a pair "
    "with a zero row is left out",
    needs=frozenset({"pairs"}),
    arguments={
        "x": "`[n, d]` embeddings, normalised here",
        "y": "`[n, d]` the positives of `x`, normalised here",
        "alpha": "the power, above 0",
    },
)
@compiled("alpha")
def alignment(x: Any, y: Any, alpha: float = 2.0) -> Float[Array, ""]:
    """Mean distance to the power `alpha` of positive pairs, row i of `x` with row i of `y`.

    It is at most 2^alpha, and its gradient is finite at 0 too.

    Example:
        >>> import numpy as np
        >>> print(alignment(np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]])))
        2.0
    """
    x = checks.wide(checks.rows(x, "x"))
    y = checks.wide(like(checks.rows(y, "y"), x))
    if x.shape != y.shape:
        raise ValueError(f"x and y must hold the two rows of each pair; got {x.shape}, {y.shape}")
    if alpha <= 0:
        raise ValueError(f"alpha must be above 0; got {alpha}")
    xp = namespace(x)
    pair = present(x) & present(y)
    squares = xp.sum((unit_rows(x) - unit_rows(y)) ** 2, axis=1)
    apart = squares > 0
    powers = xp.where(apart, xp.where(apart, squares, 1) ** (alpha / 2), squares)
    total = xp.sum(xp.where(pair, powers, 0.0))
    count = xp.sum(xp.astype(pair, x.dtype))
    return xp.where(count > 0, ratio(total, count), xp.nan)


@declares(
    question="rank",
    meaning="how evenly the rows cover the sphere: log of the mean Gaussian potential",
    formula="log mean over i<j of exp(-t|x_i-x_j|²), x the unit rows, t = 2",
    source="Wang & Isola 2020",
    interval=(-8.0, 0.0),
    best="that of a uniform sphere, about -2t = -4 for large d",
    direction="lower",
    of_rows=lambda e: e.uniformity,
    labels=False,
    invariant=frozenset({"rotation", "permutation", "scale"}),
    degenerate="0 for total collapse; NaN for fewer than two rows; zero rows are left out",
    variants="on rows not normalised it underflows to -infinity: they are normalised here",
    needs=frozenset({"rows"}),
    arguments={
        "x": "`[n, d]` embeddings, normalised here; zero rows are left out",
        "t": "sharpness of the potential, above 0",
    },
)
def uniformity(x: Any, t: float = 2.0) -> Float[Array, ""]:
    """Log of the mean Gaussian potential of all pairs of rows, tile by tile.

    It is at least -4t, and its gradient is finite everywhere.

    Example:
        >>> import numpy as np
        >>> print(uniformity(np.array([[1.0, 0.0], [0.0, 3.0]])))  # one pair, at distance² 2
        -4.0
    """
    x = checks.rows(x, "x")
    if isinstance(t, int | float) and t <= 0:
        raise ValueError(f"t must be above 0; got {t}")
    return uniformity_of(checks.wide(x), t)


@compiled()
def uniformity_of(x: Float[Array, "n d"], t: Array | float) -> Float[Array, ""]:
    """`uniformity` of rows that are checked; the largest exponent is taken out of the sum."""
    xp = namespace(x)

    def step(state: tuple[Array, Array], cosines: Array, pair: Array, *_: object) -> object:
        top, total = state
        exponents = 2 * t * (cosines - 1)
        exponents = xp.minimum(exponents, 0.0)
        exponents = xp.where(pair, exponents, -xp.inf)
        largest = xp.max(exponents)
        new = stop_gradient(xp.where(largest > top, largest, top))
        return new, total * xp.exp(top - new) + xp.sum(xp.exp(exponents - new))

    zero = xp.sum(x) * 0
    top, total = reduce_pairs(x, step, (stop_gradient(zero - 4 * t), zero))
    count = pair_count(present(x), x)
    some = count > 0
    value = top + xp.log(xp.where(some, total, 1 + zero)) - xp.log(xp.where(some, count, 1 + zero))
    return xp.where(some, value, xp.nan)
