"""What every adapter needs: rows gathered batch by batch, and the numbers that are logged."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import is_jax_array

from gramax._shapes import Float
from gramax.arrays.namespace import Array, as_array, compiled, namespace, to_numpy
from gramax.audits.headline import HEADLINE
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments


@compiled("metrics")
def measure(
    moments: ClassMoments, metrics: tuple[str, ...] = tuple(HEADLINE.values())
) -> dict[str, Float[Array, ""]]:
    """These metrics of the moments by name, NaN where undefined; works inside JAX's jit too.

    Args:
        moments: of the rows so far.
        metrics: names of metrics that moments determine (see `gramax metrics`).

    Returns:
        Scalars of the library of the moments, each in the range that docs/metrics.md gives for it.

    Raises:
        KeyError: there is no such metric.
        ValueError: a metric needs more than moments hold.

    Example:
        >>> z = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.1], [-1.0, -0.1]])
        >>> found = measure(ClassMoments.of(z, np.array([0, 0, 1, 1]), 2), ("class_coherence",))
        >>> print(found["class_coherence"])
        1.0
    """
    evidence = Evidence(moments)
    return {name: METRICS[name].value(evidence) for name in metrics}


class RowCollector:
    """Moments that grow batch by batch, in the library of the rows and on their device.

    Example:
        >>> collector = RowCollector(2)
        >>> collector.add(np.array([[1.0, 0.0], [0.0, 1.0]]), [0, 1])
        >>> collector.add(np.array([[0.0, 2.0]]), [1])
        >>> print(collector.moments.counts)
        [1. 2.]
    """

    def __init__(self, num_classes: int, *, normalize: bool = True) -> None:
        """Collect rows of `num_classes` classes, on the unit sphere or (normalize=False) raw.

        `moments` holds the `ClassMoments` of all rows so far, None before the first batch.
        """
        self._classes, self._normalize = num_classes, normalize
        self.reset()

    def reset(self) -> None:
        """Forget all rows."""
        self.moments: ClassMoments | None = None
        self._longest = 0

    def add(self, z: Any, y: Any, weight: Any = None) -> None:
        """Add the rows of a batch. They are summed before this returns: `z` may change afterwards.

        Args:
            z: `[n, d]` rows of any array library; a PyTorch tensor is detached from its graph.
            y: `[n]` labels in 0..c-1; a negative one (often -100) leaves its row out.
            weight: `[n]` weights; rows of weight 0 do not exist.

        Raises:
            ValueError: the shapes do not match, or a label is not below the number of classes.
        """
        rows, labels = as_array(z), to_numpy(as_array(y))
        if rows.ndim != 2 or labels.shape != tuple(rows.shape[:1]):
            raise ValueError(
                "rows are [n, d] and labels [n]; "
                f"got rows of shape {tuple(rows.shape)} and labels of shape {labels.shape}"
            )
        rows = rows.detach() if hasattr(rows, "detach") else rows
        labels = np.maximum(labels, -1) if labels.dtype.kind == "i" else labels
        if is_jax_array(rows):
            # JAX compiles for each shape: rows of weight 0 fill up to the longest batch so far.
            weight = np.ones(len(labels)) if weight is None else np.asarray(weight)
            self._longest = max(self._longest, len(labels))
            short = self._longest - len(labels)
            xp = namespace(rows)
            rows = xp.concat([rows, xp.zeros((short, rows.shape[1]), dtype=rows.dtype)])
            labels = np.pad(labels, (0, short))
            weight = np.pad(weight.astype(np.float32), (0, short))
        if self.moments is None:
            self.moments = ClassMoments.empty(
                self._classes, rows.shape[1], normalize=self._normalize
            )
        self.moments = self.moments.update(rows, labels, weight)
