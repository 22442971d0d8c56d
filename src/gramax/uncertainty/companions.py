"""Bias-free companions of the numbers that read too well, or too low, where rows are few.

A participation ratio of 77.6 reads 43.9 from 100 rows, and classes look tighter than they are,
since the noise of a class mean counts as distance between classes. A companion estimates the value
of infinitely many rows. Ratios of unbiased numbers are right to first order. In simulations with
n ≥ d/2 companions are within 5% on average (`tests/test_companions.py`); but the VCI is up to a
third too large for n < 2d where the scatter within classes has a few large directions, and
`nc1_pinv` a seventh too small where the thinnest axis of class means often drowns in noise (it is
told in those samples alone where it does not).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from gramax._shapes import Float
from gramax.arrays.linalg import MAX_LONE_SIDE, few_threads
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import BlockMoments, ClassMoments
from gramax.uncertainty.errorbars import (
    ErrorBar,
    as_of_equal_blocks,
    interval_about,
    jackknife,
)

MIN_BLOCKS, MIN_FREEDOM, MAX_CLASSES = 4, 8, 4096
"""Blocks that hold rows, and rows beyond one for each class, below which nothing is estimated; and
classes up to which the pairs of their means are looked at."""

MAX_CONTINUED, RIDGES = 5.0, (0.6, 0.3)
"""Times the degrees of freedom that a spectrum may have dimensions, as far as can be told; and
shares of the degrees of freedom at which the VCI takes its two ridges, for f < 3d."""

SURE = 3.0
"""Standard deviations of its noise by which a distance must exceed 0 to be divided by."""

LEVEL, SMOOTH = 0.95, ("collapse", "rank")
"""The probability with which an interval is to cover; and questions whose numbers are smooth in the
moments, so that their bias falls like 1/n."""

ACROSS_BLOCKS = ("participation_ratio", "isoscore")

LESS_BIAS = "its bias taken out, by the jackknife"

NOT_APART = "the class means are no further apart than their noise"


class TooFewRowsError(Exception):
    """Rows are too few for an estimate; the message says why."""


@dataclass(frozen=True)
class Companion:
    """An estimate of a metric at infinitely many rows.

    Attributes:
        value: the estimate, in the units of the metric; NaN where rows are too few for one.
        method: how it is estimated, in words.
        reason: why there is none ("" where there is).
        low: lower end of an interval that covers the number of infinitely many rows with 95 %; None
            where there is none.
        high: its upper end.

    Example:
        >>> Companion(77.2, "products across blocks").reason
        ''
    """

    value: float
    method: str
    reason: str = ""
    low: float | None = None
    high: float | None = None


def companions_with_intervals(
    blocks: BlockMoments,
    bars: Mapping[str, ErrorBar],
    options: Options | None = None,
    groups: int = 0,
) -> dict[str, Companion]:
    """`companions` and, of the other numbers of tightness and rank, the value less its bias.

    A companion has an interval by the jackknife over the same blocks. The bias is that of the
    jackknife too, and the interval of the number is moved by it. Numbers of the directions of class
    means have no such companion: their bias falls more slowly than 1/n, and their intervals are
    wide enough to cover what infinitely many rows give.

    Args:
        blocks: as for `companions`.
        bars: of these blocks, as `error_bars` gives them.
        options: as for the metrics.
        groups: how many groups of rows hang together; 0 where rows are independent. Of groups only
            those companions stand that are made of products across blocks, and the values less
            their bias where groups are at least twice as many as dimensions: of fewer the bias
            does not fall like 1/n yet, and intervals covered 73 to 89 %.

    Source:
        Quenouille, Notes on bias in estimation, 1956.
    """
    normalize, parts, found = blocks.parts[0].normalize, blocks.parts, companions(blocks, options)
    if groups:
        found = {name: one for name, one in found.items() if name in ACROSS_BLOCKS}
    side, count, left, made = parts[0].mean.shape[1], len(parts), [], {}
    few = 1 if side <= MAX_LONE_SIDE else 2  # blocks left out at a time, as each time takes long
    with few_threads(side):
        for k in range(0, count if found and count > MIN_BLOCKS * few else 0, few):
            rest = BlockMoments((*parts[:k], *parts[k + few :]), 0)
            left.append(companions(rest, options))
    rows = np.array([float(part.total) for part in parts])
    sizes = np.add.reduceat(rows, np.arange(0, count, few))[: len(left)]
    few_groups = 0 < groups < 2 * parts[0].dim
    for name, bar in bars.items():
        bounds = METRICS[name].bounds(normalize)
        if name in found:
            value = found[name].value
            without = as_of_equal_blocks(value, [one[name].value for one in left], sizes)
            own = jackknife(value, without, bounds, LEVEL)
            made[name] = replace(found[name], low=own.low, high=own.high)
        elif METRICS[name].question in SMOOTH and bar.bias is not None and not few_groups:
            value = bar.value - bar.bias
            if bounds[0] <= value <= bounds[1]:
                ends = interval_about(value, bar, bounds)
                made[name] = Companion(value, LESS_BIAS, "", *ends)
    return made


def companions(blocks: BlockMoments, options: Options | None = None) -> dict[str, Companion]:
    """Estimates at infinitely many rows, by the name of the metric that they accompany.

    Args:
        blocks: the moments, kept apart by blocks, with their scatters.
        options: as for the metrics.

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
    e = Evidence(BlockMoments(tuple(parts), 0).whole, options)
    law = "Marchenko-Pastur law" + (", continued below the rows" if e.n <= e.dim else "")
    less, across = "noise of the class means taken out", "products across blocks of rows"
    ratio, classes = cache(lambda: _participation_ratio(parts, e)), cache(lambda: _ClassMeans(e))
    table: dict[str, tuple[str, Callable[[], float]]] = {
        "participation_ratio": (across, ratio),
        "isoscore": (across, lambda: (ratio() - 1) / (e.dim - 1) if e.dim > 1 else math.nan),
    }
    if options.center == "global":
        table["effective_rank"] = law, lambda: _effective_rank(e)
    if int(e.present_count) > 1:
        inverse = cache(lambda: classes().nc1_pinv())
        table["cdnv"] = f"{less}, pair by pair", lambda: classes().cdnv()
        table["nc1_quotient"] = less, lambda: classes().nc1_quotient()
        table["nc1_pinv"] = table["nc1_svd"] = less, inverse
        table["vci"] = f"{less}; {law}", lambda: classes().vci()
    with np.errstate(all="ignore"):
        return {name: _tried(name, e, *how) for name, how in table.items()}


def _tried(name: str, e: Evidence, method: str, estimate: Callable[[], float]) -> Companion:
    if reason := METRICS[name].reason(e):
        return Companion(math.nan, method, reason)
    try:
        value = float(estimate())
    except TooFewRowsError as few:
        return Companion(math.nan, method, str(few))
    finite = math.isfinite(value)
    return Companion(value if finite else math.nan, method, "" if finite else "not a number")


def _need(condition: object, why: str) -> None:
    if not condition:
        raise TooFewRowsError(why)


# -- products across blocks ---------------------------------------------------------------------


def _participation_ratio(parts: list[ClassMoments], e: Evidence) -> float:
    """(tr Σ)²/tr Σ², each from products of different blocks.

    With M_b and s_b the sums of xxᵀ and x over a block, x from the mean of all rows,
    tr Σ² = ⟨tr M_a M_b⟩ - 2⟨s_bᵀ M_a s_c⟩ + ⟨(s_a·s_b)(s_c·s_d)⟩, and (tr Σ)² likewise with traces,
    ⟨⟩ the mean over different blocks, whose weights take the place of the sums in the divisor. A
    mean of products of independent factors is unbiased, where a square is not. With one row a block
    this is the "row" estimator of Chun and others 2025 (arXiv 2509.26560).
    """
    parts = [part for part in parts if np.sum(part.counts) > 0]
    centred = e.options.center == "global"
    few = f"needs rows in at least {MIN_BLOCKS} blocks, got {len(parts)}"
    _need(not centred or len(parts) >= MIN_BLOCKS, few)
    _need(len(parts) >= 2, "needs rows in at least two blocks")
    centre = e.row_share @ e.origin_means if centred else 0.0
    means = [Evidence(part).origin_means - centre for part in parts]
    weights = np.array([np.sum(part.counts) for part in parts])
    sums = np.stack([part.counts @ mean for part, mean in zip(parts, means, strict=True)])
    total, squares, crossed, traces = 0.0, 0.0, 0.0, np.zeros(len(parts))
    for a, (part, mean) in enumerate(zip(parts, means, strict=True)):
        held = part.counts > 0
        moment = part.scatter + (part.counts[held, None] * mean[held]).T @ mean[held]
        total = total + moment
        squares += np.sum(moment**2)
        traces[a] = np.trace(moment)
        others = np.delete(sums, a, axis=0)
        whole = np.sum(others, axis=0)
        crossed += whole @ moment @ whole - np.sum((others @ moment) * others)
    pairs = np.sum(weights) ** 2 - np.sum(weights**2)
    above = (np.sum(traces) ** 2 - np.sum(traces**2)) / pairs
    below = (np.sum(total**2) - squares) / pairs
    if centred:
        products = sums @ sums.T
        lone = np.diag(products)
        apart = np.sum((np.sum(sums, axis=0) - sums) ** 2, axis=1)
        spanned = apart - (np.sum(lone) - lone)  # Σ s_b·s_c, b ≠ c, without a
        rest = np.sum(weights) - weights
        triples = np.sum(weights * (rest**2 - (np.sum(weights**2) - weights**2)))
        fours = _fours(products) / _fours(np.outer(weights, weights))
        above += fours - 2 * np.sum(traces * spanned) / triples
        below += fours - 2 * crossed / triples
    _need(below > 0, "the estimate of tr Σ² is not above 0")
    return above / below


def _fours(products: Float[np.ndarray, "b b"]) -> float:
    """Σ g_ab g_cd over four different blocks: all, less those that share one block or two."""
    g = products - np.diag(np.diag(products))
    return float(np.sum(g) ** 2 - 4 * np.sum(np.sum(g, axis=1) ** 2) + 2 * np.sum(g * g))


# -- the law of large matrices ------------------------------------------------------------------


class _Population:
    """Eigenvalues of a sample's covariance S of f degrees of freedom, and what they say of Σ.

    By the Marchenko-Pastur law, with df(ρ) = tr S(S+ρ)⁻¹ and κ = ρ/(1 - df/f): tr Σ(Σ+κ)⁻¹ = df(ρ),
    and ρ(S+ρ)⁻¹ stands for κ(Σ+κ)⁻¹ in any direction (Ledoit & Péché 2011; Bach 2024). Where f < d,
    κ cannot reach 0; what lies below is continued, exactly for isotropic rows.
    """

    def __init__(self, values: Float[np.ndarray, " d"], freedom: float) -> None:
        self.values, self.freedom = values[values > 0], freedom
        self.least = float(self.values.min()) * 1e-6  # a ridge as good as none

    def at(self, ridge: Any) -> tuple[Any, Any, Any]:
        """κ, tr Σ(Σ+κ)⁻¹ and tr Σ²(Σ+κ)⁻² at a ridge ρ > 0 of the sample, or at each of several."""
        moved = self.values + np.expand_dims(ridge, -1)
        weights, f = self.values / moved, self.freedom
        df, slope = np.sum(weights, axis=-1), -np.sum(weights / moved, axis=-1)  # of df, by ρ
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


def _effective_rank(e: Evidence) -> float:
    """exp(-Σ q log q), q = τ/Σ τ, of the eigenvalues τ of Σ.

    With τ in units of their mean, Σ τ log τ = ∫₀^∞ d/(1+κ) - Σ τ/(τ+κ) dκ, and the law gives
    the last sum at κ > κ₀. Below, it is continued as A t/(t+κ), of the same value and slope at κ₀.
    """
    values, d, freedom = e.eigenvalues, e.dim, float(e.n) - 1
    _need(freedom >= MIN_FREEDOM and np.any(values > 0), f"needs more than {MIN_FREEDOM} rows")
    spectrum = _Population(values * d / np.sum(values[values > 0]), freedom)
    ridges = np.geomspace(spectrum.least, spectrum.values.max() * 1e5, 600)
    kappa, df, squares = spectrum.at(ridges)
    gap = d / (1 + kappa) - df
    whole = np.trapezoid(gap * kappa, np.log(kappa)) + gap[-1] * kappa[-1]
    first, held = kappa[0], df[0]
    if first < 1e-3:  # as many rows as dimensions: nothing to continue
        whole += gap[0] * first
    else:
        t = first * squares[0] / (held - squares[0])
        size = held * (t + first) / t
        few = f"{e.n:g} rows are too few for so flat a spectrum"
        _need(size <= MAX_CONTINUED * freedom, few)
        if size > d:
            size, t = d, first * held / (d - held)
        whole += d * math.log1p(first) - size * t * math.log1p(first / t)
    return d * math.exp(-whole / d)


# -- class means without their noise ------------------------------------------------------------


class _ClassMeans:
    """Means of the k classes present, and their noise, by the numbers that are estimated from them.

    |m_k - m_l|² less v_k/n_k + v_l/n_l is the mean of products over different rows, the squared
    crossnobis distance of Walther and others 2016 in the Euclidean metric.

    Attributes:
        share: `[k]` weight of a class in the global mean; sums to 1.
        noise: `[k]` 1/n_k, n_k the rows of a class (weighted rows: (Σw)²/Σw²).
        variance: `[k]` unbiased trace of the covariance of a class.
        means: `[k, r]` from the global mean, along the eigenvectors of the covariance.
        within: pooled covariance within classes; `values`: `[r]` its eigenvalues, zeros too.
        square: unbiased tr Σ_W² (of Gaussian rows).
        cube: tr Σ_W³, without the leading terms of its bias.
    """

    def __init__(self, e: Evidence) -> None:
        there = np.flatnonzero(e.present)
        k, f = len(there), float(e.n) - len(there)
        _need(
            f >= MIN_FREEDOM, f"needs at least {k + MIN_FREEDOM} rows of {k} classes, got {e.n:g}"
        )
        _need(k <= MAX_CLASSES, f"of more than {MAX_CLASSES:,} classes it is not computed")
        self.noise = e.moments.weight_squares[there] / e.weights[there] ** 2
        values, vectors = e.within_spectrum
        self.values = values = np.where(values > 0, values, 0) * float(e.n) / f
        _need(np.max(values) > 0, "no scatter within classes")
        pooled = float(np.sum(values))
        lone = 1 - self.noise < 1e-9  # a class of one row: its variance is that of the others
        alone = e.variances[there] / np.where(lone, 1, 1 - self.noise)
        self.variance = np.where(lone, pooled, alone)
        square = f**2 / ((f - 1) * (f + 2)) * (float(np.sum(values**2)) - pooled**2 / f)
        cube = float(np.sum(values**3)) - 3 * pooled * square / f - pooled**3 / f**2
        self.square, self.cube = max(square, 0.0), max(cube, 0.0)
        self.share, self.means, self.dim = e.share[there], e.centred[there] @ vectors, e.dim
        self.rows, self.within = e.n, _Population(values, f)

    def added(self, each: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k k"]:
        """The Gram matrix that noise of these squared lengths adds to that of centred means."""
        centring = np.eye(len(each)) - self.share[None]
        return (centring * each) @ centring.T

    def products(self, power: int) -> Float[np.ndarray, "k k"]:
        """Products of the centred class means in Σ_W to the power 0, 1 or 2, without their noise.

        Of a sample's covariance S, E S² = Σ² (1 + 1/f) + Σ tr Σ/f.
        """
        values, f = self.values, self.within.freedom
        weights = (1.0, values, (f * values**2 - np.sum(values) * values) / (f + 1))[power]
        noise = (self.variance, self.square, self.cube)[power] * self.noise
        return (self.means * weights) @ self.means.T - self.added(noise)

    def cdnv(self) -> float:
        """The mean over pairs of (v_k + v_l)/(2 D), D the distances without noise.

        The noise of D would raise 1/D. So the D are drawn to their mean, until they vary as much as
        without noise they would; its variance is 2h² tr Σ² + 4h δᵀΣδ, h the sum of both 1/n and δ
        the difference of the means.
        """
        where = np.triu_indices(len(self.share), 1)
        distance, within = (
            (np.diag(g)[:, None] + np.diag(g) - 2 * g)[where] for g in map(self.products, (0, 1))
        )
        h = (self.noise[:, None] + self.noise)[where]
        noise = float(np.mean(2 * h**2 * self.square + 4 * h * np.maximum(within, 0)))
        mean = float(np.mean(distance))
        _need(mean > SURE * math.sqrt(2 * noise / len(self.share)), NOT_APART)
        varied = max(float(np.var(distance, ddof=1)) - noise, 0.0) if len(distance) > 1 else 0.0
        drawn = mean + math.sqrt(varied / (varied + noise)) * (distance - mean) if varied else mean
        _need(np.min(drawn) > 0, "two class means are no further apart than their noise")
        both = (self.variance[:, None] + self.variance)[where]
        return float(np.mean(both / (2 * drawn)))

    def nc1_quotient(self) -> float:
        """The ratio tr Σ_W/tr Σ_B of unbiased traces."""
        between, within = (float(np.trace(self.products(power))) for power in (0, 1))
        h, classes = float(np.mean(self.noise)), len(self.share)
        noise = 2 * h**2 * self.square * classes + 4 * h * max(within, 0.0)
        _need(between > SURE * math.sqrt(noise), NOT_APART)
        return float(self.share @ self.variance) * classes / between

    def nc1_pinv(self) -> float:
        """tr(Σ_W Σ_B⁺)/K = tr(G⁺ H G⁺) of the Gram matrices G of the means and H in Σ_W.

        G and H have their noise taken out. With noise E left in G and F in H, the trace is too
        large by 2 tr G⁻¹EG⁻¹EG⁻¹HG⁻¹ + tr G⁻¹EG⁻¹HG⁻¹EG⁻¹ - 2 tr G⁻¹EG⁻¹FG⁻¹ to second order; the
        mean of that, by the variances of E and F, is subtracted.
        """
        count, r = self.means.shape
        _need(count - 1 <= r, "has no inverse of so many class means")
        axes = _across(self.share)  # the weighted sum of the means is 0
        values, turn = np.linalg.eigh(axes.T @ self.products(0) @ axes)
        turn = axes @ turn
        within, twice = (
            np.maximum(np.sum(turn * (g @ turn), axis=0), 0) for g in map(self.products, (1, 2))
        )
        h = float(np.mean(self.noise))
        variance = _twice_on_diagonal(h**2 * self.square + h * (within[:, None] + within))
        covariance = _twice_on_diagonal(h**2 * self.cube + h * (twice[:, None] + twice))
        thin = "the thinnest axis of the class means is no longer than its noise"
        _need(not np.any(values <= SURE * np.sqrt(np.diag(variance))), thin)
        g, w = values[:, None], within[:, None]
        added = variance * (2 * w / (g**3 * g.T) + w.T / (g * g.T) ** 2)
        added -= 2 * covariance / (g**2 * g.T)
        value, excess = float(np.sum(within / values**2)), float(np.sum(added))
        loud = "the noise of the class means is too large for an inverse"
        _need(not abs(excess) > value / 3, loud)
        return value - excess

    def vci(self) -> float:
        """The mean of 1/(1+s²), s² the eigenvalues of the means in Σ_W⁻¹, without their noise.

        (Σ_W+κ)⁻¹ is known at κ > 0 alone where rows are few, so Q(κ) = M(Σ_W+κ)⁻¹Mᵀ less its noise
        is taken at two ridges, and continued to κ = 0 as 1/tr Q, linear in κ, says: exact where Σ_W
        is isotropic. The variance of Q is that of the means, and that of the inverse of a Wishart
        matrix. It adds to the trace of f(x) = 1/(1+x) half the sum over entries of their variance
        times the divided difference of f′, which is subtracted.
        """
        d, f = self.dim, self.within.freedom
        many = "not estimated for more classes than dimensions"
        _need(len(self.share) - 1 <= min(d, self.means.shape[1]), many)
        _need(f >= d / MAX_CONTINUED, f"{self.rows:g} rows are too few for {d} dimensions")
        root = np.sqrt(self.share)[:, None]
        noise, means = root * self.added(self.noise) * root.T, root * self.means

        def q(ridge: float) -> tuple[Float[np.ndarray, "k k"], float, float, float]:
            kappa, df, squares = self.within.at(ridge)
            seen = ridge / kappa * (means / (self.values + ridge)) @ means.T
            return seen - df * noise, kappa, df, squares

        near, far = (self.within.ridge_of(share * min(f, d)) for share in RIDGES)
        few, growth = f < 3 * d, 1.0
        matrix, kappa, df, squares = q(near if few else self.within.least)
        if few:
            other, further, _, _ = q(far)
            trace, beyond = float(np.trace(matrix)), float(np.trace(other))
            _need(min(trace, beyond) > 0, NOT_APART)
            slope = (1 / beyond - 1 / trace) / (further - kappa)
            growth = 1 / max(1 - trace * slope * kappa, 1e-3)
        axes = _across(root[:, 0])
        values = np.linalg.eigvalsh(axes.T @ matrix @ axes)
        h, s = float(np.mean(self.share * self.noise)), growth * values
        _need(not np.any(s <= -1), NOT_APART)
        held, part = np.maximum(values, 0), squares / df
        seen = held + df * h
        variance = squares * h**2 + part * h * (held[:, None] + held)
        variance += part**2 / (f - squares) * np.outer(seen, seen)
        shares = 1 / (1 + s)
        curved = np.outer(shares, shares) ** 2 * (1 / shares[:, None] + 1 / shares)
        added = growth**2 * np.sum(_twice_on_diagonal(variance) * curved) / 2 / len(values)
        return float(np.mean(shares) - added)


def _across(normal: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k l"]:
    """Orthonormal columns, one less than coordinates, across a vector without zeros."""
    columns = np.column_stack([normal, np.eye(len(normal))[:, 1:]])
    return np.linalg.qr(columns)[0][:, 1:]


def _twice_on_diagonal(matrix: Float[np.ndarray, "l l"]) -> Float[np.ndarray, "l l"]:
    return matrix + np.diag(np.diag(matrix))
