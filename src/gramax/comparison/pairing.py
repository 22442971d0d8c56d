"""Which rows of two spaces are compared: those that ids pair, or as many of one as of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gramax.data.ids import NO_ID, matched
from gramax.errors import InputError
from gramax.streaming import Collected, Progress, Request, collect

MAX_DRAWN_BYTES = 1 << 30
"""Of rows that are drawn into memory."""


def by_ids(
    requests: Sequence[Request], ids: Any, ids_b: Any, progress: Progress | None
) -> tuple[list[Request], str]:
    """Requests for the rows that both sides have, in the order of the first; and what to say.

    Raises:
        InputError: the rows are codes, an id is not one row's alone, or none is in both.
    """
    if any(request.codes for request in requests):
        raise InputError("--id pairs rows; codes are paired by their names: give --labels instead")
    found = []
    for request, given in zip(requests, (ids, ids_b), strict=True):
        how = replace(request.execution, checkpoint=None)
        asked = replace(request, ids=given, labels=None, execution=how)
        found.append(collect(asked, progress))
    a, b = (one.totals.sample.numbers for one in found)
    rows = matched(a, b, (found[0].name, found[1].name))
    told = f"{len(rows[0]):,} ids are in both"
    for letter, numbers in (("A", a), ("B", b)):
        if others := len(numbers) - len(rows[0]):
            without = np.count_nonzero(numbers == NO_ID)
            told += f"; {others:,} of {letter} are left out"
            told += f" ({without:,} have no id)" if without else ""
    return [replace(one, rows=at) for one, at in zip(requests, rows, strict=True)], told


def alike_in_number(
    requests: Sequence[Request], spaces: Sequence[Collected], progress: Progress | None
) -> tuple[list[Collected], str]:
    """The spaces, with as many rows drawn of the larger as the smaller has; and what to say.

    Effective rank, neighbours and hubs grow or shrink with the number of rows: of one and the same
    cloud they differ between 5,000 and 300 rows by many standard errors.
    """
    sizes = [one.rows for one in spaces]
    few, many = min(sizes), max(sizes)
    if few == many or any(request.codes for request in requests):
        return list(spaces), ""
    k = sizes.index(many)
    why = "ranks and neighbours depend on the number of rows"
    if few * spaces[k].dim * spaces[k].totals.sample.rows.itemsize > MAX_DRAWN_BYTES:
        return list(spaces), f"{why}, and too many are to be drawn to compare as many of both"
    rows = np.sort(np.random.default_rng(0).choice(many, few, replace=False))
    if (before := requests[k].rows) is not None:
        rows = before[rows]
    how = replace(requests[k].execution, checkpoint=None)
    drawn = collect(replace(requests[k], rows=rows, execution=how), progress)
    told = f"{'AB'[k]}: {few:,} of {many:,} rows, drawn at random, as many as the other has: {why}"
    return [drawn if i == k else one for i, one in enumerate(spaces)], told
