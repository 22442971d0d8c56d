"""Tight frames of unit vectors for every c >= d: the harmonic ones."""

from __future__ import annotations

import numpy as np

from gramax.frames import sizes


def tight_frame(c: int, d: int, field: str = "real") -> np.ndarray:
    """A tight frame: c unit vectors with sum x x* = (c/d) I.

    Args:
        c: number of vectors, at least `d`.
        d: dimension.
        field: "real" or "complex".

    Returns:
        `[c, d]` unit rows that attain the least frame potential, c^2 / d.

    Raises:
        ValueError: c < d, where no tight frame exists, or another argument is out of range.

    Source:
        Benedetto, Fickus, Adv. Comput. Math. 18 (2003); Goyal, Kovačević, Kelner 2001.

    Example:
        >>> x = tight_frame(5, 3)
        >>> print((x.T @ x).round(12) + 0.0)
        [[1.667 0.    0.   ]
         [0.    1.667 0.   ]
         [0.    0.    1.667]]
    """
    c, d = sizes.counts(c, d)
    sizes.half_degree(field)
    if c < d:
        raise ValueError(f"a tight frame spans its space, so it needs c >= d; got c={c}, d={d}")
    if c == d:
        return np.eye(d, dtype=float if field == "real" else complex)
    if field == "complex":
        phase = np.outer(np.arange(c), np.arange(d)) % c
        return np.exp(2j * np.pi * np.arange(c) / c)[phase] / np.sqrt(d)
    phase = np.outer(np.arange(c), np.arange(1, d // 2 + 1)) % c
    angle = (2 * np.pi * np.arange(c) / c)[phase]
    columns = [np.cos(angle), np.sin(angle)]
    if d % 2:
        columns.append(np.full((c, 1), np.sqrt(0.5)))
    return np.concatenate(columns, axis=1) * np.sqrt(2 / d)
