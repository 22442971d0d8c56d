"""From the labels of rows to classes: compact codes, and names that are safe to show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from gramax.data.files import fail
from gramax.data.source import Chunks
from gramax.data.text import distinct_names

IGNORED = -1
"""The label and the code of a row that belongs to no class."""

MAX_LABEL = 4096
"""Characters; a longer text is a document, not a class, and many of them fill the memory."""

_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, eq=False)
class Labels:
    """The class of every row.

    Attributes:
        codes: `[n]` int32 in 0..c-1, or -1 for a row to leave out; every class occurs.
        names: the c names, distinct, of at most 80 printable characters: the decimal text of
            integer labels in ascending order, or the texts in alphabetical order.
    """

    codes: np.ndarray
    names: tuple[str, ...]


def encode(chunks: Chunks, where: str, *, numbers_in_text: bool = False) -> Labels:
    """The classes of a whole array of labels, given in chunks of at least one row together.

    Args:
        chunks: integers, floats, booleans, fixed-width text, or objects that are texts or None.
        where: what messages call the labels.
        numbers_in_text: texts that are all integers are integers.
    """
    start, first = next(chunks)
    whole = chain([(start, first)], chunks)
    if first.dtype.kind in "iuf":
        return _from_numbers(np.concatenate([chunk for _, chunk in whole]), where)
    codes, texts = _index(whole, where)
    numbers = _as_integers(texts) if numbers_in_text else None
    if numbers is not None:
        return _from_numbers(numbers[codes], where)
    order = sorted(range(len(texts)), key=texts.__getitem__)
    rank = np.full(len(texts) + 1, IGNORED, np.int32)  # the last one serves code -1
    rank[order] = np.arange(len(texts), dtype=np.int32)
    return _labels(rank[codes], [texts[i] for i in order], where)


def _from_numbers(numbers: np.ndarray, where: str) -> Labels:
    if numbers.dtype.kind == "f":
        wide = numbers.astype(np.float64)
        whole = np.isfinite(wide) & (wide == np.floor(wide)) & (np.abs(wide) < 2**63)
        _check_all(whole, wide, "is not a whole number", where)
        numbers = wide.astype(np.int64)
    _check_all(numbers >= IGNORED, numbers, "is negative", where)
    values, codes = np.unique(numbers, return_inverse=True)
    ignored = int(IGNORED in values[:1])
    return _labels(codes - ignored, [str(value) for value in values[ignored:].tolist()], where)


def _check_all(good: np.ndarray, values: np.ndarray, what: str, where: str) -> None:
    if not good.all():
        row = int(np.argmin(good))
        raise fail(where, f"row {row}: label {values[row]} {what}; -1 leaves a row out")


def _labels(codes: np.ndarray, texts: Sequence[str], where: str) -> Labels:
    if not texts:
        raise fail(where, "labels no row: each is -1 or null")
    return Labels(codes.astype(np.int32, copy=False), distinct_names(texts))


def _index(chunks: Chunks, where: str) -> tuple[np.ndarray, list[str]]:
    """A code a row, and the distinct texts in the order of their codes; -1 for no label."""
    of_text: dict[str, int] = {}
    of_value: dict[Any, int] = {}  # str and bytes of the same text share a code
    codes = []
    for start, chunk in chunks:
        values = chunk.tolist()
        _check_texts(values, start, where)
        for value in set(values).difference(of_value):
            text = _text(value)
            if text is not None and len(text) > MAX_LABEL:
                row, length = start + values.index(value), len(text)
                raise fail(where, f"row {row}: a label of {length} characters is no class name")
            of_value[value] = IGNORED if text is None else of_text.setdefault(text, len(of_text))
        codes.append(np.fromiter(map(of_value.__getitem__, values), np.int64, len(values)))
    return np.concatenate(codes), list(of_text)


def _check_texts(values: list[Any], start: int, where: str) -> None:
    """Only texts, booleans, None, and the NaN that stands for a missing text in pandas."""
    odd = set(map(type, values)) - {str, np.str_, bytes, bool, np.bool_, type(None)}
    if not odd:
        return
    for row, value in enumerate(values, start):
        if type(value) in odd and not (isinstance(value, float) and value != value):
            raise fail(where, f"row {row}: a label of type {type(value).__name__} is not a text")


def _text(value: Any) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return str(value)


def _as_integers(texts: Sequence[str]) -> np.ndarray | None:
    """`texts` as int64, or None where one is no integer or too long for one."""
    if not all(map(_INTEGER.fullmatch, texts)):
        return None
    try:
        return np.array([int(text) for text in texts], np.int64)
    except OverflowError:
        return None
