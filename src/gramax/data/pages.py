"""What the pages of a parquet column claim to become, before they are decompressed.

pyarrow allocates what a page's header declares, and reads as many values; a few kilobytes can so
take all memory.

Format: https://github.com/apache/parquet-format
"""

from __future__ import annotations

import io
from typing import NamedTuple

from gramax.data.faults import decoding, fail
from gramax.data.thrift import Compact

HEADERS = (1 << 10, 1 << 24)
"""Bytes read for a header: what nearly all fit in, and for statistics of long texts."""

MAX_FOOTER = 1 << 28

MAX_PAGE = 1 << 30
"""Bytes of a page."""

DATA = {0: 5, 3: 8}
"""The field of a data page's own header, by type of page (version 1 and 2)."""


class Chunk(NamedTuple):
    """The bytes of a column (or of a field of a nested one) in a row group, and its values."""

    column: str
    begin: int
    length: int
    values: int


def chunks(stream: io.BufferedIOBase, size: int, file: str) -> tuple[tuple[Chunk, ...], ...]:
    """The chunks of every row group, by the footer of a file of `size` bytes."""
    stream.seek(max(size - 8, 0))
    length = int.from_bytes(stream.read(4), "little")
    if length > min(size - 12, MAX_FOOTER):
        raise fail(file, f"is not a parquet file (footer of {length} bytes in {size})")
    stream.seek(size - 8 - length)
    with decoding(file, "parquet footer"):
        groups = Compact(stream.read(length)).struct()[4]
        return tuple(tuple(_chunk(column[3]) for column in group[1]) for group in groups)


def _chunk(about: dict) -> Chunk:
    begin, dictionary = _whole(about[9]), _whole(about.get(11, 0))
    if 0 < dictionary < begin:  # it comes first
        begin = dictionary
    return Chunk(about[3][0].decode(), begin, _whole(about[7]), _whole(about[5]))


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError("a field that is no whole number")
    return value


def check_pages(stream: io.BufferedIOBase, chunk: Chunk, size: int, most: int, where: str) -> None:
    """Walk the headers of the pages of a chunk in a file of `size` bytes.

    Raises:
        InputError: a page claims to become more than `most` bytes (or `MAX_PAGE`), or the pages
            together more values than the chunk has.
    """
    at, end, count, most = chunk.begin, chunk.begin + chunk.length, 0, min(most, MAX_PAGE)
    if not 0 <= at <= end <= size:
        raise fail(where, f"lies at bytes {at} to {end} of {size}")
    while at < end:
        kind, inflated, stored, held, used = _header(stream, at, where)
        if not 0 <= inflated <= most or stored < 0:
            raise fail(where, f"has a page that unpacks to {inflated} bytes; at most {most} here")
        count += held
        if held < 0 or (kind in DATA and count > chunk.values):
            raise fail(where, f"has pages of {count} values where {chunk.values} are declared")
        at += used + stored


def _header(stream: io.BufferedIOBase, at: int, where: str) -> tuple[int, int, int, int, int]:
    """Type of a page, its bytes before and after compression, values, and bytes of the header."""
    for size in HEADERS:
        stream.seek(at)
        reader = Compact(stream.read(size))
        with decoding(where, "parquet page"):
            try:
                fields = reader.struct()
            except IndexError:  # longer than what was read, or cut short
                continue
            kind, inflated, stored = (_whole(fields[k]) for k in (1, 2, 3))
            held = _whole(fields[DATA[kind]][1]) if kind in DATA else 0
            return kind, inflated, stored, held, reader.at
    raise fail(where, f"has no page where one is declared (byte {at})")
