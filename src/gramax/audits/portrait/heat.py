"""The cosines of all pairs of codes, in at most `SIDE`² cells and a histogram.

No c×c matrix is made where there are more codes than cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.rows import unit_rows
from gramax.uncertainty.chance.cosines import angle_tail

WHOLE, SIDE = 200, 128
"""Up to `WHOLE` codes each pair has its cell; of more, blocks of codes, at most `SIDE`."""

FINE, BARS = 4000, (40, 80)
"""Bins over [-1, 1] while counting, and the fewest and the most bars in the end (about)."""

AT_ONCE = 1 << 22
"""Cosines held at a time."""


@dataclass(frozen=True)
class Heat:
    """A heat map of cosines; where a cell stands for many pairs it shows the largest |cosine|.

    Attributes:
        order: `[c]` the codes from top to bottom.
        size: codes in a block, 1 where each pair has its cell.
        cosines: `[s, s]` symmetric; the diagonal of single codes is 1, NaN where there is no pair.
        first: `[s, s]` one code of the pair that the cell shows, and `second` the other.
        second: as said.
    """

    order: Int[np.ndarray, " c"]
    size: int
    cosines: Float[np.ndarray, "s s"]
    first: Int[np.ndarray, "s s"]
    second: Int[np.ndarray, "s s"]


@dataclass(frozen=True)
class Histogram:
    """How the cosines of pairs are spread.

    Attributes:
        edges: `[bars + 1]`, from -limit to limit.
        counts: `[bars]` pairs in each.
        chance: `[bars]` pairs expected there of random directions; None in one dimension.
        of: "classes" (codes) or "rows".
    """

    edges: Float[np.ndarray, " b+1"]
    counts: Int[np.ndarray, " b"]
    chance: Float[np.ndarray, " b"] | None
    of: str


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
    row = strength.argmax(axis=0)
    blocks = strength.max(axis=0).reshape(-1, size)
    column = blocks.argmax(axis=1) + np.arange(len(blocks)) * size
    row = row[column]
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
    bars = int(np.clip(2 * math.sqrt(counts.sum()), *BARS))
    used = np.abs(np.linspace(-1, 1, FINE + 1)[np.flatnonzero(counts)])
    limit = max(used.max(initial=0), shown, min(1, 3.5 / math.sqrt(d)))
    half = min(FINE // 2, math.ceil(1.05 * limit * FINE / 2))
    step = max(1, round(2 * half / bars))
    half = math.ceil(half / step) * step
    padded = np.pad(counts, max(0, half - FINE // 2))
    middle = len(padded) // 2
    edges = np.arange(-half, half + 1, step) * (2 / FINE)
    summed = padded[middle - half : middle + half].reshape(-1, step).sum(axis=1)
    return Histogram(edges, summed, _expected(edges, d, int(counts.sum())), of)


def _expected(edges: np.ndarray, d: int, pairs: int) -> np.ndarray | None:
    """Pairs of random directions between the edges: P(|cos| > t) is known, and cos symmetric."""
    if d < 2:
        return None
    phi, tail = angle_tail(d)
    beyond = np.interp(np.arcsin(np.clip(np.abs(edges), 0, 1)), phi, tail, right=0.0)
    below = np.where(edges > 0, 1 - beyond / 2, beyond / 2)
    return pairs * np.diff(below)
