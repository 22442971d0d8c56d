"""Finite fields GF(p^k) and Galois rings GR(4, k), small and by tables, for the constructions."""

from __future__ import annotations

import itertools
from functools import cached_property, lru_cache

import numpy as np

from gramax.frames.constructions.number_theory import prime_power


def _times_x(value: tuple[int, ...], modulus: tuple[int, ...], p: int) -> tuple[int, ...]:
    """The product x * value in Z_p[x] / (x^k - modulus), coefficients from the constant up."""
    top = value[-1]
    shifted = (0, *value[:-1])
    return tuple((s + top * m) % p for s, m in zip(shifted, modulus, strict=True))


def _powers_of_x(modulus: tuple[int, ...], p: int) -> list[tuple[int, ...]]:
    """1, x, x^2, ... up to the first that repeats 1 (or for as long as the ring has elements)."""
    k = len(modulus)
    one: tuple[int, ...] = (1,) + (0,) * (k - 1)
    powers: list[tuple[int, ...]] = [one]
    value = _times_x(one, modulus, p)
    while value != one and len(powers) < p**k:
        powers.append(value)
        value = _times_x(value, modulus, p)
    return powers


@lru_cache(maxsize=64)
def _primitive(p: int, k: int) -> tuple[int, ...]:
    """x^k as a polynomial of lower degree, such that x generates GF(p^k)*."""
    for modulus in itertools.product(range(p), repeat=k):
        if modulus[0] and len(_powers_of_x(modulus, p)) == p**k - 1:
            return modulus
    raise AssertionError(f"every finite field has a primitive polynomial; none found for {p}^{k}")


class FiniteField:
    """GF(q), q a prime power: elements are the integers 0..q-1, base-p digits of a polynomial."""

    def __init__(self, q: int):
        """Build the tables of powers and logarithms of a primitive element."""
        power = prime_power(q)
        if power is None:
            raise ValueError(f"a finite field has a prime power of elements; got {q}")
        self.p, self.k = power
        self.q = q
        self._place = self.p ** np.arange(self.k)
        self.digits = (np.arange(q)[:, None] // self._place) % self.p
        if self.k == 1:
            g = _generator(q)
            self.exp = np.array([pow(g, i, q) for i in range(q - 1)])
        else:
            self.exp = np.array(_powers_of_x(_primitive(self.p, self.k), self.p)) @ self._place
        self.log = np.zeros(q, dtype=int)
        self.log[self.exp] = np.arange(q - 1)

    def add(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Sum, elementwise with broadcasting."""
        return ((self.digits[a] + self.digits[b]) % self.p) @ self._place

    def subtract(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Difference, elementwise with broadcasting."""
        return ((self.digits[a] - self.digits[b]) % self.p) @ self._place

    def multiply(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Product, elementwise with broadcasting."""
        a, b = np.asarray(a), np.asarray(b)
        product = self.exp[(self.log[a] + self.log[b]) % (self.q - 1)]
        return np.where((a == 0) | (b == 0), 0, product)

    def power(self, a: np.ndarray, n: int) -> np.ndarray:
        """`a` to the power `n` >= 1, elementwise."""
        return np.where(np.asarray(a) == 0, 0, self.exp[(self.log[a] * n) % (self.q - 1)])

    def trace(self, a: np.ndarray, base: int) -> np.ndarray:
        """Trace to the subfield of `base` elements: a + a^base + a^(base^2) + ..., in GF(q)."""
        total, conjugate, size = np.asarray(a), np.asarray(a), base
        while size < self.q:
            conjugate = self.power(conjugate, base)
            total = self.add(total, conjugate)
            size *= base
        return total

    @cached_property
    def squares(self) -> np.ndarray:
        """The quadratic character: 1 at a square, -1 at another element, 0 at 0."""
        character = np.where(self.log % 2 == 0, 1, -1)
        character[0] = 0
        return character


def _generator(p: int) -> int:
    """The least primitive root of the prime `p`."""
    for g in range(1, p):
        if len({pow(g, i, p) for i in range(p - 1)}) == p - 1:
            return g
    return 1


class GaloisRing:
    """GR(4, k), k >= 1: Z_4[x] modulo a lift of a primitive polynomial; x has order 2^k - 1."""

    def __init__(self, k: int):
        """Lift the polynomial (Graeffe's method; Hammons et al. 1994) and list the powers of x."""
        self.k = k
        binary = np.append(np.array(_primitive(2, k)) if k > 1 else [1], 1)  # x^k + ... over Z_2
        even, odd = binary.copy(), binary.copy()
        even[1::2], odd[::2] = 0, 0
        lifted = (np.convolve(even, even) - np.convolve(odd, odd))[::2] * (-1) ** k
        modulus = tuple(int(v) for v in (-lifted[:k]) % 4)
        self.modulus = modulus
        units = _powers_of_x(modulus, 4)
        self.teichmuller = np.array([(0,) * k, *units])

    def product(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Product of elements given as coefficients on the last axis, with broadcasting."""
        total, shifted = np.zeros(np.broadcast_shapes(a.shape, b.shape), dtype=int), a
        for i in range(self.k):
            total = total + shifted * b[..., i : i + 1]
            top = shifted[..., -1:]
            shifted = np.concatenate([np.zeros_like(top), shifted[..., :-1]], axis=-1)
            shifted = (shifted + top * np.array(self.modulus)) % 4
        return total % 4

    @cached_property
    def _basis_traces(self) -> np.ndarray:
        """Trace of 1, x, ..., x^(k-1): the trace of multiplication by each."""
        basis = np.eye(self.k, dtype=int)
        return (
            np.array([sum(self.product(b, e)[i] for i, e in enumerate(basis)) for b in basis]) % 4
        )

    def trace(self, a: np.ndarray) -> np.ndarray:
        """Trace to Z_4."""
        return (a @ self._basis_traces) % 4
