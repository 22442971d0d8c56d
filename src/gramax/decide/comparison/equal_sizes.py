"""Spaces of unequal numbers of rows, brought to as many.

Numbers of few rows are biased: spectra look narrower, and classes look tighter. Of two draws of one
space, one of 4,000 rows and one of 1,000, most numbers would differ for that alone. So the larger
one is thinned to as many rows. Where the rows are too many to be kept, numbers are held together
without their bias instead, which the jackknife knows well where rows are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gramax._shapes import Int
from gramax.data import ArraySource, Labels
from gramax.data.labels import HeldLabels
from gramax.moments.blocks import random_parts
from gramax.streaming import Classes, Collected, accumulate

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
