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

from gramax.arrays.namespace import is_traced, over_shards

AxisName = str | tuple[str, ...]

GROUPS = "gramax.groups"
"""The axis over which groups of rows are summed, one a device."""


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
    axis = sharding.spec[0]
    if axis_name is None and axis is not None:  # explicit axes: the type says how rows are cut
        cut, whole = PartitionSpec(axis), PartitionSpec()
        to = NamedSharding(sharding.mesh, cut)
        rows = jax.tree.map(lambda a: jax.sharding.reshard(a, to), rows)
        mapped = jax.shard_map(
            lambda state, *rows: add(state, *rows, axis),
            mesh=sharding.mesh,
            in_specs=(whole, *(cut for _ in rows)),
            out_specs=whole,
        )
        return mapped(state, *rows)
    groups = 1
    if axis_name is None and not jax.sharding.get_abstract_mesh().manual_axes:
        # While JAX traces, an array may lie on any of the devices.
        known = not is_traced(z) and z.is_fully_addressable
        groups = math.gcd(len(z), len(z.sharding.device_set) if known else jax.device_count())
    if groups == 1:
        return add(state, *rows, axis_name)
    # Automatic axes: a group of rows a device, so that a block of rows never spans two.
    rows = jax.tree.map(lambda a: a.reshape(groups, -1, *a.shape[1:]), rows)
    mapped = jax.vmap(
        lambda state, *rows: add(state, *rows, GROUPS),
        in_axes=(None, *(0 for _ in rows)),
        out_axes=None,
        axis_name=GROUPS,
    )
    return mapped(state, *rows)


def first_of_shards(
    found: Bool[Array, " c"], row: Float[Array, "c d"], axis_name: AxisName
) -> tuple[Bool[Array, " c"], Float[Array, "c d"]]:
    """The rows of the first shard that found one a class: c rows go over the network, not n."""
    shards, here = jax.lax.axis_size(axis_name), jax.lax.axis_index(axis_name)
    owner = jax.lax.pmin(jnp.where(found, here, shards), axis_name)
    mine = found & (owner == here)
    return owner < shards, over_shards(jnp.where(mine[:, None], row, 0), axis_name)


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
    merge: Any = None,
    mesh: Mesh | None = None,
) -> Any:
    """`carry = step(rows, carry, rows of a tile, columns of it)` over tiles, in one compiled loop.

    With a mesh every device takes every p-th tile from `carry` on; `merge` joins what two of them
    found (`carry` adds nothing to it). A gradient computes each tile anew, and keeps none.
    """

    @jax.checkpoint
    def one(rows: Any, carry: Any, row: Any, column: Any) -> Any:
        return step(rows, carry, row + jnp.arange(tile), column + jnp.arange(tile))

    if mesh is None:
        at = jnp.asarray(starts)
        return jax.lax.fori_loop(0, len(starts), lambda i, c: one(rows, c, *at[i]), carry)
    axes, spec = mesh.axis_names, PartitionSpec()
    dealt = np.pad(starts, ((0, -len(starts) % mesh.size), (0, 0)), constant_values=-1)
    dealt = jnp.asarray(dealt.reshape(-1, mesh.size, 2).swapaxes(0, 1))

    @partial(jax.shard_map, mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False)
    def of_device(dealt: Array, rows: Any, carry: Any) -> Any:
        mine = dealt[jax.lax.axis_index(axes)]

        def next_tile(i: Any, carry: Any) -> Any:
            row, column = mine[i]
            return jax.lax.cond(row >= 0, lambda: one(rows, carry, row, column), lambda: carry)

        found = jax.lax.fori_loop(0, len(mine), next_tile, carry)
        parts = jax.lax.all_gather(found, axes)
        return reduce(merge, (jax.tree.map(lambda v, k=k: v[k], parts) for k in range(mesh.size)))

    return of_device(dealt, rows, carry)


def exponent_alone(x: Array) -> Array:
    """The largest power of two up to each positive `x`: its bits without those of the mantissa."""
    about = jnp.finfo(x.dtype)
    bits = jnp.dtype(f"int{about.bits}")
    mask = np.array(-1 << about.nmant, bits)
    whole = jax.lax.bitcast_convert_type(x, bits) & mask
    return jax.lax.bitcast_convert_type(whole, x.dtype)


def inverse_exponent(power: Array) -> Array:
    """1 over powers of two: their bits taken from twice the bias. Neither may be subnormal."""
    about = jnp.finfo(power.dtype)
    bits = jnp.dtype(f"int{about.bits}")
    twice = np.array((2 - 2 * about.minexp) << about.nmant, bits)
    return jax.lax.bitcast_convert_type(
        twice - jax.lax.bitcast_convert_type(power, bits), power.dtype
    )


# -- blocks of rows -----------------------------------------------------------------------------

BLOCK_ROWS, WIDE_BLOCK_ROWS = 512, 1 << 15
"""Rows worked on at a time: on a CPU a block and its copies stay in a core's cache, and elsewhere
it fills the device. Sums over the blocks keep the digits that one sum over all rows would lose."""

ALIGNED_ROWS = 64
"""Blocks have a multiple of so many rows: products of an odd number take a tenth longer."""

TERMS = 2048
"""Rows that one sum of products runs over. An accelerator may add them one after the other: 23 to
77 units of rounding are measured for 65,536 rows (NVIDIA H200)."""


def over_blocks(
    add: Callable[[list[Array], Any, Array], list[Array]],
    shapes: list[tuple[int, ...]],
    rows: Any,
    keep: Bool[Array, " n"],
) -> list[Array]:
    """`sums = add(sums, rows, keep)` over blocks of the rows, a tree of arrays `[n, ...]`.

    The sums have these shapes and begin at 0. Blocks are of one size. Where n is no multiple of it,
    the last block starts early; the rows that it shares with the one before count in that one.
    """
    n, dtype = len(keep), jax.tree.leaves(rows)[0].dtype
    # Zeros that differ from shard to shard as far as JAX's types go, as what is added does.
    start = [jnp.full(shape, (keep[0] & False).astype(dtype)) for shape in shapes]
    count = -(-n // (BLOCK_ROWS if jax.default_backend() == "cpu" else WIDE_BLOCK_ROWS))
    if count <= 1:
        return add(start, rows, keep)
    even = -(-n // count)
    size = min(n, even + -even % ALIGNED_ROWS)

    def next_block(i: Any, sums: list[Array]) -> list[Array]:
        at = jnp.minimum(i * size, n - size)
        cut = lambda a: jax.lax.dynamic_slice_in_dim(a, at, size)  # noqa: E731
        new = at + jnp.arange(size) >= i * size
        return add(sums, jax.tree.map(cut, rows), cut(keep) & new)

    return jax.lax.fori_loop(0, count, next_block, start)


def symmetric_product(x: Float[Array, "n d"], strips: int = 3) -> Float[Array, "d d"]:
    """xᵀx on and above its diagonal, by strips of rows: two thirds of the work of all of it.

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
    if parts > 1:
        products = [jnp.sum(p, axis=0) for p in jax.lax.optimization_barrier(products)]
    return jnp.concatenate([jnp.pad(p, ((0, 0), (d - p.shape[1], 0))) for p in products])


def mirrored(upper: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """The symmetric matrix with these entries on and above its diagonal."""
    return jnp.triu(upper) + jnp.triu(upper, 1).T
