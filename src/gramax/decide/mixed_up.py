"""Classes that a threshold takes for one another, by name, and classes that may be one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gramax._shapes import Float, Int
from gramax.metrics.evidence import Evidence

MAX_ROWS_OF_CLASS = 1000
"""Rows of a class whose pairs are counted, at most: of more, random ones."""

MAX_PAIRS = 1000
"""Pairs of classes that are looked at: those whose rows have the largest cosines on average, and
those whose means lie nearest."""

BLOCK = 256
"""Classes that are held against all others at once."""

ALIKE = 0.9
"""Of two classes to merge, at least this share of the pairs pass that pass within the two."""


@dataclass(frozen=True)
class MixedUp:
    """Two classes, and how often their rows are called the same.

    Attributes:
        a: the name of one; b: of the other.
        passing: share of the pairs of a row of `a` and one of `b` that pass the threshold.
        own: share of the pairs within `a`, and within `b`, that pass, averaged.
        of_accepts: their share of all pairs of two classes that pass.
        distance: between the two means, over that of a row to its mean in the tighter class.
    """

    a: str
    b: str
    passing: float
    own: float
    of_accepts: float
    distance: float


class ClassPairs:
    """The pairs of classes at one threshold."""

    def __init__(
        self,
        x: Float[np.ndarray, "m d"],
        y: Int[np.ndarray, " m"],
        found: Evidence,
        cosine: float,
        scale: float,
    ) -> None:
        """`x` are unit rows with their classes `y`; `found` knows the means of all rows.

        `scale` is the deviation of the cosines of different pairs.
        """
        order = np.random.default_rng(0).permutation(len(y))
        order = order[np.argsort(y[order], kind="stable")]
        ends = np.searchsorted(y[order], np.arange(len(found.rows) + 1))
        self._rows = [x[order[a : min(b, a + MAX_ROWS_OF_CLASS)]] for a, b in pairwise(ends)]
        self._found, self._cosine, self._scale = found, cosine, scale
        self.own = np.array([self._own(rows) for rows in self._rows])
        """`[c]` share of the pairs within a class that pass; NaN of a class of one row."""

    def _own(self, rows: Float[np.ndarray, "k d"]) -> float:
        n = len(rows)
        if n < 2:
            return np.nan
        passing = rows @ rows.T > self._cosine
        return float(passing.sum() - np.trace(passing)) / (n * (n - 1))

    def listed(
        self, names: tuple[str, ...], accepts: float
    ) -> tuple[tuple[MixedUp, ...], tuple[MixedUp, ...]]:
        """Pairs of classes by how many of their pairs pass; and those to merge, nearest first.

        `accepts` is the false-accept rate. The means of two classes to merge are nearer to each
        other than to their own rows, and their rows pass as often as rows of one class.
        """
        rows = np.asarray(self._found.rows)
        every = (rows.sum() ** 2 - rows @ rows) / 2 * accepts
        seen = []
        for a, b, distance in self._candidates():
            passing = float(np.mean(self._rows[a] @ self._rows[b].T > self._cosine))
            part = float(passing * rows[a] * rows[b] / every) if every else 0.0
            own = float(self.own[[a, b]].mean())
            seen.append(MixedUp(names[a], names[b], passing, own, part, distance))
        worst = sorted((one for one in seen if one.passing), key=lambda one: -one.of_accepts)
        merge = [one for one in seen if one.distance < 1 and one.passing >= ALIKE * one.own > 0]
        return tuple(worst), tuple(sorted(merge, key=lambda one: one.distance))

    def _candidates(self) -> Iterator[tuple[int, int, float]]:
        """Pairs of classes that may make errors or be one: (a, b, distance)."""
        found, rows = self._found, np.asarray(self._found.rows)
        there = np.array([k for k, own in enumerate(self._rows) if len(own)])
        noise = found.moments.spread / np.maximum(rows * (rows - 1), 1)
        radius, means = np.where(rows > 1, noise * rows, np.nan), found.centred
        squares = np.sum(means**2, axis=1) - noise
        kept = np.zeros((0, 4))
        for start in range(0, len(there), BLOCK):
            a, b = there[start : start + BLOCK, None], there[None, start:]
            gaps = squares[a] + squares[b] - 2 * means[a[:, 0]] @ means[b[0]].T
            with np.errstate(divide="ignore", invalid="ignore"):
                near = np.maximum(gaps, 0) / np.fmin(radius[a], radius[b])
            cosines = found.origin_means[a[:, 0]] @ found.origin_means[b[0]].T
            errors = np.log(rows[a] * rows[b]) + np.minimum(cosines - self._cosine, 0) / self._scale
            both = np.broadcast_to(a, gaps.shape), np.broadcast_to(b, gaps.shape)
            more = np.stack([*both, near, errors], axis=2)[a < b]
            kept = self._best(np.concatenate([kept, more]))
        for a, b, near, _ in kept:
            yield int(a), int(b), float(near**0.5)

    def _best(self, kept: Float[np.ndarray, "k 4"]) -> Float[np.ndarray, "j 4"]:
        """The pairs to keep: the nearest, and those that are likely to err most."""
        if len(kept) <= MAX_PAIRS:
            return kept
        by = (kept[:, 2], -kept[:, 3])
        return kept[np.union1d(*(np.argpartition(k, MAX_PAIRS - 1)[:MAX_PAIRS] for k in by))]
