"""The threshold from moments alone: without a look at any pair, for any number of rows."""

from __future__ import annotations

import math

import numpy as np

from gramax._shapes import Float
from gramax.metrics.evidence import Evidence

ROUNDING = 1e-13
"""Variances of cosines up to which they are the rounding of squares."""


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
    return np.stack([mean, np.sqrt(np.where(variance > ROUNDING, variance, 0))])


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
