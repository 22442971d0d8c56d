"""Lengths, displacements, sums and small linear algebra on every array library."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests import field
from tests.libraries.libraries import every_library

from gramax.arrays import linalg, mesh, namespace, pairs
from gramax.arrays import rows as row_functions
from gramax.moments.update import add_exact, displacement

X = np.random.default_rng(5).normal(size=(6, 3))


def scales(library):
    return (1.0, 1e-300, 1e300, 1e-304) if library.dtype == "float64" else (1.0, 1e-30, 1e30, 1e-35)


@every_library
def test_norms_and_directions_at_any_scale(library):
    x = X.copy()
    x[2] = 0
    length = np.linalg.norm(x, axis=1)
    for scale in scales(library):
        norms = library.run(row_functions.norms, x * scale)[:, 0]
        np.testing.assert_allclose(norms / scale, length, rtol=1e-5)
        unit = library.run(row_functions.unit_rows, x * scale)
        right = x / np.where(length > 0, length, 1)[:, None]
        np.testing.assert_allclose(unit, right, rtol=1e-5, atol=1e-7)


@every_library
def test_rows_that_are_not_finite_show(library):
    x = X.copy()
    x[1, 0], x[2, 1] = np.nan, np.inf
    found = library.run(row_functions.norms, x)[:, 0]
    assert np.isnan(found[1])
    assert np.isinf(found[2])
    assert np.isnan(library.run(row_functions.unit_rows, x)[1]).all()


@every_library
def test_displacement_is_the_difference_of_directions(library):
    anchor = np.random.default_rng(6).normal(size=(6, 3)) * 10.0 ** np.arange(6)[:, None]
    lengths = [np.linalg.norm(v, axis=1, keepdims=True) for v in (X, anchor)]
    arrays = X, lengths[0], anchor, lengths[1]
    found = library.run(lambda *v: displacement(*v, True), *arrays)
    right = field.unit(X) - field.unit(anchor)
    np.testing.assert_allclose(found, right, atol=library.tolerance)
    found = library.run(lambda *v: displacement(*v, False), *arrays)
    np.testing.assert_allclose(found, X - anchor, rtol=1e-6)
    for zero in (1, 3):  # what has no direction
        some = [0 * a if i == zero else a for i, a in enumerate(arrays)]
        assert np.isfinite(library.run(lambda *v: displacement(*v, True), *some)).all()


@every_library
def test_displacement_keeps_the_digits_of_close_rows(library):
    x = X.astype(np.float32)
    near = (x + 1e-5 * np.random.default_rng(7).normal(size=x.shape)).astype(np.float32)
    lengths = [np.linalg.norm(v.astype(float), axis=1, keepdims=True) for v in (near, x)]
    found = library.run(lambda *v: displacement(*v, True), near, lengths[0], x, lengths[1])
    right = field.unit(near) - field.unit(x)
    np.testing.assert_allclose(found, right, atol=1e-3 * np.abs(right).max())


@every_library
def test_powers_of_two(library):
    x = np.array([[0.71], [1.0], [1.41], [1.42], [3.0], [0.2], [0.0], [np.inf]])
    right = [[1], [1], [1], [2], [4], [0.25], [1], [1]]
    np.testing.assert_array_equal(library.run(row_functions.power_of_two, x), right)


@every_library
def test_quotients_and_roots_at_0(library):
    part, whole = np.array([3.0, 3, 3, 0, 1, np.nan]), np.array([2.0, -0.5, 0, 0, np.nan, 0])
    found = library.run(linalg.ratio, part, whole)
    np.testing.assert_array_equal(found, [1.5, -6, 3, 0, np.nan, np.nan])
    x = np.array([4.0, 0.25, 0, -1, np.nan, np.inf])
    found = library.run(linalg.safe_sqrt, x)
    np.testing.assert_array_equal(found, [2, 0.5, 0, np.nan, np.nan, np.inf])


@every_library
def test_sums_of_two_floats_are_exact(library):
    large = 2.0**24 if library.dtype == "float32" else 2.0**53

    def total(terms):
        sums = 0 * terms[0]
        for i in range(6):
            sums = add_exact(sums, terms[i])
        return sums

    terms = np.array([large, 1, 1, 1, -large, 2.0**-20])
    found = library.run(total, np.stack([terms, 0 * terms], axis=1)[..., None])
    assert np.sum(found.astype(float)) == 3 + 2.0**-20


@every_library
@pytest.mark.parametrize("count", [4, 100])
def test_sums_by_class_and_first_rows(library, count):
    index = np.array([0, 2, 2, -1, 0, count])  # two belong nowhere
    right = np.zeros((count, 3))
    right[0], right[2] = X[0] + X[4], X[1] + X[2]
    found = library.run(lambda x, i: namespace.segment_sum(x, i, count), X, index)
    np.testing.assert_allclose(found, right, rtol=1e-6)
    found = library.run(lambda i: namespace.first_places(i, count), np.abs(index[1:]))
    np.testing.assert_array_equal(found[:4], [3, 2, 0, 5])
    np.testing.assert_array_equal(
        library.run(lambda i: namespace.first_places(i, 1), index + 1), [3]
    )


@every_library
def test_the_largest_and_the_order(library):
    x = np.array([[3.0, 1, 4, 1, 5], [2.0, 7, 1, 8, 0]])
    values, places = library.run(lambda x: namespace.top_k(x, 3), x)
    np.testing.assert_array_equal(values, [[5, 4, 3], [8, 7, 2]])
    np.testing.assert_array_equal(places, [[4, 2, 0], [3, 1, 0]])
    keys = np.array([1, 0, 1, 0]), np.array([2, 2, 1, 2])
    found = library.run(lambda *k: namespace.lexsort(k), *keys)
    np.testing.assert_array_equal(found, np.lexsort(keys))


@every_library
@pytest.mark.parametrize("shape", [(6, 3), (3, 3), (2, 5)])
def test_principal_axes(library, shape):
    x = np.random.default_rng(8).normal(size=shape)
    values, axes = library.run(linalg.principal_axes, x)
    np.testing.assert_allclose(values, np.linalg.svd(x, compute_uv=False), rtol=library.tolerance)
    np.testing.assert_allclose((axes.T * values**2) @ axes, x.T @ x, atol=10 * library.tolerance)


@every_library
def test_what_counts_as_rounding(library):
    unit = float(np.finfo(library.dtype).eps)
    found = library.run(linalg.significant, np.array([1.0, 63 * unit, 65 * unit, 0.0]))
    np.testing.assert_array_equal(found, [True, False, True, False])


def test_the_derivative_of_equal_eigenvalues():
    tangent = jnp.diag(jnp.arange(3.0))
    np.testing.assert_allclose(jax.jvp(linalg.eigvalsh, (jnp.eye(3),), (tangent,))[1], [0, 1, 2])


# -- what is JAX's alone ------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "size"), [(3, 3), (5, 5), (6, 3), (12, 6), (17, 6)])
def test_blocks_show_every_row_once(monkeypatch, n, size):
    monkeypatch.setattr(mesh, "BLOCK_ROWS", 5)
    monkeypatch.setattr(mesh, "ALIGNED_ROWS", 3)
    sizes = []

    def see(sums, block, keep):
        sizes.append(len(block))
        return [sums[0].at[block].add(keep)]

    rows = jnp.arange(n)
    np.testing.assert_array_equal(mesh.over_blocks(see, [(n,)], rows, rows >= 0)[0], 1)
    assert set(sizes) == {size}


@pytest.mark.parametrize(("n", "d", "parts"), [(5, 1, 2), (5, 7, 1), (16, 2, 4), (23, 2, 6)])
def test_symmetric_products_of_many_rows_are_summed_apart(monkeypatch, n, d, parts):
    monkeypatch.setattr(mesh, "TERMS", 4)
    x = np.random.default_rng(9).normal(size=(n, d)).astype(np.float32)
    found = mesh.mirrored(mesh.symmetric_product(jnp.asarray(x)))
    np.testing.assert_allclose(found, x.T @ x, rtol=1e-5, atol=1e-5)
    program = str(jax.make_jaxpr(mesh.symmetric_product)(x))
    assert ("optimization_barrier" in program) == (parts > 1)


# -- pairs --------------------------------------------------------------------------------------


@every_library
@pytest.mark.parametrize("side", [1024, 3])
def test_sums_over_pairs_by_tiles(library, side, monkeypatch):
    monkeypatch.setattr(pairs, "TILE_SIDE", side)
    x = np.random.default_rng(0).normal(size=(11, 3)) * np.linspace(0.1, 1, 11)[:, None]
    x[5] = 0
    exists = np.arange(11) != 5
    inner = field.off_pairs(x[exists] @ x[exists].T)
    found = library.run(lambda x, e: pairs.squared_gaps(x, e, 0.3), x, exists)
    np.testing.assert_allclose(found, np.sum((inner - 0.3) ** 2), rtol=library.tolerance)
    found = library.run(pairs.potential, x)
    np.testing.assert_allclose(found, np.sum((x @ x.T) ** 2), rtol=library.tolerance)


@every_library
@pytest.mark.parametrize("side", [1024, 3])
def test_the_worst_pairs_and_their_ties(library, side, monkeypatch):
    """Pairs that are alike come by index, whatever tile they are in; absent rows in none."""
    monkeypatch.setattr(pairs, "TILE_SIDE", side)
    x = np.concatenate([X[:3], -2 * X[:3], 3 * X[:1], 0 * X[:1]])
    x[2, 0] = np.nan
    found, cosines = library.run(lambda x: pairs.largest(x, 30), x)
    np.testing.assert_array_equal(found[:4], [[0, 3], [0, 6], [1, 4], [3, 6]])
    np.testing.assert_array_equal(cosines[:4], [-1, 1, -1, -1])
    np.testing.assert_array_equal(found[15:], -1)
    assert np.isnan(cosines[15:]).all()
    found, _ = library.run(lambda x: pairs.largest(x, 30), np.eye(8, 3))
    np.testing.assert_array_equal(found[:4], [[0, 1], [0, 2], [1, 2], [-1, -1]])


def test_a_simplex_among_many_absent_codes_keeps_its_digits():
    x = np.zeros((200, 16), np.float32)
    x[::50] = 4 * np.eye(4, 16) - np.pad(np.ones((4, 4)), ((0, 0), (0, 12)))
    x[::50] /= np.linalg.norm(x[0])
    exists = jnp.arange(200) % 50 == 0
    assert abs(jax.jit(pairs.squared_gaps)(x, exists, -1 / 3)) < 1e-12
