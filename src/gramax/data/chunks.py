"""Where a matrix may be cut into pieces of rows, and how pieces become chunks of one size."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np


def group_cuts(bounds: Sequence[int], rows: int) -> list[int]:
    """The fewest of the ascending `bounds` that leave no more than `rows` rows between two.

    A group that has more by itself is a piece of its own.
    """
    cuts = [bounds[0]]
    for before, bound in pairwise(bounds):
        if bound - cuts[-1] > rows and before > cuts[-1]:
            cuts.append(before)
    return [*cuts, bounds[-1]]


def groups_within(bounds: Sequence[int], start: int, stop: int) -> range:
    """Which groups between ascending `bounds` (from 0 on) hold rows of `start` to `stop`."""
    return range(bisect_right(bounds, start) - 1, bisect_left(bounds, stop))


def trimmed(arrays: Iterable[Any], first: int, start: int, stop: int) -> Iterator[Any]:
    """The rows `start` to `stop` out of `arrays`, whose first row has the number `first`."""
    for array in arrays:
        if first >= stop:
            return
        wanted = array[max(start - first, 0) : max(stop - first, 0)]
        first += len(array)
        if len(wanted):
            yield wanted


def rechunk(arrays: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """`arrays` joined and cut into `size` rows each; only chunks that span two are copied.

    Example:
        >>> print([x.tolist() for x in rechunk([np.arange(3), np.arange(3, 5)], 2)])
        [[0, 1], [2, 3], [4]]
    """
    pending: list[np.ndarray] = []
    for array in arrays:
        missing = size - sum(map(len, pending))
        pending.append(array[:missing])
        if len(array) < missing:
            continue
        yield pending[0] if len(pending) == 1 else np.concatenate(pending)
        whole = missing + (len(array) - missing) // size * size
        for start in range(missing, whole, size):
            yield array[start : start + size]
        pending = [array[whole:]] if whole < len(array) else []
    if pending:
        yield np.concatenate(pending)


def numbered(arrays: Iterable[np.ndarray], start: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    """Each of the `arrays` with the number of its first row."""
    for array in arrays:
        yield start, array
        start += len(array)
