"""How much each number would change with another sample: a jackknife over blocks of rows.

Rows are dealt to B blocks while they stream by (`moments.blocks`), and every number is computed B
times without one block: B times the work of one report, and B·log₂ B merges of c·d² each. Rows are
taken to be independent: many frames of one video are not, and their errors are too small. The
chance of class sizes is part of the error, as for labels drawn with their rows. Where a number is
at chance the errors are rough, and `gramax.chance.chance` is the yardstick.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gramax._shapes import Float
from gramax.arrays.linalg import few_threads
from gramax.arrays.namespace import to_numpy
from gramax.arrays.pytree import mapped
from gramax.metrics.bulk import regression_collapse
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import BlockMoments, ClassMoments
from gramax.uncertainty.chance.cosines import student_quantile

__all__ = [
    "BlockMoments",
    "ErrorBar",
    "error_bars",
    "jackknife",
    "warnings_for",
    "without_each",
]

EXTREMES = frozenset(
    {
        "class_coherence",
        "class_welch_gap",
        "class_babel",
        "class_average_coherence",
        "class_largest_cosine",
    }
)
"""Numbers that are the worst of many: without a block another pair may become the worst. Their
variance is right in simulations where one pair stands out, and too large where many are about as
bad."""

MAX_PAIRED_CLASSES = 4096
"""Classes up to which extremes get an error: every block costs a pass over all their pairs."""

SQUARE = frozenset({"alpha_req", "lidar", "vci", "nc1_pinv", "nc1_svd"})
"""Numbers that hang on the smallest eigenvalues, which change most with every row where there are
about as many rows as dimensions."""

NEAR_SQUARE = "of about as many rows as dimensions: its error is up to five times too large"

JUMPS = frozenset({"outlier_directions", "bulk_share"})
"""Numbers that hang on how many directions stand out. That jumps, so that the jackknife does not
tell their spread (Miller 1974): intervals of the share of the bulk covered 57 % of the time."""

SAME = "the same without each block: no error is known"
JUMP = "it jumps where a direction comes to stand out of the noise: no error is known"

WORST = "the worst of many: its error is rather too large than too small"
TOO_MANY = (
    f"its error would take a pass over all pairs of more than {MAX_PAIRED_CLASSES:,} classes "
    "for each block"
)


# -- one number ---------------------------------------------------------------------------------


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

    For a smooth function θ of the moments, (B-1)/B Σ_b (θ_(-b) - mean θ_(-b))² is the variance from
    one sample of n rows to the next, and (θ - E θ)/error follows Student's t with B-1 degrees of
    freedom closely enough for intervals. They cover the mean of θ over samples of this size, which
    may be biased.

    Args:
        value: the number of all rows, in its own units.
        without: the number without each block.
        interval: the values that it can take.
        level: probability with which the interval is to cover, between 0 and 1.

    Returns:
        The bar; without an error, and with the reason, where a value is not finite or there are
        fewer than three blocks.

    Raises:
        ValueError: `level` is not between 0 and 1.

    Example:
        >>> import numpy as np
        >>> x = np.array([1.0, 2.0, 3.0, 6.0])  # the jackknife of a mean: s/√n
        >>> bar = jackknife(x.mean(), (x.sum() - x) / 3, (-np.inf, np.inf), 0.95)
        >>> print(round(bar.error, 6) == round(x.std(ddof=1) / 2, 6), abs(bar.bias) < 1e-12)
        True True

    Source:
        Tukey, Bias and confidence in not-quite large samples, 1958; Shao & Tu, The Jackknife and
        Bootstrap, 1995, section 2.3.
    """
    b, reason = len(without), ""
    if not math.isfinite(value):
        reason = "undefined"
    elif b < 3:
        reason = f"rows in {b} block(s) only; 3 are needed"
    elif not np.all(np.isfinite(without)):
        reason = "undefined where one of the blocks is left out"
    if reason:
        return ErrorBar(value, None, None, None, None, reason)
    forth, back = _whole_line(np.append(without, value), interval)
    reach = student_quantile(level, b - 1) * _deviation(forth(without))
    low, high = _around(value, reach, forth, back, interval)
    bias = (b - 1) * (float(without.mean()) - value)
    return ErrorBar(value, _deviation(without), low, high, bias)


def interval_about(
    value: float, bar: ErrorBar, interval: tuple[float, float]
) -> tuple[float, float]:
    """The interval of a bar, moved to another value of the same number: to one without bias, say.

    It is as wide on the scale on which intervals are formed.

    Example:
        >>> bar = ErrorBar(2.0, 0.5, 1.0, 4.0, -2.0)  # from half to twice
        >>> print(*(round(end, 6) for end in interval_about(4.0, bar, (0.0, math.inf))))
        2.0 8.0
    """
    assert bar.low is not None
    assert bar.high is not None
    ends = np.array([bar.low, bar.high])
    forth, back = _whole_line(np.append(ends, value), interval)
    low, high = forth(ends)
    return _around(value, (high - low) / 2, forth, back, interval)


Scale = Callable[[Any], Any]


def _whole_line(points: np.ndarray, interval: tuple[float, float]) -> tuple[Scale, Scale]:
    """To a scale on which the range is the whole line, and back; none where a point is a bound."""
    least, most = interval
    if not (math.isfinite(least) and np.all((points > least) & (points < most))):
        return (lambda x: x), (lambda x: x)
    if math.isinf(most):
        return (lambda x: np.log(x - least)), (lambda x: least + np.exp(x))
    return (
        lambda x: np.log((x - least) / (most - x)),
        lambda x: least + (most - least) / (1 + np.exp(-x)),
    )


def _around(
    value: float, reach: float, forth: Scale, back: Scale, interval: tuple[float, float]
) -> tuple[float, float]:
    low, high = (float(np.clip(back(forth(value) + r), *interval)) for r in (-reach, reach))
    return low, high


def _deviation(without: np.ndarray) -> float:
    """√((B-1)/B Σ (θ_(-b) - mean)²)."""
    b = len(without)
    return math.sqrt((b - 1) / b * float(np.sum((without - without.mean()) ** 2)))


# -- every number -------------------------------------------------------------------------------


def error_bars(
    blocks: BlockMoments,
    *,
    level: float = 0.95,
    options: Options | None = None,
    names: Sequence[str] | None = None,
    targets: int = 0,
) -> dict[str, ErrorBar]:
    """Every metric with its standard error and an interval that covers its mean at this n.

    Intervals are formed on the scale on which the metric is unbounded (the logarithm of its
    distance to a bound, or the log odds between two), and end inside its range.

    Args:
        blocks: the moments, kept apart by blocks.
        level: probability with which an interval is to cover.
        options: as for `report`.
        names: the metrics to leave it at, where all would take too long.
        targets: continuous targets of a regression, whose `nrc1` is then among the numbers.

    Returns:
        The bars by the name of the metric, each with what to keep in mind of it.

    Raises:
        ValueError: `level` is not between 0 and 1.
        KeyError: no metric has such a name.

    Source:
        Tukey 1958; Efron & Stein 1981; Shao & Tu 1995, The Jackknife and Bootstrap, section 2.3.
    """
    one, lone, bars = blocks.parts[0], int(np.sum(_filled(blocks).sum(axis=0) == 1)), {}
    rows, d = sum(float(part.total) for part in blocks.parts), one.dim
    near_square = d / 2 < rows < 2 * d
    found = without_each(blocks, options=options, names=names, targets=targets)
    for name, (value, left) in found.items():
        metric, said = METRICS[name], [WORST] if name in EXTREMES else []
        said += [NEAR_SQUARE] if name in SQUARE and near_square else []
        bar = jackknife(value, left, metric.bounds(one.normalize), level)
        if lone and metric.labels:
            rest = "class(es) have all their rows in one block: their absence widens the error"
            said.append(f"{lone} {rest}")
        if bar.error is not None:
            bar = replace(bar, reason="; ".join(said))
        elif math.isfinite(value):
            bar = replace(bar, reason=no_error(name, one.num_classes) or bar.reason)
        bars[name] = bar
    return bars


def without_each(
    blocks: BlockMoments,
    *,
    options: Options | None = None,
    names: Sequence[str] | None = None,
    targets: int = 0,
) -> dict[str, tuple[float, Float[np.ndarray, " b"]]]:
    """Every metric of all rows, and without each block of them; blocks without rows are left out.

    Args:
        blocks: the moments, kept apart by blocks.
        options: as for `report`.
        names: the metrics to leave it at, where all would take too long.
        targets: as for `error_bars`.

    Returns:
        By the name of the metric, its value and its values without each block: NaN where an error
        cannot be had (see `no_error`).

    Raises:
        KeyError: no metric has such a name.
    """
    wanted = None if names is None else {METRICS[name].name for name in names}
    first, options = blocks.parts[0], options or Options()
    asked = [m.name for m in METRICS.of(first.scatter) if wanted is None or m.name in wanted]
    asked += ["nrc1"] if targets and first.scatter is not None else []
    quick = [name for name in asked if not no_error(name, first.num_classes)]
    used = np.flatnonzero(_filled(blocks).any(axis=1))
    parts = [blocks.parts[k].widened() for k in used] or [first.widened()]
    with few_threads(first.mean.shape[1]), np.errstate(all="ignore"):
        whole = _values(BlockMoments(tuple(parts), 0).whole, asked, options, targets)
        left = [_values(moments, quick, options, targets) for moments in merges_without(parts)]
    sizes = np.array([float(part.total) for part in parts])
    return {
        name: (value, as_of_equal_blocks(value, [one.get(name, np.nan) for one in left], sizes))
        for name, value in whole.items()
    }


def as_of_equal_blocks(
    value: float, without: Sequence[float], sizes: Float[np.ndarray, " b"]
) -> Float[np.ndarray, " b"]:
    """Values without each block, as if all blocks had as many rows.

    Where a number depends on how many rows there are, as ranks do near n = d, it changes more
    without a large block than without a small one, which is no chance of the rows. That change is
    in proportion to the rows of the block, so its mean over blocks tells it.

    Example:
        >>> print(as_of_equal_blocks(10.0, [9.0, 8.0, 7.0], np.array([1.0, 2.0, 3.0])))
        [8. 8. 8.]
    """
    left = np.asarray(without, np.float64)
    if not np.sum(sizes) > 0:
        return left
    shift = np.mean(left) - value
    return left - shift * (sizes / np.mean(sizes) - 1)


def _filled(blocks: BlockMoments) -> np.ndarray:
    """`[b, c]` whether a block has rows of a class."""
    return np.stack([to_numpy(part.rows).sum(axis=0) > 0 for part in blocks.parts])


def no_error(name: str, c: int) -> str:
    """Why the number has no error bar, whatever the rows of c classes; "" where it has one."""
    if name in JUMPS:
        return JUMP
    return TOO_MANY if name in EXTREMES and c > MAX_PAIRED_CLASSES else ""


def merges_without(
    parts: Sequence[ClassMoments], others: ClassMoments | None = None
) -> Iterator[ClassMoments]:
    """The moments without each part, in order: of the rest of them and of `others`.

    By halves: what lies outside a half is merged once for all parts of the half. That takes
    B log₂ B merges, and keeps log₂ B moments at a time, where merges from both ends would keep B.
    """
    if len(parts) == 1:
        yield mapped(np.zeros_like, parts[0]) if others is None else others
        return
    middle = len(parts) // 2
    halves = parts[:middle], parts[middle:]
    for here, there in (halves, halves[::-1]):
        outside = BlockMoments(tuple(there), 0).whole
        yield from merges_without(here, outside if others is None else others.merge(outside))


def _values(
    moments: ClassMoments, names: Sequence[str], options: Options, targets: int
) -> dict[str, float]:
    e = Evidence(moments, options)
    return {
        name: float(regression_collapse(e, targets) if name == "nrc1" else METRICS[name].value(e))
        for name in names
    }


# -- warnings -----------------------------------------------------------------------------------

ROWS_PER_DIMENSION = 5
"""n ≥ 5d: isotropic rows then show an effective rank above exp(-d/2n) = 0.9 of their d (the entropy
of the Marchenko-Pastur law lies d/2n below log d, to first order)."""

HANDFUL = 5
"""A class variance with divisor m is low by 1/m: more than a fifth below five rows."""


def warnings_for(n: float, d: int, counts: Any, names: Sequence[str] | None = None) -> list[str]:
    """What to be wary of at these sizes, in words.

    Args:
        n: number of rows.
        d: their length.
        counts: `[c]` rows of each class.
        names: `[c]` names of the classes; their numbers by default.

    Example:
        >>> for line in warnings_for(30, 8, [14, 13, 3, 0]): print(line)
        30 rows in 8 dimensions: below 40 rows the participation ratio of even isotropic data ...
        1 class (2) has fewer than 5 rows: variances read low
        1 class (3) has no rows: left out of every number
    """
    counts, found = np.asarray(counts, np.float64), []
    if n < ROWS_PER_DIMENSION * d:
        most = d / (1 + d / max(n - 1, 1))
        found.append(
            f"{n:g} row{'s' * (n != 1)} in {d} dimensions: below {ROWS_PER_DIMENSION * d} rows the "
            f"participation ratio of even isotropic data is {most:.3g}; compare ranks with chance, "
            "not with d"
        )
    for which, text in (
        ((counts > 0) & (counts < HANDFUL), f"fewer than {HANDFUL} rows: variances read low"),
        (counts <= 0, "no rows: left out of every number"),
    ):
        few = np.flatnonzero(which)
        shown = ", ".join(str(k if names is None else names[k]) for k in few[:5])
        shown += ", …" * (few.size > 5)
        if few.size:
            many = f"{few.size} classes ({shown}) have"
            found.append(f"{many if few.size > 1 else f'1 class ({shown}) has'} {text}")
    return found
