"""CKA and Procrustes: by kernels, by the best rotation, by all pairings of the rows."""

import itertools
import math

import numpy as np
import pytest
import scipy.linalg

from gramax.decide.comparison import similarity as sim
from gramax.decide.comparison.similarity import linear_cka, procrustes_similarity


def debiased_cka(x, y):
    return linear_cka(x, y, debiased=True)


ALL = (linear_cka, debiased_cka, procrustes_similarity)


def of_spaces():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 3)) * [1, 2, 3] + 1
    return x, np.exp(rng.normal(size=(6, 2))) + 0.5 * x[:, :2]


def of_few_rows():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(12, 70)) + 3
    return x, x[:, :40] + rng.normal(size=(12, 40))


@pytest.fixture(scope="module")
def spaces():
    return of_spaces()


def unbiased(k, m):
    n, one = len(k), np.ones(len(k))
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    cross = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return np.trace(k @ m) + cross - 2 / (n - 2) * (one @ k @ m @ one)


@pytest.mark.parametrize(("x", "y"), [of_spaces(), of_few_rows()])
def test_numbers_are_those_of_kernels_and_of_the_best_rotation(x, y):
    """Kernels between rows, and the orthogonal Procrustes problem of SciPy."""
    n = len(x)
    centre = np.eye(n) - 1 / n
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    plain = np.trace(k @ m) / math.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert linear_cka(x, y) == pytest.approx(plain, rel=1e-12)
    k, m = x @ x.T, y @ y.T
    debiased = unbiased(k, m) / math.sqrt(unbiased(k, k) * unbiased(m, m))
    assert debiased_cka(x, y) == pytest.approx(debiased, rel=1e-9)
    a, b = centre @ x, np.pad(centre @ y, ((0, 0), (0, x.shape[1] - y.shape[1])))
    _, nuclear = scipy.linalg.orthogonal_procrustes(a, b)
    expected = nuclear / np.linalg.norm(a) / np.linalg.norm(b)
    assert procrustes_similarity(x, y) == pytest.approx(expected, rel=1e-12)
    p, q = (min(v.shape) for v in (x, y))  # nothing is larger than the rows
    assert sim.moments_of(x, y).xy.shape == (p, q)


@pytest.mark.parametrize("shape", [(50, 6), (6, 50)])
@pytest.mark.parametrize("scale", [1e-60, 1.0, 1e60])
def test_turns_shifts_scales_and_common_orders_change_nothing(shape, scale):
    rng = np.random.default_rng(7)
    x = rng.normal(size=shape)
    y = x[:, ::2] + rng.normal(size=x[:, ::2].shape)
    turn = np.linalg.qr(rng.normal(size=(shape[1], shape[1])))[0]
    order = rng.permutation(len(x))
    other = scale * (x @ turn + 100)[order]
    for f in ALL:
        assert f(other, y[order]) == pytest.approx(f(x, y), rel=1e-9)
        assert f(other, x[order]) == pytest.approx(1, abs=1e-9)
        assert f(y, x) == pytest.approx(f(x, y), rel=1e-9)
        assert f(x, x) <= 1
        assert abs(f(x, y[order]) - f(x, y)) > 0.01


# -- chance -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "chance"), [(linear_cka, sim.cka_chance), (debiased_cka, sim.debiased_chance)]
)
def test_chance_of_cka_is_that_of_all_pairings(spaces, number, chance):
    x, y = spaces
    values = [number(x, y[list(turn)]) for turn in itertools.permutations(range(6))]
    found = chance(sim.moments_of(x, y))
    assert found.mean == pytest.approx(np.mean(values), rel=1e-10, abs=1e-12)
    assert found.sd == pytest.approx(np.std(values), rel=1e-10)


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


def test_chance_of_procrustes_is_that_of_random_pairings(monkeypatch):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(40, 7)) * np.arange(1, 8), rng.standard_t(5, size=(40, 5))
    values = [procrustes_similarity(x, y[rng.permutation(40)]) for _ in range(400)]
    m = sim.moments_of(x, y)
    chance = sim.procrustes_chance(m)
    assert chance.mean == pytest.approx(np.mean(values), abs=4 * chance.sd / math.sqrt(20))
    assert 0.6 < chance.sd / np.std(values) < 1.6
    for draws, said in ((50, "20 draws, seed 0"), (7, "7 draws, seed 0"), (2, "too dear")):
        monkeypatch.setattr(sim, "MAX_CHANCE_WORK", draws * (10 * 7 * 5**2 + 5**3))
        assert said in sim.procrustes_chance(m).method


def test_procrustes_to_first_order(spaces):
    """Exact where it was made; elsewhere off by the square of the step."""
    x, y = spaces
    at = sim.moments_of(x, y)
    near = sim.procrustes_near(at)
    assert near(at) == pytest.approx(sim.procrustes(at), abs=1e-14)
    bend, errors = np.random.default_rng(3).normal(size=y.shape), []
    for step in (1e-2, 1e-3):
        there = sim.moments_of(x, y + step * bend)
        moved = abs(sim.procrustes(there) - sim.procrustes(at))
        errors.append(abs(near(there) - sim.procrustes(there)))
        assert errors[-1] < 0.1 * moved
    assert errors[1] < 0.02 * errors[0]


# -- where there is no number -------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(7, 3), (3, 7)])
def test_rows_within_rounding_are_one_point(dtype, shape):
    """Their mean is rounded too, and what is left of them must not pass for a space."""
    rng = np.random.default_rng(9)
    point = np.broadcast_to(rng.normal(size=shape[1]).astype(dtype), shape)
    blurred = point * (1 + np.finfo(dtype).eps * rng.integers(-1, 2, shape)).astype(dtype)
    other = rng.normal(size=shape)
    for z in (point, blurred):
        assert all(math.isnan(f(*both)) for f in ALL for both in ((z, other), (other, z), (z, z)))
        m = sim.moments_of(z, other)
        for chance in (sim.cka_chance, sim.debiased_chance, sim.procrustes_chance):
            assert chance(m).method == sim.A_POINT
            assert math.isnan(chance(m).sd)
    apart = point.copy()
    apart[0] *= 1.001
    assert linear_cka(apart, apart) == pytest.approx(1)


def test_rows_that_do_not_match_are_refused(spaces):
    x, y = spaces
    for bad in ((x, y[:5]), (x[0], y[0])):
        with pytest.raises(ValueError, match="one by one; got shapes"):
            linear_cka(*bad)


def test_very_few_rows(spaces):
    """Two rows turn into any other two, which says nothing; chance and unbiasedness need four."""
    two, three, four = (sim.moments_of(*(v[:n, :1] for v in spaces)) for n in (2, 3, 4))
    assert np.isnan([sim.cka(two), sim.cka_debiased(two), sim.procrustes(two)]).all()
    for chance in (sim.cka_chance, sim.debiased_chance, sim.procrustes_chance):
        assert chance(two).method == sim.TOO_FEW_ROWS
        assert math.isnan(chance(two).mean)
    for m, defined in ((three, False), (four, True)):
        assert math.isfinite(sim.cka(m))
        assert math.isfinite(sim.cka_debiased(m)) == defined
        assert math.isfinite(sim.cka_chance(m).sd) == defined


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_all_equally_far_apart_have_no_debiased_cka(dtype):
    """An exact simplex: the U-centred kernel is 0, and what is left of it is rounding."""
    rng = np.random.default_rng(5)
    turns = [np.linalg.qr(rng.normal(size=(8, 8)))[0].astype(dtype) for _ in range(20)]
    for x, y in itertools.pairwise(turns):
        assert math.isnan(debiased_cka(x, y))
        assert math.isnan(debiased_cka(x, rng.normal(size=(8, 3))))
        assert sim.debiased_chance(sim.moments_of(x, y)).method == sim.EQUALLY_FAR
        assert linear_cka(x, y) == pytest.approx(1, abs=1e-5)
