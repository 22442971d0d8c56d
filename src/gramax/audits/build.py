"""Moments to a judged report: numbers with reasons and chance, pairs, classes, answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from gramax.arrays.programs import program
from gramax.arrays.worst import largest
from gramax.audits.diagnosis import diagnose
from gramax.audits.facts import SURE, Facts
from gramax.audits.headroom import Headroom, measure
from gramax.audits.report import ClassView, Number, Pair, Report
from gramax.audits.verdict import UNLABELLED, judge
from gramax.errors import InputError
from gramax.frames import Progress as Searched
from gramax.frames import coherence_floor
from gramax.metrics import report as reporting
from gramax.metrics.evidence import Evidence
from gramax.metrics.nearest_codes import nearest
from gramax.metrics.options import Options
from gramax.metrics.registry import CONDITIONS, METRICS
from gramax.moments.class_moments import REASONS, ClassMoments
from gramax.streaming import Classes
from gramax.uncertainty.chance import Chance, for_answers
from gramax.uncertainty.errorbars import warnings_for


class _Found(NamedTuple):
    """What is computed of the moments, in one compiled program."""

    numbers: dict[str, Any]
    undefined: dict[str, Any]
    pairs: Any
    pair_cosines: Any
    nearest: Any
    nearest_cosines: Any
    gaps: Any


@program(static_argnums=(1, 2))
def _find(moments: ClassMoments, worst: int, options: Options) -> _Found:
    evidence = Evidence(moments, options)
    codes, means = evidence.codes, evidence.means
    who, cosines = nearest(codes)
    gaps = jnp.sum((means - means[who]) ** 2, axis=1)
    numbers = reporting.values(evidence)
    metrics = METRICS.of(moments.scatter)
    conditions = {"not_finite", *(name for metric in metrics for name in metric.undefined)}
    undefined = {name: evidence.once(CONDITIONS[name].holds) for name in sorted(conditions)}
    return _Found(numbers, undefined, *largest(codes, worst)[:2], who, cosines, gaps)


def conclude(
    name: str,
    moments: ClassMoments,
    classes: Classes,
    worst: int,
    options: Options,
    search: bool | None = None,
    searching: Callable[[Searched], None] | None = None,
    random: Mapping[str, Chance] | None = None,
) -> Report:
    """The report of float64 `moments` (in JAX's x64 mode), but for what needs the rows.

    Args:
        name: what the report calls the source.
        moments: of all rows.
        classes: their names, and whether labels were given.
        worst: how many of the worst pairs of classes to name.
        options: the choices in which published definitions differ.
        search: whether to search for headroom; otherwise it is looked up.
        searching: called after every round of a search.
        random: what chance gives for the numbers, where that is known; by default what is quick.

    Raises:
        InputError: the moments hold no row.
    """
    counts = np.asarray(moments.counts)
    sizes = counts if classes.labelled else counts[:0]  # without labels no class is too small
    n, c = round(float(counts.sum())), int((counts > 0).sum())
    if n == 0:
        raise InputError(f"{name}: no row is left to audit ({_left_out_words(moments)})")
    most = max(1, c * (c - 1) // 2)
    found = jax.tree.map(np.asarray, _find(moments, min(worst, most), options))
    random = for_answers(moments, options) if random is None else random
    known = {CONDITIONS[name].holds: holds for name, holds in found.undefined.items()}
    evidence = Evidence(moments, options, known)
    numbers = _numbers(evidence, found.numbers, classes.labelled, random)
    worst_pairs = _worst_pairs(found, classes.names) if classes.labelled else ()
    merged = _merged(moments, found, classes.names) if classes.labelled else ()
    room = _headroom(moments, numbers, search, searching) if classes.labelled else None
    facts = Facts(
        n=n,
        d=moments.dim,
        c=c,
        labelled=classes.labelled,
        values={name: number.value for name, number in numbers.items()},
        reasons={name: number.reason for name, number in numbers.items()},
        chance={name: number.chance for name, number in numbers.items() if number.chance},
        floor=floor_of(c, moments.dim),
        worst=worst_pairs[0] if worst_pairs else None,
        merged=merged,
        headroom=room,
    )
    return Report(
        source=name,
        n=n,
        d=moments.dim,
        c=c if classes.labelled else 0,
        normalized=moments.normalize,
        numbers=numbers,
        worst_pairs=worst_pairs,
        merged=merged,
        classes=_views(moments, found, classes.names) if classes.labelled else (),
        answers=judge(facts),
        diagnosis=diagnose(facts),
        warnings=tuple(warnings_for(n, moments.dim, sizes, classes.names)),
        left_out=_left_out(moments),
        options=asdict(options),
        headroom=room,
    )


@program()
def codes_of(moments: ClassMoments) -> tuple[Float[Array, "c d"], Float[Array, "c d"]]:
    """Unit class means, and the same after centring."""
    evidence = Evidence(moments)
    return evidence.codes, evidence.centred_codes


def _headroom(
    moments: ClassMoments,
    numbers: dict[str, Number],
    search: bool | None,
    searching: Callable[[Searched], None] | None,
) -> Headroom | None:
    """The worst crosstalk beside what is reachable; None for fewer than two codes."""
    worst = numbers["class_coherence"]
    if not math.isfinite(worst.value):
        return None
    codes = np.asarray(codes_of(moments)[0])
    random = float(worst.chance.mean) if worst.chance else math.nan
    return measure(
        lambda: codes,
        int(codes.any(axis=1).sum()),
        moments.dim,
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


def _numbers(
    evidence: Evidence,
    values: dict[str, np.ndarray],
    labelled: bool,
    random: Mapping[str, Chance],
) -> dict[str, Number]:
    numbers = {}
    for metric in METRICS:
        if metric.name not in values:
            continue
        value, reason = float(values[metric.name]), None
        if metric.labels and not labelled:
            value, reason = float("nan"), UNLABELLED
        elif value != value:
            reason = metric.reason(evidence)
        law = random.get(metric.name) if reason is None else None
        numbers[metric.name] = Number(value, reason, law)
    return numbers


DISTINCT = 1 + SURE * math.sqrt(2)
"""Classes of one distribution have |μ_a - μ_b|²/(v_a/n_a + v_b/n_b) of mean 1, and of standard
deviation √(2/D) for a within-class covariance of D dimensions: at most √2."""


def _merged(moments: ClassMoments, found: _Found, names: tuple[str, ...]) -> tuple[Pair, ...]:
    """Pairs of nearest classes whose means lie no further apart than sampling puts them."""
    counts = np.asarray(moments.counts)
    if counts.max() < 2:
        return ()
    noise = np.asarray(moments.spread) / np.maximum(counts, 1) ** 2
    who = found.nearest
    close = (who >= 0) & (found.gaps <= DISTINCT * (noise + noise[who]))
    ends = {(min(k, who[k]), max(k, who[k])): k for k in np.flatnonzero(close)}
    return tuple(
        Pair(names[a], names[b], float(found.nearest_cosines[k]))
        for (a, b), k in sorted(ends.items())
    )


def _worst_pairs(found: _Found, names: tuple[str, ...]) -> tuple[Pair, ...]:
    return tuple(
        Pair(names[a], names[b], float(cosine))
        for (a, b), cosine in zip(found.pairs, found.pair_cosines, strict=True)
        if a >= 0
    )


def _views(moments: ClassMoments, found: _Found, names: tuple[str, ...]) -> tuple[ClassView, ...]:
    counts, spread = np.asarray(moments.counts), np.asarray(moments.spread)
    who, cosines = found.nearest, found.nearest_cosines
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
