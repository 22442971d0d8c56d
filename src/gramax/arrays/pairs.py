"""Reductions over all pairs of rows that hold one tile of products at a time.

A codebook of c rows has c(c-1)/2 pairs; no c×c matrix is made. Zero rows are not codes: they are
left out of every pair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gramax._shapes import Bool, Float, Int, Shaped
from gramax.arrays.namespace import (
    Array,
    cond,
    dot,
    epsilon,
    is_jax_array,
    is_numpy_array,
    lexsort,
    namespace,
    stop_gradient,
    take_rows,
    top_k,
)
from gramax.arrays.rows import present, unit_rows

TILE_SIDE, WIDE_TILE_SIDE = 1024, 4096
"""Side of a tile on a CPU, 4 to 8 MiB of cosines; on an accelerator, which those do not fill."""

CLOSE_SHARE = 1 / 16
"""A squared distance below this share of |a|² + |b|² is taken from the difference itself."""

Step = Callable[[Any, Array, Bool[Array, "s t"], Int[Array, " s"], Int[Array, " t"]], Any]
Merge = Callable[[Any, Any], Any]
Measure = Callable[[Array, Array, Array], Float[Array, "s t"]]


def tile_side(x: Shaped[Array, "c ..."]) -> int:
    """Side of the tiles of all pairs of the rows of `x`."""
    wide = TILE_SIDE
    if is_jax_array(x):
        import jax

        wide = TILE_SIDE if jax.default_backend() == "cpu" else WIDE_TILE_SIDE
    elif not is_numpy_array(x) and "cpu" not in str(x.device):
        wide = WIDE_TILE_SIDE
    return min(x.shape[0], wide)


def reduce_pairs(
    x: Float[Array, "c d"], step: Step, carry: Any, merge: Merge | None = None, mesh: Any = None
) -> Any:
    """Fold `step(carry, cosines, pair, rows, columns)` over the tiles of the upper triangle.

    Args:
        x: `[c, d]` rows of any length; their cosines are taken.
        step: folds one tile: `cosines[i, j]` is that of rows `rows[i]` and `columns[j]` of `x`,
            and `pair[i, j]` says whether it counts (rows[i] < columns[j], both rows codes). Take
            what belongs to rows by `take_rows`: some may lie past the end.
        carry: the state before the first tile.
        merge: joins the states of two devices; needed with a mesh.
        mesh: of JAX; deals the tiles over its devices, each of which holds all rows.
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


def _products(a: Array, b: Array, _: Array) -> Float[Array, "s t"]:
    return dot(a, b.T)


def _squared_distances(a: Array, b: Array, pair: Array) -> Float[Array, "s t"]:
    xp = namespace(a)
    both = xp.sum(a * a, axis=1)[:, None] + xp.sum(b * b, axis=1)
    quick = both - 2 * dot(a, b.T)
    return where_close(a, b, quick, xp.any(pair & (quick < CLOSE_SHARE * both)))


def where_close(
    a: Float[Array, "s d"], b: Float[Array, "t d"], quick: Float[Array, "s t"], close: Array
) -> Float[Array, "s t"]:
    """Squared distances: `quick` = |a|² + |b|² - 2ab, or Σ (a-b)² where close rows cancel it."""

    def direct() -> Array:
        total = quick * 0
        if is_jax_array(a):
            import jax

            def add(k: Any, total: Array) -> Array:
                return total + (a[:, k][:, None] - b[:, k]) ** 2

            return jax.lax.fori_loop(0, a.shape[1], add, total)
        for k in range(a.shape[1]):
            total = total + (a[:, k][:, None] - b[:, k]) ** 2
        return total

    return cond(close, direct, lambda: quick)


def _fold(
    x: Float[Array, "c d"],
    exists: Bool[Array, " c"],
    measure: Measure,
    step: Step,
    carry: Any,
    merge: Merge | None = None,
    mesh: Any = None,
) -> Any:
    c, tile = x.shape[0], tile_side(x)
    if not c:
        return carry
    starts = tile * tile_starts(-(-c // tile))
    if is_jax_array(x) and (len(starts) > 1 or mesh is not None):
        from gramax.arrays.mesh import fold_tiles

        def tile_step(rows: tuple[Array, Array], carry: Any, at: Array, to: Array) -> Any:
            return _tile_step(*rows, measure, step, carry, at, to)

        return fold_tiles(tile_step, (x, exists), carry, starts, tile, merge, mesh)
    xp = namespace(x)
    for row, column in starts:
        sides = (xp.arange(s, min(s + tile, c)) for s in (int(row), int(column)))
        carry = _tile_step(x, exists, measure, step, carry, *sides)
    return carry


def _tile_step(
    x: Array,
    exists: Array,
    measure: Measure,
    step: Step,
    carry: Any,
    rows: Int[Array, " s"],
    columns: Int[Array, " t"],
) -> Any:
    """One tile; JAX's are of one size, and reach past the last row, where there are no pairs."""
    own, other = take_rows(exists, rows), take_rows(exists, columns)
    pair = (rows[:, None] < columns) & own[:, None] & other & (columns < x.shape[0])
    return step(
        carry, measure(take_rows(x, rows), take_rows(x, columns), pair), pair, rows, columns
    )


def tile_starts(n: int) -> np.ndarray:
    """Tiles (row, column) of the upper triangle of n×n tiles, in the order of their pairs."""
    return np.stack(np.triu_indices(n), axis=1).astype(np.int32)


def pair_count(exists: Bool[Array, " c"], like: Array) -> Float[Array, ""]:
    """Number of pairs i < j of rows that exist, in the dtype of `like`."""
    xp = namespace(exists)
    count = xp.sum(xp.astype(exists, like.dtype))
    return count * (count - 1) / 2


def potential(x: Float[Array, "c d"]) -> Float[Array, ""]:
    """Sum of all squared inner products, |xxᵀ|²_F = |xᵀx|²_F: the smaller product is formed."""
    small = x if x.shape[0] < x.shape[1] else x.T
    return namespace(x).sum(dot(small, small.T) ** 2)


def squared_gaps(
    x: Float[Array, "c d"], exists: Bool[Array, " c"], target: Float[Array, ""] | float
) -> Float[Array, ""]:
    """Sum over pairs of (inner product - target)².

    Codes that fit may all be at the target, so their gaps are summed one by one. More than 2d codes
    cannot: there the sum is no smaller than its terms, and |xᵀx|²_F gives it without any pair.
    """
    xp = namespace(x)
    c, d = x.shape

    def one_by_one() -> Float[Array, ""]:
        def step(total: Array, products: Array, pair: Array, *_: object) -> Array:
            return total + xp.sum(xp.where(pair, (products - target) ** 2, 0.0))

        return reduce_products(x, exists, step, xp.sum(x) * 0)

    def together() -> Float[Array, ""]:
        rows = xp.where(exists[:, None], x, 0.0)
        own = xp.sum(rows * rows, axis=1)
        squares = potential(rows) - xp.sum(own * own)
        products = xp.sum(xp.sum(rows, axis=0) ** 2) - xp.sum(own)
        return squares / 2 - target * products + target**2 * pair_count(exists, x)

    if c <= 2 * d:
        return one_by_one()
    return cond(xp.sum(xp.astype(exists, x.dtype)) > 2 * d, together, one_by_one)


# -- the worst pairs ----------------------------------------------------------------------------


def rounded(sizes: Array) -> Array:
    """|cosines| rounded to 16 units of rounding: those that differ by less mostly tie.

    The codes of a simplex all have one cosine with each other, but their products differ in the
    last bits, by tile and by processor. Ties then come by index.
    """
    step = 16 * epsilon(sizes)
    return namespace(sizes).round(sizes / step) * step


def largest(
    x: Float[Array, "c d"], k: int, mesh: Any = None
) -> tuple[Int[Array, "k 2"], Float[Array, " k"]]:
    """The `k` pairs of rows with the largest |cosine|; zero rows and rows with NaN are left out.

    Args:
        x: `[c, d]` rows of any length.
        k: how many.
        mesh: of JAX; deals the tiles over its devices, each of which holds all rows.

    Returns:
        Rows (a, b), a < b, of the largest |cosine| first, and the cosines with sign, 1 or -1 where
        they are within rounding of it. |cosines| are compared as `rounded`, and those that tie
        come by index. (-1, -1) and NaN where there are fewer.
    """
    xp = namespace(x)
    x = unit_rows(x)
    finite = xp.all(xp.isfinite(x), axis=1)
    usable = stop_gradient(xp.where(finite[:, None], x, 0))

    def step(state: tuple, cosines: Array, pair: Array, rows: Array, columns: Array) -> tuple:
        sizes = xp.where(pair, rounded(xp.abs(cosines)), -1)
        return _best(k, state, _top(sizes, rows, columns, k, state[0]))

    none = xp.full((k,), -1, dtype=xp.int32) if is_jax_array(x) else xp.full((k,), -1)
    start = (xp.ones_like(x[0, 0]) * xp.full((k,), -1.0, dtype=x.dtype), none, none)
    merge = lambda a, b: _best(k, a, b)  # noqa: E731
    _, left, right = reduce_pairs(usable, step, start, merge, mesh)
    found = left >= 0
    at = xp.where(found, left, 0), xp.where(found, right, 0)
    cosines = xp.sum(xp.take(x, at[0], axis=0) * xp.take(x, at[1], axis=0), axis=1)
    one = xp.abs(cosines) > 1 - 16 * epsilon(cosines)  # two copies, up to rounding
    cosines = xp.where(one, xp.sign(cosines), cosines)
    return xp.stack([left, right], axis=1), xp.where(found, cosines, xp.nan)


def _top(sizes: Array, rows: Array, columns: Array, k: int, best: Array) -> tuple:
    """The k largest entries of a tile, ties by index: they lie in the k rows with the largest."""
    xp = namespace(sizes)
    k = min(k, sizes.shape[0] * sizes.shape[1])
    if is_jax_array(sizes):
        some = xp.sort(top_k(xp.max(sizes, axis=1), min(k, sizes.shape[0]))[1])
        found, flat = top_k(xp.reshape(sizes[some], (-1,)), min(k, some.size * sizes.shape[1]))
        left, right = some[flat // sizes.shape[1]], flat % sizes.shape[1]
    else:
        # No more than the k-th largest so far can be asked of a tile: mostly nothing is left.
        left, right = xp.nonzero(sizes >= xp.maximum(best[-1], 0.0))
        found = sizes[left, right]
        if found.shape[0] > k:
            order = lexsort((right, left, -found))[:k]
            left, right, found = left[order], right[order], found[order]
    real = found >= 0
    left, right = xp.where(real, rows[left], -1), xp.where(real, columns[right], -1)
    if is_jax_array(sizes):  # a loop carries one dtype, with 64-bit numbers or without
        left, right = xp.astype(left, xp.int32), xp.astype(right, xp.int32)
    return found, left, right


def _best(k: int, *found: tuple) -> tuple:
    """The k largest of several lists, ties by index."""
    xp = namespace(found[0][0])
    size, left, right = (xp.concat(parts) for parts in zip(*found, strict=True))
    order = lexsort((right, left, -size))[:k]
    return size[order], left[order], right[order]


def nearest_codes(codes: Float[Array, "c d"]) -> tuple[Int[Array, " c"], Float[Array, " c"]]:
    """For every code, the other code with the largest cosine, and that cosine.

    Returns:
        Indices and cosines `[c]`; -1 and NaN for a zero row and where there is no other code. Ties
        go to the lower index.
    """
    xp = namespace(codes)
    c = codes.shape[0]

    def keep(state: Any, at: Array, cosines: Array, index: Array) -> tuple[Array, Array]:
        best, who = state
        old, holder = take_rows(best, at), take_rows(who, at)
        better = (cosines > old) | ((cosines == old) & (index < holder))
        new = xp.where(better, cosines, old), xp.where(better, index, holder)
        return put(best, at, new[0]), put(who, at, new[1])

    def step(state: Any, cosines: Array, pair: Array, rows: Array, columns: Array) -> Any:
        cosines = xp.where(pair, rounded(cosines), -xp.inf)
        state = keep(state, rows, xp.max(cosines, axis=1), columns[xp.argmax(cosines, axis=1)])
        return keep(state, columns, xp.max(cosines, axis=0), rows[xp.argmax(cosines, axis=0)])

    start = xp.sum(codes, axis=1) * 0 - xp.inf, xp.arange(c) * 0 + c
    best, who = reduce_pairs(codes, step, start)
    found = xp.isfinite(best)
    return xp.where(found, who, -1), xp.where(found, best, xp.nan)


def put(x: Array, at: Int[Array, " m"], values: Array) -> Array:
    """`x` with `values` at the places `at`, those past its end left out."""
    if is_jax_array(x):
        return x.at[at].set(values, mode="drop")
    x = namespace(x).asarray(x, copy=True)
    x[at] = values
    return x


def add_at(x: Array, at: Int[Array, " m"], values: Array) -> Array:
    """`x` with `values` added at the places `at`, those past its end left out."""
    if is_jax_array(x):
        return x.at[at].add(values, mode="drop")
    x = namespace(x).asarray(x, copy=True)
    x[at] += values
    return x
