"""Large codebooks: one annealed descent of the same objective, a tile of the Gram matrix at a time.

Memory is that of one tile, so c = 10 000 codes need no 10 000 x 10 000 matrix.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from gramax.frames.codebooks import Kind, as_real
from gramax.frames.constructions.elementary import tight_frame
from gramax.frames.search import starts
from gramax.frames.search.objective import (
    counted,
    products,
    similarity,
    soft_slope,
    soft_terms,
    soft_value,
)

if TYPE_CHECKING:
    from gramax.frames.search.progress import Best

TILE_ENTRIES = 2**21
"""Entries of the Gram matrix that are held at once."""

BETA_RANGE = (0.3, 300.0)
RATE_RANGE = (0.3, 5e-3)
ROUND_WORK = 3e9
"""Multiplications in a round: half a second or so of one CPU core."""

RESUMED_AT = 0.4
"""A descent from codes that are good already skips this part of the annealing."""

FLOAT32_WORK = 1e7
"""With more multiplications a step, descent runs in float32. Results are measured in float64."""


def _tile(
    rows: Array, index: Array, u: Array, mask: Array, beta: Array, shift: Array, kind: Kind
) -> tuple[Array, Array, Array]:
    """Sum of exp(beta (s - shift)) over the pairs of some rows, its gradient, the largest s."""
    g, h = products(rows, u, kind)
    pairs = (mask > 0) & (index[:, None] != jnp.arange(u.shape[0])) & (mask[index] > 0)[:, None]
    s = counted(similarity(g, h, kind), pairs)
    terms = soft_terms(s, beta, shift)
    return jnp.sum(terms), soft_slope(terms, g, h, u, kind), jnp.max(s)


def tiled(
    u: Float[Array, "n k"], mask: Array, beta: Array, shift: Array, kind: Kind, tile: int
) -> tuple[Array, Float[Array, "n k"], Array]:
    """The soft maximum of unit rows, its gradient along the spheres, and the true maximum.

    Value and gradient are those of `soft_maximum`, `tile` rows at a time; the number of rows is a
    multiple of it. `shift` is about the largest s, so that the exponentials stay in range.
    """
    n, k = u.shape
    index = jnp.arange(n).reshape(-1, tile)

    def one(args: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        return _tile(*args, u, mask, beta, shift, kind)

    total, slope, top = jax.lax.map(one, (u.reshape(-1, tile, k), index))
    total, slope = jnp.sum(total), slope.reshape(n, k)
    slope = slope / total
    slope = slope - jnp.sum(slope * u, axis=-1, keepdims=True) * u
    return soft_value(total / 2, beta, shift), slope, jnp.max(top)


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
        _, slope, top = tiled(u, mask, beta, top, kind, tile)
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope * slope
        fair = mean / (1 - 0.9 ** (count + 1))
        size = jnp.sqrt(square / (1 - 0.99 ** (count + 1)))
        u = u - rate * fair / (jnp.max(size) * 0.05 + size)
        return u / jnp.linalg.norm(u, axis=-1, keepdims=True), mean, square, count + 1, top

    return jax.lax.fori_loop(0, steps, step, state)


def _beginnings(
    best: Best, c: int, d: int, random: np.random.Generator, construct: bool
) -> list[tuple[str, np.ndarray]]:
    """The possible starts: random rows, a tight frame, and parts of larger constructions."""
    width = 2 * d if best.kind == "complex" else d
    found = [("random", random.normal(size=(c, width)))]
    if construct:
        known = starts.nearby(c, d, best.kind)
        for codes in (k for k in known if len(k) >= c):
            found.append(("part of a construction", as_real(codes[:c], best.kind)))
        if c > d:
            field = "complex" if best.kind == "complex" else "real"
            found.append(("tight frame", as_real(tight_frame(c, d, field), best.kind)))
    return found


def descend_large(best: Best, c: int, d: int, random: np.random.Generator, construct: bool) -> str:
    """Descend from one start until the budget is spent; returns why it stopped.

    It starts from the codes that `best` holds already, where there are any.
    """
    signed, given = best.kind == "signed", best.x
    options = _beginnings(best, c, d, random, construct)
    for how, x in options:
        best.offer(x / np.linalg.norm(x, axis=1, keepdims=True), how)
    best.tick("start")
    x = options[0][1] if given is None else given
    if given is None and best.x is not None and best.how not in ("random", "tight frame"):
        x = best.x
    single = c * c * (d if best.kind != "complex" else 4 * d) > FLOAT32_WORK
    dtype = jnp.float32 if single else jnp.float64
    tiles = -(-c // int(np.clip(TILE_ENTRIES // c, 8, 1024)))
    tile = -(-c // (8 * tiles)) * 8  # of one size, and hardly more rows than codes
    size = tiles * tile
    u = np.concatenate([x, random.normal(size=(size - c, x.shape[1]))])
    u = jnp.asarray(u / np.linalg.norm(u, axis=1, keepdims=True), dtype)
    mask = jnp.asarray(np.arange(size) < c, dtype)
    top = best.value if signed else best.value**2
    state = (u, jnp.zeros_like(u), jnp.zeros_like(u), jnp.zeros((), dtype), jnp.asarray(top, dtype))
    return _rounds(best, state, mask, c, tile, RESUMED_AT if given is not None else 0.0)


def _rounds(
    best: Best, state: tuple[Array, ...], mask: Array, c: int, tile: int, first: float
) -> str:
    """Run rounds of Adam, sharper and slower as the budget is spent, from the part `first` on."""
    scale = max(best.floor if best.kind == "signed" else best.floor**2, 1e-4)
    width = state[0].shape[1]
    work = len(mask) ** 2 * width * (4 if best.kind == "complex" else 2)
    steps = int(np.clip(ROUND_WORK / work, 1, 200))
    part = first
    while (reason := best.stop()) is None:
        beta = BETA_RANGE[0] * (BETA_RANGE[1] / BETA_RANGE[0]) ** part / scale
        rate = RATE_RANGE[0] * (RATE_RANGE[1] / RATE_RANGE[0]) ** part / np.sqrt(width)
        numbers = (np.asarray(v, state[0].dtype) for v in (beta, rate))
        state = _adam(state, mask, *numbers, best.kind, tile, steps)
        rows = np.asarray(state[0], dtype=np.float64)[:c]
        best.offer(rows, "descent in tiles")
        best.tick("descent in tiles")
        spent = [best.done / best.rounds] if best.rounds is not None else []
        spent += [best.elapsed() / best.seconds] if best.seconds is not None else []
        part = min(1.0, first + (1 - first) * max(spent))
    return reason
