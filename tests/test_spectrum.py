"""The ranks of spectra that are known, and what sums in float32 can and cannot tell of them."""

import re

import numpy as np
import pytest

from gramax import ClassMoments, Options, metrics
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from tests import field

SPREAD = np.arange(1, 7) ** -2.0
"""Eigenvalues of the scatter: a power law of exponent 2."""
CROSS = np.concatenate([np.diag(SPREAD**0.5), -np.diag(SPREAD**0.5)])
SHARE = SPREAD / SPREAD.sum()
same = np.testing.assert_allclose


def entropy_rank(p, eps=1e-12):
    return np.exp(-np.sum(p * np.log(p + eps)))


def summed(z, dtype):
    """Evidence of raw rows that NumPy sums in this dtype."""
    z = np.asarray(z, dtype)
    start = ClassMoments.empty(1, z.shape[1], normalize=False, dtype=dtype)
    return Evidence(start.update(z, np.zeros(len(z), int)))


def test_ranks_of_a_known_spectrum():
    sigma = np.sqrt(SHARE) / np.sqrt(SHARE).sum()
    right = {
        "effective_rank": entropy_rank(SHARE),
        "rankme": np.exp(-np.sum((sigma + 1e-7) * np.log(sigma + 1e-7))),
        "participation_ratio": 1 / np.sum(SHARE**2),
        "isoscore": (1 / np.sum(SHARE**2) - 1) / 5,
        "stable_rank": 1 / SHARE[0],
        "nesum": 1 / SHARE[0],
        "alpha_req": 2.0,
    }
    for name, value in right.items():
        same(getattr(metrics, name)(CROSS), value, rtol=1e-12, err_msg=name)
        same(METRICS[name].value(summed(CROSS, np.float32)), value, rtol=1e-5, err_msg=name)
    same(metrics.covariance_eigs(CROSS), 2 / 11 * SPREAD[::-1], rtol=1e-12)
    same(metrics.effective_rank(CROSS, 0.1), entropy_rank(SHARE, 0.1), rtol=1e-12)
    assert metrics.effective_rank(CROSS, 10.0) == 1  # the most that the logarithm may take away


def test_an_offset_is_a_direction_of_its_own_unless_rows_are_centred():
    far = CROSS + 3 * np.eye(6)[5]
    squares = SPREAD / 6
    squares[5] += 9
    none = Options(center="none")
    for name in ("participation_ratio", "nesum", "alpha_req"):
        same(getattr(metrics, name)(far), getattr(metrics, name)(CROSS), rtol=1e-9)
        if name != "alpha_req":
            right = getattr(field, name)(far, centred=False)
            same(getattr(metrics, name)(far, options=none), right, rtol=1e-12)
    same(metrics.stable_rank(far), squares.sum() / squares[5], rtol=1e-12)


def test_the_decay_of_some_ranks():
    """The third eigenvalue alone leaves the law: what a window leaves out does not count."""
    bent = CROSS * np.where(np.arange(6) == 2, 1.1, 1.0)
    for first, last in ((1, 2), (4, 6), (4, None), (1, None), (2, 5), (1, 9)):
        found = metrics.alpha_req(bent, first=first, last=last)
        same(found, field.alpha_req(bent, first, last), rtol=1e-9)
        assert (abs(found - 2) < 1e-9) == (first > 3 or last == 2)
    assert np.isnan(metrics.alpha_req(bent, first=6))
    assert np.isnan(metrics.alpha_req(bent * [1, 0, 0, 0, 0, 0], last=4))
    unit = metrics.alpha_req(bent + 1, normalize=True)
    same(unit, field.alpha_req(field.unit(bent + 1)), rtol=1e-9)
    assert abs(unit - metrics.alpha_req(bent + 1)) > 0.01
    for wrong in ({"first": 0}, {"last": 1}, {"first": 3, "last": 3}):
        with pytest.raises(ValueError, match="1 ≤ first < last"):
            metrics.alpha_req(bent, **wrong)


def test_fewer_rows_than_dimensions():
    few = np.diag([3.0, 2.0, 1.0, 0, 0, 0])[:3]
    p = np.array([3, 2, 1]) / 6 + 1e-7
    same(metrics.rankme(few), np.exp(-np.sum(p * np.log(p))), rtol=1e-12)
    right = np.linalg.eigvalsh(np.cov(few.T))
    same(metrics.covariance_eigs(few), right, atol=1e-12)
    same(metrics.covariance_eigs(few), np.append(np.zeros(4), right[4:]), atol=1e-12)
    assert metrics.rankme(np.full((5, 1), 2.0)) == 1


def low_rank(noise):
    """Rows of two directions, and so much of the other four."""
    rng = np.random.default_rng(7)
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    return rng.normal(size=(200, 6)) * np.where(np.arange(6) < 2, 1, noise) @ turn


def test_what_float32_hides_is_told_as_a_range_and_only_where_it_matters():
    for noise, hidden in ((1e-2, 0), (1e-4, 4)):
        z = low_rank(noise).astype(np.float32)
        e, exact = summed(z, np.float32), summed(z, np.float64)
        same(METRICS["rankme"].value(exact), field.rankme(z), rtol=1e-9)
        same(METRICS["alpha_req"].value(exact), field.alpha_req(z), rtol=1e-6)
        rank, decay = (METRICS[name].reason(e) for name in ("rankme", "alpha_req"))
        if not hidden:
            assert rank is None
            assert decay is None
            same(METRICS["rankme"].value(e), field.rankme(z), rtol=1e-4)
            continue
        assert np.isnan(METRICS["rankme"].value(e))
        low, high = map(float, re.findall(r"between ([\d.]+) and ([\d.]+)", rank)[0])
        assert low < field.rankme(z) < high < 1.1 * low
        assert f"hangs on {hidden} eigenvalues below the rounding of sums in float32" in rank
        assert "fit the leading 2 ranks" in decay
        same(METRICS["effective_rank"].value(e), metrics.effective_rank(z), rtol=1e-4)
    e = summed(low_rank(0) * (np.arange(6) != 5), np.float32)
    assert "an eigenvalue " not in METRICS["alpha_req"].reason(e)
    line = summed(np.outer(np.arange(9.0), np.ones(6)), np.float32)
    assert METRICS["alpha_req"].reason(line).startswith("the spectrum has a single eigenvalue")


def test_the_scatter_of_classes_counts_by_what_lies_within_them():
    z, y = low_rank(0.5), np.arange(200) % 5
    z[:, :4] += np.eye(5)[y][:, :4]
    same(metrics.lidar(z, y, 5), field.lidar(z, y), rtol=1e-9)
    same(metrics.lidar(z[:, :2], y, 5), field.lidar(z[:, :2], y), rtol=1e-9)
