"""`audit_codes`: a codebook, each row a code by itself, to a judged `Report`.

All numbers of rows come from one pass that sums the codes as one class; those of codes from passes
over the codes (`CodeEvidence`), in the memory of a panel. What else is known of class codes is
computed of small codebooks, with all codes in memory.
"""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from gramax.arrays.codebook import NEAR_PAIR, Codebook, cosines_of
from gramax.arrays.rows import spanned, unit_rows
from gramax.audits import codebook_verdict
from gramax.audits.build import Value, Wanted, left_out_by_reason, told, value_of
from gramax.audits.codebook_findings import findings_of
from gramax.audits.headroom import measure
from gramax.audits.portrait import Portrait, portrait_of
from gramax.audits.report import ClassView, Diagnosis, Pair, Report
from gramax.errors import InputError, telling_memory
from gramax.frames import coherence_floor
from gramax.metrics.dictionary import NEIGHBOURS_KEPT, CodeEvidence
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import CONDITIONS, METRICS, Metric
from gramax.moments import ClassMoments
from gramax.streaming import Collected, Progress, Request, joined
from gramax.streaming.codebooks import collect_codes
from gramax.streaming.tasks import SAMPLED_ROWS
from gramax.uncertainty.chance import chance
from gramax.uncertainty.chance.baselines import for_codes
from gramax.uncertainty.chance.codes import (
    active_at_random,
    complex_at_random,
    near_pairs_at_random,
)
from gramax.uncertainty.rows import bars_of_rows, chance_of_rows, measure_rows

SMALL_CODES, SMALL_NUMBERS = 4096, 1 << 22
"""Codebooks up to which all codes are held in float64, and every number of codes is given."""

FEW_CODES = f"computed of up to {SMALL_CODES:,} codes and {SMALL_NUMBERS:,} numbers"

UNKNOWN_OF_COMPLEX = "not defined here of complex codes"

PICTURED_CODES = 1000
"""Codes in the pictures of a codebook that is not small: a random sample of them."""


def audit_codes(request: Request, wanted: Wanted) -> Report:
    """The audit of a codebook; the labels of the request are names of its codes."""
    tell = wanted.tell
    collected, book = collect_codes(request, tell)
    with telling_memory(f"computing the numbers of {collected.name}, {book.count:,} codes"):
        e = evidence_of(collected, book, tell, wanted.worst, request.normalize)
        report = report_of(e, collected, wanted)
        if math.isfinite(report["class_coherence"]) and not book.complex:
            tell("searching", 0, 1, 0)
            law = report.numbers["class_coherence"].chance
            room = measure(
                lambda: np.concatenate([x for _, x in e.book.directions()]),
                *(e.count, e.dim, report["class_coherence"], law.mean if law else math.nan),
                search=wanted.headroom,
                report=wanted.searching,
            )
            report = replace(report, headroom=room)
        if not book.complex and wanted.pictures(report):
            tell("drawing", 0, 1, 0)
            report = _pictured(report, collected)
    return judged(report)


def judged(report: Report) -> Report:
    """The report with its verdict."""
    answers = codebook_verdict.judge(report)
    return replace(report, answers=answers, diagnosis=codebook_verdict.diagnose(report))


def evidence_of(
    collected: Collected, book: Codebook, tell: Progress, worst: int = 1, centred: bool = True
) -> CodeEvidence:
    """What the numbers of a codebook are computed from; `InputError` where every code is zero."""
    share = lambda phase, part: tell(phase, round(1000 * part), 1000, 0)  # noqa: E731
    e = CodeEvidence(book, share, max(NEIGHBOURS_KEPT, worst), centred)
    if not e.count:
        raise InputError(f"{collected.name}: every code is zero; there is nothing to audit")
    return e


def report_of(e: CodeEvidence, collected: Collected, wanted: Wanted) -> Report:
    """All but the verdict, headroom and pictures."""
    moments, book, names = joined(collected.totals.blocks), e.book, collected.names
    worst, explain, options = wanted.worst, wanted.explain, wanted.options
    small = _small(e, moments.normalize)
    law = complex_at_random(e.count, e.dim) if book.complex else for_codes(moments, options)
    beside: dict[str, dict[str, Any]] = {"chance": law}
    if small and explain:
        beside["chance"] = chance(small, options=options) | beside["chance"]
    if not book.complex:
        beside["chance"]["active_codes"] = active_at_random(e.count, e.dim, e.active)
    rows, notes = _sample_of_rows(collected)
    of_rows = {} if book.complex else measure_rows(rows, moments.normalize)
    if explain and of_rows:
        beside["chance"] |= chance_of_rows(len(rows), e.dim, moments.normalize)
        beside["error"] = bars_of_rows(rows, moments.normalize, of_rows)
    with np.errstate(all="ignore"):
        numbers = _numbers(e, Evidence(moments, options), small and Evidence(small, options))
    where, cosines = (e.worst[0][:worst], e.worst[1][:worst]) if e.count > 1 else ((), ())
    expected = near_pairs_at_random(e.count, e.dim, NEAR_PAIR, book.complex)
    return Report(
        source=collected.name,
        array=collected.array,
        n=round(float(np.sum(moments.rows))),
        d=e.dim,
        c=e.count,
        normalized=moments.normalize,
        numbers=told({**numbers, **of_rows}, beside),
        worst_pairs=tuple(
            Pair(names[a], names[b], float(x)) for (a, b), x in zip(where, cosines, strict=True)
        ),
        merged=(),
        classes=_views(e, names) if small else (),
        answers=(),
        diagnosis=Diagnosis("", "", ""),
        warnings=(*notes, *collected.told),
        left_out=left_out_by_reason(moments),
        left_out_fragments=collected.left_out,
        options=asdict(options),
        codebook=findings_of(e, names, expected),
    )


def _small(e: CodeEvidence, normalize: bool) -> ClassMoments | None:
    """The moments of a small codebook, each code a class; None of a larger one."""
    book = e.book
    if book.complex or book.count > SMALL_CODES or book.count * e.dim > SMALL_NUMBERS:
        return None
    rows = np.concatenate([book.codes(rows) for _, rows in book.read(0, book.piece)])
    rows, c = spanned(rows), book.count
    ambient = e.dim if rows.shape[1] < e.dim else None
    empty = ClassMoments.empty(c, rows.shape[1], normalize=normalize, ambient=ambient)
    return empty.update(rows, np.arange(c))


def _sample_of_rows(collected: Collected) -> tuple[np.ndarray, list[str]]:
    """Codes whose neighbours are looked at, and what to say where they are not all."""
    rows, every = collected.totals.sample.rows, joined(collected.totals.blocks).rows.sum()
    if len(rows) > SAMPLED_ROWS:
        rows = rows[np.random.default_rng(0).choice(len(rows), SAMPLED_ROWS, replace=False)]
    if len(rows) == every:
        return rows, []
    names = ", ".join(metric.name for metric in METRICS.of_rows(True))
    return rows, [f"{names} are of a random sample of {len(rows):,} codes"]


def _numbers(e: CodeEvidence, rows: Evidence, small: Evidence | None) -> dict[str, Value]:
    """Every number, and why one has none."""
    found: dict[str, Value] = {}
    for metric in METRICS.everything():
        if metric.of_codes and not (small and metric.compute and e.count > 1):
            found[metric.name] = _of_codes(metric, e)
        elif (metric.compute or metric.of_rows) and e.book.complex:
            found[metric.name] = math.nan, UNKNOWN_OF_COMPLEX
        elif metric.compute and (small or not metric.labels):
            found[metric.name] = value_of(metric, small or rows)
        elif metric.compute:
            alone = CONDITIONS["no_samples"].text(rows)
            why = alone if "no_samples" in metric.undefined else f"it is {FEW_CODES}"
            found[metric.name] = math.nan, why
    return found


def _of_codes(metric: Metric, e: CodeEvidence) -> Value:
    if e.count < 2 and metric.name != "dead_codes":
        return math.nan, f"needs at least two codes that are not zero, got {e.count}"
    value = float(metric.of_codes(e)) if metric.of_codes else math.nan
    why = metric.degenerate if e.centred else f"of raw rows, it is {FEW_CODES}"
    why = UNKNOWN_OF_COMPLEX if e.book.complex else why
    return value, None if math.isfinite(value) else why


def _views(e: CodeEvidence, names: tuple[str, ...]) -> tuple[ClassView, ...]:
    """The codes of a small codebook, each beside the one with the largest |cosine|."""
    there = np.flatnonzero(e.sums.alive)
    if len(there) < 2:
        return tuple(ClassView(names[k], 1, 0.0, 0.0, None, None) for k in there)
    near = e.sweep.near[there, 0]
    cosines = cosines_of(e.book, np.stack([there, near], axis=1))
    return tuple(
        ClassView(names[k], 1, 0.0, 0.0, names[b], float(cosine))
        for k, b, cosine in zip(there, near, cosines, strict=True)
    )


def _pictured(report: Report, collected: Collected) -> Report:
    """The report with its pictures."""
    report = replace(report, portrait=_portrait(collected, report))
    if report.classes:
        return report
    note = f"the pictures are of a random sample of up to {PICTURED_CODES:,} codes"
    return replace(report, warnings=(*report.warnings, note))


def _portrait(collected: Collected, report: Report) -> Portrait:
    """Pictures of all codes of a small codebook, or of some of another."""
    sample, moments = collected.totals.sample, joined(collected.totals.blocks)
    some, rng = np.arange(len(sample.rows)), np.random.default_rng(0)
    if not report.classes:
        some = np.sort(rng.choice(some, min(PICTURED_CODES, len(some)), replace=False))
    rows = sample.rows[some].astype(np.float64)
    codes = unit_rows(rows)
    return portrait_of(
        [collected.names[k] for k in sample.numbers[some]],
        codes,
        unit_rows(codes - codes.mean(axis=0)),
        Evidence(moments).eigenvalues,
        report.n,
        codes if moments.normalize else rows,
        np.arange(len(some)),
        coherence_floor(report.c, report.d).value if report.c > 1 else 0.0,
    )
