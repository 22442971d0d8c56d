"""The protocol of clu and metrax: `empty`, `from_model_output`, `merge`, `reduce`, `compute`."""

from __future__ import annotations

from typing import Any

from jaxtyping import Array, ArrayLike, Float

from gramax._optional import need
from gramax.audits.headline_metrics import LogConfig
from gramax.moments import ClassMoments
from gramax.training.collector import measure

_clu: Any = need("clu.metrics", "the clu metric", extra="train")
_struct: Any = need("flax.struct", "the clu metric", "flax", extra="train")


def geometry_metric(
    num_classes: int,
    dim: int,
    *,
    features: str = "features",
    labels: str = "labels",
    config: LogConfig | None = None,
    normalize: bool = True,
) -> Any:
    """A class of `clu.metrics.Metric`, for a `clu.metrics.Collection` or on its own.

    Args:
        num_classes: c, a static integer.
        dim: d, the length of a row.
        features: the name of the model output that holds the `[n, d]` rows.
        labels: the name of the model output that holds the `[n]` labels, -1 for none.
        config: which metrics `compute` gives.
        normalize: take rows on the unit sphere, or as they are.

    Returns:
        A class with `empty`, `from_model_output`, `merge`, `reduce` and `compute`. The model
        output `mask`, `[n]`, leaves rows out where it is False or 0. `compute` gives scalars by
        name, NaN where undefined; `moments` is the `ClassMoments`. `from_model_output` raises
        KeyError where an output is missing, and ValueError where shapes do not match.

    Example:
        >>> import jax.numpy as jnp
        >>> Geometry = geometry_metric(2, 3)
        >>> one = Geometry.from_model_output(features=jnp.eye(3), labels=jnp.array([0, 1, 1]))
        >>> print(Geometry.empty().merge(one).compute()["effective_rank"].round(3))
        2.0
    """
    metrics = (config or LogConfig()).metrics

    @_struct.dataclass
    class Geometry(_clu.Metric):
        """The headline metrics of the rows of all model outputs merged."""

        moments: ClassMoments

        @classmethod
        def empty(cls) -> Geometry:
            return cls(moments=ClassMoments.empty(num_classes, dim, normalize=normalize))

        @classmethod
        def from_model_output(cls, *, mask: ArrayLike | None = None, **outputs: Any) -> Geometry:
            rows, classes = outputs[features], outputs[labels]
            return cls(moments=cls.empty().moments.update(rows, classes, mask))

        def merge(self, other: Geometry) -> Geometry:
            return self.replace(moments=self.moments.merge(other.moments))

        def compute(self) -> dict[str, Float[Array, ""]]:
            return measure(self.moments, metrics)

    return Geometry
