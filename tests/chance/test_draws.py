"""Drawn chance: against the moments of drawn rows, and for every metric, within a budget."""

import math
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from scipy import stats
from tests.chance.drawn import SEED, UNEQUAL, law_of, rows, setting_of

from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.chance import baselines, for_answers
from gramax.uncertainty.chance import draws as chance_draws
from gramax.uncertainty.chance.baselines import ANSWERED, chance
from gramax.uncertainty.chance.draws import answers_of_codes, answers_of_spectrum

NAMES = [metric.name for metric in METRICS]
DRAWS = [150, pytest.param(400, marks=pytest.mark.slow)]


def moments_of(z, counts=UNEQUAL, **how):
    return ClassMoments.of(z, np.repeat(np.arange(len(counts)), counts), len(counts), **how)


Z = 3 * np.random.default_rng(SEED).standard_normal((sum(UNEQUAL), 6))


@pytest.fixture(scope="module")
def small():
    return moments_of(Z, normalize=False)


# -- against rows -------------------------------------------------------------------------------


def of_rows(normalize, draws, options=None):
    """Metrics of drawn rows, a row a data set."""
    found = []
    for i in range(draws):
        x = rows(np.random.default_rng([SEED, i]), sum(UNEQUAL), 6, normalize)
        e = Evidence(moments_of(x, normalize=normalize), options)
        found.append([float(METRICS[name].value(e)) for name in NAMES])
    return dict(zip(NAMES, np.array(found).T, strict=True))


def agree(name, a, b):
    """Quartiles, as some numbers have no variance: within some four standard errors of theirs."""
    most = 0.35 * math.sqrt(400 / len(a))
    (a1, a2, a3), (b1, b2, b3) = (np.quantile(v, (0.25, 0.5, 0.75)) for v in (a, b))
    assert abs(a2 - b2) <= most * (a3 - a1) + 1e-12, name
    assert b3 - b1 == pytest.approx(a3 - a1, rel=most, abs=1e-12), name


@pytest.mark.parametrize("draws", DRAWS)
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_draws_are_those_of_rows(normalize, draws, monkeypatch):
    """Every metric: of rows, of moments drawn without rows, and by the draws for the answers."""
    setting, brute = setting_of(UNEQUAL, 6, normalize), of_rows(normalize, draws)
    answers = answers_of_codes(setting, np.random.default_rng(0))
    answers |= answers_of_spectrum(setting, np.random.default_rng(0))
    assert answers.keys() == set(ANSWERED)
    monkeypatch.setattr(chance_draws, "FEW_VALUES", 0)
    drawn = []
    for i in range(draws):
        moments = chance_draws.draw(setting, np.random.default_rng([SEED + 1, i]), True)
        drawn.append([float(METRICS[name].value(Evidence(moments))) for name in NAMES])
    for (name, a), b in zip(brute.items(), np.array(drawn).T, strict=True):
        if np.isnan(a).all():
            assert np.isnan(b).all(), name
            continue
        agree(name, a, b)
        if name in answers:
            agree(name, a, answers[name])
        if law := law_of(name, UNEQUAL, 6, normalize):
            scale = math.sqrt(400 / draws)
            assert a.mean() == pytest.approx(law[0], abs=0.25 * scale * a.std() + 1e-12), name
            assert a.std() == pytest.approx(law[1], rel=0.2 * scale), name


@pytest.mark.parametrize("normalize", [True, False])
def test_answers_weigh_classes_alike_where_asked(normalize):
    brute = of_rows(normalize, 60, Options(weighting="macro"))
    variance = None if normalize else 0.02  # ratios have no scale
    setting = setting_of(UNEQUAL, 6, normalize, variance, weighting="macro")
    for name, values in answers_of_codes(setting, np.random.default_rng(0)).items():
        agree(name, brute[name], values)


@pytest.mark.parametrize(("n", "d"), [(9, 30), (30, 9), (100, 9)])
@pytest.mark.parametrize("normalize", [True, False])
def test_spectra_of_few_and_of_many_rows(n, d, normalize):
    rng, found = np.random.default_rng(SEED), []
    for _ in range(400):
        x = rows(rng, n, d, normalize)
        p = np.linalg.svd(x - x.mean(0), compute_uv=False)[: min(n - 1, d)] ** 2
        p /= p.sum()
        found.append(np.exp(-np.sum(p * np.log(p))))
    drawn = answers_of_spectrum(setting_of((n,), d, normalize), rng)["effective_rank"]
    agree("effective_rank", np.array(found), drawn)


def test_too_many_classes_or_dimensions_are_not_drawn(rng):
    assert answers_of_codes(setting_of((2,) * 700, 800), rng) == {}
    assert answers_of_spectrum(setting_of((1000,), 300), rng) == {}
    assert answers_of_codes(setting_of((5,), 8), rng) == {}
    assert "collapse_ratio" not in answers_of_codes(setting_of((1, 1), 8), rng)


def test_few_rows_are_drawn_themselves_in_the_space_that_they_span(rng):
    moments = chance_draws.draw(setting_of((3, 2, 1), 8), rng, True)  # n < d
    assert (moments.dim, moments.scatter.shape) == (8, (6, 6))
    assert np.linalg.matrix_rank(moments.scatter) == 3
    assert np.trace(moments.scatter) == pytest.approx(moments.spread.sum())
    np.testing.assert_array_equal(moments.count[0], [3, 2, 1])


def test_scatter_of_fewer_rows_than_dimensions_has_their_rank(rng, monkeypatch):
    monkeypatch.setattr(chance_draws, "drawn_as_rows", lambda *_: False)
    setting = setting_of((1,) * 300 + (2, 3), 20, False)  # 3 rows more than classes
    moments = chance_draws.draw(setting, rng, True)
    assert np.linalg.matrix_rank(moments.scatter) == 3
    assert np.trace(moments.scatter) == pytest.approx(moments.spread.sum())


# -- chance of data -----------------------------------------------------------------------------


def test_chance_of_every_metric_is_reproducible(small):
    first, again = chance(small, draws=60), chance(small, draws=60, key=0)
    other = chance(small, draws=60, key=jax.random.key(5))
    assert list(first) == NAMES
    assert repr(first) == repr(again)
    assert all(isinstance(one.mean, float) and one.method for one in first.values())
    assert "60 draws, seed 5" in other["vci"].method
    assert first["vci"].mean != other["vci"].mean
    assert abs(first["vci"].mean - other["vci"].mean) < first["vci"].sd
    for empty, draws, said in ((True, 9, "hold no rows"), (False, 1, "at least 2 draws; got 1")):
        with pytest.raises(ValueError, match=said):
            chance(ClassMoments.empty(2, 2) if empty else small, draws=draws)


def test_chance_has_the_sizes_and_the_scale_of_the_data(small):
    setting = baselines.setting_of(small, Options())
    n, c = sum(UNEQUAL), 6
    assert (setting.classes, setting.rows, setting.dim) == (c, n, 6)
    assert setting.variance == pytest.approx(np.mean(np.var(Z, axis=0, ddof=1)), rel=1e-12)
    law = baselines._laws(setting)["within_class_variance"]
    assert law.mean == pytest.approx(6 * setting.variance * (n - c) / n)
    for normalize, variance in ((False, 1), (True, 0.25)):
        still = ClassMoments.of(np.ones((3, 4)), None, 1, normalize=normalize)
        assert baselines.setting_of(still, Options()).variance == variance
    y = np.repeat(np.arange(len(UNEQUAL)), UNEQUAL)
    light = ClassMoments.of(Z, y, len(UNEQUAL), np.full(len(y), 1e-3))
    assert for_answers(light) == for_answers(moments_of(Z))


def test_what_is_too_dear_is_left_out(small, monkeypatch):
    monkeypatch.setattr(baselines, "MAX_WORK", 1e3)
    found = chance(small)
    for name, one in found.items():
        assert math.isfinite(one.mean) == (one.method != "too dear to simulate here"), name
    assert math.isnan(found["class_simplex_error_centred"].mean)
    assert found["class_frame_potential"].mean == pytest.approx(6 + 6 * 5 / 6)


def test_answers_are_held_against_laws_and_quick_draws(small):
    known, found, whole = (
        baselines._laws(baselines.setting_of(small, Options())),
        for_answers(small),
        chance(small, draws=200),
    )
    for name in ANSWERED:
        assert found[name].mean == pytest.approx(whole[name].mean, abs=0.3 * whole[name].sd)
        assert found[name].sd == pytest.approx(whole[name].sd, rel=0.35)
        assert (name in known) != ("draws" in found[name].method)
    single = ClassMoments.of(np.random.default_rng(0).normal(size=(40, 3)), None, 1)
    assert "effective_rank" in for_answers(single)
    assert "class_coherence" not in for_answers(single)


def test_snapshots_of_a_run_share_what_chance_gives(monkeypatch):
    """The sizes are all that it depends on: for other rows on the sphere, nothing is drawn anew."""
    z, counts = np.random.default_rng(1).normal(size=(2, 20, 3)), (9, 4, 1, 6)
    first = for_answers(moments_of(z[0], counts))
    monkeypatch.setattr(baselines, "answers_of_codes", None)
    assert for_answers(moments_of(z[1], counts)) == first
    first.clear()
    assert for_answers(moments_of(z[1], counts))
    with pytest.raises(TypeError):
        for_answers(moments_of(z[0][:-1], (9, 4, 1, 5)))
    with pytest.raises(TypeError):
        for_answers(moments_of(z[1], counts), Options(weighting="macro"))


@pytest.mark.parametrize(("n", "d", "c"), [(359, 64, 10), (20_000, 384, 20)])
def test_what_the_answers_need_takes_no_time(n, d, c):
    z = np.random.default_rng(0).standard_normal((n, d))
    moments = ClassMoments.of(z, np.arange(n) % c, c, scatter=True)
    for _ in range(2):  # the first time imports
        baselines._answers.cache_clear()
        start = time.process_time()
        for_answers(moments)
    assert time.process_time() - start < 0.15  # 0.02 on an idle core


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
