"""Numbers that need the rows: alignment, uniformity, dimension, hubs, babel, classifiers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gramax.arrays import pairs
from gramax.metrics import (
    alignment,
    average_coherence,
    babel,
    classifier,
    coherence,
    hubness,
    mean_cosine,
    mle_id,
    nc3_self_duality,
    nc3_uniform_duality,
    nc4_agreement,
    nc5_orthogonality,
    two_nn,
    uniformity,
)
from tests import field
from tests.libraries.libraries import every_library
from tests.numbers import clouds

N, D = 75, 3
same = np.testing.assert_allclose


def narrow(x):
    return np.asarray(x, np.float32)


X = narrow(np.random.default_rng(5).normal(size=(N, D)))


# -- the same numbers in every library ------------------------------------------------------------


NEIGHBOUR_METRICS = {
    "two_nn": (two_nn, field.two_nn),
    "two_nn of half": (lambda x: two_nn(x, 0.5), lambda x: field.two_nn(x, 0.5)),
    "mle_id": (mle_id, field.mle_id),
    "mle_id of few": (lambda x: mle_id(x, 5), lambda x: field.mle_id(x, 5)),
    "mle_id harmonic": (
        lambda x: mle_id(x, 5, "harmonic"),
        lambda x: field.mle_id(x, 5, "harmonic"),
    ),
    "hubness": (hubness, field.hubness),
    "hubness of few": (lambda x: hubness(x, 4), lambda x: field.hubness(x, 4)),
}


def every_neighbour_metric(x):
    return {name: f(x) for name, (f, _) in NEIGHBOUR_METRICS.items()}


@every_library
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_metrics_of_neighbours(library, offset):
    """Whatever the offset, and whatever copies there are."""
    x = X + np.float32(offset)
    copies = np.concatenate([x[:35], x[:20], x[:20]])  # of the same shape: compiled once
    for rows, apart in ((x, x), (copies, x[:35])):
        for name, found in library.run(every_neighbour_metric, rows).items():
            right = NEIGHBOUR_METRICS[name][1](apart)
            same(found, right, rtol=1e-4 if library.dtype == "float32" else 1e-8, err_msg=name)


@every_library
def test_no_number_without_neighbours(library):
    """Too few points, one point many times, a row that is not finite; all equally far apart."""
    hurt = np.where(np.arange(N)[:, None] == 4, np.nan, X)
    for undefined in (X[:2], np.ones((N, 3)), X[np.arange(N) % 2], hurt):
        for name, found in library.run(every_neighbour_metric, undefined).items():
            assert np.isnan(found).all(), name
    dimensions = lambda x: (two_nn(x), mle_id(x, 4), mle_id(x, 4, "harmonic"))  # noqa: E731
    assert np.isnan(library.run(dimensions, np.eye(6))).all()


@every_library
def test_metrics_of_pairs(library, rng):
    rtol = 10 * library.tolerance
    x = narrow(rng.normal(size=(40, 6)))
    for t in (2.0, 0.5, 100.0):
        found = library.run(lambda x, t=t: uniformity(x, t), x)
        same(found, field.uniformity(x, t), rtol=rtol)
    for undefined in (np.zeros((9, 3)), X[:1], np.full((9, 3), np.nan)):
        assert np.isnan(library.run(uniformity, undefined))
    assert np.isnan(library.run(alignment, np.zeros((9, 3)), X[:9]))
    assert np.isnan(library.run(alignment, np.full((9, 3), np.nan), X[:9]))
    assert np.isnan(library.run(mean_cosine, X[:1]))
    same(library.run(mean_cosine, x + 100), field.mean_cosine(x + 100), rtol=rtol)


def test_gradients_are_finite():
    """Also where rows coincide, and where a positive pair is one point."""
    x = narrow(np.concatenate([X[:6], X[:2], np.ones((2, 3))]))

    def every(v):
        return uniformity(v) + alignment(v, x) + alignment(v, x, 1.0)

    assert np.isfinite(jax.jit(jax.grad(every))(jnp.asarray(x))).all()


def test_the_gradient_of_uniformity(rng):
    """Against central differences of the reference in float64."""
    x, way = narrow(rng.normal(size=(2, 12, 3)))
    slope = np.sum(np.asarray(jax.grad(uniformity)(jnp.asarray(x))) * way)
    step = 1e-5 * way.astype(float)
    expected = (field.uniformity(x + step) - field.uniformity(x - step)) / 2e-5
    same(slope, expected, rtol=1e-4)


# -- pairs ----------------------------------------------------------------------------------------


def test_a_pair_without_a_direction_is_left_out(rng):
    x, y = rng.normal(size=(2, 14, 3))
    x[0], y[1] = 0, 0
    same(alignment(x, y), field.alignment(x[2:], y[2:]), rtol=1e-9)
    same(uniformity(np.pad(x, ((6, 0), (0, 0)))), field.uniformity(x[1:]), rtol=1e-9)


def test_alignment_at_its_ends():
    assert alignment(X, X) == 0
    assert alignment(X, 3 * X) < 1e-12
    same(alignment(X, -X), 4, rtol=1e-6)
    with pytest.raises(ValueError, match="two rows of each pair"):
        alignment(X, X[1:])
    with pytest.raises(ValueError, match="above 0; got 0"):
        alignment(X, X, 0.0)


def test_uniformity_at_its_ends():
    far = narrow([[1e4, 0], [0, 1e4]])  # without normalising: log(0)
    same(uniformity(far), -4, rtol=1e-6)
    same(uniformity(narrow([[1, 0], [-1, 0]]), 500.0), -2000, rtol=1e-6)
    assert -1e-6 < uniformity(np.ones((9, 3), np.float32)) <= 0
    with pytest.raises(ValueError, match="above 0; got 0"):
        uniformity(X, 0)


# -- neighbours -----------------------------------------------------------------------------------


def test_the_dimension_of_a_plane_in_ten_dimensions(rng):
    """It has two, though some points come twice: their distance of 0 must not be divided by."""
    plane = rng.uniform(size=(800, 2)) @ rng.normal(size=(2, 10))
    plane = narrow(np.concatenate([plane, plane[:100]]))
    assert 1.8 < two_nn(plane) < 2.2
    harmonic = mle_id(plane, average="harmonic")
    same(harmonic, field.mle_id(plane[:800], 20, "harmonic"), rtol=1e-9)
    assert 1.8 < harmonic < 2.2


def test_the_fit_through_the_origin_by_hand(rng):
    x = rng.normal(size=(14, D))
    logs = np.sort(np.log(np.divide(*field.neighbours(x, 2)[0].T[::-1])))[:-1]
    right = -np.sum(logs * np.log(1 - np.arange(1, 14) / 14)) / np.sum(logs**2)
    same(two_nn(x, 0.0), right, rtol=1e-9)  # the last, log(0), is always left out
    same(mle_id(x, 13), field.mle_id(x, 13), rtol=1e-9)


def test_a_row_with_equally_far_neighbours_says_nothing_of_the_dimension():
    """A square beside other rows: its corners have two neighbours at one distance."""
    square = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float)
    x = np.concatenate([square, np.random.default_rng(0).normal(size=(30, 2)) + 50])
    near = field.neighbours(x, 2)[0]
    logs = np.log(near[:, 1] / near[:, 0])
    same(mle_id(x, 2), np.mean(1 / logs[4:]), rtol=1e-9)
    same(mle_id(x, 2, "harmonic"), 1 / np.mean(logs), rtol=1e-9)


def test_a_hub(rng):
    """A centre is the nearest of all points of a sphere around it, in many dimensions."""
    shell = field.unit(rng.normal(size=(74, 50)))
    skewness, share = hubness(narrow(np.concatenate([np.zeros((1, 50)), shell])), 1)
    assert skewness > 8
    same(share, 73 / 75, atol=0.02)


def test_a_ring_has_no_hubs():
    turn = 2 * np.pi * np.arange(12) / 12
    ring = narrow(np.stack([np.cos(turn), np.sin(turn)], axis=1))
    assert tuple(hubness(ring, 2)) == (0, 0)


def test_as_many_points_as_neighbours_are_too_few():
    assert np.isnan(mle_id(X[:4], 4))
    assert np.isfinite(mle_id(X[:5], 4))
    assert np.isnan(hubness(X[:4], 4).skewness)
    assert np.isfinite(hubness(X[:5], 4).skewness)


@pytest.mark.parametrize(
    ("f", "bad", "text"),
    [
        (hubness, 0, "k must be"),
        (mle_id, 1, "k must be"),
        (two_nn, 1.0, "discard must"),
        (two_nn, -0.1, "discard must"),
        (lambda x, average: mle_id(x, 4, average), "geometric", "average must"),
    ],
)
def test_refused_arguments(f, bad, text):
    with pytest.raises(ValueError, match=text):
        f(X, bad)


# -- codes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tile", [1024, 16])
def test_babel_and_average_coherence(monkeypatch, tile):
    monkeypatch.setattr(pairs, "TILE_SIDE", tile)
    same(average_coherence(X), field.average_coherence(X), rtol=1e-5)
    for m in (1, 3, None):
        same(babel(X, m), field.babel(X, m), rtol=1e-5)
    same(babel(X, 1), coherence(X), rtol=1e-6)
    same(babel(np.ones((7, 3))), 6, rtol=1e-6)
    absent = np.concatenate([X, np.zeros((5, 3), np.float32)])
    same(babel(absent, 4), field.babel(X, 4), rtol=1e-5)
    same(average_coherence(absent), field.average_coherence(X), rtol=1e-5)
    same(uniformity(X), field.uniformity(X), rtol=1e-9)
    assert np.isnan(babel(X[:1]))
    assert np.isnan(average_coherence(X * np.nan))
    with pytest.raises(ValueError, match="at least 1"):
        babel(X, 0)


# -- classifiers --------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [nc3_self_duality, nc3_uniform_duality])
def test_duality(rng, f):
    W, means = rng.normal(size=(2, 5, 4))
    right = getattr(field, f.__name__)
    same(f(W, means + 7), right(W, means), rtol=1e-9)
    padded, more = np.pad(means, ((0, 2), (0, 0))), np.concatenate([W, np.ones((2, 4))])
    same(f(more, padded), right(W, means), rtol=1e-9)
    for undefined in ((0 * W, means), (W, np.ones((5, 4))), (W[:1], means[:1])):
        assert np.isnan(f(*undefined))
    with pytest.raises(ValueError, match="alike"):
        f(W[:4], means)
    for scale in (1e-3, 1e3):
        same(f(scale * W, scale * means), right(W, means), rtol=1e-9)


def test_duality_about_a_centre(rng):
    W, means = rng.normal(size=(2, 5, 4))
    centre = rng.normal(size=4)
    shifted = means - centre
    m, w = shifted / np.linalg.norm(shifted), W / np.linalg.norm(W)
    same(nc3_self_duality(W, means, centre), np.linalg.norm(w - m), rtol=1e-9)
    cos = np.sum(field.unit(W) * field.unit(shifted), axis=1)
    same(nc3_uniform_duality(W, means, centre), np.var(cos), rtol=1e-9)
    W[2] = 0
    assert np.isnan(nc3_uniform_duality(W, means))
    assert np.isfinite(nc3_self_duality(W, means))
    assert np.isnan(nc3_uniform_duality(W, means, means[1]))
    assert nc3_self_duality(3 * (means - means.mean(axis=0)), means) < 1e-12


def test_orthogonality(rng):
    means, outlier = rng.normal(size=(5, 4)), rng.normal(size=4)
    right = field.nc5_orthogonality(means, outlier)
    same(nc5_orthogonality(np.pad(means, ((0, 2), (0, 0))), outlier), right, rtol=1e-9)
    assert np.isnan(nc5_orthogonality(means, 0 * outlier))
    assert np.isnan(nc5_orthogonality(0 * means, outlier))
    with pytest.raises(ValueError, match=r"shape \(4,\)"):
        nc5_orthogonality(means, outlier[:3])


@pytest.mark.parametrize("rows", [256, 5])
def test_agreement(rng, monkeypatch, rows):
    monkeypatch.setattr(classifier, "BLOCK_ROWS", rows)
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
