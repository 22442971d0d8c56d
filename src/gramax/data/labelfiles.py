"""Labels that stay in their files: read again, by whoever reads the rows that they label."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gramax.data.checks import check_size
from gramax.data.classes import Classes, Located
from gramax.data.cuts import rechunk
from gramax.data.source import Entry

CHUNK = 1 << 16
"""Labels read at once, or fewer where each is a wide text."""

CHUNK_BYTES = 1 << 24


@dataclass(frozen=True)
class LabelFile:
    """The rows `start` to `stop` of the labels in one file; `where` is what messages call it."""

    where: str
    entry: Entry
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """The number of labels."""
        return self.stop - self.start

    def chunks(self) -> Located:
        """The labels, a bounded number of bytes at a time."""
        size = max(1, min(CHUNK, CHUNK_BYTES // self.entry.dtype.itemsize))
        for row, labels in self.entry.chunks(size, self.start, self.stop):
            yield self.where, row, labels


def chunks_of(files: Iterable[LabelFile]) -> Located:
    """The labels in all `files`, one after the other."""
    return (chunk for file in files for chunk in file.chunks())


@dataclass(frozen=True)
class FileLabels:
    """A `LabelPart` in `files`, whose labels name these `classes`."""

    files: tuple[LabelFile, ...]
    classes: Classes

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(file.rows for file in self.files)

    def part(self, start: int, stop: int) -> FileLabels:
        """The rows `start` to `stop`, with the files that hold them alone."""
        first, kept = 0, []
        for file in self.files:
            begin, end = max(start - first, 0), min(stop - first, file.rows)
            if begin < end:
                kept.append(replace(file, start=file.start + begin, stop=file.start + end))
            first += file.rows
        return FileLabels(tuple(kept), self.classes)

    def chunks(self, size: int) -> Iterator[np.ndarray]:
        """The codes in pieces of `size` rows, int32."""
        codes = (self.classes.encode(*chunk) for chunk in chunks_of(self.files))
        return rechunk(codes, check_size(size))
