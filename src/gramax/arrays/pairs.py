"""Reductions over all pairs of rows that hold one tile of cosines at a time.

A codebook of c rows has c(c-1)/2 pairs; no c×c matrix is made. Zero rows are not codes: they are
left out of every pair.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Bool, Float, Shaped

from gramax.arrays.rows import PRECISION, unit_rows

TILE, WIDE_TILE = 1024, 4096
"""Side of a tile on a CPU, 4 MiB of float32 cosines, and on an accelerator, which those 4 MiB do
not fill."""

CLOSE = 1 / 16
"""A squared distance below this share of |a|² + |b|² is taken from the difference itself."""

Step = Callable[[Any, Float[Array, "t t"], Bool[Array, "t t"], Any, Any], Any]
Merge = Callable[[Any, Any], Any]
Measure = Callable[
    [Float[Array, "t d"], Float[Array, "t d"], Bool[Array, "t t"]], Float[Array, "t t"]
]


def tile_side(c: int) -> int:
    """Side of the tiles of all pairs of `c` rows, on the device that is JAX's default."""
    return min(c, TILE if jax.default_backend() == "cpu" else WIDE_TILE)


def whole_tiles(v: Shaped[Array, "c ..."], tile: int) -> Shaped[Array, "_ ..."]:
    """`v` with zeros after its last row, so that its rows fill tiles."""
    return jnp.pad(v, [(0, -len(v) % tile)] + [(0, 0)] * (v.ndim - 1))


def present(x: Float[Array, "c d"]) -> Bool[Array, " c"]:
    """Rows that are codes: not zero (a row with NaN counts, so that it shows in the result)."""
    return jnp.any(x != 0, axis=-1)


def reduce_pairs(
    x: Float[Array, "c d"],
    step: Step,
    carry: Any,
    merge: Merge | None = None,
    mesh: Mesh | None = None,
) -> Any:
    """Fold `step(carry, cosines, pair, row, column)` over the tiles of the upper triangle.

    Args:
        x: `[c, d]` rows of any length; their cosines are taken.
        step: folds one tile: `cosines[i, j]` is that of rows `row + i` and `column + j`, and
            `pair[i, j]` says whether it counts (i < j overall, both rows codes).
        carry: the state before the first tile.
        merge: joins the states of two devices; needed with a mesh.
        mesh: deal the tiles over its devices; each holds all rows.
    """
    x = unit_rows(x)
    return _fold(x, present(x), _products, step, carry, merge, mesh)


def reduce_products(
    x: Float[Array, "c d"], exists: Bool[Array, " c"], step: Step, carry: Any
) -> Any:
    """`reduce_pairs` over the inner products of rows as they are; `exists` says which count."""
    return _fold(x, exists, _products, step, carry)


def reduce_distances(
    x: Float[Array, "c d"], exists: Bool[Array, " c"], step: Step, carry: Any
) -> Any:
    """`reduce_pairs` over the squared distances of rows as they are, right for close rows too."""
    return _fold(x, exists, _squared_distances, step, carry)


def _products(a: Array, b: Array, _: Array) -> Float[Array, "t t"]:
    return jnp.matmul(a, b.T, precision=PRECISION)


def _squared_distances(a: Array, b: Array, pair: Array) -> Float[Array, "t t"]:
    both = jnp.sum(a * a, axis=1)[:, None] + jnp.sum(b * b, axis=1)
    quick = both - 2 * jnp.matmul(a, b.T, precision=PRECISION)
    return where_close(a, b, quick, jnp.any(pair & (quick < CLOSE * both)))


def where_close(
    a: Float[Array, "s d"], b: Float[Array, "t d"], quick: Float[Array, "s t"], close: Array
) -> Float[Array, "s t"]:
    """Squared distances: `quick` = |a|² + |b|² - 2ab, or Σ (a-b)² where close rows cancel it."""

    def direct() -> Array:
        def add(k: Any, total: Array) -> Array:
            return total + (a[:, k][:, None] - b[:, k]) ** 2

        return jax.lax.fori_loop(0, a.shape[1], add, jnp.zeros_like(quick))

    return jax.lax.cond(close, direct, lambda: quick)


def _fold(
    x: Float[Array, "c d"],
    exists: Bool[Array, " c"],
    measure: Measure,
    step: Step,
    carry: Any,
    merge: Merge | None = None,
    mesh: Mesh | None = None,
) -> Any:
    if not len(x):
        return carry
    tile = tile_side(len(x))
    x, exists = whole_tiles(x, tile), whole_tiles(exists, tile)

    @jax.checkpoint
    def fold(rows: tuple[Array, Array], carry: Any, row: Any, column: Any) -> Any:
        values, pair = _tile(*rows, measure, row, column, tile)
        return step(carry, values, pair, row, column)

    starts = tile_starts(len(x) // tile) * tile
    return over_tiles(starts, fold, (x, exists), carry, merge, mesh)


def _tile(
    x: Array, exists: Array, measure: Measure, row: Any, column: Any, tile: int
) -> tuple[Float[Array, "t t"], Bool[Array, "t t"]]:
    """The measures of one tile, and which of its entries are pairs."""
    a, b = (jax.lax.dynamic_slice_in_dim(x, at, tile) for at in (row, column))
    own, other = (jax.lax.dynamic_slice_in_dim(exists, at, tile) for at in (row, column))
    ordered = row + jnp.arange(tile)[:, None] < column + jnp.arange(tile)
    pair = ordered & own[:, None] & other
    return measure(a, b, pair), pair


def tile_products(
    x: Float[Array, "c d"], exists: Bool[Array, " c"], row: Any, column: Any, tile: int
) -> tuple[Float[Array, "t t"], Bool[Array, "t t"]]:
    """Inner products of rows `row + i` and `column + j`, and which are pairs i < j that exist."""
    return _tile(x, exists, _products, row, column, tile)


def sums(v: Float[Array, " c"], row: Any, column: Any, tile: int) -> Float[Array, "t t"]:
    """v_i + v_j for the pairs of a tile; `v` is as long as the tiles reach."""
    a, b = (jax.lax.dynamic_slice_in_dim(v, at, tile) for at in (row, column))
    return a[:, None] + b


def tile_starts(n: int) -> np.ndarray:
    """Tiles (row, column) of the upper triangle of n×n tiles, in the order of their pairs."""
    return np.stack(np.triu_indices(n), axis=1).astype(np.int32)


def over_tiles(
    starts: np.ndarray,
    fold: Callable[[Any, Any, Any, Any], Any],
    rows: Any,
    carry: Any,
    merge: Merge | None = None,
    mesh: Mesh | None = None,
) -> Any:
    """`carry = fold(rows, carry, row, column)` over tiles, dealt over the devices of a mesh.

    Every device holds all of `rows` and takes every p-th tile from `carry` on; `merge` joins what
    two of them found (`carry` adds nothing to it).
    """
    if mesh is not None:
        return _dealt(starts, fold, rows, carry, merge, mesh)
    if len(starts) == 1:
        return fold(rows, carry, 0, 0)
    at = jnp.asarray(starts)
    return jax.lax.fori_loop(0, len(starts), lambda i, carry: fold(rows, carry, *at[i]), carry)


def _dealt(
    starts: np.ndarray, fold: Callable, rows: Any, carry: Any, merge: Any, mesh: Mesh
) -> Any:
    far = -len(starts) % mesh.size
    dealt = np.pad(starts, ((0, far), (0, 0)), constant_values=-1)
    dealt = jnp.asarray(dealt.reshape(-1, mesh.size, 2).swapaxes(0, 1))
    axes = mesh.axis_names

    def of_device(dealt: Array, rows: Any, carry: Any) -> Any:
        mine = dealt[jax.lax.axis_index(axes)]

        def one(i: Any, carry: Any) -> Any:
            row, column = mine[i]
            return jax.lax.cond(row >= 0, lambda: fold(rows, carry, row, column), lambda: carry)

        found = jax.lax.fori_loop(0, len(mine), one, carry)
        parts = jax.lax.all_gather(found, axes)
        return reduce(merge, (jax.tree.map(lambda v, k=k: v[k], parts) for k in range(mesh.size)))

    return jax.shard_map(of_device, mesh=mesh, in_specs=P(), out_specs=P(), check_vma=False)(
        dealt, rows, carry
    )


def on_every_device(x: Float[Array, "c d"], mesh: Mesh | None) -> Float[Array, "c d"]:
    """The rows, all of them on every device of a mesh."""
    return x if mesh is None else jax.device_put(x, NamedSharding(mesh, P()))


def pair_count(exists: Bool[Array, " c"], dtype: Any) -> Float[Array, ""]:
    """Number of pairs i < j of rows that exist."""
    count = jnp.sum(exists).astype(dtype)
    return count * (count - 1) / 2


def row_sums(x: Float[Array, "c d"], mesh: Mesh | None = None) -> Float[Array, " c"]:
    """Sum over the other rows of the |cosine| to each row."""
    tile = tile_side(len(x))
    start = whole_tiles(jnp.zeros(len(x), x.dtype), tile)

    def step(sums: Array, cosines: Array, pair: Array, row: Any, column: Any) -> Array:
        sizes = jnp.where(pair, jnp.abs(cosines), 0)
        for start, axis in ((row, 1), (column, 0)):
            at = start + jnp.arange(tile)
            sums = sums.at[at].add(jnp.sum(sizes, axis=axis))
        return sums

    return reduce_pairs(x, step, start, jnp.add, mesh)[: len(x)]


def potential(x: Float[Array, "c d"]) -> Float[Array, ""]:
    """Sum of all squared inner products, |xxᵀ|²_F = |xᵀx|²_F: the smaller product is formed."""
    small = min(x, x.T, key=len)
    return jnp.sum(jnp.matmul(small, small.T, precision=PRECISION) ** 2)


def squared_gaps(
    x: Float[Array, "c d"], exists: Bool[Array, " c"], target: Float[Array, ""] | float
) -> Float[Array, ""]:
    """Sum over pairs of (inner product - target)².

    Codes that fit may all be at the target, so their gaps are summed one by one. More than 2d codes
    cannot: there the sum is no smaller than its terms, and |xᵀx|²_F gives it without any pair.
    """
    c, d = x.shape

    def one_by_one() -> Float[Array, ""]:
        def step(total: Array, products: Array, pair: Array, *_: object) -> Array:
            return total + jnp.sum(jnp.where(pair, (products - target) ** 2, 0))

        return reduce_products(x, exists, step, jnp.zeros((), x.dtype))

    def together() -> Float[Array, ""]:
        rows = jnp.where(exists[:, None], x, 0)
        own = jnp.sum(rows * rows, axis=1)
        squares = potential(rows) - jnp.sum(own * own)
        products = jnp.sum(jnp.sum(rows, axis=0) ** 2) - jnp.sum(own)
        return squares / 2 - target * products + target**2 * pair_count(exists, x.dtype)

    if c <= 2 * d:
        return one_by_one()
    return jax.lax.cond(jnp.sum(exists) > 2 * d, together, one_by_one)
