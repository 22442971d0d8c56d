"""What of a spectrum is no noise, the distance from uniform, and collapse to continuous targets."""

import numpy as np
import pytest

from gramax import metrics
from gramax.arrays.rows import unit_rows
from gramax.metrics import bulk_share, nrc1, outlier_directions, wasserstein_uniformity


@pytest.mark.parametrize(("n", "d"), [(400, 40), (60, 60), (30, 200)])
def test_noise_has_no_outliers_and_planted_directions_are_counted(n, d):
    """Of 100 draws of noise one or so stands out; a variance twice the threshold is always seen."""
    rng = np.random.default_rng(4)
    noise = [outlier_directions(rng.standard_normal((n, d))) for _ in range(100)]
    assert np.mean(np.array(noise) > 0) <= 0.05
    strong = np.ones(d)
    strong[:3] = 1 + 12 * (1 + np.sqrt(d / n))
    planted = [rng.standard_normal((n, d)) * np.sqrt(strong) for _ in range(20)]
    assert np.mean([outlier_directions(z) == 3 for z in planted]) >= 0.9
    share = [bulk_share(z) for z in planted]
    assert np.all(np.array(share) < 0.97)


def test_wasserstein_uniformity_of_known_laws():
    rng = np.random.default_rng(5)
    z = unit_rows(rng.standard_normal((20_000, 8)))
    assert wasserstein_uniformity(z) < 0.02
    flat = z.copy()
    flat[:, 4:] = 0  # half of the dimensions are lost: 2 - 2 tr Σ^½/√d = 2 - 2 √(1/2)
    flat = unit_rows(flat)
    assert wasserstein_uniformity(flat) == pytest.approx(np.sqrt(2 - np.sqrt(2)), abs=0.01)
    assert wasserstein_uniformity(np.ones((9, 4))) == pytest.approx(np.sqrt(2))
    assert wasserstein_uniformity(7 * z) == pytest.approx(wasserstein_uniformity(z))


def test_features_of_a_regression_collapse_to_the_directions_of_the_targets():
    rng = np.random.default_rng(6)
    y, w = rng.standard_normal((500, 2)), rng.standard_normal((2, 12))
    clean = y @ w
    noisy = clean + 0.5 * rng.standard_normal((500, 12))
    assert nrc1(clean, 2) == pytest.approx(0, abs=1e-12)
    centred = noisy - noisy.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    left = centred - centred @ axes.T @ axes  # what the best plane leaves out
    assert nrc1(noisy, 2) == pytest.approx(np.sum(left**2) / np.sum(centred**2))
    assert np.isnan(nrc1(noisy, 12))
    assert np.isnan(nrc1(np.ones((9, 4)), 1))
    with pytest.raises(ValueError, match="at least one target"):
        metrics.nrc1(noisy, 0)
