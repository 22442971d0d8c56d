"""What the five pictures share: their layout, their frames, and the checks against theory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gramax.render import style
from gramax.render.canvas import CANVAS_SIZE, MARGIN, Box, Canvas
from gramax.render.curve_panel import CurvePanel, Floor, Line
from gramax.render.panels import GramPanel, KeyNumber, NumbersPanel
from gramax.render.point_panels import SpherePanel

POINTS_BOX: Box = (MARGIN, 152, 324, 340)
GRAM_BOX: Box = (418, 152, 340, 340)
NUMBERS_BOX: Box = (846, 124, CANVAS_SIZE[0] - MARGIN - 846, 378)
CURVE_BOX: Box = (MARGIN, 576, CANVAS_SIZE[0] - 2 * MARGIN, 132)

FRAMES = 50
"""Frames of a picture."""


@dataclass(frozen=True)
class Check:
    """One measured number and the number that theory expects."""

    scene: str
    name: str
    measured: float
    expected: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the two agree; NaN never does."""
        return abs(self.measured - self.expected) <= self.tolerance

    def __str__(self) -> str:
        return (
            f"{self.scene}: {self.name}: measured {self.measured:.6g}, "
            f"expected {self.expected:.6g} (within {self.tolerance:g})"
        )


class FiguresError(RuntimeError):
    """A descent that missed the theory, so that no picture was written."""

    def __init__(self, misses: Sequence[Check]):
        """List every miss with the measured and the expected number."""
        self.misses = tuple(misses)
        lines = "\n".join(f"  {miss}" for miss in misses)
        super().__init__(f"a descent missed its theory; no picture was written:\n{lines}")


class Scene:
    """A picture of points, cosines, key numbers and one curve, each in its place."""

    def __init__(self, title: str, caption: str):
        """Draw the header; the panels come with `heat`, `keys`, `curve` and `sphere`."""
        self.canvas = Canvas(title, caption)

    def heat(self, c: int, title: str, badges: bool = False) -> None:
        """Add the heat map of the cosines of c codes."""
        self._heat = GramPanel(self.canvas, GRAM_BOX, c, title, badges=badges)

    def keys(self, *keys: KeyNumber) -> None:
        """Add the key numbers."""
        self._numbers = NumbersPanel(self.canvas, NUMBERS_BOX, keys)

    def curve(self, title: str, lines: Sequence[Line], floor: Floor, **options: Any) -> None:
        """Add the curve; `options` are those of `CurvePanel`."""
        self._curve = CurvePanel(self.canvas, CURVE_BOX, title, lines, [floor], **options)

    def sphere(self, c: int, **options: Any) -> SpherePanel:
        """One sphere with c codes; `options` are those of `SpherePanel`."""
        middle, colours = [(POINTS_BOX[2] / 2, POINTS_BOX[3] / 2)], [style.CLASSES[:c]]
        return SpherePanel(self.canvas, POINTS_BOX, "Codes", middle, 146, colours, **options)

    def frames(
        self,
        steps: Sequence[int],
        cosines: np.ndarray,
        points: Callable[[int, int], None],
        values: Callable[[int], Sequence[Any]],
    ) -> Iterator[np.ndarray]:
        """One frame for each of `steps`.

        Args:
            steps: entries of the trajectory.
            cosines: of every entry.
            points: moves the points to frame k, which shows an entry.
            values: the key numbers of an entry.
        """
        for k, step in enumerate(steps):
            points(k, step)
            self._heat.update(cosines[step])
            self._curve.update(step)
            self._numbers.update(values(step))
            yield self.canvas.frame()


def schedule(steps: int, power: float) -> list[int]:
    """Increasing step numbers from 0 to `steps`, denser at the start for a `power` above 1."""
    spread = np.round(steps * np.linspace(0, 1, FRAMES) ** power).astype(int)
    return np.maximum(spread, np.minimum(np.arange(FRAMES), steps)).tolist()


def random_rows(seed: int, *shape: int) -> np.ndarray:
    """Normal numbers from a fixed seed, in float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)
