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


@pytest.mark.parametrize("normalize", [True, False], ids=["sphere", "raw"])
def test_gradients_of_every_metric_of_moments(normalize):
    def reported(z, y=Y):
        found = gramax.report(ClassMoments.of(z, y, C, normalize=normalize))
        return [found[name] for name in NAMES]

    along, step = np.random.default_rng(1).normal(size=(N, D)), 1e-6
    ahead, behind = (np.array(reported(Z + s * step * along)) for s in (1, -1))
    right = (ahead - behind) / (2 * step)
    defined = np.array([normalize or name != "mean_cosine" for name in NAMES])
    assert np.all(np.isfinite(right) == defined)
    rises, slopes = {}, {}
    with jax.enable_x64(True):
        stacked = lambda z: jnp.stack(reported(z, jnp.asarray(Y)))  # noqa: E731
        if normalize:
            slopes["jax"] = np.asarray(jax.jit(jax.jacrev(stacked))(jnp.asarray(Z)))
        else:  # forward, which is a smaller program
            rise = jax.jit(lambda z: jax.jvp(stacked, [z], [jnp.asarray(along)])[1])
            rises["jax"] = np.asarray(rise(jnp.asarray(Z)))
    if not NO_TORCH:
        import torch

        z = torch.tensor(Z, requires_grad=True)
        found = reported(z, torch.from_numpy(Y))
        flat = torch.zeros_like(z)  # of a count, which no small step changes
        each = [
            torch.autograd.grad(one, z, retain_graph=True)[0] if one.requires_grad else flat
            for one in found
        ]
        slopes["torch"] = np.stack([slope.numpy() for slope in each])
    rises |= {name: np.sum(found * along, axis=(1, 2)) for name, found in slopes.items()}
    for found in rises.values():
        for name, one, other, there in zip(NAMES, found, right, defined, strict=True):
            if there:
                np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7, err_msg=name)
    for found in slopes.values() if normalize else ():
        np.testing.assert_allclose(found[defined], slopes["jax"][defined], rtol=1e-8, atol=1e-9)
