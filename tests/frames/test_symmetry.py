"""Codes that are turned copies of a few: their gradient, their descent, and where they start."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.frames.by_definition import KINDS, plain_soft_maximum, soft_maximum

from gramax.frames.search import anneal, symmetry


@pytest.mark.parametrize("kind", KINDS)
def test_tied_rows_have_the_gradient_of_the_untied(kind):
    with jax.enable_x64(True):
        rows_, base, turn = symmetry.orbits(12, 4, kind, np.random.default_rng(2))
        assert len(np.unique(base)) < 12
        ties = anneal.Ties(np.ones(12), base, turn)
        x, beta = jnp.asarray(rows_), jnp.asarray(5.0)

        def value(x):
            return plain_soft_maximum(anneal.untie(x, ties), beta, kind)

        expected, gradient = jax.jit(jax.value_and_grad(value))(x)
        got, slope = jax.jit(anneal._value, static_argnames="kind")(x, ties, beta, kind)
        np.testing.assert_allclose(got, expected, atol=1e-13)
        np.testing.assert_allclose(slope, gradient, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_descent_keeps_the_ties(kind):
    with jax.enable_x64(True):
        tied = symmetry.orbits(12, 4, kind, np.random.default_rng(1))
        ties = anneal.Ties(np.ones((1, 12)), tied.base[None], tied.turn[None])
        one = np.ones(1)
        ends, soft = anneal.lbfgs(tied.rows[None], ties, 5 * one, np.float64(1e4), kind)
        end = np.asarray(ends)[0]
        seeds = np.linalg.solve(tied.turn, end[..., None])[..., 0]
        np.testing.assert_allclose(seeds, seeds[tied.base], atol=1e-9)
        start = soft_maximum(jnp.asarray(tied.rows), jnp.ones(12), jnp.asarray(1e4), kind)[0]
        assert float(soft[0]) < float(start)


@pytest.mark.parametrize("kind", KINDS)
def test_symmetric_starts_are_codebooks(kind):
    random = np.random.default_rng(0)
    width = 8 if kind == "complex" else 4
    kinds_seen = 0
    for _ in range(40):
        x, base, turn = symmetry.orbits(13, 4, kind, random)
        np.testing.assert_allclose(np.einsum("nkl,nl->nk", turn, x[base]), x, atol=1e-12)
        assert x.shape == (13, width)
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-12)
        s = np.abs(x @ x.T) if kind != "signed" else x @ x.T
        repeated = np.unique(np.round(s[np.triu_indices(13, 1)], 9)).size < 60
        kinds_seen += repeated
    assert kinds_seen > 10  # few distinct angles: there is a symmetry
