"""Bias-free companions of the numbers that read too well, or too low, where rows are few.

A participation ratio of 77.6 reads 43.9 from 100 rows, and classes look tighter than they are,
since the noise of a class mean counts as distance between classes. A companion estimates the value
of infinitely many rows, by three means:

- Products across the blocks of the jackknife. A mean of products of independent factors is
  unbiased, where a square is not: tr Σ² from blocks a ≠ b is tr(M_a M_b). With one row a block this
  is the estimator of Chun and others 2025 (arXiv 2509.26560, package `dimensionality`, "row").
- The noise of class means taken out: |m_k - m_l|² less v_k/n_k + v_l/n_l, v the unbiased variance.
  This is the mean of products over different rows, the squared crossnobis distance of Walther and
  others 2016 in the Euclidean metric.
- The Marchenko-Pastur law of large matrices, for what is no polynomial of the covariance Σ. With
  df(ρ) = tr S(S+ρ)⁻¹ of the sample's covariance S of f degrees of freedom, and κ = ρ/(1 - df/f):
  tr Σ(Σ+κ)⁻¹ = df(ρ), and ρ(S+ρ)⁻¹ stands for κ(Σ+κ)⁻¹ in any direction (Ledoit & Péché 2011;
  Bach 2024, Proposition 1). Where f < d, κ cannot reach 0; what lies below is continued as if the
  rest were one eigenvalue, exact for isotropic rows.

Ratios of unbiased numbers are right to first order. In simulations with n ≥ d/2 companions are
within 5% on average (`tests/test_companions.py`); but the VCI is up to a third too large for n < 2d
where the scatter within classes has a few large directions: it errs to the side of less collapse.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import BlockMoments, ClassMoments

MAX_CLASSES = 4096
"""Classes up to which the pairs of their means are looked at."""

SURE = 3.0
"""Standard deviations of its noise by which a distance must exceed 0 to be divided by."""

MIN_BLOCKS, MIN_FREEDOM = 4, 8
"""Blocks that hold rows, and rows beyond one for each class, below which nothing is estimated."""

MAX_CONTINUED = 5.0
"""Times the degrees of freedom that a spectrum may have dimensions, as far as can be told."""

RIDGES = (0.6, 0.3)
"""Shares of the degrees of freedom at which the VCI takes its two ridges, for f < 3d."""


@dataclass(frozen=True)
class Companion:
    """An estimate of a metric at infinitely many rows.

    Attributes:
        value: the estimate, in the units of the metric; NaN where rows are too few for one.
        method: how it is estimated, in words.
        reason: why there is none ("" where there is).

    Example:
        >>> Companion(77.2, "products across blocks").reason
        ''
    """

    value: float
    method: str
    reason: str = ""


class _TooFewError(Exception):
    """Rows are too few for an estimate; the message says why."""


def companions(
    blocks: BlockMoments,
    options: Options | None = None,
    *,
    evidence: Evidence | None = None,
) -> dict[str, Companion]:
    """Estimates at infinitely many rows, by the name of the metric that they accompany.

    Args:
        blocks: the moments, kept apart by blocks, with their scatters.
        options: as for the metrics.
        evidence: of all blocks together, where it is at hand: its spectra are not computed again.

    Returns:
        `participation_ratio`, `isoscore` and `effective_rank`; with several classes also `cdnv`,
        `nc1_quotient`, `nc1_pinv`, `nc1_svd` and `vci`. Empty for moments without scatter.

    Example:
        >>> import numpy as np
        >>> z = np.random.default_rng(0).normal(size=(100, 80))
        >>> blocks = BlockMoments.empty(1, 80, normalize=False).update(z, np.zeros(100, int))
        >>> found = companions(blocks)["participation_ratio"]  # 80, from 100 rows
        >>> print(75 < found.value < 85, found.method)
        True products across blocks of rows
    """
    options = options or Options()
    parts = [part.widened() for part in blocks.parts]
    if parts[0].scatter is None:
        return {}
    e = evidence or Evidence(BlockMoments(tuple(parts), 0).whole, options)
    law = "Marchenko-Pastur law" + (", continued below the rows" if e.n <= e.dim else "")
    less = "noise of the class means taken out"
    table: list[tuple[str, str, Callable[[], float]]] = [
        ("participation_ratio", "products across blocks of rows", lambda: _participation(parts, e)),
        ("isoscore", "products across blocks of rows", lambda: _isoscore(parts, e)),
    ]
    if options.center == "global":
        table.append(("effective_rank", law, lambda: _effective_rank(e)))
    if int(e.present_count) > 1:
        classes = _Once(lambda: _Classes.of(e))
        table += [
            ("cdnv", f"{less}, pair by pair", lambda: _cdnv(classes())),
            ("nc1_quotient", less, lambda: _quotient(classes())),
            ("nc1_pinv", less, lambda: _pinv(classes())),
            ("nc1_svd", less, lambda: _pinv(classes())),
            ("vci", f"{less}; {law}", lambda: _vci(classes(), e)),
        ]
    with np.errstate(all="ignore"):
        return {name: _tried(name, e, method, estimate) for name, method, estimate in table}


def _tried(name: str, e: Evidence, method: str, estimate: Callable[[], float]) -> Companion:
    if reason := METRICS[name].reason(e):
        return Companion(math.nan, method, reason)
    try:
        value = float(estimate())
    except _TooFewError as few:
        return Companion(math.nan, method, str(few))
    if not math.isfinite(value):
        return Companion(math.nan, method, "not a number")
    return Companion(value, method)


class _Once:
    """A function without arguments, called once; what it raises is raised each time."""

    def __init__(self, make: Callable[[], _Classes]):
        self.make, self.made = make, None

    def __call__(self) -> _Classes:
        self.made = self.made or self.make()
        return self.made


# -- products across blocks ---------------------------------------------------------------------


def _participation(parts: list[ClassMoments], e: Evidence) -> float:
    """(tr Σ)²/tr Σ², each from products of different blocks.

    With M_b and s_b the sums of xxᵀ and x over a block, x from the mean of all rows,
    tr Σ² = ⟨tr M_a M_b⟩ - 2⟨s_bᵀ M_a s_c⟩ + ⟨(s_a·s_b)(s_c·s_d)⟩, and (tr Σ)² likewise with traces,
    ⟨⟩ the mean over different blocks, whose weights take the place of the sums in the divisor.
    """
    parts = [part for part in parts if np.sum(part.counts) > 0]
    centred = e.options.center == "global"
    if centred and len(parts) < MIN_BLOCKS:
        raise _TooFewError(f"needs rows in at least {MIN_BLOCKS} blocks, got {len(parts)}")
    if len(parts) < 2:
        raise _TooFewError("needs rows in at least two blocks")
    centre = e.row_share @ e.origin_means if centred else np.zeros(e.means.shape[1])
    means = [Evidence(part).origin_means - centre for part in parts]
    weights = np.array([np.sum(part.counts) for part in parts])
    sums = np.stack([part.counts @ mean for part, mean in zip(parts, means, strict=True)])
    total, squares, traces = np.zeros((sums.shape[1],) * 2), 0.0, []
    forms = np.zeros((len(parts),) * 2)  # s_bᵀ M_a s_b
    crossed = 0.0
    for a, (part, mean) in enumerate(zip(parts, means, strict=True)):
        moment = part.scatter + (part.counts[:, None] * mean * (part.counts > 0)[:, None]).T @ mean
        total += moment
        squares += np.sum(moment**2)
        traces.append(np.trace(moment))
        applied = sums @ moment
        forms[a] = np.sum(applied * sums, axis=1)
        others = np.sum(sums, axis=0) - sums[a]
        crossed += others @ moment @ others - (np.sum(forms[a]) - forms[a, a])
    traces, products = np.array(traces), sums @ sums.T
    pairs = _different(weights, weights)
    above = _different(traces, traces) / pairs
    below = (np.sum(total**2) - squares) / pairs
    if centred:
        lone = np.diag(products)
        apart = np.sum(sums, axis=0) - sums
        spanned = np.sum(apart**2, axis=1) - (np.sum(lone) - lone)  # Σ s_b·s_c, b ≠ c, without a
        rest = np.sum(weights) - weights
        triples = np.sum(weights * (rest**2 - (np.sum(weights**2) - weights**2)))
        fours = _fours(products) / _fours(np.outer(weights, weights))
        above += fours - 2 * np.sum(traces * spanned) / triples
        below += fours - 2 * crossed / triples
    if not below > 0:
        raise _TooFewError("the estimate of tr Σ² is not above 0")
    return above / below


def _isoscore(parts: list[ClassMoments], e: Evidence) -> float:
    return (_participation(parts, e) - 1) / (e.dim - 1) if e.dim > 1 else math.nan


def _different(x: Float[np.ndarray, " b"], y: Float[np.ndarray, " b"]) -> float:
    """Σ x_a y_b over a ≠ b."""
    return float(np.sum(x) * np.sum(y) - np.sum(x * y))


def _fours(products: Float[np.ndarray, "b b"]) -> float:
    """Σ g_ab g_cd over four different blocks: all, less those that share one block or two."""
    g = products - np.diag(np.diag(products))
    return float(np.sum(g) ** 2 - 4 * np.sum(np.sum(g, axis=1) ** 2) + 2 * np.sum(g * g))


# -- the law of large matrices ------------------------------------------------------------------


@dataclass(frozen=True)
class _Spectrum:
    """Eigenvalues of a sample's covariance, and what they say of the population's.

    Attributes:
        values: those that are not 0.
        freedom: degrees of freedom f of the covariance.
    """

    values: Float[np.ndarray, " r"]
    freedom: float

    def at(self, ridge: float) -> tuple[float, float, float]:
        """κ, tr Σ(Σ+κ)⁻¹ and tr Σ²(Σ+κ)⁻² at a ridge ρ > 0 of the sample."""
        weights = self.values / (self.values + ridge)
        df, f = float(np.sum(weights)), self.freedom
        slope = -float(np.sum(weights / (self.values + ridge)))  # of df, by ρ
        kappa = ridge / (1 - df / f)
        by_ridge = (1 - df / f + ridge * slope / f) / (1 - df / f) ** 2  # of κ
        return kappa, df, df + kappa * slope / by_ridge

    def ridge_of(self, df: float) -> float:
        """The ridge at which tr S(S+ρ)⁻¹ is this, by bisection."""
        low, high = math.log(self.least), math.log(self.values.max() * 1e4)
        for _ in range(60):
            middle = (low + high) / 2
            more = np.sum(self.values / (self.values + math.exp(middle))) > df
            low, high = (middle, high) if more else (low, middle)
        return math.exp(low)

    @property
    def least(self) -> float:
        """A ridge as good as none."""
        return float(self.values.min()) * 1e-6


def _effective_rank(e: Evidence) -> float:
    """exp(-Σ q log q), q = τ/Σ τ, of the eigenvalues τ of Σ.

    With τ in units of their mean, Σ τ log τ = ∫₀^∞ d/(1+κ) - Σ τ/(τ+κ) dκ, and the law gives
    the last sum at κ > κ₀. Below, it is continued as A t/(t+κ), of the same value and slope at κ₀.
    """
    values, d = e.eigenvalues, e.dim
    values, freedom = values[values > 0], float(e.n) - 1
    if freedom < MIN_FREEDOM or not values.size:
        raise _TooFewError(f"needs more than {MIN_FREEDOM} rows")
    spectrum = _Spectrum(values * d / np.sum(values), freedom)
    ridges = np.geomspace(spectrum.least, spectrum.values.max() * 1e5, 600)
    kappa, df, squares = np.array([spectrum.at(ridge) for ridge in ridges]).T
    gap = d / (1 + kappa) - df
    whole = np.trapezoid(gap * kappa, np.log(kappa)) + gap[-1] * kappa[-1]
    first, held = kappa[0], df[0]
    if first < 1e-3:  # as many rows as dimensions: nothing to continue
        whole += gap[0] * first
    else:
        t = first * squares[0] / (held - squares[0])
        size = held * (t + first) / t
        if size > MAX_CONTINUED * freedom:
            raise _TooFewError(f"{e.n:g} rows are too few for so flat a spectrum")
        if size > d:
            size, t = d, first * held / (d - held)
        whole += d * math.log1p(first) - size * t * math.log1p(first / t)
    return d * math.exp(-whole / d)


# -- class means without their noise ------------------------------------------------------------


@dataclass(frozen=True)
class _Classes:
    """Means of the classes present, and their noise.

    Attributes:
        share: `[k]` weight of a class in the global mean; sums to 1.
        noise: `[k]` 1/n_k, n_k the rows of a class (weighted rows: (Σw)²/Σw²).
        variance: `[k]` unbiased trace of the covariance of a class.
        means: `[k, r]` from the global mean, along the eigenvectors of the covariance.
        within: pooled covariance within classes.
        eigenvalues: `[r]` of that covariance, those that are 0 too.
        square: unbiased tr Σ_W² (of Gaussian rows).
        cube: tr Σ_W³, without the leading terms of its bias.
    """

    share: Float[np.ndarray, " k"]
    noise: Float[np.ndarray, " k"]
    variance: Float[np.ndarray, " k"]
    means: Float[np.ndarray, "k r"]
    within: _Spectrum
    eigenvalues: Float[np.ndarray, " r"]
    square: float
    cube: float

    @classmethod
    def of(cls, e: Evidence) -> _Classes:
        """The classes of some evidence.

        Raises:
            _TooFewError: they hold too few rows, or are too many.
        """
        there = np.flatnonzero(e.present)
        k, freedom = len(there), float(e.n) - len(there)
        if freedom < MIN_FREEDOM:
            raise _TooFewError(f"needs at least {k + MIN_FREEDOM} rows of {k} classes, got {e.n:g}")
        if k > MAX_CLASSES:
            raise _TooFewError(f"of more than {MAX_CLASSES:,} classes it is not computed")
        noise = e.moments.weight_squares[there] / e.weights[there] ** 2
        values, vectors = e.within_spectrum
        values = np.where(values > 0, values, 0) * float(e.n) / freedom
        if not np.max(values) > 0:
            raise _TooFewError("no scatter within classes")
        pooled = float(np.sum(values))
        lone = 1 - noise < 1e-9  # a class of one row: its variance is that of the others
        variance = np.where(lone, pooled, e.variances[there] / np.where(lone, 1, 1 - noise))
        square = freedom**2 / ((freedom - 1) * (freedom + 2))
        square *= float(np.sum(values**2)) - pooled**2 / freedom
        cube = float(np.sum(values**3)) - 3 * pooled * square / freedom - pooled**3 / freedom**2
        return cls(
            share=e.share[there],
            noise=noise,
            variance=variance,
            means=e.centred[there] @ vectors,
            within=_Spectrum(values[values > 0], freedom),
            eigenvalues=values,
            square=max(square, 0.0),
            cube=max(cube, 0.0),
        )

    def of_means(self, each: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k k"]:
        """The Gram matrix that noise of these squared lengths adds to that of centred means."""
        centring = np.eye(len(each)) - self.share[None]
        return (centring * each) @ centring.T

    @property
    def gram(self) -> Float[np.ndarray, "k k"]:
        """Products of the centred class means, without their noise."""
        return self.means @ self.means.T - self.of_means(self.variance * self.noise)

    @property
    def spread(self) -> Float[np.ndarray, "k k"]:
        """Products of the centred class means in Σ_W, without their noise."""
        crossed = (self.means * self.eigenvalues) @ self.means.T
        return crossed - self.of_means(self.square * self.noise)

    @property
    def spread_twice(self) -> Float[np.ndarray, "k k"]:
        """Products of the centred class means in Σ_W², without their noise.

        Of a sample's covariance S, E S² = Σ² (1 + 1/f) + Σ tr Σ/f.
        """
        values, f = self.eigenvalues, self.within.freedom
        squares = (f * values**2 - np.sum(values) * values) / (f + 1)
        crossed = (self.means * squares) @ self.means.T
        return crossed - self.of_means(self.cube * self.noise)


def squared_distances(moments: ClassMoments) -> Float[np.ndarray, "c c"]:
    """Unbiased squared distances between class means (squared Euclidean crossnobis distances).

    Args:
        moments: of at least two classes, with scatter; classes of one row are taken to be as
            spread as the others.

    Returns:
        `[c, c]`, 0 on the diagonal, NaN for absent classes; about 0, and as often below as above,
        for classes that share a mean.

    Raises:
        ValueError: rows are too few, or classes too many.

    Source:
        Walther, Nili, Ejaz, Alink, Kriegeskorte, Diedrichsen 2016, Reliability of dissimilarity
        measures for multi-voxel pattern analysis.

    Example:
        >>> import numpy as np
        >>> y = np.arange(12) % 2
        >>> z = np.random.default_rng(0).normal(size=(12, 50))  # both means are 0
        >>> found = squared_distances(ClassMoments.of(z, y, 2, normalize=False))
        >>> print(abs(found[0, 1]) < 8)  # 2 * 50 / 6 = 16.7 with their noise
        True
    """
    e = Evidence(moments.widened())
    try:
        g = _Classes.of(e).gram
    except _TooFewError as few:
        raise ValueError(str(few)) from None
    there = np.flatnonzero(e.present)
    found = np.full((e.present.size,) * 2, np.nan)
    found[np.ix_(there, there)] = np.diag(g)[:, None] + np.diag(g) - 2 * g
    return found


def _cdnv(k: _Classes) -> float:
    """The mean over pairs of (v_k + v_l)/(2 D), D the distances without noise.

    1/D is not linear, and the noise of D would raise it. So the D are drawn to their mean, until
    they vary as much as without noise they would; its variance is 2h² tr Σ² + 4h δᵀΣδ, h the sum of
    both 1/n and δ the difference of the means.
    """
    where = np.triu_indices(len(k.share), 1)
    distance, within = (
        (np.diag(g)[:, None] + np.diag(g) - 2 * g)[where] for g in (k.gram, k.spread)
    )
    h = (k.noise[:, None] + k.noise)[where]
    noise = float(np.mean(2 * h**2 * k.square + 4 * h * np.maximum(within, 0)))
    mean = float(np.mean(distance))
    _sure(mean, math.sqrt(2 * noise / len(k.share)))
    varied = max(float(np.var(distance, ddof=1)) - noise, 0.0) if len(distance) > 1 else 0.0
    drawn = mean + math.sqrt(varied / (varied + noise)) * (distance - mean) if varied else mean
    if np.min(drawn) <= 0:
        raise _TooFewError("two class means are no further apart than their noise")
    both = (k.variance[:, None] + k.variance)[where]
    return float(np.mean(both / (2 * drawn)))


def _quotient(k: _Classes) -> float:
    between, classes = float(np.trace(k.gram)), len(k.share)
    h = float(np.mean(k.noise))
    noise = 2 * h**2 * k.square * classes + 4 * h * max(float(np.trace(k.spread)), 0.0)
    _sure(between, math.sqrt(noise))
    return float(k.share @ k.variance) * classes / between


def _sure(value: float, noise: float) -> None:
    if value <= SURE * noise:
        raise _TooFewError("the class means are no further apart than their noise")


def _across(normal: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k l"]:
    """Orthonormal columns, one less than coordinates, across a vector without zeros."""
    columns = np.column_stack([normal, np.eye(len(normal))[:, 1:]])
    return np.linalg.qr(columns)[0][:, 1:]


def _pinv(k: _Classes) -> float:
    """tr(Σ_W Σ_B⁺)/K = tr(G⁺ H G⁺) of the Gram matrices G of the means and H in Σ_W.

    G and H have their noise taken out. With noise E left in G and F in H, the trace is too large by
    2 tr G⁻¹EG⁻¹EG⁻¹HG⁻¹ + tr G⁻¹EG⁻¹HG⁻¹EG⁻¹ - 2 tr G⁻¹EG⁻¹FG⁻¹ to second order; the mean of that,
    by the variances of E and F, is subtracted.
    """
    count, r = k.means.shape
    if count - 1 > r:
        raise _TooFewError("has no inverse of so many class means")
    axes = _across(k.share)  # the weighted sum of the means is 0
    values, turn = np.linalg.eigh(axes.T @ k.gram @ axes)
    turn = axes @ turn
    within, twice = (
        np.maximum(np.sum(turn * (g @ turn), axis=0), 0) for g in (k.spread, k.spread_twice)
    )
    h = float(np.mean(k.noise))
    variance = h**2 * k.square + h * (within[:, None] + within)
    covariance = h**2 * k.cube + h * (twice[:, None] + twice)
    for noise in (variance, covariance):
        noise += np.diag(np.diag(noise))
    if np.any(values <= SURE * np.sqrt(np.diag(variance))):
        raise _TooFewError("the thinnest axis of the class means is no longer than its noise")
    g, w = values[:, None], within[:, None]
    added = variance * (2 * w / (g**3 * g.T) + w.T / (g * g.T) ** 2) - 2 * covariance / (g**2 * g.T)
    value, excess = float(np.sum(within / values**2)), float(np.sum(added))
    if abs(excess) > value / 3:
        raise _TooFewError("the noise of the class means is too large for an inverse")
    return value - excess


# -- the collapse that a linear map cannot change -----------------------------------------------


def _vci(k: _Classes, e: Evidence) -> float:
    """The mean of 1/(1+s²), s² the eigenvalues of the means in Σ_W⁻¹, without their noise.

    (Σ_W+κ)⁻¹ is known at κ > 0 alone where rows are few, so Q(κ) = M(Σ_W+κ)⁻¹Mᵀ less its noise is
    taken at two ridges, and continued to κ = 0 as 1/tr Q, linear in κ, says: exact where Σ_W is
    isotropic. What the variance of Q adds to the mean of 1/(1+s²) is subtracted, to second order.
    """
    count, d, f = len(k.share), e.dim, k.within.freedom
    if count - 1 > min(d, k.means.shape[1]):
        raise _TooFewError("not estimated for more classes than dimensions")
    if f < d / MAX_CONTINUED:
        raise _TooFewError(f"{e.n:g} rows are too few for {d} dimensions")
    root = np.sqrt(k.share)[:, None]
    axes = _across(root[:, 0])
    noise = root * k.of_means(k.noise) * root.T

    def q(ridge: float) -> tuple[Float[np.ndarray, "k k"], float, float, float]:
        kappa, df, squares = k.within.at(ridge)
        means = root * k.means
        seen = ridge / kappa * (means / (k.eigenvalues + ridge)) @ means.T
        return seen - df * noise, kappa, df, squares

    few = f < 3 * d
    side = min(f, d)
    matrix, kappa, df, squares = q(k.within.ridge_of(RIDGES[0] * side) if few else k.within.least)
    values = np.linalg.eigvalsh(axes.T @ matrix @ axes)
    if few:
        other, further, _, _ = q(k.within.ridge_of(RIDGES[1] * side))
        growth = _continued((float(np.trace(matrix)), kappa), (float(np.trace(other)), further))
    else:
        growth = 1.0
    across = float(np.mean(k.share * k.noise))
    return _mean_share(values, growth, (df, squares, across, f))


def _continued(near: tuple[float, float], far: tuple[float, float]) -> float:
    """q(0)/q(κ) of a trace q at two κ, where 1/q is linear in κ."""
    (q, kappa), (other, further) = near, far
    if min(q, other) <= 0:
        raise _TooFewError("the class means are no further apart than their noise")
    slope = (1 / other - 1 / q) / (further - kappa)
    return 1 / max(1 - q * slope * kappa, 1e-3)


def _mean_share(
    values: Float[np.ndarray, " l"], growth: float, noise: tuple[float, float, float, float]
) -> float:
    """The mean of 1/(1+s²), s² = growth·values, less what the noise of the values adds to it.

    The noise of entry (i, j), in units of growth²: that of the means, and that of the inverse of a
    Wishart matrix. A symmetric matrix with such noise adds to the trace of f(x) = 1/(1+x) half the
    sum over i, j of its variance times the divided difference of f′.
    """
    df, squares, h, freedom = noise
    s = growth * values
    if np.any(s <= -1):
        raise _TooFewError("the class means are no further apart than their noise")
    held, part = np.maximum(values, 0), squares / df
    seen = held + df * h
    variance = squares * h**2 + part * h * (held[:, None] + held)
    variance += part**2 / (freedom - squares) * np.outer(seen, seen)
    variance += np.diag(np.diag(variance))
    shares = 1 / (1 + s)
    curved = np.outer(shares, shares) ** 2 * (1 / shares[:, None] + 1 / shares)
    return float(np.mean(shares) - growth**2 * np.sum(variance * curved) / 2 / len(values))
