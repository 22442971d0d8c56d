"""The nearest neighbours of all rows on the host: exact, in bounded memory, about as fast as BLAS.

1. Rows closer to each other than their rounding are one point (`cloud.representatives`).
2. One pass over the tiles of all pairs of points, in float32 and half of them only since distances
   are symmetric, keeps a few more candidates for every point than are asked for (`sweep`). A tile
   is compared with the worst distances kept so far, and only the few entries below are touched.
   The points come in a random order, so that these distances fall fast whatever the order of rows.
3. Distances to the candidates are then taken from differences, in float64. Where the candidates
   that were left out were not further by more than the rounding of the pass, as in a tight crowd,
   the point is looked at again among all points in float64 (`_settle`).

NumPy alone: no array of all pairs is made, and nothing else is imported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import local
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.cloud import CHUNK_NUMBERS, Cloud, chunks, squared_distances

Progress = Callable[[float], None]
"""Called with the share of the work that is done, from 0 to 1."""

TILE_SIDE = 1024
"""Side of a tile of pairs: 4 MiB of float32."""

SPARE_CANDIDATES = 4
"""Candidates kept beyond those asked for, so that rounding can be told to leave out nothing."""

POTENTIAL_SHARPNESS = 2.0
"""The t of the potential exp(-t|a-b|²) that a pass can sum beside."""

NO_KEY = np.int64(np.float32(np.inf).view(np.int32)) << 32
"""The key of no candidate: at an infinite distance."""


class Prepared(NamedTuple):
    """Points about their mean in float32, to be multiplied: neither offset nor scale costs digits.

    Attributes:
        x: `[n, d]` the rows.
        points: `[p]` those of them that count.
        middle: `[d]` their mean.
        unit: a power of two.
        blur: how far a point may have moved by rounding, in the units of `g` beyond float32's.
        g: `[p, d]` the points, less their mean, times `unit`.
        half: `[p]` half their squares.
    """

    x: Cloud
    points: Int[np.ndarray, " p"]
    middle: Float[np.ndarray, " d"]
    unit: float
    blur: float
    g: Float[np.ndarray, "p d"]
    half: Float[np.ndarray, " p"]

    def wide(self, at: np.ndarray | slice) -> tuple[np.ndarray, np.ndarray]:
        """`g` and `half` of some points in float64."""
        g = (self.x[self.points[at]].astype(np.float64) - self.middle) * self.unit
        return g, np.einsum("ij,ij->i", g, g) / 2

    def margins(self, half: np.ndarray, last: np.ndarray, dtype: Any) -> Float[np.ndarray, " p"]:
        """How far half a squared distance of about `last` may be off in this precision."""
        length, reach = np.sqrt(2 * half), np.sqrt(2 * last)
        # The other point is no longer than this one and the distance between them.
        units = (4 + np.sqrt(self.g.shape[1])) * float(np.finfo(dtype).eps)
        rounding = units * (2 * length + reach) ** 2 / 2
        return rounding + 2 * self.blur * (reach + self.blur)


def prepare(x: Cloud, points: Int[np.ndarray, " p"], unit: float | None = None) -> Prepared:
    """The rows `points` about their mean; `unit` None makes their largest entry about 1."""
    p, d = len(points), x.shape[1]
    start = x[points[0]].astype(np.float64)
    total, low, high = np.zeros(d), np.full(d, np.inf), np.full(d, -np.inf)
    for part in chunks(p, d):
        rows = x[points[part]] - start
        total += rows.sum(axis=0)
        low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
    size = max(np.max(high - total / p), np.max(total / p - low))
    if unit is None:
        unit = 2.0 ** -np.round(np.log2(size)) if size > 0 else 1.0
    reach = (np.max(np.abs(start)) + size) * np.sqrt(d)
    blur = 4 * float(np.finfo(np.float64).eps) * reach * unit
    g, half = np.empty((p, d), np.float32), np.empty(p, np.float32)
    prepared = Prepared(x, points, start + total / p, unit, blur, g, half)
    for part in chunks(p, d):
        g[part] = prepared.wide(part)[0]
        half[part] = np.einsum("ij,ij->i", g[part], g[part], dtype=np.float64) / 2
    return prepared


class Best:
    """The nearest candidates of every point so far, as keys that sort by distance.

    A key is one integer: the bits of half the squared distance, then the number of the point.

    Attributes:
        keys: `[p, keep]`, the last of each row the largest.
        limit: `[p]` half the squared distance of that one.
    """

    def __init__(self, p: int, keep: int) -> None:
        """None yet, at an infinite distance."""
        self.keys = np.full((p, keep), NO_KEY)
        self.limit = np.full(p, np.inf, np.float32)

    def add(self, rows: Int[np.ndarray, " m"], keys: Int[np.ndarray, " m"]) -> None:
        """Candidates `keys` of the points `rows`, which lie in one tile."""
        if not len(rows):
            return
        start, keep = rows.min(), self.keys.shape[1]
        order = np.argsort((rows - start).astype(np.uint16), kind="stable")
        rows, keys = rows[order], keys[order]
        some, first, slot, counts = np.unique(
            rows, return_index=True, return_inverse=True, return_counts=True
        )
        both = np.full((len(some), keep + counts.max()), NO_KEY)
        both[:, :keep] = self.keys[some]
        both[slot, keep + np.arange(len(rows)) - first[slot]] = keys
        both.partition(keep - 1, axis=1)
        self.keys[some] = both[:, :keep]
        self.limit[some] = (both[:, keep - 1] >> 32).astype(np.int32).view(np.float32)


def sweep(
    prepared: Prepared,
    best: Best | None,
    counts: Float[np.ndarray, " p"] | None = None,
    progress: Progress | None = None,
) -> float:
    """One pass over all pairs of points: fills `best`, and sums a potential.

    Args:
        prepared: the points.
        best: takes the candidates; None where they are not asked for.
        counts: how many rows each point stands for, to sum Σ_{i<j} c_i c_j exp(-|g_i - g_j|²/2);
            None where the sum is not asked for.
        progress: told the share of the tiles that are done.

    Returns:
        The sum, 0 without `counts`.
    """
    starts = range(0, len(prepared.g), TILE_SIDE)
    own = [(a, a) for a in starts]
    others = [(a, b) for b in starts for a in range(0, b, TILE_SIDE)]
    weights = None if counts is None else counts.astype(np.float32)
    space = local()

    def work(a: int, b: int) -> tuple[float, list[tuple[np.ndarray, np.ndarray]]]:
        near = _nearness(prepared, a, b, space)
        found = [] if best is None else list(_candidates(near, best, a, b))
        if weights is None:
            return 0.0, found
        np.exp(near, out=near)
        sums = near @ weights[b : b + TILE_SIDE]
        side = weights[a : a + TILE_SIDE].astype(np.float64)
        return float(side @ sums) / (2 if a == b else 1), found

    total, done = 0.0, 0
    for tiles in (own, others):  # these need the limits that those set
        for part, found in in_order(work, tiles):
            total, done = total + part, done + 1
            for rows, keys in found:
                best.add(rows, keys)  # type: ignore[union-attr]
            if progress is not None:
                progress(done / (len(own) + len(others)))
    return total


def in_order(work: Callable, tasks: list) -> Iterator:
    """`work(*task)` of all tasks in their order: several at once, each on one thread of BLAS.

    A tile is too small for the threads of BLAS, which wait for each other at every product; and
    what is no product would run on one thread alone.
    """
    if len(tasks) < 3:
        yield from (work(*task) for task in tasks)
        return
    from threadpoolctl import ThreadpoolController  # small data need none: imported late

    blas = ThreadpoolController().select(user_api="blas")
    workers = max((library["num_threads"] for library in blas.info()), default=1)
    with blas.limit(limits=1), ThreadPoolExecutor(workers) as pool:
        running: deque[Future] = deque()
        for task in tasks:
            running.append(pool.submit(work, *task))
            if len(running) > 2 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _nearness(prepared: Prepared, a: int, b: int, space: local) -> Float[np.ndarray, "s t"]:
    """Minus half the squared distances of a tile, minus infinity of a point to itself."""
    if not hasattr(space, "tile"):
        space.tile = np.empty(TILE_SIDE * TILE_SIDE, np.float32)
    left, right = prepared.g[a : a + TILE_SIDE], prepared.g[b : b + TILE_SIDE]
    near = space.tile[: len(left) * len(right)].reshape(len(left), len(right))
    np.matmul(left, right.T, out=near)
    near -= prepared.half[a : a + TILE_SIDE, None]
    near -= prepared.half[b : b + TILE_SIDE]
    if a == b:
        np.fill_diagonal(near, -np.inf)
    return near


def _candidates(
    near: Float[np.ndarray, "s t"], best: Best, a: int, b: int
) -> Iterator[tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]]:
    """Points of a tile and keys of entries nearer than their limits: of its rows, its columns."""
    wide, keep = near.shape[1], best.keys.shape[1]

    def keyed(at: np.ndarray, points: np.ndarray) -> np.ndarray:
        """The bits of a number above 0 sort as the number does."""
        half = np.maximum(-near.ravel()[at], np.float32(0))  # which also makes -0.0 0.0
        return (half.view(np.int32).astype(np.int64) << 32) | points

    if a == b:
        least = np.partition(near, wide - keep, axis=1)[:, wide - keep] if wide > keep else -np.inf
        at = np.flatnonzero((least <= near.T).T & np.isfinite(near))
        yield a + at // wide, keyed(at, a + at % wide)
        return
    at = np.flatnonzero(near > -best.limit[a : a + TILE_SIDE, None])
    yield a + at // wide, keyed(at, b + at % wide)
    at = np.flatnonzero(near > -best.limit[b : b + TILE_SIDE])
    yield b + at % wide, keyed(at, a + at // wide)


# -- exact neighbours -----------------------------------------------------------------------------


def search(
    x: Cloud,
    points: Int[np.ndarray, " p"],
    k: int,
    counts: Float[np.ndarray, " p"] | None = None,
    progress: Progress | None = None,
) -> tuple[Float[np.ndarray, "p k"], Int[np.ndarray, "p k"], float]:
    """The k nearest other points of each of the rows `points`.

    Args:
        x: `[n, d]` finite rows that can be squared in float64.
        points: `[p]` those that count, ascending; no two at one place.
        k: how many; ties go to the lower row.
        counts: `[p]` how many rows each stands for, to sum their potential beside: of rows on the
            sphere.
        progress: told the share of the work that is done.

    Returns:
        Squared distances `[p, k]`, ascending, infinity where there are fewer points; the rows that
        they are `[p, k]`; the sum that `sweep` makes.
    """
    p = len(points)
    keep = min(k + SPARE_CANDIDATES, p - 1)
    mixed = points[np.random.default_rng(0).permutation(p)]
    unit = None if counts is None else float(np.sqrt(2 * POTENTIAL_SHARPNESS))
    prepared, best = prepare(x, mixed, unit), Best(p, keep)
    if counts is not None:
        counts = counts[np.searchsorted(points, mixed)]
    potential = sweep(prepared, best, counts, progress)
    where = mixed[best.keys & 0xFFFFFFFF]
    squares = squared_distances(x, mixed, where)
    order = np.lexsort((where, squares), axis=1)[:, :k]
    squares, where = (np.take_along_axis(v, order, axis=1) for v in (squares, where))
    if keep < p - 1:
        _settle(prepared, best.limit, squares, where)
    order, lacking = np.argsort(mixed), ((0, 0), (0, k - squares.shape[1]))
    squares = np.pad(squares[order], lacking, constant_values=np.inf)
    return squares, np.pad(where[order], lacking), potential


def _settle(
    prepared: Prepared,
    limit: Float[np.ndarray, " p"],
    squares: Float[np.ndarray, "p k"],
    where: Int[np.ndarray, "p k"],
) -> None:
    """Look again, in place, at the points of which rounding may have left out a neighbour.

    All points about as near in float64 as the k-th are compared by their differences.
    """
    points, (p, d), k = prepared.points, prepared.g.shape, squares.shape[1]
    last = squares[:, -1] * prepared.unit**2 / 2
    margin = prepared.margins(prepared.half, last, np.float32)
    unsure = np.flatnonzero(~(limit - margin > last))
    step = min(TILE_SIDE, max(16, 8 * CHUNK_NUMBERS // p))
    for some in (unsure[start : start + step] for start in range(0, len(unsure), step)):
        own, own_half = prepared.wide(some)
        near = np.empty((len(some), p))
        for part in chunks(p, d):
            other, half = prepared.wide(part)
            near[:, part] = own_half[:, None] + half - own @ other.T
        near[np.arange(len(some)), some] = np.inf
        last = np.maximum(np.partition(near, k - 1, axis=1)[:, k - 1], 0)
        last += 2 * prepared.margins(own_half, last, np.float64)
        at, to = np.nonzero(near <= last[:, None])
        exact = squared_distances(prepared.x, points[some[at]], points[to, None])[:, 0]
        order = np.lexsort((points[to], exact, at))
        first = np.searchsorted(at[order], np.arange(len(some)))
        order = order[first[:, None] + np.arange(k)]
        squares[some], where[some] = exact[order], points[to[order]]
