"""Metrics that need the rows themselves: their pairs and neighbours, on a random sample.

They cost n² products, so at most `ROWS` rows are kept while the rows stream by: a uniform sample,
drawn by row number, the same whatever the chunks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from gramax.metrics.hubs import hubness
from gramax.metrics.neighbours import mle_id, two_nn
from gramax.metrics.uniform import uniformity
from gramax.registry import METRICS
from gramax.sphere import unit_rows

ROWS = 4096
"""Rows that are looked at: their pairs take about a tenth of a second in 512 dimensions."""

LEAST = 3
"""Rows below which neighbours mean nothing."""

MEASURES: dict[str, Callable[[jax.Array], jax.Array]] = {
    "uniformity": uniformity,
    "two_nn": two_nn,
    "mle_id": mle_id,
    "hubness": lambda x: hubness(x).skewness,
}


def chosen(n: int) -> np.ndarray:
    """The rows to look at, in order: all of them, or a uniform sample."""
    if n <= ROWS:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, ROWS, replace=False))


def measure_rows(rows: np.ndarray, normalize: bool) -> dict[str, tuple[float, str | None]]:
    """Every such metric of the rows with the reason where it is undefined.

    Args:
        rows: `[m, d]` the rows to look at, without those that the audit leaves out.
        normalize: take rows on the unit sphere, or as they are.
    """
    if len(rows) < LEAST:
        why = f"needs at least {LEAST} rows, got {len(rows)}"
        return {name: (float("nan"), why) for name in MEASURES}
    found = {name: float(value) for name, value in _measure(jnp.asarray(rows), normalize).items()}
    return {
        name: (value, None if np.isfinite(value) else METRICS[name].degenerate)
        for name, value in found.items()
    }


@partial(jax.jit, static_argnums=1)
def _measure(x: Float[Array, "m d"], normalize: bool) -> dict[str, Array]:
    x = unit_rows(x) if normalize else x
    return {name: measure(x) for name, measure in MEASURES.items()}
