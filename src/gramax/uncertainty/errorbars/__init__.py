"""Error bars by a delete-a-block jackknife over mergeable moments, with no second pass."""

from gramax.moments import BlockMoments
from gramax.uncertainty.errorbars.bars import (
    error_bars,
    standard_errors,
    warnings_for,
    without_each,
)
from gramax.uncertainty.errorbars.jackknife import ErrorBar, jackknife

__all__ = [
    "BlockMoments",
    "ErrorBar",
    "error_bars",
    "jackknife",
    "standard_errors",
    "warnings_for",
    "without_each",
]
