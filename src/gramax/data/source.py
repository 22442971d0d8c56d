"""The contract of the readers: entries of files, sources of rows, and fragments of sources.

An `Entry` is one array of one file: what a format has to implement. A `Source` is a checked matrix
in one file, in many, or in memory (see `memory`). A `Fragment` is a run of its rows inside one
file, which one worker reads. None of them holds an open file: all can be pickled to another
process, and each call of `chunks` opens the file anew, reads it once in order, and holds about one
chunk in memory.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from gramax.data.checks import MAX_COLUMNS, check_matrix, check_size, fail
from gramax.data.chunks import numbered, rechunk
from gramax.data.paths import state
from gramax.data.under_way import under_way

Chunks = Iterator[tuple[int, np.ndarray]]
"""Pairs (number of the first row, rows from there on), in order, without gaps."""

UNREADABLE = np.dtype("V1")
"""The dtype of an entry that can be listed, but not read."""

TEXT = np.dtypes.StringDType()
"""The dtype of a text column; its chunks are object arrays of str (or bytes) and None."""

BFLOAT16_BITS = np.dtype("<u2")
"""What bfloat16 is stored as, since NumPy has no such type: the upper half of a float32."""

MAX_EXPANSION, MIN_UNPACKED = 10_000, 1 << 26
"""A file holds at most so many times its bytes, or so many: real embeddings shrink no further."""


@dataclass(frozen=True)
class Entry(ABC):
    """One array of a file, as the file's header describes it.

    Attributes:
        file: the file that holds it.
        name: its name in the file; empty where the format has no names.
        shape: the lengths of its axes; -1 for one that `measured` finds out.
        dtype: of the chunks; of kind O or V where the entry cannot be read, T for text.
        text: its type and shape in the words of its format, for messages.
        note: what a user should know about how it is read; mostly nothing.
    """

    file: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    text: str
    note: str = field(default="", kw_only=True)

    @abstractmethod
    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """The rows `start` to `stop` in arrays of about `size` rows, or as they are stored.

        Bytes may be swapped, and the bits of bfloat16 be integers: `chunks` decodes both.
        """

    @property
    def grain(self) -> int:
        """How many rows are stored together; 0 if they can be read only from the beginning."""
        return 1

    def measured(self) -> Entry:
        """This entry with its whole shape, where the header alone does not say it."""
        return self

    def only(self, start: int, stop: int) -> Entry:
        """This entry for one who reads the rows `start` to `stop` alone."""
        return self

    def turned(self) -> Entry | None:
        """This matrix with rows for columns; None where it has to be read whole for that."""
        return None

    def without(self, column: str) -> Entry:
        """This matrix without a column of the file that is no dimension: its labels."""
        return self

    def cuts(self, rows: int) -> Sequence[int] | None:
        """Where to cut it into pieces of about `rows` rows, from 0 to its length; None: nowhere."""
        if not self.grain:
            return None
        return [*range(0, self.shape[0], max(rows // self.grain, 1) * self.grain), self.shape[0]]

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Chunks:
        """The rows `start` to `stop` in pieces of `size` rows; the last may be shorter."""
        stop = self.shape[0] if stop is None else stop
        for row, chunk in numbered(rechunk(self._decoded(size, start, stop), size), start):
            yield row, chunk
            start = row + len(chunk)
        if start < stop:
            raise fail(self.where, f"ends before row {start}; it is damaged, or changed meanwhile")

    def _decoded(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        arrays = iter(self.read(size, start, stop))
        while True:
            with under_way(self.file):
                array = next(arrays, None)
                if array is None:
                    return
                if self.dtype == np.float32 and array.dtype == BFLOAT16_BITS:
                    array = (array.astype(np.uint32) << 16).view(np.float32)
                array = array.astype(array.dtype.newbyteorder("="), copy=False)
            yield array

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.file}::{self.name}" if self.name else self.file

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)


@dataclass(frozen=True)
class Fragment:
    """Rows of the matrix `entry` of one `file`, at least one, which are read by themselves.

    They begin at row `first` of the file, which is row `start` of the whole source.
    """

    file: str
    entry: Entry
    start: int
    first: int
    rows: int
    dtype: np.dtype

    @property
    def name(self) -> str:
        """What messages call it: `part-3.parquet`, or `part-3.parquet rows 262144-524287`."""
        if self.rows == self.entry.shape[0]:
            return self.file
        return f"{self.file} rows {self.first}-{self.first + self.rows - 1}"

    def chunks(self, size: int) -> Chunks:
        """`(first row in the whole source, array [m, dim])`, m = `size` but in the last chunk."""
        stop = self.first + self.rows
        for row, chunk in self.entry.chunks(check_size(size), self.first, stop):
            if self.dtype.kind == "f" or chunk.dtype.kind != "f":  # else integers, and NaN for null
                chunk = chunk.astype(self.dtype, copy=False)
            yield self.start + row - self.first, chunk


@dataclass(frozen=True)
class Part:
    """One file of a source: the matrix in it that is read, and all arrays in it."""

    file: str
    entry: Entry
    siblings: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Source:
    """A matrix of embeddings `[rows, dim]`, one row a sample, which is read in chunks.

    Attributes:
        name: what messages call it: the path as the user wrote it.
        parts: the files, whose rows follow one another.
        rows: the number of rows, at least 1.
        dtype: of every chunk: the narrowest integer or float, in native byte order, that holds the
            values of all files.

    Raises:
        InputError: a part is not a matrix of numbers, or not as wide as the first one.
    """

    name: str
    parts: tuple[Part, ...]
    rows: int = field(init=False)
    dtype: np.dtype = field(init=False)

    def __post_init__(self):
        entries = [part.entry for part in self.parts]
        for entry in entries:
            check_matrix(entry.where, entry.shape, entry.dtype, entry.text)
            rows, columns = entry.shape
            if not rows or not columns:
                axis = "columns" if rows else "rows"
                raise fail(entry.where, f"has no {axis}; got {entry.text}")
            if columns > MAX_COLUMNS:
                most = f"embeddings have at most {MAX_COLUMNS}"
                raise fail(entry.where, f"has {columns} columns; {most}")
            if columns != self.dim:
                first = f"{entries[0].where} has {self.dim}"
                wide = "files audited together must be equally wide"
                raise fail(entry.where, f"has {columns} columns where {first}; {wide}")
        object.__setattr__(self, "rows", sum(entry.shape[0] for entry in entries))
        object.__setattr__(self, "dtype", np.result_type(*{entry.dtype for entry in entries}))

    @property
    def dim(self) -> int:
        """The number of columns, at least 1."""
        return self.parts[0].entry.shape[1]

    @property
    def array(self) -> str:
        """What the matrix is called in its file; empty where the format has no names."""
        return self.parts[0].entry.name

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know: that files differ in dtype, or are read by a guess."""
        told = [part.entry for part in self.parts if part.entry.note]
        more = f" (so are {len(told) - 1} more files)" if len(told) > 1 else ""
        notes = tuple(f"{entry.where} {entry.note}{more}" for entry in told[:1])
        names = sorted({part.entry.dtype.name for part in self.parts})
        if len(names) == 1:
            return notes
        return (*notes, f"the files hold {' and '.join(names)}; all are read as {self.dtype.name}")

    def chunks(self, size: int) -> Chunks:
        """`(first row, array [m, dim])` in order, m = `size` except in the last chunk."""
        files = self.fragments(sys.maxsize)
        arrays = (chunk for file in files for _, chunk in file.chunks(size))
        return numbered(rechunk(arrays, check_size(size)))

    def fragments(self, rows: int) -> tuple[Fragment, ...]:
        """All rows in order, in fragments of about `rows` rows at most.

        Files are cut where they can be read from: parquet and Arrow between row groups or batches
        (a larger one is a fragment of its own), HDF5 and zarr between chunks, an .npz not at all.
        """
        check_size(rows)
        found, start = [], 0
        for part in self.parts:
            entry, total = part.entry, part.entry.shape[0]
            for first, stop in pairwise(entry.cuts(rows) or (0, total)):
                at = (start + first, first, stop - first, self.dtype)
                found.append(Fragment(part.file, entry.only(first, stop), *at))
            start += total
        return tuple(found)

    def fingerprint(self) -> dict[str, object]:
        """What tells this source from another, or from itself after a change; ready for JSON."""
        about: dict[str, object] = {"rows": self.rows, "dim": self.dim, "dtype": self.dtype.name}
        return about | {"column": self.array, "layout": self.parts[0].entry.text}


@dataclass(frozen=True)
class FileSource(Source):
    """A `Source` over files.

    Attributes:
        listed: all files that were named, where some were left out: those that cannot be opened.
        unopened: which these are.
    """

    listed: tuple[str, ...] = ()
    unopened: tuple[str, ...] = ()

    def __post_init__(self):
        super().__post_init__()
        for part in self.parts:
            rows, dim = part.entry.shape
            claimed, stored = rows * dim * part.entry.dtype.itemsize, 0
            if claimed > MIN_UNPACKED:
                stored = state(part.file)["size"]
            if claimed > max(MIN_UNPACKED, MAX_EXPANSION * stored):
                claim = f"claims {rows} rows of {dim} numbers in {stored} bytes"
                raise fail(part.entry.where, claim)

    def fingerprint(self) -> dict[str, object]:
        """As of any source, and `name`, `size` and `mtime_ns` (or `version`) of every file."""
        files = [{"name": part.file, **state(part.file)} for part in self.parts]
        return super().fingerprint() | {"files": files}
