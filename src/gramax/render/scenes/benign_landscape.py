"""Seven codes in three dimensions, from six starts: every descent reaches the same floor.

Theory (Benedetto & Fickus 2003): the frame potential has no bad local minima, and its floor is
c²/d; without the diagonal, c²/d - c = 49/3 - 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
import optax

from gramax.arrays.rows import gram
from gramax.metrics.reach import descent, frame_potential, run_many
from gramax.render import style
from gramax.render.curve_panel import Floor, Line
from gramax.render.panels import KeyNumber, three_decimals
from gramax.render.point_panels import SpherePanel
from gramax.render.scenes.common import POINTS_BOX, Check, Scene, random_rows, schedule

NAME = "benign-landscape"
CODES, DIM, STARTS, STEPS, SEED = 7, 3, 6, 150, 6
FLOOR = CODES**2 / DIM - CODES


class Data(NamedTuple):
    """One entry a step, the starts first; `reached` is what `run_many` ends at."""

    codes: np.ndarray
    grams: np.ndarray
    potential: np.ndarray
    reached: np.ndarray


def run() -> Data:
    """Six random starts, and every step of their descents, slow enough to be watched."""

    @jax.jit
    def descend(starts: jax.Array) -> tuple[jax.Array, ...]:
        paths = jax.vmap(lambda x: descent(x, frame_potential, optax.sgd(0.005), STEPS))(starts)
        off_diagonal = jax.vmap(jax.vmap(frame_potential))(paths) - CODES
        reached = run_many(jax.random.key(SEED), CODES, DIM, STARTS, STEPS)[:, -1]
        return paths, jax.vmap(gram)(paths[0]), off_diagonal, reached

    return Data(*map(np.asarray, descend(random_rows(SEED, STARTS, CODES, DIM))))


def checks(data: Data) -> list[Check]:
    """Every start, of the film and of `run_many`, ends at the floor."""
    ends = data.potential[:, -1]
    return [
        Check(NAME, "off-diagonal frame potential, highest end", ends.max(), FLOOR, 1e-3),
        Check(NAME, "off-diagonal frame potential, lowest end", ends.min(), FLOOR, 1e-3),
        Check(NAME, "run_many, highest end", data.reached.max(), FLOOR, 1e-3),
        Check(NAME, "run_many, lowest end", data.reached.min(), FLOOR, 1e-3),
    ]


def draw(data: Data) -> Iterator[np.ndarray]:
    """The frames."""
    scene = Scene(
        "Can a plain optimiser find it?",
        "Seven codes in three dimensions, six random starts: all reach the same floor.",
    )
    colours = [[style.CLASSES[start]] * CODES for start in range(STARTS)]
    centres = [(54 + 108 * (i % 3), 92 + 160 * (i // 3)) for i in range(STARTS)]
    balls = SpherePanel(
        scene.canvas, POINTS_BOX, "Six starts", centres, 48, colours, badges=False, dot=12.0
    )
    scene.heat(CODES, "Cosines of start 1")
    scene.keys(
        KeyNumber("highest start", "floor 9.333", three_decimals),
        KeyNumber("lowest start", "floor 9.333", three_decimals),
        KeyNumber("between them", "one floor: 0", three_decimals),
    )
    scene.curve(
        "Off-diagonal frame potential",
        [Line(data.potential[i], style.CLASSES[i]) for i in range(STARTS)],
        Floor(FLOOR, "one floor: 49/3 − 7 = 9.333"),
        steps=np.arange(STEPS + 1),
        limits=(5.0, 18),
        ticks=(10, 15),
    )

    def values(step: int) -> list[float]:
        now = data.potential[:, step]
        return [now.max(), now.min(), np.ptp(now)]

    def points(k: int, step: int) -> None:
        balls.update(data.codes[:, step], 20 + 1.5 * k)

    yield from scene.frames(schedule(STEPS, 1.6), data.grams, points, values)
