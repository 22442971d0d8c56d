"""One of the two spaces of a comparison: what was read of it, its report and its class codes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gramax._shapes import Float
from gramax.audits.audit import audit
from gramax.audits.report import Report
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.streaming import Collected, Progress, joined


class Space(NamedTuple):
    """One space, gathered and judged.

    Attributes:
        collected: its moments in blocks, its sampled rows, and its classes.
        report: its numbers.
        codes: `[c, r]` unit class means, of all classes; where rows are fewer than dimensions, in
            the space that they span.
    """

    collected: Collected
    report: Report
    codes: Float[np.ndarray, "c r"]


def judged(collected: Collected, options: Options, progress: Progress | None) -> Space:
    """A space with its numbers."""
    report = audit(
        collected, worst=1, portrait=False, headroom=False, options=options, progress=progress
    )
    with np.errstate(all="ignore"):
        codes = Evidence(joined(collected.totals.blocks)).codes
    return Space(collected, report, codes)


def mismatch(a: Collected, b: Collected) -> str:
    """Why the rows of the two do not match; empty where nothing speaks against it."""
    if a.rows != b.rows:
        return f"{a.rows:,} and {b.rows:,} rows"
    if a.left_out or b.left_out:
        return "rows were left out"
    if a.names != b.names:
        return "the two have different classes"
    if a.label_digest and b.label_digest and a.label_digest != b.label_digest:
        return "their labels differ"
    return ""
