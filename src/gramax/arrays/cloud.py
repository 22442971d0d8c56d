"""Rows on the host as a cloud of points: their exact distances, and which of them are copies."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.rows import norms

SAME_POINT_UNITS = 4
"""Rows within so many rounding units of the longer one are one point.

A change of the last bit moves a row by one unit at most, and a scaled copy by one; two rows that
were changed are two apart, and norms in float32 add a fraction.
"""

CHUNK_NUMBERS = 1 << 19
"""Numbers of a chunk of rows in float64: 4 MiB."""


class Directions:
    """Rows on the unit sphere in float64, each made when it is asked for, as an array gives it.

    An array of them would be twice as large as the float32 rows that files hold.
    """

    def __init__(self, x: Float[np.ndarray, "n d"]) -> None:
        """Of finite rows; a zero row stays zero."""
        self.x, self.shape = x, x.shape
        self.lengths = np.empty((len(x), 1))
        for part in chunks(len(x), x.shape[1]):
            self.lengths[part] = norms(x[part].astype(np.float64))
        self.lengths[self.lengths == 0] = 1

    def __getitem__(self, at: Any) -> Float[np.ndarray, "... d"]:
        return self.x[at] / self.lengths[at]


Cloud = np.ndarray | Directions
"""Rows as they are, or their directions."""


def squared_distances(
    x: Cloud, rows: Int[np.ndarray, " m"], others: Int[np.ndarray, "m c"]
) -> Float[np.ndarray, "m c"]:
    """Squared distances from differences in float64; the same for (a, b) and (b, a)."""
    found = np.empty(others.shape)

    def fill(part: slice) -> None:
        gaps = x[others[part]].astype(np.float64, copy=False)  # by numbers, so a copy already
        gaps -= x[rows[part], None]
        np.einsum("ijk,ijk->ij", gaps, gaps, out=found[part])

    parts = list(chunks(len(rows), others.shape[1] * x.shape[1]))
    if len(parts) == 1:
        fill(parts[0])
        return found
    with ThreadPoolExecutor() as pool:
        list(pool.map(fill, parts))
    return found


def chunks(count: int, numbers: int) -> Iterator[slice]:
    """Slices of 0..count-1, each of about `CHUNK_NUMBERS` numbers where one holds `numbers`."""
    step = max(1, CHUNK_NUMBERS // max(numbers, 1))
    return (slice(start, min(start + step, count)) for start in range(0, count, step))


def representatives(x: Cloud, unit: float) -> Int[np.ndarray, " n"]:
    """For every row, the lowest row of its group of copies.

    A row is a copy of any lower row that it is closer to than their rounding, in whatever order and
    library rows are searched: representatives lie further apart than that.

    Args:
        x: `[n, d]` finite rows.
        unit: the rounding unit in which they are known.
    """
    n, d = x.shape
    directions = np.linalg.qr(np.random.default_rng(0).normal(size=(d, min(d, 8))))[0]
    along, lengths = np.empty((n, directions.shape[1]), order="F"), np.empty(n)
    for part in chunks(n, d):
        rows = x[part].astype(np.float64)
        along[part], lengths[part] = rows @ directions, np.linalg.norm(rows, axis=1)
    rounding = 2 * np.sqrt(d) * float(np.finfo(np.float64).eps)  # that of the products themselves
    allowed = SAME_POINT_UNITS * unit * lengths
    radius = allowed + (unit + rounding) * lengths
    order = np.argsort(along[:, 0], kind="stable")
    places = along[order, 0]
    first = np.searchsorted(places, places - radius[order])
    last = np.searchsorted(places, places + radius[order], side="right") - 1
    original, left, reach = np.arange(n), np.flatnonzero(last > first), 1

    def look(some: np.ndarray, steps: np.ndarray) -> None:
        """Compare the rows at some places with the lower ones so many places further on."""
        at = some[:, None] + steps
        k, j = np.nonzero((first[some, None] <= at) & (at <= last[some, None]))
        a, b = order[some[k]], order[at[k, j]]
        a, b = a[b < a], b[b < a]
        for axis in along.T[1:]:
            near = np.abs(axis[a] - axis[b]) <= radius[a]
            a, b = a[near], b[near]
        gap = np.sqrt(squared_distances(x, a, b[:, None])[:, 0])
        same = gap <= np.maximum(allowed[a], allowed[b])
        original[a[same]] = b[same]

    while len(left):  # twice as far each time: of many copies half as many rows are left
        steps = np.arange(reach, 2 * reach)
        steps = np.concatenate([-steps, steps])
        for some in np.array_split(left, len(left) * len(steps) // CHUNK_NUMBERS + 1):
            look(some, steps)
        reach *= 2
        alone = original[order[left]] == order[left]
        left = left[alone & ((first[left] <= left - reach) | (left + reach <= last[left]))]
    while np.any(original != original[original]):
        original = original[original]
    return original
