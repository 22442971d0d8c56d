"""Numbers of codes, dimensions and fields, checked once for every bound and construction."""

from __future__ import annotations

import operator

LARGEST = 10**9
"""Codes and dimensions go up to here, where to find the factors of a number takes a millisecond."""


def counts(c: int, d: int, field: str = "real", signed: bool = False) -> tuple[int, int]:
    """`c` and `d` as Python integers of 1 to `LARGEST`; a ValueError quotes what is wrong."""
    try:
        c, d = operator.index(c), operator.index(d)
    except TypeError:
        raise ValueError(f"c and d must be integers; got c={c!r}, d={d!r}") from None
    if c < 1 or d < 1:
        raise ValueError(f"c and d must be at least 1; got c={c}, d={d}")
    if max(c, d) > LARGEST:
        raise ValueError(f"c and d go up to {LARGEST:,}")
    if field not in ("real", "complex"):
        raise ValueError(f"field must be 'real' or 'complex'; got {field!r}")
    if signed and field == "complex":
        raise ValueError("signed is for real codes only; C^d with Re<x, y> is R^(2d)")
    return c, d


def gerzon(d: int, field: str) -> int:
    """Z(d), the dimension of the Hermitian d x d matrices: the most equiangular lines there are."""
    return d * (d + 1) // 2 if field == "real" else d * d


def has_real_bases(d: int) -> bool:
    """Whether R^d has the d/2 + 1 unbiased bases that are known for powers of 4."""
    return d > 1 and 4 ** (d.bit_length() // 2) == d
