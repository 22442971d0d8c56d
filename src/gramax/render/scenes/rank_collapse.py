"""A round cloud in the plane is squashed onto one axis.

Theory: with the second deviation s times the first, the shares of the eigenvalues are 1/(1+s²) and
s²/(1+s²); the effective rank is the exponential of their entropy: 2 for a round cloud, 1 on a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from gramax.arrays.rows import gram
from gramax.metrics.rank import covariance_eigs, effective_rank
from gramax.render import style
from gramax.render.curve_panel import Floor, Line
from gramax.render.panels import KeyNumber
from gramax.render.point_panels import PlanePanel
from gramax.render.scenes.common import FRAMES, POINTS_BOX, Check, Scene

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

    @jax.jit
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
    scene = Scene(
        "Is the space being used?", "A round cloud is squashed onto one axis of the plane."
    )
    plane = PlanePanel(scene.canvas, POINTS_BOX, "Points", np.zeros(ROWS, int), 2.0)
    plane.axis(AXIS, 2.0)
    scene.heat(SHOWN, "Cosines, points by angle")
    scene.keys(
        KeyNumber("effective rank", "floor 1: a line"),
        KeyNumber("1st eigenvalue", "of the covariance"),
        KeyNumber("2nd eigenvalue", "of the covariance"),
    )
    scene.curve(
        "Effective rank",
        [Line(data.rank, style.METRIC)],
        Floor(1, "floor 1: a line"),
        steps=np.arange(FRAMES),
        ends=("round", "flat"),
        limits=(0.68, 2.1),
        ticks=(1, 1.5, 2),
    )

    def values(k: int) -> list[float]:
        return [data.rank[k], *data.eigenvalues[k]]

    def points(k: int, _: int) -> None:
        plane.update(data.points[k])

    yield from scene.frames(range(FRAMES), data.grams, points, values)
