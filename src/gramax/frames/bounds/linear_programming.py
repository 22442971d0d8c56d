"""Levenshtein's bounds: the linear programming bounds that have a closed form.

One computation serves the lines of R^d, the lines of C^d and the points of the sphere: each is a
Jacobi weight (1-t)^a (1+t)^b on [-1, 1], with t = 2 |<x,y>|^2 - 1 for lines and <x,y> for points.
"""

from __future__ import annotations

import math

from gramax.frames.bounds import sizes
from gramax.frames.bounds.special_functions import jacobi_largest_zero, jacobi_values

MAX_DEGREE = 200
"""Beyond it the last end of an interval is given, which is a weaker bound but still one."""


def levenshtein_second(c: int, d: int, field: str = "real") -> float | None:
    """Levenshtein's second bound sqrt((c(m+1) - d(md+1)) / ((c-d)(md+1))), for c > Z(d).

    Source: Levenshtein, Acta Appl. Math. 29 (1992).

    >>> round(levenshtein_second(120, 8), 12)  # the roots of E8
    0.5
    """
    c, d = sizes.counts(c, d)
    m = sizes.half_degree(field)
    if c <= sizes.gerzon(d, field) or c <= d:
        return None
    return math.sqrt((c * (m + 1) - d * (m * d + 1)) / ((c - d) * (m * d + 1)))


def levenshtein(
    c: int, d: int, field: str = "real", degree: int | None = None
) -> tuple[float | None, int]:
    """Levenshtein's universal bound with its degree: 1 is Welch's, 2 is `levenshtein_second`.

    Without a `degree` it is the one in whose interval the bound lies. The value is None for c <= d,
    for d = 1, and where the root is not in the interval of a degree that is asked for.

    Source: Levenshtein 1992; Levenshtein, Universal bounds for codes and designs, in Handbook of
    Coding Theory (1998), section 6.

    >>> value, degree = levenshtein(40, 8)
    >>> round(value, 12), degree
    (0.353553390593, 2)
    """
    c, d = sizes.counts(c, d)
    m = sizes.half_degree(field)
    if c <= d or d == 1:
        return None, degree or 1
    t, degree = universal(c, m * (d - 1) - 1, m - 1, degree)
    return (None if t is None else math.sqrt(max(0.0, (1 + t) / 2))), degree


def universal(n: int, a: float, b: float, degree: int | None = None) -> tuple[float | None, int]:
    """The least possible largest t of `n` points in the space of the Jacobi weight (a, b).

    Returns `(t, degree)`; t is None where `n` is outside the range of a degree that is asked for.
    """
    wanted = range(1, MAX_DEGREE + 1) if degree is None else (degree,)
    t, reached = None, degree or 1
    for reached in wanted:
        low, high = _range(reached, a, b)
        if n < low * (1 - 1e-12):
            return None, reached
        if n <= high * (1 + 1e-12):
            return _root(n, reached, a, b), reached
    if degree is None:  # beyond the last degree: its end is still a bound, since the bound grows
        t = jacobi_largest_zero(MAX_DEGREE // 2, a + 1, b + 1)
    return t, reached


def _kernel_size(k: int, a: float, b: float) -> float:
    """K_k(1, 1): the sum of the squares of p_0..p_k at t = 1."""
    p = jacobi_values(k, a, b, 1.0)
    return float(p @ p)


def _even_size(k: int, a: float, b: float) -> float:
    """The same for the weight times (1+t)/2, divided by the mean of that factor."""
    return _kernel_size(k, a, b + 1) * (a + b + 2) / (b + 1)


def _range(degree: int, a: float, b: float) -> tuple[float, float]:
    """The numbers of points between which the root lies in the interval of this degree.

    At the ends the code is a tight design, and the count is that design's: K_k(1, 1).
    """
    k = (degree + 1) // 2
    if degree % 2:
        return (_even_size(k - 1, a, b) if k > 1 else 1.0), _kernel_size(k, a, b)
    return _kernel_size(k, a, b), _even_size(k, a, b)


def _root(n: int, degree: int, a: float, b: float) -> float:
    """The t at which Levenshtein's function L(t) of this degree equals `n`, by bisection.

    t is the largest root of the polynomial of degree k orthogonal to the weight less a mass 1/n at
    t = 1; by Christoffel-Darboux that is L(t) = n with
    L(t) = K_{k-1}(1,1) - p_k(1) K_{k-1}(t,1) / p_k(t), increasing on the interval.
    """
    k = (degree + 1) // 2
    if degree % 2:
        low, high = jacobi_largest_zero(k - 1, a + 1, b + 1), jacobi_largest_zero(k, a + 1, b)
        count = float(n)
    else:
        low, high = jacobi_largest_zero(k, a + 1, b), jacobi_largest_zero(k, a + 1, b + 1)
        count, b = n * (b + 1) / (a + b + 2), b + 1
    one = jacobi_values(k, a, b, 1.0)
    size = float(one[:k] @ one[:k])
    for _ in range(100):
        t = (low + high) / 2
        if t in (low, high):
            break
        p = jacobi_values(k, a, b, t)
        # p_k(t) < 0 on the interval, which ends before the largest zero of p_k
        if (size - count) * p[k] - one[k] * float(one[:k] @ p[:k]) > 0:
            low = t
        else:
            high = t
    return (low + high) / 2
