"""`pack`: the best codebook that descent finds, where no formula gives one at the floor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gramax._optional import need
from gramax.frames.bounds import sizes
from gramax.frames.codebooks import Kind, as_codes, as_real, kind_of
from gramax.frames.constructions import catalogue
from gramax.frames.floor import Floor, coherence_floor
from gramax.frames.search.progress import Best, Progress

MAX_BATCHED_CODES = 160
"""Up to so many codes are searched in batches of many starts, more in one descent in tiles."""


@dataclass(frozen=True)
class Packing:
    """A codebook found by `pack`.

    Attributes:
        codes: `[c, d]` unit rows, float64 or complex128.
        coherence: its largest |<x_i, x_j>| (largest cosine where signed).
        floor: the largest lower bound, see `coherence_floor`.
        gap: `coherence` less the floor's value; 0 is best, and reached only where some codebook
            attains the floor.
        trace: the best after every batch.
        stopped: why the search ended.
        found: how the codes were found.
    """

    codes: np.ndarray
    coherence: float
    floor: Floor
    gap: float
    trace: tuple[Progress, ...]
    stopped: str
    found: str


def pack(
    c: int,
    d: int,
    field: str = "real",
    signed: bool = False,
    *,
    seconds: float | None = None,
    rounds: int | None = None,
    key: Any = 0,
    start: np.ndarray | None = None,
    starts: int | None = None,
    patience: int = 200,
    construct: bool = True,
    target: float | None = None,
    report: Callable[[Progress], bool | None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Packing:
    """The c unit codes in R^d or C^d of least coherence that can be found in the budget.

    A construction where one attains the floor; otherwise batches of annealed descents from random,
    structured and shaken starts, the best polished by Newton's method to 1e-12.

    Args:
        c: number of codes.
        d: dimension.
        field: "real" or "complex".
        signed: spread points (largest cosine) rather than lines (largest |cosine|); real only.
        seconds: time to spend, 10 where neither budget is given.
        rounds: batches to run; with it and without `seconds` the result is a function of the key.
        key: an integer or a JAX random key.
        start: `[c, d]` codes to start from as well.
        starts: starts in a batch; left out, as many as take about a second and a half on a CPU
            core, thousands on a GPU.
        patience: stop after so many rounds that bring nothing.
        construct: whether a construction may answer, or be a start. Orthonormal rows and the
            regular simplex always may.
        target: stop as soon as the coherence is this low.
        report: called after every batch with a `Progress`; the search ends where it returns True.
        clock: what the seconds are read from; `time.process_time` counts this process's CPU time,
            which other programs on the machine do not spend.

    Returns:
        The best codebook found, its coherence, the floor, the gap, the trace, why the search ended
        and how the codes were found. Computed in float64 whatever the caller's setting.

    Raises:
        ValueError: an argument is out of range.

    Source:
        Sloane, Hardin, Smith (tables of packings); Jasper, King, Mixon, Game of Sloanes (2019).

    Example:
        >>> found = pack(6, 3)
        >>> round(found.coherence, 9), found.found
        (0.447213595, 'conference frame of order 6')
        >>> found = pack(5, 3, rounds=1, starts=8)
        >>> round(found.coherence, 9)
        0.447213595
    """
    c, d = sizes.counts(c, d)
    floor = coherence_floor(c, d, field, signed)
    kind = kind_of(field, signed)
    if seconds is None and rounds is None:
        seconds = 10.0
    best = Best(kind, floor.value, seconds, rounds, patience, report, clock, target, clock())
    if start is not None:
        best.offer(_checked(start, c, d, kind), "the start given")
    recipe = catalogue.best_signed(c, d) if signed else catalogue.best(c, d, field)
    if recipe is not None and (construct or recipe.bound in ("trivial", "simplex")):
        best.offer(as_real(recipe.build(), kind), recipe.name)
        best.tick("construction")
    reason = best.stop()
    if reason is None and c > 1:
        reason = _search(best, c, d, np.random.default_rng(_seed(key)), starts, construct)
    if best.x is None:
        raise ValueError("the budget allows no round: give seconds > 0 or rounds > 0")
    codes = as_codes(best.x, kind)
    gap = best.value - floor.value
    trace = tuple(best.trace or ())
    return Packing(codes, best.value, floor, gap, trace, reason or "one code", best.how)


def _search(
    best: Best, c: int, d: int, random: np.random.Generator, starts: int | None, construct: bool
) -> str:
    """Run the search that suits the number of codes; returns why it stopped."""
    jax = need("jax", "the search for codebooks", extra="jax")

    with jax.enable_x64(True):
        if c > MAX_BATCHED_CODES:
            from gramax.frames.search.large import descend_large

            return descend_large(best, c, d, random, construct)
        from gramax.frames.search.batches import search

        return search(best, c, d, random, starts, construct)


def _seed(key: Any) -> list[int]:
    """Entropy for NumPy from an integer or a JAX key."""
    if isinstance(key, int | np.integer):
        return [int(key)]
    import jax
    from jax import numpy as jnp

    typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
    words = np.asarray(jax.random.key_data(key) if typed else key).ravel()
    return [int(word) & 0xFFFFFFFF for word in words]


def _checked(start: np.ndarray, c: int, d: int, kind: Kind) -> np.ndarray:
    """A start as real rows of norm 1, or a ValueError that quotes it."""
    start = np.asarray(start)
    if start.shape != (c, d):
        raise ValueError(f"start must be [{c}, {d}] codes; got shape {start.shape}")
    x = as_real(start, kind)
    length = np.linalg.norm(x, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(length) & (length > 0)))
    if bad.size:
        raise ValueError(f"start: row {bad[0]} is zero or not finite")
    return x / length
