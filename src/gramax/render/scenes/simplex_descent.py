"""Four codes in three dimensions descend to a regular tetrahedron.

Theory: c ≤ d+1 codes can form a simplex, all off-diagonal cosines -1/(c-1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from gramax.arrays.rows import gram, unit_rows
from gramax.metrics.simplex import simplex_error, simplex_step
from gramax.render import style
from gramax.render.curve_panel import Floor, Line
from gramax.render.panels import KeyNumber
from gramax.render.scenes.common import Check, Scene, random_rows, schedule

NAME = "simplex-descent"
CODES, DIM, STEPS, SEED = 4, 3, 600, 2
OFF = ~np.eye(CODES, dtype=bool)


class Data(NamedTuple):
    """One entry a step, the start first."""

    codes: np.ndarray
    grams: np.ndarray
    error: np.ndarray


def run() -> Data:
    """Codes that start close together, and every step of their descent."""
    start = np.array([1.0, 0.4, 0.7], np.float32) + 0.5 * random_rows(SEED, CODES, DIM)

    @jax.jit
    def descend(start: jax.Array) -> tuple[jax.Array, ...]:
        def step(codes: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
            return simplex_step(codes), codes

        _, path = jax.lax.scan(step, unit_rows(start), None, length=STEPS + 1)
        return path, jax.vmap(gram)(path), jax.vmap(simplex_error)(path)

    return Data(*map(np.asarray, descend(start)))


def checks(data: Data) -> list[Check]:
    """The descent ends at a tetrahedron."""
    off = data.grams[-1][OFF]
    return [
        Check(NAME, "simplex error, end", data.error[-1], 0, 1e-3),
        Check(NAME, "largest off-diagonal cosine, end", off.max(), -1 / 3, 1e-3),
        Check(NAME, "smallest off-diagonal cosine, end", off.min(), -1 / 3, 1e-3),
    ]


def draw(data: Data) -> Iterator[np.ndarray]:
    """The frames."""
    scene = Scene("Do the class codes form a simplex?", "Four codes in three dimensions: they fit.")
    ball = scene.sphere(CODES, edges=True)
    scene.heat(CODES, "Cosines of the codes", badges=True)
    scene.keys(
        KeyNumber("simplex error", "floor 0"),
        KeyNumber("largest cosine", "simplex −1/3"),
        KeyNumber("smallest cosine", "simplex −1/3"),
    )
    scene.curve(
        "Simplex error",
        [Line(data.error, style.METRIC)],
        Floor(0, "floor 0: a regular tetrahedron"),
        steps=np.arange(STEPS + 1),
        limits=(-0.34, 1.1),
        ticks=(0, 0.5, 1),
    )

    def values(step: int) -> list[float]:
        off = data.grams[step][OFF]
        return [data.error[step], off.max(), off.min()]

    def points(k: int, step: int) -> None:
        ball.update(data.codes[step], 20 + 1.5 * k)

    yield from scene.frames(schedule(STEPS, 1.5), data.grams, points, values)
