"""Columns of Arrow tables as arrays: what parquet and Arrow files have in common.

pyarrow is imported on first use.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from gramax.data.cuts import group_cuts, groups_within, rechunk, trimmed
from gramax.data.faults import decoding, fail
from gramax.data.files import open_binary
from gramax.data.named import MAX_LABEL
from gramax.data.remote import is_address
from gramax.data.source import UNREADABLE, Chunks
from gramax.optional import need

TEXT = np.dtypes.StringDType()
"""The dtype of a text column; its chunks are object arrays of str (or bytes) and None."""


def pyarrow() -> Any:
    """The package, with the modules that read files."""
    need("pyarrow.parquet", "reading parquet and Arrow files", extra="io")
    return need("pyarrow", "reading parquet and Arrow files", extra="io")


@dataclass(frozen=True)
class ArrowColumn:
    """An `Entry`: a column of numbers or text (rank 1), or of lists of numbers (rank 2)."""

    file: str
    name: str
    bounds: tuple[int, ...]
    """The first row of every row group or record batch, and the number of rows."""
    rank: int
    dtype: np.dtype
    text: str
    width: int | None
    """The length of every list, where the type fixes it."""
    index: int
    """Which of the columns it is."""

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.file}::{self.name}"

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.bounds[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes; lists of no fixed length are as long as the first one."""
        return (self.rows,) if self.rank == 1 else (self.rows, self._dim)

    @abstractmethod
    def batches(self, size: int, groups: range) -> Iterator[Any]:
        """The column in these groups, as pyarrow arrays; about `size` rows each, or as stored."""

    @cached_property
    def _dim(self) -> int:
        if self.width is not None or self.rows == 0:
            return self.width or 0
        column = next(self.batches(1, groups_within(self.bounds, 0, 1)), None)
        if column is None:
            raise fail(self.where, f"has no row where the file declares {self.rows}")
        if not column[0].is_valid:
            raise fail(self.where, "row 0 is null")
        return len(column[0])

    def cuts(self, rows: int) -> list[int]:
        """Between groups alone: to read from inside one is to read all of it."""
        return group_cuts(self.bounds, rows)

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Chunks:
        """Pieces of `size` rows, decoded as they are asked for."""
        stop = self.rows if stop is None else stop
        groups = groups_within(self.bounds, start, stop)
        wanted = trimmed(self._counted(size, groups), self.bounds[groups.start], start, stop)
        for chunk in rechunk(self._arrays(wanted, start), size):
            yield start, chunk
            start += len(chunk)

    def _counted(self, size: int, groups: range) -> Iterator[Any]:
        row, end = self.bounds[groups.start], self.bounds[groups.stop]
        for column in self.batches(size, groups):
            yield column
            row += len(column)
        if row != end:
            raise fail(self.where, f"has {row} rows where the file declares {end}")

    def _arrays(self, columns: Iterator[Any], row: int) -> Iterator[np.ndarray]:
        convert = self._vector if self.rank == 1 else self._matrix
        for column in columns:
            with decoding(self.where, "column"):
                values = plain(column, self.where)
            yield convert(row, values)
            row += len(column)

    def _matrix(self, first: int, column: Any) -> np.ndarray:
        width = self.shape[1]
        with decoding(self.where, "column"):
            if column.null_count:
                raise fail(self.where, f"row {first + _first_null(column)} is null")
            if self.width is None:
                self._check_lengths(first, column.value_lengths().to_numpy())
            values = column.flatten()
            if values.null_count:
                row, at = divmod(_first_null(values), width)
                raise fail(self.where, f"row {first + row}, column {at} is null")
            return values.to_numpy().reshape(-1, width)

    def _check_lengths(self, first: int, lengths: np.ndarray) -> None:
        uneven = np.flatnonzero(lengths != self._dim)
        if uneven.size:
            row, length = first + uneven[0], lengths[uneven[0]]
            raise fail(self.where, f"row {row} has {length} values, but row 0 has {self._dim}")

    def _vector(self, first: int, column: Any) -> np.ndarray:
        """Numbers with -1 for null; booleans without nulls; else objects with None for null."""
        with decoding(self.where, "column"):
            if column.null_count and self.dtype == np.uint64:
                raise fail(self.where, "holds uint64 and nulls; cast the column to int64")
            if column.null_count and self.dtype.kind in "iu":
                column = column.cast(pyarrow().int64()).fill_null(-1)
            elif column.null_count and self.dtype.kind == "f":
                column = column.cast(pyarrow().float64()).fill_null(-1)
            return column.to_numpy(zero_copy_only=False)


Column = TypeVar("Column", bound=ArrowColumn)


def columns(
    make: Callable[..., Column], file: str, schema: Any, bounds: tuple[int, ...], **more: Any
) -> tuple[Column, ...]:
    """Every column of `schema` as `make`; nested ones but lists of numbers are unreadable."""
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise fail(file, f"has two columns named {twice[0]}")
    return tuple(
        make(file, field.name, bounds, *_layout(field.type, bounds[-1]), index=at, **more)
        for at, field in enumerate(schema)
    )


def opened(file: str) -> Any:
    """`file` as something that pyarrow reads from."""
    if is_address(file):
        return pyarrow().PythonFile(open_binary(file), mode="r")
    return pyarrow().OSFile(file, "rb")


def plain(column: Any, where: str) -> Any:
    """`column` without an extension type or a dictionary around its values."""
    arrow = pyarrow()
    if isinstance(column, arrow.ExtensionArray):
        return column.storage
    if not arrow.types.is_dictionary(column.type):
        return column
    if _numpy(column.type.value_type) == TEXT:  # before one is repeated in many rows
        longest = max(map(len, column.dictionary.to_pylist()), default=0)
        if longest > 4 * MAX_LABEL:
            raise fail(where, f"has a label of {longest} bytes, which is no class name")
    return column.dictionary_decode()


def _layout(kind: Any, rows: int) -> tuple[int, np.dtype, str, int | None]:
    """Rank, dtype, text for messages and fixed width of a column of this type."""
    types = pyarrow().types
    text, kind = f"{kind} [{rows}]", _storage(kind)
    if types.is_fixed_size_list(kind):
        return 2, _numpy(kind.value_type), text, kind.list_size
    if types.is_list(kind) or types.is_large_list(kind):
        return 2, _numpy(kind.value_type), text, None
    return 1, _numpy(kind), text, None


def _storage(kind: Any) -> Any:
    """The type underneath an extension type (a fixed-shape tensor) or a dictionary."""
    arrow = pyarrow()
    if isinstance(kind, arrow.BaseExtensionType):
        return kind.storage_type
    return kind.value_type if arrow.types.is_dictionary(kind) else kind


def _numpy(kind: Any) -> np.dtype:
    types = pyarrow().types
    if types.is_boolean(kind):
        return np.dtype(bool)
    numbers = {types.is_floating: "f", types.is_signed_integer: "i", types.is_unsigned_integer: "u"}
    for test, letter in numbers.items():
        if test(kind):
            return np.dtype(f"{letter}{kind.bit_width // 8}")
    texts = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    views = (types.is_string_view, types.is_binary_view)
    return TEXT if any(test(kind) for test in texts + views) else UNREADABLE


def _first_null(column: Any) -> int:
    return int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
