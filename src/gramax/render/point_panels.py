"""Panels of a picture that hold points: clouds in the plane, and codes on spheres."""

from __future__ import annotations

import numpy as np

from gramax.render import style
from gramax.render.canvas import Box, Canvas
from gramax.render.panels import badge, number_at

ELEVATION = np.radians(20.0)
"""The angle at which the camera looks down on a sphere."""


def plane_panel(
    canvas: Canvas,
    box: Box,
    points: np.ndarray,
    labels: np.ndarray,
    extent: float,
    codes: np.ndarray | None = None,
    axis: float | None = None,
) -> None:
    """Clouds of points in the plane, one colour and marker a class, with an arm to each code.

    Args:
        canvas: what they are drawn on.
        box: where.
        points: `[frames, n, 2]`.
        labels: the class of each point.
        extent: half the width of the plane that is shown.
        codes: `[frames, c, 2]` unit codes; a numbered disc stands beyond each, on the unit circle.
        axis: the angle in degrees of a still dashed axis through the centre.
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
    """Codes on spheres seen by one camera: arms from the centre, discs at the tips, depth shaded.

    Args:
        canvas: what they are drawn on.
        box: where.
        title: of the panel.
        codes: `[frames, spheres, c, 3]` unit codes. Of one sphere they have colours and numbers;
            several spheres stand in rows of three, each in a colour of its own.
        azimuths: degrees of the camera in every frame.
        lines: draw both directions of every code.
        edges: join the tips.
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
        dots.set_facecolor([_shaded(owners[i], depth[i]) for i in order])
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
        arms.set_color([_shaded(owner[i], depth[i]) for i in order])
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


def _shaded(index: int, depth: float) -> str:
    """The colour of a class in front, thinned towards paper at the back."""
    share = 1.0 if depth > 0 else 1.0 + 0.5 * depth
    return style.css(style.tint(style.class_colour(index), share))


def camera_view(azimuth: float) -> np.ndarray:
    """A camera that circles the sphere: the rows point right, up and towards the viewer."""
    a, e = np.radians(azimuth), ELEVATION
    right = [-np.sin(a), np.cos(a), 0.0]
    up = [-np.sin(e) * np.cos(a), -np.sin(e) * np.sin(a), np.cos(e)]
    towards = [np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)]
    return np.array([right, up, towards])
