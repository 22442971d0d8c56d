"""`ClassMoments`: the one statistic under every metric that needs no pairs of samples.

Interface: `empty(num_classes, dim)`, `.update(z, y, weight)`, `.merge(other)`; a pytree, usable
inside jit, scan and vmap. Memory: 2·c·d + d² floats, whatever the number of rows. Pooling: any
split of the rows, in any order, gives the same moments up to rounding.

What keeps float32 right where raw moments (E[x²] - E[x]²) fail:

- Every class has an anchor, its first row, and rows are measured from the anchor of their class:
  all rounding is relative to the size of the class, however tight it is and however far it lies
  from 0. On the sphere the difference of two directions comes from the difference of the rows,
  without forming the directions (see `kernels.displacement`).
- The scatter is one symmetric product of rows centred at a point between the old and the new class
  mean. With n_a old and n_b new rows whose mean lies δ from the old one, the Chan-Golub-LeVeque
  update adds Σ(x-μ_b)(x-μ_b)ᵀ + (n_a n_b/n) δδᵀ; centring the new rows at μ_a + (1-√(n_a/n)) δ
  gives the same matrix as one product RᵀR. Nothing is ever subtracted.
- Counts are unevaluated sums of two floats, exact to 2⁴⁸ rows in float32.

Reference: Chan, Golub, LeVeque, "Algorithms for computing the sample variance", 1983.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from gramax.arrays import checks
from gramax.arrays.kernels import add_exact, displacement
from gramax.arrays.pytree import pytree, static
from gramax.arrays.rows import PRECISION, norms
from gramax.moments.update import (
    IGNORED,
    NO_DIRECTION,
    NOT_FINITE,
    OUT_OF_RANGE,
    REASONS,
    AxisName,
    add_rows,
    shard_groups,
)
from gramax.optional import drawing

__all__ = ["IGNORED", "NOT_FINITE", "NO_DIRECTION", "OUT_OF_RANGE", "REASONS", "ClassMoments"]


@pytree
class ClassMoments:
    """Count, mean and scatter of every class, mergeable and exact near collapse.

    Attributes:
        count: `[2, c]` rows (or weight) of each class, as a high and a low part.
        anchor: `[c, d]` the raw row that a class is measured from; 0 for a class without rows.
        mean: `[c, d]` class means, each relative to its anchor (see `kernels.displacement`).
        spread: `[c]` sum over a class of the squared distance to its mean.
        scatter: `[d, d]` pooled within-class scatter Σ (x-μ_y)(x-μ_y)ᵀ; None where only traces
            are kept.
        left_out: `[2, 4]` rows left out (ignored label, label out of range, not finite, zero row
            on the sphere), as high and low parts.
        normalize: whether rows are taken on the unit sphere.
        summed: the dtype in which rows were summed, where it is narrower than that of the arrays.

    Example:
        >>> import jax.numpy as jnp
        >>> moments = ClassMoments.empty(2, 2, normalize=False)
        >>> z = jnp.array([[0.0, 0.0], [2.0, 0.0], [5.0, 5.0]])
        >>> moments = moments.update(z, jnp.array([0, 0, 1]))
        >>> print(moments.counts, moments.spread)
        [2. 1.] [2. 0.]
    """

    count: Float[Array, "2 c"]
    anchor: Float[Array, "c d"]
    mean: Float[Array, "c d"]
    spread: Float[Array, " c"]
    scatter: Float[Array, "d d"] | None
    left_out: Float[Array, "2 4"]
    normalize: bool = static(default=True)
    summed: str | None = static(default=None)

    @classmethod
    def empty(
        cls,
        num_classes: int,
        dim: int,
        *,
        normalize: bool = True,
        scatter: bool = True,
        dtype: Any = jnp.float32,
    ) -> ClassMoments:
        """Moments of no rows: the neutral element of `merge`.

        Args:
            num_classes: c, a static integer.
            dim: d, the length of a row.
            normalize: take rows on the unit sphere, or as they are.
            scatter: keep the d×d scatter; without it the moments cost c·d and no product, and give
                every metric but those of the spectrum.
            dtype: of the accumulators; float32 or float64 (the latter needs JAX's x64 mode).
        """
        c, d = checks.num_classes(num_classes), checks.size(dim, "dim")
        dtype = jnp.promote_types(dtype, jnp.float32)
        return cls(
            count=jnp.zeros((2, c), dtype),
            anchor=jnp.zeros((c, d), dtype),
            mean=jnp.zeros((c, d), dtype),
            spread=jnp.zeros((c,), dtype),
            scatter=jnp.zeros((d, d), dtype) if scatter else None,
            left_out=jnp.zeros((2, 4), dtype),
            normalize=bool(normalize),
        )

    @classmethod
    def of(
        cls,
        z: ArrayLike,
        y: ArrayLike | None,
        num_classes: int,
        weight: ArrayLike | None = None,
        *,
        normalize: bool = True,
        scatter: bool = True,
        axis_name: AxisName | None = None,
    ) -> ClassMoments:
        """Moments of one batch: `empty(...).update(z, y, weight)`; `y=None` is a single class."""
        z = checks.rows(z)
        y = jnp.zeros(z.shape[0], jnp.int32) if y is None else y
        start = cls.empty(
            num_classes, z.shape[1], normalize=normalize, scatter=scatter, dtype=z.dtype
        )
        return start.update(z, y, weight, axis_name=axis_name)

    @property
    def num_classes(self) -> int:
        """Number of classes c that there is room for, absent ones included."""
        return self.spread.shape[-1]

    @property
    def dim(self) -> int:
        """Length d of a row."""
        return self.mean.shape[-1]

    @property
    def counts(self) -> Float[Array, " c"]:
        """Rows (or weight) of each class, rounded to one float; `count` holds them exactly."""
        return self.count[0] + self.count[1]

    @property
    def total(self) -> Float[Array, ""]:
        """Rows (or weight) of all classes together."""
        return jnp.sum(self.counts)

    @property
    def precision(self) -> str:
        """The dtype in which rows were summed, whatever that of the arrays."""
        return self.summed or self.mean.dtype.name

    @property
    def rounding(self) -> float:
        """Relative rounding of the sums."""
        return float(jnp.finfo(self.precision).eps)

    def widened(self) -> ClassMoments:
        """The same in float64 (in JAX's x64 mode), for merges that lose no more digits.

        What was summed in float32 is known to its rounding, and `summed` keeps that in mind.
        """
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.zeros(()).dtype), self)
        return replace(wide, summed=_narrower(self, wide))

    def update(
        self,
        z: ArrayLike,
        y: ArrayLike,
        weight: ArrayLike | None = None,
        *,
        axis_name: AxisName | None = None,
    ) -> ClassMoments:
        """These moments and those of the rows `z` together.

        The rows of `z` may be sharded over the devices of a mesh: rows stay on their devices, and
        sums of 2·c·d + d² numbers go between them.

        Args:
            z: `[n, d]` rows, of any real dtype (half precision is widened to float32).
            y: `[n]` integer labels in 0..c-1; -1 leaves a row out, and counts it.
            weight: `[n]` non-negative weights; rows of weight 0 do not exist (padding).
            axis_name: inside `shard_map` or `vmap`, the axis over which the rows are cut: the
                result holds the rows of all its shards, and is the same on each.

        Returns:
            New moments; `self` is unchanged.

        Raises:
            ValueError: shapes do not match, or (eagerly) a label is outside -1..c-1 (the row is
                named). Under jit such rows are masked and counted in `left_out`.
        """
        z = checks.rows(z)
        n, d = z.shape
        if d != self.dim:
            raise ValueError(f"z has rows of length {d}; these moments hold length {self.dim}")
        y = checks.labels(y, n, self.num_classes)
        if weight is not None:
            weight = checks.weights(weight, n).astype(self.mean.dtype)
        if not n:
            return self
        return add_rows(self, z.astype(self.mean.dtype), y, weight, shard_groups(z), axis_name)

    def merge(self, other: ClassMoments) -> ClassMoments:
        """The moments of both sets of rows; merging with empty moments changes nothing.

        Raises:
            ValueError: the two differ in classes, dimension or normalisation.
        """
        mine, theirs = (
            (m.num_classes, m.dim, m.normalize, m.scatter is not None) for m in (self, other)
        )
        if mine != theirs:
            raise ValueError(
                "moments to merge must agree in (num_classes, dim, normalize, scatter); "
                f"got {mine} and {theirs}"
            )
        return _merge(self, other)

    def _repr_html_(self) -> str:
        """The sizes and the loosest classes, as a notebook shows them."""
        return drawing("notebook").moments_html(self)


def _narrower(a: ClassMoments, b: ClassMoments) -> str | None:
    """What `summed` is of sums of both."""
    name = max(a, b, key=lambda m: m.rounding).precision
    return None if name == jnp.promote_types(a.mean.dtype, b.mean.dtype).name else name


def _sum(a: Array | None, b: Array | None) -> Array | None:
    """The sum of two scatters, where they are kept."""
    return None if a is None or b is None else a + b


@jax.jit
def _merge(a: ClassMoments, b: ClassMoments) -> ClassMoments:
    mine, theirs = a.counts, b.counts
    anchor = jnp.where((mine > 0)[:, None], a.anchor, b.anchor)
    radius, length = norms(anchor), norms(b.anchor)
    mean_b = b.mean + displacement(b.anchor, length, anchor, radius, a.normalize)
    mean_a = jnp.where((mine > 0)[:, None], a.mean, mean_b)
    gap = jnp.where((theirs > 0)[:, None], mean_b - mean_a, 0)
    count = add_exact(a.count, b.count)
    share = theirs / jnp.maximum(count[0], jnp.finfo(count.dtype).tiny)
    between = gap * jnp.sqrt(mine * share)[:, None]
    return ClassMoments(
        count=count,
        anchor=anchor,
        mean=jnp.where((count[0] > 0)[:, None], mean_a + share[:, None] * gap, 0),
        spread=a.spread + b.spread + jnp.sum(between * between, axis=1),
        scatter=_sum(
            _sum(a.scatter, b.scatter), jnp.matmul(between.T, between, precision=PRECISION)
        ),
        left_out=add_exact(a.left_out, b.left_out),
        normalize=a.normalize,
        summed=_narrower(a, b),
    )
