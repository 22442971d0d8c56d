"""Chunks of HDF5 before the library decodes them, which trusts whatever length comes out.

A chunk that inflates to more than its shape has fills the memory; one that inflates to less shows
what lay in memory before. So each compressed chunk is inflated once here, and its length compared.
"""

from __future__ import annotations

import itertools
import math
import zlib
from typing import Any

from gramax.data.faults import fail

DEFLATE, SHUFFLE, FLETCHER, LZF = 1, 2, 3, 32_000

READ = {DEFLATE, SHUFFLE, FLETCHER, LZF}
"""Filters whose result can be checked."""

COMPRESSORS = (DEFLATE, LZF)

CHECKSUM_BYTES = 4

MAX_ABSENT = 100_000
"""Chunks that a dataset may lack: they are full of the fill value."""


def filters_of(dataset: Any) -> list[int]:
    """The filters of a dataset by number, in the order in which they were applied."""
    plan = dataset.id.get_create_plist()
    return [plan.get_filter(k)[0] for k in range(plan.get_nfilters())]


def absent(dataset: Any) -> int:
    """How many of its chunks a dataset lacks; 0 where these are too few to matter."""
    grid = math.prod(-(-n // b) for n, b in zip(dataset.shape, dataset.chunks, strict=True))
    return grid - dataset.id.get_num_chunks() if grid > MAX_ABSENT else 0


def check_chunks(dataset: Any, start: int, stop: int, where: str) -> None:
    """Raise `InputError` unless the chunks of the rows `start` to `stop` decode to their length."""
    block, filters = dataset.chunks, filters_of(dataset)
    size = math.prod(block) * dataset.dtype.itemsize
    grids = [range(start // block[0] * block[0], stop, block[0])]
    grids += [range(0, n, b) for n, b in zip(dataset.shape[1:], block[1:], strict=True)]
    for corner in itertools.product(*grids):
        info = dataset.id.get_chunk_info_by_coord(corner)
        if info.byte_offset is None:
            continue
        used = [one for k, one in enumerate(filters) if not info.filter_mask >> k & 1]
        length = info.size
        if any(one in COMPRESSORS for one in used):
            if length > 2 * size + (1 << 16):
                raise fail(where, f"has {length} bytes for a chunk of {size}")
            length = _length(dataset.id.read_direct_chunk(corner)[1], used, size)
        else:
            length -= CHECKSUM_BYTES * used.count(FLETCHER)
        if length != size:
            found = length if length < size else f"more than {size}"
            raise fail(where, f"holds {found} bytes in the chunk at {corner}, which has {size}")


def _length(data: bytes, filters: list[int], size: int) -> int:
    """Bytes before the filters were applied; beyond `size` it is not counted exactly."""
    at = next(k for k, one in enumerate(filters) if one in COMPRESSORS)
    inner = CHECKSUM_BYTES * filters[:at].count(FLETCHER)
    data = data[: len(data) - CHECKSUM_BYTES * filters[at:].count(FLETCHER)]
    if filters[at] == DEFLATE:
        return len(zlib.decompressobj().decompress(data, size + inner + 1)) - inner
    return lzf_length(data, size + inner) - inner


def lzf_length(data: bytes, most: int) -> int:
    """Bytes that LZF makes of `data`; it stops counting beyond `most`.

    Literals are a byte below 32 and as many bytes and one; copies have their length in the three
    upper bits, or in a second byte, and one more byte.

    Example:
        >>> lzf_length(bytes([2, 1, 2, 3]) + bytes([0b0010_0000, 0]), 100)
        6
    """
    at = total = 0
    while at < len(data) and total <= most:
        control = data[at]
        if control < 32:
            total += control + 1
            at += control + 2
        elif control < 224:
            total += (control >> 5) + 2
            at += 2
        else:
            total += data[at + 1] + 9
            at += 3
    return total
