"""Reductions over pairs, against all pairs at once."""

import jax
import jax.numpy as jnp
import numpy as np
from tests import field
from tests.core.codebook import THERE, C

from gramax.arrays import pairs


def test_folding_shows_every_pair_once_with_its_place(codes, tile):
    gram = np.zeros((C, C))
    gram[np.ix_(THERE, THERE)] = field.unit(codes[THERE]) @ field.unit(codes[THERE]).T
    side = min(C, pairs.TILE)

    def step(seen, cosines, pair, row, column):
        at = row + jnp.arange(side)[:, None], column + jnp.arange(side)
        return seen.at[at].add(jnp.where(pair, cosines, 0))

    seen = pairs.reduce_pairs(jnp.asarray(codes), step, jnp.zeros((C + 4, C + 4)))
    np.testing.assert_allclose(seen[:C, :C], np.triu(gram, 1), atol=1e-14)
    assert not np.any(seen[C:])
    assert not np.any(seen[:, C:])


def test_sums_over_pairs(codes, tile):
    x, exists = jnp.asarray(codes), jnp.asarray(THERE)
    np.testing.assert_array_equal(pairs.present(x), THERE)
    inner = (codes[THERE] @ codes[THERE].T)[np.triu_indices(C - 1, 1)]
    np.testing.assert_allclose(
        pairs.squared_gaps(x, exists, 0.3), np.sum((inner - 0.3) ** 2), rtol=1e-10
    )  # in closed form: 10 codes in 3 dimensions
    some = jnp.asarray(THERE & (np.arange(C) < 7))  # 6 codes: one by one
    inner = (codes[some] @ codes[some].T)[np.triu_indices(6, 1)]
    np.testing.assert_allclose(
        pairs.squared_gaps(x, some, 0.3), np.sum((inner - 0.3) ** 2), rtol=1e-12
    )
    np.testing.assert_allclose(
        pairs.squared_gaps(x[:5], exists[:5], -1.0),
        np.sum(((codes[:4] @ codes[:4].T)[np.triu_indices(4, 1)] + 1) ** 2),
        rtol=1e-12,
    )
    assert pairs.pair_count(exists, jnp.float64) == 45
    np.testing.assert_allclose(pairs.potential(x), np.sum((codes @ codes.T) ** 2), rtol=1e-12)
    np.testing.assert_allclose(pairs.potential(x.T), np.sum((codes @ codes.T) ** 2), rtol=1e-12)
    sums = np.zeros(C)
    sums[THERE] = np.abs(field.cosines(codes[THERE])).sum(axis=1)
    np.testing.assert_allclose(pairs.row_sums(x), sums, rtol=1e-12)


def test_closed_forms_of_the_gaps_are_told_apart(monkeypatch):
    """2d codes are taken one by one, 2d + 1 together: a simplex must keep its digits."""
    called = []
    real = pairs.reduce_products
    monkeypatch.setattr(pairs, "reduce_products", lambda *a: called.append(1) or real(*a))
    for count, one_by_one in ((6, True), (7, False)):
        called.clear()
        with jax.disable_jit():
            pairs.squared_gaps(jnp.ones((9, 3)), jnp.arange(9) < count, 0.0)
            assert bool(called) == one_by_one
            called.clear()
            pairs.squared_gaps(jnp.ones((count, 3)), jnp.ones(count, bool), 0.0)
            assert bool(called) == one_by_one


def test_distances_of_close_rows(codes, tile):
    codes[7] = codes[6] * (1 + 1e-9)
    gaps = field.squared_distances(codes[THERE])[np.triu_indices(C - 1, 1)]

    def step(state, d2, pair, *_):
        total, least = state
        return total + jnp.sum(jnp.where(pair, d2, 0)), jnp.minimum(
            least, jnp.min(jnp.where(pair, d2, jnp.inf))
        )

    total, least = pairs.reduce_distances(
        jnp.asarray(codes), jnp.asarray(THERE), step, (jnp.zeros(()), jnp.asarray(jnp.inf))
    )
    np.testing.assert_allclose(total, gaps.sum(), rtol=1e-12)
    np.testing.assert_allclose(least, gaps.min(), rtol=1e-6)
    quick = jnp.zeros((2, 3))
    far = pairs.where_close(jnp.ones((2, 4)), jnp.zeros((3, 4)), quick, jnp.asarray(False))
    near = pairs.where_close(jnp.ones((2, 4)), jnp.zeros((3, 4)), quick, jnp.asarray(True))
    np.testing.assert_array_equal([far, near], [quick, quick + 4])


def test_differences_are_taken_below_a_sixteenth(monkeypatch):
    took, original = [], pairs.where_close
    monkeypatch.setattr(pairs, "where_close", lambda *v: took.append(bool(v[3])) or original(*v))
    for gap in (0.36, 0.35):  # 0.36² = 0.130 of 1 + 1, 0.35² = 0.123
        a = jnp.array([[1.0, 0.0]])
        b = jnp.array([[1.0 - gap**2 / 2, (gap**2 - gap**4 / 4) ** 0.5]])
        with jax.disable_jit():
            found = pairs._squared_distances(a, b, jnp.array([[True]]))
            pairs._squared_distances(a, b, jnp.array([[False]]))
        np.testing.assert_allclose(found, [[gap**2]], rtol=1e-10)
    assert took == [False, False, True, False]


def test_devices_are_dealt_all_tiles(codes, monkeypatch):
    """Over as many as there are: one in most runs, two in those of mutants."""
    monkeypatch.setattr(pairs, "TILE", 2)
    count = jax.device_count()
    mesh = jax.make_mesh((count,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    with jax.disable_jit(False):
        np.testing.assert_allclose(
            pairs.row_sums(jnp.asarray(codes), mesh), pairs.row_sums(jnp.asarray(codes)), rtol=1e-12
        )
