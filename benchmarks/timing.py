"""Times functions of the same arrays in turn, so that ratios hold on a noisy machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax


def once(f: Callable[..., Any], *args: Any) -> float:
    """Seconds that one call takes, its result waited for."""
    start = time.perf_counter()
    jax.block_until_ready(f(*args))
    return time.perf_counter() - start


def in_turn(
    functions: dict[str, Callable[..., Any]], *args: Any, rounds: int = 9
) -> dict[str, list[float]]:
    """Seconds of every function in every round; compiled and warmed up first."""
    for f in functions.values():
        once(f, *args)
        once(f, *args)
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, f in functions.items():
            times[name].append(once(f, *args))
    return times


def ratio(times: dict[str, list[float]], name: str, base: str) -> float:
    """Median over the rounds of the time of `name` over that of `base` in the same round."""
    return statistics.median(a / b for a, b in zip(times[name], times[base], strict=True))
