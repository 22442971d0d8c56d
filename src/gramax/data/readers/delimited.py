"""Reading CSV and TSV with pyarrow: one column a dimension, or a column of lists; labels beside.

The file is read from its beginning, a block at a time. A first pass counts the rows and tries the
types that the first block suggests on all the others.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from gramax._optional import need
from gramax._text import cut
from gramax.data.checks import MISSING, decoding, fail
from gramax.data.chunks import trimmed
from gramax.data.paths import byte_size, extension, open_binary
from gramax.data.readers.wide import common_name, dimensions_of, wide_note
from gramax.data.source import TEXT, Entry
from gramax.data.under_way import say

MAX_LINE_BYTES = 1 << 25

MAX_FIELDS = 1 << 16
"""In a line: each becomes an entry of its own."""

BLOCK_BYTES = 1 << 20
"""Parsed at once, or several lines where they are longer."""


NULLS = ("None", "null", "<NA>")
"""In lists: numbers that are missing."""


@dataclass(frozen=True)
class Layout:
    """How a file is written: what is between fields, the names, and whether they are its line 1."""

    delimiter: str
    names: tuple[str, ...]
    header: bool
    block: int


@dataclass(frozen=True)
class DelimitedColumns(Entry):
    """An `Entry`: a column (rank 1), a column of lists, or columns of numbers (rank 2)."""

    layout: Layout
    columns: tuple[str, ...]
    lists: bool = False
    """Whether this is one column whose texts are lists."""

    @property
    def grain(self) -> int:
        """None: where a line begins is not known."""
        return 0

    def without(self, column: str) -> Entry:
        """Where labels are numbers too, in a column that is not called so."""
        left = [name for name in self.columns if name != column]
        if self.rank != 2 or self.lists or len(left) in (0, len(self.columns)):
            return self
        return _matrix(self.file, self.layout, self.shape[0], left)

    def measured(self) -> Entry:
        """Lists are all to be as long as the first one."""
        if not self.lists:
            return self
        texts = (text for batch in self._batches() for text in batch.column(0).to_pylist())
        lists = (_listed(self.where, row, text) for row, text in enumerate(texts))
        first = next((one for one in lists if one is not None), [])
        return replace(self, shape=(self.shape[0], len(first)))

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """The blocks of the file from its beginning, those before `start` too."""
        for batch in trimmed(self._batches(), 0, start, stop):
            with decoding(self.where, "column"):
                yield self._rows(start, batch)
            start += len(batch)

    def _rows(self, start: int, batch: Any) -> np.ndarray:
        arrays = batch.columns  # in the order that was asked for
        if self.lists:
            texts = arrays[0].to_pylist()
            rows = [_listed(self.where, row, text) for row, text in enumerate(texts, start)]
            missing = [np.nan] * self.shape[1]
            rows = [missing if numbers is None else numbers for numbers in rows]
            for row, numbers in enumerate(rows, start):
                if len(numbers) != self.shape[1]:
                    has = f"row {row} has {len(numbers)} values"
                    raise fail(self.where, f"{has}, but the first has {self.shape[1]}")
            return np.array(rows, np.float64).reshape(-1, self.shape[1])
        if self.rank == 2:  # an empty field is null, and becomes NaN
            return np.stack([one.to_numpy(zero_copy_only=False) for one in arrays], axis=1)
        column = arrays[0]
        if column.null_count and self.dtype.kind == "i":
            column = column.fill_null(-1)
        return column.to_numpy(zero_copy_only=False)

    def _batches(self) -> Iterator[Any]:
        kind = "string" if self.lists or self.dtype == TEXT else self.dtype.name
        types = dict.fromkeys(self.columns, kind)
        with _reader(self.file, self.layout, types) as batches:
            yield from batches


def entries(file: str) -> tuple[Entry, ...]:
    """The columns of `file`, and the matrix that those of numbers make together."""
    byte_size(file)
    layout = _layout(file)
    kinds, lists = _first_kinds(file, layout)
    numbers = [name for name in layout.names if kinds[name] in ("int64", "float64")]
    if len(layout.names) == 1:  # labels, or a single dimension with a point in its numbers
        numbers = [name for name in numbers if kinds[name] == "float64"]
    dimensions = [] if lists else dimensions_of(numbers)
    kinds |= dict.fromkeys(dimensions, "float64")
    rows, kinds = _counted(file, layout, kinds, dimensions)
    found: list[Entry] = []
    for name, kind in kinds.items():
        dtype, shape = TEXT if kind == "string" else np.dtype(kind), (rows,)
        text = f"{'text' if kind == 'string' else kind} {[rows]}"
        if name in lists:
            dtype, shape, text = np.dtype(np.float64), (rows, -1), f"lists {[rows]}"
        about = (shape, dtype, text, layout, (name,), name in lists)
        found.append(DelimitedColumns(file, name, *about))
    if dimensions:
        found.insert(0, _matrix(file, layout, rows, dimensions))
    return tuple(found)


def _matrix(file: str, layout: Layout, rows: int, dimensions: list[str]) -> Entry:
    name = common_name(dimensions)
    while name in layout.names:
        name += "_"
    taken = set(dimensions)
    note = wide_note(dimensions, [one for one in layout.names if one not in taken])
    shape = (rows, len(dimensions))
    kind = (np.dtype(np.float64), f"float64 {list(shape)}")
    note = note if layout.header else ""
    return DelimitedColumns(file, name, shape, *kind, layout, tuple(dimensions), note=note)


# -- how a file is written ----------------------------------------------------------------------


def _layout(file: str) -> Layout:
    with open_binary(file) as stream, decoding(file, "table of text"):
        lines = list(islice(iter(lambda: stream.readline(MAX_LINE_BYTES), b""), 2))
        if len(lines[0]) == MAX_LINE_BYTES:
            raise fail(file, f"row 0 is {MAX_LINE_BYTES} bytes long, or more")
        first, *rest = [line.decode("utf-8-sig").rstrip("\r\n") for line in lines]
    delimiter = "\t" if extension(file) == ".tsv" or ("\t" in first and "," not in first) else ","
    if delimiter == "," and "," not in first and ";" in first:
        delimiter = ";"
    with decoding(file, "first line of a table"):
        fields = _fields(first, delimiter)
        second = _fields(rest[0], delimiter) if rest else []
    header = _is_header(fields, second)
    names = tuple(fields) if header else tuple(f"column_{k}" for k in range(len(fields)))
    if len(names) > MAX_FIELDS:
        raise fail(file, f"has {len(names)} columns; at most {MAX_FIELDS} are read from text")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise fail(file, f"has two columns named {twice[0] or 'nothing'}; rename one in line 1")
    longest = max(map(len, lines))
    return Layout(delimiter, names, header, max(BLOCK_BYTES, min(4 * longest, MAX_LINE_BYTES * 2)))


def _fields(line: str, delimiter: str) -> list[str]:
    csv.field_size_limit(MAX_LINE_BYTES)
    return next(csv.reader(io.StringIO(line), delimiter=delimiter), [""])


def _is_header(first: list[str], second: list[str]) -> bool:
    """Whether the first line names columns.

    A line with numbers does not, unless they count the columns, as those of pandas do. One column
    of texts has no header (the metadata of the Embedding Projector), one of numbers may have.
    """
    numbers = [field for field in first if _is_number(field)]
    if any(field.startswith("[") for field in first):
        return False
    if numbers:
        counting = [field for field in numbers if field.isdecimal()]
        start = int(counting[0]) if counting else -1
        steps = [str(k) for k in range(start, start + len(numbers))]
        return start in (0, 1) and len(numbers) > 1 and numbers == steps and first != second
    if len(first) > 1:
        return True
    return bool(second) and (_is_number(second[0]) or second[0].startswith("["))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# -- reading ------------------------------------------------------------------------------------


@contextmanager
def _reader(file: str, layout: Layout, types: dict[str, str] | None) -> Iterator[Iterator[Any]]:
    """Batches of the columns of these types; of all, by the types of the first block, if None."""
    need("pyarrow.csv", "reading CSV and TSV files", extra="io")
    arrow = need("pyarrow", "reading CSV and TSV files", extra="io")
    types = {name: arrow.type_for_alias(kind) for name, kind in (types or {}).items()}
    how = arrow.csv.ReadOptions(
        use_threads=False,
        block_size=layout.block,
        skip_rows=int(layout.header),
        column_names=list(layout.names),
    )
    between = arrow.csv.ParseOptions(delimiter=layout.delimiter)
    # Without types to try, dates stay texts.
    convert = arrow.csv.ConvertOptions(
        column_types=types, include_columns=list(types), timestamp_parsers=["-"]
    )
    with open_binary(file) as stream, decoding(file, "table of text"):
        yield arrow.csv.open_csv(
            stream, read_options=how, parse_options=between, convert_options=convert
        )


def _first_kinds(file: str, layout: Layout) -> tuple[dict[str, str], set[str]]:
    """By column int64, float64 or string, as the first block has it; and which hold lists."""
    with _reader(file, layout, None) as batches:
        first = next(iter(batches), None)
    kinds: dict[str, str] = {}
    lists: set[str] = set()
    for k, name in enumerate(layout.names):
        column = None if first is None else first.column(k)
        known = "string" if column is None else str(column.type)
        kinds[name] = {"int64": "int64", "double": "float64"}.get(known, "string")
        if column is not None and known == "string" and len(column):
            text = next((one for one in column.to_pylist() if one not in (None, *MISSING)), "")
            if text.startswith("[") and text.endswith("]"):
                lists.add(name)
    return kinds, lists


def _counted(
    file: str, layout: Layout, kinds: dict[str, str], dimensions: list[str]
) -> tuple[int, dict[str, str]]:
    """How many rows there are; a column beside the dimensions that is no number later is text."""
    try:
        with _reader(file, layout, kinds) as batches:
            rows = 0
            for batch in batches:
                say(file)  # counting takes long, and goes on
                rows += len(batch)
            return rows, kinds
    except ValueError as error:
        texts = dict.fromkeys(kinds, "string") | dict.fromkeys(dimensions, "float64")
        if "conversion error" not in str(error) or texts == kinds:
            raise
    return _counted(file, layout, texts, dimensions)


def _listed(where: str, row: int, text: str | None) -> list[float] | None:
    """The numbers of `[0.1, 0.2]`, or of `[0.1 0.2]` as NumPy prints it; none if it is missing."""
    inside = (text or "").strip()
    if inside in MISSING:
        return None
    if not (inside.startswith("[") and inside.endswith("]")):
        raise fail(where, f"row {row} is no list of numbers; got {cut(inside, 40)!r}")
    if "..." in inside:
        raise fail(where, f"row {row} was cut short by print (...); save the vectors as .npy")
    numbers = inside[1:-1].split("," if "," in inside else None)
    try:
        return [np.nan if one.strip() in NULLS else float(one) for one in numbers]
    except ValueError:
        raise fail(where, f"row {row} is no list of numbers; got {cut(inside, 40)!r}") from None
