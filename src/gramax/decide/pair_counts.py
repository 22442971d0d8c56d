"""How many pairs of rows have which cosine: pairs of one class, and pairs of two.

The counts are kept for each class (or group of classes), so that what they add up to can be had
without the pairs of any one of them: an error bar leaves out classes, never single pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from gramax._shapes import Float, Int
from gramax.streaming import Progress

MAX_ROWS = 20_000
"""Rows up to which every pair is looked at; of more, the pairs of a random part."""

MAX_SAME_PAIRS = 2e8
"""Pairs within classes that are looked at, at most."""

GROUPS = 100
"""Classes up to which each is left out by itself; more are dealt to so many groups. The error is
then known to one part in fourteen."""

BINS, STRIDE, TILE_SIDE, PROBED_ROWS = 8192, 32, 2048, 1000


@dataclass(frozen=True)
class PairCounts:
    """Pairs by cosine in even bins from `edges[0]`, cosines below it included, to 1."""

    edges: Float[np.ndarray, " b1"]  # of the bins
    # pairs of two rows of one class, for each group of classes
    same: Float[np.ndarray, "g b"]
    # pairs of rows of two classes, one of which at least is in the group
    different: Float[np.ndarray, "g b"]
    all_different: Float[np.ndarray, " b"]  # pairs of rows of two classes
    # sums over pairs of groups, at every `STRIDE`-th edge: of their squared pairs above
    # it, of those times all their pairs, and of all their pairs squared
    dyads: Float[np.ndarray, "3 s1"]
    sizes: Float[np.ndarray, "2 g"]  # rows, and pairs of one class, in each group
    group: Int[np.ndarray, " c"]  # the group of each class
    rows: tuple[int, int]  # rows whose pairs of two classes, and of one class, were looked at

    @cached_property
    def all_same(self) -> Float[np.ndarray, " b"]:
        """Pairs of rows of one class."""
        return self.same.sum(axis=0)

    def without(self, g: int) -> tuple[Float[np.ndarray, " b"], Float[np.ndarray, " b"]]:
        """Pairs of one class and of two, those with a row of a class of group `g` left out."""
        return self.all_same - self.same[g], self.all_different - self.different[g]


def count_pairs(
    x: Float[np.ndarray, "m d"], y: Int[np.ndarray, " m"], c: int, progress: Progress | None = None
) -> PairCounts:
    """Count all pairs of up to `MAX_ROWS` unit rows, and of more those of random parts.

    Every pair has the same probability to be in a part, so classes weigh as they do in all rows.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> found = count_pairs(x, np.array([0, 0, 1]), 2)
        >>> print(found.all_same.sum(), found.all_different.sum())
        1 2
    """
    rng = np.random.default_rng(0)
    group = np.arange(c) if c <= GROUPS else rng.permutation(c) % GROUPS
    order = rng.permutation(len(x))
    probed = x[order[:PROBED_ROWS]]
    low = max(-1.0, 1 - 1.1 * (1 - float((probed @ probed.T).min())))
    edges = np.linspace(min(low, 1 - 1e-12), 1, BINS + 1)
    rows = np.bincount(group[y]).astype(float)
    share = min(1.0, (2 * MAX_SAME_PAIRS / float(rows @ rows)) ** 0.5)
    parts = [order[:MAX_ROWS]]
    if len(x) > MAX_ROWS:
        parts.append(order[: int(share * len(x))])
    work = sum(len(part) for part in parts)
    done, kinds = 0, []
    for part, across in zip(parts, (True, False), strict=False):
        at = part[np.lexsort((y[part], group[y[part]]))]
        counts = _Counts(edges, int(group.max()) + 1)
        for seen in counts.add(x[at], y[at], group[y[at]], across):
            if progress:
                progress("pairs", done + seen, work, 0)
        done += len(part)
        kinds.append(counts)
    across, within = kinds[0], kinds[-1]
    sizes = np.stack([rows, within.same.sum(axis=1)])
    found = within.same, across.different, across.both, across.dyads, sizes
    return PairCounts(edges, *found, group, (len(parts[0]), len(parts[-1])))


class _Counts:
    """The counts under way."""

    def __init__(self, edges: Float[np.ndarray, " b1"], groups: int) -> None:
        self.low, self.scale = edges[0], BINS / (edges[-1] - edges[0])
        self.same, self.different = np.zeros((2, groups, BINS), np.int64)
        self.both = np.zeros(BINS, np.int64)
        self.dyads = np.zeros((3, BINS // STRIDE + 1))

    def add(
        self,
        x: Float[np.ndarray, "m d"],
        y: Int[np.ndarray, " m"],
        group: Int[np.ndarray, " m"],
        across: bool,
    ) -> Iterator[int]:
        """Add the pairs of rows that are sorted by group; yield how many rows are done.

        With `across` those of two groups too.
        """
        for a, b in _runs(group):
            later = np.zeros((len(self.same) - group[a] - 1, BINS), np.int64)
            for start in range(a, b, TILE_SIDE):
                own = slice(start, min(start + TILE_SIDE, b))
                self._within(x, y, own, b, group[a])
                if across:
                    self._across(x, own, b, group, later)
                yield own.stop
            if across:
                self._add_dyads(group[a], later)

    def _within(self, x, y, own: slice, stop: int, g: int) -> None:
        """The pairs of a block with itself and with later rows of its group."""
        for start in range(own.start, stop, TILE_SIDE):
            other = slice(start, min(start + TILE_SIDE, stop))
            places, same = self._places(x[own] @ x[other].T), y[own, None] == y[other]
            pair = np.tri(len(same), k=-1, dtype=bool) if other == own else True
            self.same[g] += _counted(places[pair & same])
            found = _counted(places[pair & ~same])
            self.different[g] += found
            self.both += found

    def _across(self, x, own: slice, stop: int, group: Int[np.ndarray, " m"], later) -> None:
        """Add the pairs of a block with rows of later groups to those of each of these groups."""
        side = TILE_SIDE**2 // (own.stop - own.start)
        for start in range(stop, len(x), side):
            other = slice(start, start + side)
            places = self._places(x[other] @ x[own].T)
            for a, b in _runs(group[other]):
                later[group[start + a] - group[own.start] - 1] += _counted(places[a:b])

    def _add_dyads(self, g: int, later: Int[np.ndarray, "h b"]) -> None:
        """Add the pairs of group `g` with each later group."""
        self.different[g + 1 :] += later
        own = later.sum(axis=0)
        self.different[g] += own
        self.both += own
        steps = later.reshape(len(later), BINS // STRIDE, STRIDE).sum(axis=2).astype(float)
        above = np.zeros((len(later), self.dyads.shape[1]))
        above[:, :-1] = np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
        every = np.broadcast_to(above[:, :1], above.shape)
        for k, product in enumerate((above * above, above * every, every * every)):
            self.dyads[k] += product.sum(axis=0)

    def _places(self, cosines: Float[np.ndarray, "s t"]) -> Int[np.ndarray, "s t"]:
        cosines -= self.low
        cosines *= self.scale
        return np.clip(cosines, 0, BINS - 1, out=cosines).astype(np.intp)


def _counted(places: Int[np.ndarray, "..."]) -> Int[np.ndarray, " b"]:
    return np.bincount(places.ravel(), minlength=BINS)


def _runs(group: Int[np.ndarray, " m"]) -> list[tuple[int, int]]:
    """Starts and stops of the runs of equal entries."""
    cuts = np.flatnonzero(np.diff(group)) + 1
    return list(pairwise([0, *cuts.tolist(), len(group)]))
