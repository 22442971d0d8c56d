"""An uncompressed array inside a file: what .npy and .safetensors have in common."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np

from gramax.data.cuts import even_cuts
from gramax.data.files import open_binary, read_into
from gramax.data.source import Chunks

BFLOAT16 = "bfloat16"

BITS = np.dtype("<u2")
"""What bfloat16 is stored as."""


def native(stored: np.ndarray) -> np.ndarray:
    """`stored` in this machine's byte order, without a copy where it is so already."""
    return stored.astype(stored.dtype.newbyteorder("="), copy=False)


def widen_bfloat16(bits: np.ndarray) -> np.ndarray:
    """The float32 values of bfloat16 `bits` (uint16): a bfloat16 is a float32's upper half."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def decoded(stored: np.ndarray, code: str) -> np.ndarray:
    """Values as they are computed with: `code` says where the stored dtype does not."""
    return widen_bfloat16(stored) if code == BFLOAT16 else native(stored)


def decoded_dtype(stored: np.dtype, code: str) -> np.dtype:
    """The dtype of what `decoded` gives."""
    return np.dtype(np.float32) if code == BFLOAT16 else stored.newbyteorder("=")


@dataclass(frozen=True)
class RawArray:
    """An `Entry`: bytes of `file` from `offset` on, of `stored` dtype.

    It reads rather than maps: the pages of a map count as resident memory until the kernel takes
    them back, and a mapped file that another process cuts short ends this one (SIGBUS).
    """

    file: str
    name: str
    offset: int
    shape: tuple[int, ...]
    stored: np.dtype
    fortran: bool = False
    code: str = ""
    """What the format calls the dtype, where that is not NumPy's name for it."""
    note: str = ""
    """What a user should know about how it is read."""

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the chunks: float32 for bfloat16, else the stored one in native order."""
        return decoded_dtype(self.stored, self.code)

    @property
    def text(self) -> str:
        """For messages: `float32 [100, 16]`."""
        return f"{self.code or self.stored.name} {list(self.shape)}"

    def cuts(self, rows: int) -> list[int]:
        """Anywhere."""
        return even_cuts(self.shape[0], rows)

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Chunks:
        """Pieces of `size` rows, each in memory of its own."""
        stop = self.shape[0] if stop is None else stop
        read = self._columns if self.fortran and self.rank > 1 else self._rows
        with open_binary(self.file) as stream:
            for row in range(start, stop, size):
                stored = read(stream, row, min(row + size, stop))
                yield row, decoded(stored, self.code)

    def _rows(self, stream: io.BufferedIOBase, start: int, stop: int) -> np.ndarray:
        row = self.shape[1:]
        block = np.empty((stop - start, *row), self.stored)
        stream.seek(self.offset + start * math.prod(row) * self.stored.itemsize)
        read_into(stream, block, self.file)
        return block

    def _columns(self, stream: io.BufferedIOBase, start: int, stop: int) -> np.ndarray:
        """Rows of an array stored column by column: one short read a column."""
        total, dim = self.shape
        block = np.empty((dim, stop - start), self.stored)
        for column in range(dim):
            stream.seek(self.offset + (column * total + start) * self.stored.itemsize)
            read_into(stream, block[column], self.file)
        return block.T
