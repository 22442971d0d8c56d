"""The nearest neighbours of every row of an array of any library.

Rows that lie on the host are searched there (`gramax.arrays.nearest_host`). Rows on an accelerator,
rows while JAX traces, and rows whose gradient is asked for are searched by their own library: a
block of rows at a time, against all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Bool, Float, Int
from gramax.arrays import pairs
from gramax.arrays.cloud import SAME_POINT_UNITS, Cloud, Directions, representatives
from gramax.arrays.linalg import ratio, safe_sqrt
from gramax.arrays.namespace import (
    Array,
    compiled,
    dot,
    epsilon,
    is_jax_array,
    is_numpy_array,
    is_torch_array,
    is_traced,
    like,
    namespace,
    stop_gradient,
    to_numpy,
    top_k,
)
from gramax.arrays.nearest_host import POTENTIAL_SHARPNESS, Progress, prepare, search, sweep
from gramax.arrays.rows import power_of_two, row_squares

BLOCK_NUMBERS = 1 << 22
"""Distances that a library other than NumPy looks at at a time: 16 MiB of float32."""

SPARE_CANDIDATES = 8
"""Candidates kept beyond k; their distances are then taken from differences, and ordered."""

CLOSE_UNITS = 1024
"""A block with a pair this many rounding units close is worked through by differences."""


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
    if is_torch_array(x):
        host = x.device.type == "cpu" and not x.requires_grad
    elif is_jax_array(x):
        host = not is_traced(x) and x.is_fully_addressable
        host = host and all(device.platform == "cpu" for device in x.devices())
    else:
        host = is_numpy_array(x)
    if not host and x.shape[0]:
        return _search(x, k)
    found = nearest_on_host(to_numpy(x), k)[0]
    if is_numpy_array(x):
        return found
    dtypes = x.dtype, namespace(x).int32, None
    return Neighbours(*(like(v, x, dtype=t) for v, t in zip(found, dtypes, strict=True)))


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
    if not _is_finite(x):
        return Neighbours(distances * np.nan, where, np.ones(n, bool)), np.nan
    rounding, unit = float(np.finfo(x.dtype).eps), 1.0
    largest = max(float(np.max(x)), -float(np.min(x))) if n else 0.0
    cloud: Cloud = x
    if normalize:
        cloud = Directions(x)
    elif largest and not 1e-100 < largest < 1e100:  # float64 does not hold the squares
        unit = float(power_of_two(np.float64(largest)))
        cloud = x / unit
    first = representatives(cloud, rounding) if n else np.arange(0)
    exists = first == np.arange(n)
    points = np.flatnonzero(exists)
    counts = np.bincount(first, minlength=n)[points].astype(np.float64)
    total = float(np.sum(counts * (counts - 1))) / 2  # copies lie at no distance
    if len(points) > 1:
        found = search(cloud, points, k, counts if potential else None, progress)
        distances[points], where[points] = np.sqrt(found[0]) * unit, found[1]
        total += found[2]
    mean = total / (n * (n - 1) / 2) if potential and n > 1 else np.nan
    return Neighbours(distances, where, exists), mean


def _is_finite(x: np.ndarray) -> bool:
    return all(np.all(np.isfinite(x[start : start + 4096])) for start in range(0, len(x), 4096))


def mean_potential(x: Float[np.ndarray, "n d"], progress: Progress | None = None) -> float:
    """The mean over pairs of exp(-2|a-b|²), a and b the directions of rows that are not zero."""
    there = np.any(x != 0, axis=1)
    x = x if np.all(there) else x[there]
    if len(x) < 2 or not _is_finite(x):
        return np.nan
    n = len(x)
    unit = (2 * POTENTIAL_SHARPNESS) ** 0.5
    prepared = prepare(Directions(x), np.arange(n), unit)
    return sweep(prepared, None, np.ones(n), progress) / (n * (n - 1) / 2)


# -- by the library of the rows -------------------------------------------------------------------


@compiled("k")
def _search(x: Float[Array, "n d"], k: int) -> Neighbours:
    """`nearest` by blocks; only the distances to the neighbours found have a gradient."""
    xp, n = namespace(x), x.shape[0]
    fixed, every = stop_gradient(x), like(np.arange(n), x)
    finite = xp.all(xp.isfinite(fixed), axis=1)
    size, measure = _squared_distances(fixed, finite)
    radius = row_squares(fixed / size) * (SAME_POINT_UNITS * epsilon(x)) ** 2

    def is_copy(own: Int[Array, " s"]) -> tuple[Array]:
        larger = xp.maximum(radius[own][:, None], radius)
        same = (measure(own, larger) <= larger) & (every < own[:, None])
        return (xp.any(same, axis=1),)

    exists = finite & ~_by_blocks(is_copy, x)[0]
    size, measure = _squared_distances(fixed, exists)
    wide = min(k + SPARE_CANDIDATES, n)

    def neighbours(own: Int[Array, " s"]) -> tuple[Array, Array]:
        found, where = top_k(-measure(own, 0.0), wide)
        gaps = x[own][:, None] / size - x[where] / size
        squares = xp.where(xp.isinf(found), xp.inf, xp.sum(gaps * gaps, axis=2))
        for tied in (True, False):  # by distance, and those that tie by row
            order = xp.argsort(where if tied else squares, axis=1, stable=True)
            squares, where = (xp.take_along_axis(v, order, axis=1) for v in (squares, where))
        return size * safe_sqrt(squares[:, :k]), where[:, :k]

    distances, where = _by_blocks(neighbours, x)
    if wide < k:
        lacking = xp.zeros((n, k - wide), dtype=x.dtype)
        distances = xp.concat([distances, lacking + xp.inf], axis=1)
        where = xp.concat([where, xp.astype(lacking, where.dtype)], axis=1)
    return Neighbours(xp.where(xp.all(finite), distances, xp.nan), where, exists)


def _by_blocks(of_block: Callable[[Array], tuple], x: Float[Array, "n d"]) -> tuple:
    """The arrays of `of_block(rows)` of all rows, a block of them at a time, put together."""
    xp, n = namespace(x), x.shape[0]
    size = min(n, 1024, max(1, BLOCK_NUMBERS // n))
    if is_jax_array(x):
        import jax

        block = lambda start: of_block(xp.minimum(start + xp.arange(size), n - 1))  # noqa: E731
        found = jax.lax.map(block, xp.arange(0, n, size))
        return jax.tree.map(lambda v: v.reshape(-1, *v.shape[2:])[:n], found)
    parts = [of_block(like(np.arange(s, min(s + size, n)), x)) for s in range(0, n, size)]
    return tuple(xp.concat(list(part)) for part in zip(*parts, strict=True))


def _squared_distances(
    x: Float[Array, "n d"], exists: Bool[Array, " n"]
) -> tuple[Float[Array, ""], Callable[[Array, Any], Float[Array, "s n"]]]:
    """The size of the rows, a power of two, and a function that measures the distance of some.

    `measure(own, radius)` is their squared distances from all rows, over the square of the size:
    infinity where a row does not exist, or meets itself. Products are those of rows about their
    mean, so that an offset costs no digits. Distances below some rounding, or below `radius`, are
    of rows as they are, whose differences are correctly rounded however close they lie.
    """
    xp = namespace(x)
    start = x[xp.argmax(xp.astype(exists, xp.int32))]
    centred = xp.where(exists[:, None], x - start, 0.0)
    middle = ratio(xp.sum(centred, axis=0), xp.sum(xp.astype(exists, x.dtype)))
    centred = xp.where(exists[:, None], centred - middle, 0.0)
    size = power_of_two(xp.max(xp.abs(centred)))
    x, centred, every = x / size, centred / size, like(np.arange(x.shape[0]), x)
    squares = row_squares(centred)

    def measure(own: Int[Array, " s"], radius: Any) -> Float[Array, "s n"]:
        both = squares[own][:, None] + squares
        quick = both - 2 * dot(centred[own], centred.T)
        allowed = exists[own][:, None] & exists & (own[:, None] != every)
        close = allowed & (quick < CLOSE_UNITS * epsilon(x) * both + 2 * radius)
        return xp.where(allowed, pairs.where_close(x[own], x, quick, xp.any(close)), xp.inf)

    return size, measure
