"""Metrics of the rows themselves, with what chance gives for them and their error bars.

Which they are, and how each is computed, the registry says (`Metric.of_rows`). Their pairs and
neighbours cost n² products: chance and errors are found on fewer rows, and say so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from gramax.metrics.neighbours import RowEvidence
from gramax.metrics.registry import METRICS
from gramax.uncertainty.chance import Chance
from gramax.uncertainty.errorbars import ErrorBar, jackknife

LEAST_ROWS = 3
"""Rows below which neighbours mean nothing."""

BAR_ROWS, BLOCKS, LEVEL = 2048, 10, 0.95
"""Rows that error bars are found on at most, the blocks of the jackknife among them, and the
probability with which an interval is to cover."""

CHANCE_ROWS, DRAWS = 2048, 5
"""Rows that chance is simulated with at most, and how often."""

NEIGHBOURS = "of neighbours: its error is rather too large than too small"
"""What to keep in mind of the errors of all but the means over pairs: a row that is left out
changes the neighbours of others, and simulated errors are one to two and a half times too large."""

PAIR_MEANS = frozenset({"uniformity", "mean_cosine"})
"""Metrics that are means over pairs."""


def measure_rows(
    rows: Float[np.ndarray, "m d"],
    normalize: bool,
    progress: Callable[[float], None] | None = None,
) -> dict[str, tuple[float, str | None]]:
    """Every such metric of the rows, with the reason where it is undefined.

    Args:
        rows: `[m, d]` the rows to look at, without those that the audit leaves out.
        normalize: take rows on the unit sphere, or as they are.
        progress: told the share of the work that is done.
    """
    metrics = METRICS.of_rows(normalize)
    if len(rows) < LEAST_ROWS:
        why = f"needs at least {LEAST_ROWS} rows, got {len(rows)}"
        return {metric.name: (float("nan"), why) for metric in metrics}
    found = _values(rows, normalize, progress)
    return {
        name: (value, None if np.isfinite(value) else METRICS[name].degenerate)
        for name, value in found.items()
    }


def bars_of_rows(rows: Float[np.ndarray, "m d"], normalize: bool) -> dict[str, ErrorBar]:
    """The error bar of every such metric; none for few rows.

    Of more than `BAR_ROWS` rows, the error of a sample of so many is scaled by the root of the
    number of rows.

    Args:
        rows: `[m, d]` as for `measure_rows`.
        normalize: as there.
    """
    used = min(len(rows), BAR_ROWS)
    bars = {}
    for name, (value, left) in rows_without_each(rows, normalize).items():
        bar = jackknife(value, left, METRICS[name].bounds(normalize), LEVEL)
        said = [NEIGHBOURS] * (name not in PAIR_MEANS)
        said += [f"found on {used:,} of {len(rows):,} rows"] * (used < len(rows))
        bars[name] = bar if bar.error is None else replace(bar, reason="; ".join(said))
    return bars


def rows_without_each(
    rows: Float[np.ndarray, "m d"], normalize: bool
) -> dict[str, tuple[float, Float[np.ndarray, " b"]]]:
    """Every such metric of the rows, and without each of some blocks of them, of one size.

    By the place of the rows alone, so that two spaces of the same rows have the same blocks. Of
    more than `BAR_ROWS` rows a sample of so many is looked at, and what leaving out a block changes
    is scaled by the root of the number of rows.
    """
    whole_size = len(rows)
    if whole_size > BAR_ROWS:
        chosen = np.random.default_rng(0).choice(whole_size, BAR_ROWS, replace=False)
        rows = rows[np.sort(chosen)]
    m = len(rows)
    shrink = (m / max(whole_size, 1)) ** 0.5
    if m <= LEAST_ROWS:
        return {}
    blocks = min(m, BLOCKS)
    dealt = np.random.default_rng(0).permutation(m)[: m // blocks * blocks].reshape(blocks, -1)
    whole = _values(rows, normalize)
    left = [_values(np.delete(rows, block, axis=0), normalize) for block in dealt]
    return {
        name: (value, value + shrink * (np.array([one[name] for one in left]) - value))
        for name, value in whole.items()
    }


def chance_of_rows(n: int, d: int, normalize: bool) -> dict[str, Chance]:
    """What each such metric is for n isotropic rows: the mean and deviation of seeded draws."""
    if n < LEAST_ROWS:
        return {}
    m = min(n, CHANCE_ROWS)
    rng = np.random.default_rng(0)
    found = [_values(rng.standard_normal((m, d), np.float32), normalize) for _ in range(DRAWS)]
    method = f"Monte Carlo, {DRAWS} draws of {m:,} rows, seed 0"
    return {
        name: Chance(float(np.mean(values)), float(np.std(values, ddof=1)), method)
        for name in found[0]
        for values in [[one[name] for one in found]]
    }


def _values(
    rows: Float[np.ndarray, "m d"],
    normalize: bool,
    progress: Callable[[float], None] | None = None,
) -> dict[str, float]:
    with np.errstate(all="ignore"):
        evidence = RowEvidence(rows, normalize, progress)
        return {m.name: float(m.of_rows(evidence)) for m in METRICS.of_rows(normalize) if m.of_rows}
