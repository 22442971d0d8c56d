"""Which class each label names: labels of any type become the codes 0, 1, 2, ...

Labels take two passes. The first collects the classes, in memory that grows with their number
alone; the second turns labels into codes, chunk by chunk, where and when the rows are read.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
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

TABLE_SIZE = 1 << 16
"""Labels below this are looked up in a table; others are sorted and searched for."""

NEGATIVE = -2
"""Stands for the code of an integer label below -1, which is an error where it occurs."""

_INTEGER = re.compile(r"[+-]?[0-9]+")

Located = Iterable[tuple[str, int, np.ndarray]]
"""Chunks of labels: what messages call the place, the number of the first row there, the rows."""


@dataclass(frozen=True, eq=False)
class IntegerClasses:
    """The classes of the labels `values`, `[c]` uint64 in ascending order."""

    values: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """The decimal texts of the labels."""
        return tuple(map(str, self.values.tolist()))

    def encode(self, where: str, start: int, labels: np.ndarray) -> np.ndarray:
        """The int32 codes of `labels`, which are the rows of `where` from `start` on."""
        values, ignored = _whole_numbers(where, start, labels)
        codes = self._codes(np.where(ignored, self.values[0], values))
        if (codes == IGNORED).any():
            raise fail(where, "has labels it did not have before; it changed while it was read")
        codes[ignored] = IGNORED
        return codes

    def _codes(self, values: np.ndarray) -> np.ndarray:
        table, last = self._table, len(self.values) - 1
        if table is not None:
            codes = table[np.minimum(values, len(table) - 1)]
            codes[values >= len(table)] = IGNORED
            return codes
        at = np.minimum(np.searchsorted(self.values, values), last)
        return np.where(self.values[at] == values, at, IGNORED).astype(np.int32)

    @cached_property
    def _table(self) -> np.ndarray | None:
        """The code of every integer up to the largest label."""
        if self.values[-1] >= TABLE_SIZE:
            return None
        table = np.full(int(self.values[-1]) + 1, IGNORED, np.int32)
        table[self.values] = np.arange(len(self.values))
        return table


def _distinct_numbers(where: str, start: int, labels: np.ndarray) -> list[int]:
    """The distinct labels of a chunk, but for -1."""
    values, ignored = _whole_numbers(where, start, labels)
    values = values[~ignored]
    if len(values) and values.max() < TABLE_SIZE:
        return np.flatnonzero(np.bincount(values.astype(np.intp))).tolist()
    return np.unique(values).tolist()


def _whole_numbers(where: str, start: int, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels of any integer or float dtype as uint64, and which rows are labelled -1."""
    if labels.dtype.kind == "f":
        wide = labels.astype(np.float64)
        whole = np.isfinite(wide) & (wide == np.floor(wide)) & (np.abs(wide) < 2**63)
        _check_all(whole, wide, "is not a whole number", where, start)
        labels = wide.astype(np.int64)
    if labels.dtype.kind == "u":
        return labels.astype(np.uint64, copy=False), np.zeros(len(labels), bool)
    _check_all(labels >= IGNORED, labels, "is negative", where, start)
    return labels.astype(np.uint64), labels == IGNORED


def _check_all(good: np.ndarray, labels: np.ndarray, what: str, where: str, start: int) -> None:
    if not good.all():
        at = int(np.argmin(good))
        raise fail(where, f"row {start + at}: label {labels[at]} {what}; -1 leaves a row out")


@dataclass(frozen=True, eq=False)
class TextClasses:
    """Classes called `names`, with the code of every text that labels a row."""

    names: tuple[str, ...]
    of_text: Mapping[str, int]

    @classmethod
    def of_texts(cls, texts: set[str]) -> TextClasses:
        """A class for each of the `texts`, in alphabetical order."""
        order = sorted(texts)
        return cls(distinct_names(order), {text: code for code, text in enumerate(order)})

    @classmethod
    def of_integers(cls, texts: set[str]) -> TextClasses | None:
        """A class for each of the integers that the `texts` spell; None where one is no integer."""
        if not all(map(_INTEGER.fullmatch, texts)):
            return None
        value = {text: int(text) for text in texts}
        if not all(abs(number) < 2**63 for number in value.values()):
            return None
        order = sorted({number for number in value.values() if number >= 0})
        code = {number: at for at, number in enumerate(order)} | {IGNORED: IGNORED}
        of_text = {text: code.get(number, NEGATIVE) for text, number in value.items()}
        return cls(tuple(map(str, order)), of_text)

    @cached_property
    def _of_value(self) -> dict[Any, int]:
        """The codes of values met so far: str and bytes of the same text share one."""
        return {None: IGNORED}

    def encode(self, where: str, start: int, labels: np.ndarray) -> np.ndarray:
        """The int32 codes of `labels`, which are the rows of `where` from `start` on."""
        values, known = _values(where, start, labels), self._of_value
        for value in set(values).difference(known):
            code = self.of_text.get(_text(value))
            if code is None:
                raise fail(where, "has labels it did not have before; it changed while it was read")
            known[value] = code
        codes = np.fromiter(map(known.__getitem__, values), np.int32, len(values))
        if NEGATIVE in codes:
            at = int(np.argmax(codes == NEGATIVE))
            why = f"label {values[at]} is negative; -1 leaves a row out"
            raise fail(where, f"row {start + at}: {why}")
        return codes


def _distinct_texts(where: str, start: int, labels: np.ndarray) -> set[str]:
    """The distinct labels of a chunk as texts."""
    values, texts = _values(where, start, labels), set()
    for value in set(values) - {None}:
        text = _text(value)
        if len(text) > MAX_LABEL:
            row, length = start + values.index(value), len(text)
            raise fail(where, f"row {row}: a label of {length} characters is no class name")
        texts.add(text)
    return texts


def _values(where: str, start: int, labels: np.ndarray) -> list[Any]:
    """Texts, booleans and None; the NaN that stands for a missing text in pandas becomes None."""
    if labels.dtype.kind == "U" and _beyond_unicode(labels):
        raise fail(where, f"has text that is no Unicode in rows {start} to {start + len(labels)}")
    values = labels.tolist()
    odd = set(map(type, values)) - {str, np.str_, bytes, bool, np.bool_, type(None)}
    if not odd:
        return values
    for row, value in enumerate(values, start):
        if type(value) in odd and not (isinstance(value, float) and value != value):
            raise fail(where, f"row {row}: a label of type {type(value).__name__} is not a text")
    return [None if isinstance(value, float) else value for value in values]


def _beyond_unicode(labels: np.ndarray) -> bool:
    """Whether fixed-width text (UTF-32) holds numbers that are no characters.

    NumPy makes a broken str of these, which crashes the interpreter sooner or later.
    """
    points = np.ascontiguousarray(labels).view(
        np.dtype(np.uint32).newbyteorder(labels.dtype.byteorder)
    )
    return bool(points.size and points.max() > sys.maxunicode)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return str(value)


Classes = IntegerClasses | TextClasses
"""The classes that labels of one kind name: their `names`, and `encode` from labels to codes."""


def collect(
    chunks: Located, where: str, *, most: int | None = MAX_CLASSES, numbers_in_text: bool = False
) -> Classes:
    """The classes that occur in all `chunks` of labels.

    Args:
        chunks: integers, floats, booleans, fixed-width text, or objects that are texts or None.
        where: what messages call the labels as a whole.
        most: the number of distinct labels that is an error to exceed.
        numbers_in_text: texts that are all integers are integers.
    """
    kinds: set[bool] = set()
    found: set = set()
    for at, start, chunk in chunks:
        kinds.add(chunk.dtype.kind in "iuf")
        if len(kinds) > 1:
            raise fail(at, f"labels are all numbers or all texts; got {chunk.dtype.name} as well")
        distinct = _distinct_numbers if True in kinds else _distinct_texts
        found.update(distinct(at, start, chunk))
        if most is not None and len(found) > most:
            raise fail(at, f"has more than {most} different labels; they should name classes")
    classes = TextClasses.of_integers(found) if numbers_in_text else None
    if found and True in kinds:
        classes = IntegerClasses(np.array(sorted(found), np.uint64))
    classes = classes or TextClasses.of_texts(found)
    if not classes.names:
        raise fail(where, "labels no row: each is -1 or null")
    return classes
