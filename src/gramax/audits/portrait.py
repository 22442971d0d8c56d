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
from gramax.arrays.rows import unit_rows
from gramax.uncertainty.chance.cosines import angle_tail
from gramax.uncertainty.chance.spectrum import Spectrum

CHEAP = 1024
"""Classes and dimensions up to which a portrait takes about a second at most."""

MAX_POINTS, MAX_EIGENVALUES = 2000, 512
"""Rows shown in the plane; eigenvalues kept, of more those at even logarithms of their number."""

LINKED = 1000
"""Codes that are clustered by average linkage, which takes c² memory and time."""

WHOLE, SIDE = 200, 128
"""Up to `WHOLE` codes each pair has its cell; of more, blocks of codes, at most `SIDE`."""

FINE, BARS = 4000, (40, 80)
"""Bins over [-1, 1] while counting, and the fewest and the most bars in the end (about)."""

AT_ONCE = 1 << 22
"""Cosines held at a time: no c×c matrix is made where there are more codes than cells."""


@dataclass(frozen=True)
class Heat:
    """A heat map of cosines; where a cell stands for many pairs it shows the largest |cosine|."""

    order: Int[np.ndarray, " c"]  # the codes from top to bottom
    size: int  # codes in a block, 1 where each pair has its cell
    cosines: Float[np.ndarray, "s s"]  # symmetric; 1 for a code with itself, NaN for no pair
    first: Int[np.ndarray, "s s"]  # one code of the pair that the cell shows
    second: Int[np.ndarray, "s s"]  # the other


@dataclass(frozen=True)
class Histogram:
    """How the cosines of pairs are spread."""

    edges: Float[np.ndarray, " b+1"]  # from -limit to limit
    counts: Int[np.ndarray, " b"]  # pairs in each bar
    chance: Float[np.ndarray, " b"] | None  # expected of random directions; None in one dimension
    of: str  # "classes" (codes) or "rows"


@dataclass(frozen=True)
class Scree:
    """The covariance spectrum."""

    index: Int[np.ndarray, " k"]  # which eigenvalues, from 1
    share: Float[np.ndarray, " k"]  # of the whole variance, descending
    chance: Float[np.ndarray, " k"]  # what isotropic rows of the same number would have there


@dataclass(frozen=True)
class Cloud:
    """Some rows in the plane of their first two principal axes."""

    points: Float[np.ndarray, "m 2"]
    labels: Int[np.ndarray, " m"]  # class of each, as a place in `Portrait.names`
    explained: tuple[float, float]  # share of the variance of these rows along each axis


@dataclass(frozen=True)
class Portrait:
    """The data behind the pictures of an audit; None where there is too little for a picture."""

    names: tuple[str, ...]  # of the classes that have rows; indices elsewhere are places in it
    codes: Heat | None  # the unit class means
    centred: Heat | None  # the same after centring by their mean, in the same order
    cosines: Histogram | None  # of all pairs of codes, or of rows where there are no classes
    spectrum: Scree | None
    cloud: Cloud | None
    floor: float = 0.0  # no codes of this number and length have a smaller coherence
    eigenvalues: Float[np.ndarray, " d"] | None = None  # of the covariance, largest first


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
    """The portrait of an audit of n rows, of which `rows` are some, on the sphere if so audited.

    Classes have `names`, unit `codes` (a zero row has none), and the same after centring; the rows
    have `labels`. Eigenvalues beyond the rank are 0. The histogram reaches the floor.
    """
    if len(rows) > MAX_POINTS:
        few = np.sort(np.random.default_rng(0).choice(len(rows), MAX_POINTS, replace=False))
        rows, labels = rows[few], labels[few]
    heat, middle, histogram = None, None, None
    usable = np.flatnonzero(codes.any(axis=1))
    if len(usable) > 1:
        order = usable[similar_order(centred[usable])]
        heat, counts = heat_of(codes, order)
        middle = heat_of(centred, order)[0] if centred[usable].any() else None
        histogram = histogram_of(counts, codes.shape[1], "classes", floor)
    elif len(rows) > 1:
        histogram = histogram_of_rows(rows)
    eigenvalues = np.sort(np.asarray(eigenvalues, np.float64))[::-1]
    scree, cloud = _scree(eigenvalues, n), _cloud(rows, labels)
    whole = eigenvalues if scree else None
    return Portrait(tuple(names), heat, middle, histogram, scree, cloud, floor, whole)


def _scree(values: np.ndarray, n: int) -> Scree | None:
    total = values.sum()
    if not total > 0:
        return None
    rank = min(n - 1, len(values))
    index = np.arange(1, rank + 1)
    if rank > MAX_EIGENVALUES:
        index = np.unique(np.geomspace(1, rank, MAX_EIGENVALUES).round().astype(int))
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


def heat_of(
    codes: Float[np.ndarray, "c d"], order: Int[np.ndarray, " c"]
) -> tuple[Heat, Int[np.ndarray, " f"]]:
    """The heat map of unit rows in this order, and the counts of all pairs in `FINE` bins."""
    c = len(order)
    size = 1 if c <= WHOLE else math.ceil(c / SIDE)
    side = math.ceil(c / size)
    x = codes[order].astype(np.float32)
    cosines = np.full((side, side), np.nan, np.float32)
    first, second = np.zeros((2, side, side), np.int64)
    counts = np.zeros(FINE, np.int64)
    step = max(1, AT_ONCE // (size * size))
    tiles = [(i, j) for i in range(side) for j in range(i, side, step)]
    for i, j in tiles:
        start, left = i * size, j * size
        tile = x[start : start + size] @ x[left : left + step * size].T
        pair = start + np.arange(len(tile))[:, None] < left + np.arange(tile.shape[1])
        counts += _counted(tile[pair])
        row, column, value = _strongest(np.where(pair, tile, 0), size)
        cells = slice(j, j + len(value))
        cosines[i, cells] = cosines[cells, i] = value
        first[i, cells] = first[cells, i] = order[start + row]
        second[i, cells] = second[cells, i] = order[np.minimum(left + column, c - 1)]
    if size == 1:
        np.fill_diagonal(cosines, 1)
    return Heat(order, size, cosines, first, second), counts


def _strongest(tile: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and value of the largest |cosine| in each block of `size` columns."""
    tile = np.pad(tile, ((0, 0), (0, -tile.shape[1] % size)))
    strength = np.abs(tile)
    blocks = strength.max(axis=0).reshape(-1, size)
    column = blocks.argmax(axis=1) + np.arange(len(blocks)) * size
    row = strength.argmax(axis=0)[column]
    return row, column, tile[row, column]


def _counted(cosines: np.ndarray) -> np.ndarray:
    at = np.clip((cosines + 1) * (FINE / 2), 0, FINE - 1).astype(np.int64)
    return np.bincount(at.ravel(), minlength=FINE)


def histogram_of_rows(rows: Float[np.ndarray, "m d"]) -> Histogram:
    """The cosines of all pairs of these rows."""
    unit = unit_rows(rows).astype(np.float32)
    counts = np.zeros(FINE, np.int64)
    for i in range(0, len(unit), WHOLE):
        tile = unit[i : i + WHOLE] @ unit[i:].T
        counts += _counted(tile[np.arange(len(tile))[:, None] < np.arange(tile.shape[1])])
    return histogram_of(counts, rows.shape[1], "rows")


def histogram_of(counts: Int[np.ndarray, " f"], d: int, of: str, shown: float = 0.0) -> Histogram:
    """A histogram, of more bars the more pairs, that reaches as far as they, chance and `shown`."""
    pairs = int(counts.sum())
    used = np.abs(np.linspace(-1, 1, FINE + 1)[np.flatnonzero(counts)])
    limit = max(used.max(initial=0), shown, min(1, 3.5 / math.sqrt(d)))
    half = min(FINE // 2, math.ceil(1.05 * limit * FINE / 2))
    step = max(1, round(2 * half / int(np.clip(2 * math.sqrt(pairs), *BARS))))
    half = math.ceil(half / step) * step
    padded = np.pad(counts, max(0, half - FINE // 2))
    middle = len(padded) // 2
    edges = np.arange(-half, half + 1, step) * (2 / FINE)
    summed = padded[middle - half : middle + half].reshape(-1, step).sum(axis=1)
    chance = None
    if d > 1:  # P(|cos| > t) of random directions is known, and their cosine is symmetric
        phi, tail = angle_tail(d)
        beyond = np.interp(np.arcsin(np.clip(np.abs(edges), 0, 1)), phi, tail, right=0.0)
        chance = pairs * np.diff(np.where(edges > 0, 1 - beyond / 2, beyond / 2))
    return Histogram(edges, summed, chance, of)


def similar_order(codes: Float[np.ndarray, "c d"]) -> Int[np.ndarray, " c"]:
    """An order of unit codes in which those with large cosines are neighbours.

    Up to `LINKED` codes are ordered by average linkage. More are first halved along their principal
    axis (Boley 1998), again and again.

    Example:
        >>> turn = np.array([0.0, 2.0, 0.1, 2.1])
        >>> order = similar_order(np.stack([np.cos(turn), np.sin(turn)], axis=1)).tolist()
        >>> sorted(order[:2]) in ([0, 2], [1, 3])
        True
    """
    if len(codes) <= LINKED:
        return _linked(codes @ codes.T)
    along = (codes - codes.mean(axis=0)) @ principal_axes(codes, 1)[0]
    order = np.argsort(along, kind="stable")
    halves = (order[: len(order) // 2], order[len(order) // 2 :])
    return np.concatenate([half[similar_order(codes[half])] for half in halves])


def principal_axes(x: Float[np.ndarray, "n d"], k: int) -> Float[np.ndarray, "k d"]:
    """The first `k` principal axes of the rows, by subspace iteration: no d×d matrix is made.

    The sign of each makes its largest entry positive.
    """
    x = x - x.mean(axis=0)
    wide = min(k + 8, *x.shape)
    basis = np.random.default_rng(0).normal(size=(x.shape[1], wide)).astype(x.dtype)
    for _ in range(16):
        basis = np.linalg.qr(x.T @ (x @ basis))[0]
    _, _, turned = np.linalg.svd(x @ basis, full_matrices=False)
    axes = (basis @ turned.T).T[:k]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    return axes * np.where(largest < 0, -1, 1)


def _linked(cosines: Float[np.ndarray, "c c"]) -> Int[np.ndarray, " c"]:
    """The leaves of average linkage, by chains of nearest neighbours (Murtagh 1983).

    Where two clusters join, they are turned so that their most similar ends touch.
    """
    near = cosines.astype(np.float64)
    np.fill_diagonal(near, -np.inf)
    leaves = {i: [i] for i in range(len(near))}
    chain: list[int] = []
    while len(leaves) > 1:
        chain = chain or [next(iter(leaves))]
        best = int(near[chain[-1]].argmax())
        if len(chain) < 2 or near[chain[-1], chain[-2]] < near[chain[-1], best]:
            chain.append(best)
            continue
        a, b = sorted((chain.pop(), chain.pop()))
        left, right = leaves[a], leaves.pop(b)
        mean = (len(left) * near[a] + len(right) * near[b]) / (len(left) + len(right))
        mean[[a, b]] = -np.inf
        near[a] = near[:, a] = mean
        near[b] = near[:, b] = -np.inf
        turns = [(x, y) for x in (left, left[::-1]) for y in (right, right[::-1])]
        first, second = max(turns, key=lambda turn: cosines[turn[0][-1], turn[1][0]])
        leaves[a] = first + second
    return np.array(next(iter(leaves.values()), []), np.int64)
