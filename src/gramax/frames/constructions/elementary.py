"""Codebooks that need little algebra: each function gives unit rows `[c, d]`, exact to rounding."""

from __future__ import annotations

import numpy as np

from gramax.frames import sizes
from gramax.frames.codebooks import unit
from gramax.frames.constructions.designs import conference_matrix, conference_order


def simplex(c: int, d: int) -> np.ndarray:
    """The regular simplex of c <= d + 1 points in the first c - 1 coordinates of R^d."""
    codes, n = np.zeros((c, d)), c - 1
    if c == 1:
        codes[0, 0] = 1
    for j in range(n):  # Cholesky factor of the simplex's Gram matrix, column by column
        codes[j, j] = np.sqrt((n - j) * (n + 1) / (n * (n - j + 1)))
        codes[j + 1 :, j] = -codes[j, j] / (n - j)
    return codes


def both_ends(lines: np.ndarray) -> np.ndarray:
    """The 2c points x and -x of c lines: their largest cosine is the lines' coherence."""
    return np.concatenate([lines, -lines])


def polygon(c: int, lines: bool = False) -> np.ndarray:
    """The regular polygon of c points, or c lines at equal angles: the exact optima in R^2."""
    angle = (1 if lines else 2) * np.pi * np.arange(c) / c
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def cube_lines() -> np.ndarray:
    """The 3 axes and 4 diagonals of the cube: 7 lines of R^3 at the orthoplex bound 1/sqrt(3)."""
    signs = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]]) / np.sqrt(3)
    return np.concatenate([np.eye(3), signs])


def bloch_icosahedron() -> np.ndarray:
    """12 lines of C^2 at Fejes Tóth's bound: the icosahedron on the Bloch sphere."""
    x, y, z = both_ends(conference_etf(3)).T
    south = z < 0  # of the two forms of a qubit the one that divides by the larger number
    up = np.where(south, x - 1j * y, 1 + z)
    down = np.where(south, 1 - z, x + 1j * y)
    return unit(np.stack([up, down], axis=-1))


def from_gram(gram: np.ndarray, d: int) -> np.ndarray:
    """Rows `[c, d]` whose Gram matrix is the given Hermitian one of rank `d`."""
    values, vectors = np.linalg.eigh(gram)
    return vectors[:, -d:] * np.sqrt(values[-d:])


def tight_frame(c: int, d: int, field: str = "real") -> np.ndarray:
    """A tight frame: c unit vectors with sum x x* = (c/d) I, the harmonic one.

    Args:
        c: number of vectors, at least `d`.
        d: dimension.
        field: "real" or "complex".

    Returns:
        `[c, d]` unit rows that attain the least frame potential, c^2 / d.

    Raises:
        ValueError: c < d, where no tight frame exists, or another argument is out of range.

    Source:
        Benedetto, Fickus, Adv. Comput. Math. 18 (2003); Goyal, Kovačević, Kelner 2001.

    Example:
        >>> x = tight_frame(5, 3)
        >>> print((x.T @ x).round(12) + 0.0)
        [[1.667 0.    0.   ]
         [0.    1.667 0.   ]
         [0.    0.    1.667]]
    """
    c, d = sizes.counts(c, d, field)
    if c < d:
        raise ValueError(f"a tight frame spans its space, so it needs c >= d; got c={c}, d={d}")
    if c == d:
        return np.eye(d, dtype=float if field == "real" else complex)
    if field == "complex":
        phase = np.outer(np.arange(c), np.arange(d)) % c
        return np.exp(2j * np.pi * np.arange(c) / c)[phase] / np.sqrt(d)
    phase = np.outer(np.arange(c), np.arange(1, d // 2 + 1)) % c
    angle = (2 * np.pi * np.arange(c) / c)[phase]
    columns = [np.cos(angle), np.sin(angle), *[np.full((c, 1), np.sqrt(0.5))] * (d % 2)]
    return np.concatenate(columns, axis=1) * np.sqrt(2 / d)


def naimark_complement(codes: np.ndarray) -> np.ndarray:
    """The Naimark complement of a tight frame of c > d unit rows: c rows in c - d dimensions.

    It is tight too, and equiangular where the frame is (Casazza, Kutyniok, Finite Frames, 2013).
    """
    c, d = codes.shape
    full, _ = np.linalg.qr(codes, mode="complete")
    return full[:, d:].conj() * np.sqrt(c / (c - d))


def conference_etf(d: int) -> np.ndarray:
    """2d equiangular lines in d dimensions, from a conference matrix of order 2d.

    Real where it is symmetric (d odd), complex where it is skew (d even). Source: van Lint, Seidel
    1966; Strohmer, Heath 2003.
    """
    signature = conference_matrix(2 * d) * (1 if conference_order(2 * d) == "symmetric" else 1j)
    return from_gram(np.eye(2 * d) + signature / np.sqrt(2 * d - 1), d)


def bukh_cox_codes(equiangular: np.ndarray, copies: int) -> np.ndarray:
    """Codes just above the dimension, from an equiangular tight frame of z vectors in k dimensions.

    The Gram matrix has one magnitude off the diagonal: the lines' own signs turned round between
    blocks of `copies` (at least 2), -1 within a block. Its kernel is the span of the lines'
    coordinates, which leaves `copies` z codes in `copies` z - k dimensions (Bukh, Cox 2020).
    """
    z, k = equiangular.shape
    gram = equiangular @ equiangular.conj().T
    angle = np.sqrt((z - k) / (k * (z - 1)))
    signature = np.kron((np.eye(z) - gram) / angle, np.ones((copies, copies)))
    signature -= np.kron(np.eye(z), np.ones((copies, copies)) - np.eye(copies))
    coherence = 1 / (copies - 1 + copies * (z / k - 1) / angle)
    return from_gram(np.eye(z * copies) + coherence * signature, z * copies - k)


def quadric_etf(m: int, sign: int) -> np.ndarray:
    """The real equiangular tight frame on a quadric of the symplectic space F_2^(2m).

    A `sign` of 1 (m >= 2) takes the points where the hyperbolic form is 0, -1 (m >= 3) those where
    it is 1: 10 lines in R^5, 28 in R^7, 36 in R^15, 120 in R^35, ...

    Source: Seidel, A survey of two-graphs (1976); Fickus, Jasper, Mixon, Peterson 2018.
    """
    bits = (np.arange(4**m)[:, None] >> np.arange(2 * m)) & 1
    form = (bits[:, :m] * bits[:, m:]).sum(1) % 2
    points = bits[form == (1 - sign) // 2]
    symplectic = points[:, :m] @ points[:, m:].T
    signature = (-1.0) ** (symplectic + symplectic.T) - np.eye(len(points))
    values = np.linalg.eigvalsh(signature)
    if np.sum(values > 0) > len(points) / 2:  # two eigenvalues: the rarer one spans the codes
        signature, values = -signature, -values
    gram = np.eye(len(points)) + signature / abs(values.min())
    return from_gram(gram, int(np.sum(values > 0)))
