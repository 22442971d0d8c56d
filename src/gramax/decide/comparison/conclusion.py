"""Which of two spaces is better, and for which use: decided by rows held out, not by geometry."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gramax._text import sizes
from gramax.audits.thresholds import SURE
from gramax.decide.comparison.results import Change, Comparison, Kind, Side
from gramax.uncertainty.intervals import NORMAL_95
from gramax.uncertainty.probes import Outcome, spread_of

USES = {
    "probe": "a linear classifier",
    "nearest_neighbour": "search by nearest neighbours",
    "nearest_mean": "classes known by their means",
}
"""What a space is used for, by the classifier that measures its worth for that."""

Places = tuple[np.ndarray, np.ndarray]
"""Where the rows that both sides judged stand in each of them."""


def uses_of(a: Side, b: Side, same: Places | None = None) -> dict[str, Change]:
    """The share of held-out rows that get their class in both spaces, by use.

    `same` are the places of the same rows in both, where rows are paired.
    """
    found = {}
    for name in (name for name in USES if name in a.worth and name in b.worth):
        one, other = a.worth[name], b.worth[name]
        error = _error_of_rows(one, other, same) if same else _error_apart(one, other)
        change = Change(one.accuracy, other.accuracy, error, "", "same")
        kind: Kind = "better" if change.z > SURE else "worse" if change.z < -SURE else "same"
        found[name] = replace(change, kind=kind)
    return found


def _error_apart(one: Outcome, other: Outcome) -> float:
    """Of two separate sets of rows, from the interval of each (Newcombe 1998, method 10)."""
    low, high = (one, other) if one.accuracy <= other.accuracy else (other, one)
    arms = high.accuracy - high.low, low.high - low.accuracy
    return math.hypot(*arms) / NORMAL_95


def _error_of_rows(one: Outcome, other: Outcome, same: Places) -> float:
    """Of the same rows in both: only those count that one space gets right and the other does not.

    The variance is that of McNemar 1947, and rows count for fewer where folds differ by more than
    independent rows would. Folds share nearly all the rows that they are trained on, so that they
    do not show how classifiers vary from sample to sample: that is about as much again (Nadeau &
    Bengio 2003).
    """
    assert one.hits is not None
    assert other.hits is not None
    assert one.fold is not None
    before, after, fold = one.hits[same[0]], other.hits[same[1]], one.fold[same[0]]
    both = (before >= 0) & (after >= 0)
    _, variance, spread = spread_of((after - before)[both].astype(np.float64), fold[both])
    folds = max(len(np.unique(fold[both])), 2)
    return math.sqrt(variance * spread * (1 + folds / (folds - 1)) / np.count_nonzero(both))


def concluded(
    a: Side, b: Side, paired: bool, changes: dict[str, Change], **more: Any
) -> Comparison:
    """The comparison of two sides with the sentences that decide; `more` are its other fields."""
    codes = more.get("matching") is not None
    facts = [sizes(side.n, side.d, side.c, codes) for side in (a, b)]
    told = facts[0] if facts[0] == facts[1] else " → ".join(facts)
    head = f"{a.source} → {b.source}", told, "", more.pop("notes", ())
    found = Comparison(*head, a, b, paired, changes, **more)
    return replace(found, headline=" ".join(filter(None, _sentences(found))))


def _sentences(found: Comparison) -> tuple[str, ...]:
    """Whether B is better, worse or the same, and for which use; and what changed."""
    if found.matching:
        return (found.matching.told,)
    counts = {kind: len(found.of_kind(kind)) for kind in ("better", "worse", "changed", "same")}
    told, same = sum(counts.values()), counts.pop("same")
    real = [f"{count} {kind}" for kind, count in counts.items() if count]
    if not told:
        tally = "Whether anything changed cannot be told: there are no errors to hold it against."
    elif real:
        rest = f"; {same} within noise" if same else ""
        tally = f"Of {told} numbers that can be told, {', '.join(real)}{rest}."
    else:
        tally = f"Nothing changed beyond noise, in {told} numbers."
    if found.uses:
        return f"B is {'; '.join(_by_kind(found.uses))}.", tally
    if told and not real:
        return (f"B is the same as A: nothing changed beyond noise, in {told} numbers.",)
    which = "Which is better is open: that takes held-out rows with the same classes in A and B."
    return which, tally


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
