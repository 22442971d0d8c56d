"""The spectrum of chance against its moments, quadrature and draws."""

import math

import numpy as np
import pytest
from scipy import integrate
from tests.chance.drawn import SEED, rows, setting_of

from gramax.uncertainty.chance.laws import LAWS
from gramax.uncertainty.chance.spectrum import Spectrum, purity


def test_sums_over_the_spectrum():
    """E tr W = d, E tr W² = d(1 + (d+1)/m), and var tr W = 2d/m, of W = XᵀX/m."""
    d, m = 100, 400
    s = Spectrum(d, m)
    mean, variance = s.sum_of(lambda x: x)
    np.testing.assert_allclose((mean, variance), (d, 2 * d / m), rtol=1e-9)
    mean, variance = s.sum_of(lambda x: x**2)
    y = d / m
    np.testing.assert_allclose(mean, d * (1 + (d + 1) / m), rtol=1e-9)
    np.testing.assert_allclose(variance, 8 * y * (1 + y) ** 2 + 4 * y * y, rtol=1e-9)
    values = s.quantiles(np.linspace(0, 1, 20_001))
    np.testing.assert_allclose([values[0], values[-1]], [0.25, 2.25], rtol=1e-5)
    np.testing.assert_allclose(np.mean(values), 1, rtol=1e-4)
    np.testing.assert_allclose(np.mean(values**2), 1 + y, rtol=1e-4)
    density = lambda x: math.sqrt((2.25 - x) * (x - 0.25)) / (2 * math.pi * y * x)  # noqa: E731
    below = integrate.quad(density, 0.25, 1.2, epsabs=1e-12, limit=200)[0]
    np.testing.assert_allclose(s.quantiles(np.array([below])), 1.2, rtol=1e-6)


def test_the_largest_eigenvalue():
    mean, sd = Spectrum(100, 400).largest()
    scale = 30 * (1 / 20 + 1 / 10) ** (1 / 3)
    right = (900 - 1.2065335745820 * scale) / 400, 1.2680340580 * scale / 400
    np.testing.assert_allclose((mean, sd), right, rtol=1e-9)


def test_entropies():
    """Of λ: log d - d/2m with its correction of order 1/m; with power 0 all weights are alike."""
    mean, sd = Spectrum(100, 400).entropy_rank(0.0, 0.0)
    np.testing.assert_allclose((mean, sd), (100, 0), atol=1e-6)
    y, k = 0.25, 1e7
    mean, sd = Spectrum(k, k / y).entropy_rank(1.0, 0.0)
    np.testing.assert_allclose(mean, k * math.exp(-y / 2), rtol=1e-5)
    # Var of Σ f(λ), f = -λ log λ + λ(...): by quadrature of its Chebyshev coefficients.
    theta = np.linspace(0, np.pi, 200_001)
    x = 1 + y + 2 * math.sqrt(y) * np.cos(theta)
    f = -x * np.log(x / k) / k - x / k * (math.log(k) - y / 2 - 1)
    a = [2 / np.pi * np.trapezoid(f * np.cos(j * theta), theta) for j in range(1, 30)]
    right = math.sqrt(sum(j * v * v for j, v in enumerate(a, 1)) / 2)
    np.testing.assert_allclose(sd, k * math.exp(-y / 2) * right, rtol=1e-3)


def test_which_spectrum():
    s = setting_of((100, 100), 80, False)
    assert Spectrum.of(s, True) == Spectrum(80, 199)
    assert Spectrum.of(s, False) == Spectrum(80, 200)
    assert Spectrum.of(setting_of((100, 100), 300, False), True) == Spectrum(199, 300)
    assert Spectrum.of(setting_of((100, 100), 80), False) == Spectrum(80, 200 * 82 / 80)
    assert Spectrum.of(setting_of((100, 100), 63), False) is None
    assert Spectrum.of(setting_of((32, 32), 80), True) is None
    assert Spectrum.of(setting_of((32, 32), 80), False) is not None


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("centred", [True, False])
def test_purity(normalize, centred):
    """Σλ²/(Σλ)² of 6 rows in 3 dimensions, over 40 000 draws."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40_000, 6, 3))
    if normalize:
        x /= np.linalg.norm(x, axis=2, keepdims=True)
    if centred:
        x = x - x.mean(axis=1, keepdims=True)
    gram = x @ x.transpose(0, 2, 1)
    trace = np.trace(gram, axis1=1, axis2=2)
    if normalize and centred:  # the law divides the mean of squares by that of the trace
        values = np.sum(gram**2, axis=(1, 2))
        m = 5
        exact = np.mean(values) / np.mean(trace) ** 2
        right = 1 / m + (1 + m * m) / (3 * 6 * m)
        assert purity(6, 3, True, True)[0] == pytest.approx(right, rel=1e-12)
        assert exact == pytest.approx(right, rel=5e-3)
    else:
        values = np.sum(gram**2, axis=(1, 2)) / trace**2
        assert purity(6, 3, normalize, centred)[0] == pytest.approx(values.mean(), rel=3e-3)
    m = 5 if centred else 6
    assert purity(6, 3, normalize, centred)[1] == pytest.approx(2 / (3 * m) * math.sqrt(2 / 5))


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
            ("isoscore", (1 / np.sum(q**2) - 1) / (d - 1)),
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


def test_small_spectra_have_no_law():
    for name in ("effective_rank", "rankme", "nesum", "stable_rank", "participation_ratio"):
        assert LAWS[name](setting_of((100, 100), 63)) is None
        assert LAWS[name](setting_of((32, 31), 80)) is None
        assert LAWS[name](setting_of((33, 32), 80)) is not None
