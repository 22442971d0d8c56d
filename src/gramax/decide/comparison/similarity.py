"""How alike two spaces of the same rows are, up to a rotation: linear CKA and Procrustes.

Both need nothing but products summed over rows, which `CrossMoments` holds: they add up over
batches, and a block of rows can be taken out again. Each number, what chance gives for it (rows
paired at random), and its error, a jackknife over blocks of rows, are functions of these products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.cloud import SAME_POINT_UNITS
from gramax.arrays.linalg import singular_values
from gramax.arrays.rows import power_of_two, spanned, unit_rows
from gramax.decide.comparison.changes import LEVEL, TOO_FEW, WHOLE_LINE
from gramax.decide.comparison.results import Alignment
from gramax.moments.blocks import random_parts
from gramax.uncertainty.chance.laws import Chance
from gramax.uncertainty.errorbars import ErrorBar, jackknife

CHUNK_BYTES, MAX_BLOCK_BYTES, FEW_BLOCKS = 1 << 24, 1 << 30, (10, 5)
"""Bytes of the rows in float64 that are looked at together; bytes that the products of all blocks
may take, and how many blocks there are where as many as were asked for do not fit."""

CHANCE_DRAWS, MAX_CHANCE_WORK = 20, 4e10
"""Draws of the simulation of Procrustes, and the multiplications that they may cost together."""

MIN_ROWS, MIN_DEBIASED_ROWS, MIN_UNBIASED_SHARE = 3, 4, 1e-9
"""Rows that a similarity needs, as a rotation and a scale turn any two rows into any other two;
those that unbiased estimators need, which divide by n - 3; and the unbiased share of |XᵀX|² below
which it is nothing but the rounding of float32 rows."""

EXACT = "exact moments over all pairings of the rows"
A_POINT = "undefined: all rows of a space are one point"
TOO_FEW_ROWS = f"undefined for fewer than {MIN_ROWS} rows, any two of which are alike"
TOO_FEW_DEBIASED = f"undefined for fewer than {MIN_DEBIASED_ROWS} rows"
EQUALLY_FAR = "undefined: the rows of a space are all equally far apart"
NO_MEMORY = f"the products of blocks of rows would take more than {MAX_BLOCK_BYTES >> 30} GiB"

DEBIASED_MEANING = "similarity of the two geometries; 0 is unrelated, 1 the same up to rotation"
PLAIN_MEANING = "the same with the plain estimator, which few rows inflate"
TURN_MEANING = "how well one rotation and scale turn the one into the other; 1 is exactly"


class CentredRows:
    """Rows less their mean, in float64, over a power of two near their largest entry.

    Neither a rotation nor a scale changes a similarity. So rows that are fewer than their
    dimensions are told by their coordinates in the space that they span, and rows of any scale can
    be squared twice. Rows closer to each other than their rounding are one point, and become zeros.
    """

    def __init__(self, rows: Float[np.ndarray, "n d"], normalize: bool = False) -> None:
        """Of at least one row of any type; on the unit sphere where asked for."""
        floating = np.issubdtype(rows.dtype, np.floating)
        epsilon = float(np.finfo(rows.dtype if floating else np.float64).eps)
        n, d = rows.shape
        self.rows, self.normalize, self.mean, self.scale = rows, normalize, np.zeros(d), 1.0
        self.first = np.zeros(d)
        self.first = self.at(slice(1))[0]  # subtracted first: copies of it are exactly 0
        total, longest, largest, step = np.zeros(d), 0.0, 0.0, max(1, CHUNK_BYTES // (8 * d))
        for start in range(0, n, step):
            gaps = self.at(slice(start, start + step))
            total += gaps.sum(axis=0)
            longest = max(longest, float(np.max(np.linalg.norm(gaps, axis=1))))
            largest = max(largest, float(np.max(np.abs(gaps))))
        a_point = longest <= SAME_POINT_UNITS * epsilon * float(np.linalg.norm(self.first))
        self.mean = total / n
        self.scale = np.inf if a_point else float(power_of_two(np.float64(largest)))
        if n < d:
            self.rows, self.normalize = spanned(self.at(slice(None))), False
            self.first = self.mean = np.zeros(self.rows.shape[1])
            self.scale = 1.0

    def at(self, which: Int[np.ndarray, " m"] | slice) -> Float[np.ndarray, "m r"]:
        """Some of the rows, by their places; r = min(n, d)."""
        rows = np.asarray(self.rows[which], np.float64)
        rows = unit_rows(rows) if self.normalize else rows
        return ((rows - self.first) - self.mean) / self.scale


class CrossMoments(NamedTuple):
    """Sums over n rows x and the rows y that match them, from fixed centres, in float64."""

    n: int  # number of rows
    x: Float[np.ndarray, " p"]  # Σx
    y: Float[np.ndarray, " q"]  # Σy
    xx: Float[np.ndarray, "p p"]  # XᵀX
    xy: Float[np.ndarray, "p q"]  # XᵀY
    yy: Float[np.ndarray, "q q"]  # YᵀY
    # Σ|x|⁴ and Σ|x|²|y|², below them Σ|x|²|y|² and Σ|y|⁴
    fourths: Float[np.ndarray, "2 2"]

    @classmethod
    def of(cls, x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"]) -> CrossMoments:
        """Of these rows; the closer the centres are to the means, the more digits stay."""
        squares = np.stack([np.sum(v * v, axis=1) for v in (x, y)])
        sums = x.sum(axis=0), y.sum(axis=0)
        return cls(len(x), *sums, x.T @ x, x.T @ y, y.T @ y, squares @ squares.T)

    @property
    def traces(self) -> tuple[float, float]:
        """Σ|x|² and Σ|y|²."""
        return float(np.trace(self.xx)), float(np.trace(self.yy))

    def combined(self, other: CrossMoments, sign: int = 1) -> CrossMoments:
        """Both sets of rows; with sign -1, these rows without those."""
        sums: list[Any] = [one + sign * more for one, more in zip(self, other, strict=True)]
        return CrossMoments(*sums)

    def centred(self) -> CrossMoments:
        """Measured from the means, but for the fourth powers, which only correct by O(1/n)."""
        x, y, n = self.x, self.y, self.n
        return self._replace(
            x=0 * x,
            y=0 * y,
            xx=self.xx - np.outer(x, x / n),
            xy=self.xy - np.outer(x, y / n),
            yy=self.yy - np.outer(y, y / n),
        )


def moments_of(x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"]) -> CrossMoments:
    """Of rows held in memory, centred; of no more than n coordinates each."""
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
        raise ValueError(f"rows must match one by one; got shapes {x.shape} and {y.shape}")
    return CrossMoments.of(*(CentredRows(rows).at(slice(None)) for rows in (x, y)))


def linear_cka(
    x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"], debiased: bool = False
) -> float:
    """Linear CKA of rows that match one by one: 1 where one is a rotation of the other, scaled.

    It is NaN for fewer than 3 rows and where all rows of a space are one point; `debiased` (0 on
    average for unrelated rows) also for 3 rows and where the rows of a space are equally far apart.

    Source:
        Kornblith et al. 2019; debiased by Song et al. 2012, equation 5.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> print(round(linear_cka(x, 2 * x[:, ::-1] + 1), 6))
        1.0
    """
    m = moments_of(x, y)
    return cka_debiased(m) if debiased else cka(m)


def procrustes_similarity(x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"]) -> float:
    """How well a rotation and a scale turn rows into those that match them: 1 is perfectly.

    Source:
        Schönemann 1966; Williams et al. 2021.
    """
    return procrustes(moments_of(x, y))


# -- values of centred moments, NaN as `why_undefined` says --------------------------------------


def cka(m: CrossMoments) -> float:
    """Linear CKA, in [0, 1]: |XᵀY|² / (|XᵀX| |YᵀY|), in Frobenius norms. Few rows inflate it."""
    return _over(m.n, _square(m.xy), _square(m.xx), _square(m.yy))


def cka_debiased(m: CrossMoments) -> float:
    """Debiased linear CKA, at most 1: 0 on average where the spaces are unrelated.

    With K = XXᵀ without its diagonal, tr KL = |XᵀY|² - Σ|x|²|y|², and K1 = -|x|² for centred rows.
    """
    n = m.n
    if n < MIN_DEBIASED_ROWS:
        return math.nan
    squares = np.array([[_square(m.xx), _square(m.xy)], [_square(m.xy), _square(m.yy)]])
    unbiased = squares - m.fourths
    unbiased += np.outer(m.traces, m.traces) / ((n - 1) * (n - 2)) - 2 * m.fourths / (n - 2)
    if not np.all(np.diag(unbiased) > MIN_UNBIASED_SHARE * np.diag(squares)):
        return math.nan
    return _over(n, unbiased[0, 1], unbiased[0, 0], unbiased[1, 1])


def procrustes(m: CrossMoments) -> float:
    """Procrustes similarity, in [0, 1]: |XᵀY|_* / (|X| |Y|), |·|_* the nuclear norm.

    It is 1 - D²/2 for the distance D of X and Y of unit norm after the best rotation.
    """
    return _over(m.n, float(np.sum(singular_values(m.xy))), *m.traces)


def procrustes_near(m: CrossMoments) -> Callable[[CrossMoments], float]:
    """Procrustes similarity to first order about `m`, of which one decomposition then does for all.

    The nuclear norm of A + dA is |A|_* + ⟨UVᵀ, dA⟩ to first order, with A = USVᵀ.
    """
    u, _, v = np.linalg.svd(m.xy, full_matrices=False)
    turn = u @ v
    return lambda near: _over(near.n, float(np.sum(turn * near.xy)), *near.traces)


def why_undefined(m: CrossMoments, debiased: bool = False) -> str:
    """Why a similarity of these centred moments is NaN; empty where it is a number."""
    if not min(m.traces) > 0:
        return A_POINT
    if m.n < MIN_ROWS:
        return TOO_FEW_ROWS
    if not debiased or math.isfinite(cka_debiased(m)):
        return ""
    return TOO_FEW_DEBIASED if m.n < MIN_DEBIASED_ROWS else EQUALLY_FAR


def _square(matrix: np.ndarray) -> float:
    return float(np.sum(matrix * matrix))


def _over(n: int, value: float, a: float, b: float) -> float:
    """The value over √(ab), which by Cauchy and Schwarz exceeds 1 by rounding alone."""
    defined = n >= MIN_ROWS and a > 0 and b > 0
    return min(float(value) / (math.sqrt(a) * math.sqrt(b)), 1.0) if defined else math.nan


def cka_chance(m: CrossMoments) -> Chance:
    """Mean and sd of linear CKA over all pairings of the rows (Kazi-Aoual et al. 1995)."""
    n, reason = m.n, why_undefined(m) or (TOO_FEW_DEBIASED if m.n < MIN_DEBIASED_ROWS else "")
    if reason:
        return Chance(math.nan, math.nan, reason)
    spans, tails = [], []
    for matrix, fourth in ((m.xx, m.fourths[0, 0]), (m.yy, m.fourths[1, 1])):
        square = _square(matrix)
        span = float(np.trace(matrix)) ** 2 / square
        tail = n * (n + 1) * fourth / square - (n - 1) * (span + 2)
        spans.append(span)
        tails.append(tail * (n - 1) / ((n - 3) * max(n - 1 - span, 1e-12)))
    mean = math.sqrt(spans[0] * spans[1]) / (n - 1)
    spread = 2 * (n - 1 - spans[0]) * (n - 1 - spans[1]) / ((n + 1) * (n - 1) ** 2 * (n - 2))
    spread *= 1 + (n - 3) / (2 * n * (n - 1)) * tails[0] * tails[1]
    return Chance(mean, math.sqrt(max(spread, 0.0)), EXACT)


def debiased_chance(m: CrossMoments) -> Chance:
    """Mean and sd of debiased linear CKA over all pairings of the rows: 0 and √(2/(n(n-3))).

    The number is the correlation of two matrices whose diagonals and rows sum to 0 (U-centred,
    Székely & Rizzo 2014). With S the sum of the squares of one, products of its entries with one
    index in common sum to -S, those with none to 2S. The mean square of Σ A_ij B_π(i)π(j) is then
    S_A S_B (2/(n(n-1)) + 4/(n(n-1)(n-2)) + 4/(n(n-1)(n-2)(n-3))), whatever the rows.
    """
    if reason := why_undefined(m, debiased=True):
        return Chance(math.nan, math.nan, reason)
    return Chance(0.0, math.sqrt(2 / (m.n * (m.n - 3))), EXACT)


def procrustes_chance(m: CrossMoments) -> Chance:
    """Mean and sd of Procrustes similarity over random pairings: seeded random rotations.

    A corner of a random rotation in n-1 dimensions stands for the products of the principal
    components of the two spaces.
    """
    if reason := why_undefined(m):
        return Chance(math.nan, math.nan, reason)
    y, x = sorted((_spectrum_roots(matrix, m.n - 1) for matrix in (m.xx, m.yy)), key=len)
    p, q = len(x), len(y)
    draws = int(min(CHANCE_DRAWS, MAX_CHANCE_WORK / (10 * p * q * q + q**3)))
    if draws < 3:
        return Chance(math.nan, math.nan, "too dear to simulate here")
    rng = np.random.default_rng(0)
    corners = (_rotation_corner(rng, p, q, m.n - 1) for _ in range(draws))
    nuclear = [np.sum(singular_values(x[:, None] * corner * y)) for corner in corners]
    found = np.array(nuclear) / (np.linalg.norm(x) * np.linalg.norm(y))
    sd = float(found.std(ddof=1))
    return Chance(float(found.mean()), sd, f"Monte Carlo, {draws} draws, seed 0")


def _rotation_corner(rng: np.random.Generator, p: int, q: int, n: int) -> Float[np.ndarray, "p q"]:
    """The first p rows and q columns of a random rotation in n dimensions.

    They are the first rows of Q = GR⁻¹ for Gaussian G, where RᵀR = GᵀG. What the other rows add to
    GᵀG has a Wishart distribution, which is drawn by its Cholesky factor (Bartlett 1933): the work
    does not grow with n.
    """
    if n < p + q:
        return np.linalg.qr(rng.normal(size=(n, q)))[0][:p]
    top = rng.normal(size=(p, q))
    factor = np.tril(rng.normal(size=(q, q)), -1)
    np.fill_diagonal(factor, np.sqrt(rng.chisquare(n - p - np.arange(q))))
    root = np.linalg.cholesky(top.T @ top + factor @ factor.T)
    return np.linalg.solve(root, top.T).T


def _spectrum_roots(matrix: Float[np.ndarray, "p p"], rank: int) -> Float[np.ndarray, " r"]:
    """Square roots of the eigenvalues that are no rounding, at most `rank`, the largest first."""
    values = np.linalg.eigvalsh(matrix)[::-1][:rank]
    return np.sqrt(values[values > 1e-12 * values[0]])


def debiased_cka_bar(x: CentredRows, y: CentredRows, blocks: int) -> ErrorBar:
    """Debiased linear CKA of two lists of rows that match one by one, with its error."""
    whole, rests, _ = _without_blocks(x, y, blocks, None)
    left = np.array([cka_debiased(rest) for rest in rests])
    return jackknife(cka_debiased(whole), left, WHOLE_LINE, LEVEL)


def _without_blocks(
    x: CentredRows, y: CentredRows, blocks: int, groups: Int[np.ndarray, " n"] | None
) -> tuple[CrossMoments, Iterator[CrossMoments], str]:
    """The centred products of all rows, and without each block; or why there are no blocks.

    The blocks are random, and of one size: others would make the error of plain CKA several times
    too large, as it depends on the number of rows where those are few. Blocks of `groups` (-1 for a
    row that is one of its own) are of as many groups each.
    """
    n, each = len(x.rows), 8 * (x.rows.shape[1] + y.rows.shape[1]) ** 2
    choices = [blocks, *(few for few in FEW_BLOCKS if few < blocks)]
    blocks = next((count for count in choices if count * each <= MAX_BLOCK_BYTES), 1)
    dealt = [np.sort(part) for part in random_parts(n, blocks, None, groups)]
    parts = [CrossMoments.of(x.at(part), y.at(part)) for part in dealt if len(part)]
    total = reduce(CrossMoments.combined, parts)
    few = n - max(map(len, dealt[:-1]), default=0) < MIN_DEBIASED_ROWS
    why = NO_MEMORY if blocks == 1 else TOO_FEW if few else ""
    used = [] if why else parts[: len(dealt) - 1]  # not the few rows beyond
    return total.centred(), (total.combined(part, -1).centred() for part in used), why


def similarities(
    x: CentredRows, y: CentredRows, blocks: int, groups: Int[np.ndarray, " n"] | None = None
) -> tuple[Alignment, ...]:
    """How alike two lists of rows are that match one by one, with errors from so many blocks."""
    whole, rests, why = _without_blocks(x, y, blocks, groups)
    numbers = (
        ("linear CKA, debiased", cka_debiased, debiased_chance, DEBIASED_MEANING),
        ("linear CKA", cka, cka_chance, PLAIN_MEANING),
        ("Procrustes similarity", procrustes_near(whole), procrustes_chance, TURN_MEANING),
    )
    left = np.array([[value(rest) for _, value, *_ in numbers] for rest in rests]).reshape(-1, 3)
    found = []
    for (name, value, chance, meaning), without in zip(numbers, left.T, strict=True):
        bar = jackknife(value(whole), without, WHOLE_LINE, LEVEL)
        reason = why_undefined(whole, debiased=value is cka_debiased)
        reason = reason or ("" if bar.error is not None else why or bar.reason)
        found.append(Alignment(name, meaning, bar.value, bar.error, chance(whole), reason))
    return tuple(found)
