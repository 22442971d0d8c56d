"""The answers of rows without labels: what search and clustering over them will meet.

Each is a number, a sentence, and where something is amiss what to try.
"""

from __future__ import annotations

import math
from dataclasses import replace

from gramax._text import listed, number, percent
from gramax.audits import thresholds
from gramax.audits.corpus import CENTRES, Corpus
from gramax.audits.facts import chance_of, number_of
from gramax.audits.findings import FEWEST_ROWS
from gramax.audits.report import Answer, Report
from gramax.metrics.neighbours import HUB_NEIGHBOURS
from gramax.uncertainty.chance.laws import NOISE


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
