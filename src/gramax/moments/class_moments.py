"""`ClassMoments`: the one statistic under every metric that needs no pairs of samples.

It has 2·c·d + d² floats, whatever the number of rows, is usable inside JAX's jit, scan and vmap,
and any split of the rows, in any order, gives the same moments up to rounding.

The arrays are of the library of the rows: NumPy's in float64, JAX's and PyTorch's in the precision
of the rows, float32 at least, on their device. What keeps float32 right where raw moments
(E[x²] - E[x]²) fail:

- Every class has an anchor, its first row, and rows are measured from the anchor of their class:
  all rounding is relative to the size of the class, however tight it is and however far it lies
  from 0. On the sphere the difference of two directions comes from the difference of the rows,
  without forming the directions (see `update.displacement`).
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

import numpy as np

from gramax._optional import drawing
from gramax._shapes import Float
from gramax.arrays import checks
from gramax.arrays.namespace import Array, compiled, dot, is_numpy_array, like, namespace, to_numpy
from gramax.arrays.pytree import mapped, pytree
from gramax.arrays.rows import norms
from gramax.moments.sums import Sums
from gramax.moments.update import AxisName, add_exact, add_rows, displacement

IGNORED, OUT_OF_RANGE, NOT_FINITE, NO_DIRECTION = range(4)
REASONS = ("ignored_label", "label_out_of_range", "not_finite_row", "zero_row")
"""Why a row was left out; the places in `ClassMoments.left_out`."""


@pytree
class ClassMoments(Sums):
    """Count, mean and scatter of every class, mergeable and exact near collapse.

    Attributes:
        count: `[2, c]` weight of each class (its rows, where rows have no weights), as a high and
            a low part.
        rows: `[2, c]` rows of each class that have a weight above 0, in the same way.
        weight_squares: `[c]` sum of the squared weights of a class.
        anchor: `[c, d]` the raw row that a class is measured from; 0 for a class without rows.
        mean: `[c, d]` class means, each relative to its anchor (see `update.displacement`).
        spread: `[c]` weighted sum over a class of the squared distance to its mean.
        scatter: `[d, d]` pooled within-class scatter Σ w (x-μ_y)(x-μ_y)ᵀ; None where only traces
            are kept.
        left_out: `[2, 4]` rows left out (ignored label, label out of range, not finite, zero row
            on the sphere), as high and low parts.
        normalize: whether rows are taken on the unit sphere.
        summed: the dtype in which rows were summed, where it is narrower than that of the arrays.
        ambient: the length of a row, where the arrays hold it in fewer coordinates: rows that are
            fewer than their dimensions are turned into the space that they span.

    Example:
        >>> import numpy as np
        >>> moments = ClassMoments.empty(2, 2, normalize=False)
        >>> z = np.array([[0.0, 0.0], [2.0, 0.0], [5.0, 5.0]])
        >>> moments = moments.update(z, np.array([0, 0, 1]))
        >>> print(moments.counts, moments.spread)
        [2. 1.] [2. 0.]
    """

    @classmethod
    def empty(
        cls,
        num_classes: int,
        dim: int,
        *,
        normalize: bool = True,
        scatter: bool = True,
        dtype: Any = None,
        ambient: int | None = None,
    ) -> ClassMoments:
        """Moments of no rows: the neutral element of `merge`.

        They are NumPy's until rows or moments of another library come to them.

        Args:
            num_classes: c, a static integer.
            dim: d, the length of a row.
            normalize: take rows on the unit sphere, or as they are.
            scatter: keep the d×d scatter; without it the moments cost c·d and no product, and give
                every metric but those of the spectrum.
            dtype: of the accumulators; by default float64 for NumPy's rows, and for others that of
                the rows, float32 at least.
            ambient: the length of a row, where d coordinates of it are kept.
        """
        c, d = checks.num_classes(num_classes), checks.size(dim, "dim")
        dtype = np.float64 if dtype is None else np.promote_types(dtype, np.float32)
        square = (d, d) if scatter else None
        shapes = (2, c), (2, c), (c,), (c, d), (c, d), (c,), square, (2, 4)
        leaves = [None if shape is None else np.zeros(shape, dtype) for shape in shapes]
        return cls(*leaves, normalize=bool(normalize), ambient=ambient)

    @classmethod
    def of(
        cls,
        z: Array,
        y: Array | None,
        num_classes: int,
        weight: Array | None = None,
        *,
        normalize: bool = True,
        scatter: bool = True,
        axis_name: AxisName | None = None,
    ) -> ClassMoments:
        """Moments of one batch: `empty(...).update(z, y, weight)`; `y=None` is a single class."""
        z = checks.rows(z)
        y = np.zeros(z.shape[0], np.int32) if y is None else y
        start = cls.empty(num_classes, z.shape[1], normalize=normalize, scatter=scatter)
        return start.update(z, y, weight, axis_name=axis_name)

    @property
    def total(self) -> Float[Array, ""]:
        """Weight (or rows) of all classes together."""
        return namespace(self.spread).sum(self.counts)

    @property
    def precision(self) -> str:
        """The dtype in which rows were summed, whatever that of the arrays."""
        return self.summed or _name(self.mean)

    @property
    def rounding(self) -> float:
        """Relative rounding of the sums."""
        return float(np.finfo(self.precision).eps)

    def widened(self) -> ClassMoments:
        """The same on the host in float64, for merges that lose no more digits.

        What was summed in float32 is known to its rounding, and `summed` keeps that in mind.
        """
        if is_numpy_array(self.mean) and self.mean.dtype == np.float64:
            return self
        wide = mapped(lambda leaf: to_numpy(leaf).astype(np.float64), self)
        return replace(wide, summed=_narrower(self, wide))

    def update(
        self,
        z: Array,
        y: Array,
        weight: Array | None = None,
        *,
        axis_name: AxisName | None = None,
    ) -> ClassMoments:
        """These moments and those of the rows `z` together.

        JAX's rows may be sharded over the devices of a mesh: rows stay on their devices, and sums
        of 2·c·d + d² numbers go between them.

        Args:
            z: `[n, d]` rows, of any real dtype and any library (half precision is widened).
            y: `[n]` integer labels in 0..c-1; -1 leaves a row out, and counts it.
            weight: `[n]` non-negative weights; rows of weight 0 do not exist (padding). Their
                scale does not matter.
            axis_name: inside JAX's `shard_map` or `vmap`, the axis over which the rows are cut:
                the result holds the rows of all its shards, and is the same on each.

        Returns:
            New moments; `self` is unchanged.

        Raises:
            ValueError: shapes do not match, or (eagerly) a label is outside -1..c-1 (the row is
                named). Under jit such rows are masked and counted in `left_out`.
        """
        # Half precision is widened a block at a time, not here.
        half = getattr(z, "ndim", 0) == 2 and str(getattr(z, "dtype", "")).endswith("float16")
        z = z if half and z.shape[1] else checks.rows(z)
        n, d = z.shape
        if d != self.mean.shape[-1]:
            raise ValueError(
                f"z has rows of length {d}; these moments hold length {self.mean.shape[-1]}"
            )
        y = checks.labels(y, n, self.num_classes, z)
        if weight is not None:
            weight = checks.weights(weight, n, z)
        if not n:
            return self
        fresh = is_numpy_array(self.rows) and not self.rows.any()
        return add_rows(self._beside(z), z, y, weight, axis_name, fresh)

    def merge(self, other: ClassMoments) -> ClassMoments:
        """The moments of both sets of rows; merging with empty moments changes nothing.

        Raises:
            ValueError: the two differ in classes, dimension or normalisation.
        """
        both = self, other
        mine, theirs = ((m.num_classes, m.dim, m.normalize, m.scatter is not None) for m in both)
        if mine != theirs:
            raise ValueError(
                "moments to merge must agree in (num_classes, dim, normalize, scatter); "
                f"got {mine} and {theirs}"
            )
        return _merge(self._beside(other.mean), other._beside(self.mean))

    def _beside(self, array: Array) -> ClassMoments:
        """The same in the library of `array`, where that is not NumPy and these are."""
        if is_numpy_array(array) or not is_numpy_array(self.mean):
            return self
        xp = namespace(array)
        dtype = xp.float64 if array.dtype == xp.float64 else xp.float32
        return mapped(lambda leaf: like(leaf, array, dtype), self)

    def _repr_html_(self) -> str:
        """The sizes and the loosest classes, as a notebook shows them."""
        return drawing("notebook").moments_html(self)


def _name(array: Array) -> str:
    return "float64" if array.dtype == namespace(array).float64 else "float32"


def _narrower(a: ClassMoments, b: ClassMoments) -> str | None:
    """What `summed` is of sums of both."""
    name = max(a, b, key=lambda m: m.rounding).precision
    return None if name == max(_name(a.mean), _name(b.mean)) else name


@compiled()
def _merge(a: ClassMoments, b: ClassMoments) -> ClassMoments:
    xp = namespace(a.mean)
    mine, theirs = a.counts, b.counts
    anchor = xp.where((mine > 0)[:, None], a.anchor, b.anchor)
    # Raw rows are not scaled, so their lengths are not used: a column stands in for them.
    lengths = [norms(x) if a.normalize else x[:, :1] for x in (b.anchor, anchor)]
    moved = displacement(b.anchor, lengths[0], anchor, lengths[1], a.normalize)
    # A class that is new here keeps its anchor: nothing is added, not even rounding.
    mean_b = xp.where((mine > 0)[:, None], b.mean + moved, b.mean)
    mean_a = xp.where((mine > 0)[:, None], a.mean, mean_b)
    gap = xp.where((theirs > 0)[:, None], mean_b - mean_a, 0.0)
    count = add_exact(a.count, b.count)
    tiny = float(xp.finfo(count.dtype).smallest_normal)
    share = theirs / xp.maximum(count[0], tiny)
    between = gap * xp.sqrt(mine * share)[:, None]
    scatter = None
    if a.scatter is not None and b.scatter is not None:
        scatter = a.scatter + b.scatter + dot(between.T, between)
    return ClassMoments(
        count=count,
        rows=add_exact(a.rows, b.rows),
        weight_squares=a.weight_squares + b.weight_squares,
        anchor=anchor,
        mean=xp.where((count[0] > 0)[:, None], mean_a + share[:, None] * gap, 0.0),
        spread=a.spread + b.spread + xp.sum(between * between, axis=1),
        scatter=scatter,
        left_out=add_exact(a.left_out, b.left_out),
        normalize=a.normalize,
        summed=_narrower(a, b),
        ambient=a.ambient,
    )
