"""Classes whose labels are integers: -1 is no class, the others count from 0 on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gramax.data.faults import fail

IGNORED = -1
"""The label and the code of a row that belongs to no class."""

TABLE = 1 << 16
"""Labels below this are looked up in a table; others are sorted and searched for."""


@dataclass(frozen=True, eq=False)
class NumberedClasses:
    """The classes of the labels `values`, `[c]` uint64 in ascending order."""

    values: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """The decimal texts of the labels."""
        return tuple(map(str, self.values.tolist()))

    def encode(self, where: str, start: int, labels: np.ndarray) -> np.ndarray:
        """The int32 codes of `labels`, which are the rows of `where` from `start` on."""
        values, ignored = whole_numbers(where, start, labels)
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
        if self.values[-1] >= TABLE:
            return None
        table = np.full(int(self.values[-1]) + 1, IGNORED, np.int32)
        table[self.values] = np.arange(len(self.values))
        return table


def distinct_numbers(where: str, start: int, labels: np.ndarray) -> list[int]:
    """The distinct labels of a chunk, but for -1."""
    values, ignored = whole_numbers(where, start, labels)
    values = values[~ignored]
    if len(values) and values.max() < TABLE:
        return np.flatnonzero(np.bincount(values.astype(np.intp))).tolist()
    return np.unique(values).tolist()


def whole_numbers(where: str, start: int, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
