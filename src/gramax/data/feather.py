"""Reading Arrow IPC: files (.arrow, .feather) and streams (.arrow, as Hugging Face saves them).

Both are a row of messages: the schema, dictionaries, record batches. Where each lies is read here,
from a few bytes a message, so that any batch can be decoded without those before it.

Format: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from gramax.data.arrow import ArrowColumn, columns, pyarrow
from gramax.data.checks import most_of
from gramax.data.faults import decoding, fail
from gramax.data.files import byte_size, open_binary
from gramax.data.source import Entry

FILE_MAGIC, FEATHER_1 = b"ARROW1\0\0", b"FEA1"

SCHEMA, DICTIONARY, BATCH = 1, 2, 3
"""Types of messages."""

MAX_METADATA = 1 << 24
"""Bytes of a message without its body."""

MAX_BODY = 1 << 31
"""Bytes of a record batch, which is read whole."""

Span = tuple[int, int]
"""Where in the file something begins, and its length in bytes."""


@dataclass(frozen=True)
class ArrowFileColumn(ArrowColumn):
    """An `Entry`: a column; the groups are the record batches."""

    preamble: tuple[Span, ...] = ()
    """The schema and the dictionaries."""
    spans: tuple[Span, ...] = ()
    """The batches."""

    def batches(self, size: int, groups: range) -> Iterator[Any]:
        """A whole batch at a time."""
        spans = self.spans[groups.start : groups.stop]
        longest = max((length for _, length in spans), default=0)
        if longest > MAX_BODY:
            why = f"has a record batch of {longest} bytes; at most {MAX_BODY} are read at once"
            raise fail(self.where, f"{why}: write it with a smaller max_chunksize")
        ipc = pyarrow().ipc
        spans = self.preamble + spans
        options = ipc.IpcReadOptions(included_fields=[self.index], use_threads=False)
        with decoding(self.where, "Arrow column"), open_binary(self.file) as stream:
            for span in spans:
                _check_inflated(stream, span, self.where)
            source = pyarrow().PythonFile(_Spliced(stream, spans), mode="r")
            for batch in ipc.open_stream(source, options=options):
                column = batch.column(0)
                column.validate(full=True)  # or a hostile offset is followed out of the buffer
                yield column


@dataclass
class _Layout:
    """Where the messages of a file are."""

    preamble: list[Span] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)


def entries(file: str) -> tuple[Entry, ...]:
    """The columns of `file`."""
    size = byte_size(file)
    ipc = pyarrow().ipc
    with open_binary(file) as stream, decoding(file, "Arrow file"):
        layout = _layout(stream, size, file)
        source = pyarrow().PythonFile(_Spliced(stream, tuple(layout.preamble)), mode="r")
        schema = ipc.open_stream(source).schema
        bounds = tuple(accumulate(layout.rows, initial=0))
        more = {"preamble": tuple(layout.preamble), "spans": tuple(layout.spans)}
        return columns(ArrowFileColumn, file, schema, bounds, **more)


def _layout(stream: io.BufferedIOBase, size: int, file: str) -> _Layout:
    start = stream.read(8)
    if start[:4] == FEATHER_1:
        raise fail(file, "is of Feather's first version; write it anew with pyarrow.feather")
    at, layout = 8 if start == FILE_MAGIC else 0, _Layout()
    stream.seek(max(size - 6, 0))
    ended = at == 0 or stream.read(6) == FILE_MAGIC[:6]
    while True:
        if at >= size or not ended:
            raise fail(file, "has no end mark: it was cut short, or is still being written")
        stream.seek(at)
        mark, length = struct.unpack("<Ii", stream.read(8).ljust(8, b"\0"))
        if mark != 0xFFFFFFFF or not 0 <= length <= min(MAX_METADATA, size - at - 8):
            raise fail(file, f"is not an Arrow file (no message at byte {at})")
        if length == 0:  # the end of the stream; in a file a footer follows, which repeats it all
            break
        kind, body, rows, replaces = _message(stream.read(length))
        span = (at, 8 + length + body)
        at += span[1]
        if not 0 <= body <= size or at > size or rows < 0:
            raise fail(file, f"ends before the message at byte {span[0]} does")
        if kind == BATCH:
            layout.spans.append(span)
            layout.rows.append(rows)
        elif kind == DICTIONARY and replaces and layout.spans and start != FILE_MAGIC:
            raise fail(file, "has dictionaries that change on the way; write it as an Arrow file")
        else:
            layout.preamble.append(span)
    return layout


def _check_inflated(stream: io.BufferedIOBase, span: Span, where: str) -> None:
    """Refuse a batch whose compressed buffers claim to become more than it can hold."""
    stream.seek(span[0] + 4)
    (length,) = struct.unpack("<i", stream.read(4))
    claimed = 0
    for at in _compressed(stream.read(length)):
        stream.seek(span[0] + 8 + length + at)
        claimed += max(int.from_bytes(stream.read(8), "little", signed=True), 0)
    most = min(most_of(span[1]), MAX_BODY)
    if claimed > most:
        raise fail(where, f"has a batch that unpacks to {claimed} bytes; at most {most} here")


def _compressed(metadata: bytes) -> list[int]:
    """Where in the body of a message its compressed buffers begin: with their unpacked length."""
    table = _Table(metadata, struct.unpack_from("<I", metadata)[0])
    kind = table.number(1, "<B")
    if kind not in (DICTIONARY, BATCH):
        return []
    batch = table.table(2) if kind == BATCH else table.table(2).table(1)
    if not batch.has(3):
        return []
    return [begin for begin, length in batch.pairs(2) if length > 0]


def _message(metadata: bytes) -> tuple[int, int, int, bool]:
    """Type, body bytes, rows (of a batch), and whether it replaces (of a dictionary)."""
    table = _Table(metadata, struct.unpack_from("<I", metadata)[0])
    kind, body = table.number(1, "<B"), table.number(3, "<q")
    header = table.table(2)
    rows = header.number(0, "<q") if kind == BATCH else 0
    return kind, body, rows, kind == DICTIONARY and not header.number(2, "<?")


@dataclass(frozen=True)
class _Table:
    """A flatbuffer table at byte `at`: its vtable says where each field is, 0 for its default."""

    data: bytes
    at: int

    def _field(self, number: int) -> int:
        vtable = self.at - struct.unpack_from("<i", self.data, self.at)[0]
        (size,) = struct.unpack_from("<H", self.data, vtable)
        if 4 + 2 * number >= size:
            return 0
        (offset,) = struct.unpack_from("<H", self.data, vtable + 4 + 2 * number)
        return self.at + offset if offset else 0

    def number(self, number: int, kind: str) -> int:
        """The number (of `struct` type `kind`) that is field `number`."""
        at = self._field(number)
        return struct.unpack_from(kind, self.data, at)[0] if at else 0

    def has(self, number: int) -> bool:
        """Whether field `number` is there."""
        return bool(self._field(number))

    def pairs(self, number: int) -> Iterator[tuple[int, int]]:
        """The vector of pairs of 64-bit numbers that is field `number`."""
        at = self._field(number)
        if at:
            at += struct.unpack_from("<I", self.data, at)[0]
            (length,) = struct.unpack_from("<I", self.data, at)
            for k in range(length):
                yield struct.unpack_from("<qq", self.data, at + 4 + 16 * k)

    def table(self, number: int) -> _Table:
        """The table that is field `number`."""
        at = self._field(number)
        return _Table(self.data, at + struct.unpack_from("<I", self.data, at)[0])


class _Spliced:
    """The `spans` of `stream` as one file, of the few methods that pyarrow asks for."""

    def __init__(self, stream: io.BufferedIOBase, spans: tuple[Span, ...]):
        self.stream, self.left, self.closed = stream, [*reversed(spans)], False

    def read(self, count: int) -> bytes:
        pieces = []
        while count > 0 and self.left:
            start, length = self.left.pop()
            self.stream.seek(start)
            piece = self.stream.read(min(count, length))
            count -= len(piece)
            if piece and len(piece) < length:
                self.left.append((start + len(piece), length - len(piece)))
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def tell(self) -> int:
        return 0

    def close(self) -> None:
        self.closed = True
