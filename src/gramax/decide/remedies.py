"""The linear maps that are tried on a space: each is made from moments alone.

`Axes` holds what they are made of (mean, spectra, class means), derived once from the moments. A
remedy is a name, what it does in words, and a function from axes to a `Map`. In a list of remedies
simpler ones stand before others, and the first is the space as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from gramax._shapes import Float
from gramax.arrays.linalg import eigh
from gramax.metrics.evidence import Evidence
from gramax.moments import ClassMoments

REMOVED = (1, 2, 3, 5)
"""Top directions that are taken out (Mu & Viswanath 2018 take d/100)."""

KEPT = (2, 4, 8)
"""A space is cut to one such part of its dimensions, by PCA or as the first ones."""

POWERS, POWERS_WITHIN = (0.25, 0.5, 0.75, 1.0), (0.5, 1.0)
"""Exponents α of Σ^(-α/2), of the covariance of all rows and of that within classes."""


@dataclass(frozen=True)
class Map:
    """Rows less `origin`, in the directions `basis` (None: their own), each times its scale."""

    origin: Float[np.ndarray, " d"]
    basis: Float[np.ndarray, "d m"] | None = None
    scale: Float[np.ndarray, " m"] | None = None

    @property
    def matrix(self) -> Float[np.ndarray, "d m"] | None:
        """What rows less the origin are multiplied by; None for nothing."""
        if self.basis is None or self.scale is None:
            return self.basis
        return self.basis * self.scale

    def __call__(self, rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n m"]:
        """The rows after it, in their own precision."""
        moved = rows - self.origin.astype(rows.dtype)
        matrix = self.matrix
        return moved if matrix is None else moved @ matrix.astype(rows.dtype)


class Axes:
    """What maps are made of.

    Attributes:
        moments: of the rows that a map is made from.
        own: `[r, d]` the rows' own coordinate axes, where the moments are of others; else None.
        d: the length of a row.
    """

    def __init__(self, moments: ClassMoments, own: Float[np.ndarray, "r d"] | None = None) -> None:
        """Derive from `moments`; spectra wait until asked for."""
        self.moments, self.own = moments, own
        self._evidence = e = Evidence(moments)
        self.n = float(e.n)
        self.d = moments.mean.shape[1] if own is None else own.shape[1]
        self.mean: Float[np.ndarray, " r"] = e.row_share @ e.origin_means

    @cached_property
    def principal(self) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, "r r"]]:
        """Variances of all rows, the largest first, and their directions as columns."""
        return _spectrum(self._evidence.covariance)

    @cached_property
    def within(self) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, "r r"]]:
        """The same within classes."""
        return _spectrum(self._evidence.within)

    @cached_property
    def discriminant(self) -> Float[np.ndarray, "r k"]:
        """The directions of linear discriminant analysis, in which rows have unit variance."""
        values, axes = self.within
        white = axes * self.shrunk(values) ** -0.5
        e = self._evidence
        means = (np.sqrt(e.row_share)[:, None] * e.about(e.row_share)) @ white
        kept = min(int(e.present_count) - 1, means.shape[1])
        return white @ np.linalg.svd(means, full_matrices=False)[2][:kept].T

    def shrunk(self, values: Float[np.ndarray, " r"]) -> Float[np.ndarray, " r"]:
        """Variances drawn towards their mean, by how much n rows leave them unknown.

        Source:
            Chen, Wiesel, Eldar & Hero 2010 (oracle approximating shrinkage), equation 23.
        """
        d, total, squares = len(values), values.sum(), np.sum(values**2)
        if not total > 0:  # nothing scatters: no direction is to be scaled
            return np.ones(d)
        above = (1 - 2 / d) * squares + total**2
        below = (self.n + 1 - 2 / d) * (squares - total**2 / d)
        rho = min(1.0, above / below) if below > 0 else 1.0
        return (1 - rho) * values + max(rho, 1e-9) * total / d

    def prefix(self, m: int) -> Float[np.ndarray, "r m"]:
        """The first m of the rows' own dimensions."""
        own = np.eye(self.d) if self.own is None else self.own
        return own[:, :m]


def _spectrum(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = eigh(matrix)
    return np.maximum(values[::-1], 0), np.ascontiguousarray(vectors[:, ::-1])


@dataclass(frozen=True)
class Remedy:
    """A map that is tried."""

    key: str  # its name in JSON and for `--remedy`
    words: str  # what it does, as a table says it
    of: Callable[[Axes], Map]  # from the axes of a space to the map


def remedies(d: int, r: int, classes: int) -> Iterator[Remedy]:
    """Those that a space of d dimensions allows, r of them spanned; fewer without classes.

    Example:
        >>> print(*(remedy.key for remedy in remedies(8, 8, 0)))
        as_it_is centre remove_1 remove_2 remove_3 pca_4 pca_2 whiten_0.25 whiten_0.5 whiten_0.75 \
whiten_1 prefix_4 prefix_2
    """
    yield Remedy("as_it_is", "as it is", lambda a: Map(0 * a.mean))
    yield Remedy("centre", "centre", lambda a: Map(a.mean))
    for k in (k for k in REMOVED if k < r / 2):
        words = f"centre, remove the top {k} direction{'s' * (k > 1)}"
        yield Remedy(f"remove_{k}", words, partial(_kept, k, None))
    for m in (d // part for part in KEPT if d // part > 1):
        if m < r:
            yield Remedy(f"pca_{m}", f"PCA to {m} dimensions", partial(_kept, 0, m))
    for power in POWERS:
        words = f"whiten, Σ^(−{power:g}/2)"
        yield Remedy(f"whiten_{power:g}", words, partial(_whitened, power, False))
    if classes > 1:
        for power in POWERS_WITHIN:
            words = f"whiten within classes, Σ_W^(−{power:g}/2)"
            yield Remedy(f"within_{power:g}", words, partial(_whitened, power, True))
        if classes <= r:
            words = f"discriminant analysis to {classes - 1} dimensions"
            yield Remedy("lda", words, lambda a: Map(a.mean, a.discriminant))
    for m in (d // part for part in KEPT if d // part > 1):
        yield Remedy(f"prefix_{m}", f"the first {m} dimensions", partial(_prefix, m))


def _kept(start: int, stop: int | None, axes: Axes) -> Map:
    return Map(axes.mean, axes.principal[1][:, start:stop])


def _whitened(power: float, within: bool, axes: Axes) -> Map:
    values, vectors = axes.within if within else axes.principal
    values = axes.shrunk(values)
    return Map(axes.mean, vectors, (values / values[0]) ** (-power / 2))


def _prefix(m: int, axes: Axes) -> Map:
    return Map(0 * axes.mean, axes.prefix(m))
