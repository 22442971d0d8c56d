"""`audit`: from an array or a file to a `Report`, in one pass over the rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from gramax.arrays.programs import program
from gramax.arrays.rows import directions
from gramax.audits.build import codes_of, conclude, floor_of
from gramax.audits.portrait import CHEAP, Portrait, portrait_of
from gramax.audits.report import Number, Report
from gramax.data import Source
from gramax.errors import telling_memory
from gramax.frames import Progress as Searched
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.moments.class_moments import ClassMoments
from gramax.streaming import (
    Classes,
    LeftOut,
    Progress,
    Sample,
    Totals,
    accumulate,
    classes_of,
    engines,
    in_words,
    joined,
    open_source,
)
from gramax.uncertainty.chance import Chance, chance, for_answers
from gramax.uncertainty.errorbars import BlockMoments, error_bars
from gramax.uncertainty.sampled import bars_of_rows, chance_of_rows, measure_rows

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
    engine: engines.Name = "serial",
    workers: int | None = None,
    engine_address: str | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    skip_bad: bool = False,
) -> Report:
    """Audit the geometry of embeddings: the five questions, with numbers and a verdict.

    Args:
        source: `[n, d]` array, or files: a path, a folder, a pattern (`data/*.parquet`), an address
            (`s3://...`), or a list of these. Files may be larger than memory.
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
            and from these (`Report.headroom`): some seconds, up to a minute for many codes. Without
            it, what is known to be reached is looked up and nothing is searched.
        searching: called with a `gramax.frames.Progress` after every round of such a search.
        options: the choices in which published definitions differ (see `gramax.Options`).
        progress: called with (rows done, rows in all, bytes done) now and then.
        engine: who reads and sums the rows: "serial" (this thread), "processes" or "ray".
        workers: of the engine; by default one a core.
        engine_address: of a running Ray cluster; by default Ray is started on this machine.
        checkpoint: a file that keeps what is done. After a stop of any kind the same call goes on
            where it was; once all is done it answers at once.
        skip_bad: leave out fragments of files that cannot be read (`Report.left_out_fragments`),
            which otherwise are an error.

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
    opened, unopened = open_source(source, column, skip_bad)
    classes = classes_of(labels, opened, codes)
    options = options or Options()
    with engines.opened(engine, workers=workers, address=engine_address) as runner:
        totals = accumulate(
            opened,
            classes,
            BLOCKS if explain else 1,
            not raw,
            progress,
            engine=runner,
            checkpoint=checkpoint,
            skip_bad=skip_bad,
        )
    found, _ = concluded(
        opened, totals, classes, worst, options, portrait, headroom, searching, explain
    )
    found = _noted(found, opened.notes, unopened + totals.left_out)
    with jax.enable_x64(True), telling_memory(f"computing the error bars of {opened.name}"):
        if explain:
            return _explained(found, totals.blocks, options, totals.sample.rows)
        return found


def concluded(
    source: Source,
    totals: Totals,
    classes: Classes,
    worst: int,
    options: Options,
    portrait: bool | None = None,
    headroom: bool | None = None,
    searching: Callable[[Searched], None] | None = None,
    explain: bool = False,
) -> tuple[Report, ClassMoments]:
    """The report of what was gathered, and the moments of all blocks; arguments as for `audit`.

    Every number is held against chance where that is to be explained; error bars come later.
    """
    sample, sizes = totals.sample, f"{len(classes.names):,} classes in {source.dim:,} dimensions"
    with telling_memory(f"computing the numbers of {source.name}, {sizes}"):
        with jax.enable_x64(True):
            moments = joined(totals.blocks)
            random = _random(moments, options) if explain else None
            found = conclude(
                source.name, moments, classes, worst, options, headroom, searching, random
            )
        found = _with_rows(found, sample.rows)
        if portrait or (portrait is None and max(found.c, found.d) <= CHEAP):
            found = replace(found, portrait=_portrait(moments, sample, classes))
    return found, moments


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
        moments: of any precision; labels as they are, 0..c-1.
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
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> found = audit_moments(ClassMoments.of(z, jnp.array([0, 0, 1, 1]), 2))
        >>> print(found.n, round(found["collapse_ratio"], 4))
        4 0.0099
    """
    c = moments.num_classes
    names = tuple(map(str, range(c) if names is None else names))
    if len(names) != c:
        raise ValueError(f"{len(names)} names for moments of {c} classes")
    with jax.enable_x64(True):
        classes = Classes(names)
        return conclude(source, moments.widened(), classes, worst, options or Options(), False)


def _noted(report: Report, notes: tuple[str, ...], left_out: Sequence[LeftOut]) -> Report:
    """The report with how the files were read, and what of them was not."""
    if left_out:
        notes = (*notes, in_words(left_out))
    return replace(report, warnings=report.warnings + notes, left_out_fragments=tuple(left_out))


def _with_rows(report: Report, rows: np.ndarray) -> Report:
    """The report with the metrics that need the rows themselves."""
    found = measure_rows(rows, report.normalized)
    extra = {name: Number(value, reason) for name, (value, reason) in found.items()}
    note = ()
    if len(rows) < report.n:
        note = (f"{', '.join(extra)} are of a random sample of {len(rows):,} rows",)
    return replace(report, numbers=report.numbers | extra, warnings=report.warnings + note)


@program()
def _spectrum(moments: ClassMoments) -> Float[Array, " d"]:
    return Evidence(moments).eigenvalues


def _portrait(moments: ClassMoments, sample: Sample, classes: Classes) -> Portrait:
    with jax.enable_x64(True):
        codes, centred = map(np.asarray, codes_of(moments))
        eigenvalues = np.asarray(_spectrum(moments))
    counts = np.asarray(moments.counts)
    present = np.flatnonzero(counts > 0)
    rows = sample.rows
    if moments.normalize:
        rows = directions(rows)
    return portrait_of(
        [classes.names[k] for k in present] if classes.labelled else [],
        codes[present] if classes.labelled else codes[:0],
        centred[present],
        eigenvalues,
        round(float(counts.sum())),
        rows,
        np.searchsorted(present, sample.labels),
        floor_of(len(present), moments.dim)[0],
    )


def _random(moments: ClassMoments, options: Options) -> dict[str, Chance]:
    """What chance gives for every number that it gives one for; for the answers, as ever."""
    found = chance(moments, options=options) | for_answers(moments, options)
    return {name: law for name, law in found.items() if law.sd >= 0}


def _explained(
    report: Report, blocks: Sequence[ClassMoments], options: Options, rows: np.ndarray
) -> Report:
    """The report with error bars, and with the numbers of rows held against chance."""
    with jax.enable_x64(False):
        random = chance_of_rows(len(rows), report.d, report.normalized)
        of_rows = bars_of_rows(rows, report.normalized)
    bars = error_bars(BlockMoments.of_parts(blocks), options=options) | of_rows
    numbers = {
        name: replace(number, chance=number.chance or random.get(name), error=bars.get(name))
        if number.reason is None
        else number
        for name, number in report.numbers.items()
    }
    return replace(report, numbers=numbers)
