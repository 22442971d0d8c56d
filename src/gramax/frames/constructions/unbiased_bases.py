"""Mutually unbiased bases: orthonormal bases whose vectors meet at |<x, y>| = 1/sqrt(d)."""

from __future__ import annotations

import numpy as np

from gramax.frames.constructions.finite_fields import FiniteField, GaloisRing
from gramax.frames.constructions.number_theory import prime_power


def mutually_unbiased_bases(d: int) -> np.ndarray:
    """The d + 1 mutually unbiased bases of C^d, d a prime power: `[d (d + 1), d]` unit rows.

    The standard basis comes first. They attain the orthoplex bound 1/sqrt(d).

    Source: Wootters, Fields, Ann. Phys. 191 (1989); Klappenecker, Rötteler 2004.

    >>> mutually_unbiased_bases(4).shape
    (20, 4)
    """
    power = prime_power(d)
    if power is None:
        raise ValueError(
            f"a full set of mutually unbiased bases is known for prime powers; got d={d}"
        )
    others = _even(power[1]) if power[0] == 2 else _odd(d)
    return np.concatenate([np.eye(d), others])


def _odd(q: int) -> np.ndarray:
    """exp(2 pi i Tr(a x^2 + b x) / p) over x, for every a and b of GF(q), q odd."""
    field = FiniteField(q)
    x = np.arange(q)
    quadratic = field.multiply(x[:, None], field.power(x, 2))
    linear = field.multiply(x[:, None], x)
    phase = field.trace(field.add(quadratic[:, None, :], linear[None, :, :]), field.p)
    roots = np.exp(2j * np.pi * np.arange(field.p) / field.p)
    return roots[phase].reshape(q * q, q) / np.sqrt(q)


def _even(k: int) -> np.ndarray:
    """i^Tr((a + 2b) x) over the Teichmüller set, for every a and b of it."""
    ring = GaloisRing(k)
    t = ring.teichmuller
    factors = (t[:, None, :] + 2 * t[None, :, :]).reshape(-1, 1, k)
    phase = ring.trace(ring.product(factors, t[None, :, :]))
    return np.array([1, 1j, -1, -1j])[phase] / np.sqrt(2**k)


def real_mutually_unbiased_bases(d: int) -> np.ndarray:
    """The d/2 + 1 real mutually unbiased bases of R^d, d a power of 4: the Kerdock set.

    `[d (d/2 + 1), d]` unit rows, the standard basis first. They attain the orthoplex bound.

    Source: Kerdock 1972; Calderbank, Cameron, Kantor, Seidel, Proc. London Math. Soc. 75 (1997).

    >>> real_mutually_unbiased_bases(4).shape  # the 24-cell
    (12, 4)
    """
    power = prime_power(d)
    if power is None or power[0] != 2 or power[1] % 2:
        raise ValueError(f"the Kerdock sets need a power of 4; got d={d}")
    ring = GaloisRing(power[1] - 1)
    t, k = ring.teichmuller, ring.k
    factors = np.stack(np.meshgrid(*[np.arange(4)] * k, indexing="ij"), -1).reshape(-1, 1, k)
    words = ring.trace(ring.product(factors, t[None, :, :]))
    words = (words[:, None, :] + np.arange(2)[None, :, None]) % 4
    gray = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])[words]
    return np.concatenate([np.eye(d), gray.reshape(-1, d) / np.sqrt(d)])
