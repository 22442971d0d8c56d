"""A report, a decision or moments as a notebook shows them.

Compact HTML without script, all text escaped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gramax.audits.verdict import tell_worth
from gramax.render.number_text import report_facts
from gramax.render.page.html_file import template

if TYPE_CHECKING:
    from gramax.audits.report import Report
    from gramax.decide.decision import Decision
    from gramax.moments.class_moments import ClassMoments

LEFT_OUT_REASONS = ("labelled -1", "with a label out of range", "not finite", "zero")
"""Why rows were left out, in the order of `ClassMoments.left_out`."""


def report_html(report: Report) -> str:
    """The verdict of a report as an HTML fragment."""
    told = {"facts": report_facts(report), "worth": tell_worth(report)}
    return template("notebook.html").render(report=report, **told)


def decision_html(found: Decision) -> str:
    """A decision as an HTML fragment: the sentence that decides, and its tables."""
    return template("notebook_decision.html").render(found=found)


def moments_html(moments: ClassMoments) -> str:
    """The sizes of moments on any array library; traced and stacked ones hold no counts."""
    how = "on the unit sphere" if moments.normalize else "as they are"
    sizes = f"{moments.num_classes:,} classes, {moments.dim:,} dimensions"
    sizes += f", rows {how}, summed in {moments.precision}"
    sizes += ", without the scatter" if moments.scatter is None else ""
    counts, left_out = (_on_host(array) for array in (moments.count, moments.left_out))
    if counts is None or left_out is None or counts.ndim != 2:
        return f"<b>ClassMoments</b>: {sizes}"
    there = f"{np.count_nonzero(counts[0]):,} of {sizes}"
    reasons = zip(left_out.sum(axis=0), LEFT_OUT_REASONS, strict=True)
    out = "".join(f"; {n:,.10g} {why} left out" for n, why in reasons if n)
    return f"<b>ClassMoments</b> of {counts.sum():,.10g} rows: {there}{out}"


def _on_host(array: Any) -> np.ndarray | None:
    """The numbers of an array as NumPy has them; None where it holds none (traced, or a shape)."""
    if hasattr(array, "detach"):  # a torch tensor, which may need a gradient or be on a device
        array = array.detach().cpu()
    try:
        found = np.asarray(array)
    except Exception:  # each library has its own error for an array without numbers
        return None
    return found if found.dtype != object else None
