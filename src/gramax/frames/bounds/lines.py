"""Lower bounds on the coherence max |<x_i, x_j>| of c unit vectors in R^d or C^d.

Each bound is a function of c, d and, where the two differ, the field ("real" or "complex"). It
returns a number in [0, 1], or None outside its range of validity, and raises a ValueError for
arguments that make no sense. `gramax.frames.coherence_floor` takes the best of all bounds.

Notation: m is 1/2 (real) or 1 (complex); Z(d) is d(d+1)/2 (real) or d^2 (complex), the largest
number of equiangular lines that there can be.
"""

from __future__ import annotations

import math
from operator import itemgetter

from gramax.frames.bounds import sizes
from gramax.frames.bounds.special_functions import beta_quantile

MAX_WELCH_ORDER = 256
"""Welch's bounds of orders below this one are tried."""


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

    >>> round(welch_order(40, 3, 2, "complex"), 6)
    0.617399
    """
    c, d = sizes.counts(c, d)
    sizes.half_degree(field)
    if k < 1:
        raise ValueError(f"the order k must be at least 1; got {k}")
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
    """The orthoplex bound 1 / sqrt(d) for c > Z(d), where lines cannot all be equiangular.

    Mutually unbiased bases and parts of them attain it, and nothing with c > 2 (Z(d) - 1).

    Source: Rankin, Proc. Glasgow Math. Assoc. 2 (1955); Conway, Hardin, Sloane 1996.

    >>> orthoplex(12, 4)  # the 24-cell
    0.5
    """
    c, d = sizes.counts(c, d)
    return 1 / math.sqrt(d) if c > sizes.gerzon(d, field) else None


def bukh_cox(c: int, d: int, field: str = "real") -> float | None:
    """Bukh and Cox's bound, which is the best one for c just above d.

    With k = c - d > 0 it is Z(k) / (c (1 + m (k-1) sqrt(1/m + k)) - Z(k)).

    Source: Bukh, Cox, Israel J. Math. 238 (2020), "Nearly orthogonal vectors and small antipodal
    spherical codes".

    >>> round(bukh_cox(6, 4), 6)
    0.333333
    """
    c, d = sizes.counts(c, d)
    m = sizes.half_degree(field)
    if c <= d:
        return None
    k = c - d
    z = sizes.gerzon(k, field)
    return z / (c * (1 + m * (k - 1) * math.sqrt(1 / m + k)) - z)


def plane(c: int, d: int = 2) -> float | None:
    """The exact value cos(pi / c) for c > 1 lines of the plane R^2: one every 180/c degrees.

    >>> round(plane(3), 12)
    0.5
    """
    c, d = sizes.counts(c, d)
    return math.cos(math.pi / c) if d == 2 and c > 1 else None


def volume(c: int, d: int, field: str = "real") -> float | None:
    """The volume bound: caps around the vectors, half the least angle wide, do not overlap.

    It is 1 - 2x where positive, x the 1/c quantile of Beta(m(d-1), m), for d > 1. It is exact in
    R^2, and the best bound for very many vectors in few dimensions.

    Source: Mukkavilli, Sabharwal, Erkip, Aazhang 2003; Xia, Zhou, Giannakis 2005.

    >>> round(volume(10, 2, "complex"), 12)
    0.8
    """
    c, d = sizes.counts(c, d)
    m = sizes.half_degree(field)
    if d == 1 or c == 1:
        return None
    x = c ** (-1 / (d - 1)) if field == "complex" else beta_quantile(1 / c, m * (d - 1), m)
    return 1 - 2 * x if x < 0.5 else None
