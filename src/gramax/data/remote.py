"""Files at an address (`s3://...`, `memory://...`), through fsspec, imported on first use."""

from __future__ import annotations

import io
import os
from typing import Any, cast

from gramax.data.faults import cause, decoding, fail
from gramax.optional import need


def is_address(file: str) -> bool:
    """Whether `file` is an address that fsspec knows rather than a path on this machine."""
    return "://" in file and not os.path.exists(file)


def filesystem(file: str) -> tuple[Any, str]:
    """The fsspec file system of the address `file`, and the path in it."""
    fsspec = need("fsspec.core", f"reading {file.partition('://')[0]}://", extra="io")
    try:
        return fsspec.url_to_fs(file)
    except Exception as error:  # a missing driver, an unknown protocol, a malformed address
        raise fail(file, f"cannot be reached ({cause(error)})") from error


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
    return about["size"]


def open_binary(file: str) -> io.BufferedIOBase:
    """The bytes at the address `file`, fetched in blocks as they are read."""
    fs, path = filesystem(file)
    with decoding(file, "file"):
        return cast(io.BufferedIOBase, fs.open(path, "rb"))


def version(file: str) -> str:
    """What changes when the file at the address does: an ETag or a time, hashed by fsspec."""
    fs, path = filesystem(file)
    with decoding(file, "file"):
        return str(fs.ukey(path))
