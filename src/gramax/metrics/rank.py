"""Question 2: is the space being used?

λ are the eigenvalues of the covariance of the rows; with center "none", of ZᵀZ/n. All these
numbers ask how evenly they spread: by their entropy (effective rank, RankMe, LiDAR), by their
squares (participation ratio, IsoScore), against the largest (stable rank, NESum), or by the power
law that they follow (α-ReQ).
"""

from __future__ import annotations

from typing import Any

from gramax._shapes import Bool, Float
from gramax.arrays import checks, linalg
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import Array, compiled, dot
from gramax.metrics.evidence import Evidence
from gramax.metrics.functions import moments_of, of_classes, of_rows
from gramax.metrics.registry import CONDITIONS, METRICS, MOVED, SCALED, SQUARED, Condition, Metric

DOUBT = 0.01
"""The largest share of a number that may hang on eigenvalues that float32 sums hide."""

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


# -- by entropy ---------------------------------------------------------------------------------


def _entropy_rank(values: Float[Array, " d"], xp: Any, eps: float = 1e-12) -> Float[Array, ""]:
    """Exponential of the entropy of `values` over their sum; no less than 1, whatever `eps`."""
    p = ratio(values, xp.sum(values))
    rank = xp.exp(-xp.sum(p * xp.log(p + eps)))
    return xp.maximum(rank, 1.0)


EFFECTIVE_RANK = METRICS.add(
    Metric(
        name="effective_rank",
        question="rank",
        meaning="number of dimensions that the rows spread over",
        formula="exp(-Σ p log(p + 1e-12)), p the covariance eigenvalues over their sum (centred)",
        source="Roy & Vetterli 2007, on eigenvalues; Bouhsine 2026",
        interval=(1.0, float("inf")),
        best="min(n-1, d) (all dimensions alike); c-1 for collapsed classes",
        direction="higher",
        compute=lambda e: _entropy_rank(e.eigenvalues, e.xp),
        undefined=(*SQUARED, "few_rows", "no_scatter"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one row or coinciding rows; 1 for rows on a line",
        abbreviation="erank",
        variants="of eigenvalues (σ²); RankMe takes the singular values σ, and reads more",
        function="effective_rank",
    )
)


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
    rank = e.count(values > e.hidden_size) + e.hidden(values, e.n)
    hidden = (values <= e.hidden_size) & (xp.astype(places, values.dtype) <= rank)
    return _rankme(xp.where(hidden, values + e.hidden_size, values), e)


def _rankme_hangs(e: Evidence) -> Bool[Array, ""]:
    low = _rankme(e.squares, e)
    return e.zero > 0 if e.exact else e.once(_rankme_at_most) - low > DOUBT * low


CONDITIONS["hidden_rank"] = Condition(
    _rankme_hangs,
    lambda e: _hidden_words(
        e,
        e.hidden(e.squares, e.n),
        f"it lies between {float(_rankme(e.squares, e)):.4g} and "
        f"{float(e.once(_rankme_at_most)):.4g}; see effective_rank",
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
        compute=lambda e: _rankme(e.squares, e),
        undefined=(*SQUARED, "few_rows", "no_length", "hidden_rank"),
        labels=False,
        spectrum=True,
        invariant=frozenset({"rotation", "permutation", "scale"}),
        degenerate="NaN for one row, where all are zero, and where singular values below the "
        "rounding of float32 sums would change it by 1 %; about 1 for coinciding rows",
        abbreviation="RankMe",
        variants="p is published without normalising after 1e-7 is added, so it reads a little "
        "above d (2051 for a full-rank d = 2048; copies that add 1e-5 read 2345); "
        "effective_rank takes centred eigenvalues and reads less",
        function="rankme",
        example="""\
>>> import numpy as np
>>> cross = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
>>> print(rankme(cross).round(2))
1.89""",
    )
)


def _lidar(e: Evidence) -> Float[Array, ""]:
    values, vectors = e.within_spectrum
    xp = e.xp
    ridge = LIDAR_RIDGE * xp.sum(values) / e.dim
    scale = xp.sqrt(xp.where(ridge > 0, values + ridge, 1))
    white = dot(linalg.compressed(e.centred), vectors) / scale
    return _entropy_rank(linalg.singular_values(white) ** 2, xp)


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
        compute=_lidar,
        undefined=(*SQUARED, "few_rows", "no_samples", "few_classes", "no_between", "no_within"),
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one class, where all class means coincide, and where every class is "
        "a point (nothing to measure against)",
        abbreviation="LiDAR",
        variants="published with Σ_W + 1e-4 I, which makes it depend on the scale of the rows, and "
        "with 1e-7 added to p; its classes are the views of one sample",
        options=("normalize", "weighting"),
        function="lidar",
        example="""\
>>> import numpy as np
>>> z = np.array([[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]])
>>> print(lidar(z, np.array([0, 0, 1, 1]), 2))
1.0""",
    )
)

rankme = of_rows(RANKME)
lidar = of_classes(LIDAR)

# -- by squares, and against the largest --------------------------------------------------------


def _participation(e: Evidence) -> Float[Array, ""]:
    """(Σλ)²/Σλ² as (tr C)²/|C|²_F: no eigenvalue is computed, so the gradient is always finite."""
    c = ratio(e.spread_matrix, e.xp.linalg.trace(e.spread_matrix))
    squares = e.xp.sum(c * c)
    # Below 1 is rounding.
    return e.xp.maximum(ratio(1.0, squares), 1.0)


def _share_of_top(values: Float[Array, " d"], e: Evidence) -> Float[Array, ""]:
    """Their sum over the largest."""
    share = e.xp.sum(ratio(values, e.xp.max(values)))
    return e.xp.maximum(share, 1.0)


PARTICIPATION_RATIO = METRICS.add(
    Metric(
        name="participation_ratio",
        question="rank",
        meaning="number of dimensions that carry the variance, large eigenvalues counting most",
        formula="(Σλ)²/Σλ², λ the covariance eigenvalues (centred)",
        source="Gao et al. 2017; Rudman et al. 2022",
        interval=(1.0, float("inf")),
        best="min(n-1, d) (all dimensions alike); c-1 for collapsed classes",
        direction="higher",
        compute=_participation,
        undefined=(*SQUARED, "few_rows", "no_scatter"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one row or coinciding rows; 1 for rows on a line",
        abbreviation="PR",
        variants='of ZᵀZ/n, uncentred, with center "none"',
        options=("normalize", "center"),
        function="participation_ratio",
        example="""\
>>> import numpy as np
>>> cross = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
>>> print(participation_ratio(cross).round(4))
1.4706""",
    )
)

ISOSCORE = METRICS.add(
    Metric(
        name="isoscore",
        question="rank",
        meaning="share of the dimensions that the variance uses evenly",
        formula="(PR - 1)/(d - 1), PR the participation ratio",
        source="Rudman et al. 2022; their nine steps reduce to this exactly",
        interval=(0.0, 1.0),
        best="1 (all dimensions alike)",
        direction="higher",
        # Above 1 is rounding.
        compute=lambda e: e.xp.minimum((_participation(e) - 1) / max(e.dim - 1, 1), 1.0),
        undefined=(*SQUARED, "few_rows", "no_scatter", "one_dimension"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one row, coinciding rows, or d = 1; 0 for rows on a line",
        variants='of ZᵀZ/n, uncentred, with center "none"; reads at most (n-2)/(d-1) for n ≤ d',
        options=("normalize", "center"),
        function="isoscore",
        example="""\
>>> import numpy as np
>>> cross = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
>>> print(isoscore(cross).round(2))
0.47""",
    )
)

STABLE_RANK = METRICS.add(
    Metric(
        name="stable_rank",
        question="rank",
        meaning="total energy of the rows over that of their strongest direction",
        formula="|Z|²_F/|Z|²_2, not centred",
        source="Rudelson & Vershynin 2007",
        interval=(1.0, float("inf")),
        best="min(n, d) (all dimensions alike)",
        direction="higher",
        compute=lambda e: _share_of_top(e.squares, e),
        undefined=(*SQUARED, "few_rows", "no_length"),
        labels=False,
        spectrum=True,
        invariant=SCALED,
        degenerate="NaN for one row or where all are zero; 1 for coinciding rows, so an offset "
        "lowers it",
        variants="of the rows as they lie; of centred rows it is nesum",
        function="stable_rank",
        example="""\
>>> import numpy as np
>>> cross = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
>>> print(stable_rank(cross))
1.25""",
    )
)

NESUM = METRICS.add(
    Metric(
        name="nesum",
        question="rank",
        meaning="total variance over that of the strongest direction",
        formula="Σλ/λ₁, λ the covariance eigenvalues (centred)",
        source="He & Ozay 2022",
        interval=(1.0, float("inf")),
        best="min(n-1, d) (all dimensions alike)",
        direction="higher",
        compute=lambda e: _share_of_top(e.spread_values, e),
        undefined=(*SQUARED, "few_rows", "no_scatter"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for one row or coinciding rows; 1 for rows on a line",
        variants='equal to stable_rank with center "none"',
        options=("normalize", "center"),
        function="nesum",
        example="""\
>>> import numpy as np
>>> cross = np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
>>> print(nesum(cross))
1.25""",
    )
)

participation_ratio = of_rows(PARTICIPATION_RATIO)
isoscore = of_rows(ISOSCORE)
stable_rank = of_rows(STABLE_RANK)
nesum = of_rows(NESUM)

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
    lambda e: e.count(~(e.spread_values <= 0)) < 2,  # NaN is not one eigenvalue
    lambda e: "the spectrum has a single eigenvalue: no slope can be fitted",
)
CONDITIONS["hidden_decay"] = Condition(
    _decay_hangs,
    lambda e: _hidden_words(
        e,
        e.hidden(e.spread_values, e.n - 1),
        f"fit the leading {int(e.count(e.spread_values > 0))} ranks (last=)",
    ),
)

ALPHA_REQ = METRICS.add(
    Metric(
        name="alpha_req",
        question="rank",
        meaning="how fast the spectrum falls: the exponent α of λ_i ∝ i^-α",
        formula="minus the slope of log λ_i on log i, least squares weighted by 1/i, over all "
        "nonzero eigenvalues of the covariance",
        source="Agrawal et al. 2022; Stringer et al. 2019 (the weights)",
        interval=(0.0, float("inf")),
        best="about 1; well above, few dimensions are used, well below, noise fills the space",
        direction="neither",
        compute=lambda e: _decay(e, e.spread_values),
        undefined=(*SQUARED, "few_rows", "no_scatter", "one_eigenvalue", "hidden_decay"),
        labels=False,
        spectrum=True,
        invariant=MOVED,
        degenerate="NaN for fewer than two nonzero eigenvalues, and where some are "
        "below the rounding of float32 sums",
        abbreviation="α-ReQ",
        variants="the published code fits a window of ranks (see the function); of ZᵀZ/n with "
        'center "none"',
        options=("normalize", "center"),
        function="alpha_req",
    )
)


# -- functions with arguments of their own --------------------------------------------------------


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
    return _covariance_eigs(checks.rows(z))


@compiled()
def _covariance_eigs(z: Array) -> Float[Array, " d"]:
    e = Evidence(moments_of(z))
    xp, values = e.xp, e.eigenvalues
    if values.shape[0] < e.dim:  # the others are 0
        values = xp.concat([0 * e.zero + xp.zeros(e.dim - values.shape[0]), values])
    return xp.where((e.not_finite > 0) | (e.n < 2), xp.nan, values)


def effective_rank(z: Any, eps: float = 1e-12) -> Float[Array, ""]:
    """Number of dimensions that the rows spread over: exp of the spectrum's entropy.

    Args:
        z: `[n, d]` embeddings, not normalised here.
        eps: added inside the logarithm.

    Returns:
        A scalar in [1, min(n-1, d)]; higher is better. A round cloud in the plane gives 2, a line
        1; NaN for a single row, coinciding rows, or where a row holds NaN.

    Raises:
        ValueError: `z` is not a matrix of real numbers.

    Source:
        Roy & Vetterli 2007, The effective rank, with eigenvalues in place of singular values.

    Example:
        >>> import numpy as np
        >>> cross = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        >>> print(effective_rank(cross))
        2.0
    """
    return _effective_rank(checks.rows(z), eps)


@compiled("eps")
def _effective_rank(z: Array, eps: float) -> Float[Array, ""]:
    e = Evidence(moments_of(z))
    value = EFFECTIVE_RANK.value(e)
    return e.xp.where(e.xp.isfinite(value), _entropy_rank(e.eigenvalues, e.xp, eps), value)


def alpha_req(
    z: Any, *, first: int = 1, last: int | None = None, normalize: bool = False
) -> Float[Array, ""]:
    """Exponent α of the spectrum's power law, λ_i ∝ i^-α, fitted with weights 1/i.

    Args:
        z: `[n, d]` embeddings.
        first: the first rank i of the fit, from 1.
        last: the last rank of the fit; None takes all nonzero eigenvalues.
        normalize: take rows on the unit sphere, or as they are.

    Returns:
        A scalar, about 1 for the spectra that generalise best; NaN for fewer than two nonzero
        eigenvalues among the ranks.

    Raises:
        ValueError: `z` is not a matrix of real numbers, or the ranks are fewer than two.

    Source:
        Agrawal et al. 2022, α-ReQ: assessing representation quality by measuring eigenspectrum
        decay.

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
    return _alpha_req(checks.rows(z), first, last, normalize)


@compiled("first", "last", "normalize")
def _alpha_req(z: Array, first: int, last: int | None, normalize: bool) -> Float[Array, ""]:
    e = Evidence(moments_of(z, normalize=normalize))
    if first == 1 and last is None:
        return ALPHA_REQ.value(e)
    undefined = e.zero > 0
    for name in ("not_finite", *ALPHA_REQ.undefined):
        if name != "hidden_decay":  # that is of all ranks
            undefined = undefined | CONDITIONS[name].holds(e)
    if last is None or not e.exact:
        shown = e.count(e.spread_values > 0)
        undefined = undefined | (_decay_hangs(e) & ((last or e.dim) > shown))
    value = _decay(e, e.spread_values, first, last)
    return e.xp.where(undefined, e.xp.nan, value)
