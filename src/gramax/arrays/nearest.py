"""The nearest neighbours of every row of an array of any library.

Rows that lie on the host are searched there (`gramax.arrays.nearest_host`). Rows on an accelerator,
rows while JAX traces, and rows whose gradient is asked for are searched by their own library: a
block of rows at a time, against a tile of all rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import is_jax_array, is_numpy_array, is_torch_array

from gramax._shapes import Bool, Float, Int
from gramax.arrays import pairs
from gramax.arrays.cloud import SAME_POINT_UNITS, Cloud, representatives
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import (
    Array,
    compiled,
    dot,
    epsilon,
    fold,
    is_traced,
    like,
    namespace,
    stop_gradient,
    to_numpy,
    top_k,
)
from gramax.arrays.nearest_host import POTENTIAL_SHARPNESS, Progress, prepare, search, sweep
from gramax.arrays.rows import power_of_two

BLOCK_ROWS = 128
"""Rows whose neighbours JAX looks for at a time."""

SPARE_CANDIDATES = 8
"""Candidates kept beyond k; their distances are then taken from differences, and ordered."""

CLOSE_UNITS = 1024
"""A tile with a pair this many rounding units close is worked through by differences."""


class Neighbours(NamedTuple):
    """The nearest neighbours of every point.

    Attributes:
        distances: `[n, k]`, nearest first; infinity where there are fewer points, and where the
            row is no point; NaN everywhere where a row is not finite.
        where: `[n, k]` the rows that they are.
        exists: `[n]` the lowest row of each group of copies; the others are no points.
    """

    distances: Float[Array, "n k"]
    where: Int[Array, "n k"]
    exists: Bool[Array, " n"]

    @property
    def copies(self) -> Int[Array, ""]:
        """How many rows are copies of another: closer to it than their rounding."""
        return namespace(self.exists).sum(~self.exists)


def nearest(x: Float[Array, "n d"], k: int) -> Neighbours:
    """The k nearest other points of every row.

    Rows within `SAME_POINT_UNITS` rounding units of their length are one point. Distances are taken
    from differences, so that neither an offset nor a scale costs digits; ties go to the lower row.

    Args:
        x: `[n, d]` rows.
        k: how many neighbours, a static integer.
    """
    if x.shape[0] == 0:
        xp = namespace(x)
        none = xp.zeros((0, k), dtype=x.dtype)
        return Neighbours(none, xp.astype(none, xp.int32), xp.zeros((0,), dtype=xp.bool))
    if not _is_on_host(x):
        return _search(x, k)
    found = nearest_on_host(to_numpy(x), k)[0]
    if is_numpy_array(x):
        return found
    dtype = x.dtype, namespace(x).int32, None
    return Neighbours(*(like(v, x, dtype=t) for v, t in zip(found, dtype, strict=True)))


def nearest_on_host(
    x: Float[np.ndarray, "n d"],
    k: int,
    normalize: bool = False,
    potential: bool = False,
    progress: Progress | None = None,
) -> tuple[Neighbours, float]:
    """`nearest` of NumPy's rows, and the mean over pairs of rows of exp(-2|a-b|²).

    Args:
        x: `[n, d]` rows, in the precision in which they are known.
        k: how many neighbours.
        normalize: take rows on the unit sphere.
        potential: whether the mean is asked for, in the same pass; it is NaN otherwise. Of rows on
            the sphere.
        progress: told the share of the work that is done.
    """
    n = len(x)
    distances, where = np.full((n, k), np.inf), np.zeros((n, k), np.int64)
    if not all(np.all(np.isfinite(x[start : start + 4096])) for start in range(0, n, 4096)):
        return Neighbours(distances * np.nan, where, np.ones(n, bool)), np.nan
    cloud, unit = _of_moderate_size(x, normalize)
    first = representatives(cloud)
    exists = first == np.arange(n)
    points = np.flatnonzero(exists)
    counts = np.bincount(first, minlength=n)[points].astype(np.float64)
    total = 0.0
    if len(points) > 1:
        found = search(cloud, points, k, counts if potential else None, progress)
        distances[points], where[points] = np.sqrt(found.squares) * unit, found.where
        total = found.potential
    total += float(np.sum(counts * (counts - 1))) / 2  # copies lie at no distance
    mean = total / (n * (n - 1) / 2) if potential and n > 1 else np.nan
    return Neighbours(distances, where, exists), mean


def mean_potential(x: Float[np.ndarray, "n d"], progress: Progress | None = None) -> float:
    """The mean over pairs of exp(-2|a-b|²), a and b the directions of rows that are not zero."""
    there = np.any(x != 0, axis=1)
    x = x if np.all(there) else x[there]
    if len(x) < 2 or not np.all(np.isfinite(x)):
        return np.nan
    cloud, n = Cloud.of(x, True), len(x)
    prepared = prepare(cloud, np.arange(n), (2 * POTENTIAL_SHARPNESS) ** 0.5)
    return sweep(prepared, None, np.ones(n), progress) / (n * (n - 1) / 2)


def _of_moderate_size(x: np.ndarray, normalize: bool) -> tuple[Cloud, float]:
    """Rows that can be squared in float64, and what their distances are to be multiplied with."""
    largest = max(float(np.max(x)), -float(np.min(x)))
    if normalize or 1e-100 < largest < 1e100 or largest == 0:
        return Cloud.of(x, normalize), 1.0
    unit = float(power_of_two(np.float64(largest)))
    return Cloud.of(x / unit, False), unit


def _is_on_host(x: Array) -> bool:
    if is_numpy_array(x):
        return True
    if is_torch_array(x):
        return x.device.type == "cpu" and not x.requires_grad
    if not is_jax_array(x) or is_traced(x) or not x.is_fully_addressable:
        return False
    return all(device.platform == "cpu" for device in x.devices())


# -- by the library of the rows -------------------------------------------------------------------


@compiled("k")
def _search(x: Float[Array, "n d"], k: int) -> Neighbours:
    """`nearest` by tiles; only the distances to the neighbours found have a gradient."""
    xp, n = namespace(x), x.shape[0]
    fixed = stop_gradient(x)
    rows = _Rows.of(fixed, xp.all(xp.isfinite(fixed), axis=1))
    exists = rows.exists & ~_by_blocks(lambda own: rows.copies(own), x)
    rows = _Rows.of(fixed, exists)
    wide = min(k + SPARE_CANDIDATES, n)

    def of_block(own: Int[Array, " s"]) -> tuple[Array, Array]:
        found, where = rows.candidates(own, wide)
        gaps = x[own][:, None] / rows.size - x[where] / rows.size
        squares = xp.where(xp.isinf(found), xp.inf, xp.sum(gaps * gaps, axis=2))
        order = xp.argsort(where, axis=1, stable=True)
        squares, where = (xp.take_along_axis(v, order, axis=1) for v in (squares, where))
        order = xp.argsort(squares, axis=1, stable=True)  # ties are by row already
        squares, where = (xp.take_along_axis(v, order, axis=1) for v in (squares, where))
        return rows.size * safe_sqrt(squares[:, :k]), where[:, :k]

    distances, where = _by_blocks(of_block, x)
    if wide < k:
        lacking = xp.zeros((n, k - wide), dtype=x.dtype)
        distances = xp.concat([distances, lacking + xp.inf], axis=1)
        where = xp.concat([where, xp.astype(lacking, where.dtype)], axis=1)
    finite = xp.all(xp.isfinite(fixed))
    return Neighbours(xp.where(finite, distances, xp.nan), where, exists)


def _by_blocks(of_block: Callable[[Array], Any], x: Float[Array, "n d"]) -> Any:
    """`of_block(rows)` of all rows, a block of them at a time; its arrays one below the other."""
    xp, n = namespace(x), x.shape[0]
    if is_jax_array(x):
        import jax

        size = min(BLOCK_ROWS, pairs.tile_side(x))
        block = lambda start: of_block(xp.minimum(start + xp.arange(size), n - 1))  # noqa: E731
        found = jax.lax.map(block, xp.arange(0, n, size))
        return jax.tree.map(lambda v: v.reshape(-1, *v.shape[2:])[:n], found)
    size = pairs.tile_side(x)
    parts = [of_block(like(np.arange(s, min(s + size, n)), x)) for s in range(0, n, size)]
    if not isinstance(parts[0], tuple):
        return xp.concat(parts)
    return tuple(xp.concat(list(part)) for part in zip(*parts, strict=True))


class _Rows(NamedTuple):
    """Rows as they are and about their mean, both over a power of two.

    Products take the latter, so that an offset costs no digits; differences the former, because a
    difference of two rows as they are is correctly rounded, however close they lie.
    """

    x: Float[Array, "n d"]
    centred: Float[Array, "n d"]
    squares: Float[Array, " n"]
    exists: Bool[Array, " n"]
    size: Float[Array, ""]

    @classmethod
    def of(cls, x: Float[Array, "n d"], exists: Bool[Array, " n"]) -> _Rows:
        """Of rows of which only some count."""
        xp = namespace(x)
        first = x[xp.argmax(xp.astype(exists, xp.int32))]
        middle = xp.where(exists[:, None], x - first, 0.0)
        count = xp.sum(xp.astype(exists, x.dtype))
        middle = xp.where(exists[:, None], middle - ratio(xp.sum(middle, axis=0), count), 0.0)
        size = power_of_two(xp.max(xp.abs(middle)))
        middle = middle / size
        return cls(x / size, middle, xp.sum(middle * middle, axis=1), exists, size)

    def copies(self, own: Int[Array, " s"]) -> Bool[Array, " s"]:
        """Which of the rows `own` have a row of lower index within their rounding."""
        xp = namespace(self.x)
        lengths = xp.sum(self.x * self.x, axis=1) * (SAME_POINT_UNITS * epsilon(self.x)) ** 2

        def add(at: Array, there: Array, found: Array) -> Array:
            radius = xp.maximum(lengths[own][:, None], lengths[at])
            near = self._squared_distances(own, at, there, radius) <= radius
            return found | xp.any(near & (at < own[:, None]), axis=1)

        return self._fold(add, own < 0)

    def candidates(self, own: Int[Array, " s"], wide: int) -> tuple[Array, Array]:
        """Squared distances from the rows `own` to about the nearest others, and their indices."""
        xp = namespace(self.x)

        def add(at: Array, there: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
            d2 = self._squared_distances(own, at, there, 0.0)
            every = xp.concat([found[0], d2], axis=1)
            where = xp.concat([found[1], xp.broadcast_to(at, d2.shape)], axis=1)
            least, which = top_k(-every, wide)
            return -least, xp.take_along_axis(where, which, axis=1)

        none = xp.zeros_like(self.x[own][:, :1]) + xp.zeros((1, wide), dtype=self.x.dtype)
        return self._fold(add, (none + xp.inf, xp.zeros_like(own)[:, None] + xp.arange(wide) * 0))

    def _fold(self, add: Callable[[Array, Array, Any], Any], carry: Any) -> Any:
        """`carry = add(rows of a tile, which of them are there, carry)` over the tiles."""
        xp, n = namespace(self.x), self.x.shape[0]
        tile = pairs.tile_side(self.x)

        def step(i: Any, carry: Any) -> Any:
            at = i * tile + like(np.arange(tile), self.x)
            inside = xp.where(at < n, at, n - 1)
            return add(inside, (at < n) & self.exists[inside], carry)

        return fold(-(-n // tile), step, carry, self.x)

    def _squared_distances(
        self, own: Int[Array, " s"], at: Int[Array, " t"], there: Bool[Array, " t"], radius: Any
    ) -> Float[Array, "s t"]:
        """Of two lists of rows; infinity where a row is no point, or met by itself."""
        xp = namespace(self.x)
        both = self.squares[own][:, None] + self.squares[at]
        quick = both - 2 * dot(self.centred[own], self.centred[at].T)
        allowed = self.exists[own][:, None] & there & (own[:, None] != at)
        close = quick < CLOSE_UNITS * epsilon(self.x) * both + 2 * radius
        close = xp.any(allowed & close)
        found = pairs.where_close(self.x[own], self.x[at], quick, close)
        return xp.where(allowed, found, xp.inf)
