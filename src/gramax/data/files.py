"""Opening files, on this machine or at an address (`s3://...`), and what is known of them."""

from __future__ import annotations

import io
import json
import os

import numpy as np

from gramax.data import local, remote, trees
from gramax.data.faults import cause, decoding, fail

PIECE = 1 << 20
"""Bytes asked of a decompressor at once, so that what it holds stays small."""


def byte_size(file: str) -> int:
    """Bytes in `file`, which must be a regular file (opening a pipe would wait) and not empty."""
    size = remote.byte_size(file) if remote.is_address(file) else local.status(file).st_size
    if size == 0:
        raise fail(file, "is empty (0 bytes)")
    return size


def state(file: str) -> dict[str, object]:
    """What changes when `file` does: its size, and the time of the last change or a version.

    Of a folder (a zarr store), all files in it together.
    """
    if trees.is_folder(file):
        return trees.state(file)
    if remote.is_address(file):
        return {"size": byte_size(file), "version": remote.version(file)}
    return {"size": byte_size(file), "mtime_ns": os.stat(file).st_mtime_ns}


def open_binary(file: str) -> io.BufferedIOBase:
    """`file` opened for reading."""
    if remote.is_address(file):
        return remote.open_binary(file)
    try:
        return open(file, "rb")
    except OSError as error:
        raise fail(file, f"cannot be opened ({cause(error)})") from None


def read_json(file: str, most: int = 1 << 24) -> object:
    """What the JSON `file` of at most `most` bytes says."""
    if byte_size(file) > most:
        raise fail(file, f"is larger than the {most} bytes that such a file may have")
    with open_binary(file) as stream, decoding(file, "JSON"):
        return json.loads(stream.read(most))


def read_into(stream: io.BufferedIOBase, block: np.ndarray, where: str) -> None:
    """Fill the C-contiguous `block` from `stream`, or say that the file ends too early."""
    left = block.reshape(-1).view(np.uint8).data
    while left:
        with decoding(where, "array"):
            count = stream.readinto(left[:PIECE])
        if not count:
            raise fail(where, f"ends {len(left)} bytes before the data it declares")
        left = left[count:]
