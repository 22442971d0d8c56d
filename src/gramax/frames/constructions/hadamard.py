"""Hadamard and conference matrices: signs with orthogonal rows, by Paley, Sylvester, Williamson."""

from __future__ import annotations

import numpy as np

from gramax.frames.constructions.finite_fields import FiniteField
from gramax.frames.constructions.number_theory import prime_power


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
    """A real Hadamard matrix of order `n`: signs with orthogonal rows.

    Sylvester's and Paley's constructions reach order 1, 2 and many multiples of 4; another order
    is a ValueError.

    Source: Paley, J. Math. Phys. 12 (1933).

    >>> h = hadamard(12)
    >>> bool((h @ h.T == 12 * np.eye(12)).all())
    True
    """
    if n == 1:
        return np.ones((1, 1), dtype=int)
    if not hadamard_order(n):
        raise ValueError(
            f"no Hadamard matrix of order {n} by Sylvester's and Paley's constructions"
        )
    if n % 4 == 0 and prime_power(n - 1):
        return np.eye(n, dtype=int) + paley_core(n - 1)
    if n % 8 == 4 and prime_power(n // 2 - 1):
        core = paley_core(n // 2 - 1)
        same, other = np.array([[1, 1], [1, -1]]), np.array([[1, -1], [-1, -1]])
        return np.kron(core, same) + np.kron(np.eye(n // 2, dtype=int), other)
    return np.kron(np.array([[1, 1], [1, -1]]), hadamard(n // 2))


def paley_core(q: int) -> np.ndarray:
    """Paley's conference matrix of order q + 1, q an odd prime power.

    It has 0 on the diagonal, +1 or -1 off it, and orthogonal rows; it is symmetric for q = 1 mod 4
    and skew for q = 3 mod 4.
    """
    field = FiniteField(q)
    if q % 2 == 0:
        raise ValueError(f"Paley's matrices need an odd prime power; got {q}")
    elements = np.arange(q)
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
    """A conference matrix, by Paley's construction (symmetric or skew) or by doubling (skew).

    An order that these do not reach is a ValueError.

    Source: Paley 1933; Williamson, Duke Math. J. 11 (1944).

    >>> m = conference_matrix(16)
    >>> bool((m @ m.T == 15 * np.eye(16)).all())
    True
    """
    if conference_order(n) is None:
        raise ValueError(f"no conference matrix of order {n} by Paley's construction and doubling")
    if n == 2:
        return np.array([[0, 1], [-1, 0]])
    if prime_power(n - 1):
        return paley_core(n - 1)
    half, one = conference_matrix(n // 2), np.eye(n // 2, dtype=int)
    return np.block([[half, half + one], [half - one, -half]])
