"""Combinatorial designs and the equiangular tight frames that they give.

Hadamard and conference matrices have signs for entries and orthogonal rows. A difference set of a
group of v elements has every element other than 0 as a difference equally often; the characters
restricted to it are a harmonic frame. A (2, k, v) Steiner system has blocks of k of v points such
that two points share exactly one; it is given as a `[blocks, points]` incidence matrix, and a
Hadamard matrix's columns in the place of its ones make a Steiner frame.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np

from gramax.frames.constructions.algebra import FiniteField, prime_power, solve


def hadamard_order(n: int) -> bool:
    """Whether `hadamard` makes a real Hadamard matrix of order `n`."""
    if n in (1, 2):
        return True
    if n % 4:
        return False
    if prime_power(n - 1) or (n % 8 == 4 and prime_power(n // 2 - 1)):
        return True
    return hadamard_order(n // 2)


def hadamard(n: int) -> np.ndarray:
    """A real Hadamard matrix of order `n`, by Sylvester and Paley (J. Math. Phys. 12, 1933)."""
    if n == 1:
        return np.ones((1, 1), dtype=int)
    if n % 4 == 0 and prime_power(n - 1):
        return np.eye(n, dtype=int) + paley_core(n - 1)
    if n % 8 == 4 and prime_power(n // 2 - 1):
        same, other = np.array([[1, 1], [1, -1]]), np.array([[1, -1], [-1, -1]])
        return np.kron(paley_core(n // 2 - 1), same) + np.kron(np.eye(n // 2, dtype=int), other)
    return np.kron(np.array([[1, 1], [1, -1]]), hadamard(n // 2))


def paley_core(q: int) -> np.ndarray:
    """Paley's conference matrix of order q + 1, q an odd prime power.

    It is symmetric for q = 1 mod 4 and skew for q = 3 mod 4, with 0 on the diagonal.
    """
    field, elements = FiniteField(q), np.arange(q)
    matrix = np.ones((q + 1, q + 1), dtype=int)
    matrix[0, 0] = 0
    matrix[1:, 0] = 1 if q % 4 == 1 else -1
    matrix[1:, 1:] = field.squares[field.subtract(elements[:, None], elements[None, :])]
    return matrix


def conference_order(n: int) -> str | None:
    """What `conference_matrix` makes of order `n`: "symmetric", "skew", or None for nothing."""
    if n == 2:
        return "skew"
    if n < 4 or n % 2:
        return None
    if prime_power(n - 1):
        return "symmetric" if n % 4 == 2 else "skew"
    return "skew" if conference_order(n // 2) == "skew" else None


def conference_matrix(n: int) -> np.ndarray:
    """A conference matrix, by Paley's construction (1933) or by doubling (Williamson 1944)."""
    if n == 2:
        return np.array([[0, 1], [-1, 0]])
    if prime_power(n - 1):
        return paley_core(n - 1)
    half, one = conference_matrix(n // 2), np.eye(n // 2, dtype=int)
    return np.block([[half, half + one], [half - one, -half]])


DifferenceSet = tuple[tuple[int, ...], np.ndarray]
"""`(orders, elements)`: the set `[k, len(orders)]` in the group Z_orders[0] x Z_orders[1] x ..."""


def harmonic(family: Callable[..., DifferenceSet], *parameters: int) -> np.ndarray:
    """The harmonic frame of a difference set of k elements in a group of v: `[v, k]` unit rows.

    It attains the Welch bound, and is real where every order is 2.

    Source: Strohmer, Heath, Appl. Comput. Harmon. Anal. 14 (2003); Xia, Zhou, Giannakis 2005.
    """
    orders, elements = map(np.array, family(*parameters))
    group = np.stack(np.meshgrid(*(np.arange(o) for o in orders), indexing="ij"), -1)
    scale = int(np.lcm.reduce(orders))
    phase = (group.reshape(-1, len(orders)) * (scale // orders)) @ elements.T % scale
    codes = np.exp(2j * np.pi * np.arange(scale) / scale)[phase] / np.sqrt(len(elements))
    return np.ascontiguousarray(codes.real) if scale <= 2 else codes


def singer(q: int, m: int) -> DifferenceSet:
    """Singer's set: (q^m - 1)/(q - 1) elements of Z_v, v = (q^(m+1) - 1)/(q - 1).

    They are a hyperplane of PG(m, q), m >= 2 (Singer, Trans. Amer. Math. Soc. 43, 1938).
    """
    field, v = FiniteField(q ** (m + 1)), _pencil(m + 1, q)
    return (v,), np.flatnonzero(field.trace(field.exp[:v], q) == 0)[:, None]


def twin_prime(p: int) -> DifferenceSet:
    """(p^2 + 2p - 1)/2 elements of Z_p x Z_(p+2), p and p + 2 primes (Stanton, Sprott 1958)."""
    like = np.outer(FiniteField(p).squares, FiniteField(p + 2).squares)
    inside = (like == 1) | (np.arange(p + 2) == 0)
    return (p, p + 2), np.argwhere(inside)


def power_residues(q: int, e: int, zero: bool = False) -> DifferenceSet:
    """The e-th powers of GF(q), q = 1 mod e, with or without 0.

    They are a difference set for e = 2 and q = 3 mod 4 (Paley 1933), and for e = 4 or e = 8 and
    some primes (Lehmer, Canad. J. Math. 5, 1953).
    """
    field = FiniteField(q)
    return (field.p,) * field.k, field.digits[np.unique(np.append(field.exp[::e], 1 - zero))]


def _has_residues(p: int, e: int, zero: bool) -> bool:
    """Whether the e-th powers modulo p are a difference set: every difference equally often."""
    if prime_power(p) != (p, 1) or (p - 1) % e:
        return False
    elements = power_residues(p, e, zero)[1][:, 0]
    differences = np.bincount(((elements[:, None] - elements) % p).ravel(), minlength=p)
    return bool(np.all(differences[1:] == differences[1]))


def steiner(real: bool, system: Callable[..., np.ndarray], *parameters: int) -> np.ndarray:
    """The Steiner frame of a (2, k, v) system of b blocks, r on each point: `[v (r + 1), b]`.

    It attains the Welch bound, by a real Hadamard matrix of order r + 1 or by the Fourier matrix.

    Source: Fickus, Mixon, Tremain, Linear Algebra Appl. 436 (2012).
    """
    incidence = system(*parameters)
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


def all_pairs(v: int) -> np.ndarray:
    """The (2, 2, v) Steiner system: every pair of points is a block."""
    return _incidence(itertools.combinations(range(v), 2), v)


def affine_lines(m: int, q: int) -> np.ndarray:
    """The lines of the affine space AG(m, q), m >= 2: a (2, q, q^m) Steiner system."""
    field = FiniteField(q)
    points = np.array(list(itertools.product(range(q), repeat=m)))
    place = q ** np.arange(m - 1, -1, -1)
    lines = set()
    for direction in _projective_points(m - 1, field):
        steps = field.multiply(np.arange(q)[:, None], direction)
        lines |= {tuple(sorted(field.add(point, steps) @ place)) for point in points}
    return _incidence(sorted(lines), q**m)


def projective_lines(m: int, q: int) -> np.ndarray:
    """The lines of PG(m, q), m >= 2: a (2, q+1, (q^(m+1)-1)/(q-1)) Steiner system."""
    field = FiniteField(q)
    points = _projective_points(m, field)
    index = {tuple(p): i for i, p in enumerate(points)}

    def place(point: np.ndarray) -> int:
        leading = point[np.flatnonzero(point)[0]]
        inverse = field.exp[-field.log[leading] % (q - 1)]
        return index[tuple(field.multiply(point, inverse))]

    lines = set()
    for a, b in itertools.combinations(points, 2):
        span = field.add(a, field.multiply(np.arange(q)[:, None], b))
        lines.add(tuple(sorted([place(b), *map(place, span)])))
    return _incidence(sorted(lines), len(points))


def bose_triples(t: int) -> np.ndarray:
    """Bose's Steiner triple system on 6t + 3 points, t >= 1."""
    n = 2 * t + 1
    lines = [(x, x + n, x + 2 * n) for x in range(n)]
    for x, y in itertools.combinations(range(n), 2):
        middle = (x + y) * ((n + 1) // 2) % n  # times the inverse of 2 modulo the odd n
        lines += [(x + i * n, y + i * n, middle + (i + 1) % 3 * n) for i in range(3)]
    return _incidence(lines, 3 * n)


def _projective_points(m: int, field: FiniteField) -> np.ndarray:
    """One vector of each line through 0 of GF(q)^(m+1): the first nonzero coordinate is 1."""
    every = np.array(list(itertools.product(range(field.q), repeat=m + 1)))
    first = (every != 0).argmax(axis=1)
    return every[np.take_along_axis(every, first[:, None], axis=1)[:, 0] == 1]


def _incidence(lines: Iterable[tuple[int, ...]], v: int) -> np.ndarray:
    places = np.array(list(lines))
    incidence = np.zeros((len(places), v), dtype=int)
    np.put_along_axis(incidence, places, 1, axis=1)
    return incidence


def _pencil(m: int, q: int) -> int:
    """The lines through a point of m-dimensional space over GF(q)."""
    return (q**m - 1) // (q - 1)


Named = Iterator[tuple[str, Callable[[], np.ndarray]]]
"""Frames at hand: their names and how to build them."""


def steiner_frames(c: int, d: int, complex_too: bool) -> Named:
    """The Steiner frames of c codes in d dimensions, those of the fewest points first."""
    v = math.isqrt(c)
    offers: list[tuple[Any, ...]] = [(v, 0, 2, f"all pairs of {v} points", all_pairs, (v,))]
    v = math.isqrt(2 * c)
    if v % 6 == 3:
        offers.append((v, 1, 3, f"Bose triples on {v} points", bose_triples, ((v - 3) // 6,)))
    for m in range(2, c.bit_length() // 2 + 1):  # the field of two elements gives 4^m codes or more
        q = solve(lambda q, m=m: q**m * (_pencil(m, q) + 1), c)
        if q and prime_power(q):
            offers.append((q**m, q, q, f"lines of AG({m}, {q})", affine_lines, (m, q)))
        q = solve(lambda q, m=m: _pencil(m + 1, q) * (_pencil(m, q) + 1), c)
        if q and prime_power(q):
            name = f"lines of PG({m}, {q})"
            offers.append((_pencil(m + 1, q), q, q + 1, name, projective_lines, (m, q)))
    for v, _, k, name, system, parameters in sorted(offers, key=itemgetter(0, 1)):
        r = (v - 1) // (k - 1)
        if v > 2 and v * (r + 1) == c and v * r == d * k:
            real = hadamard_order(r + 1)
            if real or complex_too:
                yield f"Steiner frame of {name}", partial(steiner, real, system, *parameters)


LARGEST_RESIDUE_PRIME = 4096
"""Larger primes are not tried for power residues, since a trial counts all differences."""


def harmonic_frames(v: int, k: int) -> Named:
    """Harmonic frames of the difference sets of k elements in a group of v."""
    if k * (k - 1) % (v - 1):
        return
    name = "harmonic frame of the "
    for m in range(v.bit_length() - 1, 1, -1):  # 2^(m+1) - 1 points, or more
        q = solve(lambda q, m=m: _pencil(m + 1, q), v)
        if q and prime_power(q) and _pencil(m, q) == k:
            yield f"{name}Singer set PG({m}, {q})", partial(harmonic, singer, q, m)
    if v % 4 == 3 and k == (v - 1) // 2 and prime_power(v):
        yield f"{name}Paley set of GF({v})", partial(harmonic, power_residues, v, 2)
    p = math.isqrt(v + 1) - 1
    odd_primes = p > 2 and prime_power(p) == (p, 1) and prime_power(p + 2) == (p + 2, 1)
    if p * (p + 2) == v and odd_primes and 2 * k == p * p + 2 * p - 1:
        yield f"{name}twin prime set {p}, {p + 2}", partial(harmonic, twin_prime, p)
    for e, zero in itertools.product((4, 8), (False, True)):
        if v <= LARGEST_RESIDUE_PRIME and k == (v - 1) // e + zero and _has_residues(v, e, zero):
            yield f"{name}{e}th powers modulo {v}", partial(harmonic, power_residues, v, e, zero)
