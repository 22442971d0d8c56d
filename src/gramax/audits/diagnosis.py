"""What kind of space it is, in one sentence, and what to try.

"Collapsed well" (classes tight, spread as a simplex, rank c-1) and "collapsed badly" (to a point,
into a cone, onto few dimensions, classes merged) look alike to any single number; here they are
told apart. The kinds are tried in order: the first that holds is the diagnosis.
"""

from __future__ import annotations

from collections.abc import Callable

from gramax._text import named
from gramax.audits.facts import SURE, Facts
from gramax.audits.report import Diagnosis
from gramax.audits.verdict import number, percent

SAME = 1e-6
"""1 - cosine below which float32 rows are one direction: a few times float32's precision."""


def _point(f: Facts) -> str | None:
    if "same point" in (f.reasons.get("effective_rank") or ""):
        return "All rows are one point."
    if f.values.get("mean_cosine", 0.0) > 1 - SAME:
        return "All rows point in one direction, to float32's precision."
    return None


def _cone(f: Facts) -> str | None:
    if not f.cone:
        return None
    return (
        f"All rows lie in a cone: their average cosine is {f.values['mean_cosine']:.3g}, so more "
        "of each row is common to all than its own."
    )


def _thin(f: Facts) -> str | None:
    if not f.rank_lost:
        return None
    rank = f.values["effective_rank"]
    return f"Dimensions are lost: rows spread over {rank:.3g} where {f.need} could be used."


def _merged(f: Facts) -> str | None:
    if not f.merged or not f.labels_matter:
        return None
    names = ", ".join(f"{named(pair.a)} and {named(pair.b)}" for pair in f.merged[:3])
    more = f", and {len(f.merged) - 3} more pairs" if len(f.merged) > 3 else ""
    return f"Classes have merged: these rows cannot tell apart {names}{more}."


def _random(f: Facts) -> str | None:
    if not f.defined("scatter_ratio") or f.labels_matter:
        return None
    return "Labels and geometry are unrelated: the space is as good as random for these classes."


def _simplex(f: Facts) -> str | None:
    if not (f.simplex and f.tight):
        return None
    return (
        f"Collapsed well: tight classes ({percent(f.values['scatter_ratio'])} of the scatter) "
        f"on a simplex of {f.c}."
    )


def _crowded(f: Facts) -> str | None:
    if f.fits or not f.labelled or not f.defined("class_coherence"):
        return None
    worst, random = f.values["class_coherence"], f.by_chance("class_coherence")
    if random.z(worst) <= SURE:
        return None
    return (
        f"Overloaded, and badly packed: {f.c:,} codes in {f.d:,} dimensions have a worst crosstalk "
        f"of {worst:.3g}, random codes {number(random.mean)}."
    )


def _packed(f: Facts) -> str | None:
    if f.fits or not f.labelled or not f.defined("class_coherence"):
        return None
    worst, random = f.values["class_coherence"], f.by_chance("class_coherence")
    if worst > (f.floor[0] + random.mean) / 2:
        return None
    return (
        f"Overloaded, and well packed: {f.c:,} codes in {f.d:,} dimensions have a worst crosstalk "
        f"of {worst:.3g}; the floor is {f.floor[0]:.3g}."
    )


def _untold(f: Facts) -> str | None:
    if f.defined("effective_rank") or f.defined("scatter_ratio"):
        return None
    why = f.reasons.get("effective_rank") or "no number is defined"
    return f"These rows are too few to tell: {why}."


def _healthy(f: Facts) -> str | None:
    if not f.labelled:
        return "Nothing is wrong that can be seen without labels."
    if f.tight:
        share = percent(f.values["scatter_ratio"])
        simplex = ", but their means are no simplex" if f.fits else ""
        return f"Classes are tight ({share} of the scatter) and the space is used{simplex}."
    return "Classes differ and the space is used; nothing has collapsed."


KINDS: dict[str, tuple[Callable[[Facts], str | None], str]] = {
    "point-collapsed": (
        _point,
        "Look for a dead layer, a loss without negatives or variance term, or a learning rate that "
        "blew up; add a term that spreads rows (uniformity, variance) and train again.",
    ),
    "cone": (
        _cone,
        "Centre the embeddings by their mean before cosines are taken (ReLU features share an "
        "offset), or train with a term that spreads them (uniformity).",
    ),
    "dimensionally collapsed": (
        _thin,
        "Add a term against rank loss (decorrelation, variance, smooth_coherence_loss), weaken "
        "strong augmentation or weight decay, or use a smaller dimension.",
    ),
    "random": (_random, "Check that labels and rows are in the same order; train longer."),
    "classes merged": (
        _merged,
        "Look at the labels of these classes first; then give them more rows or a larger margin.",
    ),
    "neural-collapsed": (_simplex, ""),
    "overloaded, poor": (
        _crowded,
        "Train the codes against their crosstalk (smooth_coherence_loss), use a fixed packing as "
        "the classifier, or more dimensions.",
    ),
    "overloaded, near-optimal": (_packed, ""),
    "cannot be told": (_untold, "Audit more rows."),
    "healthy": (_healthy, ""),
}
"""The kinds of space, in the order in which they are tried, and what to try for each."""


def diagnose(facts: Facts) -> Diagnosis:
    """The first kind of space that the facts show."""
    for kind, (seen, advice) in KINDS.items():
        text = seen(facts)
        if text:
            return Diagnosis(kind, text, advice)
    raise AssertionError("the last kind always holds")
