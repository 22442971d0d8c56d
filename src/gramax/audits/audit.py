"""`audit`: from an array or a file to a judged `Report`, in one pass over the rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from gramax._shapes import Float
from gramax.arrays.linalg import few_threads
from gramax.arrays.nearest import Neighbours
from gramax.arrays.rows import unit_rows
from gramax.audits.attachments import Attached, Attachments
from gramax.audits.build import build_report, left_out_by_reason
from gramax.audits.findings import find
from gramax.audits.next_steps import next_steps
from gramax.audits.portrait import CHEAP, Portrait, portrait_of
from gramax.audits.report import LEFT_OUT_WORDS, Number, Report
from gramax.audits.targets import count_targets
from gramax.audits.unlabelled import measure as measure_corpus
from gramax.audits.verdict import UNLABELLED
from gramax.data import Reading
from gramax.errors import InputError, telling_memory
from gramax.frames import coherence_floor
from gramax.metrics.bulk import regression_collapse
from gramax.metrics.evidence import Evidence
from gramax.metrics.neighbours import RowEvidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import BlockMoments, ClassMoments
from gramax.moments.blocks import blocks_of
from gramax.streaming import (
    Collected,
    Execution,
    Progress,
    Request,
    collect,
    in_words,
    joined,
)
from gramax.uncertainty.companions import companions_with_intervals
from gramax.uncertainty.errorbars import error_bars
from gramax.uncertainty.probes import Worth, explained, labels_nearby, worth_of
from gramax.uncertainty.references import references
from gramax.uncertainty.rows import (
    MIN_ROWS,
    bars_of_rows,
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
    head: Any = None,
    bias: Any = None,
    pairs: Any = None,
    outliers: Any = None,
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
    reading: Reading | None = None,
) -> Report:
    """Audit the geometry of embeddings: the five questions, with numbers and a verdict.

    Args:
        source: `[n, d]` array of NumPy, JAX or PyTorch, or a frame of pandas, polars or pyarrow
            (a column of lists, or one column a dimension), or files: a path, a folder, a pattern
            (`data/*.parquet`), an address (`s3://...`), or a list of these. Files may be larger
            than memory.
        labels: one class a row: an array or list (integers ≥ 0, or strings; -1 leaves a row out),
            the path of a file (or files), or the name of a column of the source. None answers the
            questions that need no labels.
        codes: the rows are themselves a codebook, one vector a class; `labels` then names them.
        raw: take rows as they are, not on the unit sphere.
        column: the embedding column or array of a file (or a frame) that holds several.
        head: `[classes, d]` weights of a linear classifier, an array or a file (`file::fc.weight`),
            to hold against the class means and their choices (NC3, NC4). It takes rows as they are
            stored, or on the unit sphere where its file says so (that of `--save-head`). Its rows
            are the classes in the order of their names: numbers by size, texts by the alphabet.
        bias: `[classes]` of the head; by default what lies beside the weights in their file.
        pairs: `[n, d]` the other row of every positive pair (`alignment`), as `source`.
        outliers: `[m, d]` rows that belong to no class (NC5), as `source`.
        groups: which rows hang together (views of an image, sentences of a document, samples of a
            person): given as `labels` are. Error bars leave out whole groups, and no row is judged
            by a classifier that has seen its group; without them both are too confident.
        targets: of a regression: how many continuous targets there are, or the targets themselves,
            `[n, t]`, as `source` may be given, or the name of a column of it. The report has `nrc1`
            then: the share of the variance that as many directions leave out.
        worst: how many of the worst pairs of classes to name.
        explain: hold every number against its reference (see `gramax.uncertainty.references`) and
            give it an error bar; takes some seconds more. Without it, those of the answers are.
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
        reading: how stored numbers become rows: transposed, or unpacked from bits, or freed from a
            quantisation (see `gramax.Reading`).

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
    beside_rows, attached = Attachments(head, bias, pairs, outliers), Attached({}, ())
    beside_rows.check(labels, codes)
    if codes:
        if groups is not None:
            raise InputError("--groups are of rows: each code stands by itself; leave it out")
        from gramax.audits.codebook import audit_codes

        return audit_codes(
            source,
            labels,
            raw=raw,
            column=column,
            worst=worst,
            explain=explain,
            portrait=portrait,
            headroom=headroom,
            searching=searching,
            options=options,
            progress=progress,
            execution=execution,
            reading=reading,
        )
    if isinstance(source, Collected):  # as a comparison has read its two sides
        collected = source
    else:
        how = execution or Execution()
        blocks = BLOCKS if explain else None if probe else 1
        request = Request(source, labels, column, False, blocks, not raw, how, groups=groups)
        request = replace(request, reading=reading or Reading())
        collected = collect(request, progress)
        attached = beside_rows.measure(collected, request, progress)
    totals, labelled = collected.totals, collected.labelled
    sizes = f"{len(collected.names):,} classes"
    with (
        telling_memory(f"computing the numbers of {collected.name}, {sizes}"),
        few_threads(math.isqrt(totals.sample.rows.size)),
    ):
        tell("numbers", 0, 1, 0)
        moments, rows = joined(totals.blocks), totals.sample.rows
        evidence = _evidence(collected.name, moments, options)
        of_rows, neighbours, notes = _of_rows(rows, moments, tell)
        many = 0 if targets is None else count_targets(targets, source, collected.rows)
        if many:
            of_rows["nrc1"] = _regression(evidence, many)
        found_worth = None
        if probe and labelled and len(totals.blocks) > 1:
            tell("held-out rows", 0, 1, 0)
            found_worth = _worth(collected, neighbours)
            if found_worth and explain:
                sample = totals.sample
                more = explained(rows, sample.labels, moments.normalize, sample.groups)
                found_worth = replace(found_worth, more=more)
        tell("chance", 0, 1, 0)
        law = references(evidence, rows, labelled=labelled, codes=False, every=explain)
        beside: dict[str, Mapping[str, Any]] = {"chance": law}
        if explain:
            tell("error bars", 0, 1, 0)
            parts = BlockMoments.of_parts(totals.blocks)
            of_parts = error_bars(parts, options=options, targets=many)
            near = bars_of_rows(rows, moments.normalize, of_rows, totals.sample.groups)
            beside["error"] = of_parts | near
            beside["companion"] = companions_with_intervals(
                parts, of_parts, options, collected.groups
            )
        left_out = collected.left_out
        if headroom:
            tell("searching", 0, 1, 0)
        found = build_report(
            collected.name,
            evidence,
            collected.names,
            _numbers(evidence, beside, of_rows, labelled) | attached.numbers,
            labelled=labelled,
            worst=worst,
            search=headroom,
            searching=searching,
            notes=(
                *notes,
                *attached.notes,
                *collected.notes,
                *([in_words(left_out)] if left_out else []),
            ),
            left_out=left_out,
            worth=found_worth,
            **_odd(collected, moments, neighbours),
        )
        found = replace(found, array=collected.array)
        steps = next_steps(found, source, labels, column, raw)
        found = replace(found, next_steps=steps)
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
    law = references(evidence, np.zeros((0, moments.dim)), labelled=True, codes=False)
    numbers = _numbers(evidence, {"chance": law})
    return build_report(source, evidence, names, numbers, worst=worst, search=False)


def _evidence(name: str, moments: ClassMoments, options: Options) -> Evidence:
    """What metrics are computed from; `InputError` where the moments hold no row."""
    if not np.sum(moments.rows) > 0:
        out = [
            f"{n:,} {LEFT_OUT_WORDS[why]}" for why, n in left_out_by_reason(moments).items() if n
        ]
        raise InputError(f"{name}: no row is left to audit ({', '.join(out)})")
    return Evidence(moments, options)


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


def _odd(
    collected: Collected, moments: ClassMoments, neighbours: Neighbours | None
) -> dict[str, Any]:
    """What single rows and classes show, and without labels what else is asked of rows."""
    if neighbours is None:
        return {}
    sample, normalize = collected.totals.sample, moments.normalize
    names = collected.names if collected.labelled else ()
    found: dict[str, Any] = {
        "findings": find(*sample[:3], names, normalize=normalize, neighbours=neighbours)
    }
    if not names:
        found["corpus"] = measure_corpus(sample.rows, sample.numbers, normalize, neighbours)
    return found


def _regression(evidence: Evidence, targets: int) -> tuple[float, str | None]:
    """NRC1, with the reason where it is undefined."""
    value = float(regression_collapse(evidence, targets))
    return value, None if math.isfinite(value) else METRICS["nrc1"].degenerate


def _worth(collected: Collected, neighbours: Neighbours | None) -> Worth | None:
    """What held-out rows say of the classes; of a sample of the rows no neighbours are told."""
    parts, nearest = collected.totals.blocks, (None, 0.0)
    rows, labels, numbers, groups = collected.totals.sample
    if neighbours is not None and len(rows) == sum(float(p.total) for p in parts):
        nearest = labels_nearby(rows, labels, groups, parts[0].normalize, neighbours)
    block = blocks_of(numbers, len(parts), 0, groups, collected.groups)
    with np.errstate(all="ignore"):
        return worth_of(parts, rows, labels, block, *nearest)


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
