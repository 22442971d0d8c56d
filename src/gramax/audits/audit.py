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
from gramax.audits.build import (
    Value,
    Values,
    Wanted,
    build_report,
    left_out_by_reason,
    told,
    value_of,
)
from gramax.audits.corpus import measure as measure_corpus
from gramax.audits.findings import find
from gramax.audits.next_steps import next_steps
from gramax.audits.portrait import Portrait, portrait_of
from gramax.audits.report import LEFT_OUT_WORDS, Number, Report
from gramax.audits.targets import count_targets
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
    beside_rows, attached = Attachments(head, bias, pairs, outliers), Attached({}, ())
    beside_rows.check(labels, codes)
    request = Request(
        source,
        labels,
        column,
        codes,
        1 if codes or not (probe or explain) else BLOCKS if explain else None,
        not raw,
        execution or Execution(),
        groups=groups,
        reading=reading or Reading(),
    )
    tell = progress or (lambda *_: None)
    wanted = Wanted(
        worst, explain, probe, portrait, headroom, searching, options or Options(), tell
    )
    if codes:
        if groups is not None:
            raise InputError("--groups are of rows: each code stands by itself; leave it out")
        from gramax.audits.codebook import audit_codes

        return audit_codes(request, wanted)
    if isinstance(source, Collected):  # as a comparison has read its two sides
        collected = source
    else:
        collected = collect(request, progress)
        attached = beside_rows.measure(collected, request, progress)
    sizes = f"{len(collected.names):,} classes"
    with (
        telling_memory(f"computing the numbers of {collected.name}, {sizes}"),
        few_threads(math.isqrt(collected.totals.sample.rows.size)),
    ):
        return _audited(collected, attached, targets, request, wanted)


def _audited(
    collected: Collected, attached: Attached, targets: Any, request: Request, wanted: Wanted
) -> Report:
    """The report of rows that are read; numbers of what came with them are `attached`."""
    tell, totals, labelled = wanted.tell, collected.totals, collected.labelled
    tell("numbers", 0, 1, 0)
    moments, rows = joined(totals.blocks), totals.sample.rows
    evidence = _evidence(collected.name, moments, wanted.options)
    of_rows, neighbours, notes = _of_rows(rows, moments, tell)
    many = 0 if targets is None else count_targets(targets, request.source, collected.rows)
    if many:
        value = float(regression_collapse(evidence, many))
        of_rows["nrc1"] = value, None if math.isfinite(value) else METRICS["nrc1"].degenerate
    worth = None
    if wanted.probe and labelled and len(totals.blocks) > 1:
        tell("held-out rows", 0, 1, 0)
        worth = _worth(collected, neighbours, wanted.explain)
    beside = _beside(evidence, collected, of_rows, many, wanted)
    if wanted.headroom:
        tell("searching", 0, 1, 0)
    found = build_report(
        collected.name,
        evidence,
        collected.names,
        _numbers(evidence, beside, of_rows, labelled) | attached.numbers,
        labelled=labelled,
        wanted=wanted,
        notes=(*notes, *attached.notes, *collected.told),
        left_out=collected.left_out,
        worth=worth,
        sample=totals.sample,
        **_odd(collected, moments, neighbours),
    )
    found = replace(found, array=collected.array)
    found = replace(found, next_steps=next_steps(found, request))
    if wanted.pictures(found):
        tell("drawing", 0, 1, 0)
        found = replace(found, portrait=_portrait(evidence, collected))
    return found


def _beside(
    evidence: Evidence, collected: Collected, of_rows: Values, targets: int, wanted: Wanted
) -> dict[str, Mapping[str, Any]]:
    """What stands beside the numbers, by its place in `Number`: chance, error, companion."""
    sample, every = collected.totals.sample, wanted.explain
    wanted.tell("chance", 0, 1, 0)
    law = references(evidence, sample.rows, labelled=collected.labelled, codes=False, every=every)
    if not every:
        return {"chance": law}
    wanted.tell("error bars", 0, 1, 0)
    parts = BlockMoments.of_parts(collected.totals.blocks)
    bars = error_bars(parts, options=wanted.options, targets=targets)
    near = bars_of_rows(sample.rows, evidence.moments.normalize, of_rows, sample.groups)
    many = companions_with_intervals(parts, bars, wanted.options, collected.groups)
    return {"chance": law, "error": bars | near, "companion": many}


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
    wanted = Wanted(worst, headroom=False, options=options)
    return build_report(source, evidence, names, numbers, wanted=wanted)


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
) -> tuple[dict[str, Value], Neighbours | None, list[str]]:
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


def _worth(collected: Collected, neighbours: Neighbours | None, explain: bool) -> Worth | None:
    """What held-out rows say of the classes; of a sample of the rows no neighbours are told."""
    parts, nearest = collected.totals.blocks, (None, 0.0)
    rows, labels, numbers, groups = collected.totals.sample
    normalize = parts[0].normalize
    if neighbours is not None and len(rows) == sum(float(p.total) for p in parts):
        nearest = labels_nearby(rows, labels, groups, normalize, neighbours)
    block = blocks_of(numbers, len(parts), 0, groups, collected.groups)
    with np.errstate(all="ignore"):
        found = worth_of(parts, rows, labels, block, *nearest)
    if found and explain:
        found = replace(found, more=explained(rows, labels, normalize, groups))
    return found


def _numbers(
    evidence: Evidence,
    beside: Mapping[str, Mapping[str, Any]],
    of_rows: Values = MappingProxyType({}),
    labelled: bool = True,
) -> dict[str, Number]:
    """Every number: with its reason where undefined, else with what there is beside it."""
    with np.errstate(all="ignore"):
        values = {
            metric.name: value_of(metric, evidence)
            if labelled or not metric.labels
            else (math.nan, UNLABELLED)
            for metric in METRICS.of(evidence.moments.scatter)
        }
    return told({**values, **of_rows}, beside)


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
