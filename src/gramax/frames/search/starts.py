"""Where descent starts: random rows, hops from the best, constructions with codes more or fewer."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from gramax.frames.codebooks import Kind, as_real, similarities
from gramax.frames.constructions import catalogue, unbiased_bases
from gramax.frames.constructions.number_theory import prime_power
from gramax.frames.search.symmetry import Orbits, orbits


class Start(NamedTuple):
    """Where a descent starts: real rows, the first beta, and what ties the rows together.

    The beta is yet to be divided by the square of the floor.
    """

    rows: np.ndarray
    beta: float
    ties: Orbits | None = None


def log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def fresh(c: int, width: int, random: np.random.Generator) -> Start:
    """Random rows, annealed from a low beta, 0.2 to 24."""
    return Start(random.normal(size=(c, width)), log_uniform(random, 0.2, 24))


def hop(base: np.ndarray, random: np.random.Generator) -> Start:
    """A good configuration shaken, with up to three rows drawn again.

    Half of the time hard, and annealed from a beta low enough that the others make room; half of
    the time lightly, which finds the neighbours where there are many codes in few dimensions.
    """
    c, width = base.shape
    light = random.random() < 0.5
    noise = log_uniform(random, *((0.02, 0.4) if light else (0.05, 1.0)))
    x = base + noise * random.normal(size=base.shape) / np.sqrt(width)
    again = random.choice(c, size=min(c, random.integers(0, 4)), replace=False)
    x[again] = random.normal(size=(len(again), width))
    return Start(x, log_uniform(random, *((4, 400) if light else (2, 60))))


def structured(c: int, d: int, kind: Kind, random: np.random.Generator) -> Start:
    """Orbits of a group, or a construction near (c, d) with codes dropped or added."""
    known = nearby(c, d, kind)
    if not known or random.random() < 0.6:
        ties = orbits(c, d, kind, random)
        return Start(ties.rows, log_uniform(random, 0.7, 30), ties)
    codes = as_real(known[random.integers(len(known))], kind)
    codes = random.permutation(codes)[:c]
    x = np.concatenate([codes, random.normal(size=(c - len(codes), codes.shape[1]))])
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    x = x + random.choice([1e-4, 0.02, 0.1]) * random.normal(size=x.shape)
    return Start(x, log_uniform(random, 1, 100))


@lru_cache(maxsize=8)
def nearby(c: int, d: int, kind: Kind) -> tuple[np.ndarray, ...]:
    """Codebooks with a formula in d dimensions, of more codes than c or a few fewer.

    And those in one dimension less, lifted: 28 lines of R^7 and a few more are the best of R^8.
    """
    reach = max(8, c // 4)
    counts = [*range(c + 1, c + reach + 1), *range(c - 1, max(d, c - 4) - 1, -1)]
    found = _built(counts, d, kind)[:6]
    if kind == "complex" and prime_power(d) and c < d * (d + 1) and d <= 64:
        found.append(unbiased_bases.mutually_unbiased_bases(d))
    power_of_four = d > 1 and 4 ** (d.bit_length() // 2) == d
    if kind == "real" and power_of_four and c < d * (d // 2 + 1) and d <= 256:
        found.append(unbiased_bases.real_mutually_unbiased_bases(d))
    if 3 < d <= 24:
        counts = range(c + reach, max(d, c - reach) - 1, -1)
        found += [np.pad(codes, ((0, 0), (0, 1))) for codes in _built(counts, d - 1, kind)[:4]]
    return tuple(found)


def _built(counts: Iterable[int], d: int, kind: Kind) -> list[np.ndarray]:
    """The constructions in d dimensions that exist for these numbers of codes."""
    field = "complex" if kind == "complex" else "real"
    recipes = (
        catalogue.best_signed(n, d) if kind == "signed" else catalogue.best(n, d, field)
        for n in counts
    )
    return [r.build() for r in recipes if r is not None]


def shed(x: np.ndarray, c: int, kind: Kind) -> np.ndarray:
    """Drop rows until `c` are left, each time the row that crowds the others most."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    while len(x) > c:
        s = similarities(x, x, kind)
        np.fill_diagonal(s, -np.inf)
        crowding = np.exp((s - s.max()) * 1e4).sum(axis=1)
        x = np.delete(x, np.argmax(crowding), axis=0)
    return x
