"""What the metrics are computed from, on a few rows with values by hand."""

import jax
import numpy as np
import pytest

from gramax.metrics.evidence import Evidence
from gramax.moments.class_moments import ClassMoments


def evidence(z, y, dtype=np.float32):
    z, y = np.asarray(z, dtype), np.asarray(y)
    return Evidence(ClassMoments.of(z, y, max(y) + 1, normalize=False))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_class_mean_at_the_global_mean_has_no_direction(dtype):
    """What is left of it is rounding, which points somewhere."""
    with jax.enable_x64(dtype == np.float64):
        found = evidence([[0.3, 0.1], [1.0, 0.4], [0.65, 0.25]], [0, 1, 2], dtype)
        left = np.asarray(found.centred)
        assert left.dtype == dtype
        assert 0 < np.linalg.norm(left[2]) < 4 * np.finfo(dtype).eps
        directions = np.asarray(found.directions)
    np.testing.assert_array_equal(directions[2], 0)
    np.testing.assert_allclose(np.linalg.norm(directions[:2], axis=1), 1, rtol=1e-6)


def test_the_covariance_of_rows_has_the_divisor_of_a_sample():
    np.testing.assert_array_equal(evidence([[0.0], [2.0]], [0, 0]).covariance, [[2.0]])
    np.testing.assert_array_equal(evidence([[0.0], [2.0]], [0, 1]).covariance, [[2.0]])


def test_codes_are_centred_by_the_mean_of_the_means_whatever_the_sizes():
    """Means (0, 0), (2, 0) and (1, 3), about (1, 1); the mean of the rows is (1/2, 1/2)."""
    found = evidence([*4 * [[0, 0]], [2, 0], [1, 3]], [0, 0, 0, 0, 1, 2])
    half = 0.5**0.5
    np.testing.assert_allclose(
        found.centred_codes, [[-half, -half], [half, -half], [0, 1]], atol=1e-6
    )


def test_an_absent_class_has_no_code():
    found = evidence([[1, 0], [3, 0], [0, 1]], [0, 0, 2])
    np.testing.assert_array_equal(found.present, [True, False, True])
    for name in ("means", "centred", "origin_means", "directions", "codes", "centred_codes"):
        np.testing.assert_array_equal(getattr(found, name)[1], 0, err_msg=name)
    assert (found.present_count, found.code_count, found.centred_count) == (2, 2, 2)


def test_a_coordinate_in_which_no_row_differs_adds_no_rank(rng):
    z = rng.normal(size=(9, 4)) * [1, 1, 0, 1] + [0, 0, 5, 0]
    found = evidence(z, [0, 1, 2] * 3)
    assert found.within_rank == 3
    assert int(found.spread_spectrum.hidden) == 0
    assert evidence(z[:5], [0, 1, 2, 0, 1]).within_rank == 2
    assert evidence(z[:3], [0, 1, 2]).within_rank == 0


@pytest.mark.parametrize("normalize", [False, True])
def test_squares_underflow_of_raw_rows_alone(rng, normalize):
    z, y = rng.normal(size=(9, 4)), np.array([0, 1, 2] * 3)
    for scale, lost in ((1e-170, not normalize), (1.0, False)):
        found = Evidence(ClassMoments.of(scale * z, y, 3, normalize=normalize))
        assert bool(found.underflows) == lost
