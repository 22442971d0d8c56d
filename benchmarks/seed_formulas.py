"""The seed's formulas as they stand, in JAX: one-hot means, several passes."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def l2_normalize(x, eps=1e-8):
    return x / (jnp.linalg.norm(x, axis=-1, keepdims=True) + eps)


def class_means(z, y, c):
    z = l2_normalize(z)
    member = jax.nn.one_hot(y, c, dtype=z.dtype)
    return l2_normalize(member.T @ z / jnp.maximum(member.sum(axis=0), 1)[:, None])


def within_class_variance(z, y, c):
    return jnp.mean(jnp.sum((l2_normalize(z) - class_means(z, y, c)[y]) ** 2, axis=-1))


def collapse_ratio(z, y, c, eps=1e-8):
    unit = l2_normalize(z)
    total = jnp.mean(jnp.sum((unit - unit.mean(axis=0)) ** 2, axis=-1))
    return within_class_variance(z, y, c) / (total + eps)


def covariance(z):
    z = z - z.mean(axis=0)
    return z.T @ z / (z.shape[0] - 1)


def simplex_error(means):
    c = means.shape[0]
    unit = l2_normalize(means)
    target = jnp.full((c, c), -1 / (c - 1)).at[jnp.diag_indices(c)].set(1)
    return jnp.sqrt(jnp.mean((unit @ unit.T - target) ** 2))


def coherence(x):
    unit = l2_normalize(x)
    return jnp.max(jnp.abs(unit @ unit.T - jnp.eye(x.shape[0])))


def report_without_eigenvalues(z, y, c):
    means = class_means(z, y, c)
    return {
        "collapse_ratio": collapse_ratio(z, y, c),
        "within_class_variance": within_class_variance(z, y, c),
        "covariance": covariance(z),
        "class_simplex_error": simplex_error(means),
        "class_coherence": coherence(means),
    }


def report(z, y, c):
    found = report_without_eigenvalues(z, y, c)
    values = jnp.linalg.eigvalsh(found.pop("covariance"))
    p = values / values.sum()
    floor = jnp.sqrt(max(c - z.shape[1], 0) / (z.shape[1] * max(c - 1, 1)))
    rank = jnp.exp(-jnp.sum(p * jnp.log(p + 1e-12)))
    return found | {"effective_rank": rank, "class_welch_gap": found["class_coherence"] - floor}
