"""A board: one figure whose fixed parts are drawn once, and whose moving parts are blitted.

Positions are in pixels from the top left corner. The canvas is Agg, made without pyplot, so that no
window, no global state and no user setting comes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gramax.render import style
from gramax.render.stamps import Stamp

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text

Box = tuple[float, float, float, float]
"""Left, top, width, height in pixels."""

SIZE = (1040, 760)
MARGIN = 36
HEADER = 100
"""Height of the strip that title and caption keep to."""


class Board:
    """A figure with a title and panels; make it, and take its frames, inside `style.look()`."""

    def __init__(self, title: str, caption: str, size: tuple[int, int] = SIZE):
        """Draw the header; panels are added by `axes` and `text`."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.size = size
        width, height = size
        self.figure = Figure((width / 72, height / 72), dpi=72, facecolor=style.css(style.PAPER))
        self.canvas = FigureCanvasAgg(self.figure)
        self._moving: list[Artist] = []
        self._stamps: list[Stamp] = []
        self._still: Any = None
        self.header = [
            self.text(MARGIN, 52, title, style.TITLE, weight="bold"),
            self.text(MARGIN, 86, caption, style.BODY, colour=style.QUIET),
        ]

    def axes(self, box: Box, **options: Any) -> Axes:
        """Axes that fill `box`."""
        left, top, width, height = box
        w, h = self.size
        return self.figure.add_axes(
            (left / w, 1 - (top + height) / h, width / w, height / h), **options
        )

    def bare(self, box: Box, x: tuple[float, float], y: tuple[float, float]) -> Axes:
        """Axes without frame or ticks, for drawing in the units of `x` and `y`."""
        axes = self.axes(box)
        axes.set_axis_off()
        axes.set(xlim=x, ylim=y)
        return axes

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = style.LABEL,
        *,
        colour: style.RGB = style.TEXT,
        **options: Any,
    ) -> Text:
        """Words whose baseline starts at the point (`x`, `y`)."""
        w, h = self.size
        options = {"va": "baseline", "parse_math": False, **options}
        return self.figure.text(
            x / w, 1 - y / h, words, fontsize=size, color=style.css(colour), **options
        )

    def heading(self, box: Box, words: str) -> Text:
        """The title of a panel, above its box."""
        return self.text(box[0], box[1] - 14, words, style.LABEL, weight="bold")

    def moving(self, *artists: Artist) -> None:
        """Leave `artists` out of the still picture and draw them in every frame, in this order."""
        for artist in artists:
            artist.set_animated(True)
            self._moving.append(artist)

    def stamp(self, *args: Any, **options: Any) -> Stamp:
        """A `Stamp` with these arguments, composed over the artists in every frame."""
        self._stamps.append(Stamp(*args, **options))
        return self._stamps[-1]

    def frame(self) -> np.ndarray:
        """The picture as it is now, `[height, width, 4]` uint8."""
        if self._still is None:
            self.canvas.draw()
            self._still = self.canvas.copy_from_bbox(self.figure.bbox)
        self.canvas.restore_region(self._still)
        renderer = self.canvas.get_renderer()
        for artist in self._moving:
            artist.draw(renderer)
        pixels = np.array(self.canvas.buffer_rgba())
        for stamp in self._stamps:
            stamp.draw(pixels)
        return pixels
