"""False accepts and false rejects over the cosine, with errors that leave out classes.

Rows of a class hang together, and a million pairs of ten classes are ten classes, not a million
observations. So every number is computed again without the pairs of one class (or group of
classes) at a time: the jackknife of a statistic of pairs (Arvesen 1969). Its deviation is taken
with Student's quantile for as many degrees of freedom as classes of equal size would be worth as
much (Kish 1965): one less holds the truth too often where few large classes have most of the pairs,
and as many as there are classes too rarely (`python -m benchmarks.threshold`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from gramax._shapes import Float
from gramax.decide.decision import Estimate
from gramax.decide.pair_counts import PairCounts
from gramax.metrics.evidence import Evidence
from gramax.uncertainty.chance.cosines import student_quantile

Kind = Literal["same", "different"]
LEVEL = 0.95
LEAST_SHOWN = 1e-3
FEW_ERRORS = 30
"""Pairs that must pass for a false-accept rate to be told: the rule of 30 (Doddington 1998)."""


ROUNDED_VARIANCE = 1e-13
"""Variances of cosines up to which they are the rounding of squares."""


class ErrorRates:
    """The two error rates of one set of pairs at every edge of the bins."""

    def __init__(
        self,
        edges: Float[np.ndarray, " b1"],
        same: Float[np.ndarray, " b"],
        different: Float[np.ndarray, " b"],
    ) -> None:
        """Counts of pairs in the bins; rates of no pairs are NaN."""
        self.edges, self._counts = edges, (same, different)
        with np.errstate(invalid="ignore", divide="ignore"):
            below = [np.r_[0, np.cumsum(k)] / k.sum() for k in (same, different)]
        self.rejects, self.accepts = below[0], 1 - below[1]

    def equal(self) -> tuple[float, float]:
        """The cosine at which both rates are equal (in the middle of several), and that rate."""
        t = _crossing(self.edges, self.rejects - self.accepts)
        return t, (self.at(t)[0] + self.at(t)[1]) / 2

    def cosine(self, accepts: float) -> float:
        """The cosine above which this share of the different pairs lies."""
        return _crossing(self.edges, accepts - self.accepts)

    def at(self, cosine: float) -> tuple[float, float]:
        """The rates of false accepts and of false rejects there."""
        accepts, rejects = (np.interp(cosine, self.edges, k) for k in (self.accepts, self.rejects))
        return float(accepts), float(rejects)

    def moments(self) -> Float[np.ndarray, "2 2"]:
        """Means, and below them deviations, of the cosines of pairs of one class and of two."""
        middle, found = (self.edges[1:] + self.edges[:-1]) / 2, []
        for counts in self._counts:
            total = float(counts.sum()) or math.nan
            mean = float(middle @ counts) / total
            found.append((mean, math.sqrt(float((middle - mean) ** 2 @ counts) / total)))
        return np.array(found).T

    def d_prime(self) -> float:
        """Distance of the two means over the root of the average variance."""
        return d_prime(self.moments())


def d_prime(moments: Float[np.ndarray, "2 2"]) -> float:
    """d′ of the means and deviations of two kinds of pairs; NaN where neither kind spreads."""
    (same, different), deviations = moments
    spread = math.sqrt(float(deviations @ deviations) / 2)
    return float(same - different) / spread if spread > 0 else math.nan


def pair_moments(found: Evidence) -> Float[np.ndarray, "2 2"]:
    """Means, and below them deviations, of the cosines of pairs of one class and of two.

    Both means are exact, and so is the spread of all pairs together. That of pairs of one class
    takes all classes to have one shape, each in its own size: rows x, x' of a class with mean μ and
    covariance S have var(x·x') = 2 μᵀSμ + tr S².

    Example:
        >>> from gramax.moments import ClassMoments
        >>> x = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
        >>> print(pair_moments(Evidence(ClassMoments.of(x, np.array([0, 0, 1, 1]), 2))))
        [[1. 0.]
         [0. 0.]]
    """
    n, rows = float(found.n), np.asarray(found.rows)
    means, pairs = found.origin_means, rows * (rows - 1)
    same, every = float(pairs.sum()), n * (n - 1)
    lengths = np.sum(means**2, axis=1)  # of each class mean, squared
    of_class = np.where(pairs > 0, rows**2 * lengths - rows, 0) / np.maximum(pairs, 1)
    whole = rows @ means
    sums = np.array([pairs @ of_class, whole @ whole - n])

    shape, size = found.within, found.within_trace
    covariance = found.moments.spread / np.maximum(rows - 1, 1) / (size if size > 0 else 1)
    along = np.einsum("cd,de,ce->c", means, shape, means)
    squares = of_class**2 + 2 * covariance * along + covariance**2 * np.sum(shape**2)
    powers = np.array([pairs @ squares, n * n * np.sum(found.second_moment**2) - n])

    counts = np.array([same, every - same])
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.array([sums[0], sums[1] - sums[0]]) / counts
        square = np.array([powers[0], powers[1] - powers[0]]) / counts
    variance = square - mean**2
    return np.stack([mean, np.sqrt(np.where(variance > ROUNDED_VARIANCE, variance, 0))])


def equal_error(moments: Float[np.ndarray, "2 2"]) -> tuple[float, float]:
    """The cosine at which two normal laws make equal errors, and that error.

    Example:
        >>> print(np.round(equal_error(np.array([[0.9, 0.1], [0.2, 0.2]])), 4))
        [0.5    0.0228]
    """
    (same, different), (s, d) = moments
    if not s + d > 0:
        s = d = 1e-9 if same > different else math.nan
    cosine = (same * d + different * s) / (s + d)
    return float(cosine), math.erfc((same - different) / (s + d) / math.sqrt(2)) / 2


class LeaveOut:
    """Numbers of all pairs, with intervals from leaving out the classes in turn.

    Attributes:
        rates: of all pairs.
        worth: how many classes of equal size the pairs of one class, and of two, are worth.
    """

    def __init__(self, counts: PairCounts) -> None:
        """The rates of all pairs, and those without each group of classes."""
        edges = counts.edges
        self.rates = ErrorRates(edges, counts.all_same, counts.all_different)
        groups = range(len(counts.same))
        self._others = [ErrorRates(edges, *counts.without(g)) for g in groups if counts.sizes[0, g]]
        rows, same = counts.sizes
        self.worth: dict[Kind, float] = {"same": _worth(same), "different": _worth(rows)}
        every: dict[Kind, Any] = {"same": counts.all_same, "different": counts.all_different}
        self._least: dict[Kind, float] = {kind: 0.5 / k.sum() for kind, k in every.items()}
        self._counts = counts

    def rate(self, number: Callable[[ErrorRates], float], by: Kind = "same") -> Estimate:
        """A share of pairs; where it is 0 or 1, as far off as classes without it allow."""
        least = max(self._least.values())
        found = self.estimate(number, by, lambda p: float(_logit(p, least)), _share)
        reach = 1 - (1 - LEVEL) ** (1 / self.worth[by])  # the rule of three
        if found.low is not None and found.value <= least:
            return Estimate(found.value, 0.0, max(found.high or 0.0, reach))
        if found.high is not None and found.value >= 1 - least:
            return Estimate(found.value, min(found.low or 1.0, 1 - reach), 1.0)
        return found

    def curve(
        self, x: Float[np.ndarray, " k"], kind: Kind
    ) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """At cosines: the share of different pairs that pass or of same pairs that fail.

        Its interval is NaN where the share is so near 0 or 1 that no chart shows it.
        """
        name = {"different": "accepts", "same": "rejects"}[kind]
        whole, *others = (
            np.interp(x, rates.edges, getattr(rates, name)) for rates in (self.rates, *self._others)
        )
        least = self._least[kind]
        moved = _logit(np.array(others), least) - _logit(whole, least)
        n = len(moved)
        deviation = np.sqrt((n - 1) / n * np.sum(moved**2, axis=0))
        reach = deviation * _student(self.worth[kind])
        reach = np.where((whole > LEAST_SHOWN) & (whole < 1 - LEAST_SHOWN), reach, np.nan)
        ends = (_share(_logit(whole, least) + sign * reach) for sign in (-1, 1))
        return whole, *ends

    def cosine(self, number: Callable[[ErrorRates], float]) -> Estimate:
        """A cosine that hangs on both kinds of pairs."""
        return self.estimate(number, back=_within)

    def cosine_at(self, accepts: float) -> Estimate:
        """The cosine above which a share of the different pairs lies."""
        part = self._part_of_variance(self.rates.cosine(accepts))
        number = lambda rates: rates.cosine(accepts)  # noqa: E731
        return self.estimate(number, "different", back=_within, part=part)

    def estimate(
        self,
        number: Callable[[ErrorRates], float],
        by: Kind = "same",
        scale: Callable[[float], float] = float,
        back: Callable[[float], float] = float,
        part: float = 1.0,
    ) -> Estimate:
        """A number with an interval that is even on some scale."""
        value = number(self.rates)
        moved = np.array([scale(number(other)) for other in self._others]) - scale(value)
        n = len(moved)
        deviation = math.sqrt(part * (n - 1) / n * float(moved @ moved)) if n else math.nan
        if not math.isfinite(deviation):
            return Estimate(value)
        reach = deviation * _student(self.worth[by])
        ends = (float(back(scale(value) + sign * reach)) for sign in (-1, 1))
        return Estimate(value, *ends)

    def _part_of_variance(self, cosine: float) -> float:
        """How much of the jackknife's variance of a false-accept rate is real: ½ to 1.

        Each pair of classes is left out twice, with the one and with the other: what pairs add by
        themselves is counted twice. The variance for such dyads counts it once (Fafchamps & Gubert
        2007).
        """
        c = self._counts
        accepts, _ = self.rates.at(cosine)
        squares, products, sizes = (
            float(np.interp(cosine, c.edges[:: len(c.edges) // (len(k) - 1)], k)) for k in c.dyads
        )
        once = squares - 2 * accepts * products + accepts**2 * sizes
        above = np.array([np.interp(cosine, c.edges, _above(k)) for k in c.different])
        whole = above - accepts * c.different.sum(axis=1)
        twice = float(whole @ whole)
        return min(max(1 - once / twice, 0.5), 1.0) if twice > 0 else 1.0


def _above(counts: Float[np.ndarray, " b"]) -> Float[np.ndarray, " b1"]:
    """Pairs above every edge."""
    return counts.sum() - np.r_[0, np.cumsum(counts)]


def _worth(sizes: Float[np.ndarray, " g"]) -> float:
    """(Σw)²/Σw²: as many groups of equal size would be worth as much."""
    return float(sizes.sum() ** 2 / (sizes @ sizes)) if sizes.any() else 1.0


def _student(dof: float) -> float:
    """Student's two-sided quantile, between those of whole degrees of freedom; of 1 at least."""
    low = max(1, math.floor(dof))
    ends = student_quantile(LEVEL, low), student_quantile(LEVEL, low + 1)
    return float(np.interp(dof, (low, low + 1), ends))


def _within(cosine: float) -> float:
    return min(max(cosine, -1.0), 1.0)


def _logit(p: Any, least: float) -> Any:
    p = np.clip(p, least, 1 - least)
    return np.log(p / (1 - p))


def _share(logit: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(logit, -700, 700)))


def _crossing(edges: Float[np.ndarray, " b1"], rising: Float[np.ndarray, " b1"]) -> float:
    """Where a function that rises from below 0 to above it crosses it; the middle of a plateau."""
    if not np.isfinite(rising[0]):
        return math.nan
    first = int(np.searchsorted(rising, 0, side="left"))
    last = int(np.searchsorted(rising, 0, side="right"))
    if last > first:  # exactly 0 from edge `first` to edge `last` - 1
        return float(edges[first] + edges[last - 1]) / 2
    k = min(max(first, 1), len(edges) - 1)
    a, b = rising[k - 1], rising[k]
    return float(edges[k - 1] + (edges[k] - edges[k - 1]) * -a / (b - a))
