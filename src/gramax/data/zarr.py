"""Reading zarr stores, versions 2 and 3, from a folder or an address: rows by the blocks they need.

The layout is read here rather than by the zarr package, which decodes a chunk to whatever size it
claims, and calls any codec that the metadata name (pickle among them).

Formats: https://zarr-specs.readthedocs.io
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from gramax.data import trees
from gramax.data.blocks import BlockArray
from gramax.data.faults import decoding, fail
from gramax.data.files import byte_size, open_binary, read_json
from gramax.data.source import Entry
from gramax.data.zarrcodecs import CHECKSUM_BYTES, decoded
from gramax.data.zarrmeta import Layout, read_v2, read_v3

MAX_OBJECTS = 10_000
"""Groups and arrays that are looked at."""

MAX_ABSENT = 100_000
"""Blocks that an array may lack, which are full of one value and cost no byte to claim."""

MAX_ABSENT_BYTES = 1 << 30

MISSING = 2**64 - 1
"""Where a shard has no block."""

Span = tuple[int, int]


@dataclass(frozen=True)
class ZarrArray(BlockArray):
    """An `Entry`: an array, by its path from the root of the store."""

    layout: Layout = field(kw_only=True)

    def bands(self, runs: Iterator[tuple[int, int]]) -> Iterator[np.ndarray]:
        """The rows of each run."""
        shards: dict[str, np.ndarray] = {}
        absent = 0
        for start, stop in runs:
            band, lacking = self._band(start, stop, shards)
            absent += lacking
            self._check_absent(absent)
            yield band

    def _check_absent(self, blocks: int) -> None:
        size = math.prod(self.block) * self.stored.itemsize
        if blocks > MAX_ABSENT or blocks * size > max(MAX_ABSENT_BYTES, size):
            raise fail(self.where, f"lacks {blocks} of its chunks or more; write them first")

    def _band(self, start: int, stop: int, shards: dict[str, np.ndarray]) -> tuple[np.ndarray, int]:
        """The rows `start` to `stop`, and how many blocks are not there.

        `shards` keeps the index of the shards of the last band.
        """
        out, absent = np.full((stop - start, *self.shape[1:]), self.layout.fill, self.stored), 0
        rows = range(start // self.grain, -(-stop // self.grain))
        others = (range(-(-n // b)) for n, b in zip(self.shape[1:], self.block[1:], strict=True))
        used: dict[str, np.ndarray] = {}
        low, high = (start, *[0] * (self.rank - 1)), (stop, *self.shape[1:])
        for at in itertools.product(rows, *others):
            corner = [i * b for i, b in zip(at, self.block, strict=True)]
            # The part of the block that is wanted: the last one reaches beyond the array's end.
            begin = [max(c, n) for c, n in zip(corner, low, strict=True)]
            end = [min(c + b, n) for c, b, n in zip(corner, self.block, high, strict=True)]
            block = self._block(at, shards, used)
            if block is None:
                absent += 1
                self._check_absent(absent)
                continue
            out[_box(begin, end, low)] = block[_box(begin, end, corner)]
        shards.clear()
        shards.update(used)
        return out, absent

    def _block(
        self, at: tuple[int, ...], shards: dict[str, np.ndarray], used: dict[str, np.ndarray]
    ) -> np.ndarray | None:
        """The block at these places of the grid; None where it is not there."""
        layout = self.layout
        inside = tuple(i % k for i, k in zip(at, layout.per_shard, strict=True))
        file = self._file(tuple(i // k for i, k in zip(at, layout.per_shard, strict=True)))
        span = None
        if layout.sharded:
            used[file] = shards[file] if file in shards else self._index(file)
            begin, length = map(int, used[file][inside])
            if begin == length == MISSING:
                return None
            span = begin, length
        data = self._read(file, span)
        if data is None:
            return None
        where = f"{self.where} (chunk {'/'.join(map(str, at))})"
        size = math.prod(self.block) * self.stored.itemsize
        with decoding(where, "zarr chunk"):
            flat = np.frombuffer(decoded(data, size, layout.codecs, where), self.stored)
            return flat.reshape([self.block[k] for k in layout.order]).transpose(
                np.argsort(layout.order)
            )

    def _file(self, at: tuple[int, ...]) -> str:
        key = self.layout.separator.join([*self.layout.prefix, *map(str, at)])
        return trees.join(trees.join(self.file, self.name), key or "0")

    def _read(self, file: str, span: Span | None) -> bytes | None:
        """The bytes of a chunk's file, or a span of them; None where there is no such file."""
        if not trees.exists(file):
            return None
        size = byte_size(file)
        begin, length = span or (0, size)
        block = math.prod(self.block) * self.stored.itemsize
        if length > 2 * block + (1 << 16):
            raise fail(file, f"has {length} bytes for a chunk of {block}")
        if begin < 0 or begin + length > size:
            raise fail(file, f"has {size} bytes, but a chunk at {begin} to {begin + length}")
        with open_binary(file) as stream, decoding(file, "zarr chunk"):
            stream.seek(begin)
            return stream.read(length)

    def _index(self, file: str) -> np.ndarray:
        """Where each block of a shard begins, and its length: uint64 `[..., 2]`."""
        shape = (*self.layout.per_shard, 2)
        if not trees.exists(file):
            return np.full(shape, MISSING, np.uint64)
        codecs = self.layout.index_codecs
        length = 8 * math.prod(shape)
        stored = length + CHECKSUM_BYTES * len(codecs)
        size = byte_size(file)
        if size < stored:
            raise fail(file, f"has {size} bytes, fewer than the index of a shard")
        with open_binary(file) as stream, decoding(file, "zarr shard"):
            stream.seek(0 if self.layout.index_first else size - stored)
            data = decoded(stream.read(stored), length, codecs, file)
            return np.frombuffer(data, "<u8").reshape(shape)


def _box(begin: Sequence[int], end: Sequence[int], origin: Sequence[int]) -> tuple[slice, ...]:
    """From `begin` to `end`, counted from `origin`."""
    return tuple(slice(b - o, e - o) for b, e, o in zip(begin, end, origin, strict=True))


def entries(folder: str) -> tuple[Entry, ...]:
    """The arrays of the store `folder`."""
    if not trees.is_folder(folder):
        byte_size(folder)
        raise fail(
            folder, f"is a file; a zarr store is a folder (if it is a zip: zip://::{folder})"
        )
    found, waiting, count = [], [""], 0
    while waiting:
        name = waiting.pop()
        place = trees.join(folder, name) if name else folder
        array = _array(folder, name, place)
        if array is not None:
            found.append(array)
            continue
        for child in trees.names_in(place):
            count += 1
            if count > MAX_OBJECTS:
                raise fail(folder, f"holds more than {MAX_OBJECTS} groups and arrays")
            if trees.is_folder(trees.join(place, child)):
                waiting.append(f"{name}/{child}" if name else child)
    if not found:
        raise fail(folder, "is not a zarr store: no array in it")
    return tuple(found)


def _array(folder: str, name: str, place: str) -> ZarrArray | None:
    """The array whose metadata are in the folder `place`; None where that is a group."""
    for document, read in (("zarr.json", read_v3), (".zarray", read_v2)):
        file = trees.join(place, document)
        if trees.exists(file):
            layout = read(read_json(file), file)
            if layout is None:
                continue
            return ZarrArray(
                folder, name, layout.shape, layout.stored, layout.text, layout.block, layout.code,
                layout=layout,
            )  # fmt: skip
    return None
