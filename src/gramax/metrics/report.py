"""Moments to numbers: every metric that the moments determine, inside jit or out."""

from __future__ import annotations

from typing import Any

from gramax._shapes import Float
from gramax.arrays import checks
from gramax.arrays.namespace import Array, compiled, namespace
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.moments.update import AxisName


@compiled("options", "spectrum")
def report(
    moments: ClassMoments, options: Options | None = None, *, spectrum: bool = True
) -> dict[str, Float[Array, ""]]:
    """Every metric that the moments determine, by name.

    Args:
        moments: from `ClassMoments.update` and `.merge`; rows on the sphere or raw as it says.
        options: the choices in which published definitions differ.
        spectrum: compute the metrics of eigenvalues too, which cost several times one product of
            the rows; in a training step, ask for them every k steps alone.

    Returns:
        Scalars by metric name (see `gramax metrics`), NaN where a metric is undefined. Moments
        made with `scatter=False` give no metric of the spectrum. Works inside jit and vmap.

    Example:
        >>> import numpy as np
        >>> z = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> numbers = report(ClassMoments.of(z, np.array([0, 0, 1, 1]), 2))
        >>> print(numbers["scatter_ratio"].round(4), numbers["class_coherence"])
        0.0099 1.0
    """
    metrics = METRICS.of(moments.scatter if spectrum else None)
    evidence = Evidence(moments, options)
    return {metric.name: metric.value(evidence) for metric in metrics}


def latent_geometry_report(
    z: Any, y: Any, c: int, *, spectrum: bool = True, axis_name: AxisName | None = None
) -> dict[str, Float[Array, ""]]:
    """The six numbers to log while training: the seed's report, inside jit.

    Reading: collapse ratio down, classes tighten; effective rank high, no wasted dimensions;
    simplex error down, the means become a simplex when they fit; coherence down, the worst
    crosstalk improves; Welch gap near zero, the overloaded codebook is close to the floor.

    Args:
        z: `[n, d]` embeddings. The rank is of the rows as they are, all else of unit rows.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out of every number.
        c: number of classes, a static integer; absent classes are left out.
        spectrum: compute the effective rank too, which takes eigenvalues.
        axis_name: inside `shard_map`, the axis over which the rows are cut, as for
            `ClassMoments.update`. Arrays sharded over a mesh need none.

    Returns:
        Scalars `collapse_ratio`, `within_class_variance`, `effective_rank`,
        `class_simplex_error`, `class_coherence`, `class_welch_gap`; NaN where undefined.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.

    Example:
        >>> import numpy as np
        >>> z = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> numbers = latent_geometry_report(z, np.array([0, 0, 1, 1]), 2)
        >>> print(numbers["collapse_ratio"].round(4), numbers["effective_rank"].round(3))
        0.0099 1.057
    """
    z, c = checks.rows(z), checks.num_classes(c)
    return _latent_geometry(z, checks.labels(y, z.shape[0], c, z), c, spectrum, axis_name)


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
    inside = (y >= 0) & (y < c)
    one = namespace(y).where(inside, 0 * y, -1)
    raw = ClassMoments.of(z, one, 1, normalize=False, axis_name=axis_name)
    return Evidence(sphere), Evidence(raw)


@compiled("c", "spectrum", "axis_name")
def _latent_geometry(
    z: Array, y: Array, c: int, spectrum: bool, axis_name: AxisName | None
) -> dict[str, Array]:
    sphere, raw = seed_evidence(z, y, c, axis_name)
    metrics = [METRICS[name] for name in SEED_NAMES if spectrum or not METRICS[name].spectrum]
    return {metric.name: metric.value(raw if metric.spectrum else sphere) for metric in metrics}
