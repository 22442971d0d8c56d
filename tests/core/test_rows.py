"""Numbers that need the rows, on a handful of them: neighbours, hubs, pairs, classifiers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gramax.metrics.decisions import nc4_agreement
from gramax.metrics.hubs import hubness
from gramax.metrics.uniform import alignment, uniformity
from tests import field

from gramax.arrays import pairs
from gramax.metrics import decisions, nearest
from gramax.metrics.classifier import nc3_self_duality, nc3_uniform_duality, nc5_orthogonality
from gramax.metrics.neighbours import mle_id, two_nn

N, D = 14, 3
same = np.testing.assert_allclose


@pytest.fixture
def x(rng):
    return rng.normal(size=(N, D))


@pytest.fixture(params=[None, 5])
def tile(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(pairs, "TILE", 5)
        monkeypatch.setattr(nearest, "ROWS", 3)
        monkeypatch.setattr(nearest, "SPARE", 1)


# -- neighbours ---------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 4])
def test_nearest(x, tile, k):
    exists = np.arange(N) != 6
    distances, where = nearest.nearest(jnp.asarray(x), k, jnp.asarray(exists))
    near, order = field.neighbours(x[exists], k)
    same(np.asarray(distances)[exists], near, rtol=1e-12)
    np.testing.assert_array_equal(np.asarray(where)[exists], np.flatnonzero(exists)[order])
    few, places = nearest.nearest(jnp.asarray(x), 4, jnp.arange(N) < 3)
    assert np.isfinite(few[:3, :2]).all()
    assert np.all(places < N)
    assert np.isinf(few[:3, 2:]).all()


def test_ties_go_to_the_lower_row(tile):
    corners = jnp.asarray([[1.0, 0], [0, 1], [-1, 0], [0, -1], [0, 0], [7, 7]])
    distances, where = nearest.nearest(corners, 2, jnp.ones(6, bool))
    np.testing.assert_array_equal(where[4], [0, 1])
    np.testing.assert_array_equal(where[0], [4, 1])
    same(distances[0], [1, 2**0.5])


def test_distances_that_are_equal_go_to_the_lower_row(rng, tile):
    """Opposite rows: products about the mean of all differ by rounding, their distances do not."""
    there = rng.normal(size=(6, D))
    x = np.concatenate([np.zeros((1, D)), there, -there, rng.normal(size=(1, D)) + 50])
    _, where = nearest.nearest(jnp.asarray(x), 12, jnp.ones(N, bool))
    closest = 1 + np.argsort(np.sum(there**2, axis=1))
    np.testing.assert_array_equal(where[0], np.stack([closest, closest + 6], axis=1).ravel())


def test_close_rows_far_away(rng, tile):
    """A cluster 1e-9 wide at distance 1: |a|² + |b|² - 2ab would be rounding."""
    x = np.concatenate([1 + 1e-9 * rng.normal(size=(5, D)), rng.normal(size=(9, D))])
    distances, where = nearest.nearest(jnp.asarray(x), 2, jnp.ones(N, bool))
    near, order = field.neighbours(x, 2)
    np.testing.assert_array_equal(where, order)
    same(distances, near, rtol=1e-6)


def test_one_of_each_copy(x):
    y = np.concatenate([x, x[3:5], [[0.0, 1, 2], [-0.0, 1, 2]]])
    found = np.asarray(nearest.distinct(jnp.asarray(y)))
    assert found.sum() == N + 1
    assert found[[*range(3), *range(5, N)]].all()
    assert found[3] != found[N]
    assert found[4] != found[N + 1]
    swapped = jnp.asarray([[1.0, 2, 3], [3, 2, 1], [2, 1, 3]])
    assert nearest.distinct(swapped).all()
    words = nearest._hash(jnp.asarray(y), 1)
    assert len(np.unique(words[:N])) == N


def test_an_offset_and_a_scale_cost_no_digits(x):
    """Two rows 1e-6 apart at 1e5: their products about the mean, their difference as it is."""
    x[1] = x[0] + 1e-6
    far = 1e100 * (x + 1e5)
    exists = np.arange(N) != 6
    distances, where = nearest.nearest(jnp.asarray(far), 2, jnp.asarray(exists))
    near, order = field.neighbours(far[exists] - far[0], 2)
    np.testing.assert_array_equal(np.asarray(where)[exists], np.flatnonzero(exists)[order])
    same(np.asarray(distances)[exists], near, rtol=1e-12)
    still, _ = nearest.nearest(jnp.ones((3, 2)), 1, jnp.ones(3, bool))
    np.testing.assert_array_equal(still, 0)


def test_intrinsic_dimension(x):
    same(two_nn(x), field.two_nn(x), rtol=1e-9)
    same(two_nn(x, 0.5), field.two_nn(x, 0.5), rtol=1e-9)
    logs = np.sort(np.log(np.divide(*field.neighbours(x, 2)[0].T[::-1])))[:-1]
    right = -np.sum(logs * np.log(1 - np.arange(1, N) / N)) / np.sum(logs**2)
    same(two_nn(x, 0.0), right, rtol=1e-9)  # the last, log(0), is always left out
    for average in ("arithmetic", "harmonic"):
        same(mle_id(x, 4, average), field.mle_id(x, 4, average), rtol=1e-9)
        same(mle_id(x, 2, average), field.mle_id(x, 2, average), rtol=1e-9)
    same(mle_id(x, N - 1), field.mle_id(x, N - 1), rtol=1e-9)
    many = np.concatenate([x, 2 * x + 0.3])
    same(mle_id(many), field.mle_id(many, 20), rtol=1e-9)
    copies = np.concatenate([x, x[:2]])
    same(two_nn(copies), field.two_nn(x), rtol=1e-9)
    same(mle_id(copies, 4), field.mle_id(x, 4), rtol=1e-9)
    same(two_nn(x[:3], 0.0), field_of_three(x[:3]), rtol=1e-9)


@pytest.mark.parametrize("average", ["arithmetic", "harmonic"])
def test_rows_too_close_to_be_apart_have_no_dimension(x, average):
    """A row 1e-200 from another: the square of their distance is 0, so each is left out."""
    x[0] = 0
    x[1] = [1e-200, *x[0, 1:]]
    near = field.neighbours(x, 4)[0][2:]
    logs = np.log(near[:, -1:] / near[:, :-1]).sum(axis=1) / 3
    right = 1 / logs.mean() if average == "harmonic" else (1 / logs).mean()
    same(mle_id(x, 4, average), right, rtol=1e-9)
    ratios = np.sort(np.log(near[:, 1] / near[:, 0]))[:-2]
    survival = 1 - np.arange(1, len(ratios) + 1) / len(near)
    same(two_nn(x), -np.sum(ratios * np.log(survival)) / np.sum(ratios**2), rtol=1e-9)


def field_of_three(x):
    near = field.neighbours(x, 2)[0]
    logs = np.sort(np.log(near[:, 1] / near[:, 0]))[:2]
    return -np.sum(logs * np.log([2 / 3, 1 / 3])) / np.sum(logs**2)


def test_hubs(x):
    for k in (1, 4):
        same(hubness(x, k), field.hubness(x, k), rtol=1e-9)
        same(hubness(np.concatenate([x, x[:3]]), k), field.hubness(x, k), rtol=1e-9)
    same(hubness(x), field.hubness(x, 10), rtol=1e-9)
    turn = 2 * np.pi * np.arange(6) / 6
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    assert tuple(hubness(ring, 2)) == (0, 0)


def test_neighbours_that_are_not_there(x):
    for f in (two_nn, lambda x: mle_id(x, 4), lambda x: hubness(x, 4).anti_hub_share):
        assert np.isnan(f(x[:2]))
        assert np.isnan(f(np.ones((N, D))))
        assert np.isnan(f(np.where(x == x[4, 1], np.nan, x)))
    assert np.isnan(mle_id(x[:4], 4))
    assert np.isnan(hubness(x[:4], 4).skewness)
    assert np.isfinite(hubness(x[:5], 4).skewness)
    assert np.isnan(hubness(np.repeat(x[:4], 3, axis=0), 4).skewness)
    for average in ("arithmetic", "harmonic"):
        assert np.isnan(mle_id(np.repeat(x[:4], 3, axis=0), 4, average))
    equal = np.eye(3)
    assert np.isnan(two_nn(equal))
    assert np.isnan(mle_id(equal, 2))
    refused = ((hubness, 0, "k must be"), (mle_id, 1, "k must be"), (two_nn, 1.0, "discard must"))
    for f, bad, text in (*refused, (two_nn, -0.1, "discard must")):
        with pytest.raises(ValueError, match=text):
            f(x, bad)
    with pytest.raises(ValueError, match="average must"):
        mle_id(x, 4, "geometric")


# -- pairs --------------------------------------------------------------------------------------


def test_alignment(rng, x):
    y = rng.normal(size=x.shape)
    for alpha in (1.0, 3.0):
        same(alignment(x, y, alpha), field.alignment(x, y, alpha), rtol=1e-9)
    same(alignment(x, y), field.alignment(x, y), rtol=1e-9)
    same(alignment(x[2:3], y[2:3]), field.alignment(x[2:3], y[2:3]), rtol=1e-9)
    x[0], y[1] = 0, 0
    same(alignment(x, y), field.alignment(x[2:], y[2:]), rtol=1e-9)
    assert np.isnan(alignment(0 * x, y))
    assert alignment(x[2:], x[2:]) < 1e-30  # a compiled program may round the two differently
    slope = jax.grad(lambda v: alignment(v, x[2:], 1.0))(jnp.asarray(x[2:]))
    assert np.isfinite(slope).all()
    for bad, text in (((x, y[1:]), "each pair"), ((x, y, 0.0), "above 0")):
        with pytest.raises(ValueError, match=text):
            alignment(*bad)


def test_uniformity(x, tile):
    for t in (0.5, 100.0):
        same(uniformity(x, t), field.uniformity(x, t), rtol=1e-9)
    same(uniformity(np.pad(x, ((6, 0), (0, 0)))), field.uniformity(x), rtol=1e-9)
    same(uniformity(x[:2]), field.uniformity(x[:2]), rtol=1e-9)
    same(uniformity(np.array([[1.0, 0], [-2, 0]]), 500.0), -2000, rtol=1e-9)
    for none in (0 * x, x[:1], np.where(x == x[3, 1], np.nan, x)):
        assert np.isnan(uniformity(none))
    assert uniformity(np.ones((N, D))) <= 0
    with pytest.raises(ValueError, match="above 0; got 0"):
        uniformity(x, 0)


# -- classifiers --------------------------------------------------------------------------------


def test_duality(rng):
    W, means = rng.normal(size=(2, 5, 4))
    padded, more = np.pad(means, ((0, 2), (0, 0))), np.concatenate([W, np.ones((2, 4))])
    centre = rng.normal(size=4)
    shifted = means - centre
    for f in (nc3_self_duality, nc3_uniform_duality):
        right = getattr(field, f.__name__)(W, means)
        same(f(W, means), right, rtol=1e-9)
        same(f(W, means + 7), right, rtol=1e-9)
        same(f(more, padded), right, rtol=1e-9)
        for undefined in ((0 * W, means), (W, np.ones((5, 4))), (W[:1], means[:1])):
            assert np.isnan(f(*undefined))
        with pytest.raises(ValueError, match="alike"):
            f(W[:4], means)
    m, w = shifted / np.linalg.norm(shifted), W / np.linalg.norm(W)
    same(nc3_self_duality(W, means, centre), np.linalg.norm(w - m), rtol=1e-9)
    for scale in (1e-3, 1e3):
        right = field.nc3_self_duality(W, means)
        same(nc3_self_duality(scale * W, scale * means), right, rtol=1e-9)
    cos = np.sum(field.unit(W) * field.unit(shifted), axis=1)
    same(nc3_uniform_duality(W, means, centre), np.var(cos), rtol=1e-9)
    assert np.isnan(nc3_uniform_duality(W[:1], means[:1], centre))
    one = W.copy()
    one[2] = 0
    assert np.isnan(nc3_uniform_duality(one, means))
    assert np.isnan(nc3_uniform_duality(W, means, means[1]))
    assert np.isfinite(nc3_self_duality(one, means))
    same(nc3_uniform_duality(W[:2], means[:2]), field.nc3_uniform_duality(W[:2], means[:2]))
    assert nc3_self_duality(3 * (means - means.mean(axis=0)), means) < 1e-12


def test_orthogonality(rng):
    means, outlier = rng.normal(size=(5, 4)), rng.normal(size=4)
    right = field.nc5_orthogonality(means, outlier)
    same(nc5_orthogonality(means, outlier), right, rtol=1e-9)
    same(nc5_orthogonality(np.pad(means, ((0, 2), (0, 0))), outlier), right, rtol=1e-9)
    same(nc5_orthogonality(means[:1], outlier), field.nc5_orthogonality(means[:1], outlier))
    assert np.isnan(nc5_orthogonality(means, 0 * outlier))
    assert np.isnan(nc5_orthogonality(0 * means, outlier))
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        nc5_orthogonality(means, outlier[:3])


@pytest.mark.parametrize("rows", [256, 5])
def test_agreement(rng, monkeypatch, rows):
    monkeypatch.setattr(decisions, "ROWS", rows)
    y = np.array([0, 1, 2, 3, 4] * 5)
    z = 1.5 * rng.normal(size=(5, 4))[y] + rng.normal(size=(25, 4))
    W, b = rng.normal(size=(5, 4)) + field.stats(z, y)[0], rng.normal(size=5)
    expected = field.nc4_agreement(z, W, b, y)
    assert 0.2 < expected < 0.9
    same(nc4_agreement(z, W, b, y, 5), expected, rtol=1e-12)
    same(nc4_agreement(z + 1e4, W, b - W @ np.full(4, 1e4), y, 5), expected, rtol=1e-12)
    same(nc4_agreement(z, W, None, y, 5), field.nc4_agreement(z, W, 0 * b, y), rtol=1e-12)
    some = np.where(np.arange(25) < 18, y, -1)
    right = field.nc4_agreement(z[:18], W, b, y[:18])
    same(nc4_agreement(z, W, b, some, 5), right, rtol=1e-12)
    more, far = np.concatenate([W, W[:1]]), np.append(b, -1e9)
    same(nc4_agreement(z, more, far, y, 6), expected, rtol=1e-12)
    same(nc4_agreement(z, more, np.append(b, 1e9), y, 6), 0)
    two = y < 2
    right = field.nc4_agreement(z[two], W[:2], b[:2], y[two])
    same(nc4_agreement(z[two], W[:2], b[:2], y[two], 2), right, rtol=1e-12)


def test_agreement_among_many_classes(rng):
    """Far more than the four classes whose distances are taken exactly."""
    y = np.repeat(np.arange(40), 2)
    z = rng.normal(size=(40, 2))[y] + 0.2 * rng.normal(size=(80, 2))
    means = field.stats(z, y)[0]
    W, b = 2 * means, -np.sum(means**2, axis=1)  # the rule of the nearest mean itself
    assert nc4_agreement(z, W, b, y, 40) == 1


def test_no_agreement(rng):
    z, W, y = rng.normal(size=(6, 3)), rng.normal(size=(2, 3)), np.array([0, 1] * 3)
    hurt = np.where(z == z[0, 0], np.nan, z)
    for undefined in (
        (z, W, None, 0 * y),
        (np.ones((6, 3)), W, None, y),
        (z, W * np.nan, None, y),
        (z, W, np.array([0, np.inf]), y),
        (hurt, W, None, y),
        (z[:0], W, None, y[:0]),
    ):
        assert np.isnan(nc4_agreement(*undefined, 2))
    with pytest.raises(ValueError, match="a row a class"):
        nc4_agreement(z, W[:1], None, y, 2)
    with pytest.raises(ValueError, match=r"b must have shape \(2,\)"):
        nc4_agreement(z, W, np.zeros(3), y, 2)
