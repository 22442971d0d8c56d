"""Whether a floor is attained by a construction in the library, or provably by nothing.

The conditions are necessary ones; where they hold and no construction is known here, the answer is
None: the tables of Fickus and Mixon list what else is known.
"""

from __future__ import annotations

from gramax.frames.bounds import sizes
from gramax.frames.constructions import catalogue
from gramax.frames.constructions.number_theory import is_square, no_sum_of_two_squares

Answer = tuple[bool | None, str]

MOST_REAL_LINES = {2: 3, 3: 6, 4: 6, 5: 10, 6: 16, 15: 36, 16: 40, 17: 48, 18: 59, 19: 74, 20: 94}
MOST_REAL_LINES |= {21: 126, 22: 176, 43: 344} | dict.fromkeys(range(7, 15), 28)
MOST_REAL_LINES |= dict.fromkeys(range(23, 42), 276)
"""Equiangular lines in R^d: the largest number, or the least upper bound (arXiv 2603.02469)."""

LARGEST_SIC = 121
"""d^2 equiangular lines of C^d, to high precision at least, for every d up to here (Scott 2017)."""


def lines(c: int, d: int, field: str, bound: str, value: float) -> Answer:
    """Whether c lines of R^d or C^d reach the floor `value`, which `bound` gives."""
    found = catalogue.best(c, d, field)
    if found is not None and abs(found.value - value) <= 1e-12:
        return True, f"attained by the {found.name}"
    if bound == "Welch":
        return _welch(c, d, field)
    if bound == "orthoplex" and c > 2 * (sizes.gerzon(d, field) - 1):
        return False, "attained only for c <= 2 (Z(d) - 1)"
    return None, "no codebook at this floor is known to the library"


def points(c: int, d: int, bound: str, value: float) -> Answer:
    """Whether c points of the sphere in R^d reach the signed floor `value`, which `bound` gives."""
    found = catalogue.best_signed(c, d)
    if found is not None and abs(found.value - value) <= 1e-12:
        return True, f"attained by the {found.name}"
    if bound == "Fejes Tóth":
        return False, "attained by 3, 4, 6 and 12 points only"
    return None, "no codebook at this floor is known to the library"


def _welch(c: int, d: int, field: str) -> Answer:
    """Whether an equiangular tight frame of c vectors exists: the necessary conditions."""
    if c > sizes.gerzon(d, field):
        return False, f"more than Z(d) = {sizes.gerzon(d, field)} lines cannot be equiangular"
    if c > sizes.gerzon(c - d, field):
        return False, f"its Naimark complement would be {c} equiangular lines in {c - d} dimensions"
    if field == "complex":
        return _complex_welch(c, d)
    for dimension in (d, c - d):
        most = MOST_REAL_LINES.get(dimension)
        if most is not None and c > most:
            return False, f"R^{dimension} has at most {most} equiangular lines"
    if not _real_conditions(c, d):
        return False, "the integrality conditions of Sustik, Tropp, Dhillon, Heath (2007) fail"
    return None, "an equiangular tight frame is not excluded, and none is known to the library"


def _complex_welch(c: int, d: int) -> Answer:
    if c == 8 and d in (3, 5):
        return False, "no equiangular tight frame of 8 vectors in C^3 or C^5 (Szöllősi 2014)"
    if c == d * d and d <= LARGEST_SIC:
        return True, f"d^2 equiangular lines are known for every d <= {LARGEST_SIC} (Scott 2017)"
    return None, "an equiangular tight frame is not excluded, and none is known to the library"


def _real_conditions(c: int, d: int) -> bool:
    """Sustik, Tropp, Dhillon, Heath, Linear Algebra Appl. 426 (2007), theorem A, 1 < d < c - 1."""
    if c == 2 * d:
        return d % 2 == 1 and not no_sum_of_two_squares(c - 1)
    for top, bottom in ((d * (c - 1), c - d), ((c - d) * (c - 1), d)):
        if top % bottom or not is_square(top // bottom) or (top // bottom) % 2 == 0:
            return False
    return True
