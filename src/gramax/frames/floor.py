"""The floor: the largest of all bounds that hold, by name, and whether it can be attained.

Where the necessary conditions for attaining it hold and no construction is known here, the answer
is None. The tables of Fickus and Mixon list what else is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gramax.frames import bounds, sizes
from gramax.frames.constructions import catalogue
from gramax.frames.constructions.algebra import no_sum_of_two_squares

TIED = 1e-12
"""Bounds this close are the same number; the floor then has the name of the first in the list."""

MOST_REAL_LINES = {2: 3, 3: 6, 4: 6, 5: 10, 6: 16, 15: 36, 16: 40, 17: 48, 18: 59, 19: 74, 20: 94}
MOST_REAL_LINES |= {21: 126, 22: 176, 43: 344} | dict.fromkeys(range(7, 15), 28)
MOST_REAL_LINES |= dict.fromkeys(range(23, 42), 276)
"""Equiangular lines in R^d: the largest number, or the least upper bound (arXiv 2603.02469)."""

LARGEST_SIC = 121
"""d^2 equiangular lines of C^d, to high precision at least, for every d up to here (Scott 2017)."""


@dataclass(frozen=True)
class Bound:
    """One bound at one (c, d): a row of the table that `all_bounds` gives.

    Attributes:
        name: what the bound is called.
        value: its value, or None where it says nothing.
        holds: where it holds and where it is attained, in words.
        source: where it is proved.
    """

    name: str
    value: float | None
    holds: str
    source: str


@dataclass(frozen=True)
class Floor:
    """The largest bound on the coherence (or on the largest cosine) of c codes in d dimensions.

    Attributes:
        value: no codebook is below it.
        bound: the name of the bound.
        source: where it is proved.
        attainable: True where a codebook at the floor is known, False where there is provably none,
            None where neither is known to this library.
        reason: why, in one line.
    """

    value: float
    bound: str
    source: str
    attainable: bool | None
    reason: str


def all_bounds(c: int, d: int, field: str = "real", signed: bool = False) -> list[Bound]:
    """Every bound at one (c, d), side by side.

    Args:
        c: number of codes.
        d: dimension.
        field: "real" or "complex".
        signed: bound the largest cosine (separation) rather than its largest magnitude (crosstalk).

    Returns:
        One `Bound` a row, its value None where it says nothing; the floor is the largest of them.

    Raises:
        ValueError: an argument is out of range, or `signed` is asked of complex codes.

    Example:
        >>> [row.name for row in all_bounds(7, 3) if row.value and row.value > 0.57]
        ['orthoplex']
    """
    c, d = sizes.counts(c, d, field, signed)
    rows = _signed_bounds(c, d) if signed else _line_bounds(c, d, field)
    return [Bound(*row) for row in rows]


def _line_bounds(c: int, d: int, field: str) -> list[tuple[str, float | None, str, str]]:
    """The bounds on |<x, y>|."""
    z = sizes.gerzon(d, field)
    lines = f"c > d; attained by equiangular tight frames, so only for c <= {z}"
    universal, degree = bounds.levenshtein(c, d, field)
    second = bounds.levenshtein_second(c, d, field)
    best, order = bounds.welch_best(c, d, field)
    power = "c above the dimension of the symmetric power"
    prover = "Welch 1974" if field == "complex" else "Sidelnikov 1974"
    volume, exact = bounds.volume(c, d, field), "where positive; exact in R^2"
    rows = [
        ("trivial", 0.0, "any c; attained for c <= d", "-"),
        ("Welch", bounds.welch(c, d), lines, "Welch 1974; Rankin 1955"),
        ("orthoplex", bounds.orthoplex(c, d, field), f"c > {z}", "Rankin 1955"),
        ("Levenshtein, second", second, f"c > {z}", "Levenshtein 1992"),
        (f"Levenshtein, degree {degree}", universal, "c > d", "Levenshtein 1992, 1998"),
        ("Bukh-Cox", bounds.bukh_cox(c, d, field), "c > d", "Bukh, Cox 2020"),
        (f"Welch, order {order}", best, power, prover),
        ("volume", volume, exact, "Mukkavilli et al. 2003; Xia, Zhou, Giannakis 2005"),
    ]
    if field == "real":
        rows.insert(3, ("polygon", bounds.plane(c, d), "d = 2; attained", "-"))
    else:
        sphere = "d = 2; attained by 3, 4, 6 and 12 lines"
        rows.append(("Fejes Tóth", bounds.bloch(c, d), sphere, "L. Fejes Tóth 1943"))
    return rows


def _signed_bounds(c: int, d: int) -> list[tuple[str, float | None, str, str]]:
    """The bounds on the largest cosine."""
    universal, degree = bounds.levenshtein_signed(c, d)
    line = 1.0 if d == 1 and c > 2 else None
    orthoplex, ball = bounds.rankin_orthoplex(c, d), bounds.fejes_toth(c, d)
    return [
        ("simplex", bounds.simplex(c, d), "any c; attained for c <= d + 1", "Rankin 1955"),
        ("pigeonhole", line, "d = 1: there are two directions", "-"),
        ("orthoplex", orthoplex, "c > d + 1; attained for c <= 2d", "Rankin 1955"),
        ("polygon", bounds.plane(c, d, signed=True), "d = 2; attained", "-"),
        ("Fejes Tóth", ball, "d = 3; attained by 3, 4, 6 and 12 points", "L. Fejes Tóth 1943"),
        (f"Levenshtein, degree {degree}", universal, "any c", "Levenshtein 1992, 1998"),
    ]


def coherence_floor(c: int, d: int, field: str = "real", signed: bool = False) -> Floor:
    """The best lower bound known to the library on the coherence of c unit codes in R^d or C^d.

    Args:
        c: number of codes.
        d: dimension.
        field: "real" or "complex".
        signed: bound the largest cosine (separation) rather than its largest magnitude (crosstalk).

    Returns:
        The floor, in [0, 1] (in [-1, 1] where signed): value, name, source, whether it can be
        attained and why. For one code, which has no pair, the least value there is.

    Raises:
        ValueError: an argument is out of range, or `signed` is asked of complex codes.

    Source:
        The bound's own, in the field `source`.

    Example:
        >>> floor = coherence_floor(28, 7)
        >>> floor.bound, round(floor.value, 6), floor.attainable
        ('Welch', 0.333333, True)
        >>> coherence_floor(5, 2, signed=True).bound
        'polygon'
    """
    rows = [(row.value, row) for row in all_bounds(c, d, field, signed) if row.value is not None]
    if c == 1:
        return Floor(-1.0 if signed else 0.0, "trivial", "-", True, "one code has no pair")
    top = max(value for value, _ in rows)
    value, row = next((value, row) for value, row in rows if value >= top - TIED)
    value = min(value, 1.0)
    found = catalogue.best_signed(c, d) if signed else catalogue.best(c, d, field)
    if found is not None and abs(found.value - value) <= 1e-12:
        attainable, reason = True, f"attained by the {found.name}"
    elif row.name == "Welch":
        attainable, reason = _equiangular(c, d, field)
    elif row.name == "orthoplex" and not signed and c > 2 * (sizes.gerzon(d, field) - 1):
        attainable, reason = False, "attained only for c <= 2 (Z(d) - 1)"
    elif row.name == "Fejes Tóth" and signed:
        attainable, reason = False, "attained by 3, 4, 6 and 12 points only"
    else:
        attainable, reason = None, "no codebook at this floor is known to the library"
    return Floor(value, row.name, row.source, attainable, reason)


def _equiangular(c: int, d: int, field: str) -> tuple[bool | None, str]:
    """Whether an equiangular tight frame of c vectors exists, by the necessary conditions."""
    # Never is c above Z(d) or Z(c - d) here: the orthoplex or the Bukh-Cox bound is larger there.
    if field == "complex":
        if c == 8 and d in (3, 5):
            return False, "no equiangular tight frame of 8 vectors in C^3 or C^5 (Szöllősi 2014)"
        if c == d * d and d <= LARGEST_SIC:
            known = f"d^2 equiangular lines are known for every d <= {LARGEST_SIC} (Scott 2017)"
            return True, known
    else:
        for dimension in (d, c - d):
            most = MOST_REAL_LINES.get(dimension, c)
            if c > most:
                return False, f"R^{dimension} has at most {most} equiangular lines"
        if not _is_integral(c, d):
            return False, "the integrality conditions of Sustik, Tropp, Dhillon, Heath (2007) fail"
    return None, "an equiangular tight frame is not excluded, and none is known to the library"


def _is_integral(c: int, d: int) -> bool:
    """Sustik, Tropp, Dhillon, Heath, Linear Algebra Appl. 426 (2007), theorem A, 1 < d < c - 1."""
    if c == 2 * d:
        return d % 2 == 1 and not no_sum_of_two_squares(c - 1)
    for top, bottom in ((d * (c - 1), c - d), ((c - d) * (c - 1), d)):
        ratio, rest = divmod(top, bottom)
        if rest or math.isqrt(ratio) ** 2 != ratio or ratio % 2 == 0:
            return False
    return True
