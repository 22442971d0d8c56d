"""What the pictures of an audit show, computed once, in bounded size.

Cosines of the class codes as a heat map and a histogram, the spectrum beside the one that chance
gives, and some of the rows in the plane of their two principal axes. Plain NumPy data: `render`
draws it as a page or with matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float, Int
from gramax.audits.portrait.heat import Heat, Histogram, heat_of, histogram_of, histogram_of_rows
from gramax.audits.portrait.order import principal_axes, similar_order
from gramax.uncertainty.chance.spectrum import Spectrum

__all__ = ["Cloud", "Heat", "Histogram", "Portrait", "Scree", "portrait_of"]

CHEAP = 1024
"""Classes and dimensions up to which a portrait takes about a second at most."""

POINTS = 2000
"""Rows shown in the plane."""

BINS = 512
"""Eigenvalues kept; of more, those at evenly spaced logarithms of their number."""


@dataclass(frozen=True)
class Scree:
    """The covariance spectrum.

    Attributes:
        index: which eigenvalues, from 1.
        share: of the whole variance, descending.
        chance: what isotropic rows of the same number would have there.
    """

    index: Int[np.ndarray, " k"]
    share: Float[np.ndarray, " k"]
    chance: Float[np.ndarray, " k"]


@dataclass(frozen=True)
class Cloud:
    """Some rows in the plane of their first two principal axes.

    Attributes:
        points: `[m, 2]` coordinates.
        labels: `[m]` class of each, as a place in `Portrait.names`.
        explained: share of the variance of these rows along each axis.
    """

    points: Float[np.ndarray, "m 2"]
    labels: Int[np.ndarray, " m"]
    explained: tuple[float, float]


@dataclass(frozen=True)
class Portrait:
    """The data behind the pictures of an audit.

    Attributes:
        names: of the classes that have rows; indices elsewhere are places in it.
        codes: heat map of the unit class means; None for fewer than two.
        centred: the same after centring by the mean of the class means, in the same order.
        cosines: of all pairs of codes, or of the rows shown where there are no classes.
        spectrum: of the covariance; None where rows do not differ.
        cloud: rows in the plane; None for fewer than three.
        floor: no codes of this number and length have a smaller coherence.
        eigenvalues: `[d]` of the covariance, largest first; None where rows do not differ.
    """

    names: tuple[str, ...]
    codes: Heat | None
    centred: Heat | None
    cosines: Histogram | None
    spectrum: Scree | None
    cloud: Cloud | None
    floor: float = 0.0
    eigenvalues: Float[np.ndarray, " d"] | None = None


def portrait_of(
    names: Sequence[str],
    codes: Float[np.ndarray, "c d"],
    centred: Float[np.ndarray, "c d"],
    eigenvalues: Float[np.ndarray, " d"],
    n: int,
    rows: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    floor: float,
) -> Portrait:
    """Compute a portrait.

    Args:
        names: of the classes; one, or none, where rows have no labels.
        codes: their unit codes; a zero row has none.
        centred: the same after centring.
        eigenvalues: of the covariance, those beyond the rank 0.
        n: number of rows of the audit.
        rows: some of them, in random order or sorted by their number; on the sphere if so audited.
        labels: the class of each of `rows`.
        floor: of the coherence; the histogram reaches it.
    """
    shown = np.arange(len(rows))
    if len(rows) > POINTS:
        shown = np.sort(np.random.default_rng(0).choice(len(rows), POINTS, replace=False))
    heats, histogram = _cosines(codes, centred, floor)
    if histogram is None and len(rows) > 1:
        histogram = histogram_of_rows(rows[shown])
    eigenvalues = np.sort(np.asarray(eigenvalues, np.float64))[::-1]
    scree = _scree(eigenvalues, n)
    cloud = _cloud(rows[shown], labels[shown])
    whole = eigenvalues if scree else None
    return Portrait(tuple(names), *heats, histogram, scree, cloud, floor, whole)


def _cosines(
    codes: np.ndarray, centred: np.ndarray, floor: float
) -> tuple[tuple[Heat | None, Heat | None], Histogram | None]:
    usable = np.flatnonzero(codes.any(axis=1))
    if len(usable) < 2:
        return (None, None), None
    order = usable[similar_order(centred[usable])]
    heat, counts = heat_of(codes, order)
    both = (heat, heat_of(centred, order)[0] if centred[usable].any() else None)
    return both, histogram_of(counts, codes.shape[1], "classes", floor)


def _scree(values: np.ndarray, n: int) -> Scree | None:
    total = values.sum()
    if not total > 0:
        return None
    rank = min(n - 1, len(values))
    index = np.arange(1, rank + 1)
    if rank > BINS:
        index = np.unique(np.geomspace(1, rank, BINS).round().astype(int))
    chance = Spectrum(rank, max(n - 1, len(values))).quantiles(1 - (index - 0.5) / rank)
    return Scree(index, values[index - 1] / total, chance / rank)


def _cloud(rows: np.ndarray, labels: np.ndarray) -> Cloud | None:
    if len(rows) < 3:
        return None
    x = rows.astype(np.float64)
    x -= x.mean(axis=0)
    total = float((x * x).sum())
    if not (math.isfinite(total) and total > 0):
        return None
    axes = principal_axes(x, 2)
    points = np.zeros((len(x), 2))
    points[:, : len(axes)] = x @ axes.T
    first, second = (points**2).sum(axis=0) / total
    return Cloud(points, np.asarray(labels), (float(first), float(second)))
