"""Intervals of shares, and the error of what the same rows gain or lose."""

from __future__ import annotations

import math

import numpy as np

from gramax._shapes import Float

NORMAL_95 = 1.96
"""Half of a 95 % interval in standard errors."""


def wilson(share: float, n: float, z: float = NORMAL_95) -> tuple[float, float]:
    """The ends of the interval of a share of n rows (Wilson 1927), z standard errors to each side.

    Example:
        >>> print(*(round(end, 3) for end in wilson(1.0, 96)))
        0.962 1.0
    """
    middle = (share * n + z * z / 2) / (n + z * z)
    reach = z / (n + z * z) * math.sqrt(n * share * (1 - share) + z * z / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def paired(differences: Float[np.ndarray, " q"]) -> tuple[float, float]:
    """The mean of differences of the same rows, each in [-1, 1], and its standard error.

    Two rows are added, one that differs by 1 either way half of the time (Agresti & Min 2005): that
    no row was seen to differ does not mean that none would.

    Example:
        >>> paired(np.zeros(98))
        (0.0, 0.01)
    """
    n = len(differences) + 2
    middle = float(np.sum(differences)) / n
    spread = max((float(np.sum(differences**2)) + 1) / n - middle**2, 0.0)
    return middle, math.sqrt(spread / n)
