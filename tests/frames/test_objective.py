"""The objective of the search: values, gradients by hand, padding, tiles, ties, no overflow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gramax.frames import codebooks
from gramax.frames.search import anneal, objective, starts
from gramax.metrics import frame_potential, smooth_coherence_loss

KINDS = ("real", "complex", "signed")

soft_maximum = jax.jit(objective.soft_maximum, static_argnames=("kind", "tile"))


def rows(c, width, seed=0):
    return codebooks.unit(np.random.default_rng(seed).normal(size=(c, width)))


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


def defined(x, beta, kind):
    """The objective from its definition, over complex codes."""
    x = x / jnp.linalg.norm(x, axis=1, keepdims=True)
    if kind == "complex":
        d = x.shape[1] // 2
        z = x[:, :d] + 1j * x[:, d:]
        s = jnp.abs(z @ z.conj().T) ** 2
    else:
        s = x @ x.T if kind == "signed" else (x @ x.T) ** 2
    i, j = np.triu_indices(len(x), 1)
    return jax.scipy.special.logsumexp(beta * s[i, j]) / beta


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [1.0, 300.0])
def test_value_and_gradient_by_hand_are_those_of_the_definition(kind, beta):
    x = jnp.asarray(rows(9, 6) * np.linspace(0.5, 2, 9)[:, None])
    value, slope, _ = soft_maximum(x, jnp.ones(9), jnp.asarray(beta), kind)
    expected, gradient = jax.jit(jax.value_and_grad(defined), static_argnums=2)(x, beta, kind)
    np.testing.assert_allclose(value, expected, atol=1e-13)
    np.testing.assert_allclose(slope, gradient, atol=1e-12)


@pytest.mark.parametrize("loss", [smooth_coherence_loss, frame_potential])
def test_gradients_of_the_seed_losses_are_those_of_differences(loss):
    x, step = jnp.asarray(rows(7, 4, seed=3)), 1e-6
    moves = step * jnp.eye(x.size).reshape(-1, *x.shape)
    f = jax.jit(jax.vmap(loss))
    differences = ((f(x + moves) - f(x - moves)) / (2 * step)).reshape(x.shape)
    np.testing.assert_allclose(jax.grad(loss)(x), differences, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_does_not_count_and_tiles_give_the_same(kind):
    x, beta = jnp.asarray(rows(12, 6)), jnp.asarray(50.0)
    mask = jnp.asarray([1.0] * 10 + [0.0] * 2)
    value, slope, _ = soft_maximum(x, mask, beta, kind)
    alone, part, top = soft_maximum(x[:10], mask[:10], beta, kind)
    np.testing.assert_allclose(value, alone, atol=1e-14)
    np.testing.assert_allclose(slope[:10], part, atol=1e-13)
    np.testing.assert_array_equal(slope[10:], 0)
    worst = codebooks.coherence(codebooks.as_codes(np.asarray(x)[:10], kind), kind == "signed")
    worst = worst if kind == "signed" else worst**2
    assert float(top) == pytest.approx(worst, abs=1e-12)
    for tile in (4, 12):
        got, gradient, top = soft_maximum(x, mask, beta, kind, tile, jnp.asarray(0.8))
        np.testing.assert_allclose(got, value, atol=1e-13)
        np.testing.assert_allclose(gradient, slope, atol=1e-12)
        assert float(top) == pytest.approx(worst, abs=1e-12)


def test_a_shift_that_is_too_low_does_not_overflow():
    s = jnp.array([0.9, 0.5], jnp.float32)
    assert np.isfinite(objective.soft_terms(s, 1e4, 0.1)).all()
    assert objective.soft_terms(-jnp.inf, 1e4, 0.1) == 0


def test_coherence_in_tiles():
    codes = rows(23, 5)
    gram = codes @ codes.T - 3 * np.eye(23)
    for tile in (4, 100):
        assert codebooks.coherence(codes, signed=True, tile=tile) == pytest.approx(gram.max())
        expected = np.abs(gram + 2 * np.eye(23)).max(where=~np.eye(23, dtype=bool), initial=0)
        assert codebooks.coherence(codes, tile=tile) == pytest.approx(expected)
    assert codebooks.coherence(codes[:1]) == 0
    assert codebooks.coherence(codes[:1], signed=True) == -1
    codes[3, 1] = np.nan
    assert np.isnan(codebooks.coherence(codes))


@pytest.mark.parametrize("kind", KINDS)
def test_tied_rows_have_the_gradient_of_the_untied_and_stay_tied(kind):
    x, base, turn = starts.orbits(12, 4, kind, np.random.default_rng(2))
    assert len(np.unique(base)) < 12
    ties, beta = anneal.Ties(np.ones(12), base, turn), jnp.asarray(5.0)

    def value(x):
        return defined(anneal.untie(x, ties), beta, kind)

    expected, gradient = jax.jit(jax.value_and_grad(value))(jnp.asarray(x))
    got, slope = jax.jit(anneal.soft_value, static_argnames="kind")(x, ties, beta, kind)
    np.testing.assert_allclose(got, expected, atol=1e-13)
    np.testing.assert_allclose(slope, gradient, atol=1e-12)
    ties = anneal.Ties(np.ones((1, 12)), base[None], turn[None])
    ends, soft = anneal.lbfgs(x[None], ties, 5 * np.ones(1), np.float64(1e4), kind)
    seeds = np.linalg.solve(turn, np.asarray(ends)[0][..., None])[..., 0]
    np.testing.assert_allclose(seeds, seeds[base], atol=1e-9)
    start = soft_maximum(jnp.asarray(x), jnp.ones(12), jnp.asarray(1e4), kind)[0]
    assert float(soft[0]) < float(start)


@pytest.mark.parametrize("kind", KINDS)
def test_symmetric_starts_are_codebooks(kind):
    random = np.random.default_rng(0)
    symmetric = 0
    for _ in range(40):
        x, base, turn = starts.orbits(13, 4, kind, random)
        np.testing.assert_allclose(np.einsum("nkl,nl->nk", turn, x[base]), x, atol=1e-12)
        assert x.shape == (13, 8 if kind == "complex" else 4)
        np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-12)
        s = np.abs(x @ x.T) if kind != "signed" else x @ x.T
        symmetric += np.unique(np.round(s[np.triu_indices(13, 1)], 9)).size < 60
    assert symmetric > 10  # few distinct angles: there is a symmetry
