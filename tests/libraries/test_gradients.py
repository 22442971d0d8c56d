"""Gradients: equal in JAX and PyTorch, and to finite differences of the NumPy numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.libraries.libraries import NO_TORCH
from tests.libraries.reference import C, D, N, rows

import gramax
from gramax import ClassMoments
from gramax.metrics.registry import METRICS

Z, Y = rows()
NAMES = tuple(metric.name for metric in METRICS)


def reported(z, y, normalize):
    return gramax.report(ClassMoments.of(z, y, C, normalize=normalize))


def jax_slopes(normalize):
    """`[metrics, n, d]` in float64."""

    def stacked(z):
        found = reported(z, jnp.asarray(Y), normalize)
        return jnp.stack([found[name] for name in NAMES])

    with jax.enable_x64(True):
        return np.asarray(jax.jit(jax.jacrev(stacked))(jnp.asarray(Z)))


def torch_slopes(normalize):
    import torch

    z = torch.tensor(Z, requires_grad=True)
    found = reported(z, torch.from_numpy(Y), normalize)
    slopes = [torch.autograd.grad(found[name], z, retain_graph=True)[0] for name in NAMES]
    return np.stack([slope.numpy() for slope in slopes])


def rises(normalize, along, step=1e-6):
    """Of every metric along a direction, by central differences."""
    ahead, behind = (reported(Z + s * step * along, Y, normalize) for s in (1, -1))
    return np.array([(ahead[name] - behind[name]) / (2 * step) for name in NAMES])


@pytest.mark.parametrize("normalize", [True, False], ids=["sphere", "raw"])
def test_gradients_of_every_metric_of_moments(normalize):
    along = np.random.default_rng(1).normal(size=(N, D))
    defined = np.array([normalize or name != "mean_cosine" for name in NAMES])
    right = rises(normalize, along)
    assert np.all(np.isfinite(right) == defined)
    every = [jax_slopes(normalize)] + ([] if NO_TORCH else [torch_slopes(normalize)])
    for slopes in every:
        found = np.sum(slopes * along, axis=(1, 2))
        for name, one, other, there in zip(NAMES, found, right, defined, strict=True):
            if there:
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7, err_msg=name)
        np.testing.assert_allclose(slopes[defined], every[0][defined], rtol=1e-8, atol=1e-9)
