"""What a remedy does to rows that it has not seen.

Rows are judged by maps that the moments of the other folds make, against rows of the other folds,
so that neither a map nor a classifier has seen the rows that it is judged by. All remedies are
judged by the same rows: what one changes is told by the rows that it turns right or wrong alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Bool, Float, Int
from gramax.arrays.nearest import nearest_on_host
from gramax.arrays.rows import unit_rows
from gramax.decide.decision import Estimate
from gramax.decide.prediction import after
from gramax.decide.remedies import Axes, Remedy
from gramax.metrics.neighbours import HUB_NEIGHBOURS, hubness_of
from gramax.moments import ClassMoments
from gramax.uncertainty.chance.cosines import student_quantile
from gramax.uncertainty.errorbars import merges_without
from gramax.uncertainty.probes import (
    TILE_NUMBERS,
    chosen,
    heads_of,
    judged,
    merged,
)

USES = ("nearest_neighbour", "nearest_mean", "probe")
"""The classifiers by which rows are judged: what a space may be used for."""

WIDE, FOLDS, WIDE_FOLDS = 512, 5, 3
"""Parts of the rows; fewer from so many dimensions on, as maps take time like their cube."""

MAX_JUDGED, MAX_REFERENCES = 3000, 6000
"""Rows that are judged at most, and those of the other folds that they are held against."""

Tell = Callable[[int, int], None]
"""Told the steps that are done, and those in all."""

STRENGTHS = (1e-3, 1e-2, 0.1)
"""Regularisation of the probe that is tried: steps coarser than an audit's."""


@dataclass(frozen=True)
class Folds:
    """Rows and moments in the same coordinates, dealt into folds."""

    rows: Float[np.ndarray, "m r"]  # on the sphere, or as they are
    labels: Int[np.ndarray, " m"]  # their classes; 0 without them
    block: Int[np.ndarray, " m"]  # the block of the moments that each is in
    parts: tuple[ClassMoments, ...]  # the moments of the blocks
    # the rows' own coordinate axes, where these are others; else None
    own: Float[np.ndarray, "r d"] | None

    @property
    def count(self) -> int:
        """Number of folds."""
        return FOLDS if self.rows.shape[1] < WIDE else WIDE_FOLDS

    @property
    def fold(self) -> Int[np.ndarray, " m"]:
        """The fold of each row."""
        return self.block * self.count // len(self.parts)

    @property
    def dtype(self) -> type:
        """Float32, in which products are quick, unless it cannot hold the squares of the rows."""
        largest = float(np.max(np.abs(self.rows)))
        return np.float32 if 1e-12 < largest < 1e15 else np.float64

    def axes(self) -> list[Axes]:
        """What maps are made of, from all rows but those of each fold."""
        many, folds = len(self.parts), self.count
        groups = [
            merged([part for k, part in enumerate(self.parts) if k * folds // many == f])
            for f in range(folds)
        ]
        return [Axes(rest, self.own) for rest in merges_without(groups)]


@dataclass(frozen=True)
class Judged:
    """Rows that were judged after every remedy."""

    right: Bool[np.ndarray, "uses remedies m"]  # whether each got its class
    block: Int[np.ndarray, " m"]  # the block that each is in

    def gain(self, use: int, remedy: int, tried: int) -> Estimate:
        """How much more often rows are right than as they are, with its interval of 95 %.

        The interval holds for as many comparisons as were `tried` together (Bonferroni). It is
        that of paired shares with half a row added to either side (Agresti & Min 2005), for as
        many rows as the blocks bear out.
        """
        change = self.right[use, remedy].astype(float) - self.right[use, 0]
        n, mean, square = len(change), float(np.mean(change)), float(np.mean(change**2))
        middle, variance = n * mean / (n + 1), (n * square + 1) / (n + 1)
        variance -= middle**2
        sizes = np.bincount(self.block)
        there = sizes > 0
        sums = np.bincount(self.block, change)[there] - mean * sizes[there]
        count = int(np.sum(there))
        between = float(np.sum(sums**2)) / n * count / max(count - 1, 1)
        t = student_quantile(1 - 0.05 / tried, max(count - 1, 1))
        reach = t * math.sqrt(max(variance, between) / (n + 1))
        return Estimate(mean, middle - reach, middle + reach)


def judge(folds: Folds, remedies: Sequence[Remedy], tell: Tell | None = None) -> Judged:
    """Whether rows held out get their classes after each remedy, in every use."""
    fold, order = folds.fold, np.random.default_rng(0).permutation(len(folds.rows))
    some = np.sort(order[:MAX_JUDGED])
    right = np.zeros((len(remedies), 2 + 2 * len(STRENGTHS), len(some)), bool)

    def work(f: int, axes: Axes, step: Callable[[], None]) -> None:
        at = np.flatnonzero(fold[some] == f)
        others = np.sort(order[fold[order] != f][:MAX_REFERENCES])
        if not len(at) or not len(others):
            return
        own, other = (folds.rows[rows].astype(folds.dtype) for rows in (some[at], others))
        labels, known = folds.labels[some[at]], folds.labels[others]
        sphere = unit_rows if axes.moments.normalize else lambda y: y
        for r, remedy in enumerate(remedies):
            to = remedy.of(axes)
            y, references = to(own), to(other)
            heads = list(heads_of(after(axes.moments, to, references, known), STRENGTHS))
            right[r, 0, at] = nearest_labels(sphere(y), sphere(references), known) == labels
            right[r, 1:, at] = judged(heads, y, labels, np.arange(len(y))).T
            step()

    _by_folds(folds, len(remedies), work, tell)
    probes = np.stack([chosen(one[2:], fold[some], folds.count)[0] for one in right])
    return Judged(np.stack([right[:, 0], right[:, 1], probes]), folds.block[some])


def _by_folds(
    folds: Folds,
    steps: int,
    work: Callable[[int, Axes, Callable[[], None]], None],
    tell: Tell | None,
) -> None:
    """`work(fold, axes, step)` of each fold, on threads of our own."""
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if tell is not None:
            tell(min(done, folds.count * steps), folds.count * steps)

    def quiet(f: int, axes: Axes) -> None:
        with np.errstate(all="ignore"):  # of rows without scatter: nothing is recommended of NaN
            work(f, axes, step)

    with ThreadPoolExecutor(min(os.cpu_count() or 1, folds.count)) as pool:
        running = [pool.submit(quiet, f, axes) for f, axes in enumerate(folds.axes())]
        for one in running:
            one.result()


def nearest_labels(
    own: Float[np.ndarray, "n m"], other: Float[np.ndarray, "o m"], labels: Int[np.ndarray, " o"]
) -> Int[np.ndarray, " n"]:
    """The label of the nearest of the `other` rows, for each of one's own."""
    middle = other.mean(axis=0)
    other, own = other - middle, own - middle
    half = 0.5 * np.einsum("ij,ij->i", other, other)
    size = max(1, TILE_NUMBERS // len(other))
    found = [
        np.argmax(own[start : start + size] @ other.T - half, axis=1)
        for start in range(0, len(own), size)
    ]
    return labels[np.concatenate(found)]


def neighbourhoods(
    folds: Folds, remedies: Sequence[Remedy], tell: Tell | None = None
) -> tuple[list[Estimate], Float[np.ndarray, " remedies"]]:
    """What remedies do to the neighbours of rows held out, without their classes.

    That is how much less hubness (skewness of how often rows are neighbours) there is than in the
    space as it is, and the share of the neighbours that stay.
    """
    fold, order = folds.fold, np.random.default_rng(0).permutation(len(folds.rows))
    hubs, overlap = (np.full((len(remedies), folds.count), np.nan) for _ in range(2))

    def work(f: int, axes: Axes, step: Callable[[], None]) -> None:
        at = np.sort(order[fold[order] == f][: MAX_JUDGED // folds.count])
        own, before = folds.rows[at].astype(folds.dtype), None
        for r, remedy in enumerate(remedies):
            y = remedy.of(axes)(own)
            found = nearest_on_host(y, HUB_NEIGHBOURS, axes.moments.normalize)[0]
            before = found.where if before is None else before
            kept = (found.where[:, :, None] == before[:, None, :]).any(axis=2)
            hubs[r, f], overlap[r, f] = hubness_of(found).skewness, np.mean(kept)
            step()

    _by_folds(folds, len(remedies), work, tell)
    return falls_of(hubs), overlap.mean(axis=1)


def falls_of(hubs: Float[np.ndarray, "remedies folds"]) -> list[Estimate]:
    """How much lower each is than the first, on average over the folds."""
    count = hubs.shape[1]
    t = student_quantile(0.95, count - 1) / math.sqrt(count)
    falls = [(float(np.mean(x)), t * float(np.std(x, ddof=1))) for x in hubs[0] - hubs]
    return [Estimate(x, x - reach, x + reach) for x, reach in falls]
