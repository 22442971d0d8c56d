"""Lower bounds on how close c unit vectors of R^d or C^d must come, without JAX or SciPy.

First come the bounds on the largest |<x, y>| (lines, crosstalk), then those on the largest <x, y>
(points, separation). Each is a number, or None outside its range of validity. The sizes are checked
by `coherence_floor`, which takes the best of all. In the formulas m is 1/2 (real) or 1 (complex),
and Z(d) is d(d+1)/2 (real) or d^2 (complex), the largest number of equiangular lines.
"""

from __future__ import annotations

import math
from operator import itemgetter

from gramax.frames import sizes
from gramax.frames.special_functions import beta_quantile, jacobi_largest_zero, jacobi_values

MAX_WELCH_ORDER = 256  # Welch's bounds of orders below this one are tried
MAX_DEGREE = 200
"""Beyond it the end of its interval is given: still a bound, since bounds grow with the points."""

HALF_DEGREE = {"real": 0.5, "complex": 1.0}
"""The m of the formulas: half the real dimension of the field."""


def welch(c: int, d: int) -> float | None:
    """Welch's bound sqrt((c - d) / (d (c - 1))) for c > d, the same for real and complex vectors.

    Only equiangular tight frames attain it, and there are none with c > Z(d).

    Source: Welch, IEEE Trans. Inf. Theory 20 (1974); Rankin 1955; Strohmer, Heath 2003.

    >>> round(welch(28, 7), 12)  # 28 equiangular lines in R^7
    0.333333333333
    """
    c, d = sizes.counts(c, d)
    return math.sqrt((c - d) / (d * (c - 1))) if c > d else None


def welch_order(c: int, d: int, k: int, field: str = "real") -> float | None:
    """Welch's bound of order k >= 1, ((c / N_k - 1) / (c - 1))^(1 / 2k) for c > N_k.

    1/N_k is the mean of |<x, y>|^(2k) over the sphere. Order 1 is `welch`.

    Source: Welch 1974 (complex); Sidelnikov, Probl. Inf. Transm. 10 (1974) (real).
    """
    if field == "complex":
        size = float(math.comb(d + k - 1, k))
    else:
        size = math.prod((d + 2 * j) / (2 * j + 1) for j in range(k))
    return ((c / size - 1) / (c - 1)) ** (1 / (2 * k)) if c > max(size, 1) else None


def welch_best(c: int, d: int, field: str = "real") -> tuple[float | None, int]:
    """The best of Welch's bounds of order 2 and above, with its order; (None, 2) for none."""
    found = []
    for k in range(2, MAX_WELCH_ORDER):
        value = welch_order(c, d, k, field)
        if value is None or d == 1:
            break
        found.append((value, k))
    return max(found, key=itemgetter(0), default=(None, 2))


def orthoplex(c: int, d: int, field: str = "real") -> float | None:
    """The orthoplex bound 1 / sqrt(d) for c > Z(d), attained by parts of mutually unbiased bases.

    Source: Rankin, Proc. Glasgow Math. Assoc. 2 (1955); Conway, Hardin, Sloane 1996.
    """
    return 1 / math.sqrt(d) if c > sizes.gerzon(d, field) else None


def bukh_cox(c: int, d: int, field: str = "real") -> float | None:
    """Bukh and Cox's bound Z(k) / (c (1 + m (k-1) sqrt(1/m + k)) - Z(k)) for k = c - d > 0.

    It is the best one for c just above d. Source: Bukh, Cox, Israel J. Math. 238 (2020).
    """
    if c <= d:
        return None
    m, k = HALF_DEGREE[field], c - d
    z = sizes.gerzon(k, field)
    return z / (c * (1 + m * (k - 1) * math.sqrt(1 / m + k)) - z)


def plane(c: int, d: int = 2, signed: bool = False) -> float | None:
    """The exact value for c > 1 lines of the plane R^2, cos(pi / c), or points, cos(2 pi / c)."""
    turn = 2 * math.pi if signed else math.pi
    return math.cos(turn / c) if d == 2 and c > 1 else None


def volume(c: int, d: int, field: str = "real") -> float | None:
    """The volume bound: caps around the vectors, half the least angle wide, do not overlap.

    It is 1 - 2x where positive, x the 1/c quantile of Beta(m(d-1), m), for d > 1.

    Source: Mukkavilli, Sabharwal, Erkip, Aazhang 2003; Xia, Zhou, Giannakis 2005.
    """
    m = HALF_DEGREE[field]
    if d == 1 or c == 1:
        return None
    x = c ** (-1 / (d - 1)) if field == "complex" else beta_quantile(1 / c, m * (d - 1), m)
    return 1 - 2 * x if x < 0.5 else None


def bloch(c: int, d: int = 2) -> float | None:
    """Fejes Tóth's bound for c > 2 lines of C^2: sqrt((1 + s) / 2), s the bound of `fejes_toth`.

    Lines of C^2 are points of the Bloch sphere, where |<x, y>|^2 = (1 + cos) / 2.
    """
    cosine = fejes_toth(c, 3) if d == 2 else None
    return None if cosine is None else math.sqrt(max(0.0, (1 + cosine) / 2))


def levenshtein_second(c: int, d: int, field: str = "real") -> float | None:
    """Levenshtein's second bound sqrt((c(m+1) - d(md+1)) / ((c-d)(md+1))), for c > Z(d).

    Source: Levenshtein, Acta Appl. Math. 29 (1992).
    """
    m = HALF_DEGREE[field]
    if c <= sizes.gerzon(d, field) or c <= d:
        return None
    return math.sqrt((c * (m + 1) - d * (m * d + 1)) / ((c - d) * (m * d + 1)))


def levenshtein(c: int, d: int, field: str = "real") -> tuple[float | None, int]:
    """Levenshtein's universal bound with its degree: 1 is Welch's, 2 is `levenshtein_second`.

    The value is None for c <= d and for d = 1.

    Source: Levenshtein 1992; Levenshtein, Universal bounds for codes and designs, in Handbook of
    Coding Theory (1998), section 6.
    """
    m = HALF_DEGREE[field]
    if c <= d or d == 1:
        return None, 1
    t, degree = universal(c, m * (d - 1) - 1, m - 1)
    return math.sqrt(max(0.0, (1 + t) / 2)), degree


def simplex(c: int, d: int) -> float | None:
    """Rankin's simplex bound on cosines (1955): -1 / (c - 1), attained for 1 < c <= d + 1."""
    return -1 / (c - 1) if c > 1 else None


def rankin_orthoplex(c: int, d: int) -> float | None:
    """Rankin's second bound (1955): 0 for c > d + 1, attained by cross-polytopes for c <= 2d."""
    return 0.0 if c > d + 1 else None


def fejes_toth(c: int, d: int = 3) -> float | None:
    """Fejes Tóth's bound (cot^2 w - 1) / 2, w = pi c / (6 (c - 2)), for c > 2 points in R^3.

    3, 4, 6 and 12 points attain it (triangle, tetrahedron, octahedron, icosahedron).

    Source: L. Fejes Tóth, Jber. Deutsch. Math. Verein. 53 (1943).
    """
    if d != 3 or c < 3:
        return None
    w = math.pi * c / (6 * (c - 2))
    return (1 / math.tan(w) ** 2 - 1) / 2


def levenshtein_signed(c: int, d: int) -> tuple[float | None, int]:
    """`levenshtein` for the cosines of c > 1 points of the sphere in R^d, d > 1."""
    return (None, 1) if c == 1 or d == 1 else universal(c, (d - 3) / 2, (d - 3) / 2)


def universal(n: int, a: float, b: float) -> tuple[float, int]:
    """Levenshtein's bound `(t, degree)` for `n` points in the space of a Jacobi weight.

    The lines of R^d, the lines of C^d and the points of the sphere each have a Jacobi weight
    (1-t)^a (1+t)^b on [-1, 1], with t = 2 |<x,y>|^2 - 1 for lines and <x,y> for points. The degree
    is the one in whose interval the bound lies.
    """
    for degree in range(1, MAX_DEGREE + 1):
        if n <= _most_points(degree, a, b) * (1 + 1e-12):
            return _root(n, degree, a, b), degree
    return jacobi_largest_zero(MAX_DEGREE // 2, a + 1, b + 1), MAX_DEGREE


def _most_points(degree: int, a: float, b: float) -> float:
    """The most points whose bound lies in the interval of this degree.

    There the code is a tight design of K_k(1, 1) points, K_k(1, 1) being the sum of the squares of
    p_0..p_k at t = 1; for an even degree it is that of the weight times (1+t)/2, divided by the
    mean of that factor.
    """
    p = jacobi_values((degree + 1) // 2, a, b + (degree + 1) % 2, 1.0)
    return float(p @ p) * (1.0 if degree % 2 else (a + b + 2) / (b + 1))


def _root(n: int, degree: int, a: float, b: float) -> float:
    """The t at which Levenshtein's function L(t) of this degree equals `n`, by bisection.

    t is the largest root of the polynomial of degree k orthogonal to the weight less a mass 1/n at
    t = 1; by Christoffel-Darboux that is L(t) = n with
    L(t) = K_{k-1}(1,1) - p_k(1) K_{k-1}(t,1) / p_k(t), increasing on the interval.
    """
    k = (degree + 1) // 2
    middle = jacobi_largest_zero(k, a + 1, b)
    if degree % 2:
        low, high, count = jacobi_largest_zero(k - 1, a + 1, b + 1), middle, float(n)
    else:
        low, high = middle, jacobi_largest_zero(k, a + 1, b + 1)
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
