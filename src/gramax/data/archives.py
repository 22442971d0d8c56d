"""Zip and tar archives as file systems of fsspec: nothing is unpacked but what is read.

What an archive claims of its members is held to its size, and what would be unpacked whole, into
memory that nobody can bound, is refused: compressed tars, archives that are compressed inside
another, and methods other than deflate.
"""

from __future__ import annotations

import io
import weakref
import zipfile
from typing import Any

from gramax.data.checks import most_of
from gramax.data.faults import decoding, fail
from gramax.optional import need

COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")
"""How gzip, bzip2, xz, zstd and lz4 begin."""

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Decompressors that can be held to a size, of those that a zip names."""


def opened(kind: str, stream: io.BufferedIOBase, size: int, where: str) -> Any:
    """The file system in the archive `stream` of `size` bytes; `kind` is zip or tar."""
    package = need(f"fsspec.implementations.{kind}", "reading archives", "fsspec", "io")
    try:
        with decoding(where, f"{kind} archive"):
            if kind == "tar":
                _check_plain(stream, where)
            fs = getattr(package, f"{kind.title()}FileSystem")(fo=stream)
    except BaseException:
        stream.close()
        raise
    fs.gramax_archive = (where, size)
    weakref.finalize(fs, stream.close)
    return fs


def _check_plain(stream: io.BufferedIOBase, where: str) -> None:
    start = stream.read(6)
    stream.seek(0)
    if start.startswith(COMPRESSED):
        raise fail(
            where,
            "is a compressed tar, which can be read from its beginning alone; decompress it "
            "(gunzip, unxz, ...), or make it a zip",
        )


def check_member(about: dict[str, Any], fs: Any, where: str) -> None:
    """Refuse a member that cannot be read safely, by what fsspec knows `about` it."""
    if about.get("compress_type", zipfile.ZIP_STORED) not in METHODS:
        raise fail(where, "is compressed by another method than deflate; zip it again with that")
    if about.get("linkname"):
        raise fail(where, f"is a link to {about['linkname']}, which is not followed; name that")
    archive, size = getattr(fs, "gramax_archive", ("", 0))
    claimed = about.get("size")
    if archive and isinstance(claimed, int) and claimed > most_of(size):
        raise fail(where, f"claims {claimed} bytes in an archive of {size}")


def check_inner(about: dict[str, Any], where: str) -> None:
    """Refuse an archive that is compressed inside another: its list of members is not bounded."""
    if about.get("compress_type", zipfile.ZIP_STORED) != zipfile.ZIP_STORED:
        raise fail(where, "is an archive that is compressed inside another; unpack it first")
