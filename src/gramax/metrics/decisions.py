"""Question 3 for a classifier: does it decide as the nearest class mean does?"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, Int

from gramax.arrays import checks
from gramax.arrays.guarded import ratio
from gramax.arrays.kernels import power_of_two
from gramax.arrays.rows import PRECISION
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS, Metric
from gramax.moments.class_moments import ClassMoments

ROWS = 256
"""Rows that are classified at a time: the logits of all classes are held for these alone."""

NC4_AGREEMENT = METRICS.add(
    Metric(
        name="nc4_agreement",
        question="simplex",
        meaning="share of rows where the classifier chooses the nearest class mean",
        formula="mean_i [argmax_k(w_k·z_i + b_k) = argmin_k |z_i - μ_k|], means of the same rows",
        source="Papyan, Han, Donoho 2020",
        interval=(0.0, 1.0),
        best="1 (the classifier is the nearest-mean rule)",
        direction="higher",
        compute=None,
        undefined=(),
        invariant=frozenset({"rotation", "permutation", "duplication"}),
        degenerate="NaN for fewer than two classes with rows, or where all class means coincide",
        abbreviation="NC4",
        variants="some report the disagreement 1 - this; a peer leaves b out",
        options=(),
        needs=frozenset({"classifier"}),
        function="decisions.nc4_agreement",
    )
)


def nc4_agreement(
    z: ArrayLike, W: ArrayLike, b: ArrayLike | None, y: ArrayLike, c: int
) -> Float[Array, ""]:
    """Share of rows where a linear classifier chooses the class whose mean is nearest.

    Args:
        z: `[n, d]` embeddings as the classifier receives them.
        W: `[c, d]` weights, one row a class.
        b: `[c]` bias, or None.
        y: `[n]` integer labels in 0..c-1, of which the class means are made; -1 leaves a row out.
        c: number of classes, a static integer; a class without rows has no mean to be nearest.

    Returns:
        A scalar in [0, 1]; best 1. NaN for fewer than two classes with rows, where all class means
        coincide, or where a row, W or b holds NaN.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Source:
        Papyan, Han, Donoho 2020, Prevalence of neural collapse.

    Example:
        >>> import jax.numpy as jnp
        >>> z, y = jnp.array([[1.0, 0.0], [3.0, 0.0], [-2.0, 0.0]]), jnp.array([0, 0, 1])
        >>> print(nc4_agreement(z, jnp.array([[1.0, 0.0], [0.0, 0.0]]), None, y, 2))
        1.0
    """
    z, W, c = checks.rows(z), checks.rows(W, "W"), checks.num_classes(c)
    y = checks.labels(y, len(z), c)
    if W.shape != (c, z.shape[1]):
        raise ValueError(f"W must have shape {(c, z.shape[1])}, a row a class; got {W.shape}")
    bias = jnp.zeros(c, W.dtype) if b is None else checks.widen(b, "b")
    if bias.shape != (c,):
        raise ValueError(f"b must have shape {(c,)}; got {bias.shape}")
    return _agreement(z, W, bias, y, c) if len(z) else jnp.full((), jnp.nan, z.dtype)


@partial(jax.jit, static_argnames="c")
def _agreement(
    z: Float[Array, "n d"],
    W: Float[Array, "c d"],
    b: Float[Array, " c"],
    y: Int[Array, " n"],
    c: int,
) -> Float[Array, ""]:
    """Rows and means are taken from a common origin, so that an offset costs no digits."""
    e = Evidence(ClassMoments.of(z, y, c, normalize=False, scatter=False))
    n = len(z)
    size = min(n, ROWS)
    shift = jnp.sum(e.share[:, None] * e.means, axis=0)
    unit = power_of_two(jnp.max(jnp.abs(e.centred)))  # squares neither overflow nor vanish
    means = e.centred / unit
    squares = jnp.where(e.present, jnp.sum(means**2, axis=1), jnp.inf)
    b = b + jnp.matmul(W, e.base[0], precision=PRECISION)

    def hits(start: Array) -> Array:
        at = start + jnp.arange(size)
        rows = z[jnp.minimum(at, n - 1)] - e.base
        chosen = jnp.argmax(jnp.matmul(rows, W.T, precision=PRECISION) + b, axis=1)
        rows = (rows - shift) / unit
        near = squares - 2 * jnp.matmul(rows, means.T, precision=PRECISION)
        # The expanded distance picks candidates, the difference itself decides between them.
        score, which = jax.lax.top_k(-near, min(4, c))
        exact = jnp.sum((rows[:, None] - means[which]) ** 2, axis=2)
        best = jnp.argmin(jnp.where(jnp.isinf(score), jnp.inf, exact), axis=1)
        nearest = jnp.take_along_axis(which, best[:, None], axis=1)[:, 0]
        labelled = (at < n) & (y[jnp.minimum(at, n - 1)] >= 0)
        return jnp.sum(labelled & (chosen == nearest))

    total = jnp.sum(jax.lax.map(hits, jnp.arange(0, n, size)))
    known = jnp.all(jnp.isfinite(W)) & jnp.all(jnp.isfinite(b)) & (e.not_finite == 0)
    defined = known & (e.present_count > 1) & jnp.any(means != 0)
    return jnp.where(defined, ratio(total, e.n), jnp.nan).astype(z.dtype)
