"""Reading .fvecs and .bvecs, as sets for nearest neighbours are handed out: length, then numbers.

Format: http://corpus-texmex.irisa.fr
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gramax.data.checks import MAX_COLUMNS, fail
from gramax.data.paths import byte_size, extension, open_binary
from gramax.data.readers.stored import layout, read_into
from gramax.data.source import Entry

DTYPES = {".fvecs": np.dtype("<f4"), ".bvecs": np.dtype("u1")}


@dataclass(frozen=True)
class Vecs(Entry):
    """An `Entry`: rows of one length, each of which begins with it, as 4 bytes."""

    row: np.dtype

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Pieces of `size` rows."""
        with open_binary(self.file) as stream:
            stream.seek(start * self.row.itemsize)
            for first in range(start, stop, size):
                block = np.empty(min(size, stop - first), self.row)
                read_into(stream, block, self.file)
                uneven = np.flatnonzero(block["length"] != self.shape[1])
                if uneven.size:
                    has = f"row {first + uneven[0]} has {block['length'][uneven[0]]} values"
                    raise fail(self.file, f"{has}, but the first has {self.shape[1]}")
                yield np.ascontiguousarray(block["values"])


def entries(file: str) -> tuple[Entry, ...]:
    """The one matrix of `file`, whose size must be that of whole rows as long as the first."""
    size, stored = byte_size(file), DTYPES[extension(file)]
    with open_binary(file) as stream:
        width = int.from_bytes(stream.read(4), "little", signed=True)
    if not 0 < width <= MAX_COLUMNS:
        raise fail(file, f"begins with a row of {width} values; is it {extension(file)}?")
    row = np.dtype([("length", "<i4"), ("values", stored, (width,))])
    rows, rest = divmod(size, row.itemsize)
    if rest:
        why = f"holds {size} bytes, which are {rows} rows of {width} values and {rest} bytes more"
        raise fail(file, why)
    return (Vecs(file, "", *layout((rows, width), stored), row),)
