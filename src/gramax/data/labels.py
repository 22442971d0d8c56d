"""Where labels come from: an array beside the embeddings, a file of their own, or memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from gramax.data.classes import IGNORED, MAX_LABEL, Labels, encode
from gramax.data.files import fail
from gramax.data.formats import PICKLES, READERS, find, list_entries, listing
from gramax.data.lines import TextLines
from gramax.data.source import Entry, as_array

CHUNK = 1 << 14
"""Labels read at once, or fewer where each is a wide text."""

CHUNK_BYTES = 1 << 24


def read_labels(
    spec: str | os.PathLike[str], source_path: str | os.PathLike[str] | None, rows: int
) -> Labels:
    """The labels of the rows of an embeddings file.

    Integers (of any width, or whole floats) label classes from 0 on, and -1 leaves a row out;
    texts and booleans label classes by name, and null in parquet leaves a row out.

    Args:
        spec: the name of an array or column in the file at `source_path`, or the path of a file
            of labels: .npy, .npz, .safetensors, .parquet, or .txt with one label a line. Where
            such a file holds several arrays, `file::name` picks one.
        source_path: the file of embeddings; None where they come from memory.
        rows: the number of embeddings.

    Returns:
        Codes and class names, `Labels`.

    Raises:
        InputError: there is no such array or file, it is not one label a row, it has another
            length than the embeddings, or a label is no class (the message names its row).
        MissingExtraError: a parquet file, without pyarrow.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/y.npy", ["dog", "cat", "dog"])
        ...     labels = read_labels(f"{folder}/y.npy", None, 3)
        >>> print(labels.codes, labels.names)
        [1 0 1] ('cat', 'dog')
    """
    source = None if source_path is None else os.fspath(source_path)
    entry, where = _locate(os.fspath(spec), source)
    _check_dtype(entry, where)
    _check_shape(entry.shape, rows, where, source or "the embeddings")
    size = max(1, min(CHUNK, CHUNK_BYTES // entry.dtype.itemsize))
    return encode(entry.chunks(size), where, numbers_in_text=isinstance(entry, TextLines))


def labels_from_array(y: Any, rows: int, name: str = "labels") -> Labels:
    """The labels in an array or a sequence in memory, by the rules of `read_labels`.

    Args:
        y: `[n]` integers, whole floats, booleans or texts; None (in a list) leaves a row out.
        rows: the number of embeddings, n.
        name: what messages call it.

    Returns:
        Codes and class names, `Labels`.

    Raises:
        InputError: not one label a row, or a label is no class (the message names its row).

    Example:
        >>> labels = labels_from_array([3, -1, 7, 3], rows=4)
        >>> print(labels.codes, labels.names)
        [ 0 -1  1  0] ('3', '7')
    """
    array = as_array(y, name)
    _check_shape(array.shape, rows, name, "the embeddings")
    if array.dtype.kind in "US" and not isinstance(y, np.ndarray):
        array = np.array(list(y), dtype=object)  # a list of 1, "a", nan would be text throughout
    if array.dtype.kind in "OT":
        array = _integers_or_none(array.astype(object))
    elif not _fits(array.dtype):
        raise fail(name, f"labels must be integers or text; got {array.dtype.name}")
    return encode(iter([(0, array)]), name)


def _integers_or_none(values: np.ndarray) -> np.ndarray:
    """`values` as int64 with -1 for None, where it holds integers (not bool) and None alone."""
    kinds = set(map(type, values)) - {type(None)}
    integers = all(issubclass(kind, int | np.integer) and kind is not bool for kind in kinds)
    if not kinds or not integers:
        return values
    filled = [IGNORED if value is None else int(value) for value in values]
    return np.array(filled, np.int64) if max(map(abs, filled)) < 2**63 else values


def _locate(spec: str, source: str | None) -> tuple[Entry, str]:
    """The entry that `spec` means, and what messages call it."""
    inside = list_entries(source) if source is not None else ()
    entry = find(inside, spec)
    if entry is not None:
        return entry, f"{source}::{spec}"
    file, name = _split(spec)
    if not name and not _looks_like_a_path(file):
        named = listing([entry for entry in inside if entry.name])
        has = f"; {source} has {named}" if named else ""
        raise fail(spec, f"no such file{', nor such an array or column' if source else ''}{has}")
    entries = list_entries(file, labels=True)
    if not name:
        return _only(entries, file), file
    entry = find(entries, name)
    if entry is None:
        raise fail(file, f"has no array or column {name}; it has {listing(entries) or 'none'}")
    return entry, spec


def _split(spec: str) -> tuple[str, str]:
    """`file::name` as (file, name); the name is empty where `spec` is a file."""
    if "::" not in spec or os.path.exists(spec):
        return spec, ""
    file, _, name = spec.rpartition("::")
    return file, name


def _looks_like_a_path(spec: str) -> bool:
    known = (*READERS, *PICKLES, ".txt")
    return os.path.exists(spec) or os.sep in spec or spec.lower().endswith(known)


def _only(entries: Sequence[Entry], file: str) -> Entry:
    """The one array of `file` that can be labels."""
    fitting = [entry for entry in entries if entry.rank == 1 and _fits(entry.dtype)]
    if len(fitting) == 1:
        return fitting[0]
    if len(entries) == 1:  # the caller says what is wrong with it
        return entries[0]
    if fitting:
        pick = f"pick one with {file}::NAME"
        raise fail(file, f"has several arrays of labels: {listing(fitting)}; {pick}")
    raise fail(file, f"has no array of labels [n]; it has {listing(entries) or 'nothing'}")


def _fits(dtype: np.dtype) -> bool:
    return dtype.kind in "iubUST" or (dtype.kind == "f" and dtype.itemsize <= 8)


def _check_dtype(entry: Entry, where: str) -> None:
    if entry.dtype.kind == "O":
        advice = "save integers or fixed-width text (y.astype(str))"
        raise fail(where, f"holds Python objects (a pickle), which are not read; {advice}")
    if not _fits(entry.dtype):
        raise fail(where, f"labels must be integers or text; got {entry.text}")
    if entry.dtype.kind in "US" and not 0 < entry.dtype.itemsize <= 4 * MAX_LABEL:
        raise fail(where, f"labels of {entry.dtype.itemsize} bytes each are not class names")


def _check_shape(shape: tuple[int, ...], rows: int, where: str, source: str) -> None:
    if len(shape) != 1:
        raise fail(where, f"labels must be one a row, of shape [n]; got shape {list(shape)}")
    if shape[0] != rows:
        raise fail(where, f"{shape[0]} labels for the {rows} rows of {source}")
