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
    """For every row, the lowest row of its group of copies: rows closer than their rounding.

    Representatives lie further apart than that. Where they do not yet, their groups are joined.

    Args:
        x: `[n, d]` finite rows.
        unit: the rounding unit in which they are known.
    """
    n, d = x.shape
    directions = np.linalg.qr(np.random.default_rng(0).normal(size=(d, min(d, 8))))[0]
    along, lengths = np.empty((n, directions.shape[1])), np.empty(n)
    for part in chunks(n, d):
        rows = x[part].astype(np.float64)
        along[part], lengths[part] = rows @ directions, np.linalg.norm(rows, axis=1)
    rounding = 2 * np.sqrt(d) * float(np.finfo(np.float64).eps)  # that of the products themselves
    radius = ((SAME_POINT_UNITS + 1) * unit + rounding) * lengths
    lowest = np.arange(n)
    while True:
        some = np.flatnonzero(lowest == np.arange(n))
        order = some[np.argsort(along[some, 0], kind="stable")]
        joined = _joined(x, order, along, radius, SAME_POINT_UNITS * unit * lengths)
        if np.array_equal(joined[some], some):
            return lowest
        lowest = joined[lowest]


def _joined(
    x: Cloud, order: np.ndarray, along: np.ndarray, radius: np.ndarray, allowed: np.ndarray
) -> Int[np.ndarray, " n"]:
    """The lowest row of the group of each of the rows `order`; other rows stay alone.

    Rows come sorted along the first of a few directions. Copies lie next to each other there, so
    that rows are compared with the next one, the one after, and so on, as long as any lie within
    their `radius`; copies are those within the larger of what is `allowed` to them.
    """
    n = x.shape[0]
    parent = np.arange(n)
    shift = 1
    while shift < len(order):
        a, b = order[:-shift], order[shift:]
        near = np.flatnonzero(along[b, 0] - along[a, 0] <= radius[a])
        if not len(near):
            break
        a, b = a[near], b[near]
        near = np.flatnonzero(np.all(np.abs(along[b] - along[a]) <= radius[a, None], axis=1))
        a, b = a[near], b[near]
        gap = np.sqrt(squared_distances(x, a, b[:, None])[:, 0])
        same = gap <= np.maximum(allowed[a], allowed[b])
        parent[b[same]] = a[same]
        order = order[~np.isin(order, b[same])] if np.any(same) else order
        shift = 1 if np.any(same) else shift + 1
    while np.any(parent != parent[parent]):
        parent = parent[parent]
    lowest = np.full(n, n)
    np.minimum.at(lowest, parent, np.arange(n))
    return lowest[parent]
