"""One figure whose fixed parts are drawn once, and whose moving parts are drawn anew in a frame.

Positions are in pixels from the top left corner. The figure is made without pyplot, so that no
window, no global state and no setting of the user comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from gramax.render import style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""

CANVAS_SIZE = (1040, 760)
MARGIN = 36
HEADER_HEIGHT = 100
"""Height of the strip that belongs to title and caption alone."""


class Canvas:
    """A figure with a title and panels; make it, and take its frames, inside `style.look()`."""

    def __init__(self, title: str, caption: str, size: tuple[int, int] = CANVAS_SIZE):
        """Draw the header; each panel adds to `updates` what moves it to frame k."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.size = size
        self.figure = Figure((size[0] / 72, size[1] / 72), dpi=72, facecolor="white")
        self.agg = FigureCanvasAgg(self.figure)
        self.updates: list[Callable[[int], None]] = []
        self._moving: list[Artist] = []
        self._background: Any = None
        self.header = [
            self.text(MARGIN, 52, title, style.TITLE, weight="bold"),
            self.text(MARGIN, 86, caption, style.BODY, colour=style.QUIET),
        ]

    def axes(self, box: Box) -> Axes:
        """Axes that fill `box`."""
        left, top, width, height = box
        w, h = self.size
        return self.figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))

    def bare_axes(self, box: Box, x: tuple[float, float], y: tuple[float, float]) -> Axes:
        """Axes without frame or ticks, for drawing in the units of `x` and `y`."""
        axes = self.axes(box)
        axes.set_axis_off()
        axes.set(xlim=x, ylim=y)
        return axes

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float = style.LABEL,
        *,
        colour: style.RGB = style.TEXT,
        **options: Any,
    ) -> Text:
        """A text whose baseline starts at the point (`x`, `y`)."""
        at = x / self.size[0], 1 - y / self.size[1]
        options = {"va": "baseline", "parse_math": False, **options}
        return self.figure.text(*at, text, fontsize=size, color=style.css(colour), **options)

    def heading(self, box: Box, text: str) -> Text:
        """The title of a panel, above its box."""
        return self.text(box[0], box[1] - 14, text, style.LABEL, weight="bold")

    def width_of(self, text: Text) -> float:
        """Pixels that a text takes from left to right."""
        return text.get_window_extent(self.agg.get_renderer()).width

    def moving(self, *artists: Artist) -> None:
        """Leave `artists` out of the fixed parts and draw them in every frame, in this order."""
        for artist in artists:
            artist.set_animated(True)
        self._moving += artists

    def frame(self, k: int = 0) -> np.ndarray:
        """The k-th picture, `[height, width, 4]` uint8."""
        for update in self.updates:
            update(k)
        if self._background is None:
            self.agg.draw()
            self._background = self.agg.copy_from_bbox(self.figure.bbox)
        self.agg.restore_region(self._background)
        for artist in self._moving:
            artist.draw(self.agg.get_renderer())
        return np.array(self.agg.buffer_rgba())
