"""Headroom: a codebook's worst crosstalk beside what codes of the same number and size can reach.

A floor need not be within reach. What is known to be reached is looked up: orthonormal codes or a
simplex where the codes fit, a construction, or a packing that gramax found before. A search, when
it is asked for, descends both from random codes and from the codebook itself. It is short (a plain
Adam, no polish), so what it reaches is an upper bound on the least crosstalk, good to three digits
or so. Only the search imports JAX.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gramax._optional import need
from gramax._shapes import Float
from gramax.frames import coherence_floor, known_coherence
from gramax.frames.codebooks import coherence

if TYPE_CHECKING:
    from gramax.frames import Progress

SPAN_WORK = 1e8
"""c d min(c, d) up to which the rank of the codes is found in passing."""

STARTS = 8
"""Descents from random codes, and as many from the codebook."""

LARGE_ROUNDS, LARGE_SECONDS = 40, 25.0
"""The budget of each of the two descents of a large codebook: whichever ends first."""

ROUNDING = 1e-6
"""What float32 may lose of a cosine, or of a singular value beside the largest."""


@dataclass(frozen=True)
class Headroom:
    """The worst crosstalk of c codes in d dimensions, and what it can be held against."""

    c: int
    d: int
    worst: float  # their largest |cosine|
    floor: float  # no c codes have less
    bound: str  # the name of that floor
    random: float  # the largest |cosine| to expect of random codes; NaN where not known
    span: int | None = None  # dimensions that the codes span; None where that was not computed
    reachable: float | None = None  # the least that is known to be reached; None where none is
    from_here: float | None = None  # the least by descent from the codes; None without a search
    how: str = "not known without a search"  # what reaches it: looked up, or searched
    seconds: float = 0.0  # that the search took


def measure(
    codes: Callable[[], Float[np.ndarray, "_ d"]],
    c: int,
    d: int,
    worst: float,
    random: float = np.nan,
    *,
    search: bool | None = None,
    key: int = 0,
    report: Callable[[Progress], None] | None = None,
) -> Headroom:
    """What the worst crosstalk of a codebook could be.

    `codes` gives the unit rows, and is called only where they are needed; the c rows that are not
    zero count, whose largest |cosine| is `worst`, where random codes have `random`. With `search`,
    descents start from random codes of this `key`, which decides the result for up to 160 codes.
    Among more, `report` is told of every round.

    Example:
        >>> found = measure(lambda: np.eye(6)[:, :3] + 0.1, 6, 3, worst=1.0)
        >>> round(found.reachable, 4), found.how
        (0.4472, 'looked up: conference frame of order 6')
    """
    floor, known = coherence_floor(c, d), known_coherence(c, d)
    room = Headroom(c, d, worst, floor.value, floor.bound, random)
    if known is not None and known.value <= worst + ROUNDING:
        room = replace(room, reachable=known.value, how=f"looked up: {known.how}")
    elif known is not None:
        how = f"these codes, which are better than what was looked up: {known.how}"
        room = replace(room, reachable=worst, how=how)
    search = bool(search) and c > d + 1  # a formula is all there is to say of codes that fit
    small = c * d * min(c, d) <= SPAN_WORK
    if not (search or small):
        return room
    rows = np.asarray(codes(), dtype=np.float64)
    rows = rows[np.any(rows != 0, axis=1)]
    if small:
        room = replace(room, span=int(np.linalg.matrix_rank(rows, rtol=ROUNDING)))
    if not search:
        return room
    need("jax", "the search for headroom", extra="jax")
    from gramax.frames.search.packing import MAX_BATCHED_CODES

    began = time.monotonic()
    descend = _search_in_tiles if c > MAX_BATCHED_CODES else _search_in_batches
    scratch, here, how = descend(rows, key, report)
    room = replace(room, from_here=here, seconds=round(time.monotonic() - began, 2))
    if here < scratch:
        scratch, how = here, "descent from these codes"
    if room.reachable is None or scratch < room.reachable:
        room = replace(room, reachable=scratch, how=f"searched: {how}")
    return room


def _search_in_batches(
    codes: Float[np.ndarray, "c d"], key: int, _: Callable[[Progress], None] | None
) -> tuple[float, float, str]:
    """Least coherence from random codes, from these, and how: one batch of descents."""
    import jax

    from gramax.frames.search import anneal, starts
    from gramax.frames.search.batches import LAST_BETA, padded

    c, d = codes.shape
    random = np.random.default_rng(key)
    x = random.normal(size=(2 * STARTS, padded(c), d))
    for row in x[STARTS:]:  # shaken a little, or codes that coincide would stay together
        row[:c] = codes + starts.log_uniform(random, 1e-3, 0.2) * row[:c] / np.sqrt(d)
    x /= np.linalg.norm(x, axis=-1, keepdims=True)
    mask = np.tile(np.arange(padded(c)) < c, (2 * STARTS, 1)).astype(float)
    scale = max(coherence_floor(c, d).value ** 2, 0.05)
    betas = STARTS * [(0.7, 24)] + STARTS * [(4, 400)]  # from these codes, not from afar
    first = [starts.log_uniform(random, *ends) for ends in betas]
    last = np.float64(LAST_BETA / scale)
    with jax.enable_x64(True):
        ends, _soft = anneal.adam(x, anneal.Ties(mask), np.array(first) / scale, last, "real")
    ends = np.asarray(ends)[:, :c]
    values = [coherence(end / np.linalg.norm(end, axis=1, keepdims=True)) for end in ends]
    return min(values[:STARTS]), min(*values[STARTS:], coherence(codes)), "descent"


def _search_in_tiles(
    codes: Float[np.ndarray, "c d"], key: int, report: Callable[[Progress], None] | None
) -> tuple[float, float, str]:
    """The same for many codes: one descent in tiles from each."""
    from gramax.frames import pack

    c, d = codes.shape
    budget = {"rounds": LARGE_ROUNDS, "seconds": LARGE_SECONDS, "key": key, "report": report}
    scratch = pack(c, d, **budget)
    here = pack(c, d, start=codes, construct=False, **budget)
    return scratch.coherence, here.coherence, scratch.found
