"""Random cosines against SciPy's laws."""

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from gramax.uncertainty.chance import cosines


def tail(t, d):
    """P(|cos| > t)."""
    return stats.beta.sf(t * t, 0.5, (d - 1) / 2)


@pytest.mark.parametrize(("pairs", "d"), [(1, 2), (5, 3), (45, 20), (300, 200)])
def test_the_largest_cosine(pairs, d):
    def moments(above, low):
        mean = low + integrate.quad(above, low, 1, limit=200)[0]
        square = 2 * integrate.quad(lambda t: (t - mean) * above(t), low, 1, limit=200)[0]
        return mean, math.sqrt((low - mean) ** 2 + square)

    size = moments(lambda t: 1 - (1 - tail(t, d)) ** pairs, 0)
    signed = moments(lambda t: 1 - (1 - tail(t, d) / 2 if t > 0 else tail(t, d) / 2) ** pairs, -1)
    np.testing.assert_allclose(cosines.largest_cosine(pairs, d), size, rtol=2e-5)
    np.testing.assert_allclose(
        cosines.largest_signed_cosine(pairs, d), signed, rtol=2e-5, atol=2e-6
    )


def test_cosines_in_one_dimension():
    assert cosines.largest_cosine(4, 1) == (1, 0)
    mean, sd = cosines.largest_signed_cosine(2, 1)  # 1 but for two times -1
    assert (mean, sd) == (0.5, math.sqrt(0.75))
    np.testing.assert_allclose(cosines.squared_cosine(5), stats.beta(0.5, 2).stats(), rtol=1e-12)


def test_students_quantile():
    for level in (0.01, 0.5, 0.99):
        for dof in (1, 2, 7):
            right = stats.t.ppf(0.5 + level / 2, dof)
            assert cosines.student_quantile(level, dof) == pytest.approx(right, rel=1e-5)
    for bad in ((0, 3), (1, 3), (0.5, 0)):
        with pytest.raises(ValueError, match="needs 0 < level < 1"):
            cosines.student_quantile(*bad)


def test_the_length_of_a_mean():
    count = np.array([1.0, 2.0, 3.0, 50.0])
    a, b = cosines.length_shapes(count, 4)
    np.testing.assert_allclose(a[1:] / (a + b)[1:], 1 / count[1:], rtol=1e-12)
    variance = 2 * (count - 1) / (4 * count**3)
    np.testing.assert_allclose(stats.beta(a, b).var()[1:], variance[1:], rtol=1e-12)
    mean, spread = cosines.mean_length(count, 4)
    root = special.beta(a + 0.5, b) / special.beta(a, b)
    np.testing.assert_allclose(mean, np.where(count > 1, root, 1), rtol=1e-12)
    np.testing.assert_allclose(spread, 1 / count - mean**2, atol=1e-15)
    # Of many rows the square of the mean length is exp(-1/2d)/m.
    for m, d in ((1e6, 50), (1e10, 10_000)):
        mean, spread = cosines.mean_length(np.array([m]), d)
        exact = -math.expm1(-1 / (2 * d)) / m
        np.testing.assert_allclose(spread, exact, rtol=1e-4)
        np.testing.assert_allclose(mean**2 + spread, 1 / m, rtol=1e-12)


@pytest.mark.parametrize("d", [2, 3, 4, 17, 768, 100_000])
def test_angle_tail_is_the_beta_law(d):
    phi, survival = cosines.angle_tail(d)
    at = np.arange(0, 20_000, 997)
    expected = special.betainc((d - 1) / 2, 0.5, np.cos(phi[at]) ** 2)
    seen = expected > 1e-25
    np.testing.assert_allclose(survival[at][seen], expected[seen], rtol=2e-5 if d > 4 else 1e-3)


def test_the_largest_of_many_classes():
    mean, _ = cosines.largest_cosine(1.25e9, 768)  # 50 000 classes
    p = special.betaincinv(383.5, 0.5, 1 / 1.25e9)  # where one pair is expected
    assert mean == pytest.approx(math.sqrt(1 - p), rel=0.02)
    mean, sd = cosines.largest_cosine(1e12, 2)
    assert mean == pytest.approx(1, abs=1e-8)
    assert sd < 1e-4
