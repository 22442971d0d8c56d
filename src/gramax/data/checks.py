"""What makes a matrix of embeddings: real numbers, two axes, no NaN and no infinity."""

from __future__ import annotations

from typing import Any

import numpy as np

from gramax.data.faults import fail

MAX_DIM = 1 << 20
"""Columns beyond which nothing can be audited, and one row of an archive can fill the memory."""


def most_of(stored: int) -> int:
    """Bytes that a file of so many bytes may become, unpacked: no real embeddings shrink further.

    Example:
        >>> print(most_of(100), most_of(10**6))
        67108864 10000000000
    """
    return max(1 << 26, 10_000 * stored)


def as_array(values: Any, name: str) -> np.ndarray:
    """`values` as an array; a mask would be dropped without a word, so it is refused."""
    if isinstance(values, np.ma.MaskedArray):
        raise fail(name, "masked arrays are not read; leave the masked rows out first")
    try:
        return np.asarray(values)
    except ValueError as error:  # ragged nested lists
        raise fail(name, f"is not an array ({error})") from None


def check_size(size: int) -> int:
    """`size` as a number of rows a chunk, at least 1."""
    if size < 1:
        raise ValueError(f"a chunk must have at least 1 row; got size={size}")
    return size


def readable_numbers(dtype: np.dtype) -> bool:
    """Whether `dtype` is an integer or a float of at most 8 bytes (not bool, complex, text)."""
    return dtype.kind in "fiu" and dtype.itemsize <= 8


def hint(dtype: np.dtype) -> str:
    """What to do about bytes that lost their type, as bfloat16 does in NumPy's files and HDF5."""
    if dtype.kind != "V" or dtype.names or dtype.itemsize > 2:
        return ""
    return (
        ", bytes without a type, which bfloat16 and float8 become in such files; save "
        "z.astype(numpy.float32), or bfloat16 as .safetensors"
    )


def check_matrix(where: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raise `InputError` unless this is a matrix of real numbers with rows and columns."""
    if dtype.hasobject:
        raise fail(where, "holds Python objects, not numbers; save one matrix of numbers")
    if not readable_numbers(dtype):
        raise fail(where, f"embeddings must be integers or floats; got {dtype.name}{hint(dtype)}")
    if len(shape) != 2:
        raise fail(where, f"embeddings must be a matrix [rows, columns]; got shape {shape}")
    if 0 in shape:
        axis = "rows" if shape[0] == 0 else "columns"
        raise fail(where, f"has no {axis}; got shape {shape}")
    if shape[1] > MAX_DIM:
        raise fail(where, f"has {shape[1]} columns; embeddings have at most {MAX_DIM}")


def check_finite(chunk: np.ndarray, start: int, name: str) -> None:
    """Raise `InputError` that names the first NaN or infinity of a chunk.

    Args:
        chunk: `[m, d]` rows of a `Source`.
        start: number of its first row; rows and columns count from 0.
        name: what the message calls the place where rows are counted so.

    Raises:
        InputError: a value is NaN or infinite: `emb.npy: row 17, column 3 is nan`.

    Example:
        >>> check_finite(np.ones((4, 2)), 0, "emb.npy")
    """
    if chunk.dtype.kind != "f":
        return
    finite = np.isfinite(chunk)
    if not finite.all():
        row, column = divmod(int(np.argmin(finite)), chunk.shape[1])
        raise fail(name, f"row {start + row}, column {column} is {float(chunk[row, column])}")
