"""Panels of a picture that hold numbers: a heat map of cosines, key numbers, and curves.

Each is given the numbers of all frames, draws its fixed parts, and tells the canvas how its moving
parts come to frame k.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gramax.render import style
from gramax.render.canvas import Box, Canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

MAX_PRINTED_ROWS = 7
"""A heat map of at most this many rows has its cosines printed in the cells."""

VALUE_AXIS_WIDTH = 56
"""Room at the left of a curve for the labels of its value axis."""


def cosine_text(value: float) -> str:
    """A cosine in at most four characters: 1, .33, –.33 (a dash narrower than a minus sign)."""
    if not np.isfinite(value):
        return ""
    text = f"{abs(value):.2f}".replace("1.00", "1").removeprefix("0").replace(".00", "0")
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


def number_at(axes: Axes, x: float, y: float, text: str, size: float) -> Text:
    """White text in the middle of a disc of this size."""
    options = {"fontsize": 0.68 * size, "color": "white", "weight": "bold", "clip_on": False}
    return axes.text(x, y, text, ha="center", va="center_baseline", **options)


def badge(axes: Axes, x: float, y: float, index: int, size: float = 24.0) -> list:
    """A numbered disc in the colour of a class: it stands for the same code in every panel."""
    look = {"ms": size, "mfc": style.css(style.class_colour(index)), "mec": "white", "mew": 1.5}
    disc = axes.plot([x], [y], "o", clip_on=False, **look)
    return [*disc, number_at(axes, x, y, str(index + 1), size)]


def gram_panel(
    canvas: Canvas,
    box: Box,
    title: str,
    cosines: np.ndarray,
    names: Sequence[str] = (),
    badges: bool = False,
) -> None:
    """A heat map of cosines `[frames, c, c]`, with the values in the cells of a small one.

    Rows and columns are labelled by `names` where they fit, or by numbered discs (`badges`).
    """
    from matplotlib.patches import Rectangle

    c = len(cosines[0])
    left, top, width, height = box
    cell = width / c
    canvas.heading(box, title)
    axes = canvas.bare_axes(box, (-0.5, c - 0.5), (c - 0.5, -0.5))
    colours = {"cmap": style.cosine_map(), "vmin": -1, "vmax": 1, "aspect": "auto"}
    image = axes.imshow(cosines[0], **colours)
    for i in range(c if badges else 0):
        badge(axes, -0.5 - 20 / cell, i, i)
        badge(axes, i, c - 0.5 + 20 / cell, i)
    fits = max(map(len, names), default=0) * 0.62 * style.SMALL <= cell
    for i, name in enumerate(names if fits else ()):
        middle = (i + 0.5) * cell
        canvas.text(left - 9, top + middle + 6, name, style.SMALL, ha="right")
        canvas.text(left + middle, top + height + 23, name, style.SMALL, ha="center")
    bar = canvas.bare_axes((left + width + 14, top, 13, height), (0, 1), (-1, 1))
    ramp = np.linspace(-1, 1, len(style.COSINES))[:, None]
    bar.imshow(ramp, extent=(0, 1, 1, -1), **colours)
    bar.set(ylim=(-1, 1))
    for at, text, va in ((top, "1", "top"), (top + height / 2, "0", "center")):
        canvas.text(left + width + 33, at, text, style.SMALL, colour=style.QUIET, va=va)
    at = left + width + 33, top + height
    canvas.text(*at, "−1", style.SMALL, colour=style.QUIET, va="bottom")
    inner = np.arange(c - 1) + 0.5 if c <= 10 else []
    rules = [draw(inner, -0.5, c - 0.5, color="white", lw=2) for draw in (axes.hlines, axes.vlines)]
    edge = Rectangle((-0.5, -0.5), c, c, fill=False, lw=1, ec=style.css(style.AXIS), clip_on=False)
    axes.add_patch(edge)
    cells, size = np.ndindex(c, c) if c <= MAX_PRINTED_ROWS else (), min(24.0, 0.38 * cell)
    texts = {at: axes.text(at[1], at[0], "", fontsize=size) for at in cells}
    for text in texts.values():
        text.set(ha="center", va="center_baseline")
    canvas.moving(image, *rules, edge, *texts.values())

    def update(k: int) -> None:
        image.set_data(cosines[k])
        for at, text in texts.items():
            value = float(cosines[k][at])
            colour = style.PAPER if abs(value) > 0.62 else style.TEXT
            text.set(text=cosine_text(value), color=style.css(colour))

    canvas.updates.append(update)


@dataclass(frozen=True)
class KeyNumber:
    """A key number: its name, what it is held against, its value in every frame, how written."""

    name: str
    target: str
    values: np.ndarray
    text: Callable[[float], str] = key_number


def numbers_panel(
    canvas: Canvas, box: Box, keys: Sequence[KeyNumber], across: bool = False
) -> None:
    """Key numbers, each with its name and its target, evenly downwards or `across` the box."""
    left, top, width, height = box
    n = max(len(keys), 1)
    right, down = (width / n, 0.0) if across else (0.0, (height - 92) / max(n - 1, 1))
    shown = []
    for i, key in enumerate(keys):
        x, y = left + i * right, top + i * down
        canvas.text(x, y + 14, key.name, style.SMALL, weight="bold")
        shown.append(canvas.text(x, y + 53, "", style.VALUE))
        canvas.text(x, y + 83, key.target, style.SMALL, colour=style.QUIET)
    canvas.moving(*shown)

    def update(k: int) -> None:
        for text, key in zip(shown, keys, strict=True):
            value = float(key.values[k])
            text.set_text(key.text(value) if np.isfinite(value) else "—")

    canvas.updates.append(update)


@dataclass(frozen=True)
class Line:
    """One curve: its values by step, its colour, its name if any, and its steps (0, 1, 2 ...)."""

    values: np.ndarray
    colour: style.RGB
    name: str = ""
    steps: np.ndarray | None = None


@dataclass(frozen=True)
class Floor:
    """A dashed line at `value`, what it is, and whether its label stands above it."""

    value: float
    label: str
    above: bool = False


def curve_panel(
    canvas: Canvas,
    box: Box,
    title: str,
    lines: Sequence[Line],
    floor: Floor | None,
    at: np.ndarray,
    *,
    limits: tuple[float, float],
    ticks: Sequence[float],
    ends: tuple[str, str],
    log: bool = False,
    mark: float | None = None,
    stretch: float = 0.0,
) -> None:
    """Curves drawn as far as the film has come, against a dashed floor.

    Args:
        canvas: what they are drawn on.
        box: where.
        title: the metric.
        lines: the curves.
        floor: of the metric.
        at: the step that each frame has come to, rising from the first step to the last.
        limits: of the value axis.
        ticks: of the value axis.
        ends: the words under the two ends of the step axis.
        log: whether the value axis is logarithmic.
        mark: a step at which a dotted line stands.
        stretch: a step from which on steps are spaced by their logarithm; 0: nowhere.
    """
    x = box[0] + canvas.width_of(canvas.heading(box, title)) + 26
    for line in lines:
        name = canvas.text(x, box[1] - 14, line.name, colour=line.colour, weight="bold")
        x += canvas.width_of(name) + 26
    axes = canvas.axes((box[0] + VALUE_AXIS_WIDTH, box[1], box[2] - VALUE_AXIS_WIDTH, box[3]))
    last = at[-1] if at[-1] > at[0] else at[0] + 1
    axes.set(xlim=(at[0], last), ylim=limits, yscale="log" if log else "linear")
    if stretch:
        axes.set_xscale("symlog", linthresh=stretch, linscale=0.35)
    axes.grid(axis="y", color=style.css(style.RULE), lw=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=7)
    axes.set_yticks(ticks, [_power(tick) if log else f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xticks(axes.get_xlim(), ends)
    for label, align in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
        label.set(ha=align)
    if mark is not None:
        axes.axvline(mark, color=style.css(style.AXIS), lw=1.6, ls=(0, (1, 2)))
    if floor is not None:
        _draw_floor(axes, floor)
    colours = [style.css(line.colour) for line in lines]
    curves = [axes.plot([], [], color=colour, lw=3)[0] for colour in colours]
    dot = {"ms": 11, "mec": "white", "mew": 1.5, "clip_on": False}
    heads = [axes.plot([], [], "o", mfc=colour, **dot)[0] for colour in colours]
    canvas.moving(*curves, *heads)

    def update(k: int) -> None:
        for line, curve, head in zip(lines, curves, heads, strict=True):
            steps = np.arange(len(line.values)) if line.steps is None else line.steps
            end = int(np.searchsorted(steps, at[k], side="right"))
            curve.set_data(steps[:end], line.values[:end])
            head.set_data(steps[:end][-1:], line.values[:end][-1:])

    canvas.updates.append(update)


def _power(value: float) -> str:
    """A power of ten in Unicode: 10⁻³."""
    exponent = str(round(np.log10(value))).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return "1" if exponent == "⁰" else f"10{exponent}"


def _draw_floor(axes: Axes, floor: Floor) -> None:
    axes.axhline(floor.value, color=style.css(style.TEXT), lw=1.8, dashes=(5, 3.2))
    axes.annotate(
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
        zorder=2.2,  # over the grid, under the axis
    )
