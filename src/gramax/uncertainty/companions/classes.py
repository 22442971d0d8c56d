"""Distances of class means, and the collapse that they measure, without the noise of the means."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float
from gramax.metrics.evidence import Evidence
from gramax.moments import ClassMoments
from gramax.uncertainty.companions.ranks import (
    MAX_CONTINUED,
    MIN_FREEDOM,
    Population,
    TooFewRowsError,
)

MAX_CLASSES = 4096
"""Classes up to which the pairs of their means are looked at."""

SURE = 3.0
"""Standard deviations of its noise by which a distance must exceed 0 to be divided by."""

RIDGES = (0.6, 0.3)
"""Shares of the degrees of freedom at which the VCI takes its two ridges, for f < 3d."""


# -- class means without their noise ------------------------------------------------------------


@dataclass(frozen=True)
class ClassMeans:
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
    within: Population
    eigenvalues: Float[np.ndarray, " r"]
    square: float
    cube: float

    @classmethod
    def of(cls, e: Evidence) -> ClassMeans:
        """The classes of some evidence.

        Raises:
            TooFewRowsError: they hold too few rows, or are too many.
        """
        there = np.flatnonzero(e.present)
        k, freedom = len(there), float(e.n) - len(there)
        if freedom < MIN_FREEDOM:
            raise TooFewRowsError(
                f"needs at least {k + MIN_FREEDOM} rows of {k} classes, got {e.n:g}"
            )
        if k > MAX_CLASSES:
            raise TooFewRowsError(f"of more than {MAX_CLASSES:,} classes it is not computed")
        noise = e.moments.weight_squares[there] / e.weights[there] ** 2
        values, vectors = e.within_spectrum
        values = np.where(values > 0, values, 0) * float(e.n) / freedom
        if not np.max(values) > 0:
            raise TooFewRowsError("no scatter within classes")
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
            within=Population(values[values > 0], freedom),
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
        g = ClassMeans.of(e).gram
    except TooFewRowsError as few:
        raise ValueError(str(few)) from None
    there = np.flatnonzero(e.present)
    found = np.full((e.present.size,) * 2, np.nan)
    found[np.ix_(there, there)] = np.diag(g)[:, None] + np.diag(g) - 2 * g
    return found


def cdnv(k: ClassMeans) -> float:
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
        raise TooFewRowsError("two class means are no further apart than their noise")
    both = (k.variance[:, None] + k.variance)[where]
    return float(np.mean(both / (2 * drawn)))


def nc1_quotient(k: ClassMeans) -> float:
    """The ratio tr Σ_W/tr Σ_B of unbiased traces."""
    between, classes = float(np.trace(k.gram)), len(k.share)
    h = float(np.mean(k.noise))
    noise = 2 * h**2 * k.square * classes + 4 * h * max(float(np.trace(k.spread)), 0.0)
    _sure(between, math.sqrt(noise))
    return float(k.share @ k.variance) * classes / between


def _sure(value: float, noise: float) -> None:
    if value <= SURE * noise:
        raise TooFewRowsError("the class means are no further apart than their noise")


def _across(normal: Float[np.ndarray, " k"]) -> Float[np.ndarray, "k l"]:
    """Orthonormal columns, one less than coordinates, across a vector without zeros."""
    columns = np.column_stack([normal, np.eye(len(normal))[:, 1:]])
    return np.linalg.qr(columns)[0][:, 1:]


def nc1_pinv(k: ClassMeans) -> float:
    """tr(Σ_W Σ_B⁺)/K = tr(G⁺ H G⁺) of the Gram matrices G of the means and H in Σ_W.

    G and H have their noise taken out. With noise E left in G and F in H, the trace is too large by
    2 tr G⁻¹EG⁻¹EG⁻¹HG⁻¹ + tr G⁻¹EG⁻¹HG⁻¹EG⁻¹ - 2 tr G⁻¹EG⁻¹FG⁻¹ to second order; the mean of that,
    by the variances of E and F, is subtracted.
    """
    count, r = k.means.shape
    if count - 1 > r:
        raise TooFewRowsError("has no inverse of so many class means")
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
        raise TooFewRowsError("the thinnest axis of the class means is no longer than its noise")
    g, w = values[:, None], within[:, None]
    added = variance * (2 * w / (g**3 * g.T) + w.T / (g * g.T) ** 2) - 2 * covariance / (g**2 * g.T)
    value, excess = float(np.sum(within / values**2)), float(np.sum(added))
    if abs(excess) > value / 3:
        raise TooFewRowsError("the noise of the class means is too large for an inverse")
    return value - excess


# -- the collapse that a linear map cannot change -----------------------------------------------


def vci(k: ClassMeans, e: Evidence) -> float:
    """The mean of 1/(1+s²), s² the eigenvalues of the means in Σ_W⁻¹, without their noise.

    (Σ_W+κ)⁻¹ is known at κ > 0 alone where rows are few, so Q(κ) = M(Σ_W+κ)⁻¹Mᵀ less its noise is
    taken at two ridges, and continued to κ = 0 as 1/tr Q, linear in κ, says: exact where Σ_W is
    isotropic. What the variance of Q adds to the mean of 1/(1+s²) is subtracted, to second order.
    """
    count, d, f = len(k.share), e.dim, k.within.freedom
    if count - 1 > min(d, k.means.shape[1]):
        raise TooFewRowsError("not estimated for more classes than dimensions")
    if f < d / MAX_CONTINUED:
        raise TooFewRowsError(f"{e.n:g} rows are too few for {d} dimensions")
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
        raise TooFewRowsError("the class means are no further apart than their noise")
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
        raise TooFewRowsError("the class means are no further apart than their noise")
    held, part = np.maximum(values, 0), squares / df
    seen = held + df * h
    variance = squares * h**2 + part * h * (held[:, None] + held)
    variance += part**2 / (freedom - squares) * np.outer(seen, seen)
    variance += np.diag(np.diag(variance))
    shares = 1 / (1 + s)
    curved = np.outer(shares, shares) ** 2 * (1 / shares[:, None] + 1 / shares)
    return float(np.mean(shares) - growth**2 * np.sum(variance * curved) / 2 / len(values))
