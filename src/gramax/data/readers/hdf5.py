"""Reading HDF5 (.h5, .hdf5) with h5py: plain datasets of this one file, and nothing they point to.

A file may name other files (external links, external storage, virtual datasets) and libraries to
load (filters that are plugins). Such datasets are listed, and refused when they are chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from gramax._optional import need
from gramax.data.checks import decoding, fail
from gramax.data.paths import byte_size, is_address, open_binary
from gramax.data.readers.stored import MAX_BAND_BYTES, BlockArray, layout
from gramax.data.source import UNREADABLE, Entry

MAX_OBJECTS = 10_000
"""Groups and datasets that are looked at."""

FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32_000: "lzf"}
"""What is undone, by HDF5's numbers; other filters may be plugins."""

COMPRESSORS = (1, 32_000)


@dataclass(frozen=True)
class HdfDataset(BlockArray):
    """An `Entry`: a dataset, by its path from the root."""

    def read_runs(self, runs: Iterator[tuple[int, int]]) -> Iterator[np.ndarray]:
        """The rows of each run."""
        size = byte_size(self.file)
        with _opened(self.file) as root, decoding(self.where, "dataset"):
            dataset = root[self.name]
            if _described(self.file, self.name, dataset) != self:
                raise fail(self.where, "changed while it was read")
            for start, stop in runs:
                rows = dataset[start:stop]
                if byte_size(self.file) < size:  # HDF5 makes zeros of what is beyond the end
                    raise fail(self.where, "was cut short while it was read")
                yield rows


def entries(file: str) -> tuple[Entry, ...]:
    """The datasets of `file`, and the links in it that are not followed."""
    byte_size(file)
    with _opened(file) as root, decoding(file, "HDF5 file"):
        return tuple(_walk(file, root))


def _h5py() -> Any:
    return need("h5py", "reading HDF5 files", extra="io")


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    h5py, source = _h5py(), open_binary(file) if is_address(file) else file
    with decoding(file, "HDF5 file"):
        root = h5py.File(source, "r", locking=False)
    with root:
        yield root


def _walk(file: str, root: Any) -> Iterator[HdfDataset]:
    """Every dataset that hard links lead to; a group that links lead to twice is walked once."""
    h5py = _h5py()
    waiting, seen, count = [("", root)], set(), 0
    while waiting:
        prefix, group = waiting.pop()
        address = h5py.h5o.get_info(group.id).addr
        names = [] if address in seen else sorted(group)
        seen.add(address)
        count += len(names)
        if count > MAX_OBJECTS:
            raise fail(file, f"holds more than {MAX_OBJECTS} groups and datasets")
        for name in names:
            path = f"{prefix}{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                yield _refused(file, path, "a link, which is not followed")
            elif isinstance(found := group[name], h5py.Group):
                waiting.append((f"{path}/", found))
            elif isinstance(found, h5py.Dataset):
                yield _described(file, path, found)


def _refused(file: str, path: str, why: str) -> HdfDataset:
    return HdfDataset(file, path, (), UNREADABLE, why)


def _described(file: str, path: str, dataset: Any) -> HdfDataset:
    """A dataset by its header; one that cannot be read is listed, and refused when chosen."""
    try:
        dtype = dataset.dtype
    except TypeError:
        return _refused(file, path, "of a type that NumPy lacks")
    if dataset.shape is None:
        return _refused(file, path, "an empty dataset")
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(k)[0] for k in range(plan.get_nfilters())]
    block, why = dataset.chunks or (), ""
    if dtype.hasobject:
        why = "whose values have no fixed length (save text as fixed-width, numpy dtype S)"
    elif dataset.is_virtual or dataset.external:
        why = "whose values are in other files"
    elif unread := set(filters) - set(FILTERS):
        why = f"which needs the filter {min(unread)} (use gzip or lzf)"
    elif sum(one in COMPRESSORS for one in filters) > 1:
        why = "compressed more than once"
    elif block and math.prod(block) * dtype.itemsize > MAX_BAND_BYTES:
        why = f"in chunks of more than {MAX_BAND_BYTES} bytes"
    if why:
        return _refused(file, path, f"{dtype.name} {list(dataset.shape)}, {why}")
    return HdfDataset(file, path, *layout(dataset.shape, np.dtype(dtype.str)), block)
