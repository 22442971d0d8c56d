"""Number by number: the difference, its error, and whether it is real."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from gramax.audits.facts import SURE
from gramax.comparison.results import Change, Kind, Side
from gramax.comparison.spaces import Space
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.uncertainty.errorbars import BlockMoments, jackknife, without_each
from gramax.uncertainty.errorbars.bars import EXTREMES, TOO_MANY, too_many
from gramax.uncertainty.rows import rows_without_each

Without = tuple[float, np.ndarray]
"""A number of all rows, and without each block."""

Left = Mapping[str, Without]

LINE, LEVEL = (-math.inf, math.inf), 0.95
STILL = 1e-12
"""A difference of this size is the rounding of two sums of the same rows."""
TOO_FEW = "too few rows for an error bar"


def without_each_of(space: Space, options: Options) -> Left:
    """Every number without each of the blocks of a space."""
    totals = space.collected.totals
    found = without_each(BlockMoments.of_parts(totals.blocks), options=options)
    c = totals.blocks[0].num_classes
    usable = {name: left for name, left in found.items() if not too_many(name, c)}
    return usable | rows_without_each(totals.sample.rows, space.report.normalized)


def changes_of(a: Side, b: Side, left: tuple[Left, Left], paired: bool) -> dict[str, Change]:
    """Every number that both sides have."""
    found = {}
    for name in (name for name in a.numbers if name in b.numbers):
        error, reason = _error(name, left, paired)
        found[name] = change(name, a.numbers[name], b.numbers[name], error, reason)
    return found


def change(name: str, before: float, after: float, error: float | None, reason: str = "") -> Change:
    """The difference of one number, judged by its error."""
    undefined = [side for side, x in (("A", before), ("B", after)) if not math.isfinite(x)]
    if undefined:
        return Change(before, after, None, f"undefined in {' and '.join(undefined)}", "unknown")
    if error is None:
        return Change(before, after, None, reason, "unknown")
    return Change(before, after, error, reason, _kind(name, after - before, error))


def _kind(name: str, difference: float, error: float) -> Kind:
    return "same" if abs(difference) <= SURE * error else turn(name, difference)


def turn(name: str, difference: float) -> Kind:
    """What a difference would be if it were real."""
    if abs(difference) < STILL:
        return "same"
    direction = METRICS[name].direction if name in METRICS else "neither"
    if direction == "neither":
        return "changed"
    return "better" if (difference > 0) == (direction == "higher") else "worse"


def _error(name: str, left: tuple[Left, Left], paired: bool) -> tuple[float | None, str]:
    if not all(name in side for side in left):
        return None, TOO_MANY if name in EXTREMES else TOO_FEW
    return error_of(left[0][name], left[1][name], paired)


def error_of(one: Without, other: Without, paired: bool) -> tuple[float | None, str]:
    """Standard error of the difference: of the same blocks, or of both sides together."""
    (before, a), (after, b) = one, other
    if paired and len(a) == len(b):
        bar = jackknife(after - before, b - a, LINE, LEVEL)
        return bar.error, bar.reason
    bars = [jackknife(before, a, LINE, LEVEL), jackknife(after, b, LINE, LEVEL)]
    if any(bar.error is None for bar in bars):
        return None, next(bar.reason for bar in bars if bar.error is None)
    return math.hypot(*(bar.error or 0.0 for bar in bars)), ""
