"""Arrays as files store them: plain bytes from some offset on, or blocks of rows and columns."""

from __future__ import annotations

import io
import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gramax.data.checks import decoding, fail
from gramax.data.chunks import bands, even_cuts
from gramax.data.paths import open_binary
from gramax.data.source import Entry

BFLOAT16_BITS = np.dtype("<u2")
"""What bfloat16 is stored as, since NumPy has no such type."""

PIECE_BYTES = 1 << 20
"""Asked of a decompressor at once, so that what it holds stays small."""

MAX_BAND_BYTES = 1 << 29
"""Of all the blocks that share a row, which have to be in memory together."""


def decoded(stored: np.ndarray, bfloat16: bool) -> np.ndarray:
    """Values to compute with, in this machine's byte order; a copy only where they differ."""
    if bfloat16:  # the upper half of a float32
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(stored.dtype.newbyteorder("="), copy=False)


def decoded_dtype(stored: np.dtype, bfloat16: bool) -> np.dtype:
    """The dtype of what `decoded` gives."""
    return np.dtype(np.float32) if bfloat16 else stored.newbyteorder("=")


def described(shape: tuple[int, ...], stored: np.dtype, bfloat16: bool) -> str:
    """For messages: `float32 [100, 16]`."""
    return f"{'bfloat16' if bfloat16 else stored.name} {list(shape)}"


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
    bfloat16: bool = False

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Pieces of `size` rows, each in memory of its own."""
        read = self._columns if self.fortran and self.rank > 1 else self._rows
        with open_binary(self.file) as stream:
            for row in range(start, stop, size):
                yield decoded(read(stream, row, min(row + size, stop)), self.bfloat16)

    def _rows(self, stream: io.BufferedIOBase, start: int, stop: int) -> np.ndarray:
        row = self.shape[1:]
        block = np.empty((stop - start, *row), self.stored)
        stream.seek(self.offset + start * math.prod(row) * self.stored.itemsize)
        read_into(stream, block, self.file)
        return block

    def _columns(self, stream: io.BufferedIOBase, start: int, stop: int) -> np.ndarray:
        """Rows of an array that is stored column by column: one short read a column."""
        total, dim = self.shape
        block = np.empty((dim, stop - start), self.stored)
        for column in range(dim):
            stream.seek(self.offset + (column * total + start) * self.stored.itemsize)
            read_into(stream, block[column], self.file)
        return block.T


@dataclass(frozen=True)
class BlockArray(Entry):
    """An `Entry`: an array in blocks (HDF5 and zarr call them chunks), read by whole blocks."""

    block: tuple[int, ...] = ()
    """The lengths of a block; empty where the array is stored in one piece."""
    bfloat16: bool = False

    @abstractmethod
    def bands(self, runs: Iterator[tuple[int, int]]) -> Iterator[np.ndarray]:
        """The rows of each run, as they are stored."""

    @property
    def block_rows(self) -> int:
        """Rows of a block."""
        return max(self.block[0], 1) if self.block else 1

    def cuts(self, rows: int) -> list[int]:
        """Between blocks."""
        return even_cuts(self.shape[0], rows, self.block_rows)

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Runs of whole blocks."""
        band = self.block_rows * math.prod(self.shape[1:]) * self.dtype.itemsize
        if band > MAX_BAND_BYTES:
            raise fail(
                self.where,
                f"is stored in blocks of {self.block_rows} rows, {band} bytes to hold at once; "
                f"store it in blocks (chunks) of fewer rows, at most {MAX_BAND_BYTES} bytes",
            )
        for rows in self.bands(bands(start, stop, size, self.block_rows)):
            yield decoded(rows, self.bfloat16)
