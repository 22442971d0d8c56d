"""Reading .npy: the header is checked against the file's size before anything is allocated."""

from __future__ import annotations

import io
import math
import re
import warnings
from dataclasses import dataclass

import numpy as np

from gramax.data.faults import check_lengths, decoding, fail
from gramax.data.files import byte_size, open_binary
from gramax.data.raw import BFLOAT16, BITS, RawArray
from gramax.data.source import Entry

MAX_HEADER = 10_000
"""Bytes; the limit of `numpy.load` too, since the header is parsed as a Python literal."""

_BFLOAT16 = re.compile(rb"""["']descr["']:\s*["']<V2["']""")
"""What NumPy writes for ml_dtypes.bfloat16, and for nothing else: 2 bytes of no type are `|V2`."""

NOTE = "is read as bfloat16, which numpy.save writes as 2 bytes without a name (<V2)"

_OTHER_FORMATS = {
    b"PK": "a zip archive (name it .npz if numpy.savez wrote it)",
    b"\x80": "a pickle, and pickles are not read; save the array with numpy.save",
    b"PAR1": "a parquet file (name it .parquet)",
}


@dataclass(frozen=True)
class Header:
    """What the header of a .npy says, and its length in bytes: the data follows it."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype
    length: int
    code: str = ""
    """`bfloat16`, of which `dtype` is the bits."""

    @property
    def note(self) -> str:
        """What a user should know about how it is read."""
        return NOTE if self.code else ""

    @property
    def text(self) -> str:
        """For messages: `float32 [100, 16]`."""
        return f"{self.code or self.dtype.name} {list(self.shape)}"

    @property
    def total(self) -> int:
        """Bytes of header and data together, as declared."""
        return self.length + math.prod(self.shape) * self.dtype.itemsize


def entries(file: str) -> tuple[Entry, ...]:
    """The one array of the .npy `file`, without a name."""
    size = byte_size(file)
    with open_binary(file) as stream:
        header = read_header(stream, file)
    check_total(header, size, file)
    return (
        RawArray(
            file, "", header.length, header.shape, header.dtype, header.fortran,
            header.code, header.note,
        ),
    )  # fmt: skip


def read_header(stream: io.BufferedIOBase, where: str) -> Header:
    """The header at the start of `stream`: a bounded number of bytes, whatever they claim."""
    with decoding(where, ".npy file"):
        start = stream.read(10)
        major = start[6] if start[:6] == b"\x93NUMPY" and len(start) == 10 else 0
        if major not in (1, 2, 3):
            raise fail(where, f"is not a .npy file{_guess(start)}")
        start += stream.read(2) if major > 1 else b""  # the length has 4 bytes from 2.0 on
        text = int.from_bytes(start[8:], "little")
        if text > MAX_HEADER:
            raise fail(where, f"declares a header of {text} bytes; at most {MAX_HEADER} are read")
        start += stream.read(text)
        shape, fortran, dtype = _parse(start, major)
    check_lengths(shape, where)
    code = BFLOAT16 if dtype == np.dtype("V2") and _BFLOAT16.search(start) else ""
    dtype = BITS if code else dtype
    return Header(tuple(map(int, shape)), bool(fortran), dtype, len(start), code)


def _parse(start: bytes, major: int) -> tuple[tuple[int, ...], bool, np.dtype]:
    stream = io.BytesIO(start)
    np.lib.format.read_magic(stream)
    # 3.0 differs from 2.0 in the encoding of field names alone; an array of fields is refused.
    version_1, later = np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # written by Python 2, or deprecated dtype spellings
        return (version_1 if major == 1 else later)(stream, max_header_size=MAX_HEADER)


def _guess(start: bytes) -> str:
    return next(
        (f" but {what}" for magic, what in _OTHER_FORMATS.items() if start[: len(magic)] == magic),
        "",
    )


def check_total(header: Header, size: int, where: str) -> None:
    """Raise `InputError` unless `size` bytes are what `header` declares, to the byte."""
    if header.dtype.hasobject:  # a pickle of any length; refused when it is chosen
        return
    if header.total != size:
        raise fail(
            where,
            f"holds {size} bytes, but declares {header.total}: a header of {header.length}, "
            f"then {header.dtype.name} of shape {header.shape}",
        )
