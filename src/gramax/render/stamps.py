"""Words that change from frame to frame, composed straight onto the pixels.

Matplotlib lays its text out anew in every frame, which would take most of the time of a film. A
stamp renders its words once, in the same font, and is kept for as long as they recur.
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from gramax.render import style

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

DIGIT = 0.365
"""Half the height of a digit over the size of the font."""


@cache
def _font(size: int, bold: bool) -> FreeTypeFont:
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def _mask(words: str, size: int, bold: bool) -> tuple[np.ndarray, int]:
    """Coverage of the words, 0 to 255, and the row of their baseline."""
    from PIL import Image, ImageDraw

    font = _font(size, bold)
    _, top, right, bottom = (int(v) for v in font.getbbox(words, anchor="ls"))
    image = Image.new("L", (max(right + 1, 1), max(bottom - top, 1)))
    ImageDraw.Draw(image).text((0, -top), words, fill=255, font=font, anchor="ls")
    return np.asarray(image, np.uint16), -top


class Stamp:
    """Words at a place of the board, both of which may change."""

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
        """Centred on the point (`x`, `y`), or starting there with the baseline on `y`."""
        self.words = ""
        self.x, self.y, self.colour = x, y, colour
        self._size, self._bold, self._align = round(size), bold, align

    def draw(self, pixels: np.ndarray) -> None:
        """Compose the words onto `[height, width, 4]` pixels; what lies outside is left out."""
        if not self.words:
            return
        mask, baseline = _mask(self.words, self._size, self._bold)
        left, top = self.x, self.y - baseline
        if self._align == "center":
            left, top = left - mask.shape[1] / 2, top + DIGIT * self._size
        left, top = max(round(left), 0), max(round(top), 0)
        part = pixels[top : top + mask.shape[0], left : left + mask.shape[1], :3]
        share = mask[: part.shape[0], : part.shape[1], None]
        part[:] = (part * (255 - share) + np.array(self.colour, np.uint16) * share + 127) // 255
