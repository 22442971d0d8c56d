"""Which of two spaces is better, and for which use: decided by rows held out, not by geometry."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gramax.audits.thresholds import SURE
from gramax.comparison.results import Change, Comparison, Kind, Side

USES = {
    "probe": "a linear classifier",
    "nearest_neighbour": "search by nearest neighbours",
    "nearest_mean": "classes known by their means",
}
"""What a space is used for, by the classifier that measures its worth for that."""

NORMAL_95 = 1.96
"""Half of a 95 % interval in standard errors."""


def uses_of(a: Side, b: Side) -> dict[str, Change]:
    """The share of held-out rows that get their class in both spaces, by use.

    The error is that of two separate sets of rows, from the interval of each (Newcombe 1998, method
    10). Of the same rows in both it is too wide: a change that is called real is real.
    """
    found = {}
    for name in (name for name in USES if name in a.worth and name in b.worth):
        one, other = a.worth[name], b.worth[name]
        low, high = (one, other) if one.accuracy <= other.accuracy else (other, one)
        arms = high.accuracy - high.low, low.high - low.accuracy
        change = Change(one.accuracy, other.accuracy, math.hypot(*arms) / NORMAL_95, "", "same")
        kind: Kind = "better" if change.z > SURE else "worse" if change.z < -SURE else "same"
        found[name] = Change(change.before, change.after, change.error, "", kind)
    return found


def decision(found: Comparison) -> str:
    """Whether B is better than A, worse or the same, and for which use, in one sentence."""
    if found.matching:
        from gramax.comparison.dictionaries import matching_told

        return matching_told(found)
    if found.uses:
        return f"B is {'; '.join(_by_kind(found.uses))}."
    real = [name for kind in ("better", "worse", "changed") for name in found.of_kind(kind)]
    if not real and found.of_kind("same"):
        return "B is the same as A: nothing changed beyond noise."
    return "Which is better is open: that takes held-out rows with the same classes in A and B."


def _by_kind(uses: dict[str, Change]) -> Iterator[str]:
    words = {"better": "better", "worse": "worse", "same": "the same, within noise,"}
    for kind in words:
        told = [f"{USES[name]} ({_right(one)})" for name, one in uses.items() if one.kind == kind]
        if told:
            *most, last = told
            yield f"{words[kind]} for {', '.join(most)}{' and ' if most else ''}{last}"


def _right(one: Change) -> str:
    before, after = (f"{100 * share:.3g}" for share in (one.before, one.after))
    return f"{before} % right in both" if before == after else f"{before} to {after} % right"
