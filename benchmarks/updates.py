"""Updates a second of small batches: ``python -m benchmarks.updates``.

Called one by one, and in one compiled loop; neither compiles twice, or waits for the host.
"""

from __future__ import annotations

import time

import jax
import jax.numpy as jnp
from jaxtyping import Array

import gramax

SMALL, UPDATES = (256, 64, 10), 2000
"""Rows, dimensions and classes of a small batch, and how many of them."""

BATCHES = 16
"""Different ones, on the device; they come round again."""


def small_updates(
    updates: int = UPDATES, batches: Array | None = None
) -> dict[str, tuple[float, int]]:
    """Updates a second, and how often the update was traced for all of them, the first included.

    Args:
        updates: of every kind.
        batches: `BATCHES` of them, on the device; normal rows unless given.

    Raises:
        jax.errors.JaxRuntimeError: something was sent to the device on the way.
    """
    n, d, c = SMALL
    if batches is None:
        batches = jax.random.normal(jax.random.key(0), (BATCHES, n, d))
    y, traced = jnp.arange(n) % c, {"one by one": 0, "loop": 0}

    def added(moments: gramax.ClassMoments, z: Array, how: str) -> gramax.ClassMoments:
        traced[how] += 1  # runs when XLA compiles, not after
        return moments.update(z, y)

    add = jax.jit(lambda moments, z: added(moments, z, "one by one"))

    @jax.jit
    def loop(moments: gramax.ClassMoments) -> gramax.ClassMoments:
        return jax.lax.fori_loop(
            0, updates, lambda k, m: added(m, batches[k % BATCHES], "loop"), moments
        )

    def called(moments: gramax.ClassMoments) -> gramax.ClassMoments:
        for k in range(updates):
            moments = add(moments, each[k % BATCHES])
        return moments

    rates, each = {}, list(batches)
    for how, run in (("one by one", called), ("loop", loop)):
        moments = jax.block_until_ready(run(gramax.ClassMoments.empty(c, d)))
        with jax.transfer_guard("disallow"):
            start = time.perf_counter()
            moments = jax.block_until_ready(run(moments))
            seconds = time.perf_counter() - start
        if int(moments.counts.sum()) != 2 * updates * n:
            raise AssertionError("rows were lost")
        rates[how] = (updates / seconds, traced[how])
    return rates


def main() -> None:
    n, d, c = SMALL
    for how, (rate, traced) in small_updates().items():
        print(f"{n} x {d} rows, {c} classes, {how}: {rate:,.0f} updates/s, traced {traced} times")


if __name__ == "__main__":
    main()
