"""What pure chance gives, in closed form: rows without structure, labels dealt at random.

Chance is isotropic: rows uniform on the sphere, or Gaussian with the observed total scatter where
rows are taken as they are. Class codes are then independent and uniform on the sphere, and their
cosines pairwise independent with cos² ~ Beta(1/2, (d-1)/2) (Muirhead 1982, theorem 1.5.7): sums
over pairs have exact means and variances, however many pairs there are. Laws of the spectrum are
in `spectrum`; numbers without a law are simulated (`draws`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gramax.frames import bounds
from gramax.metrics.options import Options
from gramax.uncertainty.chance.cosines import angle_tail, largest_cosine, mean_length

MANY_CODES = 30
"""From here on, laws that hold for many codes are within a tenth of an sd of simulations."""


ISOTROPIC, SHUFFLED, GAUSSIAN, NOISE = "isotropic", "shuffled", "Gaussian", "noise bulk"
PAIRED = "re-paired"

REFERENCES = {
    SHUFFLED: "these very rows, their labels shuffled",
    GAUSSIAN: "normal rows of the same mean and covariance",
    NOISE: "the strong directions of these rows in noise that is alike in all others",
    ISOTROPIC: "rows in all directions alike",
    PAIRED: "these very rows, put together at random",
}
"""What numbers are held against, by the name that stands beside them."""


@dataclass(frozen=True)
class Chance:
    """Mean and standard deviation of a number when there is nothing but chance.

    Attributes:
        mean: expected value; NaN where the number is undefined or was too dear to simulate.
        sd: standard deviation from one data set to the next; where the tails are heavier than those
            of a normal law it is wider, so that three of them are about as rare as there.
        method: the law used, or how many draws were simulated, or why there is no value.
        reference: what is left to chance, in a word or two: see `REFERENCES`.

    Example:
        >>> Chance(mean=10.0, sd=2.0, method="an example").z(14.0)
        2.0
    """

    mean: float
    sd: float
    method: str
    reference: str = ISOTROPIC

    def z(self, value: float) -> float:
        """Distance of `value` from chance, in standard deviations; NaN where chance has no spread.

        Example:
            >>> Chance(1.0, 2.0, "an example").z(0.0), Chance(1.0, 0.0, "sure").z(0.5)
            (-0.5, nan)
        """
        return (float(value) - self.mean) / self.sd if self.sd > 0 else math.nan


@dataclass(frozen=True)
class Setting:
    """The sizes that chance depends on.

    Attributes:
        counts: rows of each class that is present, as floats (weights count as rows).
        dim: d, the length of a row.
        normalize: rows on the unit sphere, or as they are.
        variance: of a coordinate of raw rows.
        options: as for the metrics.
    """

    counts: tuple[float, ...]
    dim: int
    normalize: bool
    variance: float
    options: Options

    @property
    def classes(self) -> int:
        """Number of classes present."""
        return len(self.counts)

    @property
    def rows(self) -> float:
        """Number of rows n."""
        return math.fsum(self.counts)

    @property
    def share(self) -> np.ndarray:
        """Weight of each class in a mean over classes; sums to 1."""
        counts = np.asarray(self.counts)
        macro = self.options.weighting == "macro"
        return np.full(len(counts), 1 / len(counts)) if macro else counts / counts.sum()


Law = Callable[[Setting], Chance | None]
"""A law gives None where it does not apply; the number is then simulated."""

LAWS: dict[str, Law] = {}
"""The laws by the name of their metric."""


def law(name: str) -> Callable[[Law], Law]:
    """Register a law under the name of its metric."""
    return lambda function: LAWS.setdefault(name, function)


def rescaled(chance: Chance | None, scale: float = 1.0, shift: float = 0.0) -> Chance | None:
    """Chance of a number times `scale`, plus `shift`."""
    return chance and Chance(chance.mean * scale + shift, chance.sd * scale, chance.method)


# -- collapse -----------------------------------------------------------------------------------


@law("scatter_ratio")
def _scatter_ratio(s: Setting) -> Chance | None:
    """Random labels leave (n-c)/(n-1) within, whatever the rows: the mean over permutations."""
    n, c, d = s.rows, s.classes, s.dim
    if c < 2 or n <= c or s.options.weighting != "sample":
        return None
    mean = (n - c) / (n - 1)
    if not s.normalize:  # within/total ~ Beta(d(n-c)/2, d(c-1)/2), independent χ²
        return Chance(mean, math.sqrt(2 * mean * (1 - mean) / (d * (n - 1) + 2)), "exact Beta law")
    # 1 - ratio = (Σ_k n_k|μ_k|² - n|μ|²)/(n - n|μ|²): to first order a weighted sum of the
    # pairwise independent cosines, of variance 1/d each, by their weights in and across classes.
    counts = np.asarray(s.counts)
    a = (n - c) / (n * (n - 1))
    within = np.sum(counts * (counts - 1) / 2 * (4 / counts**2 - 8 * a / counts))
    squares = within + 4 * a * a * n * (n - 1) / 2
    sd = math.sqrt(max(squares, 0.0) / d) / (n - 1)
    return Chance(mean, sd, "exact mean over permutations; first-order sd")


@law("within_class_variance")
def _within_class_variance(s: Setting) -> Chance | None:
    counts, share = np.asarray(s.counts), s.share
    if s.rows < 2 or max(s.counts) < 2:
        return None
    if not s.normalize:
        freedom, scale = s.dim * (counts - 1), s.variance * share / counts
        mean, sd = np.sum(scale * freedom), math.sqrt(np.sum(scale**2 * 2 * freedom))
        return Chance(float(mean), sd, "exact χ² law")
    length, variance = mean_length(counts, s.dim)
    mean, sd = 2 * np.sum(share * (1 - length)), 2 * math.sqrt(np.sum(share**2 * variance))
    return Chance(float(mean), sd, "Beta law of the length of a class mean")


@law("collapse_ratio")
def _collapse_ratio(s: Setting) -> Chance | None:
    """On the sphere the total scatter is 1 - |mean|², which for many rows is sure: 1 - 1/n."""
    if not s.normalize:
        return _scatter_ratio(s)
    if s.classes < 2 or s.rows < 1000:
        return None
    return rescaled(_within_class_variance(s), 1 / (1 - 1 / s.rows))


# -- crosstalk and reach ------------------------------------------------------------------------


def _squared_cosine(d: int) -> tuple[float, float]:
    """Mean and variance of the squared cosine of two random directions."""
    return 1 / d, 2 * (d - 1) / (d * d * (d + 2))


@law("class_coherence")
def _coherence(s: Setting) -> Chance | None:
    if s.classes < 2 or (2 < s.classes < MANY_CODES):
        return None  # the pairs of few codes are not independent enough
    pairs = s.classes * (s.classes - 1) / 2
    mean, sd = largest_cosine(pairs, s.dim)
    return Chance(mean, sd, f"largest of {pairs:.0f} random cosines, each by its exact law")


@law("class_largest_cosine")
def _largest_cosine(s: Setting) -> Chance | None:
    """Centring takes about 1/c from every cosine; within a quarter of an sd of simulations."""
    c, d = s.classes, s.dim
    if c <= max(d + 1, 3):
        return None  # centring ties the cosines of few codes to each other
    mean, sd = largest_cosine(c * (c - 1) / 2, d, signed=True)
    return Chance((c * mean - 1) / (c - 1), sd, "largest of random cosines, less 1/c for centring")


@law("class_frame_potential")
def _frame_potential(s: Setting) -> Chance | None:
    c, (mean, variance) = s.classes, _squared_cosine(s.dim)
    if c < 2:
        return None
    sd = math.sqrt(2 * c * (c - 1) * variance)
    return Chance(c + c * (c - 1) * mean, sd, "exact moments of pairwise independent cosines")


@law("class_simplex_error")
def _simplex_error(s: Setting) -> Chance | None:
    """The mean square is a sum over pairs, with exact moments."""
    c, (mean, variance) = s.classes, _squared_cosine(s.dim)
    if c < MANY_CODES:
        return None
    tau = 1 / (c - 1)
    square = (c - 1) / c * (mean + tau * tau)
    spread = 2 * (c - 1) / c**3 * (variance + 4 * tau * tau * mean)
    return _root(square, spread, "moments of pairwise independent cosines, to second order")


@law("class_simplex_error_centred")
def _centred_error(s: Setting) -> Chance | None:
    """Cosines of centred codes vary about -1/(c-1) =: ρ by (1-ρ²)²/d, as correlations do.

    Within a tenth of an sd of simulations, and the sd within a seventh of itself.
    """
    c, d = s.classes, s.dim
    if not MANY_CODES <= c <= d + 1:
        return None
    variance = (1 - 1 / (c - 1) ** 2) ** 2 / d
    square, spread = (c - 1) / c * variance, 4 * (c - 1) / c**3 * variance**2 * d / (d + 2)
    return _root(square, spread, "law of correlations of independent codes, to second order")


def _root(square: float, spread: float, method: str) -> Chance:
    """The root, to second order, of a number with this mean and variance."""
    root = math.sqrt(square) * (1 - spread / (8 * square * square))
    return Chance(root, math.sqrt(spread / square) / 2, method)


@law("mean_cosine")
def _mean_cosine(s: Setting) -> Chance | None:
    if not s.normalize or s.rows < 2:
        return None
    sd = math.sqrt(2 / (s.dim * s.rows * (s.rows - 1)))
    return Chance(0.0, sd, "exact moments of pairwise independent cosines")


@law("uniformity")
def _uniformity(s: Setting) -> Chance | None:
    """The potentials of pairs are pairwise independent, as their cosines are."""
    if s.dim < 2 or s.rows < 2:
        return None
    phi, tail = angle_tail(s.dim)
    weights = (tail[:-1] - tail[1:]) / 2  # of cells of φ, and of as many of -φ
    cosines = np.sin((phi[1:] + phi[:-1]) / 2)
    mean, square = (
        float(np.sum(weights * (np.exp(t * (cosines - 1)) + np.exp(-t * (cosines + 1)))))
        for t in (4, 8)
    )
    sd = math.sqrt((square / mean**2 - 1) / (s.rows * (s.rows - 1) / 2))
    return Chance(math.log(mean) - sd * sd / 2, sd, "law of the potential of a random pair")


LAWS["class_welch_gap"] = lambda s: rescaled(
    _coherence(s), shift=-(bounds.welch(s.classes, s.dim) or 0.0)
)
LAWS["class_tight_frame_gap"] = lambda s: rescaled(
    _frame_potential(s), 1 / max(s.classes, s.classes**2 / s.dim), -1
)
