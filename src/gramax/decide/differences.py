"""Which of many spaces differ beyond noise, where all are of the same rows.

What two spaces owe to the rows that were drawn cancels in their difference, so that errors are
those of differences. Whoever picks the best of many and compares the others with it has looked at
all pairs: an interval is as wide as the largest difference of all pairs, over its error, gets by
chance (single-step max-t, Hothorn, Bretz & Westfall 2008). That largest one is simulated with the
covariance that the spaces have, so that many layers that are nearly one cost little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float
from gramax.uncertainty.intervals import NORMAL_95

DRAWS, DRAWS_AT_ONCE, MAX_DEGREES = 4000, 200, 100
"""Draws of the largest difference, those that are held together, and the degrees of freedom from
which on the errors themselves are taken to be known."""


@dataclass(frozen=True)
class Differences:
    """Differences of m spaces by one number, with their errors."""

    values: Float[np.ndarray, " m"]  # the number
    # the standard error of each difference; NaN where there is none
    errors: Float[np.ndarray, "m m"]
    # the standard errors beyond which a difference is real, in 95 % for all pairs together
    sure: float

    def between(self, one: int, other: int) -> tuple[float, float, float]:
        """The difference one minus other, and the ends of its interval."""
        difference = float(self.values[one] - self.values[other])
        reach = self.sure * float(self.errors[one, other])
        return difference, difference - reach, difference + reach


def of_hits(hits: Float[np.ndarray, "m n"], folds: int) -> Differences:
    """Differences of the shares of rows for which each space is right, by pairs of the same rows.

    Two rows are added to each pair, one that differs either way half of the time: that no row was
    seen to differ does not mean that none would (Agresti & Min 2005). Other rows to learn from
    would give other shares too, which the rows that are judged do not tell. Without an allowance
    for that, one in seven comparisons of five equal layers (400 rows, 16 dimensions) finds a
    difference. That of Nadeau & Bengio 2003 doubles the variance, too much for very many rows.

    Example:
        >>> found = of_hits(np.eye(2)[np.arange(400) % 4 // 3].T, folds=20)
        >>> [round(x, 2) for x in found.between(0, 1)]
        [0.5, 0.38, 0.62]
    """
    m, n = hits.shape
    values = hits.mean(axis=1)
    products = hits @ hits.T
    squares = np.diag(products)[:, None] + np.diag(products) - 2 * products
    gaps = values[:, None] - values
    variances = ((squares + 1) / (n + 2) - (gaps * n / (n + 2)) ** 2) / (n + 2)
    errors = np.sqrt(np.maximum(variances, 0) * (1 + folds / (folds - 1))) * (1 - np.eye(m))
    centred = hits - values[:, None]
    own = np.sqrt(_of_differences(centred @ centred.T / n**2))
    return Differences(values, errors, _sure(centred @ centred.T / n**2, own, n - 1))


def of_blocks(values: Float[np.ndarray, " m"], left: Float[np.ndarray, "m b"]) -> Differences:
    """Differences of a number whose values without each block of the rows are known.

    Source:
        Tukey 1958; Shao & Tu 1995, section 2.3.
    """
    covariance = _covariance(left)
    errors = np.sqrt(_of_differences(covariance))
    return Differences(values, errors, _sure(covariance, errors, left.shape[1] - 1))


def _covariance(left: Float[np.ndarray, "m b"]) -> Float[np.ndarray, "m m"]:
    """The jackknife's covariance of numbers, from their values without each block."""
    b = left.shape[1]
    centred = left - left.mean(axis=1, keepdims=True)
    return (b - 1) / b * centred @ centred.T


def _of_differences(covariance: Float[np.ndarray, "... m m"]) -> Float[np.ndarray, "... m m"]:
    """Variances of all differences; what is rounding is 0."""
    own = np.diagonal(covariance, axis1=-2, axis2=-1)
    both = own[..., :, None] + own[..., None, :]
    variances = both - 2 * covariance
    return np.where(variances > 1e-12 * both, variances, 0.0)


def _sure(
    covariance: Float[np.ndarray, "m m"], errors: Float[np.ndarray, "m m"], degrees: int
) -> float:
    """The 95 % quantile of the largest difference of all pairs, in its standard errors."""
    m, rng, largest = len(covariance), np.random.default_rng(0), []
    values, axes = np.linalg.eigh(covariance)
    root = axes * np.sqrt(np.maximum(values, 0))
    for _ in range(DRAWS // DRAWS_AT_ONCE):
        drawn = rng.normal(size=(DRAWS_AT_ONCE, m)) @ root.T
        gaps, scale = drawn[:, :, None] - drawn[:, None, :], errors
        if degrees <= MAX_DEGREES:  # errors are estimates too: Wishart's
            x = rng.normal(size=(DRAWS_AT_ONCE, degrees, m)) @ root.T
            scale = np.sqrt(_of_differences(x.swapaxes(1, 2) @ x / degrees))
        with np.errstate(divide="ignore", invalid="ignore"):
            sizes = np.where(scale > 0, np.abs(gaps) / scale, 0.0)
        largest.append(sizes.max(axis=(1, 2)))
    return max(NORMAL_95, float(np.quantile(np.concatenate(largest), 0.95)))
