"""The result of an audit, as plain Python data: numbers, pairs, classes and answers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from gramax._optional import drawing
from gramax.errors import InputError
from gramax.metrics.names import full_name
from gramax.metrics.registry import METRICS, QUESTIONS, Metric, Question

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gramax.audits.codebook_findings import CodebookFindings
    from gramax.audits.corpus import Corpus
    from gramax.audits.findings import Findings
    from gramax.audits.headroom import Headroom
    from gramax.audits.portrait import Portrait
    from gramax.streaming import LeftOut
    from gramax.uncertainty.chance.laws import Chance
    from gramax.uncertainty.companions import Companion
    from gramax.uncertainty.errorbars import ErrorBar
    from gramax.uncertainty.probes import Worth

__all__ = ["Answer", "ClassView", "Diagnosis", "Number", "Pair", "Report"]

LEFT_OUT_WORDS = {
    "ignored_label": "without a label: -1 or missing",
    "label_out_of_range": "with a label beyond the classes",
    "not_finite_row": "not finite",
    "zero_row": "all zeros",
}
"""Why rows were left out, by the names in `Report.left_out`."""

SCHEMA = 1
"""Version of the layout of `Report.to_dict`."""


ROW_QUESTIONS = {
    "copies": "Are rows near-copies of each other?",
    "hubs": "Do a few rows turn up in every search?",
    "cone": "Do all rows point the same way?",
    "lengths": "Are rows of one length?",
    "axis": "Does one dimension speak for all?",
    "dimension": "In how many directions do rows vary nearby?",
    "outliers": "Are rows far from all others?",
    "islands": "Do the rows hang together, and in clusters?",
    "contrast": "Is a neighbour nearer than any other row?",
}
"""What is asked of rows without labels, beside whether the space is being used."""


@dataclass(frozen=True)
class Number:
    """One metric of one audit.

    Attributes:
        value: the number; NaN where it is undefined.
        reason: why it is undefined, or None.
        chance: what it is held against, which its `reference` names (see
            `gramax.uncertainty.references`); None where not computed, or where nothing says more
            than the number itself.
        error: its error bar; None where not computed.
        companion: an estimate of it at infinitely many rows; None where there is none.
    """

    value: float
    reason: str | None = None
    chance: Chance | None = None
    error: ErrorBar | None = None
    companion: Companion | None = None

    @property
    def few_rows(self) -> bool:
        """Whether rows are so few that the value is off by more than its error."""
        if not (self.companion and self.error and self.error.error is not None):
            return False
        return abs(self.companion.value - self.value) > self.error.error


@dataclass(frozen=True)
class Pair:
    """Two classes and the cosine of their codes."""

    a: str
    b: str
    cosine: float


@dataclass(frozen=True)
class ClassView:
    """One class: its rows, its spread, and the class nearest to it.

    Attributes:
        name: as the labels have it.
        count: its rows.
        within: mean squared distance of its rows to its mean (0 for a single row).
        share: its share of the whole within-class scatter, in [0, 1].
        nearest: the class whose code has the largest cosine with its own, or None.
        cosine: that cosine.
    """

    name: str
    count: int
    within: float
    share: float
    nearest: str | None
    cosine: float | None


@dataclass(frozen=True)
class Answer:
    """One audit question answered: the number, what it is held against, and a sentence.

    Attributes:
        question: key in `gramax.metrics.registry.QUESTIONS`, or of `ROW_QUESTIONS`.
        status: "good", "fair", "poor", or "open" where the input cannot answer it.
        text: the answer in a sentence, with its evidence.
        metric: the number that it rests on.
        value: that number (NaN where undefined).
        against: the floor, best value or baseline that it is held against, in words.
        floor: the floor that it is held against, NaN where there is none.
        bound: what that floor is called.
        advice: what to try; empty where nothing is amiss, and where the diagnosis says it.
    """

    question: Question | str
    status: str
    text: str
    metric: str
    value: float
    against: str
    floor: float = math.nan
    bound: str = ""
    advice: str = ""

    @property
    def asks(self) -> str:
        """The question in words."""
        return {**QUESTIONS, **ROW_QUESTIONS}[self.question]

    @property
    def gap(self) -> float:
        """How far the number lies above its floor; NaN where there is no floor."""
        return max(self.value - self.floor, 0.0) if math.isfinite(self.floor) else math.nan


@dataclass(frozen=True)
class Diagnosis:
    """The kind of space, the evidence in a sentence, and what to try.

    Attributes:
        kind: a key of `gramax.audits.verdict.KINDS`.
        text: what was seen.
        advice: what to try; empty where nothing is wrong.
        properties: what else holds of the space, beside its kind: "cone", "narrow spectrum",
            "imbalance", "point classes", "crowded codes", "well-packed codes", "flat classes",
            "copies", "outliers".
    """

    kind: str
    text: str
    advice: str
    properties: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """A decision to take next.

    Attributes:
        why: what the audit has found that calls for it, and the question.
        command: what to type, or the call in Python where arrays were audited.
    """

    why: str
    command: str


@dataclass(frozen=True)
class Report(Mapping[str, float]):
    """What an audit found; a mapping from metric name to number.

    Names may be short, as they are shown: `report["coherence"]`. Printed, it is the verdict.

    Attributes:
        source: what was audited; array: what the matrix is called in there, empty where the format
            has no names.
        n: rows that count; d: their length; c: classes with rows (0 without labels).
        normalized: whether rows were taken on the unit sphere.
        numbers: every metric, with its reason where it is undefined.
        worst_pairs: the pairs of classes with the largest |cosine|, worst first.
        alike: the pairs of classes with the largest cosine, with its sign, of their means about
            the mean of all: those that are confused first. None of them for a codebook.
        opposite: the pairs with the smallest.
        merged: pairs of classes that these rows cannot tell apart.
        classes: one view a class, in label order.
        answers: the five questions answered; without labels those of `ROW_QUESTIONS`.
        diagnosis: the kind of space, and what to try.
        warnings: where rows or classes are too few for what is asked of them.
        left_out: rows left out, by reason.
        left_out_fragments: fragments of files that could not be read, where that was asked for.
        options: the choices in which published definitions differ.
        headroom: the worst crosstalk beside its floor and what is reachable; None without labels.
        worth: how often held-out rows get their class; None without classes of several rows.
        next_steps: the decisions that this calls for, at most two.
        findings: what is odd about single rows and classes; None without the rows.
        corpus: what else is measured of rows without labels.
        portrait: what the pictures show; not part of `to_dict`.
        codebook: which codes are dead or alike, and how many can be active; None of labelled rows.
    """

    source: str
    n: int
    d: int
    c: int
    normalized: bool
    numbers: dict[str, Number]
    worst_pairs: tuple[Pair, ...]
    merged: tuple[Pair, ...]
    classes: tuple[ClassView, ...]
    answers: tuple[Answer, ...]
    diagnosis: Diagnosis
    warnings: tuple[str, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    left_out_fragments: tuple[LeftOut, ...] = ()
    headroom: Headroom | None = None
    worth: Worth | None = None
    next_steps: tuple[Step, ...] = ()
    alike: tuple[Pair, ...] = ()
    opposite: tuple[Pair, ...] = ()
    findings: Findings | None = None
    corpus: Corpus | None = None
    portrait: Portrait | None = field(default=None, repr=False, compare=False)
    codebook: CodebookFindings | None = None
    array: str = ""

    @property
    def title(self) -> str:
        """The source, and the array in it: `z.npz::latents`."""
        return f"{self.source}::{self.array}" if self.array else self.source

    def __getitem__(self, name: str) -> float:
        try:
            return self.numbers[full_name(name, self.numbers)].value
        except InputError as error:
            raise KeyError(str(error)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def plot(self) -> Figure:
        """The picture of this audit, a matplotlib figure (see `gramax.render.plots`).

        Raises:
            ValueError: there is no portrait; `audit(..., portrait=True)` makes one.
            MissingExtraError: matplotlib is not installed.
        """
        return drawing("plots").plot_report(self)

    def __repr__(self) -> str:
        """The verdict as the terminal shows it, without colour."""
        return drawing("terminal").plain_text(self)

    def _repr_html_(self) -> str:
        """The verdict, as a notebook shows it."""
        return drawing("notebook").report_html(self)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON-ready data: no NaN or infinity, null with a reason instead."""
        return {
            "schema": SCHEMA,
            **{name: getattr(self, name) for name in ("source", "array", "n", "d", "c")},
            "normalized": self.normalized,
            "options": dict(self.options),
            "left_out": dict(self.left_out),
            "left_out_fragments": [vars(one) for one in self.left_out_fragments],
            "warnings": list(self.warnings),
            "worth": _worth(self.worth),
            "diagnosis": _plain(vars(self.diagnosis)),
            "next_steps": [vars(step) for step in self.next_steps],
            "metrics": {
                name: _number(METRICS[name], number, self.options)
                for name, number in self.numbers.items()
            },
            "headroom": self.headroom
            and {**vars(self.headroom), "random": finite(self.headroom.random)},
            "worst_pairs": [vars(pair) for pair in self.worst_pairs],
            "codebook": self.codebook and self.codebook.to_dict(),
            "alike": [vars(pair) for pair in self.alike],
            "opposite": [vars(pair) for pair in self.opposite],
            "merged": [vars(pair) for pair in self.merged],
            "findings": self.findings and _plain(asdict(self.findings)),
            "corpus": self.corpus and _plain(asdict(self.corpus)),
            "classes": [vars(view) for view in self.classes],
            "verdict": [
                {
                    "question": answer.question,
                    "asks": answer.asks,
                    **vars(answer),
                    "value": finite(answer.value),
                    "floor": finite(answer.floor),
                    "bound": answer.bound or None,
                    "gap": finite(answer.gap),
                }
                for answer in self.answers
            ],
        }


def _worth(worth: Worth | None) -> dict[str, Any] | None:
    """All but the head, which is for `--save-head`, and what is told row by row."""
    if worth is None:
        return None
    apart = "head", "more", "hits"
    plain = {name: value for name, value in vars(worth).items() if name not in apart}
    measured, told = worth.outcomes | dict(worth.more), ("accuracy", "low", "high", "method")
    return plain | {name: {x: getattr(one, x) for x in told} for name, one in measured.items()}


def _number(metric: Metric, number: Number, options: dict[str, str]) -> dict[str, Any]:
    value, law, bar, beside = finite(number.value), number.chance, number.error, number.companion
    entry: dict[str, Any] = {
        "value": value,
        "reason": (number.reason or "the number is not finite") if value is None else None,
        "question": metric.question,
        "best": metric.best,
        "direction": metric.direction,
        "options": {name: options[name] for name in metric.options if name in options},
    }
    if value is None:
        return entry
    if law:
        z = finite(law.z(value))
        mean, sd = finite(law.mean), finite(law.sd)
        about = {"reference": law.reference, "method": law.method}
        entry["chance"] = {"mean": mean, "sd": sd, "z": z} | about
    if bar:
        reason = bar.reason or None
        entry["error"] = {"standard": bar.error, "low": bar.low, "high": bar.high, "reason": reason}
    if beside and finite(beside.value) is not None:
        entry["companion"] = {
            "value": beside.value,
            "low": beside.low,
            "high": beside.high,
            "method": beside.method,
            "off_by_more_than_error": number.few_rows,
        }
    return entry


def _plain(found: Any) -> Any:
    """In lists, and without NaN, as JSON has it."""
    if isinstance(found, dict):
        return {name: _plain(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [_plain(value) for value in found]
    return None if found != found else found


def finite(value: float) -> float | None:
    """The value, or None where it is not finite."""
    return value if math.isfinite(value) else None
