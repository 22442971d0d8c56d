"""Searches among all rows, by some of them: who is found, beside who should be.

A query is compared with every row, a tile of pairs at a time. Equal distances, which short codes
have many of, are no order: of the rows that tie for the last places each has its share of them, as
if dice were thrown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import numpy as np

from gramax._shapes import Bool, Float, Int
from gramax.arrays.cloud import Cloud, squared_distances
from gramax.arrays.nearest_host import in_order, prepare

NEIGHBOURS = 10
"""Rows that a search hands over."""

TILE_NUMBERS, MIN_TILE_ROWS, GROUP = 1 << 18, 64, 16
"""Pairs that are compared at once, of so many queries at least; and rows of a group, of which the
nearest sets a bound."""


class Found(NamedTuple):
    """What searches found."""

    # the share of the true neighbours that are among those found
    recall: Float[np.ndarray, " q"]
    right: Float[np.ndarray, " q"]  # the chance that the nearest row has the query's class


class Truth(NamedTuple):
    """The true neighbours of some queries, as pairs: more than k a query where they tie."""

    queries: Int[np.ndarray, " q"]  # the places of the queries among the rows
    query: Int[np.ndarray, " m"]  # which of them
    row: Int[np.ndarray, " m"]  # a true neighbour of it
    nearest: Bool[np.ndarray, " m"]  # whether no row is nearer

    def right(self, labels: Int[np.ndarray, " n"]) -> Float[np.ndarray, " q"]:
        """The chance that the nearest row has the query's class."""
        i, j = self.query[self.nearest], self.row[self.nearest]
        return _share_of_class(i, j, self.queries, labels)


def true_neighbours(rows: Cloud, queries: Int[np.ndarray, " q"], k: int = NEIGHBOURS) -> Truth:
    """The k nearest other rows of each query, exactly; all are finite, no two at one place."""
    prepared = prepare(rows, np.arange(rows.shape[0]))

    def work(start: int, near: Float[np.ndarray, "s n"]) -> tuple[np.ndarray, ...]:
        at = queries[start : start + len(near)]
        near -= prepared.half[at, None]  # half squared distances, whose rounding is known
        last = _bound(near, k)
        margin = prepared.margins(prepared.half[at], np.maximum(-last, 0), np.float32)
        i, j = np.nonzero(near >= (last - 2 * margin).astype(np.float32)[:, None])
        squares = squared_distances(rows, at[i], j[:, None])[:, 0]
        order = np.lexsort((squares, i))
        i, j, squares = i[order], j[order], squares[order]
        first = np.searchsorted(i, np.arange(len(near)))
        true = squares <= squares[first + k - 1][i]
        return start + i[true], j[true], (squares == squares[first][i])[true]

    pairs = _by_tiles(work, prepared.g, prepared.half, queries)
    return Truth(queries, *map(np.concatenate, zip(*pairs, strict=True)))


def found_in(
    g: Float[np.ndarray, "n m"],
    half: Float[np.ndarray, " n"],
    truth: Truth,
    labels: Int[np.ndarray, " n"],
    k: int = NEIGHBOURS,
) -> Found:
    """What the queries find among rows `g` as they are stored; `half` are half their squares."""

    def work(start: int, near: Float[np.ndarray, "s n"]) -> tuple[np.ndarray, np.ndarray]:
        stop = start + len(near)
        i, j = np.nonzero(near >= _bound(near, k)[:, None])
        value = near[i, j]
        ordered = value[np.lexsort((-value, i))]
        first = np.searchsorted(i, np.arange(len(near)))
        best, last = ordered[first], ordered[first + k - 1]
        nearer = np.bincount(i, value > last[i], len(near))
        chance = (k - nearer) / np.bincount(i, value == last[i], len(near))
        mine = slice(*np.searchsorted(truth.query, (start, stop)))
        who = truth.query[mine] - start
        true = near[who, truth.row[mine]]
        got = (true > last[who]) + (true == last[who]) * chance[who]
        i, j = i[value == best[i]], j[value == best[i]]
        right = _share_of_class(i, j, truth.queries[start:stop], labels)
        return np.bincount(who, got, len(near)) / k, right

    parts = _by_tiles(work, g, half, truth.queries)
    return Found(*map(np.concatenate, zip(*parts, strict=True)))


def _share_of_class(
    i: np.ndarray, j: np.ndarray, queries: np.ndarray, labels: np.ndarray
) -> Float[np.ndarray, " q"]:
    """Of the rows j that are found by the queries i, the share that have the query's class."""
    same = labels[j] == labels[queries[i]]
    return np.bincount(i, same, len(queries)) / np.bincount(i, minlength=len(queries))


T = TypeVar("T")


def _by_tiles(
    work: Callable[[int, Float[np.ndarray, "s n"]], T],
    g: Float[np.ndarray, "n m"],
    half: Float[np.ndarray, " n"],
    queries: Int[np.ndarray, " q"],
) -> Iterator[T]:
    """`work(start, near)` of all tiles of queries by rows: a larger number is nearer.

    A row to itself has minus infinity.
    """

    def of(start: int) -> T:
        at = queries[start : start + step]
        near = g[at] @ g.T
        near -= half
        near[np.arange(len(at)), at] = -np.inf
        return work(start, near)

    step = max(MIN_TILE_ROWS, TILE_NUMBERS // len(g))
    return in_order(of, [(start,) for start in range(0, len(queries), step)])


def _bound(near: Float[np.ndarray, "s n"], k: int) -> Float[np.ndarray, " s"]:
    """What the k nearest of each query reach at least.

    It is the k-th best of the bests of groups of rows: ten times as fast to find as the k-th best
    of all, and not many rows more reach it.
    """
    s, n = near.shape
    groups = n // GROUP
    if groups < 4 * k:
        return np.partition(near, n - k, axis=1)[:, n - k]
    best = near[:, : groups * GROUP].reshape(s, GROUP, groups).max(axis=1)
    return np.partition(best, groups - k, axis=1)[:, groups - k]
