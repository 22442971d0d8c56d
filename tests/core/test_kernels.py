"""Kernels, lengths and small linear algebra against their definitions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gramax.arrays.resolution import settled
from tests import field

from gramax.arrays import kernels, linalg, pairs
from gramax.arrays import rows as sphere


def same(found, right, **how):
    np.testing.assert_allclose(found, right, **{"rtol": 1e-12, "atol": 1e-14, **how})


@pytest.fixture
def x(rng):
    return rng.normal(size=(6, 3))


# -- sphere -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1e-300, 1e300, 1e-304])
def test_norms_and_directions_at_any_scale(x, scale):
    x[2] = 0
    length = np.linalg.norm(x, axis=1)
    same(sphere.norms(jnp.asarray(x * scale))[:, 0] / scale, length, rtol=1e-8)
    unit = x / np.where(length > 0, length, 1)[:, None]
    same(sphere.unit_rows(jnp.asarray(x * scale)), unit, rtol=1e-8)


def test_rows_that_are_not_finite_show(x):
    x[1, 0], x[2, 1] = np.nan, np.inf
    found = sphere.norms(jnp.asarray(x))[:, 0]
    assert np.isnan(found[1])
    assert np.isinf(found[2])
    assert np.isnan(sphere.unit_rows(jnp.asarray(x))[1]).all()


def test_the_gradient_of_a_norm_is_the_direction_and_0_at_0():
    slope = jax.grad(lambda x: jnp.sum(sphere.norms(x)))
    same(slope(jnp.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]])


def test_normalised_rows_and_class_means(x):
    same(sphere.l2_normalize(x, 0.5), x / (np.linalg.norm(x, axis=1, keepdims=True) + 0.5))
    same(sphere.l2_normalize(x), field.unit(x), rtol=1e-7)
    same(sphere.gram(x), field.unit(x) @ field.unit(x).T, rtol=1e-6)
    y = np.array([0, 1, 1, 3, 0, -1])
    means = [field.unit(x)[y == k].sum(axis=0) for k in (0, 1, 3)]
    right = np.zeros((4, 3))
    right[[0, 1, 3]] = field.unit(means)
    same(sphere.class_means(x, y, 4), right, rtol=1e-7)
    beyond = jax.vmap(lambda y: sphere.class_means(x, y, 4))(jnp.where(y == -1, 4, y)[None])[0]
    same(beyond, right, rtol=1e-7)  # out of range, where labels cannot be seen
    with pytest.raises(ValueError, match="at least 1"):
        sphere.class_means(x, y, 0)


# -- displacement -------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1e-170, 1e170])
def test_displacement_is_the_difference_of_directions(rng, x, scale):
    anchor = rng.normal(size=(6, 3)) * 10.0 ** np.arange(6)[:, None]
    length, radius = (jnp.linalg.norm(v, axis=1, keepdims=True) for v in (x, anchor))
    found = kernels.displacement(scale * x, scale * length, anchor / scale, radius / scale, True)
    same(found, field.unit(x) - field.unit(anchor), rtol=1e-10)
    same(kernels.displacement(x, length, anchor, radius, False), x - anchor)


def test_displacement_keeps_the_digits_of_close_rows(rng, x):
    """In float64 the difference of the directions themselves would have 4 digits left."""
    step = 1e-12 * rng.normal(size=x.shape)
    near = x + step
    t, r = near - x, np.linalg.norm(x, axis=1, keepdims=True)
    p = x / r
    right = (t - p * np.sum(p * t, axis=1, keepdims=True)) / r  # to first order in t
    found = kernels.displacement(near, jnp.linalg.norm(near, axis=1, keepdims=True), x, r, True)
    same(found, right, rtol=1e-9, atol=1e-22)


def test_displacement_of_what_has_no_direction_is_finite(x):
    zero, one = jnp.zeros((6, 1)), jnp.ones((6, 1))
    for length, radius in ((zero, one), (one, zero), (one * jnp.inf, one)):
        assert np.isfinite(kernels.displacement(x, length, x, radius, True)).all()


def test_powers_of_two():
    x = jnp.array([[0.71], [1.0], [1.41], [1.42], [3.0], [0.2], [1e300]])
    right = [[1], [1], [1], [2], [4], [0.25], [2.0**997]]
    np.testing.assert_array_equal(kernels.power_of_two(x), right)
    same(np.log2(right[-1]), np.round(np.log2(1e300)))


# -- sums ---------------------------------------------------------------------------------------


def test_sums_of_two_floats_are_exact():
    total = jnp.zeros((2, 1), jnp.float32)
    for term in (2.0**24, 1.0, 1.0, 1.0, -(2.0**24), 2.0**-20):
        total = kernels.add_exact(total, jnp.array([[term], [0.0]], jnp.float32))
    assert np.sum(np.asarray(total, float)) == 3 + 2.0**-20
    low = kernels.add_exact(total, jnp.array([[2.0**25], [0.5]], jnp.float32))
    assert np.sum(np.asarray(low, float)) == 2.0**25 + 3.5 + 2.0**-20
    assert low[0, 0] + low[1, 0] == low[0, 0]


def test_tallies():
    keep, y = jnp.array([1, 1, 0, 1, 1], bool), jnp.array([0, 2, 2, 2, 0])
    weight = jnp.array([1.0, 0.5, 7.0, 1.0, 2.25])

    def counts(keep, weight):
        return kernels.tally(keep, weight, y, 3, jnp.float64, lambda v: v)

    same(counts(keep, None), [[2, 0, 2], [0, 0, 0]])
    same(jnp.sum(counts(keep, weight), axis=0), [3.25, 0, 1.5])
    many = kernels.tally(keep, None, y, 3, jnp.float32, lambda v: v * (2**24 + 1))
    np.testing.assert_array_equal(
        np.sum(np.asarray(many, float), axis=0), [2**25 + 2, 0, 2**25 + 2]
    )
    np.testing.assert_array_equal(many[0], [2.0**25, 0, 2.0**25])
    many = kernels.tally(keep, weight, y, 3, jnp.float32, lambda v: v * (2**24 + 1))
    assert np.sum(np.asarray(many, float), axis=0)[2] == 1.5 * (2**24 + 1)


@pytest.mark.parametrize(("n", "size"), [(3, 3), (5, 5), (6, 3), (12, 6), (15, 6), (17, 6)])
def test_blocks_show_every_row_once(monkeypatch, n, size):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    monkeypatch.setattr(kernels, "BLOCK", 5)
    monkeypatch.setattr(kernels, "ALIGNED", 3)
    sizes = []

    def step(seen, block, new):
        sizes.append(len(block))
        return seen.at[block].add(new)

    seen = kernels.over_blocks(step, jnp.zeros(n), jnp.arange(n))
    np.testing.assert_array_equal(seen, 1)
    assert set(sizes) == {size}


def test_an_accelerator_works_on_more_at_a_time(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    assert (kernels.block_limit(), pairs.tile_side(10**5), pairs.tile_side(7)) == (512, 1024, 7)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert (kernels.block_limit(), pairs.tile_side(10**5), pairs.tile_side(7)) == (1 << 15, 4096, 7)


@pytest.mark.parametrize("d", [1, 2, 3, 7])
def test_symmetric_products_by_strips(rng, d):
    x = rng.normal(size=(5, d))
    strips = kernels.product_upper(jnp.asarray(x))
    assert len(strips) == -(-d // -(-d // 3))
    same(kernels.join_upper(strips), x.T @ x)


@pytest.mark.parametrize(("n", "parts"), [(4, 1), (5, 2), (16, 4), (17, 5), (23, 6)])
def test_products_of_many_rows_are_summed_apart(rng, monkeypatch, n, parts):
    """In parts of at most four rows, and no more parts than there are rows for their sums."""
    monkeypatch.setattr(kernels, "TERMS", 4)
    x = jnp.asarray(rng.normal(size=(n, 2)))
    same(kernels.join_upper(kernels.product_upper(x)), np.asarray(x).T @ np.asarray(x))
    program = str(jax.make_jaxpr(kernels.product_upper)(x))
    assert (f"[{parts},1,2]" in program) == ("optimization_barrier" in program) == (parts > 1)
    wide = str(jax.make_jaxpr(kernels.product_upper)(jnp.ones((n, n))))  # no room for sums
    assert "optimization_barrier" not in wide


# -- linear algebra -----------------------------------------------------------------------------


def test_eigenvalues_and_their_derivative(rng):
    a, b = rng.normal(size=(2, 4, 4))
    a, b = a + a.T, b + b.T
    values, moved = jax.jvp(linalg.eigvalsh, (a,), (b,))
    right, vectors = np.linalg.eigh(a)
    same(values, right)
    same(moved, np.diag(vectors.T @ b @ vectors), rtol=1e-9)
    same(jax.jvp(linalg.eigvalsh, (jnp.eye(3),), (jnp.diag(jnp.arange(3.0)),))[1], [0, 1, 2])


def test_directions_on_the_host():
    x = np.array([[3.0, 4.0], [0.0, 0.0], [-2.0, 0.0]])
    for scale in (1e-30, 1.0, 1e30):
        found = sphere.directions((scale * x).astype(np.float32))
        same(found, [[0.6, 0.8], [0, 0], [-1, 0]], rtol=1e-6)
    assert np.isnan(sphere.directions(np.array([[np.nan, 1.0], [np.inf, 1.0]]))).any(axis=1).all()
    assert sphere.directions(np.zeros((0, 2))).shape == (0, 2)


def test_what_counts_as_rounding():
    eps = np.finfo(float).eps
    values = jnp.array([2.0, 127 * eps, 129 * eps, 0.0])
    np.testing.assert_array_equal(linalg.significant(values), [True, False, True, False])
    found = settled(jnp.array([2.0, 15 * eps, 17 * eps]), 8 * eps)
    np.testing.assert_array_equal(found, [2, 0, 17 * eps])


@pytest.mark.parametrize("shape", [(6, 3), (3, 3), (2, 5)])
def test_compression_keeps_the_square(rng, shape):
    x = rng.normal(size=shape)
    small = np.asarray(linalg.compressed(jnp.asarray(x)))
    assert small.shape == (min(shape), shape[1])
    same(small.T @ small, x.T @ x)
    values, axes = linalg.principal_axes(jnp.asarray(x))
    same(values, np.linalg.svd(x, compute_uv=False))
    same((axes.T * values**2) @ axes, x.T @ x)


def test_singular_values_of_rows_on_a_scatter(rng):
    x, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
    x_dot, b_dot = rng.normal(size=(3, 4)), rng.normal(size=(4, 4))
    a, a_dot = b @ b.T, b_dot @ b_dot.T
    values, moved = jax.jvp(linalg.singular_values, (x, a, 1e-15), (x_dot, a_dot, 0.0))

    def right(t):
        u, v = x + t * x_dot, a + t * a_dot
        return np.sqrt(np.linalg.eigvalsh(u.T @ u + v))

    same(values, right(0.0), rtol=1e-10)
    same(moved, (right(1e-5) - right(-1e-5)) / 2e-5, rtol=1e-6)
    small = linalg.singular_values, (0.01 * x, 1e-4 * a, 1e-15), (0.01 * x_dot, 1e-4 * a_dot, 0.0)
    same(jax.jvp(*small)[1], 0.01 * moved, rtol=1e-9)
    flat = linalg.singular_values(jnp.eye(4)[:1], jnp.zeros((4, 4)), 1e-15)
    np.testing.assert_array_equal(flat, [0, 0, 0, 1])
