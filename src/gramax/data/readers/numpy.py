"""Reading .npy and .npz: headers by NumPy, never a pickle, never more than the file can hold.

A header is checked against the size of the file before anything is allocated. A member of an .npz
is streamed out of the archive, never past what its header declares.
"""

from __future__ import annotations

import io
import math
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np

from gramax.data.checks import check_shape, decoding, fail
from gramax.data.chunks import trimmed
from gramax.data.paths import byte_size, open_binary
from gramax.data.readers.stored import (
    BFLOAT16_BITS,
    RawArray,
    decoded,
    decoded_dtype,
    described,
    read_into,
)  # fmt: skip
from gramax.data.source import Entry

MAX_HEADER_BYTES = 10_000
"""The limit of `numpy.load` too, since the header is parsed as a Python literal."""

MAX_FORTRAN_BYTES = 4 << 30
"""A member of an .npz in Fortran order cannot be streamed by rows, and is read whole."""

BFLOAT16_NOTE = "is read as bfloat16, which numpy.save writes as 2 bytes without a name (<V2)"

_BFLOAT16 = re.compile(rb"""["']descr["']:\s*["']<V2["']""")
"""What NumPy writes for ml_dtypes.bfloat16, and for nothing else: 2 bytes of no type are `|V2`."""

_OTHER_FORMATS = {
    b"PK": "a zip archive (name it .npz if numpy.savez wrote it)",
    b"\x80": "a pickle, and pickles are not read; save the array with numpy.save",
    b"PAR1": "a parquet file (name it .parquet)",
}


class Header(NamedTuple):
    """What the header of a .npy says, and its length in bytes: the data follows it."""

    shape: tuple[int, ...]
    fortran: bool
    stored: np.dtype
    length: int
    bfloat16: bool

    @property
    def total(self) -> int:
        """Bytes of header and data together, as declared."""
        return self.length + math.prod(self.shape) * self.stored.itemsize

    @property
    def text(self) -> str:
        """For messages."""
        return described(self.shape, self.stored, self.bfloat16)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of what is read."""
        return decoded_dtype(self.stored, self.bfloat16)

    @property
    def note(self) -> str:
        """What a user should know about how it is read."""
        return BFLOAT16_NOTE if self.bfloat16 else ""


def npy_entries(file: str) -> tuple[Entry, ...]:
    """The one array of the .npy `file`, without a name."""
    size = byte_size(file)
    with open_binary(file) as stream:
        head = _read_header(stream, file)
    _check_total(head, size, file)
    array = RawArray(
        *(file, "", head.shape, head.dtype, head.text),
        *(head.length, head.stored, head.fortran, head.bfloat16),
        note=head.note,
    )
    return (array,)


def _read_header(stream: io.BufferedIOBase, where: str) -> Header:
    """The header at the start of `stream`: a bounded number of bytes, whatever they claim."""
    with decoding(where, ".npy file"):
        start = stream.read(10)
        major = start[6] if start[:6] == b"\x93NUMPY" and len(start) == 10 else 0
        if major not in (1, 2, 3):
            other = [what for magic, what in _OTHER_FORMATS.items() if start.startswith(magic)]
            raise fail(where, f"is not a .npy file{f' but {other[0]}' if other else ''}")
        start += stream.read(2) if major > 1 else b""  # the length has 4 bytes from 2.0 on
        text = int.from_bytes(start[8:], "little")
        if text > MAX_HEADER_BYTES:
            most = MAX_HEADER_BYTES
            raise fail(where, f"declares a header of {text} bytes; at most {most} are read")
        start += stream.read(text)
        shape, fortran, dtype = _parse(start, major)
    check_shape(shape, where)
    bfloat16 = dtype == np.dtype("V2") and _BFLOAT16.search(start) is not None
    stored = BFLOAT16_BITS if bfloat16 else dtype
    return Header(tuple(map(int, shape)), bool(fortran), stored, len(start), bfloat16)


def _parse(start: bytes, major: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    stream = io.BytesIO(start)
    np.lib.format.read_magic(stream)
    # 3.0 differs from 2.0 in the encoding of field names alone; an array of fields is refused.
    version_1, later = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # written by Python 2, or deprecated dtype spellings
        return (version_1 if major == 1 else later)(stream, max_header_size=MAX_HEADER_BYTES)


def _check_total(head: Header, size: int, where: str) -> None:
    """Raise `InputError` unless `size` bytes are what `head` declares, to the byte."""
    if head.stored.hasobject:  # a pickle of any length; refused when it is chosen
        return
    if head.total != size:
        raise fail(
            where,
            f"holds {size} bytes, but declares {head.total}: a header of {head.length}, "
            f"then {head.stored.name} of shape {head.shape}",
        )


@dataclass(frozen=True)
class ZipArray(Entry):
    """An `Entry`: the member `name`.npy of the archive `file`."""

    header: Header

    def cuts(self, rows: int) -> None:
        """Nowhere: it is inflated, and its checksum looked at, from beginning to end."""

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Pieces of `size` rows, inflated as they are asked for; those before `start` too."""
        return trimmed(self._inflated(size), 0, start, stop)

    def _inflated(self, size: int) -> Iterator[np.ndarray]:
        head = self.header
        whole = head.fortran and self.rank > 1
        if whole and head.total > MAX_FORTRAN_BYTES:
            raise fail(
                self.where,
                f"is stored column by column and would have to be read whole ({head.total} "
                "bytes); save it in C order (numpy.ascontiguousarray), or as .npy",
            )
        with _archive(self.file) as archive, _member(archive, self.name, self.file) as stream:
            with decoding(self.where, ".npz member"):
                stream.read(head.length)
            for start in range(0, self.shape[0], self.shape[0] if whole else size):
                rows = self.shape[0] if whole else min(size, self.shape[0] - start)
                shape = self.shape[::-1] if whole else (rows, *self.shape[1:])
                block = np.empty(shape, head.stored)
                read_into(stream, block, self.where)
                yield decoded(block.T if whole else block, head.bfloat16)


def npz_entries(file: str) -> tuple[Entry, ...]:
    """The arrays of the archive `file`, by the names that `numpy.savez` was given."""
    byte_size(file)
    with _archive(file) as archive:
        members = [info.filename for info in archive.infolist()]
        twice = [name for name, count in Counter(members).items() if count > 1]
        if twice:
            raise fail(file, f"holds two members named {twice[0]}")
        names = [name.removesuffix(".npy") for name in members if name.endswith(".npy")]
        return tuple(_zip_entry(archive, name, file) for name in names)


def _zip_entry(archive: zipfile.ZipFile, name: str, file: str) -> ZipArray:
    where = f"{file}::{name}"
    with _member(archive, name, file) as stream:
        head = _read_header(stream, where)
    _check_total(head, archive.getinfo(f"{name}.npy").file_size, where)
    return ZipArray(file, name, head.shape, head.dtype, head.text, head, note=head.note)


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
