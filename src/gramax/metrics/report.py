"""Moments to numbers: every metric that the moments determine, inside jit or out."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

import gramax.metrics  # noqa: F401  (fills the registry)
from gramax.arrays import checks
from gramax.arrays.programs import program
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from gramax.moments.update import AxisName


def report(moments: ClassMoments, options: Options | None = None) -> dict[str, Float[Array, ""]]:
    """Every metric that the moments determine, by name.

    Args:
        moments: from `ClassMoments.update` and `.merge`; rows on the sphere or raw as it says.
        options: the choices in which published definitions differ.

    Returns:
        Scalars by metric name (see `gramax metrics`), NaN where a metric is undefined. Moments
        made with `scatter=False` give no metric of the spectrum. Works inside jit and vmap.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> numbers = report(ClassMoments.of(z, jnp.array([0, 0, 1, 1]), 2))
        >>> print(numbers["scatter_ratio"].round(4), numbers["class_coherence"])
        0.0099 1.0
    """
    return _report(moments, options or Options())


@program(static_argnums=(1,))
def _report(moments: ClassMoments, options: Options) -> dict[str, Array]:
    return values(Evidence(moments, options))


def values(evidence: Evidence) -> dict[str, Float[Array, ""]]:
    """Every metric that the evidence determines, by name."""
    return {metric.name: metric.value(evidence) for metric in METRICS.of(evidence.moments.scatter)}


def latent_geometry_report(
    z: ArrayLike, y: ArrayLike, c: int, *, axis_name: AxisName | None = None
) -> dict[str, Float[Array, ""]]:
    """The six numbers to log while training: the seed's report, inside jit.

    Reading: collapse ratio down, classes tighten; effective rank high, no wasted dimensions;
    simplex error down, the means become a simplex when they fit; coherence down, the worst
    crosstalk improves; Welch gap near zero, the overloaded codebook is close to the floor.

    Args:
        z: `[n, d]` embeddings. The rank is of the rows as they are, all else of unit rows.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out of every number.
        c: number of classes, a static integer; absent classes are left out.
        axis_name: inside `shard_map`, the axis over which the rows are cut, as for
            `ClassMoments.update`. Arrays sharded over a mesh need none.

    Returns:
        Scalars `collapse_ratio`, `within_class_variance`, `effective_rank`,
        `class_simplex_error`, `class_coherence`, `class_welch_gap`; NaN where undefined.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Example:
        >>> import jax.numpy as jnp
        >>> z = jnp.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> numbers = latent_geometry_report(z, jnp.array([0, 0, 1, 1]), 2)
        >>> print(numbers["collapse_ratio"].round(4), numbers["effective_rank"].round(3))
        0.0099 1.057
    """
    z, c = checks.rows(z), checks.num_classes(c)
    return _latent_geometry(z, checks.labels(y, z.shape[0], c), c, axis_name)


SEED_NAMES = (
    "collapse_ratio",
    "within_class_variance",
    "effective_rank",
    "class_simplex_error",
    "class_coherence",
    "class_welch_gap",
)
"""What `latent_geometry_report` returns."""


def seed_evidence(
    z: Array, y: Array, c: int, axis_name: AxisName | None = None
) -> tuple[Evidence, Evidence]:
    """Evidence of the rows on the sphere (traces alone), and of the raw rows as one class."""
    sphere = ClassMoments.of(z, y, c, scatter=False, axis_name=axis_name)
    one = jnp.where((y >= 0) & (y < c), 0, -1)
    raw = ClassMoments.of(z, one, 1, normalize=False, axis_name=axis_name)
    return Evidence(sphere), Evidence(raw)


@partial(jax.jit, static_argnums=(2, 3))
def _latent_geometry(z: Array, y: Array, c: int, axis_name: AxisName | None) -> dict[str, Array]:
    sphere, raw = seed_evidence(z, y, c, axis_name)
    return {
        name: METRICS[name].value(raw if METRICS[name].spectrum else sphere) for name in SEED_NAMES
    }
