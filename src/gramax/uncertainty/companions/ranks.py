"""Ranks of the population: from products across blocks, and by the law of large matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float
from gramax.metrics.evidence import Evidence
from gramax.moments import ClassMoments

MIN_BLOCKS, MIN_FREEDOM = 4, 8
"""Blocks that hold rows, and rows beyond one for each class, below which nothing is estimated."""

MAX_CONTINUED = 5.0
"""Times the degrees of freedom that a spectrum may have dimensions, as far as can be told."""


class TooFewRowsError(Exception):
    """Rows are too few for an estimate; the message says why."""


# -- products across blocks ---------------------------------------------------------------------


def participation_ratio(parts: list[ClassMoments], e: Evidence) -> float:
    """(tr Σ)²/tr Σ², each from products of different blocks.

    With M_b and s_b the sums of xxᵀ and x over a block, x from the mean of all rows,
    tr Σ² = ⟨tr M_a M_b⟩ - 2⟨s_bᵀ M_a s_c⟩ + ⟨(s_a·s_b)(s_c·s_d)⟩, and (tr Σ)² likewise with traces,
    ⟨⟩ the mean over different blocks, whose weights take the place of the sums in the divisor.
    """
    parts = [part for part in parts if np.sum(part.counts) > 0]
    centred = e.options.center == "global"
    if centred and len(parts) < MIN_BLOCKS:
        raise TooFewRowsError(f"needs rows in at least {MIN_BLOCKS} blocks, got {len(parts)}")
    if len(parts) < 2:
        raise TooFewRowsError("needs rows in at least two blocks")
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
        raise TooFewRowsError("the estimate of tr Σ² is not above 0")
    return above / below


def isoscore(parts: list[ClassMoments], e: Evidence) -> float:
    """The participation ratio, from 0 for one dimension to 1 for all d."""
    return (participation_ratio(parts, e) - 1) / (e.dim - 1) if e.dim > 1 else math.nan


def _different(x: Float[np.ndarray, " b"], y: Float[np.ndarray, " b"]) -> float:
    """Σ x_a y_b over a ≠ b."""
    return float(np.sum(x) * np.sum(y) - np.sum(x * y))


def _fours(products: Float[np.ndarray, "b b"]) -> float:
    """Σ g_ab g_cd over four different blocks: all, less those that share one block or two."""
    g = products - np.diag(np.diag(products))
    return float(np.sum(g) ** 2 - 4 * np.sum(np.sum(g, axis=1) ** 2) + 2 * np.sum(g * g))


# -- the law of large matrices ------------------------------------------------------------------


@dataclass(frozen=True)
class Population:
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


def effective_rank(e: Evidence) -> float:
    """exp(-Σ q log q), q = τ/Σ τ, of the eigenvalues τ of Σ.

    With τ in units of their mean, Σ τ log τ = ∫₀^∞ d/(1+κ) - Σ τ/(τ+κ) dκ, and the law gives
    the last sum at κ > κ₀. Below, it is continued as A t/(t+κ), of the same value and slope at κ₀.
    """
    values, d = e.eigenvalues, e.dim
    values, freedom = values[values > 0], float(e.n) - 1
    if freedom < MIN_FREEDOM or not values.size:
        raise TooFewRowsError(f"needs more than {MIN_FREEDOM} rows")
    spectrum = Population(values * d / np.sum(values), freedom)
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
            raise TooFewRowsError(f"{e.n:g} rows are too few for so flat a spectrum")
        if size > d:
            size, t = d, first * held / (d - held)
        whole += d * math.log1p(first) - size * t * math.log1p(first / t)
    return d * math.exp(-whole / d)
