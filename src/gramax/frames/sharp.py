"""Optimal codes of a few dimensions: root systems, reflection groups, and their descendants."""

from __future__ import annotations

import numpy as np

from gramax.frames.constructions import conference_etf, orthoplex, simplex


def root_lines(d: int) -> np.ndarray:
    """The lines of the root system E_d: 36 in R^6, 63 in R^7, 120 in R^8.

    Args:
        d: 6, 7 or 8.

    Returns:
        `[36 | 63 | 120, d]` unit rows with |cos| 0 or 1/2; attains Levenshtein's second bound.

    Raises:
        ValueError: `d` is not 6, 7 or 8.

    Source:
        Levenshtein 1992; Conway, Sloane, Sphere Packings, Lattices and Groups, chapter 4.

    Example:
        >>> root_lines(8).shape
        (120, 8)
    """
    if d not in (6, 7, 8):
        raise ValueError(f"the root systems E_d have d = 6, 7 or 8; got {d}")
    pairs = [s for i in range(8) for j in range(i) for s in _pair(i, j)]
    signs = 1 - 2 * ((np.arange(128)[:, None] >> np.arange(7)) & 1)
    halves = np.column_stack([signs, signs.prod(1)])
    halves = halves[halves[:, 0] > 0] / 2
    roots = np.concatenate([np.array(pairs), halves]) / np.sqrt(2)
    fixed = {8: [], 7: [0], 6: [0, 2]}[d]  # a root, or two that meet at 60 degrees
    return orthogonal_part(roots, roots[fixed])


def _pair(i: int, j: int) -> list[np.ndarray]:
    plus, minus = np.zeros(8), np.zeros(8)
    plus[[i, j]], minus[i], minus[j] = 1, 1, -1
    return [plus, minus]


def mitchell_lines(d: int) -> np.ndarray:
    """The reflection lines of Mitchell's groups: 126 in C^6, 45 in C^5, 40 in C^4.

    Args:
        d: 4, 5 or 6.

    Returns:
        `[40 | 45 | 126, d]` unit rows with |<x, y>| 0 or 1/2 (1/sqrt(3) for d = 4, the Witting
        polytope); attains Levenshtein's second bound.

    Raises:
        ValueError: `d` is not 4, 5 or 6.

    Source:
        Mitchell 1914; Coxeter, Regular Complex Polytopes (1991).

    Example:
        >>> mitchell_lines(5).shape
        (45, 5)
    """
    w = np.exp(2j * np.pi * np.arange(3) / 3)
    a, b = (x.ravel() for x in np.meshgrid(w, w))
    zero, one = np.zeros(9), np.ones(9)
    if d == 4:
        rows = [(zero, one, -a, b), (one, zero, -a, -b), (one, -a, zero, b), (one, a, b, zero)]
        return np.concatenate([np.eye(4), *(np.stack(r, -1) / np.sqrt(3) for r in rows)])
    if d not in (5, 6):
        raise ValueError(f"Mitchell's lines have d = 4, 5 or 6; got {d}")
    exponents = np.stack(np.meshgrid(*[np.arange(3)] * 5, indexing="ij"), -1).reshape(-1, 5)
    last = exponents[exponents.sum(1) % 3 == 0]
    full = w[np.column_stack([np.zeros(len(last), dtype=int), last])] / np.sqrt(6)
    short = np.zeros((45, 6), dtype=complex)
    places = [(i, j, k) for i in range(6) for j in range(i) for k in range(3)]
    for row, (i, j, k) in zip(short, places, strict=True):
        row[i], row[j] = 1 / np.sqrt(2), -w[k] / np.sqrt(2)
    lines = np.concatenate([short, full])
    return lines if d == 6 else orthogonal_part(lines, lines[:1])


def orthogonal_part(codes: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """The rows that are orthogonal to every row of `fixed`, in coordinates of its complement.

    Args:
        codes: `[c, d]` unit rows.
        fixed: `[k, d]` independent rows.

    Returns:
        `[c', d - k]` unit rows with the cosines that they had.
    """
    if len(fixed) == 0:
        return codes
    inside = codes[np.all(np.abs(codes @ fixed.conj().T) < 1e-9, axis=1)]
    basis, _ = np.linalg.qr(fixed.T, mode="complete")
    return inside @ basis[:, len(fixed) :].conj()


def neighbours(codes: np.ndarray) -> np.ndarray:
    """The nearest neighbours of the first code, seen from it: a spherical code one dimension down.

    Args:
        codes: `[c, d]` real unit rows.

    Returns:
        `[k, d - 1]` unit rows: the codes of largest cosine with the first, projected off it.
    """
    cosine = codes[1:] @ codes[0]
    near = codes[1:][cosine > cosine.max() - 1e-9]
    basis, _ = np.linalg.qr(codes[:1].T, mode="complete")
    inside = near @ basis[:, 1:]
    return inside / np.linalg.norm(inside, axis=1, keepdims=True)


def kissing(depth: int) -> np.ndarray:
    """The roots of E8 (depth 0), the neighbours of one among them (1), of one of those (2), ...

    Args:
        depth: 0 to 3: 240 points in R^8, 56 in R^7, 27 in R^6, 16 in R^5.

    Returns:
        `[c, 8 - depth]` unit rows; attains Levenshtein's signed bound, 1/2, 1/3, 1/4 or 1/5.

    Source:
        Conway, Sloane, Sphere Packings, Lattices and Groups, chapter 14; Levenshtein 1992.

    Example:
        >>> kissing(2).shape
        (27, 6)
    """
    codes = both_ends(root_lines(8))
    for _ in range(depth):
        codes = neighbours(codes)
    return codes


def both_ends(lines: np.ndarray) -> np.ndarray:
    """The 2c points x and -x of c lines: the largest cosine is the lines' coherence."""
    return np.concatenate([lines, -lines])


def cube_lines() -> np.ndarray:
    """The 3 axes and 4 diagonals of the cube: 7 lines of R^3 at the orthoplex bound 1/sqrt(3)."""
    signs = np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [1, -1, -1]]) / np.sqrt(3)
    return np.concatenate([np.eye(3), signs])


def bloch_icosahedron() -> np.ndarray:
    """12 lines of C^2, the icosahedron on the Bloch sphere: Fejes Tóth's bound."""
    x, y, z = both_ends(conference_etf(3)).T
    south = z < 0  # of the two forms of a qubit the one that divides by the larger number
    up = np.where(south, x - 1j * y, 1 + z)
    down = np.where(south, 1 - z, x + 1j * y)
    codes = np.stack([up, down], axis=-1)
    return codes / np.linalg.norm(codes, axis=1, keepdims=True)


def embedded_simplex(c: int, d: int) -> np.ndarray:
    """A regular simplex of c <= d + 1 points in the first c - 1 coordinates of R^d."""
    codes = np.zeros((c, d))
    if c == 1:
        codes[0, 0] = 1
    else:
        codes[:, : c - 1] = simplex(c - 1)
    return codes


def two_directions(c: int) -> np.ndarray:
    """Points of R^1: +1 and -1 in turn."""
    return orthoplex(1)[np.arange(c) % 2]
