"""Every threshold of the verdict; what holds of a report by them is asked in `facts`.

Each compares a number with a floor, with a law of chance, or with another length. How far is far
(one half, three deviations, a tenth) is a choice; docs/questions.md explains them to users.
"""

from __future__ import annotations

import math

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


def held_against(chance: Chance) -> str:
    """What a number is held against, in words that stand behind a value."""
    known = {SHUFFLED: "with labels shuffled", ISOTROPIC: "by chance"}
    return known.get(chance.reference, f"of {chance.reference} rows")


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
    z, at_floor = chance.z(value), value <= floor * (1 + AT_FLOOR)
    vacuous = chance.mean <= floor * (1 + AT_FLOOR)
    if z > SURE and not (vacuous and at_floor):  # two opposite codes are at the ideal of two
        return "poor"
    if vacuous:
        return "open"
    near = is_near_floor(value, floor, chance.mean, random) and not z > -SURE
    return "good" if at_floor or near else "fair"
