"""Tables with one column a dimension: which columns these are, and their name together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gramax._text import cut, visible

BESIDE = (
    "", "unnamed: 0", "id", "ids", "_id", "index", "idx", "row", "key", "uuid", "label", "labels",
    "class", "classes", "category", "target", "y", "cluster", "group", "split", "fold", "species",
)  # fmt: skip
"""Columns of numbers that are no dimension where they are called so, in small letters."""

_NUMBERED = re.compile(r"(.*?)([0-9]+)")


def common_name(columns: Sequence[str]) -> str:
    """What columns are called together: `dim` for dim_0, dim_1 and so on, or `columns`."""
    found = {match and match[1] for match in map(_NUMBERED.fullmatch, columns)}
    return ((found.pop() or "").rstrip("_-. []") if len(found) == 1 else "") or "columns"


def wide_note(columns: Sequence[str], beside: Sequence[str]) -> str:
    """Which columns were taken for dimensions, and which were not."""
    note = f"is read from {len(columns)} columns, {cut(columns[0], 40)} to {cut(columns[-1], 40)}"
    if len(columns) == 1:
        note = f"is read from one column, {cut(columns[0], 40)}"
    if not beside:
        return visible(note)
    more = f" and {len(beside) - 4} more" if len(beside) > 4 else ""
    named = ", ".join(cut(one, 40) or "one without a name" for one in beside[:4])
    return visible(f"{note}; beside it: {named}{more}")


def numbered(names: Sequence[str], least: int = 2) -> list[str]:
    """The largest group of names that count from 0 or 1 (dim_0, dim_1, ...), in that order.

    Example:
        >>> print(numbered(["id", "dim_1", "dim_0", "dim_2", "note"]))
        ['dim_0', 'dim_1', 'dim_2']
    """
    groups: dict[str, dict[int, str]] = {}
    for name in names:
        if (match := _NUMBERED.fullmatch(name)) and len(match[2]) < 9:
            groups.setdefault(match[1], {})[int(match[2])] = name
    best: list[str] = []
    for group in groups.values():
        first = min(group)
        counts = first <= 1 and sorted(group) == list(range(first, first + len(group)))
        if counts and len(group) >= least and len(group) > len(best):
            best = [group[k] for k in sorted(group)]
    return best


def dimensions_of(numbers: Sequence[str]) -> list[str]:
    """Of columns of `numbers` those that are dimensions: numbered ones, or all not called else.

    Example:
        >>> print(dimensions_of(["id", "height", "width"]))
        ['height', 'width']
    """
    free = [name for name in numbers if name.strip().lower() not in BESIDE]
    return numbered(free) or free
