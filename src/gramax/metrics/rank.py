"""Question 2: is the space being used?

λ are the eigenvalues of the covariance of the rows; with center "none", of ZᵀZ/n. All these
numbers ask how evenly they spread: by their entropy (effective rank, RankMe, LiDAR), by their
squares (participation ratio, IsoScore), against the largest (stable rank, NESum), or by the power
law that they follow (α-ReQ).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from gramax._shapes import Bool, Float
from gramax.arrays import linalg
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import Array, compiled, dot
from gramax.metrics.evidence import DOUBT, Evidence
from gramax.metrics.functions import declares, moments_of, of_classes, of_rows
from gramax.metrics.registry import CONDITIONS, METRICS, SCALED, SQUARED, Condition

RANKME_EPSILON = 1e-7
"""As published, added to p and not normalised away."""

LIDAR_RIDGE = 1e-4
"""Share of the mean within-class variance that LiDAR adds along every dimension."""


def _hidden_words(e: Evidence, hidden: Array, more: str) -> str:
    """Why a number of float32 sums is undefined: what it hangs on, and what to do (`more`)."""
    values = f"{int(hidden):,} eigenvalue{'s' * (int(hidden) > 1)}"
    return (
        f"it hangs on {values} below the rounding of sums in {e.moments.precision}: "
        f"{more}, or use float64"
    )


_SHARED: dict[str, Any] = {
    "question": "rank",
    "interval": (1.0, float("inf")),
    "direction": "higher",
    "undefined": (*SQUARED, "few_rows", "no_scatter"),
    "labels": False,
    "spectrum": True,
}
_declares, _of_rows = partial(declares, **_SHARED), partial(of_rows, **_SHARED)

# -- by entropy ---------------------------------------------------------------------------------


def _entropy_rank(values: Float[Array, " d"], xp: Any, eps: float = 1e-12) -> Float[Array, ""]:
    """Exponential of the entropy of `values` over their sum; no less than 1, whatever `eps`."""
    p = values / xp.maximum(xp.sum(values), float(xp.finfo(values.dtype).smallest_normal))
    rank = xp.exp(-xp.sum(p * xp.log(p + eps)))
    return xp.maximum(rank, 1.0)


@_declares(
    meaning="number of dimensions that the rows spread over",
    formula="exp(-Σ p log(p + 1e-12)), p the covariance eigenvalues over their sum (centred)",
    source="Roy & Vetterli 2007, on eigenvalues; Bouhsine 2026",
    best="min(n-1, d) (all dimensions alike); c-1 for collapsed classes",
    compute=lambda e: _entropy_rank(e.eigenvalues, e.xp),
    degenerate="1 for rows on a line",
    abbreviation="erank",
    variants="of eigenvalues (σ²); RankMe takes the singular values σ, and reads more",
    arguments={
        "z": "`[n, d]` embeddings, not normalised here",
        "eps": "added inside the logarithm",
    },
)
@compiled("eps")
def effective_rank(z: Any, eps: float = 1e-12) -> Float[Array, ""]:
    """Number of dimensions that the rows spread over: exp of the spectrum's entropy.

    Example:
        >>> import numpy as np
        >>> cross = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(effective_rank(cross))  # a round cloud in the plane
        2.0
    """
    e = Evidence(moments_of(z))
    return METRICS["effective_rank"].value(e, lambda e: _entropy_rank(e.eigenvalues, e.xp, eps))


def _rankme(squares: Float[Array, " d"], e: Evidence) -> Float[Array, ""]:
    xp, sigma = e.xp, safe_sqrt(squares)
    p = ratio(sigma, xp.sum(sigma)) + RANKME_EPSILON
    places = sigma.shape[0] - xp.arange(sigma.shape[0])
    exists = xp.astype(places, p.dtype) <= e.n  # Z has min(n, d) singular values; each counts
    rank = xp.exp(-xp.sum(e.only(exists, p * xp.log(p))))
    return xp.maximum(rank, 1.0)


def _rankme_at_most(e: Evidence) -> Float[Array, ""]:
    """RankMe if what rounding hides were as large as it may be: at the floor of the resolution."""
    xp, values = e.xp, e.squares
    places = values.shape[0] - xp.arange(values.shape[0])
    most = e.hidden_size(values)
    rank = e.count(values > most) + e.hidden(values, e.n)
    hidden = (values <= most) & (xp.astype(places, values.dtype) <= rank)
    return _rankme(xp.where(hidden, values + most, values), e)


def _rankme_hangs(e: Evidence) -> Bool[Array, ""]:
    low = _rankme(e.squares, e)
    return e.zero > 0 if e.exact else e.once(_rankme_at_most) - low > DOUBT * low


CONDITIONS["hidden_rank"] = Condition(
    "singular values below the rounding of float32 sums that would change it by 1 %",
    _rankme_hangs,
    lambda e: _hidden_words(
        e,
        e.hidden(e.squares, e.n),
        f"it lies between {float(_rankme(e.squares, e)):.4g} and "
        f"{float(e.once(_rankme_at_most)):.4g}; see effective_rank",
    ),
)

rankme = _of_rows(
    name="rankme",
    meaning="number of dimensions that the rows spread over, by their singular values",
    formula="exp(-Σ p log p), p = σ/|σ|₁ + 1e-7, σ the min(n, d) singular values of Z, not centred",
    source="Garrido et al. 2023",
    best="min(n, d) (all dimensions alike)",
    compute=lambda e: _rankme(e.squares, e),
    undefined=(*SQUARED, "few_rows", "no_length", "hidden_rank"),
    invariant=frozenset({"rotation", "permutation", "scale"}),
    degenerate="about 1 for coinciding rows",
    abbreviation="RankMe",
    variants="p is published without normalising after 1e-7 is added, so it reads a little "
    "above d (2051 for a full-rank d = 2048; copies that add 1e-5 read 2345); "
    "effective_rank takes centred eigenvalues and reads less",
    example="1.8899",
)


def _lidar(e: Evidence) -> Float[Array, ""]:
    values, vectors = e.within_spectrum
    xp = e.xp
    ridge = LIDAR_RIDGE * xp.sum(values) / e.dim
    scale = xp.sqrt(xp.where(ridge > 0, values + ridge, 1))
    white = dot(linalg.compressed(e.centred), vectors) / scale
    return _entropy_rank(linalg.singular_values(white) ** 2, xp)


lidar = partial(of_classes, **_SHARED)(
    name="lidar",
    meaning="number of dimensions in which classes differ by more than their own scatter",
    formula="exp(-Σ p log(p + 1e-12)), p the eigenvalues of Σ_w^-½ Σ_B Σ_w^-½ over their sum, "
    "Σ_w = Σ_W + 1e-4 (tr Σ_W/d) I",
    source="Thilak et al. 2024",
    best="min(c-1, d)",
    compute=_lidar,
    undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "no_between", "no_within"),
    labels=True,
    abbreviation="LiDAR",
    variants="published with Σ_W + 1e-4 I, which makes it depend on the scale of the rows, and "
    "with 1e-7 added to p; its classes are the views of one sample",
    options=("normalize", "weighting"),
    example="1.3743",
)

# -- by squares, and against the largest --------------------------------------------------------


def _participation(e: Evidence) -> Float[Array, ""]:
    """(Σλ)²/Σλ² as (tr C)²/|C|²_F: no eigenvalue is computed, so the gradient is always finite."""
    spread = e.covariance if e.options.center == "global" else e.second_moment
    c = ratio(spread, e.xp.linalg.trace(spread))
    squares = e.xp.sum(c * c)
    # Below 1 is rounding.
    return e.xp.maximum(ratio(1.0, squares), 1.0)


def _share_of_top(values: Float[Array, " d"], e: Evidence) -> Float[Array, ""]:
    """Their sum over the largest."""
    share = e.xp.sum(ratio(values, e.xp.max(values)))
    return e.xp.maximum(share, 1.0)


_of_rows_spread = partial(_of_rows, options=("normalize", "center"))

participation_ratio = _of_rows_spread(
    name="participation_ratio",
    meaning="number of dimensions that carry the variance, large eigenvalues counting most",
    formula="(Σλ)²/Σλ², λ the covariance eigenvalues (centred)",
    source="Gao et al. 2017; Rudman et al. 2022",
    best="min(n-1, d) (all dimensions alike); c-1 for collapsed classes",
    compute=_participation,
    degenerate="1 for rows on a line",
    abbreviation="PR",
    variants='of ZᵀZ/n, uncentred, with center "none"',
    example="1.4706",
)

isoscore = _of_rows_spread(
    name="isoscore",
    meaning="share of the dimensions that the variance uses evenly",
    formula="(PR - 1)/(d - 1), PR the participation ratio",
    source="Rudman et al. 2022; their nine steps reduce to this exactly",
    interval=(0.0, 1.0),
    best="1 (all dimensions alike)",
    # Above 1 is rounding.
    compute=lambda e: e.xp.minimum((_participation(e) - 1) / max(e.dim - 1, 1), 1.0),
    undefined=(*SQUARED, "few_rows", "no_scatter", "one_dimension"),
    degenerate="0 for rows on a line",
    variants='of ZᵀZ/n, uncentred, with center "none"; reads at most (n-2)/(d-1) for n ≤ d',
    example="0.4706",
)

stable_rank = _of_rows(
    name="stable_rank",
    meaning="total energy of the rows over that of their strongest direction",
    formula="|Z|²_F/|Z|²_2, not centred",
    source="Rudelson & Vershynin 2007",
    best="min(n, d) (all dimensions alike)",
    compute=lambda e: _share_of_top(e.squares, e),
    undefined=(*SQUARED, "few_rows", "no_length"),
    invariant=SCALED,
    degenerate="1 for coinciding rows, so an offset lowers it",
    variants="of the rows as they lie; of centred rows it is nesum",
    example="1.25",
)

nesum = _of_rows_spread(
    name="nesum",
    meaning="total variance over that of the strongest direction",
    formula="Σλ/λ₁, λ the covariance eigenvalues (centred)",
    source="He & Ozay 2022",
    best="min(n-1, d) (all dimensions alike)",
    compute=lambda e: _share_of_top(e.spread_values, e),
    degenerate="1 for rows on a line",
    variants='equal to stable_rank with center "none"',
    example="1.25",
)

# -- by decay -----------------------------------------------------------------------------------


def _decay(
    e: Evidence, values: Float[Array, " d"], first: int = 1, last: int | None = None
) -> Float[Array, ""]:
    """Least squares of log λ on log rank, weighted by 1/rank, over the ranks asked for."""
    xp, values = e.xp, e.xp.flip(values)
    rank = xp.astype(xp.arange(1, values.shape[0] + 1), values.dtype)
    used = (values > 0) & (rank >= first) & (rank <= (last or values.shape[0]))
    x, y = xp.log(rank), xp.log(xp.where(used, values, 1))
    w = e.only(used, 1 / rank)
    w = ratio(w, xp.sum(w))
    x, y = x - xp.sum(w * x), y - xp.sum(w * y)
    slope = -ratio(xp.sum(w * x * y), xp.sum(w * x * x))
    return xp.where(e.count(used) >= 2, slope, xp.nan)


def _decay_hangs(e: Evidence) -> Bool[Array, ""]:
    """Whether float32 sums hide eigenvalues, all of which the exponent hangs on."""
    rank = e.n - 1 if e.options.center == "global" else e.n
    return e.hidden(e.spread_values, rank) > 0


CONDITIONS["one_eigenvalue"] = Condition(
    "a single nonzero eigenvalue",
    lambda e: e.count(~(e.spread_values <= 0)) < 2,  # NaN is not one eigenvalue
    lambda e: "the spectrum has a single eigenvalue: no slope can be fitted",
)
CONDITIONS["hidden_decay"] = Condition(
    "eigenvalues below the rounding of float32 sums",
    _decay_hangs,
    lambda e: _hidden_words(
        e,
        e.hidden(e.spread_values, e.n - 1),
        f"fit the leading {int(e.count(e.spread_values > 0))} ranks (last=)",
    ),
)


@_declares(
    meaning="how fast the spectrum falls: the exponent α of λ_i ∝ i^-α",
    formula="minus the slope of log λ_i on log i, least squares weighted by 1/i, over all "
    "nonzero eigenvalues of the covariance",
    source="Agrawal et al. 2022; Stringer et al. 2019 (the weights)",
    interval=(0.0, float("inf")),
    best="about 1; well above, few dimensions are used, well below, noise fills the space",
    direction="neither",
    compute=lambda e: _decay(e, e.spread_values),
    undefined=(*SQUARED, "few_rows", "no_scatter", "one_eigenvalue", "hidden_decay"),
    abbreviation="α-ReQ",
    variants="the published code fits a window of ranks (see the function); of ZᵀZ/n with "
    'center "none"',
    options=("normalize", "center"),
    arguments={
        "first": "the first rank i of the fit, from 1",
        "last": "the last rank of the fit; None takes all nonzero eigenvalues",
    },
)
@compiled("first", "last", "normalize")
def alpha_req(
    z: Any, *, first: int = 1, last: int | None = None, normalize: bool = False
) -> Float[Array, ""]:
    """Exponent α of the spectrum's power law, λ_i ∝ i^-α, fitted with weights 1/i.

    Example:
        >>> import numpy as np
        >>> print(alpha_req(np.diag([4.0, 2.0]), normalize=True))
        nan
        >>> cross = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(alpha_req(cross))  # eigenvalues 4 and 1: log 4 / log 2
        2.0
    """
    if first < 1 or (last is not None and last <= first):
        raise ValueError(f"the fit needs ranks 1 ≤ first < last; got {first} and {last}")
    e, metric = Evidence(moments_of(z, normalize=normalize)), METRICS["alpha_req"]
    if last is None:
        return metric.value(e, lambda e: _decay(e, e.spread_values, first))

    def of_window(e: Evidence) -> Float[Array, ""]:
        """What float32 sums hide matters only where the window reaches it."""
        hangs = _decay_hangs(e) & (last > e.count(e.spread_values > 0))
        return e.xp.where(hangs, e.xp.nan, _decay(e, e.spread_values, first, last))

    shown = tuple(name for name in metric.undefined if name != "hidden_decay")
    return replace(metric, undefined=shown).value(e, of_window)


@compiled()
def covariance_eigs(z: Any) -> Float[Array, " d"]:
    """Eigenvalues of the centred covariance (divisor n-1), ascending.

    Args:
        z: `[n, d]` embeddings, not normalised here.

    Returns:
        `[d]` eigenvalues ≥ 0 in the units of z²; NaN for a single row, or where a row holds NaN.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Example:
        >>> import numpy as np
        >>> print(covariance_eigs(np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])))
        [0. 1.]
    """
    e = Evidence(moments_of(z))
    xp, values = e.xp, e.eigenvalues
    if values.shape[0] < e.dim:  # the others are 0
        values = xp.concat([0 * e.zero + xp.zeros(e.dim - values.shape[0]), values])
    return xp.where((e.not_finite > 0) | (e.n < 2), xp.nan, values)
