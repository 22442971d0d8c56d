"""Undoing the compression of zarr chunks, never into more bytes than the chunk has."""

from __future__ import annotations

import bz2
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gramax.data.faults import fail
from gramax.optional import need

Buffer = Any
"""Bytes, or a NumPy array of them."""

CHECKSUM = "crc32c"

CHECKSUM_BYTES = 4


def decoded(data: Buffer, size: int, codecs: Sequence[str], where: str) -> Buffer:
    """The `size` bytes that `codecs`, in this order, made into `data`.

    Raises:
        InputError: a checksum is wrong, or there are more or fewer bytes.
    """
    for at in reversed(range(len(codecs))):
        # What a compressor made, and a checksum follows, may be of any length.
        length = size + CHECKSUM_BYTES * codecs[:at].count(CHECKSUM)
        data = DECODERS[codecs[at]](data, length)
    if len(data) != size:
        raise fail(where, f"holds {len(data)} bytes where it should hold {size}")
    return data


def _checksum(data: Buffer, size: int) -> Buffer:
    content, sum_ = data[:-CHECKSUM_BYTES], data[-CHECKSUM_BYTES:]
    crc = need("google_crc32c", "reading checksums of zarr", "google-crc32c", "io")
    if crc.value(bytes(content)) != int.from_bytes(sum_, "little"):
        raise ValueError("its checksum is wrong: it is damaged")
    return content


def _deflate(data: Buffer, size: int) -> bytes:
    return zlib.decompressobj(wbits=47).decompress(data, size + 1)  # zlib or gzip, by its header


def _bzip2(data: Buffer, size: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, size + 1)


def _blosc(data: Buffer, size: int) -> np.ndarray:
    return _unpacked("Blosc", data, size, int.from_bytes(data[4:8], "little"))


def _lz4(data: Buffer, size: int) -> np.ndarray:
    return _unpacked("LZ4", data, size, int.from_bytes(data[:4], "little"))


def _zstd(data: Buffer, size: int) -> np.ndarray:
    return _unpacked("Zstd", data, size, _zstd_size(data))


def _zstd_size(data: Buffer) -> int:
    """What the first frame says of its content's size (RFC 8878, 3.1.1.1)."""
    about = data[4]
    single, dictionary = about >> 5 & 1, (0, 1, 2, 4)[about & 3]
    width = (single, 2, 4, 8)[about >> 6]
    if width == 0:
        raise ValueError("its zstd frame does not say its size")
    at = 5 + (not single) + dictionary
    return int.from_bytes(data[at : at + width], "little") + (256 if width == 2 else 0)


def _unpacked(name: str, data: Buffer, size: int, declared: int) -> np.ndarray:
    if declared != size:
        raise ValueError(f"it unpacks to {declared} bytes where it should to {size}")
    codecs = need(f"numcodecs.{name.lower()}", "reading compressed zarr", extra="io")
    block = np.empty(size, np.uint8)  # of which the codec fills what is declared, or fails
    getattr(codecs, name)().decode(data, out=block)
    return block


DECODERS: dict[str, Callable[[Buffer, int], Buffer]] = {
    CHECKSUM: _checksum,
    "gzip": _deflate,
    "zlib": _deflate,
    "bz2": _bzip2,
    "blosc": _blosc,
    "zstd": _zstd,
    "lz4": _lz4,
}
"""From encoded bytes and the number of bytes to be expected, to the bytes before."""


def check_codecs(names: Sequence[str]) -> str:
    """Why a chain of these codecs is not undone; empty where it is."""
    unknown = [name for name in names if name not in DECODERS]
    if unknown:
        return f"encoded by {unknown[0]} (use one of {', '.join(DECODERS)})"
    if sum(name != CHECKSUM for name in names) > 1:
        return f"compressed more than once ({', '.join(names)})"
    return ""
