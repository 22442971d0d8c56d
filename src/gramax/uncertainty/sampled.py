"""Metrics that need the rows themselves: their pairs and neighbours, on a random sample.

They cost n² products, so at most `ROWS` rows are kept while the rows stream by: a uniform sample,
drawn by row number, the same whatever the chunks. Errors are of the sample: of this many rows.
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from gramax.arrays.programs import program
from gramax.arrays.rows import unit_rows
from gramax.metrics import hubness, mean_cosine, mle_id, two_nn, uniformity
from gramax.metrics.registry import METRICS
from gramax.uncertainty.chance import Chance
from gramax.uncertainty.errorbars import ErrorBar, jackknife

ROWS = 4096
"""Rows that are looked at: their pairs take about a tenth of a second in 512 dimensions."""

MEANS = frozenset({"uniformity", "mean_cosine"})
"""Metrics that are means over pairs."""

LEVEL = 0.95
"""Probability with which an interval is to cover."""

LEAST = 3
"""Rows below which neighbours mean nothing."""

WORK, DRAWS = 5e10, (5, 50)
"""Multiply-adds for the simulation of chance, and the fewest and the most draws."""

BAR_WORK, BLOCKS = 2e11, (10, 20)
"""Multiply-adds for error bars, and the fewest and the most blocks of the jackknife."""

NEIGHBOURS = "of neighbours: its error is rather too large than too small"
"""What to keep in mind of the errors of all but the mean over pairs: a row that is left out changes
the neighbours of others, and simulated errors are one to two and a half times too large."""


def chosen(n: int) -> np.ndarray:
    """The rows to look at, in order: all of them, or a uniform sample."""
    if n <= ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, ROWS, replace=False))


def measure_rows(rows: np.ndarray, normalize: bool) -> dict[str, tuple[float, str | None]]:
    """Every such metric of the rows, with the reason where it is undefined.

    Args:
        rows: `[m, d]` the rows to look at, without those that the audit leaves out.
        normalize: take rows on the unit sphere, or as they are.
    """
    if len(rows) < LEAST:
        why = f"needs at least {LEAST} rows, got {len(rows)}"
        return {name: (float("nan"), why) for name in _names(normalize)}
    found = {name: float(value) for name, value in _measure(jnp.asarray(rows), normalize).items()}
    return {
        name: (value, None if np.isfinite(value) else METRICS[name].degenerate)
        for name, value in found.items()
    }


def bars_of_rows(rows: Float[np.ndarray, "m d"], normalize: bool) -> dict[str, ErrorBar]:
    """The error bar of every such metric; none for `LEAST` rows or fewer.

    Args:
        rows: `[m, d]` as for `measure_rows`.
        normalize: as there.
    """
    bars = {}
    for name, (value, left) in rows_without_each(rows, normalize).items():
        bar = jackknife(value, left, METRICS[name].bounds(normalize), LEVEL)
        said = NEIGHBOURS if bar.error is not None and name not in MEANS else bar.reason
        bars[name] = replace(bar, reason=said)
    return bars


def rows_without_each(
    rows: Float[np.ndarray, "m d"], normalize: bool
) -> dict[str, tuple[float, Float[np.ndarray, " b"]]]:
    """Every such metric of the rows, and without each of some blocks of them, of one size.

    By the place in the sample alone, so that two spaces of the same rows have the same blocks.
    """
    m, d = rows.shape
    if m <= LEAST:
        return {}
    blocks = min(m, int(np.clip(BAR_WORK / (m * m * d), *BLOCKS)))
    dealt = np.random.default_rng(0).permutation(m)[: m // blocks * blocks].reshape(blocks, -1)
    x = jnp.asarray(rows)
    found = [_measure(x, normalize)]
    found += [_measure(jnp.asarray(np.delete(rows, block, axis=0)), normalize) for block in dealt]
    return {
        name: (values[0], np.array(values[1:]))
        for name in _names(normalize)
        for values in [[float(one[name]) for one in found]]
    }


def chance_of_rows(m: int, d: int, normalize: bool) -> dict[str, Chance]:
    """What each such metric is for m isotropic rows: the mean and deviation of seeded draws."""
    if m < LEAST:
        return {}
    draws = int(np.clip(WORK / (m * m * d), *DRAWS))
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(m, d)).astype(np.float32) for _ in range(draws))
    found = [_measure(jnp.asarray(x), normalize) for x in rows]
    method = f"Monte Carlo, {draws} draws, seed 0"
    return {
        name: Chance(float(np.mean(values)), float(np.std(values, ddof=1)), method)
        for name in _names(normalize)
        for values in [[float(one[name]) for one in found]]
    }


def _names(normalize: bool) -> tuple[str, ...]:
    """The moments of rows on the sphere give the mean cosine; those of raw rows do not."""
    names = ("uniformity", "two_nn", "mle_id", "hubness", "anti_hub_share")
    return names if normalize else (*names, "mean_cosine")


@program(static_argnums=(1,))
def _measure(x: Float[Array, "m d"], normalize: bool) -> dict[str, Array]:
    x = unit_rows(x) if normalize else x
    hubs = hubness(x)
    found = {
        "uniformity": uniformity(x),
        "two_nn": two_nn(x),
        "mle_id": mle_id(x),
        "hubness": hubs.skewness,
        "anti_hub_share": hubs.anti_hub_share,
        "mean_cosine": mean_cosine(x),
    }
    return {name: found[name] for name in _names(normalize)}
