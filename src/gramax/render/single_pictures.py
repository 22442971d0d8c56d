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


def pictures_of(found: Snapshot) -> dict[str, UInt8[np.ndarray, "600 560 4"]]:
    """The pictures of a snapshot by name, those that it has the numbers for."""
    made, c = {}, found.entry.c
    if found.cosines is not None:
        made["cosines"] = gram_picture(found.cosines, found.classes, c)
    if found.spectrum is not None:
        made["spectrum"] = spectrum_picture(found.spectrum, c)
    return made


def gram_picture(
    cosines: Float[np.ndarray, "c c"], names: Sequence[str], count: int
) -> UInt8[np.ndarray, "600 560 4"]:
    """The cosines of `count` codes, or of blocks of them, as a heat map with names that fit."""
    with style.look():
        canvas = Canvas("Class means", f"Cosines of {count:,}, centred", PICTURE_SIZE)
        gram_panel(canvas, (70, 140, 410, 410), "", cosines[None], names)
        return canvas.frame()


def spectrum_picture(
    eigenvalues: Float[np.ndarray, " d"], c: int
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
