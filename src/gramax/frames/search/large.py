"""Large codebooks: one annealed descent of the same objective, a tile of the Gram matrix at a time.

Memory is that of one tile, so c = 10 000 codes need no 10 000 x 10 000 matrix.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gramax.frames.codebooks import Kind, as_real, unit
from gramax.frames.constructions.elementary import tight_frame
from gramax.frames.search import starts
from gramax.frames.search.anneal import adam_step
from gramax.frames.search.best import Best
from gramax.frames.search.objective import soft_maximum

TILE_ENTRIES = 2**21  # Entries of the Gram matrix that are held at once
BETA_RANGE = (0.3, 300.0)
RATE_RANGE = (0.3, 5e-3)
ROUND_WORK = 3e9  # Multiplications in a round: half a second or so of one CPU core
RESUMED_AT = 0.4  # A descent from codes that are good already skips this part of the annealing
FLOAT32_WORK = 1e7
"""With more multiplications a step, descent runs in float32. Results are measured in float64."""


@partial(jax.jit, static_argnames=("kind", "tile", "steps"))
def _adam(
    state: tuple[Array, ...],
    mask: Array,
    beta: Array,
    rate: Array,
    kind: Kind,
    tile: int,
    steps: int,
) -> tuple[Array, ...]:
    """`steps` of Adam at one beta; state is rows, two moments, step count and largest s."""

    def step(_: Array, s: tuple[Array, ...]) -> tuple[Array, ...]:
        u, mean, square, count, top = s
        _, slope, top = soft_maximum(u, mask, beta, kind, tile, top)
        return *adam_step(u, mean, square, slope, count + 1, rate, 0.99, 0.05), count + 1, top

    return jax.lax.fori_loop(0, steps, step, state)


def _beginning(
    best: Best, c: int, d: int, random: np.random.Generator, construct: bool
) -> np.ndarray:
    """Offers random rows, a tight frame and parts of larger constructions; the rows to start from.

    Those are the codes that `best` held already, a part of a construction, or the random rows.
    """
    given, kind = best.x, best.kind
    x = random.normal(size=(c, starts.width_of(d, kind)))
    best.offer(unit(x), "random")
    if construct:
        for codes in starts.nearby(c, d, kind):
            if len(codes) >= c:
                best.offer(unit(as_real(codes[:c], kind)), "part of a construction")
        if c > d:
            frame = tight_frame(c, d, "complex" if kind == "complex" else "real")
            best.offer(unit(as_real(frame, kind)), "tight frame")
    best.tick("start")
    if given is not None:
        return given
    return x if best.x is None or best.how in ("random", "tight frame") else best.x


def descend_large(best: Best, c: int, d: int, random: np.random.Generator, construct: bool) -> str:
    """Descend from one start until the budget is spent; returns why it stopped.

    Adam takes steps at a sharper beta and a slower rate in every round, as the budget is spent.
    """
    first = RESUMED_AT if best.x is not None else 0.0
    x = _beginning(best, c, d, random, construct)
    signed, width = best.kind == "signed", x.shape[1]
    single = c * c * (d if best.kind != "complex" else 4 * d) > FLOAT32_WORK
    dtype = jnp.float32 if single else jnp.float64
    tiles = -(-c // int(np.clip(TILE_ENTRIES // c, 8, 1024)))
    tile = -(-c // (8 * tiles)) * 8  # of one size, and hardly more rows than codes
    size = tiles * tile
    u = unit(np.concatenate([x, random.normal(size=(size - c, width))]))
    u = jnp.asarray(u, dtype)
    mask = jnp.asarray(np.arange(size) < c, dtype)
    top = jnp.asarray(best.value if signed else best.value**2, dtype)
    state = (u, jnp.zeros_like(u), jnp.zeros_like(u), jnp.zeros((), dtype), top)
    scale = max(best.floor if signed else best.floor**2, 1e-4)
    work = size**2 * width * (4 if best.kind == "complex" else 2)
    steps = int(np.clip(ROUND_WORK / work, 1, 200))
    part = first
    while (reason := best.stop()) is None:
        beta = BETA_RANGE[0] * (BETA_RANGE[1] / BETA_RANGE[0]) ** part / scale
        rate = RATE_RANGE[0] * (RATE_RANGE[1] / RATE_RANGE[0]) ** part / np.sqrt(width)
        numbers = (np.asarray(v, dtype) for v in (beta, rate))
        state = _adam(state, mask, *numbers, best.kind, tile, steps)
        best.offer(np.asarray(state[0], dtype=np.float64)[:c], "descent in tiles")
        best.tick("descent in tiles")
        part = min(1.0, first + (1 - first) * best.spent())
    return reason
