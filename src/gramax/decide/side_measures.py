"""What is measured of two sides of a space: where they lie, and what each finds in the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gramax._shapes import Float
from gramax.arrays.rows import unit_rows
from gramax.audits.thresholds import SURE
from gramax.decide.across import Matches, Search, Tell, search
from gramax.decide.decision import Estimate
from gramax.metrics import uniformity
from gramax.uncertainty.intervals import NORMAL_95, paired, wilson

RANKS = (1, 5, 10)
CURVE = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50)
"""The k of recall@k in the table, and those of the chart."""

MAX_QUERIES, MAX_PAIRED_ROWS = 5000, 5000
"""Queries that are searched, and rows of a side that uniformity is of; of more, a sample."""

ROUNDING = 1e-10
"""Length of a centred direction below which a row lies at the centre: it has no direction."""


@dataclass(frozen=True)
class Gap:
    """Where the two sides lie."""

    distance: Estimate  # of the two centroids of directions
    spread: float  # root mean square distance of a row to the centroid of its side
    # the distance where all rows are dealt to two such sides at random, root mean square
    chance: float
    matched: Estimate | None  # mean cosine of rows that match; None without matches
    unmatched: float  # mean cosine of rows that do not
    uniformity: tuple[float, float]  # of each side

    @property
    def in_spreads(self) -> float:
        """The distance over the spread; NaN where the rows of each side are one point."""
        return self.distance.value / self.spread if self.spread > ROUNDING else math.nan

    @property
    def alignment(self) -> float | None:
        """Mean squared distance of rows that match."""
        return 2 - 2 * self.matched.value if self.matched else None

    @property
    def apart(self) -> bool:
        """Whether the sides lie further apart than chance puts them.

        Squares of such distances vary by √2 of their mean at most, where all lies on one line.
        """
        return self.distance.value > max(ROUNDING, self.chance * math.sqrt(1 + SURE * math.sqrt(2)))

    def numbers(self) -> dict[str, Any]:
        """Its numbers, by name."""
        return {
            "centroid_distance": self.distance,
            "spread": self.spread,
            "chance": self.chance,
            "matched_cosine": self.matched,
            "unmatched_cosine": self.unmatched,
            "alignment": self.alignment,
            "uniformity": self.uniformity,
        }


@dataclass(frozen=True)
class Found:
    """What one way of searching gives: recall, who is found, and which queries lie outside."""

    # share of the queries with a match among the k nearest, by k; empty without matches
    recall: Mapping[int, Estimate]
    chance: Mapping[int, float]  # the same in random order
    hubness: tuple[float, float]  # skewness of how often rows are found, and by chance
    never: tuple[float, float]  # share of the rows that are never found, and by chance
    # share of the queries further from the other side than 95 % of its own rows are
    outside: Estimate

    def numbers(self) -> dict[str, Any]:
        """Its numbers, by name."""
        shapes = {"hubness": self.hubness, "never_found": self.never}
        pairs = {name: dict(zip(("value", "chance"), x, strict=True)) for name, x in shapes.items()}
        about = {"recall": self.recall, "recall_by_chance": self.chance}
        return {**about, **pairs, "outside": self.outside}


def centred_rows(x: Float[np.ndarray, "n d"], mean: Float[np.ndarray, " d"]) -> np.ndarray:
    """Directions from the mean; 0 for a row that lies there but for rounding."""
    moved = x - mean
    moved[np.linalg.norm(moved, axis=1) <= ROUNDING] = 0
    return unit_rows(moved)


def gap_of(
    x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"], matches: Matches | None
) -> Gap:
    """Where two sides lie, of their directions."""
    n, m = len(x), len(y)
    means = x.mean(axis=0), y.mean(axis=0)
    between = means[0] - means[1]
    distance = float(np.linalg.norm(between))
    variances = [float(np.sum(np.var(side, axis=0))) for side in (x, y)]
    error = 0.0
    if distance > 0:
        along = [side @ between / distance for side in (x, y)]
        error = math.hypot(*(float(np.std(one)) / len(one) ** 0.5 for one in along))
    total = (n * variances[0] + m * variances[1] + n * m / (n + m) * distance**2) / (n + m - 1)
    every = n * m * float(means[0] @ means[1])
    matched, count = None, matches.count if matches is not None else 0
    if matches is not None:
        value, spread = matches.cosine(x, y)
        matched = Estimate(value) if spread is None else interval(value, spread)
        every -= value * count
    some = [np.random.default_rng(0).permutation(len(side))[:MAX_PAIRED_ROWS] for side in (x, y)]
    even = (float(uniformity(side[at])) for side, at in zip((x, y), some, strict=True))
    return Gap(
        replace(interval(distance, error), low=max(0.0, distance - NORMAL_95 * error)),
        math.sqrt(sum(variances) / 2),
        math.sqrt(total * (1 / n + 1 / m)),
        matched,
        every / (n * m - count) if n * m > count else math.nan,
        tuple(even),  # type: ignore[arg-type]
    )


def searched(
    x: np.ndarray, y: np.ndarray, matches: Matches | None, tell: Tell
) -> tuple[Search, Search]:
    """What is found both ways, of some of very many queries."""
    found = []
    for one, other, known in ((x, y, matches), (y, x, matches and matches.turned)):
        asked = np.flatnonzero(known.queries) if known is not None else np.arange(len(one))
        at = np.sort(np.random.default_rng(0).permutation(asked)[:MAX_QUERIES])
        found.append(search(one, other, at, known, tell))
    return found[0], found[1]


def found_of(one: Search) -> Found:
    """The numbers of one way of searching."""
    ks = [k for k in CURVE if len(one.above) and k < len(one.counts)]
    known = math.isfinite(one.outer)
    outside = share_of(one.nearest < one.outer) if known else Estimate(math.nan)
    recall = {k: share_of(one.hits(k)) for k in ks}
    return Found(recall, {k: one.by_chance(k) for k in ks}, one.hubness, one.never_found, outside)


def share_of(hits: np.ndarray) -> Estimate:
    """A share with its 95 % interval (Wilson 1927)."""
    share = float(np.mean(hits))
    return Estimate(share, *wilson(share, len(hits)))


def gain_of(before: tuple[Search, Search], after: tuple[Search, Search]) -> tuple[float, float]:
    """How much centring adds to recall@1, the mean of both ways, and its standard error.

    The queries are the same before and after. The two ways are of the same pairs: their errors are
    not taken to cancel.
    """
    gains = [two.hits(1) - one.hits(1) for one, two in zip(before, after, strict=True)]
    values, errors = zip(*((float(np.mean(x)), paired(x)[1]) for x in gains), strict=True)
    return sum(values) / 2, sum(errors) / 2


def interval(value: float, error: float) -> Estimate:
    """A value with its 95 % interval."""
    return Estimate(value, value - NORMAL_95 * error, value + NORMAL_95 * error)
