"""One look for every picture: colours, markers, sizes, and the matplotlib settings behind them.

Class colours start with Okabe & Ito's (2008), told apart by colour-blind eyes; where a colour could
be mistaken for another its marker and its number cannot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from gramax._optional import need

if TYPE_CHECKING:
    from matplotlib.colors import ListedColormap

RGB = tuple[int, int, int]


def _rgb(code: str) -> RGB:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def mix(colour: RGB, other: RGB, share: float) -> RGB:
    """`share` of `colour` and the rest of `other`."""
    mixed = share * np.array(colour) + (1 - share) * np.array(other)
    red, green, blue = (round(level) for level in mixed.tolist())
    return red, green, blue


def css(colour: RGB) -> str:
    """The colour as matplotlib reads it, without loss."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


PAPER: RGB = (255, 255, 255)
INK: RGB = _rgb("#1b2027")
GREYS = tuple(mix(INK, PAPER, level / 24) for level in range(25))
"""From paper to ink; every grey of the interface is one of them."""
TEXT, QUIET, AXIS, RULE, SHADE = (GREYS[level] for level in (24, 17, 11, 4, 1))

CLASSES: tuple[RGB, ...] = (
    *map(_rgb, ("#0072b2", "#d55e00", "#009e73", "#cc79a7")),  # blue, vermilion, green, pink
    *map(_rgb, ("#e69f00", "#56b4e9", "#332288", "#5c2e00")),  # orange, sky, indigo, brown
    *map(_rgb, ("#004d40", "#1a1a1a")),  # deep green, black
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "*", "h")

METRIC, SECOND = CLASSES[6], GREYS[14]
"""Colours of the curves: the metric, and a second one beside it."""

TINTS = tuple(level / 10 for level in range(1, 11))
"""Shares of a class colour on paper: depth is drawn with these, and edges blend through them."""

_LOW, _HIGH = _rgb("#1f4e8c"), _rgb("#a8430a")
COSINES = (
    *(mix(_LOW, PAPER, level / 30) for level in range(30, 0, -1)),
    *(mix(_HIGH, PAPER, level / 30) for level in range(31)),
)
"""Cosines from -1 (blue) over 0 (white) to 1 (brown)."""

TITLE, BODY, LABEL, SMALL, VALUE = 31.0, 20.0, 19.0, 18.0, 32.0
"""Sizes of text in pixels of a board, read at 0.58 of that in a picture 600 pixels wide."""

_SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs everywhere
    "text.color": css(TEXT),
    "axes.edgecolor": css(AXIS),
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": css(AXIS),
    "ytick.color": css(AXIS),
    "xtick.labelcolor": css(QUIET),
    "ytick.labelcolor": css(QUIET),
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "lines.solid_capstyle": "round",
    "lines.dash_capstyle": "butt",
    "image.interpolation": "nearest",
}


def require() -> None:
    """Raise `MissingExtraError` where matplotlib or Pillow is not installed."""
    # Pillow first: importing matplotlib fails without it, and names no extra.
    for module, package in (("PIL", "pillow"), ("matplotlib", "matplotlib")):
        need(module, "drawing figures", package, "plot")


@contextmanager
def look() -> Iterator[None]:
    """Matplotlib's own defaults plus these settings, whatever the user has configured."""
    require()
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)  # pyright: ignore
        yield


def cosine_map() -> ListedColormap:
    """The colour map of cosines, for values in [-1, 1]."""
    from matplotlib.colors import ListedColormap

    return ListedColormap(np.asarray(COSINES) / 255, name="cosines")


def class_colour(index: int) -> RGB:
    """The colour of a class; after ten they repeat, with another marker."""
    return CLASSES[index % len(CLASSES)]


def marker(index: int) -> str:
    """The marker of a class, shifted by one each time that the colours repeat."""
    return MARKERS[(index + index // len(CLASSES)) % len(MARKERS)]


def tint(colour: RGB, share: float) -> RGB:
    """`colour` thinned to the nearest of the palette's tints."""
    return mix(colour, PAPER, min(TINTS, key=lambda level: abs(level - share)))
