"""From numbers, and the moments that they are of, to a judged `Report`, which is made once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gramax._shapes import Float
from gramax.arrays import pairs
from gramax.audits.corpus import Corpus
from gramax.audits.findings import Findings
from gramax.audits.headroom import measure
from gramax.audits.merged import merged_pairs
from gramax.audits.portrait import CHEAP
from gramax.audits.report import ClassView, Diagnosis, Number, Pair, Report
from gramax.audits.verdict import diagnose, judge
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import Metric
from gramax.moments import REASONS, ClassMoments
from gramax.streaming import LeftOut, Progress, Sample
from gramax.uncertainty.chance import for_answers
from gramax.uncertainty.errorbars import warnings_for
from gramax.uncertainty.probes import Worth

if TYPE_CHECKING:
    from gramax.frames import Progress as Searched

MAX_PAIRED = 4096
"""Classes up to which the pairs most alike and most opposite are listed."""


Value = tuple[float, str | None]
"""A number, and why it is undefined."""

Values = Mapping[str, Value]


@dataclass(frozen=True)
class Wanted:
    """What is asked for beyond the verdict; see `gramax.audit`."""

    worst: int = 10
    explain: bool = False
    probe: bool = True
    portrait: bool | None = None
    headroom: bool | None = None
    searching: Callable[[Searched], None] | None = None
    options: Options = field(default_factory=Options)
    tell: Progress = lambda *_: None

    def pictures(self, report: Report) -> bool:
        """Whether a portrait is to be made."""
        return max(report.c, report.d) <= CHEAP if self.portrait is None else self.portrait


def value_of(metric: Metric, evidence: Evidence) -> Value:
    """A number of moments, with the reason where it is undefined."""
    value = float(metric.value(evidence))
    return value, (metric.reason(evidence) or "not a number") if value != value else None


def told(values: Values, beside: Mapping[str, Mapping[str, Any]]) -> dict[str, Number]:
    """Numbers with what there is beside them, by its place in `Number`, where they are defined."""
    return {
        name: Number(value, reason)
        if reason
        else Number(value, **{what: found.get(name) for what, found in beside.items()})
        for name, (value, reason) in values.items()
    }


def build_report(
    name: str,
    evidence: Evidence,
    names: tuple[str, ...],
    numbers: dict[str, Number],
    *,
    wanted: Wanted,
    labelled: bool = True,
    notes: tuple[str, ...] = (),
    left_out: tuple[LeftOut, ...] = (),
    worth: Worth | None = None,
    findings: Findings | None = None,
    corpus: Corpus | None = None,
    sample: Sample | None = None,
) -> Report:
    """Numbers, and the moments that they are of, to a judged report, made once on the host.

    `notes` stand beside the warnings; `sample` holds the rows that pairs of classes which may have
    merged are tried with.
    """
    moments, d = evidence.moments, evidence.moments.dim
    sizes = np.asarray(moments.rows).sum(axis=0)
    n, c = round(float(sizes.sum())), int((sizes > 0).sum()) if labelled else 0
    seen = _of_classes(evidence, names, n, c, numbers, wanted, sample) if labelled else NO_CLASSES
    report = Report(
        source=name,
        n=n,
        d=d,
        c=c,
        normalized=moments.normalize,
        numbers=numbers,
        answers=(),
        diagnosis=Diagnosis("", "", ""),
        # Without labels no class is too small.
        warnings=(*warnings_for(n, d, sizes if labelled else sizes[:0], names), *notes),
        left_out=left_out_by_reason(moments),
        left_out_fragments=left_out,
        options=asdict(evidence.options),
        worth=worth,
        findings=findings,
        corpus=corpus,
        **seen,
    )
    report = replace(report, answers=judge(report))
    return replace(report, diagnosis=diagnose(report))


NO_CLASSES: dict[str, Any] = {"classes": (), "merged": (), "worst_pairs": ()}


def _of_classes(
    evidence: Evidence,
    names: tuple[str, ...],
    n: int,
    c: int,
    numbers: dict[str, Number],
    wanted: Wanted,
    sample: Sample | None,
) -> dict[str, Any]:
    """What a report tells of single classes, of pairs of them, and of their codes' headroom."""
    moments, codes, worst = evidence.moments, evidence.codes, numbers["class_coherence"].value
    found: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        found["classes"], found["merged"] = _classes(evidence, names, sample)
        most = min(wanted.worst, max(1, c * (c - 1) // 2))
        found["worst_pairs"] = _pairs(names, codes, most)
        if c < n and 2 < c <= MAX_PAIRED:
            found["alike"] = _pairs(names, evidence.centred_codes, most, 1)
            found["opposite"] = _pairs(names, evidence.centred_codes, most, -1)
        if math.isfinite(worst):  # two codes at least
            law = for_answers(moments, evidence.options).get("class_coherence")
            found["headroom"] = measure(
                lambda: np.pad(codes, ((0, 0), (0, moments.dim - codes.shape[1]))),
                *(int(codes.any(axis=1).sum()), moments.dim, worst),
                float(law.mean) if law else math.nan,
                search=wanted.headroom,
                report=wanted.searching,
            )
    return found


def _pairs(
    names: Sequence[str], codes: Float[np.ndarray, "c d"], most: int, sign: int = 0
) -> tuple[Pair, ...]:
    """The pairs of the largest |cosine|, or of the largest or smallest cosine."""
    where, cosines = pairs.largest(codes, most, sign=sign)
    return tuple(
        Pair(names[int(a)], names[int(b)], float(cosine))
        for (a, b), cosine in zip(where, cosines, strict=True)
        if a >= 0
    )


def _classes(
    evidence: Evidence, names: tuple[str, ...], sample: Sample | None
) -> tuple[tuple[ClassView, ...], tuple[Pair, ...]]:
    """The classes, each beside the one nearest to it; pairs that the rows do not tell apart."""
    who, cosines = pairs.nearest_codes(evidence.codes)
    counts, spread = (np.asarray(x) for x in (evidence.moments.counts, evidence.moments.spread))
    whole = spread.sum() or 1.0
    views = tuple(
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
    if counts.max() < 2:
        return views, ()
    rows, labels = sample[:2] if sample else (None, None)
    return views, tuple(
        Pair(names[a], names[b], float(evidence.codes[a] @ evidence.codes[b]))
        for a, b in merged_pairs(evidence, who, rows, labels)
    )


def left_out_by_reason(moments: ClassMoments) -> dict[str, int]:
    """How many rows of each reason were left out."""
    rows = np.asarray(moments.left_out).sum(axis=0)
    return {why: round(count) for why, count in zip(REASONS, rows, strict=True)}
