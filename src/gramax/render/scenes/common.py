"""What the scenes share: where the panels stand, and which steps of a descent become frames."""

from __future__ import annotations

import numpy as np

from gramax.render.board import MARGIN, SIZE, Box

POINTS: Box = (MARGIN, 152, 324, 340)
GRAM: Box = (418, 152, 340, 340)
NUMBERS: Box = (846, 124, SIZE[0] - MARGIN - 846, 378)
CURVE: Box = (MARGIN, 576, SIZE[0] - 2 * MARGIN, 132)

FRAMES = 50
"""Frames of a picture."""


def schedule(steps: int, frames: int = FRAMES, power: float = 1.0) -> np.ndarray:
    """Increasing step numbers from 0 to `steps`, denser at the start for a `power` above 1."""
    spread = np.round(steps * np.linspace(0, 1, frames) ** power).astype(int)
    return np.maximum(spread, np.minimum(np.arange(frames), steps))


def random_rows(seed: int, *shape: int) -> np.ndarray:
    """Normal numbers from a fixed seed, in float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
