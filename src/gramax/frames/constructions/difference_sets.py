"""Difference sets of abelian groups, and the equiangular tight frames that their characters give.

D is a difference set of a group of v elements when every element other than 0 is a difference of
two elements of D equally often. The v characters restricted to D are then equiangular and tight
(Strohmer, Heath 2003; Xia, Zhou, Giannakis 2005).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gramax.frames.constructions.finite_fields import FiniteField
from gramax.frames.constructions.number_theory import prime_power


class DifferenceSet(NamedTuple):
    """A difference set in the group Z_orders[0] x Z_orders[1] x ...

    Attributes:
        orders: orders of the cyclic factors of the group.
        elements: `[k, len(orders)]` the elements of the set.
    """

    orders: tuple[int, ...]
    elements: np.ndarray


def harmonic(points: DifferenceSet) -> np.ndarray:
    """The harmonic frame of a difference set of k elements in a group of v: `[v, k]` unit rows.

    They are the characters of the group, restricted to the set, which attain the Welch bound. They
    are real where every order is 2.

    Source: Strohmer, Heath, Appl. Comput. Harmon. Anal. 14 (2003).

    >>> harmonic(singer(2, 2)).shape  # the Fano plane: 7 lines in C^3
    (7, 3)
    """
    orders = np.array(points.orders)
    group = np.stack(np.meshgrid(*(np.arange(o) for o in orders), indexing="ij"), -1)
    group = group.reshape(-1, len(orders))
    scale = int(np.lcm.reduce(orders))
    phase = (group * (scale // orders)) @ points.elements.T % scale
    codes = np.exp(2j * np.pi * np.arange(scale) / scale)[phase] / np.sqrt(len(points.elements))
    return np.ascontiguousarray(codes.real) if scale <= 2 else codes


def singer(q: int, m: int) -> DifferenceSet:
    """Singer's set: the hyperplanes of the projective space PG(m, q), m >= 2, as a cyclic group.

    It has (q^m - 1)/(q - 1) elements of Z_v, v = (q^(m+1) - 1)/(q - 1), for a prime power q.

    Source: Singer, Trans. Amer. Math. Soc. 43 (1938).

    >>> singer(2, 2).elements.ravel().tolist()
    [3, 5, 6]
    """
    field = FiniteField(q ** (m + 1))
    v = (q ** (m + 1) - 1) // (q - 1)
    zero = field.trace(field.exp[:v], q) == 0
    return DifferenceSet((v,), np.flatnonzero(zero)[:, None])


def paley(q: int) -> DifferenceSet:
    """Paley's set: the (q - 1)/2 nonzero squares of GF(q), for a prime power q = 3 mod 4.

    Source: Paley, J. Math. Phys. 12 (1933).

    >>> paley(7).elements.ravel().tolist()
    [1, 2, 4]
    """
    if q % 4 != 3:
        raise ValueError(f"Paley's difference sets need q = 3 mod 4; got {q}")
    field = FiniteField(q)
    squares = np.flatnonzero(field.squares == 1)
    return DifferenceSet((field.p,) * field.k, field.digits[squares])


def twin_prime(p: int) -> DifferenceSet:
    """The twin prime set: (p^2 + 2p - 1)/2 elements of Z_p x Z_(p+2), p and p + 2 odd primes.

    Source: Stanton, Sprott, Canad. J. Math. 10 (1958).

    >>> twin_prime(3).elements.shape
    (7, 2)
    """
    if p < 3 or prime_power(p) != (p, 1) or prime_power(p + 2) != (p + 2, 1):
        raise ValueError(f"p and p + 2 must be odd primes; got {p}")
    x, y = np.meshgrid(np.arange(p), np.arange(p + 2), indexing="ij")
    like = FiniteField(p).squares[x] * FiniteField(p + 2).squares[y]
    inside = (like == 1) | (y == 0)
    elements = np.stack([x[inside], y[inside]], axis=-1)
    return DifferenceSet((p, p + 2), elements)


def power_residues(p: int, e: int, zero: bool = False) -> DifferenceSet | None:
    """The e-th powers modulo a prime p = 1 mod e, with or without 0.

    None where they are no difference set. Some primes have one for e = 4 or e = 8.

    Source: Lehmer, Canad. J. Math. 5 (1953).

    >>> power_residues(37, 4).elements.size, power_residues(29, 4) is None
    (9, True)
    """
    if prime_power(p) != (p, 1) or (p - 1) % e:
        return None
    elements = np.unique(np.append(FiniteField(p).exp[::e], 0 if zero else 1))
    k = elements.size
    if k * (k - 1) % (p - 1):
        return None
    differences = np.bincount(((elements[:, None] - elements) % p).ravel(), minlength=p)
    if np.any(differences[1:] != differences[1]):
        return None
    return DifferenceSet((p,), elements[:, None])
