"""Rows into moments: on one device, on the shards of one array, or inside `shard_map`.

Every shard works on its own rows and the shards meet in a few sums: the rows that anchor new
classes, counts, class sums, spreads, and the scatter. All shards measure from the same anchors and
the same centres, so a sum over shards is as exact as one over blocks. These sums carry
2·c·d + d² numbers over the network, and no rows but one a class, its anchor.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float, Int

from gramax.arrays import checks
from gramax.arrays.kernels import (
    add_exact,
    displacement,
    join_upper,
    over_blocks,
    product_upper,
    tally,
)
from gramax.arrays.rows import norms

if TYPE_CHECKING:
    from gramax.moments.class_moments import ClassMoments

IGNORED, OUT_OF_RANGE, NOT_FINITE, NO_DIRECTION = range(4)
REASONS = ("ignored_label", "label_out_of_range", "not_finite_row", "zero_row")
"""Why a row was left out; the places in `ClassMoments.left_out`."""

AxisName = str | tuple[str, ...]

GROUPS = "gramax.groups"
"""The axis over which `_in_groups` sums."""


def shard_groups(z: Float[Array, "n d"]) -> int:
    """Groups of rows to sum apart, so that a block of rows never spans two devices.

    While JAX traces, an array may lie on any of the devices.
    """
    if jax.sharding.get_abstract_mesh().manual_axes:
        return 1
    known = checks.is_concrete(z)
    return math.gcd(z.shape[0], len(z.sharding.device_set) if known else jax.device_count())


@partial(jax.jit, static_argnames=("groups", "axis_name"))
def add_rows(
    moments: ClassMoments,
    z: Float[Array, "n d"],
    y: Int[Array, " n"],
    weight: Float[Array, " n"] | None,
    groups: int,
    axis_name: AxisName | None,
) -> ClassMoments:
    """The moments with the rows added; over `axis_name`, with those of every shard."""
    sharding = jax.typeof(z).sharding
    if axis_name is None and sharding.spec[0] is not None:
        return _in_shards(moments, z, y, weight, sharding)
    if axis_name is None and groups > 1:
        return _in_groups(moments, z, y, weight, groups)
    return _add(moments, z, y, weight, axis_name)


def _in_shards(moments: Any, z: Any, y: Any, weight: Any, sharding: Any) -> ClassMoments:
    """Under explicit axes, where the type of `z` says how its rows are cut."""
    rows = PartitionSpec(sharding.spec[0])
    cut = NamedSharding(sharding.mesh, rows)
    z, y, weight = jax.tree.map(lambda a: jax.sharding.reshard(a, cut), (z, y, weight))
    add = jax.shard_map(
        partial(_add, axis_name=sharding.spec[0]),
        mesh=sharding.mesh,
        in_specs=(PartitionSpec(), rows, rows, rows),
        out_specs=PartitionSpec(),
    )
    return add(moments, z, y, weight)


def _in_groups(moments: Any, z: Any, y: Any, weight: Any, groups: int) -> ClassMoments:
    """Under automatic axes: one group of rows a device, side by side, and sums over the groups."""
    rows = jax.tree.map(lambda a: a.reshape(groups, -1, *a.shape[1:]), (z, y, weight))
    add = partial(_add, axis_name=GROUPS)
    return jax.vmap(add, in_axes=(None, 0, 0, 0), out_axes=None, axis_name=GROUPS)(moments, *rows)


def _add(
    moments: ClassMoments,
    z: Float[Array, "n d"],
    y: Int[Array, " n"],
    weight: Float[Array, " n"] | None,
    axis_name: AxisName | None,
) -> ClassMoments:
    c, dtype, tiny = moments.num_classes, moments.mean.dtype, jnp.finfo(moments.mean.dtype).tiny
    total = partial(_total, axis_name=axis_name)
    length = norms(z)
    exists = jnp.ones(len(z), bool) if weight is None else weight > 0
    reason = _reasons(y, length.ravel(), c, moments.normalize)
    keep = exists & (reason < 0)
    y = jnp.where(keep, y, 0)
    rows = (z, length, y, keep, weight)
    # Zeros that differ from shard to shard as far as JAX's types go, as what is added to them does.
    zeros = partial(jnp.full, fill_value=(y[0] * 0).astype(dtype))

    anchor = _anchors(moments, z, y, keep, axis_name)
    relative = partial(_relative, anchor, norms(anchor), moments.normalize)
    added = tally(keep, weight, y, c, dtype, total)
    count = add_exact(moments.count, added)
    batch = jnp.maximum(added[0], tiny)
    share = batch / jnp.maximum(count[0], tiny)
    sums = total(over_blocks(partial(_add_sums, relative), zeros(moments.mean.shape), rows))
    shift = jnp.where((added[0] > 0)[:, None], sums / batch[:, None] - moments.mean, 0)
    # 1 - sqrt(1 - share), without cancellation where the batch is a small share of the class.
    centre = moments.mean + (share / (1 + jnp.sqrt(jnp.maximum(1 - share, 0))))[:, None] * shift

    shapes = () if moments.scatter is None else jax.eval_shape(product_upper, z)
    start = [zeros(s.shape) for s in shapes], zeros(c)
    strips, spread = total(over_blocks(partial(_add_scatter, relative, centre), start, rows))
    refused = tally(exists & (reason >= 0), None, reason, 4, dtype, total)
    return replace(
        moments,
        count=count,
        anchor=anchor,
        mean=moments.mean + share[:, None] * shift,
        spread=moments.spread + spread,
        scatter=None if moments.scatter is None else moments.scatter + join_upper(strips),
        left_out=add_exact(moments.left_out, refused),
    )


def _relative(
    anchor: Float[Array, "c d"],
    radius: Float[Array, "c 1"],
    normalize: bool,
    rows: Any,
    new: Bool[Array, " b"],
) -> tuple[Float[Array, "b d"], Int[Array, " b"], Float[Array, "b 1"]]:
    """Rows from the anchors of their classes, labels, and weights: 0 for rows left out."""
    z, length, y, keep, weight = rows
    keep, base = keep & new, anchor[y]
    v = displacement(jnp.where(keep[:, None], z, base), length, base, radius[y], normalize)
    w = keep if weight is None else jnp.where(keep, weight, 0)
    return v, y, w.astype(v.dtype)[:, None]


def _add_sums(relative: Any, sums: Float[Array, "c d"], *block: Any) -> Float[Array, "c d"]:
    v, y, w = relative(*block)
    return sums.at[y].add(v * w)


def _add_scatter(relative: Any, centre: Float[Array, "c d"], carry: Any, *block: Any) -> Any:
    strips, spread = carry
    v, y, w = relative(*block)
    r = (v - centre[y]) * jnp.sqrt(w)
    spread = spread.at[y].add(jnp.sum(r * r, axis=1))
    return [s + p for s, p in zip(strips, product_upper(r) if strips else [], strict=True)], spread


def _total(tree: Any, axis_name: AxisName | None) -> Any:
    """Sums over the shards, where there are any."""
    return tree if axis_name is None else jax.lax.psum(tree, axis_name)


def _reasons(
    y: Int[Array, " n"], length: Float[Array, " n"], c: int, normalize: bool
) -> Int[Array, " n"]:
    """Why each row is left out, or -1."""
    return jnp.select(
        [y == -1, (y < 0) | (y >= c), ~jnp.isfinite(length), normalize & (length == 0)],
        [IGNORED, OUT_OF_RANGE, NOT_FINITE, NO_DIRECTION],
        -1,
    )


def _anchors(
    moments: ClassMoments,
    z: Float[Array, "n d"],
    y: Int[Array, " n"],
    keep: Bool[Array, " n"],
    axis_name: AxisName | None,
) -> Float[Array, "c d"]:
    """A class without rows so far is anchored at its first row here, of the first shard with one.

    That shard alone puts the row into a sum: over the network go c rows, not n.
    """
    n = len(z)
    first = jax.ops.segment_min(jnp.where(keep, jnp.arange(n), n), y, moments.num_classes)
    found = first < n
    row = z[jnp.minimum(first, n - 1)]
    if axis_name is not None:
        shard = jax.lax.axis_index(axis_name)
        owner = jax.lax.pmin(jnp.where(found, shard, jax.lax.axis_size(axis_name)), axis_name)
        mine = found & (owner == shard)
        row = _total(jnp.where(mine[:, None], row, 0), axis_name)
        found = owner < jax.lax.axis_size(axis_name)
    begins = (moments.counts == 0) & found
    return jnp.where(begins[:, None], row, moments.anchor)
