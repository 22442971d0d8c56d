"""Which rows of two spaces are compared: those that ids pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gramax.data.ids import NO_ID, matched
from gramax.errors import InputError
from gramax.streaming import Progress, Request, collect


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
    columns = [(one,) if isinstance(one, str) else () for one in (ids, ids_b)]
    kept = zip(requests, rows, columns, strict=True)
    return [replace(one, rows=at, beside=beside) for one, at, beside in kept], told
