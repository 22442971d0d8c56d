"""Three classes in the plane condense onto their codes while these spread to a simplex.

The angles of a class are all sums of two even grids about its direction. The mean cosine of an even
grid of m angles h apart is sin(mh/2)/(m sin(h/2)); so the mean row of the class is as long as the
product q of two such numbers. Theory: the scatter about the codes is 2(1 - q), the total scatter
1 - q²|m̄|², m̄ the mean of the three directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np

from gramax.arrays.rows import class_means, gram
from gramax.metrics.collapse import collapse_ratio, within_class_variance
from gramax.render import style
from gramax.render.curve_panel import Floor, Line
from gramax.render.panels import KeyNumber, small_number
from gramax.render.point_panels import PlanePanel
from gramax.render.scenes.common import FRAMES, POINTS_BOX, Check, Scene

NAME = "class-collapse"
ROWS, CLASSES = 81, 3
LOOSE, TIGHT = 0.85, 0.012
GRID = 9
WIDTHS = np.array([0.8, 0.6]) * np.sqrt(12 / (GRID**2 - 1))
"""Steps of the two grids: together their angles have a standard deviation of 1."""
_FROM, _TO = np.radians([66.0, 140.0, 208.0]), np.radians([90.0, 210.0, 330.0])


class Data(NamedTuple):
    """One entry a frame."""

    spread: np.ndarray
    centres: np.ndarray
    points: np.ndarray
    codes: np.ndarray
    grams: np.ndarray
    ratio: np.ndarray
    within: np.ndarray


def run() -> Data:
    """The clouds at every frame, and what the library measures on them."""
    pace = np.linspace(0, 1, FRAMES)
    spread = LOOSE * (TIGHT / LOOSE) ** (pace**1.15)
    glide = pace**2 * (3 - 2 * pace)
    centres = _FROM + glide[:, None] * (_TO - _FROM)
    points = _clouds(spread, centres)
    labels = np.repeat(np.arange(CLASSES), ROWS)

    @jax.jit
    @jax.vmap
    def measure(z: jax.Array) -> tuple[jax.Array, ...]:
        codes = class_means(z, labels, CLASSES)
        numbers = collapse_ratio(z, labels, CLASSES), within_class_variance(z, labels, CLASSES)
        return codes, gram(codes), *numbers

    return Data(spread, centres, points, *map(np.asarray, measure(points)))


def _clouds(spread: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """`[frames, rows, 2]`: sums of two grids in angle, the same shuffled in radius."""
    even = np.arange(GRID) - (GRID - 1) / 2
    angle = np.add.outer(WIDTHS[0] * even, WIDTHS[1] * even).ravel()
    rng = np.random.default_rng(5)
    radius = np.stack([rng.permutation(angle) for _ in range(CLASSES)])
    turn = centres[:, :, None] + spread[:, None, None] * angle
    length = 1 + 0.3 * spread[:, None, None] * radius
    plane = np.stack([length * np.cos(turn), length * np.sin(turn)], axis=-1)
    return plane.reshape(len(spread), -1, 2).astype(np.float32)


def checks(data: Data) -> list[Check]:
    """Both numbers follow theory all the way, and the codes end as a simplex."""
    half = data.spread[:, None] * WIDTHS / 2
    kept = np.prod(np.sin(GRID * half) / (GRID * np.sin(half)), axis=1)
    offset = np.abs(np.exp(1j * data.centres).mean(axis=1))
    within = 2 * (1 - kept)
    ratio = within / (1 - kept**2 * offset**2)
    off = data.grams[-1][~np.eye(CLASSES, dtype=bool)]
    return [
        Check(NAME, "collapse ratio, start", data.ratio[0], ratio[0], 1e-4),
        Check(NAME, "collapse ratio, end", data.ratio[-1], ratio[-1], 1e-5),
        Check(NAME, "collapse ratio, worst miss", np.abs(data.ratio - ratio).max(), 0, 1e-4),
        Check(
            NAME, "within-class variance, worst miss", np.abs(data.within - within).max(), 0, 2e-3
        ),
        Check(NAME, "off-diagonal cosine, worst miss", np.abs(off + 0.5).max(), 0, 1e-3),
    ]


def draw(data: Data) -> Iterator[np.ndarray]:
    """The frames."""
    scene = Scene("Are classes tightening?", "Three loose clouds condense, each onto its own code.")
    labels = np.repeat(np.arange(CLASSES), ROWS)
    plane = PlanePanel(scene.canvas, POINTS_BOX, "Points", labels, 1.62, arms=CLASSES)
    scene.heat(CLASSES, "Cosines of the class codes", badges=True)
    scene.keys(
        KeyNumber("collapse ratio", "floor 0", small_number),
        KeyNumber("within variance", "floor 0", small_number),
        KeyNumber("mean cosine", "simplex −1/2"),
    )
    scene.curve(
        "Spread of a class",
        [
            Line(data.ratio, style.METRIC, "collapse ratio"),
            Line(data.within, style.SECOND, "within variance"),
        ],
        Floor(0, "floor 0: every class a point"),
        steps=np.arange(FRAMES),
        ends=("loose", "tight"),
        limits=(-0.3, 0.9),
        ticks=(0, 0.4, 0.8),
    )
    off = ~np.eye(CLASSES, dtype=bool)

    def values(k: int) -> list[float]:
        return [data.ratio[k], data.within[k], data.grams[k][off].mean()]

    def points(k: int, _: int) -> None:
        plane.update(data.points[k], data.codes[k])

    yield from scene.frames(range(FRAMES), data.grams, points, values)
