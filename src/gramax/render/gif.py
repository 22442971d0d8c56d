"""Frames to an animated GIF in one designed palette, written whole or not at all.

A palette that is fitted to the pixels shifts the class colours and greys the white. This one is
designed: every colour that a picture draws with is an entry, so it comes out exactly; only blends
at antialiased edges are moved, to the nearest entry. The bytes depend on the frames alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from gramax._files import replacing
from gramax.render import style
from gramax.render.canvas import Canvas

FRAMES = 50
"""Frames of a film at most."""


@cache
def designed_palette() -> np.ndarray:
    """The one palette of all films, `[colours, 3]`: at most 255, for one entry means unchanged."""
    tints = (style.mix(colour, style.PAPER, t) for colour in style.CLASSES for t in style.TINTS)
    # Dark text on coloured cells and dark lines over points blend through these.
    shaded = (style.mix(colour, style.INK, 0.5) for colour in style.COSINES[::6])
    colours = [*style.GREYS, *style.CLASSES, *style.COSINES, *tints, *shaded]
    return np.array(list(dict.fromkeys(colours)), np.uint8)


@cache
def _indexer() -> Callable[[np.ndarray], np.ndarray]:
    """From `[..., 3]` colours to the nearest entries of the palette, each colour found once."""
    palette = designed_palette().astype(np.int32)
    table = np.zeros(1 << 24, np.uint8)  # 0: not met yet; else the index plus one

    def index(pixels: np.ndarray) -> np.ndarray:
        packed = pixels.astype(np.uint32) @ np.array([1, 1 << 8, 1 << 16], np.uint32)
        missing = np.unique(packed[table[packed] == 0])
        for new in np.array_split(missing, 16):  # a part at a time bounds the memory
            rgb = (new[:, None] >> np.array([0, 8, 16]) & 255).astype(np.int32)
            table[new] = ((rgb[:, None] - palette) ** 2).sum(axis=-1).argmin(axis=1) + 1
        return table[packed] - 1

    return index


def write_film(path: str | Path, canvas: Canvas, each: int = 80, frames: int = FRAMES) -> Path:
    """Write the first `frames` frames of a canvas, each `each` milliseconds, as a GIF.

    The first and the last stay longer, to be read.
    """
    times = [1400, *[each] * (frames - 2), 3000][-frames:]
    return write_gif(path, map(canvas.frame, range(frames)), times)


def write_gif(path: str | Path, frames: Iterable[np.ndarray], times: Sequence[int]) -> Path:
    """Write `frames`, `[height, width, 3 or 4]` uint8, as a GIF that loops for ever.

    `times` are the milliseconds of each. A frame like the one before it lengthens that one. The
    file is replaced only once the film is complete.

    Raises:
        InputError: the file cannot be written.
        MissingExtraError: Pillow is not installed.
    """
    style.require()
    from PIL import Image

    palette = designed_palette().tobytes()

    def image(frame: np.ndarray) -> Image.Image:
        made = Image.fromarray(_indexer()(frame[..., :3]))
        made.putpalette(palette)
        return made

    images = map(image, frames)
    with replacing(path) as temporary:
        # Unchanged pixels become transparent, which compresses well (`optimize`).
        options = {"save_all": True, "append_images": images, "duration": list(times)}
        next(images).save(temporary, "GIF", loop=0, palette=palette, optimize=True, **options)
    return Path(path)
