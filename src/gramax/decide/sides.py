"""`sides`: two sides of one space (image and text, query and corpus, two views), and their gap.

The two sides often lie apart, each in a cone of its own: the modality gap (Liang et al. 2022).
Whether that does harm, and whether centring each side mends it, is measured: by where the rows that
match rank among all rows of the other side, before and after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.rows import unit_rows
from gramax.audits.attachments import place_and_column
from gramax.audits.thresholds import SURE
from gramax.data import Reading
from gramax.decide.across import OUTSIDE_SHARE, Matches
from gramax.decide.decision import Chart, Column, Decision, Estimate, Line, Style, Table
from gramax.decide.rows import notes_of
from gramax.decide.side_measures import (
    CURVE,
    RANKS,
    Found,
    Gap,
    centred_rows,
    found_of,
    gain_of,
    gap_of,
    interval,
    searched,
)
from gramax.errors import InputError
from gramax.streaming import Collected, Execution, Progress, Request, collect

WAYS = ("A to B", "B to A")
VARIANTS = ("as they are", "each centred")


@dataclass(frozen=True, repr=False)
class Sides(Decision):
    """Two sides of one space, as they are and with each side centred.

    Attributes:
        gaps: where they lie, in both variants; searches: what is found, `[variant][way]`.
        gain: how much centring adds to recall@1, the mean of both ways; None without matches.
        centred: whether centring each side is recommended.
        centres: the centroids of the directions of both sides, `[d]` each: what to subtract.
    """

    name = "sides"
    gaps: tuple[Gap, ...] = ()
    searches: tuple[tuple[Found, ...], ...] = ()
    gain: Estimate | None = None
    centred: bool = False
    centres: tuple[Float[np.ndarray, " d"], ...] = field(default=(), compare=False)

    def tables(self) -> tuple[Table, ...]:
        """What each side finds of the other, and where the two lie."""
        return self._found(), self._lying()

    def _found(self) -> Table:
        rows: list[tuple[Any, ...]] = []
        both = list(zip(*self.searches, strict=True))
        for k in RANKS:
            for way, (one, other) in zip(WAYS, both, strict=True):
                if k in one.recall:
                    recall = one.recall[k], other.recall[k], one.chance[k]
                    rows.append((f"recall@{k} {way}", *recall))
        for side, (one, other) in zip("BA", both, strict=True):
            rows.append((f"never found of {side}", one.never[0], other.never[0], one.never[1]))
        for side, (one, other) in zip("AB", both, strict=True):
            rows.append((f"outside, of {side}", one.outside, other.outside, OUTSIDE_SHARE))
        note = (
            "Recall@k: queries with a match among the k nearest rows of the other side. Never "
            "found: rows that are among the ten nearest of no query. Outside: queries whose "
            "nearest row of the other side is further than 95 % of the rows there are from theirs."
        )
        return Table("What each side finds of the other", _columns("percent"), tuple(rows), note)

    def _lying(self) -> Table:
        gaps = self.gaps
        rows: list[tuple[Any, ...]] = [
            ("distance of the centroids", *(g.distance.value for g in gaps), gaps[0].chance),
            ("in spreads of a side", *(g.in_spreads for g in gaps), None),
            ("cosine of rows that do not match", *(g.unmatched for g in gaps), None),
        ]
        if gaps[0].matched:
            cosines = (g.matched.value for g in gaps if g.matched)
            rows.append(("cosine of rows that match", *cosines, gaps[0].unmatched))
            rows.append(("alignment", *(g.alignment for g in gaps), 2 - 2 * gaps[0].unmatched))
        for k, side in enumerate("AB"):
            rows.append((f"uniformity of {side}", *(g.uniformity[k] for g in gaps), None))
        for way, (one, other) in zip(WAYS, zip(*self.searches, strict=True), strict=True):
            rows.append((f"hubness {way}", one.hubness[0], other.hubness[0], one.hubness[1]))
        note = (
            "By chance: rows dealt to the two sides at random, and matches too. Alignment: mean "
            "squared distance of rows that match; of unit rows spread evenly, uniformity is about "
            "−4. Hubness: skewness of how often a row is among the ten nearest."
        )
        return Table("Where they lie", _columns("number"), tuple(rows), note)

    def chart(self) -> Chart | None:
        """Recall@k of both ways, before and after."""
        first, second = (one.recall for one in self.searches[0])
        ks = [k for k in CURVE if k in first and k in second]
        if not ks:
            return None
        lines = []
        for k, way in enumerate(WAYS):
            for variant, found in zip(VARIANTS, self.searches, strict=True):
                recall = [found[k].recall[one] for one in ks]
                lines.append(Line.of(f"{way}, {variant}", ks, recall))
        text = "Share of the queries with a match among the k nearest; bands are 95 % intervals."
        return Chart("Recall@k", text, "k", "recall@k", tuple(lines), x_log=True)

    def numbers(self) -> Mapping[str, Any]:
        """Everything in the tables, by variant and way."""
        told = {}
        for variant, gap, found in zip(("as_is", "centred"), self.gaps, self.searches, strict=True):
            ways = zip(("a_to_b", "b_to_a"), found, strict=True)
            told[variant] = gap.numbers() | {way: one.numbers() for way, one in ways}
        return {**told, "recall_gain": self.gain, "centre": self.centred}


def _columns(style: Style) -> tuple[Column, ...]:
    return (Column("", "words"), *(Column(name, style) for name in (*VARIANTS, "by chance")))


def sides(
    a: Any,
    b: Any,
    labels: Any = None,
    labels_b: Any = None,
    *,
    pairs: Any = None,
    column: str | None = None,
    progress: Progress | None = None,
    execution: Execution | None = None,
    reading: Reading | None = None,
) -> Sides:
    """Two sides of one space: how far apart they lie, what is found across, and whether to centre.

    Args:
        a: `[n, d]` rows of one side (queries, images), an array or files as for `gramax.audit`, or
            `file::column`.
        b: `[m, d]` rows of the other (a corpus, captions), in the same space.
        labels: rows with the same label match (the image that a caption is of, say); of the rows of
            `a`, and of `b` unless `labels_b` is given.
        labels_b: of the rows of `b`.
        pairs: `[p, 2]` numbers of a row of `a` and of a row of `b` that match; an array or a file.
            Without labels and pairs, row i of both match where both have as many.
        column: as for `gramax.audit`.
        progress: as for `gramax.audit`.
        execution: as for `gramax.audit`.
        reading: as for `gramax.audit`, of both.

    Returns:
        A `Sides`; printed, it is the sentence that decides and the tables.

    Raises:
        InputError: an input cannot be read, or the two are not rows of one space.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(200, 16))
        >>> y = x + rng.normal(size=(200, 16))
        >>> found = sides(x + 3 * np.eye(16)[0], y - 3 * np.eye(16)[0])
        >>> print(found.centred, found.headline[:17])
        True Centre each side:
    """
    if labels is not None and pairs is not None:
        raise InputError("rows match by --labels or by --pairs: give one of them")
    how = {"execution": execution or Execution(), "reading": reading or Reading()}
    labels_b = labels if labels_b is None else labels_b
    spaces = []
    for side, names in ((a, labels), (b, labels_b)):
        source, named = place_and_column(side)
        spaces.append(collect(Request(source, names, named or column, **how), progress))
    _check(spaces)
    return _decided(spaces, labels is not None, pairs, progress, how["execution"])


def _decided(
    spaces: list[Collected],
    labelled: bool,
    pairs: Any,
    progress: Progress | None,
    execution: Execution,
) -> Sides:
    samples = [one.totals.sample for one in spaces]
    x, y = (unit_rows(np.asarray(one.rows, np.float64)) for one in samples)
    notes = [*_notes(spaces)]
    matches = _matches(spaces, labelled, pairs, notes, progress, execution)
    centres = x.mean(axis=0), y.mean(axis=0)
    gaps, searches, done = [], [], 0

    def tell(share: float) -> None:
        """Of the four searches."""
        nonlocal done
        if progress:
            progress("neighbours", round(250 * (done + share)), 1000, 0)
        done += share == 1

    for variant in VARIANTS:
        if variant != VARIANTS[0]:
            x, y = (centred_rows(*side) for side in zip((x, y), centres, strict=True))
        gaps.append(gap_of(x, y, matches))
        searches.append(searched(x, y, matches, tell))
    if not labelled and pairs is None and matches is not None and not _alike(gaps[0]):
        notes.append("rows that are taken to match are no more alike than others: give --pairs")
    gain = gain_of(*searches) if matches is not None else None
    centred = gain is not None and gain[0] > SURE * gain[1]
    if centred:
        notes.append(
            "to centre: divide rows by their lengths, subtract the centroid of their side "
            "(--save-centres), and divide by the lengths again"
        )
    counted = f"{matches.count:,} matching pairs" if matches is not None else "no matches"
    n, m = (one.rows for one in spaces)
    found = tuple(tuple(map(found_of, both)) for both in searches)
    return Sides(
        f"{spaces[0].name} and {spaces[1].name}",
        f"A {n:,} and B {m:,} rows × {spaces[0].dim:,} dimensions · {counted}",
        _headline(gaps[0], found, gain),
        tuple(notes),
        tuple(gaps),
        found,
        None if gain is None else interval(*gain),
        centred,
        centres,
    )


def _check(spaces: list[Collected]) -> None:
    a, b = spaces
    if a.dim != b.dim:
        why = f"{b.dim} dimensions where {a.name} has {a.dim}"
        raise InputError(f"{b.name}: {why}: two sides are of one space; see gramax compare")
    for one in spaces:
        if len(one.totals.sample.rows) < 2:
            raise InputError(f"{one.name}: a side needs at least two rows other than zero")


def _notes(spaces: list[Collected]) -> Iterator[str]:
    for letter, one in zip("AB", spaces, strict=True):
        kept, counted = len(one.totals.sample.rows), float(sum(b.total for b in one.totals.blocks))
        if kept < round(counted):
            drawn = f"{kept:,} of {counted:,.0f} rows, drawn at random, stand for it"
            yield f"{letter}: {drawn}: recall among all of them is lower"
        yield from (f"{letter}: {note}" for note in notes_of(one))


def _matches(
    spaces: list[Collected],
    labelled: bool,
    pairs: Any,
    notes: list[str],
    progress: Progress | None,
    execution: Execution,
) -> Matches | None:
    """Which rows match; None where nothing says so."""
    samples = [one.totals.sample for one in spaces]
    n, m = (len(one.rows) for one in samples)
    if labelled:
        every = dict.fromkeys((*spaces[0].names, *spaces[1].names))
        number = {name: k for k, name in enumerate(every)}
        places = [np.array([number[name] for name in one.names]) for one in spaces]
        found = Matches(*(at[one.labels] for at, one in zip(places, samples, strict=True)))
    elif pairs is not None:
        given = _read_pairs(pairs, spaces, progress, execution)
        both = list(zip((one.numbers for one in samples), given.T, strict=True))
        places = [np.searchsorted(numbers, column) for numbers, column in both]
        there = np.all([np.isin(column, numbers) for numbers, column in both], axis=0)
        if gone := int(np.sum(~there)):
            notes.append(f"{gone:,} of {len(given):,} pairs name a row that is left out")
        found = Matches.of_pairs(np.stack(places, axis=1)[there], n, m)
    elif spaces[0].rows == spaces[1].rows:
        notes.append("row i of A is taken to match row i of B; --pairs or --labels say otherwise")
        a, b = (one.numbers for one in samples)
        places = np.intersect1d(a, b, return_indices=True)[1:]
        found = Matches.of_pairs(np.stack(places, axis=1), n, m)
    else:
        notes.append("which rows match is not known: --pairs or --labels say so")
        return None
    if not found.queries.any():
        ask = "name the labels of both (--labels, --labels-b)" if labelled else "give other --pairs"
        raise InputError(f"no row of {spaces[0].name} matches one of {spaces[1].name}: {ask}")
    return found


def _read_pairs(
    pairs: Any, spaces: list[Collected], progress: Progress | None, execution: Execution
) -> Int[np.ndarray, "p 2"]:
    source, column = place_and_column(pairs)
    asked = Request(source, None, column, normalize=False, execution=execution)
    found = collect(asked, progress)
    rows = found.totals.sample.rows
    if found.dim != 2:
        shape = f"shape [{found.rows}, {found.dim}]"
        raise InputError(f"{found.name}: pairs are [p, 2], a row of A and one of B; got {shape}")
    if len(rows) < found.rows:
        most = f"{found.rows:,} pairs are more than are taken at once; give {len(rows):,} of them"
        raise InputError(f"{found.name}: {most}")
    for letter, column, space in zip("AB", rows.T, spaces, strict=True):
        bad = (column != np.floor(column)) | (column < 0) | (column >= space.rows)
        if bad.any():
            at, last = int(np.argmax(bad)), space.rows - 1
            why = f"pair {at} names row {column[at]:g} of {letter}, which has rows 0 to {last:,}"
            raise InputError(f"{found.name}: {why}")
    return rows.astype(np.int64)


def _alike(gap: Gap) -> bool:
    """Whether rows that match are more alike than others, beyond noise."""
    matched = gap.matched
    return matched is not None and matched.low is not None and matched.low > gap.unmatched


def _headline(
    gap: Gap, found: tuple[tuple[Found, ...], ...], gain: tuple[float, float] | None
) -> str:
    """The sentence that decides."""
    distance = f"their centroids are {gap.distance.value:.2g} apart"
    if gap.in_spreads == gap.in_spreads:
        distance += f", {gap.in_spreads:.2g} times the spread of a side"
    if gain is None:
        lie = "The sides lie apart" if gap.apart else "The sides lie in one place"
        ask = "whether centring each helps can be told with --pairs or --labels"
        return f"{lie}: {distance} ({gap.chance:.2g} by chance); {ask}."
    before, after = (sum(way.recall[1].value for way in both) / 2 for both in found)
    shares = f"{100 * before:.1f} to {100 * after:.1f} %"
    if gain[0] > SURE * gain[1]:
        return f"Centre each side: recall@1 goes from {shares} (the mean of both ways)."
    leave = "Leave the sides as they are:"
    if gain[0] < -SURE * gain[1]:
        return f"{leave} centring each takes recall@1 from {shares} (the mean of both ways)."
    noise = f"centring each changes recall@1 by no more than noise ({shares})"
    return f"{leave} {f'{distance}, but' if gap.apart else 'they lie in one place, and'} {noise}."
