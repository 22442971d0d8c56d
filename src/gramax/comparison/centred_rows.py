"""Rows of a space as similarities need them: less their mean, in float64, a block at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.cloud import SAME_POINT_UNITS
from gramax.arrays.rows import power_of_two, spanned, unit_rows

CHUNK_BYTES = 1 << 24
"""Bytes of the rows in float64 that are looked at together."""


@dataclass(frozen=True)
class CentredRows:
    """Rows less their mean, over a power of two near their largest entry.

    Neither a rotation nor a scale changes a similarity. So rows that are fewer than their
    dimensions are told by their coordinates in the space that they span, and rows of any scale can
    be squared twice. Rows closer to each other than their rounding are one point, and become
    zeros: what centring leaves of them says nothing.

    Attributes:
        rows: `[n, d]` the rows as they were given, of any type.
        normalize: take them on the unit sphere.
        first: `[d]` the first of them, which is subtracted first: copies of it are exactly 0.
        mean: `[d]` what they are then on average.
        scale: what they are then divided by; infinite where all are one point.
    """

    rows: Float[np.ndarray, "n d"]
    normalize: bool
    first: Float[np.ndarray, " d"]
    mean: Float[np.ndarray, " d"]
    scale: float

    @classmethod
    def of(cls, rows: Float[np.ndarray, "n d"], normalize: bool = False) -> CentredRows:
        """Of at least one row."""
        floating = np.issubdtype(rows.dtype, np.floating)
        epsilon = float(np.finfo(rows.dtype if floating else np.float64).eps)
        n, d = rows.shape
        first = _taken(rows[:1], normalize)[0]
        whole = cls(rows, normalize, first, np.zeros(d), 1.0)
        total, longest, largest = np.zeros(d), 0.0, 0.0
        step = max(1, CHUNK_BYTES // (8 * d))
        for start in range(0, n, step):
            gaps = whole.at(np.arange(start, min(start + step, n)))
            total += gaps.sum(axis=0)
            longest = max(longest, float(np.max(np.linalg.norm(gaps, axis=1))))
            largest = max(largest, float(np.max(np.abs(gaps))))
        a_point = longest <= SAME_POINT_UNITS * epsilon * float(np.linalg.norm(first))
        scale = np.inf if a_point else float(power_of_two(np.float64(largest)))
        found = cls(rows, normalize, first, total / n, scale)
        if n >= d:
            return found
        coordinates = spanned(found.at(np.arange(n)))
        nothing = np.zeros(coordinates.shape[1])
        return cls(coordinates, False, nothing, nothing, 1.0)

    @property
    def dim(self) -> int:
        """Coordinates of a row: min(n, d)."""
        return self.rows.shape[1]

    def at(self, which: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m r"]:
        """Some of the rows, by their places."""
        return ((_taken(self.rows[which], self.normalize) - self.first) - self.mean) / self.scale

    def all(self) -> Float[np.ndarray, "n r"]:
        """All of them."""
        return self.at(np.arange(len(self.rows)))


def _taken(rows: Float[np.ndarray, "m d"], normalize: bool) -> Float[np.ndarray, "m d"]:
    rows = np.asarray(rows, np.float64)
    return unit_rows(rows) if normalize else rows
