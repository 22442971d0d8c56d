"""Quotients and square roots at 0: values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gramax.arrays.guarded import ratio, safe_sqrt


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(3.0, 2.0, 1.5), (3.0, 0.5, 6.0), (3.0, -0.5, -6.0), (3.0, 0.0, 3.0), (0.0, 0.0, 0.0)],
)
def test_a_ratio_over_0_is_its_part(part, whole, expected):
    assert ratio(jnp.float32(part), jnp.float32(whole)) == expected


def test_a_ratio_passes_nan_on():
    assert np.isnan(ratio(jnp.float32(1), jnp.float32(np.nan)))
    assert np.isnan(ratio(jnp.float32(np.nan), jnp.float32(0)))


def test_roots_are_those_of_numpy_and_nan_below_0():
    x = np.array([4.0, 0.25, 0.0, -1.0, np.nan, np.inf], np.float32)
    assert np.array_equal(safe_sqrt(jnp.asarray(x)), [2, 0.5, 0, np.nan, np.nan, np.inf], True)


def test_gradients_are_finite_at_0():
    at = jnp.float32(0)
    assert jax.grad(safe_sqrt)(at) == 0
    assert jax.grad(lambda x: ratio(x, x))(at) == 1
    assert jax.grad(safe_sqrt)(jnp.float32(4)) == 0.25
