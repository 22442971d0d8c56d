"""CKA and Procrustes: by kernels, by the best rotation, by all pairings of the rows."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg
import scipy.stats

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


def test_rows_fewer_than_dimensions_are_measured_between_rows():
    """Against the centred kernels, and the orthogonal Procrustes problem of SciPy."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(12, 70)) + 3
    y = x[:, :40] + rng.normal(size=(12, 40))
    centre = np.eye(12) - 1 / 12
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    plain = np.trace(k @ m) / math.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert linear_cka(x, y) == pytest.approx(plain, rel=1e-12)
    k, m = x @ x.T, y @ y.T
    debiased = unbiased(k, m) / math.sqrt(unbiased(k, k) * unbiased(m, m))
    assert linear_cka(x, y, debiased=True) == pytest.approx(debiased, rel=1e-9)
    a, b = centre @ x, np.pad(centre @ y, ((0, 0), (0, 30)))
    _, nuclear = scipy.linalg.orthogonal_procrustes(a, b)
    expected = nuclear / np.linalg.norm(a) / np.linalg.norm(b)
    assert procrustes_similarity(x, y) == pytest.approx(expected, rel=1e-12)
    assert sim.moments_of(x, y).products.shape == (24, 24)


@pytest.mark.parametrize("shape", [(50, 6), (6, 50)])
@pytest.mark.parametrize("scale", [1e-60, 1.0, 1e60])
def test_turns_shifts_scales_and_common_orders_change_nothing(shape, scale):
    rng = np.random.default_rng(7)
    x = rng.normal(size=shape)
    y = x[:, ::2] + rng.normal(size=x[:, ::2].shape)
    turn = np.linalg.qr(rng.normal(size=(shape[1], shape[1])))[0]
    order = rng.permutation(len(x))
    other = scale * (x @ turn + 100)[order]
    for f in (linear_cka, lambda *both: linear_cka(*both, debiased=True), procrustes_similarity):
        assert f(other, y[order]) == pytest.approx(f(x, y), rel=1e-9)
        assert f(other, x[order]) == pytest.approx(1, abs=1e-9)
        assert f(y, x) == pytest.approx(f(x, y), rel=1e-9)
        assert f(x, x) <= 1
        assert abs(f(x, y[order]) - f(x, y)) > 0.01


@pytest.mark.parametrize("shape", [(200, 8), (48, 60), (20, 300)])
def test_unrelated_rows_are_alike_as_chance_says(shape):
    """Independent Gaussian rows: the mean over 30 pairs is within four errors of its chance."""
    rng, found = np.random.default_rng(8), []
    for _ in range(30):
        m = sim.moments_of(rng.normal(size=shape), rng.normal(size=(shape[0], 10)))
        near = sim.procrustes_chance(m)
        found.append(
            [
                sim.cka_chance(m).z(sim.cka(m)),
                sim.debiased_chance(m).z(sim.cka_debiased(m)),
                (sim.procrustes(m) - near.mean) / (near.sd * math.sqrt(1 + 1 / 20)),
            ]
        )
    assert np.max(np.abs(np.mean(found, axis=0))) < 4 / math.sqrt(30)
    assert np.all((np.std(found, axis=0) > 0.6) & (np.std(found, axis=0) < 1.6))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 3), (3, 7)])
def test_rows_within_rounding_are_one_point(dtype, shape):
    """Their mean is rounded too, and what is left of them must not pass for a space."""
    rng = np.random.default_rng(9)
    point = np.broadcast_to(rng.normal(size=shape[1]).astype(dtype), shape)
    blurred = point * (1 + np.finfo(dtype).eps * rng.integers(-1, 2, shape)).astype(dtype)
    for z in (point, blurred):
        assert math.isnan(linear_cka(z, rng.normal(size=shape)))
        assert math.isnan(linear_cka(z, z))
        assert math.isnan(linear_cka(z, z, debiased=True))
        assert math.isnan(procrustes_similarity(z, z))
        m = sim.moments_of(z, rng.normal(size=shape))
        assert sim.why_undefined(m) == sim.cka_chance(m).method == sim.A_POINT
    apart = point.copy()
    apart[0] *= 1.001
    assert linear_cka(apart, apart) == pytest.approx(1)


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


@pytest.mark.parametrize(("p", "q", "n"), [(4, 3, 7), (4, 3, 6), (5, 2, 40)])
def test_corners_of_rotations(p, q, n):
    """Of the size of those cut out of whole rotations: their mean squares, fourth powers, rank."""
    rng = np.random.default_rng(10)
    found = np.array([sim._rotation_corner(rng, p, q, n) for _ in range(4000)])
    assert np.all(np.linalg.norm(found, ord=2, axis=(1, 2)) <= 1 + 1e-12)
    np.testing.assert_allclose(np.mean(found**2, axis=0), 1 / n, rtol=0.15)
    np.testing.assert_allclose(np.mean(found**4), 3 / (n * (n + 2)), rtol=0.05)
    whole = np.array([np.linalg.qr(rng.normal(size=(n, q)))[0][:p] for _ in range(4000)])
    nuclear = [np.linalg.norm(v, ord="nuc", axis=(1, 2)) for v in (found, whole)]
    assert scipy.stats.ks_2samp(*nuclear).pvalue > 1e-3


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
    for found, expected in ((part.combined(rest), whole), (whole.combined(part, -1), rest)):
        assert (found.n, found.p) == (expected.n, expected.p)
        for name in ("sums", "products", "fourths"):
            assert getattr(found, name).dtype == np.float64
            np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=1e-12)
    with pytest.raises(ValueError, match=r"one by one; got shapes \(6, 3\) and \(5, 2\)"):
        sim.CrossMoments.of(x, y[:5])
    with pytest.raises(ValueError, match="one by one"):
        linear_cka(x[0], y[0])


def test_moments_about_any_centre_are_those_about_the_means(spaces):
    x, y = spaces
    a, b = (v - v.mean(axis=0) for v in spaces)
    found = sim.CrossMoments.of(x - 3, y + 2).centred()
    for name, expected in (("xx", a.T @ a), ("yy", b.T @ b), ("xy", a.T @ b)):
        np.testing.assert_allclose(getattr(found, name), expected, atol=1e-12)
    np.testing.assert_array_equal(found.sums, 0)
    squares = np.stack([np.sum(v**2, axis=1) for v in (a, b)])
    about_means = sim.CrossMoments.of(a, b).centred()
    np.testing.assert_allclose(about_means.fourths, squares @ squares.T, rtol=1e-12)


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
    assert sim.procrustes_chance(m).method == sim.A_POINT


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
    p, q = 3, 2
    each = 10 * p * q * q + q**3
    for draws, said in (
        (50, "Monte Carlo, 20 draws, seed 0"),
        (7, "Monte Carlo, 7 draws, seed 0"),
        (3, "Monte Carlo, 3 draws, seed 0"),
        (2, "too dear to simulate here"),
    ):
        monkeypatch.setattr(sim, "MAX_CHANCE_WORK", draws * each)
        assert sim.procrustes_chance(m).method == said


def test_two_rows_turn_into_any_other_two_which_says_nothing(spaces):
    m = sim.moments_of(*(v[:2] for v in spaces))
    assert np.isnan([sim.cka(m), sim.cka_debiased(m), sim.procrustes(m)]).all()
    chances = sim.cka_chance(m), sim.debiased_chance(m), sim.procrustes_chance(m)
    assert {(one.method, math.isnan(one.mean)) for one in chances} == {(sim.TOO_FEW_ROWS, True)}


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
