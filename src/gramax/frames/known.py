"""How low the coherence of c codes in d dimensions is known to get: a look-up, without a search.

Where a construction attains a bound, nothing is lower. Otherwise the answer is the best of the
packings that gramax itself found (`known_packings.csv`, which `python -m benchmarks.packing_look_up
--search 6` writes) and of the constructions of more codes or fewer dimensions: codes can be dropped
and zeros appended without any pair coming closer.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Literal

from gramax.frames import bounds, sizes
from gramax.frames.constructions import catalogue
from gramax.frames.constructions.algebra import prime_power

TABLE = Path(__file__).with_name("known_packings.csv")

MAX_DROPPED_CODES = 128
"""Constructions of so many more codes are looked at: each takes some 25 microseconds."""

MAX_ADDED_DIMENSIONS = 15  # Constructions of so many fewer dimensions are looked at
MAX_SCANNED_CODES = 4096
"""For more codes only mutually unbiased bases are looked at, beside constructions of that size."""


@dataclass(frozen=True)
class Known:
    """A coherence that is known to be reached.

    Attributes:
        value: the coherence, in [0, 1].
        how: the codebook that has it, in words.
        source: "construction" for a codebook with a formula, "packing" for one that gramax found.
    """

    value: float
    how: str
    source: Literal["construction", "packing"]


@lru_cache(maxsize=4096)
def known_coherence(c: int, d: int, field: str = "real") -> Known | None:
    """The best coherence of c unit codes in R^d or C^d that gramax knows to be reached.

    Args:
        c: number of codes.
        d: dimension.
        field: "real" or "complex".

    Returns:
        The coherence and what reaches it, or None where gramax knows of nothing. It is an upper
        bound on the least coherence, and equal to it where a construction of that very size
        attains the floor (see `coherence_floor`). It is found in milliseconds.

    Raises:
        ValueError: an argument is out of range.

    Source:
        The constructions' own; packings by `pack`.

    Example:
        >>> print(known_coherence(28, 7).how)
        quadric frame of F_2^6
        >>> found = known_coherence(10, 4)
        >>> found.source, round(found.value, 9)
        ('packing', 0.434258546)
    """
    c, d = sizes.counts(c, d, field)
    exact = catalogue.best(c, d, field)
    if exact is not None:
        return Known(float(exact.value), exact.name, "construction")
    candidates = [*_packings(c, d, field), *_parts_of_bases(c, d, field)]
    best = min(candidates, key=attrgetter("value"), default=None)
    return _better_part(c, d, field, best) if c <= MAX_SCANNED_CODES else best


@lru_cache(maxsize=1)
def read_table() -> list[tuple[str, int, int, float]]:
    """Field, dimension, number of codes and coherence of every packing in the table."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return [(r["field"], int(r["d"]), int(r["c"]), float(r["coherence"])) for r in rows]


def _packings(c: int, d: int, field: str) -> Iterator[Known]:
    """Packings of at least c codes in at most d dimensions; real ones serve both fields."""
    for kind, dimension, count, value in read_table():
        if count >= c and dimension <= d and kind in ("real", field):
            yield Known(value, _part("packing found by gramax", c, d, count, dimension), "packing")


def _parts_of_bases(c: int, d: int, field: str) -> Iterator[Known]:
    """Parts of mutually unbiased bases: few formulas have more codes than these."""
    side = 4 ** ((d.bit_length() - 1) // 2)
    families = [(side, side // 2 + 1, "real ")] if side > 1 else []
    if field == "complex":
        fewer = range(d, max(1, d - MAX_DROPPED_CODES), -1)
        families += [(n, n + 1, "") for n in fewer if prime_power(n)][:1]
    for dimension, count, kind in families:
        if c <= dimension * count:
            name = f"{count} {kind}mutually unbiased bases"
            name = _part(name, c, d, dimension * count, dimension)
            yield Known(1 / math.sqrt(dimension), name, "construction")


def _better_part(c: int, d: int, field: str, best: Known | None) -> Known | None:
    """The best part of a construction of some more codes or fewer dimensions, or `best`."""
    kinds = dict.fromkeys(("real", field))  # real codes are complex ones too
    for dimension in range(d, max(1, d - MAX_ADDED_DIMENSIONS - 1), -1):
        for count in range(c, c + MAX_DROPPED_CODES + 1):
            floor = bounds.welch(count, dimension) or 0.0
            if best is not None and floor >= best.value:  # and so it is with more codes
                break
            for kind in kinds:
                recipe = catalogue.best(count, dimension, kind)
                if recipe is not None and (best is None or recipe.value < best.value):
                    name = _part(recipe.name, c, d, count, dimension)
                    best = Known(float(recipe.value), name, "construction")
    return best


def _part(name: str, c: int, d: int, count: int, dimension: int) -> str:
    """The name of c codes of R^d that are a part of `count` codes in `dimension` dimensions."""
    name += f", {c} of its {count} codes" * (count > c)
    return name + f", in {dimension} of the {d} dimensions" * (dimension < d)
