"""Every function of the seed against its float64 transcription, and its transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gramax
from tests import transcription as seed

OF_LABELS = ("within_class_variance", "collapse_ratio", "class_means")
OF_ROWS = (
    "covariance_eigs",
    "effective_rank",
    "simplex_error",
    "coherence",
    "welch_gap",
    "smooth_coherence_loss",
    "frame_potential",
)


def clouds(seed_, n, d, c, spread=0.5, offset=0.0):
    rng = np.random.default_rng(seed_)
    y = np.concatenate([np.arange(c), rng.integers(0, c, n - c)]).astype(np.int32)
    z = rng.normal(size=(c, d))[y] + spread * rng.normal(size=(n, d)) + offset
    return z.astype(np.float32), y


# Few shapes, many draws: every shape is a compilation.
SHAPES = [(60, 4, 2), (90, 17, 9), (40, 64, 5)]
sizes = st.tuples(st.integers(0, 2**16), st.sampled_from(SHAPES)).map(lambda v: (v[0], *v[1]))


@given(sizes, st.sampled_from([0.1, 0.5, 2.0]))
@pytest.mark.parametrize("name", OF_LABELS)
def test_labelled_functions_agree(name, size, spread):
    z, y = clouds(*size, spread)
    c = size[3]
    expected = getattr(seed, name)(z, y, c)
    np.testing.assert_allclose(getattr(gramax, name)(z, y, c), expected, rtol=1e-5, atol=1e-6)


@given(sizes)
@pytest.mark.parametrize("name", OF_ROWS)
def test_row_functions_agree(name, size):
    x, _ = clouds(*size)
    expected = getattr(seed, name)(x)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(getattr(gramax, name)(x), expected, rtol=1e-5, atol=1e-6 * scale)


@given(sizes)
def test_report_agrees_and_has_the_six_keys(size):
    z, y = clouds(*size)
    c = size[3]
    got = jax.jit(gramax.latent_geometry_report, static_argnums=2)(z, y, c)
    expected = seed.latent_geometry_report(z, y, c)
    assert set(got) == set(expected)
    assert len(got) == 6
    for name, value in got.items():
        assert value.shape == ()
        np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_simplex_gram_and_welch_floor():
    for c in (2, 3, 10):
        np.testing.assert_allclose(gramax.simplex_gram(c), seed.simplex_gram(c), rtol=1e-6)
        for d in (1, 3, 10):
            assert gramax.welch_floor(c, d) == pytest.approx(seed.welch_floor(c, d), rel=1e-12)
    assert gramax.welch_floor(6, 3) == pytest.approx(1 / 5**0.5)
    assert gramax.welch_floor(1, 3) == 0.0


def test_float64_agrees_to_float64():
    with jax.enable_x64(True):
        z, y = clouds(3, 80, 12, 5)
        z = z.astype(np.float64)
        got = gramax.latent_geometry_report(z, y, 5)
        for name, expected in seed.latent_geometry_report(z, y, 5).items():
            assert got[name].dtype == np.float64
            np.testing.assert_allclose(got[name], expected, rtol=1e-7, err_msg=name)


@pytest.mark.parametrize("name", ["within_class_variance", "collapse_ratio"])
def test_vmap_of_labelled_functions(name):
    batch = [clouds(s, 40, 6, 4) for s in range(3)]
    f = getattr(gramax, name)
    z, y = jnp.stack([b[0] for b in batch]), jnp.stack([b[1] for b in batch])
    got = jax.vmap(lambda z, y: f(z, y, 4))(z, y)
    np.testing.assert_allclose(got, [f(*b, 4) for b in batch], rtol=1e-6)


@pytest.mark.parametrize("name", OF_ROWS)
def test_vmap_and_grad_of_row_functions(name):
    f = getattr(gramax, name)
    x = jnp.stack([clouds(s, 12, 4, 3)[0] for s in range(3)])
    np.testing.assert_allclose(jax.vmap(f)(x), [f(v) for v in x], rtol=2e-5, atol=1e-6)
    slope = jax.grad(lambda v: jnp.sum(f(v)))(x[0])
    assert np.isfinite(slope).all()
    assert np.abs(slope).max() > 0


@pytest.mark.parametrize("name", ["collapse_ratio", "within_class_variance"])
def test_gradient_matches_differences(name):
    z, y = clouds(5, 20, 3, 3)
    with jax.enable_x64(True):
        z = jnp.asarray(z, jnp.float64)
        f = lambda v: getattr(gramax, name)(v, y, 3)  # noqa: E731
        slope = jax.grad(f)(z)
        step = jnp.zeros_like(z).at[4, 1].set(1e-5)
        difference = (f(z + step) - f(z - step)) / 2e-5
        np.testing.assert_allclose(slope[4, 1], difference, rtol=1e-5)


def test_simplex_step_descends_to_a_simplex():
    x = jnp.asarray(clouds(1, 4, 3, 4)[0])
    x = jax.lax.fori_loop(0, 2000, lambda _, x: gramax.simplex_step(x, lr=0.4), x)
    np.testing.assert_allclose(gramax.gram(x), gramax.simplex_gram(4), atol=1e-3)


def test_report_compiles_once_per_shape():
    traces = []

    @jax.jit
    def step(z, y):
        traces.append(1)
        return gramax.latent_geometry_report(z, y, 4)

    for s in range(3):
        step(*clouds(s, 50, 6, 4))
    assert len(traces) == 1


def test_run_many_reaches_the_one_floor():
    paths = gramax.run_many(jax.random.key(3), 7, 3, n_seeds=4, steps=400)
    assert paths.shape == (4, 401)
    np.testing.assert_allclose(paths[:, -1], 49 / 3 - 7, rtol=1e-4)
    assert (np.diff(paths, axis=1) < 1e-4).all()


@pytest.mark.parametrize(("c", "d"), [(3, 5), (5, 5), (12, 4), (40, 8)])
def test_run_many_reaches_the_floor_of_other_sizes(c, d):
    paths = gramax.run_many(jax.random.key(0), c, d, n_seeds=2, steps=1500)
    np.testing.assert_allclose(paths[:, -1], max(c * c / d - c, 0), atol=2e-3 * c)


def test_descent_keeps_rows_on_the_sphere_and_the_start():
    import optax

    x0 = jnp.asarray(clouds(0, 6, 3, 6)[0])
    path = gramax.descent(x0, gramax.smooth_coherence_loss, optax.adam(0.02), 50)
    assert path.shape == (51, 6, 3)
    np.testing.assert_allclose(path[0], seed.unit(x0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), 1, atol=1e-5)
    assert gramax.smooth_coherence_loss(path[-1]) < gramax.smooth_coherence_loss(path[0])
