"""Numbers of a codebook, and descents over codes, against all pairs at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gramax.metrics.babel import _top_sums, average_coherence, babel
from gramax.metrics.histogram import add, crosstalk_histogram
from tests import field
from tests import transcription as seed
from tests.core.codebook import THERE, C, cosines

from gramax.metrics import simplex
from gramax.metrics.crosstalk import (
    coherence,
    smooth_coherence_loss,
    welch_floor,
    welch_gap,
    worst_pairs,
)
from gramax.metrics.reach import descent, frame_potential, run_many


def test_numbers_of_a_codebook(codes, tile):
    sizes, there = np.abs(cosines(codes)), codes[THERE]
    same = np.testing.assert_allclose
    same(coherence(codes), sizes.max(), rtol=1e-12)
    same(babel(codes), field.babel(there), rtol=1e-12)
    same(babel(codes, 3), field.babel(there, 3), rtol=1e-12)
    same(babel(codes, 1), sizes.max(), rtol=1e-12)
    same(babel(codes, C - 1), field.babel(there), rtol=1e-12)
    each = np.sort(np.abs(field.cosines(there)), axis=1)[:, -3:].sum(axis=1)
    same(_top_sums(jnp.asarray(codes), 3, None), np.insert(each, 4, 0), rtol=1e-12)
    same(average_coherence(codes), field.average_coherence(there), rtol=1e-12)
    floor = np.sqrt((10 - 3) / (3 * 9))
    same([welch_floor(10, 3), welch_floor(jnp.asarray(10.0), 3)], floor, rtol=1e-12)
    same([welch_floor(3, 3), welch_floor(1, 1), welch_floor(jnp.asarray(1.0), 1)], 0)
    same([welch_floor(2, 1), welch_floor(jnp.asarray(2.0), 1)], 1)
    same([welch_floor(2, 5), welch_floor(jnp.asarray(2.0), 5)], 0)
    assert len(worst_pairs(codes)[0]) == len(worst_pairs(codes)[1]) == 10
    same(welch_gap(codes), sizes.max() - floor, rtol=1e-12)
    x = field.unit(there)
    tight = np.sum((x.T @ x / 10 - np.eye(3) / 3) ** 2)
    smooth = np.log(2 * np.sum(np.exp(9 * sizes))) / 9
    same(smooth_coherence_loss(codes, 9.0), smooth + 0.15 * tight, rtol=1e-10)
    same(smooth_coherence_loss(codes), smooth_coherence_loss(codes, 30.0), rtol=0)


def test_two_codes_and_fewer():
    two = np.array([[1.0, 0.0], [3.0, 4.0]])
    for f in (coherence, babel, average_coherence):
        np.testing.assert_allclose(f(two), 0.6, rtol=1e-12)
        np.testing.assert_allclose(f(np.pad(two, ((0, 3), (0, 0)))), 0.6, rtol=1e-12)
        assert np.isnan(f(two[:1]))
        assert np.isnan(f(np.where(two == 4, np.nan, two)))
    assert np.isfinite(smooth_coherence_loss(two))
    assert np.isnan(smooth_coherence_loss(two[:1]))
    np.testing.assert_allclose(babel(-two, 5), 0.6, rtol=1e-12)
    for f in (babel, worst_pairs, crosstalk_histogram):
        with pytest.raises(ValueError, match="at least 1; got 0"):
            f(two, 0)


def test_rounding_leaves_no_cosine_above_1(rng):
    turns = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(30)]
    assert all(coherence(np.concatenate([turn, turn])) <= 1 for turn in turns)
    assert all(average_coherence(np.concatenate([turn[:1]] * 3)) <= 1 for turn in turns)


def test_histogram(codes, tile):
    counts, edges = crosstalk_histogram(codes, 4)
    np.testing.assert_array_equal(edges, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(counts, np.histogram(np.abs(cosines(codes)), edges)[0])
    np.testing.assert_array_equal(crosstalk_histogram(np.ones((3, 2)), 1)[0], [3])
    np.testing.assert_array_equal(crosstalk_histogram(np.eye(3), 2)[0], [3, 0])
    low, high = add(jnp.uint32([[2**32 - 1], [5]]), jnp.uint32([[3], [4]]))
    assert (int(low[0]), int(high[0])) == (2, 10)
    low, high = add(jnp.uint32([[1], [0]]), jnp.uint32([[3], [0]]))
    assert (int(low[0]), int(high[0])) == (4, 0)


def test_histogram_of_more_pairs_than_32_bits(monkeypatch):
    from gramax.metrics import histogram

    monkeypatch.setattr(histogram, "_reaching", lambda *_: np.uint32([[7, 2], [3, 1]]))
    counts = crosstalk_histogram(np.eye(3), 2)[0]
    np.testing.assert_array_equal(counts, [5 + 2**33, 2 + 2**32])


def test_simplex_functions(rng):
    np.testing.assert_allclose(simplex.simplex_gram(4), seed.simplex_gram(4), rtol=1e-6)
    np.testing.assert_allclose(simplex.simplex_gram(2), [[1, -1], [-1, 1]])
    with pytest.raises(ValueError, match="got c = 1"):
        simplex.simplex_gram(1)
    x = rng.normal(size=(5, 3))
    assert simplex.simplex_error(x) == pytest.approx(seed.simplex_error(x), rel=1e-7)
    many = rng.normal(size=(9, 3))
    assert simplex.simplex_error(many) == pytest.approx(seed.simplex_error(many), rel=1e-7)
    padded = np.pad(x, ((0, 2), (0, 0)))
    assert simplex.simplex_error(padded) == pytest.approx(seed.simplex_error(x), rel=1e-7)
    assert np.isnan(simplex.simplex_error(x[:1]))
    assert simplex.simplex_error(x[:2]) == pytest.approx(seed.simplex_error(x[:2]), rel=1e-7)
    corners = np.eye(4) - 0.25
    assert simplex.simplex_error(corners) < 1e-7
    step = simplex.simplex_step(x, 0.01)
    u = field.unit(x)
    raw = u - 0.01 * np.asarray(jax.grad(simplex._mean_square)(jnp.asarray(u)))
    np.testing.assert_allclose(step, field.unit(raw), rtol=1e-9)
    np.testing.assert_allclose(simplex.simplex_step(x), simplex.simplex_step(x, 0.04))
    assert simplex.simplex_error(step) < simplex.simplex_error(x)


def test_descent(rng):
    import optax

    x0 = rng.normal(size=(5, 3))
    path = np.asarray(descent(x0, frame_potential, optax.sgd(0.01), 3))
    x = field.unit(x0)
    np.testing.assert_allclose(path[0], x, rtol=1e-12)
    for row in path[1:]:
        slope = 4 * x @ x.T @ x
        slope -= np.sum(slope * x, axis=1, keepdims=True) * x
        x = field.unit(x - 0.01 * slope)
        np.testing.assert_allclose(row, x, rtol=1e-10)
    with jax.disable_jit(False):  # a scan of no steps needs its types
        assert descent(x0, frame_potential, optax.sgd(0.01), 0).shape == (1, 5, 3)
    with pytest.raises(ValueError, match="0 or more; got -1"):
        descent(x0, frame_potential, optax.sgd(0.01), -1)


def test_many_descents():
    key = jax.random.key(1)
    for c, d in ((5, 3), (2, 3)):
        found = run_many(key, c, d, n_seeds=2, steps=2)
        assert found.shape == (2, 3)
        x = field.unit(jax.random.normal(jax.random.split(key, 2)[1], (c, d)))
        for value in np.asarray(found[1]):
            assert value == pytest.approx(np.sum((x @ x.T) ** 2) - c, rel=1e-6, abs=1e-9)
            slope = 4 * x @ x.T @ x
            slope -= np.sum(slope * x, axis=1, keepdims=True) * x
            x = field.unit(x - 0.125 / max(1, c / d) * slope)
    assert run_many.__kwdefaults__ is None
    assert run_many.__defaults__ == (6, 600)
    with pytest.raises(ValueError, match="at least 1"):
        run_many(key, 0, 3)
