"""Checks of what was read, and the one-line errors that say what is wrong with a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from gramax._text import cut, visible
from gramax.errors import InputError, MissingExtraError

MAX_COLUMNS = 1 << 20
"""More columns cannot be audited, and one row of an archive could then fill the memory."""

MAX_LABEL = 4096
"""Characters; a longer text is a document, not a class, and many of them fill the memory."""

MISSING = frozenset({"", "nan", "NaN", "None", "<NA>"})
"""Texts that stand for nothing: what Python, NumPy and pandas make of a missing value."""

MAX_AXES = 64
"""NumPy's own limit."""


def fail(where: str, why: str) -> InputError:
    """The error `where: why` on one line, whatever characters the file brought along."""
    # A name in a header may be megabytes long; a path is no longer than 4096 bytes.
    return InputError(visible(f"{cut(where, 4096)}: {cut(why, 1000)}"))


@contextmanager
def decoding(where: str, what: str) -> Iterator[None]:
    """Turn whatever a library raises on bytes that it cannot read into an `InputError`.

    Libraries raise far more than they document (zlib.error, RecursionError, MemoryError...), so
    this catches everything, and belongs around calls of the library only.
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


def check_shape(shape: Sequence[int], where: str) -> None:
    """Raise `InputError` unless a header declares few and plausible lengths.

    It may hold thousands of numbers of thousands of digits, whose product takes for ever.
    """
    if len(shape) > MAX_AXES:
        raise fail(where, f"declares {len(shape)} axes; at most {MAX_AXES} are read")
    if not all(0 <= length < 2**63 for length in shape):
        raise fail(where, "declares a shape with a length below 0 or beyond 64 bits")


def as_array(values: Any, name: str) -> np.ndarray:
    """`values` as an array; a mask would be dropped without a word, so it is refused."""
    if isinstance(values, np.ma.MaskedArray):
        raise fail(name, "masked arrays are not read; leave the masked rows out first")
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists, tensors with a graph
        why = f"is not an array ({cause(error)})"
        if isinstance(values, list | tuple) and hasattr(values[0], "detach"):
            why = "is a list of tensors; give torch.stack(rows), or torch.cat(batches) of matrices"
        raise fail(name, why) from None


def is_missing(value: Any) -> bool:
    """Whether a value in memory is none: None, NaN, or what pandas has for a missing one."""
    if isinstance(value, list | tuple | np.ndarray):
        return False
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value


def check_size(size: int) -> int:
    """`size` as the number of rows of a chunk, at least 1."""
    if size < 1:
        raise ValueError(f"a chunk must have at least 1 row; got size={size}")
    return size


def readable_numbers(dtype: np.dtype) -> bool:
    """Whether `dtype` is an integer or a float of at most 8 bytes (not bool, complex or text)."""
    return dtype.kind in "fiu" and dtype.itemsize <= 8


def check_matrix(where: str, shape: tuple[int, ...], dtype: np.dtype, text: str) -> None:
    """Raise `InputError` unless this is a matrix of real numbers; `text` says what it is."""
    if dtype.hasobject and dtype.kind != "T":
        why = "holds Python objects (a pickle), which are not read; save a matrix of numbers"
        raise fail(where, why)
    if not readable_numbers(dtype):
        kinds, hint = "integers, float16/32/64, or bfloat16 where the file says so", ""
        if dtype.kind == "V" and not dtype.names and dtype.itemsize <= 2 and "void" in text:
            hint = (
                ", bytes without a type, which bfloat16 and float8 become in such files; save "
                "z.astype(numpy.float32), or bfloat16 as .safetensors"
            )
        if dtype.kind == "b":
            hint = "; z * 2.0 - 1 has the signs that bits stand for"
        raise fail(where, f"embeddings must be {kinds}; got {text}{hint}")
    if len(shape) != 2:
        rows = f"; z.reshape(-1, {shape[-1]}) has one row a vector" if len(shape) > 2 else ""
        raise fail(where, f"embeddings must be a matrix [rows, columns]; got {text}{rows}")


def check_finite(chunk: np.ndarray, start: int, name: str) -> None:
    """Raise `InputError` for the first NaN or infinity: `emb.npy: row 17, column 3 is nan`.

    A value that is missing, such as null in parquet, is NaN too, and so is all of a missing row.

    Args:
        chunk: `[m, d]` rows of a `Source`.
        start: number of its first row; rows and columns count from 0.
        name: what the message calls the place where rows are counted so.
    """
    if chunk.dtype.kind != "f":
        return
    finite = np.isfinite(chunk)
    if not finite.all():
        row, column = divmod(int(np.argmin(finite)), chunk.shape[1])
        what = f"row {start + row}, column {column} is {float(chunk[row, column])}"
        if chunk.shape[1] > 1 and np.isnan(chunk[row]).all():
            what = f"row {start + row} is nan throughout, or null"
        raise fail(name, what)
