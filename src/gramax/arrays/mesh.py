"""What is JAX's alone: loops over tiles that are compiled once, shards, and devices of a mesh.

Every shard works on its own rows and the shards meet in a few sums; tiles of pairs are dealt over
the devices of a mesh, each of which holds all rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float, Int

from gramax.arrays.namespace import is_traced

AxisName = str | tuple[str, ...]

GROUPS = "gramax.groups"
"""The axis over which `in_groups` sums."""


# -- rows over devices --------------------------------------------------------------------------


def over_devices(
    add: Callable[..., Any], state: Any, rows: tuple[Any, ...], axis_name: AxisName | None
) -> Any:
    """`add(state, *rows, axis_name)` of rows however they lie: on one device, or cut over many.

    Args:
        add: sums over `axis_name` where that is not None, and gives the same on every shard.
        state: the same on every device.
        rows: arrays `[n, ...]`, or None.
        axis_name: inside `shard_map` or `vmap`, the axis over which the rows are cut.
    """
    z = rows[0]
    sharding = jax.typeof(z).sharding
    if axis_name is None and sharding.spec[0] is not None:
        return _in_shards(add, state, rows, sharding)
    groups = _groups(z)
    if axis_name is None and groups > 1:
        return _in_groups(add, state, rows, groups)
    return add(state, *rows, axis_name)


def _groups(z: Float[Array, "n d"]) -> int:
    """Groups of rows to sum apart, so that a block of rows never spans two devices.

    While JAX traces, an array may lie on any of the devices.
    """
    if jax.sharding.get_abstract_mesh().manual_axes:
        return 1
    known = not is_traced(z) and z.is_fully_addressable
    return math.gcd(z.shape[0], len(z.sharding.device_set) if known else jax.device_count())


def _in_shards(add: Any, state: Any, rows: Any, sharding: Any) -> Any:
    """Under explicit axes, where the type of the rows says how they are cut."""
    cut = PartitionSpec(sharding.spec[0])
    to = NamedSharding(sharding.mesh, cut)
    rows = jax.tree.map(lambda a: jax.sharding.reshard(a, to), rows)
    mapped = jax.shard_map(
        lambda state, *rows: add(state, *rows, sharding.spec[0]),
        mesh=sharding.mesh,
        in_specs=(PartitionSpec(), *(cut for _ in rows)),
        out_specs=PartitionSpec(),
    )
    return mapped(state, *rows)


def _in_groups(add: Any, state: Any, rows: Any, groups: int) -> Any:
    """Under automatic axes: one group of rows a device, side by side, and sums over the groups."""
    rows = jax.tree.map(lambda a: a.reshape(groups, -1, *a.shape[1:]), rows)
    mapped = jax.vmap(
        lambda state, *rows: add(state, *rows, GROUPS),
        in_axes=(None, *(0 for _ in rows)),
        out_axes=None,
        axis_name=GROUPS,
    )
    return mapped(state, *rows)


def total(tree: Any, axis_name: AxisName | None) -> Any:
    """Sums over the shards, where there are any."""
    return tree if axis_name is None else jax.lax.psum(tree, axis_name)


def first_of_shards(
    found: Bool[Array, " c"], row: Float[Array, "c d"], axis_name: AxisName
) -> tuple[Bool[Array, " c"], Float[Array, "c d"]]:
    """The rows of the first shard that found one a class: c rows go over the network, not n."""
    shards = jax.lax.axis_size(axis_name)
    owner = jax.lax.pmin(jnp.where(found, jax.lax.axis_index(axis_name), shards), axis_name)
    mine = found & (owner == jax.lax.axis_index(axis_name))
    return owner < shards, total(jnp.where(mine[:, None], row, 0), axis_name)


# -- tiles over devices -------------------------------------------------------------------------


def on_every_device(x: Float[Array, "c d"], mesh: Mesh | None) -> Float[Array, "c d"]:
    """The rows, all of them on every device of a mesh."""
    return x if mesh is None else jax.device_put(x, NamedSharding(mesh, PartitionSpec()))


def fold_tiles(
    step: Callable[[Any, Any, Int[Array, " t"], Int[Array, " t"]], Any],
    rows: Any,
    carry: Any,
    starts: np.ndarray,
    tile: int,
    merge: Callable[[Any, Any], Any] | None = None,
    mesh: Mesh | None = None,
) -> Any:
    """`carry = step(rows, carry, rows of a tile, columns of it)` over tiles, in one compiled loop.

    With a mesh every device takes every p-th tile from `carry` on; `merge` joins what two of them
    found (`carry` adds nothing to it). A gradient computes each tile anew, and keeps none.
    """

    @jax.checkpoint
    def one(rows: Any, carry: Any, row: Any, column: Any) -> Any:
        return step(rows, carry, row + jnp.arange(tile), column + jnp.arange(tile))

    if mesh is not None:
        return _dealt(one, rows, carry, starts, merge, mesh)
    at = jnp.asarray(starts)
    return jax.lax.fori_loop(0, len(starts), lambda i, c: one(rows, c, *at[i]), carry)


def _dealt(one: Any, rows: Any, carry: Any, starts: np.ndarray, merge: Any, mesh: Mesh) -> Any:
    far = -len(starts) % mesh.size
    dealt = np.pad(starts, ((0, far), (0, 0)), constant_values=-1)
    dealt = jnp.asarray(dealt.reshape(-1, mesh.size, 2).swapaxes(0, 1))
    axes = mesh.axis_names

    def of_device(dealt: Array, rows: Any, carry: Any) -> Any:
        mine = dealt[jax.lax.axis_index(axes)]

        def next_tile(i: Any, carry: Any) -> Any:
            row, column = mine[i]
            return jax.lax.cond(row >= 0, lambda: one(rows, carry, row, column), lambda: carry)

        found = jax.lax.fori_loop(0, len(mine), next_tile, carry)
        parts = jax.lax.all_gather(found, axes)
        return reduce(merge, (jax.tree.map(lambda v, k=k: v[k], parts) for k in range(mesh.size)))

    spec = PartitionSpec()
    return partial(jax.shard_map, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)(
        of_device
    )(dealt, rows, carry)


def exponent_alone(x: Array) -> Array:
    """The largest power of two up to each positive `x`: its bits without those of the mantissa."""
    about = jnp.finfo(x.dtype)
    bits = jnp.dtype(f"int{about.bits}")
    mask = np.array(-1 << about.nmant, bits)
    whole = jax.lax.bitcast_convert_type(x, bits) & mask
    return jax.lax.bitcast_convert_type(whole, x.dtype)


# -- blocks of rows -----------------------------------------------------------------------------

BLOCK_ROWS, WIDE_BLOCK_ROWS = 512, 1 << 15
"""Rows worked on at a time: on a CPU a block and its copies stay in a core's cache, and elsewhere
it fills the device. Sums over the blocks keep the digits that one sum over all rows would lose."""

ALIGNED_ROWS = 64
"""Blocks have a multiple of so many rows: products of an odd number take a tenth longer."""

TERMS = 2048
"""Rows that one sum of products runs over. An accelerator may add them one after the other: 23 to
77 units of rounding are measured for 65,536 rows (NVIDIA H200)."""


def over_blocks(step: Callable[..., Any], carry: Any, rows: Any) -> Any:
    """`carry = step(carry, block, new)` over blocks of the rows, a tree of arrays `[n, ...]`.

    Blocks are of one size. `new` marks the rows of a block not seen before: where n is no multiple
    of the size, the last block starts early.
    """
    n = len(jax.tree.leaves(rows)[0])
    limit = BLOCK_ROWS if jax.default_backend() == "cpu" else WIDE_BLOCK_ROWS
    count = -(-n // limit)
    if count <= 1:
        return step(carry, rows, jnp.ones(n, bool))
    even = -(-n // count)
    size = min(n, even + -even % ALIGNED_ROWS)

    def body(i: Any, carry: Any) -> Any:
        start = jnp.minimum(i * size, n - size)
        block = jax.tree.map(lambda a: jax.lax.dynamic_slice_in_dim(a, start, size), rows)
        return step(carry, block, start + jnp.arange(size) >= i * size)

    return jax.lax.fori_loop(0, count, body, carry)


def symmetric_product(x: Float[Array, "n d"], strips: int = 3) -> list[Array]:
    """xᵀx on and above its diagonal, as strips of rows: two thirds of the work of all of it.

    The products of `TERMS` rows are summed apart, as far as their sums take no more memory than
    the rows do. Without the barrier XLA may make one sum over all rows of it again.
    """
    n, d = x.shape
    width = -(-d // strips)
    parts = min(-(-n // TERMS), n // d)
    if parts > 1:
        x = jnp.pad(x, ((0, -n % parts), (0, 0))).reshape(parts, -1, d)
    products = [
        jnp.matmul(x[..., i : i + width].mT, x[..., i:], precision=jax.lax.Precision.HIGHEST)
        for i in range(0, d, width)
    ]
    if parts <= 1:
        return products
    return [jnp.sum(p, axis=0) for p in jax.lax.optimization_barrier(products)]


def join_strips(strips: list[Array]) -> Float[Array, "d d"]:
    """The symmetric matrix whose upper strips `symmetric_product` gave."""
    d = strips[0].shape[1]
    upper = jnp.concatenate([jnp.pad(s, ((0, 0), (d - s.shape[1], 0))) for s in strips])
    return jnp.triu(upper) + jnp.triu(upper, 1).T
