"""How alike two spaces of the same rows are, up to a rotation: linear CKA and Procrustes.

Both need products over rows alone (dₓ², d_y² and dₓ·d_y numbers), so rows stream by. `CrossMoments`
holds those products; each number and what chance gives for it is a function of them.

- Linear CKA (Kornblith et al. 2019; the RV coefficient of Robert & Escoufier 1976) of centred X
  and Y is |XᵀY|²/(|XᵀX| |YᵀY|), Frobenius norms. It is above 0 by chance, far above for few rows;
  the debiased one (the unbiased estimators of Song et al. 2012 in all three places) is about 0.
- Procrustes similarity is |XᵀY|_*/(|X| |Y|), the nuclear norm: 1 - D²/2 for the distance D of
  centred X and Y of unit norm after the best rotation (Williams et al. 2021).
- Chance pairs the rows at random. The moments of both kinds of linear CKA are then known exactly
  (Kazi-Aoual et al. 1995; `debiased_chance`); Procrustes is simulated: after a random pairing X and
  Y are random rotations of the same spectra.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from gramax.uncertainty.chance.laws import Chance

DRAWS, WORK = 20, 4e10
"""Draws of the simulation of Procrustes, and the multiply-adds that they may cost."""

LEAST = 1e-5
"""The unbiased share of |XᵀX|² below which it is the rounding of products of float32."""

EXACT = "exact moments over all pairings of the rows"


@dataclass(frozen=True)
class CrossMoments:
    """Products of the rows of two spaces, measured from fixed centres; they add up over batches.

    Attributes:
        n: number of rows.
        x: `[p]` sum of the rows of the first space; y: `[q]` of the second.
        xx: `[p, p]` XᵀX; yy: `[q, q]` YᵀY; xy: `[p, q]` XᵀY.
        x4: Σ|x|⁴; y4: Σ|y|⁴; x2y2: Σ|x|²|y|².
    """

    n: float
    x: Float[np.ndarray, " p"]
    y: Float[np.ndarray, " q"]
    xx: Float[np.ndarray, "p p"]
    yy: Float[np.ndarray, "q q"]
    xy: Float[np.ndarray, "p q"]
    x4: float
    y4: float
    x2y2: float

    @classmethod
    def of(cls, x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"]) -> CrossMoments:
        """Products of these rows; the closer the centres are to the means, the more digits stay.

        Raises:
            ValueError: the two do not have the same number of rows.
        """
        if x.ndim != 2 or y.ndim != 2 or len(x) != len(y):
            raise ValueError(f"rows must match one by one; got shapes {x.shape} and {y.shape}")
        a, b = ((v.astype(np.float64) ** 2).sum(axis=1) for v in (x, y))
        return cls(
            n=len(x),
            x=x.sum(axis=0, dtype=np.float64),
            y=y.sum(axis=0, dtype=np.float64),
            xx=(x.T @ x).astype(np.float64),
            yy=(y.T @ y).astype(np.float64),
            xy=(x.T @ y).astype(np.float64),
            x4=float(a @ a),
            y4=float(b @ b),
            x2y2=float(a @ b),
        )

    def __add__(self, other: CrossMoments) -> CrossMoments:
        """Both sets of rows."""
        return CrossMoments(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def __sub__(self, other: CrossMoments) -> CrossMoments:
        """These rows without those."""
        return CrossMoments(*(getattr(self, f.name) - getattr(other, f.name) for f in fields(self)))

    def centred(self) -> CrossMoments:
        """Measured from the means.

        The sums of fourth powers, which only correct by O(1/n), are left as they are: right where
        the centres were the means of rather more or the same rows.
        """
        x, y = self.x / self.n, self.y / self.n
        return CrossMoments(
            self.n,
            0 * x,
            0 * y,
            self.xx - self.n * np.outer(x, x),
            self.yy - self.n * np.outer(y, y),
            self.xy - self.n * np.outer(x, y),
            self.x4,
            self.y4,
            self.x2y2,
        )


def moments_of(x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"]) -> CrossMoments:
    """Products of rows held in memory, centred."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    return CrossMoments.of(x - x.mean(axis=0), y - y.mean(axis=0))


def linear_cka(
    x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"], debiased: bool = False
) -> float:
    """Linear CKA of two spaces: 1 where one is a rotation of the other, up to scale.

    Args:
        x: `[n, p]` rows; y: `[n, q]` the same samples in another space.
        y: as said.
        debiased: with unbiased estimators, about 0 for unrelated rows (at most 1, and it may be
            below 0); needs 4 rows or more.

    Returns:
        A number in [0, 1], or at most 1 where debiased. NaN where a space is one point; where
        debiased, for fewer than 4 rows and for rows that are all equally far apart too.

    Raises:
        ValueError: the two do not have the same number of rows.

    Source:
        Kornblith et al. 2019; debiased by Song et al. 2012, equation 5.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> print(round(linear_cka(x, 2 * x[:, ::-1] + 1), 6))
        1.0
    """
    m = moments_of(x, y)
    return cka_debiased(m) if debiased else cka(m)


def procrustes_similarity(x: Float[np.ndarray, "n p"], y: Float[np.ndarray, "n q"]) -> float:
    """How well a rotation and a scale turn one space into the other: 1 is perfectly.

    Args:
        x: `[n, p]` rows; y: `[n, q]` the same samples in another space.
        y: as said.

    Returns:
        A number in [0, 1]; NaN where a space is one point.

    Raises:
        ValueError: the two do not have the same number of rows.

    Source:
        Schönemann 1966; Williams et al. 2021.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> print(round(procrustes_similarity(x, 2 * x[:, ::-1] + 1), 6))
        1.0
    """
    return procrustes(moments_of(x, y))


def cka(m: CrossMoments) -> float:
    """Linear CKA of centred moments, in [0, 1]; NaN where a space is one point."""
    return _over(_square(m.xy), _square(m.xx), _square(m.yy))


def cka_debiased(m: CrossMoments) -> float:
    """Debiased linear CKA of centred moments, at most 1.

    With K = XXᵀ without its diagonal, tr KL = |XᵀY|² - Σ|x|²|y|² and K1 = -|x|² for centred rows.
    NaN for fewer than 4 rows, for one point, and for rows that are all equally far apart (an exact
    simplex): their kernel says nothing beyond its size, and what is left of it is rounding.
    """
    if m.n < 4:
        return math.nan
    tx, ty = float(np.trace(m.xx)), float(np.trace(m.yy))

    def unbiased(square: float, fourth: float, a: float, b: float) -> float:
        return square - fourth + a * b / ((m.n - 1) * (m.n - 2)) - 2 * fourth / (m.n - 2)

    of_x, of_y = _square(m.xx), _square(m.yy)
    self_x, self_y = unbiased(of_x, m.x4, tx, tx), unbiased(of_y, m.y4, ty, ty)
    if not (self_x > LEAST * of_x and self_y > LEAST * of_y):
        return math.nan
    return _over(unbiased(_square(m.xy), m.x2y2, tx, ty), self_x, self_y)


def procrustes(m: CrossMoments) -> float:
    """Procrustes similarity of centred moments, in [0, 1]; NaN where a space is one point."""
    nuclear = float(np.linalg.svd(m.xy, compute_uv=False).sum())
    return _over(nuclear, float(np.trace(m.xx)), float(np.trace(m.yy)))


def procrustes_near(m: CrossMoments) -> Callable[[CrossMoments], float]:
    """Procrustes similarity to first order about `m`, whose one decomposition it reuses.

    The nuclear norm of A + dA is |A|_* + ⟨UVᵀ, dA⟩ to first order, with A = USVᵀ.
    """
    u, _, v = np.linalg.svd(m.xy, full_matrices=False)
    turn = u @ v

    def value(near: CrossMoments) -> float:
        along = float(np.sum(turn * near.xy))
        return _over(along, float(np.trace(near.xx)), float(np.trace(near.yy)))

    return value


def cka_chance(m: CrossMoments) -> Chance:
    """Mean and sd of linear CKA over all pairings of the rows (Kazi-Aoual et al. 1995)."""
    n = m.n
    if n < 4 or not (_square(m.xx) > 0 and _square(m.yy) > 0):
        return Chance(math.nan, math.nan, "undefined for fewer than 4 rows, or one point")
    spans, tails = [], []
    for matrix, fourth in ((m.xx, m.x4), (m.yy, m.y4)):
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

    Whatever the rows: it is the correlation of two matrices whose diagonals and rows sum to 0
    (U-centred, Székely & Rizzo 2014). With S the sum of the squares of one, the products of its
    entries with one index in common sum to -S, those of entries with none to 2S, so that the mean
    square of Σ A_ij B_π(i)π(j) is S_A S_B (2/(n(n-1)) + 4/(n(n-1)(n-2)) + 4/(n(n-1)(n-2)(n-3))).
    """
    if not math.isfinite(cka_debiased(m)):
        why = "undefined for fewer than 4 rows, one point, or rows all equally far apart"
        return Chance(math.nan, math.nan, why)
    return Chance(0.0, math.sqrt(2 / (m.n * (m.n - 3))), EXACT)


def procrustes_chance(m: CrossMoments) -> Chance:
    """Mean and sd of Procrustes similarity over random pairings: seeded random rotations.

    A block of a random rotation in n-1 dimensions stands for the products of the principal
    components; for many rows one in fewer dimensions, scaled, is as good.
    """
    roots = []
    for matrix in (m.xx, m.yy):
        values = np.linalg.eigvalsh(matrix)[::-1][: max(int(m.n) - 1, 0)]
        values = values[values > 1e-12 * max(values[0], 0.0)] if len(values) else values
        roots.append(np.sqrt(values))
    p, q = map(len, roots)
    if not (p and q):
        return Chance(math.nan, math.nan, "undefined: a space is one point")
    wide = int(min(m.n - 1, 4 * (p + q)))
    draws = int(min(DRAWS, WORK / (wide * q * q + p * q * min(p, q) * 8)))
    if draws < 3:
        return Chance(math.nan, math.nan, "too dear to simulate here")
    rng, found = np.random.default_rng(0), np.empty(draws)
    for k in range(draws):
        turn = np.linalg.qr(rng.normal(size=(wide, q)))[0][:p] * math.sqrt(wide / (m.n - 1))
        found[k] = np.linalg.svd(roots[0][:, None] * turn * roots[1], compute_uv=False).sum()
    found /= np.linalg.norm(roots[0]) * np.linalg.norm(roots[1])
    sd = float(found.std(ddof=1))
    return Chance(float(found.mean()), sd, f"Monte Carlo, {draws} draws, seed 0")


def _square(matrix: np.ndarray) -> float:
    return float(np.sum(matrix * matrix))


def _over(value: float, a: float, b: float) -> float:
    return value / math.sqrt(a * b) if a > 0 and b > 0 else math.nan
