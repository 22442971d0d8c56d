"""Which class each label names: labels of any type become the codes 0, 1, 2, ...

Labels take two passes. The first collects the classes, in memory that grows with their number
alone; the second turns labels into codes, chunk by chunk, where and when the rows are read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gramax._text import distinct_names
from gramax.data.checks import fail

IGNORED = -1
"""The label and the code of a row that belongs to no class."""

MAX_CLASSES = 1_000_000
"""More distinct labels are taken for a mistake, such as the column of row ids."""

MAX_LABEL = 4096
"""Characters; a longer text is a document, not a class, and many of them fill the memory."""

Located = Iterable[tuple[str, int, np.ndarray]]
"""Chunks of labels: what messages call the place, the number of the first row there, the rows."""


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes that labels of one kind name.

    Attributes:
        names: of the classes, c of them.
        numbers: `[c]` uint64 in ascending order, the labels; None where they are texts.
        texts: the code of every text that labels a row.
    """

    names: tuple[str, ...]
    numbers: np.ndarray | None = None
    texts: Mapping[str, int] = field(default_factory=dict)

    def encode(self, where: str, start: int, labels: np.ndarray) -> np.ndarray:
        """The int32 codes of `labels`, which are the rows of `where` from `start` on."""
        if self.numbers is not None and _is_numeric(labels):
            values, ignored = _whole_numbers(where, start, labels)
            at = np.minimum(np.searchsorted(self.numbers, values), len(self.names) - 1)
            if ((self.numbers[at] == values) | ignored).all():
                return np.where(ignored, IGNORED, at).astype(np.int32)
        elif self.numbers is None:
            values = _texts(where, start, labels)
            codes = {value: self.texts.get(_text(value)) for value in set(values)}
            codes[None] = IGNORED
            if None not in codes.values():
                return np.fromiter(map(codes.__getitem__, values), np.int32, len(values))
        raise fail(where, "has labels it did not have before; it changed while it was read")


def collect(chunks: Located, where: str, *, most: int | None = MAX_CLASSES) -> Classes:
    """The classes that occur in all `chunks` of labels.

    Args:
        chunks: integers, floats, booleans, fixed-width text, or objects that are texts or None.
        where: what messages call the labels as a whole.
        most: the number of distinct labels that is an error to exceed.
    """
    kinds: set[bool] = set()
    found: set = set()
    for at, start, chunk in chunks:
        kinds.add(_is_numeric(chunk))
        if len(kinds) > 1:
            raise fail(at, f"labels are all numbers or all texts; got {chunk.dtype.name} as well")
        distinct = _distinct_numbers if True in kinds else _distinct_texts
        found.update(distinct(at, start, chunk))
        if most is not None and len(found) > most:
            raise fail(at, f"has more than {most} different labels; they should name classes")
    if not found:
        raise fail(where, "labels no row: each is -1 or null")
    order = sorted(found)
    if True in kinds:
        return Classes(tuple(map(str, order)), np.array(order, np.uint64))
    return Classes(distinct_names(order), None, {text: code for code, text in enumerate(order)})


def _is_numeric(labels: np.ndarray) -> bool:
    return labels.dtype.kind in "iuf"


def _distinct_numbers(where: str, start: int, labels: np.ndarray) -> list[int]:
    """The distinct labels of a chunk, but for -1."""
    values, ignored = _whole_numbers(where, start, labels)
    return np.unique(values[~ignored]).tolist()


def _whole_numbers(where: str, start: int, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels of any integer or float dtype as uint64, and which rows are labelled -1."""
    good, what = labels >= IGNORED, "is negative"
    if labels.dtype.kind == "f":
        wide = labels.astype(np.float64)
        whole = np.isfinite(wide) & (wide == np.floor(wide)) & (np.abs(wide) < 2**63)
        if not whole.all():
            good, what = whole, "is not a whole number"
        labels = wide
    if not good.all():
        at = int(np.argmin(good))
        raise fail(where, f"row {start + at}: label {labels[at]} {what}; -1 leaves a row out")
    ignored = labels == IGNORED
    return np.where(ignored, 0, labels).astype(np.uint64), ignored


def _distinct_texts(where: str, start: int, labels: np.ndarray) -> set[str]:
    """The distinct labels of a chunk as texts."""
    values, texts = _texts(where, start, labels), set()
    for value in set(values) - {None}:
        text = _text(value)
        if len(text) > MAX_LABEL:
            row, length = start + values.index(value), len(text)
            raise fail(where, f"row {row}: a label of {length} characters is no class name")
        texts.add(text)
    return texts


def _texts(where: str, start: int, labels: np.ndarray) -> list[Any]:
    """Texts, booleans and None; the NaN that stands for a missing text in pandas becomes None."""
    if labels.dtype.kind == "U":  # UTF-32
        # NumPy makes a broken str of numbers that are no characters, which crashes the
        # interpreter sooner or later.
        numbers = np.dtype(np.uint32).newbyteorder(labels.dtype.byteorder)
        if np.ascontiguousarray(labels).view(numbers).max(initial=0) > sys.maxunicode:
            stop = start + len(labels)
            raise fail(where, f"has text that is no Unicode in rows {start} to {stop}")
    values = labels.tolist()
    odd = set(map(type, values)) - {str, np.str_, bytes, bool, np.bool_, type(None)}
    if not odd:
        return values
    for row, value in enumerate(values, start):
        if type(value) in odd and not (isinstance(value, float) and value != value):
            raise fail(where, f"row {row}: a label of type {type(value).__name__} is not a text")
    return [None if isinstance(value, float) else value for value in values]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return str(value)
