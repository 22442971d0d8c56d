"""Lower bounds on the largest cosine, with its sign, of c unit vectors in R^d (spherical codes).

Crosstalk asks how small |cos| can be; separation asks how small cos can be: these
bounds answer the second.
"""

from __future__ import annotations

import math

from gramax.frames import sizes
from gramax.frames.levenshtein import universal


def simplex(c: int, d: int) -> float | None:
    """Rankin's simplex bound -1 / (c - 1): the squared norm of a sum is not negative.

    Args:
        c: number of vectors.
        d: dimension.

    Returns:
        -1 / (c - 1); None for c = 1. Attained by a regular simplex where c <= d + 1.

    Raises:
        ValueError: `c` or `d` is not a positive integer.

    Source:
        Rankin, Proc. Glasgow Math. Assoc. 2 (1955).

    Example:
        >>> simplex(5, 4)
        -0.25
    """
    c, d = sizes.counts(c, d)
    return -1 / (c - 1) if c > 1 else None


def rankin_orthoplex(c: int, d: int) -> float | None:
    """Rankin's second bound: 0 for more than d + 1 vectors.

    Args:
        c: number of vectors.
        d: dimension.

    Returns:
        0.0, or None for c <= d + 1. Attained by parts of the cross-polytope where c <= 2d.

    Raises:
        ValueError: `c` or `d` is not a positive integer.

    Source:
        Rankin 1955.

    Example:
        >>> rankin_orthoplex(6, 3)  # the octahedron
        0.0
    """
    c, d = sizes.counts(c, d)
    return 0.0 if c > d + 1 else None


def levenshtein_signed(c: int, d: int, degree: int | None = None) -> tuple[float | None, int]:
    """Levenshtein's universal bound for spherical codes.

    Args:
        c: number of vectors.
        d: dimension, at least 2 for a value.
        degree: the degree to use; left out, the one in whose interval the bound lies.

    Returns:
        `(value, degree)`, the value in [-1, 1], or None for c = 1, for d = 1 and outside the range
        of the degree asked for.

    Raises:
        ValueError: `c` or `d` is not a positive integer.

    Source:
        Levenshtein 1992, 1998.

    Example:
        >>> value, _ = levenshtein_signed(240, 8)  # the kissing configuration of E8
        >>> round(value, 12)
        0.5
    """
    c, d = sizes.counts(c, d)
    if c == 1 or d == 1:
        return None, degree or 1
    return universal(c, (d - 3) / 2, (d - 3) / 2, degree)


def fejes_toth(c: int, d: int = 3) -> float | None:
    """Fejes Tóth's bound (cot^2 w - 1) / 2, w = pi c / (6 (c - 2)), for points on the 2-sphere.

    Args:
        c: number of points.
        d: dimension; the bound is for 3 only.

    Returns:
        The bound on the largest cosine, or None for c < 3 and d other than 3. Attained by 3, 4, 6
        and 12 points (triangle, tetrahedron, octahedron, icosahedron).

    Raises:
        ValueError: `c` or `d` is not a positive integer.

    Source:
        L. Fejes Tóth, Jber. Deutsch. Math. Verein. 53 (1943).

    Example:
        >>> round(fejes_toth(12), 12)  # the icosahedron
        0.4472135955
    """
    c, d = sizes.counts(c, d)
    if d != 3 or c < 3:
        return None
    w = math.pi * c / (6 * (c - 2))
    return (1 / math.tan(w) ** 2 - 1) / 2


def bloch(c: int, d: int = 2) -> float | None:
    """Fejes Tóth's bound for lines of C^2, which are the points of a 2-sphere.

    Args:
        c: number of lines.
        d: dimension; the bound is for 2 only.

    Returns:
        sqrt((1 + s) / 2), s the bound of `fejes_toth` on the cosine of the points; None for c < 3
        and d other than 2. Attained by 3, 4, 6 and 12 lines.

    Raises:
        ValueError: `c` or `d` is not a positive integer.

    Source:
        L. Fejes Tóth 1943, with |<x,y>|^2 = (1 + cos) / 2 on the Bloch sphere.

    Example:
        >>> round(bloch(12), 6)
        0.850651
    """
    c, d = sizes.counts(c, d)
    cosine = fejes_toth(c, 3) if d == 2 else None
    return None if cosine is None else math.sqrt(max(0.0, (1 + cosine) / 2))


def plane(c: int, d: int = 2) -> float | None:
    """The exact value in the plane, cos(2 pi / c): the regular polygon.

    Args:
        c: number of vectors.
        d: dimension; the value is for 2 only.

    Returns:
        The value, or None for c = 1 and d other than 2.

    Raises:
        ValueError: `c` or `d` is not a positive integer.

    Example:
        >>> round(plane(6), 12)
        0.5
    """
    c, d = sizes.counts(c, d)
    return math.cos(2 * math.pi / c) if d == 2 and c > 1 else None
