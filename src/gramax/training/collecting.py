"""What the adapters share: gathering rows batch by batch, and the numbers that are logged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from gramax.audits.headline import HEADLINE
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments


@partial(jax.jit, static_argnames="metrics")
def measure(
    moments: ClassMoments, metrics: tuple[str, ...] = tuple(HEADLINE.values())
) -> dict[str, Float[Array, ""]]:
    """These metrics of the moments by name, NaN where undefined; inside jit or out.

    Args:
        moments: of the rows so far.
        metrics: names of metrics that moments determine (see `gramax metrics`).

    Returns:
        Scalars, each in the range that docs/metrics.md tells for it.

    Raises:
        KeyError: there is no such metric.
        ValueError: a metric needs more than moments hold.

    Example:
        >>> z = jnp.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> found = measure(ClassMoments.of(z, jnp.array([0, 0, 1, 1]), 2), ("class_coherence",))
        >>> print(found["class_coherence"])
        1.0
    """
    evidence = Evidence(moments)
    return {name: METRICS[name].value(evidence) for name in metrics}


def logged(moments: ClassMoments, metrics: tuple[str, ...], prefix: str) -> dict[str, float]:
    """The metrics that are defined, as numbers under their names in a logger."""
    found = {name: float(value) for name, value in measure(moments, metrics).items()}
    return {prefix + name: value for name, value in found.items() if math.isfinite(value)}


class RowCollector:
    """Moments that grow batch by batch; short batches are filled up, so nothing compiles anew.

    Example:
        >>> collector = RowCollector(2)
        >>> collector.add(np.array([[1.0, 0.0], [0.0, 1.0]]), [0, 1])
        >>> collector.add(np.array([[0.0, 2.0]]), [1])
        >>> print(collector.moments.counts)
        [1. 2.]
    """

    def __init__(self, num_classes: int, *, normalize: bool = True) -> None:
        """Collect rows of `num_classes` classes, on the unit sphere or (normalize=False) raw.

        `moments` is the `ClassMoments` of all rows so far, None where there was no batch yet.
        """
        self._classes, self._normalize = num_classes, normalize
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self.moments: ClassMoments | None = None
        self._size = 0

    def add(self, z: ArrayLike, y: ArrayLike, weight: ArrayLike | None = None) -> None:
        """Add the rows of a batch, and wait until they are added: `z` may change afterwards.

        Args:
            z: `[n, d]` rows.
            y: `[n]` labels in 0..c-1; a negative one (-100, by custom) leaves its row out.
            weight: `[n]` weights; rows of weight 0 do not exist.

        Raises:
            ValueError: the shapes do not match, or a label is not below the number of classes.
        """
        rows, labels = jnp.asarray(z), np.asarray(y)
        if rows.ndim != 2 or labels.shape != rows.shape[:1]:
            raise ValueError(
                "rows are [n, d] and labels [n]; "
                f"got rows of shape {rows.shape} and labels of shape {labels.shape}"
            )
        labels = np.maximum(labels, -1) if labels.dtype.kind == "i" else labels
        n = len(labels)
        self._size = max(self._size, n)
        weight = np.ones(n, np.float32) if weight is None else np.asarray(weight, np.float32)
        short = self._size - n
        if short:
            rows = jnp.pad(rows, ((0, short), (0, 0)))
            labels, weight = np.pad(labels, (0, short)), np.pad(weight, (0, short))
        if self.moments is None:
            self.moments = ClassMoments.empty(
                self._classes, rows.shape[1], normalize=self._normalize, dtype=rows.dtype
            )
        self.moments = jax.block_until_ready(self.moments.update(rows, labels, weight))


def labels_in(batch: Any) -> Any:
    """The labels of a batch as data sets give them: (inputs, labels, …), or by their usual names.

    Raises:
        ValueError: the batch is neither; the message says what to pass.
    """
    if isinstance(batch, tuple | list) and len(batch) > 1:
        return batch[1]
    if isinstance(batch, Mapping):
        for key in ("labels", "label", "y", "target", "targets"):
            if key in batch:
                return batch[key]
    held = sorted(map(str, batch)) if isinstance(batch, Mapping) else type(batch).__name__
    raise ValueError(
        f"no labels found in the batch ({held}): pass labels=, a function of the batch"
    )
