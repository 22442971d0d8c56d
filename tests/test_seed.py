"""The functions of the seed: their transformations, and what they give to plain optimisers.

`tests/libraries` hold the functions to the seed's formulas, in every library.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gramax
from tests import transcription as seed

OF_ROWS = ("covariance_eigs", "effective_rank", "simplex_error", "coherence", "frame_potential")


def clouds(seed_, n, d, c, spread=0.5, offset=0.0):
    rng = np.random.default_rng(seed_)
    y = np.concatenate([np.arange(c), rng.integers(0, c, n - c)]).astype(np.int32)
    z = rng.normal(size=(c, d))[y] + spread * rng.normal(size=(n, d)) + offset
    return z.astype(np.float32), y


def test_simplex_gram_and_welch_floor():
    for c in (2, 3, 10):
        np.testing.assert_allclose(gramax.simplex_gram(c), seed.simplex_gram(c), rtol=1e-6)
        for d in (1, 3, 10):
            assert gramax.welch_floor(c, d) == pytest.approx(seed.welch_floor(c, d), rel=1e-12)
    assert gramax.welch_floor(6, 3) == pytest.approx(1 / 5**0.5)
    assert gramax.welch_floor(1, 3) == 0.0
    with pytest.raises(ValueError, match="two codes"):
        gramax.simplex_gram(1)


@pytest.mark.parametrize("name", OF_ROWS)
def test_functions_of_rows_under_vmap(name):
    function = getattr(gramax, name)
    x = np.stack([clouds(s, 12, 4, 3)[0] for s in range(3)])
    found = jax.vmap(function)(jnp.asarray(x))
    np.testing.assert_allclose(found, [function(v) for v in x], rtol=2e-5, atol=1e-6)


def test_a_function_of_labels_under_vmap():
    z, y = (np.stack(each) for each in zip(*(clouds(s, 40, 6, 4) for s in range(3)), strict=True))
    found = jax.vmap(lambda z, y: gramax.collapse_ratio(z, y, 4))(jnp.asarray(z), jnp.asarray(y))
    right = [gramax.collapse_ratio(*batch, 4) for batch in zip(z, y, strict=True)]
    np.testing.assert_allclose(found, right, rtol=1e-6)


def test_simplex_step_descends_to_a_simplex():
    x = clouds(1, 4, 3, 4)[0]
    for _ in range(500):
        x = gramax.simplex_step(x, lr=0.4)
    np.testing.assert_allclose(gramax.gram(x), gramax.simplex_gram(4), atol=1e-3)


@pytest.mark.parametrize(("c", "d", "atol"), [(3, 5, 6e-3), (7, 3, 0)])
def test_run_many_reaches_the_one_floor(c, d, atol):
    paths = gramax.run_many(jax.random.key(3), c, d, n_seeds=4, steps=400)
    assert paths.shape == (4, 401)
    np.testing.assert_allclose(paths[:, -1], max(c * c / d - c, 0), rtol=1e-4, atol=atol)
    assert (np.diff(paths, axis=1) < 1e-4).all()


def test_descent_keeps_rows_on_the_sphere_and_the_start():
    import optax

    x0 = jnp.asarray(clouds(0, 6, 3, 6)[0])
    path = gramax.descent(x0, gramax.smooth_coherence_loss, optax.adam(0.02), 50)
    assert path.shape == (51, 6, 3)
    np.testing.assert_allclose(path[0], seed.unit(x0), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(path, axis=-1), 1, atol=1e-5)
    assert gramax.smooth_coherence_loss(path[-1]) < gramax.smooth_coherence_loss(path[0])
