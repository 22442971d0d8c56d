"""Ids of rows, by which two sources of the same samples are paired; and rows taken by number.

An id is a number or a text, from a column, a file or memory, as labels are. It is known by 63 bits
of a hash of its text: of a million ids, two get one number in one of ten million cases.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np

from gramax._shapes import Int
from gramax.data.checks import as_array, check_finite, fail
from gramax.data.labels import (
    HeldLabels,
    Labels,
    Located,
    _beside,
    _chunks_of,
    _is_missing,
    _of_their_own,
    _text,
)
from gramax.data.memory import ArraySource
from gramax.data.paths import addresses
from gramax.data.source import FileSource, Source
from gramax.errors import InputError

NO_ID = -1
"""The number of a row whose id is missing."""

CHUNK_BYTES = 1 << 24
"""Of the rows that are looked at at once."""


def read_ids(given: Any, source: Source) -> Int[np.ndarray, " n"]:
    """A number for the id of every row, the same for the same text; -1 where it is missing.

    Args:
        given: the name of a column, a file of ids, or an array or list, one a row.
        source: the rows.

    Raises:
        InputError: there is no such column, or it is not one id a row.
    """
    where, chunks = _located(given, source)
    found = np.array([_number(one) for _, _, part in chunks for one in part.tolist()], np.int64)
    if len(found) != source.rows:
        raise fail(where, f"{len(found)} ids for the {source.rows} rows of {source.name}")
    return found


def _located(given: Any, source: Source) -> tuple[str, Located]:
    if not isinstance(given, str | os.PathLike):
        array = as_array(given, "ids")
        if array.ndim != 1:
            raise fail("ids", f"must be one a row, of shape [n]; got shape {list(array.shape)}")
        return "ids", [("ids", 0, array)]
    files, written = source if isinstance(source, FileSource) else None, addresses(given)
    return str(given), _chunks_of(_beside(written, files) or _of_their_own(written, files))


def _number(one: Any) -> int:
    if _is_missing(one):
        return NO_ID
    text = str(int(one)) if isinstance(one, float) and one.is_integer() else _text(one)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def matched(
    a: Int[np.ndarray, " n"], b: Int[np.ndarray, " m"], names: tuple[str, str]
) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """The rows of both that have one id, in the order of the first.

    Raises:
        InputError: two rows of one side have one id, or no id is in both.

    Example:
        >>> print(*matched(np.array([7, 5, -1, 9]), np.array([9, 7, 7 + 1]), ("A", "B")))
        [0 3] [1 0]
    """
    for ids, name in zip((a, b), names, strict=True):
        known = np.flatnonzero(ids != NO_ID)
        order = known[np.argsort(ids[known], kind="stable")]
        twice = np.flatnonzero(np.diff(ids[order]) == 0)
        if len(twice):
            first, second = order[twice[0]], order[twice[0] + 1]
            why = f"rows {first} and {second} have the same id ({len(twice):,} such rows)"
            raise InputError(f"{name}: {why}; rows are paired by ids that no other row has")
    shared, in_a, in_b = np.intersect1d(a, b, assume_unique=False, return_indices=True)
    order = np.argsort(in_a[shared != NO_ID], kind="stable")
    if not len(order):
        raise InputError(f"no id of {names[0]} is in {names[1]}: name the columns that match")
    return in_a[shared != NO_ID][order], in_b[shared != NO_ID][order]


def taken(source: Source, rows: Int[np.ndarray, " m"], skip_bad: bool = False) -> Source:
    """These rows of a source, in this order, in memory.

    Raises:
        InputError: a row is not finite (it is named as its file has it), unless with `skip_bad`.
    """
    found = np.empty((len(rows), source.dim), source.dtype)
    order = np.argsort(rows, kind="stable")
    sorted_rows = rows[order]
    size = max(1, CHUNK_BYTES // (source.dim * source.dtype.itemsize))
    for fragment in source.fragments(size):
        for start, chunk in fragment.chunks(size):
            low, high = np.searchsorted(sorted_rows, [start, start + len(chunk)])
            if low < high:
                at = sorted_rows[low:high] - start
                found[order[low:high]] = chunk[at]
                for row in [] if skip_bad else at[~np.isfinite(chunk[at]).all(axis=1)]:
                    number = start + row - fragment.start + fragment.first
                    check_finite(chunk[row : row + 1], number, fragment.file)
    return ArraySource(found, source.name)


def labels_taken(labels: Labels, rows: Int[np.ndarray, " m"]) -> Labels:
    """The labels of these rows, with the classes that they have."""
    codes = labels.codes[rows]
    known = np.unique(codes[codes >= 0])
    if not len(known):
        raise InputError("the labels of the rows that are paired are all -1 or missing")
    codes = np.where(codes < 0, codes, np.searchsorted(known, codes)).astype(np.int32)
    return Labels(tuple(labels.names[k] for k in known), HeldLabels(codes))
