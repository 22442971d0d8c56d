"""What the space is worth for its classes: how often rows held out get the class that they have.

The moments of the jackknife's blocks are the folds: the classifier that judges the rows of some
blocks is made from the merged moments of the others, so that the rows are read once. Three
classifiers are asked. The *nearest mean* takes the class whose mean is closest. The *linear probe*
is linear discriminant analysis or ridge regression, both in closed form from the moments; which of
the two, and how strongly it is regularised, is chosen for each fold by the rows of the other folds,
so that the choice does not flatter the outcome. The *nearest neighbour* takes the class of the
closest other row.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from importlib.util import find_spec
from itertools import accumulate, islice

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.linalg import solved
from gramax.arrays.nearest import Neighbours
from gramax.arrays.rows import unit_rows
from gramax.metrics.evidence import Evidence
from gramax.moments import ClassMoments
from gramax.moments.blocks import random_parts
from gramax.uncertainty.chance.cosines import student_quantile
from gramax.uncertainty.errorbars import merges_without
from gramax.uncertainty.intervals import NORMAL_95, wilson

STRENGTHS = (1e-4, 1e-3, 1e-2, 0.1, 0.4)
"""Regularisation that is tried: the share of the mean variance that is put in all directions."""

WIDE_FOLDS = ((1024, 5), (256, 10))
"""From so many dimensions on there are at most so many folds: a fold takes time like their cube."""

TILE_NUMBERS = 1 << 22
"""Scores that are held at once."""

PAIRED_FOLDS, PAIRED_WIDE, PAIRED_ROWS = (10, 5), 128, 5000
"""Parts of the rows of which two are left out at a time, fewer where there are more dimensions than
this, as every pair costs a solution; and rows that are judged then."""


@dataclass(frozen=True)
class Outcome:
    """How often a classifier is right about rows that it has not seen.

    Attributes:
        accuracy: the share of rows that get their class, in [0, 1].
        low: lower end of its 95 % interval.
        high: upper end.
        method: the classifier, in words.
        hits: `[m]` row by row 1 where it is right, 0 where not, -1 where it was not asked; None
            where outcomes are not of single rows. For comparisons: not part of any output.
        fold: `[m]` the fold of each row.
    """

    accuracy: float
    low: float
    high: float
    method: str
    hits: Int[np.ndarray, " m"] | None = field(default=None, repr=False, compare=False)
    fold: Int[np.ndarray, " m"] | None = field(default=None, repr=False, compare=False)


SHOTS, SHOT_DRAWS = (1, 5, 20), 20
"""Rows a class that few-shot accuracy is told of, and how often they are drawn."""

MAX_FITTED_ROWS, FITTED_FOLDS = 20_000, 5
"""Rows up to which classifiers are fitted by iteration, and the folds of it."""


@dataclass(frozen=True)
class Head:
    """A linear classifier: the class of a row x is the largest entry of `weights @ x + bias`.

    Attributes:
        weights: `[c, d]`, for directions where `normalize`, else for rows as they are; one row for
            each class that has rows, in the order of `Report.classes`.
        bias: `[c]`.
        normalize: divide rows by their length first.
    """

    weights: Float[np.ndarray, "c d"]
    bias: Float[np.ndarray, " c"]
    normalize: bool


@dataclass(frozen=True)
class Worth:
    """What held-out rows say of the classes.

    Attributes:
        rows: how many were judged.
        folds: in how many parts.
        nearest_mean: by the closest class mean.
        probe: by the linear probe.
        nearest_neighbour: by the closest other row; None where it was not asked.
        chance: accuracy of a guess with the frequencies of the classes.
        largest: accuracy of always naming the largest class.
        head: the linear probe made from all rows.
        more: what takes longer, where it was asked: few-shot accuracy and logistic regression.
        hits: by classifier, `[m]` whether it is right about each row; NaN where it is not asked.
    """

    rows: int
    folds: int
    nearest_mean: Outcome
    probe: Outcome
    nearest_neighbour: Outcome | None
    chance: float
    largest: float
    head: Head
    more: Mapping[str, Outcome] = field(default_factory=dict)
    hits: Mapping[str, Float[np.ndarray, " m"]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """Those that were measured, by name."""
        named = ("probe", "nearest_mean", "nearest_neighbour")
        return {name: getattr(self, name) for name in named if getattr(self, name)}

    @property
    def best(self) -> Outcome:
        """The classifier that is right most often."""
        return max(self.outcomes.values(), key=lambda one: one.accuracy)


def worth_of(
    parts: tuple[ClassMoments, ...],
    rows: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    block: Int[np.ndarray, " m"],
    neighbour_labels: Int[np.ndarray, " m"] | None = None,
    neighbours_tied: float = 0.0,
) -> Worth | None:
    """Accuracies on held-out rows; None where fewer than two classes have two rows.

    Args:
        parts: the moments of the blocks.
        rows: `[m, d]` the rows to judge, all of them or a sample.
        labels: `[m]` their classes.
        block: `[m]` the block that each is in (`moments.blocks.blocks_of`).
        neighbour_labels: `[m]` the class of the closest other row; -1 where there is none.
        neighbours_tied: as `labels_nearby` gives it with them.

    Source:
        Hastie, Tibshirani & Friedman 2009, The Elements of Statistical Learning, sections 4.2,
        4.3 and 7.10; for the intervals Wilson 1927, Rogers & Wagner 1978 and Bates, Hastie &
        Tibshirani 2024 (see `tied_rows`).
    """
    counts = np.sum([part.counts for part in parts], axis=0)
    if np.sum(counts >= 2) < 2 or len(rows) < 2:
        return None
    normalize, many = parts[0].normalize, len(parts)
    axes, rows, parts = turned_alike(parts, rows, labels, block)
    d = rows.shape[1]
    folds = next((min(many, few) for wide, few in WIDE_FOLDS if d >= wide), many)
    fold = block * folds // many
    groups = [
        merged([part for k, part in enumerate(parts) if k * folds // many == f])
        for f in range(folds)
    ]
    right = np.zeros((1 + 2 * len(STRENGTHS), len(rows)), bool)
    for f, rest in enumerate(merges_without(groups)):
        at = np.flatnonzero(fold == f)
        if len(at):
            right[:, at] = judged(list(heads_of(rest)), rows, labels, at)
    probe, best = chosen(right[1:], fold, folds)
    tied = tied_rows(groups, rows, labels, fold, best)
    share = counts / counts.sum()
    final = list(heads_of(merged(groups)))[1 + best]
    weights = final.weights if axes is None else final.weights @ axes.T
    there = counts > 0
    kinds = ["linear discriminant analysis", "ridge regression"]
    neighbours, hits = None, {"nearest_mean": right[0] * 1.0, "probe": probe * 1.0}
    if neighbour_labels is not None and np.any(neighbour_labels >= 0):
        named = np.where(neighbour_labels >= 0, neighbour_labels == labels, -1)
        hits["nearest_neighbour"] = np.where(named < 0, np.nan, named)
        neighbours = _outcome(named, fold, "nearest neighbour, each row left out", neighbours_tied)
    method = f"{kinds[best % 2]}, shrunk by {STRENGTHS[best // 2]:g}"
    return Worth(
        rows=len(rows),
        folds=folds,
        nearest_mean=_outcome(right[0], fold, "nearest class mean", tied[0]),
        probe=_outcome(probe, fold, method, tied[1]),
        nearest_neighbour=neighbours,
        chance=float(np.sum(share**2)),
        largest=float(share.max()),
        head=Head(weights[there], final.bias[there], normalize),
        hits=hits,
    )


def turned_alike(
    parts: tuple[ClassMoments, ...],
    rows: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    block: Int[np.ndarray, " m"],
) -> tuple[Float[np.ndarray, "d r"] | None, Float[np.ndarray, "m r"], tuple[ClassMoments, ...]]:
    """Rows and moments in the same coordinates, and the axes of these, None for the rows' own.

    The moments of rows that are fewer than their dimensions are of coordinates in the space that
    they span; then all rows are here, and turned alike.
    """
    if parts[0].mean.shape[1] >= rows.shape[1]:
        return None, rows, parts
    axes, coordinates = np.linalg.qr(np.asarray(rows, np.float64).T)
    rows, c, normalize = coordinates.T, parts[0].num_classes, parts[0].normalize
    here = (block == k for k in range(len(parts)))
    turned = (ClassMoments.of(rows[at], labels[at], c, normalize=normalize) for at in here)
    return axes, rows, tuple(turned)


def merged(parts: list[ClassMoments]) -> ClassMoments:
    """The moments of all parts together."""
    return reduce(ClassMoments.merge, parts)


def heads_of(moments: ClassMoments, strengths: tuple[float, ...] | None = None) -> Iterator[Head]:
    """Nearest mean, then for each strength discriminant analysis and ridge regression."""
    e = Evidence(moments)
    base = e.base[0] / np.linalg.norm(e.base) if moments.normalize else e.base[0]
    share, d = e.row_share, e.means.shape[1]
    centre = share @ e.means
    means = np.where(e.present[:, None], e.means - centre, 0)
    origin = base + centre
    with np.errstate(divide="ignore"):
        prior = np.log(share)
        absent = np.log(e.present)  # -inf: a class that these rows do not have is never named
    within = moments.scatter / e.weight
    between = (means * share[:, None]).T @ means

    def head(weights: np.ndarray, bias: np.ndarray) -> Head:
        return Head(weights, bias - weights @ origin + absent, moments.normalize)

    yield head(means, -0.5 * np.sum(means**2, axis=1))
    for strength in strengths or STRENGTHS:
        ground = np.eye(d) * (strength * np.trace(within) / d + np.finfo(float).tiny)
        weights = solved((1 - strength) * within + ground, means.T).T
        yield head(weights, prior - 0.5 * np.sum(weights * means, axis=1))
        total = within + between
        ground = np.eye(d) * (strength * np.trace(total) / d + np.finfo(float).tiny)
        weights = solved(total + ground, (means * share[:, None]).T).T
        yield head(weights, share)


def judged(
    heads: list[Head],
    rows: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    at: Int[np.ndarray, " f"],
) -> np.ndarray:
    """Whether each head names the class of each of these rows."""
    weights, c = np.concatenate([head.weights for head in heads]), len(heads[0].bias)
    right = np.empty((len(heads), len(at)), bool)
    size = max(1, TILE_NUMBERS // len(weights))
    for start in range(0, len(at), size):
        some = at[start : start + size]
        x = np.asarray(rows[some], np.float64)
        scores = (unit_rows(x) if heads[0].normalize else x) @ weights.T
        for k, head in enumerate(heads):
            named = np.argmax(scores[:, k * c : (k + 1) * c] + head.bias, axis=1)
            right[k, start : start + size] = named == labels[some]
    return right


def chosen(right: np.ndarray, fold: Int[np.ndarray, " m"], folds: int) -> tuple[np.ndarray, int]:
    """For each fold the head that the other folds prefer; and the one that all prefer."""
    hits = np.stack([np.bincount(fold, row, folds) for row in right])
    others = hits.sum(axis=1, keepdims=True) - hits
    return right[np.argmax(others, axis=0)[fold], np.arange(len(fold))], int(
        np.argmax(hits.sum(axis=1))
    )


def tied_rows(
    groups: list[ClassMoments],
    rows: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    fold: Int[np.ndarray, " m"],
    best: int,
) -> Float[np.ndarray, " 2"]:
    """What to add to the variance of one row, as rows train each other's classifiers.

    The first number is for the nearest mean, the second for the probe. Each row is judged by a
    classifier that most other rows have trained, and has itself trained theirs, so that outcomes
    are not independent. Let D_fg be how many more rows of fold f are right with fold g in training.
    To first order, the mean squared error of the accuracy exceeds that of n independent rows by
    Σ D_fg D_gf/n² over f ≠ g; all other products are zero on average (Rogers & Wagner 1978). Plain
    intervals of cross-validation leave this out (Bates, Hastie & Tibshirani 2024).
    """
    some = np.random.default_rng(0).permutation(len(rows))[:PAIRED_ROWS]
    many = min(PAIRED_FOLDS[groups[0].mean.shape[1] > PAIRED_WIDE], len(groups))
    part = fold[some] * many // len(groups)
    parts = [
        merged([one for k, one in enumerate(groups) if k * many // len(groups) == f])
        for f in range(many)
    ]
    strength, kind = (STRENGTHS[best // 2],), 1 + best % 2

    def right(moments: ClassMoments, *asked: int) -> list[np.ndarray]:
        """How many rows of these parts are right."""
        mean, *_, other = islice(heads_of(moments, strength), kind + 1)
        found = (judged([mean, other], rows, labels, some[part == f]) for f in asked)
        return [hits.sum(axis=1, dtype=np.float64) for hits in found]

    alone = [right(rest, f)[0] for f, rest in enumerate(merges_without(parts))]
    total = np.zeros(2)
    for f, g, rest in _without_two(parts) if many > 2 else ():
        one, other = right(rest, f, g)
        total += 2 * (alone[f] - one) * (alone[g] - other)
    return np.maximum(total, 0) * len(rows) / len(some) ** 2


def _without_two(parts: list[ClassMoments]) -> Iterator[tuple[int, int, ClassMoments]]:
    """Two places and all other parts together: those before, between and after them."""
    before = list(accumulate(parts, ClassMoments.merge))
    after = list(accumulate(parts[::-1], lambda rest, part: part.merge(rest)))[::-1]
    for f in range(len(parts)):
        near = before[f - 1 : f] if f else []
        for g in range(f + 1, len(parts)):
            yield f, g, merged([*near, *after[g + 1 : g + 2]])
            near = [merged([*near, parts[g]])]


def _outcome(
    hits: np.ndarray, fold: Int[np.ndarray, " m"], method: str, tied: float = 0.0
) -> Outcome:
    """The share that is right, with Wilson's interval for as many rows as the folds bear out."""
    asked = hits >= 0
    right, count = hits[asked], len(np.unique(fold[asked]))
    accuracy, variance, spread = spread_of(right, fold[asked])
    z = student_quantile(0.95, max(count - 1, 2)) if spread > 1 else NORMAL_95
    spread += tied / variance if variance > 0 else 0.0
    ends = wilson(accuracy, len(right) / spread, z)
    return Outcome(accuracy, *ends, method, hits.astype(np.int8), fold.astype(np.int16))


def spread_of(
    values: Float[np.ndarray, " m"], fold: Int[np.ndarray, " m"]
) -> tuple[float, float, float]:
    """The mean of values of rows, their variance, and for how many rows each row counts at most.

    Rows of a fold are judged by one classifier, and rows near each other stand or fall together:
    where the folds differ by more than independent rows would, the rows count for fewer.
    """
    mean, variance = float(np.mean(values)), float(np.var(values))
    sizes = np.bincount(fold)
    there = sizes > 0
    means = np.bincount(fold, values)[there] / sizes[there]
    if len(means) < 3 or variance == 0:
        return mean, variance, 1.0
    expected = np.sum(sizes[there] * (means - mean) ** 2) / (len(means) - 1)
    return mean, variance, max(1.0, float(expected) / variance)


def labels_nearby(
    rows: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    groups: Int[np.ndarray, " m"],
    normalize: bool,
    near: Neighbours,
) -> tuple[Int[np.ndarray, " m"], float]:
    """The class of the closest row of another group; -1 for copies, and where there is none.

    The second result is what to add to the variance of one row, as in `tied_rows`: here D_fg is how
    many more rows of group f are right with group g among the rows that are searched.

    Args:
        rows: `[m, d]` as they were read.
        labels: `[m]` their classes.
        groups: `[m]` the group of each, or -1 for a row that is one of its own.
        normalize: take rows on the unit sphere.
        near: their nearest neighbours.
    """
    unit = np.where(groups < 0, -1 - np.arange(len(rows)), groups)
    unit = np.unique(unit, return_inverse=True)[1]
    apart = np.isfinite(near.distances) & (unit[near.where] != unit[:, None])
    apart &= near.exists[:, None]
    first = np.take_along_axis(near.where, np.argmax(apart, axis=1)[:, None], axis=1)[:, 0]
    found = np.where(apart.any(axis=1), labels[first], -1)
    # Groups of more rows than neighbours are known: these are looked at again, among all rows.
    left = np.flatnonzero(near.exists & ~apart.any(axis=1) & (groups >= 0))
    if len(left):
        x = unit_rows(np.asarray(rows, np.float64)) if normalize else np.asarray(rows, np.float64)
        x = x - x.mean(axis=0)
        half = np.einsum("md,md->m", x, x) / 2
        for some in np.array_split(left, 1 + len(left) * len(x) // TILE_NUMBERS):
            far = half - x[some] @ x.T
            far[unit[some, None] == unit] = np.inf
            best = np.argmin(far, axis=1)
            there = np.isfinite(far[np.arange(len(some)), best])
            found[some] = np.where(there, labels[best], -1)
    return found, _tied_neighbours(near.where, apart, unit, labels)


def _tied_neighbours(
    where: Int[np.ndarray, "m k"], apart: np.ndarray, unit: np.ndarray, labels: np.ndarray
) -> float:
    """Σ D_fg D_gf/n over groups f ≠ g, of the neighbours that are `apart` from each row."""
    group = np.take_along_axis(unit[where], np.argmax(apart, axis=1)[:, None], axis=1)
    beyond = apart & (unit[where] != group)
    right = labels[where] == labels[:, None]
    first, then = (
        np.take_along_axis(right, np.argmax(one, axis=1)[:, None], axis=1)[:, 0] * 1.0
        for one in (apart, beyond)
    )
    gain, many = np.where(beyond.any(axis=1), first - then, 0.0), len(unit)
    pairs, place = np.unique(unit * many + group[:, 0], return_inverse=True)
    gains, back = np.bincount(place, gain), pairs % many * many + pairs // many
    mutual = np.minimum(np.searchsorted(pairs, back), len(pairs) - 1)
    return max(0.0, float(np.sum(gains * gains[mutual] * (pairs[mutual] == back)))) / len(unit)


def explained(
    rows: Float[np.ndarray, "m d"],
    labels: Int[np.ndarray, " m"],
    normalize: bool,
    groups: Int[np.ndarray, " m"] | None = None,
) -> dict[str, Outcome]:
    """Few-shot accuracy of the nearest mean, and logistic regression where it is installed.

    Args:
        rows: `[m, d]`; of more than `MAX_FITTED_ROWS` so many are looked at.
        labels: `[m]` their classes.
        normalize: take rows on the unit sphere.
        groups: `[m]` as for `labels_nearby`.
    """
    rng = np.random.default_rng(0)
    some = np.sort(rng.permutation(len(rows))[:MAX_FITTED_ROWS])
    x, y = np.asarray(rows[some], np.float64), labels[some]
    unit = np.arange(len(some)) if groups is None else groups[some]
    unit = np.where(unit < 0, -1 - np.arange(len(some)), unit)
    x = unit_rows(x) if normalize else x
    x = x - x.mean(axis=0)
    classes, y = np.unique(y, return_inverse=True)
    counts = np.bincount(y)
    found = {}
    for shots in SHOTS:
        if np.min(counts) > shots:
            draws = [_few_shot(x, y, unit, shots, rng) for _ in range(SHOT_DRAWS)]
            if not np.all(np.isfinite(draws)):
                continue
            reach = student_quantile(0.95, SHOT_DRAWS - 1) * float(np.std(draws, ddof=1))
            mean = float(np.mean(draws))
            method = f"nearest mean of {shots} rows a class; 95 % of draws of these rows"
            low, high = max(0.0, mean - reach), min(1.0, mean + reach)
            found[f"{shots}_shot"] = Outcome(mean, low, high, method)
    if find_spec("sklearn") and len(classes) > 1 and np.min(counts) > 1:
        fold = np.zeros(len(x), np.int64)
        for f, part in enumerate(random_parts(len(x), FITTED_FOLDS, None, unit)):
            fold[part] = f % FITTED_FOLDS
        right = np.zeros(len(x), bool)
        for f in np.unique(fold):
            right[fold == f] = _logistic(x, y, fold != f)
        method = f"logistic regression (scikit-learn), {FITTED_FOLDS} folds"
        found["logistic"] = _outcome(right, fold, method)
    return found


def _few_shot(
    x: np.ndarray, y: np.ndarray, unit: np.ndarray, shots: int, rng: np.random.Generator
) -> float:
    """Accuracy of the nearest mean of so many rows of each class, on all others of other groups."""
    order = rng.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]
    counts = np.bincount(y)
    starts = np.cumsum(counts) - counts
    seen = order[(starts[:, None] + np.arange(shots)).ravel()]
    means = x[seen].reshape(len(counts), shots, -1).mean(axis=1)
    rest = np.flatnonzero(~np.isin(unit, unit[seen]))
    if not len(rest):
        return math.nan
    scores = x[rest] @ means.T - 0.5 * np.sum(means**2, axis=1)
    return float(np.mean(np.argmax(scores, axis=1) == y[rest]))


def _logistic(x: np.ndarray, y: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Whether each row that is not trained on gets its class."""
    import warnings

    from sklearn.linear_model import LogisticRegression

    if len(seen := np.unique(y[train])) < 2:
        return np.isin(y[~train], seen)
    scale = max(float(np.std(x[train])), np.finfo(float).tiny)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an end before convergence is as good a classifier
        fitted = LogisticRegression(max_iter=200).fit(x[train] / scale, y[train])
    return fitted.predict(x[~train] / scale) == y[~train]
