"""Fixed classifier heads: codes that training does not move."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from gramax.frames.bounds import sizes
from gramax.frames.search.packing import MAX_BATCHED_CODES, pack

FEW_CODES_ROUNDS, MANY_CODES_ROUNDS = 6, 40
"""Rounds of the search where no formula answers, for up to `MAX_BATCHED_CODES` and for more: some
five seconds of a CPU core, and half a minute."""


def etf_head(
    c: int, d: int, key: Any = 0, *, scale: float = 1.0, seconds: float | None = None
) -> Float[Array, "c d"]:
    """Classifier weights that stay fixed: c codes as far apart as c directions of R^d can be.

    A regular simplex for c <= d + 1 (the geometry that neural collapse arrives at), otherwise the
    best packing of points; turned by a random rotation, so that no axis is special.

    Args:
        c: number of classes.
        d: dimension of the features.
        key: an integer or a JAX random key, for the rotation and for the search: the weights are
            a function of it, unless `seconds` are given.
        scale: norm of every row.
        seconds: time for the search, where there is no formula; by default a few rounds, forty
            for more than 160 codes.

    Returns:
        `[c, d]` weights in the default float type; every cosine is -1/(c-1) for c <= d + 1, and
        none is above the packing's largest cosine otherwise.

    Raises:
        ValueError: `c` or `d` is not a positive integer.

    Source:
        Papyan, Han, Donoho, PNAS 117 (2020); Yang et al., NeurIPS 2022 (fixed ETF classifiers).

    Example:
        >>> head = etf_head(4, 8, key=0)
        >>> print((head @ head.T)[0].round(4))
        [ 1.     -0.3333 -0.3333 -0.3333]
    """
    c, d = sizes.counts(c, d)
    key = jax.random.key(key) if isinstance(key, int | np.integer) else key
    turn, search = jax.random.split(key)
    rounds = None if seconds else MANY_CODES_ROUNDS if c > MAX_BATCHED_CODES else FEW_CODES_ROUNDS
    codes = pack(c, d, signed=True, seconds=seconds, rounds=rounds, key=search).codes
    with jax.enable_x64(True):
        rotation = np.asarray(jax.random.orthogonal(turn, d, dtype=jnp.float64))
    return jnp.asarray(scale * codes @ rotation.T)
