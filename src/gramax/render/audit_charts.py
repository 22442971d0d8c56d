"""The spectrum and the cosines of an audit as charts, which a page and matplotlib both draw."""

from __future__ import annotations

import numpy as np

from gramax.audits.portrait import Histogram, Scree
from gramax.audits.report import Report
from gramax.decide.decision import Chart, Line
from gramax.render.number_text import number

LEAST_SHARE = 1e-7
"""Axes with a smaller share of the variance than this part of the first one's are left out."""

MAX_LINEAR_AXES = 32
"""Up to this number of axes they are spaced evenly, more by their logarithm."""

MAX_LINEAR_PAIRS = 500
"""Of more pairs, counts are on a logarithmic scale, so that bars of few pairs show."""


def spectrum_chart(report: Report, scree: Scree) -> Chart:
    """The share of the variance along each axis, beside that of rows without structure."""
    least = LEAST_SHARE * scree.share[0]
    seen, by_luck = scree.share > least, scree.chance > least
    last = int(scree.index[-1])
    text = (
        f"Effective rank {number(report['effective_rank'])} of {min(report.n - 1, report.d):,}."
        " Dashed: isotropic rows of the same number (Marchenko-Pastur)."
    )
    if beyond := last - int(scree.index[seen][-1]):
        text += f" {beyond:,} more axes have less than {least:.0e} of the variance."
    rows = Line("these rows", scree.index[seen], scree.share[seen])
    chance = Line("chance", scree.index[by_luck], scree.chance[by_luck], dashed=True)
    needed = report.c - 1
    return Chart(
        "Spectrum",
        text,
        "principal axis",
        "share of the variance",
        (rows, chance),
        x_log=last > MAX_LINEAR_AXES,
        y_log=True,
        marks=((needed, f"{needed} = classes − 1"),) if 1 < needed < last else (),
    )


def cosine_chart(report: Report, histogram: Histogram, floor: float) -> Chart:
    """Counts of pairs by cosine, beside those of random directions and the floor.

    Where the codes fit, the one cosine of a simplex stands for the floor.
    """
    pairs, limit = int(histogram.counts.sum()), float(histogram.edges[-1])
    many, marks, of = pairs > MAX_LINEAR_PAIRS, [], "rows"
    text = "All pairs of the rows shown."
    if histogram.of == "classes":
        of, text = "class codes", f"All {pairs:,} pairs of class codes."
        if report.c <= report.d + 1:
            simplex = -1 / (report.c - 1)
            marks = [(simplex, f"simplex {simplex:.2g}".replace("-", "−"))]
        elif floor > 0:
            marks = [(floor, f"floor ±{floor:.2g}"), (-floor, "")]
    lines = ()
    if histogram.chance is not None:
        text += " Dashed: random directions."
        middles = (histogram.edges[1:] + histogram.edges[:-1]) / 2
        # A logarithmic scale ends below one pair.
        chance = np.where(histogram.chance >= (0.5 if many else 0), histogram.chance, np.nan)
        lines = (Line("random directions", middles, chance, dashed=True),)
    return Chart(
        f"Cosines of pairs of {of}",
        text,
        "cosine",
        "pairs",
        lines,
        y_log=many,
        marks=tuple(mark for mark in marks if abs(mark[0]) <= limit),
        bars=(histogram.edges, histogram.counts),
    )
