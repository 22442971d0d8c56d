"""Reading JSON Lines: an object a line, with a list of numbers or a label under each name.

Opening counts the lines, and remembers where every thousandth begins: reading starts from there.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from gramax.data.arrow import TEXT
from gramax.data.cuts import even_cuts
from gramax.data.faults import decoding, fail
from gramax.data.files import byte_size, open_binary
from gramax.data.source import UNREADABLE, Chunks, Entry
from gramax.data.text import no_constant

MAX_LINE = 1 << 25
"""Bytes of a line."""

STEP = 1024
"""Lines between two marks."""

LOOK = 100
"""Lines that are looked at for the names and types of what is in them."""


@dataclass(frozen=True)
class JsonColumn:
    """An `Entry`: what the objects in `file` have under `name`."""

    file: str
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    marks: tuple[int, ...]
    """Where every `STEP`th line begins."""

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def text(self) -> str:
        """For messages."""
        if self.dtype == UNREADABLE:
            return "neither numbers nor labels"
        return f"{'text' if self.dtype == TEXT else self.dtype.name} {list(self.shape)}"

    def cuts(self, rows: int) -> list[int]:
        """At marks."""
        return even_cuts(self.shape[0], rows, STEP)

    def chunks(self, size: int, start: int = 0, stop: int | None = None) -> Chunks:
        """Pieces of `size` rows, parsed as they are asked for."""
        stop = self.shape[0] if stop is None else stop
        with open_binary(self.file) as stream:
            at = start // STEP if start < stop else 0
            stream.seek(self.marks[at])
            values = islice(self._values(stream, at * STEP), start - at * STEP, stop - at * STEP)
            while piece := list(islice(values, size)):
                yield start, self._array(piece, start)
                start += len(piece)
        if start < stop:
            raise fail(self.file, f"ends before row {start}; it changed while it was read")

    def _values(self, stream: io.BufferedIOBase, row: int) -> Iterator[Any]:
        for record in _records(stream, self.file, row):
            if self.name not in record and self.rank == 2:
                raise fail(self.file, f"row {row} has no {self.name}")
            yield record.get(self.name)
            row += 1

    def _array(self, values: list[Any], start: int) -> np.ndarray:
        if self.rank == 2:
            for row, numbers in enumerate(values, start):
                self._check_numbers(numbers, row)
            with decoding(self.file, "list of numbers"):
                return np.array(values, np.float64)
        if self.dtype == TEXT:
            return np.array([*values, None], object)[:-1]
        if set(map(type, values)) - {int, float, type(None)}:
            raise fail(self.file, f"{self.name} is a number in some rows, and no number in others")
        return np.array([-1 if value is None else value for value in values])

    def _check_numbers(self, numbers: Any, row: int) -> None:
        if not isinstance(numbers, list) or set(map(type, numbers)) - {int, float}:
            raise fail(self.file, f"row {row}: {self.name} is not a list of numbers")
        if len(numbers) != self.shape[1]:
            has = f"row {row} has {len(numbers)} values"
            raise fail(self.file, f"{has}, but row 0 has {self.shape[1]}")


def entries(file: str) -> tuple[Entry, ...]:
    """What the objects in `file` have in common."""
    byte_size(file)
    with open_binary(file) as stream:
        rows, marks = _count(stream, file)
        stream.seek(0)
        first: dict[str, Any] = {}
        for record in islice(_records(stream, file, 0), LOOK):
            first |= {k: v for k, v in record.items() if first.get(k) is None}
    return tuple(JsonColumn(file, k, *_kind(v, rows), marks) for k, v in first.items())


def _kind(value: Any, rows: int) -> tuple[tuple[int, ...], np.dtype]:
    if isinstance(value, list):
        return (rows, len(value)), np.dtype(np.float64)
    if isinstance(value, str | bool):
        return (rows,), TEXT
    known = isinstance(value, int | float)
    return (rows,), np.dtype(np.float64 if isinstance(value, float) else np.int64) if known else (
        UNREADABLE
    )


def _count(stream: io.BufferedIOBase, file: str) -> tuple[int, tuple[int, ...]]:
    """The number of lines, and the marks."""
    rows, at, marks = 0, 0, []
    for line in _lines(stream, file, 0):
        if rows % STEP == 0:
            marks.append(at)
        at += len(line)
        rows += 1
    return rows, tuple(marks)


def _lines(stream: io.BufferedIOBase, file: str, row: int) -> Iterator[bytes]:
    with decoding(file, "text"):
        while line := stream.readline(MAX_LINE):
            if len(line) == MAX_LINE:
                raise fail(file, f"row {row} is {MAX_LINE} bytes long, or more")
            yield line
            row += 1


def _records(stream: io.BufferedIOBase, file: str, row: int) -> Iterator[dict[str, Any]]:
    for line in _lines(stream, file, row):
        with decoding(f"{file}: row {row}", "JSON object"):
            record = json.loads(line, parse_constant=no_constant)
        if not isinstance(record, dict):
            raise fail(file, f"row {row} is not a JSON object")
        yield record
        row += 1
