"""What is measured of rows without labels: of those kept, and their nearest neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.linalg import covariance_root
from gramax.arrays.nearest import Neighbours
from gramax.arrays.rows import unit_rows
from gramax.audits import thresholds
from gramax.audits.findings import evenly
from gramax.metrics.neighbours import HUB_NEIGHBOURS

MAX_AVERAGED, MAX_SEARCHED = 8_192, 1_000
"""Rows that averages are of, and those that are searched again or put into clusters."""

CENTRES, ROUNDS, DRAWS = 8, 15, 3
"""Centres that clusters are looked for with, rounds to find them, and draws of normal rows that
what they explain is held against."""


@dataclass(frozen=True)
class Corpus:
    """What is measured of rows without labels.

    Attributes:
        near_copies: share of rows that have another within `NEAR_COPY` of their length.
        so_near: the share that would have by the distances to the 10th and 20th neighbour, which
            grow slowly where rows lie in few directions.
        hub: the row that is a neighbour most often, and of how many.
        centred_cosine: average cosine of two rows after their mean is taken away.
        length_spread: standard deviation of the lengths over their mean.
        lengths: the least, the median and the largest.
        overlap: share of the ten nearest by cosine that are among the ten of the largest product.
        axis: the dimension with most variance, and its share of all variance.
        islands: groups of neighbours, cut off from the others, of fewer rows than a cluster.
        island_rows: rows on them.
        parts: groups of neighbours in all.
        explained: share of the scatter between `CENTRES` clusters, of rows on the sphere.
        expected: the same of normal rows with their mean and covariance.
        contrast: mean distance of two rows over the median distance to the nearest.
    """

    near_copies: float
    so_near: float
    hub: tuple[int, int]
    centred_cosine: float
    length_spread: float
    lengths: tuple[float, float, float]
    overlap: float
    axis: tuple[int, float]
    islands: int
    island_rows: int
    parts: int
    explained: float
    expected: float
    contrast: float


def measure(
    rows: Float[np.ndarray, "m d"],
    numbers: Int[np.ndarray, " m"],
    normalize: bool,
    neighbours: Neighbours,
) -> Corpus:
    """What is measured of these rows; see `gramax.audits.findings.find` for the arguments."""
    some = np.asarray(rows[evenly(len(rows), MAX_AVERAGED)], np.float64)
    unit, sizes = unit_rows(some), np.linalg.norm(some, axis=1)
    centred = unit_rows(unit - np.mean(unit, axis=0))
    searched = evenly(len(unit), MAX_SEARCHED)
    taken = unit if normalize else some
    met = np.bincount(
        neighbours.where[neighbours.exists, :HUB_NEIGHBOURS].ravel(), minlength=len(rows)
    )
    first = neighbours.distances[:, 0]
    length = 1.0 if normalize else float(np.median(sizes))
    radius = thresholds.NEAR_COPY * length
    near = first[neighbours.exists] <= radius
    apart = first[neighbours.exists & (first > 0) & np.isfinite(first)]
    variances = np.var(taken, axis=0)
    loud = int(np.argmax(variances))
    islands, island_rows, parts = _islands(neighbours)
    explained, expected = _clusters(taken[searched])
    # The mean squared distance of two rows is twice their variance.
    typical = math.sqrt(2 * float(np.sum(variances)))
    return Corpus(
        near_copies=(float(np.sum(near)) + len(rows) - len(near)) / len(rows),
        so_near=_so_near(neighbours, radius),
        hub=(int(numbers[np.argmax(met)]), int(np.max(met))),
        centred_cosine=_mean_cosine(centred),
        length_spread=float(np.std(sizes) / np.mean(sizes)) if np.any(sizes > 0) else math.nan,
        lengths=(float(np.min(sizes)), float(np.median(sizes)), float(np.max(sizes))),
        overlap=_overlap(unit[searched], some[searched]),
        axis=(loud, float(variances[loud] / np.sum(variances)) if np.any(variances > 0) else 0.0),
        islands=islands,
        island_rows=island_rows,
        parts=parts,
        explained=explained,
        expected=expected,
        contrast=typical / float(np.median(apart)) if len(apart) else math.nan,
    )


def _so_near(neighbours: Neighbours, radius: float) -> float:
    """The share of rows with another within a radius, were rows spread as they are further out.

    With ten neighbours within r₁₀ and twenty within r₂₀ there are 10 (r/r₁₀)^m within r, m such
    that it holds for both.
    """
    inner, outer = (
        float(np.median(neighbours.distances[neighbours.exists, k - 1]))
        for k in (HUB_NEIGHBOURS, 2 * HUB_NEIGHBOURS)
    )
    if not 0 < inner < outer < math.inf:
        return 0.0
    directions = math.log(2) / math.log(outer / inner)
    return -math.expm1(-HUB_NEIGHBOURS * min(radius / inner, 1.0) ** directions)


def _mean_cosine(unit: Float[np.ndarray, "m d"]) -> float:
    n, total = np.sum(np.any(unit != 0, axis=1)), np.sum(unit, axis=0)
    return float((total @ total - n) / (n * (n - 1))) if n > 1 else math.nan


def _overlap(unit: Float[np.ndarray, "m d"], rows: Float[np.ndarray, "m d"]) -> float:
    """How many of the ten nearest by cosine are among the ten with the largest inner product."""
    k = min(HUB_NEIGHBOURS, len(unit) - 1)
    if k < 1:
        return math.nan
    best = []
    for x in (unit, rows):
        products = x @ x.T
        np.fill_diagonal(products, -np.inf)
        found = np.zeros(products.shape, bool)
        np.put_along_axis(found, np.argpartition(-products, k - 1, axis=1)[:, :k], True, axis=1)
        best.append(found)
    return float(np.sum(best[0] & best[1])) / (k * len(unit))


def _islands(neighbours: Neighbours) -> tuple[int, int, int]:
    """Groups of neighbours cut off from the others and small; rows on them; groups in all."""
    points = np.flatnonzero(neighbours.exists)
    place = np.full(len(neighbours.exists), -1)
    place[points] = np.arange(len(points))
    near = neighbours.where[points, :HUB_NEIGHBOURS]
    there = np.isfinite(neighbours.distances[points, :HUB_NEIGHBOURS])
    a = np.repeat(np.arange(len(points)), near.shape[1])[there.ravel()]
    b = place[near.ravel()[there.ravel()]]
    part = np.arange(len(points))
    while True:  # the least number of a group goes from neighbour to neighbour, by leaps
        least = part.copy()
        np.minimum.at(least, a, part[b])
        np.minimum.at(least, b, least[a])
        least = least[least]
        if np.array_equal(least, part):
            break
        part = least
    sizes = np.unique(part, return_counts=True)[1]
    small = sizes < max(2 * (HUB_NEIGHBOURS + 1), math.ceil(thresholds.ISLAND * len(points)))
    return int(np.sum(small)), int(np.sum(sizes[small])), len(sizes)


def _clusters(x: Float[np.ndarray, "m d"]) -> tuple[float, float]:
    """The share of the scatter between clusters, and that of normal rows of the same covariance."""
    m, d = x.shape
    if m < 10 * CENTRES:
        return math.nan, math.nan
    middle = np.mean(x, axis=0)
    root = covariance_root(np.cov(x.T).reshape(d, d))
    rng = np.random.default_rng(0)
    drawn = [_explained(rng.standard_normal((m, d)) @ root + middle, rng) for _ in range(DRAWS)]
    return _explained(x, rng), float(np.mean(drawn))


def _explained(x: Float[np.ndarray, "m d"], rng: np.random.Generator) -> float:
    """By Lloyd's algorithm, from centres far from each other (Arthur & Vassilvitskii 2007)."""
    x = x - np.mean(x, axis=0)
    total = float(np.sum(x * x))
    if not total > 0:
        return math.nan
    centres = x[rng.integers(len(x), size=1)]
    gaps = np.sum((x - centres[0]) ** 2, axis=1)
    for _ in range(CENTRES - 1):
        new = x[rng.choice(len(x), p=gaps / np.sum(gaps))] if np.any(gaps > 0) else x[0]
        centres = np.concatenate([centres, new[None]])
        gaps = np.minimum(gaps, np.sum((x - new) ** 2, axis=1))
    own = np.zeros(len(x), int)
    for _ in range(ROUNDS):
        own = np.argmax(x @ centres.T - 0.5 * np.sum(centres**2, axis=1), axis=1)
        for k in np.unique(own):
            centres[k] = np.mean(x[own == k], axis=0)
    return 1 - float(np.sum((x - centres[own]) ** 2)) / total
