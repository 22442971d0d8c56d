"""The contract of the readers: entries of files, sources of rows, and fragments of sources.

An `Entry` is one array of one file: what a format has to implement. A `Source` is a checked matrix
in one file, in many, or in memory. A `Fragment` is a run of its rows inside one file, which one
worker reads. None of them holds an open file: all can be pickled to another process, and each call
of `chunks` opens the file anew, reads it once in order, and holds about one chunk in memory.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from gramax.data.checks import as_array, check_matrix, check_size, fail, largest_unpacked
from gramax.data.chunks import even_cuts, rechunk
from gramax.data.paths import state
from gramax.data.under_way import each_under_way

Chunks = Iterator[tuple[int, np.ndarray]]
"""Pairs (number of the first row, rows from there on), in order, without gaps."""

UNREADABLE = np.dtype("V1")
"""The dtype of an entry that can be listed, but not read."""

TEXT = np.dtypes.StringDType()
"""The dtype of a text column; its chunks are object arrays of str (or bytes) and None."""


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
        """The rows `start` to `stop` in arrays of about `size` rows, or as they are stored."""

    def measured(self) -> Entry:
        """This entry with its whole shape, where the header alone does not say it."""
        return self

    def cuts(self, rows: int) -> Sequence[int] | None:
        """Where it may be cut into pieces of about `rows` rows, from 0 to its length.

        None where the format can be read only from its beginning.
        """
        return even_cuts(self.shape[0], rows)

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Chunks:
        """The rows `start` to `stop` in pieces of `size` rows; the last may be shorter."""
        stop = self.shape[0] if stop is None else stop
        arrays = each_under_way(iter(self.read(size, start, stop)), self.file)
        for chunk in rechunk(arrays, size):
            yield start, chunk
            start += len(chunk)
        if start < stop:
            raise fail(self.where, f"ends before row {start}; it is damaged, or changed meanwhile")

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
    """Consecutive rows of a `Source`, all of one file, which are read by themselves.

    Attributes:
        file: the file, for a message that counts rows as the file does.
        entry: the matrix in it.
        start: the number of the first row in the whole source.
        first: the number of the first row in the file.
        rows: the number of rows, at least 1.
        dtype: what the rows are read as.
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
            yield self.start + row - self.first, chunk.astype(self.dtype, copy=False)


@dataclass(frozen=True)
class Part:
    """One file of a source: the matrix in it that is read, and all arrays in it."""

    file: str
    entry: Entry
    siblings: tuple[Entry, ...] = ()

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.entry.shape[0]


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
        head = self.parts[0].entry
        for part in self.parts:
            where, (shape, dtype) = part.entry.where, (part.entry.shape, part.entry.dtype)
            check_matrix(where, shape, dtype)
            if shape[1] != self.dim:
                raise fail(
                    where,
                    f"has {shape[1]} columns where {head.where} has {self.dim}; files audited "
                    "together must be equally wide",
                )
        dtype = np.result_type(*{part.entry.dtype for part in self.parts})
        object.__setattr__(self, "rows", sum(part.rows for part in self.parts))
        object.__setattr__(self, "dtype", dtype)

    @property
    def dim(self) -> int:
        """The number of columns, at least 1."""
        return self.parts[0].entry.shape[1]

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
        return self._chunks(check_size(size))

    def _chunks(self, size: int) -> Chunks:
        start = 0
        arrays = (chunk for one in self._whole_files() for _, chunk in one.chunks(size))
        for chunk in rechunk(arrays, size):
            yield start, chunk
            start += len(chunk)

    def fragments(self, rows: int) -> tuple[Fragment, ...]:
        """All rows in order, in fragments of about `rows` rows at most.

        Files are cut where they can be read from: parquet and Arrow between row groups or batches
        (a larger one is a fragment of its own), HDF5 and zarr between chunks, an .npz not at all.
        """
        check_size(rows)
        return tuple(
            self._fragment(part, start, first, stop)
            for part, start in self._starts()
            for first, stop in pairwise(part.entry.cuts(rows) or (0, part.rows))
        )

    def _fragment(self, part: Part, start: int, first: int, stop: int) -> Fragment:
        return Fragment(part.file, part.entry, start + first, first, stop - first, self.dtype)

    def _whole_files(self) -> Iterator[Fragment]:
        return (self._fragment(part, start, 0, part.rows) for part, start in self._starts())

    def _starts(self) -> Iterator[tuple[Part, int]]:
        start = 0
        for part in self.parts:
            yield part, start
            start += part.rows

    def fingerprint(self) -> dict[str, object]:
        """What tells this source from another, or from itself after a change; ready for JSON.

        `rows`, `dim`, `dtype`, `column`, and what a file or an array in memory is known by.
        """
        return {
            "rows": self.rows,
            "dim": self.dim,
            "dtype": self.dtype.name,
            "column": self.parts[0].entry.name,
        }


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
            _check_claim(part)

    def fingerprint(self) -> dict[str, object]:
        """As of any source, and `name`, `size` and `mtime_ns` (or `version`) of every file."""
        files = [{"name": part.file, **state(part.file)} for part in self.parts]
        return super().fingerprint() | {"files": files}


def _check_claim(part: Part) -> None:
    """Refuse a file whose matrix is larger than the file can hold, whatever its compression."""
    (rows, dim), size = part.entry.shape, part.entry.dtype.itemsize
    if rows * dim * size <= largest_unpacked(0):
        return
    stored = state(part.file)["size"]
    if rows * dim * size > largest_unpacked(stored):
        raise fail(part.entry.where, f"claims {rows} rows of {dim} numbers in {stored} bytes")


@dataclass(frozen=True, eq=False)
class ArrayEntry(Entry):
    """The rows of an array in memory from number `first` on."""

    array: np.ndarray
    first: int = 0

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Views, but for bfloat16 and swapped bytes."""
        for at in range(start - self.first, stop - self.first, size):
            piece = self.array[at : min(at + size, stop - self.first)]
            yield piece.astype(self.dtype, copy=False)


class ArraySource(Source):
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

    def __init__(self, array: Any, name: str = "array"):
        array = as_array(array, name)
        # JAX's bfloat16 comes as an extension dtype that NumPy itself cannot compute with.
        bfloat16 = array.dtype.name == "bfloat16"
        dtype = np.dtype(np.float32) if bfloat16 else array.dtype.newbyteorder("=")
        entry = ArrayEntry(name, "", array.shape, dtype, f"{dtype.name} {array.shape}", array)
        super().__init__(name, (Part(name, entry),))

    @property
    def array(self) -> np.ndarray:
        """The array itself."""
        return self._entry.array

    @property
    def _entry(self) -> ArrayEntry:
        entry = self.parts[0].entry
        assert isinstance(entry, ArrayEntry)
        return entry

    def _fragment(self, part: Part, start: int, first: int, stop: int) -> Fragment:
        """The rows alone: a fragment that is sent to another process takes no others along."""
        whole = self._entry
        entry = ArrayEntry(
            *(whole.file, whole.name, whole.shape, whole.dtype, whole.text),
            whole.array[first:stop],
            first,
        )
        return super()._fragment(Part(part.file, entry), start, first, stop)

    def fingerprint(self) -> dict[str, object]:
        """As of any source, and a digest of every value."""
        digest = hashlib.blake2b(digest_size=16)
        for _, chunk in self.chunks(max(1, (1 << 24) // self.array[:1].nbytes)):
            digest.update(np.ascontiguousarray(chunk).data)
        return super().fingerprint() | {"digest": digest.hexdigest()}
