"""Reductions over all pairs of rows that hold one tile of products at a time.

A codebook of c rows has c(c-1)/2 pairs; no c×c matrix is made. Zero rows are not codes: they are
left out of every pair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gramax._shapes import Bool, Float, Int, Shaped
from gramax.arrays.linalg import safe_sqrt
from gramax.arrays.namespace import (
    Array,
    cond,
    dot,
    epsilon,
    fold,
    is_jax_array,
    is_numpy_array,
    is_torch_array,
    lexsort,
    namespace,
    stop_gradient,
    take_rows,
    top_k,
)
from gramax.arrays.rows import present, row_squares, unit_count, unit_rows

TILE_SIDE, WIDE_TILE_SIDE = 1024, 4096
"""Side of a tile on a CPU, 4 to 8 MiB of cosines; on an accelerator, which those do not fill."""

CLOSE_SHARE = 1 / 16
"""A squared distance below this share of |a|² + |b|² is taken from the difference itself."""

Step = Callable[[Any, Array, Bool[Array, "s t"], Int[Array, " s"], Int[Array, " t"]], Any]
Merge = Callable[[Any, Any], Any]
Measure = Callable[[Array, Array, Array], Float[Array, "s t"]]


def tile_side(x: Shaped[Array, "c ..."]) -> int:
    """Side of the tiles of all pairs of the rows of `x`."""
    if is_jax_array(x):
        import jax

        on_cpu = jax.default_backend() == "cpu"
    else:
        on_cpu = is_numpy_array(x) or "cpu" in str(x.device)
    return min(x.shape[0], TILE_SIDE if on_cpu else WIDE_TILE_SIDE)


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
    x: Float[Array, "c d"],
    exists: Bool[Array, " c"],
    step: Step,
    carry: Any,
    merge: Merge | None = None,
    mesh: Any = None,
) -> Any:
    """`reduce_pairs` over the inner products of rows as they are; `exists` says which count."""
    return _fold(x, exists, _products, step, carry, merge, mesh)


def reduce_distances(
    x: Float[Array, "c d"], exists: Bool[Array, " c"], step: Step, carry: Any
) -> Any:
    """`reduce_pairs` over the squared distances of rows as they are, right for close rows too."""
    return _fold(x, exists, _squared_distances, step, carry)


def _products(a: Array, b: Array, _: Array) -> Float[Array, "s t"]:
    return dot(a, b.T)


def _complex_products(a: Array, b: Array, _: Array) -> Float[Array, "s t"]:
    """|⟨a, b⟩|² of complex rows that are held as their real and then their imaginary parts."""
    d = b.shape[1] // 2
    turned = namespace(b).concat([-b[:, d:], b[:, :d]], axis=1)  # i times b
    return dot(a, b.T) ** 2 + dot(a, turned.T) ** 2


def largest_of_complex(x: Array) -> Float[Array, ""]:
    """The largest |cosine| of two complex rows, 0 of fewer; the gradient is that of the pair."""
    xp = namespace(x)
    parts = unit_rows(xp.concat([xp.real(x), xp.imag(x)], axis=1))

    def step(worst: Array, squares: Array, pair: Array, *_: object) -> Array:
        return xp.maximum(worst, xp.max(xp.where(pair, squares, 0.0)))

    start = xp.sum(parts) * 0
    squares = _fold(parts, present(parts), _complex_products, step, start)
    return xp.minimum(safe_sqrt(squares), 1.0)


def _squared_distances(a: Array, b: Array, pair: Array) -> Float[Array, "s t"]:
    both = row_squares(a)[:, None] + row_squares(b)
    quick = both - 2 * dot(a, b.T)
    close = namespace(a).any(pair & (quick < CLOSE_SHARE * both))
    return where_close(a, b, quick, close)


def where_close(
    a: Float[Array, "s d"], b: Float[Array, "t d"], quick: Float[Array, "s t"], close: Array
) -> Float[Array, "s t"]:
    """Squared distances: `quick` = |a|² + |b|² - 2ab, or Σ (a-b)² where close rows cancel it."""

    def direct() -> Array:
        add = lambda k, total: total + (a[:, k][:, None] - b[:, k]) ** 2  # noqa: E731
        return fold(a.shape[1], add, quick * 0, a)

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
    """The fold of `reduce_pairs`; JAX's tiles are of one size, so some reach past the last row."""
    c, tile = x.shape[0], tile_side(x)
    if not c:
        return carry

    def fold(carry: Any, at: Array, to: Array, rows: Any, columns: Any) -> Any:
        pair = (at[:, None] < to) & rows[1][:, None] & columns[1]
        return step(carry, measure(rows[0], columns[0], pair), pair, at, to)

    def of_tile(rows: tuple[Array, Array], carry: Any, at: Array, to: Array) -> Any:
        sides = [[take_rows(one, side) for one in rows] for side in (at, to)]
        sides[1][1] = sides[1][1] & (to < c)
        return fold(carry, at, to, *sides)

    starts = tile * np.stack(np.triu_indices(-(-c // tile)), axis=1).astype(np.int32)
    if is_jax_array(x) and (len(starts) > 1 or mesh is not None):
        from gramax.arrays.mesh import fold_tiles

        return fold_tiles(of_tile, (x, exists), carry, starts, tile, merge, mesh)
    for parts in ([slice(s, min(s + tile, c)) for s in start] for start in starts.tolist()):
        numbers = [namespace(x).arange(part.start, part.stop) for part in parts]
        carry = fold(carry, *numbers, *((x[part], exists[part]) for part in parts))
    return carry


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

        return reduce_products(x, exists, step, 0 * unit_count(x))

    def together() -> Float[Array, ""]:
        rows = xp.where(exists[:, None], x, 0.0)
        own = row_squares(rows)
        squares = potential(rows) - xp.sum(own * own)
        products = xp.sum(xp.sum(rows, axis=0) ** 2) - xp.sum(own)
        return squares / 2 - target * products + target**2 * pair_count(exists, x)

    if c <= 2 * d:
        return one_by_one()
    return cond(xp.sum(xp.astype(exists, x.dtype)) > 2 * d, together, one_by_one)


# -- the worst pairs ----------------------------------------------------------------------------


def largest_size(x: Float[Array, "c d"], mesh: Any = None) -> Float[Array, ""]:
    """The largest |cosine| of two unit rows, 1 within its rounding; NaN for one row, or of NaN."""
    xp = namespace(x)

    def step(worst: Array, cosines: Array, pair: Array, *_: object) -> Array:
        return xp.maximum(worst, xp.max(xp.where(pair, xp.abs(cosines), -1.0)))

    start = 0 * unit_count(x) - 1
    worst = reduce_products(x, present(x), step, start, xp.maximum, mesh)
    worst = xp.where(worst > 1 - 16 * epsilon(worst), 1.0, worst)
    return xp.where(worst < 0, xp.nan, worst)


def rounded(sizes: Array) -> Array:
    """|cosines| rounded to 16 units of rounding: those that differ by less mostly tie.

    The codes of a simplex all have one cosine with each other, but their products differ in the
    last bits, by tile and by processor. Ties then come by index.
    """
    step = 16 * epsilon(sizes)
    return namespace(sizes).round(sizes / step) * step


def largest(
    x: Float[Array, "c d"], k: int, mesh: Any = None, sign: int = 0
) -> tuple[Int[Array, "k 2"], Float[Array, " k"]]:
    """The `k` pairs of rows with the largest |cosine|; zero rows and rows with NaN are left out.

    Args:
        x: `[c, d]` rows of any length.
        k: how many.
        mesh: of JAX; deals the tiles over its devices, each of which holds all rows.
        sign: 1 asks for the largest cosines, -1 for the smallest, in place of the largest |cosine|.

    Returns:
        Rows (a, b), a < b, of the largest |cosine| first, and the cosines with sign, 1 or -1 where
        they are within rounding of it. |cosines| are compared as `rounded`, and those that tie
        come by index. (-1, -1) and NaN where there are fewer.
    """
    xp = namespace(x)
    x = unit_rows(x)
    finite = xp.all(xp.isfinite(x), axis=1)
    usable = stop_gradient(xp.where(finite[:, None], x, 0))

    def best(*found: tuple) -> tuple:
        size, left, right = (xp.concat(parts) for parts in zip(*found, strict=True))
        order = lexsort((right, left, -size))[:k]
        return size[order], left[order], right[order]

    def step(state: tuple, cosines: Array, pair: Array, rows: Array, columns: Array) -> tuple:
        measure = xp.abs((1 + sign * cosines) / 2 if sign else cosines)
        sizes = xp.where(pair, rounded(measure), -1)
        return best(state, _top(sizes, rows, columns, k, state[0]))

    none = xp.full((k,), -1, dtype=xp.int32) if is_jax_array(x) else xp.full((k,), -1)
    start = (xp.ones_like(x[0, 0]) * xp.full((k,), -1.0, dtype=x.dtype), none, none)
    _, left, right = reduce_pairs(usable, step, start, best, mesh)
    found = left >= 0
    at = xp.where(found, left, 0), xp.where(found, right, 0)
    cosines = xp.sum(xp.take(x, at[0], axis=0) * xp.take(x, at[1], axis=0), axis=1)
    one = xp.abs(cosines) > 1 - 16 * epsilon(cosines)  # two copies, up to rounding
    cosines = xp.where(one, xp.sign(cosines), cosines)
    return xp.stack([left, right], axis=1), xp.where(found, cosines, xp.nan)


def _top(sizes: Array, rows: Array, columns: Array, k: int, best: Array) -> tuple:
    """The k largest entries of a tile, ties by index: they lie in the k rows with the largest."""
    xp, wide = namespace(sizes), sizes.shape[1]
    if is_jax_array(sizes):
        some = xp.sort(top_k(xp.max(sizes, axis=1), min(k, sizes.shape[0]))[1])
        found, flat = top_k(xp.reshape(sizes[some], (-1,)), min(k, some.size * wide))
        left, right = some[flat // wide], flat % wide
    else:
        # No more than the k-th largest so far can be asked of a tile: mostly nothing is left.
        left, right = xp.nonzero(sizes >= xp.maximum(best[-1], 0.0))
        found = sizes[left, right]
        order = lexsort((right, left, -found))[:k]
        left, right, found = left[order], right[order], found[order]
    real = found >= 0
    left, right = xp.where(real, rows[left], -1), xp.where(real, columns[right], -1)
    if is_jax_array(sizes):  # a loop carries one dtype, with 64-bit numbers or without
        left, right = xp.astype(left, xp.int32), xp.astype(right, xp.int32)
    return found, left, right


def nearest_codes(
    codes: Float[np.ndarray, "c d"],
) -> tuple[Int[np.ndarray, " c"], Float[np.ndarray, " c"]]:
    """For every code of NumPy's, the other code with the largest cosine, and that cosine.

    Returns:
        Indices and cosines `[c]`; -1 and NaN for a zero row and where there is no other code. Ties
        go to the lower index.
    """
    x, exists, every = unit_rows(codes), present(codes), np.arange(len(codes))
    who, best = np.full(len(x), -1), np.full(len(x), -np.inf)
    for own in np.array_split(every, -(-(len(x) ** 2) // TILE_SIDE**2)):
        pair = exists[own, None] & exists & (own[:, None] != every)
        cosines = np.where(pair, rounded(x[own] @ x.T), -np.inf)
        who[own], best[own] = np.argmax(cosines, axis=1), np.max(cosines, axis=1)
    found = np.isfinite(best)
    return np.where(found, who, -1), np.where(found, best, np.nan)


def put(x: Array, at: Int[Array, " m"], values: Array) -> Array:
    """`x` with `values` at the places `at`, those past its end left out."""
    if is_jax_array(x):
        return x.at[at].set(values, mode="drop")
    x = x.clone() if is_torch_array(x) else namespace(x).asarray(x, copy=True)
    x[at] = values
    return x


def add_at(x: Array, at: Int[Array, " m"], values: Array) -> Array:
    """`x` with `values` added at the places `at`, no two alike; those past its end left out."""
    return x.at[at].add(values, mode="drop") if is_jax_array(x) else put(x, at, x[at] + values)
