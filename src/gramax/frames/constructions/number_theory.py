"""Primes and squares, for the conditions under which constructions exist.

None of these takes longer for a larger number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)
PROOF_LIMIT = 3_317_044_064_679_887_385_961_981
"""Below it the test of Miller and Rabin to these bases is a proof (Sorenson, Webster 2017)."""

LARGEST_TRIAL_FACTOR = 10_000
"""Trial factors end here where a complete factorisation could take for ever."""


def is_prime(n: int) -> bool:
    """Whether `n` is prime, proved; False from `PROOF_LIMIT` on, where this test is no proof."""
    if n < 2 or any(n % p == 0 for p in WITNESSES):
        return n in WITNESSES
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return n < PROOF_LIMIT and all(_passes(n, base, odd, twos) for base in WITNESSES)


def _passes(n: int, base: int, odd: int, twos: int) -> bool:
    """Whether `n`, n - 1 = odd * 2^twos, looks prime to this base (Miller 1976, Rabin 1980)."""
    x = pow(base, odd, n)
    if x in (1, n - 1):
        return True
    for _ in range(twos - 1):
        x = x * x % n
        if x == n - 1:
            return True
    return False


@lru_cache(maxsize=4096)
def prime_power(q: int) -> tuple[int, int] | None:
    """`(p, k)` with q = p^k and p prime, or None; None also for a p from `PROOF_LIMIT` on."""
    for k in range(1, q.bit_length() if q > 1 else 1):
        p = root(q, k)
        if p**k == q and is_prime(p):
            return p, k
    return None


def root(n: int, k: int) -> int:
    """The largest integer whose k-th power is at most `n`, for n >= 1."""
    low, high = 1, 1 << (n.bit_length() // k + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**k <= n else (low, middle)
    return low


def solve(rising: Callable[[int], int], value: int) -> int | None:
    """The integer q >= 2 at which a rising function has this value, or None.

    >>> solve(lambda q: q * q + q + 1, 57)
    7
    """
    low, high = 1, 2
    while rising(high) < value:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rising(middle) < value else (low, middle)
    return high if rising(high) == value else None


def is_square(n: int) -> bool:
    """Whether `n` is the square of an integer."""
    return n >= 0 and math.isqrt(n) ** 2 == n


def no_sum_of_two_squares(n: int) -> bool:
    """Whether a prime 4k + 3 to an odd power shows that `n` > 0 is not a^2 + b^2 (Fermat).

    False where none is found: one may be missed where two prime factors exceed
    `LARGEST_TRIAL_FACTOR`.
    """
    p = 2
    while p <= LARGEST_TRIAL_FACTOR and p * p <= n:
        exponent = 0
        while n % p == 0:
            n, exponent = n // p, exponent + 1
        if p % 4 == 3 and exponent % 2:
            return True
        p += 1
    return n % 4 == 3
