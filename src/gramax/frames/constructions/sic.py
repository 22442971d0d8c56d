"""d^2 equiangular lines of C^d: the orbit of one fiducial vector of Weyl and Heisenberg's group."""

from __future__ import annotations

import numpy as np

LARGEST_DIMENSION = 16
"""Up to this dimension the search for a fiducial takes a second or less."""


def weyl_heisenberg(d: int) -> np.ndarray:
    """The d^2 displacement operators X^p Z^q, `[d^2, d, d]` unitary matrices."""
    shift = np.stack([np.roll(np.eye(d), p, axis=0) for p in range(d)])
    clock = np.exp(2j * np.pi * np.arange(d) / d)[np.outer(np.arange(d), np.arange(d)) % d]
    return (shift[:, None] * clock[None, :, None, :]).reshape(d * d, d, d)


def sic(d: int, tries: int = 200) -> np.ndarray:
    """d^2 equiangular lines in C^d (a SIC), 2 <= d <= `LARGEST_DIMENSION`, by least squares.

    The fiducial is looked for within Zauner's symmetry from random starts of a fixed seed. The
    lines attain the Welch bound 1/sqrt(d + 1) to 1e-12; without them a ValueError is raised.

    Source: Zauner 1999; Renes, Blume-Kohout, Scott, Caves, J. Math. Phys. 45 (2004).

    >>> sic(3).shape
    (9, 3)
    """
    if not 2 <= d <= LARGEST_DIMENSION:
        raise ValueError(
            f"fiducials are searched for in dimensions 2..{LARGEST_DIMENSION}; got d={d}"
        )
    random = np.random.default_rng(d)
    group, basis = weyl_heisenberg(d), _zauner_basis(d)
    for _ in range(tries):
        start = random.normal(size=(2, basis.shape[1])) @ basis.T
        fiducial, error = _least_squares(group, start[0] + 1j * start[1])
        if error < 1e-13:
            return group @ fiducial
    raise ValueError(f"no fiducial of C^{d} found in {tries} starts")


def _zauner_basis(d: int) -> np.ndarray:
    """The largest eigenspace of Zauner's unitary of order three, `[d, k]`: fiducials lie in it."""
    r = np.arange(d)
    exponent = (2 * np.outer(r, r) + r[:, None] ** 2) % (2 * d)
    tau = (-np.exp(1j * np.pi / d)) ** np.arange(2 * d)
    unitary = tau[exponent] / np.sqrt(d)
    phase = np.trace(unitary @ unitary @ unitary) / d
    unitary = unitary / phase ** (1 / 3)
    best = np.zeros((d, 0))
    for root in np.exp(2j * np.pi * np.arange(3) / 3):
        step = unitary * root
        projector = (np.eye(d) + step + step @ step) / 3
        left, values, _ = np.linalg.svd(projector)
        space = left[:, values > 0.5]
        best = space if space.shape[1] > best.shape[1] else best
    return best


def _least_squares(group: np.ndarray, vector: np.ndarray) -> tuple[np.ndarray, float]:
    """Levenberg-Marquardt on |<v, D v>|^2 = (1 + d [D = 1]) / (d + 1) over the group."""
    d = len(vector)
    target = np.full(d * d, 1 / (d + 1))
    target[0] = 1.0
    vector = vector / np.linalg.norm(vector)
    damping, error = 1e-2, np.inf
    residual, jacobian = _residual(group, vector, target)
    for _ in range(120):
        normal = jacobian.T @ jacobian
        step = np.linalg.solve(normal + damping * np.eye(2 * d), jacobian.T @ residual)
        trial = vector - (step[:d] + 1j * step[d:])
        following, slope = _residual(group, trial, target)
        error = float(np.abs(residual).max())
        if following @ following < residual @ residual:
            vector, residual, jacobian = trial, following, slope
            damping = max(damping / 5, 1e-10)  # the phase is free, so the normal matrix is singular
        elif error < 1e-13:
            break
        else:
            damping *= 4
        if damping > 1e6:
            break
    return vector / np.linalg.norm(vector), error


def _residual(
    group: np.ndarray, vector: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    moved = group @ vector
    back = np.einsum("gij,i->gj", group, vector.conj())
    overlap = moved @ vector.conj()
    real = 2 * (overlap.conj()[:, None] * (moved + back)).real
    imaginary = 2 * (overlap.conj()[:, None] * (-1j * moved + 1j * back)).real
    return np.abs(overlap) ** 2 - target, np.concatenate([real, imaginary], axis=1)
