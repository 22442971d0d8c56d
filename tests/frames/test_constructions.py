"""Constructions: each attains the bound that it names, to 1e-12; and the algebra below them."""

from functools import partial
from itertools import product

import numpy as np
import pytest

from gramax.frames import (
    NoConstructionError,
    all_bounds,
    bounds,
    coherence_floor,
    construct,
    tight_frame,
)
from gramax.frames.constructions import algebra, catalogue, designs, weyl_heisenberg
from gramax.frames.constructions import elementary as make
from gramax.frames.constructions.algebra import FiniteField, GaloisRing

SICS = range(2, weyl_heisenberg.LARGEST_SIC_DIMENSION + 1)

ETFS = {
    **{f"simplex {d}": partial(make.simplex, d + 1, d) for d in (1, 2, 5, 40)},
    **{f"conference {d}": partial(make.conference_etf, d) for d in (2, 3, 4, 5, 8, 9, 14, 25)},
    **{f"quadric {m} {s}": partial(make.quadric_etf, m, s) for m, s in ((2, 1), (3, -1), (4, -1))},
    **{f"sic {d}": partial(weyl_heisenberg.sic, d) for d in SICS},
    **{
        f"harmonic {family.__name__} {sizes}": partial(designs.harmonic, family, *sizes)
        for family, *sizes in [
            (designs.singer, 2, 2),
            (designs.singer, 4, 2),
            (designs.singer, 3, 3),
            (designs.power_residues, 11, 2),
            (designs.power_residues, 27, 2),
            (designs.twin_prime, 5),
            (designs.power_residues, 37, 4),
            (designs.power_residues, 13, 4, True),
            (designs.power_residues, 73, 8),
        ]
    },
    **{
        f"steiner {real=} {system.__name__} {sizes}": partial(designs.steiner, real, system, *sizes)
        for real, system, *sizes in [
            (True, designs.all_pairs, 4),
            (False, designs.all_pairs, 4),
            (False, designs.all_pairs, 5),
            (False, designs.affine_lines, 2, 3),
            (True, designs.affine_lines, 3, 2),
            (True, designs.projective_lines, 2, 2),
            (False, designs.projective_lines, 2, 3),
            (True, designs.projective_lines, 3, 2),
            (False, designs.bose_triples, 2),
        ]
    },
}


def gram_of(codes):
    gram = codes @ codes.conj().T
    np.testing.assert_allclose(np.diag(gram), 1, atol=1e-12)
    return gram - np.diag(np.diag(gram)) - np.eye(len(codes))


def coherence(codes):
    return np.max(np.abs(gram_of(codes) + np.eye(len(codes))))


@pytest.mark.parametrize("name", ETFS)
def test_equiangular_tight_frames(name):
    codes = ETFS[name]()
    c, d = codes.shape
    assert coherence(codes) == pytest.approx(bounds.welch(c, d), abs=1e-12)
    np.testing.assert_allclose(codes.conj().T @ codes, np.eye(d) * c / d, atol=1e-11)
    assert np.isrealobj(codes) or "real=True" not in name
    if c - d > 1:
        other = make.naimark_complement(codes)
        assert other.shape == (c, c - d)
        assert coherence(other) == pytest.approx(bounds.welch(c, c - d), abs=1e-12)


@pytest.mark.parametrize("field", ["real", "complex"])
def test_tight_frames_for_every_shape(field):
    for d in range(1, 9):
        for c in range(d, 30):
            codes = tight_frame(c, d, field)
            assert codes.shape == (c, d)
            np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-12)
            np.testing.assert_allclose(codes.conj().T @ codes, np.eye(d) * c / d, atol=1e-12)
    with pytest.raises(ValueError, match="c=3, d=4"):
        tight_frame(3, 4, field)


def check_optimal(c, d, field, signed):
    answer, floor = construct(c, d, field, signed), coherence_floor(c, d, field, signed)
    assert answer.codes.shape == (c, d), answer.name
    assert floor.value == pytest.approx(answer.value, abs=1e-12), answer.name
    assert floor.attainable is True
    if c > 1:
        measured = gram_of(answer.codes).max() if signed else coherence(answer.codes)
        assert measured == pytest.approx(answer.value, abs=1e-12), answer.name
        rows = all_bounds(c, d, field, signed)
        named = [r.value for r in rows if r.name.startswith(answer.bound)]
        assert any(v is not None and abs(v - measured) < 1e-12 for v in named), answer.name


@pytest.mark.parametrize(
    ("field", "signed", "most"), [("real", False, 150), ("complex", False, 150), ("real", True, 60)]
)
def test_construct_attains_the_bound_it_names_wherever_it_answers(field, signed, most):
    """Unbiased bases, roots, reflections, Bukh-Cox codes, kissing configurations and all."""
    found = 0
    for d, c in product(range(1, 13), range(1, 70)):
        if (catalogue.best_signed(c, d) if signed else catalogue.best(c, d, field)) is not None:
            check_optimal(c, d, field, signed)
            found += 1
    assert found > most


@pytest.mark.parametrize(
    ("field", "signed", "sizes"),
    [
        ("real", False, [(144, 16), (2112, 64), (120, 8), (56, 49)]),
        ("complex", False, [(72, 8), (90, 9), (272, 16), (126, 6)]),
        ("real", True, [(240, 8)]),
    ],
)
def test_large_constructions(field, signed, sizes):
    for c, d in sizes:
        check_optimal(c, d, field, signed)


def test_construct_says_that_none_is_known():
    with pytest.raises(NoConstructionError, match=r"11 codes in R\^5"):
        construct(11, 5)
    with pytest.raises(ValueError, match="real"):
        construct(5, 3, "complex", signed=True)


def test_hadamard_and_conference_matrices():
    orders = [n for n in range(1, 110) if designs.hadamard_order(n)]
    assert len(orders) > 20
    for n in orders:
        matrix = designs.hadamard(n)
        assert set(np.unique(matrix)) <= {-1, 1}
        np.testing.assert_array_equal(matrix @ matrix.T, n * np.eye(n))
    orders = [n for n in range(2, 70) if designs.conference_order(n)]
    assert len(orders) > 20
    for n in orders:
        matrix = designs.conference_matrix(n)
        np.testing.assert_array_equal(matrix @ matrix.T, (n - 1) * np.eye(n))
        sign = 1 if designs.conference_order(n) == "symmetric" else -1
        np.testing.assert_array_equal(matrix, sign * matrix.T)


@pytest.mark.parametrize("q", [2, 5, 8, 9, 27])
def test_finite_fields(q):
    field, x = FiniteField(q), np.arange(q)
    table = field.multiply(x[:, None], x)
    assert all(sorted(row) == list(x) for row in table[1:])
    a, b, c = np.meshgrid(x, x, x, indexing="ij")
    right = field.add(field.multiply(a, b), field.multiply(a, c))
    np.testing.assert_array_equal(field.multiply(a, field.add(b, c)), right)
    np.testing.assert_array_equal(field.add(field.subtract(a, b), b), a)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_galois_rings(k):
    ring = GaloisRing(k)
    assert ring.teichmuller.shape == (2**k, k)
    units = ring.teichmuller[1:]
    products = ring.product(units[:, None], units[None]).reshape(-1, k)
    assert {tuple(p) for p in products} == {tuple(u) for u in units}  # closed
    assert len({tuple(t % 2) for t in ring.teichmuller}) == 2**k  # one above each of GF(2^k)


def factors_of(n):
    """Prime factors with their exponents, by trial division."""
    found = {}
    for p in range(2, n + 1):
        while n % p == 0:
            found[p], n = found.get(p, 0) + 1, n // p
    return found


def test_small_numbers_by_their_definitions():
    sums = {a * a + b * b for a, b in product(range(60), repeat=2)}
    for n in range(1, 3000):
        factors = factors_of(n)
        assert algebra.is_prime(n) == (factors == {n: 1})
        power = next(iter(factors.items())) if len(factors) == 1 else None
        assert algebra.prime_power(n) == power
        assert algebra.no_sum_of_two_squares(n) == (n not in sums)
    assert algebra.prime_power(31_607**2) == (31_607, 2)
    assert algebra.no_sum_of_two_squares(31_607 * 31_601)  # 3 and 1 modulo 4
    assert algebra.solve(lambda q: q**3 + q, 10**9 + 10**3) == 10**3
    assert algebra.solve(lambda q: q**3 + q, 10**9) is None
    assert algebra.solve(lambda q: q, 1) is None
