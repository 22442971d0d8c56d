"""Single pictures of one audit, for a logger: cosines of the class means, and the spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from jaxtyping import Float, UInt8

from gramax.optional import need
from gramax.render import style
from gramax.render.board import MARGIN, Board
from gramax.render.panels import GramPanel

SIZE = (560, 600)
CELLS = 384
"""Rows of a heat map at most; beyond that a cell shows the largest |cosine| of its block."""


def gram_picture(
    cosines: Float[np.ndarray, "c c"], names: Sequence[str] = (), count: int = 0
) -> UInt8[np.ndarray, "600 560 4"]:
    """The cosines of c codes as a heat map, the names beside it where they fit.

    Args:
        cosines: of the codes, or of blocks of them.
        names: of the codes.
        count: how many codes there are, where `cosines` is of blocks.
    """
    small = in_blocks(np.asarray(cosines, float), CELLS)
    names = names if len(small) == len(cosines) == len(names) else ()
    with style.look():
        board = Board("Class means", f"Cosines of {count or len(cosines):,}, centred", SIZE)
        panel = GramPanel(board, (70, 140, 410, 410), len(small), "", names=names or None)
        panel.update(small)
        return board.frame()


def in_blocks(cosines: Float[np.ndarray, "c c"], most: int) -> Float[np.ndarray, "b b"]:
    """The matrix itself, or for more than `most` rows the entry of largest size of each block."""
    c = len(cosines)
    if c <= most:
        return cosines
    starts = np.linspace(0, c, most, endpoint=False).astype(int)

    def extreme(function: np.ufunc) -> np.ndarray:
        return function.reduceat(function.reduceat(cosines, starts, axis=0), starts, axis=1)

    high, low = extreme(np.fmax), extreme(np.fmin)
    return np.where(-low > high, low, high)


def spectrum_picture(
    eigenvalues: Float[np.ndarray, " d"], c: int = 0
) -> UInt8[np.ndarray, "600 560 4"]:
    """Shares of the variance by direction, largest first; a line stands at the c-1 that c need."""
    values = np.asarray(eigenvalues, float)
    total = values.sum()
    share = values / total if total > 0 else np.full(len(values), np.nan)
    with style.look():
        board = Board("Spectrum", "Share of the variance, by direction", SIZE)
        left = MARGIN + 70
        axes = board.axes((left, 130, SIZE[0] - left - MARGIN, 400))
        shown = np.where(share > 1e-12, share, np.nan)
        axes.plot(np.arange(1, len(shown) + 1), shown, color=style.css(style.METRIC), lw=3)
        axes.set(yscale="log", xlim=(0.5, len(shown) + 0.5), ylim=_limits(shown))
        axes.grid(axis="y", color=style.css(style.RULE), lw=1)
        axes.minorticks_off()
        if 1 < c <= len(shown):
            axes.axvline(c - 1, color=style.css(style.TEXT), lw=1.8, dashes=(5, 3.2))
            board.text(left, 118, f"dashed: {c - 1}, all that {c} classes need", style.SMALL)
        return board.frame()


def _limits(share: np.ndarray) -> tuple[float, float]:
    """Whole decades around the shares."""
    found = share[np.isfinite(share)]
    low = 10.0 ** np.floor(np.log10(found.min())) if found.size else 1e-3
    return float(min(low, 0.1)), 1.0


def png_bytes(pixels: UInt8[np.ndarray, "h w k"]) -> bytes:
    """A picture as the bytes of a PNG; MissingExtraError where Pillow is not installed."""
    image = need("PIL.Image", "writing a PNG", "pillow", "plot")
    stream = BytesIO()
    image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return stream.getvalue()
