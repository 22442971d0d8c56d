"""Classes that a threshold takes for one another, by name, and classes that may be one."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np

from gramax import _files
from gramax._shapes import Float, Int
from gramax.decide.decision import plain
from gramax.errors import InputError
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
    """Two classes, and how often their rows are called the same."""

    a: str  # the name of one
    b: str  # of the other
    passing: float  # share of the pairs of a row of `a` and one of `b` that pass the threshold
    own: float  # share of the pairs within `a`, and within `b`, that pass, averaged
    of_accepts: float  # their share of all pairs of two classes that pass
    distance: float  # between the two means, over that of a row to its mean in the tighter class


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise `InputError` unless the name says how a list is to be written."""
    if not str(path).lower().endswith(".csv"):
        raise InputError(f"{path}: a list of classes to merge is written as .csv")


def save_pairs(pairs: Sequence[MixedUp], path: str | os.PathLike[str]) -> None:
    """Write a list as .csv with a header, whole or not at all."""
    check_name(path)
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(MixedUp)])
    writer.writeheader()
    writer.writerows(plain(pairs))
    _files.write_text(path, out.getvalue())


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
        kept, nearest, most = np.zeros((0, 4)), np.inf, -np.inf
        for start in range(0, len(there), BLOCK):
            a, b = there[start : start + BLOCK], there[start:]
            gaps = squares[a, None] + squares[b] - 2 * means[a] @ means[b].T
            with np.errstate(divide="ignore", invalid="ignore"):
                near = gaps / np.fmin(radius[a, None], radius[b])
            near[np.isnan(near)] = np.inf
            cosines = found.origin_means[a] @ found.origin_means[b].T
            errors = np.minimum(cosines - self._cosine, 0) / self._scale
            errors += np.log(rows[a])[:, None] + np.log(rows[b])
            i, j = np.nonzero((a[:, None] < b) & ((near < nearest) | (errors > most)))
            kept = np.vstack([kept, np.c_[a[i], b[j], near[i, j], errors[i, j]]])
            if len(kept) > MAX_PAIRS:  # the nearest, and those that are likely to err most
                nearest = np.partition(kept[:, 2], MAX_PAIRS)[MAX_PAIRS]
                most = np.partition(kept[:, 3], -MAX_PAIRS - 1)[-MAX_PAIRS - 1]
                kept = kept[(kept[:, 2] < nearest) | (kept[:, 3] > most)]
        for a, b, near, _ in kept:
            yield int(a), int(b), max(float(near), 0.0) ** 0.5
