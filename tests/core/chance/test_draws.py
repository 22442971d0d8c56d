"""Drawn moments against the laws of what they draw."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from tests.core.chance.by_hand import COUNTS, K, N, setting

from gramax.uncertainty.chance import draws


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("how", [draws._from_rows, draws._from_laws])
@pytest.mark.parametrize("d", [3, 25])
def test_drawn_moments(normalize, how, d):
    """Their means over 400 draws, for more and for fewer rows than dimensions."""
    s = setting(COUNTS, d, normalize, variance=1e-3)
    rng = np.random.default_rng(2)
    drawn = [how(s, rng, True) for _ in range(400)]
    means, spread, scatter = (np.array(v) for v in zip(*drawn, strict=True))
    counts, total = np.array(COUNTS, float), 1.0 if normalize else 1e-3 * d
    np.testing.assert_allclose(np.mean(np.sum(means**2, axis=2), axis=0), total / counts, rtol=0.15)
    np.testing.assert_allclose(spread.mean(axis=0), total * (counts - 1), rtol=0.1, atol=1e-12)
    np.testing.assert_allclose(np.trace(scatter, axis1=1, axis2=2), spread.sum(axis=1), rtol=1e-9)
    level = total * (N - K) / d
    np.testing.assert_allclose(scatter.mean(axis=0), level * np.eye(d), atol=0.3 * level)
    assert np.all(np.linalg.matrix_rank(scatter[:20]) == min(d, N - K))
    if normalize:
        np.testing.assert_allclose(spread, counts * (1 - np.sum(means**2, axis=2)), atol=1e-9)
    off = np.sqrt(np.mean(scatter[:, *np.triu_indices(d, 1)] ** 2))
    expected = math.sqrt(N - K) * (math.sqrt(1 / (d * (d + 2))) if normalize else 1e-3)
    assert off == pytest.approx(expected, rel=0.06)
    alone = [how(s, rng, False) for _ in range(400)]
    assert alone[0][2] is None
    spread = np.mean([a[1] for a in alone], axis=0)
    np.testing.assert_allclose(spread, total * (counts - 1), rtol=0.1, atol=1e-12)


def test_a_class_of_a_small_weight_is_a_row():
    means, spread, _ = draws._from_rows(setting((0.3, 4), 5), np.random.default_rng(0), False)
    np.testing.assert_allclose(np.linalg.norm(means[0]), 1)
    assert spread[0] == 0 < spread[1]
    assert np.linalg.norm(means[1]) < 1


def test_drawn_moments_lie_where_their_classes_are(monkeypatch):
    s = setting((3, 2), 4)
    for few in (2**15, 0):
        monkeypatch.setattr(draws, "FEW_VALUES", few)
        m = draws.draw(s, np.array([1, 3]), 5, np.random.default_rng(0), False)
        np.testing.assert_array_equal(m.count, [[0, 3, 0, 2, 0], [0] * 5])
        assert m.scatter is None
        assert m.normalize
        np.testing.assert_array_equal(m.anchor[jnp.array([1, 3])], [[1, 0, 0, 0]] * 2)
        lengths = np.sum((np.asarray(m.anchor) + m.mean) ** 2, axis=1)
        np.testing.assert_allclose(m.spread, np.asarray(m.counts) * (1 - lengths), atol=1e-12)
    raw = draws.draw(setting((3, 2), 4, False), np.array([1, 3]), 5, np.random.default_rng(0), True)
    assert not np.any(raw.anchor)
    assert raw.scatter.shape == (4, 4)
    monkeypatch.setattr(draws, "FEW_VALUES", 20)
    assert draws.drawn_as_rows(setting((3, 2), 4), False)
    assert not draws.drawn_as_rows(setting((3, 3), 4), False)
    assert draws.drawn_as_rows(setting((3, 3), 4), True)
    assert not draws.drawn_as_rows(setting((8, 8), 4), True)
    assert draws.drawn_as_rows(setting((8, 7), 4), True)
