"""Reading .npz: members are streamed out of the archive, never past what their header declares."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np

from gramax.data.cuts import rechunk, trimmed
from gramax.data.faults import decoding, fail
from gramax.data.files import byte_size, open_binary, read_into
from gramax.data.npy import Header, check_total, read_header
from gramax.data.raw import decoded, decoded_dtype
from gramax.data.source import Chunks, Entry

MAX_WHOLE = 4 << 30
"""Bytes of a member in Fortran order, which cannot be streamed by rows and is read whole."""


@dataclass(frozen=True)
class ZipArray:
    """An `Entry`: the member `name`.npy of the archive `file`."""

    file: str
    name: str
    header: Header

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.file}::{self.name}"

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes' lengths."""
        return self.header.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the chunks."""
        return decoded_dtype(self.header.dtype, self.header.code)

    @property
    def text(self) -> str:
        """For messages: `float32 [100, 16]`."""
        return self.header.text

    @property
    def note(self) -> str:
        """What a user should know about how it is read."""
        return self.header.note

    def cuts(self, rows: int) -> None:
        """Nowhere: it is inflated, and its checksum looked at, from beginning to end."""

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Chunks:
        """Pieces of `size` rows, inflated as they are asked for; those before `start` too."""
        stop = self.shape[0] if stop is None else stop
        wanted = trimmed(self._inflated(size), 0, start, stop)
        for chunk in rechunk(wanted, size):
            yield start, chunk
            start += len(chunk)

    def _inflated(self, size: int) -> Iterator[np.ndarray]:
        with _archive(self.file) as archive, _member(archive, self.name, self.file) as stream:
            with decoding(self.where, ".npz member"):
                stream.read(self.header.length)
            if self.header.fortran and self.rank > 1:
                yield from self._whole(stream, size)
                return
            for start in range(0, self.shape[0], size):
                stop = min(start + size, self.shape[0])
                block = np.empty((stop - start, *self.shape[1:]), self.header.dtype)
                read_into(stream, block, self.where)
                yield decoded(block, self.header.code)

    def _whole(self, stream: io.BufferedIOBase, size: int) -> Iterator[np.ndarray]:
        if self.header.total > MAX_WHOLE:
            raise fail(
                self.where,
                f"is stored column by column and would have to be read whole ({self.header.total} "
                "bytes); save it in C order (numpy.ascontiguousarray), or as .npy",
            )
        block = np.empty(self.shape[::-1], self.header.dtype)
        read_into(stream, block, self.where)
        for start in range(0, self.shape[0], size):
            yield decoded(block.T[start : start + size], self.header.code)


def entries(file: str) -> tuple[Entry, ...]:
    """The arrays of the archive `file`, by the names that `numpy.savez` was given."""
    byte_size(file)
    with _archive(file) as archive:
        members = [info.filename for info in archive.infolist()]
        twice = [name for name, count in Counter(members).items() if count > 1]
        if twice:
            raise fail(file, f"holds two members named {twice[0]}")
        names = [name.removesuffix(".npy") for name in members if name.endswith(".npy")]
        return tuple(_entry(archive, name, file) for name in names)


def _entry(archive: zipfile.ZipFile, name: str, file: str) -> ZipArray:
    where = f"{file}::{name}"
    with _member(archive, name, file) as stream:
        header = read_header(stream, where)
    check_total(header, archive.getinfo(f"{name}.npy").file_size, where)
    return ZipArray(file, name, header)


@contextmanager
def _archive(file: str) -> Iterator[zipfile.ZipFile]:
    with open_binary(file) as stream:
        with decoding(file, ".npz archive"):
            archive = zipfile.ZipFile(stream)
        with archive:
            yield archive


def _member(archive: zipfile.ZipFile, name: str, file: str) -> io.BufferedIOBase:
    """The member opened for reading; its decompressor must be one that can be held to a size."""
    with decoding(f"{file}::{name}", ".npz member"):
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # bz2 and lzma inflate a block to any size at once; numpy writes neither.
            raise fail(file, f"member {info.filename} is compressed by a method numpy does not use")
        return cast(io.BufferedIOBase, archive.open(info))
