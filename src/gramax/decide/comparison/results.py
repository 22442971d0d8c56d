"""What a comparison found: plain data, with its form for machines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gramax._optional import drawing
from gramax._shapes import Float
from gramax.audits.report import Report, finite
from gramax.audits.thresholds import SURE
from gramax.errors import InputError
from gramax.metrics.names import full_name
from gramax.streaming import LeftOut
from gramax.uncertainty.chance.laws import Chance
from gramax.uncertainty.probes import Outcome

FALSE_RATE = 0.05
"""The share of changes called real that may be due to chance alone; and the chance that any pair of
classes is said to move where none does."""

Kind = Literal["better", "worse", "changed", "same", "unknown"]


@dataclass(frozen=True)
class Change:
    """One number of the first space, of the second, and the difference.

    Attributes:
        before: of the first; NaN where undefined.
        after: of the second.
        error: standard error of the difference; None where it cannot be had.
        reason: why there is no error, or no number.
        kind: "better", "worse" or "changed" (no side is better) where the difference is more than
            `SURE` standard errors and its false rate at most `FALSE_RATE`, "same" where it is not,
            "unknown" without an error.
        false_rate: if this change is called real and so is every number with a larger z, the share
            of these that is expected to be due to chance alone; NaN without an error.
    """

    before: float
    after: float
    error: float | None
    reason: str
    kind: Kind
    false_rate: float = math.nan

    @property
    def difference(self) -> float:
        """Second minus first."""
        return self.after - self.before

    @property
    def z(self) -> float:
        """The difference in standard errors; NaN without one."""
        if self.error is None:
            return math.nan
        if self.error == 0:
            return math.copysign(math.inf, self.difference) if self.difference else 0.0
        return self.difference / self.error


@dataclass(frozen=True)
class Side:
    """What is known of one of the two spaces.

    Attributes:
        source: what it is called.
        n: rows; d: their length; c: classes (0 without labels).
        kind: of the space, and `text` the diagnosis in a sentence.
        numbers: value by metric, NaN where undefined.
        errors: standard errors by metric, where there are.
        left_out: what could not be read, where that was asked for.
        worth: how often held-out rows get their class, by classifier.
    """

    source: str
    n: int
    d: int
    c: int
    kind: str
    text: str
    numbers: Mapping[str, float]
    errors: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    worth: Mapping[str, Outcome] = field(default_factory=dict)


@dataclass(frozen=True)
class Moved:
    """A pair of classes whose cosine changed.

    Attributes:
        a: one class; b: the other.
        before: cosine of their codes in the first space; after: in the second.
        error: standard error of the change, or None.
        sure: standard errors beyond which it is real: more the more pairs were compared, so that
            in `FALSE_RATE` of all comparisons of equal spaces at most any pair is said to move.
    """

    a: str
    b: str
    before: float
    after: float
    error: float | None
    sure: float = SURE

    @property
    def kind(self) -> Kind:
        """As that of a `Change`: "changed", "same" or "unknown"."""
        if self.error is None:
            return "unknown"
        return "changed" if abs(self.after - self.before) > self.sure * self.error else "same"


@dataclass(frozen=True)
class Alignment:
    """One number for how alike the two spaces are.

    Attributes:
        name: of the number; meaning: in words.
        value: at most 1, where one space is a rotation of the other; NaN where undefined.
        error: standard error, or None.
        chance: what it is where rows are paired at random.
        reason: why there is no value, or no error; empty where there are both.
    """

    name: str
    meaning: str
    value: float
    error: float | None
    chance: Chance
    reason: str = ""


@dataclass(frozen=True)
class Matching:
    """Codes of two codebooks, matched one to one.

    Attributes:
        threshold: the |cosine| from which on two codes may be one.
        pairs: of a code of A, one of B and their cosine, the largest |cosine| first.
        opposite: pairs with a negative cosine.
        share_a: share of the codes of A that are matched, without those that are zero; share_b: of
            those of B.
        expected: pairs of random codes above the threshold, matched or not.
        nearest_a: the largest |cosine| of a code of A with one of B, on average; nearest_b: of B.
        lost: names of the codes of A without a match; new: of those of B.
        greedy: codes of A in groups too large for the best assignment: nearest first.
    """

    threshold: float
    pairs: tuple[tuple[str, str, float], ...]
    opposite: int
    share_a: float
    share_b: float
    expected: float
    nearest_a: float
    nearest_b: float
    lost: tuple[str, ...]
    new: tuple[str, ...]
    greedy: int = 0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        pairs = [{"a": a, "b": b, "cosine": cosine} for a, b, cosine in self.pairs]
        return vars(self) | {"pairs": pairs, "lost": list(self.lost), "new": list(self.new)}


@dataclass(frozen=True)
class Comparison(Mapping[str, Change]):
    """What changed from one space to the other; a mapping from metric name to `Change`.

    Names may be short, as they are shown: `found["coherence"]`. Printed, it is the tables.

    Attributes:
        a: the first space; b: the second.
        paired: whether rows match, so that errors are of the same rows.
        changes: every number that both have.
        moved: the pairs of classes whose cosine changed most, the largest change first.
        alignment: CKA and Procrustes; empty where rows do not match.
        notes: what to keep in mind.
        names: of the classes that both have; with `cosines`, in its order.
        cosines: `[2, c, c]` of their codes, for a picture; None where there are many.
        uses: the share of held-out rows that get their class, by classifier; empty where the two
            do not have the same classes.
        matching: which codes of two codebooks are the same; None of labelled rows.
    """

    a: Side
    b: Side
    paired: bool
    changes: dict[str, Change]
    moved: tuple[Moved, ...] = ()
    alignment: tuple[Alignment, ...] = ()
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    cosines: Float[np.ndarray, "2 c c"] | None = field(default=None, repr=False, compare=False)
    uses: dict[str, Change] = field(default_factory=dict)
    matching: Matching | None = None

    def __getitem__(self, name: str) -> Change:
        try:
            return self.changes[full_name(name, self.changes)]
        except InputError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def __repr__(self) -> str:
        """The comparison as the terminal shows it, without colour."""
        return drawing("terminal").plain_text(self)

    def _repr_html_(self) -> str:
        """What changed, as a notebook shows it."""
        return drawing("notebook").comparison_html(self)

    @property
    def decision(self) -> str:
        """Whether B is better, worse or the same, and for which use, in one sentence."""
        from gramax.decide.comparison.uses import decision

        return decision(self)

    def of_kind(self, kind: Kind) -> list[str]:
        """Names of the numbers that changed so."""
        return [name for name, change in self.changes.items() if change.kind == kind]

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON-ready data: null for what is undefined."""
        return {
            "schema": 1,
            "a": _side(self.a),
            "b": _side(self.b),
            "paired": self.paired,
            "notes": list(self.notes),
            "decision": self.decision,
            "uses": {name: _change(one) for name, one in self.uses.items()},
            "metrics": {name: _change(one) for name, one in self.changes.items()},
            "moved": [vars(pair) for pair in self.moved],
            "matching": self.matching and self.matching.to_dict(),
            "alignment": [_alignment(one) for one in self.alignment],
        }


def side_of(report: Report, left_out: tuple[LeftOut, ...]) -> Side:
    """One side of a comparison, from its report."""
    return Side(
        source=report.title,
        n=report.n,
        d=report.d,
        c=report.c,
        kind=report.diagnosis.kind,
        text=report.diagnosis.text,
        numbers={name: number.value for name, number in report.numbers.items()},
        left_out=left_out,
        worth=report.worth.outcomes if report.worth else {},
    )


def _side(side: Side) -> dict[str, Any]:
    about = {name: getattr(side, name) for name in ("source", "n", "d", "c", "kind", "text")}
    about["left_out_fragments"] = [vars(one) for one in side.left_out]
    return about | {"metrics": {name: finite(value) for name, value in side.numbers.items()}}


def _change(one: Change) -> dict[str, Any]:
    return {
        "a": finite(one.before),
        "b": finite(one.after),
        "difference": finite(one.difference),
        "error": one.error,
        "z": finite(one.z),
        "false_rate": finite(one.false_rate),
        "kind": one.kind,
        "reason": one.reason or None,
    }


def _alignment(one: Alignment) -> dict[str, Any]:
    chance = vars(one.chance) | {"mean": finite(one.chance.mean), "sd": finite(one.chance.sd)}
    return vars(one) | {"value": finite(one.value), "chance": chance, "reason": one.reason or None}
