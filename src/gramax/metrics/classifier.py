"""Question 3 for a classifier: do its weights follow the class means, and its choices too?

NC3 compares weights with class means, NC4 the choices of a classifier with those of the nearest
class mean, and NC5 the class means with rows that belong to no class.
"""

from __future__ import annotations

from typing import Any

from gramax._shapes import Float, Int
from gramax.arrays import checks
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import Array, compiled, dot, fold, like, namespace, top_k
from gramax.arrays.rows import norms, power_of_two, present, unit_rows
from gramax.metrics.evidence import Evidence
from gramax.metrics.functions import declares
from gramax.metrics.registry import SCALED
from gramax.moments import ClassMoments

_SHARED: dict[str, Any] = {
    "question": "simplex",
    "direction": "lower",
    "samples": False,
    "options": (),
    "needs": frozenset({"classifier"}),
}


def _matched(W: Any, means: Any, centre: Any) -> tuple[Array, Array, Array]:
    """Which classes are present, their weights and their centred means; 0 for the others."""
    means = checks.rows(means, "means")
    W = like(checks.rows(W, "W"), means)
    if W.shape != means.shape:
        raise ValueError(f"W and means must be [c, d] alike; got {W.shape} and {means.shape}")
    W, means = checks.codes(W), checks.codes(means)
    xp = namespace(means)
    exists = present(means)
    there = exists[:, None]
    if centre is None:
        # About a first row, whose offset then costs no digits.
        first = xp.argmax(xp.astype(exists, xp.int32))
        means = xp.where(there, means - means[first], 0.0)
        centre = ratio(xp.sum(means, axis=0), xp.sum(xp.astype(there, means.dtype)))
    return exists, xp.where(there, W, 0.0), xp.where(there, means - like(centre, means), 0.0)


@declares(
    **_SHARED,
    meaning="distance of a classifier's weights from the class means, up to one scale",
    formula="|W/|W|_F - M/|M|_F|_F, rows of M the μ_k-μ_G",
    source="Papyan, Han, Donoho 2020",
    interval=(0.0, 2.0),
    best="0 (weights are the class means)",
    degenerate="NaN where W is zero or all class means coincide; a class whose mean is a row "
    "of zeros is absent and left out",
    abbreviation="NC3",
    variants="μ_G is the mean of the class means unless given; others compare WMᵀ to a simplex",
)
@compiled()
def nc3_self_duality(W: Any, means: Any, centre: Any | None = None) -> Float[Array, ""]:
    """Distance of a classifier's weights from the centred class means, each scaled to norm 1.

    Example:
        >>> import numpy as np
        >>> means = np.array([[3.0, 1.0], [1.0, 1.0]])
        >>> print(nc3_self_duality(np.array([[5.0, 0.0], [-5.0, 0.0]]), means))
        0.0
    """
    _, W, M = _matched(W, means, centre)
    xp = namespace(M)
    w, m = (norms(xp.reshape(v, (1, -1)))[0, 0] for v in (W, M))
    gap = ratio(W, w) - ratio(M, m)
    return xp.where((w > 0) & (m > 0), safe_sqrt(xp.sum(gap * gap)), xp.nan)


@declares(
    **_SHARED,
    meaning="how unequally the weights of a classifier are aligned with the class means",
    formula="variance over k of cos(w_k, μ_k-μ_G), divisor K",
    source="Wu & Papyan 2024, arXiv 2405.17767",
    interval=(0.0, 1.0),
    best="0 (all classes alike)",
    degenerate="NaN for fewer than two classes, and where a weight or a centred mean is zero; "
    "0 too where all are equally badly aligned: read it with nc3_self_duality",
    abbreviation="UNC3",
    variants="μ_G is the mean of the class means unless given",
)
@compiled()
def nc3_uniform_duality(W: Any, means: Any, centre: Any | None = None) -> Float[Array, ""]:
    """Variance over classes of the cosine between a classifier's weight and the class mean.

    Example:
        >>> import numpy as np
        >>> means = np.array([[3.0, 1.0], [1.0, 1.0]])
        >>> print(nc3_uniform_duality(np.array([[5.0, 0.0], [5.0, 0.0]]), means))  # cosines 1, -1
        1.0
    """
    there, W, M = _matched(W, means, centre)
    xp = namespace(M)
    cosines = xp.sum(unit_rows(W) * unit_rows(M), axis=1)
    count = xp.sum(xp.astype(there, cosines.dtype))
    mean = ratio(xp.sum(cosines), count)
    squares = xp.where(there, (cosines - mean) ** 2, 0.0)
    undirected = xp.any(there & ~(present(W) & present(M)))
    variance = ratio(xp.sum(squares), count)
    return xp.where((count > 1) & ~undirected, variance, xp.nan)


@declares(
    question="crosstalk",
    meaning="crosstalk of the class means with the mean of rows that belong to no class",
    formula="mean_k |cos(μ_k, μ_OOD)|, not centred",
    source="Ammar et al. 2024",
    interval=(0.0, 1.0),
    best="0 (outliers lie apart from all classes)",
    direction="lower",
    samples=False,
    invariant=SCALED,
    degenerate="NaN where μ_OOD is zero or no class has a mean; zero rows are left out",
    abbreviation="NC5",
    options=(),
    needs=frozenset({"outliers"}),
    arguments={"outlier_mean": "`[d]` mean of the out-of-distribution rows"},
)
@compiled()
def nc5_orthogonality(means: Any, outlier_mean: Any) -> Float[Array, ""]:
    """Mean |cosine| of the class means with the mean of rows that belong to no class.

    Example:
        >>> import numpy as np
        >>> print(nc5_orthogonality(np.eye(3)[:2], np.array([0.0, 3.0, 4.0])).round(4))
        0.3
    """
    means = checks.wide(checks.rows(means, "means"))
    outlier = checks.wide(checks.widen(outlier_mean, "outlier_mean"))
    if tuple(outlier.shape) != tuple(means.shape[1:]):
        raise ValueError(
            f"outlier_mean must have shape {tuple(means.shape[1:])}; got {tuple(outlier.shape)}"
        )
    xp, outlier = namespace(means), like(outlier, means)
    cosines = dot(unit_rows(means), unit_rows(outlier[None]).T)
    count = xp.sum(xp.astype(present(means), means.dtype))
    value = ratio(xp.sum(xp.abs(cosines)), count)
    return xp.where((count > 0) & xp.any(outlier != 0), value, xp.nan)


BLOCK_ROWS = 256
"""Rows that are classified at a time: the logits of all classes are held for these alone."""


@declares(
    question="simplex",
    meaning="share of rows where the classifier chooses the nearest class mean",
    formula="mean_i [argmax_k(w_k·z_i + b_k) = argmin_k |z_i - μ_k|], means of the same rows",
    source="Papyan, Han, Donoho 2020",
    interval=(0.0, 1.0),
    best="1 (the classifier is the nearest-mean rule)",
    direction="higher",
    invariant=frozenset({"rotation", "permutation", "duplication"}),
    degenerate="NaN for fewer than two classes with rows, or where all class means coincide",
    abbreviation="NC4",
    variants="some report the disagreement 1 - this; a peer leaves b out",
    options=(),
    needs=frozenset({"classifier"}),
    arguments={
        "z": "`[n, d]` embeddings as the classifier receives them",
        "c": "number of classes, a static integer; one without rows has no mean to be nearest",
    },
)
def nc4_agreement(z: Any, W: Any, b: Any | None, y: Any, c: int) -> Float[Array, ""]:
    """Share of rows where a linear classifier chooses the class whose mean is nearest.

    Example:
        >>> import numpy as np
        >>> z, y = np.array([[1.0, 0.0], [3.0, 0.0], [-2.0, 0.0]]), np.array([0, 0, 1])
        >>> print(nc4_agreement(z, np.array([[1.0, 0.0], [0.0, 0.0]]), None, y, 2))
        1.0
    """
    z, c = checks.rows(z), checks.num_classes(c)
    W = like(checks.rows(W, "W"), z)
    y = checks.labels(y, z.shape[0], c, z)
    if tuple(W.shape) != (c, z.shape[1]):
        raise ValueError(
            f"W must have shape {(c, z.shape[1])}, a row a class; got {tuple(W.shape)}"
        )
    bias = 0 * W[:, 0] if b is None else like(checks.widen(b, "b"), z)
    if tuple(bias.shape) != (c,):
        raise ValueError(f"b must have shape {(c,)}; got {tuple(bias.shape)}")
    if not z.shape[0]:
        return namespace(z).sum(z) * 0 + namespace(z).nan
    return _agreement(checks.wide(z), checks.wide(W), checks.wide(bias), y, c)


@compiled("c")
def _agreement(
    z: Float[Array, "n d"],
    W: Float[Array, "c d"],
    b: Float[Array, " c"],
    y: Int[Array, " n"],
    c: int,
) -> Float[Array, ""]:
    return agreement(ClassMoments.of(z, y, c, normalize=False, scatter=False), z, W, b, y)


def agreement(
    moments: ClassMoments,
    z: Float[Array, "n d"],
    W: Float[Array, "k d"],
    b: Float[Array, " k"],
    y: Int[Array, " n"],
) -> Float[Array, ""]:
    """`nc4_agreement` of rows that are checked, with the means of `moments`: of more rows, say.

    Rows of `W` beyond the c classes are of classes without rows. Rows and means are taken from a
    common origin, so that an offset costs no digits.
    """
    xp, c = namespace(z), moments.num_classes
    e = Evidence(moments)
    n = z.shape[0]
    size = min(n, BLOCK_ROWS)
    shift = xp.sum(e.share[:, None] * e.means, axis=0)
    unit = power_of_two(xp.max(xp.abs(e.centred)))  # squares neither overflow nor vanish
    means = e.centred / unit
    squares = xp.where(e.present, xp.sum(means**2, axis=1), xp.inf)
    base = unit_rows(e.base) if moments.normalize else e.base
    b = b + dot(W, base[0])

    def hits(i: Any, total: Array) -> Array:
        at = i * size + xp.arange(size)
        inside = xp.where(at < n, at, 0)
        rows = z[inside] - base
        chosen = xp.argmax(dot(rows, W.T) + b, axis=1)
        rows = (rows - shift) / unit
        near = squares - 2 * dot(rows, means.T)
        # The expanded distance picks candidates, the difference itself decides between them.
        score, which = top_k(-near, min(4, c))
        exact = xp.sum((rows[:, None] - means[which]) ** 2, axis=2)
        best = xp.argmin(xp.where(xp.isinf(score), xp.inf, exact), axis=1)
        nearest = xp.take_along_axis(which, best[:, None], axis=1)[:, 0]
        agreed = (at < n) & (y[inside] >= 0) & (chosen == nearest)
        return total + xp.sum(xp.astype(agreed, z.dtype))

    total = fold(-(-n // size), hits, e.zero, z)
    count = xp.sum(xp.astype((y >= 0) & (y < c), z.dtype))
    known = xp.all(xp.isfinite(W)) & xp.all(xp.isfinite(b)) & (e.not_finite == 0)
    defined = known & (e.present_count > 1) & xp.any(means != 0)
    return xp.where(defined, ratio(total, count), xp.nan)
