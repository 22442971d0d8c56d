"""Counts, dimensions and fields, checked once for every bound and construction (no JAX here)."""

from __future__ import annotations

import operator
from typing import Literal

Field = Literal["real", "complex"]


def counts(c: int, d: int) -> tuple[int, int]:
    """`c` and `d` as Python integers of at least 1; ValueError that quotes them if not."""
    try:
        c, d = operator.index(c), operator.index(d)
    except TypeError:
        raise ValueError(f"c and d must be integers; got c={c!r}, d={d!r}") from None
    if c < 1 or d < 1:
        raise ValueError(f"c and d must be at least 1; got c={c}, d={d}")
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
