"""`audit`: from an array or a file to a judged `Report`, in one pass over the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from gramax._shapes import Float
from gramax.arrays import pairs
from gramax.arrays.nearest import Neighbours
from gramax.arrays.rows import unit_rows
from gramax.audits.headroom import measure
from gramax.audits.portrait import CHEAP, Portrait, portrait_of
from gramax.audits.report import ClassView, Diagnosis, Number, Pair, Report
from gramax.audits.targets import count_targets
from gramax.audits.thresholds import merged_gap
from gramax.audits.verdict import UNLABELLED, diagnose, judge
from gramax.errors import InputError, telling_memory
from gramax.frames import coherence_floor
from gramax.metrics.bulk import regression_collapse
from gramax.metrics.evidence import Evidence
from gramax.metrics.neighbours import RowEvidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import REASONS, BlockMoments, ClassMoments
from gramax.moments.blocks import blocks_of
from gramax.streaming import (
    Collected,
    Execution,
    LeftOut,
    Progress,
    Request,
    collect,
    in_words,
    joined,
)
from gramax.uncertainty.chance import chance, for_answers
from gramax.uncertainty.companions import companions_with_intervals
from gramax.uncertainty.errorbars import error_bars, warnings_for
from gramax.uncertainty.probes import Worth, explained, labels_nearby, worth_of
from gramax.uncertainty.rows import (
    MIN_ROWS,
    bars_of_rows,
    chance_of_rows,
    measure_rows,
    row_values,
)

if TYPE_CHECKING:
    from gramax.frames import Progress as Searched

BLOCKS = 20
"""Blocks of the jackknife."""


def audit(
    source: Any,
    labels: Any = None,
    *,
    codes: bool = False,
    raw: bool = False,
    column: str | None = None,
    groups: Any = None,
    targets: Any = None,
    worst: int = 10,
    explain: bool = False,
    probe: bool = True,
    portrait: bool | None = None,
    headroom: bool | None = None,
    searching: Callable[[Searched], None] | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
    execution: Execution | None = None,
) -> Report:
    """Audit the geometry of embeddings: the five questions, with numbers and a verdict.

    Args:
        source: `[n, d]` array of NumPy, JAX or PyTorch, or files: a path, a folder, a pattern
            (`data/*.parquet`), an address (`s3://...`), or a list of these. Files may be larger
            than memory.
        labels: one class a row: an array or list (integers ≥ 0, or strings; -1 leaves a row out),
            the path of a file (or files), or the name of a column of the source. None answers the
            questions that need no labels.
        codes: the rows are themselves a codebook, one vector a class; `labels` then names them.
        raw: take rows as they are, not on the unit sphere.
        column: the embedding column or array of a file that holds several.
        groups: which rows hang together (views of an image, sentences of a document, samples of a
            person): given as `labels` are. Error bars leave out whole groups, and no row is judged
            by a classifier that has seen its group; without them both are too confident.
        targets: of a regression: how many continuous targets there are, or the targets themselves,
            `[n, t]`, as `source` may be given, or the name of a column of it. The report has `nrc1`
            then: the share of the variance that as many directions leave out.
        worst: how many of the worst pairs of classes to name.
        explain: hold every number against chance (simulated where no law is known) and give it an
            error bar; takes some seconds more. Without it, chance is given where a law is known.
        probe: measure on held-out rows how often they get their class (`Report.worth`), by the
            nearest mean, a linear probe and the nearest neighbour.
        portrait: compute what the pictures show (`Report.portrait`, for the page and for
            `Report.plot`); by default where that is quick, up to 1,024 classes and dimensions.
        headroom: search for how low the worst crosstalk of as many codes can be, from random codes
            and from these (`Report.headroom`); by default it is looked up where it is known. The
            search takes up to a minute for many codes, and needs JAX.
        searching: called with the state of such a search after every round.
        options: the choices in which published definitions differ (see `gramax.Options`).
        progress: called with (phase, done, in all, bytes done) now and then: rows while "reading",
            else parts of the work.
        execution: who reads the rows, where what is done is kept, and what may be bad (see
            `gramax.Execution`).

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
    options, tell = options or Options(), progress or (lambda *_: None)
    if isinstance(source, Collected):  # as a comparison has read its two sides
        collected = source
    else:
        how = execution or Execution()
        blocks = BLOCKS if explain else None if probe and not codes else 1
        request = Request(source, labels, column, codes, blocks, not raw, how, groups=groups)
        collected = collect(request, progress)
    totals, labelled = collected.totals, collected.labelled
    sizes = f"{len(collected.names):,} classes"
    with telling_memory(f"computing the numbers of {collected.name}, {sizes}"):
        tell("numbers", 0, 1, 0)
        moments, rows = joined(totals.blocks), totals.sample.rows
        evidence = _evidence(collected.name, moments, options)
        of_rows, neighbours, notes = _of_rows(rows, moments, tell)
        if targets is not None:
            of_rows["nrc1"] = _regression(evidence, count_targets(targets, source, collected.rows))
        found_worth = None
        if probe and labelled and not codes and len(totals.blocks) > 1:
            tell("held-out rows", 0, 1, 0)
            found_worth = _worth(collected, neighbours)
            if found_worth and explain:
                sample = totals.sample
                more = explained(rows, sample.labels, moments.normalize, sample.groups)
                found_worth = replace(found_worth, more=more)
        tell("chance", 0, 1, 0)
        law = for_answers(moments, options)
        beside: dict[str, Mapping[str, Any]] = {"chance": law}
        if explain:
            law = chance(moments, options=options) | law
            law = chance_of_rows(len(rows), moments.dim, moments.normalize) | law
            beside["chance"] = {name: one for name, one in law.items() if one.sd >= 0}
            tell("error bars", 0, 1, 0)
            parts = BlockMoments.of_parts(totals.blocks)
            of_parts = error_bars(parts, options=options)
            near = bars_of_rows(rows, moments.normalize, of_rows, totals.sample.groups)
            beside["error"] = of_parts | near
            beside["companion"] = companions_with_intervals(
                parts, of_parts, options, not collected.groups
            )
        left_out = collected.left_out
        if headroom:
            tell("searching", 0, 1, 0)
        found = build_report(
            collected.name,
            evidence,
            collected.names,
            _numbers(evidence, beside, of_rows, labelled),
            labelled=labelled,
            worst=worst,
            search=headroom,
            searching=searching,
            notes=(*notes, *collected.notes, *([in_words(left_out)] if left_out else [])),
            left_out=left_out,
            worth=found_worth,
        )
        if portrait or (portrait is None and max(found.c, found.d) <= CHEAP):
            tell("drawing", 0, 1, 0)
            found = replace(found, portrait=_portrait(evidence, collected))
    return found


def audit_moments(
    moments: ClassMoments,
    names: Sequence[str] | None = None,
    *,
    source: str = "moments",
    worst: int = 10,
    options: Options | None = None,
) -> Report:
    """The audit of moments that were gathered elsewhere: in a training loop, on many machines.

    Args:
        moments: of any library and precision; labels as they are, 0..c-1.
        names: c names of the classes; their numbers by default.
        source: what the report calls the rows.
        worst: how many of the worst pairs of classes to name.
        options: the choices in which published definitions differ.

    Returns:
        A `Report` without the metrics that need the rows themselves; no search for headroom.

    Raises:
        InputError: the moments hold no row.
        ValueError: the names are not one a class.

    Example:
        >>> import numpy as np
        >>> z = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> found = audit_moments(ClassMoments.of(z, np.array([0, 0, 1, 1]), 2))
        >>> print(found.n, round(found["collapse_ratio"], 4))
        4 0.0099
    """
    c = moments.num_classes
    names = tuple(map(str, range(c) if names is None else names))
    if len(names) != c:
        raise ValueError(f"{len(names)} names for moments of {c} classes")
    options, moments = options or Options(), moments.widened()
    evidence = _evidence(source, moments, options)
    numbers = _numbers(evidence, {"chance": for_answers(moments, options)})
    return build_report(source, evidence, names, numbers, worst=worst, search=False)


def _evidence(name: str, moments: ClassMoments, options: Options) -> Evidence:
    """What metrics are computed from; `InputError` where the moments hold no row."""
    if not np.sum(moments.rows) > 0:
        out = [f"{n:,} {why.replace('_', ' ')}" for why, n in _left_out(moments).items() if n]
        raise InputError(f"{name}: no row is left to audit ({', '.join(out)})")
    return Evidence(moments, options)


def _left_out(moments: ClassMoments) -> dict[str, int]:
    rows = np.asarray(moments.left_out).sum(axis=0)
    return {why: round(count) for why, count in zip(REASONS, rows, strict=True)}


def _of_rows(
    rows: Float[np.ndarray, "m d"], moments: ClassMoments, tell: Progress
) -> tuple[dict[str, tuple[float, str | None]], Neighbours | None, list[str]]:
    """The metrics of the rows themselves; what to say of a sample, and of copies in it."""
    tell("neighbours", 0, 1, 0)
    neighbours = None
    if len(rows) < MIN_ROWS:
        found, copies = measure_rows(rows, moments.normalize), 0
    else:
        evidence = RowEvidence(
            rows, moments.normalize, lambda share: tell("neighbours", round(1000 * share), 1000, 0)
        )
        with np.errstate(all="ignore"):
            found, copies, neighbours = row_values(evidence), evidence.copies, evidence.neighbours
    notes = []
    if len(rows) < round(float(np.sum(moments.rows))):
        notes.append(f"{', '.join(found)} are of a random sample of {len(rows):,} rows")
    if copies:
        of = f"{copies:,} of {len(rows):,} rows"
        notes.append(f"{of} are copies of others, up to rounding: neighbours count them once")
    return found, neighbours, notes


def _regression(evidence: Evidence, targets: int) -> tuple[float, str | None]:
    """NRC1, with the reason where it is undefined."""
    value = float(regression_collapse(evidence, targets))
    return value, None if math.isfinite(value) else METRICS["nrc1"].degenerate


def _worth(collected: Collected, neighbours: Neighbours | None) -> Worth | None:
    """What held-out rows say of the classes; of a sample of the rows no neighbours are told."""
    parts, nearest = collected.totals.blocks, None
    rows, labels, numbers, groups = collected.totals.sample
    if neighbours is not None and len(rows) == sum(float(p.total) for p in parts):
        nearest = labels_nearby(rows, labels, groups, parts[0].normalize, neighbours)
    block = blocks_of(numbers, len(parts), 0, groups, collected.groups)
    with np.errstate(all="ignore"):
        return worth_of(parts, rows, labels, block, nearest)


def _numbers(
    evidence: Evidence,
    beside: Mapping[str, Mapping[str, Any]],
    of_rows: Mapping[str, tuple[float, str | None]] = MappingProxyType({}),
    labelled: bool = True,
) -> dict[str, Number]:
    """Every number: with its reason where undefined, else with what there is beside it."""
    values: dict[str, tuple[float, str | None]] = {}
    with np.errstate(all="ignore"):
        for metric in METRICS.of(evidence.moments.scatter):
            if metric.labels and not labelled:
                values[metric.name] = math.nan, UNLABELLED
                continue
            value = float(metric.value(evidence))
            undefined = (metric.reason(evidence) or "not a number") if value != value else None
            values[metric.name] = value, undefined
    return {
        name: Number(value, reason)
        if reason
        else Number(value, **{what: found.get(name) for what, found in beside.items()})
        for name, (value, reason) in {**values, **of_rows}.items()
    }


def build_report(
    name: str,
    evidence: Evidence,
    names: tuple[str, ...],
    numbers: dict[str, Number],
    *,
    labelled: bool = True,
    worst: int = 10,
    search: bool | None = None,
    searching: Callable[[Searched], None] | None = None,
    notes: tuple[str, ...] = (),
    left_out: tuple[LeftOut, ...] = (),
    worth: Worth | None = None,
) -> Report:
    """Numbers, and the moments that they are of, to a judged report, made once on the host.

    `search` is for headroom, which is looked up by default; `notes` stand beside the warnings.
    """
    moments, d = evidence.moments, evidence.moments.dim
    sizes = np.asarray(moments.rows).sum(axis=0)
    n, c = round(float(sizes.sum())), int((sizes > 0).sum()) if labelled else 0
    classes, merged, worst_pairs, room = (), (), (), None
    if labelled:
        with np.errstate(all="ignore"):
            classes, merged = _classes(evidence, names)
            where, cosines = pairs.largest(evidence.codes, min(worst, max(1, c * (c - 1) // 2)))
            codes, coherence = evidence.codes, numbers["class_coherence"]
            random = float(coherence.chance.mean) if coherence.chance else math.nan
            if math.isfinite(coherence.value):  # two codes at least
                room = measure(
                    lambda: np.pad(codes, ((0, 0), (0, d - codes.shape[1]))),
                    int(codes.any(axis=1).sum()),
                    d,
                    coherence.value,
                    random,
                    search=search,
                    report=searching,
                )
        worst_pairs = tuple(
            Pair(names[a], names[b], float(cosine))
            for (a, b), cosine in zip(where, cosines, strict=True)
            if a >= 0
        )
    report = Report(
        source=name,
        n=n,
        d=d,
        c=c,
        normalized=moments.normalize,
        numbers=numbers,
        worst_pairs=worst_pairs,
        merged=merged,
        classes=classes,
        answers=(),
        diagnosis=Diagnosis("", "", ""),
        # Without labels no class is too small.
        warnings=(*warnings_for(n, d, sizes if labelled else sizes[:0], names), *notes),
        left_out=_left_out(moments),
        left_out_fragments=left_out,
        options=asdict(evidence.options),
        headroom=room,
        worth=worth,
    )
    return replace(report, answers=judge(report), diagnosis=diagnose(report))


def _classes(
    evidence: Evidence, names: tuple[str, ...]
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
    noise = spread / np.maximum(counts * (counts - 1), 1)  # variance of each mean
    gaps = np.sum((evidence.means - evidence.means[who]) ** 2, axis=1)
    bound = merged_gap(_dimensions_within(evidence.moments))
    close = (who >= 0) & (gaps <= bound * (noise + noise[who]))
    ends = {(min(k, who[k]), max(k, who[k])): float(cosines[k]) for k in np.flatnonzero(close)}
    return views, tuple(Pair(names[a], names[b], ends[a, b]) for a, b in sorted(ends))


def _dimensions_within(moments: ClassMoments) -> float:
    """Participation ratio (Σλ)²/Σλ² of the covariance within classes, without its bias.

    Σλ² of a covariance of ν degrees of freedom is too large by (Σλ)²/ν and more (Gaussian rows).
    """
    if moments.scatter is None:
        return 1.0
    free = float(moments.counts.sum() - np.sum(moments.counts > 0))
    trace, squares = float(np.trace(moments.scatter)), float(np.sum(moments.scatter**2))
    unbiased = (squares - trace**2 / free) * free**2 / ((free - 1) * (free + 2)) if free > 1 else 0
    return min(trace**2 / unbiased, moments.dim) if unbiased > 0 else 1.0


def _portrait(evidence: Evidence, collected: Collected) -> Portrait:
    moments, sample = evidence.moments, collected.totals.sample
    with np.errstate(all="ignore"):
        codes, centred, eigenvalues = evidence.codes, evidence.centred_codes, evidence.eigenvalues
    present = np.flatnonzero(moments.counts > 0)
    c = len(present)
    return portrait_of(
        [collected.names[k] for k in present] if collected.labelled else [],
        codes[present] if collected.labelled else codes[:0],
        centred[present],
        eigenvalues,
        round(float(moments.counts.sum())),
        unit_rows(sample.rows) if moments.normalize else sample.rows,
        np.searchsorted(present, sample.labels),
        coherence_floor(c, moments.dim).value if c > 1 else 0.0,
    )
