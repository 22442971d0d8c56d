"""Numbers to words: the five questions answered, and the diagnosis, each with its evidence.

What counts as good or poor is decided by the thresholds in `thresholds`; this module says it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gramax._text import listed, named, number, percent
from gramax.audits import facts, thresholds
from gramax.audits.facts import chance_of, defined, labels_matter, number_of, simplex_fits
from gramax.audits.headline_metrics import HEADLINE, potential_floor, simplex_floor
from gramax.audits.headroom import Headroom
from gramax.audits.report import Answer, Diagnosis, Pair, Report
from gramax.audits.unlabelled import judge_rows
from gramax.frames import coherence_floor
from gramax.metrics.registry import Question
from gramax.uncertainty.chance.cosines import largest_cosine
from gramax.uncertainty.chance.laws import SHUFFLED, Chance

UNLABELLED = "needs labels (or --codes, where each row is itself a code)"


APART = "Rows held out get their class all the same."

ALL_THE_SAME = {
    "simplex": "That matters for a classifier at the end of training, not for search.",
}
"""What is said beside poor geometry of classes that can be told apart, if not `APART`."""

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
    way = facts.way_of(best.accuracy, report)
    if best.low <= base or way < thresholds.HARDLY_APART:
        status, text = "poor", "The classes cannot be told apart"
    elif way > thresholds.TOLD_APART:
        status, text = "good", "The classes can be told apart"
        if report.merged:
            text += f", all but {_pairs_named(report.merged)}"
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
    """The five questions answered, in order; of rows without labels what can be asked of them."""
    if not report.c and report.corpus is not None:
        return judge_rows(report)
    needed = {"collapse": "scatter_ratio", "simplex": "class_simplex_error"}
    asks = (_collapse, _rank, _simplex, _crosstalk, _reach)
    answers = []
    for (question, metric), ask in zip(HEADLINE.items(), asks, strict=True):
        if defined(report, metric, needed.get(question, metric)):
            answers.append(_beside_worth(ask(report), report))
        else:
            why = number_of(report, metric).reason or UNLABELLED
            answers.append(_answer(report, question, "open", f"Cannot be told: {why}."))
    return tuple(answers)


def _beside_worth(answer: Answer, report: Report) -> Answer:
    """What geometry lacks, told so that it does not speak of worth where that is well."""
    if answer.status != "poor" or tell_worth(report)[0] != "good":
        return answer
    return replace(answer, text=f"{answer.text} {ALL_THE_SAME.get(answer.question, APART)}")


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
    """The share of the scatter is the number shown: it has no origin, as the question has none."""
    law = chance_of(report, "scatter_ratio")
    within = f"{percent(number_of(report, 'scatter_ratio').value)} of the scatter is within classes"
    if not labels_matter(report):
        put = f"{percent(law.mean)} {thresholds.held_against(law)}"
        status, text = "poor", f"Class means are where random labels put them: {within}, {put}."
    elif facts.is_tight(report):
        cdnv = f"{number(report['cdnv'])} of the squared distance between means (CDNV)"
        status, text = "good", f"Classes are tight: their variance is {cdnv}, and {within}."
    else:
        status, text = "fair", f"Classes differ, but are loose: {within}."
    against = f"0 collapsed{_by_chance(law)}; collapse_ratio {number(report['collapse_ratio'])}"
    return _answer(report, "collapse", status, text, against, metric="scatter_ratio")


def _rank(report: Report) -> Answer:
    rank, chance = report["effective_rank"], chance_of(report, "effective_rank")
    need, most = facts.directions_needed(report), min(report.n - 1, report.d)
    use = f"the {number(need)} that {report.c:,} classes use on a simplex"
    if report.c > 1 and defined(report, "scatter_ratio") and not labels_matter(report):
        status, text = "open", "; class means do not differ, so classes need none of these"
    elif rank >= need * (1 - thresholds.AT_FLOOR):
        status, text = "good", f", no fewer than {use}"
    elif not facts.is_rank_lost(report):
        status, text = "fair", f", fewer than {use}"
    else:
        status, text = "poor", f", less than half of {use}"
        if tell_worth(report)[0] == "good":
            status, text = "fair", f"{text}; and yet rows held out get their class"
    text = f"Rows spread over {rank:.3g} dimensions{text}."
    classes = f", {number(need)} for {report.c} classes" if need < most else ""
    return _answer(report, "rank", status, text, f"{most} at most{_by_chance(chance)}{classes}")


def _simplex(report: Report) -> Answer:
    if not simplex_fits(report):
        return _separation(report)
    error, raw = report["class_simplex_error_centred"], report["class_simplex_error"]
    c, chance = report.c, chance_of(report, "class_simplex_error_centred")
    random = chance.mean if math.isfinite(chance.mean) else 1 / math.sqrt(report.d)
    others, z = _others(chance), chance.z(error)
    nearer = z < -thresholds.SURE and error < (1 - thresholds.ON_THE_WAY) * random
    off = f"cosines {error:.3g} off, {others} {random:.3g}."
    if c == 2:
        status, text = "open", "Two centred means always form a simplex. Ask whether they are far."
    elif facts.is_simplex(report) and nearer:
        status = "good"
        text = f"Class means form a simplex, centred: cosines {error:.2g} from {-1 / (c - 1):.3g}."
    elif facts.is_simplex(report):
        also = f"{others[0].upper()}{others[1:]} nearly form a simplex here too"
        status, text = "open", f"{also}: {off}"
    elif nearer:
        status, text = "fair", f"On the way to a simplex: {off}"
    else:
        far = (
            "Further from a simplex than"
            if z > thresholds.SURE
            else "About as far from a simplex as"
        )
        status, text = "poor", f"{far} {others}: {off}"
    if raw > thresholds.SHARED_OFFSET * error and raw > thresholds.SIMPLEX_ERROR / (c - 1):
        text += f" Uncentred they are {raw:.2g} off: the means share an offset."
    against = f"0 (a simplex of {c}){_by_chance(chance)}"
    return _answer(report, "simplex", status, text, against, (0.0, "simplex"))


def _separation(report: Report) -> Answer:
    """Where no simplex fits: the largest signed cosine of the centred codes against its floor."""
    metric, c, d = "class_largest_cosine", report.c, report.d
    largest, error = report[metric], report["class_simplex_error_centred"]
    floor, chance = coherence_floor(c, d, signed=True), chance_of(report, metric)
    status = thresholds.status_of(largest, floor.value, chance, _random_cosine(report, True))
    others = _others(chance)
    how = {
        "good": "They lie about as far apart as they can",
        "open": f"They lie as far apart as they can, and so do {others}",
        "fair": f"They lie about as far apart as {others}",
        "poor": f"Some lie closer than {others} do",
    }
    if status == "fair" and chance.z(largest) < -thresholds.SURE:
        how["fair"] = f"They lie further apart than {others}, and less far than they can"
    text = (
        f"{c:,} codes cannot be a simplex in {d:,} dimensions. {how[status]}: the largest cosine "
        f"is {largest:.3g}. The simplex error is {error:.3g}; the floor is "
        f"{simplex_floor(c, d):.3g}."
    )
    against = f"{floor.value:.3g} ({floor.bound}){_by_chance(chance)}"
    return _answer(report, "simplex", status, text, against, (floor.value, floor.bound), metric)


def _crosstalk(report: Report) -> Answer:
    worst, chance = report["class_coherence"], chance_of(report, "class_coherence")
    floor, bound = facts.crosstalk_floor(report)
    ideal = f"a simplex has {floor:.3g}" if bound == "simplex" else f"the floor is {floor:.3g}"
    status = thresholds.status_of(worst, floor, chance, _random_cosine(report))
    others = _others(chance)
    random = f" ({number(chance.mean)})" if math.isfinite(chance.mean) else ""
    more = ", which is more" if worst <= floor * (1 - thresholds.AT_FLOOR) else ""
    how = {
        "good": f"; {ideal}{more}.",
        "open": f"; {ideal}, which {others} reach as well{random}.",
        "fair": f" is about what {others} have.",
        "poor": f" is above that of {others}{random}.",
    }
    if chance.z(worst) < -thresholds.SURE:
        how["fair"] = f" is below that of {others}{random}; {ideal}."
    text = f"Worst crosstalk {worst:.3g}{how[status]}"
    if status == "poor" and report.worst_pairs:
        pair = report.worst_pairs[0]
        opposite = ", which are opposite" if pair.cosine < 0 else ""
        text += f" The worst pair is {named(pair.a)} and {named(pair.b)}{opposite}."
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
    random = report.c + report.c * (report.c - 1) / report.d
    status = thresholds.status_of(here, floor, chance, random)
    others = _others(chance)
    text += {
        "good": ": where descent ends from nearly every start.",
        "fair": ", where descent ends from nearly every start.",
        "open": f", and {others} in so many dimensions have as little.",
        "poor": f", and above that of {others}.",
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
    value = f", {number(chance.mean)} {thresholds.held_against(chance)}"
    return value + ", below that" * (chance.mean < ideal)


def _random_cosine(report: Report, signed: bool = False) -> float:
    """The largest cosine of as many codes in random directions, or its largest size."""
    c = report.c
    mean = largest_cosine(c * (c - 1) / 2, report.d, signed)[0]
    return (c * mean - 1) / (c - 1) if signed else mean


def _others(chance: Chance) -> str:
    """What codes are held against, as the subject of a sentence."""
    return "shuffled labels" if chance.reference == SHUFFLED else "random codes"


KINDS = {
    "point-collapsed": "Look for a dead layer, a loss without negatives or variance term, or a "
    "learning rate that blew up; add a term that spreads rows (uniformity, variance) and train "
    "again.",
    "interleaved": "Use neighbours or a classifier that is not linear; a linear head does not do.",
    "random": "Check that labels and rows are in the same order; train longer.",
    "classes merged": "Look at the labels of these classes first; then give them more rows or a "
    "larger margin.",
    "neural-collapsed": "",
    "overlapping": "",
    "cannot be told": "Audit more rows.",
    "amiss": "",
    "healthy": "",
}
"""The kinds of space, and what to try for each."""

PROPERTIES = {
    "cone": "Centre the embeddings by their mean before cosines are taken (ReLU features share an "
    "offset), or train with a term that spreads them (uniformity).",
    "narrow spectrum": "Add a term against rank loss (decorrelation, variance, "
    "smooth_coherence_loss), weaken strong augmentation or weight decay, or use a smaller "
    "dimension.",
    "imbalance": "",
    "point classes": "Look whether the rows of these classes are copies of one.",
    "flat classes": "Look what the rows of these classes are, and whether they are enough.",
    "copies": "Keep one row of each group of copies, and look where they come from.",
    "crowded codes": "Train the codes against their crosstalk (smooth_coherence_loss), use a fixed "
    "packing as the classifier, or more dimensions.",
    "well-packed codes": "",
    "outliers": "Look at these rows: broken or empty input, a wrong unit, another model.",
}
"""What can hold beside any kind, and what to try for each."""


def diagnose(report: Report) -> Diagnosis:
    """The first kind of space that the numbers show, and what else holds of it.

    "Collapsed well" (classes tight, spread as a simplex, rank c-1) and "collapsed badly" (to a
    point, classes merged) look alike to any single number.
    """
    kind, text = next(_kinds_seen(report))
    seen = {} if kind in ("point-collapsed", "cannot be told") else _properties_seen(report)
    advice = KINDS[kind]
    if kind == "amiss":
        advice = " ".join(answer.advice for answer in report.answers if answer.status == "poor")
    apart = tell_worth(report)[0] == "good"
    for name in seen:
        if not (apart and name == "crowded codes"):  # there is nothing to mend
            advice = advice or PROPERTIES[name]
    return Diagnosis(kind, " ".join([text, *seen.values()]), advice, tuple(seen))


def _properties_seen(report: Report) -> dict[str, str]:
    """What holds of a space beside its kind, and what is seen of it."""
    seen, labelled = {}, report.c > 0
    lost = tell_worth(report)[0] != "good" and labels_matter(report)
    if labelled and facts.common_share(report) > thresholds.CONE_COSINE:
        share = number(facts.common_share(report))
        seen["cone"] = (
            f"All classes share a direction, by {share} of the squared length of a row: centre "
            "rows before their cosines are compared."
        )
    if labelled and lost and facts.is_rank_lost(report):
        rank, need = number(report["effective_rank"]), number(facts.directions_needed(report))
        seen["narrow spectrum"] = (
            f"The spectrum is narrow: rows spread over {rank} dimensions where classes could use "
            f"{need}."
        )
    if facts.is_imbalanced(report):
        largest = max(report.classes, key=lambda view: view.count)
        share = percent(largest.count / report.n)
        seen["imbalance"] = (
            f"{named(largest.name)} holds {share} of the rows, so most numbers tell of it."
        )
    if points := facts.point_classes(report):
        what = "is a point" if len(points) == 1 else "are points"
        seen["point classes"] = f"{_names(points)} {what}: all its rows are one."
        if len(points) > 1:
            seen["point classes"] = f"{_names(points)} {what}: all rows of each are one."
    return seen | _packing_seen(report) | _rows_seen(report)


def _packing_seen(report: Report) -> dict[str, str]:
    """How more codes than fit on a simplex are packed, beside others of their number."""
    if not report.c or simplex_fits(report) or not defined(report, "class_coherence"):
        return {}
    worst, chance = report["class_coherence"], chance_of(report, "class_coherence")
    floor, apart = coherence_floor(report.c, report.d).value, _separation(report).status
    codes = f"{report.c:,} codes in {report.d:,} dimensions are"
    crosstalk = f"packed: their worst crosstalk is {worst:.3g}"
    if chance.z(worst) > thresholds.SURE and apart == "poor":  # opposite codes do not crowd
        others = f"that of {_others(chance)} {number(chance.mean)}"
        return {"crowded codes": f"{codes} badly {crosstalk}, {others}."}
    if thresholds.is_near_floor(worst, floor, chance.mean, _random_cosine(report)):
        return {"well-packed codes": f"{codes} well {crosstalk}, the floor {floor:.3g}."}
    return {}


def _rows_seen(report: Report) -> dict[str, str]:
    """What rows, and the rows of single classes, show; without labels the answers tell it."""
    found, seen = report.findings, {}
    if found is None or not report.c:
        return seen
    if found.flat:
        seen["flat classes"] = (
            f"{_names(list(found.flat))} spread over far fewer directions than the other classes."
        )
    extra = found.copied_rows - found.copy_groups
    if extra >= max(2, thresholds.COPIES * found.looked_at):
        torn = f", {found.torn_groups:,} of them with several labels" if found.torn_groups else ""
        seen["copies"] = (
            f"{found.copied_rows:,} rows are copies, in {found.copy_groups:,} "
            f"{'group' if found.copy_groups == 1 else 'groups'}{torn}; the largest: "
            f"{listed(found.copies[0][:3], found.largest_group)}."
        )
    if found.outlier_count:
        which = listed(found.outliers[:5], found.outlier_count)
        seen["outliers"] = f"{found.outlier_count:,} of the rows lie far from all others: {which}."
        if found.outlier_count == 1:
            seen["outliers"] = f"One row lies far from all others: {which}."
    return seen


def _pairs_named(pairs: Sequence[Pair]) -> str:
    """Some pairs of classes, and how many more there are."""
    names = ", ".join(f"{named(pair.a)} and {named(pair.b)}" for pair in pairs[:3])
    return names + (f", and {len(pairs) - 3:,} more pairs" if len(pairs) > 3 else "")


def _names(names: list[str]) -> str:
    """Some names of classes, and how many more there are."""
    shown = ", ".join(map(named, names[:3]))
    return shown + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")


def _kinds_seen(report: Report) -> Iterator[tuple[str, str]]:
    """The kinds of space that the numbers show, most telling first, and what is seen of each."""
    rank, cosine = number_of(report, "effective_rank"), number_of(report, "mean_cosine").value
    if "same point" in (rank.reason or ""):
        yield "point-collapsed", "All rows are one point."
    worth = tell_worth(report)[0]
    if cosine > thresholds.POINT_COSINE and worth in ("poor", "open"):
        yield "point-collapsed", "All rows point in one direction, to float32's precision."
    if defined(report, "scatter_ratio") and not labels_matter(report):
        if worth == "poor":
            text = "Labels and geometry are unrelated: the space is as good as random for them."
            yield "random", text
        if worth == "open":
            yield "random", "Class means are where random labels put them."
        if facts.neighbours_lead(report):
            text = "Class means coincide, and yet rows held out get their class: classes lie in "
            yield "interleaved", f"{text}several places, or around each other."
    if report.merged and labels_matter(report):
        text = f"Classes have merged: these rows cannot tell apart {_pairs_named(report.merged)}."
        yield "classes merged", text
    share = percent(number_of(report, "scatter_ratio").value)
    if facts.is_simplex(report) and facts.is_tight(report):
        on = f" on a simplex of {report.c}" if report.c > 2 else ", of which any two form a simplex"
        text = f"Collapsed well: tight classes ({share} of the scatter){on}."
        yield "neural-collapsed", text
    if not defined(report, "effective_rank") and not defined(report, "scatter_ratio"):
        why = rank.reason or "no number is defined"
        yield "cannot be told", f"These rows are too few to tell: {why}."
    if not report.c:
        poor = [answer.text for answer in report.answers if answer.status == "poor"]
        if poor:
            yield "amiss", " ".join(poor)
        fair = sum(answer.status == "fair" for answer in report.answers)
        more = {0: ".", 1: "; one answer is worth a look."}
        text = "Nothing is badly amiss that can be seen without labels"
        yield "healthy", text + more.get(fair, f"; {fair} answers are worth a look.")
    if facts.is_tight(report):
        simplex = ", but their means are no simplex" if simplex_fits(report) else ""
        yield "healthy", f"Classes are tight ({share} of the scatter){simplex}."
    if worth in ("fair", "poor"):
        seen = report.findings.confused if report.findings else report.alike
        pairs = [f"{named(pair.a)} and {named(pair.b)}" for pair in seen[:1]]
        most = f", {pairs[0]} most" if pairs else ""
        yield "overlapping", f"Classes differ, but overlap{most}."
    yield "healthy", "Classes differ, and none has collapsed."
