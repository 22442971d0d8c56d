"""Codebooks in words: the questions that a codebook answers, what is seen of it, what to try.

Nothing here speaks of classes or of a classifier: a code is a row, and has no samples around it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from gramax._text import named, number, percent
from gramax.audits import facts, thresholds, verdict
from gramax.audits.codebook_findings import CodebookFindings
from gramax.audits.facts import chance_of, defined, number_of, simplex_fits
from gramax.audits.report import Answer, Diagnosis, Report

MAX_NAMED = 5
"""Codes or groups that a line names; the JSON has all of them."""

MANY_REPEATED, MANY_DEAD = 0.05, 0.05
"""Share of the codes from which on those repeated, or dead, are many."""

ADVICE = {
    "one direction": "Subtract the mean code before cosines are taken, or train with a term that "
    "spreads the codes.",
    "many dead codes": "Drop or reinitialise the dead codes, or train with fewer codes.",
    "many repeated codes": "Merge the repeated codes, or train with fewer codes or a term against "
    "their crosstalk (smooth_coherence_loss).",
    "sound but for a few": "Merge or drop the codes that are named here.",
    "crowded": "Use fewer codes, more dimensions, or a term against crosstalk "
    "(smooth_coherence_loss), if more codes are to be active at once.",
    "well spread": "",
    "as random codes": "",
    "cannot be told": "",
}
"""The kinds of codebooks, and what to try for each."""


def judge(report: Report) -> tuple[Answer, ...]:
    """The five questions, as a codebook answers them."""
    alone = "Not asked of a codebook: a code is one row, with no samples around it."
    first = Answer("collapse", "open", alone, "collapse_ratio", math.nan, "")
    return (first, _rank(report), _simplex(report), _crosstalk(report), _reach(report))


def _open(question: str, report: Report, metric: str) -> Answer:
    why = number_of(report, metric).reason or "the number is not defined"
    return Answer(question, "open", f"Cannot be told: {why}.", metric, math.nan, "")


def _rank(report: Report) -> Answer:
    metric = "effective_rank"
    if not defined(report, metric):
        return _open("rank", report, metric)
    rank, most, chance = report[metric], min(report.n - 1, report.d), chance_of(report, metric)
    if rank < thresholds.LOST_RANK * most:
        status, more = "poor", ", less than half of them"
    elif chance.z(rank) > -thresholds.SURE:
        status, more = "good", ", as many as random codes"
    else:
        status, more = "fair", ""
    text = f"Codes spread over {rank:.3g} of {most:,} dimensions{more}."
    dimension = number_of(report, "feature_dimensionality").value
    if math.isfinite(dimension):
        ideal = min(1.0, report.d / report.c)
        text += f" A code has {number(dimension)} of one to itself, {number(ideal)} at best."
    against = f"{most:,} at most{_by_chance(chance.mean)}"
    return Answer("rank", status, text, metric, rank, against)


def _simplex(report: Report) -> Answer:
    metric = "class_simplex_error_centred" if simplex_fits(report) else "class_largest_cosine"
    if (report.codebook and report.codebook.complex) or not defined(report, metric):
        return _open("simplex", report, metric)
    if not simplex_fits(report):
        return verdict._separation(report)
    error, chance = report[metric], chance_of(report, metric)
    told = f"cosines {number(error)} off {number(-1 / (report.c - 1))}{_by_chance(chance.mean)}."
    near, sure = facts.is_simplex(report), chance.z(error) < -thresholds.SURE
    status, text = {
        (True, True): ("good", "the codes form a simplex"),
        (True, False): ("open", "the codes nearly form a simplex, as random ones do"),
        (False, True): ("fair", "the codes are on the way to a simplex"),
        (False, False): ("poor", "the codes are no simplex"),
    }[near, sure]
    text = f"Centred, {text}: {told}"
    if report.c == 2:
        status, text = "open", "Two centred codes always form a simplex."
    return Answer("simplex", status, text, metric, error, "0 (a simplex)", 0.0, "simplex")


def _crosstalk(report: Report) -> Answer:
    metric, found = "class_coherence", report.codebook
    if not defined(report, metric) or found is None:
        return _open("crosstalk", report, metric)
    worst, chance = report[metric], chance_of(report, metric)
    floor = facts.crosstalk_floor(report)
    status = thresholds.status_of(worst, floor[0], chance)
    text = pairs_told(report)
    if not found.pairs:
        ideal = f"the floor is {number(floor[0])}{_by_chance(chance.mean)}"
        text = f"Worst crosstalk {number(worst)}; {ideal}."
    at_once = report["active_codes"]
    text += f" Drawn at random, {number(at_once)} can be active before one is drowned"
    random = chance_of(report, "active_codes").mean
    text += f" (random codes: {number(random)})." if math.isfinite(random) else "."
    against = f"{floor[0]:.3g} ({floor[1]}){_by_chance(chance.mean)}"
    return Answer("crosstalk", status, text, metric, worst, against, *floor)


def _reach(report: Report) -> Answer:
    metric = "class_frame_potential"
    if not defined(report, metric):
        return _open("reach", report, metric)
    if not (report.codebook and report.codebook.complex):
        return verdict._reach(report)
    here, floor = report[metric], max(report.c, report.c**2 / report.d)
    text = (
        f"Total crosstalk is {percent(max(here / floor - 1, 0))} above a tight frame's, the floor."
    )
    status = "good" if here <= floor * (1 + thresholds.AT_FLOOR) else "open"
    against = f"{number(floor, 4)} (tight frame)"
    return Answer("reach", status, text, metric, here, against, floor, "tight frame")


def _by_chance(mean: float) -> str:
    return f", random codes {number(mean)}" if math.isfinite(mean) else ""


# -- which codes --------------------------------------------------------------------------------


def pairs_told(report: Report) -> str:
    """How many pairs are near-copies or opposite, in a sentence that counts before it lists."""
    found = report.codebook
    if found is None:
        return ""
    count = "1 pair" if found.pairs == 1 else f"{found.pairs:,} pairs"
    worst = chance_of(report, "class_coherence").mean
    random = f", random codes {number(worst)} at most" if math.isfinite(worst) else ""
    if found.expected >= 0.5:
        random = f", random codes have {number(found.expected)} such pairs"
    text = f"{count} above {found.threshold:g}{random}"
    if found.pairs:
        alike = found.pairs - found.opposite
        signs = [f"{alike:,} alike"] * bool(alike) + [f"{found.opposite:,} opposite"] * bool(
            found.opposite
        )
        kinds = "" if found.complex else f": {' and '.join(signs)}"
        copies = f", {found.copies:,} of them copies up to rounding" if found.copies else ""
        text += f"{kinds}{copies}"
    return f"{text}."


def codebook_lines(report: Report) -> list[str]:
    """Which codes are dead, alike and opposite, and how many can be active: a line each."""
    found = report.codebook
    if found is None:
        return []
    lines = [pairs_told(report)]
    if found.groups:
        kinds = "1 group" if len(found.groups) == 1 else f"{len(found.groups):,} groups"
        shown = [
            " = ".join(map(named, group[:3])) + " = …" * (len(group) > 3)
            for group in found.groups[:MAX_NAMED]
        ]
        lines.append(f"Codes alike, in {kinds}: {_listed(shown, len(found.groups))}.")
    opposite = [f"{named(a)} = −{named(b)}" for a, b, cosine in found.near if cosine < 0]
    if opposite:
        lines.append(f"Opposite codes: {_listed(opposite[:MAX_NAMED], found.opposite)}.")
    if found.dead:
        rows = "1 dead row" if len(found.dead) == 1 else f"{len(found.dead):,} dead rows"
        lines.append(
            f"{rows}: {_listed([named(x) for x in found.dead[:MAX_NAMED]], len(found.dead))}."
        )
    return [*lines, *_dimensions(report, found), *_at_once(report, found)]


def _listed(some: Sequence[str], every: int) -> str:
    return ", ".join(some) + (f", … ({every:,} in the JSON)" if every > len(some) else "")


def _dimensions(report: Report, found: CodebookFindings) -> Iterator[str]:
    at = found.quantiles()
    if at and report.c > 1:
        yield (
            f"Dimensions a code has to itself: {number(at[0.5])} in the middle, {number(at[0.05])} "
            f"to {number(at[0.95])} for nine codes of ten, {number(at[0.0])} at least."
        )


def _at_once(report: Report, found: CodebookFindings) -> Iterator[str]:
    if not found.active:
        return
    sure = number_of(report, "guaranteed_codes").value
    several = f"any {number(sure)} codes at once" if sure > 1 else "no two codes at once"
    first = f"The Babel function guarantees {several}"
    random = number_of(report, "active_codes").value
    lost = next((one for one in found.active if one.drowned >= 0.5), None)
    text = f"{first}; drawn at random, {number(random)} can be active before one is drowned"
    if lost:
        text += f", and of {lost.k:,} one is in half the draws"
    one = next((one for one in found.active if one.k >= max(random, 1)), found.active[-1])
    yield (
        f"{text}. With {one.k:,} active a silent code reads {number(one.interference)} (root mean "
        f"square) and the loudest {number(one.loudest)}, where an active one reads 1."
    )


# -- the whole ----------------------------------------------------------------------------------


def diagnose(report: Report) -> Diagnosis:
    """The kind of codebook."""
    kind, text = next(_kinds_seen(report))
    found = report.codebook
    if found and found.dead and kind != "many dead codes":
        text += f" {len(found.dead):,} dead." if len(found.dead) > 1 else " 1 dead."
    advice = ADVICE[kind] or (ADVICE["sound but for a few"] if found and found.dead else "")
    return Diagnosis(kind, text, advice)


def _kinds_seen(report: Report) -> Iterator[tuple[str, str]]:
    found = report.codebook
    sizes = f"{report.c:,} {'code' if report.c == 1 else 'codes'} in {_dimensional(report.d)}"
    if found is None or report.c < 3:
        yield "cannot be told", f"{sizes}: too few to tell."
        return
    share, dead = number_of(report, "repeated_codes").value, number_of(report, "dead_codes").value
    cosine = number_of(report, "mean_cosine").value
    if cosine > thresholds.CONE_COSINE:
        text = f"{sizes} share a direction: their average cosine is {cosine:.3g}."
        yield "one direction", text
    if dead > MANY_DEAD:
        yield (
            "many dead codes",
            f"{sizes}, and {len(found.dead):,} dead, {percent(dead)} of the rows.",
        )
    repeated = found.pairs > 3 * found.expected + 3 * math.sqrt(found.expected)
    if repeated and share > MANY_REPEATED:
        yield "many repeated codes", f"{sizes}: {percent(share)} have a near-copy or an opposite."
    bulk, text = _bulk(report, sizes)
    if repeated:
        every = math.comb(report.c, 2)
        few = (
            "One near-copy or opposite"
            if found.pairs == 1
            else (f"{found.pairs:,} near-copies or opposites")
        )
        text = f"{text} {few} among {every:,} pairs."
        yield bulk if bulk == "crowded" else "sound but for a few", text
    yield bulk, text


def _dimensional(d: int) -> str:
    return "1 dimension" if d == 1 else f"{d:,} dimensions"


def _bulk(report: Report, sizes: str) -> tuple[str, str]:
    """How all codes together are spread: their total crosstalk between a tight frame and chance."""
    metric = "class_frame_potential"
    c, d, here = report.c, report.d, report[metric]
    floor, random = max(c, c * c / d), c + c * (c - 1) / d  # |cosine|² is 1/d on average
    if here <= floor * (1 + thresholds.AT_FLOOR):
        return "well spread", f"{sizes}, spread as evenly as they can be."
    # Of so many pairs every deviation from chance is sure: one that matters is by a half.
    if here > floor + 1.5 * max(random - floor, 0.1 * floor):
        above = f"{percent(here / floor - 1)} above a tight frame's"
        chance = f"that of random codes {percent(random / floor - 1)}"
        return "crowded", f"{sizes}: their total crosstalk is {above}, {chance}."
    if here < floor + thresholds.NEAR_FLOOR * (random - floor):
        return "well spread", f"{sizes}, spread more evenly than random codes."
    return "as random codes", f"{sizes}, spread about as random codes are."
