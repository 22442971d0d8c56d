"""`audit`: from an array or a file to a `Report`, in one pass over the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gramax._shapes import Float
from gramax.arrays.rows import unit_rows
from gramax.audits.build import Extras, build_report, floor_of
from gramax.audits.portrait import CHEAP, Portrait, portrait_of
from gramax.audits.report import Number, Report
from gramax.errors import telling_memory
from gramax.metrics.evidence import Evidence
from gramax.metrics.neighbours import RowEvidence
from gramax.metrics.options import Options
from gramax.moments import BlockMoments, ClassMoments
from gramax.streaming import (
    Collected,
    Execution,
    Progress,
    Request,
    Sample,
    collect,
    in_words,
    joined,
)
from gramax.uncertainty.chance import Chance, chance, for_answers
from gramax.uncertainty.companions import companions
from gramax.uncertainty.errorbars import error_bars
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
    worst: int = 10,
    explain: bool = False,
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
        worst: how many of the worst pairs of classes to name.
        explain: hold every number against chance (simulated where no law is known) and give it an
            error bar; takes some seconds more. Without it, chance is given where a law is known.
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
    request = Request(
        source, labels, column, codes, BLOCKS if explain else 1, not raw, execution or Execution()
    )
    collected = collect(request, progress)
    return audit_collected(
        collected,
        worst=worst,
        explain=explain,
        portrait=portrait,
        headroom=headroom,
        searching=searching,
        options=options,
        progress=progress,
    )


def audit_collected(
    collected: Collected,
    *,
    worst: int = 10,
    explain: bool = False,
    portrait: bool | None = None,
    headroom: bool | None = None,
    searching: Callable[[Searched], None] | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Report:
    """The report of what was gathered; arguments as for `audit`."""
    options = options or Options()
    tell = progress or (lambda *_: None)
    totals, sizes = collected.totals, f"{len(collected.names):,} classes"
    with telling_memory(f"computing the numbers of {collected.name}, {sizes}"):
        tell("numbers", 0, 1, 0)
        moments = joined(totals.blocks)
        rows = totals.sample.rows
        of_rows, copies = _of_rows(rows, moments.normalize, tell)
        tell("chance", 0, 1, 0)
        law = _chance(moments, options, explain, len(rows))
        bars, beside = {}, {}
        if explain:
            tell("error bars", 0, 1, 0)
            blocks = BlockMoments.of_parts(totals.blocks)
            bars = error_bars(blocks, options=options)
            bars |= bars_of_rows(rows, moments.normalize, of_rows)
            beside = companions(blocks, options)
        notes = (*_sampled(totals.sample, moments, of_rows), *copies, *collected.notes)
        extras = Extras(
            of_rows={name: Number(value, reason) for name, (value, reason) in of_rows.items()},
            chance=law,
            bars=bars,
            companions=beside,
            warnings=notes,
            left_out=collected.left_out,
        )
        if extras.left_out:
            extras = replace(extras, warnings=(*extras.warnings, in_words(extras.left_out)))
        if headroom:
            tell("searching", 0, 1, 0)
        found = build_report(
            collected.name,
            moments,
            collected.names,
            labelled=collected.labelled,
            worst=worst,
            options=options,
            search=headroom,
            searching=searching,
            extras=extras,
        )
        if portrait or (portrait is None and max(found.c, found.d) <= CHEAP):
            tell("drawing", 0, 1, 0)
            found = replace(found, portrait=_portrait(moments, totals.sample, collected))
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
    extras = Extras(chance=for_answers(moments, options))
    return build_report(
        source, moments, names, worst=worst, options=options, search=False, extras=extras
    )


def _of_rows(
    rows: Float[np.ndarray, "m d"], normalize: bool, tell: Progress
) -> tuple[dict[str, tuple[float, str | None]], tuple[str, ...]]:
    """The metrics of the rows themselves, and what to say of copies among them."""
    tell("neighbours", 0, 1, 0)
    if len(rows) < MIN_ROWS:
        return measure_rows(rows, normalize), ()
    evidence = RowEvidence(
        rows, normalize, lambda share: tell("neighbours", round(1000 * share), 1000, 0)
    )
    with np.errstate(all="ignore"):
        found = row_values(evidence)
    if not evidence.copies:
        return found, ()
    of = f"{evidence.copies:,} of {len(rows):,} rows"
    return found, (f"{of} are copies of others, up to rounding: neighbours count them once",)


def _chance(moments: ClassMoments, options: Options, explain: bool, rows: int) -> dict[str, Chance]:
    """What chance gives: for the answers alone, or for every number that it gives one for."""
    if not explain:
        return for_answers(moments, options)
    found = chance_of_rows(rows, moments.dim, moments.normalize)
    found |= chance(moments, options=options) | for_answers(moments, options)
    return {name: law for name, law in found.items() if law.sd >= 0}


def _sampled(sample: Sample, moments: ClassMoments, of_rows: Any) -> tuple[str, ...]:
    """What to say where the metrics of rows are of a sample."""
    n = round(float(np.sum(moments.rows)))
    if len(sample.rows) >= n:
        return ()
    return (f"{', '.join(of_rows)} are of a random sample of {len(sample.rows):,} rows",)


def _portrait(moments: ClassMoments, sample: Sample, collected: Collected) -> Portrait:
    with np.errstate(all="ignore"):
        evidence = Evidence(moments)
        codes, centred, eigenvalues = (
            evidence.codes,
            evidence.centred_codes,
            evidence.eigenvalues,
        )
    counts = moments.counts
    present = np.flatnonzero(counts > 0)
    rows = unit_rows(sample.rows) if moments.normalize else sample.rows
    return portrait_of(
        [collected.names[k] for k in present] if collected.labelled else [],
        codes[present] if collected.labelled else codes[:0],
        centred[present],
        eigenvalues,
        round(float(counts.sum())),
        rows,
        np.searchsorted(present, sample.labels),
        floor_of(len(present), moments.dim)[0],
    )
