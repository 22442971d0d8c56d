"""Number by number: the difference between two spaces, its error, and whether it is real."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from gramax.audits.thresholds import SURE
from gramax.comparison.results import Change, Kind, Side
from gramax.comparison.spaces import Space
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.uncertainty.errorbars import BlockMoments, jackknife, without_each
from gramax.uncertainty.errorbars.bars import EXTREMES, TOO_MANY, too_many
from gramax.uncertainty.rows import rows_without_each

Without = tuple[float, np.ndarray]
"""A number of all rows, and its values without each block of them."""

Left = Mapping[str, Without]
"""Such values by the name of the number."""

WHOLE_LINE, LEVEL = (-math.inf, math.inf), 0.95
"""A difference has no bounds; the level of an interval, of which only the error is used here."""

ROUNDING = 1e-12
"""A difference of this size is the rounding of two sums of the same rows."""

TOO_FEW = "too few rows for an error bar"


def without_each_of(space: Space, options: Options) -> Left:
    """Every number of a space, and without each of its blocks."""
    totals = space.collected.totals
    found = without_each(BlockMoments.of_parts(totals.blocks), options=options)
    c = totals.blocks[0].num_classes
    usable = {name: left for name, left in found.items() if not too_many(name, c)}
    report = space.report
    measured = {name: (one.value, one.reason) for name, one in report.numbers.items()}
    return usable | rows_without_each(totals.sample.rows, report.normalized, measured)


def changes_of(a: Side, b: Side, left: tuple[Left, Left], paired: bool) -> dict[str, Change]:
    """The change of every number that both sides have.

    Args:
        a: the first side.
        b: the second.
        left: of both, what `without_each_of` gives.
        paired: whether the blocks of both hold the same rows.
    """
    found = {}
    for name in (name for name in a.numbers if name in b.numbers):
        if all(name in side for side in left):
            error, reason = error_of(left[0][name], left[1][name], paired)
        else:
            error, reason = None, TOO_MANY if name in EXTREMES else TOO_FEW
        found[name] = change(name, a.numbers[name], b.numbers[name], error, reason)
    return found


def change(name: str, before: float, after: float, error: float | None, reason: str = "") -> Change:
    """The difference of one number, judged by its error."""
    undefined = [side for side, x in (("A", before), ("B", after)) if not math.isfinite(x)]
    if undefined:
        return Change(before, after, None, f"undefined in {' and '.join(undefined)}", "unknown")
    if error is None:
        return Change(before, after, None, reason, "unknown")
    difference = after - before
    kind: Kind = "same" if abs(difference) <= SURE * error else turn(name, difference)
    return Change(before, after, error, reason, kind)


def turn(name: str, difference: float) -> Kind:
    """What kind of change a difference is if it is real."""
    if abs(difference) < ROUNDING:
        return "same"
    direction = METRICS[name].direction if name in METRICS else "neither"
    if direction == "neither":
        return "changed"
    return "better" if (difference > 0) == (direction == "higher") else "worse"


def error_of(one: Without, other: Without, paired: bool) -> tuple[float | None, str]:
    """Standard error of a difference, or None and why there is none.

    Where the blocks hold the same rows, it is the error of the difference itself: what both spaces
    owe to the rows that were drawn cancels. Otherwise the variances of both sides add up.
    """
    (before, a), (after, b) = one, other
    if paired and len(a) == len(b):
        bar = jackknife(after - before, b - a, WHOLE_LINE, LEVEL)
        return bar.error, bar.reason
    bars = [jackknife(before, a, WHOLE_LINE, LEVEL), jackknife(after, b, WHOLE_LINE, LEVEL)]
    for bar in bars:
        if bar.error is None:
            return None, bar.reason
    return math.hypot(*(bar.error or 0.0 for bar in bars)), ""
