"""The contract of the readers: an `Entry` is one array of a file, a `Source` a checked matrix.

Neither holds an open file: both can be pickled to a worker, and each call of `chunks` opens the
file anew, reads it once in order, and holds one chunk in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gramax.data.files import fail

Chunks = Iterator[tuple[int, np.ndarray]]
"""Pairs (index of the first row, rows from there on), in order, without gaps."""

MAX_DIM = 1 << 20
"""Columns beyond which nothing can be audited, and one row of an archive can fill the memory."""


class Entry(Protocol):
    """One array of a file, known by the file's header; what a format has to implement."""

    @property
    def name(self) -> str:
        """Its name in the file; empty where the format has no names."""
        ...

    @property
    def rank(self) -> int:
        """The number of axes."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes' lengths (a parquet list column has to read its first row for it)."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """What `chunks` gives; of kind O or V where the entry cannot be read, T for text."""
        ...

    @property
    def text(self) -> str:
        """Its type and shape in the words of its format, for messages."""
        ...

    def chunks(self, size: int) -> Chunks:
        """The array in pieces of `size` along the first axis; the last may be shorter."""
        ...


class Source(Protocol):
    """A matrix of embeddings `[rows, dim]`, one row a sample, that is read in chunks."""

    @property
    def name(self) -> str:
        """What messages call it: the path as the user wrote it."""
        ...

    @property
    def rows(self) -> int:
        """The number of rows, at least 1."""
        ...

    @property
    def dim(self) -> int:
        """The number of columns, at least 1."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """The dtype of every chunk: an integer or float16, float32, float64, in native order."""
        ...

    def chunks(self, size: int) -> Chunks:
        """`(first row index, array [m, dim])` in order, m = `size` except in the last chunk."""
        ...


@dataclass(frozen=True)
class FileSource:
    """The matrix that `entry` holds, under the `name` that the user gave the file."""

    name: str
    entry: Entry

    def __post_init__(self):
        check_matrix(self.name, self.entry.shape, self.entry.dtype)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.entry.shape[0]

    @property
    def dim(self) -> int:
        """The number of columns."""
        return self.entry.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """The dtype of every chunk."""
        return self.entry.dtype

    def chunks(self, size: int) -> Chunks:
        """`(first row index, array [m, dim])`, with one chunk in memory at a time."""
        return self.entry.chunks(check_size(size))


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A `Source` over an array in memory; chunks are views of it.

    Args:
        array: `[n, d]` real numbers; anything that `numpy.asarray` takes.
        name: what messages call it.

    Raises:
        InputError: not a matrix of real numbers with at least one row and one column.

    Example:
        >>> source = ArraySource([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> print([(start, chunk.shape) for start, chunk in source.chunks(2)])
        [(0, (2, 2)), (2, (1, 2))]
    """

    array: Any
    name: str = "array"
    dtype: np.dtype = field(init=False)

    def __post_init__(self):
        array = as_array(self.array, self.name)
        # JAX's bfloat16 comes as an extension dtype that NumPy itself cannot compute with.
        bfloat16 = array.dtype.name == "bfloat16"
        dtype = np.dtype(np.float32) if bfloat16 else array.dtype.newbyteorder("=")
        check_matrix(self.name, array.shape, dtype)
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "dtype", dtype)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.array.shape[0]

    @property
    def dim(self) -> int:
        """The number of columns."""
        return self.array.shape[1]

    def chunks(self, size: int) -> Chunks:
        """`(first row index, array [m, dim])`; views, but for bfloat16 and swapped bytes."""
        size = check_size(size)
        for start in range(0, self.rows, size):
            yield start, self.array[start : start + size].astype(self.dtype, copy=False)


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


def check_matrix(where: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Raise `InputError` unless this is a matrix of real numbers with rows and columns."""
    if dtype.hasobject:
        raise fail(where, "holds Python objects, not numbers; save one matrix of numbers")
    if not readable_numbers(dtype):
        raise fail(where, f"embeddings must be integers or floats; got {dtype.name}")
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
        start: index of its first row in the whole; rows and columns count from 0.
        name: what the message calls the source.

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
