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

from gramax.arrays.programs import program
from gramax.arrays.rows import gram
from gramax.metrics.crosstalk import coherence, smooth_coherence_loss, welch_floor, welch_gap
from gramax.metrics.reach import descent
from gramax.render import style
from gramax.render.board import Board
from gramax.render.checks import Check
from gramax.render.curve import CurvePanel, Floor, Line
from gramax.render.panels import GramPanel, Key, NumbersPanel
from gramax.render.points import SpherePanel
from gramax.render.scenes.common import (
    CURVE,
    FRAMES,
    GRAM,
    NUMBERS,
    POINTS,
    random_rows,
    schedule,
)

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

    @program()
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
    board = Board(
        "How close is the worst crosstalk to its floor?",
        "Six codes in three dimensions do not fit: the best are six equiangular lines.",
    )
    middle = [(POINTS[2] / 2, POINTS[3] / 2)]
    ball = SpherePanel(board, POINTS, "Codes", middle, 146, [style.CLASSES[:CODES]], lines=True)
    heat = GramPanel(board, GRAM, CODES, "Cosines of the codes", badges=True)
    keys = [
        Key("coherence", "floor 0.4472"),
        Key("Welch gap", "floor 0"),
        Key("least |cosine|", "equal at 0.4472"),
    ]
    numbers = NumbersPanel(board, NUMBERS, keys)
    curve = CurvePanel(
        board,
        CURVE,
        "Coherence, the worst |cosine|",
        [Line(data.coherence, style.METRIC)],
        [Floor(FLOOR, "Welch floor 1/√5 = 0.4472")],
        steps=np.arange(STEPS + 1),
        limits=(0.24, 1.06),
        ticks=(0.4, 0.6, 0.8, 1),
    )
    for k, step in enumerate(schedule(STEPS, FRAMES, power=1.5)):
        ball.update(data.codes[step], 35 + 1.5 * k)
        heat.update(data.grams[step])
        curve.update(step)
        least = np.abs(data.grams[step][OFF]).min()
        numbers.update([data.coherence[step], data.gap[step], least])
        yield board.frame()
