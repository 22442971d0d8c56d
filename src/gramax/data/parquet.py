"""Reading .parquet with pyarrow: one column, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any

from gramax.data.arrow import TEXT, ArrowColumn, columns, opened, pyarrow
from gramax.data.checks import most_of
from gramax.data.faults import decoding, fail
from gramax.data.files import PIECE, byte_size, open_binary
from gramax.data.pages import Chunk, check_pages, chunks
from gramax.data.remote import is_address
from gramax.data.source import Entry


@dataclass(frozen=True)
class ParquetColumn(ArrowColumn):
    """An `Entry`: a column; the groups are the row groups of the file."""

    stored: tuple[tuple[Chunk, ...], ...] = ()
    """Where it is, by row group."""

    def batches(self, size: int, groups: range) -> Iterator[Any]:
        """At most `size` rows at a time."""
        self._check_claims([chunk for group in groups for chunk in self.stored[group]])
        # A text that is repeated a million times is so held once.
        texts = [self.name] if self.dtype == TEXT else None
        with decoding(self.where, "parquet column"), opened(self.file) as source:
            # A buffer and no pre_buffer, or the column's bytes in a whole row group are held.
            file = pyarrow().parquet.ParquetFile(
                source,
                buffer_size=PIECE,
                pre_buffer=False,
                page_checksum_verification=True,
                read_dictionary=texts,
            )
            for batch in file.iter_batches(
                size, row_groups=list(groups), columns=[self.name], use_threads=False
            ):
                yield batch.column(batch.schema.names.index(self.name))

    def _check_claims(self, stored: list[Chunk]) -> None:
        """Refuse what would become far more than the file can hold: pyarrow would begin it."""
        size = byte_size(self.file)
        values, most = sum(chunk.values for chunk in stored), most_of(size)
        if self.rank == 2 and values * self.dtype.itemsize > most:
            raise fail(self.where, f"claims {values} values in a file of {size} bytes")
        if is_address(self.file):  # every page would be fetched twice
            return
        with open_binary(self.file) as stream:
            for chunk in stored:
                check_pages(stream, chunk, size, most, self.where)


def entries(file: str) -> tuple[Entry, ...]:
    """The columns of the parquet `file`."""
    size = byte_size(file)
    parquet = pyarrow().parquet
    with decoding(file, "parquet file"), opened(file) as source:
        metadata = parquet.ParquetFile(source).metadata
        groups = [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]
        if min(groups, default=0) < 0 or sum(groups) != metadata.num_rows:
            raise fail(file, f"declares {metadata.num_rows} rows, and {sum(groups)} in row groups")
        bounds = tuple(accumulate(groups, initial=0))
        found = columns(ParquetColumn, file, metadata.schema.to_arrow_schema(), bounds)
    with open_binary(file) as stream:
        stored = chunks(stream, size, file)
    if len(stored) != len(groups):
        raise fail(file, f"has {len(stored)} row groups, and {len(groups)} by another count")
    by_name = [_by_name(group) for group in stored]
    return tuple(
        replace(column, stored=tuple(group.get(column.name, ()) for group in by_name))
        for column in found
    )


def _by_name(group: tuple[Chunk, ...]) -> dict[str, tuple[Chunk, ...]]:
    """The chunks of a row group by column: a nested one has several."""
    found: dict[str, tuple[Chunk, ...]] = {}
    for chunk in group:
        found[chunk.column] = (*found.get(chunk.column, ()), chunk)
    return found
