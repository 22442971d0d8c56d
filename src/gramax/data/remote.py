"""Files at an address (`s3://...`, `memory://...`), through fsspec, imported on first use."""

from __future__ import annotations

import hashlib
import io
import os
from functools import lru_cache
from threading import get_ident
from typing import Any, cast

from gramax.data import archives, chains, local
from gramax.data.faults import cause, decoding, fail
from gramax.optional import need


def is_address(file: str) -> bool:
    """Whether `file` is an address that fsspec knows rather than a path on this machine."""
    return "://" in file and not os.path.exists(file)


def filesystem(file: str) -> tuple[Any, str]:
    """The fsspec file system of the address `file`, and the path in it."""
    chain = chains.parse(file)
    fsspec = need("fsspec.core", f"reading {chain.protocol}://", extra="io")
    if chain.in_archive and not chain.before:
        fs = _archive(chain.protocol, chain.after, version(chain.after), get_ident())
        return fs, chain.path.strip("/")
    try:
        return fsspec.url_to_fs(file)
    except Exception as error:  # a missing driver, an unknown protocol, a malformed address
        raise fail(file, f"cannot be reached ({cause(error)})") from error


@lru_cache(maxsize=4)
def _archive(kind: str, file: str, version: str, thread: int) -> Any:
    """The archive `file` in this `version`, opened once for all that is read of it.

    Not by several threads: readers of a tar share one position in it.
    """
    size = byte_size(file) if is_address(file) else local.status(file).st_size
    if is_address(file):
        fs, path = filesystem(file)
        if chains.parse(file).in_archive:
            archives.check_inner(fs.info(path), file)
        return archives.opened(kind, open_binary(file), size, file)
    with decoding(file, "file"):
        stream = open(file, "rb")  # noqa: SIM115 (closed with the file system)
    return archives.opened(kind, stream, size, file)


def byte_size(file: str) -> int:
    """Bytes at the address `file`."""
    fs, path = filesystem(file)
    try:
        about = fs.info(path)
    except FileNotFoundError:
        raise fail(file, "no such file") from None
    except Exception as error:  # whatever the driver of the protocol raises
        raise fail(file, f"cannot be reached ({cause(error)})") from error
    if about.get("type") == "directory":
        raise fail(file, "is a folder, not a file")
    if not isinstance(about.get("size"), int):
        raise fail(file, "does not say how many bytes it has; copy it to this machine first")
    archives.check_member(about, fs, file)
    return about["size"]


def open_binary(file: str) -> io.BufferedIOBase:
    """The bytes at the address `file`, fetched in blocks as they are read."""
    fs, path = filesystem(file)
    with decoding(file, "file"):
        if chains.parse(file).after:
            archives.check_member(fs.info(path), fs, file)
        stream = fs.open(path, "rb")
        if chains.parse(file).in_archive:
            stream.gramax_archive = fs  # which closes its own file once nobody refers to it
        return cast(io.BufferedIOBase, stream)


def version(file: str) -> str:
    """What changes when `file` does: an ETag or a time, hashed by fsspec.

    Of what is in an archive, that of the archive: the list in it has no times worth the name.
    """
    if not is_address(file):
        status = local.status(file)
        return f"{status.st_size} {status.st_mtime_ns}"
    chain = chains.parse(file)
    if chain.in_archive:
        return hashlib.sha256(version(chain.after).encode()).hexdigest()
    fs, path = filesystem(file)
    with decoding(file, "file"):
        return str(fs.ukey(path))
