"""Every number of the moments against the field's formula."""

from functools import lru_cache

import jax
import numpy as np
import pytest

from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from tests import field
from tests.numbers import C, D, N, clouds, numbers, with_options

LABELLED = (
    *("nc1_pinv", "nc1_svd", "nc1_quotient", "cdnv", "vci", "lidar"),
    *("nc2_equinorm", "nc2_equiangular", "nc2_etf_error", "gnc2_log_mean", "gnc2_log_variance"),
)
SPECTRAL = ("rankme", "participation_ratio", "isoscore", "stable_rank", "nesum", "alpha_req")
SHAPES = [(N, D, C), (N, 4, 9)]  # fewer classes than dimensions, and more


def expected(name, z, y):
    if name in LABELLED:
        return getattr(field, name)(z, y)
    return getattr(field, name)(z)


@lru_cache
def measured(shape, x64):
    z, y = clouds(np.random.default_rng(7), *shape)
    z = z + 0.3
    return (z if x64 else z.astype(np.float32)), y, numbers(z, y, shape[2], x64=x64)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LABELLED + SPECTRAL)
def test_formula_in_float32(name, shape):
    z, y, found = measured(shape, False)
    np.testing.assert_allclose(found[name], expected(name, z, y), rtol=1e-5)


@pytest.mark.parametrize("name", LABELLED + SPECTRAL)
def test_formula_in_float64(name):
    z, y, found = measured(SHAPES[0], True)
    np.testing.assert_allclose(found[name], expected(name, z, y), rtol=1e-10)


@pytest.mark.parametrize("offset", [0.0, 0.7, 30.0])
def test_mean_cosine(rng, offset):
    z, y = clouds(rng)
    z = (z + offset).astype(np.float32)
    found = with_options(Options(), ("mean_cosine",))(ClassMoments.of(z, y, C))["mean_cosine"]
    np.testing.assert_allclose(found, field.mean_cosine(z), rtol=1e-5, atol=1e-7)


def test_crosstalk_of_class_means(rng):
    z, y = clouds(rng)
    means, found = field.stats(z, y)[0], numbers(z, y)
    np.testing.assert_allclose(found["class_babel"], field.babel(means), rtol=1e-5)
    np.testing.assert_allclose(
        found["class_average_coherence"], field.average_coherence(means), rtol=1e-5
    )


def test_far_from_the_origin(rng):
    """Rows 1e4 away hold fewer digits; from what they hold, the formulas follow."""
    z, y = clouds(rng)
    far = (z + 1e4).astype(np.float32)
    found = numbers(far, y)
    for name in (*LABELLED, "participation_ratio", "isoscore", "nesum", "alpha_req"):
        np.testing.assert_allclose(found[name], expected(name, far, y), rtol=1e-4, err_msg=name)


def test_tight_classes_keep_their_digits(rng):
    z, y = clouds(rng, spread=1e-4)
    z = z.astype(np.float32)
    found = numbers(z, y)
    for name in ("nc1_pinv", "nc1_svd", "nc1_quotient", "cdnv", "nc2_etf_error", "nc2_equinorm"):
        np.testing.assert_allclose(found[name], expected(name, z, y), rtol=1e-4, err_msg=name)


def test_macro_weighting_centres_at_the_mean_of_class_means(rng):
    z, y = clouds(rng)
    names = ("nc1_pinv", "nc1_quotient", "nc2_equinorm", "nc2_equiangular", "gnc2_log_mean")
    with jax.enable_x64(True):
        moments = ClassMoments.of(z, y, C, normalize=False)
        found = with_options(Options(weighting="macro"), names)(moments)
        found = {name: float(value) for name, value in found.items()}
    sample = numbers(z, y, x64=True)
    for name in names:
        right = getattr(field, name)(z, y, macro=True)
        if name == "nc1_quotient":  # Σ_W too weighs classes alike
            right = field.variances(z, y).mean() / np.trace(field.stats(z, y, macro=True)[2])
        np.testing.assert_allclose(found[name], right, rtol=1e-10)
        assert abs(found[name] / sample[name] - 1) > 1e-3, name


def test_sample_deviation_and_no_centring(rng):
    z, y = clouds(rng)
    means = field.stats(z, y)[0]
    names = ("nc2_equinorm", "nc2_equiangular", "participation_ratio", "nesum", "alpha_req")
    with jax.enable_x64(True):
        moments = ClassMoments.of(z, y, C, normalize=False)
        options = Options(deviation="sample", center="none")
        found = with_options(options, names)(moments)
        found = {name: float(value) for name, value in found.items()}
    lengths = np.linalg.norm(means, axis=1)
    right = {"nc2_equinorm": lengths.std(ddof=1) / lengths.mean()}
    unit = field.unit(means)
    right["nc2_equiangular"] = np.mean(np.abs(field.off_pairs(unit @ unit.T) + 1 / (C - 1)))
    for name in names[2:]:
        right[name] = getattr(field, name)(z, centred=False)
    for name in names:
        np.testing.assert_allclose(found[name], right[name], rtol=1e-10, err_msg=name)
    assert np.isclose(found["nesum"], field.stable_rank(z))


def test_a_metric_names_every_option_that_changes_it(rng):
    z, y = clouds(rng)
    moments = ClassMoments.of(z.astype(np.float32), y, C, normalize=False)
    names = tuple(m.name for m in METRICS if m.name != "mean_cosine")
    before = numbers(z, y)
    options = Options(weighting="macro", deviation="sample", center="none")
    after = with_options(options, names)(moments)
    for name in names:
        same = np.isclose(before[name], after[name], rtol=1e-5)
        assert same == (set(METRICS[name].options) <= {"normalize"}), name
