"""Numbers to words: the five questions answered, and the diagnosis, each with its evidence.

What counts as good or poor is decided by the thresholds in `thresholds`; this module says it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from gramax._text import named
from gramax.audits import thresholds
from gramax.audits.headline_metrics import HEADLINE, potential_floor, simplex_floor
from gramax.audits.headroom import Headroom
from gramax.audits.report import Answer, Diagnosis, Report
from gramax.audits.thresholds import chance_of, defined, labels_matter, number_of, simplex_fits
from gramax.frames import coherence_floor
from gramax.metrics.registry import Question
from gramax.uncertainty.chance.laws import Chance

UNLABELLED = "needs labels (or --codes, where each row is itself a code)"


WORTH = {
    "probe": "a linear probe",
    "nearest_mean": "the nearest class mean",
    "nearest_neighbour": "the nearest neighbour",
}
"""The classifiers that are asked first, in words."""


def tell_worth(report: Report) -> tuple[str, str, str]:
    """Whether held-out rows get their class: a status ("open" where unasked), a sentence, the rest.

    The best of the classifiers counts: classes that only neighbours can tell apart are told apart.
    """
    worth = report.worth
    if worth is None:
        return "open", "", ""
    best, base = worth.best, worth.largest
    way = (best.accuracy - base) / (1 - base)
    if best.low <= base or way < thresholds.HARDLY_APART:
        status, text = "poor", "The classes cannot be told apart"
    elif way > thresholds.TOLD_APART:
        status, text = "good", "The classes can be told apart"
    else:
        status, text = "fair", "The classes can be told apart in part"
    first, *others = (
        f"{WORTH[name]} gets {percent(one.accuracy)} "
        f"({number(100 * one.low)} to {number(100 * one.high)})"
        for name, one in sorted(worth.outcomes.items(), key=lambda item: item[1] is not best)
    )
    beside = f"{', '.join(others)}; always naming the largest class gets {percent(base)}."
    text = f"{text}: {first} of {worth.rows:,} rows held out right."
    return status, text, beside[0].upper() + beside[1:]


def judge(report: Report) -> tuple[Answer, ...]:
    """The five questions answered, in order, from the numbers of a report."""
    needed = {"collapse": "scatter_ratio", "simplex": "class_simplex_error"}
    asks = (_collapse, _rank, _simplex, _crosstalk, _reach)
    answers = []
    for (question, metric), ask in zip(HEADLINE.items(), asks, strict=True):
        if defined(report, metric, needed.get(question, metric)):
            answers.append(ask(report))
        else:
            why = number_of(report, metric).reason or UNLABELLED
            answers.append(_answer(report, question, "open", f"Cannot be told: {why}."))
    return tuple(answers)


def _answer(
    report: Report,
    question: Question,
    status: str,
    text: str,
    against: str = "",
    floor: tuple[float, str] = (math.nan, ""),
    metric: str = "",
) -> Answer:
    metric = metric or HEADLINE[question]
    return Answer(question, status, text, metric, number_of(report, metric).value, against, *floor)


def _collapse(report: Report) -> Answer:
    share = percent(number_of(report, "scatter_ratio").value)
    chance = percent(chance_of(report, "scatter_ratio").mean)
    within = f"{share} of the scatter is within classes"
    if not labels_matter(report):
        status = "poor"
        text = f"Class means are where random labels put them: {within}, {chance} by chance."
    elif thresholds.is_tight(report):
        status = "good"
        text = (
            f"Classes are tight: their variance is {number(report['cdnv'])} of the squared "
            f"distance between means (CDNV), and {within}."
        )
    else:
        status = "fair"
        text = f"Classes differ, but are loose: {within}."
    against = f"0 collapsed{_by_chance(chance_of(report, 'collapse_ratio'))}"
    return _answer(report, "collapse", status, text, against)


def _rank(report: Report) -> Answer:
    rank, chance = report["effective_rank"], chance_of(report, "effective_rank")
    need, most = thresholds.directions_needed(report), min(report.n - 1, report.d)
    spread = f"Rows spread over {rank:.3g} dimensions"
    needed = f"that {report.c:,} classes need" if report.c > 1 else "that there is room for"
    if report.c > 1 and defined(report, "scatter_ratio") and not labels_matter(report):
        status, text = (
            "open",
            f"{spread}; class means do not differ, so classes need none of these.",
        )
    elif not report.c and thresholds.is_rank_lost(report):
        status = "fair"
        text = f"{spread} of {need}. Real data often do: rank alone says nothing of their worth."
    elif thresholds.is_rank_lost(report):
        status, text = "poor", f"{spread}, less than half of the {need} {needed}."
    elif rank >= need:
        status, text = "good", f"{spread}: enough for the {need} {needed}."
    elif chance.z(rank) > -thresholds.SURE:
        status, text = "good", f"{spread} of {need}, as many as isotropic rows show."
    else:
        status, text = "fair", f"{spread} of {need}."
    classes = f", {need} for {report.c} classes" if need < most else ""
    return _answer(report, "rank", status, text, f"{most} at most{_by_chance(chance)}{classes}")


def _simplex(report: Report) -> Answer:
    if not simplex_fits(report):
        return _separation(report)
    error, raw = report["class_simplex_error_centred"], report["class_simplex_error"]
    c, chance = report.c, chance_of(report, "class_simplex_error_centred")
    random = chance.mean if math.isfinite(chance.mean) else 1 / math.sqrt(report.d)
    beats_chance = chance.z(error) < -thresholds.SURE
    off = f"cosines {error:.2g} off, random codes {random:.2g}."
    if c == 2:
        status, text = "open", "Two centred means always form a simplex. Ask whether they are far."
    elif thresholds.is_simplex(report) and not beats_chance:
        status, text = (
            "open",
            f"Random codes nearly form a simplex here too: {off}",
        )
    elif thresholds.is_simplex(report):
        status = "good"
        text = f"Class means form a simplex, centred: cosines {error:.2g} from {-1 / (c - 1):.3g}."
    elif beats_chance:
        status, text = "fair", f"On the way to a simplex: {off}"
    elif chance.z(error) > thresholds.SURE:
        status, text = "poor", f"Further from a simplex than random codes: {off}"
    else:
        status, text = "poor", f"As far from a simplex as random codes: {off}"
    if raw > thresholds.SHARED_OFFSET * error and raw > thresholds.SIMPLEX_ERROR / (c - 1):
        text += f" Uncentred they are {raw:.2g} off: the means share an offset."
    against = f"0 (a simplex of {c}), {number(random)} by chance"
    return _answer(report, "simplex", status, text, against, (0.0, "simplex"))


def _separation(report: Report) -> Answer:
    """Where no simplex fits: the largest signed cosine of the centred codes against its floor."""
    metric, c, d = "class_largest_cosine", report.c, report.d
    largest, error = report[metric], report["class_simplex_error_centred"]
    floor, chance = coherence_floor(c, d, signed=True), chance_of(report, metric)
    status = thresholds.status_of(largest, floor.value, chance)
    how = {
        "good": "They lie about as far apart as they can",
        "open": "So do random codes",
        "fair": "They lie about as far apart as random codes",
        "poor": "Some lie closer than random codes do",
    }
    text = (
        f"{c:,} codes cannot be a simplex in {d:,} dimensions. {how[status]}: the largest cosine "
        f"is {largest:.3g}. The simplex error is {error:.3g}; the floor is "
        f"{simplex_floor(c, d):.3g}."
    )
    against = f"{floor.value:.3g} ({floor.bound}){_by_chance(chance)}"
    return _answer(report, "simplex", status, text, against, (floor.value, floor.bound), metric)


def _crosstalk(report: Report) -> Answer:
    worst, chance = report["class_coherence"], chance_of(report, "class_coherence")
    if simplex_fits(report):  # codes that fit need not be orthogonal: a simplex is what they reach
        floor, bound = 1 / (report.c - 1), "simplex"
        ideal = f"a simplex has {floor:.3g}"
    else:
        best = coherence_floor(report.c, report.d)
        floor, bound = best.value, best.bound
        ideal = f"the floor is {floor:.3g}"
    status = thresholds.status_of(worst, floor, chance)
    if status == "good":
        below = worst <= floor * (1 - thresholds.AT_FLOOR)
        text = f"Worst crosstalk {worst:.3g}; {ideal}{', which is more' if below else ''}."
    elif status == "open":
        text = f"Worst crosstalk {worst:.3g}; {ideal}, and random codes have less."
    elif status == "fair":
        text = f"Worst crosstalk {worst:.3g} is about what random codes have."
    else:
        text = f"Worst crosstalk {worst:.3g} is above that of random codes."
        for pair in report.worst_pairs[:1]:
            text += f" The worst pair is {named(pair.a)} and {named(pair.b)}."
    against = f"{floor:.3g} ({bound}){_by_chance(chance, floor)}"
    return _answer(report, "crosstalk", status, text, against, (floor, bound))


def _reach(report: Report) -> Answer:
    """Codes that fit and are told apart by sign end in a simplex, tight in its own dimensions."""
    here, chance = report["class_frame_potential"], chance_of(report, "class_frame_potential")
    floor, fits = potential_floor(report.c, report.d), simplex_fits(report)
    kind, ideal = (
        ("simplex", "a simplex's") if fits else ("tight frame", "a tight frame's, the floor")
    )
    text = f"Total crosstalk is {percent(here / floor - 1)} above {ideal}"
    if here < floor * (1 + thresholds.AT_FLOOR):
        text = f"Total crosstalk is no more than {ideal}"
    status = thresholds.status_of(here, floor, chance)
    text += {
        "good": ": where descent ends from nearly every start.",
        "fair": ", where descent ends from nearly every start.",
        "open": ", and random codes in so many dimensions have as little.",
        "poor": ", and above that of random codes.",
    }[status]
    text += _room(report.headroom)
    against = f"{number(floor, 4)} ({kind}){_by_chance(chance, floor)}"
    return _answer(report, "reach", status, text, against, (floor, kind))


def _room(room: Headroom | None) -> str:
    """The worst crosstalk, its floor, and what of the way between them can be gone."""
    if room is None:
        return ""
    floor = f"floor {number(room.floor)} ({room.bound})"
    if room.c <= room.d:
        beside = f"a simplex has {number(1 / (room.c - 1))}, an orthonormal basis 0."
    elif room.reachable is None:
        beside = (
            f"{floor}; random codes {number(room.random)}; "
            "what is reachable is not known: --headroom (headroom=True) searches for it."
        )
    else:
        here = "" if room.from_here is None else f", from these codes {number(room.from_here)}"
        beside = f"{floor}; reachable {number(room.reachable)} ({room.how}){here}."
    text = f" Worst crosstalk {number(room.worst)}; {beside}"
    if room.span is not None and room.span < min(room.c - 1, room.d):
        text += f" The codes span {room.span} of {min(room.c, room.d)} dimensions."
    return text


def _by_chance(chance: Chance, ideal: float = -math.inf) -> str:
    """What chance gives; less than a simplex has where dimensions are many."""
    if not math.isfinite(chance.mean):
        return ""
    return f", {number(chance.mean)} by chance" + " (less)" * (chance.mean < ideal)


def percent(share: float) -> str:
    """A share in percent, in three significant digits."""
    if 0 < share < 1e-4:
        return "less than 0.01 %"
    return f"{float(f'{100 * share:.3g}'):,g} %"


def number(value: float, digits: int = 3) -> str:
    """A number in so many significant digits, or whole; a question mark where it is not known.

    Example:
        >>> print(number(0.12345), number(8805.5), number(1e-9), number(math.nan))
        0.123 8,806 1e-09 ?
    """
    if not math.isfinite(value):
        return "?"
    whole = 10**digits <= abs(value) < 10 ** (digits + 4)
    return f"{value:,.0f}" if whole else f"{value:.{digits}g}"


KINDS = {
    "point-collapsed": "Look for a dead layer, a loss without negatives or variance term, or a "
    "learning rate that blew up; add a term that spreads rows (uniformity, variance) and train "
    "again.",
    "cone": "Centre the embeddings by their mean before cosines are taken (ReLU features share an "
    "offset), or train with a term that spreads them (uniformity).",
    "dimensionally collapsed": "Add a term against rank loss (decorrelation, variance, "
    "smooth_coherence_loss), weaken strong augmentation or weight decay, or use a smaller "
    "dimension.",
    "interleaved": "Use neighbours or a classifier that is not linear; a linear head does not do.",
    "random": "Check that labels and rows are in the same order; train longer.",
    "classes merged": "Look at the labels of these classes first; then give them more rows or a "
    "larger margin.",
    "neural-collapsed": "",
    "overloaded, poor": "Train the codes against their crosstalk (smooth_coherence_loss), use a "
    "fixed packing as the classifier, or more dimensions.",
    "overloaded, near-optimal": "",
    "cannot be told": "Audit more rows.",
    "healthy": "",
}
"""The kinds of space, and what to try for each."""


def diagnose(report: Report) -> Diagnosis:
    """The first kind of space that the numbers show.

    "Collapsed well" (classes tight, spread as a simplex, rank c-1) and "collapsed badly" (to a
    point, into a cone, onto few dimensions, classes merged) look alike to any single number.
    """
    kind, text = next(_kinds_seen(report))
    if thresholds.is_cone(report) and kind not in ("cone", "point-collapsed"):
        text += (
            f" All rows share a direction (their average cosine is {report['mean_cosine']:.3g}): "
            "centre them before cosines of rows are compared."
        )
    if thresholds.is_imbalanced(report):
        largest = max(report.classes, key=lambda view: view.count)
        share = percent(largest.count / report.n)
        text += f" {named(largest.name)} holds {share} of the rows, so most numbers tell of it."
    return Diagnosis(kind, text, KINDS[kind])


def _kinds_seen(report: Report) -> Iterator[tuple[str, str]]:
    """The kinds of space that the numbers show, most telling first, and what is seen of each."""
    rank, cosine = number_of(report, "effective_rank"), number_of(report, "mean_cosine").value
    if "same point" in (rank.reason or ""):
        yield "point-collapsed", "All rows are one point."
    if cosine > thresholds.POINT_COSINE:
        yield "point-collapsed", "All rows point in one direction, to float32's precision."
    worth = tell_worth(report)[0]
    if defined(report, "scatter_ratio") and not labels_matter(report):
        if worth in ("good", "fair"):
            text = "Class means coincide, and yet rows held out get their class: classes lie in "
            yield "interleaved", f"{text}several places, or around each other."
        text = (
            "Labels and geometry are unrelated: the space is as good as random for these classes."
        )
        yield "random", text
    if thresholds.is_cone(report) and worth != "good":
        text = f"All rows lie in a cone: their average cosine is {cosine:.3g}, so more of each row "
        yield "cone", f"{text}is common to all than its own."
    if report.c > 1 and thresholds.is_rank_lost(report) and worth != "good":
        need = thresholds.directions_needed(report)
        text = f"Dimensions are lost: rows spread over {rank.value:.3g} where {need} could be used."
        yield "dimensionally collapsed", text
    if report.merged and labels_matter(report):
        names = ", ".join(f"{named(pair.a)} and {named(pair.b)}" for pair in report.merged[:3])
        more = f", and {len(report.merged) - 3} more pairs" if len(report.merged) > 3 else ""
        text = f"Classes have merged: these rows cannot tell apart {names}{more}."
        yield "classes merged", text
    share = percent(number_of(report, "scatter_ratio").value)
    if thresholds.is_simplex(report) and thresholds.is_tight(report):
        text = f"Collapsed well: tight classes ({share} of the scatter) on a simplex of {report.c}."
        yield "neural-collapsed", text
    if not simplex_fits(report) and defined(report, "class_coherence"):
        worst, chance = report["class_coherence"], chance_of(report, "class_coherence")
        floor = coherence_floor(report.c, report.d).value
        codes = (
            f"{report.c:,} codes in {report.d:,} dimensions have a worst crosstalk of {worst:.3g}"
        )
        if not chance.z(worst) <= thresholds.SURE:
            text = f"Overloaded, and badly packed: {codes}, random codes {number(chance.mean)}."
            yield "overloaded, poor", text
        if thresholds.is_near_floor(worst, floor, chance.mean):
            text = f"Overloaded, and well packed: {codes}; the floor is {floor:.3g}."
            yield "overloaded, near-optimal", text
    if not defined(report, "effective_rank") and not defined(report, "scatter_ratio"):
        why = rank.reason or "no number is defined"
        yield "cannot be told", f"These rows are too few to tell: {why}."
    if not report.c:
        yield "healthy", "Nothing is wrong that can be seen without labels."
    if thresholds.is_tight(report):
        simplex = ", but their means are no simplex" if simplex_fits(report) else ""
        text = f"Classes are tight ({share} of the scatter) and the space is used{simplex}."
        yield "healthy", text
    yield "healthy", "Classes differ and the space is used; nothing has collapsed."
