"""The objective that the packer and the seed's losses share: values, gradients, no overflow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.frames.by_definition import KINDS, plain_soft_maximum, rows, soft_maximum

from gramax.frames import codebooks
from gramax.frames.search import large, objective
from gramax.metrics import descent, frame_potential, smooth_coherence_loss

C, K, BETA = 7, 4, 20.0


@pytest.fixture
def x():
    with jax.enable_x64(True):
        yield jnp.asarray(np.random.default_rng(3).normal(size=(C, K)))


def soft(kind):
    return lambda x: soft_maximum(x, jnp.ones(C), jnp.asarray(BETA), kind)[0]


def differences(f, x, step=1e-6):
    """The gradient of f at x by central differences."""
    moves = step * jnp.eye(x.size).reshape(-1, *x.shape)
    f = jax.jit(jax.vmap(f))
    return ((f(x + moves) - f(x - moves)) / (2 * step)).reshape(x.shape)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_by_hand_is_that_of_autodiff_and_of_differences(kind, x):
    by_hand = soft_maximum(x, jnp.ones(C), jnp.asarray(BETA), kind)[1]
    np.testing.assert_allclose(by_hand, jax.grad(soft(kind))(x), atol=1e-13)
    np.testing.assert_allclose(by_hand, differences(soft(kind), x), atol=1e-8)


@pytest.mark.parametrize("loss", [smooth_coherence_loss, frame_potential])
def test_gradients_of_the_seed_losses_are_those_of_differences(loss, x):
    np.testing.assert_allclose(jax.grad(loss)(x), differences(loss, x), rtol=1e-7, atol=1e-7)


def test_frame_potential_is_the_sum_of_the_packers_similarities(x):
    g, h = objective.products(x, x, "real")
    assert h is None
    total = jnp.sum(objective.similarity(g, h, "real"))
    np.testing.assert_allclose(frame_potential(x), total, rtol=1e-14)


def test_coherence_loss_is_the_soft_maximum_of_magnitudes(x):
    u = x / jnp.linalg.norm(x, axis=1, keepdims=True)
    g = u @ u.T
    counted = objective.counted(jnp.abs(g), ~np.eye(C, dtype=bool))
    terms = objective.soft_terms(counted, BETA, 0.3)
    spread = 0.15 * jnp.sum((u.T @ u / C - jnp.eye(K) / K) ** 2)
    expected = objective.soft_value(jnp.sum(terms), BETA, 0.3) + spread
    np.testing.assert_allclose(smooth_coherence_loss(x, BETA), expected, rtol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_lines_have_the_similarity_of_their_squared_inner_products(kind, x):
    codes = codebooks.as_codes(np.asarray(x), kind)
    found = objective.similarity(*objective.products(*[as_unit(x)] * 2, kind), kind)
    inner = codes @ codes.conj().T
    np.testing.assert_allclose(found, inner if kind == "signed" else abs(inner) ** 2, atol=1e-14)


def test_codes_are_held_as_reals_and_come_back():
    assert codebooks.kind_of("real", False) == "real"
    assert codebooks.kind_of("complex", False) == "complex"
    assert codebooks.kind_of("real", True) == "signed"
    z = np.exp(1j * np.arange(6).reshape(3, 2)) / np.sqrt(2)
    held = codebooks.as_real(z, "complex")
    np.testing.assert_array_equal(held, np.concatenate([z.real, z.imag], axis=1))
    np.testing.assert_allclose(codebooks.as_codes(2 * held, "complex"), z, atol=1e-15)
    for kind in ("real", "signed"):
        assert codebooks.as_real(z.real, kind).shape == (3, 2)
        assert codebooks.as_codes(z.real, kind).dtype == np.float64


def as_unit(x):
    return x / jnp.linalg.norm(x, axis=1, keepdims=True)


def test_a_shift_that_is_too_low_does_not_overflow():
    s = jnp.array([0.9, 0.5], jnp.float32)
    assert np.isfinite(objective.soft_terms(s, 1e4, 0.1)).all()
    nothing = objective.counted(s, jnp.array([False, False]))
    assert objective.soft_terms(nothing, 1e4, 0.1).sum() == 0


def test_descent_lowers_the_loss_of_the_packer_too():
    import optax

    x0 = jnp.asarray(np.random.default_rng(0).normal(size=(C, K)), jnp.float32)
    path = descent(x0, soft("real"), optax.sgd(0.05), 100)
    assert soft("real")(path[-1]) < soft("real")(path[0]) - 0.1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [1.0, 300.0])
def test_objective_and_gradient(kind, beta):
    with jax.enable_x64(True):
        x = jnp.asarray(rows(9, 6) * np.linspace(0.5, 2, 9)[:, None])
        value, slope = soft_maximum(x, jnp.ones(9), jnp.asarray(beta), kind)
        plain = jax.jit(jax.value_and_grad(plain_soft_maximum), static_argnums=2)
        expected, gradient = plain(x, beta, kind)
        np.testing.assert_allclose(value, expected, atol=1e-13)
        np.testing.assert_allclose(slope, gradient, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_does_not_count(kind):
    with jax.enable_x64(True):
        x = jnp.asarray(rows(8, 6))
        mask = jnp.asarray([1.0] * 5 + [0.0] * 3)
        value, slope = soft_maximum(x, mask, jnp.asarray(20.0), kind)
        alone, part = soft_maximum(x[:5], mask[:5], jnp.asarray(20.0), kind)
        np.testing.assert_allclose(value, alone, atol=1e-14)
        np.testing.assert_allclose(slope[:5], part, atol=1e-14)
        np.testing.assert_array_equal(slope[5:], 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile", [4, 12])
def test_tiles_give_the_same_objective(kind, tile):
    with jax.enable_x64(True):
        x, beta = jnp.asarray(rows(12, 6)), jnp.asarray(50.0)
        mask = jnp.asarray([1.0] * 10 + [0.0] * 2)
        value, slope = soft_maximum(x, mask, beta, kind)
        tiled = jax.jit(large.tiled, static_argnames=("kind", "tile"))
        got, gradient, top = tiled(x, mask, beta, jnp.asarray(0.8), kind, tile)
        np.testing.assert_allclose(got, value, atol=1e-13)
        np.testing.assert_allclose(gradient, slope, atol=1e-12)
        codes = codebooks.as_codes(np.asarray(x)[:10], kind)
        worst = codebooks.coherence(codes, kind == "signed")
        assert float(top) == pytest.approx(worst if kind == "signed" else worst**2, abs=1e-12)


def test_coherence_in_tiles():
    codes = rows(23, 5)
    gram = codes @ codes.T - 3 * np.eye(23)
    for tile in (4, 100):
        assert codebooks.coherence(codes, signed=True, tile=tile) == pytest.approx(gram.max())
        expected = np.abs(gram + 3 * np.eye(23) - np.diag(np.diag(codes @ codes.T))).max()
        assert codebooks.coherence(codes, tile=tile) == pytest.approx(expected)
    assert codebooks.coherence(codes[:1]) == 0
    assert codebooks.coherence(codes[:1], signed=True) == -1
    codes[3, 1] = np.nan
    assert np.isnan(codebooks.coherence(codes))
