"""Panels of a picture that hold points: clouds in the plane, and codes on a sphere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gramax.render import style
from gramax.render.canvas import Box, Canvas
from gramax.render.panels import badge, disc


class PlanePanel:
    """Clouds of points in the plane, one colour and marker a class, with an arm to each code."""

    def __init__(
        self, canvas: Canvas, box: Box, title: str, labels: np.ndarray, extent: float, arms: int = 0
    ):
        """`labels` give the class of each point; `arms` is the number of codes shown."""
        canvas.heading(box, title)
        tall = extent * box[3] / box[2]
        self._box, self._scale = box, box[2] / (2 * extent)
        self._axes = axes = canvas.bare_axes(box, (-extent, extent), (-tall, tall))
        turn = np.linspace(0, 2 * np.pi, 181)
        self._groups = [np.flatnonzero(labels == k) for k in range(int(labels.max()) + 1)]
        self.circle = axes.plot(np.cos(turn), np.sin(turn), color=style.css(style.RULE), lw=1.5)[0]
        self._arms = [
            axes.plot([], [], color=style.css(style.class_colour(k)), lw=2.5)[0]
            for k in range(arms)
        ]
        self._clouds = [self._cloud(k) for k in range(len(self._groups))]
        self._discs = [disc(axes, k, 27.0) for k in range(arms)]
        canvas.moving(*self._arms, *self._clouds, *self._discs)
        self._names = [
            canvas.frame_text(0, 0, 18, colour=style.PAPER, bold=True) for _ in range(arms)
        ]

    def _cloud(self, k: int):
        size = {"^": 10.5, "s": 8.5}.get(style.marker(k), 9.5)
        return self._axes.plot(
            [],
            [],
            style.marker(k),
            ms=size,
            mfc=style.css(style.class_colour(k)),
            mec="white",
            mew=0.9,
            ls="none",
        )[0]

    def update(self, points: np.ndarray, codes: np.ndarray | None = None) -> None:
        """Show the points `[n, 2]`, and unit codes `[arms, 2]` with their badge beyond them."""
        for cloud, group in zip(self._clouds, self._groups, strict=True):
            cloud.set_data(points[group, 0], points[group, 1])
        for k, arm in enumerate(self._arms):
            x, y = np.asarray(codes)[k]
            arm.set_data([0, x], [0, y])
            self._discs[k].set_data([1.42 * x], [1.42 * y])
            name, (left, top, width, height) = self._names[k], self._box
            name.x = left + width / 2 + 1.42 * x * self._scale
            name.y = top + height / 2 - 1.42 * y * self._scale
            name.text = str(k + 1)

    def axis(self, angle: float, extent: float) -> None:
        """Draw a still dashed axis through the centre, in degrees."""
        x, y = extent * np.cos(np.radians(angle)), extent * np.sin(np.radians(angle))
        self._axes.plot(
            [-x, x], [-y, y], color=style.css(style.AXIS), lw=1.6, dashes=(5, 3.2), zorder=1
        )
        self.circle.set_visible(False)


class SpherePanel:
    """Codes on spheres seen by one camera: arms from the centre, discs at the tips, depth shaded.

    Several spheres (`[spheres, c, 3]`) stand side by side in the panel.
    """

    def __init__(
        self,
        canvas: Canvas,
        box: Box,
        title: str,
        centres: Sequence[tuple[float, float]],
        radius: float,
        colours: Sequence[Sequence[style.RGB]],
        *,
        lines: bool = False,
        edges: bool = False,
        badges: bool = True,
        dot: float = 28.0,
    ):
        """`centres` and `radius` are in pixels of the box; `colours` one a code of each sphere.

        `lines` draws both directions of every code, `edges` joins the tips, `badges` numbers them.
        """
        from matplotlib.collections import LineCollection

        canvas.heading(box, title)
        self._box, self._radius, self._colours = box, radius, [list(row) for row in colours]
        self._lines, self._edged, self._dot = lines, edges, dot
        self._centres = np.asarray(centres, float) * [1, -1] + [0, box[3]]
        self._axes = axes = canvas.bare_axes(box, (0, box[2]), (0, box[3]))
        self._spheres()
        for i, (x, y) in enumerate(self._centres if len(self._centres) > 1 else ()):
            badge(axes, x - 0.9 * radius, y + 1.12 * radius, i, 22.0)
        self._arms = LineCollection([], capstyle="round")
        self._edges = LineCollection([], linewidths=1.6, colors=style.css(style.GREYS[9]))
        self._dots = axes.scatter([], [], linewidths=1.5, edgecolors="white")
        for part in (self._edges, self._arms, self._dots):
            part.set_clip_on(False)
        axes.add_collection(self._edges, autolim=False)
        axes.add_collection(self._arms, autolim=False)
        canvas.moving(self._edges, self._arms, self._dots)
        numbered = len(colours[0]) if badges else 0
        self._names = [
            canvas.frame_text(0, 0, 0.66 * dot, colour=style.PAPER, bold=True)
            for _ in range(numbered)
        ]

    def _spheres(self) -> None:
        from matplotlib.patches import Circle

        front, back = equator()
        for centre in self._centres:
            ball = Circle(
                tuple(centre), self._radius, fc=style.css(style.SHADE), ec=style.css(style.GREYS[6])
            )
            self._axes.add_patch(ball)
            for half, grey in ((back, style.GREYS[3]), (front, style.GREYS[6])):
                self._axes.plot(*(centre + self._radius * half).T, color=style.css(grey), lw=1.2)

    def update(self, codes: np.ndarray, azimuth: float) -> None:
        """Show unit `codes` `[spheres, c, 3]` (or `[c, 3]` for one) from this azimuth."""
        codes = np.asarray(codes).reshape(len(self._colours), -1, 3)
        seen, depth = project(codes, camera_view(azimuth))
        tips = self._centres[:, None] + self._radius * seen
        self._show_arms(tips, seen, depth)
        self._show_tips(tips, depth)
        if self._edged:
            a, b = np.triu_indices(codes.shape[1], 1)
            self._edges.set_segments(list(np.stack([tips[0][a], tips[0][b]], axis=1)))

    def _show_arms(self, tips: np.ndarray, seen: np.ndarray, depth: np.ndarray) -> None:
        middle = np.broadcast_to(self._centres[:, None], tips.shape)
        colours = np.asarray(self._colours).reshape(-1, 3)
        ends, shares, owners = tips.reshape(-1, 2), depth.ravel(), np.arange(depth.size)
        starts = middle.reshape(-1, 2)
        if self._lines:
            opposite = (middle - self._radius * seen).reshape(-1, 2)
            ends, starts = np.concatenate([ends, opposite]), np.tile(starts, (2, 1))
            shares, owners = np.concatenate([shares, -shares]), np.tile(owners, 2)
        order = np.argsort(shares, kind="stable")
        self._arms.set_segments(list(np.stack([starts, ends], axis=1)[order]))
        self._arms.set_color([_shaded(colours[owners[i]], float(shares[i])) for i in order])
        width = 3.4 if self._dot > 14 else 2.4
        self._arms.set_linewidth([width * (0.85 + 0.2 * float(shares[i])) for i in order])

    def _show_tips(self, tips: np.ndarray, depth: np.ndarray) -> None:
        colours = np.asarray(self._colours).reshape(-1, 3)
        order = np.argsort(depth.ravel(), kind="stable")
        share = depth.ravel()[order]
        self._dots.set_offsets(tips.reshape(-1, 2)[order])
        self._dots.set_facecolor(
            [_shaded(colours[i], s) for i, s in zip(order, share, strict=True)]
        )
        self._dots.set_sizes((self._dot * (0.88 + 0.12 * share)) ** 2)
        left, top, _, height = self._box
        for k, name in enumerate(self._names):
            name.x, name.y = left + tips[0][k][0], top + height - tips[0][k][1]
            name.text = str(k + 1)


def _shaded(colour: np.ndarray, depth: float) -> str:
    """The colour in front, thinned towards paper at the back."""
    red, green, blue = (int(v) for v in colour)
    share = 1.0 if depth > 0 else 1.0 + 0.5 * depth
    return style.css(style.tint((red, green, blue), share))


def camera_view(azimuth: float, elevation: float = 20.0) -> np.ndarray:
    """A camera that circles the sphere, at these angles in degrees.

    The rows of the matrix point right, up and towards the viewer.
    """
    a, e = np.radians(azimuth), np.radians(elevation)
    right = [-np.sin(a), np.cos(a), 0.0]
    up = [-np.sin(e) * np.cos(a), -np.sin(e) * np.sin(a), np.cos(e)]
    towards = [np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)]
    return np.array([right, up, towards])


def project(points: np.ndarray, camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orthographic projection of `[..., 3]` points: their `[..., 2]` places, and their depth.

    Depth is positive in front of the centre.
    """
    seen = np.asarray(points) @ camera.T
    return seen[..., :2], seen[..., 2]


def equator(elevation: float = 20.0) -> tuple[np.ndarray, np.ndarray]:
    """The front and the back half of the equator, each `[n, 2]`; the same from every azimuth."""
    turn = np.radians(np.linspace(-90, 90, 61))
    front = np.stack([np.sin(turn), -np.sin(np.radians(elevation)) * np.cos(turn)], axis=1)
    return front, front * [1, -1]
