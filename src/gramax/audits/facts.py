"""What holds of a report, by the thresholds: the comparisons that its answers and kinds share."""

from __future__ import annotations

import math

import numpy as np

from gramax.audits.report import Number, Report
from gramax.audits.thresholds import (
    A_POINT,
    LARGEST_SHARE,
    LOST_RANK,
    SIMPLEX_ERROR,
    SURE,
    TIGHT_CDNV,
    TOLD_APART,
)
from gramax.frames import coherence_floor
from gramax.uncertainty.chance.laws import Chance
from gramax.uncertainty.intervals import NORMAL_95

MAX_DECOMPOSED = 512
"""Classes up to which the spectrum of their simplex is found; of more it is known well enough."""


def number_of(report: Report, name: str) -> Number:
    """One number of a report, NaN where the report does not have it."""
    return report.numbers.get(name, Number(math.nan))


def chance_of(report: Report, name: str) -> Chance:
    """What chance gives for a number; NaN where no law of it is known."""
    return number_of(report, name).chance or Chance(math.nan, math.nan, "unknown")


def defined(report: Report, *names: str) -> bool:
    """Whether all these numbers are there."""
    return all(math.isfinite(number_of(report, name).value) for name in names)


def simplex_fits(report: Report) -> bool:
    """Whether c codes can be a simplex in d dimensions."""
    return report.c <= report.d + 1


def crosstalk_floor(report: Report) -> tuple[float, str]:
    """What no codes of this number and dimension are below, and its name.

    Codes that fit need not be orthogonal: a simplex is what they reach.
    """
    if report.codebook and report.codebook.complex:
        best = coherence_floor(report.c, report.d, "complex")
    elif simplex_fits(report) and report.c > 1:
        return 1 / (report.c - 1), "simplex"
    else:
        best = coherence_floor(report.c, report.d)
    return best.value, best.bound


def directions_needed(report: Report) -> float:
    """Directions that the class codes need, or that rows without classes could use.

    Points of c classes on a simplex have the covariance diag(p) - ppᵀ for shares p of the rows: its
    effective rank is c - 1 for classes of one size and less for others (42 of 100 by Zipf's law).
    """
    if report.c < 2:
        return min(report.n - 1, report.d)
    p = np.array([view.count for view in report.classes], float)
    p /= p.sum()
    values = p * (1 - 1 / len(p))
    if len(p) <= MAX_DECOMPOSED and np.ptp(p) > 0:
        values = np.linalg.eigvalsh(np.diag(p) - np.outer(p, p))[1:]
    elif np.ptp(p) == 0:
        return min(report.c - 1, report.d)
    q = values[values > 0] / values[values > 0].sum()
    return min(float(np.exp(-q @ np.log(q))), report.d)


def is_rank_lost(report: Report) -> bool:
    """Whether rows spread over too few of the directions that they need, by `LOST_RANK`."""
    rank = number_of(report, "effective_rank").value
    return rank < LOST_RANK * directions_needed(report)


def labels_matter(report: Report) -> bool:
    """Whether class means differ by more than those of shuffled labels.

    Less of the scatter is within classes then; or, where they differ in directions of little
    variance, a linear classifier gets rows right that are held out.
    """
    name = "scatter_ratio"
    if chance_of(report, name).z(number_of(report, name).value) < -SURE:
        return True
    worth = report.worth
    return worth is not None and any(
        one.accuracy - worth.largest > SURE / NORMAL_95 * (one.accuracy - one.low)
        for one in (worth.nearest_mean, worth.probe)
    )


def neighbours_lead(report: Report) -> bool:
    """Whether the nearest neighbour surely gets more rows right than any linear classifier."""
    worth = report.worth
    if worth is None or worth.nearest_neighbour is None:
        return False
    linear = max(worth.nearest_mean.accuracy, worth.probe.accuracy)
    return worth.nearest_neighbour.low > linear


def common_share(report: Report) -> float:
    """Share of the squared length of rows that is common to all classes, each weighing alike.

    Where the rows are not at hand it is that of all rows, unless most of them are of one class.
    """
    if report.findings and math.isfinite(report.findings.common):
        return report.findings.common
    return math.nan if is_imbalanced(report) else number_of(report, "mean_cosine").value


def point_classes(report: Report) -> list[str]:
    """Classes of several rows that are a point, where the median class is none, by `A_POINT`."""
    several = [view for view in report.classes if view.count > 1]
    middle = float(np.median([view.within for view in several])) if several else 0.0
    return [view.name for view in several if view.within < A_POINT * middle]


def is_imbalanced(report: Report) -> bool:
    """Whether one of several classes holds most rows, by `LARGEST_SHARE`."""
    counts = [view.count for view in report.classes]
    return len(counts) > 2 and max(counts) > LARGEST_SHARE * sum(counts)


def is_tight(report: Report) -> bool:
    """Whether classes are tight, pair by pair, by `TIGHT_CDNV`, and so that a mean tells them.

    In few dimensions classes can overlap though their variance is small against their distance:
    where held-out rows were asked, the nearest mean gets them right, by `TOLD_APART`.
    """
    if report.worth and way_of(report.worth.nearest_mean.accuracy, report) <= TOLD_APART:
        return False
    return number_of(report, "cdnv").value < TIGHT_CDNV


def way_of(accuracy: float, report: Report) -> float:
    """Where an accuracy lies from that of always naming the largest class (0) to all right (1)."""
    base = report.worth.largest if report.worth else 0.0
    return (accuracy - base) / (1 - base)


def is_simplex(report: Report) -> bool:
    """Whether the centred class codes form a simplex, by `SIMPLEX_ERROR`."""
    error = number_of(report, "class_simplex_error_centred").value
    return simplex_fits(report) and error < SIMPLEX_ERROR / max(report.c - 1, 1)
