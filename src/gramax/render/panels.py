"""Panels of a picture: a heat map of cosines, key numbers, curves, points, codes on spheres.

Each is given the numbers of all frames, draws its fixed parts, and tells the canvas how its moving
parts come to frame k.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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


ELEVATION = np.radians(20.0)
"""The angle at which the camera looks down on a sphere."""


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
    _colour_bar(canvas, (left + width + 14, top, 13, height), colours)
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


def _colour_bar(canvas: Canvas, box: Box, colours: dict[str, Any]) -> None:
    bar = canvas.bare_axes(box, (0, 1), (-1, 1))
    ramp = np.linspace(-1, 1, len(style.COSINES))[:, None]
    bar.imshow(ramp, extent=(0, 1, 1, -1), **colours)
    bar.set(ylim=(-1, 1))
    for value, text, va in ((1, "1", "top"), (0, "0", "center"), (-1, "−1", "bottom")):
        at = box[0] + 19, box[1] + box[3] * (1 - value) / 2
        canvas.text(*at, text, style.SMALL, colour=style.QUIET, va=va)


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
class Curve:
    """One curve: its values by step, its colour, its name if any, and its steps (0, 1, 2 ...)."""

    values: np.ndarray
    colour: style.RGB
    name: str = ""
    steps: np.ndarray | None = None


@dataclass(frozen=True)
class ValueAxis:
    """A metric over time: its value axis, its floor, and what stands above or below the floor."""

    title: str
    limits: tuple[float, float]
    ticks: Sequence[float]
    floor: float | None = None
    floor_text: str = ""
    above: bool = False
    log: bool = False


def curve_panel(
    canvas: Canvas,
    box: Box,
    chart: ValueAxis,
    lines: Sequence[Curve],
    at: np.ndarray,
    ends: tuple[str, str],
    mark: float | None = None,
    stretch: float = 0.0,
) -> None:
    """Curves drawn as far as the film has come, in each frame to the step `at`.

    `ends` are the words under the two ends of the step axis. A dotted line stands at the step
    `mark`; from the step `stretch` on, if not 0, steps are spaced by their logarithm.
    """
    x = box[0] + canvas.width_of(canvas.heading(box, chart.title)) + 26
    for line in lines:
        name = canvas.text(x, box[1] - 14, line.name, colour=line.colour, weight="bold")
        x += canvas.width_of(name) + 26
    axes = canvas.axes((box[0] + VALUE_AXIS_WIDTH, box[1], box[2] - VALUE_AXIS_WIDTH, box[3]))
    last = at[-1] if at[-1] > at[0] else at[0] + 1
    axes.set(xlim=(at[0], last), ylim=chart.limits, yscale="log" if chart.log else "linear")
    if stretch:
        axes.set_xscale("symlog", linthresh=stretch, linscale=0.35)
    axes.grid(axis="y", color=style.css(style.RULE), lw=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=7)
    axes.set_yticks(chart.ticks, [_power(t) if chart.log else f"{t:g}" for t in chart.ticks])
    axes.minorticks_off()
    axes.set_xticks(axes.get_xlim(), ends)
    for label, align in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
        label.set(ha=align)
    if mark is not None:
        axes.axvline(mark, color=style.css(style.AXIS), lw=1.6, ls=(0, (1, 2)))
    if chart.floor is not None:
        _draw_floor(axes, chart.floor, chart.floor_text, chart.above)
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


def _draw_floor(axes: Axes, value: float, text: str, above: bool) -> None:
    axes.axhline(value, color=style.css(style.TEXT), lw=1.8, dashes=(5, 3.2))
    axes.annotate(
        text,
        (1, value),
        xycoords=("axes fraction", "data"),
        xytext=(0, 8 if above else -7),
        textcoords="offset points",
        fontsize=style.SMALL,
        color=style.css(style.TEXT),
        ha="right",
        va="bottom" if above else "top",
        bbox={"fc": "white", "ec": "none", "pad": 1.5},
        zorder=2.2,  # over the grid, under the axis
    )


def plane_panel(
    canvas: Canvas,
    box: Box,
    points: np.ndarray,
    labels: np.ndarray,
    extent: float,
    codes: np.ndarray | None = None,
    axis: float | None = None,
) -> None:
    """Clouds of points `[frames, n, 2]` in the plane, one colour and marker a class.

    An arm leads to each of the unit `codes` `[frames, c, 2]`, and a numbered disc stands beyond it.
    `extent` is half the width of the plane, `axis` the angle in degrees of a dashed line.
    """
    canvas.heading(box, "Points")
    tall = extent * box[3] / box[2]
    axes = canvas.bare_axes(box, (-extent, extent), (-tall, tall))
    if axis is not None:
        end = extent * np.array([np.cos(np.radians(axis)), np.sin(np.radians(axis))])
        dashed = {"color": style.css(style.AXIS), "lw": 1.6, "dashes": (5, 3.2)}
        axes.plot(*np.stack([-end, end], axis=1), **dashed)
    count = 0 if codes is None else codes.shape[1]
    if count:
        turn = np.linspace(0, 2 * np.pi, 181)
        axes.plot(np.cos(turn), np.sin(turn), color=style.css(style.RULE), lw=1.5)
    colours = [style.css(style.class_colour(k)) for k in range(labels.max() + 1)]
    arms = [axes.plot([], [], color=colours[k], lw=2.5)[0] for k in range(count)]
    look = {"mec": "white", "mew": 0.9, "ls": "none"}
    clouds = []
    for k, colour in enumerate(colours):
        size = {"^": 10.5, "s": 8.5}.get(style.marker(k), 9.5)
        clouds += axes.plot([], [], style.marker(k), ms=size, mfc=colour, **look)
    badges = [badge(axes, 0, 0, k, 27.0) for k in range(count)]
    canvas.moving(*arms, *clouds, *(part for parts in badges for part in parts))

    def update(k: int) -> None:
        for label, cloud in enumerate(clouds):
            cloud.set_data(points[k][labels == label].T)
        for i in range(count):
            x, y = np.asarray(codes)[k, i]
            arms[i].set_data([0, x], [0, y])
            disc, name = badges[i]
            disc.set_data([1.42 * x], [1.42 * y])
            name.set_position((1.42 * x, 1.42 * y))

    canvas.updates.append(update)


def sphere_panel(
    canvas: Canvas,
    box: Box,
    title: str,
    codes: np.ndarray,
    azimuths: np.ndarray,
    *,
    lines: bool = False,
    edges: bool = False,
) -> None:
    """Unit codes `[frames, spheres, c, 3]`: arms from the centre, discs at the tips, depth shaded.

    The codes of one sphere have colours and numbers; several spheres stand in rows of three, each
    in a colour of its own. `azimuths` are the degrees of the camera in every frame. `lines` draws
    both directions of every code, `edges` joins the tips.
    """
    from matplotlib.collections import LineCollection

    canvas.heading(box, title)
    axes = canvas.bare_axes(box, (0, box[2]), (0, box[3]))
    spheres, c = codes.shape[1:3]
    places, radius, dot, width = [(box[2] / 2, box[3] / 2)], 146, 28.0, 3.4
    owners = np.arange(c)
    if spheres > 1:
        places = [(54 + 108 * (i % 3), box[3] - 92 - 160 * (i // 3)) for i in range(spheres)]
        radius, dot, width = 48, 12.0, 2.4
        owners = np.repeat(np.arange(spheres), c)
        for i, (x, y) in enumerate(places):
            badge(axes, x - 0.9 * radius, y + 1.12 * radius, i, 22.0)
    centres = np.array(places)
    _draw_balls(axes, centres, radius)
    arms = LineCollection([], capstyle="round", clip_on=False)
    joints = LineCollection([], linewidths=1.6, colors=style.css(style.GREYS[9]), clip_on=False)
    axes.add_collection(joints, autolim=False)
    axes.add_collection(arms, autolim=False)
    dots = axes.scatter([], [], linewidths=1.5, edgecolors="white", clip_on=False)
    names = [number_at(axes, 0, 0, str(k + 1), dot) for k in range(c if spheres == 1 else 0)]
    canvas.moving(joints, arms, dots, *names)

    def update(k: int) -> None:
        seen = codes[k] @ camera_view(azimuths[k]).T
        middles = np.broadcast_to(centres[:, None], (spheres, c, 2)).reshape(-1, 2)
        tips, depth = middles + radius * seen[..., :2].reshape(-1, 2), seen[..., 2].ravel()
        order = np.argsort(depth, kind="stable")
        dots.set_offsets(tips[order])
        dots.set_facecolor(_shaded(owners[order], depth[order]))
        dots.set_sizes((dot * (0.88 + 0.12 * depth[order])) ** 2)
        for name, tip in zip(names, tips, strict=False):
            name.set_position(tip)
        if edges:
            joints.set_segments(list(tips[np.stack(np.triu_indices(c, 1), axis=1)]))
        ends, owner = np.stack([middles, tips], axis=1), owners
        if lines:
            ends = np.concatenate([ends, np.stack([middles, 2 * middles - tips], axis=1)])
            depth, owner = np.concatenate([depth, -depth]), np.tile(owners, 2)
        order = np.argsort(depth, kind="stable")
        arms.set_segments(list(ends[order]))
        arms.set_color(_shaded(owner[order], depth[order]))
        arms.set_linewidth((width * (0.85 + 0.2 * depth[order])).tolist())

    canvas.updates.append(update)


def _draw_balls(axes, centres: np.ndarray, radius: float) -> None:
    """A disc for each sphere, with its equator, darker in front."""
    from matplotlib.patches import Circle

    turn = np.radians(np.linspace(-90, 90, 61))
    front = np.stack([np.sin(turn), -np.sin(ELEVATION) * np.cos(turn)], axis=1)
    for centre in centres:
        fill, edge = style.css(style.SHADE), style.css(style.GREYS[6])
        axes.add_patch(Circle(tuple(centre), radius, fc=fill, ec=edge))
        for half, grey in ((front * [1, -1], style.GREYS[3]), (front, style.GREYS[6])):
            axes.plot(*(centre + radius * half).T, color=style.css(grey), lw=1.2)


def _shaded(owners: np.ndarray, depths: np.ndarray) -> list[str]:
    """The colours of classes in front, thinned towards paper at the back."""
    shares = np.where(depths > 0, 1.0, 1.0 + 0.5 * depths)
    colours = map(style.class_colour, owners.tolist())
    return [style.css(style.tint(*pair)) for pair in zip(colours, shares.tolist(), strict=True)]


def camera_view(azimuth: float) -> np.ndarray:
    """A camera that circles the sphere: the rows point right, up and towards the viewer."""
    a, e = np.radians(azimuth), ELEVATION
    right = [-np.sin(a), np.cos(a), 0.0]
    up = [-np.sin(e) * np.cos(a), -np.sin(e) * np.sin(a), np.cos(e)]
    towards = [np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)]
    return np.array([right, up, towards])
