"""The seed's known weak points, each with its defined answer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gramax
from gramax.arrays.rows import norms, unit_rows
from gramax.moments.class_moments import IGNORED, NOT_FINITE, OUT_OF_RANGE, ClassMoments
from tests import transcription as seed
from tests.numbers import SAME
from tests.test_seed import clouds

SHAPE = N, D, C = 120, 8, 5  # that of tests.numbers: each shape is a compilation of seconds


def test_absent_classes_are_left_out():
    z, y = clouds(0, *SHAPE)
    wide = 2 * y  # classes 1, 3, 5, 7 and 9 have no rows
    here = gramax.latent_geometry_report(z, y, C)
    there = gramax.latent_geometry_report(z, wide, 2 * C)
    for name in here:
        np.testing.assert_allclose(there[name], here[name], rtol=1e-5, atol=1e-6, err_msg=name)
    means = gramax.class_means(z, wide, 2 * C)
    assert gramax.coherence(means) == pytest.approx(float(here["class_coherence"]), rel=1e-6)
    error = float(here["class_simplex_error"])
    assert gramax.simplex_error(means) == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize("bad", [7, 3, -2, 2**32 + 1])  # the last would wrap to 1
def test_label_out_of_range_is_named_eagerly(bad):
    z, y = clouds(0, 30, 4, 3)
    y = y.astype(np.int64)
    y[17] = bad
    calls = (
        lambda: gramax.class_means(z, y, 3),
        lambda: gramax.within_class_variance(z, y, 3),
        lambda: gramax.collapse_ratio(z, y, 3),
        lambda: gramax.latent_geometry_report(z, y, 3),
        lambda: ClassMoments.empty(3, 4).update(z, y),
    )
    for call in calls:
        with pytest.raises(ValueError, match=f"row 17: label {bad} is outside 0..2"):
            call()


def test_narrow_label_dtypes_are_widened():
    z, y = clouds(0, 300, 4, 250)
    for dtype in (np.uint8, np.uint16, np.int64, np.uint32):
        found = gramax.class_means(z, y.astype(dtype), 300)
        np.testing.assert_allclose(found, gramax.class_means(z, y, 300), **SAME)


def test_label_out_of_range_under_jit_is_masked_and_counted():
    z, y = clouds(0, *SHAPE)
    broken = y.copy()
    broken[[4, 5, 6]] = [C, -5, 99]
    broken[7] = -1
    good = np.ones(N, bool)
    good[4:8] = False
    got = jax.jit(lambda z, y: ClassMoments.empty(C, D).update(z, y))(z, broken)
    assert got.left_out[0, OUT_OF_RANGE] == 3
    assert got.left_out[0, IGNORED] == 1
    assert got.total == N - 4
    within = jax.jit(lambda z, y: gramax.within_class_variance(z, y, C))(z, broken)
    expected = seed.within_class_variance(z[good], y[good], C)
    np.testing.assert_allclose(within, expected, rtol=1e-5)


def test_one_class_and_one_row_are_undefined():
    z, y = clouds(0, *SHAPE)
    one = gramax.latent_geometry_report(z, 0 * y, 1)
    for name in ("collapse_ratio", "class_simplex_error", "class_coherence", "class_welch_gap"):
        assert np.isnan(one[name]), name
    assert np.isfinite(one["effective_rank"])
    single = [*gramax.latent_geometry_report(z[:1], y[:1], C).values()]
    single += [f(z[:1]) for f in (gramax.effective_rank, gramax.coherence, gramax.simplex_error)]
    assert np.isnan(single).all()


def test_zero_rows_have_no_direction():
    z, y = clouds(0, *SHAPE)
    z[3] = 0
    keep = np.arange(N) != 3
    moments = ClassMoments.of(z, y, C)
    assert moments.total == N - 1
    assert moments.left_out[0].sum() == 1
    got = gramax.within_class_variance(z, y, C)
    np.testing.assert_allclose(got, seed.within_class_variance(z[keep], y[keep], C), rtol=1e-5)
    assert ClassMoments.of(z, y, C, normalize=False).total == N
    np.testing.assert_array_equal(gramax.l2_normalize(z)[3], 0)


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_not_finite_rows_poison_every_number(poison):
    z, y = clouds(0, *SHAPE)
    z[11, 2] = poison
    moments = ClassMoments.of(z, y, C)
    assert moments.left_out[0, NOT_FINITE] == 1
    assert np.isfinite(moments.scatter).all()
    for source in (gramax.report(moments), gramax.latent_geometry_report(z, y, C)):
        assert all(np.isnan(v) for v in source.values())
    assert np.isnan(gramax.effective_rank(z))
    assert np.isnan(gramax.covariance_eigs(z)).all()
    assert np.isnan(gramax.coherence(np.where(np.isinf(z), np.nan, z)))
    masked = ClassMoments.empty(C, D).update(z, y, weight=np.arange(N) != 11)
    assert np.isfinite(list(gramax.report(masked).values())).all()


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.int8, jnp.int32])
def test_narrow_inputs_are_widened(dtype):
    z, y = clouds(0, *SHAPE)
    z = jnp.asarray(4 * z).astype(dtype)
    wide = np.asarray(z.astype(jnp.float32))
    got = gramax.latent_geometry_report(z, y, C)
    expected = seed.latent_geometry_report(wide, y, C)
    for name in expected:
        assert got[name].dtype == np.float32
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_common_offset_spoils_the_raw_simplex_not_the_centred_one():
    simplex = np.linalg.cholesky(np.asarray(seed.simplex_gram(C)) + 1e-9 * np.eye(C))
    y = np.repeat(np.arange(C), N // C)
    z = np.pad(simplex, ((0, 0), (0, D - C)))[y] + 3.0
    moments = ClassMoments.of(z, y, C, normalize=False)
    report = gramax.report(moments)
    assert report["class_simplex_error"] > 0.5
    assert report["class_simplex_error_centred"] < 1e-4


@pytest.mark.parametrize("length", [1.2e-38, 8.6e37, 3e38])
def test_rows_at_the_ends_of_float32_have_a_norm(length):
    x = np.array([[length, 0.0], [0.0, -length]], np.float32)
    np.testing.assert_allclose(jax.jit(norms)(x)[:, 0], np.abs(x).max(axis=1), rtol=1e-6)
    np.testing.assert_allclose(jax.jit(unit_rows)(x), np.sign(x), rtol=2.0**-23)


Z4, Y4 = clouds(0, 30, 4, 3)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: gramax.effective_rank(Z4[:, 0]), r"matrix \[n, d\].*\(30,\)"),
        (lambda: gramax.collapse_ratio(Z4, Y4[:29], 3), r"shape \(30,\); got shape \(29,\)"),
        (lambda: gramax.collapse_ratio(Z4, Y4.astype(float), 3), "labels must be integers"),
        (lambda: ClassMoments.empty(3, 5).update(Z4, Y4), "rows of length 4.*length 5"),
        (lambda: gramax.collapse_ratio(Z4, Y4, 0), "at least 1"),
        (lambda: gramax.gram(Z4.astype(complex)), "real numbers"),
        (lambda: gramax.welch_floor(6, 0), "d must be at least 1; got 0"),
        (lambda: ClassMoments.empty(2, 0), "dim must be at least 1; got 0"),
        (lambda: gramax.run_many(jax.random.key(0), 3, 2, 0), "n_seeds must be at least 1; got 0"),
        (lambda: gramax.welch_floor(6, 1.5), "d must be a static integer; got 1.5"),
    ],
)
def test_what_is_wrong_is_quoted(call, said):
    with pytest.raises(ValueError, match=said):
        call()
