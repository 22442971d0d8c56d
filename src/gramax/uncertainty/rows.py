"""Metrics of the rows themselves: their values, their error bars, and what chance gives for them.

Which metrics these are, and how each is computed, the registry says (`Metric.of_rows`). They look
at pairs and neighbours, which cost n² products: values are of all rows given, but error bars and
chance are found on at most `MAX_SIMULATED_ROWS` rows, and say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from gramax._shapes import Float, Int
from gramax.arrays.nearest import Neighbours, nearest_on_host
from gramax.arrays.rows import unit_rows
from gramax.metrics.neighbours import MLE_NEIGHBOURS, RowEvidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.blocks import random_parts
from gramax.uncertainty.chance.cosines import angle_tail
from gramax.uncertainty.chance.laws import LAWS, Chance, Setting
from gramax.uncertainty.errorbars import SAME, ErrorBar, jackknife

MIN_ROWS, MAX_SIMULATED_ROWS = 3, 2000
"""Rows below which neighbours mean nothing, and those that error bars and chance are found on at
most: all their pairs take a tenth of a second in some hundred dimensions."""

BLOCKS, LEVEL, SPARE_NEIGHBOURS = 20, 0.95, 20
"""Blocks of the jackknife; the probability with which an interval is to cover; and neighbours found
beyond those that are looked at, to take the place of rows left out. A block holds a twentieth of
the rows, so that 20 of 40 neighbours are next to never in one."""

DRAWS = 5
"""Simulated data sets: the mean of chance is then known to half of its standard deviation."""

OF_DISTANCES = ("two_nn", "mle_id")
"""Metrics of the distances to the nearest neighbours, whoever those are."""

NEIGHBOURS = "of neighbours: its error is rather too large than too small"
"""What to keep in mind of the errors of all but the means over pairs: a row that is left out
changes the neighbours of others, and simulated errors are one to two and a half times too large."""


def measure_rows(
    rows: Float[np.ndarray, "m d"], normalize: bool
) -> dict[str, tuple[float, str | None]]:
    """Every such metric of `[m, d]` rows, with the reason where it is undefined."""
    if len(rows) < MIN_ROWS:
        why = f"needs at least {MIN_ROWS} rows, got {len(rows)}"
        return {metric.name: (math.nan, why) for metric in METRICS.of_rows(normalize)}
    return row_values(RowEvidence(rows, normalize))


def row_values(evidence: RowEvidence) -> dict[str, tuple[float, str | None]]:
    """`measure_rows` of rows that are looked at already."""
    return {
        name: (value, None if np.isfinite(value) else METRICS[name].degenerate)
        for name, value in _values(evidence).items()
    }


def bars_of_rows(
    rows: Float[np.ndarray, "m d"],
    normalize: bool,
    measured: Mapping[str, tuple[float, str | None]] | None = None,
    groups: Int[np.ndarray, " m"] | None = None,
) -> dict[str, ErrorBar]:
    """The error bar of every such metric; none for fewer than four rows.

    Args:
        rows: `[m, d]` as for `measure_rows`.
        normalize: as there.
        measured: what `measure_rows` gave for these rows, where that is at hand.
        groups: `[m]` the group of each row that hangs together with others, else -1.
    """
    n, bars = len(rows), {}
    values = {name: value for name, (value, _) in measured.items()} if measured else None
    for name, (value, left) in rows_without_each(rows, normalize, values, groups).items():
        bar = jackknife(value, left, METRICS[name].bounds(normalize), LEVEL)
        said = [NEIGHBOURS] * (name not in LAWS)  # laws are of means over pairs
        if n > MAX_SIMULATED_ROWS:
            most = MAX_SIMULATED_ROWS
            said.append(f"error of {most:,} rows, times √({most:,}/{n:,})")
        if bar.error == 0:  # of a count of 0: no row tells how much it would change
            bar, said = ErrorBar(value, None, None, None, None), [SAME]
        known = bar.error is not None or not bar.reason
        bars[name] = replace(bar, reason="; ".join(said)) if known else bar
    return bars


def rows_without_each(
    rows: Float[np.ndarray, "m d"],
    normalize: bool,
    measured: Mapping[str, float] | None = None,
    groups: Int[np.ndarray, " m"] | None = None,
) -> dict[str, tuple[float, Float[np.ndarray, " b"]]]:
    """Every such metric of the rows (`measured`, if at hand), and without each of some blocks.

    Blocks, and the rows that are looked at where there are more than `MAX_SIMULATED_ROWS`, are
    dealt by the place of a row alone: two spaces of the same rows have the same blocks. What a
    block changes is then scaled to all rows: spread as 1/√n, bias as 1/n.
    """
    n = len(rows)
    if n <= MIN_ROWS:
        return {}
    parts = random_parts(n, BLOCKS, MAX_SIMULATED_ROWS, groups)
    block, some = np.full(n, -1), np.sort(np.concatenate(parts))
    for k, part in enumerate(parts):
        block[part] = k  # the last few are in no block that is left out
    left = _without_blocks(rows[some], normalize, block[some], len(parts) - 1)
    whole = measured or _values(RowEvidence(rows, normalize))
    if len(some) < n:
        share, of_some = len(some) / n, _values(RowEvidence(rows[some], normalize))
        for name, values in left.items():
            middle = np.mean(values)
            shift = share * (middle - of_some[name])
            left[name] = whole[name] + shift + math.sqrt(share) * (values - middle)
    return {name: (whole[name], values) for name, values in left.items()}


def _without_blocks(
    rows: Float[np.ndarray, "m d"], normalize: bool, block: Int[np.ndarray, " m"], blocks: int
) -> dict[str, Float[np.ndarray, " b"]]:
    """Every metric without each block, from one search for neighbours."""
    near, _ = nearest_on_host(rows, MLE_NEIGHBOURS + SPARE_NEIGHBOURS, normalize)
    sums, left = _potential_sums(rows, block, blocks), []
    for b in range(blocks):
        there = block != b
        total, pairs = (np.sum(np.delete(np.delete(s, b, 0), b, 1)) for s in sums)
        uniformity = math.log(total / pairs) if pairs > 0 and total > 0 else math.nan
        e = _Remaining(rows[there], normalize, _thinned(near, there), uniformity)
        left.append(_values(e))
    return {name: np.array([one[name] for one in left]) for name in left[0]}


class _Remaining(RowEvidence):
    """Rows that remain of some whose neighbours and potentials are known.

    The neighbours are of every row of the whole; those that are left out are no points.
    """

    def __init__(
        self, x: Float[np.ndarray, "r d"], normalize: bool, near: Neighbours, uniformity: float
    ) -> None:
        super().__init__(x, normalize)
        self._near, self.uniformity = near, np.float64(uniformity)

    neighbours = property(lambda self: self._near)  # type: ignore[assignment]


def _thinned(near: Neighbours, there: np.ndarray) -> Neighbours:
    """The nearest neighbours among the rows that are still there."""
    kept = there[near.where] & np.isfinite(near.distances)
    first = np.argsort(~kept, axis=1, kind="stable")[:, :MLE_NEIGHBOURS]
    distances = np.where(kept, near.distances, np.where(np.isnan(near.distances), np.nan, np.inf))
    return Neighbours(
        np.take_along_axis(distances, first, axis=1),
        np.take_along_axis(near.where, first, axis=1),
        near.exists & there,
    )


def _potential_sums(
    rows: Float[np.ndarray, "m d"], block: Int[np.ndarray, " m"], blocks: int
) -> Float[np.ndarray, "2 b b"]:
    """Sums over pairs, and numbers of pairs, of two blocks of exp(-2|a-b|²), a and b directions.

    Rows beyond the last block have one of their own. Pairs are ordered, no row with itself.
    """
    member = (block == np.arange(blocks + 1)[:, None]).astype(np.float64)
    directions = unit_rows(np.asarray(rows, np.float64))
    member *= np.any(directions != 0, axis=1)
    potential = directions @ directions.T
    np.exp(4 * np.minimum(potential - 1, 0), out=potential)
    np.fill_diagonal(potential, 0)
    counts = np.sum(member, axis=1)
    pairs = np.outer(counts, counts) - np.diag(counts)
    return np.stack([member @ potential @ member.T, pairs])


def chance_of_rows(n: int, d: int, normalize: bool) -> dict[str, Chance]:
    """What each such metric is for n isotropic rows: by its law, or over seeded draws.

    Draws are of at most `MAX_SIMULATED_ROWS` rows, which changes hubs little. Distances shrink with
    n: their metrics come from the law of the nearest of n random directions there, and of more raw
    rows than that they have no baseline.
    """
    if n < MIN_ROWS:
        return {}
    names = [metric.name for metric in METRICS.of_rows(normalize)]
    # The laws are of directions, which these metrics take of raw rows too.
    setting = Setting((float(n),), d, True, 1 / d, Options())
    known = {name: LAWS[name](setting) for name in names if name in LAWS}
    m, rng = min(n, MAX_SIMULATED_ROWS), np.random.default_rng(0)
    skipped = [*known, *(OF_DISTANCES if m < n else ())]
    draws = [RowEvidence(rng.standard_normal((m, d), np.float32), normalize) for _ in range(DRAWS)]
    known |= _summed_up([_values(e, skipped) for e in draws], n, f"{m:,} rows")
    if m < n and normalize and d > 1:
        others = [name for name in names if name not in OF_DISTANCES]
        near = (_random(n, d, m, rng) for _ in range(DRAWS))
        draws = [_Remaining(np.zeros((m, d)), True, one, math.nan) for one in near]
        what = f"the neighbours of {m:,} of {n:,} rows"
        known |= _summed_up([_values(e, others) for e in draws], n, what)
    return {name: law for name, law in known.items() if law is not None}


def _summed_up(found: list[dict[str, float]], n: int, what: str) -> dict[str, Chance]:
    """Mean and deviation over draws, the deviation scaled to n rows and with that of the mean."""
    method = f"Monte Carlo, {DRAWS} draws of {what}, seed 0"
    scale = math.sqrt(MAX_SIMULATED_ROWS / n + 1 / DRAWS) if n > MAX_SIMULATED_ROWS else 1.0
    columns = {name: [one[name] for one in found] for name in found[0]}
    return {
        name: Chance(float(np.mean(values)), scale * float(np.std(values, ddof=1)), method)
        for name, values in columns.items()
    }


def _random(n: int, d: int, m: int, rng: np.random.Generator) -> Neighbours:
    """Distances from m of n random directions to their nearest ones, without who those are.

    The k least of n-1 uniform numbers are sums of exponential ones over the sum of n; a cosine is
    exceeded with half the probability with which its size is (`angle_tail`).
    """
    sums = np.cumsum(rng.standard_exponential((m, MLE_NEIGHBOURS)), axis=1)
    whole = sums[:, -1:] + rng.standard_gamma(n - MLE_NEIGHBOURS, (m, 1))
    phi, tail = angle_tail(d)
    far = tail > 0
    angle = np.interp(-np.log(2 * sums / whole), -np.log(tail[far]), phi[far])
    distances = np.sqrt(2 - 2 * np.sin(angle))
    return Neighbours(distances, np.zeros(distances.shape, np.int64), np.ones(m, bool))


def _values(evidence: RowEvidence, without: Sequence[str] = ()) -> dict[str, float]:
    with np.errstate(all="ignore"):
        return {
            metric.name: float(metric.of_rows(evidence))
            for metric in METRICS.of_rows(evidence.normalize)
            if metric.of_rows and metric.name not in without
        }
