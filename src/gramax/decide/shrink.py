"""`shrink`: quality against bytes a row, and the smallest way to store rows that loses too little.

Every way of storing rows (see `codecs`) is searched by the same queries, among all rows, as a user
would search: by the cosine of rows that are read back, by the distance of principal components, by
Hamming's of bits. What it loses is told by pairs, query by query, against rows as they are.
Means, principal components and the ends of int8 are learnt from rows that are no queries.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.cloud import Cloud, Directions, representatives
from gramax.arrays.linalg import few_threads
from gramax.data import Reading
from gramax.decide.codecs import Codecs, Stored, Way, precision_of, ways_for
from gramax.decide.decision import Chart, Decision, Estimate, Line, Table
from gramax.decide.rows import Rows, read_rows
from gramax.decide.searches import NEIGHBOURS, Found, found_in, true_neighbours
from gramax.errors import InputError, telling_memory
from gramax.moments import ClassMoments
from gramax.streaming import Execution, Progress
from gramax.uncertainty.intervals import NORMAL_95, paired
from gramax.uncertainty.probes import chosen, heads_of, judged

QUALITIES: dict[str, str] = {
    "recall": f"recall@{NEIGHBOURS}",
    "nearest_neighbour": "1-NN accuracy",
    "nearest_mean": "nearest-mean accuracy",
    "probe": "probe accuracy",
}
"""What a way of storing rows is judged by, and what it is called."""

PAIRS, MIN_QUERIES, FEW_ROWS, FOLDS = 40_000_000, 1000, 4000, 10
"""Pairs of a query and a row that each way is measured by, about; queries at least; rows up to
which all are queries; and folds of them then."""

MAX_PROBED, LEVEL = 1024, 0.95
"""Dimensions up to which a probe is fitted to every way; the probability of an interval."""

NOTE = (
    "Rows that are read back are compared by cosine (raw ones by distance), principal components "
    "by distance, bits (whether a coordinate is above its mean) by Hamming distance; queries are "
    "stored as the rows are. int8 has 255 steps between the least and the largest of a coordinate. "
    "The intervals of losses hold for all ways together."
)
"""How each way is searched, below the table."""


@dataclass(frozen=True)
class Measured:
    """A way to store rows, and what it is worth."""

    way: Way  # what is stored
    # the predicted share of the variance that is left; NaN where there is no prediction
    kept: float
    qualities: dict[str, Estimate]  # by name, each with its 95 % interval
    # what each quality loses against rows as they are, with an interval that covers in 95 % of
    # cases for all ways together
    losses: dict[str, Estimate]


@dataclass(frozen=True, repr=False)
class Shrink(Decision):
    """Quality against bytes a row.

    Attributes:
        by: the quality that decides.
        loss: how much of it may be lost.
        ways: rows as they are first, then every way, the largest first.
        chosen: the smallest way whose loss is `loss` at most at the upper end of its interval; None
            where rows are best left as they are.
        queries: how many rows were searched for; `corpus` among how many.
    """

    by: str
    loss: float
    ways: tuple[Measured, ...]
    chosen: Measured | None
    queries: int
    corpus: int

    name = "shrink"

    def tables(self) -> tuple[Table, ...]:
        """Every way with what decides; what is smallest by each quality; the other qualities."""

        def of(quality: str, kind: str = "qualities") -> Any:
            name = QUALITIES[quality] if kind == "qualities" else "loss"
            return name, "percent", lambda m: getattr(m, kind).get(quality)

        way = ("way", "words", lambda m: m.way.name)
        size = ("bytes", "count", lambda m: m.way.size)
        columns = [way, size, of(self.by), of(self.by, "losses")]
        at = self.chosen and self.ways.index(self.chosen)
        first = Table.of("Ways to store a row", self.ways, columns, NOTE, at)
        best = [(quality, self.smallest(quality)) for quality in self.ways[0].qualities]
        columns = [
            ("by", "words", lambda one: QUALITIES[one[0]]),
            ("way", "words", lambda one: one[1].way.name if one[1] else "leave it as it is"),
            ("bytes", "count", lambda one: one[1] and one[1].way.size),
            ("loss", "percent", lambda one: one[1] and one[1].losses[one[0]]),
        ]
        title = f"The smallest within a loss of {100 * self.loss:.2g} %"
        second = Table.of(title, best, columns)
        others = [of(quality) for quality in self.ways[0].qualities if quality != self.by]
        note = "The variance is predicted: from the spectrum, and from the steps of int8."
        columns = [way, ("variance kept", "percent", lambda m: m.kept), *others]
        return first, second, Table.of("What else is kept", self.ways, columns, note)

    def smallest(self, by: str) -> Measured | None:
        """The smallest way that keeps this quality, and of several the best."""
        fits = [
            m
            for m in self.ways[1:]
            if (high := m.losses[by].high) is not None and high <= self.loss
        ]
        return min(fits, key=lambda m: (m.way.size, m.losses[by].value), default=None)

    def chart(self) -> Chart:
        """Quality over bytes a row, a line for the sizes of each kind of ways."""
        lines = []
        for kind in dict.fromkeys(m.way.line for m in self.ways):
            some = [m for m in self.ways if m.way.line == kind][::-1]
            values = [m.qualities[self.by] for m in some]
            lines.append(Line.of(kind, [m.way.size for m in some], values))
        best = (self.chosen or self.ways[0]).way
        text = f"{QUALITIES[self.by]} of every way to store a row, with its 95 % interval."
        return Chart(
            *("Quality against size", text, "bytes a row", QUALITIES[self.by], tuple(lines)),
            x_log=True,
            marks=((float(best.size), best.name),),
        )

    def numbers(self) -> dict[str, Any]:
        """Every way with its qualities and losses."""
        return {
            "by": self.by,
            "loss": self.loss,
            "chosen": self.chosen and self.chosen.way.name,
            "queries": self.queries,
            "corpus": self.corpus,
            "ways": [
                {
                    "way": m.way.name,
                    "axes": m.way.axes,
                    "dims": m.way.dims,
                    "store": m.way.store,
                    "bytes": m.way.size,
                    "variance_kept": m.kept,
                    "qualities": m.qualities,
                    "losses": m.losses,
                }
                for m in self.ways
            ],
        }


def shrink(
    source: Any,
    labels: Any = None,
    *,
    loss: float = 0.01,
    by: str | None = None,
    column: str | None = None,
    raw: bool = False,
    progress: Progress | None = None,
    execution: Execution | None = None,
    reading: Reading | None = None,
) -> Shrink:
    """What rows are worth in fewer bytes: fewer dimensions, float16, int8, bits.

    Args:
        source: `[n, d]` embeddings, an array or files, as for `gramax.audit`.
        labels: their classes, as there; with them the accuracy of classifiers is measured too.
        loss: how much of the quality may be lost, between 0 and 1.
        by: the quality that decides: "recall" (of the 10 nearest neighbours), "nearest_neighbour",
            "nearest_mean" or "probe" (accuracies of held-out rows). By default the accuracy of the
            nearest neighbour where there are labels that neighbours tell, else recall.
        raw: take rows as they are and compare them by distance, not by cosine.
        column: as for `gramax.audit`.
        progress: as for `gramax.audit`.
        execution: as for `gramax.audit`.
        reading: as for `gramax.audit`.

    Returns:
        A `Shrink`: `found.chosen` is the smallest way whose loss is within `loss` at the upper end
        of its interval, or None.

    Raises:
        InputError: rows cannot be read, fewer than 11 are distinct, or `by` needs labels.

    Source:
        Jégou et al. 2011 for recall at k; Agresti & Coull 1998 and Agresti & Min 2005 for the
        intervals; Bonferroni for all ways together.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> z = np.append(rng.normal(size=(500, 8)), np.zeros((500, 24)), axis=1)
        >>> found = shrink(z)
        >>> print(found.chosen.way.name, found.chosen.way.size)
        first 8 32
    """
    if not 0 <= loss < 1:
        raise InputError(f"loss is a share, in [0, 1); got {loss:g}")
    if by is not None and by not in QUALITIES:
        raise InputError(f"no quality {by!r}; there are {', '.join(QUALITIES)}")
    wants = f"judging by {by}" if by not in (None, "recall") else ""
    read = read_rows(source, labels, column, raw, progress, execution, reading, needs_labels=wants)
    with telling_memory(f"searching the rows of {read.name}"):
        return _decided(read, loss, by, progress or (lambda *_: None))


def _decided(read: Rows, loss: float, by: str | None, tell: Progress) -> Shrink:
    rows, labels, notes = _distinct(read)
    n, d = rows.shape
    largest, present = float(np.abs(rows).max()), precision_of(rows)
    if largest > float(np.finfo(np.float32).max):
        raise InputError(f"{read.name}: holds {largest:.3g}, which float32 cannot; scale the rows")
    ways = [Way("all", d, present), *ways_for(d, present)]
    if largest > float(np.finfo(np.float16).max):
        ways = [way for way in ways if way.store != "float16"]  # which does not hold these numbers
    groups = _groups(n)
    kept, scores = _scores(rows, labels, groups, ways, read, tell)
    z = NormalDist().inv_cdf(1 - (1 - LEVEL) / (2 * max(len(ways) - 1, 1)))
    found: list[Measured] = []
    for way, share, of_way in zip(ways, kept, scores, strict=True):
        lost = {q: lost_of(scores[0][q] - values, z) for q, values in of_way.items()}
        qualities = {q: share_of(values) for q, values in of_way.items()}
        found.append(Measured(way, share, qualities, lost if found else {}))
    if "probe" not in scores[0] and len(read.names) > 1:
        notes.append(f"no classifier is fitted to more than {MAX_PROBED:,} dimensions")
    if by is None:
        by = "recall"
        if len(read.names) > 1:
            least = found[0].qualities["nearest_neighbour"].low or 0.0
            by = "nearest_neighbour" if least > np.max(np.bincount(labels)) / n else by
            told = "the nearest row has the same class no more often than a guess: recall decides"
            notes += [told] * (by == "recall")
    if by not in scores[0]:
        raise InputError(f"{read.name}: {by} is not measured in {d:,} dimensions")
    queries = sum(map(len, groups))
    if queries < n:
        notes.append(f"measured by {queries:,} random queries among {n:,} rows")
    decided = Shrink(
        *(read.name, read.facts, "", (*read.notes, *notes), by, loss, tuple(found), None),
        queries=queries,
        corpus=n,
    )
    decided = replace(decided, chosen=decided.smallest(by))
    return replace(decided, headline=_headline(decided))


def _headline(found: Shrink) -> str:
    whole, best, by = found.ways[0], found.chosen, QUALITIES[found.by]
    size, value = whole.way.size, 100 * whole.qualities[found.by].value
    if best is None:
        return (
            f"Leave it as it is ({size:,} bytes a row): of no smaller way it is sure that it loses "
            f"at most {100 * found.loss:.2g} points of {by}."
        )
    now, one = 100 * best.qualities[found.by].value, best.losses[found.by]
    return (
        f"Store {best.way.name}: {best.way.size:,} bytes a row instead of {size:,} "
        f"({size / best.way.size:.3g} times fewer), with {by} {now:.1f} % instead of {value:.1f} % "
        f"(at most {100 * max(one.high or 0.0, 0.0):.2g} points lost)."
    )


def _distinct(read: Rows) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Rows without their copies, which would be each other's neighbours; and what to say of it."""
    rows, labels, notes = read.rows, read.labels, []
    if len(rows) < sum(float(block.total) for block in read.blocks):
        notes.append(f"neighbours are among a random sample of {len(rows):,} of {read.n:,} rows")
    cloud: Cloud = Directions(rows) if read.normalize else rows
    same = representatives(cloud, float(np.finfo(rows.dtype).eps)) != np.arange(len(rows))
    if same.any():
        rows, labels = rows[~same], labels[~same]
        notes.append(f"{int(same.sum()):,} rows are copies of others, up to rounding: left out")
    if len(rows) <= NEIGHBOURS:
        few = f"{len(rows):,} distinct rows"
        raise InputError(f"{read.name}: has {few}; {NEIGHBOURS} neighbours need more than that")
    return rows, labels, notes


def _groups(n: int) -> list[Int[np.ndarray, " q"]]:
    """The places of the queries: a random part of many rows; of few rows all, in some groups.

    What ways need to know is learnt, for each group, from the rows that are not in it.
    """
    order = np.random.default_rng(0).permutation(n)
    count = min(max(MIN_QUERIES, PAIRS // n), n // 4)
    parts = np.array_split(order, min(FOLDS, n)) if n <= FEW_ROWS else [order[:count]]
    return [np.sort(part) for part in parts]


def _scores(
    rows: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    groups: list[Int[np.ndarray, " q"]],
    ways: list[Way],
    read: Rows,
    tell: Progress,
) -> tuple[list[float], list[dict[str, Float[np.ndarray, " q"]]]]:
    """The variance that each way keeps, and its qualities query by query."""
    n, d = rows.shape
    cloud: Cloud = Directions(rows) if read.normalize else rows
    found: list[list[dict[str, np.ndarray]]] = [[] for _ in ways]
    kept: list[float] = []
    for g, queries in enumerate(groups):
        tell("neighbours", g * len(ways), len(groups) * len(ways), 0)
        truth = true_neighbours(cloud, queries)
        learnt = np.setdiff1d(np.arange(n), queries, assume_unique=True)
        codecs = Codecs(rows, learnt, read.normalize)
        for k, way in enumerate(ways):
            tell("neighbours", g * len(ways) + k, len(groups) * len(ways), 0)
            with few_threads(d):
                stored = codecs.stored(way)
            here = Found(np.ones(len(queries)), truth.right(labels))
            here = found_in(stored.g, stored.half, truth, labels) if k else here
            one = {"recall": here.recall}
            if len(read.names) > 1:
                one["nearest_neighbour"] = here.right
                if d <= MAX_PROBED:
                    one["heads"] = _named_rightly(stored, labels, learnt, queries)
            found[k].append(one)
            kept += [stored.kept] * (g == 0)
    return kept, [_together(parts) for parts in found]


def _named_rightly(
    stored: Stored,
    labels: Int[np.ndarray, " n"],
    learnt: Int[np.ndarray, " l"],
    queries: Int[np.ndarray, " q"],
) -> np.ndarray:
    """Whether classifiers of the other rows (nearest mean, then probes) name each query's class."""
    c = int(labels.max()) + 1
    with few_threads(stored.g.shape[1]):
        moments = ClassMoments.of(stored.g[learnt], labels[learnt], c, normalize=False).widened()
        return judged(list(heads_of(moments)), stored.g, labels, queries)


def _together(parts: list[dict[str, np.ndarray]]) -> dict[str, Float[np.ndarray, " q"]]:
    """The qualities of the queries of all groups; the kind of probe is chosen by other queries."""
    scores = {name: np.concatenate([one[name] for one in parts], axis=-1) for name in parts[0]}
    right = scores.pop("heads", None)
    if right is not None:
        many = right.shape[1]
        fold = np.repeat(np.arange(len(parts)), [len(one["recall"]) for one in parts])
        if len(parts) == 1:
            fold = np.random.default_rng(1).permutation(many) % FOLDS
        scores["nearest_mean"] = right[0].astype(float)
        scores["probe"] = chosen(right[1:], fold, FOLDS)[0].astype(float)
    return scores


def share_of(values: Float[np.ndarray, " q"]) -> Estimate:
    """The mean of shares, with a 95 % interval: two more at 0 and two at 1 (Agresti & Coull 1998).

    Example:
        >>> share_of(np.ones(96))
        Estimate(value=1.0, low=0.952..., high=1.0)
    """
    n = len(values) + 4
    middle = (np.sum(values) + 2) / n
    spread = max(float(np.sum(values**2) + 2) / n - middle**2, 0)
    low, high = _ends(middle, NORMAL_95 * math.sqrt(spread / n))
    return Estimate(float(np.mean(values)), max(low, 0.0), min(high, 1.0))


def lost_of(lost: Float[np.ndarray, " q"], z: float) -> Estimate:
    """The mean of differences of shares, with an interval of z standard errors."""
    middle, error = paired(lost)
    return Estimate(float(np.mean(lost)), *_ends(middle, z * error))


def _ends(middle: float, reach: float) -> tuple[float, float]:
    return float(middle - reach), float(middle + reach)
