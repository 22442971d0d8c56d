"""Chance of data: which laws, how many draws, and their summaries."""

import math

import jax
import numpy as np
import pytest
from tests.core.chance.by_hand import COUNTS, K, N, setting

from gramax.metrics.options import Options
from gramax.metrics.reach import frame_potential
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.chance import baselines, draws
from gramax.uncertainty.chance.baselines import by_law, chance, for_answers


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(5)
    y = np.repeat([0, 2, 3, 4], COUNTS)
    with jax.enable_x64(True):
        return ClassMoments.of(2 * rng.normal(size=(N, 3)), y, 5, normalize=False, scatter=False)


def test_the_setting_of_data(small):
    found, places = baselines.setting_of(small, Options())
    assert found.counts == COUNTS
    np.testing.assert_array_equal(places, [0, 2, 3, 4])
    total = float(baselines._total_trace(small))
    assert found.variance == pytest.approx(total * N / ((N - 1) * 3))
    assert (found.classes, found.rows, found.dim, found.normalize) == (4, N, 3, False)
    tight = ClassMoments.of(np.diag([0.3, 0.6]), None, 1, normalize=False)
    assert baselines.setting_of(tight, Options())[0].variance == pytest.approx(0.225 / 2)
    still = ClassMoments.of(np.ones((3, 4)), None, 1, normalize=False)
    assert baselines.setting_of(still, Options())[0].variance == 1
    sphere = ClassMoments.of(np.ones((3, 4)), None, 1)
    assert baselines.setting_of(sphere, Options())[0].variance == 0.25


def test_laws_of_data(small):
    found = by_law(small)
    assert found["scatter_ratio"].mean == pytest.approx((N - K) / (N - 1))
    single = ClassMoments.of(np.eye(4), None, 1)
    assert "class_coherence" not in by_law(single)


def test_answers_are_held_against_laws_and_quick_simulations(small, monkeypatch):
    known, found = by_law(small), for_answers(small)
    assert known.items() <= found.items()
    names = {*baselines.ANSWERED} - {"effective_rank"}  # these moments have no scatter
    assert names <= set(found)
    whole = chance(small)
    for name in names:
        assert (found[name].mean, found[name].sd) == pytest.approx(
            (whole[name].mean, whole[name].sd), rel=0.3
        )
    x = np.random.default_rng(9).normal(size=(4000, 4, 3))
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    worst = np.abs(np.triu(x @ x.transpose(0, 2, 1), 1)).max(axis=(1, 2))
    few = found["class_coherence"]
    assert few.mean == pytest.approx(worst.mean(), abs=4 * worst.std() / np.sqrt(200))
    assert few.sd == pytest.approx(worst.std(), rel=0.2)
    assert few.method == "Monte Carlo, 200 draws, seed 0"
    single = ClassMoments.of(np.random.default_rng(0).normal(size=(40, 3)), None, 1)
    assert "effective_rank" in for_answers(single)
    assert for_answers(single).keys() - by_law(single).keys() == {"effective_rank"}
    assert "effective_rank" not in found
    monkeypatch.setattr(baselines, "BUDGET", 1.0)
    monkeypatch.setattr(baselines, "_answers", baselines._answers.__wrapped__)
    assert for_answers(small) == known


def test_snapshots_of_a_run_share_what_chance_gives(monkeypatch):
    """The sizes are all that it depends on: for other rows on the sphere, nothing is drawn anew."""
    z, y = np.random.default_rng(1).normal(size=(2, N, 3)), np.repeat([0, 2, 3, 4], COUNTS)
    first = for_answers(ClassMoments.of(z[0], y, 5))
    monkeypatch.setattr(baselines, "draw", None)
    assert for_answers(ClassMoments.of(z[1], y, 5)) == first
    first.clear()
    again = ClassMoments.of(z[1], y, 5)
    assert for_answers(again)
    for other in (ClassMoments.of(z[0], y, 6), ClassMoments.of(z[0][:-1], y[:-1], 5)):
        with pytest.raises(TypeError):
            for_answers(other)
    with pytest.raises(TypeError):
        for_answers(again, Options(weighting="macro"))


def test_seeds():
    assert baselines._seed(None) == 0
    assert baselines._seed(7) == 7
    assert baselines._seed(jax.random.key(5)) == 5
    assert baselines._seed(jax.random.PRNGKey(2**33 + 1)) in (2**33 + 1, 1)


def test_summaries(rng):
    values = rng.normal(size=100)
    found = baselines._summary(values, "m")
    assert (found.mean, found.sd, found.method) == (values.mean(), values.std(ddof=1), "m")
    values[:60] = np.nan
    found = baselines._summary(values, "m")
    assert found.method == "m, undefined in 60"
    assert found.mean == pytest.approx(np.nanmean(values))
    assert math.isnan(baselines._summary(np.array([1.0, np.nan]), "").mean)
    assert baselines._summary(np.array([1.0, 2.0]), "").mean == 1.5
    heavy = rng.normal(size=50)
    heavy[0] = 1e3
    found = baselines._summary(heavy, "m")
    low, middle, high = np.quantile(heavy, (0.1587, 0.5, 0.8413))
    assert (found.mean, found.sd) == (middle, (high - low) / 2)
    assert found.method == "m: median and central spread"
    assert baselines._summary(heavy[:49], "m").method == "m"


def plan(**how):
    at = setting(COUNTS, 3, **how)
    return baselines._Plan(at, np.arange(4), 4, 3, 6)


def test_the_work_of_draws(monkeypatch):
    rows = plan()
    assert rows._draw_work(["scatter_ratio"]) == 100 * N * 3
    assert rows._draw_work(["effective_rank"]) == 100 * N * 3 + (100 + 3) * 9
    monkeypatch.setattr(draws, "FEW_VALUES", 0)
    assert rows._draw_work(["scatter_ratio"]) == 100 * 4 * 3
    assert rows._draw_work(["effective_rank"]) == 100 * 4 * 3 + (100 + 3) * 9
    assert plan()._spectral(["scatter_ratio"]) is False
    assert plan().simulate([]) == {}


def test_simulation(monkeypatch):
    """Six draws of cheap numbers, as many as the budget allows; too dear a number has none."""
    names = ["class_frame_potential", "scatter_ratio"]
    found = plan().simulate(names)
    assert {f.method for f in found.values()} == {"Monte Carlo, 6 draws, seed 3"}
    codes = []
    for i in range(6):
        m = draws.draw(setting(COUNTS, 3), np.arange(4), 4, np.random.default_rng([3, i]), False)
        x = np.asarray(m.anchor + m.mean)
        codes.append(float(frame_potential(x / np.linalg.norm(x, axis=1, keepdims=True))))
    first = found["class_frame_potential"]
    assert (first.mean, first.sd) == pytest.approx((np.mean(codes), np.std(codes, ddof=1)))
    costs = plan()._costs(names)
    work = costs.of(names) + plan()._draw_work(names)
    monkeypatch.setattr(baselines, "CHEAP", 3)
    monkeypatch.setattr(baselines, "FEWEST", 2)
    monkeypatch.setattr(baselines, "DEAR_BUDGET", 0)
    fewest = "Monte Carlo, {} draws, seed 3"
    monkeypatch.setattr(baselines, "BUDGET", 4.5 * work)
    assert plan().simulate(names)["scatter_ratio"].method.startswith(fewest.format(4))
    monkeypatch.setattr(baselines, "BUDGET", 2.9 * work)
    dear = plan().simulate(names)
    assert "too dear" in min(dear.values(), key=lambda f: "Monte" in f.method).method
    monkeypatch.setattr(baselines, "BUDGET", 0)
    monkeypatch.setattr(baselines, "DEAR_BUDGET", 2 * work)
    assert plan().simulate(names)["scatter_ratio"].method.startswith(fewest.format(2))
    monkeypatch.setattr(baselines, "DEAR_BUDGET", 10)
    assert all(math.isnan(f.mean) for f in plan().simulate(names).values())


def test_chance_of_data(small):
    with pytest.raises(ValueError, match="at least 2 draws; got 1"):
        chance(small, draws=1)
    found = chance(small, draws=2, key=4)
    assert found["scatter_ratio"].method == "exact Beta law"
    assert found["cdnv"].method.startswith("Monte Carlo, 2 draws, seed 4")
    assert "effective_rank" not in found


def test_a_single_row_has_a_setting():
    moments = ClassMoments.of(np.ones((1, 3)), np.zeros(1, np.int32), 1, normalize=False)
    assert baselines.setting_of(moments, Options())[0].rows == 1
