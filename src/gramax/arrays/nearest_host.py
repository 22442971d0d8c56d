"""The nearest neighbours of all rows on the host: exact, in bounded memory, about as fast as BLAS.

1. Rows closer to each other than their rounding are one point (`cloud.representatives`).
2. One pass over the tiles of all pairs of points, in float32 and half of them only since distances
   are symmetric, keeps a few more candidates for every point than are asked for (`sweep`). A tile
   is compared with the worst distances kept so far, and only the few entries below are touched.
   The points come in a random order, so that these distances fall fast whatever the order of rows.
3. Distances to the candidates are then taken from differences, in float64. Where the candidates
   that were left out were not further by more than the rounding of the pass, the point is looked
   at again (`_settle`): among all that rounding leaves open, and, where those are many because the
   point lies in a tight crowd, by the same search among the crowd alone, about its own centre.

NumPy alone: no array of all pairs is made, and nothing else is imported.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import local
from typing import NamedTuple

import numpy as np

from gramax._shapes import Bool, Float, Int
from gramax.arrays.cloud import CHUNK_NUMBERS, Cloud, chunks

Progress = Callable[[float], None]
"""Called with the share of the work that is done, from 0 to 1."""

TILE_SIDE = 1024
"""Side of a tile of pairs: 4 MiB of float32."""

SPARE_CANDIDATES = 4
"""Candidates kept beyond those asked for, so that rounding can be told to leave out nothing."""

MANY_CANDIDATES = 96
"""A point with more candidates than these in a tight crowd is looked at among the crowd alone."""

TIGHT_SHARE = 1 / 72
"""The square of a crowd's radius, over the largest of half the squares of all points, up to which
the crowd is tight: a search of those within three radii sees them at least twice as large."""

POTENTIAL_SHARPNESS = 2.0
"""The t of the potential exp(-t|a-b|²) that a pass can sum beside."""

NO_KEY = np.int64(np.float32(np.inf).view(np.int32)) << 32
"""The key of no candidate: at an infinite distance."""


# -- one pass over all pairs ----------------------------------------------------------------------


class Prepared(NamedTuple):
    """Points about their mean in float32, to be multiplied: neither offset nor scale costs digits.

    Attributes:
        g: `[p, d]` the points, less their mean, times `unit`.
        half: `[p]` half their squares.
        unit: a power of two.
        blur: how far a point may have moved by rounding, in the units of `g` beyond float32's.
    """

    g: Float[np.ndarray, "p d"]
    half: Float[np.ndarray, " p"]
    unit: float
    blur: float


def prepare(cloud: Cloud, points: Int[np.ndarray, " p"], unit: float | None = None) -> Prepared:
    """The rows `points` about their mean; `unit` None makes their largest entry about 1."""
    p, d = len(points), cloud.x.shape[1]
    total, low, high = np.zeros(d), np.full(d, np.inf), np.full(d, -np.inf)
    start = cloud.rows(points[:1])[0]
    for part in chunks(p, d):
        rows = cloud.rows(points[part]) - start
        total += rows.sum(axis=0)
        low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
    middle = total / p
    size = max(np.max(high - middle), np.max(middle - low))
    if unit is None:
        unit = 2.0 ** -np.round(np.log2(size)) if size > 0 else 1.0
    g, half = np.empty((p, d), np.float32), np.empty(p)
    for part in chunks(p, d):
        rows = ((cloud.rows(points[part]) - start - middle) * unit).astype(np.float32)
        g[part], half[part] = rows, np.einsum("ij,ij->i", rows, rows, dtype=np.float64) / 2
    reach = (np.max(np.abs(start)) + size) * np.sqrt(d)
    blur = 4 * float(np.finfo(np.float64).eps) * reach * unit
    return Prepared(g, half.astype(np.float32), unit, blur)


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
        self._waiting: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}

    def add(self, start: int, rows: np.ndarray, keys: np.ndarray) -> None:
        """Candidates of rows `start + rows`; looked at when there are some for most of them."""
        waiting = self._waiting.setdefault(start, [])
        waiting.append((rows, keys))
        if sum(len(rows) for rows, _ in waiting) >= 4 * TILE_SIDE:
            self._merge(start)

    def finish(self) -> None:
        """Look at all that wait."""
        for start in list(self._waiting):
            self._merge(start)

    def _merge(self, start: int) -> None:
        parts = self._waiting.pop(start)
        rows, keys = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        order = np.argsort(rows.astype(np.uint16), kind="stable")
        rows, keys = rows[order], keys[order]
        counts = np.bincount(rows)
        some, slot = np.flatnonzero(counts), (np.cumsum(counts > 0) - 1)[rows]
        place = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
        keep = self.keys.shape[1]
        both = np.full((len(some), keep + counts.max(initial=0)), NO_KEY)
        both[:, :keep] = self.keys[start + some]
        both[slot, keep + place] = keys
        both.partition(keep - 1, axis=1)
        self.keys[start + some] = both[:, :keep]
        last = (both[:, keep - 1] >> 32).astype(np.int32)
        self.limit[start + some] = last.view(np.float32)


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
    p = len(prepared.g)
    starts = range(0, p, TILE_SIDE)
    own = [(a, a) for a in starts]
    others = [(a, b) for b in starts for a in range(0, b, TILE_SIDE)]
    weights = None if counts is None else counts.astype(np.float32)
    space = local()
    total = 0.0

    def work(a: int, b: int) -> tuple[float, list[tuple[int, np.ndarray, np.ndarray]]]:
        near = _nearness(prepared, a, b, space)
        found = [] if best is None else list(_candidates(near, best, a, b))
        if weights is None:
            return 0.0, found
        np.exp(near, out=near)
        sums = near @ weights[b : b + TILE_SIDE]
        side = weights[a : a + TILE_SIDE].astype(np.float64)
        return float(side @ sums) / (2 if a == b else 1), found

    done = 0
    for tiles in (own, others):  # these need the limits that those set
        for part, found in _in_order(work, tiles):
            total += part
            for start, rows, keys in found:
                best.add(start, rows, keys)  # type: ignore[union-attr]
            done += 1
            if progress is not None:
                progress(done / (len(own) + len(others)))
        if best is not None:
            best.finish()
    return total


def _in_order(work: Callable, tasks: list) -> Iterator:
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
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Entries of a tile nearer than the limits: of its rows, then of its columns."""
    wide = near.shape[1]
    if a == b:
        keep = best.keys.shape[1]
        least = np.partition(near, wide - keep, axis=1)[:, wide - keep] if wide > keep else -np.inf
        at = np.flatnonzero((least <= near.T).T & np.isfinite(near))
        yield a, at // wide, _keys(near, at, a + at % wide)
        return
    at = np.flatnonzero(near > -best.limit[a : a + TILE_SIDE, None])
    yield a, at // wide, _keys(near, at, b + at % wide)
    at = np.flatnonzero(near > -best.limit[b : b + TILE_SIDE])
    yield b, at % wide, _keys(near, at, a + at // wide)


def _keys(near: np.ndarray, at: np.ndarray, points: np.ndarray) -> Int[np.ndarray, " m"]:
    """Keys of the entries `at` of a tile: the bits of a number above 0 sort as the number does."""
    half = np.maximum(-near.ravel()[at], np.float32(0))  # which also makes -0.0 0.0
    return (half.view(np.int32).astype(np.int64) << 32) | points


# -- exact neighbours -----------------------------------------------------------------------------


class Search(NamedTuple):
    """What `search` finds of the points.

    Attributes:
        squares: `[p, k]` squared distances, ascending; infinity where there are fewer points.
        where: `[p, k]` the rows that they are.
        potential: the sum that `sweep` makes.
    """

    squares: Float[np.ndarray, "p k"]
    where: Int[np.ndarray, "p k"]
    potential: float


def search(
    cloud: Cloud,
    points: Int[np.ndarray, " p"],
    k: int,
    counts: Float[np.ndarray, " p"] | None = None,
    progress: Progress | None = None,
) -> Search:
    """The k nearest other points of each of the rows `points`.

    Args:
        cloud: the rows.
        points: `[p]` those that count, ascending; no two at one place.
        k: how many; ties go to the lower row.
        counts: `[p]` how many rows each stands for, to sum their potential beside: of rows on the
            sphere.
        progress: told the share of the work that is done.
    """
    p = len(points)
    keep = min(k + SPARE_CANDIDATES, p - 1)
    mixed = points[np.random.default_rng(0).permutation(p)]
    unit = None if counts is None else float(np.sqrt(2 * POTENTIAL_SHARPNESS))
    prepared, best = prepare(cloud, mixed, unit), Best(p, keep)
    if counts is not None:
        counts = counts[np.searchsorted(points, mixed)]
    potential = sweep(prepared, best, counts, progress)
    others = mixed[best.keys & 0xFFFFFFFF]
    squares, where = _nearest_of(cloud.squared_distances(mixed, others), others, k)
    if keep < p - 1:
        _settle(cloud, mixed, prepared, best.limit, squares, where)
    order = np.argsort(mixed)
    return Search(squares[order], where[order], potential)


def _nearest_of(squares: np.ndarray, others: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of some candidates, ties to the lower row; infinity where none is left."""
    order = np.lexsort((others, squares), axis=1)[:, :k]
    lacking = ((0, 0), (0, k - order.shape[1]))
    squares, others = (np.take_along_axis(v, order, axis=1) for v in (squares, others))
    return np.pad(squares, lacking, constant_values=np.inf), np.pad(others, lacking)


def _settle(
    cloud: Cloud,
    points: Int[np.ndarray, " p"],
    prepared: Prepared,
    limit: Float[np.ndarray, " p"],
    squares: Float[np.ndarray, "p k"],
    where: Int[np.ndarray, "p k"],
) -> None:
    """Look again, in place, at the points of which rounding may have left out a neighbour."""
    last = squares[:, -1] * prepared.unit**2 / 2
    margin = _margins(prepared, last)
    tight = _radius_squares(last, margin) <= TIGHT_SHARE * np.max(prepared.half)
    unsure = np.flatnonzero(~(limit - margin > last))
    step = max(1, 8 * CHUNK_NUMBERS // len(points))
    while len(unsure):
        some, unsure = unsure[:step], unsure[step:]
        half = prepared.half[some, None] + prepared.half - prepared.g[some] @ prepared.g.T
        inside = half <= (last + margin)[some, None]
        inside[np.arange(len(some)), some] = False
        crowded = (np.count_nonzero(inside, axis=1) > MANY_CANDIDATES) & tight[some]
        _settle_few(cloud, points, some[~crowded], inside[~crowded], (squares, where))
        waiting = np.concatenate([some[crowded], unsure])
        for row in np.flatnonzero(crowded):
            if some[row] in waiting:
                leader = half[row], int(some[row]), last, margin
                done = _settle_crowd(cloud, points, prepared, leader, waiting, (squares, where))
                waiting = waiting[~np.isin(waiting, done)]
        unsure = waiting


def _settle_few(
    cloud: Cloud,
    points: np.ndarray,
    some: np.ndarray,
    inside: Bool[np.ndarray, "m p"],
    result: tuple[np.ndarray, np.ndarray],
) -> None:
    """Neighbours of the points `some`, from the differences to all of the candidates `inside`."""
    rows, columns = np.nonzero(inside)
    if not len(rows):
        return
    counts = np.bincount(rows, minlength=len(some))
    place = np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]
    exact = np.full((len(some), counts.max()), np.inf)
    others = np.full(exact.shape, len(cloud.x))
    others[rows, place] = points[columns]
    exact[rows, place] = cloud.squared_distances(points[some[rows]], points[columns, None])[:, 0]
    result[0][some], result[1][some] = _nearest_of(exact, others, result[0].shape[1])


def _margins(prepared: Prepared, last: Float[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
    """How far half a squared distance of about `last` may be off in a pass."""
    d, unit = prepared.g.shape[1], float(np.finfo(np.float32).eps)
    length, reach = np.sqrt(2 * prepared.half), np.sqrt(2 * last)
    # The other point is no longer than this one and the distance between them.
    rounding = (4 + np.sqrt(d)) * unit * (2 * length + reach) ** 2 / 2
    return rounding + 2 * prepared.blur * (reach + prepared.blur)


def _radius_squares(last: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """Squares of radii that hold the nearest of a point and all that rounding leaves open."""
    return 2 * last + 4 * margin


def _settle_crowd(
    cloud: Cloud,
    points: np.ndarray,
    prepared: Prepared,
    leader: tuple[np.ndarray, int, np.ndarray, np.ndarray],
    waiting: np.ndarray,
    result: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Neighbours of a point in a crowd, and of those about it; returns the points that are done.

    The points within three radii are searched by themselves. A radius holds the k nearest of the
    leader and what rounding leaves open, so that those within one radius find theirs among them.
    """
    half, at, last, margin = leader
    squares, where = result
    square = _radius_squares(last[at], margin[at])
    crowd = np.flatnonzero(half <= 4.5 * square + margin[at])
    inner = (half[waiting] <= square / 2) & (2 * last[waiting] <= 2.8 * square)
    done = np.union1d(waiting[inner], [at])
    members = np.sort(points[crowd])
    found_there = search(cloud, members, squares.shape[1])
    place = np.searchsorted(members, points[done])
    squares[done], where[done] = found_there.squares[place], found_there.where[place]
    return done
