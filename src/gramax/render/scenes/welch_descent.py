"""Six codes in three dimensions descend to six equiangular lines.

Theory: six codes do not fit in three dimensions. Welch's floor √((c-d)/(d(c-1))) = 1/√5 is attained
by the diagonals of an icosahedron, all |cosines| alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
import optax

from gramax.arrays.rows import gram
from gramax.metrics.crosstalk import coherence, smooth_coherence_loss, welch_floor, welch_gap
from gramax.metrics.reach import descent
from gramax.render import style
from gramax.render.curve_panel import Floor, Line
from gramax.render.panels import KeyNumber
from gramax.render.scenes.common import Check, Scene, random_rows, schedule

NAME = "welch-descent"
CODES, DIM, STEPS, SEED = 6, 3, 200, 2
OFF = ~np.eye(CODES, dtype=bool)
FLOOR = 5**-0.5


class Data(NamedTuple):
    """One entry a step, the start first."""

    codes: np.ndarray
    grams: np.ndarray
    coherence: np.ndarray
    gap: np.ndarray


def run() -> Data:
    """A random start, and every step of its descent."""

    @jax.jit
    def descend(start: jax.Array) -> tuple[jax.Array, ...]:
        path = descent(start, smooth_coherence_loss, optax.adam(0.02), STEPS)
        return path, jax.vmap(gram)(path), jax.vmap(coherence)(path), jax.vmap(welch_gap)(path)

    return Data(*map(np.asarray, descend(random_rows(SEED, CODES, DIM))))


def checks(data: Data) -> list[Check]:
    """The descent ends at the floor, at equal angles."""
    return [
        Check(NAME, "Welch floor of 6 codes in 3-d", welch_floor(CODES, DIM), FLOOR, 1e-6),
        Check(NAME, "coherence, end", data.coherence[-1], FLOOR, 1e-3),
        Check(NAME, "smallest |cosine|, end", np.abs(data.grams[-1][OFF]).min(), FLOOR, 1e-3),
    ]


def draw(data: Data) -> Iterator[np.ndarray]:
    """The frames."""
    scene = Scene(
        "How close is the worst crosstalk to its floor?",
        "Six codes in three dimensions do not fit: the best are six equiangular lines.",
    )
    ball = scene.sphere(CODES, lines=True)
    scene.heat(CODES, "Cosines of the codes", badges=True)
    scene.keys(
        KeyNumber("coherence", "floor 0.4472"),
        KeyNumber("Welch gap", "floor 0"),
        KeyNumber("least |cosine|", "equal at 0.4472"),
    )
    scene.curve(
        "Coherence, the worst |cosine|",
        [Line(data.coherence, style.METRIC)],
        Floor(FLOOR, "Welch floor 1/√5 = 0.4472"),
        steps=np.arange(STEPS + 1),
        limits=(0.24, 1.06),
        ticks=(0.4, 0.6, 0.8, 1),
    )

    def values(step: int) -> list[float]:
        return [data.coherence[step], data.gap[step], np.abs(data.grams[step][OFF]).min()]

    def points(k: int, step: int) -> None:
        ball.update(data.codes[step], 35 + 1.5 * k)

    yield from scene.frames(schedule(STEPS, 1.5), data.grams, points, values)
