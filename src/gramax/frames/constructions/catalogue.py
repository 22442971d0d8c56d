"""Which constructions exist at a given (c, d): found by their arithmetic, built only when asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from gramax.frames import bounds
from gramax.frames.bounds import points, sizes
from gramax.frames.constructions import difference_sets as sets
from gramax.frames.constructions import elementary as make
from gramax.frames.constructions import hadamard, root_systems, sic, steiner, unbiased_bases
from gramax.frames.constructions.number_theory import prime_power, solve

LARGEST_RESIDUE_PRIME = 4096
"""Larger primes are not tried for power residues, since a trial counts all differences."""


@dataclass(frozen=True)
class Recipe:
    """A construction that exists, not built yet.

    Attributes:
        name: what it is.
        bound: the bound that it attains.
        value: its coherence (its largest cosine, for a signed code).
        build: makes the codes, `[c, d]` float64 or complex128 unit rows.
    """

    name: str
    bound: str
    value: float
    build: Callable[[], np.ndarray]


class NoConstructionError(LookupError):
    """No construction that attains a bound is known to the library at this (c, d)."""


@dataclass(frozen=True)
class Construction:
    """A codebook with a formula.

    Attributes:
        codes: `[c, d]` unit rows, float64 or complex128.
        name: what it is.
        bound: the bound that it attains.
        value: its coherence (its largest cosine where signed).
    """

    codes: np.ndarray
    name: str
    bound: str
    value: float


def construct(c: int, d: int, field: str = "real", signed: bool = False) -> Construction:
    """The best codebook with a formula for c codes in R^d or C^d.

    Args:
        c: number of codes.
        d: dimension.
        field: "real" or "complex" (a real codebook may be the answer for complex too).
        signed: spread points (cosine) rather than lines (|cosine|); real only.

    Returns:
        The codes, what they are, and the bound that they attain: nothing better exists.

    Raises:
        NoConstructionError: none is known to the library; `tight_frame` and `pack` go further.
        ValueError: an argument is out of range.

    Example:
        >>> found = construct(16, 6)
        >>> found.name, round(found.value, 6)
        ('Steiner frame of all pairs of 4 points', 0.333333)
        >>> construct(11, 5)
        Traceback (most recent call last):
        gramax...NoConstructionError: no construction of 11 codes in R^5 ...
    """
    c, d = sizes.counts(c, d)
    sizes.half_degree(field)
    if signed and field == "complex":
        raise ValueError("signed codes are real; C^d with Re<x, y> is R^(2d)")
    found = best_signed(c, d) if signed else best(c, d, field)
    if found is None:
        raise NoConstructionError(
            f"no construction of {c} codes in {sizes.space(d, field)} that attains a bound "
            "is known to gramax: tight_frame gives a tight one, pack searches for better"
        )
    return Construction(found.build(), found.name, found.bound, found.value)


@lru_cache(maxsize=4096)
def best(c: int, d: int, field: str) -> Recipe | None:
    """The construction of least coherence for c lines of R^d or C^d, or None."""
    return min(recipes(c, d, field), key=lambda recipe: recipe.value, default=None)


@lru_cache(maxsize=4096)
def best_signed(c: int, d: int) -> Recipe | None:
    """The construction of least largest cosine for c points of the sphere in R^d, or None."""
    return min(_signed(c, d), key=lambda recipe: recipe.value, default=None)


def recipes(c: int, d: int, field: str) -> Iterator[Recipe]:
    """Every construction at hand for c lines of R^d or C^d, the simplest first."""
    if c <= d:
        yield Recipe("orthonormal basis", "trivial", 0.0, lambda: np.eye(c, d))
        return
    welch = bounds.welch(c, d) or 0.0
    if d == 1:
        yield Recipe("one line, repeated", "Welch", 1.0, lambda: np.ones((c, 1)))
    elif c == d + 1:
        yield Recipe("regular simplex", "Welch", welch, partial(make.simplex, d))
    else:
        for name, build in _etfs(c, d, field):
            yield Recipe(name, "Welch", welch, build)
        for name, build in _etfs(c, c - d, field):
            complement = partial(_complement, build)
            yield Recipe(f"Naimark complement of the {name}", "Welch", welch, complement)
    if d == 2 and field == "real":
        yield Recipe(
            "regular polygon's lines", "polygon", np.cos(np.pi / c), partial(make.polygon, c, True)
        )
    yield from _beyond_equiangular(c, d, field)


def _complement(build: Callable[[], np.ndarray]) -> np.ndarray:
    return make.naimark_complement(build())


Named = Iterator[tuple[str, Callable[[], np.ndarray]]]


def _etfs(c: int, d: int, field: str) -> Named:
    """Equiangular tight frames of c vectors in d dimensions, 1 < d < c - 1."""
    if d < 2 or c < d + 2 or c > sizes.gerzon(d, field):
        return
    complex_too = field == "complex"
    kind = hadamard.conference_order(c) if c == 2 * d else None
    if kind == "symmetric" or (kind and complex_too):
        yield f"conference frame of order {c}", partial(make.conference_etf, d)
    yield from _quadrics(c, d)
    for label, r, (kind, parameters) in steiner.steiner_systems(c, d):
        real = hadamard.hadamard_order(r + 1)
        if real or complex_too:
            name = f"Steiner frame of {label}"
            yield name, partial(_steiner, kind, parameters, real)
    if complex_too:
        yield from _difference_sets(c, d)
        if c == d * d and d <= sic.LARGEST_DIMENSION:
            yield "Weyl-Heisenberg SIC", partial(sic.sic, d)


def _steiner(kind: str, parameters: tuple[int, ...], real: bool) -> np.ndarray:
    return steiner.steiner(getattr(steiner, kind)(*parameters), real)


def _quadrics(c: int, d: int) -> Named:
    for m in range(2, 8):
        for sign in (1, -1):
            shape = 2 ** (m - 1) * (2**m + sign), (2**m + sign) * (2 ** (m - 1) + sign) // 3
            if (c, d) == shape and d > 1:
                yield f"quadric frame of F_2^{2 * m}", partial(make.quadric_etf, m, sign)


def _difference_sets(v: int, k: int) -> Named:
    """Harmonic frames of the difference sets of k elements in a group of v."""
    if k * (k - 1) % (v - 1):
        return
    families: list[tuple[str, Callable[[], sets.DifferenceSet | None]]] = []
    for m in range(v.bit_length() - 1, 1, -1):  # 2^(m+1) - 1 points, or more
        q = solve(lambda q, m=m: (q ** (m + 1) - 1) // (q - 1), v)
        if q and prime_power(q) and (q**m - 1) // (q - 1) == k:
            families.append((f"Singer set PG({m}, {q})", partial(sets.singer, q, m)))
    if v % 4 == 3 and k == (v - 1) // 2 and prime_power(v):
        families.append((f"Paley set of GF({v})", partial(sets.paley, v)))
    p = math.isqrt(v + 1) - 1
    odd_primes = p > 2 and prime_power(p) == (p, 1) and prime_power(p + 2) == (p + 2, 1)
    if p * (p + 2) == v and odd_primes and 2 * k == p * p + 2 * p - 1:
        families.append((f"twin prime set {p}, {p + 2}", partial(sets.twin_prime, p)))
    for e in (4, 8) if v <= LARGEST_RESIDUE_PRIME else ():
        for zero in (False, True):
            if k == (v - 1) // e + zero and sets.power_residues(v, e, zero):
                found = partial(sets.power_residues, v, e, zero)
                families.append((f"{e}th powers modulo {v}", found))
    for name, family in families:
        yield f"harmonic frame of the {name}", partial(_harmonic, family)


def _harmonic(family: Callable[[], sets.DifferenceSet | None]) -> np.ndarray:
    points = family()
    assert points is not None, "offered only where the set exists"
    return sets.harmonic(points)


def _beyond_equiangular(c: int, d: int, field: str) -> Iterator[Recipe]:
    """Optimal lines with more than one angle: unbiased bases, root systems, reflection groups."""
    z, power = sizes.gerzon(d, field), prime_power(d)
    flat = 1 / math.sqrt(d)
    if field == "complex" and power and z < c <= d * (d + 1):
        name = f"{d + 1} mutually unbiased bases" + ("" if c == d * (d + 1) else ", in part")
        yield Recipe(name, "orthoplex", flat, lambda: unbiased_bases.mutually_unbiased_bases(d)[:c])
    if field == "real" and d > 1 and 4 ** (d.bit_length() // 2) == d and z < c <= d * (d // 2 + 1):
        name = f"{d // 2 + 1} real mutually unbiased bases"
        name += "" if c == d * (d // 2 + 1) else ", in part"
        yield Recipe(
            name, "orthoplex", flat, lambda: unbiased_bases.real_mutually_unbiased_bases(d)[:c]
        )
    if (c, d, field) == (7, 3, "real"):
        yield Recipe("axes and diagonals of the cube", "orthoplex", flat, make.cube_lines)
    yield from _bukh_cox(c, d, field)
    second = bounds.levenshtein_second(c, d, field)
    if field == "real" and {6: 36, 7: 63, 8: 120}.get(d) == c and second:
        yield Recipe(
            f"lines of the roots of E{d}", "Levenshtein", second, lambda: root_systems.root_lines(d)
        )
    if field == "complex" and {4: 40, 5: 45, 6: 126}.get(d) == c and second:
        name = "Mitchell's reflection lines"
        yield Recipe(name, "Levenshtein", second, lambda: root_systems.mitchell_lines(d))
    if (c, d, field) == (12, 2, "complex"):
        value = points.bloch(12) or 0.0
        yield Recipe("icosahedron on the Bloch sphere", "Fejes Tóth", value, make.bloch_icosahedron)


def _bukh_cox(c: int, d: int, field: str) -> Iterator[Recipe]:
    """Codes at the Bukh-Cox bound: blocks of copies of Z(k) equiangular lines, k = c - d."""
    k = c - d
    z = sizes.gerzon(k, field)
    if k < 2 or c % z or c == z:
        return
    seed = next((r for r in recipes(z, k, field) if r.bound == "Welch" or k == 2), None)
    value = bounds.bukh_cox(c, d, field)
    if seed is not None and value is not None:
        name = f"blocks of {c // z} on the {seed.name}"
        yield Recipe(name, "Bukh-Cox", value, lambda: make.bukh_cox_codes(seed.build(), c // z))


def _signed(c: int, d: int) -> Iterator[Recipe]:
    """Spherical codes that attain a bound on the largest cosine."""
    if c <= d + 1:
        value = points.simplex(c, d) if c > 1 else -1.0
        yield Recipe(
            "regular simplex", "simplex", value or 0.0, lambda: make.embedded_simplex(c, d)
        )
    elif d == 1:
        yield Recipe("two directions, repeated", "pigeonhole", 1.0, lambda: make.two_directions(c))
    elif d == 2:
        value = np.cos(2 * np.pi / c)
        yield Recipe("regular polygon", "polygon", value, partial(make.polygon, c))
    elif c <= 2 * d:
        name = "cross-polytope" + ("" if c == 2 * d else ", in part")
        yield Recipe(name, "orthoplex", 0.0, lambda: make.orthoplex(d)[:c])
    else:
        yield from _sharp(c, d)


def _sharp(c: int, d: int) -> Iterator[Recipe]:
    """Kissing configurations, icosahedron, and the pairs x, -x of optimal lines."""
    floor = points.fejes_toth(c, d) if d == 3 else points.levenshtein_signed(c, d)[0]
    bound = "Fejes Tóth" if d == 3 else "Levenshtein"
    if floor is None:
        return
    depth = {(56, 7): 1, (27, 6): 2, (16, 5): 3}.get((c, d))
    if depth is not None:
        name = "neighbours in the roots of E8"
        yield Recipe(name, bound, floor, lambda: root_systems.kissing(depth))
    lines = best(c // 2, d, "real") if c % 2 == 0 else None
    if lines is not None and abs(lines.value - floor) < 1e-12:
        name = f"both ends of the {lines.name}"
        yield Recipe(name, bound, floor, lambda: make.both_ends(lines.build()))
