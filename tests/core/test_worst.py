"""The worst pairs, and the bounds that rule tiles of them out."""

import jax.numpy as jnp
import numpy as np
import pytest
from gramax.arrays.ties import Found, settled
from tests import field

from gramax.arrays import pairs, screening, worst
from gramax.metrics.crosstalk import worst_pairs

pytestmark = pytest.mark.slow  # minutes of compilation; `make mutants` runs it without jit


def brute(x, k):
    gram = np.zeros((len(x), len(x)))
    there = np.any(x != 0, axis=1) & np.all(np.isfinite(x), axis=1)
    gram[np.ix_(there, there)] = field.unit(x[there]) @ field.unit(x[there]).T
    a, b = np.triu_indices(len(x), 1)
    keep = there[a] & there[b]
    a, b = a[keep], b[keep]
    order = np.argsort(-np.abs(gram[a, b]), kind="stable")[:k]
    return np.stack([a, b], axis=1)[order], gram[a, b][order]


@pytest.mark.parametrize("k", [1, 3, 7])
def test_worst_pairs(codes, tile, k):
    found, sizes = worst_pairs(codes, k)
    where, right = brute(codes, k)
    np.testing.assert_array_equal(found, where)
    np.testing.assert_allclose(sizes, right, rtol=1e-12)


def test_ties_absence_and_rows_that_are_not_finite(codes, tile):
    x = np.concatenate([codes[:3], -2 * codes[:3], codes[:1] * 3, codes[4:5]])
    x[2, 0] = np.nan
    found, sizes = worst_pairs(x, 30)
    where, right = brute(x, 30)
    assert len(where) == 15
    ones = 4  # (0, 3), (0, 6), (1, 4), (3, 6): all within rounding of 1, by index
    np.testing.assert_array_equal(found[:ones], [[0, 3], [0, 6], [1, 4], [3, 6]])
    np.testing.assert_array_equal(sizes[:ones], [-1, 1, -1, -1])
    np.testing.assert_allclose(np.sort(np.abs(sizes[:15])), np.sort(np.abs(right)), rtol=1e-12)
    np.testing.assert_array_equal(found[15:], -1)
    assert np.isnan(sizes[15:]).all()
    for k in (1, 2, 3):
        np.testing.assert_array_equal(worst_pairs(x, k)[0], found[:k])
    np.testing.assert_array_equal(worst_pairs(np.eye(3), 2)[0], [[0, 1], [0, 2]])


def test_ties_of_two_devices_are_those_with_the_last_of_the_k_largest():
    """One pair is clear, the second place is shared: the first by index of both devices has it."""

    def state(*found):
        size, where = zip(*found, strict=True)
        best = Found(jnp.array(size), jnp.array(where, jnp.int32))
        tied = [one for one in found if one[0] == 0.5] + [(-1.0, (-1, -1))]
        size, where = zip(*tied[:2], strict=True)
        zeros = jnp.zeros(2, jnp.int32)
        return worst._State(best, Found(jnp.array(size), jnp.array(where, jnp.int32)), zeros, zeros)

    both = worst._merge(state((0.9, (0, 1)), (0.5, (2, 5))), state((0.5, (1, 7)), (0.5, (3, 4))))
    np.testing.assert_array_equal(both.tied.where, [[1, 7], [2, 5]])
    np.testing.assert_array_equal(settled(both.best, both.tied), [[0, 1], [1, 7]])


def test_what_is_1_within_rounding():
    eps = np.finfo(float).eps
    assert worst.same(jnp.ones((2, 9))) == 7 * eps
    for gap, one in ((1e-16, True), (1e-14, False)):
        turn = np.sqrt(2 * gap)
        x = np.array([[1.0, 0, 0], [np.cos(turn), np.sin(turn), 0]])
        assert (worst_pairs(x, 1)[1][0] == 1) == one


@pytest.mark.parametrize("seed", range(4))
def test_screens_keep_all_of_the_k_worst(monkeypatch, seed):
    """One pair is far worse than the next two: what reaches the third must not be ruled out."""
    monkeypatch.setattr(pairs, "TILE", 4)
    monkeypatch.setattr(worst, "TRIALS", 1)
    codes = np.random.default_rng(seed).normal(size=(34, 128)).astype(np.float32)
    codes[1] = codes[0] + 0.1 * codes[2]
    for k in (2, 3):
        found, plain = (worst.largest(jnp.asarray(codes), k, screened=s) for s in (True, False))
        np.testing.assert_array_equal(found.pairs, plain.pairs)


@pytest.mark.parametrize("d", [3, 128])
def test_screens_change_nothing_and_rule_out(rng, monkeypatch, d):
    monkeypatch.setattr(pairs, "TILE", 4)
    monkeypatch.setattr(worst, "TRIALS", 1)
    codes = rng.normal(size=(24, d)).astype(np.float32)
    codes[9] = codes[2] + 0.01 * codes[3]
    plain = worst.largest(jnp.asarray(codes), 1, screened=False)
    found = worst.largest(jnp.asarray(codes), 1)
    np.testing.assert_array_equal(found.pairs, plain.pairs)
    np.testing.assert_array_equal(found.pairs, [[2, 9]])
    np.testing.assert_allclose(found.cosines, plain.cosines)
    assert found.tiles[0] == 21
    assert not np.any(plain.tiles[1:])
    if d == 3:
        assert found.tiles[1] == 0
        assert found.tiles[2] > 0
    else:
        # With the head start, all off the diagonal but the tile of the worst pair.
        assert found.tiles[1] + found.tiles[2] == 14


def test_bounds_hold_and_are_close(rng):
    x = field.unit(rng.normal(size=(48, 128)) * 0.9 ** np.arange(128)).astype(np.float32)
    exact = np.abs(x[:4].astype(float) @ x[8:].T.astype(float)).max()
    for screen in (
        screening.in_all_axes(jnp.asarray(x)),
        screening.in_leading_axes(jnp.asarray(x)),
    ):
        found = float(screening.bound(screen, 0, 8, 4))
        assert exact <= found <= exact + 0.05
    eps = 2.0**-23
    assert screening._rounding(jnp.ones((2, 7))) == 14 * eps
    axes = np.asarray(screening.leading_axes(jnp.asarray(x)), float)
    assert axes.shape == (128, 32)
    np.testing.assert_allclose(axes.T @ axes, np.eye(32), atol=1e-5)
    values = np.linalg.svd(x, compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(x @ axes), np.linalg.norm(values), rtol=1e-3)


def test_the_slack_of_a_screen(rng):
    x = field.unit(rng.normal(size=(48, 128))).astype(np.float32)
    short = np.asarray(jnp.asarray(x).astype(jnp.bfloat16), float)
    lost = np.linalg.norm(x - short, axis=1).max()
    screen = screening.in_all_axes(jnp.asarray(x))
    np.testing.assert_allclose(screen.slack, 1.01 * lost * (2 + lost) + 256 * 2.0**-23, rtol=1e-4)
    assert screen.rest is None
    screen = screening.in_leading_axes(jnp.asarray(x))
    least = (256 + 2 * 32**1.5) * 2.0**-23
    assert least < screen.slack < least + 2e-5
    rest = np.sqrt(1 - np.sum(np.asarray(screen.short, float) ** 2, axis=1))
    np.testing.assert_allclose(screen.rest, rest, rtol=1e-4)


def test_a_head_start_is_reached(rng):
    x = field.unit(rng.normal(size=(40, 128))).astype(np.float32)
    x[30] = x[3]
    screen = screening.in_leading_axes(jnp.asarray(x))
    for k in (1, 5):
        least = float(screening.head_start(jnp.asarray(x), screen, k))
        sizes = np.sort(np.abs(x @ x.T)[np.triu_indices(40, 1)])[::-1]
        assert 0 < least <= sizes[k - 1]
    np.testing.assert_allclose(screening.head_start(jnp.asarray(x), screen, 1), 1, atol=1e-4)
    assert screening.head_start(jnp.asarray(x), screen, 78) == -1  # 39 + 38 neighbours
    assert screening.head_start(jnp.asarray(x), screen, 77) > -1
