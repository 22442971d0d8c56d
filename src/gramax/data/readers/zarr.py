"""Reading zarr stores, versions 2 and 3, with the zarr package, from a folder or an address.

The package calls whatever codec the metadata name (pickle among them). So the metadata of an array
are read here first, and only an array whose types and codecs are known is handed on.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gramax._optional import need
from gramax.data import paths
from gramax.data.checks import cause, check_shape, decoding, fail
from gramax.data.paths import is_address, is_folder, join
from gramax.data.readers.stored import MAX_BAND_BYTES, BlockArray, layout
from gramax.data.source import TEXT, UNREADABLE, Entry
from gramax.errors import MissingExtraError

MAX_OBJECTS = 10_000
"""Groups and arrays that are looked at."""

CODECS = {
    *("bytes", "transpose", "sharding_indexed", "crc32c"),
    *("blosc", "zstd", "gzip", "zlib", "bz2", "lz4", "vlen-utf8"),
}
"""What is undone: none of them runs code that a file brings along."""


@dataclass(frozen=True)
class ZarrArray(BlockArray):
    """An `Entry`: an array, by its path from the root of the store."""

    metadata: str = ""
    """The document that describes it, as it was checked."""

    def read_runs(self, runs: Iterator[tuple[int, int]]) -> Iterator[np.ndarray]:
        """The rows of each run."""
        zarr = _zarr()
        with decoding(self.where, "zarr array"):
            array = _opened(self.file, self.name, json.loads(self.metadata))
        # Readers of an archive share one position in it, so its chunks are read one by one.
        at_once = 1 if is_address(self.file) and paths.parse(self.file).in_archive else 10
        for start, stop in runs:
            with (
                decoding(f"{self.where} (rows {start} to {stop - 1})", "zarr chunk"),
                zarr.config.set({"async.concurrency": at_once}),
            ):
                rows = np.asarray(array[start:stop])
            yield rows.astype(object) if self.dtype == TEXT else rows


def entries(folder: str) -> tuple[Entry, ...]:
    """The arrays of the store `folder`."""
    if not is_folder(folder):
        paths.byte_size(folder)
        why = "is a file; a zarr store is a folder (if it is a zip: zip://::"
        raise fail(folder, f"{why}{folder})")
    found, waiting, count = [], [""], 0
    while waiting:
        name = waiting.pop()
        place = join(folder, name) if name else folder
        array = _array(folder, name, place)
        if array is not None:
            found.append(array)
            continue
        names = paths.names_in(place)
        count += len(names)
        if count > MAX_OBJECTS:
            raise fail(folder, f"holds more than {MAX_OBJECTS} groups and arrays")
        below = [child for child in names if is_folder(join(place, child))]
        waiting += [f"{name}/{child}" if name else child for child in below]
    if not found:
        raise fail(folder, "is not a zarr store: no array in it")
    return tuple(found)


def _zarr() -> Any:
    return need("zarr", "reading zarr stores", extra="io")


def _opened(folder: str, name: str, about: dict[str, Any]) -> Any:
    """The array that `about` describes, as the package reads it."""
    storage = _zarr().storage
    if is_address(folder):
        store = storage.FsspecStore.from_url(folder, read_only=True)
    else:
        store = storage.LocalStore(folder, read_only=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of types whose specification is not settled
        return _zarr().Array.from_dict(storage.StorePath(store, name), about)


def _array(folder: str, name: str, place: str) -> ZarrArray | None:
    """The array whose metadata are in the folder `place`; None where that is a group."""
    for document in ("zarr.json", ".zarray"):
        file = join(place, document)
        if not paths.exists(file):
            continue
        about: Any = paths.read_json(file)
        with decoding(file, "zarr metadata"):
            if document == ".zarray" or about["node_type"] == "array":
                return _described(folder, name, about, file)
    return None


def _described(folder: str, name: str, about: dict[str, Any], file: str) -> ZarrArray:
    """An array by its metadata; one that cannot be read is listed, and refused when chosen."""
    key = "dtype" if about["zarr_format"] == 2 else "data_type"
    shape, kind, why = tuple(about["shape"]), about[key], ""
    check_shape(shape, file)
    unknown = set(_codecs(about)) - CODECS
    try:
        if unknown:
            why = f"encoded by {min(unknown)} (use one of {', '.join(sorted(CODECS))})"
        elif (array := _opened(folder, name, about)).dtype.kind not in "biufcSUT":
            why = "which has no fixed size, or is no number"
        elif not 0 < math.prod(array.chunks) * array.dtype.itemsize <= MAX_BAND_BYTES:
            why = f"in chunks of more than {MAX_BAND_BYTES} bytes"
        else:
            text = array.dtype.kind == "T"
            known = (shape, TEXT, f"text {list(shape)}") if text else None
            known = known or layout(shape, array.dtype)
            return ZarrArray(folder, name, *known, array.chunks, metadata=json.dumps(about))
    except MissingExtraError:
        raise
    except Exception as error:
        why = f"which is not read ({cause(error)})"
    return ZarrArray(folder, name, (), UNREADABLE, f"{str(kind)[:40]} {list(shape)}, {why}")


def _codecs(about: dict[str, Any]) -> Iterator[str]:
    """The names of all codecs of an array, those inside of shards included."""
    if about["zarr_format"] == 2:
        used = [*(about.get("filters") or ()), about.get("compressor")]
        yield from (str(codec["id"]) for codec in used if codec is not None)
        return
    waiting = list(about["codecs"])
    while waiting:
        codec = waiting.pop()
        yield str(codec["name"])
        inside = codec.get("configuration") or {}
        waiting += [*inside.get("codecs", ()), *inside.get("index_codecs", ())]
