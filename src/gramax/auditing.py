"""`audit`: from an array or a file to a `Report`, in one pass over the rows."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gramax import pairs, reporting
from gramax.chance import by_law, chance
from gramax.classes import nearest
from gramax.diagnosis import diagnose
from gramax.errorbars import BlockMoments, error_bars, warnings_for
from gramax.errors import InputError
from gramax.evidence import Evidence
from gramax.frames import coherence_floor
from gramax.gathering import Classes, Progress, accumulate, classes_of, joined, open_source
from gramax.moments import IGNORED, NO_DIRECTION, ClassMoments
from gramax.options import Options
from gramax.registry import METRICS
from gramax.reports import ClassView, Number, Pair, Report
from gramax.sampled import chance_of_rows, measure_rows
from gramax.verdict import SURE, UNLABELLED, Facts, judge

BLOCKS = 20
"""Blocks of the jackknife."""


def audit(
    source: Any,
    labels: Any = None,
    *,
    codes: bool = False,
    raw: bool = False,
    column: str | None = None,
    worst: int = 10,
    explain: bool = False,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Report:
    """Audit the geometry of embeddings: the five questions, with numbers and a verdict.

    Args:
        source: `[n, d]` array, or the path of a .npy, .npz, .safetensors or .parquet file.
        labels: one class a row: an array or list (integers ≥ 0, or strings; -1 leaves a row out),
            the path of a file, or the name of a column of the source. None answers the questions
            that need no labels.
        codes: the rows are themselves a codebook, one vector a class; `labels` then names them.
        raw: take rows as they are, not on the unit sphere.
        column: the embedding column or array of a file that holds several.
        worst: how many of the worst pairs of classes to name.
        explain: hold every number against chance (simulated where no law is known) and give it an
            error bar; takes some seconds more. Without it, chance is given where a law is known.
        options: the choices in which published definitions differ (see `gramax.Options`).
        progress: called with (rows done, rows in all) after every chunk.

    Returns:
        A `Report`: `report["effective_rank"]` is a number (NaN where undefined, with the reason in
        `report.numbers`), `report.to_dict()` the JSON.

    Raises:
        InputError: the input cannot be audited; the message names the file, row or column.

    Example:
        >>> import numpy as np
        >>> z = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> found = audit(z, ["left", "left", "right", "right"])
        >>> print(found.c, round(found["collapse_ratio"], 4))
        2 0.0099
    """
    opened = open_source(source, column)
    classes = classes_of(labels, source, opened, codes)
    options = options or Options()
    blocks, rows = accumulate(opened, classes, BLOCKS if explain else 1, not raw, progress)
    with jax.enable_x64(True):
        moments = joined(blocks)
        found = _conclude(opened.name, moments, classes, worst, options)
    found = _with_rows(found, rows)
    with jax.enable_x64(True):
        return _explained(found, moments, blocks, options, rows) if explain else found


class _Found(NamedTuple):
    """What is computed of the moments, in one compiled program."""

    numbers: dict[str, Any]
    pairs: Any
    pair_cosines: Any
    nearest: Any
    nearest_cosines: Any
    gaps: Any


@partial(jax.jit, static_argnums=(1, 2))
def _find(moments: ClassMoments, worst: int, options: Options) -> _Found:
    evidence = Evidence(moments, options)
    codes, means = evidence.codes, evidence.means
    who, cosines = nearest(codes)
    gaps = jnp.sum((means - means[who]) ** 2, axis=1)
    numbers = reporting.report(moments, options)
    return _Found(numbers, *pairs.largest(codes, worst), who, cosines, gaps)


def _conclude(
    name: str, moments: ClassMoments, classes: Classes, worst: int, options: Options
) -> Report:
    counts = np.asarray(moments.counts)
    n, c = round(float(counts.sum())), int((counts > 0).sum())
    if n == 0:
        raise InputError(f"{name}: no row is left to audit ({_left_out_words(moments)})")
    most = max(1, c * (c - 1) // 2)
    found = jax.tree.map(np.asarray, _find(moments, min(worst, most), options))
    numbers = _numbers(moments, found.numbers, classes.labelled, options)
    worst_pairs = _worst_pairs(found, classes.names) if classes.labelled else ()
    merged = _merged(moments, found, classes.names) if classes.labelled else ()
    facts = Facts(
        n=n,
        d=moments.dim,
        c=c,
        labelled=classes.labelled,
        values={name: number.value for name, number in numbers.items()},
        reasons={name: number.reason for name, number in numbers.items()},
        chance={name: number.chance for name, number in numbers.items() if number.chance},
        floor=_floor(c, moments.dim),
        worst=worst_pairs[0] if worst_pairs else None,
        merged=merged,
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
        warnings=tuple(warnings_for(n, moments.dim, counts, classes.names)),
        left_out=_left_out(moments),
        options=asdict(options),
    )


def _floor(c: int, d: int) -> tuple[float, str]:
    if c < 2:
        return 0.0, "trivial"
    floor = coherence_floor(c, d)
    return floor.value, floor.bound


def _with_rows(report: Report, rows: np.ndarray) -> Report:
    """The report with the metrics that need the rows themselves."""
    found = measure_rows(rows, report.normalized)
    extra = {name: Number(value, reason) for name, (value, reason) in found.items()}
    note = ()
    if len(rows) < report.n:
        note = (f"{', '.join(extra)} are of a random sample of {len(rows):,} rows",)
    return replace(report, numbers=report.numbers | extra, warnings=report.warnings + note)


def _explained(
    report: Report,
    moments: ClassMoments,
    blocks: list[ClassMoments],
    options: Options,
    rows: np.ndarray,
) -> Report:
    """The report with every number held against chance, and with error bars."""
    with jax.enable_x64(False):
        random = chance_of_rows(len(rows), report.d, report.normalized)
    random |= {name: law for name, law in chance(moments, options=options).items() if law.sd >= 0}
    bars = error_bars(BlockMoments.of_parts(blocks), options=options)
    numbers = {
        name: replace(number, chance=random.get(name), error=bars.get(name))
        if number.reason is None
        else number
        for name, number in report.numbers.items()
    }
    return replace(report, numbers=numbers)


def _numbers(
    moments: ClassMoments, values: dict[str, np.ndarray], labelled: bool, options: Options
) -> dict[str, Number]:
    evidence, numbers = Evidence(moments, options), {}
    laws = by_law(moments, options)
    for metric in METRICS:
        if metric.name not in values:
            continue
        value, reason = float(values[metric.name]), None
        if metric.labels and not labelled:
            value, reason = float("nan"), UNLABELLED
        elif value != value:
            reason = metric.reason(evidence)
        law = laws.get(metric.name) if reason is None else None
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
    return {"ignored_label": round(rows[IGNORED]), "zero_row": round(rows[NO_DIRECTION])}


def _left_out_words(moments: ClassMoments) -> str:
    return ", ".join(
        f"{count} {why.replace('_', ' ')}s" for why, count in _left_out(moments).items()
    )
