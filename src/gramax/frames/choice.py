"""`construct`: the best codebook with a formula at a given (c, d)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gramax.frames import catalogue, sizes


class NoConstructionError(LookupError):
    """No construction that attains a bound is known to the library at this (c, d)."""


@dataclass(frozen=True)
class Construction:
    """A codebook with a formula.

    Attributes:
        codes: `[c, d]` unit rows, float64 or complex128.
        name: what it is.
        bound: the bound that it attains.
        value: its coherence (its largest cosine where signed).
    """

    codes: np.ndarray
    name: str
    bound: str
    value: float


def construct(c: int, d: int, field: str = "real", signed: bool = False) -> Construction:
    """The best codebook with a formula for c codes in R^d or C^d.

    Args:
        c: number of codes.
        d: dimension.
        field: "real" or "complex" (a real codebook may be the answer for complex too).
        signed: spread points (cosine) rather than lines (|cosine|); real only.

    Returns:
        The codes, what they are, and the bound that they attain: nothing better exists.

    Raises:
        NoConstructionError: none is known to the library; `tight_frame` and `pack` go further.
        ValueError: an argument is out of range.

    Example:
        >>> found = construct(16, 6)
        >>> found.name, round(found.value, 6)
        ('Steiner frame of all pairs of 4 points', 0.333333)
        >>> construct(11, 5)
        Traceback (most recent call last):
        gramax.frames.choice.NoConstructionError: no construction of 11 codes in R^5 ...
    """
    c, d = sizes.counts(c, d)
    sizes.half_degree(field)
    if signed and field == "complex":
        raise ValueError("signed codes are real; C^d with Re<x, y> is R^(2d)")
    found = catalogue.best_signed(c, d) if signed else catalogue.best(c, d, field)
    if found is None:
        raise NoConstructionError(
            f"no construction of {c} codes in {sizes.space(d, field)} that attains a bound "
            "is known to gramax: tight_frame gives a tight one, pack searches for better"
        )
    return Construction(found.build(), found.name, found.bound, found.value)
