"""The floor: the largest of all bounds that hold, by name, and whether it can be reached."""

from __future__ import annotations

from dataclasses import dataclass

from gramax.frames import bounds, existence
from gramax.frames.bounds import points, sizes

TIED = 1e-12
"""Bounds this close are the same number; the floor then has the name of the first in the list."""


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


def _line_bounds(c: int, d: int, field: str) -> list[Bound]:
    """The bounds on |<x, y>|."""
    z = sizes.gerzon(d, field)
    universal, degree = bounds.levenshtein(c, d, field)
    best, order = bounds.welch_best(c, d, field)
    rows = [
        Bound("trivial", 0.0, "any c; attained for c <= d", "-"),
        Bound(
            "Welch",
            bounds.welch(c, d),
            f"c > d; attained by equiangular tight frames, so only for c <= {z}",
            "Welch 1974; Rankin 1955",
        ),
        Bound("orthoplex", bounds.orthoplex(c, d, field), f"c > {z}", "Rankin 1955"),
        Bound(
            "Levenshtein, second",
            bounds.levenshtein_second(c, d, field),
            f"c > {z}",
            "Levenshtein 1992",
        ),
        Bound(f"Levenshtein, degree {degree}", universal, "c > d", "Levenshtein 1992, 1998"),
        Bound("Bukh-Cox", bounds.bukh_cox(c, d, field), "c > d", "Bukh, Cox 2020"),
        Bound(
            f"Welch, order {order}",
            best,
            "c above the dimension of the symmetric power",
            "Welch 1974" if field == "complex" else "Sidelnikov 1974",
        ),
        Bound(
            "volume",
            bounds.volume(c, d, field),
            "where positive; exact in R^2",
            "Mukkavilli et al. 2003; Xia, Zhou, Giannakis 2005",
        ),
    ]
    if field == "real":
        exact = Bound("polygon", bounds.plane(c, d), "d = 2; attained", "-")
        rows.insert(3, exact)
    else:
        sphere = "d = 2; attained by 3, 4, 6 and 12 lines"
        rows.append(Bound("Fejes Tóth", points.bloch(c, d), sphere, "L. Fejes Tóth 1943"))
    return rows


def _signed_bounds(c: int, d: int) -> list[Bound]:
    """The bounds on the largest cosine."""
    universal, degree = points.levenshtein_signed(c, d)
    line = 1.0 if d == 1 and c > 2 else None
    return [
        Bound("simplex", points.simplex(c, d), "any c; attained for c <= d + 1", "Rankin 1955"),
        Bound("pigeonhole", line, "d = 1: there are two directions", "-"),
        Bound(
            "orthoplex",
            points.rankin_orthoplex(c, d),
            "c > d + 1; attained for c <= 2d",
            "Rankin 1955",
        ),
        Bound("polygon", points.plane(c, d), "d = 2; attained", "-"),
        Bound(
            "Fejes Tóth",
            points.fejes_toth(c, d),
            "d = 3; attained by 3, 4, 6 and 12 points",
            "L. Fejes Tóth 1943",
        ),
        Bound(f"Levenshtein, degree {degree}", universal, "any c", "Levenshtein 1992, 1998"),
    ]


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
    c, d = sizes.counts(c, d)
    sizes.half_degree(field)
    if signed and field == "complex":
        raise ValueError("signed floors are for real codes; C^d with Re<x, y> is R^(2d)")
    return _signed_bounds(c, d) if signed else _line_bounds(c, d, field)


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
        value = -1.0 if signed else 0.0
        return Floor(value, "trivial", "-", True, "one code has no pair")
    top = max(value for value, _ in rows)
    value, row = next((value, row) for value, row in rows if value >= top - TIED)
    value = min(value, 1.0)
    if signed:
        attainable, reason = existence.points(c, d, row.name, value)
    else:
        attainable, reason = existence.lines(c, d, field, row.name, value)
    return Floor(value, row.name, row.source, attainable, reason)
