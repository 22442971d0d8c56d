"""The numbers of labelled rows against the field's formulas."""

import jax.numpy as jnp
import numpy as np
import pytest
from gramax.metrics.dispersion import gnc2_log
from gramax.metrics.powerlaw import alpha_req
from gramax.metrics.uniform import mean_cosine
from tests import field
from tests import transcription as seed
from tests.core.labelled import NAMES, RANK, SIMPLEX, C, D, moments, right, value

from gramax import metrics
from gramax.arrays import pairs
from gramax.metrics.collapse import collapse_ratio, scatter_ratio, within_class_variance
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.rank import covariance_eigs, effective_rank
from gramax.moments.class_moments import ClassMoments

pytestmark = pytest.mark.slow  # minutes of compilation; `make mutants` runs it without jit


@pytest.mark.parametrize("name", NAMES)
def test_formulas(name, data):
    assert value(name, moments(*data)) == pytest.approx(right(name, *data), rel=1e-9)


@pytest.mark.parametrize("name", ["nc1_pinv", *SIMPLEX])
def test_classes_weighed_alike(name, data):
    found = value(name, moments(*data), weighting="macro")
    assert found == pytest.approx(right(name, *data, macro=True), rel=1e-9)


@pytest.mark.parametrize("name", ["cdnv", "gnc2_log_mean", "gnc2_log_variance"])
def test_means_close_together_are_two(name, data):
    """A billionth apart: far more than the sixteen rounding units below which they are one."""
    z, y = data
    z = z - np.stack([z[y == k].mean(axis=0) for k in y])
    means = np.random.default_rng(1).normal(size=(C, D))
    means[1] = means[0] + 1e-9
    assert value(name, moments(means[y] + 1e-9 * z, y)) == pytest.approx(
        right(name, means[y] + 1e-9 * z, y), rel=1e-6
    )


def test_the_options_of_other_formulas(data):
    z, y = data
    m = moments(z, y)
    means, _, between, _, _ = field.stats(z, y, macro=True)
    within = field.variances(z, y).mean()
    assert value("nc1_quotient", m, weighting="macro") == pytest.approx(within / np.trace(between))
    k = len(means)
    assert value("scatter_ratio", m, weighting="macro") == pytest.approx(
        within / (within + np.trace(between))
    )
    lengths = np.linalg.norm(means, axis=1)
    found = value("nc2_equinorm", m, center="none", deviation="sample")
    assert found == pytest.approx(lengths.std(ddof=1) / lengths.mean(), rel=1e-9)
    unit = field.unit(means)
    angles = np.mean(np.abs(field.off_pairs(unit @ unit.T) + 1 / (k - 1)))
    assert value("nc2_equiangular", m, center="none") == pytest.approx(angles, rel=1e-9)
    g = means @ means.T
    etf = np.linalg.norm(g / np.linalg.norm(g) - (np.eye(k) - 1 / k) / np.sqrt(k - 1))
    assert value("nc2_etf_error", m, center="none") == pytest.approx(etf, rel=1e-9)
    for name in ("participation_ratio", "nesum", "alpha_req"):
        found = value(name, m, center="none")
        assert found == pytest.approx(getattr(field, name)(z, centred=False), rel=1e-9)


def test_the_numbers_of_the_seed(data):
    z, y = data
    y = np.unique(y, return_inverse=True)[1]
    k = y.max() + 1
    same = pytest.approx
    assert within_class_variance(z, y, k) == same(seed.within_class_variance(z, y, k, 0), rel=1e-9)
    ratio = seed.within_class_variance(z, y, k, 0) / (seed.total_scatter(z, 0) + 0.5)
    assert collapse_ratio(z, y, k, 0.5) == same(ratio, rel=1e-9)
    assert collapse_ratio(z, y, k) == same(seed.collapse_ratio(z, y, k), rel=1e-7)
    whole = value("collapse_ratio", moments(z, y, k, True))
    ratio = seed.within_class_variance(z, y, k, 0) / (seed.total_scatter(z, 0) + 1e-8)
    assert whole == same(ratio, rel=1e-9)
    within = np.trace(field.stats(z, y)[1])
    assert scatter_ratio(z, y, k) == same(within / z.var(axis=0).sum(), rel=1e-9)
    assert value("within_class_variance", moments(z, y, k)) == same(within, rel=1e-9)
    assert value("collapse_ratio", moments(z, y, k)) == same(float(scatter_ratio(z, y, k)))
    assert effective_rank(z) == same(seed.effective_rank(z), rel=1e-9)
    values = seed.covariance_eigs(z)
    np.testing.assert_allclose(covariance_eigs(z), values, rtol=1e-9)
    p = values / values.sum()
    assert effective_rank(z, 0.25) == same(np.exp(-np.sum(p * np.log(p + 0.25))), rel=1e-9)
    m = moments(z, y, k, True)
    codes = field.unit([field.unit(z)[y == j].mean(axis=0) for j in range(k)])
    assert value("class_simplex_error", m) == same(seed.simplex_error(codes), rel=1e-7)
    assert value("class_coherence", m) == same(seed.coherence(codes), rel=1e-7)
    assert value("class_welch_gap", m) == same(seed.welch_gap(codes), rel=1e-7)
    assert value("class_babel", m) == same(field.babel(codes), rel=1e-9)
    assert value("class_average_coherence", m) == same(field.average_coherence(codes), rel=1e-9)
    assert value("class_frame_potential", m) == same(seed.frame_potential(codes), rel=1e-9)
    floor = max(k, k * k / D)
    gap = seed.frame_potential(codes) / floor - 1
    assert value("class_tight_frame_gap", m) == same(gap, rel=1e-9, abs=1e-12)
    means = field.stats(field.unit(z), y)[0]
    centred = field.unit(means - means.mean(axis=0))
    assert value("class_simplex_error_centred", m) == same(seed.simplex_error(centred), rel=1e-7)
    largest = np.triu(centred @ centred.T, 1)[np.triu_indices(k, 1)].max()
    assert value("class_largest_cosine", m) == same(largest, rel=1e-9)
    assert mean_cosine(z) == same(field.mean_cosine(z), rel=1e-9)
    assert value("mean_cosine", m) == same(field.mean_cosine(z), rel=1e-9)
    assert effective_rank(z / 100) == same(seed.effective_rank(z), rel=1e-9)
    near = z + 50
    of_classes = value("mean_cosine", moments(near, y, k, True))
    assert of_classes == same(field.mean_cosine(near), rel=1e-9)
    assert mean_cosine(near) == same(field.mean_cosine(near), rel=1e-9)


def test_a_line_has_rank_1():
    line = np.linspace(-1, 2, 7)[:, None] * [3.0, 4.0, 0.0]
    assert effective_rank(line) == pytest.approx(1, abs=1e-9)
    assert effective_rank(line, 0.5) == 1  # whose entropy is below 0
    for name in ("rankme", "participation_ratio", "stable_rank", "nesum"):
        assert getattr(metrics, name)(line) == pytest.approx(1, abs=1e-5), name


def test_rounding_takes_no_number_out_of_its_range(rng):
    for _ in range(30):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        m = moments(turn, np.arange(3), 3, True)
        assert value("class_tight_frame_gap", m) >= 0
        twice = moments(np.concatenate([turn, turn]), np.arange(6), 6, True)
        assert value("class_coherence", twice) <= 1
        assert value("class_largest_cosine", twice) <= 1
        opposite = moments(np.concatenate([turn, -turn]), [0, 1, 2] * 2, 3, True)
        assert value("within_class_variance", opposite) == pytest.approx(2, abs=1e-7)
        line = np.linspace(-1, 2, 7)[:, None] * turn[0]
        assert metrics.participation_ratio(line) >= 1


def test_the_mean_cosine_of_a_cone_and_of_a_ring(rng):
    near = np.array([3.0, 4.0, 5.0]) + 1e-4 * rng.normal(size=(9, 3))
    apart = np.mean(np.sum((field.unit(near)[:, None] - field.unit(near)) ** 2, axis=2)) * 9 / 8
    assert 1 - mean_cosine(near) == pytest.approx(apart / 2, rel=1e-5, abs=0)
    turn = 2 * np.pi * np.arange(9) / 9
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    assert mean_cosine(ring) == pytest.approx(-1 / 8, rel=1e-14)


def test_public_functions(data):
    z, y = data
    for name in ("nc1_pinv", "nc1_svd", "nc1_quotient", "cdnv", "vci", "lidar", *SIMPLEX[:3]):
        for normalize in (False, True):
            found = getattr(metrics, name)(z, y, C, normalize=normalize)
            x = field.unit(z) if normalize else z
            assert found == pytest.approx(right(name, x, y), rel=1e-9), name
        assert getattr(metrics, name)(z, y, C) == pytest.approx(right(name, z, y)), name
    for name in RANK:
        assert getattr(metrics, name)(z) == pytest.approx(right(name, z, y), rel=1e-9), name
        found = getattr(metrics, name)(z, normalize=True)
        assert found == pytest.approx(right(name, field.unit(z), y), rel=1e-9), name
    logs = field.gnc2_logs(z, y)
    np.testing.assert_allclose(gnc2_log(z, y, C), (logs.mean(), logs.var()), rtol=1e-9)
    logs = field.gnc2_logs(field.unit(z), y)
    found = gnc2_log(z, y, C, normalize=True)
    np.testing.assert_allclose(found, (logs.mean(), logs.var()), rtol=1e-9)


def test_options_of_public_functions(data):
    found = metrics.nc2_equinorm(*data, C, options=Options(weighting="macro"))
    assert found == pytest.approx(field.nc2_equinorm(*data, macro=True), rel=1e-9)


def test_two_classes(rng):
    z, y = rng.normal(size=(8, D)), np.array([1, 4] * 4)
    m = moments(z, y)
    for name in ("nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "nc1_svd", "cdnv", "vci"):
        assert value(name, m) == pytest.approx(right(name, z, y), rel=1e-9, abs=1e-7), name
    means = field.stats(z, y)[0]
    g = means @ means.T
    etf = np.linalg.norm(g / np.linalg.norm(g) - (np.eye(2) - 0.5))
    assert value("nc2_etf_error", m, center="none") == pytest.approx(etf, rel=1e-9)


def test_tiles_of_classes(data, monkeypatch):
    """Two classes a tile, and none present in the first."""
    monkeypatch.setattr(pairs, "TILE", 2)
    z, y = data
    m = moments(z, y + 3, 9)
    for name in ("cdnv", "nc2_equiangular", "nc2_etf_error", "gnc2_log_mean", "gnc2_log_variance"):
        assert value(name, m) == pytest.approx(right(name, z, y), rel=1e-9), name


def test_the_power_law_by_ranks(data):
    z, _ = data
    for first, last in ((2, None), (1, 3), (2, 3), (1, 2), (2, 4)):
        assert alpha_req(z, first=first, last=last) == pytest.approx(
            field.alpha_req(z, first, last), rel=1e-9
        )
    assert np.isnan(alpha_req(z, first=4))
    assert np.isnan(alpha_req(np.where(z == z[0, 0], np.nan, z)))
    for first, last in ((0, None), (2, 2), (3, 2)):
        with pytest.raises(ValueError, match="1 ≤ first < last"):
            alpha_req(z, first=first, last=last)
    for undefined in (np.ones((5, 3)), 1e-170 * z, 1e170 * z):
        assert np.isnan(alpha_req(undefined))


def test_few_rows():
    """n < d: as many eigenvalues as rows, or one less; those beyond are 0, not rounding."""
    z = np.random.default_rng(3).normal(size=(3, 7))
    for name in ("rankme", "participation_ratio", "stable_rank", "nesum", "alpha_req"):
        assert getattr(metrics, name)(z) == pytest.approx(right(name, z, None), rel=1e-9), name
    values = np.asarray(covariance_eigs(z))
    np.testing.assert_array_equal(values[:5], 0)
    assert np.all(values[5:] > 0)
    assert effective_rank(z) == pytest.approx(seed.effective_rank(z), rel=1e-9)
    e = Evidence(ClassMoments.of(z, None, 1, normalize=False))
    assert int(jnp.sum(e.spectrum.values > 0)) == 3
    assert int(jnp.sum(e.spread_spectrum.values > 0)) == 2
