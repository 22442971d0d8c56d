"""Reading parquet, Arrow files and Arrow streams (.arrow, .feather) with pyarrow, by column.

Parquet is cut between row groups, Arrow between record batches. pyarrow is imported on first use.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from typing import Any

import numpy as np

from gramax._optional import need
from gramax.data.checks import decoding, fail, readable_numbers
from gramax.data.chunks import group_cuts, groups_within, trimmed
from gramax.data.paths import byte_size, is_address, open_binary
from gramax.data.readers.wide import common_name, numbered, wide_note
from gramax.data.source import TEXT, UNREADABLE, Entry

FILE_MAGIC, STREAM_END = b"ARROW1\0\0", b"\xff\xff\xff\xff\0\0\0\0"

READ_BYTES = 1 << 20
"""Read from a parquet file at once."""

MAX_DEPTH = 8
"""Of records in records."""


def pyarrow() -> Any:
    """The package, with the modules that read files."""
    need("pyarrow.parquet", "reading parquet and Arrow files", extra="io")
    need("pyarrow.compute", "reading parquet and Arrow files", extra="io")
    return need("pyarrow", "reading parquet and Arrow files", extra="io")


@dataclass(frozen=True)
class ArrowEntry(Entry):
    """An `Entry` of some columns, which are read without the others."""

    parquet: bool
    """Whether this is parquet, or an Arrow file or stream."""
    indexes: tuple[int, ...]
    """Which of the columns they are."""
    bounds: tuple[int, ...]
    """The first row of every row group or record batch, and the number of rows."""

    @property
    def dictionary(self) -> bool:
        """Whether what is repeated is held once."""
        return False

    def cuts(self, rows: int) -> list[int]:
        """Between groups alone: to read from inside one is to read all of it."""
        return group_cuts(self.bounds, rows)

    def batches(self, size: int, groups: range, names: Sequence[str]) -> Iterator[Any]:
        """Record batches of these columns in these groups; about `size` rows, or as stored."""
        what = f"{'parquet' if self.parquet else 'Arrow'} column"
        with decoding(self.where, what), _opened(self.file, not self.parquet) as source:
            if self.parquet:
                yield from self._from_parquet(source, size, groups, names)
                return
            ipc, is_file = pyarrow().ipc, _is_file(source)
            options = ipc.IpcReadOptions(included_fields=list(self.indexes), use_threads=False)
            stream = (ipc.open_file if is_file else ipc.open_stream)(source, options=options)
            if is_file:
                found = map(stream.get_batch, groups)
            else:
                found = islice(stream, groups.start, groups.stop)
            for batch in found:
                batch.validate(full=True)  # or a wrong offset is followed out of the buffer
                yield batch

    def _from_parquet(
        self, source: Any, size: int, groups: range, names: Sequence[str]
    ) -> Iterator[Any]:
        # A buffer and no pre_buffer, or the column's bytes in a whole row group are held. A text
        # that is repeated a million times is held once where it stays in its dictionary.
        file = pyarrow().parquet.ParquetFile(
            source,
            buffer_size=READ_BYTES,
            pre_buffer=False,
            page_checksum_verification=True,
            read_dictionary=list(names) if self.dictionary else None,
        )
        yield from file.iter_batches(
            size, row_groups=list(groups), columns=list(names), use_threads=False
        )


@dataclass(frozen=True)
class ArrowColumns(ArrowEntry):
    """An `Entry`: columns of numbers, one a dimension (rank 2)."""

    columns: tuple[str, ...]

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Batches; a null becomes NaN, also among integers."""
        groups = groups_within(self.bounds, start, stop)
        batches = self.batches(size, groups, self.columns)
        for batch in trimmed(batches, self.bounds[groups.start], start, stop):
            with decoding(self.where, "columns"):
                places = {name: at for at, name in enumerate(batch.schema.names)}
                arrays = [batch.column(places[name]) for name in self.columns]
                rows = np.stack([one.to_numpy(zero_copy_only=False) for one in arrays], axis=1)
                whole = any(one.null_count for one in arrays) and self.dtype.kind != "f"
                yield rows.astype(np.float64 if whole else self.dtype, copy=False)


@dataclass(frozen=True)
class ArrowColumn(ArrowEntry):
    """An `Entry`: a column of numbers or text (rank 1), or of lists of numbers (rank 2)."""

    path: tuple[str, ...]
    """Its names from the outermost column on."""
    fixed: bool
    """Whether the type fixes the length of lists."""
    classes: tuple[str, ...] = ()
    """What its integers stand for, where the file says so."""

    @property
    def dictionary(self) -> bool:
        """Texts are, but for those in records, where pyarrow cannot."""
        return self.dtype == TEXT and len(self.path) == 1 and not self.classes

    def measured(self) -> Entry:
        """Lists of no fixed length are all to be as long as the first one."""
        if self.shape[-1] >= 0:
            return self
        rows = self.shape[0]
        first = next(self._batches(1, groups_within(self.bounds, 0, 1)), None) if rows else None
        if first is not None and not first[0].is_valid:
            batches = self._batches(1024, range(len(self.bounds) - 1))
            first = next((one.drop_null() for one in batches if one.null_count < len(one)), None)
            if first is None:
                raise fail(self.where, "is null in every row")
        return replace(self, shape=(rows, len(first[0]) if first else 0))

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Batches, decoded as they are asked for."""
        groups = groups_within(self.bounds, start, stop)
        convert = self._vector if self.rank == 1 else self._matrix
        batches = self._batches(size, groups)
        for column in trimmed(batches, self.bounds[groups.start], start, stop):
            with decoding(self.where, "column"):
                if isinstance(column, pyarrow().ExtensionArray):
                    column = column.storage
                elif hasattr(column, "dictionary_decode"):
                    values = column.dictionary
                    if "view" in str(values.type):  # which pyarrow does not take from
                        values = values.cast(pyarrow().large_string())
                    column = values.take(column.indices)
                yield convert(start, column)
            start += len(column)

    def _matrix(self, first: int, column: Any) -> np.ndarray:
        """Lists; a null becomes NaN, and so does every number of a null row."""
        width, there = self.shape[1], column.is_valid().to_numpy(zero_copy_only=False)
        lists = column.drop_null() if column.null_count else column
        if not self.fixed:
            lengths = lists.value_lengths().to_numpy()
            uneven = np.flatnonzero(lengths != width)
            if uneven.size:
                row = first + np.flatnonzero(there)[uneven[0]]
                has = f"row {row} has {lengths[uneven[0]]} values"
                raise fail(self.where, f"{has}, but the first has {width}")
        rows = lists.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
        if there.all():
            return rows
        found = np.full((len(there), width), np.nan, rows.dtype if rows.dtype.kind == "f" else "f8")
        found[there] = rows
        return found

    def _vector(self, first: int, column: Any) -> np.ndarray:
        """Numbers with -1 for null; booleans without nulls; else objects with None for null."""
        if self.classes:
            codes = column.cast(pyarrow().int64()).fill_null(-1).to_numpy(zero_copy_only=False)
            if codes.size and not -1 <= codes.min() <= codes.max() < len(self.classes):
                raise fail(self.where, f"has labels beyond its {len(self.classes)} classes")
            return np.array([*self.classes, None], object)[codes]
        if column.null_count and self.dtype == np.uint64:
            raise fail(self.where, "holds uint64 and nulls; cast the column to int64")
        if column.null_count and self.dtype.kind in "iuf":
            wide = pyarrow().float64() if self.dtype.kind == "f" else pyarrow().int64()
            column = column.cast(wide).fill_null(-1)
        return column.to_numpy(zero_copy_only=False)

    def _batches(self, size: int, groups: range) -> Iterator[Any]:
        """The column in these groups, as pyarrow arrays."""
        for batch in self.batches(size, groups, [self.name]):
            column = batch.column(batch.schema.names.index(self.path[0]))
            for name in self.path[1:]:
                # A row whose record is null has a null in each of its fields.
                column = pyarrow().compute.struct_field(column, name)
            yield column


def parquet_entries(file: str) -> tuple[Entry, ...]:
    """The columns of the parquet `file`."""
    byte_size(file)
    parquet = pyarrow().parquet
    with decoding(file, "parquet file"), _opened(file) as source:
        about = parquet.ParquetFile(source).metadata
        groups = [about.row_group(k).num_rows for k in range(about.num_row_groups)]
        if min(groups, default=0) < 0 or sum(groups) != about.num_rows:
            raise fail(file, f"declares {about.num_rows} rows, and {sum(groups)} in row groups")
        return _columns(True, file, about.schema.to_arrow_schema(), groups)


def ipc_entries(file: str) -> tuple[Entry, ...]:
    """The columns of the Arrow `file`, by its messages: a schema, dictionaries, record batches."""
    byte_size(file)
    arrow = pyarrow()
    nothing, rows = arrow.schema([]), []
    with decoding(file, "Arrow file"), _opened(file, mapped=True) as source:
        is_file = _is_file(source)
        reader = (arrow.ipc.open_file if is_file else arrow.ipc.open_stream)(source)
        schema = reader.schema
        source.seek(len(FILE_MAGIC) if is_file else 0)
        try:
            for message in arrow.ipc.MessageReader.open_stream(source):
                if message.type == "record batch":
                    # Without columns, nothing of the batch is decoded but its length.
                    rows.append(arrow.ipc.read_record_batch(message, nothing).num_rows)
        except OSError:
            if not is_file:
                raise
            # polars begins with bytes that are no message; the end of the file lists all batches.
            rows = [reader.get_batch(k).num_rows for k in range(reader.num_record_batches)]
        if not is_file:
            source.seek(max(source.tell() - len(STREAM_END), 0))
            if source.read(len(STREAM_END)) != STREAM_END:
                raise fail(file, "has no end mark: it was cut short, or is still being written")
        return _columns(False, file, schema, rows)


def _columns(parquet: bool, file: str, schema: Any, groups: list[int]) -> tuple[Entry, ...]:
    """Every column of `schema`; nested ones but lists of numbers are unreadable.

    Fields of records have dotted names, such as `payload.label`. Columns of numbers that are
    called dim_0, dim_1 and so on make a matrix where no list of numbers is one.
    """
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        raise fail(file, f"has two columns named {twice[0]}")
    bounds, names = tuple(accumulate(groups, initial=0)), set(schema.names)
    classes = class_names(schema.metadata or {})
    found: list[ArrowEntry] = []
    for at, field in enumerate(schema):
        for path, kind in _leaves(field):
            name, shape, fixed = ".".join(path), (bounds[-1],), False
            if path[1:] and name in names:
                continue
            values, length = _values(kind)
            if length is not None:
                shape, fixed = (bounds[-1], length), length >= 0
            known = (shape, _numpy(values), f"{kind} [{bounds[-1]}]")
            of = classes.get(name, ()) if pyarrow().types.is_integer(kind) else ()
            if of:
                known = (shape, TEXT, f"one of {len(of)} classes [{bounds[-1]}]")
            found.append(ArrowColumn(file, name, *known, parquet, (at,), bounds, path, fixed, of))
    wide = _wide(found, schema.names)
    return tuple([*found, wide] if wide else found)


def class_names(metadata: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """The names of the classes by column, as Hugging Face datasets keep them in a schema.

    Example:
        >>> about = {"info": {"features": {"label": {"names": ["cat"], "_type": "ClassLabel"}}}}
        >>> class_names({b"huggingface": json.dumps(about).encode()})
        {'label': ('cat',)}
    """
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        told = [(name, one["names"]) for name, one in features.items() if "names" in one]
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return {}
    listed = {name: tuple(map(str, one)) for name, one in told if isinstance(one, list)}
    return {name: one for name, one in listed.items() if len(set(one)) == len(one)}


def _leaves(field: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The path and the type of a column, or of each field of its records."""
    path, kind = (*before, field.name), field.type
    if not pyarrow().types.is_struct(kind) or len(path) > MAX_DEPTH:
        yield path, kind
        return
    fields = [kind.field(k) for k in range(kind.num_fields)]
    count = Counter(one.name for one in fields)
    for one in fields:
        if count[one.name] == 1:
            yield from _leaves(one, path)


def _values(kind: Any) -> tuple[Any, int | None]:
    """The type of the values, and how long their lists are: -1 for any length, None for no list."""
    types = pyarrow().types
    if isinstance(kind, pyarrow().BaseExtensionType):  # a fixed-shape tensor
        kind = kind.storage_type
    elif types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_fixed_size_list(kind):
        return kind.value_type, kind.list_size
    if types.is_list(kind) or types.is_large_list(kind):
        return kind.value_type, -1
    return kind, None


def _wide(found: Sequence[ArrowEntry], names: Sequence[str]) -> ArrowEntry | None:
    """The numbered columns of numbers as one matrix, where none is one by itself."""
    numbers = {one.name: one for one in found if readable_numbers(one.dtype)}
    if any(one.rank == 2 for one in numbers.values()):
        return None
    outer = set(names)
    columns = [numbers[name] for name in numbered([name for name in numbers if name in outer])]
    if not columns:
        return None
    dtype = np.result_type(*{one.dtype for one in columns})
    parquet, bounds, rows = columns[0].parquet, columns[0].bounds, columns[0].shape[0]
    wide = tuple(one.name for one in columns)
    name, taken = common_name(wide), set(wide)
    while name in names:
        name += "_"
    note = wide_note(wide, [one for one in names if one not in taken])
    about = ((rows, len(wide)), dtype, f"{dtype.name} {[rows, len(wide)]}")
    indexes = tuple(index for one in columns for index in one.indexes)
    file = columns[0].file
    return ArrowColumns(file, name, *about, parquet, indexes, bounds, wide, note=note)


def _numpy(kind: Any) -> np.dtype:
    types = pyarrow().types
    if types.is_boolean(kind):
        return np.dtype(bool)
    if types.is_floating(kind) or types.is_integer(kind):
        return np.dtype(kind.to_pandas_dtype())
    names = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")
    return TEXT if any(getattr(types, f"is_{name}")(kind) for name in names) else UNREADABLE


def _opened(file: str, mapped: bool = False) -> Any:
    """`file` as something that pyarrow reads from; `mapped`, what is skipped is not read."""
    if is_address(file):
        return pyarrow().PythonFile(open_binary(file), mode="r")
    return pyarrow().memory_map(file) if mapped else pyarrow().OSFile(file, "rb")


def _is_file(source: Any) -> bool:
    """Whether this is an Arrow file, which lists its batches, or a stream; at its beginning."""
    start = source.read(len(FILE_MAGIC))
    source.seek(0)
    return start == FILE_MAGIC
