"""The worst pairs against all pairs in float64, tile by tile."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gramax import metrics
from gramax.arrays import pairs
from gramax.arrays.pairs import largest
from gramax.arrays.rows import unit_rows
from gramax.metrics.crosstalk import _carried


def all_at_once(x, k):
    x = x.astype(np.float64)
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    unit = x / np.where(norm == 0, 1, norm)
    a, b = np.triu_indices(len(x), 1)
    there = (norm[:, 0] > 0) & np.isfinite(norm[:, 0])
    cosines = (unit @ unit.T)[a, b]
    cosines = np.where(np.abs(cosines) > 1 - 1e-12, np.sign(cosines), cosines)
    keep = np.flatnonzero(there[a] & there[b])
    keep = keep[np.abs(cosines[keep]) >= np.sort(np.abs(cosines[keep]))[-k:][0]]
    order = keep[np.lexsort((b[keep], a[keep], -np.abs(cosines[keep])))[:k]]
    return np.stack([a, b], axis=1)[order], cosines[order]


def book(c, decay=0.0, d=16):
    """Codes with a zero row, one with NaN, a copy at another length, and an opposite."""
    x = np.random.default_rng(c).normal(size=(c, d)) * np.exp(-decay * np.arange(d))
    if c > 3:
        x[7], x[11, 3], x[c // 2], x[c - 1] = 0, np.nan, 3 * x[2], -2 * x[5]
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("c", [2, 3, 1000])
def test_worst_pairs_are_those_of_all_pairs(c, dtype):
    with jax.enable_x64(dtype == np.float64):
        x = book(c).astype(dtype)
        where, cosines = metrics.worst_pairs(x, 5)
    expected, values = all_at_once(x, 5)
    np.testing.assert_array_equal(where[: len(values)], expected)
    np.testing.assert_allclose(cosines[: len(values)], values, atol=4 * np.finfo(dtype).eps)
    assert (np.asarray(where[len(values) :]) == -1).all()
    assert np.isnan(cosines[len(values) :]).all()


def simplex(c, d, rng):
    """A simplex, turned, of codes of different lengths."""
    turn = np.linalg.qr(rng.normal(size=(d, d)))[0][:c]
    return (np.eye(c) - 1 / c) @ turn * rng.uniform(0.1, 10, size=(c, 1))


@pytest.mark.parametrize(
    ("tile", "dtype", "c", "d"),
    [(7, np.float32, 20, 64), (1024, np.float32, 90, 100), (7, np.float64, 4, 4)],
)
def test_the_equal_cosines_of_a_simplex_tie(monkeypatch, tile, dtype, c, d):
    monkeypatch.setattr(pairs, "TILE_SIDE", tile)
    x = simplex(c, d, np.random.default_rng(c)).astype(dtype)
    expected = [(a, b) for a in range(c) for b in range(a + 1, c)]
    for k in (5, len(expected) + 2):
        with jax.enable_x64(dtype == np.float64):
            where, cosines = jax.jit(partial(largest, k=k))(x)[:2]
        np.testing.assert_array_equal(where[: len(expected)], expected[:k])
        assert k < len(expected) or (np.asarray(where)[len(expected) :] == -1).all()
        np.testing.assert_allclose(cosines[: len(expected)], -1 / (c - 1), atol=1e-6)


def test_ties_below_larger_pairs_are_by_index(monkeypatch):
    """Sign codes: products are whole numbers, so that ties are known exactly."""
    monkeypatch.setattr(pairs, "TILE_SIDE", 64)
    x = np.random.default_rng(3).choice([-1, 1], (700, 129))
    a, b = np.triu_indices(len(x), 1)
    products = (x @ x.T)[a, b]
    order = np.lexsort((b, a, -np.abs(products)))[:40]
    expected = np.stack([a, b], axis=1)[order]
    found = jax.jit(partial(largest, k=40))(x.astype(np.float32))
    np.testing.assert_array_equal(found[0], expected)
    np.testing.assert_allclose(found[1], products[order] / 129, atol=1e-6)
    with jax.enable_x64(True):
        np.testing.assert_array_equal(jax.jit(partial(largest, k=40))(x / 3)[0], expected)


def test_refused_arguments():
    x = book(20)
    with pytest.raises(ValueError, match="k must be at least 1; got 0"):
        metrics.worst_pairs(x, 0)
    with pytest.raises(ValueError, match="bins must be at least 1; got 0"):
        metrics.crosstalk_histogram(x, 0)


def test_coherence_is_the_worst_pair_and_has_its_gradient():
    x = jnp.asarray(book(90)[12:60], jnp.float32)
    (a, b), cosine = (v[0] for v in metrics.worst_pairs(x, 1))
    np.testing.assert_allclose(metrics.coherence(x), abs(cosine), rtol=4 * np.finfo(np.float32).eps)

    def of_pair(x):
        return jnp.abs(jnp.sum(unit_rows(x)[a] * unit_rows(x)[b]))

    np.testing.assert_allclose(
        jax.jit(jax.grad(metrics.coherence))(x), jax.jit(jax.grad(of_pair))(x), atol=1e-6
    )
    assert np.isnan(metrics.coherence(x.at[3, 2].set(np.nan)))


def test_the_histogram_counts_every_pair(monkeypatch):
    monkeypatch.setattr(pairs, "TILE_SIDE", 64)
    x = book(1000, decay=0.1)
    counts, edges = metrics.crosstalk_histogram(x.astype(np.float32), 8)
    expected = np.histogram(np.abs(all_at_once(x, 998 * 997 // 2)[1]), 8, (0, 1))[0]
    assert counts.sum() == 998 * 997 // 2
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(edges, np.arange(9) / 8)


def test_counts_go_on_beyond_32_bits():
    low, high = _carried(
        jnp.asarray([[2**32 - 1], [3]], jnp.uint32), jnp.asarray([[5], [0]], jnp.uint32)
    )
    assert (int(low[0]), int(high[0])) == (4, 4)


def test_eight_devices_find_what_one_does():
    done = subprocess.run(
        [sys.executable, "-m", "tests.dealt"],
        cwd=Path(__file__).parents[1],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert len(found) == 4
    for name, values in found.items():
        for one, eight in values:
            np.testing.assert_allclose(eight, one, rtol=1e-6, err_msg=name)
