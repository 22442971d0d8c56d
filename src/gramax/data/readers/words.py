"""Reading word vectors as GloVe, word2vec and fastText write them: a token and numbers a line.

word2vec and fastText begin with a line of counts, GloVe does not. Numbers without tokens, as
`numpy.savetxt` writes them, are read too.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from gramax._text import cut
from gramax.data.checks import MAX_COLUMNS, decoding, fail
from gramax.data.paths import byte_size, open_binary
from gramax.data.source import TEXT, Entry
from gramax.data.under_way import say

MAX_LINE_BYTES = 1 << 25

SAMPLED_LINES = 100
"""Lines that are looked at: all of them begin with a number only where there are no tokens."""

COUNTED_LINES = 1 << 14
"""Between two signs of life."""

SPLIT_NUMBERS = 1 << 18
"""Held as texts at once, which take ten times the memory of numbers."""


@dataclass(frozen=True)
class WordVectors(Entry):
    """An `Entry`: the numbers of every line (rank 2), or the token before them (rank 1)."""

    header: bool
    width: int
    tokens: bool

    @property
    def grain(self) -> int:
        """None: where a line begins is not known."""
        return 0

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Lines, split from the right, as a token may hold spaces."""
        size = min(size, max(1, SPLIT_NUMBERS // self.width))
        with open_binary(self.file) as stream:
            lines = islice(_lines(stream, self.file, self.header), start, stop)
            while piece := list(islice(lines, size)):
                split = [self._split(row, line) for row, line in enumerate(piece, start)]
                yield self._numbers(split) if self.rank == 2 else self._tokens(split)
                start += len(piece)

    def _split(self, row: int, line: bytes) -> list[bytes]:
        fields = line.rsplit(None, self.width)
        if len(fields) != self.width + self.tokens:
            what = f"a token and {self.width} numbers" if self.tokens else f"{self.width} numbers"
            raise fail(self.file, f"row {row} is not {what}; got {_shown(line)}")
        return fields

    def _numbers(self, split: list[list[bytes]]) -> np.ndarray:
        with decoding(self.where, "list of numbers"):
            flat = [number for fields in split for number in fields[-self.width :]]
            return np.array(flat).astype(np.float64).reshape(-1, self.width)

    def _tokens(self, split: list[list[bytes]]) -> np.ndarray:
        texts = [fields[0].strip().decode("utf-8", "backslashreplace") for fields in split]
        return np.array([*texts, None], object)[:-1]


def entries(file: str) -> tuple[Entry, ...]:
    """The `vectors` of `file` and, where there are some, its `tokens`; lines are counted."""
    byte_size(file)
    with open_binary(file) as stream:
        first = list(islice(_lines(stream, file, False), SAMPLED_LINES))
    counts = _counts(first)
    body = first[counts is not None :]
    tokens = any(not _is_number(line.split(None, 1)[0]) for line in body if line.strip())
    width = counts[1] if counts else len(body[0].split()) - tokens
    if not 0 < width <= MAX_COLUMNS:
        raise fail(file, f"row 0 is not a token and numbers; got {_shown(body[0])}")
    with open_binary(file) as stream:
        rows = 0
        for _ in _lines(stream, file, counts is not None):
            rows += 1
            if rows % COUNTED_LINES == 0:
                say(file)
    if counts and counts[0] != rows:
        raise fail(file, f"declares {counts[0]} rows in line 1 and holds {rows}; it is damaged")
    about = (counts is not None, width, tokens)
    kind = (np.dtype(np.float64), f"numbers [{rows}, {width}]")
    found: list[Entry] = [WordVectors(file, "vectors", (rows, width), *kind, *about)]
    if tokens:
        found.append(WordVectors(file, "tokens", (rows,), TEXT, f"text [{rows}]", *about))
    return tuple(found)


def _counts(lines: list[bytes]) -> tuple[int, int] | None:
    """The numbers of rows and of dimensions, if that is what the first line says."""
    head = lines[0].split()
    if len(head) == 2 and all(map(bytes.isdigit, head)) and max(map(len, head)) < 19:
        rows, width = map(int, head)
        if len(lines) > 1 and len(lines[1].split()) >= max(width, 3):
            return rows, width
    return None


def _lines(stream: io.BufferedIOBase, file: str, header: bool) -> Iterator[bytes]:
    with decoding(file, "text"):
        if header:
            stream.readline(MAX_LINE_BYTES)
        while line := stream.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES:
                raise fail(file, f"has a line of {MAX_LINE_BYTES} bytes, or more")
            yield line


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(line: bytes) -> str:
    return repr(cut(line.decode("utf-8", "replace").strip(), 40))
