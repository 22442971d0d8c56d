"""Chance of data: every metric, on its scale, reproducibly, and within a budget."""

import math
import subprocess
import sys

import jax
import numpy as np
import pytest
from scipy import stats
from tests.chance.drawn import SEED, UNEQUAL

from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.chance import baselines
from gramax.uncertainty.chance.baselines import Chance, chance
from gramax.uncertainty.chance.laws import LAWS, position


@pytest.fixture(scope="module")
def small() -> ClassMoments:
    rng = np.random.default_rng(SEED)
    y = np.repeat(np.arange(len(UNEQUAL)), UNEQUAL)
    return ClassMoments.of(3 * rng.standard_normal((len(y), 6)), y, len(UNEQUAL), normalize=False)


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


def test_chance_has_the_scale_of_raw_data(small):
    total = float(baselines._total_trace(small))
    setting, places = baselines.setting_of(small, Options())
    n, c = sum(UNEQUAL), 6
    assert list(places) == [0, 2, 3, 4, 5, 6]
    law = LAWS["within_class_variance"](setting)
    assert law.mean == pytest.approx(total * (n - c) / (n - 1), rel=1e-5)


def test_what_is_too_dear_is_left_out(small, monkeypatch):
    monkeypatch.setattr(baselines, "BUDGET", 1e3)
    monkeypatch.setattr(baselines, "DEAR_BUDGET", 1e3)
    found = chance(small)
    for name, one in found.items():
        assert math.isfinite(one.mean) == (one.method != "too dear to simulate here"), name
    assert math.isnan(found["class_simplex_error_centred"].mean)
    assert found["class_frame_potential"].mean == pytest.approx(6 + 6 * 5 / 6)


def test_z_and_position():
    assert Chance(1.0, 0.5, "").z(2.0) == 2
    assert Chance(1.0, 0.0, "").z(2.0) == math.inf
    assert Chance(1.0, 0.0, "").z(1.0) == 0
    assert math.isnan(Chance(math.nan, math.nan, "").z(1.0))
    assert position(3.0, 3.0, 9.0) == 0
    assert position(9.0, 3.0, 9.0) == 1
    assert math.isnan(position(1.0, 2.0, 2.0))


def test_bad_arguments_are_told():
    with pytest.raises(ValueError, match="hold no rows"):
        chance(ClassMoments.empty(2, 2))
    with pytest.raises(ValueError, match="at least 2 draws; got 1"):
        chance(ClassMoments.empty(2, 2), draws=1)


def test_heavy_tails_are_summed_up_by_their_middle():
    values = stats.cauchy(loc=3).rvs(200, random_state=SEED)
    found = baselines._summary(values, "draws")
    assert found.mean == pytest.approx(3, abs=0.5)
    assert "median" in found.method
    assert (
        "median" not in baselines._summary(stats.norm.rvs(size=200, random_state=SEED), "").method
    )
    assert baselines._summary(np.full(9, np.nan), "").method.startswith("undefined")


@pytest.mark.parametrize("package", ["chance", "errorbars"])
def test_a_package_imported_alone_knows_every_metric_and_law(package):
    code = (
        f"import gramax.{package}, gramax.metrics.registry as r, sys\n"
        "laws = sys.modules.get('gramax.uncertainty.chance.laws')\n"
        "print(len(r.METRICS), laws is None or 'effective_rank' in laws.LAWS)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(len(METRICS)), "True"]
