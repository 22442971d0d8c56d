"""Frames to an animated GIF in one designed palette, written whole or not at all.

A palette that is fitted to the pixels shifts the class colours and greys the white. This one is
designed: every colour that a picture draws with is an entry, so it comes out exactly; only blends
at antialiased edges are moved, to the nearest entry. Pillow compresses the frames, and keeps of
each only what differs from the one before. The bytes depend on the frames alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gramax._files import replacing
from gramax.render import style

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PALETTE_COLOURS = 254
"""A GIF has room for 256 colours; one of them stands for pixels that did not change."""


class Palette:
    """A list of colours, and the nearest of them for any colour, found once each."""

    def __init__(self, colours: list[style.RGB]):
        """Hold `colours` in this order."""
        if len(colours) > MAX_PALETTE_COLOURS:
            raise ValueError(
                f"a palette holds at most {MAX_PALETTE_COLOURS} colours; got {len(colours)}"
            )
        self.colours = np.asarray(colours, np.uint8)
        self._table = np.zeros(1 << 24, np.uint8)  # 0: not met yet; else the index plus one

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
        for start in range(0, len(rgb), 4096):  # a block at a time bounds the memory
            part = rgb[start : start + 4096].astype(np.int32)
            distance = ((part[:, None] - entries) ** 2).sum(axis=-1)
            nearest[start : start + 4096] = distance.argmin(axis=1)
        return nearest


@cache
def designed_palette() -> Palette:
    """The one palette of all pictures."""
    tints = (style.mix(colour, style.PAPER, t) for colour in style.CLASSES for t in style.TINTS)
    # Dark text on coloured cells and dark lines over points blend through these.
    shaded = (style.mix(colour, style.INK, 0.5) for colour in style.COSINES[::6])
    colours = chain(style.GREYS, style.CLASSES, style.COSINES, tints, shaded)
    return Palette(list(dict.fromkeys(colours)))


def frame_durations(frames: int, each: int = 80, first: int = 1400, last: int = 3000) -> list[int]:
    """Milliseconds of every frame: the first and the last stay longer, to be read."""
    times = [each] * frames
    times[0], times[-1] = first, last
    return times


def write_gif(path: str | Path, frames: Iterable[np.ndarray], times: Sequence[int]) -> Path:
    """Write `frames` as a GIF that loops for ever.

    Args:
        path: the file to write; its folder exists. It is replaced only once the film is complete.
        frames: `[height, width, 3]` or `[height, width, 4]` uint8 arrays of one shape. A frame
            like the one before it lengthens that one.
        times: milliseconds of each frame, as many as there are frames.

    Raises:
        InputError: the file cannot be written.
        MissingExtraError: Pillow is not installed.
        ValueError: no frames, frames of another shape or type, or another number of times.
    """
    style.require()
    images = _images(frames, len(times))
    with replacing(path) as temporary:
        first = next(images)
        first.save(
            temporary,
            "GIF",
            save_all=True,
            append_images=images,
            duration=list(times),
            loop=0,
            palette=first.getpalette(),
            optimize=True,  # unchanged pixels become transparent, which compresses well
        )
    return Path(path)


def _images(frames: Iterable[np.ndarray], times: int) -> Iterator[Image]:
    """The frames as images in the palette, checked against each other."""
    from PIL import Image

    palette, shape, count = designed_palette(), None, 0
    for count, frame in enumerate(frames, 1):
        if count > times:
            raise ValueError(f"more frames than the {times} times given for them")
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] not in (3, 4):
            raise ValueError(
                f"a frame is uint8 [height, width, 3 or 4]; got {frame.dtype} {frame.shape}"
            )
        shape = shape or frame.shape
        if frame.shape != shape:
            raise ValueError(f"frame {count} has shape {frame.shape}; the first has {shape}")
        wide = frame[..., :3].astype(np.uint32)
        image = Image.fromarray(palette.index(wide @ np.array([1, 1 << 8, 1 << 16], np.uint32)))
        image.putpalette(palette.colours.tobytes())
        yield image
    if count == 0 or count != times:
        raise ValueError(f"{count} frames for {times} times")
