"""What a metric declares, and when it is undefined.

Every metric is one `Metric`: its text (for the docs, `gramax metrics` and the property tests), the
conditions under which it has no value, and a function of the `Evidence`. The conditions are
evaluated where the value is, inside jit too: an undefined metric is NaN, and `reason` says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from gramax._shapes import Bool, Float
from gramax.arrays.namespace import Array
from gramax.metrics.evidence import Evidence

FAILED = "linear algebra failed: the library gave no finite answer for these rows"
"""Why a metric is NaN though no condition holds."""

Question = Literal["collapse", "rank", "simplex", "crosstalk", "reach"]
Invariance = Literal["rotation", "permutation", "scale", "translation", "duplication", "linear"]
Option = Literal["normalize", "weighting", "deviation", "center"]
Need = Literal["pairs", "rows", "codes", "classifier", "outliers", "targets"]

SCALED: frozenset[Invariance] = frozenset({"rotation", "permutation", "scale", "duplication"})
MOVED: frozenset[Invariance] = frozenset({*SCALED, "translation"})
"""The invariances that most metrics have; that to translation is for raw rows."""

INVARIANCES: dict[Invariance, str] = {
    "rotation": "an orthogonal map of all rows",
    "permutation": "another order of the rows, other numbers for the classes",
    "scale": "all rows times a positive number",
    "translation": "a vector added to all rows; of raw rows",
    "duplication": "every row twice",
    "linear": "an invertible linear map of all rows; of raw rows",
}
"""The changes of the data that can leave a metric as it is; those to come with the rows (weights
of a classifier, outliers, positive pairs) are mapped as they are. What a metric does not declare
changes it."""

QUESTIONS: dict[Question, str] = {
    "collapse": "Are classes tightening?",
    "rank": "Is the space being used?",
    "simplex": "Do the class codes form a simplex?",
    "crosstalk": "How close is the worst crosstalk to its floor?",
    "reach": "Is that geometry reachable by a plain optimiser?",
}

NEEDS: dict[Need, str] = {
    "pairs": "positive pairs of rows",
    "rows": "the rows themselves",
    "codes": "a codebook, whose rows are the codes",
    "classifier": "the weights of a classifier",
    "outliers": "rows that belong to no class",
    "targets": "the number of continuous targets",
}
"""What a metric can need beyond the moments, in words."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number: what it means, where it comes from, and how to compute it.

    Attributes:
        name: the key in every report.
        question: the audit question that it answers.
        meaning: one line for a person.
        formula: the exact formula, with its variant (centring, weighting, divisor).
        source: the paper or the convention that it follows.
        interval: the values that it can take.
        best: the best value in words, or the floor that it is held against.
        direction: whether lower or higher is better, or neither.
        compute: the value, from the evidence; None where `needs` names what evidence lacks.
        of_rows: the value from the `RowEvidence` of the rows themselves, of a metric that needs
            their neighbours, or of raw rows something that moments of raw rows do not hold.
        of_codes: the value of a codebook of any size, from passes over its codes: `CodeEvidence`.
        undefined: names of the conditions (see `CONDITIONS`) under which it is NaN.
        labels: whether it needs labels (or a codebook).
        spectrum: whether it needs the d×d scatter.
        samples: whether it is of the samples (False: a codebook alone determines it).
        invariant: the changes of the data that leave it as it is.
        degenerate: what it does on degenerate input, in words; the conditions in `undefined` are
            put before what is given here.
        raw: how the formula changes where rows are not normalised ("" where it does not).
        abbreviation: what the field calls it for short ("" where nothing).
        variants: how other definitions of the same name differ, and what options change.
        options: the choices that it depends on: "normalize" of the moments and the fields of
            `gramax.Options`.
        needs: what it needs that the moments do not hold: positive pairs, the rows themselves, a
            classifier, or rows of no class. `report` leaves such a metric out.
        function: the name of its public function in `gramax.metrics` ("" where there is none).
    """

    name: str
    question: Question
    meaning: str
    formula: str
    source: str
    interval: tuple[float, float] = (0.0, math.inf)
    best: str
    direction: Literal["lower", "higher", "neither"]
    compute: Callable[[Evidence], Float[Array, ""]] | None = field(default=None, repr=False)
    of_rows: Callable[[Any], Float[Array, ""]] | None = field(default=None, repr=False)
    of_codes: Callable[[Any], float] | None = field(default=None, repr=False)
    undefined: tuple[str, ...] = ()
    labels: bool = True
    spectrum: bool = False
    samples: bool = True
    invariant: frozenset[Invariance] = MOVED
    degenerate: str = ""
    raw: str = ""
    abbreviation: str = ""
    variants: str = ""
    options: tuple[Option, ...] = ("normalize",)
    needs: frozenset[Need] = frozenset()
    function: str = ""

    def value(
        self, evidence: Evidence, compute: Callable[[Evidence], Array] | None = None
    ) -> Float[Array, ""]:
        """The number, NaN where undefined; ValueError where it needs more than evidence holds.

        A function of it that has arguments of its own gives `compute`, the formula with them.
        """
        compute = compute or self.compute
        if compute is None:
            raise ValueError(self._lacking())
        nothing = evidence.zero + evidence.xp.nan
        undefined = False
        for name in ("not_finite", *self.undefined):
            undefined = undefined | evidence.once(CONDITIONS[name].holds)
            if isinstance(undefined, bool | np.bool_) and undefined:
                return nothing  # known at once, not while JAX traces
        return evidence.xp.where(undefined, nothing, compute(evidence))

    def reason(self, evidence: Evidence) -> str | None:
        """Why the metric is undefined on concrete evidence, or None where it is defined."""
        if self.compute is None:
            return self._lacking()
        for name in ("not_finite", *self.undefined):
            if bool(evidence.once(CONDITIONS[name].holds)):
                return CONDITIONS[name].text(evidence)
        value = float(self.compute(evidence))
        return FAILED if value != value else None

    def bounds(self, normalize: bool) -> tuple[float, float]:
        """The values that it can take, of rows on the sphere or of raw rows."""
        low, high = self.interval
        return (low, math.inf) if self.raw and not normalize else (low, high)

    @property
    def attached(self) -> bool:
        """Whether it is of something that comes beside the rows: a head, pairs, outliers."""
        return bool(self.needs - {"rows", "codes"})

    @property
    def public(self) -> str:
        """Its public function by full name, or "" where there is none."""
        return f"gramax.metrics.{self.function}" if self.function else ""

    def declared(self) -> dict[str, str]:
        """What it declares, as a person reads it: the text of the docs and of the command."""
        low, high = self.interval
        needs = [NEEDS[need] for need in sorted(self.needs)]
        needs += ["labels"] * self.labels + ["the d×d scatter"] * self.spectrum
        rows = {
            "question": QUESTIONS[self.question],
            "meaning": self.meaning,
            "formula": self.formula,
            "source": self.source,
            "known as": self.abbreviation,
            "range": f"[{low:g}, {high:g}]",
            "best": self.best,
            "better": self.direction,
            "variants": self.variants,
            "raw rows": self.raw,
            "options": ", ".join(self.options),
            "needs": ", ".join(needs),
            "invariant to": ", ".join(sorted(self.invariant)),
            "degenerate": self.degenerate,
            "function": self.public,
        }
        return {name: text for name, text in rows.items() if text}

    def _lacking(self) -> str:
        wants = " and ".join(NEEDS[need] for need in sorted(self.needs))
        how = f"call {self.public}" if self.function else "audit it with codes=True (--codes)"
        return f"{self.name} needs {wants}, which moments do not hold: {how}"


@dataclass(frozen=True)
class Condition:
    """A state of the data in which some metrics are undefined.

    Attributes:
        when: what the data is like then, in the words of the docs: "NaN for ..."; "" where it goes
            without saying.
        holds: whether evidence is in that state.
        text: the reason why a metric of that evidence has no value.
    """

    when: str
    holds: Callable[[Evidence], Bool[Array, ""]]
    text: Callable[[Evidence], str]


def _undirected(e: Evidence) -> Bool[Array, " c"]:
    return e.present & ~e.xp.any(e.directions != 0, axis=1)


CONDITIONS: dict[str, Condition] = {
    "not_finite": Condition(
        "",
        lambda e: e.not_finite > 0,
        lambda e: f"{e.not_finite:.0f} row(s) hold NaN or infinity",
    ),
    "too_large": Condition(
        "",
        lambda e: e.zero > 0 if e.moments.normalize else ~e.xp.isfinite(e.square_sum),
        lambda e: (
            f"raw rows are too large to be squared in {e.n.dtype}: divide them all by one "
            "number, or use float64"
        ),
    ),
    "too_small": Condition(
        "",
        lambda e: e.zero > 0 if e.moments.normalize else e.underflows,
        lambda e: (
            f"raw rows differ by too little to be squared in {e.n.dtype}: multiply them all "
            "by one number, or use float64"
        ),
    ),
    "one_dimension": Condition(
        "d = 1",
        lambda e: e.n * 0 + e.dim < 2,
        lambda e: "rows of length 1 span a single dimension",
    ),
    "few_rows": Condition(
        "one row", lambda e: e.n < 2, lambda e: f"needs at least two rows, got {float(e.n):g}"
    ),
    "few_classes": Condition(
        "one class",
        lambda e: e.present_count < 2,
        lambda e: f"needs at least two classes, got {int(e.present_count)}",
    ),
    "few_codes": Condition(
        "fewer than two class means other than zero",
        lambda e: e.code_count < 2,
        lambda e: (
            "needs at least two class means with a direction (a mean of zero has none), "
            f"got {int(e.code_count)}"
        ),
    ),
    "few_centred": Condition(
        "coinciding class means",
        lambda e: e.count(e.xp.any(e.centred_codes != 0, axis=1)) < 2,
        lambda e: "all class means coincide: centred by their mean they have no direction",
    ),
    "no_scatter": Condition(
        "coinciding rows",
        lambda e: ~(e.total_trace > 0),
        lambda e: "all rows are the same point: nothing to measure",
    ),
    "no_samples": Condition(
        "classes of one row",
        lambda e: e.n <= e.present_count,
        lambda e: "every class has a single row: nothing within a class to measure",
    ),
    "no_between": Condition(
        "coinciding class means",
        lambda e: ~(e.between_norm > e.tolerance**2 * e.total_trace),
        lambda e: "all class means coincide: there is no scatter between classes",
    ),
    "no_length": Condition(
        "rows that are all zero",
        lambda e: ~(e.square_sum > 0),
        lambda e: "all rows are zero: nothing to measure",
    ),
    "no_within": Condition(
        "classes that are points",
        lambda e: ~(e.within_trace > 0),
        lambda e: "every class is a single point: no scatter within classes",
    ),
    "no_direction": Condition(
        "a class mean at μ_G (it has no direction)",
        lambda e: e.xp.any(_undirected(e)),
        lambda e: (
            "the mean of a class lies at the centre, so it has no direction: class "
            f"{int(e.xp.argmax(e.xp.astype(_undirected(e), e.xp.int32)))}"
        ),
    ),
}
"""States in which some metric is undefined; question files add those of their own metrics."""

SQUARED = ("too_large", "too_small")
"""Conditions of the metrics that square lengths; cosines are right at any scale."""


class Registry:
    """The metrics by name, in the order of the questions; the question files fill it.

    Iterating gives the metrics that moments determine, `everything()` those that need more too.
    """

    def __init__(self) -> None:
        """Start empty; `METRICS` is the one instance."""
        self._metrics: dict[str, Metric] = {}

    def add(self, **declared: Any) -> Metric:
        """Declare a metric by the fields of `Metric`: a new name, and conditions that are known."""
        metric = Metric(**declared)
        name = metric.name
        if name in self._metrics:
            raise ValueError(f"a metric named {name!r} is registered already")
        for what, named, known in (
            ("conditions", metric.undefined, CONDITIONS),
            ("options", metric.options, get_args(Option)),
            ("invariances", metric.invariant, INVARIANCES),
        ):
            if unknown := set(named) - set(known):
                raise ValueError(f"{name}: unknown {what} {sorted(unknown)}")
        if (metric.compute is None) != bool(metric.needs):
            raise ValueError(f"{name}: `needs` says why `compute` is None, and only then")
        *some, last = [when for one in metric.undefined if (when := CONDITIONS[one].when)] or [""]
        words = f"NaN for {' or '.join(filter(None, [', '.join(some), last]))}" if last else ""
        texts = filter(None, [words, metric.degenerate])
        self._metrics[name] = replace(metric, degenerate="; ".join(texts))
        return self._metrics[name]

    def __getitem__(self, name: str) -> Metric:
        return self._metrics[name]

    def __contains__(self, name: object) -> bool:  # of any kind, unlike iteration
        return name in self._metrics

    def everything(self) -> list[Metric]:
        """Every metric, in the order of the questions."""
        order = list(QUESTIONS)
        return sorted(self._metrics.values(), key=lambda m: order.index(m.question))

    def __iter__(self) -> Iterator[Metric]:
        return (metric for metric in self.everything() if not metric.needs)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def of(self, scatter: object) -> list[Metric]:
        """What moments with this scatter determine: nothing of the spectrum where it is None."""
        return [metric for metric in self if scatter is not None or not metric.spectrum]

    def of_rows(self, normalize: bool) -> list[Metric]:
        """What takes the rows themselves: of raw rows also what raw moments do not hold."""
        return [m for m in self.everything() if m.of_rows and (m.compute is None or not normalize)]

    def of_codes(self) -> list[Metric]:
        """What passes over the codes of a codebook determine, whatever its size."""
        return [metric for metric in self.everything() if metric.of_codes]


METRICS = Registry()
