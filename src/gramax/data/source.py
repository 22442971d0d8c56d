"""The contract of the readers: entries of files, sources of rows, and fragments of sources.

An `Entry` is one array of one file; what a format has to implement. A `Source` is a checked matrix,
in one file, in many, or in memory; a `Fragment` is a run of its rows inside one file, and what one
task of an engine reads. None holds an open file: all can be pickled to a worker, and each call of
`chunks` opens the file anew, reads it once in order, and holds about one chunk in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

Chunks = Iterator[tuple[int, np.ndarray]]
"""Pairs (number of the first row, rows from there on), in order, without gaps."""

UNREADABLE = np.dtype("V1")
"""The dtype of an entry that can be listed, but not read."""


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

    def cuts(self, rows: int) -> Sequence[int] | None:
        """Where it may be cut into pieces of about `rows` rows, from 0 to its length.

        None where the format can be read only from its beginning.
        """
        ...

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Chunks:
        """The rows `start` to `stop` in pieces of `size` rows; the last may be shorter."""
        ...


class Fragment(Protocol):
    """Consecutive rows of a `Source`, all in one file, that are read by themselves."""

    @property
    def name(self) -> str:
        """What messages call it: `part-3.parquet`, or `part-3.parquet rows 262144-524287`."""
        ...

    @property
    def start(self) -> int:
        """The number of its first row in the whole source."""
        ...

    @property
    def rows(self) -> int:
        """The number of rows, at least 1."""
        ...

    @property
    def file(self) -> str:
        """The file alone, for a message that counts rows as the file does."""
        ...

    @property
    def first(self) -> int:
        """The number of its first row in `file`."""
        ...

    def chunks(self, size: int) -> Chunks:
        """`(first row in the whole source, array [m, dim])`, m = `size` but in the last chunk."""
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

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about how it is read; mostly nothing."""
        ...

    def chunks(self, size: int) -> Chunks:
        """`(first row, array [m, dim])` in order, m = `size` except in the last chunk."""
        ...

    def fragments(self, rows: int) -> tuple[Fragment, ...]:
        """All rows in order, in fragments of about `rows` rows at most.

        Files are cut where they can be read from: parquet and Arrow between row groups or batches
        (a larger one is a fragment of its own), HDF5 and zarr between chunks, an .npz not at all.
        """
        ...

    def fingerprint(self) -> dict[str, object]:
        """What tells this source from another, or from itself after a change; ready for JSON.

        `rows`, `dim`, `dtype`, `column` and `files`, a list of `name`, `size` and `mtime_ns` (or
        `version`, where the file is not on this machine); of an array in memory the `digest`.
        """
        ...
