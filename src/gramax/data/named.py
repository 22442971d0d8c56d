"""Classes whose labels are texts or booleans; None, and NaN in its place, is no class."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gramax.data.faults import fail
from gramax.data.numbered import IGNORED
from gramax.data.text import distinct_names

MAX_LABEL = 4096
"""Characters; a longer text is a document, not a class, and many of them fill the memory."""

NEGATIVE = -2
"""Stands for the code of an integer label below -1, which is an error where it occurs."""

_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, eq=False)
class NamedClasses:
    """Classes called `names`, with the code of every text that labels a row."""

    names: tuple[str, ...]
    of_text: Mapping[str, int]

    @classmethod
    def of_texts(cls, texts: set[str]) -> NamedClasses:
        """A class for each of the `texts`, in alphabetical order."""
        order = sorted(texts)
        return cls(distinct_names(order), {text: code for code, text in enumerate(order)})

    @classmethod
    def of_integers(cls, texts: set[str]) -> NamedClasses | None:
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


def distinct_texts(where: str, start: int, labels: np.ndarray) -> set[str]:
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
