"""What is odd about single rows and classes, found in the rows themselves and their neighbours.

Copies of rows, rows far from all others, classes that lie in far fewer directions than the others,
pairs of classes that nearest neighbours confuse, and how much of every row is common to all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.cloud import Directions, representatives
from gramax.arrays.nearest import Neighbours
from gramax.arrays.rows import unit_rows
from gramax.audits.thresholds import A_POINT
from gramax.metrics.neighbours import HUB_NEIGHBOURS
from gramax.uncertainty.chance.spectrum import unbiased_squares

MAX_NAMED = 10
"""Rows, groups and pairs that are named; all are counted."""

FAR, FARTHER = 5.0, 3.0
"""How far an outlier is: its tenth neighbour, against those of all rows and of its neighbours, in
units of the upper half of their spread (on a logarithmic scale)."""

FEWEST_ROWS = 50
"""Rows below which none is called an outlier: the spread is not known."""

MAX_AVERAGED = 16_384
"""Rows that an average over rows is taken of, at even steps: no second copy of many is made."""

CLASS_ROWS, FEWEST_CLASS_ROWS = 64, 8
"""Rows of a class whose directions are looked at: at most, and at least."""

LOST_DIRECTIONS = 0.2
"""Directions of a class over the median of all classes: below it the class has lost rank."""

TOUCHES_ZERO = 0.01
"""Squared least values over squared mean values of the dimensions: below it rows that are not
negative reach down to 0, as rectified features do."""


@dataclass(frozen=True)
class Confused:
    """Two classes, and the rows of either whose nearest neighbour is of the other."""

    a: str
    b: str
    rows: int


@dataclass(frozen=True)
class Findings:
    """What was found in the rows that were looked at; rows by their number in the source, from 0.

    Attributes:
        looked_at: how many rows.
        outliers: rows far from all others, the farthest first, `MAX_NAMED` at most.
        outlier_count: how many there are.
        copies: groups of rows that are one row, up to rounding; the largest first, and of each the
            first rows, `MAX_NAMED` at most.
        copy_groups: how many groups.
        copied_rows: how many rows are in them.
        largest_group: how many rows are in the largest.
        torn_groups: groups whose rows have several labels.
        flat: classes in far fewer directions than the others.
        common: share of the squared length of a row that is common to all classes (rows, without
            labels), each class weighing alike; of features that are not negative, beyond what
            they share for that reason.
        confused: pairs of classes by the rows whose nearest neighbour is of the other class.
    """

    looked_at: int
    outliers: tuple[int, ...]
    outlier_count: int
    copies: tuple[tuple[int, ...], ...]
    copy_groups: int
    copied_rows: int
    largest_group: int
    torn_groups: int
    flat: tuple[str, ...]
    common: float
    confused: tuple[Confused, ...]


def find(
    rows: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    numbers: Int[np.ndarray, " m"],
    names: tuple[str, ...],
    normalize: bool,
    neighbours: Neighbours,
) -> Findings:
    """What is odd about these rows.

    Args:
        rows: as they were read.
        labels: their classes, places in `names`.
        numbers: of the rows, in the source.
        names: of the classes; () without labels.
        normalize: whether they are taken on the unit sphere.
        neighbours: of the rows, so taken.
    """
    groups = copies(rows, normalize, neighbours)
    far = outliers(neighbours)
    if groups:  # a row that has copies is not far from all others
        far = far[~np.isin(far, np.concatenate(groups))]
    return Findings(
        looked_at=len(rows),
        outliers=tuple(numbers[far[:MAX_NAMED]].tolist()),
        outlier_count=len(far),
        copies=tuple(tuple(numbers[g[:MAX_NAMED]].tolist()) for g in groups[:MAX_NAMED]),
        copy_groups=len(groups),
        copied_rows=sum(map(len, groups)),
        largest_group=len(groups[0]) if groups else 0,
        torn_groups=sum(bool(np.ptp(labels[g]) > 0) for g in groups) if names else 0,
        flat=tuple(names[k] for k in flat_classes(rows, labels, normalize)) if names else (),
        common=common_share(rows, labels if names else None),
        confused=confused(labels, names, neighbours) if names else (),
    )


def outliers(neighbours: Neighbours) -> Int[np.ndarray, " k"]:
    """Rows whose tenth neighbour is far off, beside those of all rows and those of its neighbours.

    The second keeps a sparse cluster from being taken for outliers, and ten neighbours a handful of
    rows from hiding each other. The farthest row comes first.
    """
    distances = neighbours.distances[:, HUB_NEIGHBOURS - 1]
    there = neighbours.exists & np.isfinite(distances) & (distances > 0)
    if np.sum(there) < FEWEST_ROWS:
        return np.arange(0)
    reach = np.log(np.where(there, distances, 1.0))
    around = neighbours.where[:, :HUB_NEIGHBOURS]
    beyond = reach - np.mean(reach[around], axis=1)
    far = there.copy()
    for values, most in ((reach, FAR), (beyond, FARTHER)):
        middle, upper = np.quantile(values[there], (0.5, 0.84))
        far &= values > middle + most * max(upper - middle, 1e-9)
    found = np.flatnonzero(far)
    return found[np.argsort(-reach[found], kind="stable")]


def copies(
    rows: Float[np.ndarray, "m d"], normalize: bool, neighbours: Neighbours
) -> list[Int[np.ndarray, " g"]]:
    """Groups of rows that are one row up to rounding, the largest first."""
    if np.all(neighbours.exists):
        return []
    first = representatives(Directions(rows) if normalize else rows, np.finfo(rows.dtype).eps)
    order = np.argsort(first, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(first[order])) + 1)
    return sorted((group for group in groups if len(group) > 1), key=len, reverse=True)


def flat_classes(
    rows: Float[np.ndarray, "m d"], labels: Int[np.ndarray, " m"], normalize: bool
) -> list[int]:
    """Classes whose rows spread over far fewer directions than those of the median class.

    Directions are the participation ratio without its bias, of few rows of each class.
    """
    order = np.argsort(labels, kind="stable")
    classes, first = np.unique(labels[order], return_index=True)
    found, traces = np.full((2, len(classes)), math.nan)
    for k, some in enumerate(np.split(order, first[1:])):
        if len(some) >= FEWEST_CLASS_ROWS:
            x = np.asarray(rows[some[:CLASS_ROWS]], np.float64)
            x = unit_rows(x) if normalize else x
            x -= np.mean(x, axis=0)
            gram = x @ x.T
            trace, squares = float(np.trace(gram)), float(np.sum(gram**2))
            unbiased = unbiased_squares(trace, squares, len(x) - 1)
            traces[k] = trace / len(x)
            found[k] = trace**2 / unbiased if unbiased > 0 else math.inf
    if np.any(np.isfinite(traces)):  # a class that is a point has lost more, and is told elsewhere
        found[traces <= A_POINT * np.nanmedian(traces)] = math.nan
    if np.sum(np.isfinite(found)) < 2:
        return []
    return classes[found < LOST_DIRECTIONS * np.nanmedian(found)].tolist()


def common_share(
    rows: Float[np.ndarray, "m d"], labels: Int[np.ndarray, " m"] | None = None
) -> float:
    """The average cosine of two rows of different classes, classes weighing alike.

    Without labels, of two rows. Features that are not negative share the direction of all ones, and
    for rectified ones of random codes nothing else: of these it is the part beyond that direction.
    """
    some = evenly(len(rows), MAX_AVERAGED)
    rows, labels = rows[some], None if labels is None else labels[some]
    x = unit_rows(np.asarray(rows, np.float64))
    n = len(x)
    if labels is None or np.ptp(labels) == 0:
        sums, squares, count = np.sum(x, axis=0), float(np.sum(x * x)), n
    else:
        order = np.argsort(labels, kind="stable")
        _, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
        means = np.add.reduceat(x[order], first) / counts[:, None]
        sums, squares, count = np.sum(means, axis=0), float(np.sum(means**2)), len(counts)
    if count < 2:
        return math.nan
    share = float(sums @ sums - squares) / (count * (count - 1))
    least, mean = np.min(rows, axis=0), np.mean(rows, axis=0, dtype=np.float64)
    if np.min(least) >= 0 and np.sum(least**2) < TOUCHES_ZERO * np.sum(mean**2):
        along = float(np.mean(np.sum(x, axis=1))) / math.sqrt(np.sum(mean > 0))
        share = (share - along**2) / (1 - along**2) if along < 1 else share
    return share


def confused(
    labels: Int[np.ndarray, " m"], names: tuple[str, ...], neighbours: Neighbours
) -> tuple[Confused, ...]:
    """The pairs of classes with most rows whose nearest neighbour is of the other class."""
    nearest = labels[neighbours.where[:, 0]]
    there = neighbours.exists & np.isfinite(neighbours.distances[:, 0]) & (nearest != labels)
    pairs = np.sort(np.stack([labels[there], nearest[there]], axis=1), axis=1)
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MAX_NAMED]
    return tuple(Confused(names[found[k, 0]], names[found[k, 1]], int(counts[k])) for k in order)


def evenly(n: int, most: int) -> Int[np.ndarray, " k"]:
    """At most so many of the numbers below `n`, at even steps."""
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(int))
