"""Every threshold of the verdict, and the comparisons with them that its answers share.

Each compares a number with a floor, with a law of chance, or with another length. How far is far
(one half, three deviations, a tenth) is a choice; docs/questions.md explains them to users.
"""

from __future__ import annotations

import math

import numpy as np

from gramax.audits.report import Number, Report
from gramax.uncertainty.chance.laws import ISOTROPIC, SHUFFLED, Chance

SURE = 3.0
"""Standard deviations from chance beyond which a number is not put down to it."""

# Whether classes are tight, a simplex, and moved off the origin together.
TIGHT_CDNV = 0.1  # variance of two classes over the squared distance of their means, halved: below
SIMPLEX_ERROR = 0.5  # distance of centred cosines from -1/(c-1), over that from it to 0: below
SHARED_OFFSET = 2.0  # uncentred over centred simplex error: above
ON_THE_WAY = 0.1  # part of the way from the error of the reference to 0: above
A_POINT = 1e-6  # variance of a class over the median of the classes: below it is a point

# Whether rows have collapsed.
LOST_RANK = 0.5  # effective rank over the directions that rows need: below
CONE_COSINE = 0.5  # share of the squared length of rows that is common to all classes: above
POINT_COSINE = 1 - 1e-6  # the same: above it float32 rows are one direction, to their precision

COPIES = 0.01  # share of rows that are copies of others: from it on they are named first

LARGEST_SHARE = 0.5  # of the rows in one of several classes: above it most numbers tell of it

# Share of held-out rows that get their class, from that of the largest class (0) to all (1).
TOLD_APART = 0.9  # above it classes can be told apart
HARDLY_APART = 0.1  # below it, or where the interval reaches 0, they cannot

# Where a number stands between a floor and chance.
NEAR_FLOOR = 0.5  # the part of the way to chance in which it is near the floor
NEAR_IDEAL = 0.1  # the way to chance is taken to be this share of the floor at least
AT_FLOOR = 1e-3  # relative distance at which it stands at the floor: well above float32's error

# Rows without labels: where an answer is fair, and where it is poor. Those of search are calibrated
# on public embedding models by vecscope 0.2.0.
NEAR_COPY = 0.1414  # distance over length of a near-copy: a cosine of 0.99
COPIED = (0.02, 0.1)  # share of rows with a near-copy
HUBS = (2.0, 4.0)  # skewness of how often rows are neighbours
ALONE = (0.05, 0.2)  # share of rows that are nobody's neighbour
COMMON = (0.3, CONE_COSINE)  # share of squared length that is common to all rows
ONE_LENGTH, AGREE = 1e-3, 0.9  # spread of lengths, and overlap of neighbours by cosine and product
LOUD = (10.0, 50.0)  # variance of one dimension over the mean
MANY_DIRECTIONS = 30.0  # intrinsic dimension from which on graphs of neighbours are slow
MANY_OUTLIERS = 0.01  # share of rows
ISLAND, ON_ISLANDS = 0.005, (0.01, 0.1)  # share of rows on one, up to which it is small; on all
CLUSTERED = 0.1  # share of the scatter that clusters explain beyond those of normal rows
CONTRAST = (1.15, 1.05)  # mean distance over that to the nearest


def merged_gap(dimensions: float) -> float:
    """Squared distance of two means over the variance of their difference: up to it, one class.

    For classes of one distribution its mean is 1 and its standard deviation √(2/D), for a
    covariance within classes of D dimensions (participation ratio).
    """
    return 1 + SURE * math.sqrt(2 / max(dimensions, 1.0))


def number_of(report: Report, name: str) -> Number:
    """One number of a report, NaN where the report does not have it."""
    return report.numbers.get(name, Number(math.nan))


def chance_of(report: Report, name: str) -> Chance:
    """What chance gives for a number; NaN where no law of it is known."""
    return number_of(report, name).chance or Chance(math.nan, math.nan, "unknown")


def held_against(chance: Chance) -> str:
    """What a number is held against, in words that stand behind a value."""
    known = {SHUFFLED: "with labels shuffled", ISOTROPIC: "by chance"}
    return known.get(chance.reference, f"of {chance.reference} rows")


def defined(report: Report, *names: str) -> bool:
    """Whether all these numbers are there."""
    return all(math.isfinite(number_of(report, name).value) for name in names)


def simplex_fits(report: Report) -> bool:
    """Whether c codes can be a simplex in d dimensions."""
    return report.c <= report.d + 1


MAX_DECOMPOSED = 512
"""Classes up to which the spectrum of their simplex is found; of more it is known well enough."""


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
    """Whether less of the scatter is within classes than shuffled labels leave there."""
    name = "scatter_ratio"
    return chance_of(report, name).z(number_of(report, name).value) < -SURE


def common_share(report: Report) -> float:
    """Share of the squared length of rows that is common to all classes, each weighing alike.

    Where the rows are not at hand it is that of all rows, unless most of them are of one class.
    """
    if report.findings and math.isfinite(report.findings.common):
        return report.findings.common
    return math.nan if is_imbalanced(report) else number_of(report, "mean_cosine").value


def is_cone(report: Report) -> bool:
    """Whether the rows of all classes share a direction, by `CONE_COSINE`."""
    return common_share(report) > CONE_COSINE


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


def is_near_floor(value: float, floor: float, chance: float, random: float = math.inf) -> bool:
    """Whether a number stands at its floor, or near it on the way to what chance gives.

    Shuffled labels can give far more than `random` codes do, as of rows in a cone: near is then
    what is near on the way to those.
    """
    chance = min(max(random, floor * (1 + NEAR_IDEAL)), chance)
    return value <= max(floor + AT_FLOOR * abs(floor), floor + NEAR_FLOOR * (chance - floor))


def status_of(value: float, floor: float, chance: Chance, random: float = math.inf) -> str:
    """The status of a number between its floor and chance: "good", "fair", "poor" or "open".

    Good is at the floor, or near it and better than chance. Where chance is at the ideal itself, as
    of few codes in many dimensions, the number says nothing of the space: the question stays open.
    """
    z = chance.z(value)
    if z > SURE:
        return "poor"
    if chance.mean <= floor * (1 + AT_FLOOR):
        return "open"
    at_floor = value <= floor * (1 + AT_FLOOR)
    near = is_near_floor(value, floor, chance.mean, random) and not z > -SURE
    return "good" if at_floor or near else "fair"
