"""Cosines of random directions: their law, the largest of many, sums of random unit rows.

The cosine of two random directions in d dimensions is the sine of an angle φ with density
proportional to cos^{d-2} φ; its square is Beta(1/2, (d-1)/2) (Muirhead 1982, theorem 1.5.7).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from gramax._shapes import Float


@lru_cache(maxsize=64)
def angle_tail(d: int) -> tuple[np.ndarray, np.ndarray]:
    """P(|cos| > sin φ) of two random directions in d ≥ 2 dimensions, on a grid of φ from 0.

    The tail is summed from its far end, so that small probabilities keep their digits.
    """
    phi = np.linspace(0, min(math.pi / 2, 13 / math.sqrt(d)), 20_001)
    with np.errstate(divide="ignore"):
        density = np.exp((d - 2) * 0.5 * np.log1p(-(np.sin(phi) ** 2))) if d > 2 else phi**0
    cells = density[1:] + density[:-1]
    tail = np.append(np.cumsum(cells[::-1])[::-1], 0)
    return phi, tail / tail[0]


def largest_cosine(pairs: float, d: int, signed: bool = False) -> tuple[float, float]:
    """Mean and standard deviation of the largest of so many cosines, or of their sizes.

    Example:
        >>> mean, sd = largest_cosine(1, 3)  # |cos| is uniform on [0, 1]
        >>> round(mean, 4), round(12 * sd**2, 4)
        (0.5, 1.0)
    """
    if d == 1:
        mean = 1 - 2 * 0.5**pairs if signed else 1.0
        return mean, math.sqrt(1 - mean * mean)
    phi, tail = angle_tail(d)
    t = np.sin(phi)
    if signed:
        t, tail = np.append(-t[:0:-1], t), np.append(1 - tail[:0:-1] / 2, tail / 2)
    with np.errstate(divide="ignore"):
        above = -np.expm1(pairs * np.log1p(-tail))
    mean = float(t[0] + np.trapezoid(above, t))
    # E (max - m)² = (t_0 - m)² + 2∫ (t - m) P(max > t) dt, without the difference of squares.
    spread = 2 * float(np.trapezoid((t - mean) * above, t)) + (t[0] - mean) ** 2
    return mean, math.sqrt(max(spread, 0.0))


def student_quantile(level: float, dof: int) -> float:
    """The t with P(|T| ≤ t) = `level` for Student's T.

    T/√(ν+T²) has the law of the cosine of two random directions in ν+1 dimensions.

    Raises:
        ValueError: `level` is not between 0 and 1, or `dof` is less than 1.

    Example:
        >>> round(student_quantile(0.95, 19), 3)
        2.093
    """
    if not 0 < level < 1 or dof < 1:
        raise ValueError(f"needs 0 < level < 1 and dof ≥ 1; got {level} and {dof}")
    phi, tail = angle_tail(dof + 1)
    angle = np.interp(1 - level, tail[::-1], phi[::-1])
    return math.sqrt(dof) * math.tan(float(angle))


def student_tail(t: Float[np.ndarray, " k"], dof: int) -> Float[np.ndarray, " k"]:
    """P(|T| > |t|) for Student's T.

    Example:
        >>> student_tail(np.array([2.093, 3.0]), 19).round(4)
        array([0.05  , 0.0074])
    """
    phi, tail = angle_tail(dof + 1)
    return np.interp(np.arctan(np.abs(t) / math.sqrt(dof)), phi, tail)


def mean_length(count: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of the length of the mean of `count` random unit rows.

    Its square has mean 1/m and variance 2(m-1)/(d m³); the Beta law with these two moments is
    exact for m = 2 and for large m (see `length_shapes`).
    """
    a, b = length_shapes(count, d)
    log_ratio = np.array([_half_step(x) - _half_step(x + y) for x, y in zip(a, b, strict=True)])
    mean = np.where(count > 1, np.exp(log_ratio), 1.0)
    return mean, 1 / count - mean**2


def _half_step(z: float) -> float:
    """The step log Γ(z + 1/2) - log Γ(z); by its series where the difference loses its digits."""
    if z < 100:
        return math.lgamma(z + 0.5) - math.lgamma(z)
    return 0.5 * math.log(z) - 1 / (8 * z) + 1 / (192 * z**3)


def length_shapes(count: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Shapes (a, b) of the Beta law of |mean of m random unit rows|²; m = 1 is exactly 1."""
    total = np.maximum(d * count / 2 - 1, 1e-3)  # two points, 0 and 1, for two rows on a line
    return total / count, np.maximum(total * (1 - 1 / count), 1e-9)
