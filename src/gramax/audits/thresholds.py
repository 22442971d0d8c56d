"""Every threshold of the verdict, and the comparisons with them that its answers share.

Each compares a number with a floor, with a law of chance, or with another length. How far is far
(one half, three deviations, a tenth) is a choice; docs/questions.md explains them to users.
"""

from __future__ import annotations

import math

from gramax.audits.report import Number, Report
from gramax.uncertainty.chance.laws import Chance

SURE = 3.0
"""Standard deviations from chance beyond which a number is not put down to it."""

# Whether classes are tight, a simplex, and moved off the origin together.
TIGHT_CDNV = 0.1  # variance of two classes over the squared distance of their means, halved: below
SIMPLEX_ERROR = 0.5  # distance of centred cosines from -1/(c-1), over that from it to 0: below
SHARED_OFFSET = 2.0  # uncentred over centred simplex error: above

# Whether rows have collapsed.
LOST_RANK = 0.5  # effective rank over the directions that rows need: below
CONE_COSINE = 0.5  # average cosine of rows, here the share of their length in common: above
POINT_COSINE = 1 - 1e-6  # the same: above it float32 rows are one direction, to their precision

LARGEST_SHARE = 0.5  # of the rows in one of several classes: above it most numbers tell of it

# Share of held-out rows that get their class, from that of the largest class (0) to all (1).
TOLD_APART = 0.9  # above it classes can be told apart
HARDLY_APART = 0.1  # below it, or where the interval reaches 0, they cannot

# Where a number stands between a floor and chance.
NEAR_FLOOR = 0.5  # the part of the way to chance in which it is near the floor
AT_FLOOR = 1e-3  # relative distance at which it stands at the floor: well above float32's error


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


def defined(report: Report, *names: str) -> bool:
    """Whether all these numbers are there."""
    return all(math.isfinite(number_of(report, name).value) for name in names)


def simplex_fits(report: Report) -> bool:
    """Whether c codes can be a simplex in d dimensions."""
    return report.c <= report.d + 1


def directions_needed(report: Report) -> int:
    """Directions that the class codes need, or that rows without classes could use."""
    return min(report.c - 1 if report.c > 1 else report.n - 1, report.d)


def is_rank_lost(report: Report) -> bool:
    """Whether rows spread over too few of the directions that they need, by `LOST_RANK`."""
    rank = number_of(report, "effective_rank").value
    return rank < LOST_RANK * directions_needed(report)


def labels_matter(report: Report) -> bool:
    """Whether less of the scatter is within classes than random labels leave there."""
    name = "scatter_ratio"
    return chance_of(report, name).z(number_of(report, name).value) < -SURE


def is_cone(report: Report) -> bool:
    """Whether rows share a direction, and not because most of them are of one class."""
    return not is_imbalanced(report) and number_of(report, "mean_cosine").value > CONE_COSINE


def is_imbalanced(report: Report) -> bool:
    """Whether one of several classes holds most rows, by `LARGEST_SHARE`."""
    counts = [view.count for view in report.classes]
    return len(counts) > 2 and max(counts) > LARGEST_SHARE * sum(counts)


def is_tight(report: Report) -> bool:
    """Whether classes are tight, pair by pair, by `TIGHT_CDNV`."""
    return number_of(report, "cdnv").value < TIGHT_CDNV


def is_simplex(report: Report) -> bool:
    """Whether the centred class codes form a simplex, by `SIMPLEX_ERROR`."""
    error = number_of(report, "class_simplex_error_centred").value
    return simplex_fits(report) and error < SIMPLEX_ERROR / max(report.c - 1, 1)


def is_near_floor(value: float, floor: float, chance: float) -> bool:
    """Whether a number stands at its floor, or near it on the way to what chance gives."""
    return value <= max(floor + AT_FLOOR * abs(floor), floor + NEAR_FLOOR * (chance - floor))


def status_of(value: float, floor: float, chance: Chance) -> str:
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
    near = is_near_floor(value, floor, chance.mean) and not z > -SURE
    return "good" if at_floor or near else "fair"
