"""The colours of the pictures as a GIF palette, with a look-up table from any 24-bit colour.

A palette that is fitted to the pixels shifts the class colours and greys the white. This one is
designed: every colour that a board draws with is an entry, so it comes out exactly; only blends
at antialiased edges are moved, to the nearest entry.
"""

from __future__ import annotations

from functools import cache
from itertools import chain

import numpy as np

from gramax.render import style

TRANSPARENT = 255
"""The palette slot that leaves a pixel as it was in the frame before."""


def _entries() -> list[style.RGB]:
    tints = (style.mix(colour, style.PAPER, t) for colour in style.CLASSES for t in style.TINTS)
    # Dark text on coloured cells and dark lines over points blend through these.
    shaded = (style.mix(colour, style.INK, 0.5) for colour in style.COSINES[::6])
    return list(dict.fromkeys(chain(style.GREYS, style.CLASSES, style.COSINES, tints, shaded)))


class Palette:
    """At most 254 colours, and the nearest of them for any colour, found once each."""

    def __init__(self, colours: list[style.RGB]):
        """Hold `colours` in this order."""
        if len(colours) > 254:
            raise ValueError(f"a palette holds at most 254 colours; got {len(colours)}")
        self.colours = np.asarray(colours, np.uint8)
        self._table = np.zeros(1 << 24, np.uint8)  # 0: not met yet; else the index plus one

    def bytes(self) -> bytes:
        """The colour table of a GIF: 256 triples."""
        return self.colours.tobytes().ljust(768, b"\0")

    def index(self, packed: np.ndarray) -> np.ndarray:
        """Indices of colours packed as red + 256·green + 65536·blue."""
        found = self._table[packed]
        missing = np.unique(packed[found == 0])
        if missing.size:
            self._table[missing] = self._nearest(missing) + 1
            found = self._table[packed]
        return found - 1

    def _nearest(self, packed: np.ndarray) -> np.ndarray:
        rgb = np.stack([packed & 255, packed >> 8 & 255, packed >> 16 & 255], axis=-1)
        entries = self.colours.astype(np.int32)
        nearest = np.empty(len(rgb), np.uint8)
        for start in range(0, len(rgb), 4096):
            part = rgb[start : start + 4096].astype(np.int32)
            distance = ((part[:, None] - entries) ** 2).sum(axis=-1)
            nearest[start : start + 4096] = distance.argmin(axis=1)
        return nearest


@cache
def designed() -> Palette:
    """The one palette of all pictures."""
    return Palette(_entries())
