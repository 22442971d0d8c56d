"""Numbers to answers: the five questions in words, each with its evidence.

Every threshold is a floor, a law of chance, or a comparison of two measured lengths; each is named
where it is used, and docs/questions.md explains them.
"""

from __future__ import annotations

import math

from gramax._text import named
from gramax.audits.facts import SURE, Facts
from gramax.audits.headroom import Headroom
from gramax.audits.report import Answer
from gramax.frames import coherence_floor
from gramax.metrics.registry import Question
from gramax.uncertainty.chance.laws import Chance

UNLABELLED = "needs labels (or --codes, where each row is itself a code)"

ROUNDING = 1e-3
"""Relative distance to a floor below which a codebook stands at it: well above float32's error."""


def judge(facts: Facts) -> tuple[Answer, ...]:
    """The five questions answered, in order."""
    return tuple(ask(facts) for ask in (_collapse, _rank, _simplex, _crosstalk, _reach))


def _answer(
    facts: Facts,
    question: Question,
    metric: str,
    status: str,
    against: str,
    text: str,
    floor: tuple[float, str] = (math.nan, ""),
) -> Answer:
    value = facts.values.get(metric, math.nan)
    return Answer(question, status, text, metric, value, against, *floor)


def _open(facts: Facts, question: Question, metric: str) -> Answer:
    why = facts.reasons.get(metric) or UNLABELLED
    return _answer(facts, question, metric, "open", "", f"Cannot be told: {why}.")


def _collapse(facts: Facts) -> Answer:
    metric = "collapse_ratio"
    if not facts.defined(metric, "scatter_ratio"):
        return _open(facts, "collapse", metric)
    share = percent(facts.values["scatter_ratio"])
    chance = percent(facts.by_chance("scatter_ratio").mean)
    against = f"0 collapsed{_by_chance(facts.by_chance(metric))}"
    if not facts.labels_matter:
        status = "poor"
        text = (
            f"Labels say little about where rows lie: {share} of the scatter is within classes, "
            f"{chance} would be with random labels."
        )
    elif facts.tight:
        status = "good"
        text = (
            f"Classes are tight: {share} of the scatter is within them, less than one of the "
            f"{facts.c - 1} directions between them carries."
        )
    else:
        status = "fair"
        text = f"Classes differ, but are loose: {share} of the scatter is within them."
    return _answer(facts, "collapse", metric, status, against, text)


def _rank(facts: Facts) -> Answer:
    metric = "effective_rank"
    if not facts.defined(metric):
        return _open(facts, "rank", metric)
    rank, need = facts.values[metric], facts.need
    chance = facts.by_chance(metric)
    against = f"{min(facts.n - 1, facts.d)} at most{_by_chance(chance)}"
    if need < min(facts.n - 1, facts.d):
        against += f", {need} for {facts.c} classes"
    spread = f"Rows spread over {rank:.3g} dimensions"
    if facts.rank_lost:
        status = "poor"
        text = f"{spread}, less than half of the {need} {_needed(facts)}."
    elif rank >= need:
        status, text = "good", f"{spread}: enough for the {need} {_needed(facts)}."
    elif chance.z(rank) > -SURE:
        status, text = "good", f"{spread} of {need}, as many as isotropic rows show."
    else:
        status, text = "fair", f"{spread} of {need}."
    return _answer(facts, "rank", metric, status, against, text)


def _needed(facts: Facts) -> str:
    labelled = facts.labelled and facts.c > 1
    return f"that {facts.c:,} classes need" if labelled else "that there is room for"


def simplex_floor(c: int, d: int) -> float:
    """Least simplex error of c unit codes in d dimensions: sqrt(max(0, 1/d - 1/(c-1))).

    |G - T|² = |G|² - 2⟨G, T⟩ + |T|² with |G|² ≥ c²/d and, the codes summing to 0,
    ⟨G, T⟩ = |T|² = c²/(c-1); balanced tight frames attain it.
    """
    return math.sqrt(max(0.0, 1 / d - 1 / max(c - 1, 1)))


def potential_floor(c: int, d: int) -> float:
    """Least frame potential of c unit codes, summed over all pairs, in the directions they need.

    c²/(c-1) of a simplex where one fits, c²/d of a tight frame where none does.
    """
    return c * c / min(c - 1, d)


def _simplex(facts: Facts) -> Answer:
    metric = "class_simplex_error_centred"
    if not facts.defined(metric, "class_simplex_error"):
        return _open(facts, "simplex", metric)
    error, raw = facts.values[metric], facts.values["class_simplex_error"]
    c, d = facts.c, facts.d
    if not facts.fits:
        return _separation(facts)
    random = facts.by_chance(metric).mean
    random = random if math.isfinite(random) else 1 / math.sqrt(d)
    against = f"0 (a simplex of {c}), {number(random)} by chance"
    if facts.simplex:
        status = "good"
        text = f"Class means form a simplex, centred: cosines {error:.2g} from {-1 / (c - 1):.3g}."
    elif error < random:
        status = "fair"
        text = f"On the way to a simplex: cosines {error:.2g} off, random codes {random:.2g}."
    else:
        status = "poor"
        text = f"Far from a simplex: cosines {error:.2g} off, random codes {random:.2g}."
    if raw > 2 * error and raw > 0.5 / (c - 1):
        text += f" Uncentred they are {raw:.2g} off: the means share an offset."
    return _answer(facts, "simplex", metric, status, against, text, (0.0, "simplex"))


def _separation(facts: Facts) -> Answer:
    """Where no simplex fits: the largest signed cosine of the centred codes against its floor."""
    metric = "class_largest_cosine"
    c, d = facts.c, facts.d
    error, largest = facts.values["class_simplex_error_centred"], facts.values[metric]
    floor = coherence_floor(c, d, signed=True)
    random = facts.by_chance(metric)
    against = f"{floor.value:.3g} ({floor.bound}){_by_chance(random)}"
    text = f"{c:,} codes cannot be a simplex in {d:,} dimensions. "
    if near(largest, floor.value, random.mean):
        status = "good"
        text += f"They lie about as far apart as they can: the largest cosine is {largest:.3g}."
    elif random.z(largest) <= SURE:
        status = "fair"
        text += f"They lie about as far apart as random codes: the largest cosine is {largest:.3g}."
    else:
        status = "poor"
        text += f"Some lie closer than random codes do: the largest cosine is {largest:.3g}."
    text += f" The least simplex error is {simplex_floor(c, d):.3g}, here {error:.3g}."
    return _answer(facts, "simplex", metric, status, against, text, (floor.value, floor.bound))


def near(value: float, floor: float, chance: float) -> bool:
    """Whether a number stands at its floor, or in the half between it and chance next to it."""
    return value <= max(floor + ROUNDING * abs(floor), (floor + chance) / 2)


def _crosstalk(facts: Facts) -> Answer:
    metric = "class_coherence"
    if not facts.defined(metric):
        return _open(facts, "crosstalk", metric)
    worst, c = facts.values[metric], facts.c
    floor, name = facts.floor
    if facts.fits:  # codes that fit need not be orthogonal: a simplex has |cosines| of 1/(c-1)
        floor, name = max(floor, 1 / (c - 1)), "simplex"
    ideal = f"{'a simplex has' if facts.fits else 'the floor is'} {floor:.3g}"
    random = facts.by_chance(metric)
    against = f"{floor:.3g} ({name}){_by_chance(random, floor)}"
    pair = ""
    if facts.worst:
        pair = f" The worst pair is {named(facts.worst.a)} and {named(facts.worst.b)}."
    if worst <= floor * (1 - ROUNDING):
        status, text = "good", f"Worst crosstalk {worst:.3g}; {ideal}, which is more."
    elif near(worst, floor, random.mean):
        status, text = "good", f"Worst crosstalk {worst:.3g}; {ideal}."
    elif random.z(worst) <= SURE:
        status, text = "fair", f"Worst crosstalk {worst:.3g} is about what random codes have."
    else:
        status = "poor"
        text = f"Worst crosstalk {worst:.3g} is above that of random codes.{pair}"
    return _answer(facts, "crosstalk", metric, status, against, text, (floor, name))


def _reach(facts: Facts) -> Answer:
    """Codes that fit and are told apart by sign end in a simplex, tight in its own dimensions."""
    metric = "class_frame_potential"
    if not facts.defined(metric):
        return _open(facts, "reach", metric)
    here, c, d = facts.values[metric], facts.c, facts.d
    floor = potential_floor(c, d)
    random = facts.by_chance(metric)
    kind = "simplex" if facts.fits else "tight frame"
    against = f"{number(floor, 4)} ({kind}){_by_chance(random, floor)}"
    ideal = "a simplex's" if facts.fits else "a tight frame's, the floor"
    text = f"Total crosstalk is {percent(here / floor - 1)} above {ideal}"
    if here < floor * (1 + ROUNDING):
        text = f"Total crosstalk is no more than {ideal}"
    if near(here, floor, random.mean):
        status, text = "good", f"{text}: where descent ends from any start."
    elif random.z(here) <= SURE:
        status, text = "fair", f"{text}, where descent ends from any start."
    else:
        status, text = "poor", f"{text}, and above that of random codes."
    text += _room(facts.headroom)
    return _answer(facts, "reach", metric, status, against, text, (floor, kind))


def _room(room: Headroom | None) -> str:
    """The worst crosstalk, its floor, and what of the way between them can be gone."""
    if room is None:
        return ""
    if room.c <= room.d:
        beside = f"a simplex has {number(1 / (room.c - 1))}, an orthonormal basis 0."
    elif room.reachable is None:
        beside = (
            f"floor {number(room.floor)} ({room.bound}); random codes {number(room.random)}; "
            "what is reachable is not known: --headroom (headroom=True) searches for it."
        )
    else:
        beside = f"floor {number(room.floor)} ({room.bound}); reachable {number(room.reachable)} "
        here = f", from these codes {number(room.from_here)}" if room.from_here is not None else ""
        beside += f"({room.how}){here}."
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
