"""`fix`: whether to centre, cut or whiten a space, or to leave it as it is.

Held-out rows decide. Numbers of the audit after each remedy are predicted beside, and decide
nothing: whitening raises the rank of nearly every space, and many are the worse for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from gramax.data import Reading
from gramax.decide.decision import Chart, Decision, Estimate, Line, Table
from gramax.decide.held_out import (
    MAX_REFERENCES,
    USES,
    Folds,
    Judged,
    judge,
    neighbourhoods,
)
from gramax.decide.prediction import after
from gramax.decide.remedies import Axes, Map, Remedy, remedies
from gramax.decide.rows import BLOCKS, Rows, read_rows
from gramax.decide.transform import Transform
from gramax.errors import InputError
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments.blocks import blocks_of
from gramax.streaming import Execution, Progress
from gramax.uncertainty.probes import merged, turned_alike

Use = Literal["all", "nearest_neighbour", "nearest_mean", "probe"]

WORDS = {
    "nearest_neighbour": "nearest neighbour",
    "nearest_mean": "nearest mean",
    "probe": "linear probe",
}
"""The uses in a table."""

PREDICTED = ("scatter_ratio", "effective_rank", "mean_cosine")
"""Numbers of the audit that are predicted; the first with labels alone."""

CONE, FALL = 0.95, 0.25
"""Without labels centring may be recommended from this mean cosine on, where hubness falls by so
much: in such cones of the ledger it cost no nearest neighbours; in wider ones it may."""

LEAVE = "Leave it as it is"


@dataclass(frozen=True)
class Trial:
    """One remedy and what it does."""

    remedy: Remedy  # what was tried
    dim: int  # dimensions that it leaves
    predicted: Mapping[str, float]  # numbers of an audit after it, by name
    # share of the held-out rows that get their class, by use; empty without labels
    accuracy: Mapping[str, float] = field(default_factory=dict)
    # how much more that is than in the space as it is, by use
    gain: Mapping[str, Estimate] = field(default_factory=dict)
    # skewness of how often held-out rows are neighbours; None with labels
    hubness: Estimate | None = None
    overlap: float | None = None  # share of the ten nearest neighbours that stay; None with labels

    def numbers(self) -> dict[str, Any]:
        """Its numbers, by name."""
        found: dict[str, Any] = {"remedy": self.remedy.key, "dim": self.dim}
        found["predicted"] = self.predicted
        if self.accuracy:
            return found | {"accuracy": self.accuracy, "gain": self.gain}
        return found | {"hubness_fall": self.hubness, "neighbour_overlap": self.overlap}


@dataclass(frozen=True, repr=False)
class Fix(Decision):
    """What was tried on a space, and what is recommended.

    Attributes:
        trials: the space as it is, then every remedy.
        choices: by use the key of the remedy, None to leave the space as it is.
        use: the use that `recommended` and `transform` serve: what was asked for, or the first
            that becomes better.
        transform: the remedy made from all rows; None where there is none.
    """

    name = "fix"
    trials: tuple[Trial, ...] = ()
    choices: Mapping[str, str | None] = field(default_factory=dict)
    use: str = USES[0]
    transform: Transform | None = None
    _make: Callable[[Remedy], Transform] | None = field(default=None, compare=False)

    @property
    def recommended(self) -> str | None:
        """The key of the remedy for `use`, None to leave the space as it is."""
        return self.choices.get(self.use)

    def remedy(self, key: str) -> Transform:
        """The transform of any remedy that was tried, recommended or not.

        Raises:
            InputError: none of them is called so.
        """
        for trial in self.trials:
            if trial.remedy.key == key and self._make:
                return self._make(trial.remedy)
        keys = ", ".join(trial.remedy.key for trial in self.trials)
        raise InputError(f"no remedy {key!r} was tried; there are {keys}")

    def tables(self) -> tuple[Table, ...]:
        """What held-out rows say of each remedy, and the audit after it."""
        keys = [trial.remedy.key for trial in self.trials]
        chosen = keys.index(self.recommended or keys[0])

        def table(title: str, columns: list[Any], note: str = "") -> Table:
            first = ("remedy", "words", lambda trial: trial.remedy.key)
            return Table.of(title, self.trials, [first, *columns], note, chosen)

        dimensions = ("dimensions", "count", lambda trial: trial.dim)
        predicted = [
            (name.replace("_", " "), "number", lambda trial, name=name: trial.predicted[name])
            for name in self.trials[0].predicted
        ]
        note = "These numbers decide nothing: a higher rank is no gain."
        audit = table("The audit after each, predicted", predicted, note)
        if not self.trials[0].accuracy:
            columns = [
                dimensions,
                ("hubness falls by", "number", lambda trial: trial.hubness),
                ("neighbours that stay", "percent", lambda trial: trial.overlap),
            ]
            note = "Whether neighbours are the right ones takes labels."
            return table("Neighbours of held-out rows", columns, note), audit
        right = [(WORDS[u], "percent", lambda trial, u=u: trial.accuracy[u]) for u in USES]
        gains = [(WORDS[u], "words", lambda trial, u=u: _points(trial, u)) for u in USES]
        note = f"Intervals hold for all {len(self.trials) - 1} remedies together."
        return (
            table("Held-out rows that get their class", [dimensions, *right]),
            table("Gain over the space as it is, in points", gains, note),
            audit,
        )

    def chart(self) -> Chart | None:
        """Accuracy after each remedy, a line for each use."""
        if not self.trials[0].accuracy:
            return None
        lines = []
        for use in USES:
            base = self.trials[0].accuracy[use]
            gains = [trial.gain.get(use, Estimate(0.0, 0.0, 0.0)) for trial in self.trials]
            after = [
                Estimate(*(base + (x or 0.0) for x in (e.value, e.low, e.high))) for e in gains
            ]
            lines.append(Line.of(WORDS[use], range(len(after)), after))
        keys = tuple(trial.remedy.key.replace("_", " ") for trial in self.trials)
        text = "Share of held-out rows that get their class; bands are intervals of the gain."
        title = "Held-out accuracy after each remedy"
        return Chart(title, text, "remedy", "accuracy", tuple(lines), names=keys)

    def numbers(self) -> Mapping[str, Any]:
        """What is recommended, and every trial."""
        trials = [trial.numbers() for trial in self.trials]
        return {"recommended": self.choices, "use": self.use, "trials": trials}


def _points(trial: Trial, use: str) -> str | None:
    """A gain in points with its interval."""
    if use not in trial.gain:
        return None
    gain = trial.gain[use]
    low, high = (100 * float(end or 0.0) for end in (gain.low, gain.high))
    return f"{100 * gain.value:+.1f} ({low:+.1f} to {high:+.1f})".replace("-", "−")


def fix(
    source: Any,
    labels: Any = None,
    *,
    use: Use = "all",
    column: str | None = None,
    raw: bool = False,
    progress: Progress | None = None,
    execution: Execution | None = None,
    reading: Reading | None = None,
) -> Fix:
    """What centring, cutting or whitening would do, and whether any of it is worth doing.

    Every remedy is judged on held-out rows by a map that has not seen them. It is recommended for
    a use only if that becomes better beyond its interval, for as many remedies as were tried.

    Args:
        source: files, or an array, as for `gramax.audit`.
        labels: classes of the rows, as there. Without them only centring may be recommended.
        use: "all", each by itself, or one: "nearest_neighbour", "nearest_mean" or "probe".
        column: as for `gramax.audit`.
        raw: as for `gramax.audit`.
        progress: as for `gramax.audit`.
        execution: as for `gramax.audit`.
        reading: as for `gramax.audit`.

    Returns:
        A `Fix`: `choices` by use, and the `transform` of the first that is not None.

    Raises:
        InputError: the source cannot be read, or there are too few rows.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> print(fix(rng.normal(size=(300, 8)), np.arange(300) % 3).recommended)
        None
    """
    if use not in ("all", *USES):
        raise InputError(f"use must be all, {', '.join(USES)}; got {use!r}")
    found = read_rows(source, labels, column, raw, progress, execution, reading)
    if len(found.rows) < 2 * BLOCKS:
        raise InputError(f"{found.name}: has {len(found.rows)} rows; fix needs {2 * BLOCKS}")
    # Products are small: threads of BLAS would wait. What is NaN of rows without scatter is told.
    with threadpool_limits(1, "blas"), np.errstate(all="ignore"):
        return _decided(found, use, progress)


def _decided(found: Rows, use: str, progress: Progress | None) -> Fix:
    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress("trying remedies", done, total, 0)

    folds = _folds(found)
    d, r = found.rows.shape[1], folds.rows.shape[1]
    labelled = found.labelled and len(found.names) > 1
    tried = list(remedies(d, r, len(found.names) if labelled else 0))
    whole = Axes(merged(list(folds.parts)), folds.own)
    maps = [remedy.of(whole) for remedy in tried]
    predicted = _predicted(whole, maps, folds, labelled)
    sizes = [d if to.matrix is None else to.matrix.shape[1] for to in maps]
    trials = [Trial(*one) for one in zip(tried, sizes, predicted, strict=True)]
    asked = USES if use == "all" else (use,)
    if labelled:
        judged = judge(folds, tried, tell)
        trials = _with_labels(trials, judged, asked)
        chosen = {u: _chosen(trials, judged, u) for u in asked}
    else:
        falls, overlap = neighbourhoods(folds, tried, tell)
        trials = [
            replace(trial, hubness=falls[r] if r else None, overlap=float(overlap[r]))
            for r, trial in enumerate(trials)
        ]
        chosen = {USES[0]: _by_hubs(trials)}
    best = next((u for u, r in chosen.items() if r), asked[0] if labelled else USES[0])

    def make(remedy: Remedy) -> Transform:
        return _transform(remedy, whole, found.normalize)

    return Fix(
        *(found.name, found.facts, _headline(trials, chosen)),
        found.notes,
        tuple(trials),
        {u: trials[r].remedy.key if r else None for u, r in chosen.items()},
        best,
        make(trials[chosen[best]].remedy) if chosen[best] else None,
        make,
    )


def _folds(found: Rows) -> Folds:
    block = blocks_of(found.numbers, len(found.blocks))
    axes, rows, parts = turned_alike(found.blocks, found.directions(), found.labels, block)
    return Folds(rows, found.labels, block, parts, None if axes is None else axes.T)


def _predicted(
    whole: Axes, maps: Sequence[Map], folds: Folds, labelled: bool
) -> list[dict[str, float]]:
    some = np.random.default_rng(0).permutation(len(folds.rows))[:MAX_REFERENCES]
    names = [name for name in PREDICTED if labelled or not METRICS[name].labels]
    found = []
    for to in maps:
        evidence = Evidence(after(whole.moments, to, to(folds.rows[some]), folds.labels[some]))
        found.append({name: float(METRICS[name].value(evidence)) for name in names})
    return found


def _with_labels(trials: list[Trial], judged: Judged, asked: Sequence[str]) -> list[Trial]:
    """The trials with what held-out rows say of their classes."""
    comparisons = (len(trials) - 1) * len(asked)
    found = []
    for r, trial in enumerate(trials):
        accuracy = {name: float(np.mean(judged.right[u, r])) for u, name in enumerate(USES)}
        gain = {name: judged.gain(u, r, comparisons) for u, name in enumerate(USES)} if r else {}
        found.append(replace(trial, accuracy=accuracy, gain=gain))
    return found


def _chosen(trials: Sequence[Trial], judged: Judged, use: str) -> int:
    """The simplest remedy that is as good as the best, of those that surely help; 0 for none."""
    right = judged.right[USES.index(use)].astype(float)
    good = [r for r, trial in enumerate(trials) if r and (trial.gain[use].low or 0.0) > 0]
    if not good:
        return 0
    best = max(good, key=lambda r: np.mean(right[r]))
    for r in good:  # within one standard error
        behind = right[best] - right[r]
        if np.mean(behind) <= np.std(behind) / math.sqrt(len(behind)):
            return r
    return best


def _by_hubs(trials: Sequence[Trial]) -> int:
    """Centring of a narrow cone, where hubs go with it; 0 for nothing."""
    fall, cosine = trials[1].hubness, trials[0].predicted["mean_cosine"]
    falls = fall is not None and (fall.low or 0.0) > 0 and fall.value >= FALL
    return int(falls and cosine >= CONE)


def _headline(trials: Sequence[Trial], chosen: Mapping[str, int]) -> str:
    first = trials[0]
    if not first.accuracy:
        fall = trials[1].hubness
        if not chosen[USES[0]] or fall is None:
            return f"{LEAVE}: without labels nothing speaks for a change."
        return (
            "Centre it for search by nearest neighbours: all rows point nearly the same way, and "
            f"hubs (rows that are everybody's neighbours) become fewer: skewness {fall.value:.2g} "
            "lower."
        )
    parts = []
    for r in sorted({r for r in chosen.values() if r}):
        words = trials[r].remedy.words
        uses = [f"{WORDS[u]} ({_from_to(first, trials[r], u)})" for u in chosen if chosen[u] == r]
        parts.append(f"{words[0].upper()}{words[1:]} for {_listed(uses, ' and ')}.")
    rest = [WORDS[u] for u in chosen if not chosen[u]]
    if not parts:
        return f"{LEAVE}: no remedy is better for {_listed(rest, ' or ')}, beyond noise."
    if rest:
        parts.append(f"{LEAVE} for {_listed(rest, ' and ')}.")
    return " ".join(parts)


def _listed(names: Sequence[str], last: str) -> str:
    *most, end = names
    return f"{', '.join(most)}{last if most else ''}{end}"


def _from_to(first: Trial, best: Trial, use: str) -> str:
    return f"{100 * first.accuracy[use]:.1f} to {100 * best.accuracy[use]:.1f} % right"


def _transform(remedy: Remedy, axes: Axes, normalize: bool) -> Transform:
    """The map of all rows, in the rows' own coordinates."""
    to, own = remedy.of(axes), axes.own
    origin, matrix = to.origin, to.matrix
    if own is not None:
        origin = origin @ own
        matrix = None if matrix is None else own.T @ matrix
        if remedy.key.startswith("prefix_"):
            matrix = np.eye(own.shape[1], to.matrix.shape[1])  # type: ignore[union-attr]
    e = Evidence(axes.moments)
    length = 1.0 if normalize else math.sqrt(float(e.square_sum / e.weight))
    return Transform(origin, matrix, remedy.key, normalize, normalize, length)
