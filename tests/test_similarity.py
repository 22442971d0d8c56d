"""CKA and Procrustes: by kernels, by the best rotation, by all pairings of the rows."""

import itertools
import math
from dataclasses import astuple

import numpy as np
import pytest

from gramax.comparison import linear_cka, procrustes_similarity
from gramax.comparison import similarity as sim


@pytest.fixture(scope="module")
def spaces():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 3)) * [1, 2, 3] + 1
    return x, np.exp(rng.normal(size=(6, 2))) + 0.5 * x[:, :2]


def unbiased(k, m):
    n, one = len(k), np.ones(len(k))
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    cross = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return np.trace(k @ m) + cross - 2 / (n - 2) * (one @ k @ m @ one)


def test_cka_is_that_of_the_kernels(spaces):
    x, y = spaces
    centre = np.eye(6) - 1 / 6
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    plain = np.trace(k @ m) / math.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert linear_cka(x, y) == pytest.approx(plain, rel=1e-12)
    k, m = x @ x.T, y @ y.T
    debiased = unbiased(k, m) / math.sqrt(unbiased(k, k) * unbiased(m, m))
    assert linear_cka(x, y, debiased=True) == pytest.approx(debiased, rel=1e-9)


def test_chance_of_cka_is_that_of_all_pairings(spaces):
    x, y = spaces
    values = [linear_cka(x, y[list(turn)]) for turn in itertools.permutations(range(6))]
    chance = sim.cka_chance(sim.moments_of(x, y))
    assert chance.mean == pytest.approx(np.mean(values), rel=1e-10)
    assert chance.sd == pytest.approx(np.std(values), rel=1e-10)


def test_procrustes_is_that_of_the_best_rotation(spaces):
    x, y = spaces
    a, b = (v - v.mean(axis=0) for v in spaces)
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    u, _, v = np.linalg.svd(a.T @ b, full_matrices=False)
    distance = np.linalg.norm(a @ u @ v - b) ** 2
    slack = np.linalg.norm(a) ** 2 - np.linalg.norm(a @ u) ** 2  # of the axis that b lacks
    assert 1 - (distance + slack) / 2 == pytest.approx(procrustes_similarity(x, y), abs=1e-12)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    assert procrustes_similarity(x, 3 * x @ turn + 5) == pytest.approx(1, abs=1e-12)


def test_chance_of_procrustes_is_that_of_random_pairings():
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, 7)) * np.arange(1, 8), rng.standard_t(5, size=(40, 5))
    values = [procrustes_similarity(x, y[rng.permutation(40)]) for _ in range(400)]
    chance = sim.procrustes_chance(sim.moments_of(x, y))
    assert chance.mean == pytest.approx(np.mean(values), abs=4 * chance.sd / math.sqrt(20))
    assert 0.6 < chance.sd / np.std(values) < 1.6


def test_chance_of_debiased_cka_is_that_of_all_pairings(spaces):
    x, y = spaces
    turns = itertools.permutations(range(6))
    values = [linear_cka(x, y[list(turn)], debiased=True) for turn in turns]
    chance = sim.debiased_chance(sim.moments_of(x, y))
    assert chance.mean == pytest.approx(np.mean(values), abs=1e-12) == 0
    assert chance.sd == pytest.approx(np.std(values), rel=1e-10)


def test_products_add_up_over_rows(spaces):
    x, y = (v.astype(np.float32) for v in spaces)
    whole, part = sim.CrossMoments.of(x, y), sim.CrossMoments.of(x[:2], y[:2])
    rest = sim.CrossMoments.of(x[2:], y[2:])
    for found, expected in zip(astuple(part + rest), astuple(whole), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert np.asarray(found).dtype in (np.float64, np.int64)
    for found, expected in zip(astuple(whole - part), astuple(rest), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"one by one; got shapes \(6, 3\) and \(5, 2\)"):
        sim.CrossMoments.of(x, y[:5])
    with pytest.raises(ValueError, match="one by one"):
        sim.CrossMoments.of(x[0], y[0])


def test_moments_about_any_centre_are_those_about_the_means(spaces):
    x, y = spaces
    found, expected = sim.CrossMoments.of(x - 3, y + 2).centred(), sim.moments_of(x, y)
    for name in ("n", "xx", "yy", "xy"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-12)
    np.testing.assert_array_equal([*found.x, *found.y], 0)
    about_means = sim.CrossMoments.of(x - x.mean(axis=0), y - y.mean(axis=0)).centred()
    fourth = [np.sum(np.sum((v - v.mean(axis=0)) ** 2, axis=1) ** 2) for v in (x, y)]
    assert [about_means.x4, about_means.y4] == pytest.approx(fourth)


def test_procrustes_to_first_order(spaces):
    """Exact where it was made; elsewhere off by the square of the step."""
    x, y = spaces
    at = sim.moments_of(x, y)
    near = sim.procrustes_near(at)
    assert near(at) == pytest.approx(sim.procrustes(at), abs=1e-14)
    bend = np.random.default_rng(3).normal(size=y.shape)
    errors = []
    for step in (1e-2, 1e-3):
        there = sim.moments_of(x, y + step * bend)
        moved = abs(sim.procrustes(there) - sim.procrustes(at))
        errors.append(abs(near(there) - sim.procrustes(there)))
        assert errors[-1] < 0.1 * moved
    assert errors[1] < 0.02 * errors[0]


def test_a_point_is_like_nothing(spaces):
    x, y = spaces
    point = np.ones_like(y)
    assert np.isnan(
        [linear_cka(x, point), linear_cka(point, x), procrustes_similarity(x, point)]
    ).all()
    assert math.isnan(linear_cka(x, point, debiased=True))
    m = sim.moments_of(x, point)
    assert math.isnan(sim.cka_chance(m).sd)
    assert math.isnan(sim.debiased_chance(m).sd)
    assert sim.procrustes_chance(m).method == "undefined: a space is one point"


@pytest.mark.parametrize(("rows", "defined"), [(3, False), (4, True)])
def test_chance_needs_four_rows(spaces, rows, defined):
    x, y = (v[:rows, :1] for v in spaces)
    m = sim.moments_of(x, y)
    assert math.isfinite(sim.cka_debiased(m)) == defined
    assert math.isfinite(sim.cka_chance(m).sd) == defined
    assert math.isfinite(linear_cka(x, y))


def test_the_simulation_of_procrustes_keeps_to_its_work(monkeypatch):
    rng = np.random.default_rng(4)
    m = sim.moments_of(rng.normal(size=(30, 3)), rng.normal(size=(30, 2)))
    wide, p, q = 20, 3, 2
    each = wide * q * q + p * q * q * 8
    for draws, said in (
        (50, "Monte Carlo, 20 draws, seed 0"),
        (7, "Monte Carlo, 7 draws, seed 0"),
        (3, "Monte Carlo, 3 draws, seed 0"),
        (2, "too dear to simulate here"),
    ):
        monkeypatch.setattr(sim, "WORK", draws * each)
        assert sim.procrustes_chance(m).method == said


def test_two_rows_turn_into_each_other():
    """Centred, they lie on one line each; so does every pairing."""
    m = sim.moments_of(np.eye(2), np.eye(2)[::-1])
    assert sim.procrustes(m) == pytest.approx(1)
    chance = sim.procrustes_chance(m)
    assert (chance.mean, chance.sd) == (pytest.approx(1), pytest.approx(0, abs=1e-9))


def test_rows_all_equally_far_apart_have_no_debiased_cka():
    """An exact simplex: the U-centred kernel is 0, and what is left of it is rounding."""
    rng = np.random.default_rng(5)
    turns = [np.linalg.qr(rng.normal(size=(8, 8)))[0] for _ in range(20)]
    for dtype in (np.float32, np.float64):
        for a, b in itertools.pairwise(turns):
            x, y = a.astype(dtype), b.astype(dtype)
            assert math.isnan(linear_cka(x, y, debiased=True))
            assert math.isnan(linear_cka(x, rng.normal(size=(8, 3)), debiased=True))
            assert math.isnan(sim.debiased_chance(sim.moments_of(x, y)).sd)
            assert linear_cka(x, y) == pytest.approx(1, abs=1e-5)
