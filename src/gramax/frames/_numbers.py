"""Primes and squares, for the conditions and constructions of number theory."""

from __future__ import annotations

import math
from functools import lru_cache


@lru_cache(maxsize=4096)
def factor(n: int) -> dict[int, int]:
    """Prime factors of `n` with their exponents, by trial division."""
    found: dict[int, int] = {}
    p = 2
    while p * p <= n:
        while n % p == 0:
            found[p] = found.get(p, 0) + 1
            n //= p
        p += 1
    if n > 1:
        found[n] = found.get(n, 0) + 1
    return found


def prime_power(q: int) -> tuple[int, int] | None:
    """`(p, k)` with q = p^k and p prime, or None."""
    factors = factor(q) if q > 1 else {}
    return next(iter(factors.items())) if len(factors) == 1 else None


def prime_powers(limit: int) -> list[int]:
    """The prime powers up to `limit`."""
    return [q for q in range(2, limit + 1) if prime_power(q)]


def is_square(n: int) -> bool:
    """Whether `n` is the square of an integer."""
    return n >= 0 and math.isqrt(n) ** 2 == n


def sum_of_two_squares(n: int) -> bool:
    """Whether `n` = a^2 + b^2: no prime of the form 4k + 3 to an odd power (Fermat)."""
    return all(p % 4 != 3 or e % 2 == 0 for p, e in factor(n).items())


def divisors(n: int) -> list[int]:
    """The divisors of `n`."""
    found = [1]
    for p, e in factor(n).items():
        found = [f * p**i for f in found for i in range(e + 1)]
    return found
