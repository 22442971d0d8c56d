"""Numbers to answers: the five questions in words, each with its evidence.

Every threshold is a floor, a law of chance, or a comparison of two measured lengths; each is named
where it is used. See the docs page "How to read a verdict".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gramax.registry import Question
from gramax.reports import Answer, Pair

UNLABELLED = "needs labels (or --codes, where each row is itself a code)"


@dataclass(frozen=True)
class Facts:
    """What the answers are made from: sizes, numbers, and the worst pair.

    Attributes:
        n: rows; d: their length; c: classes with rows.
        labelled: whether the rows carry classes (or are themselves codes).
        samples: whether some class has more than one row.
        values: numbers by metric name, NaN where undefined.
        reasons: why a number is undefined.
        worst: the pair of classes with the largest |cosine|, or None.
    """

    n: int
    d: int
    c: int
    labelled: bool
    samples: bool
    values: Mapping[str, float]
    reasons: Mapping[str, str | None]
    worst: Pair | None

    def defined(self, *names: str) -> bool:
        """Whether all these numbers are there."""
        return all(math.isfinite(self.values.get(name, math.nan)) for name in names)


def judge(facts: Facts) -> tuple[Answer, ...]:
    """The five questions answered, in order."""
    return tuple(
        ask(facts) for ask in (_collapse, _rank, _simplex, _crosstalk, _reach)
    )


def _answer(
    facts: Facts, question: Question, metric: str, status: str, against: str, text: str
) -> Answer:
    value = facts.values.get(metric, math.nan)
    return Answer(question, status, text, metric, value, against)


def _open(facts: Facts, question: Question, metric: str) -> Answer:
    why = facts.reasons.get(metric) or UNLABELLED
    return _answer(facts, question, metric, "open", "", f"Cannot be told: {why}.")


def _collapse(facts: Facts) -> Answer:
    """Random labels leave (n-c)/(n-1) of the scatter within classes, whatever the data.

    Tight: the scatter within a class, all directions together, is less than that of a single one
    of the c-1 directions between classes, S/(1-S) < 1/(c-1).
    """
    metric = "collapse_ratio"
    if not facts.defined(metric, "scatter_ratio"):
        return _open(facts, "collapse", metric)
    share = facts.values["scatter_ratio"]
    chance = (facts.n - facts.c) / (facts.n - 1)
    # Between share of random labels: a mean of (c-1)/(n-1), and at most (effective dimension 1) a
    # relative deviation of sqrt(2/(c-1)).
    noise = 3 * (1 - chance) * math.sqrt(2 / (facts.c - 1))
    against = f"0 collapsed, {chance:.3g} by chance"
    if 1 - share < 1 - chance + noise:
        status = "poor"
        text = (
            f"Labels say little about where rows lie: {_percent(share)} of the scatter is within "
            f"classes, {_percent(chance)} would be with random labels."
        )
    elif share * (facts.c - 1) < 1 - share:
        status = "good"
        text = (
            f"Classes are tight: {_percent(share)} of the scatter is within them, less than one "
            f"of the {facts.c - 1} directions between them carries."
        )
    else:
        status = "fair"
        text = (
            f"Classes differ, but are loose: {_percent(share)} of the scatter is within them "
            f"(chance {_percent(chance)})."
        )
    return _answer(facts, "collapse", metric, status, against, text)


def _rank(facts: Facts) -> Answer:
    """c class codes need min(c-1, d) directions; unlabelled rows could use min(n-1, d)."""
    metric = "effective_rank"
    if not facts.defined(metric):
        return _open(facts, "rank", metric)
    rank, most = facts.values[metric], min(facts.n - 1, facts.d)
    need = min(facts.c - 1, facts.d) if facts.labelled and facts.c > 1 else most
    what = "the classes need" if need < most else "there are"
    against = f"{most} at most" + (f", {need} for {facts.c} classes" if need < most else "")
    if 2 * rank < need:
        status = "poor" if rank < 2 or need < most else "fair"
        text = f"Rows spread over {rank:.3g} dimensions, less than half of the {need} {what}."
    elif rank < need:
        status = "fair"
        text = f"Rows spread over {rank:.3g} dimensions of the {need} {what}."
    else:
        status = "good"
        text = f"Rows spread over {rank:.3g} dimensions, enough: {what} {need}."
    return _answer(facts, "rank", metric, status, against, text)


def simplex_floor(c: int, d: int) -> float:
    """Least simplex error of c unit codes in d dimensions: sqrt(max(0, 1/d - 1/(c-1))).

    |G - T|² = |G|² - 2⟨G, T⟩ + |T|² with |G|² ≥ c²/d and, the codes summing to 0,
    ⟨G, T⟩ = |T|² = c²/(c-1); balanced tight frames attain it.
    """
    return math.sqrt(max(0.0, 1 / d - 1 / max(c - 1, 1)))


def _simplex(facts: Facts) -> Answer:
    """A simplex is told from orthogonal codes by cosines nearer to -1/(c-1) than to 0.

    Random codes have cosines of about 1/√d around their mean.
    """
    metric = "class_simplex_error_centred"
    if not facts.defined(metric, "class_simplex_error"):
        return _open(facts, "simplex", metric)
    error, raw = facts.values[metric], facts.values["class_simplex_error"]
    floor, c, d = simplex_floor(facts.c, facts.d), facts.c, facts.d
    chance = math.sqrt(1 / d)
    if c > d + 1:
        against = f"{floor:.3g} (c > d+1: no simplex fits)"
        text = (
            f"{c} codes cannot be a simplex in {d} dimensions; the least error there is "
            f"{floor:.3g}, here {error:.3g}. Crosstalk is the question that counts."
        )
        return _answer(facts, "simplex", metric, "open", against, text)
    against = f"0 (a simplex of {c}), {chance:.2g} by chance"
    if error < 0.5 / (c - 1):
        status = "good"
        text = f"Class means form a simplex, centred: cosines within {error:.2g} of {-1 / (c - 1):.3g}."
    elif error < chance:
        status = "fair"
        text = f"On the way to a simplex: cosines are {error:.2g} off, random codes {chance:.2g}."
    else:
        status = "poor"
        text = f"Far from a simplex: cosines are {error:.2g} off, random codes {chance:.2g}."
    if raw > 2 * error and raw > 0.5 / (c - 1):
        text += f" Uncentred they are {raw:.2g} off: the means share an offset."
    return _answer(facts, "simplex", metric, status, against, text)


def _crosstalk(facts: Facts) -> Answer:
    """Held against the floor, and against the worst of c(c-1)/2 random pairs."""
    metric = "class_coherence"
    if not facts.defined(metric, "class_welch_gap"):
        return _open(facts, "crosstalk", metric)
    worst, c, d = facts.values[metric], facts.c, facts.d
    floor = worst - facts.values["class_welch_gap"]
    # Codes that fit need not be orthogonal: a simplex has |cosines| of 1/(c-1).
    ideal = max(floor, 1 / (c - 1)) if c <= d + 1 else floor
    chance = min(1.0, math.sqrt(2 * math.log(max(c * (c - 1) / 2, 2)) / d))
    name = "simplex" if c <= d + 1 else "Welch floor"
    against = f"{ideal:.3g} ({name}), {chance:.2g} by chance"
    pair = f" The worst pair is {facts.worst.a} and {facts.worst.b}." if facts.worst else ""
    if worst <= (ideal + chance) / 2:
        status, text = "good", f"Worst crosstalk {worst:.3g} is close to {ideal:.3g}, the {name}."
    elif worst <= chance:
        status, text = "fair", f"Worst crosstalk {worst:.3g} is what random codes have."
    else:
        status = "poor"
        text = f"Worst crosstalk {worst:.3g} is above that of random codes, {chance:.2g}.{pair}"
    return _answer(facts, "crosstalk", metric, status, against, text)


def _reach(facts: Facts) -> Answer:
    """The frame potential has no bad local minima: what is above its floor can be descended.

    Random codes have c(c-1)/d off the diagonal.
    """
    metric = "class_tight_frame_gap"
    if not facts.defined(metric):
        return _open(facts, "reach", metric)
    gap, c, d = facts.values[metric], facts.c, facts.d
    floor = max(c, c * c / d)
    chance = (c + c * (c - 1) / d) / floor - 1
    against = f"0 (potential {floor:.4g}), {chance:.2g} by chance"
    above = f"total crosstalk is {_percent(gap)} above the floor that descent reaches from any start"
    if gap <= chance / 2:
        status, text = "good", f"At the reachable floor, nearly: {above}."
    elif gap <= chance:
        status, text = "fair", f"Reachable, not reached: {above}; random codes {_percent(chance)}."
    else:
        status = "poor"
        text = f"Worse than random codes ({_percent(chance)}): {above}."
    return _answer(facts, "reach", metric, status, against, text)


def _percent(share: float) -> str:
    if 0 < share < 1e-4:
        return f"{100 * share:.1e} %"
    return f"{100 * share:.3g} %"
