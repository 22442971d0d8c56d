"""Optimal codes from root systems and reflection groups, at Levenshtein's bounds."""

from __future__ import annotations

import numpy as np


def root_lines(d: int) -> np.ndarray:
    """The lines of the root system E_d, 36 in R^6, 63 in R^7, 120 in R^8, with |cos| 0 or 1/2.

    Source: Levenshtein 1992; Conway, Sloane, Sphere Packings, Lattices and Groups, chapter 4.
    """
    pairs = np.zeros((56, 8))
    places = [(i, j, sign) for i in range(8) for j in range(i) for sign in (1, -1)]
    for row, (i, j, sign) in zip(pairs, places, strict=True):
        row[i], row[j] = 1, sign
    signs = 1 - 2 * ((np.arange(128)[:, None] >> np.arange(7)) & 1)
    halves = np.column_stack([signs, signs.prod(1)])
    halves = halves[halves[:, 0] > 0] / 2
    roots = np.concatenate([pairs, halves]) / np.sqrt(2)
    fixed = {8: [], 7: [0], 6: [0, 2]}[d]  # a root, or two that meet at 60 degrees
    return _orthogonal_part(roots, roots[fixed])


def mitchell_lines(d: int) -> np.ndarray:
    """The reflection lines of Mitchell's groups: 126 in C^6, 45 in C^5, 40 in C^4.

    Their |<x, y>| is 0 or 1/2 (1/sqrt(3) for d = 4, the Witting polytope).

    Source: Mitchell 1914; Coxeter, Regular Complex Polytopes (1991).
    """
    w = np.exp(2j * np.pi * np.arange(3) / 3)
    if d == 4:
        a, b = (x.ravel() for x in np.meshgrid(w, w))
        zero, one = np.zeros(9), np.ones(9)
        rows = [(zero, one, -a, b), (one, zero, -a, -b), (one, -a, zero, b), (one, a, b, zero)]
        return np.concatenate([np.eye(4), *(np.stack(r, -1) / np.sqrt(3) for r in rows)])
    exponents = np.stack(np.meshgrid(*[np.arange(3)] * 5, indexing="ij"), -1).reshape(-1, 5)
    last = exponents[exponents.sum(1) % 3 == 0]
    full = w[np.column_stack([np.zeros(len(last), dtype=int), last])] / np.sqrt(6)
    short = np.zeros((45, 6), dtype=complex)
    places = [(i, j, k) for i in range(6) for j in range(i) for k in range(3)]
    for row, (i, j, k) in zip(short, places, strict=True):
        row[i], row[j] = 1 / np.sqrt(2), -w[k] / np.sqrt(2)
    lines = np.concatenate([short, full])
    return lines if d == 6 else _orthogonal_part(lines, lines[:1])


def _orthogonal_part(codes: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """The rows orthogonal to every (independent) row of `fixed`, in coordinates of the rest."""
    if len(fixed) == 0:
        return codes
    inside = codes[np.all(np.abs(codes @ fixed.conj().T) < 1e-9, axis=1)]
    basis, _ = np.linalg.qr(fixed.T, mode="complete")
    return inside @ basis[:, len(fixed) :].conj()


def kissing(depth: int) -> np.ndarray:
    """The roots of E8 (depth 0), the neighbours of one among them (1), of one of those (2), ...

    These are 240 points in R^8, 56 in R^7, 27 in R^6 and 16 in R^5, which attain Levenshtein's
    signed bound, 1/2, 1/3, 1/4 and 1/5. Neighbours are seen from the point, one dimension down.

    Source: Conway, Sloane, Sphere Packings, Lattices and Groups, chapter 14; Levenshtein 1992.
    """
    codes = root_lines(8)
    codes = np.concatenate([codes, -codes])
    for _ in range(depth):
        cosine = codes[1:] @ codes[0]
        near = codes[1:][cosine > cosine.max() - 1e-9]
        basis, _ = np.linalg.qr(codes[:1].T, mode="complete")
        inside = near @ basis[:, 1:]
        codes = inside / np.linalg.norm(inside, axis=1, keepdims=True)
    return codes
