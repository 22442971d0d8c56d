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
from typing import cast

import numpy as np

from gramax.data.checks import check_shape, decoding, fail
from gramax.data.chunks import trimmed
from gramax.data.paths import byte_size, open_binary
from gramax.data.readers.stored import RawArray, layout, read_into
from gramax.data.source import BFLOAT16_BITS, Entry

MAX_HEADER_BYTES = 10_000
"""The limit of `numpy.load` too, since the header is parsed as a Python literal."""

MAX_FORTRAN_BYTES = 4 << 30
"""A member of an .npz in Fortran order cannot be streamed by rows, and is read whole."""

BFLOAT16_NOTE = "is read as bfloat16, which numpy.save writes as 2 bytes without a name (<V2)"

_BFLOAT16 = re.compile(rb"""["']descr["']:\s*["']<V2["']""")
"""What NumPy writes for ml_dtypes.bfloat16, and for nothing else: 2 bytes of no type are `|V2`."""

_OTHER_FORMATS = {
    b"PK": " but a zip archive (name it .npz if numpy.savez wrote it)",
    b"\x80": " but a pickle, and pickles are not read; save the array with numpy.save",
    b"PAR1": " but a parquet file (name it .parquet)",
}


@dataclass(frozen=True)
class ZipArray(RawArray):
    """An `Entry`: the member `name`.npy of the archive `file`."""

    @property
    def grain(self) -> int:
        """None: it is inflated, and its checksum looked at, from beginning to end."""
        return 0

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Pieces of `size` rows, inflated as they are asked for; those before `start` too."""
        return trimmed(self._inflated(size), 0, start, stop)

    def _inflated(self, size: int) -> Iterator[np.ndarray]:
        whole, rows = self.fortran and self.rank > 1, self.shape[0]
        total = math.prod(self.shape) * self.stored.itemsize
        if whole and total > MAX_FORTRAN_BYTES:
            raise fail(
                self.where,
                f"is stored column by column and would have to be read whole ({total} "
                "bytes); save it in C order (numpy.ascontiguousarray), or as .npy",
            )
        with _archive(self.file) as archive, _member(archive, self.name, self.file) as stream:
            with decoding(self.where, ".npz member"):
                stream.read(self.offset)
            for start in range(0, rows, rows if whole else size):
                shape = (rows if whole else min(size, rows - start), *self.shape[1:])
                block = np.empty(shape[::-1] if whole else shape, self.stored)
                read_into(stream, block, self.where)
                yield block.T if whole else block


def npy_entries(file: str) -> tuple[Entry, ...]:
    """The one array of the .npy `file`, without a name."""
    size = byte_size(file)
    with open_binary(file) as stream:
        return (_described(RawArray, file, "", stream, size),)


def npz_entries(file: str) -> tuple[Entry, ...]:
    """The arrays of the archive `file`, by the names that `numpy.savez` was given."""
    byte_size(file)
    found = []
    with _archive(file) as archive:
        members = [info.filename for info in archive.infolist()]
        twice = [name for name, count in Counter(members).items() if count > 1]
        if twice:
            raise fail(file, f"holds two members named {twice[0]}")
        for member in (name for name in members if name.endswith(".npy")):
            name, size = member.removesuffix(".npy"), archive.getinfo(member).file_size
            with _member(archive, name, file) as stream:
                found.append(_described(ZipArray, file, name, stream, size))
    return tuple(found)


def _described(
    kind: type[RawArray], file: str, name: str, stream: io.BufferedIOBase, size: int
) -> RawArray:
    """The array of `size` bytes at the start of `stream`, which must hold it to the byte."""
    where = f"{file}::{name}" if name else file
    shape, fortran, stored, start = _read_header(stream, where)
    check_shape(shape, where)
    total = len(start) + math.prod(shape) * stored.itemsize
    # Objects are a pickle of any length, which is refused when it is chosen.
    if total != size and not stored.hasobject:
        raise fail(
            where,
            f"holds {size} bytes, but declares {total}: a header of {len(start)}, "
            f"then {stored.name} of shape {shape}",
        )
    bfloat16 = stored == np.dtype("V2") and _BFLOAT16.search(start) is not None
    about = layout(tuple(map(int, shape)), stored, bfloat16)
    stored, note = (BFLOAT16_BITS, BFLOAT16_NOTE) if bfloat16 else (stored, "")
    return kind(file, name, *about, len(start), stored, bool(fortran), note=note)


def _read_header(
    stream: io.BufferedIOBase, where: str
) -> tuple[tuple[int, ...], bool, np.dtype, bytes]:
    """What the header says, and its bytes: a bounded number, whatever they claim."""
    with decoding(where, ".npy file"):
        start = stream.read(10)
        major = start[6] if start[:6] == b"\x93NUMPY" and len(start) == 10 else 0
        if major not in (1, 2, 3):
            other = [what for magic, what in _OTHER_FORMATS.items() if start.startswith(magic)]
            raise fail(where, f"is not a .npy file{''.join(other)}")
        start += stream.read(2) if major > 1 else b""  # the length has 4 bytes from 2.0 on
        length = int.from_bytes(start[8:], "little")
        if length > MAX_HEADER_BYTES:
            most = MAX_HEADER_BYTES
            raise fail(where, f"declares a header of {length} bytes; at most {most} are read")
        start += stream.read(length)
        form, header = np.lib.format, io.BytesIO(start)
        # 3.0 differs from 2.0 in the encoding of field names alone; an array of fields is refused.
        read = form.read_array_header_1_0 if major == 1 else form.read_array_header_2_0
        form.read_magic(header)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # written by Python 2, or deprecated dtype spellings
            return *read(header, max_header_size=MAX_HEADER_BYTES), start


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
