"""Single pictures of one audit for a logger: the cosines of the class means, and the spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gramax._shapes import Float, UInt8
from gramax.render import style
from gramax.render.canvas import MARGIN, Canvas
from gramax.render.panels import Curve, ValueAxis, curve_panel, gram_panel

if TYPE_CHECKING:
    from gramax.audits.snapshot import Snapshot

PICTURE_SIZE = (560, 600)
MAX_HEAT_MAP_ROWS = 384
"""Beyond this number of codes, a cell shows the largest |cosine| of a block of them."""


def pictures_of(found: Snapshot) -> dict[str, np.ndarray]:
    """The pictures of a snapshot by name, those that it has the numbers for."""
    made, c = {}, found.entry.c
    if found.cosines is not None:
        made["cosines"] = gram_picture(found.cosines, found.classes, c)
    if found.spectrum is not None:
        made["spectrum"] = spectrum_picture(found.spectrum, c)
    return made


def gram_picture(
    cosines: Float[np.ndarray, "c c"], names: Sequence[str] = (), count: int = 0
) -> UInt8[np.ndarray, "600 560 4"]:
    """The cosines of c codes as a heat map, with the names beside it where they fit.

    Where `cosines` is of blocks of codes, `count` is the number of the codes.
    """
    blocks = strongest_of_blocks(np.asarray(cosines, float), MAX_HEAT_MAP_ROWS)
    names = names if len(blocks) == len(cosines) == len(names) else ()
    with style.look():
        caption = f"Cosines of {count or len(cosines):,}, centred"
        canvas = Canvas("Class means", caption, PICTURE_SIZE)
        gram_panel(canvas, (70, 140, 410, 410), "", blocks[None], names)
        return canvas.frame()


def strongest_of_blocks(cosines: Float[np.ndarray, "c c"], most: int) -> Float[np.ndarray, "b b"]:
    """The matrix itself, or for more than `most` rows the entry of largest size in each block."""
    if len(cosines) <= most:
        return cosines
    starts = np.linspace(0, len(cosines), most, endpoint=False).astype(int)
    high, low = (
        extreme.reduceat(extreme.reduceat(cosines, starts, axis=0), starts, axis=1)
        for extreme in (np.fmax, np.fmin)
    )
    return np.where(-low > high, low, high)


def spectrum_picture(
    eigenvalues: Float[np.ndarray, " d"], c: int = 0
) -> UInt8[np.ndarray, "600 560 4"]:
    """The share of the variance along each direction, largest first.

    A dotted line stands at the c - 1 directions that c classes need.
    """
    values = np.asarray(eigenvalues, float)
    share = values / values.sum() if values.sum() > 0 else np.full(len(values), np.nan)
    shown = np.where(share > 1e-12, share, np.nan)
    low = int(np.floor(np.log10(np.fmin.reduce(shown, initial=0.1))))
    needed = c - 1 if 1 < c <= len(shown) else None
    title = f"dotted: {needed}, all that {c} classes need" if needed else ""
    chart = ValueAxis(title, (10.0**low, 1.0), [10.0**k for k in range(low, 1)], log=True)
    steps = np.arange(1, len(shown) + 1)
    lines = [Curve(shown, style.METRIC, steps=steps)]
    with style.look():
        canvas = Canvas("Spectrum", "Share of the variance, by direction", PICTURE_SIZE)
        box = (MARGIN, 140, PICTURE_SIZE[0] - 2 * MARGIN, 400)
        curve_panel(canvas, box, chart, lines, steps[[0, -1]], ("1", f"{len(shown):,}"), needed)
        return canvas.frame(1)
