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
from gramax.data.source import TEXT, UNREADABLE, Entry

MAX_OBJECTS = 10_000
"""Groups and datasets that are looked at."""

FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32", 32_000: "lzf"}
"""What is undone, by HDF5's numbers; other filters may be plugins."""

COMPRESSORS = (1, 32_000)

MAX_CATEGORIES = 1_000_000

MATLAB_NOTE = "is a .mat file of version 7.3, which stores columns as rows: it was transposed"


@dataclass(frozen=True)
class HdfDataset(BlockArray):
    """An `Entry`: a dataset, by its path from the root."""

    transposed: bool = False
    """Whether MATLAB wrote it, whose columns are the rows of HDF5."""

    def read_runs(self, runs: Iterator[tuple[int, int]]) -> Iterator[np.ndarray]:
        """The rows of each run."""
        size = byte_size(self.file)
        with _opened(self.file) as root, decoding(self.where, "dataset"):
            dataset = root[self.name]
            if _described(self.file, self.name, dataset, self.transposed) != self:
                raise fail(self.where, "changed while it was read")
            for start, stop in runs:
                if self.transposed:
                    rows = np.atleast_2d(
                        dataset[()] if 1 in dataset.shape else dataset[:, start:stop]
                    )
                    rows = rows.T if self.rank == 2 else rows.reshape(-1)[start:stop]
                elif self.dtype == TEXT:
                    rows = dataset.asstr(errors="backslashreplace")[start:stop]
                else:
                    rows = dataset[start:stop]
                if byte_size(self.file) < size:  # HDF5 makes zeros of what is beyond the end
                    raise fail(self.where, "was cut short while it was read")
                yield rows


@dataclass(frozen=True)
class HdfCategories(Entry):
    """An `Entry`: codes, and the texts that they stand for, as AnnData and pandas write them."""

    codes: HdfDataset
    texts: HdfDataset

    @property
    def grain(self) -> int:
        """That of the codes."""
        return self.codes.grain

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Texts, and None where the code is -1."""
        pieces = self.texts.read(max(self.texts.shape[0], 1), 0, self.texts.shape[0])
        texts = [text for piece in pieces for text in piece.tolist()]
        texts = np.array([*(one if isinstance(one, bytes) else str(one) for one in texts), None])
        for codes in self.codes.read(size, start, stop):
            if codes.size and not -1 <= codes.min() <= codes.max() < len(texts) - 1:
                raise fail(self.where, f"has codes beyond its {len(texts) - 1} categories")
            yield texts[codes]


def entries(file: str) -> tuple[Entry, ...]:
    """The datasets of `file`, and the links in it that are not followed."""
    byte_size(file)
    with _opened(file) as root, decoding(file, "HDF5 file"):
        return _categories(file, tuple(_walk(file, root)))


def matlab_entries(file: str) -> tuple[Entry, ...]:
    """The datasets of a .mat `file` of version 7.3, turned as MATLAB shows them."""
    byte_size(file)
    with _opened(file) as root, decoding(file, ".mat file"):
        found = _walk(file, root, transposed=True)
        return tuple(one for one in found if not one.name.startswith("#"))


def _categories(file: str, found: tuple[HdfDataset, ...]) -> tuple[Entry, ...]:
    """The entries, those of a group of `codes` and `categories` as one."""
    known = {one.name: one for one in found}
    joined: dict[str, Entry] = {}
    for one in found:
        group, _, last = one.name.rpartition("/")
        texts = known.get(f"{group}/categories")
        if last == "codes" and group and texts and one.dtype.kind == "i" and one.rank == 1:
            if texts.rank != 1 or texts.dtype == UNREADABLE or texts.shape[0] > MAX_CATEGORIES:
                continue
            about = (one.shape, TEXT, f"categories {list(one.shape)}")
            joined[one.name] = HdfCategories(file, group, *about, one, texts)
    beside = {one.texts.name for one in joined.values() if isinstance(one, HdfCategories)}
    return tuple(joined.get(one.name, one) for one in found if one.name not in beside)


def _h5py() -> Any:
    return need("h5py", "reading HDF5 files", extra="io")


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    h5py, source = _h5py(), open_binary(file) if is_address(file) else file
    with decoding(file, "HDF5 file"):
        root = h5py.File(source, "r", locking=False)
    with root:
        yield root


def _walk(file: str, root: Any, transposed: bool = False) -> Iterator[HdfDataset]:
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
                yield _described(file, path, found, transposed)


def _refused(file: str, path: str, why: str) -> HdfDataset:
    return HdfDataset(file, path, (), UNREADABLE, why)


def _described(file: str, path: str, dataset: Any, transposed: bool = False) -> HdfDataset:
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
    text = _h5py().check_string_dtype(dtype) is not None and dtype.hasobject
    if dtype.hasobject and (not text or transposed or len(dataset.shape) != 1):
        why = "whose values have no fixed length, and are not a list of texts"
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
    if text:
        about = (dataset.shape, TEXT, f"text {list(dataset.shape)}")
        return HdfDataset(file, path, *about, block)
    shape = dataset.shape
    if not transposed or len(shape) != 2:
        return HdfDataset(file, path, *layout(shape, np.dtype(dtype.str)), block)
    shape = (max(shape),) if 1 in shape else shape[::-1]  # MATLAB has no vectors
    block, note = (block[::-1] if len(shape) == 2 else ()), (MATLAB_NOTE if len(shape) == 2 else "")
    about = layout(shape, np.dtype(dtype.str))
    return HdfDataset(file, path, *about, block, transposed=True, note=note)
