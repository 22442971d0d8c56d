"""The worst pairs of a codebook, exactly, with most tiles ruled out by a cheap bound.

Tiles of the upper triangle are taken in turn. A tile is worked through in full precision only where
its bound (`gramax.arrays.screening`) reaches the k-th largest |cosine| found so far: the numbers
are those of a sweep that leaves nothing out. A bound that rules out too few tiles is no longer
asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float, Int

from gramax.arrays import pairs, screening, ties
from gramax.arrays.rows import unit_rows
from gramax.arrays.screening import Screen
from gramax.arrays.ties import Found

TRIALS = 8
"""Tiles, for each of the k pairs, in which a bound may fail; beyond, it must rule out half."""


class Worst(NamedTuple):
    """The k worst pairs, and how they were found.

    Attributes:
        pairs: rows (a, b), a < b, of the largest |cosine| first; pairs that rounding does not tell
            apart (`gramax.arrays.ties`) come by index. (-1, -1) where there are fewer than k pairs.
        cosines: theirs, with sign; NaN where there is no pair. Those within rounding of ±1 are ±1,
            and tie.
        tiles: tiles in all; ruled out by the bound in leading axes; and in all axes.
    """

    pairs: Int[Array, "k 2"]
    cosines: Float[Array, " k"]
    tiles: Int[Array, " 3"]


class _State(NamedTuple):
    """What a sweep carries.

    Attributes:
        best: the k largest so far.
        tied: the first k by index that tie with the last of them; none where ties do not matter.
        asked: how often each bound was asked; ruled: how often it ruled a tile out.
    """

    best: Found
    tied: Found
    asked: Int[Array, " 2"]
    ruled: Int[Array, " 2"]


class _Rows(NamedTuple):
    """What the tiles are made from, padded to whole tiles."""

    x: Float[Array, "c d"]
    exists: Bool[Array, " c"]
    screens: tuple[Screen, ...]
    least: Float[Array, ""]


def same(x: Float[Array, "c d"]) -> float:
    """|cosines| of unit rows above 1 minus this are 1: rounding does not tell them apart."""
    return float(jnp.finfo(x.dtype).eps) * (4 + x.shape[1] ** 0.5)


def largest(
    x: Float[Array, "c d"],
    k: int,
    mesh: Mesh | None = None,
    screened: bool = True,
    by_index: bool = True,
) -> Worst:
    """The `k` pairs of rows with the largest |cosine|; zero rows and rows with NaN are left out.

    Args:
        x: `[c, d]` rows of any length.
        k: how many.
        mesh: deal the tiles over its devices; each holds all rows.
        screened: whether to rule out tiles by bounds; changes no number.
        by_index: take pairs that tie by index; else by the last bits of their |cosines|.
    """
    x = unit_rows(x)
    finite = jnp.all(jnp.isfinite(x), axis=1)
    exists = finite & pairs.present(x)
    usable = jax.lax.stop_gradient(jnp.where(finite[:, None], x, 0))
    tile = pairs.tile_side(len(x))
    starts = tile * pairs.tile_starts(-(-len(x) // tile))
    rows = _rows(usable, exists, k, tile, screened and _worth_a_screen(len(starts), k))
    zeros = jnp.zeros(2, jnp.int32)
    start = _State(ties.none(k, x.dtype), ties.none(k * by_index, x.dtype), zeros, zeros)
    found = pairs.over_tiles(starts, _fold(tile), rows, start, _merge, mesh)
    where = ties.settled(found.best, found.tied) if by_index else found.best.where
    cosines = _cosines(x, where)
    order = ties.in_order(jnp.abs(cosines), where)
    tiles = jnp.concatenate([jnp.asarray([len(starts)], jnp.int32), found.ruled])
    return Worst(where[order], cosines[order], tiles)


def _cosines(x: Float[Array, "c d"], where: Int[Array, "k 2"]) -> Float[Array, " k"]:
    """Cosines of pairs of unit rows, whatever tile they were found in; they have a gradient."""
    left, right = where.T
    cosines = jnp.sum(x[left] * x[right], axis=1)
    cosines = jnp.where(jnp.abs(cosines) > 1 - same(x), jnp.sign(cosines), cosines)
    return jnp.where(ties.exist(where), cosines, jnp.nan)


def _worth_a_screen(tiles: int, k: int) -> bool:
    """Whether there are so many tiles that a screen may rule out more than it costs to make."""
    return tiles > 2 * TRIALS * (k + 1)


def _worth_leading_axes(dim: int) -> bool:
    """Whether a product in the leading axes costs a small part of that in all of them."""
    return dim >= 4 * screening.AXES


def _worth_asking(asked: Array, ruled: Array, k: int) -> Bool[Array, ""]:
    """Whether a bound that was asked so often has ruled out enough of the tiles."""
    return 2 * ruled + TRIALS * (k + 1) >= asked


def _rows(x: Array, exists: Array, k: int, tile: int, screened: bool) -> _Rows:
    screens, least = (), jnp.full((), -1, jnp.float32)
    if screened:
        screens = (screening.in_all_axes(x),)
    if screened and _worth_leading_axes(x.shape[1]):
        screens = (screening.in_leading_axes(x), *screens)
        least = screening.head_start(x, screens[0], k)
    x, exists, screens = jax.tree.map(
        lambda v: pairs.whole_tiles(v, tile) if v.ndim else v, (x, exists, screens)
    )
    return _Rows(x, exists, screens, least)


def _fold(tile: int) -> Callable[[_Rows, _State, Any, Any], _State]:
    def fold(rows: _Rows, state: _State, row: Any, column: Any) -> _State:
        k = len(state.best.size)
        reach = jnp.maximum(state.best.size[-1], rows.least) - ties.width(rows.x.dtype)
        reach = jnp.minimum(reach.astype(jnp.float32), 1 - same(rows.x))
        needed, asked, ruled = jnp.asarray(True), state.asked, state.ruled
        for level, screen in enumerate(rows.screens, start=2 - len(rows.screens)):
            ask = needed & (row != column) & _worth_asking(asked[level], ruled[level], k)
            out = jax.lax.cond(
                ask,
                lambda screen=screen: screening.bound(screen, row, column, tile) < reach,
                lambda: jnp.asarray(False),
            )
            needed &= ~out
            asked, ruled = asked.at[level].add(ask), ruled.at[level].add(out)
        state = state._replace(asked=asked, ruled=ruled)
        return jax.lax.cond(needed, lambda: _add(rows, state, row, column, tile), lambda: state)

    return fold


def _add(rows: _Rows, state: _State, row: Any, column: Any, tile: int) -> _State:
    """The state with the pairs of one tile."""
    k = len(state.best.size)
    cosines, pair = pairs.tile_products(rows.x, rows.exists, row, column, tile)
    size = jnp.where(pair, jnp.abs(cosines), -1)
    size = jnp.where(size > 1 - same(rows.x), 1, size)
    corner = jnp.stack([row, column])
    best = ties.largest(k, state.best, _top(size, size, k, corner))
    if not len(state.tied.size):
        return state._replace(best=best)
    level = best.size[-1]
    near = (jnp.abs(size - level) <= ties.width(size.dtype)).astype(size.dtype)
    fresh = jax.lax.cond(
        jnp.any(near),
        lambda: _top(near, size, k, corner),
        lambda: ties.none(min(k, tile * tile), size.dtype),
    )
    return state._replace(best=best, tied=ties.first(k, level, state.tied, state.best, fresh))


def _top(key: Float[Array, "t t"], size: Float[Array, "t t"], k: int, corner: Array) -> Found:
    """The k entries of a tile with the largest keys, ties by index.

    They lie in the k rows with the largest maxima: no sort of the whole tile.
    """
    tile = len(key)
    some = jnp.sort(jax.lax.top_k(jnp.max(key, axis=1), min(k, tile))[1])
    _, flat = jax.lax.top_k(key[some].ravel(), min(k, some.size * tile))
    left, right = some[flat // tile], flat % tile
    found = size[left, right]
    where = corner + jnp.stack([left, right], axis=1)
    return Found(found, jnp.where(found[:, None] >= 0, where, -1))


def _merge(a: _State, b: _State) -> _State:
    k = len(a.best.size)
    best, tied = ties.largest(k, a.best, b.best), a.tied
    if len(tied.size):
        tied = ties.first(k, best.size[-1], a.tied, b.tied, a.best, b.best)
    return _State(best, tied, a.asked + b.asked, a.ruled + b.ruled)
