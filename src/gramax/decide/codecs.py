"""Ways to store a row in fewer bytes: some of its coordinates, each in some precision.

Coordinates are the first m (as Matryoshka models are trained for), m random ones (a yardstick: what
any m are worth), or the m strongest principal components. What a way needs to know, it learns from
rows other than those that it is judged by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.cloud import Cloud, Directions
from gramax.arrays.nearest_host import prepare
from gramax.arrays.rows import unit_rows

Axes = Literal["all", "first", "random", "PCA"]
Store = Literal["float64", "float32", "float16", "int8", "binary"]

BITS: dict[Store, int] = {"float64": 64, "float32": 32, "float16": 16, "int8": 8, "binary": 1}
"""Bits of a stored coordinate."""

SHARES, RANDOM_SHARES, MIN_DIMENSIONS = (
    (3 / 4, 1 / 2, 1 / 4, 1 / 8, 1 / 16),
    (1 / 2, 1 / 4, 1 / 8),
    4,
)
"""Shares of the dimensions that are tried; of random ones; and the fewest."""

MAX_FITTED_ROWS, PART_ROWS, LEVELS = 20_000, 4096, 255
"""Rows that principal components are found from at most; rows that are worked on in float64 at
once; and steps between the ends of int8."""


@dataclass(frozen=True)
class Way:
    """A way to store a row.

    Example:
        >>> print(Way("first", 96, "int8").name, Way("all", 20, "binary").size)
        first 96 int8 3
    """

    axes: Axes  # which coordinates are kept
    dims: int  # how many
    store: Store  # how each is written

    @property
    def name(self) -> str:
        """In words."""
        if self.axes == "all":
            return self.store
        return f"{self.axes} {self.dims}{'' if self.store == 'float32' else f' {self.store}'}"

    @property
    def line(self) -> str:
        """The ways that it is one size of."""
        if self.axes == "all":
            return "all dimensions"
        return self.axes if self.store == "float32" else f"{self.axes}, {self.store}"

    @property
    def size(self) -> int:
        """Bytes of a row; what is stored once for all rows is not counted."""
        return math.ceil(self.dims * BITS[self.store] / 8)


def precision_of(rows: Float[np.ndarray, "n d"]) -> Store:
    """The shortest float that holds these numbers exactly: what they were stored in.

    Example:
        >>> precision_of(np.ones((2, 2))), precision_of(np.full((2, 2), 0.1))
        ('float16', 'float64')
    """
    shorter: tuple[Store, ...] = ("float16", "float32")
    with np.errstate(over="ignore"):
        for store in shorter:
            if np.array_equal(rows.astype(store), rows):
                return store
    return "float64"


def ways_for(d: int, present: Store) -> list[Way]:
    """The ways that take fewer bytes than d coordinates in their `present` precision, most first.

    Example:
        >>> [way.name for way in ways_for(8, "float16")][:4]
        ['first 6 float16', 'PCA 6 float16', 'int8', 'first 4 float16']
    """
    base: Store = "float16" if present == "float16" else "float32"

    def sizes(shares: tuple[float, ...]) -> list[int]:
        return [m for share in shares if MIN_DIMENSIONS <= (m := round(d * share)) < d]

    found = [Way("all", d, store) for store in BITS]
    kept: tuple[Axes, ...] = ("first", "PCA")
    stores: tuple[Store, ...] = (base, "int8")
    found += [Way(axes, m, s) for axes in kept for m in sizes(SHARES) for s in stores]
    found += [Way("random", m, base) for m in sizes(RANDOM_SHARES)]
    most = Way("all", d, present).size
    return sorted((way for way in dict.fromkeys(found) if way.size < most), key=lambda w: -w.size)


@dataclass(frozen=True)
class Stored:
    """Rows after they were stored and read again, as a search compares them."""

    # float32 rows: the neighbours of a row are those at the least distance
    g: Float[np.ndarray, "n m"]
    half: Float[np.ndarray, " n"]  # half their squares
    # the share of the variance that is kept, predicted from the spectrum and the width of the
    # steps; NaN where there is no prediction
    kept: float


class Codecs:
    """Whatever ways need to know of the rows, from those that are to be learnt from."""

    def __init__(
        self, rows: Float[np.ndarray, "n d"], learnt: Int[np.ndarray, " l"], normalize: bool
    ) -> None:
        """Of n rows, on the unit sphere where asked for; `learnt` are the places to learn from."""
        self.rows, self.learnt, self.normalize = rows, learnt, normalize
        self.order = np.random.default_rng(0).permutation(rows.shape[1])

    @cached_property
    def _variances(self) -> Float[np.ndarray, " d"]:
        return np.var(self._some, axis=0)

    @cached_property
    def _some(self) -> Float[np.ndarray, "s d"]:
        """Rows to learn the spectrum from: all, or a random part of very many."""
        at = self.learnt
        if len(at) > MAX_FITTED_ROWS:
            at = np.sort(np.random.default_rng(0).choice(at, MAX_FITTED_ROWS, replace=False))
        return self._placed(self.rows[at])

    @cached_property
    def _components(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mean, the principal components `[r, d]`, strongest first, and their variances."""
        mean = self._some.mean(axis=0)
        x = self._some - mean
        n, d = x.shape
        if n < d:
            _, s, axes = np.linalg.svd(x, full_matrices=False)
            return mean, axes, s**2 / n
        values, axes = np.linalg.eigh(x.T @ x / n)
        return mean, axes.T[::-1], np.maximum(values[::-1], 0)

    def _placed(self, rows: np.ndarray) -> Float[np.ndarray, "n d"]:
        rows = np.asarray(rows, np.float64)
        return unit_rows(rows) if self.normalize else rows

    def _coordinates(self, way: Way) -> tuple[Float[np.ndarray, "n m"], float]:
        """The coordinates that are kept, and their share of the variance."""
        if way.axes == "PCA":
            mean, axes, values = self._components
            values, axes = values[: way.dims], axes[: way.dims].T
            choose = lambda x: (x - mean) @ axes  # noqa: E731
        else:
            at = np.sort(self.order[: way.dims]) if way.axes == "random" else np.arange(way.dims)
            values, choose = self._variances[at], lambda x: x[:, at]
        wide = np.float64 if way.store == "float64" else np.float32
        # By parts, as all rows in float64 may be twice what there is of them.
        parts = np.array_split(self.rows, max(1, len(self.rows) // PART_ROWS))
        x = np.concatenate([choose(self._placed(part)).astype(wide) for part in parts])
        return x, float(values.sum() / self._variances.sum())

    def stored(self, way: Way) -> Stored:
        """The rows as they come back from this way of storing them."""
        x, kept = self._coordinates(way)
        if way.store == "binary":  # of ±1, half squared distances are Hamming's but for a factor
            g = np.where(x > x[self.learnt].mean(axis=0), np.float32(1), np.float32(-1))
            return Stored(g, np.full(len(g), way.dims / 2, np.float32), math.nan)
        if way.store == "float16":
            x = x.astype(np.float16).astype(np.float32)
        elif way.store == "int8":
            low = x[self.learnt].min(axis=0)
            step = (x[self.learnt].max(axis=0) - low) / LEVELS
            x = low + step * np.clip(np.rint((x - low) / np.where(step > 0, step, 1)), 0, LEVELS)
            kept -= float(np.sum(step.astype(np.float64) ** 2) / 12 / self._variances.sum())
        # The cosine of what is kept; principal components are compared by their distance.
        cloud: Cloud = Directions(x) if self.normalize and way.axes != "PCA" else x
        prepared = prepare(cloud, np.arange(len(x)))
        return Stored(prepared.g, prepared.half, kept)
