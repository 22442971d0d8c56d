"""Which rows of two spaces are compared: those that ids pair, or as many of either.

Numbers of few rows are biased: spectra look narrower, and classes look tighter. Of two draws of one
space, one of 4,000 rows and one of 1,000, most numbers would differ for that alone. So the larger
one is thinned to as many rows. Where the rows are too many to be kept, numbers are held together
without their bias instead, which the jackknife knows well where rows are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gramax._shapes import Int
from gramax.data import ArraySource, Labels
from gramax.data.ids import NO_ID, matched
from gramax.data.labels import HeldLabels
from gramax.errors import InputError
from gramax.moments.blocks import random_parts
from gramax.streaming import Classes, Collected, Progress, Request, accumulate, collect

NEARLY = 1.01
"""Numbers of rows up to this factor apart are as good as equal."""


def at_equal_size(spaces: Sequence[Collected]) -> tuple[list[Collected], str, bool]:
    """The two spaces with as many rows; what to say of it; whether bias is to be taken out."""
    counts = [round(sum(float(part.total) for part in one.totals.blocks)) for one in spaces]
    n, larger = min(counts), int(np.argmax(counts))
    found, note, unbiased = list(spaces), "", False
    if counts[larger] > NEARLY * n:
        unbiased = len(spaces[larger].totals.sample.rows) < n
        if unbiased:
            note = f"{counts[0]:,} and {counts[1]:,} rows: numbers are told without their bias"
        else:
            a, b = "AB" if larger == 0 else "BA"
            found[larger] = thinned(spaces[larger], n)
            all_of = f"its {counts[larger]:,} rows"
            note = f"{a} is taken at {n:,} of {all_of}, as many as {b} has: few rows are biased"
    sampled = [len(one.totals.sample.rows) for one in found]
    most = int(np.argmax(sampled))
    if sampled[most] > NEARLY * min(sampled):
        sample = found[most].totals.sample
        some = sample.at(_random(sampled[most], min(sampled), None))
        found[most] = replace(found[most], totals=replace(found[most].totals, samples=(some,)))
    return found, note, unbiased


def thinned(space: Collected, n: int) -> Collected:
    """The space with n random rows of those that it kept: whole groups of them but for the last."""
    sample, blocks = space.totals.sample, space.totals.blocks
    groups = sample.groups if space.groups else None
    some = sample.at(_random(len(sample.rows), n, groups))
    numbers = tuple(map(str, range(space.groups)))
    classes = Classes(
        space.names,
        space.labelled,
        Labels(space.names, HeldLabels(some.labels)),
        Labels(numbers, HeldLabels(some.groups)) if space.groups else None,
    )
    source = ArraySource(some.rows, space.name)
    totals = accumulate(source, classes, len(blocks), blocks[0].normalize)
    return replace(space, totals=replace(totals, left_out=space.totals.left_out))


def _random(rows: int, n: int, groups: Int[np.ndarray, " m"] | None) -> Int[np.ndarray, " n"]:
    return np.sort(np.concatenate(random_parts(rows, 1, n, groups)))


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
