"""Codebooks with a formula: each function gives unit rows `[c, d]`, exact to float64's rounding.

The families that need algebra have files of their own: `difference_sets`, `steiner`, `mub`, `sic`.
`construct` picks the best one for a given (c, d).
"""

from __future__ import annotations

import numpy as np

from gramax.frames import sizes
from gramax.frames.hadamard import conference_matrix, conference_order


def simplex(d: int) -> np.ndarray:
    """The regular simplex: d + 1 unit vectors of R^d with every cosine -1/d.

    Args:
        d: dimension.

    Returns:
        `[d + 1, d]`; attains the Welch bound 1/d, and the signed simplex bound -1/d.

    Raises:
        ValueError: `d` is not a positive integer.

    Example:
        >>> codes = simplex(2)
        >>> print((codes @ codes.T).round(12))
        [[ 1.  -0.5 -0.5]
         [-0.5  1.  -0.5]
         [-0.5 -0.5  1. ]]
    """
    _, d = sizes.counts(1, d)
    codes = np.zeros((d + 1, d))
    for j in range(d):  # Cholesky factor of the simplex's Gram matrix, column by column
        codes[j, j] = np.sqrt((d - j) * (d + 1) / (d * (d - j + 1)))
        codes[j + 1 :, j] = -codes[j, j] / (d - j)
    return codes


def orthoplex(d: int) -> np.ndarray:
    """The cross-polytope: the 2d vectors +e_i and -e_i of R^d.

    Args:
        d: dimension.

    Returns:
        `[2 d, d]`; attains Rankin's signed bound 0.

    Raises:
        ValueError: `d` is not a positive integer.

    Example:
        >>> orthoplex(2)
        array([[ 1.,  0.], [ 0.,  1.], [-1., -0.], [-0., -1.]])
    """
    _, d = sizes.counts(1, d)
    return np.concatenate([np.eye(d), -np.eye(d)])


def polygon(c: int, lines: bool = False) -> np.ndarray:
    """The regular polygon, or the lines of one: exact optima in R^2.

    Args:
        c: number of vectors.
        lines: spread over the half circle, so that |cos| is least.

    Returns:
        `[c, 2]`; attains the signed polygon bound cos(2 pi / c), or the volume bound cos(pi / c).

    Example:
        >>> polygon(3, lines=True).shape
        (3, 2)
    """
    angle = (1 if lines else 2) * np.pi * np.arange(c) / c
    return np.stack([np.cos(angle), np.sin(angle)], axis=-1)


def from_gram(gram: np.ndarray, d: int) -> np.ndarray:
    """Rows with a given Gram matrix of rank `d`, by its leading eigenvectors.

    Args:
        gram: `[c, c]` Hermitian and positive semidefinite.
        d: its rank.

    Returns:
        `[c, d]` rows x_i with <x_i, x_j> = gram[i, j].
    """
    values, vectors = np.linalg.eigh(gram)
    return vectors[:, -d:] * np.sqrt(values[-d:])


def naimark_complement(codes: np.ndarray) -> np.ndarray:
    """The Naimark complement of a tight frame: c vectors in c - d dimensions, tight too.

    Args:
        codes: `[c, d]` unit rows with orthogonal columns of equal norm, c > d.

    Returns:
        `[c, c - d]` unit rows; of an equiangular tight frame, again one, so it attains the Welch
        bound.

    Raises:
        ValueError: `codes` is not a tight frame of unit rows with c > d.

    Source:
        Casazza, Kutyniok (eds.), Finite Frames (2013), chapter 1.

    Example:
        >>> naimark_complement(simplex(4)).round(12) ** 2
        array([[1.], [1.], [1.], [1.], [1.]])
    """
    codes = np.asarray(codes)
    c, d = codes.shape
    tight = np.allclose(codes.conj().T @ codes, np.eye(d) * c / d, atol=1e-9)
    if c <= d or not tight:
        raise ValueError(f"needs a tight frame of unit rows with c > d; got shape {codes.shape}")
    full, _ = np.linalg.qr(codes, mode="complete")
    return full[:, d:].conj() * np.sqrt(c / (c - d))


def conference_etf(d: int) -> np.ndarray:
    """2d equiangular lines in d dimensions, from a conference matrix of order 2d.

    Args:
        d: dimension; a conference matrix of order 2d must be at hand.

    Returns:
        `[2 d, d]`, real where the matrix is symmetric (d odd), complex where it is skew (d even);
        attains the Welch bound 1/sqrt(2d - 1).

    Raises:
        ValueError: no conference matrix of order 2d is at hand.

    Source:
        van Lint, Seidel 1966; Strohmer, Heath 2003.

    Example:
        >>> conference_etf(3).shape  # the diagonals of the icosahedron
        (6, 3)
    """
    matrix = conference_matrix(2 * d)
    signature = matrix * (1 if conference_order(2 * d) == "symmetric" else 1j)
    return from_gram(np.eye(2 * d) + signature / np.sqrt(2 * d - 1), d)


def bukh_cox_codes(equiangular: np.ndarray, copies: int) -> np.ndarray:
    """Codes just above the dimension, from a maximal set of equiangular lines in few dimensions.

    The Gram matrix has one magnitude off the diagonal: the lines' own signs turned round between
    blocks of `copies`, -1 within a block. Its kernel is the span of the lines' coordinates.

    Args:
        equiangular: `[z, k]` an equiangular tight frame.
        copies: how many codes stand for each line, at least 2.

    Returns:
        `[copies z, copies z - k]` unit rows; attains the Bukh-Cox bound where z = Z(k).

    Source:
        Bukh, Cox 2020, theorem 3.

    Example:
        >>> bukh_cox_codes(polygon(3, lines=True), 2).shape
        (6, 4)
    """
    z, k = equiangular.shape
    gram = equiangular @ equiangular.conj().T
    angle = np.sqrt((z - k) / (k * (z - 1)))
    signs = (np.eye(z) - gram) / angle
    signature = np.kron(signs, np.ones((copies, copies)))
    signature -= np.kron(np.eye(z), np.ones((copies, copies)) - np.eye(copies))
    coherence = 1 / (copies - 1 + copies * (z / k - 1) / angle)
    return from_gram(np.eye(z * copies) + coherence * signature, z * copies - k)


def quadric_etf(m: int, sign: int) -> np.ndarray:
    """The real equiangular tight frame on a quadric of the symplectic space F_2^(2m).

    Args:
        m: half the dimension of the symplectic space, at least 2 (3 for a sign of -1).
        sign: 1 for the points where the hyperbolic form is 0, -1 for those where it is 1.

    Returns:
        `[2^(m-1) (2^m + sign), d]` unit rows, d = (2^m + sign)(2^(m-1) + sign)/3; attains the
        Welch bound: 10 lines in R^5, 28 in R^7, 36 in R^15, 120 in R^35, ...

    Raises:
        ValueError: `m` or `sign` is not such a number.

    Source:
        Seidel, A survey of two-graphs (1976); Fickus, Jasper, Mixon, Peterson 2018.

    Example:
        >>> quadric_etf(3, -1).shape
        (28, 7)
    """
    if sign not in (1, -1) or m < (2 if sign == 1 else 3):
        raise ValueError(f"needs a sign of 1 (m >= 2) or -1 (m >= 3); got m={m}, sign={sign}")
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
