"""Numbers that need the rows: alignment, uniformity, neighbours, hubs, babel, classifiers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gramax.metrics.babel import _babel, average_coherence, babel
from gramax.metrics.decisions import nc4_agreement
from gramax.metrics.hubs import _hubness, hubness
from gramax.metrics.nearest import distinct, nearest
from gramax.metrics.uniform import _uniformity, alignment, mean_cosine, uniformity

from gramax.arrays import pairs
from gramax.metrics.classifier import nc3_self_duality, nc3_uniform_duality, nc5_orthogonality
from gramax.metrics.crosstalk import coherence
from gramax.metrics.neighbours import mle_id, two_nn
from tests import field
from tests.numbers import clouds


def narrow(x):
    return np.asarray(x, np.float32)


X = narrow(np.random.default_rng(5).normal(size=(75, 3)))


def test_alignment(rng):
    x, y = narrow(rng.normal(size=(2, 40, 6)))
    for alpha in (1.0, 2.0, 3.0):
        np.testing.assert_allclose(alignment(x, y, alpha), field.alignment(x, y, alpha), rtol=1e-5)
    assert alignment(x, 3 * x) < 1e-12
    np.testing.assert_allclose(alignment(x, -x), 4, rtol=1e-6)
    x[0] = 0  # a pair without a direction is left out
    np.testing.assert_allclose(alignment(x, y), field.alignment(x[1:], y[1:]), rtol=1e-5)
    assert np.isnan(alignment(0 * x, y))
    assert np.isnan(alignment(x * np.nan, y))
    with pytest.raises(ValueError, match="two rows of each pair"):
        alignment(x, y[1:])


@pytest.mark.parametrize("t", [0.5, 2.0, 100.0])
def test_uniformity(t):
    np.testing.assert_allclose(uniformity(X, t), field.uniformity(X, t), rtol=1e-5)
    with jax.enable_x64(True):
        wide = float(uniformity(X.astype(float), t))
    np.testing.assert_allclose(wide, field.uniformity(X, t), rtol=1e-10)


def test_uniformity_at_its_ends():
    far = narrow([[1e4, 0], [0, 1e4]])  # without normalising: log(0)
    np.testing.assert_allclose(uniformity(far), -4, rtol=1e-6)
    np.testing.assert_allclose(uniformity(narrow([[1, 0], [-1, 0]]), 500.0), -2000, rtol=1e-6)
    np.testing.assert_allclose(uniformity(np.ones((9, 3), np.float32)), 0, atol=1e-6)
    assert np.isnan(uniformity(np.zeros((9, 3), np.float32)))
    assert np.isnan(uniformity(np.full((9, 3), np.nan, np.float32)))


def test_mean_cosine_of_rows(rng):
    for offset in (0, 1, 100):
        x = narrow(rng.normal(size=(300, 5)) + offset)
        np.testing.assert_allclose(mean_cosine(x), field.mean_cosine(x), rtol=1e-5, atol=1e-8)


def test_neighbours_inside_tight_clusters(rng):
    """Clusters 1e-5 wide: |a|² + |b|² - 2ab in float32 is all rounding within a cluster."""
    centres = rng.normal(size=(5, 8))
    x = narrow(np.repeat(centres, 30, axis=0)) + narrow(1e-5 * rng.normal(size=(150, 8)))
    exists = jnp.ones(150, bool)
    distances, where = nearest(jnp.asarray(x - x.mean(axis=0)), 3, exists)
    near, order = field.neighbours(x - x.mean(axis=0), 3)
    assert np.mean(np.asarray(where) == order) > 0.99
    np.testing.assert_allclose(distances, near, rtol=1e-3)


def test_the_dimension_of_a_plane_in_ten_dimensions(rng):
    """It has two, though some points come twice: their distance of 0 must not be divided by."""
    plane = rng.uniform(size=(800, 2)) @ rng.normal(size=(2, 10))
    plane = narrow(np.concatenate([plane, plane[:100]]))
    assert 1.8 < two_nn(plane) < 2.2
    harmonic = mle_id(plane, average="harmonic")
    np.testing.assert_allclose(harmonic, field.mle_id(plane[:800], 20, "harmonic"), rtol=1e-4)
    assert 1.8 < harmonic < 2.2


def test_a_hub(rng):
    """A centre is the nearest of all points of a sphere around it, in many dimensions."""
    shell = field.unit(rng.normal(size=(74, 50)))
    skewness, share = hubness(narrow(np.concatenate([np.zeros((1, 50)), shell])), 1)
    assert skewness > 8
    np.testing.assert_allclose(share, 73 / 75, atol=0.02)


def test_a_ring_has_no_hubs():
    turn = 2 * np.pi * np.arange(12) / 12
    ring = narrow(np.stack([np.cos(turn), np.sin(turn)], axis=1))
    assert tuple(hubness(ring, 2)) == (0, 0)


def test_babel_and_average_coherence():
    np.testing.assert_allclose(average_coherence(X), field.average_coherence(X), rtol=1e-5)
    np.testing.assert_allclose(babel(X, 1), coherence(X), rtol=1e-6)
    np.testing.assert_allclose(babel(np.ones((7, 3))), 6, rtol=1e-6)
    absent = np.concatenate([X, np.zeros((5, 3), np.float32)])
    np.testing.assert_allclose(babel(absent, 4), field.babel(X, 4), rtol=1e-5)
    np.testing.assert_allclose(average_coherence(absent), field.average_coherence(X), rtol=1e-5)
    assert np.isnan(babel(X[:1]))
    assert np.isnan(average_coherence(X * np.nan))
    with pytest.raises(ValueError, match="at least 1"):
        babel(X, 0)


def test_duality(rng):
    W, means = rng.normal(size=(2, 7, 9))
    for f in (nc3_self_duality, nc3_uniform_duality):
        expected = getattr(field, f.__name__)(W, means)
        np.testing.assert_allclose(f(narrow(W), narrow(means)), expected, rtol=1e-5)
        with jax.enable_x64(True):
            np.testing.assert_allclose(float(f(W, means + 5)), expected, rtol=1e-10)
        assert f(narrow(4 * (means - means.mean(axis=0))), narrow(means)) < 1e-6
        assert np.isnan(f(narrow(0 * W), narrow(means)))
        assert np.isnan(f(narrow(W), np.ones((7, 9), np.float32)))
        absent = narrow(np.concatenate([means, np.zeros((2, 9))]))
        more = narrow(np.concatenate([W, np.ones((2, 9))]))
        np.testing.assert_allclose(f(more, absent), expected, rtol=1e-5)
    opposite = field.nc3_self_duality(-means, means)
    np.testing.assert_allclose(nc3_self_duality(narrow(-means), narrow(means)), opposite, rtol=1e-5)


def test_orthogonality(rng):
    means, outlier = narrow(rng.normal(size=(7, 9))), narrow(rng.normal(size=9))
    expected = field.nc5_orthogonality(means, outlier)
    np.testing.assert_allclose(nc5_orthogonality(means, outlier), expected, rtol=1e-5)
    assert np.isnan(nc5_orthogonality(means, 0 * outlier))


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_agreement(rng, offset):
    z, y = clouds(rng, spread=1.5)
    W, b = rng.normal(size=(5, 8)) + field.stats(z, y)[0], rng.normal(size=5)
    far = narrow(z + offset)
    shifted = narrow(b - W @ np.full(8, offset))
    expected = field.nc4_agreement(far, narrow(W), shifted, y)
    assert 0.3 < expected < 1
    found = nc4_agreement(far, narrow(W), shifted, y, 5)
    np.testing.assert_allclose(found, expected, atol=1.5 / len(z) if offset else 1e-6)


def test_the_nearest_mean_rule_agrees_with_itself_only_with_its_bias(rng):
    """A peer drops b, and its |x|² + |μ|² - 2xμ picks means at random 1e4 from the origin."""
    z, y = clouds(rng, spread=0.5)
    far = narrow(z + 1e4)
    means = field.stats(far, y)[0]
    expanded = np.sum(far**2, axis=1)[:, None] + np.sum(narrow(means) ** 2, axis=1)
    expanded = (expanded - 2 * far @ narrow(means).T).argmin(axis=1)
    near = np.sum((far[:, None] - means) ** 2, axis=2).argmin(axis=1)
    assert np.mean(expanded == near) < 0.8
    z, means = narrow(z), narrow(field.stats(z, y)[0])
    bias = -np.sum(means**2, axis=1) / 2
    assert nc4_agreement(z, means, bias, y, 5) == 1
    assert nc4_agreement(z, means, None, y, 5) < 1


def test_agreement_leaves_out_ignored_rows_and_absent_classes(rng):
    z, y = clouds(rng, spread=1.0)
    z, W = narrow(z), narrow(rng.normal(size=(5, 8)))
    some = np.where(np.arange(len(y)) < 100, y, -1).astype(np.int32)
    expected = field.nc4_agreement(z[:100], W, np.zeros(5), y[:100])
    np.testing.assert_allclose(nc4_agreement(z, W, None, some, 5), expected, atol=1e-6)
    more = np.concatenate([W, -100 * np.ones((2, 8), np.float32) * 0 - 1])
    bias = np.array([0] * 5 + [-1e6] * 2, np.float32)
    np.testing.assert_allclose(nc4_agreement(z, more, bias, some, 7), expected, atol=1e-6)
    assert np.isnan(nc4_agreement(z, W, None, 0 * y, 5))
    with pytest.raises(ValueError, match="a row a class"):
        nc4_agreement(z, W[:4], None, y, 5)


def test_tiles_change_nothing(monkeypatch):
    monkeypatch.setattr(pairs, "TILE", 16)  # read while tracing: nothing compiled before is used

    @jax.jit
    def tiled(x):
        three, every = (_babel(x, m) for m in (3, None))
        return _hubness.__wrapped__(x, 5), (three, every), _uniformity.__wrapped__(x, 2.0)

    hubs, babels, spread = tiled(X)
    np.testing.assert_allclose(hubs, field.hubness(X, 5), rtol=1e-4)
    np.testing.assert_allclose(babels, (field.babel(X, 3), field.babel(X)), rtol=1e-5)
    np.testing.assert_allclose(spread, field.uniformity(X), rtol=1e-5)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_neighbours_near_and_far_from_the_origin(offset):
    x = X + np.float32(offset)
    np.testing.assert_allclose(two_nn(x), field.two_nn(x), rtol=1e-4)
    np.testing.assert_allclose(mle_id(x, 5), field.mle_id(x, 5), rtol=1e-4)
    np.testing.assert_allclose(hubness(x, 5), field.hubness(x, 5), rtol=1e-4)


def test_copies_are_one_point(rng):
    one, doubled = X[:45], np.concatenate([X[:45], X[:30]])[rng.permutation(75)]
    assert int(distinct(jnp.asarray(doubled)).sum()) == 45
    np.testing.assert_allclose(two_nn(doubled), field.two_nn(one), rtol=1e-4)
    np.testing.assert_allclose(mle_id(doubled, 5), field.mle_id(one, 5), rtol=1e-4)
    np.testing.assert_allclose(hubness(doubled, 5), field.hubness(one, 5), rtol=1e-4)
    signed = jnp.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0]])
    assert distinct(signed).sum() == 2


def test_undefined_neighbours():
    equal = np.pad(np.eye(3, dtype=np.float32), ((0, 72), (0, 0)))[:75]  # three corners and 0
    for f in (two_nn, lambda x: mle_id(x, 5), lambda x: hubness(x, 5).skewness):
        assert np.isnan(f(np.ones((75, 3), np.float32)))
        assert np.isnan(f(X[:2]))
        assert np.isnan(f(np.where(np.arange(75)[:, None] == 4, np.nan, X)))
    assert np.isnan(mle_id(equal, 5))  # four distinct rows
    assert np.isnan(two_nn(np.where(equal.any(axis=1, keepdims=True), equal, equal[:1])))
