"""Error, interval and bias of one number from its values without each block of rows.

References: Tukey, "Bias and confidence in not-quite large samples", 1958; Shao & Tu, The Jackknife
and Bootstrap, 1995, section 2.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float
from gramax.uncertainty.chance.cosines import student_quantile

Curve = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ErrorBar:
    """A number with its uncertainty.

    Attributes:
        value: from all rows.
        error: standard error; None where it cannot be had.
        low: lower end of the interval; None where there is no error.
        high: upper end.
        bias: estimated bias at this n, to be subtracted for the value at infinite n (which is more
            uncertain than `value` is); None where there is no error.
        reason: why there is no error, or what to keep in mind.
    """

    value: float
    error: float | None
    low: float | None
    high: float | None
    bias: float | None
    reason: str = ""


def jackknife(
    value: float, without: Float[np.ndarray, " b"], interval: tuple[float, float], level: float
) -> ErrorBar:
    """Error, interval and bias from the values without each block.

    Args:
        value: the number of all rows, in its own units.
        without: the number without each block.
        interval: the values that it can take.
        level: probability with which the interval is to cover, between 0 and 1.

    Returns:
        The bar; without an error, and with the reason, where a value is not finite or there are
        fewer than two blocks.

    Raises:
        ValueError: `level` is not between 0 and 1.

    Example:
        >>> import numpy as np
        >>> x = np.array([1.0, 2.0, 3.0, 6.0])  # the jackknife of a mean: s/√n
        >>> bar = jackknife(x.mean(), (x.sum() - x) / 3, (-np.inf, np.inf), 0.95)
        >>> print(round(bar.error, 6) == round(x.std(ddof=1) / 2, 6), abs(bar.bias) < 1e-12)
        True True
    """
    b = len(without)
    if not math.isfinite(value):
        return ErrorBar(value, None, None, None, None, "undefined")
    if b < 3:
        return ErrorBar(value, None, None, None, None, f"rows in {b} block(s) only; 3 are needed")
    if not np.all(np.isfinite(without)):
        return ErrorBar(
            value, None, None, None, None, "undefined where one of the blocks is left out"
        )
    error, bias = _deviation(without), (b - 1) * (float(without.mean()) - value)
    forth, back = _scale(interval, np.append(without, value))
    reach = student_quantile(level, b - 1) * _deviation(forth(without))
    middle = forth(np.array(value))
    low, high = (float(np.clip(back(middle + r), *interval)) for r in (-reach, reach))
    return ErrorBar(value, error, low, high, bias)


def _deviation(without: np.ndarray) -> float:
    """√((B-1)/B Σ (θ_(-b) - mean)²)."""
    b = len(without)
    return math.sqrt((b - 1) / b * float(np.sum((without - without.mean()) ** 2)))


def _scale(interval: tuple[float, float], values: np.ndarray) -> tuple[Curve, Curve]:
    """A map of the metric's range to the whole line, and its inverse; none at a bound itself."""
    low, high = interval
    if not np.all((values > low) & (values < high)) or math.isinf(low):
        return (lambda x: x), (lambda x: x)
    if math.isinf(high):
        return (lambda x: np.log(x - low)), (lambda x: low + np.exp(x))
    span = high - low
    return (lambda x: np.log((x - low) / (high - x))), (lambda x: low + span / (1 + np.exp(-x)))
