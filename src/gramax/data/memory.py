"""Rows in memory: arrays, and frames of columns of pandas, polars and pyarrow."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gramax.data.checks import as_array, fail, is_missing
from gramax.data.formats import chosen
from gramax.data.readers.wide import common_name, dimensions_of, wide_note
from gramax.data.reading import Reading
from gramax.data.source import TEXT, Entry, Part, Source

NUMBERS = (float, int, np.floating, np.integer)


@dataclass(frozen=True, eq=False)
class ArrayEntry(Entry):
    """The rows of an array in memory from number `first` on."""

    array: np.ndarray
    first: int = 0

    def turned(self) -> ArrayEntry:
        """A view."""
        return replace(self, array=self.array.T, shape=self.shape[::-1])

    def only(self, start: int, stop: int) -> ArrayEntry:
        """Without the other rows: what is sent to another process takes none of them along."""
        return replace(self, array=self.array[start - self.first : stop - self.first], first=start)

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        """Views, but for bfloat16 and swapped bytes."""
        for at in range(start - self.first, stop - self.first, size):
            piece = self.array[at : min(at + size, stop - self.first)]
            yield piece.astype(self.dtype, copy=False)


class ArraySource(Source):
    """A `Source` over an array or a frame in memory; chunks of an array are views of it.

    Args:
        array: `[n, d]` real numbers, anything that `numpy.asarray` takes; rows of one length; or a
            frame, with a column of lists or one column a dimension.
        name: what messages call it; by default by its kind.
        column: that of a frame which holds the embeddings, where there are several.
        reading: how stored numbers become rows.
        labels: the column of a frame that holds labels, which is no dimension.

    Raises:
        InputError: not a matrix of real numbers with at least one row and one column.
    """

    def __init__(
        self,
        array: Any,
        name: str = "",
        *,
        column: str | None = None,
        reading: Reading | None = None,
        labels: str = "",
    ):
        columns = _columns(array)
        name = name or ("array" if columns is None else "frame")
        if columns is None:
            values = _settled(as_array(array, name), name)
            if values.ndim == 0:
                kind = type(array).__name__
                raise fail(name, f"embeddings must be a matrix [rows, columns]; got a {kind}")
            found: tuple[Entry, ...] = (_entry(name, "", values),)
            entry: Entry = found[0]
        else:
            found = _entries(name, columns, labels)
            entry = chosen(found, column, name)
        entry = (reading or Reading()).applied(entry) if len(entry.shape) == 2 else entry
        super().__init__(name, (Part(name, entry, found),))

    def fingerprint(self) -> dict[str, object]:
        """As of any source, and a digest of every value."""
        digest = hashlib.blake2b(digest_size=16)
        for _, chunk in self.chunks(max(1, (1 << 24) // (self.dim * self.dtype.itemsize))):
            digest.update(np.ascontiguousarray(chunk).data)
        return super().fingerprint() | {"digest": digest.hexdigest()}


def _entry(name: str, column: str, array: np.ndarray, note: str = "") -> ArrayEntry:
    # JAX's bfloat16 comes as an extension dtype that NumPy itself cannot compute with.
    bfloat16 = array.dtype.name == "bfloat16"
    dtype = np.dtype(np.float32) if bfloat16 else array.dtype.newbyteorder("=")
    text = f"{array.dtype.name} of shape {array.shape}"
    return ArrayEntry(name, column, array.shape, dtype, text, array, note=note)


# -- frames -------------------------------------------------------------------------------------


def _columns(given: Any) -> list[tuple[str, Any]] | None:
    """Names and columns of a frame; None of anything else."""
    home = type(given).__module__.partition(".")[0]
    if home not in ("pandas", "polars", "pyarrow"):
        return None
    if hasattr(type(given), "collect"):
        raise fail("frame", "is lazy; give what frame.collect() makes of it")
    if not hasattr(given, "columns"):
        return None
    if home == "pandas":
        named = given.items()
    elif home == "polars":
        named = ((one.name, one) for one in given.get_columns())
    else:
        named = zip(given.column_names, given.columns, strict=True)
    columns = [(str(name), column) for name, column in named]
    twice = [name for name, count in Counter(name for name, _ in columns).items() if count > 1]
    if twice:
        raise fail("frame", f"has two columns named {twice[0]}; rename one")
    return columns


def _entries(where: str, columns: list[tuple[str, Any]], labels: str) -> tuple[Entry, ...]:
    """Every column, and those of numbers as one matrix where none is one by itself."""
    arrays = {n: _settled(as_array(one.to_numpy(), f"{where}::{n}"), where) for n, one in columns}
    found: list[Entry] = []
    for name, array in arrays.items():
        one = _entry(where, name, array)
        text = replace(one, dtype=TEXT, text=f"text of shape {array.shape}")
        found.append(text if array.dtype.kind == "O" else one)
    plain = [one.name for one in found if one.rank == 1 and one.dtype.kind in "iuf"]
    wide = dimensions_of([name for name in plain if name != labels])
    if wide and not any(one.rank == 2 and one.dtype.kind in "iuf" for one in found):
        name = common_name(wide)
        while name in arrays:
            name += "_"
        taken = set(wide)
        note = wide_note(wide, [name for name in arrays if name not in taken])
        found.append(_entry(where, name, np.stack([arrays[k] for k in wide], axis=1), note))
    return tuple(found)


def _settled(values: np.ndarray, where: str) -> np.ndarray:
    """Objects that are lists as a matrix, numbers (some missing) as floats; others as they are."""
    if values.dtype.kind != "O" or values.ndim != 1:
        return values
    known = {row: one for row, one in enumerate(values) if not is_missing(one)}
    if known and all(isinstance(one, list | tuple | np.ndarray) for one in known.values()):
        rows = {row: _settled(as_array(one, where), where) for row, one in known.items()}
        first, width = next((row, len(one)) for row, one in rows.items())
        for row, one in rows.items():
            if one.shape != (width,):
                why = f"row {row} is of shape {list(one.shape)}, but row {first} has {width} values"
                raise fail(where, why)
        missing = np.full(width, np.nan)
        return np.stack([rows.get(row, missing) for row in range(len(values))])
    if known and all(type(one) is not bool and isinstance(one, NUMBERS) for one in known.values()):
        return np.array([known.get(row, np.nan) for row in range(len(values))], np.float64)
    return values
