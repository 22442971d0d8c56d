"""Pairs of classes that the rows do not tell apart."""

from __future__ import annotations

import math

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.rows import unit_rows
from gramax.audits.thresholds import SURE, merged_gap
from gramax.metrics.evidence import Evidence
from gramax.moments import ClassMoments
from gramax.uncertainty.chance.spectrum import unbiased_squares

TRIED_ROWS = 16, 128
"""Rows of either class that a pair is tried with: at least, as fewer would not show that two are
apart, and at most."""

RIDGES = 1e-3, 0.1
"""Of the linear rules that try a pair, beside the mean variance of its rows."""


def merged_pairs(
    evidence: Evidence,
    nearest: Int[np.ndarray, " c"],
    rows: Float[np.ndarray, "m d"] | None = None,
    labels: Int[np.ndarray, " m"] | None = None,
) -> list[tuple[int, int]]:
    """Pairs of a class and its nearest whose means lie as close as two means of one class do.

    Means can coincide where classes do not, in a direction of little variance, or around each
    other: where rows are at hand, pairs that these tell apart are left out, and so are those of too
    few rows to show it.
    """
    counts, spread = evidence.moments.counts, evidence.moments.spread
    noise = spread / np.maximum(counts * (counts - 1), 1)  # variance of each mean
    gaps = np.sum((evidence.means - evidence.means[nearest]) ** 2, axis=1)
    bound = merged_gap(dimensions_within(evidence.moments))
    close = (nearest >= 0) & (gaps <= bound * (noise + noise[nearest]))
    ends = np.sort(np.stack([np.arange(len(nearest)), nearest])[:, close], axis=0)
    pairs = sorted(set(zip(*ends.tolist(), strict=True)))
    if rows is None or labels is None or not len(rows):
        return pairs
    x = unit_rows(rows) if evidence.moments.normalize else rows
    places = {k: np.flatnonzero(labels == k) for k in {k for pair in pairs for k in pair}}
    enough = [pair for pair in pairs if min(len(places[k]) for k in pair) >= TRIED_ROWS[0]]
    return [(a, b) for a, b in enough if not told_apart(x[places[a]], x[places[b]])]


def told_apart(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "k d"]) -> bool:
    """Whether rows get their class of two surely more often than by tossing a coin.

    As many rows of both are asked, each left out in turn: by the nearest other row, and by linear
    rules (ridge regression, whose predictions without a row follow from those with it).

    Example:
        >>> rng = np.random.default_rng(0)
        >>> one, far = rng.normal(size=(2, 30, 5)) + np.array([[[0.0]], [[2.0]]])
        >>> told_apart(one, far), told_apart(one, rng.normal(size=(30, 5)))
        (True, False)
    """
    m = min(len(a), len(b), TRIED_ROWS[1])
    x = np.concatenate([a[:m], b[:m]]).astype(np.float64)
    x, side = x - np.mean(x, axis=0), np.repeat([-1.0, 1.0], m)
    gram = x @ x.T
    gaps = np.diag(gram) - 2 * gram
    np.fill_diagonal(gaps, np.inf)
    right = [np.mean(side[np.argmin(gaps, axis=1)] == side)]
    values, axes = np.linalg.eigh(gram)
    for share in RIDGES:
        ridge = share * np.sum(np.abs(values)) / min(x.shape) + np.finfo(float).tiny
        hat = axes * (np.abs(values) / (np.abs(values) + ridge)) @ axes.T
        own = np.diag(hat) + 0.5 / m  # the mean has seen each row too
        right.append(np.mean((side @ hat - own * side) * side > 0))
    return bool(max(right) - 0.5 > SURE * 0.5 / math.sqrt(2 * m))


def dimensions_within(moments: ClassMoments) -> float:
    """Participation ratio (Σλ)²/Σλ² of the covariance within classes, without its bias."""
    if moments.scatter is None:
        return 1.0
    free = float(moments.counts.sum() - np.sum(moments.counts > 0))
    trace, squares = float(np.trace(moments.scatter)), float(np.sum(moments.scatter**2))
    unbiased = unbiased_squares(trace, squares, free) if free > 1 else 0.0
    return min(trace**2 / unbiased, moments.dim) if unbiased > 0 else 1.0
