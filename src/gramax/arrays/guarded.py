"""Quotients and square roots whose values and gradients are finite at 0."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array


def ratio(part: Array | float, whole: Array) -> Array:
    """`part / whole`, or `part` itself where the whole is 0; NaN where either is NaN."""
    return part / jnp.where(whole == 0, 1, whole)


def safe_sqrt(x: Array) -> Array:
    """Square root with a gradient of 0, not infinity, at 0; NaN below."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1)), jnp.where(x == 0, 0, jnp.nan))
