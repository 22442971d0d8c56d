"""The numbers of labelled rows against the field's formulas, and the states without a value."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests import field
from tests import transcription as seed

from gramax import metrics, pairs
from gramax.evidence import Evidence
from gramax.metrics import simplex
from gramax.metrics.collapse import collapse_ratio, scatter_ratio, within_class_variance
from gramax.metrics.dispersion import gnc2_log
from gramax.metrics.entropy import alpha_req
from gramax.metrics.rank import covariance_eigs, effective_rank
from gramax.metrics.reach import descent, frame_potential, run_many
from gramax.metrics.uniform import mean_cosine
from gramax.moments import ClassMoments
from gramax.options import Options
from gramax.registry import METRICS

pytestmark = pytest.mark.slow  # minutes of compilation; `make mutants` runs it without jit

N, D, C = 24, 4, 6
COLLAPSE = ("nc1_pinv", "nc1_svd", "nc1_quotient", "cdnv", "vci")
SIMPLEX = ("nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "gnc2_log_mean", "gnc2_log_variance")
RANK = ("rankme", "participation_ratio", "isoscore", "stable_rank", "nesum", "alpha_req")
NAMES = (*COLLAPSE, "lidar", *SIMPLEX, *RANK)


@pytest.fixture(params=["many classes", "few classes"])
def data(rng, request):
    """Five classes in four dimensions, or three; class 3 of six is absent, sizes differ."""
    y = np.array([0] * 8 + [1] * 6 + [5] * 4 + [2] * 3 + [4] * 3)
    if request.param == "few classes":
        y = np.where((y == 4) | (y == 2), 0, y)
    z = rng.normal(size=(C, D))[y] + 0.5 * rng.normal(size=(N, D)) + 0.3
    return z, y


def moments(z, y, c=C, normalize=False):
    return ClassMoments.of(z, y, c, normalize=normalize)


def value(name, m, **options):
    return float(METRICS[name].value(Evidence(m, Options(**options))))


def right(name, z, y, **how):
    f = getattr(field, name)
    return f(z, y, **how) if name in (*COLLAPSE, "lidar", *SIMPLEX) else f(z, **how)


@pytest.mark.parametrize("name", NAMES)
def test_formulas(name, data):
    assert value(name, moments(*data)) == pytest.approx(right(name, *data), rel=1e-9)


@pytest.mark.parametrize("name", ["nc1_pinv", *SIMPLEX])
def test_classes_weighed_alike(name, data):
    found = value(name, moments(*data), weighting="macro")
    assert found == pytest.approx(right(name, *data, macro=True), rel=1e-9)


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
    assert whole == same(seed.within_class_variance(z, y, k, 0) / (seed.total_scatter(z, 0) + 1e-8))
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
    for first, last in ((0, None), (2, 2), (3, 2)):
        with pytest.raises(ValueError, match="1 ≤ first < last"):
            alpha_req(z, first=first, last=last)
    assert np.isnan(alpha_req(np.ones((5, 3))))


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
    assert int(jnp.sum(e.singular_values > 0)) == 3
    assert int(jnp.sum(e.spread_values > 0)) == 2


# -- states without a value ---------------------------------------------------------------------


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


# -- codebooks ----------------------------------------------------------------------------------


def test_simplex_functions(rng):
    np.testing.assert_allclose(simplex.simplex_gram(4), seed.simplex_gram(4), rtol=1e-6)
    np.testing.assert_allclose(simplex.simplex_gram(2), [[1, -1], [-1, 1]])
    with pytest.raises(ValueError, match="got c = 1"):
        simplex.simplex_gram(1)
    x = rng.normal(size=(5, 3))
    assert simplex.simplex_error(x) == pytest.approx(seed.simplex_error(x), rel=1e-7)
    many = rng.normal(size=(9, 3))
    assert simplex.simplex_error(many) == pytest.approx(seed.simplex_error(many), rel=1e-7)
    padded = np.pad(x, ((0, 2), (0, 0)))
    assert simplex.simplex_error(padded) == pytest.approx(seed.simplex_error(x), rel=1e-7)
    assert np.isnan(simplex.simplex_error(x[:1]))
    assert simplex.simplex_error(x[:2]) == pytest.approx(seed.simplex_error(x[:2]), rel=1e-7)
    corners = np.eye(4) - 0.25
    assert simplex.simplex_error(corners) < 1e-7
    step = simplex.simplex_step(x, 0.01)
    u = field.unit(x)
    raw = u - 0.01 * np.asarray(jax.grad(simplex._mean_square)(jnp.asarray(u)))
    np.testing.assert_allclose(step, field.unit(raw), rtol=1e-9)
    np.testing.assert_allclose(simplex.simplex_step(x), simplex.simplex_step(x, 0.04))
    assert simplex.simplex_error(step) < simplex.simplex_error(x)


def test_descent(rng):
    import optax

    x0 = rng.normal(size=(5, 3))
    path = np.asarray(descent(x0, frame_potential, optax.sgd(0.01), 3))
    x = field.unit(x0)
    np.testing.assert_allclose(path[0], x, rtol=1e-12)
    for row in path[1:]:
        slope = 4 * x @ x.T @ x
        slope -= np.sum(slope * x, axis=1, keepdims=True) * x
        x = field.unit(x - 0.01 * slope)
        np.testing.assert_allclose(row, x, rtol=1e-10)
    with jax.disable_jit(False):  # a scan of no steps needs its types
        assert descent(x0, frame_potential, optax.sgd(0.01), 0).shape == (1, 5, 3)
    with pytest.raises(ValueError, match="0 or more; got -1"):
        descent(x0, frame_potential, optax.sgd(0.01), -1)


def test_many_descents():
    key = jax.random.key(1)
    for c, d in ((5, 3), (2, 3)):
        found = run_many(key, c, d, n_seeds=2, steps=2)
        assert found.shape == (2, 3)
        x = field.unit(jax.random.normal(jax.random.split(key, 2)[1], (c, d)))
        for value in np.asarray(found[1]):
            assert value == pytest.approx(np.sum((x @ x.T) ** 2) - c, rel=1e-6, abs=1e-9)
            slope = 4 * x @ x.T @ x
            slope -= np.sum(slope * x, axis=1, keepdims=True) * x
            x = field.unit(x - 0.125 / max(1, c / d) * slope)
    assert run_many.__kwdefaults__ is None
    assert run_many.__defaults__ == (6, 600)
    with pytest.raises(ValueError, match="at least 1"):
        run_many(key, 0, 3)


def test_moments_without_a_spectrum(data):
    bare = replace(moments(*data), scatter=None)
    with pytest.raises(ValueError, match="hold no spectrum"):
        value("nc1_pinv", bare)
    assert value("cdnv", bare) == pytest.approx(field.cdnv(*data), rel=1e-9)
