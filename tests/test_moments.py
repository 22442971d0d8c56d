"""`ClassMoments`: merge laws, precision near collapse and under offsets, exact counts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gramax
from gramax.arrays.mesh import symmetric_product
from gramax.moments import ClassMoments
from gramax.training import measure
from tests import transcription as seed
from tests.test_seed import clouds


def merged(parts):
    total, *rest = parts
    for part in rest:
        total = total.merge(part)
    return total


def assert_same_moments(got, expected):
    """But for the anchors, which are the first rows that each has seen."""
    for name in ("count", "spread", "scatter"):
        np.testing.assert_allclose(getattr(got, name), getattr(expected, name), rtol=1e-4)


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
    ("offset", "noise"), [(0, 1e-2), (0, 1e-5), (0, 1e-6), (1e4, 1.0), (1e4, 1e-3)]
)
@pytest.mark.parametrize("parts", [1, 6])
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
    if offset == 0:  # the depths that are promised
        assert 0 < true < 2 * noise**2


def test_weights_are_checked():
    z, y = clouds(4, 60, 5, 4)
    with pytest.raises(ValueError, match="row 3: weight -1"):
        ClassMoments.empty(4, 5).update(z, y, np.where(np.arange(60) == 3, -1, 1))


def test_rows_and_weights_are_counted_past_two_to_the_24():
    n = 2**24 + 3
    y, weight = np.zeros(n, np.int8), np.ones(n, np.float32)
    y[-1], weight[-4:-1] = 1, (0, 0.5, 0.25)
    moments = ClassMoments.empty(2, 1, normalize=False, scatter=False)
    moments = moments.update(jnp.zeros((n, 1), jnp.float16), y, weight)
    assert moments.counts.dtype == np.float32
    exact = np.asarray(moments.count, np.float64).sum(axis=0)
    np.testing.assert_array_equal(exact, [n - 4 + 0.75, 1])
    doubled = moments.merge(moments)
    np.testing.assert_array_equal(np.asarray(doubled.count, np.float64).sum(axis=0), 2 * exact)


def test_inside_jit_scan_and_vmap():
    batches = [clouds(s, 60, 5, 4) for s in range(3)]
    z, y = jnp.stack([b[0] for b in batches]), jnp.stack([b[1] for b in batches])
    whole = ClassMoments.of(z.reshape(-1, 5), y.reshape(-1), 4)
    start = jax.tree.map(jnp.asarray, ClassMoments.empty(4, 5, dtype=np.float32))

    @jax.jit
    def every(start, z, y):
        scanned, _ = jax.lax.scan(lambda m, b: (m.update(*b), None), start, (z, y))
        apart = jax.vmap(lambda z, y: ClassMoments.of(z, y, 4))(z, y)
        return scanned, apart, jax.vmap(lambda m: gramax.report(m)["effective_rank"])(apart)

    scanned, apart, numbers = every(start, z, y)
    assert_same_moments(scanned, whole)
    parts = [jax.tree.map(lambda v, i=i: np.asarray(v)[i], apart) for i in range(3)]
    assert_same_moments(merged(parts), whole)
    ranks = [
        gramax.report(ClassMoments.of(*map(np.asarray, b), 4))["effective_rank"] for b in batches
    ]
    np.testing.assert_allclose(numbers, ranks, rtol=1e-4)


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
    for sizes, kept in (((4, 4), {}), ((3, 5), {}), ((3, 4), {"normalize": False}),
                        ((3, 4), {"scatter": False})):  # fmt: skip
        with pytest.raises(ValueError, match="must agree"):
            a.merge(ClassMoments.empty(*sizes, **kept))


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
    one = str(jax.make_jaxpr(symmetric_product)(z[:8])).count("dot_general")
    assert products == one  # the strips of one symmetric product


def test_empty_takes_no_bad_sizes():
    for bad in (0, -1, 2.5):
        with pytest.raises(ValueError, match="number of classes"):
            ClassMoments.empty(bad, 3)
