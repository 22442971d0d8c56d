"""Question 2, on the sphere: are the rows spread over it, and positive pairs together?"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import checks, pairs
from gramax.arrays.guarded import ratio
from gramax.arrays.rows import unit_rows
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import CONDITIONS, METRICS, SCALED, Condition, Metric
from gramax.metrics.single import measure


def _mean_cosine(e: Evidence) -> Float[Array, ""]:
    """With μ the mean of n unit rows, (n|μ|²-1)/(n-1), and |μ|² = 1 - tr Σ_T.

    Each form of |μ|² keeps its digits where it is small or, as 1 - tr Σ_T, close to 1.
    """
    mean = jnp.sum(e.row_share[:, None] * e.origin_means, axis=0)
    square = jnp.sum(mean * mean)
    total = jnp.sum(e.row_share * (e.variances + jnp.sum((e.origin_means - mean) ** 2, axis=1)))
    others = jnp.maximum(e.n - 1, 1)
    return jnp.where(square < 0.5, (e.n * square - 1) / others, 1 - e.n * total / others)


CONDITIONS["not_unit"] = Condition(
    lambda e: jnp.asarray(not e.moments.normalize),
    lambda e: "needs rows on the sphere: raw moments do not hold their directions",
)

MEAN_COSINE = METRICS.add(
    Metric(
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
        labels=False,
        invariant=frozenset({"rotation", "permutation", "scale"}),
        degenerate="NaN for one row; 1 where all rows share a direction; no less than -1/(n-1)",
        raw="NaN: raw moments do not hold the directions of the rows",
        variants="over pairs of different rows; with the n pairs of a row with itself it is |μ|²",
        function="uniform.mean_cosine",
    )
)

ALIGNMENT = METRICS.add(
    Metric(
        name="alignment",
        question="collapse",
        meaning="mean distance of positive pairs, to a power",
        formula="mean_i |x_i - y_i|^α over positive pairs of unit rows, α = 2",
        source="Wang & Isola 2020",
        interval=(0.0, 4.0),
        best="0 (both rows of a pair at one point)",
        direction="lower",
        compute=None,
        undefined=(),
        labels=False,
        invariant=SCALED,
        degenerate="0 for total collapse, so read it with uniformity; NaN without pairs; a pair "
        "with a zero row is left out",
        needs=frozenset({"pairs"}),
        function="uniform.alignment",
    )
)

UNIFORMITY = METRICS.add(
    Metric(
        name="uniformity",
        question="rank",
        meaning="how evenly the rows cover the sphere: log of the mean Gaussian potential",
        formula="log mean over i<j of exp(-t|x_i-x_j|²), x the unit rows, t = 2",
        source="Wang & Isola 2020",
        interval=(-8.0, 0.0),
        best="that of a uniform sphere, about -2t = -4 for large d",
        direction="lower",
        compute=None,
        undefined=(),
        labels=False,
        invariant=frozenset({"rotation", "permutation", "scale"}),
        degenerate="0 for total collapse; NaN for fewer than two rows; zero rows are left out",
        variants="on rows not normalised it underflows to -infinity: they are normalised here",
        needs=frozenset({"pairs"}),
        function="uniform.uniformity",
    )
)


def mean_cosine(z: ArrayLike) -> Float[Array, ""]:
    """Average cosine of two different rows, in O(n d).

    Args:
        z: `[n, d]` embeddings, normalised here; zero rows are left out.

    Returns:
        A scalar in [-1/(n-1), 1]; 0 and just below is best. NaN for fewer than two rows.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Source:
        Ethayarajh 2019, How contextual are contextualized word representations?

    Example:
        >>> import jax.numpy as jnp
        >>> print(mean_cosine(jnp.array([[1.0, 0.0], [3.0, 3.0], [0.0, 1.0]])).round(4))
        0.4714
    """
    return measure("mean_cosine", z, normalize=True)


def alignment(x: ArrayLike, y: ArrayLike, alpha: float = 2.0) -> Float[Array, ""]:
    """Mean distance to the power `alpha` of positive pairs, row i of `x` with row i of `y`.

    Args:
        x: `[n, d]` embeddings, normalised here.
        y: `[n, d]` the positives of `x`, normalised here.
        alpha: the power, above 0.

    Returns:
        A scalar in [0, 2^alpha]; best 0, with a finite gradient there. A pair with a zero row is
        left out; NaN without pairs, or where a row holds NaN.

    Raises:
        ValueError: `x` and `y` are not matrices of one shape, or `alpha` is not above 0.

    Source:
        Wang & Isola 2020, Understanding contrastive representation learning.

    Example:
        >>> import jax.numpy as jnp
        >>> print(alignment(jnp.array([[2.0, 0.0]]), jnp.array([[0.0, 1.0]])))
        2.0
    """
    x, y = checks.rows(x, "x"), checks.rows(y, "y")
    if x.shape != y.shape:
        raise ValueError(f"x and y must hold the two rows of each pair; got {x.shape}, {y.shape}")
    if alpha <= 0:
        raise ValueError(f"alpha must be above 0; got {alpha}")
    return _alignment(x, y, alpha)


@jax.jit
def _alignment(
    x: Float[Array, "n d"], y: Float[Array, "n d"], alpha: Array | float
) -> Float[Array, ""]:
    pair = pairs.present(x) & pairs.present(y)
    squares = jnp.sum((unit_rows(x) - unit_rows(y)) ** 2, axis=1)
    apart = squares > 0
    powers = jnp.where(apart, jnp.where(apart, squares, 1) ** (alpha / 2), squares)
    total = jnp.sum(jnp.where(pair, powers, 0))
    count = jnp.sum(pair)
    return jnp.where(count > 0, ratio(total, count), jnp.nan)


def uniformity(x: ArrayLike, t: float = 2.0) -> Float[Array, ""]:
    """Log of the mean Gaussian potential of all pairs of rows, tile by tile.

    Args:
        x: `[n, d]` embeddings, normalised here; zero rows are left out.
        t: sharpness of the potential, above 0.

    Returns:
        A scalar in [-4t, 0]; lower is better, and 0 is total collapse. Its gradient is finite
        everywhere. NaN for fewer than two rows, or where a row holds NaN.

    Raises:
        ValueError: `x` is not a matrix of real numbers, or `t` is not above 0.

    Source:
        Wang & Isola 2020, Understanding contrastive representation learning.

    Example:
        >>> import jax.numpy as jnp
        >>> print(uniformity(jnp.array([[1.0, 0.0], [0.0, 3.0]])))  # one pair, at distance² 2
        -4.0
    """
    x = checks.rows(x, "x")
    if not isinstance(t, jax.Array) and t <= 0:
        raise ValueError(f"t must be above 0; got {t}")
    return _uniformity(x, t)


@jax.jit
def _uniformity(x: Float[Array, "n d"], t: Array | float) -> Float[Array, ""]:
    def step(state: tuple[Array, Array], cosines: Array, pair: Array, *_: object) -> object:
        top, total = state
        exponents = jnp.where(pair, jnp.minimum(2 * t * (cosines - 1), 0), -jnp.inf)
        new = jax.lax.stop_gradient(jnp.maximum(top, jnp.max(exponents)))
        return new, total * jnp.exp(top - new) + jnp.sum(jnp.exp(exponents - new))

    least = jax.lax.stop_gradient(jnp.asarray(-4 * t, x.dtype))
    start = (least, jnp.zeros((), x.dtype))
    top, total = pairs.reduce_pairs(x, step, start)
    count = pairs.pair_count(pairs.present(x), x.dtype)
    defined = count > 0
    value = top + jnp.log(jnp.where(defined, total, 1)) - jnp.log(jnp.where(defined, count, 1))
    return jnp.where(defined, value, jnp.nan)
