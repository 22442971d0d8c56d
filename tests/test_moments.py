"""`ClassMoments`: merge laws, precision near collapse and under offsets, exact counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gramax
from gramax.arrays.mesh import symmetric_product
from gramax.moments import ClassMoments
from gramax.moments.update import add_exact
from gramax.training import measure
from tests import transcription as seed
from tests.test_seed import clouds


def merged(parts):
    total, *rest = parts
    for part in rest:
        total = total.merge(part)
    return total


def assert_same_numbers(got, expected):
    got, expected = gramax.report(got), gramax.report(expected)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-5, atol=2e-6, err_msg=name)


both_libraries = pytest.mark.parametrize("array", [np.asarray, jnp.asarray], ids=["numpy", "jax"])


@both_libraries
@pytest.mark.parametrize("normalize", [True, False])
def test_empty_is_neutral(array, normalize):
    z, y = clouds(0, 60, 5, 6)
    z = array(z)
    some = ClassMoments.of(z, y % 4, 6, normalize=normalize)  # two classes absent
    empty = ClassMoments.empty(6, 5, normalize=normalize)
    for both in (some.merge(empty), empty.merge(some), some.update(z[:0], y[:0])):
        for got, expected in zip(jax.tree.leaves(both), jax.tree.leaves(some), strict=True):
            np.testing.assert_array_equal(got, expected)


# At an offset of 1e4 float32 itself rounds rows to 1e-3: less noise than that is none.
@pytest.mark.parametrize(
    ("offset", "noise"), [(0, 1e-2), (0, 1e-5), (0, 1e-6), (1e4, 1.0), (1e4, 1e-2), (1e4, 1e-3)]
)
@pytest.mark.parametrize("parts", [1, 6, 60])
@both_libraries
def test_collapse_ratio_of_float32_rows(array, offset, noise, parts):
    z, y = clouds(8, 1200, 32, 6, spread=noise, offset=offset)
    true, total = seed.collapse_ratio(z, y, 6, eps=0), seed.total_scatter(z, eps=0)
    pieces = np.array_split(np.arange(1200), parts)
    got = merged([ClassMoments.of(array(z[p]), y[p], 6) for p in pieces])
    streamed = ClassMoments.empty(6, 32)
    for p in pieces:
        streamed = streamed.update(array(z[p]), y[p])
    # The seed adds 1e-8 to the total scatter, which an offset of 1e4 makes as small as that.
    for moments in (got, streamed):
        found = measure(moments, ("collapse_ratio",))["collapse_ratio"]
        np.testing.assert_allclose(found, true * total / (total + 1e-8), rtol=1e-4)
    if offset == 0:
        assert true < 2 * noise**2


def test_true_ratios_reach_the_depths_that_are_promised():
    for noise, most in ((1e-5, 2e-10), (1e-6, 2e-12)):
        z, y = clouds(8, 1200, 32, 6, spread=noise)
        assert 0 < seed.collapse_ratio(z, y, 6, eps=0) < most


@pytest.mark.parametrize("normalize", [True, False])
def test_scatter_is_the_pooled_scatter(normalize):
    z, y = clouds(2, 3000, 7, 5)
    rows = seed.unit(z, 0) if normalize else z.astype(np.float64)
    residual = rows - np.stack([rows[y == k].mean(axis=0) for k in range(5)])[y]
    got = ClassMoments.of(jnp.asarray(z), y, 5, normalize=normalize)
    np.testing.assert_allclose(got.scatter, residual.T @ residual, rtol=2e-5, atol=1e-4)
    np.testing.assert_allclose(jnp.trace(got.scatter), got.spread.sum(), rtol=1e-5)


def test_weights_are_checked():
    z, y = clouds(4, 60, 5, 4)
    with pytest.raises(ValueError, match="row 3: weight -1"):
        ClassMoments.empty(4, 5).update(z, y, np.where(np.arange(60) == 3, -1, 1))


def test_counts_are_exact_past_two_to_the_24():
    n = 2**24 + 3
    moments = ClassMoments.empty(2, 1, normalize=False)
    y = np.zeros(n, np.int8)
    y[-1] = 1
    moments = moments.update(jnp.zeros((n, 1), jnp.float16), y)
    assert moments.counts.dtype == np.float32
    for _ in range(3):
        moments = moments.update(jnp.zeros((1, 1)), np.zeros(1, int))
    exact = np.asarray(moments.count, np.float64).sum(axis=0)
    np.testing.assert_array_equal(exact, [n - 1 + 3, 1])
    doubled = moments.merge(moments)
    np.testing.assert_array_equal(np.asarray(doubled.count, np.float64).sum(axis=0), 2 * exact)


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=30))
def test_add_exact_is_exact(values):
    total = jnp.zeros((2, 1))
    for v in values:
        high = np.float32(v)
        low = np.float32(v - int(high))
        total = jax.jit(add_exact)(total, jnp.asarray([[high], [low]]))
    kept = sum(int(np.float32(v)) + int(np.float32(v - int(np.float32(v)))) for v in values)
    assert int(np.float64(total[0, 0]) + np.float64(total[1, 0])) == kept


def test_inside_jit_scan_and_vmap():
    batches = [clouds(s, 60, 5, 4) for s in range(6)]
    z, y = jnp.stack([b[0] for b in batches]), jnp.stack([b[1] for b in batches])
    whole = ClassMoments.of(z.reshape(-1, 5), y.reshape(-1), 4)
    start = jax.tree.map(jnp.asarray, ClassMoments.empty(4, 5, dtype=np.float32))
    scanned, _ = jax.lax.scan(lambda m, b: (m.update(*b), None), start, (z, y))
    assert_same_numbers(scanned, whole)
    apart = jax.vmap(lambda z, y: ClassMoments.of(z, y, 4))(z, y)
    assert_same_numbers(merged([jax.tree.map(lambda v, i=i: v[i], apart) for i in range(6)]), whole)
    numbers = jax.vmap(gramax.report)(apart)
    assert numbers["effective_rank"].shape == (6,)


def test_without_scatter_only_the_spectrum_is_missing():
    z, y = clouds(0, 60, 5, 4)
    full = gramax.report(ClassMoments.of(z, y, 4))
    traces = gramax.report(ClassMoments.of(z, y, 4, scatter=False))
    assert "effective_rank" not in traces
    assert {"collapse_ratio", "class_coherence"} <= set(traces)
    for name in traces:
        np.testing.assert_allclose(traces[name], full[name], rtol=1e-6)


def test_moments_that_differ_are_not_merged():
    a = ClassMoments.empty(3, 4)
    for b in (
        ClassMoments.empty(4, 4),
        ClassMoments.empty(3, 5),
        ClassMoments.empty(3, 4, normalize=False),
        ClassMoments.empty(3, 4, scatter=False),
    ):
        with pytest.raises(ValueError, match="must agree"):
            a.merge(b)


def test_rows_of_one_direction_and_many_lengths(rng):
    """Rows are rescaled by powers of two, so lengths of 1e-6 to 1e6 in a class cost no digits."""
    z, y = clouds(9, 60, 5, 4, spread=1e-4)
    lengths = np.exp(rng.uniform(-14, 14, 60)).astype(np.float32)
    z = z * lengths[:, None]
    got = gramax.within_class_variance(z, y, 4)
    np.testing.assert_allclose(got, seed.within_class_variance(z, y, 4, eps=0), rtol=1e-4)


def test_update_makes_one_product_of_all_rows():
    z, y = jnp.zeros((4096, 96)), jnp.zeros(4096, int)
    text = str(jax.make_jaxpr(lambda z, y: ClassMoments.empty(50, 96).update(z, y))(z, y))
    products = text.count("dot_general")
    assert products == len(symmetric_product(z[:8]))  # the strips of one symmetric product


def test_empty_takes_no_bad_sizes():
    for bad in (0, -1, 2.5):
        with pytest.raises(ValueError, match="number of classes"):
            ClassMoments.empty(bad, 3)
