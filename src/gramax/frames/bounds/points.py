"""Lower bounds on the largest cosine, with its sign, of c unit vectors in R^d (spherical codes).

Crosstalk asks how small |cos| can be; separation asks how small cos can be, and these bounds answer
that. As in `lines`, each returns a number in [-1, 1], or None outside its range of validity.
"""

from __future__ import annotations

import math

from gramax.frames.bounds import sizes
from gramax.frames.bounds.linear_programming import universal


def simplex(c: int, d: int) -> float | None:
    """Rankin's simplex bound -1 / (c - 1) for c > 1: the norm of a sum is not negative.

    A regular simplex attains it for c <= d + 1.

    Source: Rankin, Proc. Glasgow Math. Assoc. 2 (1955).

    >>> simplex(5, 4)
    -0.25
    """
    c, d = sizes.counts(c, d)
    return -1 / (c - 1) if c > 1 else None


def rankin_orthoplex(c: int, d: int) -> float | None:
    """Rankin's second bound (1955): 0 for c > d + 1, attained by cross-polytopes for c <= 2d.

    >>> rankin_orthoplex(6, 3)  # the octahedron
    0.0
    """
    c, d = sizes.counts(c, d)
    return 0.0 if c > d + 1 else None


def levenshtein_signed(c: int, d: int, degree: int | None = None) -> tuple[float | None, int]:
    """Levenshtein's universal bound for spherical codes, c > 1 and d > 1, with its degree.

    Without a `degree` it is the one in whose interval the bound lies; the value is None outside the
    range of a degree that is asked for.

    Source: Levenshtein 1992, 1998.

    >>> value, _ = levenshtein_signed(240, 8)  # the kissing configuration of E8
    >>> round(value, 12)
    0.5
    """
    c, d = sizes.counts(c, d)
    if c == 1 or d == 1:
        return None, degree or 1
    return universal(c, (d - 3) / 2, (d - 3) / 2, degree)


def fejes_toth(c: int, d: int = 3) -> float | None:
    """Fejes Tóth's bound (cot^2 w - 1) / 2, w = pi c / (6 (c - 2)), for c > 2 points in R^3.

    3, 4, 6 and 12 points attain it (triangle, tetrahedron, octahedron, icosahedron).

    Source: L. Fejes Tóth, Jber. Deutsch. Math. Verein. 53 (1943).

    >>> round(fejes_toth(12), 12)  # the icosahedron
    0.4472135955
    """
    c, d = sizes.counts(c, d)
    if d != 3 or c < 3:
        return None
    w = math.pi * c / (6 * (c - 2))
    return (1 / math.tan(w) ** 2 - 1) / 2


def bloch(c: int, d: int = 2) -> float | None:
    """Fejes Tóth's bound for c > 2 lines of C^2, which are points of the Bloch sphere.

    It is sqrt((1 + s) / 2), s the bound of `fejes_toth`, for |<x, y>|^2 = (1 + cos) / 2 there.

    >>> round(bloch(12), 6)
    0.850651
    """
    c, d = sizes.counts(c, d)
    cosine = fejes_toth(c, 3) if d == 2 else None
    return None if cosine is None else math.sqrt(max(0.0, (1 + cosine) / 2))


def plane(c: int, d: int = 2) -> float | None:
    """The exact value cos(2 pi / c) for c > 1 points of the plane: the regular polygon.

    >>> round(plane(6), 12)
    0.5
    """
    c, d = sizes.counts(c, d)
    return math.cos(2 * math.pi / c) if d == 2 and c > 1 else None
