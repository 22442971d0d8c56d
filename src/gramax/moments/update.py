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
from typing import Any, TypeVar

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
from gramax.arrays.rows import inverse, norms, power_of_two, row_squares
from gramax.moments.sums import Sums

S = TypeVar("S", bound=Sums)

AxisName = str | tuple[str, ...]

SLICE_ROWS = 16
"""Rows of a class that are worth a step of Python."""

BLOCK_ROWS, BLOCK_NUMBERS, WIDE_BLOCK_ROWS = 1024, 1 << 18, 1 << 15
"""Rows of a block on the host, and numbers of it: 2 MiB of float64, which stay in a cache. Rows of
a block of PyTorch's on an accelerator."""


Factors = Float[Array, "n f"] | None
"""Numbers of each row that `_difference` takes, where rows are taken on the sphere."""


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
    anchor, radius = _scaled_anchors(anchor, radius, normalize)
    return _difference(x, anchor, _factors(length, radius, normalize))


def _scaled_anchors(
    anchor: Float[Array, "c d"], radius: Float[Array, "c 1"], normalize: bool
) -> tuple[Float[Array, "c d"], Float[Array, "c 1"]]:
    """Anchors that `_difference` takes, and their lengths; on the sphere, 1 for one of zeros."""
    xp = namespace(anchor)
    if not normalize or anchor.dtype == xp.float64:
        return ratio(anchor, radius) if normalize else anchor, radius
    radius = xp.where(radius > 0, radius, 1)
    unit = inverse(power_of_two(radius))
    return anchor * unit, radius * unit


def _factors(length: Float[Array, "n 1"], radius: Float[Array, "#n 1"], normalize: bool) -> Factors:
    """Lengths in float64; in float32 the scale of a row, and two more, some for one left out.

    They are made apart from the rows, once, and as one array: XLA compiles a kernel for each.
    """
    xp = namespace(length)
    if not normalize:
        return None
    length = xp.where((length > 0) & xp.isfinite(length), length, 1)
    if length.dtype == xp.float64:
        return length
    scale = power_of_two(radius / length)
    length = length * scale
    return xp.concat([scale, 1 / length, 1 / ((length + radius) * radius * length)], axis=1)


def _difference(
    x: Float[Array, "n d"], anchor: Float[Array, "#n d"], factors: Factors
) -> Float[Array, "n d"]:
    """`displacement` from what the two functions above give."""
    if factors is None:
        return x - anchor
    if factors.shape[1] == 1:
        return x / factors - anchor
    scale, near, far = (factors[:, k : k + 1] for k in range(3))
    t = x * scale - anchor
    growth = namespace(x).sum((t + 2 * anchor) * t, axis=-1, keepdims=True)
    return t * near - growth * far * anchor


def apart(
    anchor: Float[Array, "c d"], radius: Float[Array, "c 1"], k: Any, normalize: bool
) -> Float[Array, "c d"]:
    """`displacement` of all anchors from the one of class `k`."""
    bases, radii = _scaled_anchors(anchor, radius, normalize)
    return _difference(anchor, bases[k][None], _factors(radius, radii[k][None], normalize))


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


@compiled("axis_name", "fresh")
def add_rows(
    moments: S,
    z: Float[Array, "n d"],
    y: Int[Array, " n"],
    weight: Float[Array, " n"] | None,
    axis_name: AxisName | None,
    fresh: bool,
) -> S:
    """The moments with the rows added; over `axis_name`, with those of every shard.

    Outside of JAX by blocks. With many classes the sums by class outweigh the rows. Moments are
    `fresh` if they are known to hold no rows: what is zero then is not compiled.
    """
    xp, dtype, (n, d) = namespace(z), moments.mean.dtype, z.shape
    if is_jax_array(z):
        from gramax.arrays.mesh import over_devices

        weight = None if weight is None else weight.astype(dtype)
        return over_devices(
            partial(_add, fresh=fresh), moments, (z.astype(dtype), y, weight), axis_name
        )
    if is_numpy_array(z) and weight is None:
        added = _add_sorted(moments, z, y)
        if added is not None:
            return added
    on_cpu = is_numpy_array(z) or "cpu" in str(z.device)
    size = max(BLOCK_ROWS, BLOCK_NUMBERS // d) if on_cpu else WIDE_BLOCK_ROWS
    size = max(size, 2 * moments.num_classes)
    for part in (slice(start, start + size) for start in range(0, n, size)):
        w = None if weight is None else xp.astype(weight[part], dtype)
        moments = _add(moments, xp.astype(z[part], dtype), y[part], w, None, fresh)
        fresh = False
    return moments


def _add_sorted(moments: S, z: Float[np.ndarray, "n d"], y: Int[np.ndarray, " n"]) -> S | None:
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
    moments: S,
    z: Float[Array, "n d"],
    y: Int[Array, " n"],
    weight: Float[Array, " n"] | None,
    axis_name: AxisName | None,
    fresh: bool = False,
) -> S:
    xp, c = namespace(z), moments.num_classes
    sum_exact = (lambda total, more: more) if fresh else add_exact
    total = partial(over_shards, axis_name=axis_name)
    length = norms(z)
    place = _places(y, length[:, 0], weight, c, moments)
    rows, refused = _counted(place, c, moments.left_out, total)
    keep = place < c
    y = xp.where(keep, y, 0)
    anchor = _anchors(moments, z, place, axis_name)
    base, radius = _scaled_anchors(anchor, norms(anchor), moments.normalize)
    factors = _factors(length, radius if c == 1 else radius[y], moments.normalize)
    relative = partial(_relative, base)
    batch_rows = (z, y, weight, factors)
    if not is_jax_array(z):  # a block: what is relative to the anchors is kept for both steps
        found = relative(batch_rows, keep)
        relative = lambda *_: found  # noqa: E731
    added = rows if weight is None else _weighed(keep, weight, y, moments.count, total)
    count = sum_exact(moments.count, added)
    tiny = float(xp.finfo(z.dtype).smallest_normal)
    batch = xp.maximum(added[0], tiny)
    share = xp.ones_like(batch) if fresh else batch / xp.maximum(count[0], tiny)
    sums = total(_class_sums(relative, batch_rows, keep, c))
    part = xp.where(added[0] > 0, 1 / batch, 0)
    shift = sums * part[:, None] - xp.where((added[0] > 0)[:, None], moments.mean, 0)
    # 1 - sqrt(1 - share), without cancellation where the batch is a small share of the class.
    left = xp.sqrt(xp.where(share < 1, 1 - share, 0.0))
    centre = moments.mean + (share / (1 + left))[:, None] * shift
    product = moments.scatter is not None
    spread, scatter = _scatter(relative, centre, batch_rows, keep, product, total)
    squares = rows[0] + rows[1]
    if weight is not None:
        squares = total(segment_sum(xp.where(keep, weight * weight, 0.0), y, c))
    return replace(
        moments,
        count=count,
        rows=sum_exact(moments.rows, rows),
        weight_squares=moments.weight_squares + squares,
        anchor=anchor,
        mean=moments.mean + share[:, None] * shift,
        spread=moments.spread + spread,
        scatter=None if moments.scatter is None else moments.scatter + scatter,
        left_out=sum_exact(moments.left_out, refused),
    )


def _relative(
    anchor: Float[Array, "c d"], rows: Any, keep: Any
) -> tuple[Float[Array, "b d"], Int[Array, " b"], Bool[Array, "b 1"] | None]:
    """Rows from the anchors of their classes, labels, and which rows count (None: all do)."""
    z, y, _, factors = rows
    base = anchor if anchor.shape[0] == 1 else anchor[y]
    if is_numpy_array(z) and keep.all():
        return _difference(z, base, factors), y, None
    there = keep[:, None]
    return _difference(namespace(z).where(there, z, 0), base, factors), y, there


def _weigh(v: Float[Array, "b d"], there: Any, weight: Any) -> Float[Array, "b d"]:
    """Rows times their weights, 0 for those that do not count."""
    v = v if weight is None else v * weight[:, None]
    return v if there is None else namespace(v).where(there, v, 0)


def _add_by_class(sums: Any, values: Array, y: Int[Array, " b"], c: int) -> Array:
    """The sums by class so far and those of a block; JAX adds its rows to them in place."""
    if c == 1:
        return sums + namespace(values).sum(values, axis=0)[None]
    if is_jax_array(values):
        return sums.at[y].add(values)
    return sums + segment_sum(values, y, c)


def _class_sums(relative: Any, rows: Any, keep: Bool[Array, " n"], c: int) -> Float[Array, "c d"]:
    """Weighted sums by class of the rows, each relative to its anchor."""

    def add(sums: list[Any], rows: Any, keep: Array) -> list[Array]:
        v, y, there = relative(rows, keep)
        return [_add_by_class(sums[0], _weigh(v, there, rows[2]), y, c)]

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
        v, y, there = relative(rows, keep)
        weight = None if rows[2] is None else namespace(v).sqrt(rows[2])
        r = _weigh(v - (centre if c == 1 else centre[y]), there, weight)
        spread = _add_by_class(sums[0], row_squares(r), y, c)
        return [spread, sums[1] + multiply(r)] if product else [spread]

    if not is_jax_array(centre):
        # The product of one array with itself, which BLAS does in half of the work.
        multiply = lambda r: dot(r.T, r)  # noqa: E731
        found = add([0.0, 0.0], rows, keep)
        return found[0], found[1] if product else None
    from gramax.arrays.mesh import mirrored, over_blocks
    from gramax.arrays.mesh import symmetric_product as multiply

    d = centre.shape[1]
    found = total(over_blocks(add, [(c,), (d, d)][: 1 + product], rows, keep))
    return found[0], mirrored(found[1]) if product else None


def _counted(
    place: Int[Array, " n"], c: int, like: Float[Array, "2 r"], total: Callable[[Any], Any]
) -> tuple[Float[Array, "2 c"], Float[Array, "2 r"]]:
    """Rows in each of the places 0..c-1 and c..c+r-1, as high and low parts as `like` has them.

    They are counted as integers, exact to 2³¹ rows: sums of float32 ones end at 2²⁴.
    """
    xp, dtype = namespace(place), like.dtype
    counts = total(segment_sum(xp.ones_like(place), place, c + like.shape[1]))
    high = xp.astype(counts, dtype)
    exact = xp.stack([high, xp.astype(counts - xp.astype(high, counts.dtype), dtype)])
    return exact[:, :c], exact[:, c:]


def _weighed(
    keep: Bool[Array, " n"],
    weight: Float[Array, " n"],
    y: Int[Array, " n"],
    like: Float[Array, "2 c"],
    total: Callable[[Any], Any],
) -> Float[Array, "2 c"]:
    """Weight of each class: rows of weight 1 exactly, and the sum of all other weights."""
    xp, c = namespace(weight), like.shape[1]
    alone = xp.where(keep & (weight == 1), y, -1)
    exact, _ = _counted(alone, c, like[:, :0], total)
    rest = total(segment_sum(xp.where(keep & (weight != 1), weight, 0.0), y, c))
    return add_exact(exact, xp.stack([rest, 0 * rest]))


def _places(
    y: Int[Array, " n"], length: Float[Array, " n"], weight: Any, c: int, moments: Sums
) -> Int[Array, " n"]:
    """The class of each row; or c and why it is left out, a place in `class_moments.REASONS`.

    Rows of weight 0 do not exist, and are in no place: beyond both.
    """
    xp = namespace(length)
    place = xp.where(length == 0, c + 3, y) if moments.normalize else y
    place = xp.where(xp.isfinite(length), place, c + 2)
    place = xp.where((y < 0) | (y >= c), c + 1, place)
    place = xp.where(y == -1, c, place)
    return place if weight is None else xp.where(weight > 0, place, c + len(moments.left_out[0]))


def _anchors(
    moments: Sums,
    z: Float[Array, "n d"],
    place: Int[Array, " n"],
    axis_name: AxisName | None,
) -> Float[Array, "c d"]:
    """A class without rows is anchored at its first row here, of the first shard with one."""
    xp, n = namespace(z), z.shape[0]
    first = first_places(place, moments.num_classes)
    found = first < n
    row = take_rows(z, xp.where(found, first, 0))
    if axis_name is not None:
        from gramax.arrays.mesh import first_of_shards

        found, row = first_of_shards(found, row, axis_name)
    begins = (moments.counts == 0) & found
    return xp.where(begins[:, None], row, moments.anchor)
