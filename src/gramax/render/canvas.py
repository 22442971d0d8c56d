"""One figure whose fixed parts are drawn once, and whose moving parts are drawn anew in a frame.

Positions are in pixels from the top left corner. The figure is made without pyplot, so that no
window, no global state and no setting of the user comes in.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gramax.render import style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.text import Text
    from PIL.ImageFont import FreeTypeFont

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""

CANVAS_SIZE = (1040, 760)
MARGIN = 36
HEADER_HEIGHT = 100
"""Height of the strip that belongs to title and caption alone."""

HALF_DIGIT = 0.365
"""Half the height of a digit, as a share of the size of the font."""


class FrameText:
    """Text that changes from frame to frame, composed straight onto the pixels.

    Matplotlib lays its text out anew in every frame, which would take most of the time of a film.
    Here a text is rendered once, in the same font, and kept for as long as it recurs.
    """

    def __init__(
        self,
        x: float,
        y: float,
        size: float,
        *,
        colour: style.RGB = style.TEXT,
        bold: bool = False,
        align: Literal["left", "center"] = "center",
    ):
        """Centre the text on the point (`x`, `y`), or start it there with its baseline on `y`."""
        self.text = ""
        self.x, self.y, self.colour = x, y, colour
        self._size, self._bold, self._align = round(size), bold, align

    def draw(self, pixels: np.ndarray) -> None:
        """Compose the text onto `[height, width, 4]` pixels; what lies outside is left out."""
        if not self.text:
            return
        mask, baseline = _text_mask(self.text, self._size, self._bold)
        left, top = self.x, self.y - baseline
        if self._align == "center":
            left, top = left - mask.shape[1] / 2, top + HALF_DIGIT * self._size
        left, top = max(round(left), 0), max(round(top), 0)
        part = pixels[top : top + mask.shape[0], left : left + mask.shape[1], :3]
        share = mask[: part.shape[0], : part.shape[1], None]
        part[:] = (part * (255 - share) + np.array(self.colour, np.uint16) * share + 127) // 255


@cache
def _font(size: int, bold: bool) -> FreeTypeFont:
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def _text_mask(text: str, size: int, bold: bool) -> tuple[np.ndarray, int]:
    """How far each pixel is covered by the text, 0 to 255, and the row of its baseline."""
    from PIL import Image, ImageDraw

    font = _font(size, bold)
    _, top, right, bottom = (int(v) for v in font.getbbox(text, anchor="ls"))
    image = Image.new("L", (max(right + 1, 1), max(bottom - top, 1)))
    ImageDraw.Draw(image).text((0, -top), text, fill=255, font=font, anchor="ls")
    return np.asarray(image, np.uint16), -top


class Canvas:
    """A figure with a title and panels; make it, and take its frames, inside `style.look()`."""

    def __init__(self, title: str, caption: str, size: tuple[int, int] = CANVAS_SIZE):
        """Draw the header; panels are added by `axes` and `text`."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self.size = size
        width, height = size
        self.figure = Figure((width / 72, height / 72), dpi=72, facecolor=style.css(style.PAPER))
        self.agg = FigureCanvasAgg(self.figure)
        self._moving: list[Artist] = []
        self._frame_texts: list[FrameText] = []
        self._background: Any = None
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
        """A fixed text whose baseline starts at the point (`x`, `y`)."""
        w, h = self.size
        options = {"va": "baseline", "parse_math": False, **options}
        return self.figure.text(
            x / w, 1 - y / h, text, fontsize=size, color=style.css(colour), **options
        )

    def heading(self, box: Box, text: str) -> Text:
        """The title of a panel, above its box."""
        return self.text(box[0], box[1] - 14, text, style.LABEL, weight="bold")

    def width_of(self, text: Text) -> float:
        """Pixels that a fixed text takes from left to right."""
        return text.get_window_extent(self.agg.get_renderer()).width

    def moving(self, *artists: Artist) -> None:
        """Leave `artists` out of the fixed parts and draw them in every frame, in this order."""
        for artist in artists:
            artist.set_animated(True)
            self._moving.append(artist)

    def frame_text(self, *args: Any, **options: Any) -> FrameText:
        """A `FrameText` with these arguments, composed over the artists in every frame."""
        self._frame_texts.append(FrameText(*args, **options))
        return self._frame_texts[-1]

    def frame(self) -> np.ndarray:
        """The picture as it is now, `[height, width, 4]` uint8."""
        if self._background is None:
            self.agg.draw()
            self._background = self.agg.copy_from_bbox(self.figure.bbox)
        self.agg.restore_region(self._background)
        renderer = self.agg.get_renderer()
        for artist in self._moving:
            artist.draw(renderer)
        pixels = np.array(self.agg.buffer_rgba())
        for text in self._frame_texts:
            text.draw(pixels)
        return pixels
