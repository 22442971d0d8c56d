"""A report, a decision or moments as a notebook shows them.

Compact HTML without script, all text escaped.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import escape

from gramax.audits.verdict import tell_worth
from gramax.render.number_text import number, report_facts
from gramax.render.page.html_file import template

if TYPE_CHECKING:
    from gramax.audits.report import Report
    from gramax.decide.decision import Decision
    from gramax.moments.class_moments import ClassMoments

MAX_CLASSES_LISTED = 10

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
    """The sizes of moments on any array library, and their loosest classes, as HTML."""
    values = {f.name: getattr(moments, f.name) for f in fields(moments)}
    arrays = {name: a for name, a in values.items() if hasattr(a, "shape") and hasattr(a, "dtype")}
    on_host = {name: _on_host(array) for name, array in arrays.items()}
    if any(array is None for array in on_host.values()) or len(moments.spread.shape) != 1:
        # Traced, shapes without numbers, or a stack of moments: there is nothing to sum.
        shapes = ", ".join(f"{name}: {a.dtype}{list(a.shape)}" for name, a in arrays.items())
        return f"<b>ClassMoments</b> <code>{escape(shapes)}</code>"
    shown = (moments.counts, moments.spread, moments.left_out)
    counts, spread, left_out = (np.asarray(_on_host(array)) for array in shown)
    there = np.flatnonzero(counts > 0)
    loosest = there[np.argsort(-spread[there] / counts[there], kind="stable")]
    reasons = zip(left_out.sum(axis=0), LEFT_OUT_REASONS, strict=True)
    return template("moments.html").render(
        rows=f"{counts.sum():,.10g}",
        how="on the unit sphere" if moments.normalize else "as they are",
        present=len(there),
        moments=moments,
        megabytes=f"{sum(np.asarray(array).nbytes for array in on_host.values()) / 1e6:,.3g}",
        precision=moments.precision,
        classes=[
            (int(k), f"{counts[k]:,.10g}", number(float(spread[k] / counts[k])))
            for k in loosest[:MAX_CLASSES_LISTED]
        ],
        left_out=[f"{n:,.10g} {why}" for n, why in reasons if n],
    )


def _on_host(array: Any) -> np.ndarray | None:
    """The numbers of an array as NumPy has them; None where it holds none (traced, or a shape)."""
    if hasattr(array, "detach"):  # a torch tensor, which may need a gradient or be on a device
        array = array.detach().cpu()
    try:
        found = np.asarray(array)
    except Exception:  # each library has its own error for an array without numbers
        return None
    return found if found.dtype != object else None
