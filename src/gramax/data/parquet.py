"""Reading .parquet with pyarrow (imported on first use): one column, a batch of rows at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from gramax.data.files import PIECE, byte_size, decoding, fail
from gramax.data.source import Chunks, Entry
from gramax.errors import MissingExtraError

TEXT = np.dtypes.StringDType()
"""The dtype of a text column; its chunks are object arrays of str (or bytes) and None."""

UNREADABLE = np.dtype("V1")


def _pyarrow() -> Any:
    try:
        import_module("pyarrow.parquet")
        return import_module("pyarrow")
    except ImportError:
        raise MissingExtraError("reading parquet files", "pyarrow", "io") from None


@dataclass(frozen=True)
class ParquetColumn:
    """An `Entry`: a column of numbers or text (rank 1), or of lists of numbers (rank 2)."""

    file: str
    name: str
    rows: int
    rank: int
    dtype: np.dtype
    text: str
    width: int | None = None
    """The length of every list, where the type fixes it."""

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.file}::{self.name}"

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes; lists of no fixed length are as long as the first one."""
        return (self.rows,) if self.rank == 1 else (self.rows, self._dim)

    @cached_property
    def _dim(self) -> int:
        if self.width is not None or self.rows == 0:
            return self.width or 0
        _, column = next(self._batches(1), (0, None))
        if column is None:
            raise fail(self.where, f"has no row where the file declares {self.rows}")
        if column.null_count:
            raise fail(self.where, "row 0 is null")
        return len(column[0])

    def chunks(self, size: int) -> Chunks:
        """Pieces of `size` rows, decoded as they are asked for."""
        convert = self._vector if self.rank == 1 else self._matrix
        after = 0
        for chunk in _rechunk((convert(*batch) for batch in self._batches(size)), size):
            yield after, chunk
            after += len(chunk)
        if after != self.rows:
            raise fail(self.where, f"has {after} rows where the file declares {self.rows}")

    def _batches(self, size: int) -> Iterator[tuple[int, Any]]:
        """`(first row, pyarrow array)` for at most `size` rows at a time."""
        parquet = _pyarrow().parquet
        first = 0
        with decoding(self.where, "parquet column"), _opened(self.file) as source:
            # A buffer and no pre_buffer, or the column's bytes in a whole row group are held.
            file = parquet.ParquetFile(
                source, buffer_size=PIECE, pre_buffer=False, page_checksum_verification=True
            )
            for batch in file.iter_batches(size, columns=[self.name], use_threads=False):
                yield first, _plain(batch.column(batch.schema.names.index(self.name)))
                first += batch.num_rows

    def _matrix(self, first: int, column: Any) -> np.ndarray:
        width = self.shape[1]
        with decoding(self.where, "parquet column"):
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
        with decoding(self.where, "parquet column"):
            if column.null_count and self.dtype == np.uint64:
                raise fail(self.where, "holds uint64 and nulls; cast the column to int64")
            if column.null_count and self.dtype.kind in "iu":
                column = column.cast(_pyarrow().int64()).fill_null(-1)
            elif column.null_count and self.dtype.kind == "f":
                column = column.cast(_pyarrow().float64()).fill_null(-1)
            return column.to_numpy(zero_copy_only=False)


def entries(file: str) -> tuple[Entry, ...]:
    """The columns of the parquet `file`; nested ones other than lists of numbers are unreadable."""
    byte_size(file)
    parquet = _pyarrow().parquet
    with decoding(file, "parquet file"), _opened(file) as source:
        opened = parquet.ParquetFile(source)
        rows, schema = opened.metadata.num_rows, opened.schema_arrow
        twice = [name for name, count in Counter(schema.names).items() if count > 1]
        if twice:
            raise fail(file, f"has two columns named {twice[0]}")
        return tuple(_entry(file, rows, field.name, field.type) for field in schema)


def _rechunk(arrays: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """`arrays` joined and cut into `size` rows each: a batch may end early at a row group."""
    pending: list[np.ndarray] = []
    for array in arrays:
        pending.append(array)
        held = sum(map(len, pending))
        while held >= size:
            whole = pending[0] if len(pending) == 1 else np.concatenate(pending)
            yield whole[:size]
            pending, held = [whole[size:]], held - size
    if sum(map(len, pending)):
        yield np.concatenate(pending)


def _opened(file: str) -> Any:
    return _pyarrow().OSFile(file, "rb")


def _entry(file: str, rows: int, name: str, kind: Any) -> ParquetColumn:
    types = _pyarrow().types
    text, kind = f"{kind} [{rows}]", _storage(kind)
    if types.is_fixed_size_list(kind):
        dtype = _numpy(kind.value_type)
        return ParquetColumn(file, name, rows, 2, dtype, text, kind.list_size)
    if types.is_list(kind) or types.is_large_list(kind):
        return ParquetColumn(file, name, rows, 2, _numpy(kind.value_type), text)
    return ParquetColumn(file, name, rows, 1, _numpy(kind), text)


def _storage(kind: Any) -> Any:
    """The type underneath an extension type (a fixed-shape tensor) or a dictionary."""
    pyarrow = _pyarrow()
    if isinstance(kind, pyarrow.BaseExtensionType):
        return kind.storage_type
    return kind.value_type if pyarrow.types.is_dictionary(kind) else kind


def _plain(column: Any) -> Any:
    pyarrow = _pyarrow()
    if isinstance(column, pyarrow.ExtensionArray):
        return column.storage
    return column.dictionary_decode() if pyarrow.types.is_dictionary(column.type) else column


def _numpy(kind: Any) -> np.dtype:
    types = _pyarrow().types
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return np.dtype(kind.to_pandas_dtype())
    texts = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    views = (types.is_string_view, types.is_binary_view)
    return TEXT if any(test(kind) for test in texts + views) else UNREADABLE


def _first_null(column: Any) -> int:
    return int(np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))[0])
