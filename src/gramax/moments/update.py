"""Rows added to moments: on the host or a device, on the shards of one array, or in `shard_map`.

One batch is added in two steps, which shards do together: the anchors of new classes, counts and
class sums first; then, from them, the centres that rows are measured from, and the scatter. All
shards measure from the same anchors and centres, so a sum over shards is as exact as one over
blocks. On the host a block of rows, which stays in a cache, is such a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from gramax._shapes import Bool, Float, Int
from gramax.arrays.linalg import ratio
from gramax.arrays.namespace import (
    Array,
    compiled,
    dot,
    first_places,
    is_jax_array,
    is_numpy_array,
    namespace,
    over_shards,
    segment_sum,
    take_rows,
)
from gramax.arrays.rows import norms, power_of_two, row_squares

if TYPE_CHECKING:
    from gramax.moments.class_moments import ClassMoments

AxisName = str | tuple[str, ...]

SLICE_ROWS = 16
"""Rows of a class that are worth a step of Python."""

BLOCK_ROWS, BLOCK_NUMBERS, WIDE_BLOCK_ROWS = 1024, 1 << 18, 1 << 15
"""Rows of a block on the host, and numbers of it: 2 MiB of float64, which stay in a cache. Rows of
a block of PyTorch's on an accelerator."""


def displacement(
    x: Float[Array, "n d"],
    length: Float[Array, "n 1"],
    anchor: Float[Array, "#n d"],
    radius: Float[Array, "#n 1"],
    normalize: bool,
) -> Float[Array, "n d"]:
    """Rows relative to their anchors, or their directions relative to the anchors' directions.

    In float64 directions are subtracted: that leaves ten digits of a class of radius 1e-6. In
    float32, with r the anchor, R = |r|, p = r/R and t = x - r (exact for close rows):
    x/|x| - p = (t - (|x| - R) p)/|x| and |x| - R = (x + r)·t/(|x| + R), so that the result is as
    precise as t is. Anchors are first scaled to a length near 1, and rows to the length closest to
    their anchor's, by powers of two, which is exact.
    """
    if not normalize:
        return x - anchor
    xp = namespace(x)
    usable = (length > 0) & (radius > 0) & xp.isfinite(length)
    one = xp.ones_like(length)
    if x.dtype == xp.float64:
        there = xp.where(usable, length, one)
        return xp.where(usable, x / there - anchor / xp.where(usable, radius, one), 0.0)
    unit = power_of_two(1 / xp.where(usable, radius, one))
    anchor, radius = anchor * unit, xp.where(usable, radius * unit, one)
    scale = power_of_two(radius / xp.where(usable, length, one))
    x, length = x * scale, xp.where(usable, length * scale, one)
    t = x - anchor
    growth = xp.sum((x + anchor) * t, axis=-1, keepdims=True) / (length + radius)
    return (t - (growth / radius) * anchor) / length


def add_exact(total: Float[Array, "2 ..."], more: Float[Array, "2 ..."]) -> Float[Array, "2 ..."]:
    """Sum of two unevaluated sums of two floats (Knuth's TwoSum): exact to twice the digits."""
    xp = namespace(total)
    high, low = total[0], total[1]
    for x in (more[0], more[1]):
        s = high + x
        back = s - high
        low = low + ((high - (s - back)) + (x - back))
        high = s + low
        low = low - (high - s)
    return xp.stack([high, low])


@compiled("axis_name")
def add_rows(
    moments: ClassMoments,
    z: Float[Array, "n d"],
    y: Int[Array, " n"],
    weight: Float[Array, " n"] | None,
    axis_name: AxisName | None,
) -> ClassMoments:
    """The moments with the rows added; over `axis_name`, with those of every shard.

    Outside of JAX by blocks. With many classes the sums by class outweigh the rows.
    """
    xp, dtype, (n, d) = namespace(z), moments.mean.dtype, z.shape
    if is_jax_array(z):
        from gramax.arrays.mesh import over_devices

        weight = None if weight is None else weight.astype(dtype)
        return over_devices(_add, moments, (z.astype(dtype), y, weight), axis_name)
    if is_numpy_array(z) and weight is None:
        added = _add_sorted(moments, z, y)
        if added is not None:
            return added
    on_cpu = is_numpy_array(z) or "cpu" in str(z.device)
    size = max(BLOCK_ROWS, BLOCK_NUMBERS // d) if on_cpu else WIDE_BLOCK_ROWS
    size = max(size, 2 * moments.num_classes)
    for part in (slice(start, start + size) for start in range(0, n, size)):
        w = None if weight is None else xp.astype(weight[part], dtype)
        moments = _add(moments, xp.astype(z[part], dtype), y[part], w, None)
    return moments


def _add_sorted(
    moments: ClassMoments, z: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"]
) -> ClassMoments | None:
    """The moments with rows whose classes have many of them each; None where that is not so.

    Sorted by class, the rows of a class are a slice, which is measured in place: half of the time
    of `_add`, which takes rows, anchors and centres row by row from their classes. A class meets
    its rows a slice at a time, each measured from between the means before and after it, so that
    the sum of squares needs no correction (Welford). A row that counts nowhere, or is not finite,
    is left to `_add`, which says what is wrong with it.
    """
    n, c = len(z), moments.num_classes
    if n < SLICE_ROWS * c or y.min() < 0 or y.max() >= c:
        return None
    order = None if c == 1 else np.argsort(y.astype(np.min_scalar_type(c)), kind="stable")
    new = np.bincount(y, minlength=c)
    stops = np.cumsum(new)
    first = np.minimum(stops - new, n - 1)
    begins = (moments.counts == 0) & (new > 0)
    anchor = np.where(begins[:, None], z[first if order is None else order[first]], moments.anchor)
    base = ratio(anchor, norms(anchor)) if moments.normalize else anchor
    count, mean, spread = moments.counts.tolist(), moments.mean.copy(), moments.spread.copy()
    scatter = None if moments.scatter is None else moments.scatter.copy()
    size, ends, k = max(BLOCK_ROWS, BLOCK_NUMBERS // z.shape[1]), stops.tolist(), 0
    ones, panel, product = np.ones(min(n, size)), z[:size].astype(mean.dtype), None
    for start in range(0, n, size):
        stop = min(start + size, n)
        rows = panel[: stop - start]  # fresh memory would cost as much as a pass over it
        rows[...] = z[start:stop] if order is None else z[order[start:stop]]
        length = norms(rows)
        if not np.isfinite(length).all() or (moments.normalize and not length.all()):
            return None
        if moments.normalize:
            rows *= 1 / length
        at = start
        while at < stop:
            m = min(ends[k], stop) - at
            if m:
                part = rows[at - start :][:m]
                part -= base[k]
                count[k] += m
                share = m / count[k]
                shift = ones[:m] @ part / m - mean[k]
                part -= mean[k] + share / (1 + math.sqrt(1 - share)) * shift
                mean[k] += share * shift
                spread[k] += np.vdot(part, part)
                at += m
            k += at == ends[k]
        if scatter is not None:
            product = np.matmul(rows.T, rows, out=product)
            scatter += product
    high = new.astype(mean.dtype)
    exact = np.stack([high, np.zeros_like(high)])
    return replace(
        moments,
        count=add_exact(moments.count, exact),
        rows=add_exact(moments.rows, exact),
        weight_squares=moments.weight_squares + high,
        anchor=anchor,
        mean=mean,
        spread=spread,
        scatter=scatter,
    )


def _add(
    moments: ClassMoments,
    z: Float[Array, "n d"],
    y: Int[Array, " n"],
    weight: Float[Array, " n"] | None,
    axis_name: AxisName | None,
) -> ClassMoments:
    xp, c = namespace(z), moments.num_classes
    total = partial(over_shards, axis_name=axis_name)
    length = norms(z)
    exists = xp.ones_like(y) > 0 if weight is None else weight > 0
    reason = _reasons(y, length[:, 0], c, moments.normalize)
    keep = exists & (reason < 0)
    refused = _tally(exists & (reason >= 0), None, reason, moments.left_out, total)
    y = xp.where(keep, y, 0)
    rows = (z, length, y, weight)

    anchor = _anchors(moments, z, y, keep, axis_name)
    relative = partial(_relative, anchor, norms(anchor), moments.normalize)
    if not is_jax_array(z):  # a block: what is relative to the anchors is kept for both steps
        found = relative(rows, keep)
        relative = lambda *_: found  # noqa: E731
    added = _tally(keep, weight, y, moments.count, total)
    count = add_exact(moments.count, added)
    tiny = float(xp.finfo(z.dtype).smallest_normal)
    batch = xp.maximum(added[0], tiny)
    share = batch / xp.maximum(count[0], tiny)
    sums = total(_class_sums(relative, rows, keep, c))
    shift = xp.where((added[0] > 0)[:, None], sums / batch[:, None] - moments.mean, 0.0)
    # 1 - sqrt(1 - share), without cancellation where the batch is a small share of the class.
    left = xp.sqrt(xp.where(share < 1, 1 - share, 0.0))
    centre = moments.mean + (share / (1 + left))[:, None] * shift
    spread, scatter = _scatter(relative, centre, rows, keep, moments.scatter is not None, total)
    squares = keep if weight is None else xp.where(keep, weight * weight, 0.0)
    squares = total(segment_sum(xp.astype(squares, z.dtype), y, c))
    there = added if weight is None else _tally(keep, None, y, moments.rows, total)
    return replace(
        moments,
        count=count,
        rows=add_exact(moments.rows, there),
        weight_squares=moments.weight_squares + squares,
        anchor=anchor,
        mean=moments.mean + share[:, None] * shift,
        spread=moments.spread + spread,
        scatter=None if moments.scatter is None else moments.scatter + scatter,
        left_out=add_exact(moments.left_out, refused),
    )


def _relative(
    anchor: Float[Array, "c d"], radius: Float[Array, "c 1"], normalize: bool, rows: Any, keep: Any
) -> tuple[Float[Array, "b d"], Int[Array, " b"], Float[Array, "b 1"] | None]:
    """Rows from the anchors of their classes, labels, and weights: 0 for rows left out.

    On the host None says that all weights are 1.
    """
    z, length, y, weight = rows
    xp = namespace(z)
    if normalize and z.dtype == xp.float64:  # as `displacement` has it, the anchors divided once
        z, anchor, normalize = ratio(z, length), ratio(anchor, radius), False
    base, reach = (anchor, radius) if anchor.shape[0] == 1 else (anchor[y], radius[y])
    if is_numpy_array(z) and weight is None and keep.all():
        return displacement(z, length, base, reach, normalize), y, None
    v = displacement(xp.where(keep[:, None], z, base), length, base, reach, normalize)
    w = xp.astype(keep, z.dtype) if weight is None else xp.where(keep, weight, 0.0)
    return v, y, w[:, None]


def _add_by_class(sums: Any, values: Array, y: Int[Array, " b"], c: int) -> Array:
    """The sums by class so far and those of a block; JAX adds its rows to them in place."""
    if is_jax_array(values):
        return sums.at[y].add(values)
    return sums + segment_sum(values, y, c)


def _class_sums(relative: Any, rows: Any, keep: Bool[Array, " n"], c: int) -> Float[Array, "c d"]:
    """Weighted sums by class of the rows, each relative to its anchor."""

    def add(sums: list[Any], rows: Any, keep: Array) -> list[Array]:
        v, y, w = relative(rows, keep)
        return [_add_by_class(sums[0], v if w is None else v * w, y, c)]

    if not is_jax_array(keep):
        return add([0.0], rows, keep)[0]
    from gramax.arrays.mesh import over_blocks

    return over_blocks(add, [(c, rows[0].shape[1])], rows, keep)[0]


def _scatter(
    relative: Any, centre: Float[Array, "c d"], rows: Any, keep: Array, product: bool, total: Any
) -> tuple[Float[Array, " c"], Float[Array, "d d"] | None]:
    """Squared distances to the centres summed by class, and the product RᵀR of the rows' own."""
    c = centre.shape[0]

    def add(sums: list[Any], rows: Any, keep: Array) -> list[Array]:
        v, y, w = relative(rows, keep)
        r = v - (centre if c == 1 else centre[y])
        r = r if w is None else r * namespace(v).sqrt(w)
        products = multiply(r) if product else []
        spread = _add_by_class(sums[0], row_squares(r), y, c)
        return [spread, *(s + p for s, p in zip(sums[1:], products, strict=True))]

    if not is_jax_array(centre):
        # The product of one array with itself, which BLAS does in half of the work.
        multiply = lambda r: [dot(r.T, r)]  # noqa: E731
        spread, *products = add([0.0] * (1 + product), rows, keep)
        return spread, products[0] if product else None
    import jax

    from gramax.arrays.mesh import join_strips, over_blocks
    from gramax.arrays.mesh import symmetric_product as multiply

    strips = [s.shape for s in jax.eval_shape(multiply, rows[0])] if product else []
    spread, *products = total(over_blocks(add, [(c,), *strips], rows, keep))
    return spread, join_strips(products) if product else None


def _tally(
    keep: Bool[Array, " n"],
    weight: Float[Array, " n"] | None,
    y: Int[Array, " n"],
    like: Float[Array, "2 c"],
    total: Callable[[Any], Any],
) -> Float[Array, "2 c"]:
    """Rows or weight of each class, as high and low parts as `like` has them.

    Rows of weight 1 are counted as integers, exact to 2³¹ rows: sums of float32 ones end at 2²⁴.
    """
    xp, c, dtype = namespace(y), like.shape[1], like.dtype
    ones = keep if weight is None else keep & (weight == 1)
    counts = total(segment_sum(xp.astype(ones, xp.int32), y, c))
    high = xp.astype(counts, dtype)
    exact = xp.stack([high, xp.astype(counts - xp.astype(high, xp.int32), dtype)])
    if weight is None:
        return exact
    rest = total(segment_sum(xp.where(keep & (weight != 1), weight, 0.0), y, c))
    return add_exact(exact, xp.stack([rest, 0 * rest]))


def _reasons(
    y: Int[Array, " n"], length: Float[Array, " n"], c: int, normalize: bool
) -> Int[Array, " n"]:
    """Why each row is left out (a place in `class_moments.REASONS`), or -1."""
    xp = namespace(length)
    reason = xp.where(length == 0, 3 if normalize else -1, 0 * y - 1)
    reason = xp.where(xp.isfinite(length), reason, 2)
    reason = xp.where((y < 0) | (y >= c), 1, reason)
    return xp.where(y == -1, 0, reason)


def _anchors(
    moments: ClassMoments,
    z: Float[Array, "n d"],
    y: Int[Array, " n"],
    keep: Bool[Array, " n"],
    axis_name: AxisName | None,
) -> Float[Array, "c d"]:
    """A class without rows is anchored at its first row here, of the first shard with one."""
    xp, n = namespace(z), z.shape[0]
    first = first_places(y, keep, moments.num_classes)
    found = first < n
    row = take_rows(z, xp.where(found, first, 0))
    if axis_name is not None:
        from gramax.arrays.mesh import first_of_shards

        found, row = first_of_shards(found, row, axis_name)
    begins = (moments.counts == 0) & found
    return xp.where(begins[:, None], row, moments.anchor)
