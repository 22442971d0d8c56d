"""What random codes have: near pairs, and how many of them can be active at once."""

from __future__ import annotations

import math

import numpy as np

from gramax._shapes import Int
from gramax.metrics.dictionary import DRAWS, DROWNED_SHARE
from gramax.uncertainty.chance.cosines import angle_tail
from gramax.uncertainty.chance.laws import Chance

TRIED = 128
"""Numbers of active codes that are simulated: beyond them chance is not told."""


def near_pairs_at_random(c: int, d: int, threshold: float, complex: bool = False) -> float:
    """Pairs of c random codes whose |cosine| is at least that, to expect.

    Of complex codes |cos|² has P(|cos|² > t) = (1-t)^(d-1).

    Example:
        >>> round(near_pairs_at_random(3, 3, 0.5), 3)  # |cos| is uniform on [0, 1]
        1.5
    """
    pairs = c * (c - 1) / 2
    if d == 1:
        return pairs
    if complex:
        return pairs * (1 - threshold**2) ** (d - 1)
    phi, tail = angle_tail(d)
    return pairs * float(np.interp(math.asin(threshold), phi, tail, right=0.0))


def complex_at_random(c: int, d: int) -> dict[str, Chance]:
    """What the coherence of c random complex codes is, from the law of |cos|².

    Example:
        >>> found = complex_at_random(2, 3)["class_coherence"]  # P(|cos| > t) = (1-t²)²
        >>> round(found.mean, 3)
        0.533
    """
    if c < 2 or d < 2:
        return {}
    t = np.linspace(0, 1, 20_001)
    with np.errstate(divide="ignore"):
        log_below = c * (c - 1) / 2 * np.log1p(-((1 - t**2) ** (d - 1)))
    above = -np.expm1(log_below)
    mean, square = float(np.trapezoid(above, t)), float(np.trapezoid(2 * t * above, t))
    sd = math.sqrt(max(square - mean**2, 0.0))
    return {"class_coherence": Chance(mean, sd, "law of the largest |cosine| of complex codes")}


def active_at_random(c: int, d: int, active: Int[np.ndarray, " k"]) -> Chance:
    """How many of c random codes in d dimensions can be active at once, by simulation.

    The silent codes of a draw are independent of the sum s of the active ones: the largest of their
    readings is |s| times the largest of so many random |cosines|, which has a known law.
    """
    active = active[active <= TRIED]
    if d < 2 or not len(active):
        return Chance(math.nan, math.nan, "not known")
    rng, most = np.random.default_rng(0), int(active[-1])
    phi, tail = angle_tail(d)
    depth = -np.log(tail[tail > 0])
    silent = np.maximum(c - active, 1)
    shares = -np.expm1(np.log(rng.random((4 * DRAWS, len(active)))) / silent)
    largest = np.sin(np.interp(-np.log(shares), depth, phi[: len(depth)]))  # of their |cosines|
    drowned = np.empty(shares.shape)
    for draw, sizes in zip(drowned, largest, strict=True):
        codes = rng.normal(size=(most, d))
        codes /= np.linalg.norm(codes, axis=1, keepdims=True)
        sums = np.cumsum(codes, axis=0)
        own = np.tril(np.abs(sums @ codes.T)) + np.triu(np.full((most, most), np.inf), 1)
        loudest = np.linalg.norm(sums, axis=1)[active - 1] * np.where(c > active, sizes, 0)
        draw[:] = loudest >= own.min(axis=1)[active - 1]
    parts = drowned.reshape(4, DRAWS, -1).mean(axis=1) > DROWNED_SHARE
    if not parts.any(axis=1).all():
        return Chance(math.nan, math.nan, f"more than {TRIED}")
    first = parts.argmax(axis=1)
    found = np.where(first > 0, active[np.maximum(first - 1, 0)], 0)
    method = f"Monte Carlo, 4 times {DRAWS} draws, seed 0"
    return Chance(float(found.mean()), max(float(found.std(ddof=1)), 0.5), method)
