"""Where descent starts: random rows, hops from the best, constructions, and orbits of groups.

Starts with a symmetry find optima that random ones do not: one code of every orbit moves and the
others follow, as rounding would break the symmetry at the first saddle.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from gramax.frames import sizes
from gramax.frames.codebooks import Kind, as_real, similarities, unit
from gramax.frames.constructions import catalogue, weyl_heisenberg
from gramax.frames.constructions.algebra import prime_power


class Start(NamedTuple):
    """Where a descent starts: real rows and the first beta, yet to be divided by the floor squared.

    With a symmetry, row r is turn[r] @ rows[base[r]], turn[r] orthogonal.
    """

    rows: np.ndarray
    beta: float
    base: np.ndarray | None = None
    turn: np.ndarray | None = None


def width_of(d: int, kind: Kind) -> int:
    """The real numbers that hold a code."""
    return 2 * d if kind == "complex" else d


def log_uniform(random: np.random.Generator, low: float, high: float) -> float:
    """A number whose logarithm is uniform."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def fresh(c: int, width: int, random: np.random.Generator) -> Start:
    """Random rows, annealed from a low beta, 0.2 to 24."""
    return Start(random.normal(size=(c, width)), log_uniform(random, 0.2, 24))


def hop(base: np.ndarray, random: np.random.Generator) -> Start:
    """A good configuration shaken, with up to three rows drawn again.

    Half of the time hard, and annealed from a beta low enough that the others make room; half of
    the time lightly, which finds the neighbours where there are many codes in few dimensions.
    """
    c, width = base.shape
    light = random.random() < 0.5
    noise = log_uniform(random, *((0.02, 0.4) if light else (0.05, 1.0)))
    x = base + noise * random.normal(size=base.shape) / np.sqrt(width)
    again = random.choice(c, size=min(c, random.integers(0, 4)), replace=False)
    x[again] = random.normal(size=(len(again), width))
    return Start(x, log_uniform(random, *((4, 400) if light else (2, 60))))


def structured(c: int, d: int, kind: Kind, random: np.random.Generator) -> Start:
    """Orbits of a group, or a construction near (c, d) with codes dropped or added."""
    known = nearby(c, d, kind)
    if not known or random.random() < 0.6:
        rows, base, turn = orbits(c, d, kind, random)
        return Start(rows, log_uniform(random, 0.7, 30), base, turn)
    codes = as_real(known[random.integers(len(known))], kind)
    codes = random.permutation(codes)[:c]
    x = unit(np.concatenate([codes, random.normal(size=(c - len(codes), codes.shape[1]))]))
    x = x + random.choice([1e-4, 0.02, 0.1]) * random.normal(size=x.shape)
    return Start(x, log_uniform(random, 1, 100))


@lru_cache(maxsize=8)
def nearby(c: int, d: int, kind: Kind) -> tuple[np.ndarray, ...]:
    """Codebooks with a formula in d dimensions, of more codes than c or a few fewer.

    And those in one dimension less, lifted: 28 lines of R^7 and a few more are the best of R^8.
    """

    def built(counts: Iterable[int], d: int) -> list[np.ndarray]:
        if kind == "signed":
            found = (catalogue.best_signed(n, d) for n in counts)
        else:
            found = (catalogue.best(n, d, kind) for n in counts)
        return [recipe.build() for recipe in found if recipe is not None]

    reach = max(8, c // 4)
    counts = [*range(c + 1, c + reach + 1), *range(c - 1, max(d, c - 4) - 1, -1)]
    found = built(counts, d)[:6]
    if kind == "complex" and prime_power(d) and c < d * (d + 1) and d <= 64:
        found.append(weyl_heisenberg.mutually_unbiased_bases(d))
    if kind == "real" and sizes.has_real_bases(d) and c < d * (d // 2 + 1) and d <= 256:
        found.append(weyl_heisenberg.real_mutually_unbiased_bases(d))
    if 3 < d <= 24:
        lower = built(range(c + reach, max(d, c - reach) - 1, -1), d - 1)
        found += [np.pad(codes, ((0, 0), (0, 1))) for codes in lower[:4]]
    return tuple(found)


def shed(x: np.ndarray, c: int, kind: Kind) -> np.ndarray:
    """Drop unit rows until `c` are left, each time the row that crowds the others most."""
    while len(x) > c:
        s = similarities(x, x, kind)[0]
        np.fill_diagonal(s, -np.inf)
        crowding = np.exp((s - s.max()) * 1e4).sum(axis=1)
        x = np.delete(x, np.argmax(crowding), axis=0)
    return x


def orbits(
    c: int, d: int, kind: Kind, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `rows`, `base` and `turn` of a start made of orbits of a random small group.

    Random rows fill it up: there are c real rows of norm 1.
    """
    generators = _group(c, d, kind, random)
    width = len(generators[0])
    x = unit(random.normal(size=(c, width)))
    base, turn = np.arange(c), np.tile(np.eye(width), (c, 1, 1))
    done = 0
    for _ in range(40):
        if done == c:
            break
        seed = x[done]
        if random.random() < 0.4:
            seed = _fixed(seed, generators, random)
        found = _orbit(seed, generators, c - done, kind)
        end = done + len(found)
        for row, (vector, matrix) in zip(range(done, end), found, strict=True):
            x[row], turn[row], base[row] = vector, matrix, done
        if not found:  # another seed next time, and at first another group
            generators = _group(c, d, kind, random) if done == 0 else generators
            x[done] = unit(random.normal(size=width))
        done = end
    return x, base, turn


def _orbit(
    seed: np.ndarray, generators: list[np.ndarray], room: int, kind: Kind
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The orbit of a vector as lines (as points where signed), each with the matrix that made it.

    Empty if it exceeds `room`.
    """
    seed = unit(seed)
    found = [(seed, np.eye(len(seed)))]
    queue = list(found)
    while queue:
        x, made = queue.pop()
        for g in generators:
            y = g @ x
            known = np.array([vector for vector, _ in found])
            if similarities(known, y[None], kind)[0].max() < 1 - 1e-9:
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
    p = int(random.choice([p for p in range(2, c + 1) if c % p <= 2]))
    if kind != "complex":
        first = _rotations(d, p, random)
        if choice != 1:
            return [first]
        reflection = np.diag((-1.0) ** np.arange(d))  # turns every rotation round
        if d % 2:
            reflection[-1, -1] = random.choice([-1.0, 1.0])
        return [first, reflection]
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
    for i in range(0, d - 1, 2):
        angle = 2 * np.pi * random.integers(p) / p
        cos, sin = np.cos(angle), np.sin(angle)
        g[i : i + 2, i : i + 2] = [[cos, -sin], [sin, cos]]
    if d % 2 and p % 2 == 0 and random.random() < 0.5:
        g[-1, -1] = -1
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
    return [_real(g) for g in generators] if kind == "complex" else generators
