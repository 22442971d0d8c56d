"""Laws against SciPy and simulation: random cosines, spectra, codebooks of class means."""

import math

import jax
import numpy as np
import pytest
from scipy import integrate, special
from tests.chance.drawn import SEED, rows, setting_of

from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.chance import baselines
from gramax.uncertainty.chance import cosines as random_cosines
from gramax.uncertainty.chance.laws import LAWS
from gramax.uncertainty.chance.spectrum import Spectrum


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
    codes = (rows(rng, c, d, True) for _ in range(300))
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
    found = np.linalg.norm(rows(rng, 4000 * m, d, True).reshape(4000, m, d).mean(1), axis=1)
    mean, variance = (float(x[0]) for x in random_cosines.mean_length(np.array([float(m)]), d))
    assert found.mean() == pytest.approx(mean, abs=4 * found.std() / 63 + 2e-3)
    assert found.std() == pytest.approx(math.sqrt(variance), rel=0.05, abs=1e-6)


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


def _eigenvalues(x: np.ndarray) -> np.ndarray:
    """Of the smaller Gram matrix, from the largest; quicker than singular values."""
    gram = x @ x.T if len(x) < x.shape[1] else x.T @ x
    return np.maximum(np.linalg.eigvalsh(gram)[::-1], 0)


@pytest.mark.parametrize(("n", "d"), [(100, 300), (1200, 80)])
@pytest.mark.parametrize("normalize", [True, False])
def test_laws_of_the_spectrum(n, d, normalize):
    rng = np.random.default_rng(SEED)
    found: dict[str, list[float]] = {}
    for _ in range(60):
        x = rows(rng, n, d, normalize)
        s = np.sqrt(_eigenvalues(x))
        p = s / s.sum() + 1e-7
        values = _eigenvalues(x - x.mean(0))[: min(n - 1, d)]
        q = values / values.sum()
        for name, value in (
            ("rankme", np.exp(-np.sum(p * np.log(p)))),
            ("stable_rank", np.sum(s**2) / s[0] ** 2),
            ("effective_rank", np.exp(-np.sum(q * np.log(q)))),
            ("participation_ratio", 1 / np.sum(q**2)),
            ("nesum", 1 / q[0]),
        ):
            found.setdefault(name, []).append(float(value))
    setting = setting_of((n / 2, n / 2), d, normalize)
    for name, values in found.items():
        law = LAWS[name](setting)
        z = (np.mean(values) - law.mean) / law.sd
        print(f"{name}: {law.mean:.5g} ± {law.sd:.2g}, found z {z:+.2f}, seed {SEED}")
        entropy = name in ("rankme", "effective_rank") and normalize and n < 2 * d
        assert abs(z) < (1.5 if entropy else 0.9), name
        assert np.std(values) == pytest.approx(law.sd, rel=0.35), name


@pytest.mark.parametrize(("normalize", "d"), [(True, 12), (False, 12), (True, 48)])
def test_laws_of_the_codebook(normalize, d):
    n, c, draws = 1600, 40, 300
    setting = setting_of((n / c,) * c, d, normalize)
    names = [
        name
        for name in LAWS
        if name in METRICS and not METRICS[name].spectrum and LAWS[name](setting) is not None
    ]
    assert len(names) >= 7
    assert ("class_simplex_error_centred" in names) == (d >= c - 1)
    y, found = np.arange(n) % c, []
    with jax.enable_x64(True):
        for i in range(draws):
            x = rows(np.random.default_rng([SEED, i]), n, d, normalize)
            moments = ClassMoments.of(x, y, c, normalize=normalize, scatter=False)
            found.append(jax.device_get(baselines._values(moments, tuple(names), Options())))
    for name, values in zip(names, np.array(found).T, strict=True):
        law = LAWS[name](setting)
        print(f"{name}: {law.mean:.5g} ± {law.sd:.2g}, found {values.mean():.5g}, seed {SEED}")
        assert values.mean() == pytest.approx(law.mean, abs=0.25 * law.sd), name
        assert values.std() == pytest.approx(law.sd, rel=0.2), name


def test_laws_serve_as_many_classes_as_there_are():
    setting = setting_of((10.0,) * 50_000, 64)
    assert 0.6 < LAWS["class_coherence"](setting).mean < 0.9
    assert LAWS["class_frame_potential"](setting).mean == pytest.approx(5e4 + 5e4 * 49_999 / 64)


def test_macro_weights_have_no_law_of_rows():
    law = LAWS["scatter_ratio"]
    assert law(setting_of((40, 3, 9), 5, weighting="macro")) is None
    found = law(setting_of((40, 3, 9), 5))
    assert found.mean == pytest.approx(49 / 51)
