"""Primes and squares, finite fields GF(p^k) and Galois rings GR(4, k), for the constructions.

The fields and rings are small, by tables.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np


def is_prime(n: int) -> bool:
    """Whether `n` is prime, by trial: sizes end where that takes a millisecond."""
    return n > 1 and all(n % p for p in range(2, math.isqrt(n) + 1))


@lru_cache(maxsize=4096)
def prime_power(q: int) -> tuple[int, int] | None:
    """`(p, k)` with q = p^k and p prime, or None."""
    for k in range(1, q.bit_length() if q > 1 else 1):
        p = solve(lambda p, k=k: p**k, q)
        if p and is_prime(p):
            return p, k
    return None


def solve(rising: Callable[[int], int], value: int) -> int | None:
    """The integer q >= 2 at which a rising function has this value, or None."""
    low, high = 1, 2
    while rising(high) < value:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if rising(middle) < value else (low, middle)
    return high if rising(high) == value else None


def no_sum_of_two_squares(n: int) -> bool:
    """Whether a prime 4k + 3 to an odd power shows that `n` > 0 is not a^2 + b^2 (Fermat)."""
    p = 2
    while p * p <= n:
        exponent = 0
        while n % p == 0:
            n, exponent = n // p, exponent + 1
        if p % 4 == 3 and exponent % 2:
            return True
        p += 1
    return n % 4 == 3


def _powers_of_x(modulus: tuple[int, ...], p: int) -> list[tuple[int, ...]]:
    """1, x, x^2, ... in Z_p[x] / (x^k - modulus), up to the first that repeats 1.

    Coefficients go from the constant up. The list ends in any case where the ring's elements do.
    """
    one = (1,) + (0,) * (len(modulus) - 1)
    powers, value = [], one
    while not powers or (value != one and len(powers) < p ** len(modulus)):
        powers.append(value)
        top, shifted = value[-1], (0, *value[:-1])
        value = tuple((s + top * m) % p for s, m in zip(shifted, modulus, strict=True))
    return powers


@lru_cache(maxsize=64)
def _primitive(p: int, k: int) -> tuple[int, ...]:
    """x^k as a polynomial of lower degree, such that x generates GF(p^k)*."""
    return next(
        modulus
        for modulus in itertools.product(range(p), repeat=k)
        if modulus[0] and len(_powers_of_x(modulus, p)) == p**k - 1
    )


class FiniteField:
    """GF(q), q a prime power: elements are the integers 0..q-1, base-p digits of a polynomial."""

    def __init__(self, q: int):
        """Build the tables of powers and logarithms of a primitive element."""
        power = prime_power(q)
        assert power, f"a finite field has a prime power of elements; got {q}"
        self.q, (self.p, self.k) = q, power
        self._place = self.p ** np.arange(self.k)
        self.digits = (np.arange(q)[:, None] // self._place) % self.p
        self.exp = np.array(_powers_of_x(_primitive(self.p, self.k), self.p)) @ self._place
        self.log = np.zeros(q, dtype=int)
        self.log[self.exp] = np.arange(q - 1)
        self.squares = np.where(self.log % 2 == 0, 1, -1)
        """The quadratic character: 1 at a square, -1 at another element, 0 at 0."""
        self.squares[0] = 0

    def add(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Sum, elementwise with broadcasting, like all that follow."""
        return ((self.digits[a] + self.digits[b]) % self.p) @ self._place

    def subtract(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Difference."""
        return ((self.digits[a] - self.digits[b]) % self.p) @ self._place

    def multiply(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Product."""
        a, b = np.asarray(a), np.asarray(b)
        product = self.exp[(self.log[a] + self.log[b]) % (self.q - 1)]
        return np.where((a == 0) | (b == 0), 0, product)

    def power(self, a: np.ndarray, n: int) -> np.ndarray:
        """`a` to the power `n` >= 1."""
        return np.where(np.asarray(a) == 0, 0, self.exp[(self.log[a] * n) % (self.q - 1)])

    def trace(self, a: np.ndarray, base: int) -> np.ndarray:
        """Trace to the subfield of `base` elements: a + a^base + a^(base^2) + ..., in GF(q)."""
        total, conjugate, size = np.asarray(a), np.asarray(a), base
        while size < self.q:
            conjugate = self.power(conjugate, base)
            total = self.add(total, conjugate)
            size *= base
        return total


class GaloisRing:
    """GR(4, k), k >= 1: Z_4[x] modulo a lift of a primitive polynomial; x has order 2^k - 1."""

    def __init__(self, k: int):
        """Lift the polynomial (Graeffe's method; Hammons et al. 1994) and list the powers of x."""
        self.k = k
        even, odd = np.append(_primitive(2, k), 1), np.append(_primitive(2, k), 1)
        even[1::2], odd[::2] = 0, 0  # the two parts of x^k + ... over Z_2
        lifted = (np.convolve(even, even) - np.convolve(odd, odd))[::2] * (-1) ** k
        self.modulus = tuple(int(v) for v in (-lifted[:k]) % 4)
        self.teichmuller = np.array([(0,) * k, *_powers_of_x(self.modulus, 4)])

    def product(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Product of elements given as coefficients on the last axis, with broadcasting."""
        total, shifted = np.zeros(np.broadcast_shapes(a.shape, b.shape), dtype=int), a
        for i in range(self.k):
            total = total + shifted * b[..., i : i + 1]
            top = shifted[..., -1:]
            shifted = np.concatenate([np.zeros_like(top), shifted[..., :-1]], axis=-1)
            shifted = (shifted + top * np.array(self.modulus)) % 4
        return total % 4

    def trace(self, a: np.ndarray) -> np.ndarray:
        """Trace to Z_4, by those of the multiplications by 1, x, ..., x^(k-1)."""
        basis = np.eye(self.k, dtype=int)
        return (a @ np.trace(self.product(basis[:, None], basis), axis1=1, axis2=2)) % 4
