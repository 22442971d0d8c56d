"""What a comparison found: plain data, with its form for machines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from gramax._shapes import Float
from gramax._text import named, number, percent
from gramax.audits.portrait import Heat, similar_order
from gramax.audits.report import Report
from gramax.audits.thresholds import SURE
from gramax.decide.decision import Column, Decision, Estimate, HeatMaps, Style, Table
from gramax.errors import InputError
from gramax.metrics.names import full_name
from gramax.streaming import LeftOut
from gramax.uncertainty.chance.laws import Chance
from gramax.uncertainty.probes import Outcome

FALSE_RATE = 0.05
"""The share of changes called real that may be due to chance alone; and the chance that any pair of
classes is said to move where none does."""

MAX_LISTED = 5
"""Codes without a match, and pairs that are matched least closely, in a table."""

Kind = Literal["better", "worse", "changed", "same", "unknown"]


@dataclass(frozen=True)
class Change:
    """One number of the first space, of the second, and the difference."""

    before: float  # of the first; NaN where undefined
    after: float  # of the second
    error: float | None  # standard error of the difference; None where it cannot be had
    reason: str  # why there is no error, or no number
    # "better", "worse" or "changed" (no side is better) where the difference is more than `SURE`
    # standard errors and its false rate at most `FALSE_RATE`, "same" where it is not, "unknown"
    # without an error
    kind: Kind
    # if this change is called real and so is every number with a larger z, the share of these that
    # is expected to be due to chance alone; NaN without an error
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

    @property
    def estimate(self) -> Estimate:
        """The difference, and as far as noise may reach either way."""
        reach = None if self.error is None else SURE * self.error
        ends = (None, None) if reach is None else (self.difference - reach, self.difference + reach)
        return Estimate(self.difference, *ends)

    def numbers(self) -> dict[str, Any]:
        """Its numbers, by name."""
        told = {"a": self.before, "b": self.after, "difference": self.difference, "z": self.z}
        told |= {"error": self.error, "false_rate": self.false_rate}
        return {**told, "kind": self.kind, "reason": self.reason or None}


@dataclass(frozen=True)
class Side:
    """What is known of one of the two spaces."""

    source: str  # what it is called
    n: int  # rows
    d: int  # their length
    c: int  # classes, 0 without labels
    kind: str  # of the space
    text: str  # the diagnosis in a sentence
    numbers: Mapping[str, float]  # value by metric, NaN where undefined
    errors: Mapping[str, float] = field(default_factory=dict)  # standard errors, where there are
    left_out: tuple[LeftOut, ...] = ()  # what could not be read, where that was asked for
    # how often held-out rows get their class, by classifier
    worth: Mapping[str, Outcome] = field(default_factory=dict)

    def about(self) -> dict[str, Any]:
        """What is told of it, by name."""
        names = ("source", "n", "d", "c", "kind", "text")
        about = {name: getattr(self, name) for name in names}
        return {**about, "left_out_fragments": self.left_out, "metrics": self.numbers}


@dataclass(frozen=True)
class Moved:
    """A pair of classes whose cosine changed."""

    a: str  # one class
    b: str  # the other
    before: float  # cosine of their codes in the first space
    after: float  # in the second
    error: float | None  # standard error of the change, or None
    # standard errors beyond which it is real: more the more pairs were compared, so that in
    # `FALSE_RATE` of all comparisons of equal spaces at most any pair is said to move
    sure: float = SURE

    @property
    def kind(self) -> Kind:
        """As that of a `Change`: "changed", "same" or "unknown"."""
        if self.error is None:
            return "unknown"
        return "changed" if abs(self.after - self.before) > self.sure * self.error else "same"


@dataclass(frozen=True)
class Alignment:
    """One number for how alike the two spaces are."""

    name: str  # of the number
    meaning: str  # in words
    value: float  # at most 1, where one space is a rotation of the other; NaN where undefined
    error: float | None  # standard error, or None
    chance: Chance  # what it is where rows are paired at random
    reason: str = ""  # why there is no value, or no error; empty where there are both


@dataclass(frozen=True)
class Matching:
    """Codes of two codebooks, matched one to one."""

    threshold: float  # the |cosine| from which on two codes may be one
    # of a code of A, one of B and their cosine, the largest |cosine| first
    pairs: tuple[tuple[str, str, float], ...]
    opposite: int  # pairs with a negative cosine
    share_a: float  # share of the codes of A that are matched, without those that are zero
    share_b: float  # of those of B
    expected: float  # pairs of random codes above the threshold, matched or not
    nearest_a: float  # the largest |cosine| of a code of A with one of B, on average
    nearest_b: float  # of B
    lost: tuple[str, ...]  # names of the codes of A without a match
    new: tuple[str, ...]  # of those of B
    greedy: int = 0  # codes of A in groups too large for the best assignment: nearest first

    def numbers(self) -> dict[str, Any]:
        """Its numbers and names, by name."""
        pairs = [{"a": a, "b": b, "cosine": cosine} for a, b, cosine in self.pairs]
        return {**vars(self), "pairs": pairs}

    @property
    def told(self) -> str:
        """How much of the codebooks is kept, in a sentence or two."""
        text = (
            f"{len(self.pairs):,} codes are in both, {percent(self.share_a)} of A and "
            f"{percent(self.share_b)} of B, matched one to one above {self.threshold:g}"
        )
        opposite = f", {self.opposite:,} of them with the other sign" if self.opposite else ""
        chance = ""
        if self.expected >= 0.5:
            pairs = number(self.expected)
            chance = f" Random codes have {pairs} pairs so close: a match says little."
        return f"{text}{opposite}.{chance}"

    def tables(self) -> tuple[Table, Table]:
        """What is kept on either side; and the pairs that are matched least closely."""
        columns = (Column("", "words"), Column("A"), Column("B"))
        lost, new = (_few(names) for names in (self.lost, self.new))
        rows = [
            ("codes without a match", f"{len(self.lost):,}", f"{len(self.new):,}"),
            ("which", lost, new),
            ("nearest code of the other side, |cosine| on average", self.nearest_a, self.nearest_b),
        ]
        note = f"{self.greedy:,} codes of A lie in large groups, matched nearest first."
        kept = Table("Codes of either side", columns, tuple(rows), note if self.greedy else "")
        columns = (Column("A", "words"), Column("B", "words"), Column("cosine", "signed"))
        rows = [(named(a), named(b), cosine) for a, b, cosine in self.pairs[: -MAX_LISTED - 1 : -1]]
        return kept, Table("Codes that are matched least closely", columns, tuple(rows))


@dataclass(frozen=True, repr=False)
class Comparison(Decision, Mapping[str, Change]):
    """What changed from one space to the other; a mapping from metric name to `Change`.

    Names may be short, as they are shown: `found["coherence"]`. Printed, it is the tables.

    Attributes:
        a: the first space; b: the second.
        paired: whether rows match, so that errors are of the same rows.
        changes: every number that both have.
        uses: the share of held-out rows that get their class, by classifier; empty where the two
            do not have the same classes.
        alignment: CKA and Procrustes; empty where rows do not match.
        moved: the pairs of classes whose cosine changed most, the largest change first.
        matching: which codes of two codebooks are the same; None of labelled rows.
        names: of the classes that both have; with `cosines`, in its order.
        cosines: `[2, c, c]` of their codes, for a picture; None where there are many.
    """

    name = "compare"
    a: Side
    b: Side
    paired: bool
    changes: dict[str, Change]
    uses: dict[str, Change] = field(default_factory=dict)
    alignment: tuple[Alignment, ...] = ()
    moved: tuple[Moved, ...] = ()
    matching: Matching | None = None
    names: tuple[str, ...] = ()
    cosines: Float[np.ndarray, "2 c c"] | None = field(default=None, compare=False)

    def __getitem__(self, name: str) -> Change:
        try:
            return self.changes[full_name(name, self.changes)]
        except InputError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def of_kind(self, kind: Kind) -> list[str]:
        """Names of the numbers that changed so."""
        return [name for name, change in self.changes.items() if change.kind == kind]

    def tables(self) -> tuple[Table, ...]:
        """Uses or matched codes, every number, kinds of spaces, likeness, classes."""
        first = self.matching.tables() if self.matching else ()
        rest = self._uses(), self._numbers(), self._spaces(), self._likeness(), self._moves()
        return (*first, *(table for table in rest if table.rows))

    def _uses(self) -> Table:
        columns = [
            ("classifier", "words", lambda one: one[0].replace("_", " ")),
            *_both("percent", lambda one: one[1]),
            ("change", "percent", lambda one: one[1].estimate),
            ("", "verdict", lambda one: one[1].kind),
        ]
        note = f"In brackets: {SURE:g} standard errors either way; a real change leaves out 0."
        title = "Held-out rows that get their class"
        return Table.of(title, self.uses.items(), columns, note)

    def _spaces(self) -> Table:
        columns = [
            ("", "words", lambda one: one[0]),
            ("kind", "words", lambda one: one[1].kind),
            ("what it is", "words", lambda one: one[1].text),
        ]
        return Table.of("What kind of spaces they are", (("A", self.a), ("B", self.b)), columns)

    def _likeness(self) -> Table:
        columns = [
            ("", "words", lambda one: one.name),
            ("value", "number", lambda one: one.value),
            ("±", "error", lambda one: one.error),
            ("by chance", "number", lambda one: one.chance.mean),
            ("what it is", "words", lambda one: one.meaning),
        ]
        return Table.of("Are they the same space, up to a rotation?", self.alignment, columns)

    def _moves(self) -> Table:
        columns = [
            ("class", "words", lambda pair: named(pair.a)),
            ("and", "words", lambda pair: named(pair.b)),
            *_both("signed", lambda pair: pair),
            ("change", "signed", lambda pair: pair.after - pair.before),
            ("±", "error", lambda pair: pair.error),
            ("", "verdict", lambda pair: pair.kind),
        ]
        sures = sorted({f"{pair.sure:.1f}" for pair in self.moved}, key=float)
        rare = f", or up to {sures[-1]} where a class has few rows" if len(sures) > 1 else ""
        note = (
            "Cosines of the codes of both classes. Since the largest moves of all pairs are shown, "
            f"a move counts as real beyond {sures[0] if sures else SURE} standard errors ±{rare}."
        )
        return Table.of("Pairs of classes that moved most", self.moved, columns, note)

    def _numbers(self) -> Table:
        name = ("number", "metric", lambda one: one[0])
        verdict = ("", "verdict", lambda one: one[1].kind)
        columns = [name, *_both("number", lambda one: one[1]), verdict]
        if self.matching:
            note = "A codebook is no sample: its numbers have no error."
            return Table.of("Every number", self.items(), columns, note)
        columns[3:3] = [
            ("± change", "error", lambda one: one[1].error),
            ("z", "z", lambda one: one[1].z),
            ("false", "share", lambda one: one[1].false_rate),
        ]
        same = ", from the same rows left out of both" if self.paired else ""
        note = (
            f"± change is the standard error of the change from A to B{same}, and z the change in "
            "units of it. False is the share of chance among this change and all with a larger z, "
            f"if they are called real. A change is real beyond {SURE:g} standard errors where that "
            f"share is {100 * FALSE_RATE:g} % at most; same means that none is told from noise."
        )
        return Table.of("Every number", self.items(), columns, note)

    def heat_maps(self) -> HeatMaps | None:
        """Cosines of all pairs of class codes in A, in B, and how they changed."""
        if self.cosines is None:
            return None
        before, after = self.cosines
        order = similar_order(after)
        first, second = np.meshgrid(order, order, indexing="ij")
        views = (("A", before, 1.0), ("B", after, 1.0), ("Change", after - before, 2.0))
        text = (
            "The same order in both: similar classes of B stand together. Brown: the codes point "
            "the same way, or moved together; blue: apart."
        )
        heats = tuple(
            (label, Heat(order, 1, values[first, second], first, second), limit)
            for label, values, limit in views
        )
        return HeatMaps(text, self.names, heats)

    def numbers(self) -> dict[str, Any]:
        """Both spaces, and every change."""
        return {
            "a": self.a.about(),
            "b": self.b.about(),
            "paired": self.paired,
            "uses": {name: one.numbers() for name, one in self.uses.items()},
            "metrics": {name: one.numbers() for name, one in self.changes.items()},
            "moved": self.moved,
            "matching": self.matching and self.matching.numbers(),
            "alignment": [{**vars(one), "reason": one.reason or None} for one in self.alignment],
        }


def _few(names: tuple[str, ...]) -> str | None:
    """The first of some names; all of them are in the JSON."""
    more = ", …" if len(names) > MAX_LISTED else ""
    return f"{', '.join(map(named, names[:MAX_LISTED]))}{more}" if names else None


def _both(style: Style, change: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The columns of what was before and after."""
    return (
        ("A", style, lambda one: change(one).before),
        ("B", style, lambda one: change(one).after),
    )


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
