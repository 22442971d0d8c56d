"""Starts with a symmetry: orbits of small groups, for optima that random starts do not find.

One code of every orbit moves and the others follow, so descent searches a space of few dimensions,
in which the highly symmetric optima lie; left free, rounding would break the symmetry at the first
saddle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gramax.frames.codebooks import Kind, times_i


class Orbits(NamedTuple):
    """A codebook made of orbits: row r is turn[r] @ rows[base[r]], turn[r] orthogonal."""

    rows: np.ndarray
    base: np.ndarray
    turn: np.ndarray


def free(rows: np.ndarray) -> Orbits:
    """Rows that are not tied to one another."""
    c, k = rows.shape
    return Orbits(rows, np.arange(c), np.tile(np.eye(k), (c, 1, 1)))


def orbits(c: int, d: int, kind: Kind, random: np.random.Generator) -> Orbits:
    """Orbits of a random small group, filled up with random rows: c real rows of norm 1."""
    generators = _group(c, d, kind, random)
    width = len(generators[0])
    x, base, turn = free(random.normal(size=(c, width)))
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    done = 0
    for _ in range(40):
        seed = x[done] if done < c else None
        if seed is None:
            break
        if random.random() < 0.4:
            seed = _fixed(seed, generators, random)
        found = _orbit(seed, generators, c - done, kind)
        end = done + len(found)
        for row, (vector, matrix) in zip(range(done, end), found, strict=True):
            x[row], turn[row], base[row] = vector, matrix, done
        if not found and done == 0:
            generators = _group(c, d, kind, random)
        if not found:  # another seed next time
            x[done] = random.normal(size=width)
            x[done] /= np.linalg.norm(x[done])
        done = end
    return Orbits(x, base, turn)


def _orbit(
    seed: np.ndarray, generators: list[np.ndarray], room: int, kind: Kind
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The orbit of a vector as lines (as points where signed), each with the matrix that made it.

    Empty if it exceeds `room`.
    """
    seed = seed / np.linalg.norm(seed)
    found = [(seed, np.eye(len(seed)))]
    queue = list(found)
    while queue:
        x, made = queue.pop()
        for g in generators:
            y = g @ x
            known = np.array([vector for vector, _ in found])
            cosine = known @ y
            if kind == "complex":
                cosine = np.hypot(cosine, known @ times_i(y))
            elif kind == "real":
                cosine = np.abs(cosine)
            if cosine.max() < 1 - 1e-9:
                if len(found) == room:
                    return []
                found.append((y, g @ made))
                queue.append(found[-1])
    return found


def _fixed(
    seed: np.ndarray, generators: list[np.ndarray], random: np.random.Generator
) -> np.ndarray:
    """The part of a vector that a random element of the group fixes: it has a shorter orbit."""
    g = np.eye(len(seed))
    for _ in range(random.integers(1, 4)):
        g = g @ generators[random.integers(len(generators))]
    total, power = seed.copy(), seed
    for _ in range(60):
        power = g @ power
        if np.allclose(power, seed):
            break
        total = total + power
    return total if np.linalg.norm(total) > 1e-6 else seed


def _group(c: int, d: int, kind: Kind, random: np.random.Generator) -> list[np.ndarray]:
    """Generators, as real matrices, of a random group whose orbits can fit `c` codes."""
    choice = random.integers(4)
    if choice == 0 and d > 2:
        return _permutations(d, kind, random)
    orders = [p for p in range(2, c + 1) if c % p <= 2]
    p = int(random.choice(orders))
    if kind != "complex":
        first = _rotations(d, p, random)
        return [first, _reflection(d, random)] if choice == 1 else [first]
    first = _real(np.diag(np.exp(2j * np.pi * random.integers(p, size=d) / p)))
    if choice == 1:  # complex conjugation: an antiunitary symmetry
        return [first, np.diag(np.repeat([1.0, -1.0], d))]
    if choice == 2:  # Weyl and Heisenberg's group
        shift = np.roll(np.eye(d), 1, axis=0)
        return [_real(shift), _real(np.diag(np.exp(2j * np.pi * np.arange(d) / d)))]
    return [first]


def _real(u: np.ndarray) -> np.ndarray:
    """A complex matrix on real rows [Re, Im]."""
    a, b = np.real(u), np.imag(u)
    return np.block([[a, -b], [b, a]])


def _rotations(d: int, p: int, random: np.random.Generator) -> np.ndarray:
    """A rotation of order p: a random multiple of the angle 2 pi / p in each plane."""
    g = np.eye(d)
    for plane in range(d // 2):
        angle = 2 * np.pi * random.integers(p) / p
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        g[2 * plane : 2 * plane + 2, 2 * plane : 2 * plane + 2] = turn
    if d % 2 and p % 2 == 0 and random.random() < 0.5:
        g[-1, -1] = -1
    return g


def _reflection(d: int, random: np.random.Generator) -> np.ndarray:
    """The reflection that turns every rotation of `_rotations` round: a dihedral group."""
    g = np.eye(d)
    g[1::2, 1::2] *= -1
    if d % 2:
        g[-1, -1] = random.choice([-1.0, 1.0])
    return g


def _permutations(d: int, kind: Kind, random: np.random.Generator) -> list[np.ndarray]:
    """Cyclic shifts of the first q coordinates, with multipliers, or with changes of sign."""
    q = int(random.integers(max(2, d - 2), d + 1))
    shift = np.eye(d)
    shift[:q, :q] = np.roll(np.eye(q), 1, axis=0)
    generators = [shift]
    units = [r for r in range(2, q) if np.gcd(r, q) == 1]
    if units and random.random() < 0.5:
        r = int(random.choice(units))
        multiplier = np.eye(d)
        multiplier[:q, :q] = np.eye(q)[np.arange(q) * r % q]
        generators.append(multiplier)
    if random.random() < 0.3:
        generators.append(np.diag(random.choice([-1.0, 1.0], size=d)))
    if kind == "complex":
        generators = [_real(g) for g in generators]
    return generators
