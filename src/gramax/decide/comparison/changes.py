"""The difference between two spaces, its error, and whether it is real: of numbers and of pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gramax._shapes import Float, Int
from gramax.audits.audit import BLOCKS
from gramax.audits.thresholds import SURE
from gramax.decide.comparison.results import FALSE_RATE, Change, Kind, Moved, Side
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.streaming import Collected
from gramax.uncertainty.chance.cosines import student_quantile, student_tail
from gramax.uncertainty.errorbars import (
    BlockMoments,
    jackknife,
    no_error,
    without_each,
)
from gramax.uncertainty.rows import rows_without_each

Without = tuple[float, np.ndarray]
"""A number of all rows, and its values without each block of them."""

WHOLE_LINE, LEVEL = (-math.inf, math.inf), 0.95
"""A difference has no bounds; the level of an interval, of which only the error is used here."""

ROUNDING = 1e-12
"""A difference of this size is the rounding of two sums of the same rows."""

TILE_CODES, MAX_TILE_COSINES = 1024, 1 << 22
"""Codes that are compared with all others at once, and the most cosines held at a time."""

TOO_FEW = "too few rows for an error bar"


def without_each_of(
    collected: Collected, side: Side, options: Options, targets: int = 0
) -> dict[str, Without]:
    """Every number of a space, and without each of its blocks."""
    blocks, sample = collected.totals.blocks, collected.totals.sample
    found = without_each(BlockMoments.of_parts(blocks), options=options, targets=targets)
    usable = {n: left for n, left in found.items() if not no_error(n, blocks[0].num_classes)}
    groups = sample.groups if collected.groups else None
    return usable | rows_without_each(sample.rows, blocks[0].normalize, side.numbers, groups)


def changes_of(
    a: Side,
    b: Side,
    left: Sequence[Mapping[str, Without]],
    paired: bool,
    blocks: int = BLOCKS,
    unbiased: bool = False,
) -> dict[str, Change]:
    """The change of every number that both sides have, from what `without_each_of` gives of both.

    The errors rest on so many blocks, which hold the same rows where `paired`; `unbiased` numbers
    of moments are those without the bias that the jackknife tells.
    """
    found = {}
    for name in (name for name in a.numbers if name in b.numbers):
        error, reason = None, no_error(name, max(a.c, b.c)) or TOO_FEW
        before, after = a.numbers[name], b.numbers[name]
        if all(name in side for side in left):
            error, reason = error_of(left[0][name], left[1][name], paired)
            if unbiased and METRICS[name].compute:
                before, after = (_without_bias(*side[name]) for side in left)
        found[name] = change(name, before, after, error, reason)
    return judged_together(found, blocks)


def _without_bias(value: float, left: np.ndarray) -> float:
    """At infinitely many rows, to first order (Quenouille 1956)."""
    return value - (len(left) - 1) * (float(np.mean(left)) - value)


def change(name: str, before: float, after: float, error: float | None, reason: str = "") -> Change:
    """The difference of one number, judged by its error."""
    undefined = [side for side, x in (("A", before), ("B", after)) if not math.isfinite(x)]
    if undefined:
        error, reason = None, f"undefined in {' and '.join(undefined)}"
    kind: Kind = "unknown"
    if error is not None:
        difference = after - before
        kind = "same" if abs(difference) <= SURE * error else turn(name, difference)
    return Change(before, after, error, reason, kind)


def judged_together(changes: Mapping[str, Change], blocks: int = BLOCKS) -> dict[str, Change]:
    """The changes with their false rates; what is due to chance too easily among so many is "same".

    Errors rest on this many blocks.

    Source:
        Benjamini & Hochberg 1995, under the positive dependence that numbers of one space have
        (Benjamini & Yekutieli 2001).
    """
    told = [name for name, one in changes.items() if one.error is not None]
    z = [changes[n].z if abs(changes[n].difference) >= ROUNDING else 0.0 for n in told]
    tails = student_tail(np.array(z), max(blocks - 1, 1))
    order = np.argsort(-tails)
    rates = np.minimum.accumulate(tails[order] * len(told) / np.arange(len(told), 0, -1))
    found = dict(changes)
    for k, rate in zip(order, rates, strict=True):
        name, one = told[k], changes[told[k]]
        kind: Kind = one.kind if rate <= FALSE_RATE else "same"
        found[name] = replace(one, false_rate=float(rate), kind=kind)
    return found


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
    pairs = [(before, a), (after, b)]
    if paired and len(a) == len(b):
        pairs = [(after - before, b - a)]
    bars = [jackknife(value, left, WHOLE_LINE, LEVEL) for value, left in pairs]
    reasons = [bar.reason for bar in bars if bar.error is None]
    return (None, reasons[0]) if reasons else (math.hypot(*(bar.error or 0.0 for bar in bars)), "")


def largest_moves(
    before: Float[np.ndarray, "c p"], after: Float[np.ndarray, "c q"], k: int
) -> Int[np.ndarray, "k 2"]:
    """The `k` pairs of unit codes whose cosine differs most, the largest difference first.

    They are fewer where not as many moved; a zero row has no direction, and is in no pair.
    """
    usable = np.any(before, axis=1) & np.any(after, axis=1)
    found, size = np.zeros((0, 2), np.int64), np.zeros(0)
    tile = max(1, min(TILE_CODES, MAX_TILE_COSINES // max(len(before), 1)))
    for start in range(0, len(before), tile):
        rows = slice(start, start + tile)
        moved = np.abs(after[rows] @ after[start:].T - before[rows] @ before[start:].T)
        pair = np.arange(len(moved))[:, None] < np.arange(moved.shape[1])
        moved = np.where(pair & usable[rows, None] & usable[start:], moved, -1).ravel()
        best = np.argpartition(-moved, min(k, moved.size - 1))[:k]
        where = np.stack(np.unravel_index(best, pair.shape), axis=1) + start
        found, size = np.concatenate([found, where]), np.concatenate([size, moved[best]])
        kept = np.lexsort((found[:, 1], found[:, 0], -size))[:k]
        found, size = found[kept], size[kept]
    return found[size >= ROUNDING]


def most_moved(
    names: Sequence[str],
    codes: Sequence[Float[np.ndarray, "c r"]],
    sides: Sequence[Collected],
    paired: bool,
    k: int,
) -> tuple[Moved, ...]:
    """The `k` pairs of classes that moved most, each judged as the worst of all pairs is.

    Of both spaces it takes the unit codes of the classes that they share, by `names`.
    """
    pairs = largest_moves(codes[0], codes[1], k)
    used = np.unique(pairs)
    compared = math.comb(min(np.count_nonzero(np.any(code, axis=1)) for code in codes), 2)
    found, both, rows = [], [], []
    for code, side in zip(codes, sides, strict=True):
        whole = np.einsum("kd,kd->k", code[pairs[:, 0]], code[pairs[:, 1]])
        places = [side.names.index(names[int(one)]) for one in used]
        left = _cosines_without_each(side.totals.blocks, places, np.searchsorted(used, pairs))
        both.append((whole, left))
        rows.append(np.sum([block.rows[0] for block in side.totals.blocks], axis=0)[places])
    (before, a), (after, b) = both
    # A class of fewer rows than blocks is in few of them: its errors rest on its rows.
    least = np.min(rows, axis=0)[np.searchsorted(used, pairs)].min(axis=1)
    freedom = np.minimum(least, min(len(a), len(b))) - 1
    for i, pair in enumerate(pairs):
        one, other = (float(before[i]), a[:, i]), (float(after[i]), b[:, i])
        error, _ = error_of(one, other, paired)
        first, second = (names[int(c)] for c in pair)
        sure = student_quantile(1 - FALSE_RATE / max(compared, 1), max(int(freedom[i]), 1))
        found.append(Moved(first, second, one[0], other[0], error, max(SURE, sure)))
    return tuple(found)


def _cosines_without_each(
    blocks: Sequence[ClassMoments], classes: Sequence[int], pairs: Int[np.ndarray, "m 2"]
) -> Float[np.ndarray, "b m"]:
    """Cosines of pairs of these classes without each block; NaN where a class is then gone."""
    with np.errstate(all="ignore"):
        sums = [(b.counts[:, None] * Evidence(b).origin_means)[classes] for b in blocks]
    rest = np.sum(sums, axis=0) - np.stack(sums)
    length = np.linalg.norm(rest, axis=2, keepdims=True)
    unit = rest / np.where(length > 1e-12 * np.max(length, initial=0.0), length, np.nan)
    return np.einsum("bmd,bmd->bm", unit[:, pairs[:, 0]], unit[:, pairs[:, 1]])
