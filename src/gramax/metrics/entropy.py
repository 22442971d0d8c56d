"""Question 2, by entropy: RankMe and LiDAR."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import linalg
from gramax.arrays.guarded import ratio
from gramax.arrays.resolution import settled
from gramax.arrays.rows import PRECISION
from gramax.metrics.doubt import DOUBT, hidden_words, wider
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.rank import entropy_rank
from gramax.metrics.registry import CONDITIONS, METRICS, MOVED, SQUARED, Condition, Metric
from gramax.metrics.single import measure

RANKME_EPSILON = 1e-7
"""As published, added to p and not normalised away."""

RIDGE = 1e-4
"""Share of the mean within-class variance that LiDAR adds along every dimension."""


def _rankme(sigma: Float[Array, " d"], n: Float[Array, ""]) -> Float[Array, ""]:
    d = len(sigma)
    total = jnp.sum(sigma)
    p = ratio(sigma, total) + RANKME_EPSILON
    exists = d - jnp.arange(d) <= n  # Z has min(n, d) singular values; each counts, 0 too
    return jnp.maximum(jnp.exp(-jnp.sum(jnp.where(exists, p * jnp.log(p), 0))), 1)


def _rankme_between(e: Evidence) -> tuple[Array, Array]:
    """RankMe with what rounding hides as 0, and as large as it may be."""
    return _rankme(e.spectrum.values, e.n), _rankme(e.spectrum.most, e.n)


def _lidar(e: Evidence) -> tuple[Array, Array]:
    """LiDAR, and how much of what it is the rank of hangs on rounding.

    Where Σ_W is rounding along an axis, its variance there is the ridge, or up to the floor more.
    """
    values, vectors = jnp.linalg.eigh(e.within)
    ridge = RIDGE * jnp.sum(values) / len(values)
    known = settled(jnp.maximum(values, 0), e.resolution)
    scale = 1 / jnp.sqrt(jnp.where(ridge > 0, known + ridge, 1))
    means = linalg.compressed(e.centred)
    white = jnp.matmul(means, vectors, precision=PRECISION) * scale
    sigma = jnp.linalg.svd(white, compute_uv=False)

    hidden = jnp.sum(known > 0) < e.within_rank
    floor = e.resolution * jnp.max(known)
    energy = jnp.sum(white * white, axis=0)
    along = ratio(jnp.sum(jnp.where(known > 0, 0, energy)), jnp.sum(energy))
    return entropy_rank(sigma**2), ratio(hidden * along * floor, ridge + floor)


def _rankme_doubt(e: Evidence) -> Array:
    low, high = e.once(_rankme_between)
    return high - low > DOUBT * low


CONDITIONS["hidden_rank"] = Condition(
    _rankme_doubt,
    lambda e: hidden_words(
        e,
        e.spectrum.hidden,
        "it lies between {:.4g} and {:.4g}; see effective_rank".format(
            *map(float, e.once(_rankme_between))
        ),
    ),
)


CONDITIONS["hidden_within"] = Condition(
    lambda e: e.once(_lidar)[1] > DOUBT,
    lambda e: (
        "along axes of the class means Σ_W is below the rounding of sums in "
        f"{e.moments.precision}{wider(e)}"
    ),
)


RANKME = METRICS.add(
    Metric(
        name="rankme",
        question="rank",
        meaning="number of dimensions that the rows spread over, by their singular values",
        formula="exp(-Σ p log p), p = σ/|σ|₁ + 1e-7, σ the min(n, d) singular values of Z, not "
        "centred",
        source="Garrido et al. 2023",
        interval=(1.0, float("inf")),
        best="min(n, d) (all dimensions alike)",
        direction="higher",
        compute=lambda e: e.once(_rankme_between)[0],
        undefined=(*SQUARED, "few_rows", "no_length", "hidden_rank"),
        labels=False,
        spectrum=True,
        invariant=frozenset({"rotation", "permutation", "scale"}),
        degenerate="NaN for one row, where all are zero, and where singular values below the "
        "rounding of the sums would change it by 1 %; about 1 for coinciding rows",
        abbreviation="RankMe",
        variants="p is published without normalising after 1e-7 is added, so it reads a little "
        "above d (2051 for a full-rank d = 2048; copies that add 1e-5 read 2345); "
        "effective_rank takes centred eigenvalues and reads less",
        function="entropy.rankme",
    )
)

LIDAR = METRICS.add(
    Metric(
        name="lidar",
        question="rank",
        meaning="number of dimensions in which classes differ by more than their own scatter",
        formula="exp(-Σ p log(p + 1e-12)), p the eigenvalues of Σ_w^-½ Σ_B Σ_w^-½ over their sum, "
        "Σ_w = Σ_W + 1e-4 (tr Σ_W/d) I",
        source="Thilak et al. 2024",
        interval=(1.0, float("inf")),
        best="min(c-1, d)",
        direction="higher",
        compute=lambda e: e.once(_lidar)[0],
        undefined=(
            *(*SQUARED, "few_rows", "no_samples", "few_classes", "no_between", "no_within"),
            "hidden_within",
        ),
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one class, where all class means coincide, where every class is a "
        "point (nothing to measure against), and where Σ_W is rounding along axes that matter",
        abbreviation="LiDAR",
        variants="published with Σ_W + 1e-4 I, which makes it depend on the scale of the rows, and "
        "with 1e-7 added to p; its classes are the views of one sample",
        options=("normalize", "weighting"),
        function="entropy.lidar",
    )
)


def rankme(
    z: ArrayLike, *, normalize: bool = False, options: Options | None = None
) -> Float[Array, ""]:
    """Number of dimensions that the rows spread over, by their singular values, not centred.

    Args:
        z: `[n, d]` embeddings.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (none matters here).

    Returns:
        A scalar, at most a little over min(n, d); higher is better. NaN for a single row or where
        all are zero.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Source:
        Garrido et al. 2023, RankMe: assessing the downstream performance of representations.

    Example:
        >>> import jax.numpy as jnp
        >>> cross = jnp.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(rankme(cross).round(2))
        1.89
    """
    return measure("rankme", z, normalize=normalize, options=options)


def lidar(
    z: ArrayLike,
    y: ArrayLike,
    c: int,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """Number of dimensions in which classes differ by more than their own scatter.

    Args:
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer; absent classes are left out.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ (`weighting`: of μ_G).

    Returns:
        A scalar in [1, min(c-1, d)]; higher is better. NaN for fewer than two classes, where all
        class means coincide, or where every class is a point.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Thilak et al. 2024, LiDAR: sensing linear probing performance in joint embedding SSL.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
        >>> print(lidar(z, jnp.array([0, 0, 1, 1]), 2))
        1.0
    """
    return measure("lidar", z, y, c, normalize=normalize, options=options)
