"""Formats that can only be read whole: JSON, MATLAB's .mat, and what PyTorch saved.

Each loader turns a file into arrays by name. They are read again where they are needed, as a worker
in another process has to.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pickle import UnpicklingError
from typing import Any

import numpy as np

from gramax._optional import need
from gramax.data.checks import check_shape, decoding, fail
from gramax.data.paths import byte_size, is_address, open_binary, state
from gramax.data.readers import hdf5
from gramax.data.readers.text import NUMBERS, flat
from gramax.data.source import TEXT, Entry
from gramax.errors import MissingExtraError

MAX_BYTES = 4 << 30
"""Of a file that has to be read whole."""

Loader = Callable[[str], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class WholeArray(Entry):
    """An `Entry`: an array of a file that `load` reads whole."""

    load: Loader

    @property
    def grain(self) -> int:
        """None: all of it is read."""
        return 0

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Views of the whole."""
        array = _loaded(self.load, self.file, str(state(self.file))).get(self.name)
        if array is None or array.shape != self.shape:
            raise fail(self.where, "changed while it was read")
        for row in range(start, stop, size):
            yield array[row : min(row + size, stop)]


@lru_cache(maxsize=1)
def _loaded(load: Loader, file: str, state: str) -> Mapping[str, np.ndarray]:
    if byte_size(file) > MAX_BYTES:
        raise fail(file, f"has to be read whole, and is larger than {MAX_BYTES} bytes")
    return load(file)


def _entries(load: Loader, file: str) -> tuple[Entry, ...]:
    byte_size(file)
    found = []
    for name, array in _loaded(load, file, str(state(file))).items():
        dtype = TEXT if array.dtype.hasobject else array.dtype.newbyteorder("=")
        text = f"{'text' if dtype == TEXT else dtype.name} {list(array.shape)}"
        found.append(WholeArray(file, name, array.shape, dtype, text, load))
    return tuple(found)


# -- JSON ---------------------------------------------------------------------------------------


def json_entries(file: str) -> tuple[Entry, ...]:
    """A list of vectors, a list of objects (rows), or an object of lists (columns)."""
    return _entries(_from_json, file)


def _from_json(file: str) -> Mapping[str, np.ndarray]:
    with open_binary(file) as stream, decoding(file, "JSON file"):
        found = json.load(stream)
    if isinstance(found, list) and found and all(isinstance(row, dict) for row in found):
        rows = [flat(row) for row in found]
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [row.get(name) for row in rows] for name in names}
    elif isinstance(found, list):
        columns = {"": found}
    elif isinstance(found, dict):
        columns = {name: one for name, one in flat(found).items() if isinstance(one, list)}
    else:
        columns = {}
    with decoding(file, "JSON file"):  # a number may be beyond float64
        arrays = {k: array for k, one in columns.items() if (array := _column(one)) is not None}
    if not arrays:
        what = "a list of vectors, a list of objects, or an object of lists"
        raise fail(file, f"is none of what is read: {what}")
    return arrays


def _column(values: list[Any]) -> np.ndarray | None:
    """The values as vectors, numbers or texts; None where they are nothing of these."""
    kinds = set(map(type, values))
    if list in kinds and kinds <= {list, type(None)}:
        lists = [row for row in values if row is not None]
        numbers, width = {type(number) for row in lists for number in row}, len(lists[0])
        if not numbers <= NUMBERS or {width} != set(map(len, lists)) or not width:
            return None
        missing = [None] * width
        return np.array([missing if row is None else row for row in values], np.float64)
    if kinds <= {int, float}:
        return np.array(values, np.float64 if float in kinds else np.int64)
    if kinds <= {int, float, str, bool, type(None)}:
        return np.array([*values, None], object)[:-1]
    return None


# -- MATLAB -------------------------------------------------------------------------------------


def mat_entries(file: str) -> tuple[Entry, ...]:
    """The arrays of a .mat file: by h5py since version 7.3, and by SciPy before."""
    byte_size(file)
    with open_binary(file) as stream:
        hdf = stream.read(10) == b"MATLAB 7.3"
    return hdf5.matlab_entries(file) if hdf else _entries(_from_mat, file)


def _from_mat(file: str) -> Mapping[str, np.ndarray]:
    scipy = need("scipy.io", "reading .mat files", extra="io")
    with open_binary(file) as stream, decoding(file, ".mat file"):
        found = scipy.loadmat(stream, chars_as_strings=True)
    arrays = {}
    for name, one in found.items():
        if name.startswith("__") or not isinstance(one, np.ndarray):
            continue
        if one.dtype.kind == "O":  # a cell array: of texts, or of what is not read
            texts = [cell.item() if cell.size == 1 else None for cell in map(np.asarray, one.flat)]
            one = np.array([*texts, None], object)[:-1]
            if set(map(type, texts)) - {str}:
                continue
        if one.ndim == 2 and min(one.shape) == 1:  # MATLAB has no vectors
            arrays[name] = one.reshape(-1)
        elif one.dtype.kind in "iufbUO":
            arrays[name] = one
    return arrays


# -- PyTorch ------------------------------------------------------------------------------------


def torch_entries(file: str) -> tuple[Entry, ...]:
    """The tensors that `torch.save` wrote, alone or in dictionaries, lists and modules' states."""
    return _entries(_from_torch, file)


def _from_torch(file: str) -> Mapping[str, np.ndarray]:
    try:
        torch = need("torch", "reading what torch.save wrote")
    except MissingExtraError:
        save = "numpy.save('z.npy', z.detach().float().cpu().numpy())"
        why = f"is read where PyTorch is installed (pip install torch); or save it there by {save}"
        raise fail(file, why) from None
    if is_address(file):
        raise fail(file, "is read from this machine alone; copy it here first")
    with decoding(file, "file of torch.save"):
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
        except UnpicklingError:  # whose text advises to run whatever is in it
            why = "holds more than tensors, which is not opened as it may run code"
            raise fail(file, f"{why}; save the tensor alone: torch.save(z, 'z.pt')") from None
    found = found if isinstance(found, dict) else {"": found}
    arrays = {}
    for name, one in flat({str(k): v for k, v in found.items()}).items():
        if isinstance(one, list):
            if (column := _column(one)) is not None:
                arrays[name] = column
        elif torch.is_tensor(one):
            check_shape(tuple(one.shape), f"{file}::{name}")
            wide = one.detach().to_dense()
            wide = wide.float() if str(wide.dtype) == "torch.bfloat16" else wide
            arrays[name] = wide.numpy()
    return arrays
