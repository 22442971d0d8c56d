"""How much each number would change with another sample: a jackknife over blocks of rows.

Rows are dealt to B blocks while they stream by (`blocks`), and every number is computed B times
without one block. For a number θ that is a smooth function of the moments,
(B-1)/B Σ_b (θ_(-b) - mean θ_(-b))² is the variance of θ from one sample of n rows to the next
(Tukey 1958; Shao & Tu 1995, section 2.3), and (θ - E θ)/error follows Student's t with B-1 degrees
of freedom closely enough for intervals.

- What an interval covers: the mean of the number over samples of this size. A number that is
  biased at small n (an effective rank, the frame potential of noisy means) is not pulled to its
  value at infinite n; `ErrorBar.bias` estimates how far that is.
- Rows are taken to be independent. Many frames of one video are not: their errors are too small.
- The chance of class sizes is part of the error, as for labels drawn with their rows; where sizes
  are held fixed by design the error is somewhat too large.
- Of no symmetric function of the rows, smooth or not, is the variance too small in expectation
  (Efron & Stein 1981). Of the worst of many (`EXTREMES`) it is too large where many are about as
  bad: in simulations the error of a coherence is right where one pair stands out, and about twice
  too large for a simplex.
- Rough where a number is at chance: there its first-order variation vanishes, and
  `gramax.chance.chance` is the yardstick.
- Work: B times that of one report, and B·log₂ B merges of c·d² each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import gramax.metrics  # noqa: F401  (fills the registry)
from gramax._shapes import Float
from gramax.arrays.namespace import to_numpy
from gramax.arrays.pytree import mapped
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import BlockMoments, ClassMoments
from gramax.uncertainty.errorbars.jackknife import ErrorBar, jackknife

EXTREMES = frozenset(
    {
        "class_coherence",
        "class_welch_gap",
        "class_babel",
        "class_average_coherence",
        "class_largest_cosine",
    }
)
"""Numbers that are the worst of many: without a block another pair may become the worst."""

WORST = "the worst of many: its error is rather too large than too small"
"""What to keep in mind of their error."""

MAX_PAIRED_CLASSES = 4096
"""Classes up to which extremes get an error: every block costs a pass over all their pairs."""

TOO_MANY = (
    f"its error would take a pass over all pairs of more than {MAX_PAIRED_CLASSES:,} classes "
    "for each block"
)
"""Why they have none beyond."""


# -- leaving one out ----------------------------------------------------------------------------


def standard_errors(
    blocks: BlockMoments,
    *,
    options: Options | None = None,
    names: Sequence[str] | None = None,
) -> dict[str, float | None]:
    """Standard error of every metric by the jackknife; None where it cannot be had.

    Args:
        blocks: the moments, kept apart by blocks.
        options: as for `report`.
        names: the metrics to leave it at, where all would take too long.

    Returns:
        The errors by the name of the metric, in its own units; `error_bars` has the reasons.

    Raises:
        KeyError: no metric has such a name.

    Example:
        >>> import numpy as np
        >>> z = np.random.default_rng(0).normal(size=(400, 3))
        >>> blocks = BlockMoments.empty(2, 3).update(z, np.arange(400) % 2)
        >>> 0 < standard_errors(blocks, names=["scatter_ratio"])["scatter_ratio"] < 0.01
        True
    """
    bars = error_bars(blocks, options=options, names=names)
    return {name: bar.error for name, bar in bars.items()}


def error_bars(
    blocks: BlockMoments,
    *,
    level: float = 0.95,
    options: Options | None = None,
    names: Sequence[str] | None = None,
) -> dict[str, ErrorBar]:
    """Every metric with its standard error and an interval that covers its mean at this n.

    Intervals are formed on the scale on which the metric is unbounded (the logarithm of its
    distance to a bound, or the log odds between two), and end inside its range.

    Args:
        blocks: the moments, kept apart by blocks.
        level: probability with which an interval is to cover.
        options: as for `report`.
        names: the metrics to leave it at, where all would take too long.

    Returns:
        The bars by the name of the metric, each with what to keep in mind of it.

    Raises:
        ValueError: `level` is not between 0 and 1.
        KeyError: no metric has such a name.

    Source:
        Tukey 1958; Efron & Stein 1981; Shao & Tu 1995, The Jackknife and Bootstrap, section 2.3.
    """
    found = without_each(blocks, options=options, names=names)
    filled = _filled(blocks)
    one = blocks.parts[0]
    lone = int(np.sum(filled.sum(axis=0) == 1))
    bars = {}
    for name, (value, left) in found.items():
        metric = METRICS[name]
        bar = jackknife(value, left, metric.bounds(one.normalize), level)
        bars[name] = _warned(name, bar, one.num_classes, lone if metric.labels else 0)
    return bars


def without_each(
    blocks: BlockMoments,
    *,
    options: Options | None = None,
    names: Sequence[str] | None = None,
) -> dict[str, tuple[float, Float[np.ndarray, " b"]]]:
    """Every metric of all rows, and without each block of them; blocks without rows are left out.

    Args:
        blocks: the moments, kept apart by blocks.
        options: as for `report`.
        names: the metrics to leave it at, where all would take too long.

    Returns:
        By the name of the metric, its value and its values without each block.

    Raises:
        KeyError: no metric has such a name.
    """
    wanted = None if names is None else {METRICS[name].name for name in names}
    usable = METRICS.of(blocks.parts[0].scatter)
    asked = [m.name for m in usable if wanted is None or m.name in wanted]
    quick = [name for name in asked if not too_many(name, blocks.parts[0].num_classes)]
    used = np.flatnonzero(_filled(blocks).any(axis=1))
    parts = [blocks.parts[k].widened() for k in used] or [blocks.parts[0].widened()]
    options = options or Options()
    whole = _values(BlockMoments(tuple(parts), 0).whole, asked, options)
    left = [_values(moments, quick, options) for moments in _leave_out(parts, None)]
    return {
        name: (value, np.array([values.get(name, np.nan) for values in left]))
        for name, value in whole.items()
    }


def _filled(blocks: BlockMoments) -> np.ndarray:
    """`[b, c]` whether a block has rows of a class."""
    return np.stack([to_numpy(part.rows).sum(axis=0) > 0 for part in blocks.parts])


def _warned(name: str, bar: ErrorBar, c: int, lone: int) -> ErrorBar:
    """The bar, with what to keep in mind of it."""
    if bar.error is None:
        skipped = too_many(name, c) and np.isfinite(bar.value)
        return replace(bar, reason=TOO_MANY) if skipped else bar
    said = [WORST] if name in EXTREMES else []
    if lone:
        said.append(
            f"{lone} class(es) have all their rows in one block: their absence widens the error"
        )
    return replace(bar, reason="; ".join(said))


def too_many(name: str, c: int) -> bool:
    """Whether the number has no error bar, for want of time."""
    return name in EXTREMES and c > MAX_PAIRED_CLASSES


def _leave_out(
    parts: Sequence[ClassMoments], others: ClassMoments | None
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
        yield from _leave_out(here, outside if others is None else others.merge(outside))


def _values(moments: ClassMoments, names: Sequence[str], options: Options) -> dict[str, float]:
    with np.errstate(all="ignore"):
        evidence = Evidence(moments, options)
        return {name: float(METRICS[name].value(evidence)) for name in names}


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
    counts = np.asarray(counts, np.float64)
    called = [str(k) for k in range(len(counts))] if names is None else list(names)
    found = []
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
        if which.any():
            found.append(f"{_classes(np.flatnonzero(which), called)} {text}")
    return found


def _classes(which: np.ndarray, called: list[str], most: int = 5) -> str:
    """The number of classes and the names of the first few."""
    shown = ", ".join(called[k] for k in which[:most]) + (", …" if which.size > most else "")
    return f"{which.size} classes ({shown}) have" if which.size > 1 else f"1 class ({shown}) has"
