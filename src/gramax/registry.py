"""What a metric declares, and when it is undefined.

Every metric is one `Metric`: its text (for the docs, `gramax metrics` and the property tests), the
conditions under which it has no value, and a function of the `Evidence`. The conditions are
evaluated where the value is, inside jit too: an undefined metric is NaN, and `reason` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

if TYPE_CHECKING:
    from gramax.evidence import Evidence

Question = Literal["collapse", "rank", "simplex", "crosstalk", "reach"]
Invariance = Literal["rotation", "permutation", "scale", "translation", "duplication"]

QUESTIONS: dict[Question, str] = {
    "collapse": "Are classes tightening?",
    "rank": "Is the space being used?",
    "simplex": "Do the class codes form a simplex?",
    "crosstalk": "How close is the worst crosstalk to its floor?",
    "reach": "Is that geometry reachable by a plain optimiser?",
}


@dataclass(frozen=True)
class Condition:
    """A state of the data in which some metrics are undefined, with the words for it."""

    holds: Callable[[Evidence], Bool[Array, ""]]
    text: Callable[[Evidence], str]


@dataclass(frozen=True)
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
        compute: the value, from the evidence.
        undefined: names of the conditions (see `CONDITIONS`) under which it is NaN.
        labels: whether it needs labels (or a codebook).
        spectrum: whether it needs the d×d scatter.
        samples: whether it is of the samples (False: a codebook alone determines it).
        invariant: the changes of the data that leave it as it is.
        degenerate: what it does on degenerate input, in words.
        raw: how the formula changes where rows are not normalised ("" where it does not).
    """

    name: str
    question: Question
    meaning: str
    formula: str
    source: str
    interval: tuple[float, float]
    best: str
    direction: Literal["lower", "higher", "neither"]
    compute: Callable[[Evidence], Float[Array, ""]] = field(repr=False)
    undefined: tuple[str, ...]
    labels: bool = True
    spectrum: bool = False
    samples: bool = True
    invariant: frozenset[Invariance] = frozenset({"rotation", "permutation", "duplication"})
    degenerate: str = ""
    raw: str = ""

    def value(self, evidence: Evidence) -> Float[Array, ""]:
        """The number, or NaN under a condition that leaves it undefined; works inside jit."""
        undefined = jnp.array(False)
        for name in ("not_finite", *self.undefined):
            undefined = undefined | CONDITIONS[name].holds(evidence)
        return jnp.where(undefined, jnp.nan, self.compute(evidence))

    def reason(self, evidence: Evidence) -> str | None:
        """Why the metric is undefined on concrete evidence, or None where it is defined."""
        for name in ("not_finite", *self.undefined):
            if bool(CONDITIONS[name].holds(evidence)):
                return CONDITIONS[name].text(evidence)
        return None


CONDITIONS: dict[str, Condition] = {
    "not_finite": Condition(
        lambda e: e.not_finite > 0,
        lambda e: f"{e.not_finite:.0f} row(s) hold NaN or infinity",
    ),
    "few_rows": Condition(
        lambda e: e.n < 2, lambda e: f"needs at least two rows, got {float(e.n):g}"
    ),
    "few_classes": Condition(
        lambda e: e.present_count < 2,
        lambda e: f"needs at least two classes, got {int(e.present_count)}",
    ),
    "few_codes": Condition(
        lambda e: e.code_count < 2,
        lambda e: "needs at least two class means with a direction (a mean of zero has none), "
        f"got {int(e.code_count)}",
    ),
    "few_centred": Condition(
        lambda e: e.centred_count < 2,
        lambda e: "all class means coincide: centred by their mean they have no direction",
    ),
    "no_scatter": Condition(
        lambda e: ~(e.total_trace > 0), lambda e: "all rows are the same point: nothing to measure"
    ),
    "no_samples": Condition(
        lambda e: jnp.asarray(e.max_count < 2),
        lambda e: "every class has a single row: nothing within a class to measure",
    ),
}
"""Every state in which some metric is undefined."""


class Registry:
    """The metrics by name, in the order of the questions; the question files fill it."""

    def __init__(self) -> None:
        """Start empty; `METRICS` is the one instance."""
        self._metrics: dict[str, Metric] = {}

    def add(self, metric: Metric) -> Metric:
        """Register a metric; its name must be new and its conditions known."""
        if metric.name in self._metrics:
            raise ValueError(f"a metric named {metric.name!r} is registered already")
        unknown = set(metric.undefined) - set(CONDITIONS)
        if unknown:
            raise ValueError(f"{metric.name}: unknown conditions {sorted(unknown)}")
        self._metrics[metric.name] = metric
        return metric

    def __getitem__(self, name: str) -> Metric:
        return self._metrics[name]

    def __contains__(self, name: object) -> bool:
        return name in self._metrics

    def __iter__(self) -> Iterator[Metric]:
        order = list(QUESTIONS)
        return iter(sorted(self._metrics.values(), key=lambda m: order.index(m.question)))

    def __len__(self) -> int:
        return len(self._metrics)


METRICS = Registry()
