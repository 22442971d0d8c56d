"""One metric of one batch of rows: the array form of every metric that moments determine."""

from __future__ import annotations

from functools import partial

import jax
from jaxtyping import Array, ArrayLike, Float

from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments


def measure(
    name: str,
    z: ArrayLike,
    y: ArrayLike | None = None,
    c: int = 1,
    *,
    normalize: bool = False,
    options: Options | None = None,
) -> Float[Array, ""]:
    """The metric `name` of rows `z` with labels `y` (None: a single class), compiled once a shape.

    Args:
        name: a key of `METRICS`.
        z: `[n, d]` embeddings.
        y: `[n]` integer labels in 0..c-1; -1 leaves a row out.
        c: number of classes, a static integer.
        normalize: take rows on the unit sphere, or as they are.
        options: the choices in which definitions differ.

    Raises:
        ValueError: the shapes do not match, or (eagerly) a label is outside -1..c-1.
    """
    scatter = METRICS[name].spectrum
    moments = ClassMoments.of(z, y, c, normalize=normalize, scatter=scatter)
    return _value(moments, name, options or Options())


@partial(jax.jit, static_argnames=("name", "options"))
def _value(moments: ClassMoments, name: str, options: Options) -> Array:
    return METRICS[name].value(Evidence(moments, options))
