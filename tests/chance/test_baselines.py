"""Chance of data: every metric, on its scale, reproducibly, and within a budget."""

import math
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from scipy import stats
from tests.chance.drawn import SEED, UNEQUAL

from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.chance import baselines, by_law, for_answers
from gramax.uncertainty.chance.baselines import chance
from gramax.uncertainty.chance.laws import LAWS


def _moments(z: np.ndarray, counts: tuple[int, ...] = UNEQUAL, **how: bool) -> ClassMoments:
    return ClassMoments.of(z, np.repeat(np.arange(len(counts)), counts), len(counts), **how)


Z = 3 * np.random.default_rng(SEED).standard_normal((sum(UNEQUAL), 6))


@pytest.fixture(scope="module")
def small() -> ClassMoments:
    return _moments(Z, normalize=False)


def test_chance_of_every_metric_is_reproducible(small):
    first, again = chance(small, draws=60), chance(small, draws=60, key=0)
    other = chance(small, draws=60, key=jax.random.key(5))
    assert list(first) == [m.name for m in METRICS]
    for name, found in first.items():
        assert isinstance(found.mean, float), name
        assert found.method
        assert (found.method, found.mean) == (again[name].method, again[name].mean) or math.isnan(
            found.mean
        ), name
    assert "60 draws, seed 5" in other["vci"].method
    assert first["vci"].mean != other["vci"].mean
    assert abs(first["vci"].mean - other["vci"].mean) < first["vci"].sd


def test_chance_has_the_sizes_and_the_scale_of_the_data(small):
    setting, places = baselines.setting_of(small, Options())
    assert list(places) == [0, 2, 3, 4, 5, 6]
    n, c = sum(UNEQUAL), 6
    assert (setting.classes, setting.rows, setting.dim) == (c, n, 6)
    assert setting.variance == pytest.approx(np.mean(np.var(Z, axis=0, ddof=1)), rel=1e-12)
    law = LAWS["within_class_variance"](setting)
    assert law.mean == pytest.approx(6 * setting.variance * (n - c) / n)
    still = ClassMoments.of(np.ones((3, 4)), None, 1, normalize=False)
    assert baselines.setting_of(still, Options())[0].variance == 1
    sphere = ClassMoments.of(np.ones((3, 4)), None, 1)
    assert baselines.setting_of(sphere, Options())[0].variance == 0.25


def test_weights_do_not_matter(small):
    z = np.random.default_rng(SEED).standard_normal((sum(UNEQUAL), 6))
    y = np.repeat(np.arange(len(UNEQUAL)), UNEQUAL)
    light = ClassMoments.of(z, y, len(UNEQUAL), np.full(len(y), 1e-3))
    assert for_answers(light) == for_answers(_moments(z))


def test_what_is_too_dear_is_left_out(small, monkeypatch):
    monkeypatch.setattr(baselines, "MAX_WORK", 1e3)
    found = chance(small)
    for name, one in found.items():
        assert math.isfinite(one.mean) == (one.method != "too dear to simulate here"), name
    assert math.isnan(found["class_simplex_error_centred"].mean)
    assert found["class_frame_potential"].mean == pytest.approx(6 + 6 * 5 / 6)


def test_answers_are_held_against_laws_and_quick_draws(small):
    known, found = by_law(small), for_answers(small)
    assert set(baselines.ANSWERED) <= set(found)
    whole = chance(small, draws=200)
    for name in baselines.ANSWERED:
        assert found[name].mean == pytest.approx(whole[name].mean, abs=0.3 * whole[name].sd)
        assert found[name].sd == pytest.approx(whole[name].sd, rel=0.35)
        assert (name in known) != ("draws" in found[name].method)
    single = ClassMoments.of(np.random.default_rng(0).normal(size=(40, 3)), None, 1)
    assert "effective_rank" in for_answers(single)
    assert "class_coherence" not in by_law(single)


def test_snapshots_of_a_run_share_what_chance_gives(monkeypatch):
    """The sizes are all that it depends on: for other rows on the sphere, nothing is drawn anew."""
    z = np.random.default_rng(1).normal(size=(2, 20, 3))
    first = for_answers(_moments(z[0], (9, 4, 1, 6)))
    monkeypatch.setattr(baselines, "of_codes", None)
    assert for_answers(_moments(z[1], (9, 4, 1, 6))) == first
    first.clear()
    again = _moments(z[1], (9, 4, 1, 6))
    assert for_answers(again)
    with pytest.raises(TypeError):
        for_answers(_moments(z[0][:-1], (9, 4, 1, 5)))
    with pytest.raises(TypeError):
        for_answers(again, Options(weighting="macro"))


@pytest.mark.parametrize(("n", "d", "c"), [(359, 64, 10), (20_000, 384, 20)])
def test_what_the_answers_need_takes_no_time(n, d, c):
    moments = ClassMoments.of(
        np.random.default_rng(0).standard_normal((n, d)), np.arange(n) % c, c, scatter=True
    )
    baselines._answers.cache_clear()
    for_answers(moments)
    baselines._answers.cache_clear()
    start = time.process_time()
    for_answers(moments)
    assert time.process_time() - start < 0.15  # 0.02 on an idle core


def test_bad_arguments_are_told():
    with pytest.raises(ValueError, match="hold no rows"):
        chance(ClassMoments.empty(2, 2))
    with pytest.raises(ValueError, match="at least 2 draws; got 1"):
        chance(ClassMoments.empty(2, 2), draws=1)


def test_summaries(rng):
    values = rng.normal(size=100)
    found = baselines._summary(values, "m")
    assert (found.mean, found.sd, found.method) == (values.mean(), values.std(ddof=1), "m")
    values[:60] = np.nan
    found = baselines._summary(values, "m")
    assert found.method == "m, undefined in 60"
    assert found.mean == pytest.approx(np.nanmean(values))
    assert baselines._summary(np.full(9, np.nan), "").method.startswith("undefined")
    heavy = stats.cauchy(loc=3).rvs(200, random_state=SEED)
    found = baselines._summary(heavy, "m")
    low, middle, high = np.quantile(heavy, (0.1587, 0.5, 0.8413))
    assert (found.mean, found.sd) == (middle, (high - low) / 2)
    assert found.method == "m: median and central spread"


@pytest.mark.parametrize("package", ["chance", "errorbars"])
def test_a_package_imported_alone_knows_every_metric_and_law_and_needs_no_jax(package):
    code = (
        f"import gramax, sys\ngramax.{package}\nimport gramax.metrics.registry as r\n"
        "laws = sys.modules.get('gramax.uncertainty.chance.laws')\n"
        "known = laws is None or {'effective_rank', 'mean_cosine'} <= laws.LAWS.keys()\n"
        "print(len(r.METRICS), known, 'jax' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(len(METRICS)), "True", "False"]
