"""NC1 in its three forms against the formulas, their options, and their undefined cases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gramax.evidence import Evidence
from gramax.moments import ClassMoments
from gramax.options import Options
from gramax.registry import METRICS
from gramax.variability import nc1_pinv, nc1_quotient, nc1_svd
from tests import field

FORMS = {"nc1_pinv": nc1_pinv, "nc1_svd": nc1_svd, "nc1_quotient": nc1_quotient}
SHAPES = [(200, 8, 5), (120, 4, 9), (60, 30, 7)]  # K < d, K > d, few rows


def clouds(rng, n, d, c, spread=0.5, offset=0.0):
    y = np.concatenate([np.arange(c), np.arange(c), rng.integers(0, c, n - 2 * c)])
    z = rng.normal(size=(c, d))[y] + spread * rng.normal(size=(n, d)) + offset
    return z, y.astype(np.int32)


def reason(name, z, y, c):
    return METRICS[name].reason(Evidence(ClassMoments.of(z, y, c, normalize=False)))


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("name", FORMS)
def test_formula(rng, name, size):
    z, y = clouds(rng, *size)
    expected = getattr(field, name)(z, y)
    narrow = z.astype(np.float32)
    np.testing.assert_allclose(
        FORMS[name](narrow, y, size[2]), getattr(field, name)(narrow, y), rtol=1e-5
    )
    with jax.enable_x64(True):
        np.testing.assert_allclose(FORMS[name](z, y, size[2]), expected, rtol=1e-10)


@pytest.mark.parametrize("name", FORMS)
def test_macro_weighting_takes_the_mean_of_class_means(rng, name):
    z, y = clouds(rng, 300, 6, 4)
    y = np.where(rng.random(300) < 0.5, 0, y).astype(np.int32)  # unequal classes
    with jax.enable_x64(True):
        macro = FORMS[name](z, y, 4, options=Options(weighting="macro"))
        sample = FORMS[name](z, y, 4)
    expected = getattr(field, name)(z, y, macro=True)
    if name == "nc1_quotient":  # Σ_W weighs classes alike as well
        between = field.stats(z, y, macro=True)[2]
        expected = field.variances(z, y).mean() / np.trace(between)
    np.testing.assert_allclose(macro, expected, rtol=1e-10)
    assert abs(macro / sample - 1) > 1e-3


@pytest.mark.parametrize("name", FORMS)
def test_unchanged_by_a_rotation_a_scale_and_an_offset(rng, name):
    z, y = clouds(rng, 200, 8, 5)
    turn = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    base = FORMS[name](z.astype(np.float32), y, 5)
    moved = (7 * z @ turn).astype(np.float32)
    np.testing.assert_allclose(FORMS[name](moved, y, 5), base, rtol=2e-5)
    # What float32 rows 1e4 away still hold is compared with what they hold, not with the original.
    far = (z + 1e4).astype(np.float32)
    np.testing.assert_allclose(FORMS[name](far, y, 5), getattr(field, name)(far, y), rtol=2e-5)


def test_closed_form():
    """Two classes at ±a on one axis with variance s² along it, t² across: NC1 = s²/a²/2."""
    z = np.array([[3.0, 1], [5, 1], [3, -1], [5, -1]])
    z, y = np.concatenate([z, -z]).astype(np.float32), np.repeat([0, 1], 4)
    np.testing.assert_allclose(nc1_pinv(z, y, 2), 1 / 16 / 2, rtol=1e-6)
    np.testing.assert_allclose(nc1_quotient(z, y, 2), 2 / 16, rtol=1e-6)


def test_a_copy_without_the_class_count_is_k_times_too_large(rng):
    z, y = clouds(rng, 200, 8, 5)
    means, within, between, *_ = field.stats(z, y)
    forgetful = np.trace(within @ np.linalg.pinv(between, rcond=1e-10))
    np.testing.assert_allclose(nc1_pinv(z.astype(np.float32), y, 5) * 5, forgetful, rtol=1e-5)


@pytest.mark.parametrize("name", FORMS)
def test_coinciding_means_have_no_value(name):
    z = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]], np.float32) + 3
    y = np.array([0, 0, 1, 1], np.int32)
    assert np.isnan(FORMS[name](z, y, 2))
    assert "class means coincide" in reason(name, z, y, 2)
    assert np.isnan(FORMS[name](np.ones((6, 3), np.float32), np.arange(6) % 3, 3))


@pytest.mark.parametrize("name", FORMS)
def test_absent_ignored_and_single_classes(rng, name):
    z, y = clouds(rng, 200, 8, 5)
    z = z.astype(np.float32)
    expected = FORMS[name](z, y, 5)
    np.testing.assert_allclose(FORMS[name](z, y * 3, 20), expected, rtol=1e-5)
    more = np.concatenate([z, 100 * np.ones((3, 8), np.float32)])
    ignored = np.concatenate([y, [-1, -1, -1]])
    np.testing.assert_allclose(FORMS[name](more, ignored, 5), expected, rtol=1e-5)
    assert np.isnan(FORMS[name](z, np.zeros(200, np.int32), 1))
    assert np.isnan(FORMS[name](z[:5], np.arange(5), 5))


def test_means_on_a_line_leave_the_svd_form_undefined(rng):
    """Four means on a line span one dimension of three: the published code divides by rounding."""
    y = np.repeat(np.arange(4), 20).astype(np.int32)
    z = np.zeros((80, 5))
    z[:, 0] = y
    noise = rng.normal(size=(10, 5))
    z += np.tile(np.concatenate([noise, -noise]), (4, 1))
    within, between = field.stats(z, y)[1:3]
    assert field.nc1_svd(z, y) > 1e10
    assert np.isnan(nc1_svd(z.astype(np.float32), y, 4))
    assert "span 1 dimensions, not 3" in reason("nc1_svd", z.astype(np.float32), y, 4)
    expected = within[0, 0] / between[0, 0] / 4
    np.testing.assert_allclose(nc1_pinv(z.astype(np.float32), y, 4), expected, rtol=1e-5)


def test_tight_classes_keep_their_digits(rng):
    z, y = clouds(rng, 400, 16, 6, spread=1e-5)
    z = z.astype(np.float32)
    np.testing.assert_allclose(nc1_pinv(z, y, 6), field.nc1_pinv(z, y), rtol=1e-4)


def test_collapsed_classes_score_zero(rng):
    y = np.arange(30, dtype=np.int32) % 6
    z = rng.normal(size=(6, 4)).astype(np.float32)[y]
    for name, form in FORMS.items():
        assert form(z, y, 6) == 0, name


def test_inside_jit_as_outside(rng):
    z, y = clouds(rng, 100, 6, 4)
    z = jnp.asarray(z, jnp.float32)
    np.testing.assert_allclose(
        jax.jit(lambda z: nc1_pinv(z, y, 4))(z), nc1_pinv(z, y, 4), rtol=1e-6
    )
