"""Random codes, and the objective of the packer: compiled as it is used, and by its definition."""

import jax
import jax.numpy as jnp
import numpy as np

from gramax.frames.search import objective

KINDS = ("real", "complex", "signed")

soft_maximum = jax.jit(objective.soft_maximum, static_argnames="kind")


def rows(c, width, seed=0):
    x = np.random.default_rng(seed).normal(size=(c, width))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def plain_soft_maximum(x, beta, kind):
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
