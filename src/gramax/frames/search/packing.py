"""`pack`: the best codebook that descent finds, where no formula gives one at the floor.

`batches` searches among few codes, `large` among many; both are imported, and JAX with them, only
where a search runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gramax._optional import need
from gramax._shapes import Float
from gramax.arrays import checks
from gramax.arrays.namespace import Array
from gramax.frames import sizes
from gramax.frames.codebooks import Kind, as_codes, as_real
from gramax.frames.constructions import catalogue
from gramax.frames.floor import Floor, coherence_floor
from gramax.frames.search.best import Best, Progress

MAX_BATCHED_CODES = 160
"""Up to so many codes are searched in batches of many starts, more in one descent in tiles."""

FEW_CODES_ROUNDS, MANY_CODES_ROUNDS = 6, 40
"""Rounds for a head where no formula answers, for up to `MAX_BATCHED_CODES` and for more: some five
seconds of a CPU core, and half a minute."""


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
        starts: starts in a batch; left out, as many as take about half a second on a CPU core,
            thousands on a GPU.
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
    c, d = sizes.counts(c, d, field, signed)
    floor = coherence_floor(c, d, field, signed)
    kind: Kind = "signed" if signed else "complex" if field == "complex" else "real"
    if seconds is None and rounds is None:
        seconds = 10.0
    best = Best(kind, floor.value, seconds, rounds, patience, report, clock, target)
    if start is not None:
        best.offer(_checked(start, c, d, kind), "the start given")
    recipe = catalogue.best_signed(c, d) if signed else catalogue.best(c, d, field)
    if recipe is not None and (construct or recipe.bound in ("trivial", "simplex")):
        best.offer(as_real(recipe.build(), kind), recipe.name)
        best.tick("construction")
    reason = best.stop()
    if reason is None and c > 1:
        reason = _search(best, c, d, key, starts, construct)
    if best.x is None:
        raise ValueError("the budget allows no round: give seconds > 0 or rounds > 0")
    codes, gap = as_codes(best.x, kind), best.value - floor.value
    stopped = reason or "one code"
    return Packing(codes, best.value, floor, gap, tuple(best.trace), stopped, best.how)


def _search(
    best: Best, c: int, d: int, key: Any, starts: int | None, construct: bool
) -> str | None:
    """Search until the budget is spent; returns why it stopped."""
    jax = need("jax", "the search for codebooks", extra="jax")
    words = [int(key)] if isinstance(key, int | np.integer) else checks.key_words(key)
    random = np.random.default_rng(words)
    with jax.enable_x64(True):
        if c > MAX_BATCHED_CODES:
            from gramax.frames.search.large import descend_large

            return descend_large(best, c, d, random, construct)
        from gramax.frames.search.batches import search

        return search(best, c, d, random, starts, construct)


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


def etf_head(
    c: int, d: int, key: Any = 0, *, scale: float = 1.0, seconds: float | None = None
) -> Float[Array, "c d"]:
    """Classifier weights that stay fixed: c codes as far apart as c directions of R^d can be.

    A regular simplex for c <= d + 1 (the geometry that neural collapse arrives at), otherwise the
    best packing of points; turned by a random rotation, so that no axis is special.

    Args:
        c: number of classes.
        d: dimension of the features.
        key: an integer or a JAX random key, for the rotation and for the search: the weights are
            a function of it, unless `seconds` are given.
        scale: norm of every row.
        seconds: time for the search, where there is no formula; by default a few rounds, forty
            for more than 160 codes.

    Returns:
        `[c, d]` weights in the default float type; every cosine is -1/(c-1) for c <= d + 1, and
        none is above the packing's largest cosine otherwise.

    Raises:
        ValueError: `c` or `d` is not a positive integer.

    Source:
        Papyan, Han, Donoho, PNAS 117 (2020); Yang et al., NeurIPS 2022 (fixed ETF classifiers).

    Example:
        >>> head = etf_head(4, 8, key=0)
        >>> print((head @ head.T)[0].round(4))
        [ 1.     -0.3333 -0.3333 -0.3333]
    """
    c, d = sizes.counts(c, d)
    jax = need("jax", "a fixed head", extra="jax")
    key = jax.random.key(key) if isinstance(key, int | np.integer) else key
    turn, search = jax.random.split(key)
    rounds = None if seconds else MANY_CODES_ROUNDS if c > MAX_BATCHED_CODES else FEW_CODES_ROUNDS
    codes = pack(c, d, signed=True, seconds=seconds, rounds=rounds, key=search).codes
    with jax.enable_x64(True):
        rotation = np.asarray(jax.random.orthogonal(turn, d, dtype=np.float64))
    return jax.numpy.asarray(scale * codes @ rotation.T)
