"""Opening files: what is wrong with one becomes a line that a terminal can show safely."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from gramax.data.text import cut, visible
from gramax.errors import InputError, MissingExtraError

PIECE = 1 << 20
"""Bytes asked of a decompressor at once, so that what it holds stays small."""

MAX_RANK = 64
"""Axes; NumPy's own limit."""


def fail(where: str, why: str) -> InputError:
    """The error `where: why` on one line, whatever characters the file brought along."""
    # A name in a header may be megabytes long; a path is no longer than 4096 bytes.
    return InputError(visible(f"{cut(where, 4096)}: {cut(why, 1000)}"))


def check_lengths(shape: Sequence[int], where: str) -> None:
    """Raise `InputError` unless these declared lengths can be multiplied, and can be true.

    A header may hold thousands of numbers of thousands of digits, whose product takes for ever.
    """
    if len(shape) > MAX_RANK:
        raise fail(where, f"declares {len(shape)} axes; at most {MAX_RANK} are read")
    if not all(0 <= length < 2**63 for length in shape):
        raise fail(where, "declares a shape with a length below 0 or beyond 64 bits")


@contextmanager
def decoding(where: str, what: str) -> Iterator[None]:
    """Turn whatever a decoder raises on bytes it cannot read into an `InputError`.

    Decoders of hostile bytes raise far more than they document (zlib.error, struct.error,
    RecursionError, MemoryError...), so this catches all, and belongs around their calls only.
    """
    try:
        yield
    except (InputError, MissingExtraError):
        raise
    except OSError as error:
        raise fail(where, f"cannot be read as {what} ({_cause(error)})") from error
    except Exception as error:
        raise fail(where, f"not a readable {what} ({_cause(error)})") from error


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    lines = str(error).strip().splitlines()
    return cut(lines[0], 160) if lines else type(error).__name__


def byte_size(file: str) -> int:
    """Bytes in `file`, which must be a regular file (opening a pipe would wait) and not empty."""
    try:
        status = os.stat(file)
    except FileNotFoundError:
        raise fail(file, "no such file") from None
    except (OSError, ValueError) as error:
        raise fail(file, f"cannot be opened ({_cause(error)})") from None
    if stat.S_ISDIR(status.st_mode):
        raise fail(file, "is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise fail(file, "is not a regular file")
    if status.st_size == 0:
        raise fail(file, "is empty (0 bytes)")
    return status.st_size


def open_binary(file: str) -> io.BufferedIOBase:
    """`file` opened for reading."""
    try:
        return open(file, "rb")
    except OSError as error:
        raise fail(file, f"cannot be opened ({_cause(error)})") from None


def read_into(stream: io.BufferedIOBase, block: np.ndarray, where: str) -> None:
    """Fill the C-contiguous `block` from `stream`, or say that the file ends too early."""
    left = block.reshape(-1).view(np.uint8).data
    while left:
        with decoding(where, "array"):
            count = stream.readinto(left[:PIECE])
        if not count:
            raise fail(where, f"ends {len(left)} bytes before the data it declares")
        left = left[count:]
