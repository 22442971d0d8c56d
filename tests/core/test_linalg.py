"""Thresholds, powers of two and derivatives at the ends of what linalg and sphere take."""

import jax
import jax.numpy as jnp
import numpy as np

from gramax.arrays import linalg
from gramax.arrays import rows as sphere


def test_the_derivative_of_a_singular_value_that_is_0_is_0():
    """Of rows along the first of three axes: the second is held by `a`, the third by nothing."""
    x, a = 0.5 * jnp.eye(3)[:1], 0.25 * jnp.diag(jnp.array([0.0, 1, 0]))
    share = jnp.asarray(0.0)
    dots = jnp.zeros((1, 3)), jnp.eye(3), share
    values, moved = jax.jvp(linalg.singular_values, (x, a, share), dots)
    np.testing.assert_allclose(values, [0, 0.5, 0.5], rtol=1e-12)
    np.testing.assert_allclose(moved, [0, 1, 1], rtol=1e-12)


def test_a_value_at_the_threshold_is_rounding():
    least = linalg.RTOL * np.finfo(float).eps
    found = linalg.significant(jnp.array([least, np.nextafter(least, 1), 1]))
    np.testing.assert_array_equal(found, [False, True, True])


def test_the_power_of_two_near_a_row():
    """1 for a row without a length, and no power whose inverse is subnormal."""
    x = jnp.array([[0.0, 0], [np.inf, 1], [-3, 1], [1e308, 0], [0, 1e-300]])
    scaled, scale = sphere._scaled(x)
    np.testing.assert_allclose(scale[:, 0], [1, 1, 2, 2.0**768, 2.0**-768], rtol=1e-12)
    np.testing.assert_allclose(scaled * scale, x, rtol=1e-15)
