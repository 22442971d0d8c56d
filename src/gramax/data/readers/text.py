"""Reading text: JSON Lines (an object a line), and labels in .txt (one a line)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, cast

import numpy as np

from gramax.data.checks import MAX_LABEL, decoding, fail
from gramax.data.paths import byte_size, open_binary
from gramax.data.source import TEXT, UNREADABLE, Entry
from gramax.data.under_way import say

MAX_LINE_BYTES = 1 << 25

MARK_ROWS = 1024
"""Lines between two marks: reading starts from these."""

_INTEGER = re.compile(r"[+-]?0*[0-9]{1,18}")
"""A label that fits into 64 bits."""

SAMPLED_ROWS = 100
"""Lines that are looked at for the names and types of what is in them."""

MAX_DEPTH = 8
"""Of objects in objects."""

NUMBERS = {int, float, type(None)}
"""What a list may hold: null is NaN, which Python's own JSON writes too."""


@dataclass(frozen=True)
class JsonColumn(Entry):
    """An `Entry`: what the objects in `file` have under `name`."""

    marks: tuple[int, ...]
    """Where every `MARK_ROWS`th line begins."""

    @property
    def grain(self) -> int:
        """It is cut at marks."""
        return MARK_ROWS

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Pieces of `size` rows, parsed as they are asked for."""
        with open_binary(self.file) as stream:
            at = start // MARK_ROWS if start < stop else 0
            stream.seek(self.marks[at])
            first = at * MARK_ROWS
            rows = enumerate(_records(stream, self.file, first), first)
            rows = islice(rows, start - first, stop - first)
            while piece := list(islice(rows, size)):
                yield (self._matrix if self.rank == 2 else self._vector)(piece)

    def _matrix(self, piece: list[tuple[int, dict[str, Any]]]) -> np.ndarray:
        """Lists; a null becomes NaN, and so do all numbers of a row that is null or not there."""
        missing, rows = [None] * self.shape[1], []
        for row, record in piece:
            numbers = record.get(self.name)
            numbers = missing if numbers is None else numbers
            if not isinstance(numbers, list) or set(map(type, numbers)) - NUMBERS:
                raise fail(self.file, f"row {row}: {self.name} is not a list of numbers")
            rows.append(numbers)
            if len(numbers) != self.shape[1]:
                has = f"row {row} has {len(numbers)} values"
                raise fail(self.file, f"{has}, but the first has {self.shape[1]}")
        with decoding(self.file, "list of numbers"):
            return np.array(rows, np.float64)

    def _vector(self, piece: list[tuple[int, dict[str, Any]]]) -> np.ndarray:
        values = [record.get(self.name) for _, record in piece]
        if self.dtype == TEXT:
            return np.array([*values, None], object)[:-1]
        if set(map(type, values)) - {int, float, type(None)}:
            raise fail(self.file, f"{self.name} is a number in some rows, and no number in others")
        return np.array([-1 if value is None else value for value in values])


def json_entries(file: str) -> tuple[Entry, ...]:
    """What the objects in `file` have in common; all lines are counted."""
    byte_size(file)
    with open_binary(file) as stream:
        rows, at, marks = 0, 0, []
        for line in _lines(stream, file, 0):
            if rows % MARK_ROWS == 0:
                marks.append(at)
                say(file)  # counting takes long, and goes on
            at += len(line)
            rows += 1
        stream.seek(0)
        first: dict[str, Any] = {}
        for record in islice(_records(stream, file, 0), SAMPLED_ROWS):
            first |= {k: v for k, v in record.items() if first.get(k) is None}
    if any(isinstance(value, list) and "." not in name for name, value in first.items()):
        # What is within objects is meant where nothing else can be.
        first = {k: v for k, v in first.items() if "." not in k or not isinstance(v, list)}
    return tuple(JsonColumn(file, k, *_kind(v, rows), tuple(marks)) for k, v in first.items())


def flat(record: Mapping[str, Any], depth: int = MAX_DEPTH) -> dict[str, Any]:
    """A record without records in it: their values get dotted names.

    Example:
        >>> flat({"id": 1, "payload": {"label": "cat"}})
        {'id': 1, 'payload.label': 'cat'}
    """
    found: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value and depth:
            inner = {f"{name}.{k}": one for k, one in flat(value, depth - 1).items()}
            found |= {k: one for k, one in inner.items() if k not in record}
        else:
            found[name] = value
    return found


def _kind(value: Any, rows: int) -> tuple[tuple[int, ...], np.dtype, str]:
    """Shape, dtype, and text for messages, of what has this value in the first row."""
    shape = (rows, len(value)) if isinstance(value, list) else (rows,)
    if isinstance(value, str | bool):
        return shape, TEXT, f"text {list(shape)}"
    if not isinstance(value, int | float | list):
        return shape, UNREADABLE, "neither numbers nor labels"
    dtype = np.dtype(np.int64 if isinstance(value, int) else np.float64)
    return shape, dtype, f"{dtype.name} {list(shape)}"


def _lines(stream: io.BufferedIOBase, file: str, row: int) -> Iterator[bytes]:
    with decoding(file, "text"):
        while line := stream.readline(MAX_LINE_BYTES):
            if len(line) == MAX_LINE_BYTES:
                raise fail(file, f"row {row} is {MAX_LINE_BYTES} bytes long, or more")
            yield line
            row += 1


def _records(stream: io.BufferedIOBase, file: str, row: int) -> Iterator[dict[str, Any]]:
    for at, line in enumerate(_lines(stream, file, row), row):
        with decoding(f"{file}: row {at}", "JSON object"):
            record = json.loads(line)
        if not isinstance(record, dict):
            raise fail(file, f"row {at} is not a JSON object")
        yield flat(record)


@dataclass(frozen=True)
class TextLines(Entry):
    """An `Entry`: the lines of a .txt `file`, without the space around them."""

    @property
    def grain(self) -> int:
        """None: where a line begins is not known."""
        return 0

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Integers, or object arrays of texts."""
        lines = islice(_labels(self.file), start, stop)
        while piece := list(islice(lines, size)):
            with decoding(self.file, "list of integers"):
                if self.dtype == np.int64:
                    yield np.array(list(map(int, piece)), np.int64)
                else:
                    yield np.array(piece, object)


def txt_entries(file: str) -> tuple[Entry, ...]:
    """The lines of `file` as one entry; reading them once tells how many, and of which type."""
    byte_size(file)
    rows, integers = 0, True
    for line in _labels(file):
        rows += 1
        integers = integers and _INTEGER.fullmatch(line) is not None
    dtype = np.dtype(np.int64) if integers else TEXT
    return (TextLines(file, "", (rows,), dtype, "lines of text"),)


def _labels(file: str) -> Iterator[str]:
    with (
        decoding(file, "UTF-8 text"),
        io.TextIOWrapper(cast(BinaryIO, open_binary(file)), "utf-8-sig") as stream,
    ):
        row = 0
        while line := stream.readline(MAX_LABEL):  # a file may have no line ends at all
            if len(line) == MAX_LABEL:
                raise fail(file, f"row {row} is {MAX_LABEL} characters long, or more")
            if not line.strip():
                raise fail(file, f"row {row} is blank; one label a line is read")
            yield line.strip()
            row += 1
