"""One side of a comparison: opened, its rows gathered as for an audit, and what is kept of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from gramax.audits.audit import BLOCKS, concluded
from gramax.audits.build import codes_of
from gramax.audits.report import Report
from gramax.data import Source
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.moments.class_moments import ClassMoments
from gramax.streaming import Classes, LeftOut, accumulate, classes_of, open_source


class Space(NamedTuple):
    """One space, opened; `unopened` are the files of it that could not be."""

    source: Source
    classes: Classes
    unopened: tuple[LeftOut, ...]


class Look(NamedTuple):
    """One space, looked at.

    Attributes:
        space: as it was opened.
        blocks: moments of random blocks of its rows, in float64.
        sample: `[m, d]` random rows, for what needs the rows themselves.
        report: its numbers.
        codes: `[c, d]` unit class means, of all `space.classes`.
        centre: `[d]` the mean of the rows, on the sphere where they are.
        left_out: what could not be read of it.
    """

    space: Space
    blocks: tuple[ClassMoments, ...]
    sample: Float[np.ndarray, "m d"]
    report: Report
    codes: Float[np.ndarray, "c d"]
    centre: Float[np.ndarray, " d"]
    left_out: tuple[LeftOut, ...]


def open_space(given: Any, labels: Any, codes: bool, column: str | None, skip_bad: bool) -> Space:
    """One side, opened; arguments as for `gramax.compare`."""
    source, unopened = open_source(given, column, skip_bad)
    return Space(source, classes_of(labels, source, codes), unopened)


def look_at(space: Space, normalize: bool, options: Options, **how: Any) -> Look:
    """Gather the rows of a side and judge them; `how` goes to `gathering.accumulate`."""
    source, classes, unopened = space
    totals = accumulate(source, classes, BLOCKS, normalize, **how)
    report, moments = concluded(source, totals, classes, 1, options, False, False)
    with jax.enable_x64(True):
        codes, centre = np.asarray(codes_of(moments)[0]), np.asarray(_centre(moments))
    left_out, rows = unopened + totals.left_out, totals.sample.rows
    return Look(space, totals.blocks, rows, report, codes, centre, left_out)


@jax.jit
def _centre(moments: ClassMoments) -> Float[Array, " d"]:
    evidence = Evidence(moments)
    return evidence.row_share @ evidence.origin_means


def mismatch(a: Space, b: Space) -> str:
    """Why rows do not match; empty where they do, as far as one can see before they are read."""
    if a.source.rows != b.source.rows:
        return f"{a.source.rows:,} and {b.source.rows:,} rows"
    if a.unopened or b.unopened:
        return "files were left out"
    if a.classes.names != b.classes.names:
        return "the two have different classes"
    if a.classes.labels is not None and b.classes.labels is not None:
        sides = (
            one.part(0, a.source.rows).chunks(1 << 16)
            for one in (a.classes.labels, b.classes.labels)
        )
        if not all(np.array_equal(x, y) for x, y in zip(*sides, strict=True)):
            return "their labels differ"
    return ""
