"""Panels of a picture that hold numbers: a heat map of cosines, and a few key numbers.

Each draws its fixed parts when it is made, and its moving parts in `update`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsFloat

import numpy as np

from gramax.render import style
from gramax.render.canvas import Box, Canvas, FrameText

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

MAX_PRINTED_ROWS = 7
"""A heat map of at most this many rows has its cosines printed in the cells."""


def cosine_text(value: float) -> str:
    """A cosine in at most four characters: 1, .33, –.33 (a dash narrower than a minus sign)."""
    if not np.isfinite(value):
        return ""
    text = f"{abs(value):.2f}"
    text = text[1:] if text.startswith("0") else text[0] if text.endswith("00") else text
    text = "0" if text == ".00" else text
    return "–" + text if value < 0 and text != "0" else text


def key_number(value: float, decimals: int = 4) -> str:
    """A number with a fixed count of decimals, and a real minus sign."""
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "−")


def three_decimals(value: float) -> str:
    """A number with three decimals."""
    return key_number(value, 3)


def small_number(value: float) -> str:
    """A number that may become very small: below a thousandth as a power of ten."""
    small = 0 < abs(value) < 1e-3
    return f"{value:.1e}".replace("e-0", "e−") if small else key_number(value)


def disc(axes: Axes, index: int, size: float) -> Line2D:
    """A disc in the colour of a class, to be placed."""
    colour = style.css(style.class_colour(index))
    return axes.plot([0], [0], "o", ms=size, mfc=colour, mec="white", mew=1.5, clip_on=False)[0]


def badge(axes: Axes, x: float, y: float, index: int, size: float = 24.0) -> None:
    """A numbered disc in the colour of a class: it stands for the same code in every panel."""
    disc(axes, index, size).set_data([x], [y])
    text = axes.text(
        x, y, str(index + 1), fontsize=0.68 * size, color="white", weight="bold", clip_on=False
    )
    text.set(ha="center", va="center_baseline")


class GramPanel:
    """A heat map of cosines, with the values in the cells of a small one."""

    def __init__(
        self,
        canvas: Canvas,
        box: Box,
        c: int,
        title: str,
        names: Sequence[str] = (),
        badges: bool = False,
    ):
        """Label rows and columns by `names` where they fit, or by numbered discs (`badges`)."""
        canvas.heading(box, title)
        self._axes = axes = canvas.bare_axes(box, (-0.5, c - 0.5), (c - 0.5, -0.5))
        self._image = axes.imshow(
            np.zeros((c, c)), cmap=style.cosine_map(), vmin=-1, vmax=1, aspect="auto"
        )
        self._label(canvas, box, c, names, badges)
        _colour_bar(canvas, box)
        canvas.moving(self._image)
        self._cells = _cell_texts(canvas, box, c) if c <= MAX_PRINTED_ROWS else {}
        self._frame(canvas, c)

    def update(self, cosines: np.ndarray) -> None:
        """Show these cosines."""
        self._image.set_data(cosines)
        for cell, text in self._cells.items():
            value = float(cosines[cell])
            text.text = cosine_text(value)
            text.colour = style.PAPER if abs(value) > 0.62 else style.TEXT

    def _frame(self, canvas: Canvas, c: int) -> None:
        from matplotlib.patches import Rectangle

        inner = np.arange(c - 1) + 0.5 if c <= 10 else []
        across = self._axes.hlines(inner, -0.5, c - 0.5, color="white", lw=2)
        down = self._axes.vlines(inner, -0.5, c - 0.5, color="white", lw=2)
        edge = Rectangle((-0.5, -0.5), c, c, fill=False, lw=1, ec=style.css(style.AXIS))
        edge.set_clip_on(False)
        self._axes.add_patch(edge)
        canvas.moving(across, down, edge)

    def _label(self, canvas: Canvas, box: Box, c: int, names: Sequence[str], badges: bool) -> None:
        cell = box[2] / c
        for i in range(c if badges else 0):
            badge(self._axes, -0.5 - 20 / cell, i, i)
            badge(self._axes, i, c - 0.5 + 20 / cell, i)
        fits = max(map(len, names), default=0) * 0.62 * style.SMALL <= cell
        for i, name in enumerate(names if fits else ()):
            middle = (i + 0.5) * cell
            canvas.text(box[0] - 9, box[1] + middle + 6, name, style.SMALL, ha="right")
            canvas.text(box[0] + middle, box[1] + box[3] + 23, name, style.SMALL, ha="center")


def _cell_texts(canvas: Canvas, box: Box, c: int) -> dict[tuple[int, int], FrameText]:
    cell = box[2] / c
    return {
        (row, column): canvas.frame_text(
            box[0] + (column + 0.5) * cell, box[1] + (row + 0.5) * cell, min(24.0, 0.38 * cell)
        )
        for row, column in np.ndindex(c, c)
    }


def _colour_bar(canvas: Canvas, box: Box) -> None:
    left, top, width, height = box
    bar = canvas.bare_axes((left + width + 14, top, 13, height), (0, 1), (-1, 1))
    ramp = np.linspace(-1, 1, len(style.COSINES))[:, None]
    bar.imshow(ramp, cmap=style.cosine_map(), aspect="auto", extent=(0, 1, 1, -1))
    bar.set(ylim=(-1, 1))
    for value, text, align in ((1, "1", "top"), (0, "0", "center"), (-1, "−1", "bottom")):
        at = top + height * (1 - value) / 2
        canvas.text(left + width + 33, at, text, style.SMALL, colour=style.QUIET, va=align)


@dataclass(frozen=True)
class KeyNumber:
    """A key number: its name, what it is held against, and how it is written."""

    name: str
    target: str
    text: Callable[[float], str] = key_number


class NumbersPanel:
    """Key numbers under or beside each other: name, value and target."""

    def __init__(self, canvas: Canvas, box: Box, keys: Sequence[KeyNumber], across: bool = False):
        """Place `keys` evenly in `box`, downwards or `across`."""
        self._keys = keys
        left, top, width, height = box
        n = max(len(keys), 1)
        right, down = (width / n, 0.0) if across else (0.0, (height - 92) / max(n - 1, 1))
        self._values = []
        for i, key in enumerate(keys):
            x, y = left + i * right, top + i * down
            canvas.text(x, y + 14, key.name, style.SMALL, weight="bold")
            self._values.append(canvas.frame_text(x, y + 53, style.VALUE, align="left"))
            canvas.text(x, y + 83, key.target, style.SMALL, colour=style.QUIET)

    def update(self, values: Iterable[SupportsFloat]) -> None:
        """Show these values, in the order of the keys."""
        for text, key, value in zip(self._values, self._keys, values, strict=True):
            text.text = key.text(float(value)) if np.isfinite(float(value)) else "—"
