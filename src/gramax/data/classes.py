"""The class of every row: codes beside the rows, and names that are safe to show.

Labels take two passes. The first collects the classes, in memory that grows with their number
alone; the second turns labels into codes, chunk by chunk, where and when the rows are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gramax.data.checks import check_size
from gramax.data.faults import fail
from gramax.data.named import NamedClasses, distinct_texts
from gramax.data.numbered import NumberedClasses, distinct_numbers

MAX_CLASSES = 1_000_000
"""Distinct labels beyond which they are taken for a mistake, such as the column of row ids."""

Located = Iterable[tuple[str, int, np.ndarray]]
"""Chunks of labels: what messages call the place, the number of the first row there, the rows."""


class Classes(Protocol):
    """The classes that labels of one kind name."""

    @property
    def names(self) -> tuple[str, ...]:
        """Distinct, and safe to show."""
        ...

    def encode(self, where: str, start: int, labels: np.ndarray) -> np.ndarray:
        """The int32 codes of `labels`, which are the rows of `where` from `start` on."""
        ...


class LabelPart(Protocol):
    """The class codes of consecutive rows; picklable, without an open file."""

    @property
    def rows(self) -> int:
        """The number of rows."""
        ...

    def part(self, start: int, stop: int) -> LabelPart:
        """The rows `start` to `stop`, counted from its own first row."""
        ...

    def chunks(self, size: int) -> Iterator[np.ndarray]:
        """The codes in pieces of `size` rows, int32; the last may be shorter."""
        ...


@dataclass(frozen=True, eq=False)
class HeldLabels:
    """A `LabelPart` in memory, `[n]` of any integer dtype."""

    array: np.ndarray

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.array)

    def part(self, start: int, stop: int) -> HeldLabels:
        """The rows `start` to `stop`."""
        return HeldLabels(self.array[start:stop])

    def chunks(self, size: int) -> Iterator[np.ndarray]:
        """The codes in pieces of `size` rows, int32."""
        for start in range(0, self.rows, check_size(size)):
            yield self.array[start : start + size].astype(np.int32)


@dataclass(frozen=True, eq=False)
class Labels:
    """The class of every row of a source.

    Attributes:
        names: the c names, distinct, of at most 80 printable characters: the decimal text of
            integer labels in ascending order, or the texts in alphabetical order.
        whole: the codes, 0..c-1, or -1 for a row to leave out; every class occurs.
    """

    names: tuple[str, ...]
    whole: LabelPart

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.whole.rows

    def part(self, start: int, stop: int) -> LabelPart:
        """The codes of the rows `start` to `stop`: those of a `Fragment`, say.

        Example:
            >>> labels = Labels(("cat", "dog"), HeldLabels(np.array([0, 1, 1, -1, 0], np.int8)))
            >>> print([codes.tolist() for codes in labels.part(1, 5).chunks(3)])
            [[1, 1, -1], [0]]
        """
        return self.whole.part(start, stop)

    @property
    def codes(self) -> np.ndarray:
        """All codes as one array, `[n]` int32: for as many rows as fit in memory."""
        return np.concatenate(list(self.whole.chunks(max(1, self.rows))))


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
        distinct = distinct_numbers if True in kinds else distinct_texts
        found.update(distinct(at, start, chunk))
        if most is not None and len(found) > most:
            raise fail(at, f"has more than {most} different labels; they should name classes")
    classes = NamedClasses.of_integers(found) if numbers_in_text else None
    if found and True in kinds:
        classes = NumberedClasses(np.array(sorted(found), np.uint64))
    classes = classes or NamedClasses.of_texts(found)
    if not classes.names:
        raise fail(where, "labels no row: each is -1 or null")
    return classes


def held(classes: Classes, chunks: Located) -> Labels:
    """The codes of all `chunks` in the smallest dtype that holds them."""
    dtype = np.min_scalar_type(-len(classes.names))
    codes = [classes.encode(*chunk).astype(dtype) for chunk in chunks]
    return Labels(classes.names, HeldLabels(np.concatenate(codes)))
