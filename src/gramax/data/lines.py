"""Reading .txt: one label a line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO, cast

import numpy as np

from gramax.data.faults import decoding, fail
from gramax.data.files import byte_size, open_binary
from gramax.data.named import MAX_LABEL
from gramax.data.source import Chunks, Entry


@dataclass(frozen=True)
class TextLines:
    """An `Entry`: the lines of `file`, without the space around them."""

    file: str
    name: str = ""
    rank: int = 1
    dtype: np.dtype = np.dtypes.StringDType()  # noqa: RUF009 (immutable)

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of lines, counted by reading them once."""
        return (sum(1 for _ in self._lines()),)

    @property
    def text(self) -> str:
        """For messages."""
        return "lines of text"

    def cuts(self, rows: int) -> None:
        """Nowhere: where a line begins is not known."""

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Chunks:
        """Object arrays of `size` lines."""
        lines = islice(self._lines(), start, stop)
        while piece := list(islice(lines, size)):
            yield start, np.array(piece, dtype=object)
            start += len(piece)

    def _lines(self) -> Iterator[str]:
        with (
            decoding(self.file, "UTF-8 text"),
            io.TextIOWrapper(cast(BinaryIO, open_binary(self.file)), "utf-8-sig") as stream,
        ):
            row = 0
            while line := stream.readline(MAX_LABEL):  # a file may have no line ends at all
                if len(line) == MAX_LABEL:
                    raise fail(self.file, f"row {row} is {MAX_LABEL} characters long, or more")
                if not line.strip():
                    raise fail(self.file, f"row {row} is blank; one label a line is read")
                yield line.strip()
                row += 1


def entries(file: str) -> tuple[Entry, ...]:
    """The lines of `file` as one entry."""
    byte_size(file)
    return (TextLines(file),)
