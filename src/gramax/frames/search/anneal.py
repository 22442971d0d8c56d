"""Batched annealing: L-BFGS and Adam on the soft maximum while it sharpens to the true one.

Every start runs in step with the others (one evaluation an iteration, accepted or backtracked), so
a batch is one compiled program of fixed shape: `[starts, padded codes, coordinates]`.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from gramax.frames.codebooks import Kind
from gramax.frames.search.objective import soft_maximum

LBFGS_MEMORY = 10
BETA_STAGES = 14
STAGE_ITERATIONS = 60
ADAM_STEPS = 2000
ADAM_RATES = (0.05, 2e-4)


class Ties(NamedTuple):
    """Which rows count, and how rows are tied: row r of the codebook is turn[r] @ x[base[r]].

    Untied rows have base[r] = r and no turns. Ties keep a symmetry that rounding would break: the
    descent moves one code of every orbit of a group, and the others follow.
    """

    mask: Array | np.ndarray
    base: Array | np.ndarray | None = None
    turn: Array | np.ndarray | None = None


def untie(x: Array, ties: Ties) -> Array:
    """The rows of the codebook that the free rows `x` stand for."""
    if ties.base is None or ties.turn is None:
        return x
    return jnp.einsum("nkl,nl->nk", jnp.asarray(ties.turn), x[jnp.asarray(ties.base)])


def soft_value(x: Array, ties: Ties, beta: Array, kind: Kind) -> tuple[Array, Array]:
    """The soft maximum of the codebook, and its gradient by the free rows."""
    value, slope, _ = soft_maximum(untie(x, ties), jnp.asarray(ties.mask), beta, kind)
    if ties.base is not None and ties.turn is not None:
        pulled = jnp.einsum("nkl,nk->nl", jnp.asarray(ties.turn), slope)
        slope = jnp.zeros_like(x).at[ties.base].add(pulled)
    return value, slope


class _State(NamedTuple):
    """One start of L-BFGS: the point, the step on trial, and the memory of curvature."""

    x: Array
    value: Array
    slope: Array
    direction: Array
    step: Array
    moves: Array
    changes: Array
    weights: Array
    scale: Array


def _dot(a: Array, b: Array) -> Array:
    return jnp.sum(a * b)


def _direction(s: _State, slot: Array) -> Array:
    """The two-loop recursion (Nocedal 1980), newest pair at `slot`; weight 0 skips a pair.

    Where rounding leaves no descent in it, the steepest descent.
    """
    order = (slot - jnp.arange(LBFGS_MEMORY)) % LBFGS_MEMORY

    def first(q: Array, i: Array) -> tuple[Array, Array]:
        a = s.weights[i] * _dot(s.moves[i], q)
        return q - a * s.changes[i], a

    def second(r: Array, pair: tuple[Array, Array]) -> tuple[Array, None]:
        i, a = pair
        b = s.weights[i] * _dot(s.changes[i], r)
        return r + (a - b) * s.moves[i], None

    q, a = jax.lax.scan(first, s.slope, order)
    r, _ = jax.lax.scan(second, q * s.scale, (order[::-1], a[::-1]))
    return jnp.where(_dot(-r, s.slope) < 0, -r, -s.scale * s.slope)


def _iterate(k: Array, s: _State, ties: Ties, beta: Array, kind: Kind) -> _State:
    """Try the step. If it lowers the value, take it and choose a new direction; else shorten it."""
    trial = s.x + s.step * s.direction
    value, slope = soft_value(trial, ties, beta, kind)
    accept = value <= s.value + 1e-4 * s.step * _dot(s.slope, s.direction)
    move, change = trial - s.x, slope - s.slope
    curvature, size = _dot(move, change), _dot(change, change)
    good = accept & (curvature > 1e-10 * size) & (size > 0)
    slot = k % LBFGS_MEMORY
    taken = s._replace(
        x=jnp.where(accept, trial, s.x),
        value=jnp.where(accept, value, s.value),
        slope=jnp.where(accept, slope, s.slope),
        step=jnp.where(accept, 1.0, 0.4 * s.step),
        moves=s.moves.at[slot].set(jnp.where(good, move, 0)),
        changes=s.changes.at[slot].set(jnp.where(good, change, 0)),
        weights=s.weights.at[slot].set(jnp.where(good, 1 / jnp.where(good, curvature, 1.0), 0)),
        scale=jnp.where(good, curvature / jnp.where(good, size, 1.0), s.scale),
    )
    return taken._replace(direction=jnp.where(accept, _direction(taken, slot), s.direction))


def _stage(s: _State, ties: Ties, beta: Array, rise: Array, kind: Kind) -> _State:
    """L-BFGS at one beta from the end of the stage before, `rise` times less sharp.

    The curvature that matters is that of the pairs on the ridge, which grows with beta: the memory
    is scaled and kept, which saves the ten iterations of learning it again.
    """
    value, slope = soft_value(s.x, ties, beta, kind)
    s = s._replace(
        value=value,
        slope=slope,
        changes=s.changes * rise,
        weights=s.weights / rise,
        scale=s.scale / rise,
        step=jnp.ones_like(s.step),
    )
    s = s._replace(direction=_direction(s, jnp.array(STAGE_ITERATIONS - 1) % LBFGS_MEMORY))
    step = partial(_iterate, ties=ties, beta=beta, kind=kind)
    return jax.lax.fori_loop(0, STAGE_ITERATIONS, step, s)


@partial(jax.jit, static_argnames="kind")
def lbfgs(
    x: Float[Array, "b n k"],
    ties: Ties,
    first: Float[Array, " b"],
    last: Float[Array, ""],
    kind: Kind,
) -> tuple[Float[Array, "b n k"], Float[Array, " b"]]:
    """Anneal every start by L-BFGS through 14 stages of beta, from `first` (of each) to `last`.

    Returns the ends, with the ties undone, and their soft maxima at the last beta. Every array of
    `ties` has a leading b.
    """

    def one(x: Array, ties: Ties, first: Array) -> tuple[Array, Array]:
        rise = (last / first) ** (1 / (BETA_STAGES - 1))
        value, slope = soft_value(x, ties, first, kind)
        scale = 0.1 * jnp.sqrt(jnp.sum(ties.mask)) / (jnp.sqrt(_dot(slope, slope)) + 1e-30) * rise
        memory = jnp.zeros((LBFGS_MEMORY, *x.shape), x.dtype)
        step, weights = jnp.ones((), x.dtype), jnp.zeros((LBFGS_MEMORY,), x.dtype)
        s = _State(x, value, slope, -slope, step, memory, memory, weights, scale)

        def stage(s: _State, i: Array) -> tuple[_State, None]:
            return _stage(s, ties, first * rise**i, rise, kind), None

        s, _ = jax.lax.scan(stage, s, jnp.arange(BETA_STAGES))
        return untie(s.x, ties), s.value

    return jax.vmap(one)(x, ties, first)


def adam_step(
    x: Array,
    mean: Array,
    square: Array,
    slope: Array,
    count: Array,
    rate: Array | float,
    memory: float = 0.999,
    damping: float = 0.0,
) -> tuple[Array, Array, Array]:
    """One step of Adam on unit rows, number `count` from 1: rows and both moments.

    `damping` is the share of the largest root mean square slope that is added to each, so that
    coordinates with next to no slope take small steps.
    """
    mean = 0.9 * mean + 0.1 * slope
    square = memory * square + (1 - memory) * slope * slope
    size = jnp.sqrt(square / (1 - memory**count))
    x = x - rate * mean / (1 - 0.9**count) / (size + damping * jnp.max(size) + 1e-12)
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True), mean, square


@partial(jax.jit, static_argnames="kind")
def adam(
    x: Float[Array, "b n k"],
    ties: Ties,
    first: Float[Array, " b"],
    last: Float[Array, ""],
    kind: Kind,
) -> tuple[Float[Array, "b n k"], Float[Array, " b"]]:
    """Anneal every start by Adam, which ends in other basins than `lbfgs`; the same arguments."""

    def one(x: Array, ties: Ties, first: Array) -> tuple[Array, Array]:
        def step(i: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            part = i / (ADAM_STEPS - 1)
            beta = first * (last / first) ** part
            rate = ADAM_RATES[0] * (ADAM_RATES[1] / ADAM_RATES[0]) ** part
            return adam_step(*carry, soft_value(carry[0], ties, beta, kind)[1], i + 1.0, rate)

        zero = jnp.zeros_like(x)
        x, _, _ = jax.lax.fori_loop(0, ADAM_STEPS, step, (x, zero, zero))
        return x, soft_value(x, ties, last, kind)[0]

    return jax.vmap(one)(x, ties, first)
