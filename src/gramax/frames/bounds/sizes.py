"""Numbers of codes, dimensions and fields, checked once for every bound and construction."""

from __future__ import annotations

import operator

LARGEST = 10**30
"""Codes and dimensions go up to here: the formulas are in float64, which ends at 10^308."""


def counts(c: int, d: int) -> tuple[int, int]:
    """`c` and `d` as Python integers of 1 to `LARGEST`; ValueError that quotes them if not."""
    try:
        c, d = operator.index(c), operator.index(d)
    except TypeError:
        raise ValueError(f"c and d must be integers; got c={c!r}, d={d!r}") from None
    if c < 1 or d < 1:
        raise ValueError(f"c and d must be at least 1; got c={c}, d={d}")
    if max(c, d) > LARGEST:
        digits = int(max(c, d).bit_length() * 0.30103) + 1
        raise ValueError(f"c and d go up to {LARGEST:.0e}; got a number of about {digits} digits")
    return c, d


def half_degree(field: str) -> float:
    """The m of the formulas: half the real dimension of the field."""
    if field not in ("real", "complex"):
        raise ValueError(f"field must be 'real' or 'complex'; got {field!r}")
    return 0.5 if field == "real" else 1.0


def gerzon(d: int, field: str) -> int:
    """Z(d): the dimension of the Hermitian d x d matrices, the most equiangular lines there are."""
    half_degree(field)
    return d * (d + 1) // 2 if field == "real" else d * d


def space(d: int, field: str) -> str:
    """How the space is written: R^3, C^4."""
    return f"{'R' if field == 'real' else 'C'}^{d}"
