"""What of a spectrum is no noise, the distance from uniform, and collapse to continuous targets."""

import json

import numpy as np
import pytest

import gramax
from gramax import metrics
from gramax.arrays.rows import unit_rows
from gramax.cli import main
from gramax.errors import InputError
from gramax.metrics import bulk_share, nrc1, outlier_directions, wasserstein_uniformity
from gramax.moments.blocks import dealt


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


def test_the_audit_of_a_regression(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(7)
    y = rng.standard_normal((300, 2))
    z = (y @ rng.standard_normal((2, 8)) + 0.1 * rng.standard_normal((300, 8))).astype(np.float32)
    three = np.column_stack([y, y[:, 0] - y[:, 1]])  # the third follows from the others
    right = nrc1(unit_rows(z.astype(float)), 2)
    for targets in (2, three, y):
        found = gramax.audit(z, targets=targets)
        assert found["nrc1"] == pytest.approx(right, rel=1e-6)
        assert found["nrc1"] == pytest.approx(gramax.audit(z, targets=3)["nrc1"], abs=0.1)
    left = [nrc1(unit_rows(z[dealt(0, 300, 20, 0) != b].astype(float)), 2) for b in range(20)]
    told = gramax.audit(z, targets=2, explain=True, portrait=False).numbers["nrc1"].error
    assert told.error == pytest.approx(np.sqrt(19 / 20 * np.sum((left - np.mean(left)) ** 2)), 0.02)
    assert told.low < right < told.high
    blurred = z + rng.standard_normal(z.shape).astype(np.float32)
    assert gramax.compare(z, blurred, targets=y)["nrc1"].kind == "worse"
    assert gramax.compare(z[:150], z[150:], targets=2, paired=False)["nrc1"].kind == "same"
    assert "nrc1" not in gramax.audit(z).numbers
    np.savez("z.npz", z=z, y=three)
    assert main(["audit", "z.npz", "--column", "z", "--targets", "y", "--json", "-"]) == 0
    whole = json.loads(capsys.readouterr().out)["metrics"]["nrc1"]
    assert whole["value"] == pytest.approx(right, rel=1e-6)
    for wrong, why in ((np.ones(300), "alike"), (y[:9], "9 targets for 300"), (0, "at least one")):
        with pytest.raises(InputError, match=why):
            gramax.audit(z, targets=wrong)
