"""Arrays as files store them: plain bytes from some offset on, or blocks of rows and columns."""

from __future__ import annotations

import io
import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from gramax.data.checks import decoding, fail
from gramax.data.paths import open_binary
from gramax.data.source import Entry

PIECE_BYTES = 1 << 20
"""Asked of a decompressor at once, so that what it holds stays small."""

MAX_BAND_BYTES = 1 << 29
"""Of all the blocks that share a row, which have to be in memory together."""


def layout(
    shape: tuple[int, ...], stored: np.dtype, bfloat16: bool = False
) -> tuple[tuple[int, ...], np.dtype, str]:
    """Shape, dtype and text of an entry that is stored so: `float32 [100, 16]` for messages."""
    dtype = np.dtype(np.float32) if bfloat16 else stored.newbyteorder("=")
    return shape, dtype, f"{'bfloat16' if bfloat16 else stored.name} {list(shape)}"


def read_into(stream: io.BufferedIOBase, block: np.ndarray, where: str) -> None:
    """Fill the C-contiguous `block` from `stream`, or say that the file ends too early."""
    left = block.reshape(-1).view(np.uint8).data
    while left:
        with decoding(where, "array"):
            count = stream.readinto(left[:PIECE_BYTES])
        if not count:
            raise fail(where, f"ends {len(left)} bytes before the data it declares")
        left = left[count:]


@dataclass(frozen=True)
class RawArray(Entry):
    """An `Entry`: the bytes of `file` from `offset` on.

    It reads rather than maps: the pages of a map count as memory of this process until the system
    takes them back, and a mapped file that another process cuts short would end this one (SIGBUS).
    """

    offset: int
    stored: np.dtype
    fortran: bool = False

    def turned(self) -> RawArray:
        """The same bytes, whose rows and columns change places."""
        return replace(self, shape=self.shape[::-1], fortran=not self.fortran)

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Pieces of `size` rows, each in memory of its own."""
        by_column = self.fortran and self.rank > 1
        with open_binary(self.file) as stream:
            for row in range(start, stop, size):
                shape = (min(size, stop - row), *self.shape[1:])
                block = np.empty(shape[::-1] if by_column else (1, *shape), self.stored)
                for column, piece in enumerate(block):  # by column: one short read for each
                    before = row if by_column else row * math.prod(self.shape[1:])
                    at = column * self.shape[0] + before
                    stream.seek(self.offset + at * self.stored.itemsize)
                    read_into(stream, piece, self.file)
                yield block.T if by_column else block[0]


@dataclass(frozen=True)
class BlockArray(Entry):
    """An `Entry`: an array in blocks (HDF5 and zarr call them chunks), read by whole blocks."""

    block: tuple[int, ...] = ()
    """The lengths of a block; empty where the array is stored in one piece."""

    @abstractmethod
    def read_runs(self, runs: Iterator[tuple[int, int]]) -> Iterator[np.ndarray]:
        """The rows of each run, as they are stored."""

    @property
    def grain(self) -> int:
        """Rows of a block."""
        return max(self.block[0], 1) if self.block else 1

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Runs of whole blocks, each of which is thus decoded once."""
        grain, row_bytes = self.grain, math.prod(self.shape[1:]) * self.dtype.itemsize
        if grain * row_bytes > MAX_BAND_BYTES:
            raise fail(
                self.where,
                f"is stored in blocks of {grain} rows, {grain * row_bytes} bytes to hold at once; "
                f"store it in blocks (chunks) of fewer rows, at most {MAX_BAND_BYTES} bytes",
            )
        step = max(size // grain, 1) * grain
        cuts = range(start // grain * grain + step, stop, step)
        return self.read_runs(pairwise([start, *cuts, stop]) if start < stop else iter(()))
