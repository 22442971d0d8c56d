"""The source over files: the matrices of one or many, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from gramax.data.checks import check_matrix, check_size, most_of
from gramax.data.cuts import rechunk
from gramax.data.faults import fail
from gramax.data.files import byte_size, state
from gramax.data.source import Chunks, Entry
from gramax.data.trees import is_folder


@dataclass(frozen=True)
class Part:
    """One file of a source: the matrix in it that is read, and all arrays in it."""

    file: str
    entry: Entry
    siblings: tuple[Entry, ...]

    @property
    def where(self) -> str:
        """What messages call the matrix."""
        return f"{self.file}::{self.entry.name}" if self.entry.name else self.file


def _note(entry: Entry) -> str:
    """What a user should know of an entry; most have nothing to tell."""
    return getattr(entry, "note", "")


def _check_held(part: Part) -> None:
    """Refuse a file that claims far more than it can hold; a store's blocks are checked as read."""
    (rows, dim), dtype = part.entry.shape, part.entry.dtype
    claimed = rows * dim * dtype.itemsize
    if claimed > most_of(0) and not is_folder(part.file):
        size = byte_size(part.file)
        if claimed > most_of(size):
            raise fail(part.where, f"claims {rows} rows of {dim} numbers in {size} bytes")


@dataclass(frozen=True)
class FileFragment:
    """A `Fragment`: rows `first` on of the matrix `entry` in `file`, as `dtype`."""

    file: str
    entry: Entry
    start: int
    first: int
    rows: int
    dtype: np.dtype

    @property
    def name(self) -> str:
        """What messages call it."""
        if self.rows == self.entry.shape[0]:
            return self.file
        return f"{self.file} rows {self.first}-{self.first + self.rows - 1}"

    def chunks(self, size: int) -> Chunks:
        """`(first row in the whole source, array [m, dim])`, one chunk in memory at a time."""
        stop = self.first + self.rows
        for row, chunk in self.entry.chunks(check_size(size), self.first, stop):
            yield self.start + row - self.first, chunk.astype(self.dtype, copy=False)


@dataclass(frozen=True)
class FileSource:
    """The rows of all `parts` in order, under the `name` that the user gave them.

    Raises:
        InputError: a part is not a matrix of numbers, or not as wide as the first one.
    """

    name: str
    parts: tuple[Part, ...]
    rows: int = field(init=False)
    dtype: np.dtype = field(init=False)
    """The narrowest one that holds the values of all files."""
    listed: tuple[str, ...] = ()
    """All files that were named, where some were left out: those that could not be opened, ..."""
    unopened: tuple[str, ...] = ()
    """... which are these."""

    def __post_init__(self):
        head = self.parts[0]
        for part in self.parts:
            check_matrix(part.where, part.entry.shape, part.entry.dtype)
            _check_held(part)
            if part.entry.shape[1] != self.dim:
                raise fail(
                    part.where,
                    f"has {part.entry.shape[1]} columns where {head.where} has {self.dim}; "
                    "files audited together must be equally wide",
                )
        object.__setattr__(self, "rows", sum(part.entry.shape[0] for part in self.parts))
        dtype = np.result_type(*{part.entry.dtype for part in self.parts})
        object.__setattr__(self, "dtype", dtype)

    @property
    def dim(self) -> int:
        """The number of columns."""
        return self.parts[0].entry.shape[1]

    @property
    def notes(self) -> tuple[str, ...]:
        """That the files differ in dtype, or are read by a guess, where they are."""
        told = [(part.where, note) for part in self.parts if (note := _note(part.entry))]
        more = f" (so are {len(told) - 1} more files)" if len(told) > 1 else ""
        notes = tuple(f"{where} {note}{more}" for where, note in told[:1])
        names = sorted({part.entry.dtype.name for part in self.parts})
        if len(names) == 1:
            return notes
        return (*notes, f"the files hold {' and '.join(names)}; all are read as {self.dtype.name}")

    def chunks(self, size: int) -> Chunks:
        """`(first row, array [m, dim])`, with one chunk in memory at a time."""
        return self._chunks(check_size(size))

    def _chunks(self, size: int) -> Chunks:
        start = 0
        arrays = (chunk for part in self._whole() for _, chunk in part.chunks(size))
        for chunk in rechunk(arrays, size):
            yield start, chunk
            start += len(chunk)

    def fragments(self, rows: int) -> tuple[FileFragment, ...]:
        """Runs of about `rows` rows at most, cut where the files' formats allow it."""
        check_size(rows)
        return tuple(
            FileFragment(
                whole.file, whole.entry, whole.start + first, first, stop - first, self.dtype
            )
            for whole in self._whole()
            for first, stop in pairwise(whole.entry.cuts(rows) or (0, whole.rows))
        )

    def fingerprint(self) -> dict[str, object]:
        """Shape, dtype and column, and the size and the time of the last change of every file."""
        return {
            "rows": self.rows,
            "dim": self.dim,
            "dtype": self.dtype.name,
            "column": self.parts[0].entry.name,
            "files": [{"name": part.file, **state(part.file)} for part in self.parts],
        }

    def _whole(self) -> Iterator[FileFragment]:
        """Every file as one fragment."""
        start = 0
        for part in self.parts:
            rows = part.entry.shape[0]
            yield FileFragment(part.file, part.entry, start, 0, rows, self.dtype)
            start += rows
