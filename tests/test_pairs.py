"""The worst pairs by tiles against all pairs at once, ties and duplicates included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gramax import pairs


def all_at_once(x, k):
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    unit = x / np.where(norm == 0, 1, norm)
    a, b = np.triu_indices(len(x), 1)
    keep = (norm[a, 0] > 0) & (norm[b, 0] > 0)
    a, b = a[keep], b[keep]
    cosines = np.sum(unit[a] * unit[b], axis=1)
    order = np.lexsort((b, a, -np.abs(cosines)))[:k]
    return np.stack([a, b], axis=1)[order], cosines[order]


@pytest.mark.parametrize("tile", [8, 16, 64])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_worst_pairs_are_those_of_all_pairs(monkeypatch, tile, k):
    monkeypatch.setattr(pairs, "TILE", tile)
    with jax.enable_x64(True):
        x = np.random.default_rng(k).normal(size=(50, 4))
        x[7] = 0
        where, cosines = jax.jit(lambda x: pairs.largest(x, k))(x)
        expected, values = all_at_once(x, k)
        np.testing.assert_array_equal(where, expected)
        np.testing.assert_allclose(cosines, values, rtol=1e-12)


@pytest.mark.parametrize("tile", [4, 64])
def test_ties_go_to_the_first_pair_by_index(monkeypatch, tile):
    monkeypatch.setattr(pairs, "TILE", tile)
    x = jnp.asarray(np.repeat(np.eye(3), 4, axis=0))  # exact ties: copies of three codes
    where, cosines = pairs.largest(x, 8)
    expected = [(a, b) for a in range(12) for b in range(a + 1, 12) if a // 4 == b // 4][:8]
    np.testing.assert_array_equal(where, expected)
    np.testing.assert_array_equal(cosines, 1)


def test_fewer_pairs_than_asked_for():
    where, cosines = pairs.largest(jnp.asarray([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]), 3)
    np.testing.assert_array_equal(where, [[0, 2], [-1, -1], [-1, -1]])
    assert np.isnan(cosines[1:]).all()
