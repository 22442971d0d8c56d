"""Moments to a judged report: numbers with reasons and chance, pairs, classes, answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays import pairs
from gramax.audits.diagnosis import diagnose
from gramax.audits.facts import SURE, Facts
from gramax.audits.headroom import Headroom, measure
from gramax.audits.report import ClassView, Number, Pair, Report
from gramax.audits.verdict import UNLABELLED, judge
from gramax.errors import InputError
from gramax.frames import coherence_floor
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import REASONS, ClassMoments
from gramax.streaming import LeftOut
from gramax.uncertainty.chance import Chance
from gramax.uncertainty.companions import Companion
from gramax.uncertainty.errorbars import ErrorBar, warnings_for

if TYPE_CHECKING:
    from gramax.frames import Progress as Searched


@dataclass(frozen=True)
class Extras:
    """What a report holds beyond its moments.

    Attributes:
        of_rows: numbers that need the rows themselves.
        chance: what chance gives for a number.
        bars: error bars.
        companions: estimates at infinitely many rows.
        warnings: what to say beside those that sizes ask for.
        left_out: files and fragments that could not be read.
    """

    of_rows: Mapping[str, Number] = field(default_factory=dict)
    chance: Mapping[str, Chance] = field(default_factory=dict)
    bars: Mapping[str, ErrorBar] = field(default_factory=dict)
    companions: Mapping[str, Companion] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class _Neighbours(NamedTuple):
    """The other class nearest to each, by its code."""

    who: Int[np.ndarray, " c"]
    cosines: Float[np.ndarray, " c"]
    gaps: Float[np.ndarray, " c"]


def build_report(
    name: str,
    moments: ClassMoments,
    names: tuple[str, ...],
    *,
    labelled: bool = True,
    worst: int = 10,
    options: Options | None = None,
    search: bool | None = None,
    searching: Callable[[Searched], None] | None = None,
    extras: Extras | None = None,
) -> Report:
    """The report of moments in float64 on the host, made once.

    Args:
        name: what the report calls the source.
        moments: of all rows.
        names: of the classes.
        labelled: whether labels were given, or the rows are codes.
        worst: how many of the worst pairs of classes to name.
        options: the choices in which published definitions differ.
        search: for headroom; by default it is looked up.
        searching: called after every round of a search.
        extras: what is known beyond the moments.

    Raises:
        InputError: the moments hold no row.
    """
    options, extras = options or Options(), extras or Extras()
    sizes = np.asarray(moments.rows).sum(axis=0)
    n, c = round(float(sizes.sum())), int((sizes > 0).sum())
    if n == 0:
        raise InputError(f"{name}: no row is left to audit ({_left_out_words(moments)})")
    with np.errstate(all="ignore"):
        evidence = Evidence(moments, options)
        numbers = _numbers(evidence, labelled, extras)
        worst_pairs, near = (), None
        if labelled:
            near = _neighbours(evidence)
            worst_pairs = _worst_pairs(evidence.codes, min(worst, max(1, c * (c - 1) // 2)), names)
        merged = _merged(moments, near, names) if near else ()
        room = _headroom(evidence.codes, moments.dim, numbers, search, searching, labelled)
    facts = Facts(
        n=n,
        d=moments.dim,
        c=c,
        labelled=labelled,
        values={name: number.value for name, number in numbers.items()},
        reasons={name: number.reason for name, number in numbers.items()},
        chance={name: number.chance for name, number in numbers.items() if number.chance},
        floor=floor_of(c, moments.dim),
        worst=worst_pairs[0] if worst_pairs else None,
        merged=merged,
        headroom=room,
    )
    # Without labels no class is too small.
    warnings = warnings_for(n, moments.dim, sizes if labelled else sizes[:0], names)
    return Report(
        source=name,
        n=n,
        d=moments.dim,
        c=c if labelled else 0,
        normalized=moments.normalize,
        numbers=numbers,
        worst_pairs=worst_pairs,
        merged=merged,
        classes=_views(moments, near, names) if near else (),
        answers=judge(facts),
        diagnosis=diagnose(facts),
        warnings=(*warnings, *extras.warnings),
        left_out=_left_out(moments),
        left_out_fragments=extras.left_out,
        options=asdict(options),
        headroom=room,
    )


def _neighbours(evidence: Evidence) -> _Neighbours:
    who, cosines = pairs.nearest_codes(evidence.codes)
    gaps = np.sum((evidence.means - evidence.means[who]) ** 2, axis=1)
    return _Neighbours(who, cosines, gaps)


def _headroom(
    codes: Float[np.ndarray, "c d"],
    d: int,
    numbers: Mapping[str, Number],
    search: bool | None,
    searching: Callable[[Searched], None] | None,
    labelled: bool,
) -> Headroom | None:
    """The worst crosstalk beside what is reachable; None for fewer than two codes."""
    worst = numbers["class_coherence"]
    if not labelled or not math.isfinite(worst.value):
        return None
    random = float(worst.chance.mean) if worst.chance else math.nan
    return measure(
        lambda: np.pad(codes, ((0, 0), (0, d - codes.shape[1]))),
        int(codes.any(axis=1).sum()),
        d,
        worst.value,
        random,
        search=search,
        report=searching,
    )


def floor_of(c: int, d: int) -> tuple[float, str]:
    """The best floor of c codes in d dimensions, and its name."""
    if c < 2:
        return 0.0, "trivial"
    floor = coherence_floor(c, d)
    return floor.value, floor.bound


def _numbers(evidence: Evidence, labelled: bool, extras: Extras) -> dict[str, Number]:
    found = {}
    for metric in METRICS.of(evidence.moments.scatter):
        if metric.labels and not labelled:
            found[metric.name] = Number(math.nan, UNLABELLED)
            continue
        value = float(metric.value(evidence))
        reason = metric.reason(evidence) if value != value else None
        found[metric.name] = Number(value, reason or ("not a number" if value != value else None))
    found |= extras.of_rows
    return {
        name: replace(
            number,
            chance=extras.chance.get(name),
            error=extras.bars.get(name),
            companion=extras.companions.get(name),
        )
        if number.reason is None
        else number
        for name, number in found.items()
    }


DISTINCT = 1 + SURE * math.sqrt(2)
"""Classes of one distribution have |μ_a - μ_b|²/(v_a/n_a + v_b/n_b) of mean 1, and of standard
deviation √(2/D) for a within-class covariance of D dimensions: at most √2."""


def _merged(moments: ClassMoments, near: _Neighbours, names: tuple[str, ...]) -> tuple[Pair, ...]:
    """Pairs of nearest classes whose means lie no further apart than sampling puts them."""
    counts = np.asarray(moments.counts)
    if counts.max() < 2:
        return ()
    noise = np.asarray(moments.spread) / np.maximum(counts, 1) ** 2
    who = near.who
    close = (who >= 0) & (near.gaps <= DISTINCT * (noise + noise[who]))
    ends = {(min(k, who[k]), max(k, who[k])): k for k in np.flatnonzero(close)}
    return tuple(
        Pair(names[a], names[b], float(near.cosines[k])) for (a, b), k in sorted(ends.items())
    )


def _worst_pairs(
    codes: Float[np.ndarray, "c d"], worst: int, names: tuple[str, ...]
) -> tuple[Pair, ...]:
    where, cosines = pairs.largest(codes, worst)
    return tuple(
        Pair(names[a], names[b], float(cosine))
        for (a, b), cosine in zip(where, cosines, strict=True)
        if a >= 0
    )


def _views(
    moments: ClassMoments, near: _Neighbours, names: tuple[str, ...]
) -> tuple[ClassView, ...]:
    counts, spread = np.asarray(moments.counts), np.asarray(moments.spread)
    who, cosines = near.who, near.cosines
    whole = spread.sum() or 1.0
    return tuple(
        ClassView(
            name=name,
            count=round(float(counts[k])),
            within=float(spread[k] / counts[k]),
            share=float(spread[k] / whole),
            nearest=names[who[k]] if who[k] >= 0 else None,
            cosine=float(cosines[k]) if who[k] >= 0 else None,
        )
        for k, name in enumerate(names)
        if counts[k] > 0
    )


def _left_out(moments: ClassMoments) -> dict[str, int]:
    rows = np.asarray(moments.left_out).sum(axis=0)
    return {why: round(count) for why, count in zip(REASONS, rows, strict=True)}


def _left_out_words(moments: ClassMoments) -> str:
    return ", ".join(
        f"{count:,} {why.replace('_', ' ')}" for why, count in _left_out(moments).items() if count
    )
