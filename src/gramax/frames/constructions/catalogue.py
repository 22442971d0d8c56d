"""Which constructions exist at a given (c, d): found by their arithmetic, built only when asked."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np

from gramax.frames import bounds, sizes
from gramax.frames.constructions import designs, root_systems, weyl_heisenberg
from gramax.frames.constructions import elementary as make
from gramax.frames.constructions.algebra import prime_power


@dataclass(frozen=True)
class Recipe:
    """A construction that exists, not built yet: its attributes are those of `Construction`."""

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
    c, d = sizes.counts(c, d, field, signed)
    found = best_signed(c, d) if signed else best(c, d, field)
    if found is None:
        raise NoConstructionError(
            f"no construction of {c} codes in {'R' if field == 'real' else 'C'}^{d} that attains a "
            "bound is known to gramax: tight_frame gives a tight one, pack searches for better"
        )
    return Construction(found.build(), found.name, found.bound, found.value)


@lru_cache(maxsize=4096)
def best(c: int, d: int, field: str) -> Recipe | None:
    """The construction of least coherence for c lines of R^d or C^d, or None."""
    return min(recipes(c, d, field), key=lambda recipe: recipe.value, default=None)


@lru_cache(maxsize=4096)
def best_signed(c: int, d: int) -> Recipe | None:
    """The construction of least largest cosine for c points of the sphere in R^d, or None."""
    return next(_signed(c, d), None)


def recipes(c: int, d: int, field: str) -> Iterator[Recipe]:
    """Every construction at hand for c lines of R^d or C^d, the simplest first."""
    if c <= d:
        yield Recipe("orthonormal basis", "trivial", 0.0, lambda: np.eye(c, d))
        return
    welch = bounds.welch(c, d) or 0.0
    if d == 1:
        yield Recipe("one line, repeated", "Welch", 1.0, lambda: np.ones((c, 1)))
    elif c == d + 1:
        yield Recipe("regular simplex", "Welch", welch, partial(make.simplex, c, d))
    else:
        for name, build in _equiangular(c, d, field):
            yield Recipe(name, "Welch", welch, build)
        for name, build in _equiangular(c, c - d, field):
            name = f"Naimark complement of the {name}"
            complement = lambda build=build: make.naimark_complement(build())  # noqa: E731
            yield Recipe(name, "Welch", welch, complement)
    if d == 2 and field == "real":
        lines = partial(make.polygon, c, True)
        yield Recipe("regular polygon's lines", "polygon", np.cos(np.pi / c), lines)
    yield from _beyond_equiangular(c, d, field)


def _equiangular(c: int, d: int, field: str) -> designs.Named:
    """Equiangular tight frames of c vectors in d dimensions, 1 < d < c - 1."""
    if d < 2 or c < d + 2 or c > sizes.gerzon(d, field):
        return
    complex_too = field == "complex"
    kind = designs.conference_order(c) if c == 2 * d else None
    if kind == "symmetric" or (kind and complex_too):
        yield f"conference frame of order {c}", partial(make.conference_etf, d)
    for m in range(2, 8):
        for sign in (1, -1):
            lines, span = 2**m + sign, 2 ** (m - 1) + sign
            if (c, d) == (2 ** (m - 1) * lines, lines * span // 3):
                yield f"quadric frame of F_2^{2 * m}", partial(make.quadric_etf, m, sign)
    yield from designs.steiner_frames(c, d, complex_too)
    if complex_too:
        yield from designs.harmonic_frames(c, d)
        if c == d * d and d <= weyl_heisenberg.LARGEST_SIC_DIMENSION:
            yield "Weyl-Heisenberg SIC", partial(weyl_heisenberg.sic, d)


def _beyond_equiangular(c: int, d: int, field: str) -> Iterator[Recipe]:
    """Optimal lines with more than one angle: unbiased bases, root systems, reflection groups."""
    z, flat = sizes.gerzon(d, field), 1 / math.sqrt(d)
    if field == "complex":
        bases, kind = d + 1 if prime_power(d) else 0, ""
        family = weyl_heisenberg.mutually_unbiased_bases
    else:
        bases, kind = d // 2 + 1 if sizes.has_real_bases(d) else 0, "real "
        family = weyl_heisenberg.real_mutually_unbiased_bases
    if z < c <= d * bases:
        name = f"{bases} {kind}mutually unbiased bases" + (", in part" if c < d * bases else "")
        yield Recipe(name, "orthoplex", flat, lambda: family(d)[:c])
    if (c, d, field) == (7, 3, "real"):
        yield Recipe("axes and diagonals of the cube", "orthoplex", flat, make.cube_lines)
    yield from _bukh_cox(c, d, field)
    second = bounds.levenshtein_second(c, d, field)
    if field == "real" and {6: 36, 7: 63, 8: 120}.get(d) == c and second:
        lines = partial(root_systems.root_lines, d)
        yield Recipe(f"lines of the roots of E{d}", "Levenshtein", second, lines)
    if field == "complex" and {4: 40, 5: 45, 6: 126}.get(d) == c and second:
        lines = partial(root_systems.mitchell_lines, d)
        yield Recipe("Mitchell's reflection lines", "Levenshtein", second, lines)
    if (c, d, field) == (12, 2, "complex"):
        value = bounds.bloch(12) or 0.0
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
    """Spherical codes that attain a bound on the largest cosine: kissing configurations, and more.

    Those beyond the cross-polytope are the icosahedron, parts of E8, and the pairs x, -x of optimal
    lines.
    """
    depth = {(56, 7): 1, (27, 6): 2, (16, 5): 3}.get((c, d))
    if c <= d + 1:
        value = bounds.simplex(c, d) if c > 1 else -1.0
        yield Recipe("regular simplex", "simplex", value or 0.0, partial(make.simplex, c, d))
    elif d == 1:
        directions = np.array([[1.0], [-1.0]])
        name = "two directions, repeated"
        yield Recipe(name, "pigeonhole", 1.0, lambda: directions[np.arange(c) % 2])
    elif d == 2:
        value = np.cos(2 * np.pi / c)
        yield Recipe("regular polygon", "polygon", value, partial(make.polygon, c))
    elif c <= 2 * d:
        name = "cross-polytope" + ("" if c == 2 * d else ", in part")
        yield Recipe(name, "orthoplex", 0.0, lambda: make.both_ends(np.eye(d))[:c])
    elif depth is not None:
        floor = bounds.levenshtein_signed(c, d)[0] or 0.0
        name = "neighbours in the roots of E8"
        yield Recipe(name, "Levenshtein", floor, partial(root_systems.kissing, depth))
    elif c % 2 == 0:
        floor = bounds.fejes_toth(c, d) if d == 3 else bounds.levenshtein_signed(c, d)[0]
        lines = best(c // 2, d, "real")
        if floor is not None and lines is not None and abs(lines.value - floor) < 1e-12:
            name, bound = (
                f"both ends of the {lines.name}",
                "Fejes Tóth" if d == 3 else "Levenshtein",
            )
            yield Recipe(name, bound, floor, lambda: make.both_ends(lines.build()))
