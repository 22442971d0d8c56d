"""The panel of a picture that shows metrics over time, against their dashed floors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gramax.render import style
from gramax.render.canvas import Box, Canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VALUE_AXIS_WIDTH = 56
"""Room at the left of a curve for the labels of its value axis."""


def _power(value: float) -> str:
    """A power of ten in Unicode: 10⁻³."""
    exponent = str(round(np.log10(value))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return "1" if exponent == "⁰" else f"10{exponent}"


@dataclass(frozen=True)
class Line:
    """One curve of a panel: its values by step, its colour, its width, and its name if any.

    `steps` are the line's own, where they are not those of the panel.
    """

    values: np.ndarray
    colour: style.RGB
    name: str = ""
    width: float = 3.0
    steps: np.ndarray | None = None


@dataclass(frozen=True)
class Floor:
    """A dashed line at `value`, what it is, and where its label goes."""

    value: float
    label: str
    above: bool = False


class CurvePanel:
    """Curves drawn as far as the film has come, against dashed floor lines."""

    def __init__(
        self,
        canvas: Canvas,
        box: Box,
        title: str,
        lines: Sequence[Line],
        floors: Sequence[Floor],
        *,
        steps: np.ndarray,
        limits: tuple[float, float],
        ticks: Sequence[float],
        log: bool = False,
        ends: tuple[str, str] | None = None,
        mark: float | None = None,
        stretch: bool = False,
    ):
        """`steps` are the positions of the values; `limits` and `ticks` are of the value axis.

        `ends` are the words under the two ends of the step axis, its numbers by default; a
        dotted line stands at the step `mark`. `stretch` spaces steps from the second on by their
        logarithm.
        """
        self._steps, self._lines = np.asarray(steps), lines
        self._heading(canvas, box, title, lines)
        self._axes = axes = canvas.axes(
            (box[0] + VALUE_AXIS_WIDTH, box[1], box[2] - VALUE_AXIS_WIDTH, box[3])
        )
        axes.set(xlim=(steps[0], steps[-1]), ylim=limits, yscale="log" if log else "linear")
        if stretch:
            axes.set_xscale("symlog", linthresh=max(1.0, steps[1] - steps[0]), linscale=0.35)
        self._scale(axes, ticks, log, ends or (f"{steps[0]}", f"{steps[-1]} steps"))
        if mark is not None:
            axes.axvline(mark, color=style.css(style.AXIS), lw=1.6, ls=(0, (1, 2)))
        for floor in floors:
            self._floor(floor)
        self._curves = [
            axes.plot([], [], color=style.css(line.colour), lw=line.width)[0] for line in lines
        ]
        self._heads = [
            axes.plot([], [], "o", ms=11, mfc=style.css(line.colour), mec="white", mew=1.5)[0]
            for line in lines
        ]
        for head in self._heads:
            head.set_clip_on(False)
        canvas.moving(*self._curves, *self._heads)

    def update(self, upto: int) -> None:
        """Draw every curve up to and with entry `upto` of the steps."""
        for line, curve, head in zip(self._lines, self._curves, self._heads, strict=True):
            steps = self._steps if line.steps is None else line.steps
            end = int(np.searchsorted(steps, self._steps[upto], side="right"))
            curve.set_data(steps[:end], line.values[:end])
            head.set_data(steps[max(end - 1, 0) : end], line.values[max(end - 1, 0) : end])

    def _heading(self, canvas: Canvas, box: Box, title: str, lines: Sequence[Line]) -> None:
        x = box[0] + canvas.width_of(canvas.heading(box, title))
        for line in lines:
            if line.name:
                x += 26
                name = canvas.text(x, box[1] - 14, line.name, colour=line.colour, weight="bold")
                x += canvas.width_of(name)

    def _scale(self, axes: Axes, ticks: Sequence[float], log: bool, ends: tuple[str, str]) -> None:
        axes.grid(axis="y", color=style.css(style.RULE), lw=1)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, pad=7)
        axes.set_yticks(ticks, [_power(tick) if log else f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xticks(axes.get_xlim(), ends)
        for label, align in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
            label.set(ha=align)

    def _floor(self, floor: Floor) -> None:
        self._axes.axhline(floor.value, color=style.css(style.TEXT), lw=1.8, dashes=(5, 3.2))
        self._axes.annotate(
            floor.label,
            (1, floor.value),
            xycoords=("axes fraction", "data"),
            xytext=(0, 8 if floor.above else -7),
            textcoords="offset points",
            fontsize=style.SMALL,
            color=style.css(style.TEXT),
            ha="right",
            bbox={"fc": "white", "ec": "none", "pad": 1.5},
            va="bottom" if floor.above else "top",
        )
