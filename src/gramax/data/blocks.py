"""Arrays stored in blocks (HDF5 and zarr call them chunks): read whole blocks at a time."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gramax.data.cuts import bands, even_cuts, rechunk
from gramax.data.faults import fail
from gramax.data.raw import decoded, decoded_dtype
from gramax.data.source import Chunks

MAX_BAND = 1 << 29
"""Bytes of all the blocks that share a row, which have to be in memory together."""


@dataclass(frozen=True)
class BlockArray:
    """An `Entry`: the array `name` in `file`, in blocks of `block` (empty where it has none)."""

    file: str
    name: str
    shape: tuple[int, ...]
    stored: np.dtype
    text: str
    """For messages: `float32 [100, 16]`, or why it is not read."""
    block: tuple[int, ...] = ()
    code: str = ""
    """What the format calls the dtype, where `stored` does not say it."""

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.file}::{self.name}" if self.name else self.file

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the chunks: float32 for bfloat16, else the stored one in native order."""
        return decoded_dtype(self.stored, self.code)

    @property
    def grain(self) -> int:
        """Rows of a block."""
        return max(self.block[0], 1) if self.block else 1

    @abstractmethod
    def bands(self, runs: Iterator[tuple[int, int]]) -> Iterator[np.ndarray]:
        """The rows of each run, as they are stored."""

    def cuts(self, rows: int) -> list[int]:
        """Between blocks."""
        return even_cuts(self.shape[0], rows, self.grain)

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Chunks:
        """Pieces of `size` rows, put together from whole blocks."""
        stop = self.shape[0] if stop is None else stop
        band = self.grain * math.prod(self.shape[1:]) * self.stored.itemsize
        if band > MAX_BAND:
            raise fail(
                self.where,
                f"is stored in blocks of {self.grain} rows, {band} bytes to hold at once; store it "
                f"in blocks (chunks) of fewer rows, at most {MAX_BAND} bytes",
            )
        runs = self.bands(bands(start, stop, size, self.grain))
        arrays = (decoded(band, self.code) for band in runs)
        for chunk in rechunk(arrays, size):
            yield start, chunk
            start += len(chunk)
