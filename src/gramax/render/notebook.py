"""A report, or moments, as a notebook shows them: compact HTML without script, all text escaped."""

from __future__ import annotations

import jax
import numpy as np
from markupsafe import escape

from gramax.arrays.checks import is_concrete
from gramax.audits.report import Report
from gramax.moments.class_moments import ClassMoments
from gramax.render.page.audit import answers_of
from gramax.render.page.shell import template
from gramax.render.words import facts, number

SHOWN = 10
"""Classes of moments that are listed."""

REASONS = ("labelled -1", "with a label out of range", "not finite", "zero")
"""Why rows were left out, in the order of `ClassMoments.left_out`."""


def report_html(report: Report) -> str:
    """The verdict of a report as an HTML fragment."""
    return template("notebook.html").render(
        report=report, facts=facts(report), answers=answers_of(report)
    )


def moments_html(moments: ClassMoments) -> str:
    """The sizes of moments, and their loosest classes, as an HTML fragment."""
    leaves = jax.tree.leaves(moments)
    seen = (isinstance(one, np.ndarray | jax.Array) and is_concrete(one) for one in leaves)
    if not all(seen) or moments.spread.ndim != 1:  # traced, shapes alone, or a stack of moments
        return f"<b>ClassMoments</b> <code>{escape(jax.tree.map(_shape, moments))}</code>"
    counts, spread = np.asarray(moments.counts), np.asarray(moments.spread)
    there = np.flatnonzero(counts > 0)
    within = spread[there] / counts[there]
    loosest = np.argsort(-within, kind="stable")[:SHOWN]
    left_out = np.asarray(moments.left_out).sum(axis=0)
    return template("moments.html").render(
        rows=f"{counts.sum():,.10g}",
        how="on the unit sphere" if moments.normalize else "as they are",
        present=len(there),
        moments=moments,
        megabytes=f"{sum(one.nbytes for one in leaves) / 1e6:,.3g}",
        precision=moments.precision,
        classes=[
            (int(there[k]), f"{counts[there[k]]:,.10g}", number(float(within[k]))) for k in loosest
        ],
        left_out=[f"{n:,.10g} {why}" for n, why in zip(left_out, REASONS, strict=True) if n],
    )


def _shape(leaf: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
