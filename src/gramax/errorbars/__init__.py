"""Error bars by a delete-a-block jackknife over mergeable moments, with no second pass."""

from gramax.errorbars.bars import error_bars, standard_errors, warnings_for, without_each
from gramax.errorbars.blocks import BlockMoments
from gramax.errorbars.jackknife import ErrorBar, jackknife

__all__ = [
    "BlockMoments",
    "ErrorBar",
    "error_bars",
    "jackknife",
    "standard_errors",
    "warnings_for",
    "without_each",
]
