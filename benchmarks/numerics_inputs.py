"""Hard inputs for `benchmarks.numerics`: rows that float32 has trouble with, and what trouble."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np

SIZES = {
    "plain": (120, 8, (24,) * 5),
    "n < d": (24, 48, (6,) * 4),
    "c = n/2": (48, 8, (2,) * 24),
    "c = n": (48, 8, (1,) * 48),
    "1:10⁵": (100_011, 4, (100_000, 10, 1)),
}
"""Rows, dimensions and the rows of each class."""

TROUBLES = {
    "tight": "variance within classes over that of the class means 1 … 1e-12, offset 0 and 1",
    "far": "offset 100 and 1e4, in standard deviations of the class means",
    "tight and far": "ratios 1e-2 … 1e-12 at offsets 100 and 1e4",
    "scale": "all rows times 1e-20 … 1e20",
    "n < d": "24 rows, 48 dimensions; ratios to 1e-12, offsets to 1e4",
    "c to n": "48 rows in 24 and in 48 classes, 8 dimensions; ratios and offsets alike",
    "1:10⁵": "classes of 100,000, 10 and 1 rows; ratios and offsets alike",
    "half": "rows in float16 and bfloat16, ratios 1 and 1e-2, offsets 0 and 1",
}
"""What is hard about a point of the grid, in words."""

DTYPES = {"float32": np.float32, "float16": np.float16, "bfloat16": ml_dtypes.bfloat16}
COLLAPSES = tuple(10.0**-k for k in range(0, 13, 2))
OFFSETS = (0.0, 1.0, 1e2, 1e4)
SCALES = (1e-20, 1e-10, 1e10, 1e20)


@dataclass(frozen=True)
class Point:
    """One input of the grid.

    Attributes:
        collapse: variance within classes over that of the class means.
        offset: added to every coordinate, in standard deviations of the class means.
        scale: what all is multiplied by.
        shape: a key of `SIZES`.
        dtype: a key of `DTYPES`.
    """

    collapse: float = 1.0
    offset: float = 0.0
    scale: float = 1.0
    shape: str = "plain"
    dtype: str = "float32"

    @property
    def trouble(self) -> str:
        """A key of `TROUBLES`."""
        if self.dtype != "float32":
            return "half"
        if self.shape != "plain":
            return "c to n" if self.shape.startswith("c") else self.shape
        if self.scale != 1:
            return "scale"
        if self.offset <= 1:
            return "tight"
        return "far" if self.collapse == 1 else "tight and far"


def grid() -> list[Point]:
    """Every point: collapse and offset together; scale, shape and half precision beside them."""
    points = [Point(r, offset) for r in COLLAPSES for offset in OFFSETS]
    points += [Point(r, scale=s) for r in (1.0, 1e-6) for s in SCALES]
    rest = [shape for shape in SIZES if shape != "plain"]
    points += [Point(r, o, shape=s) for s in rest for r in (1.0, 1e-6, 1e-12) for o in (0.0, 1e4)]
    half = ("float16", "bfloat16")
    return points + [Point(r, o, dtype=t) for t in half for r in (1.0, 1e-2) for o in (0.0, 1.0)]


def rows(point: Point, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels of a point. What rounding left of them is the input: it is exact."""
    n, d, sizes = SIZES[point.shape]
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(len(sizes)), sizes)[rng.permutation(n)].astype(np.int32)
    z = rng.normal(size=(len(sizes), d))[y] + point.collapse**0.5 * rng.normal(size=(n, d))
    return ((z + point.offset) * point.scale).astype(DTYPES[point.dtype]), y
