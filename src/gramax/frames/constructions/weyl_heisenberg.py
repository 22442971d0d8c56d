"""Codebooks of Weyl and Heisenberg's group: unbiased bases, and orbits of equiangular lines.

Mutually unbiased bases are orthonormal bases whose vectors meet at |<x, y>| = 1/sqrt(d), which
attains the orthoplex bound. A SIC is d^2 equiangular lines of C^d.
"""

from __future__ import annotations

import numpy as np

from gramax.frames.constructions.algebra import FiniteField, GaloisRing, prime_power

LARGEST_SIC_DIMENSION = 16  # Up to this dimension the search for a fiducial takes a second or less
MAX_FIDUCIAL_STARTS = 200


def mutually_unbiased_bases(d: int) -> np.ndarray:
    """The d + 1 mutually unbiased bases of C^d, d a prime power: `[d (d + 1), d]` unit rows.

    The standard basis comes first; the others are exp(2 pi i Tr(a x^2 + b x) / p) over x in GF(d),
    for every a and b, and for p = 2 i^Tr((a + 2b) x) over the Teichmüller set, a and b in it.

    Source: Wootters, Fields, Ann. Phys. 191 (1989); Klappenecker, Rötteler 2004.
    """
    p, k = prime_power(d) or (d, 1)
    if p == 2:
        ring = GaloisRing(k)
        t, roots = ring.teichmuller, np.array([1, 1j, -1, -1j])
        factors = (t[:, None, :] + 2 * t[None, :, :]).reshape(-1, 1, k)
        phase = ring.trace(ring.product(factors, t[None, :, :]))
    else:
        field, x = FiniteField(d), np.arange(d)
        quadratic = field.multiply(x[:, None], field.power(x, 2))
        linear = field.multiply(x[:, None], x)
        phase = field.trace(field.add(quadratic[:, None, :], linear[None, :, :]), p)
        roots = np.exp(2j * np.pi * np.arange(p) / p)
    return np.concatenate([np.eye(d), roots[phase].reshape(d * d, d) / np.sqrt(d)])


def real_mutually_unbiased_bases(d: int) -> np.ndarray:
    """The d/2 + 1 real mutually unbiased bases of R^d, d a power of 4: the Kerdock set.

    `[d (d/2 + 1), d]` unit rows, the standard basis first.

    Source: Kerdock 1972; Calderbank, Cameron, Kantor, Seidel, Proc. London Math. Soc. 75 (1997).
    """
    ring = GaloisRing(d.bit_length() - 2)
    t, k = ring.teichmuller, ring.k
    factors = np.stack(np.meshgrid(*[np.arange(4)] * k, indexing="ij"), -1).reshape(-1, 1, k)
    words = ring.trace(ring.product(factors, t[None, :, :]))
    words = (words[:, None, :] + np.arange(2)[None, :, None]) % 4
    gray = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]])[words]
    return np.concatenate([np.eye(d), gray.reshape(-1, d) / np.sqrt(d)])


def sic(d: int) -> np.ndarray:
    """d^2 equiangular lines in C^d, 2 <= d <= `LARGEST_SIC_DIMENSION`, by least squares.

    They are the orbit of one fiducial vector, which is looked for within Zauner's symmetry from
    random starts of a fixed seed, and attain the Welch bound 1/sqrt(d + 1) to 1e-12.

    Source: Zauner 1999; Renes, Blume-Kohout, Scott, Caves, J. Math. Phys. 45 (2004).
    """
    random = np.random.default_rng(d)
    shift = np.stack([np.roll(np.eye(d), p, axis=0) for p in range(d)])
    clock = np.exp(2j * np.pi * np.arange(d) / d)[np.outer(np.arange(d), np.arange(d)) % d]
    group = (shift[:, None] * clock[None, :, None, :]).reshape(d * d, d, d)  # X^p Z^q
    basis = _zauner_basis(d)
    for _ in range(MAX_FIDUCIAL_STARTS):
        start = random.normal(size=(2, basis.shape[1])) @ basis.T
        fiducial, error = _least_squares(group, start[0] + 1j * start[1])
        if error < 1e-13:
            return group @ fiducial
    raise ValueError(f"no fiducial of C^{d} found in {MAX_FIDUCIAL_STARTS} starts")


def _zauner_basis(d: int) -> np.ndarray:
    """The largest eigenspace of Zauner's unitary of order three, `[d, k]`: fiducials lie in it."""
    r = np.arange(d)
    exponent = (2 * np.outer(r, r) + r[:, None] ** 2) % (2 * d)
    unitary = ((-np.exp(1j * np.pi / d)) ** np.arange(2 * d))[exponent] / np.sqrt(d)
    unitary /= (np.trace(unitary @ unitary @ unitary) / d) ** (1 / 3)
    spaces = []
    for root in np.exp(2j * np.pi * np.arange(3) / 3):
        step = unitary * root
        left, values, _ = np.linalg.svd((np.eye(d) + step + step @ step) / 3)
        spaces.append(left[:, values > 0.5])
    return max(spaces, key=np.size)


def _least_squares(group: np.ndarray, vector: np.ndarray) -> tuple[np.ndarray, float]:
    """Levenberg-Marquardt on |<v, D v>|^2 = (1 + d [D = 1]) / (d + 1) over the group."""
    d = len(vector)
    target = np.full(d * d, 1 / (d + 1))
    target[0] = 1.0

    def residual(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The residuals, and their derivatives by the real and the imaginary parts."""
        moved, back = group @ v, np.einsum("gij,i->gj", group, v.conj())
        overlap = moved @ v.conj()
        turned = overlap.conj()[:, None]
        slopes = [2 * (turned * f).real for f in (moved + back, -1j * moved + 1j * back)]
        return np.abs(overlap) ** 2 - target, np.concatenate(slopes, axis=1)

    vector = vector / np.linalg.norm(vector)
    damping, error = 1e-2, np.inf
    now, jacobian = residual(vector)
    for _ in range(120):
        damped = jacobian.T @ jacobian + damping * np.eye(2 * d)
        step = np.linalg.solve(damped, jacobian.T @ now)
        trial = vector - (step[:d] + 1j * step[d:])
        following, slope = residual(trial)
        error = float(np.abs(now).max())
        if following @ following < now @ now:
            vector, now, jacobian = trial, following, slope
            damping = max(damping / 5, 1e-10)  # the phase is free, so the normal matrix is singular
        elif error < 1e-13 or damping > 2.5e5:
            break
        else:
            damping *= 4
    return vector / np.linalg.norm(vector), error
