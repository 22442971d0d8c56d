"""Round numbers for the ends of a value axis."""

from __future__ import annotations

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
