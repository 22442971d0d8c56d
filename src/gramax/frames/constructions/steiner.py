"""Steiner equiangular tight frames: a Steiner system and a Hadamard matrix.

A (2, k, v) Steiner system has blocks of k of v points such that two points share exactly one. Put a
Hadamard matrix's columns in the place of the ones of its incidence matrix (Fickus, Mixon, Tremain,
Linear Algebra Appl. 436, 2012). Systems are `[blocks, points]` incidence matrices of 0 and 1.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from gramax.frames.constructions.finite_fields import FiniteField
from gramax.frames.constructions.hadamard import hadamard
from gramax.frames.constructions.number_theory import prime_power, solve


def all_pairs(v: int) -> np.ndarray:
    """The (2, 2, v) Steiner system: every pair of points is a block."""
    pairs = np.array(list(itertools.combinations(range(v), 2)))
    incidence = np.zeros((len(pairs), v), dtype=int)
    np.put_along_axis(incidence, pairs, 1, axis=1)
    return incidence


def affine_lines(m: int, q: int) -> np.ndarray:
    """The lines of the affine space AG(m, q), m >= 2: a (2, q, q^m) Steiner system."""
    field = FiniteField(q)
    points = np.array(list(itertools.product(range(q), repeat=m)))
    place = q ** np.arange(m - 1, -1, -1)
    lines = set()
    for direction in _projective_points(m - 1, field):
        steps = field.multiply(np.arange(q)[:, None], direction)
        for point in points:
            lines.add(tuple(sorted(field.add(point, steps) @ place)))
    return _incidence(sorted(lines), q**m)


def projective_lines(m: int, q: int) -> np.ndarray:
    """The lines of PG(m, q), m >= 2: a (2, q+1, (q^(m+1)-1)/(q-1)) Steiner system."""
    field = FiniteField(q)
    points = _projective_points(m, field)
    index = {tuple(p): i for i, p in enumerate(points)}
    lines = set()
    for a, b in itertools.combinations(points, 2):
        span = field.add(a, field.multiply(np.arange(q)[:, None], b))
        ends = [index[tuple(b)]] + [index[_normalise(p, field)] for p in span]
        lines.add(tuple(sorted(ends)))
    return _incidence(sorted(lines), len(points))


def bose_triples(t: int) -> np.ndarray:
    """Bose's Steiner triple system on 6t + 3 points, t >= 1."""
    n = 2 * t + 1
    half = (n + 1) // 2  # the inverse of 2 modulo the odd n
    lines = [(x, x + n, x + 2 * n) for x in range(n)]
    for x, y in itertools.combinations(range(n), 2):
        middle = (x + y) * half % n
        lines += [(x + i * n, y + i * n, middle + (i + 1) % 3 * n) for i in range(3)]
    return _incidence(lines, 3 * n)


def _projective_points(m: int, field: FiniteField) -> np.ndarray:
    """One vector of each line through 0 of GF(q)^(m+1): the first nonzero coordinate is 1."""
    every = np.array(list(itertools.product(range(field.q), repeat=m + 1)))
    first = (every != 0).argmax(axis=1)
    return every[np.take_along_axis(every, first[:, None], axis=1)[:, 0] == 1]


def _normalise(point: np.ndarray, field: FiniteField) -> tuple[int, ...]:
    leading = point[np.flatnonzero(point)[0]]
    inverse = field.exp[-field.log[leading] % (field.q - 1)]
    return tuple(field.multiply(point, inverse))


def _incidence(lines: list[tuple[int, ...]], v: int) -> np.ndarray:
    incidence = np.zeros((len(lines), v), dtype=int)
    np.put_along_axis(incidence, np.array(lines), 1, axis=1)
    return incidence


def steiner(incidence: np.ndarray, real: bool) -> np.ndarray:
    """The Steiner equiangular tight frame of a (2, k, v) system with b blocks, r on each point.

    It has v (r + 1) unit rows in b dimensions, at the Welch bound: by a real Hadamard matrix of
    order r + 1 (a ValueError where there is none at hand), or by the Fourier matrix.

    >>> steiner(all_pairs(4), real=True).shape  # 16 lines in R^6
    (16, 6)
    """
    b, v = incidence.shape
    r = int(incidence[:, 0].sum())
    n = r + 1
    if real:
        entries = hadamard(n).astype(float)
    else:
        entries = np.exp(2j * np.pi * (np.outer(np.arange(n), np.arange(n)) % n) / n)
    codes = np.zeros((v, n, b), dtype=entries.dtype)
    for point in range(v):
        codes[point][:, np.flatnonzero(incidence[:, point])] = entries[:, 1:]
    return codes.reshape(v * n, b) / np.sqrt(r)


def steiner_systems(c: int, d: int) -> list[tuple[str, int, tuple[str, tuple[int, ...]]]]:
    """The Steiner systems at hand whose frame has c codes in d dimensions.

    Each is `(label, r, (kind, parameters))`, `kind` being the name of a function of this module.
    """
    found: list[tuple[int, int, str, int, tuple[str, tuple[int, ...]]]] = []

    def offer(v: int, k: int, q: int, label: str, kind: str, parameters: tuple[int, ...]) -> None:
        r = (v - 1) // (k - 1)
        if v > 2 and v * (r + 1) == c and v * r == d * k:
            found.append((v, q, label, r, (kind, parameters)))

    v = math.isqrt(c)
    offer(v, 2, 0, f"all pairs of {v} points", "all_pairs", (v,))
    v = math.isqrt(2 * c)
    if v % 6 == 3:
        offer(v, 3, 1, f"Bose triples on {v} points", "bose_triples", ((v - 3) // 6,))
    for m in range(2, c.bit_length() // 2 + 1):  # the field of two elements gives 4^m codes or more
        q = solve(lambda q, m=m: q**m * (_pencil(m, q) + 1), c)
        if q and prime_power(q):
            offer(q**m, q, q, f"lines of AG({m}, {q})", "affine_lines", (m, q))
        q = solve(lambda q, m=m: _pencil(m + 1, q) * (_pencil(m, q) + 1), c)
        if q and prime_power(q):
            label = f"lines of PG({m}, {q})"
            offer(_pencil(m + 1, q), q + 1, q, label, "projective_lines", (m, q))
    return [(label, r, made) for _, _, label, r, made in sorted(found)]


def _pencil(m: int, q: int) -> int:
    """The lines through a point of m-dimensional space over GF(q)."""
    return (q**m - 1) // (q - 1)
