"""States in which a number has no value, and numbers at the ends of their range."""

from dataclasses import replace

import numpy as np
import pytest
from gramax.metrics.uniform import mean_cosine
from tests import field
from tests.core.labelled import COLLAPSE, RANK, SIMPLEX, C, D, moments, value

from gramax.metrics.collapse import collapse_ratio, within_class_variance
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.rank import covariance_eigs, effective_rank
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments

pytestmark = pytest.mark.slow  # minutes of compilation; `make mutants` runs it without jit


def undefined(m, names, **options):
    e = Evidence(m, Options(**options))
    for name in names:
        assert np.isnan(METRICS[name].value(e)), name
        assert METRICS[name].reason(e), name
    return e


CODES = ("class_simplex_error", "class_coherence", "class_welch_gap", "class_babel")
SPREAD = ("participation_ratio", "isoscore", "nesum", "alpha_req", "effective_rank")


def test_one_class_one_row_one_point(data):
    z, y = data
    labelled = (*COLLAPSE, *SIMPLEX, "lidar", "scatter_ratio", "collapse_ratio")
    single = moments(z, 0 * y)
    undefined(single, (*labelled, *CODES, "class_simplex_error_centred", "class_largest_cosine"))
    assert np.isfinite([value(n, single) for n in RANK]).all()
    undefined(moments(z[:1], y[:1]), (*labelled, *RANK, *CODES, "within_class_variance"))
    undefined(moments(z[:3], np.array([0, 1, 2])), (*COLLAPSE, "lidar", "within_class_variance"))
    two = moments(z[:3], np.array([0, 0, 1]))
    assert np.isfinite([value(n, two) for n in ("within_class_variance", "cdnv", "vci")]).all()
    point = moments(0 * z + 2, y)
    undefined(point, (*labelled, *SPREAD))
    assert value("stable_rank", point) == pytest.approx(1)
    assert value("class_coherence", point) == pytest.approx(1)
    undefined(moments(0 * z, y), ("rankme", "stable_rank", *CODES))
    undefined(moments(z[:, :1], y), ("isoscore",))
    assert np.isfinite(value("isoscore", moments(z[:, :2], y)))
    undefined(single, ("mean_cosine",))
    assert np.isnan(mean_cosine(z[:1]))
    assert mean_cosine(z[:2]) == pytest.approx(field.mean_cosine(z[:2]))
    assert np.isnan(within_class_variance(np.where(z == z[0, 0], np.nan, z), y, C))
    assert np.isnan(covariance_eigs(np.where(z == z[0, 0], np.nan, z))).all()
    assert np.isnan(effective_rank(z[:1]))
    assert np.isnan(collapse_ratio(z, 0 * y, C))


def test_coinciding_means(data):
    z, y = data
    z, y = np.concatenate([z, -z]), np.concatenate([y, y])
    undefined(moments(z, y), ("nc1_pinv", "nc1_quotient", *SIMPLEX, "lidar"))
    assert value("vci", moments(z, y)) == pytest.approx(1, abs=1e-9)
    assert value("scatter_ratio", moments(z, y)) == pytest.approx(1)


def test_two_classes_with_one_mean(rng):
    """Classes 1 and 4 coincide: CDNV names them, a flat Σ_B has no inverse, GNC2 no log."""
    y = np.array([0, 0, 1, 1, 2, 2, 4, 4])
    centres = 3 * rng.normal(size=(5, D))
    centres[4] = centres[1]
    z = centres[y] + np.where(np.arange(8) % 2 == 0, 0.25, -0.25)[:, None] * rng.normal(size=D)
    z[1::2] = 2 * centres[y[1::2]] - z[::2]
    m = moments(np.float32(8 * z).round().astype(float), y, 5)
    e = undefined(m, ("cdnv", "gnc2_log_mean", "gnc2_log_variance", "nc1_svd"))
    assert METRICS["cdnv"].reason(e) == "classes 1 and 4 have the same mean"
    assert METRICS["nc1_svd"].reason(e).startswith("the class means span 2 dimensions, not 3")
    assert np.isfinite(value("nc1_pinv", m))


def test_rows_far_out_cannot_be_squared_though_they_hardly_differ(rng):
    z = (3e19 * (1 + 1e-5 * rng.normal(size=(8, 3)))).astype(np.float32)
    assert np.isfinite(np.sum((z - z[0]) ** 2))
    m = ClassMoments.of(z, np.arange(8) % 2, 2, normalize=False)
    e = undefined(m, ("stable_rank", "scatter_ratio"))
    assert METRICS["stable_rank"].reason(e).startswith("raw rows are too large to be squared")


def test_points_and_a_simplex():
    y = np.repeat(np.arange(4), 3)
    corners = np.eye(4) - 0.25
    m = moments(5 * corners[y] + 2, y, 4)
    for name in ("nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "gnc2_log_variance", "vci"):
        assert value(name, m) == pytest.approx(0, abs=1e-7), name
    for name in ("nc1_pinv", "nc1_svd", "nc1_quotient", "cdnv", "scatter_ratio"):
        assert value(name, m) == 0, name
    undefined(m, ("lidar",))
    assert value("gnc2_log_mean", m) == pytest.approx(-np.log(8 / 3) / 2)
    assert value("class_simplex_error_centred", m) == pytest.approx(0, abs=1e-7)
    assert value("class_largest_cosine", m) == pytest.approx(-1 / 3)
    opposite = moments(np.array([[1.0, 2], [-1, -2], [1, 2]]), np.array([0, 1, 0]), 2)
    assert value("class_largest_cosine", opposite) == pytest.approx(-1)
    assert value("gnc2_log_mean", opposite) == pytest.approx(-np.log(2))


@pytest.mark.parametrize("scale", [1e-170, 1e170])
def test_raw_rows_that_cannot_be_squared(data, scale):
    z, y = data
    undefined(moments(scale * z, y), (*COLLAPSE, *SIMPLEX, "lidar", *RANK, "within_class_variance"))
    m = moments(scale * z, y, normalize=True)
    assert value("scatter_ratio", m) == pytest.approx(
        value("scatter_ratio", moments(z, y, C, True))
    )


def test_thin_axes_are_not_trusted(rng):
    """Two classes apart along an axis in which Σ_W lies below its own rounding, 8 eps."""
    half = rng.normal(size=(8, 3)) * [1, 1, 0]
    z, y = np.concatenate([half, -half, half, -half]), np.repeat([0, 1], 16)
    for apart, trusted in ((4e-8, False), (1e-3, True)):
        m = moments(z + apart * np.array([[0, 0, 1], [0, 0, -1]])[y], y, 2)
        assert np.isfinite(value("vci", m)) == trusted, apart


def test_sums_over_thin_axes_are_not_trusted(rng):
    """Along the second axis of the means Σ_W is all rounding, and weighs more than all else."""
    half = rng.normal(size=(8, 3)) * [1, 1, 0]
    rows = np.concatenate([half, -half])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    for thin, trusted in ((1e-5, False), (1.0, True)):
        centres = np.array([[1e3, 0, 0], [-1e3, 0, thin], [0, 0, -thin]])
        z = np.concatenate([rows + c for c in centres]) @ turn
        m = moments(z, np.repeat([0, 1, 2], 16), 3)
        assert np.isfinite(value("nc1_pinv", m)) == trusted, thin


def test_moments_without_a_spectrum(data):
    bare = replace(moments(*data), scatter=None)
    with pytest.raises(ValueError, match="hold no spectrum"):
        value("nc1_pinv", bare)
    assert value("cdnv", bare) == pytest.approx(field.cdnv(*data), rel=1e-9)
