"""`rank`: which of many layers, checkpoints or models of the same rows to take.

Every space is measured by one number, and compared with the best. Rows are paired: classifiers are
judged on the same rows held out in the same folds, and numbers of the audit are computed without
the same blocks of rows. Differences that are called real are so for all pairs together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Float
from gramax.arrays.nearest import nearest_on_host
from gramax.data import Reading
from gramax.data.paths import title
from gramax.decide.comparison import mismatch
from gramax.decide.comparison.similarity import CentredRows, debiased_cka_bar
from gramax.decide.decision import Chart, Decision, Estimate, Line, Table
from gramax.decide.differences import Differences, of_blocks, of_hits
from gramax.decide.layers import Layer, layers_of
from gramax.decide.rows import BLOCKS, notes_of
from gramax.errors import InputError, telling_memory
from gramax.metrics.names import full_name
from gramax.metrics.registry import METRICS
from gramax.moments import BlockMoments
from gramax.moments.blocks import blocks_of
from gramax.streaming import Collected, Execution, Progress, Request, collect
from gramax.uncertainty.errorbars import jackknife, no_error, without_each
from gramax.uncertainty.probes import worth_of
from gramax.uncertainty.rows import rows_without_each

CLASSIFIERS = {
    "probe": "probe",
    "nearest_mean": "nearest mean",
    "nearest_neighbour": "nearest neighbour",
}
"""What spaces are ranked by, beside the numbers of an audit: accuracies on held-out rows."""

LEVEL, MAX_COMPARED_ROWS, MAX_NAMED = 0.95, 4096, 6
"""The probability of intervals; rows that CKA is of at most; and spaces that a sentence names."""


@dataclass(frozen=True)
class Ranked:
    """One space of a ranking."""

    name: str  # of the space
    place: int  # in the order given, from 0
    d: int  # its dimensions
    value: Estimate  # the number with its own 95 % interval; NaN where it is undefined
    # how far it is behind the best, with an interval that holds for all pairs together; None for
    # the best, and where there is no error
    behind: Estimate | None
    worse: bool  # whether that is real
    likeness: Estimate | None  # debiased CKA with the space before it; None for the first
    reason: str  # why there is no value or no error, or ""


@dataclass(frozen=True, repr=False)
class Rank(Decision):
    """Spaces of the same rows, the best first.

    Attributes:
        by: what they are ranked by; `direction` is "higher", "lower" or "neither".
        spaces: the best first; those without a value last.
    """

    by: str
    direction: str
    spaces: tuple[Ranked, ...]

    name = "rank"

    @property
    def best(self) -> Ranked:
        """The space that is best; others may be as good."""
        return self.spaces[0]

    @property
    def as_good(self) -> tuple[Ranked, ...]:
        """The others that cannot be told from the best."""
        return tuple(one for one in self.spaces[1:] if not one.worse)

    @property
    def _style(self) -> Any:
        return "percent" if self.by in CLASSIFIERS.values() else "number"

    def tables(self) -> tuple[Table, ...]:
        """The ranking; and the spaces in the order given, with how alike neighbours are."""
        space = ("space", "words", lambda one: one.name)
        value = (self.by, self._style, lambda one: one.value)
        columns = [
            *(space, value, ("behind the best", self._style, lambda one: one.behind)),
            ("against the best", "words", self._told),
        ]
        ranked = Table.of(f"Ranked by {self.by}", self.spaces, columns, NOTE, chosen=0)
        columns = [
            *(space, ("dimensions", "count", lambda one: one.d)),
            (self.by, self._style, lambda one: one.value.value),
            ("CKA with the one before", "number", lambda one: one.likeness),
        ]
        return ranked, Table.of("In the order given", self._in_order, columns, CKA_NOTE)

    def _told(self, one: Ranked) -> str:
        if one is self.best:
            return "the best" if self.direction != "neither" else "the largest"
        if one.behind is None:
            return one.reason or "no error is known"
        worse = "worse" if self.direction != "neither" else "smaller"
        return worse if one.worse else "cannot be told apart"

    @property
    def _in_order(self) -> list[Ranked]:
        return sorted(self.spaces, key=lambda one: one.place)

    def chart(self) -> Chart:
        """The number over the spaces in the order given, with its interval."""
        line = Line.of(self.by, range(len(self.spaces)), [one.value for one in self._in_order])
        return Chart(
            *(f"{self.by} in the order given", "The band is the 95 % interval of each space."),
            *("", self.by, (line,)),
            marks=((float(self.best.place), self.best.name),),
            names=tuple(one.name for one in self._in_order),
        )

    def numbers(self) -> dict[str, Any]:
        """Every space, the best first."""
        return {
            "by": self.by,
            "direction": self.direction,
            "best": self.best.name,
            "as_good": [one.name for one in self.as_good],
            "spaces": [
                {
                    "name": one.name,
                    "place": one.place,
                    "dimensions": one.d,
                    "value": one.value,
                    "behind": one.behind,
                    "worse": one.worse,
                    "cka_with_the_one_before": one.likeness,
                    "reason": one.reason or None,
                }
                for one in self.spaces
            ],
        }


NOTE = (
    "Differences are of the same rows; their intervals hold for all pairs of spaces together, as "
    "whoever picks the best has looked at all of them."
)
OTHER_ROWS = "rows without a direction are not the same in all spaces"
CKA_NOTE = "Debiased linear CKA: 1 is the same up to rotation and scale, 0 is unrelated."


class Measure(NamedTuple):
    """A number of one space.

    `parts` are what errors of differences come from: whether it is right about each row, or the
    number without each block.
    """

    value: Estimate
    parts: Float[np.ndarray, " k"]
    numbers: np.ndarray
    folds: int
    reason: str


def rank(
    sources: Any,
    labels: Any = None,
    *,
    by: str | None = None,
    each: str | None = None,
    column: str | None = None,
    raw: bool = False,
    progress: Progress | None = None,
    execution: Execution | None = None,
    reading: Reading | None = None,
) -> Rank:
    """Rank layers, checkpoints or models of the same rows, with which differences are real.

    Args:
        sources: two to a hundred arrays or paths, or a mapping from their names; row i is the same
            sample in all. With `each`, the files that hold them.
        labels: one class a row, as for `gramax.audit`; a name in the files means that of each.
        by: "probe" (the default), "nearest_mean" or "nearest_neighbour", the accuracy on held-out
            rows; or any number of the audit by its name.
        each: a pattern such as `layer_*`: every array or column of that kind is a space.
        column: as for `gramax.audit`.
        raw: as for `gramax.audit`.
        progress: as for `gramax.audit`.
        execution: as for `gramax.audit`.
        reading: as for `gramax.audit`.

    Returns:
        A `Rank`: `found.best.name`, and `found.as_good`, which cannot be told from it.

    Raises:
        InputError: a source cannot be read, rows do not match, or there is nothing to rank by.

    Source:
        Nadeau & Bengio 2003 for accuracies, Tukey 1958 for the jackknife; Hothorn, Bretz &
        Westfall 2008 for all pairs together; Kornblith et al. 2019 and Song et al. 2012 for CKA.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(400) % 4
        >>> noise = rng.normal(size=(400, 8))
        >>> found = rank({f"layer {s}": s * np.eye(4, 8)[y] + noise for s in (1, 2, 3)}, y)
        >>> print(found.best.name, [one.worse for one in found.spaces])
        layer 3 [False, True, True]
    """
    layers = layers_of(sources, each, column)
    wanted = _wanted(by, labels is not None)
    how, tell = execution or Execution(), progress or (lambda *_: None)
    before: Collected | None = None
    measures, likenesses, dims = [], [], []
    for k, layer in enumerate(layers):
        request = Request(layer.source, labels, layer.column, False, BLOCKS, not raw, how)
        space = collect(replace(request, reading=reading or Reading()), progress)
        if before and (why := mismatch(before, space)):
            raise InputError(
                f"{layer.name} and {layers[k - 1].name} are not of the same rows: {why}; rank "
                "compares spaces row by row"
            )
        if space.left_out:
            raise InputError(f"{layer.name}: rows were left out, so that they no longer match")
        with telling_memory(f"measuring {layer.name}"):
            tell("measuring", k, len(layers), 0)
            measures.append(_measure(space, layer, wanted))
            likenesses.append(_likeness(before, space) if before else None)
        dims.append(space.dim)
        before = space
    assert before
    found = _ranked(layers, measures, likenesses, dims, wanted)
    classes = f"{len(before.names):,} classes" if before.labelled else "no labels"
    single = each is not None and len({str(layer.source) for layer in layers}) == 1
    ranked = Rank(
        source=str(layers[0].source) if single else title([layer.name for layer in layers]),
        facts=f"{len(layers)} spaces of the same {before.rows:,} rows · {classes}",
        headline="",
        notes=_notes(before, found),
        by=_shown(wanted),
        direction=_direction(wanted),
        spaces=found,
    )
    return replace(ranked, headline=_headline(ranked))


def _wanted(by: str | None, labelled: bool) -> str:
    """The full name of what is asked for.

    Raises:
        InputError: there is no such number, or it needs labels.
    """
    if by is None and not labelled:
        raise InputError(
            "without labels there is no accuracy to rank by; give --labels, or say by what, as "
            "--by uniformity (`gramax metrics` lists all)"
        )
    known = [metric.name for metric in METRICS.everything() if metric.compute or metric.of_rows]
    by = full_name("_".join((by or "probe").split()), [*CLASSIFIERS, *known], "--by")
    if (by in CLASSIFIERS or METRICS[by].labels) and not labelled:
        raise InputError(f"--by {by} needs labels: give --labels (a file, or the name of a column)")
    return by


def _shown(by: str) -> str:
    return CLASSIFIERS.get(by, by.removeprefix("class_").replace("_", " "))


def _direction(by: str) -> str:
    return "higher" if by in CLASSIFIERS else METRICS[by].direction


def _measure(space: Collected, layer: Layer, by: str) -> Measure:
    sample, blocks = space.totals.sample, space.totals.blocks
    with np.errstate(all="ignore"):
        if by in CLASSIFIERS:
            return _accuracy(space, layer, by)
        metric, of_rows = METRICS[by], METRICS.of_rows(blocks[0].normalize)
        if metric in of_rows:
            left = rows_without_each(sample.rows, blocks[0].normalize)
        else:
            left = without_each(BlockMoments.of_parts(blocks), names=[by])
    if by not in left:
        return Measure(Estimate(math.nan), np.full(1, math.nan), sample.numbers, 0, "undefined")
    value, without = left[by]
    bar = jackknife(value, without, metric.bounds(blocks[0].normalize), LEVEL)
    estimate = Estimate(bar.value, bar.low, bar.high)
    numbers = sample.numbers if metric in of_rows else np.arange(len(without))
    why = no_error(by, blocks[0].num_classes) or bar.reason
    return Measure(estimate, without, numbers, 0, why)


def _accuracy(space: Collected, layer: Layer, by: str) -> Measure:
    sample, blocks = space.totals.sample, space.totals.blocks
    nearest = None
    if by == "nearest_neighbour":
        near, _ = nearest_on_host(sample.rows, 1, blocks[0].normalize)
        there = near.exists & np.isfinite(near.distances[:, 0])
        nearest = np.where(there, sample.labels[near.where[:, 0]], -1)
    block = blocks_of(sample.numbers, len(blocks), 0, sample.groups, space.groups)
    found = worth_of(blocks, sample.rows, sample.labels, block, nearest)
    if found is None or by not in found.hits:
        raise InputError(f"{layer.name}: accuracies need two classes with two rows each")
    outcome = found.outcomes[by]
    value = Estimate(outcome.accuracy, outcome.low, outcome.high)
    return Measure(value, found.hits[by], sample.numbers, found.folds, "")


def _likeness(before: Collected, space: Collected) -> Estimate:
    """Debiased CKA of two spaces, by the rows that both kept; of many, a random part."""
    one, other = before.totals.sample, space.totals.sample
    numbers = np.intersect1d(one.numbers, other.numbers, assume_unique=True)
    some = np.random.default_rng(0).permutation(len(numbers))[:MAX_COMPARED_ROWS]
    numbers = np.sort(numbers[some])
    normalize = space.totals.blocks[0].normalize
    with np.errstate(all="ignore"):
        both = (s.rows[np.searchsorted(s.numbers, numbers)] for s in (one, other))
        x, y = (CentredRows(rows, normalize) for rows in both)
        bar = debiased_cka_bar(x, y, BLOCKS)
    return Estimate(bar.value, bar.low, None if bar.high is None else min(bar.high, 1.0))


def _ranked(
    layers: Sequence[Layer],
    measures: Sequence[Measure],
    likenesses: Sequence[Estimate | None],
    dims: Sequence[int],
    by: str,
) -> tuple[Ranked, ...]:
    """The spaces, the best first, each with how far it is behind."""
    sign = -1 if _direction(by) == "lower" else 1
    values = np.array([one.value.value for one in measures])
    order = sorted(range(len(layers)), key=lambda k: (np.isnan(values[k]), -sign * values[k], k))
    known = [by in CLASSIFIERS or np.isfinite(one.parts).all() for one in measures]
    comparable = [k for k in order if known[k]]
    differences = _differences([measures[k] for k in comparable], by) if comparable else None
    found = []
    for k in order:
        behind, best = None, order[0]
        if differences and k != best and {k, best} <= set(comparable):
            at = comparable.index(best), comparable.index(k)
            behind = Estimate(*differences.between(*(at if sign > 0 else at[::-1])))
        worse = behind is not None and (behind.low or 0.0) > 0
        reason = measures[k].reason or ("" if differences or len(comparable) < 2 else OTHER_ROWS)
        about = layers[k].name, k, dims[k], measures[k].value
        found.append(Ranked(*about, behind, worse, likenesses[k], reason))
    return tuple(found)


def _differences(measures: Sequence[Measure], by: str) -> Differences | None:
    if len(measures) < 2:
        return None
    if by not in CLASSIFIERS:
        first = measures[0].numbers
        if not all(np.array_equal(one.numbers, first) for one in measures):
            return None
        parts = np.stack([one.parts for one in measures])
        return of_blocks(np.array([one.value.value for one in measures]), parts)
    numbers = measures[0].numbers
    for one in measures[1:]:
        numbers = np.intersect1d(numbers, one.numbers, assume_unique=True)
    hits = np.stack([one.parts[np.searchsorted(one.numbers, numbers)] for one in measures])
    return of_hits(hits[:, ~np.isnan(hits).any(axis=0)], min(one.folds for one in measures))


def _notes(space: Collected, found: Sequence[Ranked]) -> tuple[str, ...]:
    notes = notes_of(space)
    if space.rows > MAX_COMPARED_ROWS:
        notes.append(f"CKA is of {MAX_COMPARED_ROWS:,} random rows")
    kept, every = len(space.totals.sample.rows), sum(float(b.total) for b in space.totals.blocks)
    if kept < every:
        notes.append(f"judged by a random sample, {kept:,} of {space.rows:,} rows")
    reasons: dict[str, list[str]] = {}
    for one in found:
        if one.reason and (one.value.low is None or one.reason == OTHER_ROWS):
            reasons.setdefault(one.reason, []).append(one.name)
    return (*notes, *(f"{', '.join(names)}: {reason}" for reason, names in reasons.items()))


def _headline(found: Rank) -> str:
    best, others = found.best, [one.name for one in found.as_good]
    if math.isnan(best.value.value):
        return f"None is best: {found.by} is undefined in all of them."
    value = best.value.value
    shown = f"{100 * value:.1f} %" if found._style == "percent" else f"{value:.4g}"
    is_best = "is best by" if found.direction != "neither" else "has the largest"
    start = f"{best.name} {is_best} {found.by} ({shown})"
    if not others:
        *_, last = found.spaces
        rest = "all others are" if len(found.spaces) > 2 else f"{last.name} is"
        return f"{start}; {rest} {'worse' if 'best' in is_best else 'smaller'}, beyond noise."
    if len(others) == len(found.spaces) - 1:
        return f"{start}, but no other can be told from it."
    if len(others) > MAX_NAMED:
        return f"{start}; {len(others)} of the others cannot be told from it."
    *most, end = others
    return f"{start}; {', '.join(most)}{' and ' if most else ''}{end} cannot be told from it."
