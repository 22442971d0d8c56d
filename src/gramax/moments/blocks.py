"""Moments of random blocks of the rows, of which a jackknife leaves out one at a time.

Each row goes to a block that depends on the seed and the row's number alone, as if thrown by dice:
a file sorted by class, or with a period (as many crops an image as there are blocks), is dealt as
well as a shuffled one. (Dealing every run of B rows one to a block would give a sorted file blocks
of equal class sizes, and intervals for "equiangular" that cover 70% instead of 95%.)

Rows that hang together (views of one image, sentences of one document) are no independent rows.
Where groups of such rows are named, a group goes to one block, and blocks hold equally many groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays import checks
from gramax.arrays.namespace import Array, is_jax_array, like, namespace
from gramax.moments.class_moments import ClassMoments

BLOCKS = 20
"""Blocks where memory allows: the error itself is then known to one part in six."""

MEMORY = 2**30
"""Bytes that the blocks may take by default, the work at the end included."""


@dataclass(frozen=True)
class BlockMoments:
    """Moments of B random blocks of the rows, kept apart while the rows stream by.

    Attributes:
        parts: the moments of each of the B blocks.
        rows: rows dealt so far.
        seed: of the dealing.

    Example:
        >>> import numpy as np
        >>> blocks = BlockMoments.empty(2, 3, blocks=4)
        >>> blocks = blocks.update(np.eye(12, 3) + 1, np.arange(12) % 2)
        >>> print(blocks.blocks, blocks.counts.sum())
        4 12.0
    """

    parts: tuple[ClassMoments, ...]
    rows: int
    seed: int = 0

    @classmethod
    def empty(
        cls,
        num_classes: int,
        dim: int,
        *,
        blocks: int | None = None,
        normalize: bool = True,
        scatter: bool | None = None,
        dtype: Any = None,
        seed: int = 0,
        memory: float = MEMORY,
    ) -> BlockMoments:
        """Blocks without rows.

        Args:
            num_classes: c, a static integer.
            dim: d, the length of a row.
            blocks: B; by default 20, or 10 or 5 where these do not fit into `memory`.
            normalize: as for `ClassMoments.empty`.
            scatter: keep the d×d scatters; by default where they fit into `memory`, with 10 blocks
                if need be. Without them metrics of the spectrum get no error bars.
            dtype: of the accumulators.
            seed: of the dealing.
            memory: bytes for the defaults to keep to.

        Raises:
            ValueError: nothing fits into `memory`, or `blocks` is less than 2.
        """
        blocks, scatter = plan(num_classes, dim, blocks, scatter, memory)
        kept = {"normalize": normalize, "scatter": scatter, "dtype": dtype}
        return cls((ClassMoments.empty(num_classes, dim, **kept),) * blocks, 0, seed)

    @classmethod
    def of_parts(cls, parts: Sequence[ClassMoments]) -> BlockMoments:
        """Blocks that exist already, such as the moments of the shards of a shuffled data set.

        Each must hold a random share of the rows, all about as many: shards that hold different
        classes or sources are not blocks.

        Raises:
            ValueError: there are fewer than two.
        """
        if len(parts) < 2:
            raise ValueError(f"a jackknife needs at least two blocks; got {len(parts)}")
        return cls(tuple(parts), int(sum(float(p.total) for p in parts)))

    @property
    def blocks(self) -> int:
        """Number of blocks B."""
        return len(self.parts)

    @property
    def counts(self) -> Float[Array, "b c"]:
        """Rows (or weight) of each class in each block."""
        return namespace(self.parts[0].mean).stack([part.counts for part in self.parts])

    @property
    def whole(self) -> ClassMoments:
        """The moments of all blocks together."""
        return reduce(ClassMoments.merge, self.parts)

    def update(self, z: Array, y: Array, weight: Array | None = None) -> BlockMoments:
        """These blocks with the rows `z` dealt to them; arguments as `ClassMoments.update`.

        Raises:
            ValueError: as `ClassMoments.update`.
        """
        z = checks.rows(z)
        n = z.shape[0]
        y = checks.labels(y, n, self.parts[0].num_classes, z)
        weight = None if weight is None else checks.weights(weight, n, z)
        if self.blocks == 1:  # of a sum without error bars: nothing is to be dealt
            return BlockMoments((self.parts[0].update(z, y, weight),), self.rows + n, self.seed)
        block = dealt(self.rows, n, self.blocks, self.seed)
        rows, real = [np.flatnonzero(block == k) for k in range(self.blocks)], []
        if is_jax_array(z):
            # Rows of weight 0 fill each block up to one size, so that one program serves all. It
            # is set by n and B alone but in one case in a million: six standard deviations above
            # the mean, and some for few rows.
            mean = n / self.blocks
            size = max(min(n, math.ceil(mean + 6 * math.sqrt(mean)) + 4), *map(len, rows))
            real = [np.arange(size) < len(at) for at in rows]
            rows = [np.pad(at, (0, size - len(at))) for at in rows]
        parts = []
        for k, part in enumerate(self.parts):
            at = like(rows[k], z)
            w = None if weight is None else weight[at]
            if real:
                there = like(real[k].astype(np.float32), z)
                w = there if w is None else w * there
            parts.append(part.update(z[at], y[at], w))
        return BlockMoments(tuple(parts), self.rows + n, self.seed)

    def merge(self, other: BlockMoments) -> BlockMoments:
        """Both sets of rows, block by block; other processes should deal with other seeds.

        Raises:
            ValueError: the two differ in blocks, classes, dimension or normalisation.
        """
        if self.blocks != other.blocks:
            raise ValueError(f"blocks to merge differ in number: {self.blocks}, {other.blocks}")
        parts = tuple(a.merge(b) for a, b in zip(self.parts, other.parts, strict=True))
        return BlockMoments(parts, self.rows + other.rows, self.seed)


def plan(
    num_classes: int, dim: int, blocks: int | None, scatter: bool | None, memory: float
) -> tuple[int, bool]:
    """The number of blocks, and whether they keep scatters, that fit into `memory` bytes.

    Example:
        >>> plan(1000, 768, None, None, 2**30), plan(1000, 4096, None, None, 2**30)
        ((20, True), (10, False))
    """
    if blocks is not None and blocks < 2:
        raise ValueError(f"a jackknife needs at least two blocks; got {blocks}")
    choices = [(b, True) for b in (BLOCKS, 10)] + [(b, False) for b in (BLOCKS, 10, 5)]
    if blocks is not None:
        choices = [(blocks, True), (blocks, False)]
    need, count = 0.0, 0
    for count, keep in ((b, s) for b, s in choices if scatter in (None, s)):
        need = 8.0 * count * (2 * num_classes * dim + keep * dim * dim)  # bytes in float64
        if need <= memory or (blocks is not None and scatter is not None):
            return count, keep
    raise ValueError(
        f"error bars of {num_classes} classes in {dim} dimensions need {need / 2**30:.1f} GiB "
        f"for {count} blocks, more than the {memory / 2**30:.1f} GiB allowed"
    )


def dealt(start: int, n: int, blocks: int, seed: int) -> Int[np.ndarray, " n"]:
    """The block of each of the rows start..start+n-1, whatever rows came before in which chunks.

    Example:
        >>> bool((dealt(0, 8, 4, 0)[5:] == dealt(5, 3, 4, 0)).all())
        True
    """
    return blocks_of(np.arange(start, start + n), blocks, seed)


def blocks_of(
    numbers: Int[np.ndarray, " n"],
    blocks: int,
    seed: int = 0,
    groups: Int[np.ndarray, " n"] | None = None,
    count: int = 0,
) -> Int[np.ndarray, " n"]:
    """The block of each row, by its number or by its group.

    Args:
        numbers: of the rows among all rows.
        blocks: how many there are.
        seed: of the dealing.
        groups: the group of each row, 0..count-1, or -1 for a row that is a group of its own.
        count: how many groups there are, at least as many as blocks.

    Example:
        >>> block = blocks_of(np.arange(6), 3, groups=np.array([0, 0, 1, 1, 2, 2]), count=3)
        >>> print(block[0] == block[1], len(set(block)))
        True 3
    """
    alone = (_keys(numbers, seed) % np.uint64(blocks)).astype(np.int64)
    if groups is None or count == 0:
        return alone
    return np.where(groups < 0, alone, _group_blocks(count, blocks, seed)[groups])


@lru_cache(maxsize=2)
def _group_blocks(count: int, blocks: int, seed: int) -> Int[np.ndarray, " g"]:
    """The block of each group: equally many in each, as they are few where rows are many."""
    found = np.empty(count, np.int64)
    found[np.argsort(_keys(np.arange(count), seed))] = np.arange(count) % blocks
    return found


def random_parts(
    n: int, blocks: int, most: int | None = None, groups: Int[np.ndarray, " n"] | None = None
) -> list[Int[np.ndarray, " m"]]:
    """The places of n rows in random blocks of as many rows (or groups) each, and of the rest.

    Args:
        n: how many rows there are.
        blocks: how many blocks to make at least; fewer where rows (or groups) are fewer.
        most: rows to take at most, whole groups of them but for the last.
        groups: as for `blocks_of`.

    Example:
        >>> print([len(part) for part in random_parts(11, 3)])
        [3, 3, 3, 2]
    """
    units = np.arange(n)
    if groups is not None:
        units = np.unique(np.where(groups < 0, -1 - units, groups), return_inverse=True)[1]
    place = np.argsort(np.random.default_rng(0).permutation(int(units.max(initial=-1)) + 1))[units]
    order = np.argsort(place, kind="stable")[:most]
    taken = int(place[order].max(initial=0)) + 1
    size = taken // min(taken, blocks)
    ends = np.searchsorted(place[order] // size, np.arange(1, taken // size + 1))
    return np.split(order, ends)


def _keys(numbers: Int[np.ndarray, " n"], seed: int) -> np.ndarray:
    offset = _mixed(np.array([seed % 2**64], np.uint64))
    return _mixed(numbers.astype(np.uint64) ^ offset)


def _mixed(x: np.ndarray) -> np.ndarray:
    """SplitMix64 (Steele, Lea, Flood 2014): a random 64-bit number for each number."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
