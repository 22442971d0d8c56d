"""A codebook of any size: its rows in pieces, and one pass over all pairs of its codes.

A panel of codes is held, and all that come after it are read past it, so that memory holds a panel,
a piece and a few tiles whatever the number of codes. Tiles of few codes are of float64, of many of
float32; what is told of single pairs is then computed again in float64. NumPy alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Bool, Float, Int
from gramax.arrays.nearest_host import TILE_SIDE, Best, Progress, candidates, in_order
from gramax.arrays.pairs import rounded
from gramax.arrays.rows import unit_rows

PANEL_NUMBERS, PIECE_NUMBERS = 1 << 25, 1 << 22
"""Numbers of a panel, 128 MiB of float32, and of the rows that are read at once."""

WIDE_WORK = 1 << 34
"""c²d up to which tiles are of float64, which takes less than a second."""

MAX_PAIRS = 100_000
"""Pairs that are listed: of more, those with the largest |cosines|."""

MAX_TIES, NEAR_ENOUGH = 1024, 1 << 15
"""Pairs that are looked at again in float64 to find the worst, and those that are considered."""

Rows = Iterator[tuple[int, np.ndarray]]


@dataclass(frozen=True)
class Codebook:
    """The rows of a codebook, read as often as they are asked for.

    Attributes:
        count: c, the number of rows; width: the numbers of a row as it is read.
        read: the rows from one number on, in pieces of so many: (number of the first, rows).
        complex: whether a row is the real parts of a code, and then its imaginary parts.
    """

    count: int
    width: int
    read: Callable[[int, int], Rows] = field(repr=False)
    complex: bool = False

    @classmethod
    def of(cls, x: Any) -> Codebook:
        """An array in memory, real or complex, as a codebook."""
        x = np.asarray(x)
        if x.dtype.kind == "c":
            return cls.of_parts(np.concatenate([x.real, x.imag], axis=1), True)
        return cls.of_parts(x)

    @classmethod
    def of_parts(cls, x: Float[np.ndarray, "c w"], complex: bool = False) -> Codebook:
        """Rows in memory as they would be read from a file."""

        def read(start: int, size: int) -> Rows:
            return ((at, x[at : at + size]) for at in range(start, len(x), size))

        return cls(x.shape[0], x.shape[1], read, complex)

    @property
    def dim(self) -> int:
        """d, the length of a code."""
        return self.width // 2 if self.complex else self.width

    @property
    def piece(self) -> int:
        """Rows that are read at once: whole tiles."""
        return max(PIECE_NUMBERS // self.width // TILE_SIDE, 1) * TILE_SIDE

    def codes(self, rows: np.ndarray) -> np.ndarray:
        """Rows as they are read as codes in full precision: 0 for one that is not finite."""
        x = rows.astype(np.float64)
        finite = np.isfinite(x).all(axis=1)
        if not finite.all():
            x[~finite] = 0
        return x[:, : self.dim] + 1j * x[:, self.dim :] if self.complex else x

    def units(self, rows: np.ndarray) -> np.ndarray:
        """Their directions in full precision; 0 for a row without one."""
        x = rows.astype(np.float64)
        with np.errstate(all="ignore"):
            squares = np.einsum("ij,ij->i", x, x)
            plain = (squares > 1e-200) & (squares < 1e200)
            x /= np.sqrt(np.where(plain, squares, 1))[:, None]
            if not plain.all():
                x[~plain] = unit_rows(x[~plain])
        return self.codes(x)

    def directions(self, start: int = 0, dtype: Any = None, size: int | None = None) -> Rows:
        """The directions of all codes from one on, in pieces."""
        for at, rows in self.read(start, size or self.piece):
            units = self.units(rows)
            yield at, units if dtype is None else units.astype(dtype)

    def spanned(self) -> Codebook:
        """Codes that are fewer than their numbers, as coordinates in the space that they span."""
        codes = np.concatenate([self.codes(rows) for _, rows in self.read(0, self.piece)])
        return Codebook.of(np.asarray(np.linalg.qr(codes.T, mode="r")).T)

    def tiles(self, start: int, dtype: Any) -> Iterator[list[tuple[int, np.ndarray]]]:
        """The directions of all codes from one on, in tiles, those of a piece in one list."""
        for at, rows in self.directions(start, dtype):
            yield [(at + s, rows[s : s + TILE_SIDE]) for s in range(0, len(rows), TILE_SIDE)]

    def take(self, numbers: Int[np.ndarray, " k"]) -> np.ndarray:
        """The directions of some codes, by one look at all rows."""
        order = np.argsort(numbers, kind="stable")
        ascending, found = numbers[order], None
        for at, rows in self.read(0, self.piece):
            some = slice(*np.searchsorted(ascending, [at, at + len(rows)]))
            units = self.units(rows[ascending[some] - at])
            found = np.empty((len(numbers), self.dim), units.dtype) if found is None else found
            found[order[some]] = units
        assert found is not None
        return found


@dataclass
class NearPairs:
    """The pairs whose |cosine| reaches a threshold: counted all, listed up to `MAX_PAIRS`.

    Attributes:
        count: pairs; opposite: those of them with a negative cosine.
        least: what a pair must reach to be listed.
        listed: arrays of numbers a, numbers b and cosines.
    """

    least: float
    count: int = 0
    opposite: int = 0
    listed: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)
    held: int = 0

    def add(self, found: tuple[np.ndarray, np.ndarray, np.ndarray], count: int, opposite: int):
        """Pairs of one tile, and how many there were."""
        self.count, self.opposite = self.count + count, self.opposite + opposite
        self.listed.append(found)
        self.held += len(found[0])
        if self.held > 2 * MAX_PAIRS:
            self.trim()

    def trim(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Those that are listed, the largest |cosine| first, ties by number."""
        none = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        a, b, cosines = map(np.concatenate, zip(none, *self.listed, strict=True))
        order = np.lexsort((b, a, -np.abs(cosines)))[:MAX_PAIRS]
        self.listed, self.held = [(a[order], b[order], cosines[order])], len(order)
        if len(order) == MAX_PAIRS:
            self.least = float(np.abs(cosines[order[-1]]))
        return self.listed[0]


class Sweep(NamedTuple):
    """What one pass over all pairs of codes finds.

    Attributes:
        sums: `[c]` the sum of the |cosines| of each code with all others.
        near: `[c, k]` the numbers of the k codes with the largest |cosine|, that first; -1 where
            there are fewer.
        sizes: `[c, k]` these |cosines|, in float32; 0 where there are fewer.
        pairs: those that reach the threshold.
        centred: the pair with the largest cosine after centring, and that cosine; None without.
    """

    sums: Float[np.ndarray, " c"]
    near: Int[np.ndarray, "c k"]
    sizes: Float[np.ndarray, "c k"]
    pairs: NearPairs
    centred: tuple[int, int, float] | None


@dataclass(frozen=True)
class Centring:
    """What turns cosines of codes u into those of u - μ: (g - aᵢ - aⱼ + |μ|²) rᵢ rⱼ.

    Attributes:
        along: `[c]` a, the products of the codes with μ.
        inverse: `[c]` r, 1/|u - μ|; 0 for a code at μ.
        square: |μ|².
    """

    along: Float[np.ndarray, " c"]
    inverse: Float[np.ndarray, " c"]
    square: float


@dataclass
class _Pass:
    """The state of a sweep, and its work on one tile."""

    alive: Bool[np.ndarray, " c"]
    best: Best
    pairs: NearPairs
    centring: Centring | None
    sums: Float[np.ndarray, " c"]
    centred: tuple[int, int, float] | None = None

    def tile(self, left: np.ndarray, right: np.ndarray, a: int, b: int) -> tuple:
        """The pairs of codes a, a+1, ... and b, b+1, ..."""
        cosines = left @ right.conj().T
        sizes, own = np.abs(cosines), a == b
        if own:
            np.fill_diagonal(sizes, 0)
        sums = sizes.sum(axis=1), None if own else sizes.sum(axis=0)
        near = np.subtract(sizes, 1, dtype=np.float32, casting="same_kind")
        near = np.minimum(near, 0, out=near)
        rows, columns = (self.alive[s : s + n] for s, n in zip((a, b), near.shape, strict=True))
        if not (rows.all() and columns.all()):
            near[~rows], near[:, ~columns] = -np.inf, -np.inf
        if own:
            np.fill_diagonal(near, -np.inf)
        found = list(candidates(near, self.best, a, b))
        close = self._close(near, cosines, a, b) if near.max() >= self.pairs.least - 1 else None
        return a, b, sums, found, close, self._furthest(cosines, near, a, b)

    def _close(self, near: np.ndarray, cosines: np.ndarray, a: int, b: int) -> tuple:
        reaching = near >= np.float32(NEAR_PAIR - 1)
        if a == b:
            reaching &= np.arange(len(near))[:, None] < np.arange(len(near))
        at = np.flatnonzero(reaching)
        values = cosines.ravel()[at]
        values = np.abs(values) if values.dtype.kind == "c" else values
        count, opposite = len(at), int(np.count_nonzero(values < 0))
        if self.pairs.least > NEAR_PAIR or len(at) > MAX_PAIRS:
            kept = np.flatnonzero(np.abs(values) >= self.pairs.least)
            if len(kept) > MAX_PAIRS:
                kept = kept[np.argsort(-np.abs(values[kept]), kind="stable")[:MAX_PAIRS]]
            at, values = at[kept], values[kept]
        wide = near.shape[1]
        return (a + at // wide, b + at % wide, values.astype(np.float64)), count, opposite

    def _furthest(
        self, cosines: np.ndarray, near: np.ndarray, a: int, b: int
    ) -> tuple[int, int, float] | None:
        """The pair of the tile with the largest cosine after centring; spoils `cosines`."""
        if self.centring is None:
            return None
        c, kind = self.centring, cosines.dtype
        rows, columns = slice(a, a + len(near)), slice(b, b + near.shape[1])
        cosines -= (c.along[rows] - c.square).astype(kind)[:, None]
        cosines -= c.along[columns].astype(kind)
        cosines *= c.inverse[rows].astype(kind)[:, None]
        cosines *= c.inverse[columns].astype(kind)
        if a == b or not np.isfinite(near.min()):
            cosines[np.isneginf(near)] = -2
        at = int(np.argmax(cosines))
        i, j = divmod(at, near.shape[1])
        return a + i, b + j, float(cosines[i, j])

    def take_in(self, found: tuple) -> None:
        """Add what a tile found, in the order of the tiles."""
        a, b, (of_rows, of_columns), keys, close, furthest = found
        self.sums[a : a + len(of_rows)] += of_rows
        if of_columns is not None:
            self.sums[b : b + len(of_columns)] += of_columns
        for rows, best in keys:
            self.best.add(rows, best)
        if close is not None:
            self.pairs.add(*close)
        if furthest is not None and (self.centred is None or furthest[2] > self.centred[2]):
            self.centred = furthest


NEAR_PAIR = 0.95
"""The |cosine| from which on two codes are near-copies, or nearly opposite."""


def sweep_codes(
    book: Codebook,
    alive: Bool[np.ndarray, " c"],
    keep: int,
    centring: Centring | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """One pass over all pairs of the codes that are `alive`.

    Args:
        book: the codes; of `alive` False they are zero.
        alive: `[c]`.
        keep: how many nearest codes of each to find.
        centring: to find the largest cosine of the centred codes; None does not.
        progress: told the share of the pairs that is done.
    """
    c, keep = book.count, max(1, min(keep, book.count - 1))
    real = np.float64 if c * c * book.dim <= WIDE_WORK else np.float32
    dtype = np.result_type(real, np.complex64) if book.complex else real
    state = _Pass(alive, Best(c, keep), NearPairs(NEAR_PAIR), centring, np.zeros(c))
    for done, tiles in _tiles(book, dtype):
        for found in in_order(state.tile, tiles):
            state.take_in(found)
        if progress:
            progress(done)
    near, sizes = _sorted(state.best)
    return Sweep(state.sums, near, sizes, state.pairs, state.centred)


def _sorted(best: Best) -> tuple[Int[np.ndarray, "c k"], Float[np.ndarray, "c k"]]:
    """The numbers and |cosines| of the candidates of every code, the largest first."""
    keys = np.sort(best.keys, axis=1)
    gaps = (keys >> 32).astype(np.int32).view(np.float32)
    there = np.isfinite(gaps)
    return np.where(there, keys & 0xFFFFFFFF, -1), np.where(there, 1 - gaps, 0)


def sweep_across(
    left: Codebook,
    right: Codebook,
    alive: tuple[Bool[np.ndarray, " a"], Bool[np.ndarray, " b"]],
    keep: int,
    progress: Progress | None = None,
) -> tuple[Int[np.ndarray, "c k"], Float[np.ndarray, "c k"]]:
    """For each code of both codebooks, a and then b, those of the other with the largest |cosine|.

    Returns:
        Their numbers in the other codebook, the largest first, -1 where there are fewer; and their
        |cosines| in float32.
    """
    a, dtype = left.count, np.complex64 if left.complex else np.float32
    best = Best(a + right.count, max(1, min(keep, a, right.count)))

    def tile(x: np.ndarray, y: np.ndarray, i: int, j: int) -> list[tuple]:
        near = np.minimum(np.abs(x @ y.conj().T) - np.float32(1), 0)
        near[~alive[0][i : i + len(x)]] = -np.inf
        near[:, ~alive[1][j : j + len(y)]] = -np.inf
        return list(candidates(near, best, i, a + j))

    panel = max(PANEL_NUMBERS // left.dim // left.piece, 1) * left.piece
    for start in range(0, a, panel):
        rows = (tiles for tiles in left.tiles(start, dtype) if tiles[0][0] < start + panel)
        held = [one for tiles in rows for one in tiles]
        for tiles in right.tiles(0, dtype):
            for found in in_order(tile, [(x, y, i, j) for j, y in tiles for i, x in held]):
                for numbers, keys in found:
                    best.add(numbers, keys)
            if progress:
                done = len(held) * (tiles[-1][0] + 1) / right.count
                progress(min((start + done * TILE_SIDE) / a, 1.0))
    near, sizes = _sorted(best)
    near[:a] = np.where(near[:a] >= 0, near[:a] - a, -1)
    return near, sizes


def _tiles(book: Codebook, dtype: Any) -> Iterator[tuple[float, list[tuple]]]:
    """All tiles of pairs a ≤ b in lists, each with the share that is done after it."""
    c, size = book.count, book.piece
    panel = max(PANEL_NUMBERS // book.dim // size, 1) * size
    done, every = 0.0, c * (c + 1) / 2
    for start in range(0, c, panel):
        held: list[tuple[int, np.ndarray]] = []
        for tiles in book.tiles(start, dtype):
            if tiles[0][0] < start + panel:
                held += tiles
                within = [(x, y, a, b) for b, y in tiles for a, x in held if a <= b]
                # Tiles on the diagonal first: they set the limits of the others.
                within.sort(key=lambda tile: tile[2] != tile[3])
            else:
                within = [(x, y, a, b) for b, y in tiles for a, x in held]
            done += sum(len(x) * len(y) / (1 + (a == b)) for x, y, a, b in within)
            yield min(done / every, 1.0), within


def worst_of(
    book: Codebook, found: Sweep, k: int
) -> tuple[Int[np.ndarray, "m 2"], Float[np.ndarray, " m"]]:
    """The k pairs with the largest |cosines|, fewer where there are, in full precision.

    |cosines| are compared as `rounded`, and those that tie come by number. Cosines of complex codes
    are their sizes.
    """
    a, b, sizes = _once(found)
    order = np.lexsort((b, a, -sizes))
    enough = sizes >= sizes[order[min(k, len(order)) - 1]] - 1e-5 if len(order) else []
    order = order[: max(k, min(int(np.count_nonzero(enough)), MAX_TIES))]
    pairs = np.stack([a[order], b[order]], axis=1)
    cosines = cosines_of(book, pairs)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], -rounded(np.abs(cosines))))[:k]
    return pairs[order], cosines[order]


def _once(found: Sweep) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of a code and one near it, once, as many as are enough to hold the worst."""
    keep, near, sizes = found.near.shape[1], found.near.ravel(), found.sizes.ravel()
    first = max(len(sizes) - 2 * NEAR_ENOUGH, 0)
    at = np.flatnonzero((near >= 0) & (sizes >= np.partition(sizes, first)[first]))
    a, b = at // keep, near[at]
    pairs = np.stack([np.minimum(a, b), np.maximum(a, b)], axis=1)
    pairs, once = np.unique(pairs, axis=0, return_index=True)
    return pairs[:, 0], pairs[:, 1], sizes[at][once]


def cosines_of(book: Codebook, pairs: Int[np.ndarray, "m 2"]) -> Float[np.ndarray, " m"]:
    """Cosines of pairs of codes in full precision, sizes of complex ones; copies have ±1."""
    if not len(pairs):
        return np.zeros(0)
    some, at = np.unique(pairs, return_inverse=True)
    units = book.take(some)
    left, right = units[at.reshape(pairs.shape).T]
    found = np.einsum("kd,kd->k", left, right.conj())
    found = np.abs(found) if book.complex else found
    one = np.abs(found) > 1 - 16 * np.finfo(np.float64).eps
    return np.where(one, np.sign(found), found)


def groups_of(pairs: Sequence[np.ndarray]) -> list[list[int]]:
    """Codes that pairs (numbers a, numbers b) join, in ascending order, as lists of their numbers.

    Example:
        >>> groups_of((np.array([5, 1, 2]), np.array([7, 2, 9])))
        [[1, 2, 9], [5, 7]]
    """
    some, at = np.unique(np.stack(pairs), return_inverse=True)
    a, b = at.reshape(2, -1)
    lowest = np.arange(len(some))
    while len(some):
        before = lowest.copy()
        least = np.minimum(lowest[a], lowest[b])
        np.minimum.at(lowest, a, least)
        np.minimum.at(lowest, b, least)
        lowest = lowest[lowest]
        if np.array_equal(lowest, before):
            break
    order = np.argsort(lowest, kind="stable")
    cuts = np.flatnonzero(np.diff(lowest[order])) + 1
    return [part.tolist() for part in np.split(some[order], cuts) if len(part)]
