"""Flax NNX: the geometry of the features as an `nnx.Metric`."""

from __future__ import annotations

from typing import Any

from jaxtyping import Array, ArrayLike, Float

from gramax._optional import need
from gramax.audits.headline_metrics import LogConfig
from gramax.moments import ClassMoments
from gramax.training.collector import measure

nnx: Any = need("flax.nnx", "the NNX metric", extra="train")


class GeometryMetric(nnx.Metric):
    """The headline metrics of the rows seen since `reset`; works in `nnx.MultiMetric` and jit.

    Example:
        >>> import jax.numpy as jnp
        >>> metric = GeometryMetric(2, 3)
        >>> metric.update(features=jnp.eye(3), labels=jnp.array([0, 1, 1]))
        >>> print(metric.compute()["effective_rank"].round(3))
        2.0
    """

    def __init__(
        self,
        num_classes: int,
        dim: int,
        *,
        features: str = "features",
        labels: str = "labels",
        config: LogConfig | None = None,
        normalize: bool = True,
    ) -> None:
        """Measure rows of length `dim` in `num_classes` classes.

        Args:
            num_classes: c, a static integer.
            dim: d, the length of a row.
            features: the keyword of `update` that holds the `[n, d]` rows.
            labels: the keyword that holds the `[n]` labels; -1 leaves a row out.
            config: which metrics `compute` gives.
            normalize: take rows on the unit sphere, or as they are.
        """
        self.features, self.labels = features, labels
        self.metrics = (config or LogConfig()).metrics
        self.moments = nnx.metrics.MetricState(
            ClassMoments.empty(num_classes, dim, normalize=normalize)
        )

    def reset(self) -> None:
        """Forget all rows."""
        now = self.moments.get_value()
        sizes = now.num_classes, now.dim
        empty = ClassMoments.empty(*sizes, normalize=now.normalize, dtype=now.mean.dtype)
        self.moments.set_value(empty)

    def update(self, *, mask: ArrayLike | None = None, **outputs: Any) -> None:
        """Add the rows of a batch; other keywords than the two are left alone.

        Args:
            mask: `[n]`; rows where it is False or 0 do not exist.
            **outputs: the `[n, d]` rows and the `[n]` labels, by the names chosen above.

        Raises:
            TypeError: a keyword is missing.
            ValueError: the shapes do not match, or (outside jit) a label is not below the number
                of classes.
        """
        for name in (self.features, self.labels):
            if name not in outputs:
                raise TypeError(f"update() needs the keyword argument {name!r}")
        rows, labels = outputs[self.features], outputs[self.labels]
        self.moments.set_value(self.moments.get_value().update(rows, labels, mask))

    def compute(self) -> dict[str, Float[Array, ""]]:
        """The metrics by name, scalars; NaN where undefined."""
        return measure(self.moments.get_value(), self.metrics)
