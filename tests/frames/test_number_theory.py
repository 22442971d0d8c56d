"""Primes, powers and sums of squares: against their definitions, and where those take too long."""

from itertools import product

from gramax.frames.constructions.number_theory import (
    PROOF_LIMIT,
    is_prime,
    no_sum_of_two_squares,
    prime_power,
    root,
    solve,
)

SMALL = range(1, 3000)


def factors_of(n):
    """Prime factors with their exponents, by trial division."""
    found = {}
    for p in range(2, n + 1):
        while n % p == 0:
            found[p], n = found.get(p, 0) + 1, n // p
    return found


def test_small_numbers_by_their_factors():
    for n in SMALL:
        factors = factors_of(n)
        assert is_prime(n) == (factors == {n: 1})
        assert prime_power(n) == (next(iter(factors.items())) if len(factors) == 1 else None)


def test_sums_of_two_squares_by_trial():
    sums = {a * a + b * b for a, b in product(range(60), repeat=2)}
    for n in SMALL:
        assert no_sum_of_two_squares(n) == (n not in sums)


def test_large_numbers():
    mersenne, other = 2**61 - 1, 10**15 + 37
    assert is_prime(mersenne)
    assert prime_power(other**2) == (other, 2)
    assert prime_power(2**99) == (2, 99)
    assert prime_power(mersenne * other) is None
    assert not is_prime(3_215_031_751)  # passes for a prime to the bases 2, 3, 5 and 7
    assert not is_prime(PROOF_LIMIT)  # passes for one to every base that is tried
    assert not no_sum_of_two_squares(other**2)
    assert no_sum_of_two_squares(3 * 5**40)


def test_roots_are_exact():
    for k, n in product((1, 2, 3, 7), (1, 2, 10**18, 2**99 - 1)):
        low = root(n, k)
        assert low**k <= n < (low + 1) ** k
    assert solve(lambda q: q**3 + q, 10**30 + 10**10) == 10**10
    assert solve(lambda q: q**3 + q, 10**30) is None
    assert solve(lambda q: q, 1) is None
