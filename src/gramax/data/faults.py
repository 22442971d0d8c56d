"""What is wrong with a file, as one line that a terminal can show safely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from gramax.data.text import cut, visible
from gramax.errors import InputError, MissingExtraError

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
        raise fail(where, f"cannot be read as {what} ({cause(error)})") from error
    except Exception as error:
        raise fail(where, f"not a readable {what} ({cause(error)})") from error


def cause(error: Exception) -> str:
    """Why, in one line of at most 160 characters."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    lines = str(error).strip().splitlines()
    return cut(lines[0], 160) if lines else type(error).__name__
