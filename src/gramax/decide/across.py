"""Search from one set of rows to another: which rows match, where matches rank, who is found.

Rows are directions, and are compared by cosine. A strip of queries is compared with all rows at
once, so that no array of all pairs is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Bool, Float, Int
from gramax.metrics.neighbours import HUB_NEIGHBOURS

STRIP_NUMBERS = 1 << 22
"""Cosines that are held at once."""

TIE = 1e-12
"""Cosines that differ by no more than this are rounding apart."""

OUTSIDE_SHARE, MAX_OWN = 0.05, 2000
"""The share of its own rows that lie outside a set by definition; rows that are asked for it."""

Tell = Callable[[float], None]
"""Told the share of the queries that are done."""


@dataclass(frozen=True)
class Matches:
    """Which rows of one side match which of another: by codes, or as pairs of places."""

    a: Int[np.ndarray, " n"]  # codes of one side, -1 for a row that matches none
    b: Int[np.ndarray, " m"]  # of the other. Without `pairs`, rows of one code match
    # places in both, in ascending order, each pair once; None where codes say it
    pairs: Int[np.ndarray, "p 2"] | None = None

    @classmethod
    def of_pairs(cls, pairs: Int[np.ndarray, "p 2"], n: int, m: int) -> Matches:
        """Of pairs of places in n and m rows."""
        a, b = np.full(n, -1), np.full(m, -1)
        pairs = np.unique(pairs, axis=0)
        a[pairs[:, 0]] = b[pairs[:, 1]] = 0
        return cls(a, b, pairs)

    @property
    def turned(self) -> Matches:
        """The same from the other side."""
        pairs = None if self.pairs is None else np.unique(self.pairs[:, ::-1], axis=0)
        return Matches(self.b, self.a, pairs)

    @property
    def queries(self) -> Bool[np.ndarray, " n"]:
        """Which rows of the first side have a match."""
        return (self.a >= 0) & (np.isin(self.a, self.b) | (self.pairs is not None))

    def mask(self, at: Int[np.ndarray, " q"]) -> Bool[np.ndarray, "q m"]:
        """Which rows of the second side match the rows `at` of the first, in ascending order."""
        if self.pairs is None:
            return (self.a[at, None] == self.b) & (self.a[at, None] >= 0)
        found = np.zeros((len(at), len(self.b)), bool)
        some = self.pairs[slice(*np.searchsorted(self.pairs[:, 0], [at[0], at[-1] + 1]))]
        some = some[np.isin(some[:, 0], at)]
        found[np.searchsorted(at, some[:, 0]), some[:, 1]] = True
        return found

    @property
    def _sizes(self) -> list[Int[np.ndarray, " c"]]:
        """Rows of each code, on either side."""
        c = int(max(self.a.max(initial=-1), self.b.max(initial=-1))) + 1
        return [np.bincount(codes[codes >= 0], minlength=c) for codes in (self.a, self.b)]

    @property
    def count(self) -> int:
        """How many pairs of rows match."""
        return len(self.pairs) if self.pairs is not None else int(np.dot(*self._sizes))

    def cosine(
        self, x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]
    ) -> tuple[float, float | None]:
        """Mean cosine of rows that match, NaN where none do, and its standard error.

        There is no error where rows match as classes do: their pairs are far from independent.
        """
        if not self.count:
            return np.nan, None
        if self.pairs is not None:
            cosines = np.einsum("ij,ij->i", x[self.pairs[:, 0]], y[self.pairs[:, 1]])
            spread = float(np.std(cosines, ddof=1)) if self.count > 1 else None
            return float(np.mean(cosines)), spread and spread / self.count**0.5
        sums = [np.zeros((len(self._sizes[0]), x.shape[1])) for _ in "ab"]
        for total, rows, codes in zip(sums, (x, y), (self.a, self.b), strict=True):
            np.add.at(total, codes[codes >= 0], rows[codes >= 0])
        return float(np.sum(sums[0] * sums[1])) / self.count, None


@dataclass(frozen=True)
class Search:
    """What queries found."""

    # rows that match no query and come before its best match, of the queries that have a
    # match
    above: Int[np.ndarray, " q"]
    tied: Int[np.ndarray, " q"]  # those at the same place
    twins: Int[np.ndarray, " q"]  # matches there
    wanted: Int[np.ndarray, " q"]  # how many rows match each of these
    # cosine of every query with the row that is nearest to it
    nearest: Float[np.ndarray, " n"]
    counts: Int[np.ndarray, " m"]  # how often each row is among the ten nearest of a query
    # the cosine below which a query lies outside; NaN where no row has another
    outer: float = np.nan

    def hits(self, k: int) -> Float[np.ndarray, " q"]:
        """Whether a match is among the k nearest, for each query; among ties, how likely that is.

        Of t+r rows at one place, of which r match, s places are drawn: none matches in the share
        Π_{i<r} (t-s+r-i)/(t+r-i).
        """
        free = np.clip(k - self.above, 0, self.tied + self.twins).astype(np.float64)
        missed = np.ones(len(free))
        for i in range(int(self.twins.max(initial=0))):
            left = np.maximum(self.tied + self.twins - free - i, 0)
            share = left / np.maximum(self.tied + self.twins - i, 1)
            missed *= np.where(i < self.twins, share, 1.0)
        return 1 - missed

    def by_chance(self, k: int) -> float:
        """The mean of `hits` where rows come in random order, to a good approximation."""
        missed = (1 - min(k / len(self.counts), 1.0)) ** self.wanted
        return float(np.mean(1 - missed)) if len(missed) else np.nan

    @property
    def hubness(self) -> tuple[float, float]:
        """Skewness of `counts`, and what it is by chance; NaN for ten rows or fewer."""
        m, q = len(self.counts), len(self.nearest)
        if m <= HUB_NEIGHBOURS:
            return np.nan, np.nan
        gaps, p = self.counts - self.counts.mean(), HUB_NEIGHBOURS / m
        variance = float(np.mean(gaps**2))
        skewness = float(np.mean(gaps**3)) / variance**1.5 if variance > 0 else 0.0
        return skewness, (1 - 2 * p) / (q * p * (1 - p)) ** 0.5

    @property
    def never_found(self) -> tuple[float, float]:
        """Share of rows that are among the ten nearest of no query, and what it is by chance."""
        m, q = len(self.counts), len(self.nearest)
        if m <= HUB_NEIGHBOURS:
            return np.nan, np.nan
        return float(np.mean(self.counts == 0)), (1 - HUB_NEIGHBOURS / m) ** q


def search(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    at: Int[np.ndarray, " q"],
    matches: Matches | None,
    tell: Tell | None = None,
) -> Search:
    """Search all rows of `y` for the rows `at` of `x` (in ascending order), by cosine."""
    m, k = len(y), min(HUB_NEIGHBOURS, len(y))
    counts, nearest, ranks = np.zeros(m, np.int64), [], []
    asked = matches.queries if matches else np.zeros(len(x), bool)
    for some, cosines in _strips(x, y, at):
        nearest.append(cosines.max(axis=1))
        found = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        counts += np.bincount(found.ravel(), minlength=m)
        if matches and (with_match := asked[some]).any():
            ranks.append(_ranks(cosines[with_match], matches.mask(some[with_match])))
        if tell:
            tell(sum(map(len, nearest)) / len(at))
    above, tied, twins, wanted = np.concatenate([np.zeros((4, 0), np.int64), *ranks], axis=1)
    found = np.concatenate(nearest), counts, _outer_cosine(y)
    return Search(above, tied, twins, wanted, *found)


def _strips(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], at: Int[np.ndarray, " q"]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places of some queries after the other, and their cosines with all rows."""
    step = max(1, STRIP_NUMBERS // len(y))
    for some in (at[start : start + step] for start in range(0, len(at), step)):
        yield some, x[some] @ y.T


def _ranks(cosines: Float[np.ndarray, "q m"], mask: Bool[np.ndarray, "q m"]) -> np.ndarray:
    """`above`, `tied`, `twins` and `wanted` of a `Search`, in rows."""
    gaps = cosines - np.max(np.where(mask, cosines, -np.inf), axis=1, keepdims=True)
    level = np.abs(gaps) <= TIE
    kinds = (gaps > TIE) & ~mask, level & ~mask, level & mask, mask
    return np.stack([np.sum(kind, axis=1) for kind in kinds])


def _outer_cosine(y: Float[np.ndarray, "m d"]) -> float:
    """The cosine below which a row lies outside the rows `y`: 5 % of these do among themselves.

    It is the quantile of the cosines of rows with the row that is nearest to them; copies of a row,
    up to rounding, are one. NaN where no row has another.
    """
    some = np.sort(np.random.default_rng(0).permutation(len(y))[:MAX_OWN])
    strips = (np.where(cosines > 1 - TIE, -np.inf, cosines) for _, cosines in _strips(y, y, some))
    nearest = np.concatenate([cosines.max(axis=1) for cosines in strips])
    nearest = nearest[np.isfinite(nearest)]
    return float(np.quantile(nearest, OUTSIDE_SHARE)) if len(nearest) else np.nan
