"""Reductions over pairs against all pairs at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gramax.arrays import pairs


@pytest.mark.parametrize("shape", [(40, 30), (200, 16)])  # by tiles, and in closed form
def test_squared_gaps(shape):
    x = np.random.default_rng(0).normal(size=shape) * np.linspace(0.1, 1, shape[0])[:, None]
    x[5] = 0
    exists = np.arange(shape[0]) != 5
    gaps = (x[exists] @ x[exists].T - 0.3)[np.triu_indices(exists.sum(), 1)]
    found = jax.jit(pairs.squared_gaps)(jnp.asarray(x, jnp.float32), jnp.asarray(exists), 0.3)
    np.testing.assert_allclose(found, np.sum(gaps**2), rtol=1e-5)


def test_a_simplex_among_many_absent_codes_keeps_its_digits():
    x = np.zeros((200, 16), np.float32)
    x[::50] = 4 * np.eye(4, 16) - np.pad(np.ones((4, 4)), ((0, 0), (0, 12)))
    x[::50] /= np.linalg.norm(x[0])
    exists = jnp.arange(200) % 50 == 0
    assert abs(jax.jit(pairs.squared_gaps)(x, exists, -1 / 3)) < 1e-12
