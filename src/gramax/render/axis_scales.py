"""Round numbers for the ends of a value axis, and for the ticks between."""

from __future__ import annotations

import math

import numpy as np


def round_up(value: float) -> float:
    """The next of 1, 2, 3, 4, 5, 6, 8, 10 times a power of ten.

    Example:
        >>> round_up(6.5), round_up(0.021)
        (8.0, 0.03)
    """
    power = 10.0 ** np.floor(np.log10(value)) if value > 0 else 1.0
    return float(next(m for m in (1, 2, 3, 4, 5, 6, 8, 10) if m * power >= value) * power)


def decades(values: np.ndarray) -> tuple[float, float]:
    """Powers of ten around the positive values.

    Example:
        >>> low, high = decades(np.array([0.02, 0.5, 0.0]))
        >>> float(low), float(high)
        (0.01, 1.0)
    """
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return 1e-3, 1.0
    low, high = np.floor(np.log10(positive.min())), np.ceil(np.log10(positive.max()))
    return 10.0**low, 10.0 ** max(high, low + 1)


def even_ticks(low: float, high: float) -> list[float]:
    """Three to six multiples of 1, 2 or 5 times a power of ten.

    Example:
        >>> even_ticks(0.0, 0.9), even_ticks(0, 45)
        ([0.0, 0.2, 0.4, 0.6, 0.8], [0.0, 10.0, 20.0, 30.0, 40.0])
    """
    power = 10.0 ** math.floor(math.log10((high - low) / 5))
    step = power * next(m for m in (1, 2, 5, 10) if m * power * 5 >= (high - low) * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Powers of ten, fewer where there are many of them; 1, 2 and 5 times those of few.

    Example:
        >>> log_ticks(1, 64), log_ticks(1e-8, 0.2)
        ([1.0, 2.0, 5.0, 10.0, 20.0, 50.0], [1e-08, 1e-06, 0.0001, 0.01])
    """
    for steps in ((1,), (1, 2, 5)):
        found = _within(low, high, steps)
        if len(found) > 2:
            return found[:: 1 + (len(found) - 1) // most]
    return even_ticks(low, high)


def _within(low: float, high: float, steps: tuple[int, ...]) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [float(f"{m}e{k}") for k in powers for m in steps]
    return [tick for tick in ticks if low <= tick * (1 + 1e-9) and tick <= high * (1 + 1e-9)]


def root_ticks(high: float, apart: float = 0.15) -> list[float]:
    """Zero, and 1, 2 or 5 times powers of ten, whose square roots are not too near to each other.

    Example:
        >>> root_ticks(1200)
        [0.0, 50.0, 200.0, 500.0, 1000.0]
    """
    found: list[float] = []
    for tick in reversed(_within(high * apart**2, high, (1, 2, 5))):
        near = math.sqrt(found[-1] if found else math.inf) - math.sqrt(tick)
        if near >= apart * math.sqrt(high):
            found.append(tick)
    return [0.0, *reversed(found)]
