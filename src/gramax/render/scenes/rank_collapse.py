"""A round cloud in the plane is squashed onto one axis.

Theory: with the second deviation s times the first, the shares of the eigenvalues are 1/(1+s²) and
s²/(1+s²); the effective rank is the exponential of their entropy: 2 for a round cloud, 1 on a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from gramax.arrays.programs import program
from gramax.arrays.rows import gram
from gramax.metrics.rank import covariance_eigs, effective_rank
from gramax.render import style
from gramax.render.board import Board
from gramax.render.checks import Check
from gramax.render.curve import CurvePanel, Floor, Line
from gramax.render.panels import GramPanel, Key, NumbersPanel
from gramax.render.points import PlanePanel
from gramax.render.scenes.common import CURVE, FRAMES, GRAM, NUMBERS, POINTS

NAME = "rank-collapse"
ROWS, SHOWN, AXIS = 144, 48, 28.0


class Data(NamedTuple):
    """One entry a frame."""

    squash: np.ndarray
    points: np.ndarray
    grams: np.ndarray
    rank: np.ndarray
    eigenvalues: np.ndarray


def run() -> Data:
    """The cloud at every frame, and what the library measures on it."""
    squash = np.linspace(1, 0, FRAMES) ** 1.6
    cloud = _round_cloud()
    turn = np.radians(AXIS)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    flat = cloud * np.stack([np.ones_like(squash), squash], axis=1)[:, None]
    points = (flat @ axes).astype(np.float32)
    around = np.arctan2(cloud[:, 0], -cloud[:, 1])  # starts at a right angle to the axis
    chosen = np.argsort(around)[:: ROWS // SHOWN]

    @program()
    @jax.vmap
    def measure(z: jax.Array) -> tuple[jax.Array, ...]:
        return gram(z[chosen]), effective_rank(z), covariance_eigs(z)[::-1]

    return Data(squash, points, *map(np.asarray, measure(points)))


def _round_cloud() -> np.ndarray:
    """A cloud of mean 0 whose covariance is exactly a multiple of the identity."""
    z = np.random.default_rng(11).normal(size=(ROWS, 2))
    left, _, right = np.linalg.svd(z - z.mean(axis=0), full_matrices=False)
    return 0.62 * np.sqrt(ROWS - 1) * left @ right


def checks(data: Data) -> list[Check]:
    """The effective rank follows theory from 2 to 1."""
    share = 1 / (1 + data.squash**2)
    rest = np.where(share < 1, 1 - share, 1)
    theory = np.exp(-share * np.log(share) - (1 - share) * np.log(rest))
    return [
        Check(NAME, "effective rank, round cloud", data.rank[0], 2, 1e-4),
        Check(NAME, "effective rank, line", data.rank[-1], 1, 1e-4),
        Check(NAME, "effective rank, worst miss", np.abs(data.rank - theory).max(), 0, 1e-3),
    ]


def draw(data: Data) -> Iterator[np.ndarray]:
    """The frames."""
    board = Board(
        "Is the space being used?", "A round cloud is squashed onto one axis of the plane."
    )
    plane = PlanePanel(board, POINTS, "Points", np.zeros(ROWS, int), 2.0)
    plane.axis(AXIS, 2.0)
    heat = GramPanel(board, GRAM, SHOWN, "Cosines, points by angle")
    keys = [
        Key("effective rank", "floor 1: a line"),
        Key("1st eigenvalue", "of the covariance"),
        Key("2nd eigenvalue", "of the covariance"),
    ]
    numbers = NumbersPanel(board, NUMBERS, keys)
    curve = CurvePanel(
        board,
        CURVE,
        "Effective rank",
        [Line(data.rank, style.METRIC)],
        [Floor(1, "floor 1: a line")],
        steps=np.arange(FRAMES),
        ends=("round", "flat"),
        limits=(0.68, 2.1),
        ticks=(1, 1.5, 2),
    )
    for k in range(FRAMES):
        plane.update(data.points[k])
        heat.update(data.grams[k])
        curve.update(k)
        numbers.update([data.rank[k], *data.eigenvalues[k]])
        yield board.frame()
