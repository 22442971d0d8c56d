"""Orthonormal Jacobi polynomials and the quantiles of a Beta law, in plain float64.

SciPy has both, but importing it would take longer than any audit's look-up of a floor. The tests
compare these with SciPy's.
"""

from __future__ import annotations

import math

import numpy as np


def jacobi_coefficients(k: int, a: float, b: float) -> tuple[np.ndarray, np.ndarray]:
    """Three-term recurrence of the Jacobi weight (1-t)^a (1+t)^b, scaled to total mass 1.

    Returns the first `k` coefficients `(alpha, beta)` of t p_j = sqrt(beta[j+1]) p_{j+1} +
    alpha[j] p_j + sqrt(beta[j]) p_{j-1} (Szegő 1939, 4.5; Gautschi 2004, table 1.1).
    """
    j, total = np.arange(1, k), a + b
    s = 2 * j + total
    alpha = (b * b - a * a) / (s * (s + 2))
    beta = 4 * j * (j + a) * (j + b) * (j + total)
    with np.errstate(invalid="ignore"):  # 0/0 for j = 1 at a + b = -1
        beta = beta / (s * s * (s + 1) * (s - 1))
    beta[:1] = 4 * (1 + a) * (1 + b) / ((total + 2) ** 2 * (total + 3))
    return np.append((b - a) / (total + 2), alpha)[:k], np.append(1.0, beta)[:k]


def jacobi_values(k: int, a: float, b: float, t: float) -> np.ndarray:
    """Orthonormal Jacobi polynomials p_0..p_k at `t`, for the weight scaled to mass 1."""
    alpha, beta = jacobi_coefficients(k + 1, a, b)
    p, previous, root = np.ones(k + 1), 0.0, np.sqrt(beta)
    for j in range(k):
        below = root[j] * previous if j else 0.0
        previous, p[j + 1] = p[j], ((t - alpha[j]) * p[j] - below) / root[j + 1]
    return p


def jacobi_largest_zero(k: int, a: float, b: float) -> float:
    """Largest zero of the Jacobi polynomial of degree `k`; -1, the end of the interval, at k = 0.

    The zeros are the eigenvalues of the tridiagonal recurrence matrix (Golub, Welsch 1969).
    """
    if k == 0:
        return -1.0
    alpha, beta = jacobi_coefficients(k, a, b)
    off = np.sqrt(beta[1:])
    return float(np.linalg.eigvalsh(np.diag(alpha) + np.diag(off, 1) + np.diag(off, -1))[-1])


def _beta_fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of the incomplete Beta function, by Lentz's method (DLMF 8.17.22)."""
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for i in range(1, 10_000):
        even = i * (b - i) * x / ((a + 2 * i - 1) * (a + 2 * i))
        odd = -(a + i) * (a + b + i) * x / ((a + 2 * i) * (a + 2 * i + 1))
        for term in (even, odd):
            c, d = 1 + term / c, 1 / (1 + term * d)
            value *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return value


def beta_cdf(x: float, a: float, b: float) -> float:
    """Regularised incomplete Beta function I_x(a, b): P(X <= x) for X ~ Beta(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):  # where the fraction converges fast; the mirror image elsewhere
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, 1 - x) / b


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with P(X <= x) = `p` for X ~ Beta(a, b), by bisection.

    It is on log x, so that a quantile of 1e-200 keeps its digits.
    """
    low, high = -745.0, 0.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if beta_cdf(math.exp(middle), a, b) < p:
            low = middle
        else:
            high = middle
    return math.exp(high)
