"""Reading .parquet with pyarrow: one column, a batch of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from gramax.data.arrow import ArrowColumn, columns, opened, pyarrow
from gramax.data.faults import decoding, fail
from gramax.data.files import PIECE, byte_size
from gramax.data.source import Entry


class ParquetColumn(ArrowColumn):
    """An `Entry`: a column; the groups are the row groups of the file."""

    def batches(self, size: int, groups: range) -> Iterator[Any]:
        """At most `size` rows at a time."""
        with decoding(self.where, "parquet column"), opened(self.file) as source:
            # A buffer and no pre_buffer, or the column's bytes in a whole row group are held.
            file = pyarrow().parquet.ParquetFile(
                source, buffer_size=PIECE, pre_buffer=False, page_checksum_verification=True
            )
            for batch in file.iter_batches(
                size, row_groups=list(groups), columns=[self.name], use_threads=False
            ):
                yield batch.column(batch.schema.names.index(self.name))


def entries(file: str) -> tuple[Entry, ...]:
    """The columns of the parquet `file`."""
    byte_size(file)
    parquet = pyarrow().parquet
    with decoding(file, "parquet file"), opened(file) as source:
        metadata = parquet.ParquetFile(source).metadata
        groups = [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)]
        if min(groups, default=0) < 0 or sum(groups) != metadata.num_rows:
            raise fail(file, f"declares {metadata.num_rows} rows, and {sum(groups)} in row groups")
        bounds = tuple(accumulate(groups, initial=0))
        return columns(ParquetColumn, file, metadata.schema.to_arrow_schema(), bounds)
