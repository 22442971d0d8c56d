"""The panels of a board that hold numbers: the Gram heat map and the key numbers.

Each draws its fixed parts when made, and moves the rest in `update`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsFloat

import numpy as np

from gramax.render import style
from gramax.render.board import Board, Box
from gramax.render.stamps import Stamp

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

PRINTED = 7
"""A Gram matrix of at most this many rows has its cosines printed in the cells."""


def cosine_text(value: float) -> str:
    """A cosine in at most four characters: 1, .33, –.33 (a dash narrower than a minus sign)."""
    if not np.isfinite(value):
        return ""
    words = f"{abs(value):.2f}"
    words = words[1:] if words.startswith("0") else words[0] if words.endswith("00") else words
    words = "0" if words == ".00" else words
    return "–" + words if value < 0 and words != "0" else words


def number(value: float) -> str:
    """A key number with four decimals."""
    return f"{value:.4f}".replace("-0.0000", "0.0000").replace("-", "−")


def small(value: float) -> str:
    """A key number that may become very small: powers of ten below a thousandth."""
    return number(value) if not 0 < abs(value) < 1e-3 else f"{value:.1e}".replace("e-0", "e−")


def disc(axes: Axes, index: int, size: float) -> Line2D:
    """A disc in the colour of a class, to be placed."""
    colour = style.css(style.class_colour(index))
    return axes.plot([0], [0], "o", ms=size, mfc=colour, mec="white", mew=1.5, clip_on=False)[0]


def badge(axes: Axes, x: float, y: float, index: int, size: float = 24.0) -> None:
    """A numbered disc in the colour of a class: it stands for the same code in every panel."""
    disc(axes, index, size).set_data([x], [y])
    words = axes.text(
        x, y, str(index + 1), fontsize=0.68 * size, color="white", weight="bold", clip_on=False
    )
    words.set(ha="center", va="center_baseline")


class GramPanel:
    """A heat map of cosines, with the values in the cells of a small one."""

    def __init__(
        self,
        board: Board,
        box: Box,
        c: int,
        title: str,
        names: Sequence[str] | None = None,
        badges: bool = False,
    ):
        """`names` label rows and columns where they fit; `badges` puts numbered discs there."""
        board.heading(box, title)
        self._axes = axes = board.bare(box, (-0.5, c - 0.5), (c - 0.5, -0.5))
        self._image = axes.imshow(
            np.zeros((c, c)), cmap=style.cosine_map(), vmin=-1, vmax=1, aspect="auto"
        )
        self._label(board, box, c, names, badges)
        self._colour_bar(board, box)
        board.moving(self._image)
        self._cells = self._stamps(board, box, c) if c <= PRINTED else {}
        self._frame(board, c)

    def update(self, cosines: np.ndarray) -> None:
        """Show these cosines."""
        self._image.set_data(cosines)
        for (row, column), stamp in self._cells.items():
            value = float(cosines[row, column])
            stamp.words = cosine_text(value)
            stamp.colour = style.PAPER if abs(value) > 0.62 else style.TEXT

    def _stamps(self, board: Board, box: Box, c: int) -> dict[tuple[int, int], Stamp]:
        cell = box[2] / c
        size = min(24.0, 0.38 * cell)
        return {
            (row, column): board.stamp(
                box[0] + (column + 0.5) * cell, box[1] + (row + 0.5) * cell, size
            )
            for row in range(c)
            for column in range(c)
        }

    def _frame(self, board: Board, c: int) -> None:
        from matplotlib.patches import Rectangle

        inner = np.arange(c - 1) + 0.5 if c <= 10 else []
        across = self._axes.hlines(inner, -0.5, c - 0.5, color="white", lw=2)
        down = self._axes.vlines(inner, -0.5, c - 0.5, color="white", lw=2)
        edge = Rectangle((-0.5, -0.5), c, c, fill=False, lw=1, ec=style.css(style.AXIS))
        edge.set_clip_on(False)
        self._axes.add_patch(edge)
        board.moving(across, down, edge)

    def _label(
        self, board: Board, box: Box, c: int, names: Sequence[str] | None, badges: bool
    ) -> None:
        cell = box[2] / c
        for i in range(c if badges else 0):
            badge(self._axes, -0.5 - 20 / cell, i, i)
            badge(self._axes, i, c - 0.5 + 20 / cell, i)
        fits = max(map(len, names or ("",))) * 0.62 * style.SMALL <= cell
        for i, name in enumerate(names or () if fits else ()):
            middle = (i + 0.5) * cell
            board.text(box[0] - 9, box[1] + middle + 6, name, style.SMALL, ha="right")
            board.text(box[0] + middle, box[1] + box[3] + 23, name, style.SMALL, ha="center")

    def _colour_bar(self, board: Board, box: Box) -> None:
        left, top, width, height = box
        bar = board.bare((left + width + 14, top, 13, height), (0, 1), (-1, 1))
        ramp = np.linspace(-1, 1, len(style.COSINES))[:, None]
        bar.imshow(ramp, cmap=style.cosine_map(), aspect="auto", extent=(0, 1, 1, -1))
        bar.set(ylim=(-1, 1))
        for value, words, align in ((1, "1", "top"), (0, "0", "center"), (-1, "−1", "bottom")):
            at = top + height * (1 - value) / 2
            words = board.text(left + width + 33, at, words, style.SMALL, colour=style.QUIET)
            words.set(va=align)


@dataclass(frozen=True)
class Key:
    """A key number: its name, what it is held against, and how it is written."""

    name: str
    target: str
    text: Callable[[float], str] = number


class NumbersPanel:
    """Key numbers, one under or beside the other: name, value, target."""

    def __init__(self, board: Board, box: Box, keys: Sequence[Key], across: bool = False):
        """Place `keys` evenly in `box`, downwards or `across`."""
        self._keys = keys
        left, top, width, height = box
        n = max(len(keys), 1)
        right, down = (width / n, 0.0) if across else (0.0, (height - 92) / max(n - 1, 1))
        self._values = []
        for i, key in enumerate(keys):
            x, y = left + i * right, top + i * down
            board.text(x, y + 14, key.name, style.SMALL, weight="bold")
            self._values.append(board.stamp(x, y + 53, style.VALUE, align="left"))
            board.text(x, y + 83, key.target, style.SMALL, colour=style.QUIET)

    def update(self, values: Iterable[SupportsFloat]) -> None:
        """Show these values, in the order of the keys."""
        for stamp, key, value in zip(self._values, self._keys, values, strict=True):
            stamp.words = key.text(float(value)) if np.isfinite(float(value)) else "—"
