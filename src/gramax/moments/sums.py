"""What is kept of the rows of every class: the arrays of `ClassMoments`, without what it can do."""

from __future__ import annotations

from dataclasses import dataclass

from gramax._shapes import Float
from gramax.arrays.namespace import Array
from gramax.arrays.pytree import static


@dataclass(frozen=True)
class Sums:
    """The fields that `ClassMoments` explains."""

    count: Float[Array, "2 c"]
    rows: Float[Array, "2 c"]
    weight_squares: Float[Array, " c"]
    anchor: Float[Array, "c d"]
    mean: Float[Array, "c d"]
    spread: Float[Array, " c"]
    scatter: Float[Array, "d d"] | None
    left_out: Float[Array, "2 4"]
    normalize: bool = static(default=True)
    summed: str | None = static(default=None)
    ambient: int | None = static(default=None)

    @property
    def num_classes(self) -> int:
        """Number of classes c that there is room for, absent ones included."""
        return self.spread.shape[-1]

    @property
    def dim(self) -> int:
        """Length d of a row."""
        return self.ambient or self.mean.shape[-1]

    @property
    def counts(self) -> Float[Array, " c"]:
        """Weight (or rows) of each class, rounded to one float; `count` holds it exactly."""
        return self.count[0] + self.count[1]
