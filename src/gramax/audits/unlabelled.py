"""The answers of rows without labels: what search and clustering over them will meet.

Everything is of the rows that were kept, and of their nearest neighbours, which an audit has found
already. Each answer is a number, a sentence, and where something is amiss what to try.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gramax._shapes import Float, Int
from gramax._text import listed, number, percent
from gramax.arrays.linalg import covariance_root
from gramax.arrays.nearest import Neighbours
from gramax.arrays.rows import unit_rows
from gramax.audits import thresholds
from gramax.audits.findings import FEWEST_ROWS, evenly
from gramax.audits.report import Answer, Report
from gramax.audits.thresholds import chance_of, number_of
from gramax.metrics.neighbours import HUB_NEIGHBOURS
from gramax.uncertainty.chance.laws import NOISE

MAX_AVERAGED, MAX_SEARCHED = 8_192, 1_000
"""Rows that averages are of, and those that are searched again or put into clusters."""

CENTRES, ROUNDS, DRAWS = 8, 15, 3
"""Centres that clusters are looked for with, rounds to find them, and draws of normal rows that
what they explain is held against."""


@dataclass(frozen=True)
class Corpus:
    """What is measured of rows without labels.

    Attributes:
        near_copies: share of rows that have another within `NEAR_COPY` of their length.
        so_near: the share that would have by the distances to the 10th and 20th neighbour, which
            grow slowly where rows lie in few directions.
        hub: the row that is a neighbour most often, and of how many.
        centred_cosine: average cosine of two rows after their mean is taken away.
        length_spread: standard deviation of the lengths over their mean.
        lengths: the least, the median and the largest.
        overlap: share of the ten nearest by cosine that are among the ten of the largest product.
        axis: the dimension with most variance, and its share of all variance.
        islands: groups of neighbours, cut off from the others, of fewer rows than a cluster.
        island_rows: rows on them.
        parts: groups of neighbours in all.
        explained: share of the scatter between `CENTRES` clusters, of rows on the sphere.
        expected: the same of normal rows with their mean and covariance.
        contrast: mean distance of two rows over the median distance to the nearest.
    """

    near_copies: float
    so_near: float
    hub: tuple[int, int]
    centred_cosine: float
    length_spread: float
    lengths: tuple[float, float, float]
    overlap: float
    axis: tuple[int, float]
    islands: int
    island_rows: int
    parts: int
    explained: float
    expected: float
    contrast: float


def measure(
    rows: Float[np.ndarray, "m d"],
    numbers: Int[np.ndarray, " m"],
    normalize: bool,
    neighbours: Neighbours,
) -> Corpus:
    """What is measured of these rows; see `gramax.audits.findings.find` for the arguments."""
    some = np.asarray(rows[evenly(len(rows), MAX_AVERAGED)], np.float64)
    unit, sizes = unit_rows(some), np.linalg.norm(some, axis=1)
    centred = unit_rows(unit - np.mean(unit, axis=0))
    searched = evenly(len(unit), MAX_SEARCHED)
    taken = unit if normalize else some
    met = np.bincount(
        neighbours.where[neighbours.exists, :HUB_NEIGHBOURS].ravel(), minlength=len(rows)
    )
    first = neighbours.distances[:, 0]
    length = 1.0 if normalize else float(np.median(sizes))
    radius = thresholds.NEAR_COPY * length
    near = first[neighbours.exists] <= radius
    apart = first[neighbours.exists & (first > 0) & np.isfinite(first)]
    variances = np.var(taken, axis=0)
    loud = int(np.argmax(variances))
    islands, island_rows, parts = _islands(neighbours)
    explained, expected = _clusters(taken[searched])
    # The mean squared distance of two rows is twice their variance.
    typical = math.sqrt(2 * float(np.sum(variances)))
    return Corpus(
        near_copies=(float(np.sum(near)) + len(rows) - len(near)) / len(rows),
        so_near=_so_near(neighbours, radius),
        hub=(int(numbers[np.argmax(met)]), int(np.max(met))),
        centred_cosine=_mean_cosine(centred),
        length_spread=float(np.std(sizes) / np.mean(sizes)) if np.any(sizes > 0) else math.nan,
        lengths=(float(np.min(sizes)), float(np.median(sizes)), float(np.max(sizes))),
        overlap=_overlap(unit[searched], some[searched]),
        axis=(loud, float(variances[loud] / np.sum(variances)) if np.any(variances > 0) else 0.0),
        islands=islands,
        island_rows=island_rows,
        parts=parts,
        explained=explained,
        expected=expected,
        contrast=typical / float(np.median(apart)) if len(apart) else math.nan,
    )


def _so_near(neighbours: Neighbours, radius: float) -> float:
    """The share of rows with another within a radius, were rows spread as they are further out.

    With ten neighbours within r₁₀ and twenty within r₂₀ there are 10 (r/r₁₀)^m within r, m such
    that it holds for both.
    """
    inner, outer = (
        float(np.median(neighbours.distances[neighbours.exists, k - 1]))
        for k in (HUB_NEIGHBOURS, 2 * HUB_NEIGHBOURS)
    )
    if not 0 < inner < outer < math.inf:
        return 0.0
    directions = math.log(2) / math.log(outer / inner)
    return -math.expm1(-HUB_NEIGHBOURS * min(radius / inner, 1.0) ** directions)


def _mean_cosine(unit: Float[np.ndarray, "m d"]) -> float:
    n, total = np.sum(np.any(unit != 0, axis=1)), np.sum(unit, axis=0)
    return float((total @ total - n) / (n * (n - 1))) if n > 1 else math.nan


def _overlap(unit: Float[np.ndarray, "m d"], rows: Float[np.ndarray, "m d"]) -> float:
    """How many of the ten nearest by cosine are among the ten with the largest inner product."""
    k = min(HUB_NEIGHBOURS, len(unit) - 1)
    if k < 1:
        return math.nan
    best = []
    for x in (unit, rows):
        products = x @ x.T
        np.fill_diagonal(products, -np.inf)
        found = np.zeros(products.shape, bool)
        np.put_along_axis(found, np.argpartition(-products, k - 1, axis=1)[:, :k], True, axis=1)
        best.append(found)
    return float(np.sum(best[0] & best[1])) / (k * len(unit))


def _islands(neighbours: Neighbours) -> tuple[int, int, int]:
    """Groups of neighbours cut off from the others and small; rows on them; groups in all."""
    points = np.flatnonzero(neighbours.exists)
    place = np.full(len(neighbours.exists), -1)
    place[points] = np.arange(len(points))
    near = neighbours.where[points, :HUB_NEIGHBOURS]
    there = np.isfinite(neighbours.distances[points, :HUB_NEIGHBOURS])
    a = np.repeat(np.arange(len(points)), near.shape[1])[there.ravel()]
    b = place[near.ravel()[there.ravel()]]
    part = np.arange(len(points))
    while True:  # the least number of a group goes from neighbour to neighbour, by leaps
        least = part.copy()
        np.minimum.at(least, a, part[b])
        np.minimum.at(least, b, least[a])
        least = least[least]
        if np.array_equal(least, part):
            break
        part = least
    sizes = np.unique(part, return_counts=True)[1]
    small = sizes < max(2 * (HUB_NEIGHBOURS + 1), math.ceil(thresholds.ISLAND * len(points)))
    return int(np.sum(small)), int(np.sum(sizes[small])), len(sizes)


def _clusters(x: Float[np.ndarray, "m d"]) -> tuple[float, float]:
    """The share of the scatter between clusters, and that of normal rows of the same covariance."""
    m, d = x.shape
    if m < 10 * CENTRES:
        return math.nan, math.nan
    middle = np.mean(x, axis=0)
    root = covariance_root(np.cov(x.T).reshape(d, d))
    rng = np.random.default_rng(0)
    drawn = [_explained(rng.standard_normal((m, d)) @ root + middle, rng) for _ in range(DRAWS)]
    return _explained(x, rng), float(np.mean(drawn))


def _explained(x: Float[np.ndarray, "m d"], rng: np.random.Generator) -> float:
    """By Lloyd's algorithm, from centres far from each other (Arthur & Vassilvitskii 2007)."""
    x = x - np.mean(x, axis=0)
    total = float(np.sum(x * x))
    if not total > 0:
        return math.nan
    centres = x[rng.integers(len(x), size=1)]
    gaps = np.sum((x - centres[0]) ** 2, axis=1)
    for _ in range(CENTRES - 1):
        new = x[rng.choice(len(x), p=gaps / np.sum(gaps))] if np.any(gaps > 0) else x[0]
        centres = np.concatenate([centres, new[None]])
        gaps = np.minimum(gaps, np.sum((x - new) ** 2, axis=1))
    own = np.zeros(len(x), int)
    for _ in range(ROUNDS):
        own = np.argmax(x @ centres.T - 0.5 * np.sum(centres**2, axis=1), axis=1)
        for k in np.unique(own):
            centres[k] = np.mean(x[own == k], axis=0)
    return 1 - float(np.sum((x - centres[own]) ** 2)) / total


# -- in words -------------------------------------------------------------------------------------


def judge_rows(report: Report) -> tuple[Answer, ...]:
    """The questions of rows without labels answered, those that these rows are enough for."""
    asks = (_copies, _cone, _lengths, _rank, _axis, _dimension, _contrast)
    if report.n >= FEWEST_ROWS:  # of fewer, all are neighbours of all
        asks = (*asks[:1], _hubs, *asks[1:], _outliers, _islands_told)
    answers = (ask(report) for ask in asks)
    return tuple(
        replace(answer, advice="") if answer.status == "good" else answer
        for answer in answers
        if math.isfinite(answer.value)
    )


def _status(value: float, limits: tuple[float, float]) -> str:
    """Good up to the first limit, poor from the second on; limits that fall ask the other way."""
    fair, poor = limits
    if fair > poor:
        value, fair, poor = -value, -fair, -poor
    return "poor" if value >= poor else "fair" if value >= fair else "good"


def _corpus(report: Report) -> Corpus:
    assert report.corpus is not None
    return report.corpus


def _copies(report: Report) -> Answer:
    share, found = _corpus(report).near_copies, report.findings
    beyond = share - _corpus(report).so_near
    text = f"{percent(share)} of the rows have a near-copy (a cosine of 0.99 or more)"
    if found and found.copied_rows:
        groups = "one group" if found.copy_groups == 1 else f"{found.copy_groups:,} groups"
        text += (
            f"; {found.copied_rows:,} are copies up to rounding, in {groups}, the largest of "
            f"{found.largest_group:,}: {listed(found.copies[0][:3], found.largest_group)}"
        )
    try_ = "Keep one row of each group: copies fill the first places of every search."
    status = _status(beyond, thresholds.COPIED)
    if status == "good" and share > thresholds.COPIED[0]:
        text += "; rows lie so close for the few directions that they vary in, not as copies"
    return Answer("copies", status, f"{text}.", "near_copy_share", share, "0", advice=try_)


def _hubs(report: Report) -> Answer:
    skewness, alone = report["hubness"], report["anti_hub_share"]
    row, times = _corpus(report).hub
    text = (
        f"Row {row:,} is among the {HUB_NEIGHBOURS} nearest of {times:,} others; "
        f"{percent(alone)} of the rows are among those of none."
    )
    worst = max(
        (_status(skewness, thresholds.HUBS), _status(alone, thresholds.ALONE)),
        key=("good", "fair", "poor").index,
    )
    try_ = "Centre the rows by their mean, or rank by mutual neighbours or local scaling."
    against = "0 without hubs" + _beside(report, "hubness")
    return Answer("hubs", worst, text, "hubness", skewness, against, advice=try_)


def _cone(report: Report) -> Answer:
    cosine = number_of(report, "mean_cosine").value
    common = report.findings.common if report.findings else cosine
    after = _corpus(report).centred_cosine
    text = f"Two rows have a cosine of {number(cosine)} on average"
    if cosine - common > 0.05:
        text += f", of which all but {number(common)} is due to features not being negative"
    text += f"; centred by their mean, {number(after)}."
    try_ = (
        "Subtract the mean row from rows and queries alike before cosines are taken, or train "
        "with a term that spreads rows (uniformity)."
    )
    status = _status(common, thresholds.COMMON)
    return Answer("cone", status, text, "mean_cosine", cosine, "0 spread evenly", advice=try_)


def _lengths(report: Report) -> Answer:
    found = _corpus(report)
    low, middle, high = map(number, found.lengths)
    if found.length_spread < thresholds.ONE_LENGTH:
        text, status = f"All rows have one length ({middle}): cosine and product agree.", "good"
    else:
        text = (
            f"Lengths run from {low} to {high}, the median is {middle}: of the ten nearest by "
            f"cosine {percent(found.overlap)} are among the ten with the largest product."
        )
        status = "good" if found.overlap >= thresholds.AGREE else "fair"
    try_ = "Choose cosine or product and keep to it; rows of length 1 make both the same."
    return Answer("lengths", status, text, "length_spread", found.length_spread, "0", advice=try_)


def _rank(report: Report) -> Answer:
    rank, most = number_of(report, "effective_rank").value, min(report.n - 1, report.d)
    law = chance_of(report, "effective_rank")
    noise = law.reference == NOISE and abs(law.z(rank)) <= thresholds.SURE
    noise = noise and report.n >= FEWEST_ROWS
    text = f"Rows spread over {number(rank)} of {most} dimensions"
    if noise:
        status, text = "open", f"{text}, as noise does: no direction stands out."
    elif rank < thresholds.LOST_RANK * most:
        status, text = "fair", f"{text}, as rows of real data often do."
    else:
        status, text = "good", f"{text}."
    try_ = (
        "Look whether rows mean anything at all: shuffled or failed embeddings look like this."
        if noise
        else "Shorter vectors (principal axes) may serve search as well. Rank alone does not "
        "say what a space is worth."
    )
    against = f"{most} at most{_beside(report, 'effective_rank')}"
    return Answer("rank", status, text, "effective_rank", rank, against, advice=try_)


def _axis(report: Report) -> Answer:
    axis, share = _corpus(report).axis
    times = share * report.d
    text = f"Dimension {axis:,} varies most: {percent(share)} of all variance."
    try_ = f"Divide each dimension by its deviation, or leave dimension {axis:,} out."
    status = _status(times, thresholds.LOUD) if report.d > 10 else "good"
    against = f"{number(1 / report.d)} each, if all are alike"
    return Answer("axis", status, text, "axis_share", share, against, advice=try_)


def _dimension(report: Report) -> Answer:
    thin = report["two_nn"]
    text = f"Near any row, rows vary in about {number(thin)} directions."
    status = _status(thin, (thresholds.MANY_DIRECTIONS, math.inf))
    if status == "fair":
        text += " Graphs of neighbours are slow in so many."
    try_ = "Try fewer dimensions, or an index by inverted lists in place of a graph."
    against = f"{report.d}{_beside(report, 'two_nn')}"
    return Answer("dimension", status, text, "two_nn", thin, against, advice=try_)


def _outliers(report: Report) -> Answer:
    found = report.findings
    count = found.outlier_count if found else math.nan
    share = count / found.looked_at if found else math.nan
    text = "No row lies far from all others."
    if found and count:
        text = (
            f"{count:,} of {found.looked_at:,} rows lie far from all others: "
            + listed(found.outliers[:5], found.outlier_count)
            + "."
        )
    status = "good" if not count else _status(share, (0.0, thresholds.MANY_OUTLIERS))
    try_ = "Look at these rows: empty or broken input, another language, another model."
    return Answer("outliers", status, text, "outliers", count, "0", advice=try_)


def _islands_told(report: Report) -> Answer:
    found = _corpus(report)
    share = found.island_rows / report.findings.looked_at if report.findings else math.nan
    whole = found.parts - found.islands
    text = "All rows hang together"
    if found.parts > 1:
        text = "Most rows hang together" if whole == 1 else f"Rows fall into {whole:,} parts"
    if found.islands:
        islands = "one small island" if found.islands == 1 else f"{found.islands:,} small islands"
        text += f" and {islands}, of {found.island_rows:,} rows in all"
    if math.isfinite(found.explained):
        told = "form" if found.explained > found.expected + thresholds.CLUSTERED else "form no"
        text += (
            f". They {told} clusters: {CENTRES} centres explain {percent(found.explained)} of the "
            f"scatter, {percent(found.expected)} of normal rows of this covariance"
        )
    status = _status(share, thresholds.ON_ISLANDS)
    try_ = "Look for copies and boilerplate on the islands; give a graph index more links."
    return Answer("islands", status, f"{text}.", "island_share", share, "0", advice=try_)


def _contrast(report: Report) -> Answer:
    contrast = _corpus(report).contrast
    text = f"Two rows are {number(contrast)} times as far apart as a row and its nearest."
    try_ = "Distances carry little: try fewer dimensions, another model, or rank again by another."
    status = _status(contrast, thresholds.CONTRAST)
    return Answer(
        "contrast", status, text, "distance_contrast", contrast, "1 (no contrast)", advice=try_
    )


def _beside(report: Report, name: str) -> str:
    law = chance_of(report, name)
    return f", {number(law.mean)} of {law.reference} rows" if math.isfinite(law.mean) else ""
