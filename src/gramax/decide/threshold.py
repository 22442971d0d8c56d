"""The cosine above which two rows are of one class, its errors, and the classes that make them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from gramax._text import named
from gramax.data import Reading
from gramax.decide.decision import Chart, Column, Decision, Estimate, Line, Table
from gramax.decide.error_rates import (
    FEW_ERRORS,
    ErrorRates,
    LeaveOut,
    d_prime,
    equal_error,
    pair_moments,
)
from gramax.decide.mixed_up import ClassPairs, MixedUp, save_pairs
from gramax.decide.pair_counts import PairCounts, count_pairs
from gramax.decide.rows import Rows, read_rows
from gramax.errors import InputError
from gramax.metrics.evidence import Evidence
from gramax.streaming import Execution, Progress

HOPELESS, COIN = 0.4, 0.5
"""Equal error from which no threshold is recommended, and that of a coin. Of few rows it must lie
below the coin by three deviations of one that is thrown for every row."""

FEW_CLASSES = 5.0
"""Classes of equal size that the data must be worth, or a note says that intervals are wide."""

MAX_LISTED, MAX_KEPT, CURVE_POINTS = 10, 100, 101
RATES = tuple(float(f"1e-{k}") for k in range(1, 16))


@dataclass(frozen=True)
class Point:
    """A cosine to decide at: `accepts` is the share of different pairs that pass."""

    cosine: Estimate
    accepts: Estimate
    rejects: Estimate

    def numbers(self) -> dict[str, Estimate]:
        """Its numbers, by name."""
        return {
            "cosine": self.cosine,
            "false_accept": self.accepts,
            "false_reject": self.rejects,
        }


@dataclass(frozen=True, repr=False)
class Threshold(Decision):
    """Where two rows count as the same.

    Attributes:
        equal: where as large a share of different pairs passes as of same pairs fails.
        points: at false-accept rates of 1 in 10, 1 in 100, ... as far as the pairs carry.
        chosen: the one that is recommended; None where no cosine tells the classes apart.
        d_prime: distance between the mean cosines of same and of different pairs, in deviations.
        quick: the cosine of equal error, that error and d', from moments alone.
        pairs: how many same and different pairs were looked at.
        mixed_up: pairs of classes whose rows pass as the same, those that make most errors first.
        failing: classes whose own rows fail: the name, and the share of its pairs that fails.
        merge: pairs of classes that may be one under two names, the nearest first.
        curve: the two error rates over the cosine, with their intervals.
    """

    equal: Point
    points: tuple[Point, ...]
    chosen: Point | None
    d_prime: Estimate
    quick: tuple[float, float, float]
    pairs: tuple[int, int]
    mixed_up: tuple[MixedUp, ...]
    failing: tuple[tuple[str, float], ...]
    merge: tuple[MixedUp, ...]
    curve: tuple[Line, Line]

    name: ClassVar[str] = "threshold"

    @property
    def cosine(self) -> float | None:
        """The threshold that is recommended, or None."""
        return self.chosen.cosine.value if self.chosen else None

    def tables(self) -> tuple[Table, ...]:
        """The thresholds, what moments say, and the classes that make the errors."""
        every = [("equal errors", self.equal)]
        every += [(_one_in(point.accepts.value), point) for point in self.points]
        columns = [
            ("", "words", lambda one: one[0]),
            ("cosine", "number", lambda one: _rounded(one[1].cosine)),
            ("different pass", "percent", lambda one: _share(one[1].accepts.value)),
            ("same fail", "percent", lambda one: one[1].rejects),
        ]
        at = [point for _, point in every].index(self.chosen) if self.chosen else None
        note = (
            "Different pairs (rows of two classes) that pass, and same pairs (rows of one class) "
            "that fail. In brackets: 95 % intervals, for other classes of the same kind."
        )
        first = Table.of("Where to call two rows the same", every, columns, note, at)
        return (first, self._beside(), *self._classes())

    def _beside(self) -> Table:
        columns = (Column("", "words"), Column("cosine"), Column("equal error", "percent"))
        rows = (
            ("all pairs", _near(self.equal.cosine.value), self.equal.accepts.value, self.d_prime),
            ("moments alone", _near(self.quick[0]), *self.quick[1:]),
        )
        note = "d′: how many deviations lie between the mean cosines of same and different pairs."
        return Table("Beside a quick answer", (*columns, Column("d′")), rows, note)

    def _classes(self) -> Iterator[Table]:
        """The classes that make the errors, where there are any."""
        both = [("class", "words", lambda m: named(m.a)), ("and", "words", lambda m: named(m.b))]
        passing = ("pairs that pass", "percent", lambda m: m.passing)
        if self.mixed_up:
            part = ("of all that pass", "percent", lambda m: m.of_accepts)
            listed = self.mixed_up[:MAX_LISTED]
            yield Table.of("Classes that pass as one", listed, [*both, passing, part])
        if self.failing:
            name = ("class", "words", lambda one: named(one[0]))
            failing = ("pairs that fail", "percent", lambda one: one[1])
            listed = self.failing[:MAX_LISTED]
            yield Table.of("Classes whose own rows fail", listed, [name, failing])
        if self.merge:
            distance = ("distance", "number", lambda m: m.distance)
            own = ("within each", "percent", lambda m: m.own)
            more = len(self.merge) - MAX_LISTED
            note = (
                "Their means are nearer to each other than to their own rows (1 is as near), and "
                "their rows pass as rows of one class do. Look whether they are one under two "
                f"names.{f' {more:,} more.' if more > 0 else ''}"
            )
            columns, title = [*both, distance, passing, own], "Classes to merge, or to look at"
            yield Table.of(title, self.merge[:MAX_LISTED], columns, note)

    def chart(self) -> Chart:
        """Both error rates over the cosine."""
        marks = ((self.cosine, f"{_cosine(self.cosine)}"),) if self.cosine is not None else ()
        text = (
            "Further to the right fewer different pairs pass and more same pairs fail. The bands "
            "are 95 % intervals for other classes of the same kind."
        )
        axes = "threshold (cosine)", "share of pairs"
        return Chart("Both errors over the cosine", text, *axes, self.curve, marks=marks)

    def numbers(self) -> Mapping[str, Any]:
        """The numbers as JSON-ready data."""
        accepts, rejects = self.curve
        return {
            "threshold": self.chosen and self.chosen.numbers(),
            "equal_error": self.equal.numbers(),
            "at_false_accept": [point.numbers() for point in self.points],
            "d_prime": self.d_prime,
            "quick": dict(zip(("cosine", "equal_error", "d_prime"), self.quick, strict=True)),
            "pairs": {"same": self.pairs[0], "different": self.pairs[1]},
            "mixed_up": self.mixed_up,
            "failing": [{"class": name, "fail": share} for name, share in self.failing],
            "merge": self.merge,
            "curve": {"cosine": accepts.x, "false_accept": accepts.y, "false_reject": rejects.y},
        }

    def save_merge(self, path: str | os.PathLike[str]) -> None:
        """Write the classes to merge as .csv, with a header.

        Raises:
            InputError: the name ends otherwise, or the file cannot be written.
        """
        save_pairs(self.merge, path)


def threshold(
    source: Any,
    labels: Any = None,
    *,
    column: str | None = None,
    accepts: float | None = None,
    progress: Progress | None = None,
    execution: Execution | None = None,
    reading: Reading | None = None,
) -> Threshold:
    """The cosine above which two rows count as one class, and how often that is wrong.

    All pairs of up to 20,000 rows are looked at, and of more those of random parts. Intervals tell
    what other classes of the same kind would give: classes are left out in turn, never single
    pairs (see docs/threshold.md).

    Args:
        source: `[n, d]` rows: an array, or files as for `gramax.audit`.
        labels: `[n]` their classes: an array, a file or the name of a column.
        accepts: the share of different pairs that may pass, such as 1e-3; by default as large a
            share as that of the same pairs that fail.
        column: as for `gramax.audit`.
        progress: as for `gramax.audit`.
        execution: as for `gramax.audit`.
        reading: as for `gramax.audit`.

    Returns:
        The decision: `.cosine` is the threshold (None where no cosine tells classes apart),
        `.equal`, `.points`, `.d_prime`, `.mixed_up`, `.merge` are what it rests on.

    Raises:
        InputError: the source cannot be read; there are no two classes, or no two rows of one; or
            the pairs do not carry so small a rate of false accepts.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = np.arange(300) % 30
        >>> z = rng.normal(size=(30, 16))[y] + 0.4 * rng.normal(size=(300, 16))
        >>> print(threshold(z, y).headline)  # doctest: +ELLIPSIS
        Call two rows the same above 0...: ... % of different pairs pass, ... % of same pairs fail.
    """
    if accepts is not None and not 0 < accepts < 1:
        raise InputError(
            f"a rate of false accepts is between 0 and 1, such as 0.001; got {accepts}"
        )
    how = column, False, progress, execution, reading
    rows = read_rows(source, labels, *how, needs_labels="a threshold", blocks=1)
    x = rows.directions()
    counts = count_pairs(x, rows.labels, len(rows.names), progress)
    for kind, found in (("one class", counts.all_same), ("two classes", counts.all_different)):
        if not found.any():
            raise InputError(f"{rows.name}: a threshold needs two rows of {kind}; there are none")
    if progress:
        progress("numbers", 0, 1, 0)
    known = LeaveOut(counts)
    equal = _equal(known)
    points = _points(known, int(counts.all_different.sum()), accepts, rows.name)
    chosen = next((p for p in points if p.accepts.value == accepts), equal)
    usable = equal.accepts.value < min(HOPELESS, COIN * (1 - 3 / len(rows.rows) ** 0.5))
    evidence = Evidence(rows.blocks[0])
    mixed_up, failing, merge = _by_class(rows, x, evidence, known, chosen) if usable else 3 * ((),)
    quick = pair_moments(evidence)
    return Threshold(
        *(rows.name, rows.facts, _headline(chosen, equal, usable), _notes(rows, counts, known)),
        equal=equal,
        points=points,
        chosen=chosen if usable else None,
        d_prime=known.estimate(ErrorRates.d_prime),
        quick=(*equal_error(quick), d_prime(quick)),
        pairs=(int(counts.all_same.sum()), int(counts.all_different.sum())),
        mixed_up=mixed_up,
        failing=failing,
        merge=merge,
        curve=_curve(known),
    )


def _by_class(
    rows: Rows, x: np.ndarray, evidence: Evidence, known: LeaveOut, chosen: Point
) -> tuple[Any, Any, Any]:
    """Pairs of classes that pass as one, classes whose own rows fail, and pairs to merge."""
    scale = float(known.rates.moments()[1, 1]) or 1.0
    found = ClassPairs(x, rows.labels, evidence, chosen.cosine.value, scale)
    mixed_up, merge = found.listed(rows.names, known.rates.at(chosen.cosine.value)[0])
    worst = np.argsort(found.own, kind="stable")[:MAX_LISTED]
    failing = ((rows.names[k], 1 - float(found.own[k])) for k in worst if found.own[k] < 1)
    return mixed_up[:MAX_KEPT], tuple(failing), merge


def _equal(known: LeaveOut) -> Point:
    rate = known.rate(lambda rates: rates.equal()[1])
    return Point(known.cosine(lambda rates: rates.equal()[0]), rate, rate)


def _points(known: LeaveOut, different: int, accepts: float | None, name: str) -> tuple[Point, ...]:
    """The points at powers of ten, and at the rate that is asked for, as far as pairs carry."""
    least = FEW_ERRORS / different
    if accepts is not None and accepts < least:
        raise InputError(
            f"{name}: its {different:,} different pairs carry false-accept rates from {least:.1g} "
            f"(so that {FEW_ERRORS} pass); ask for one of at least that, or give it more rows"
        )
    rates = {r for r in RATES if r >= least} | ({accepts} if accepts is not None else set())
    return tuple(_point(known, rate) for rate in sorted(rates, reverse=True))


def _point(known: LeaveOut, accepts: float) -> Point:
    rejects = known.rate(lambda rates: rates.at(rates.cosine(accepts))[1])
    return Point(known.cosine_at(accepts), Estimate(accepts), rejects)


def _curve(known: LeaveOut) -> tuple[Line, Line]:
    """The rates of false accepts and of false rejects, where they are neither 0 nor 1."""
    rates = known.rates
    moving = np.flatnonzero((rates.accepts > 1e-4) & (rates.accepts < 1 - 1e-4))
    moving = np.r_[moving, np.flatnonzero((rates.rejects > 1e-4) & (rates.rejects < 1 - 1e-4))]
    ends = rates.edges[[moving.min(), moving.max()]] if len(moving) else rates.edges[[0, -1]]
    x = np.linspace(ends[0], ends[1], CURVE_POINTS)
    return (
        Line("different pairs pass", x, *known.curve(x, "different")),
        Line("same pairs fail", x, *known.curve(x, "same")),
    )


def _headline(chosen: Point, equal: Point, usable: bool) -> str:
    told = chosen if usable else equal
    at, accepts, rejects = _cosine(told.cosine.value), *map(_told, (told.accepts, told.rejects))
    if usable:
        passing = f"{accepts} of different pairs pass, {rejects} of same pairs fail"
        return f"Call two rows the same above {at}: {passing}."
    high = _share(equal.accepts.high or 0.0)
    more = "" if high in (accepts, _share(0)) else f" (up to {high} with other such classes)"
    return (
        f"No cosine is recommended: at the best one, {at}, {accepts} of different pairs pass and "
        f"{rejects} of same pairs fail{more}; a coin gives 50 %."
    )


def _notes(rows: Rows, counts: PairCounts, known: LeaveOut) -> tuple[str, ...]:
    """What was looked at, and what it does not carry."""
    same, different = int(counts.all_same.sum()), int(counts.all_different.sum())
    kept, least, few = len(rows.rows), FEW_ERRORS / different, known.worth["same"]
    found = [*rows.notes]
    if kept < rows.n:
        found.append(f"the pairs are those of {kept:,} random rows")
    across, within = counts.rows
    if min(across, within) < kept:
        parts = f"those of {across:,} random rows for different pairs, of {within:,} for same pairs"
        found.append(f"not every pair was looked at, but {parts}")
    found.append(
        f"{same:,} same pairs (two rows of one class) and {different:,} different pairs (rows of "
        f"two classes); smaller shares than {least:.1g} of them are not told, as fewer than "
        f"{FEW_ERRORS} different pairs would pass"
    )
    if known.rate(lambda rates: rates.equal()[1]).low is None:
        found.append("no intervals: they are made by leaving out classes, and two are too few")
    elif few < FEW_CLASSES:
        found.append(
            f"for same pairs the {len(rows.names)} classes are worth {few:.1f} of equal size: what "
            "is told holds for these classes, and intervals for others are wide; give it more"
        )
    return tuple(found)


def _one_in(rate: float) -> str:
    return f"1 in {1 / rate:,.0f}" if rate <= 0.1 else _share(rate)


def _told(share: Estimate) -> str:
    """A share; where it is 0, how large it may be with other classes."""
    more = f" (up to {_share(share.high)})" if not share.value and share.high else ""
    return f"{_share(share.value)}{more}"


def _rounded(cosine: Estimate) -> Estimate:
    low, high = (None if end is None else _near(end) for end in (cosine.low, cosine.high))
    return Estimate(_near(cosine.value), low, high)


def _near(cosine: float) -> float:
    """With three decimals, or more near 1."""
    return round(cosine, max(3, _digits(cosine))) + 0.0  # no -0


def _digits(cosine: float) -> int:
    """Decimals of a cosine: two, or more where it is nearly 1."""
    if not 0.9 < cosine < 1 - 1e-9:
        return 2
    return 2 - math.floor(math.log10(1 - cosine) + 1e-9)


def _share(value: float) -> str:
    """A share in percent, in two digits."""
    return f"{100 * value:.2g} %" if value < 0.995 else f"{100 * value:.3g} %"


def _cosine(value: float) -> str:
    return f"{value:.{_digits(value)}f}".replace("-", "−")
