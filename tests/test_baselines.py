"""Chance: closed forms against SciPy and simulation, drawn moments against drawn rows."""

from __future__ import annotations

import math
import subprocess
import sys

import jax
import numpy as np
import pytest
from scipy import integrate, special, stats

from gramax.chance import baselines
from gramax.chance import cosines as random_cosines
from gramax.chance import draws as chance_draws
from gramax.chance.baselines import Chance, chance, position
from gramax.chance.laws import LAWS, Setting
from gramax.chance.spectrum import Spectrum
from gramax.evidence import Options
from gramax.moments import ClassMoments
from gramax.registry import METRICS

SEED = 7
UNEQUAL = (40, 0, 25, 1, 3, 60, 31)
"""Class sizes with an absent class and one of a single row."""


def _setting(counts: tuple[float, ...], d: int, normalize: bool = True, **options: str) -> Setting:
    counts = tuple(float(c) for c in counts if c)
    return Setting(counts, d, normalize, 1 / d, Options(**options))


def _rows(rng: np.random.Generator, n: int, d: int, normalize: bool) -> np.ndarray:
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True) if normalize else x / math.sqrt(d)


# -- random cosines -----------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 3, 4, 17, 768, 100_000])
def test_angle_tail_is_the_beta_law(d):
    phi, tail = random_cosines.angle_tail(d)
    at = np.arange(0, 20_000, 997)
    expected = special.betainc((d - 1) / 2, 0.5, np.cos(phi[at]) ** 2)
    seen = expected > 1e-25
    np.testing.assert_allclose(tail[at][seen], expected[seen], rtol=2e-5 if d > 4 else 1e-3)


@pytest.mark.parametrize(("c", "d"), [(40, 3), (60, 30), (400, 100)])
def test_largest_cosine_of_many_codes(c, d):
    rng = np.random.default_rng(SEED)
    codes = (_rows(rng, c, d, True) for _ in range(300))
    found = np.array([np.max(np.abs(np.triu(x @ x.T, 1))) for x in codes])
    mean, sd = random_cosines.largest_cosine(c * (c - 1) / 2, d)
    assert found.mean() == pytest.approx(mean, abs=4 * sd / math.sqrt(300))
    assert found.std() == pytest.approx(sd, rel=0.2)


def test_largest_cosine_at_the_ends():
    assert random_cosines.largest_cosine(10, 1) == (1.0, 0.0)
    mean, sd = random_cosines.largest_cosine(1e12, 2)
    assert mean == pytest.approx(1, abs=1e-8)
    assert sd < 1e-4
    mean, _ = random_cosines.largest_cosine(1.25e9, 768)  # 50 000 classes
    p = special.betaincinv(383.5, 0.5, 1 / 1.25e9)  # where one pair is expected
    assert mean == pytest.approx(math.sqrt(1 - p), rel=0.02)


@pytest.mark.parametrize(("m", "d"), [(1, 5), (2, 1), (2, 5), (3, 4), (50, 8)])
def test_length_of_a_mean_of_unit_rows(m, d):
    rng = np.random.default_rng(SEED)
    found = np.linalg.norm(_rows(rng, 4000 * m, d, True).reshape(4000, m, d).mean(1), axis=1)
    mean, variance = (float(x[0]) for x in random_cosines.mean_length(np.array([float(m)]), d))
    assert found.mean() == pytest.approx(mean, abs=4 * found.std() / 63 + 2e-3)
    assert found.std() == pytest.approx(math.sqrt(variance), rel=0.05, abs=1e-6)


# -- the spectrum -------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [0.05, 0.5, 1.0])
def test_marchenko_pastur_entropy_is_the_integral(y):
    low, high = (1 - math.sqrt(y)) ** 2, (1 + math.sqrt(y)) ** 2

    def density(x: float) -> float:
        return math.sqrt(max((high - x) * (x - low), 0)) / (2 * math.pi * y * x)

    k = 1e9  # so many dimensions that only the density is left
    mean, _ = Spectrum(k, k / y).sum_of(lambda x: x * np.log(np.maximum(x, 1e-30)))
    expected = integrate.quad(lambda x: density(x) * x * math.log(x), low, high, limit=200)[0]
    assert mean / k == pytest.approx(expected, rel=1e-5)
    assert expected == pytest.approx(y / 2, rel=1e-5)  # Page 1993: log d - d/2n


@pytest.mark.parametrize(("n", "d"), [(100, 300), (1200, 80)])
@pytest.mark.parametrize("normalize", [True, False])
def test_laws_of_the_spectrum(n, d, normalize):
    rng = np.random.default_rng(SEED)
    found: dict[str, list[float]] = {}
    for _ in range(60):
        x = _rows(rng, n, d, normalize)
        s = np.linalg.svd(x, compute_uv=False)
        p = s / s.sum() + 1e-7
        values = np.linalg.svd(x - x.mean(0), compute_uv=False)[: min(n - 1, d)] ** 2
        q = values / values.sum()
        for name, value in (
            ("rankme", np.exp(-np.sum(p * np.log(p)))),
            ("stable_rank", np.sum(s**2) / s[0] ** 2),
            ("effective_rank", np.exp(-np.sum(q * np.log(q)))),
            ("participation_ratio", 1 / np.sum(q**2)),
            ("nesum", 1 / q[0]),
        ):
            found.setdefault(name, []).append(float(value))
    setting = _setting((n / 2, n / 2), d, normalize)
    for name, values in found.items():
        law = LAWS[name](setting)
        z = (np.mean(values) - law.mean) / law.sd
        print(f"{name}: {law.mean:.5g} ± {law.sd:.2g}, found z {z:+.2f}, seed {SEED}")
        entropy = name in ("rankme", "effective_rank") and normalize and n < 2 * d
        assert abs(z) < (1.5 if entropy else 0.9), name
        assert np.std(values) == pytest.approx(law.sd, rel=0.35), name


# -- drawn moments against drawn rows -----------------------------------------------------------


@pytest.mark.parametrize("normalize", [True, False])
def test_drawn_moments_are_those_of_rows(normalize, monkeypatch):
    """Every metric of the registry: rows, moments of rows, and moments drawn without rows."""
    n, d, draws = sum(UNEQUAL), 6, 300
    setting = _setting(UNEQUAL, d, normalize)
    places = np.flatnonzero(UNEQUAL)
    names = tuple(m.name for m in METRICS)
    y = np.repeat(np.arange(len(UNEQUAL)), UNEQUAL)
    brute, drawn = [], []
    with jax.enable_x64(True):
        for i in range(draws):
            x = _rows(np.random.default_rng([SEED, i]), n, d, normalize)
            moments = ClassMoments.of(x, y, len(UNEQUAL), normalize=normalize)
            brute.append(jax.device_get(baselines._values(moments, names, Options())))
        monkeypatch.setattr(chance_draws, "FEW_VALUES", 0)
        assert not chance_draws.drawn_as_rows(setting, True)
        for i in range(draws):
            rng = np.random.default_rng([SEED + 1, i])
            moments = chance_draws.draw(setting, places, len(UNEQUAL), rng, True)
            drawn.append(jax.device_get(baselines._values(moments, names, Options())))
    for name, a, b in zip(names, np.array(brute).T, np.array(drawn).T, strict=True):
        if np.isnan(a).all():
            assert np.isnan(b).all(), name
            continue
        # Quartiles, for some numbers have no variance: each is known to 1.36 sd/√draws or so.
        (a1, a2, a3), (b1, b2, b3) = (np.quantile(v, (0.25, 0.5, 0.75)) for v in (a, b))
        width = a3 - a1
        print(f"{name}: {a2:.4g} ({width:.2g}) and {b2:.4g} ({b3 - b1:.2g}), seed {SEED}")
        assert abs(a2 - b2) <= 0.3 * width + 1e-12, name
        assert b3 - b1 == pytest.approx(width, rel=0.35, abs=1e-12), name
        law = LAWS[name](setting) if name in LAWS else None
        if law is not None:
            assert a.mean() == pytest.approx(law.mean, abs=0.25 * a.std() + 1e-12), name
            assert a.std() == pytest.approx(law.sd, rel=0.15), name


def test_few_rows_are_drawn_themselves():
    setting = _setting((3, 2, 1), 8)  # n < d
    assert chance_draws.drawn_as_rows(setting, True)
    rng = np.random.default_rng(SEED)
    with jax.enable_x64(True):
        moments = chance_draws.draw(setting, np.array([0, 2, 3]), 5, rng, True)
        moments = jax.device_get(moments)
    assert np.linalg.matrix_rank(moments.scatter) == 3
    assert np.trace(moments.scatter) == pytest.approx(moments.spread.sum())
    np.testing.assert_array_equal(moments.count[0], [3, 0, 2, 1, 0])


def test_scatter_of_fewer_rows_than_dimensions_has_their_rank():
    setting = _setting((1,) * 300 + (2, 3), 20, False)  # 3 rows more than classes
    rng = np.random.default_rng(SEED)
    _, spread, scatter = chance_draws._from_laws(setting, rng, True)
    assert np.linalg.matrix_rank(scatter) == 3
    assert np.trace(scatter) == pytest.approx(spread.sum())


# -- the laws of many classes -------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [True, False])
def test_laws_of_the_codebook(normalize):
    n, c, d, draws = 1600, 40, 12, 300
    setting = _setting((n / c,) * c, d, normalize)
    names = [
        name
        for name in LAWS
        if name in METRICS and not METRICS[name].spectrum and LAWS[name](setting) is not None
    ]
    assert len(names) >= 7
    y, found = np.arange(n) % c, []
    with jax.enable_x64(True):
        for i in range(draws):
            x = _rows(np.random.default_rng([SEED, i]), n, d, normalize)
            moments = ClassMoments.of(x, y, c, normalize=normalize, scatter=False)
            found.append(jax.device_get(baselines._values(moments, tuple(names), Options())))
    for name, values in zip(names, np.array(found).T, strict=True):
        law = LAWS[name](setting)
        print(f"{name}: {law.mean:.5g} ± {law.sd:.2g}, found {values.mean():.5g}, seed {SEED}")
        assert values.mean() == pytest.approx(law.mean, abs=0.25 * law.sd), name
        assert values.std() == pytest.approx(law.sd, rel=0.2), name


# -- the public functions -----------------------------------------------------------------------


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


def test_laws_serve_as_many_classes_as_there_are():
    setting = _setting((10.0,) * 50_000, 64)
    assert 0.6 < LAWS["class_coherence"](setting).mean < 0.9
    assert LAWS["class_frame_potential"](setting).mean == pytest.approx(5e4 + 5e4 * 49_999 / 64)


def test_macro_weights_have_no_law_of_rows():
    law = LAWS["scatter_ratio"]
    assert law(_setting((40, 3, 9), 5, weighting="macro")) is None
    found = law(_setting((40, 3, 9), 5))
    assert found.mean == pytest.approx(49 / 51)


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
        f"import gramax.{package}, gramax.registry as r, sys\n"
        "laws = sys.modules.get('gramax.chance.laws')\n"
        "print(len(r.METRICS), laws is None or 'effective_rank' in laws.LAWS)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(len(METRICS)), "True"]
