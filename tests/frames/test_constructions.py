"""Constructions: each attains the bound that it names, to 1e-12."""

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
from gramax.frames.bounds import points
from gramax.frames.constructions import (
    catalogue,
    hadamard,
    root_systems,
    sic,
    steiner,
    unbiased_bases,
)
from gramax.frames.constructions import difference_sets as sets
from gramax.frames.constructions import elementary as make
from gramax.frames.constructions.finite_fields import FiniteField, GaloisRing

ETFS = {
    **{f"simplex {d}": (lambda d=d: make.simplex(d)) for d in (1, 2, 5, 40)},
    **{f"conference {d}": (lambda d=d: make.conference_etf(d)) for d in (2, 3, 4, 5, 8, 9, 14, 25)},
    "quadric 10": lambda: make.quadric_etf(2, 1),
    "quadric 28": lambda: make.quadric_etf(3, -1),
    "quadric 36": lambda: make.quadric_etf(3, 1),
    "quadric 120": lambda: make.quadric_etf(4, -1),
    **{f"sic {d}": (lambda d=d: sic.sic(d)) for d in range(2, sic.LARGEST_DIMENSION + 1)},
    **{
        f"harmonic {name}": (lambda family=family: sets.harmonic(family()))
        for name, family in {
            "PG(2, 2)": lambda: sets.singer(2, 2),
            "PG(2, 4)": lambda: sets.singer(4, 2),
            "PG(3, 3)": lambda: sets.singer(3, 3),
            "Paley 11": lambda: sets.paley(11),
            "Paley 27": lambda: sets.paley(27),
            "twin 5": lambda: sets.twin_prime(5),
            "fourth powers 37": lambda: sets.power_residues(37, 4),
            "fourth powers 13": lambda: sets.power_residues(13, 4, zero=True),
            "eighth powers 73": lambda: sets.power_residues(73, 8),
        }.items()
    },
    **{
        f"steiner {name} {'real' if real else 'complex'}": (
            lambda system=system, real=real: steiner.steiner(system(), real)
        )
        for name, system, reals in [
            ("pairs of 4", lambda: steiner.all_pairs(4), (True, False)),
            ("pairs of 5", lambda: steiner.all_pairs(5), (False,)),
            ("AG(2, 3)", lambda: steiner.affine_lines(2, 3), (False,)),
            ("AG(3, 2)", lambda: steiner.affine_lines(3, 2), (True,)),
            ("PG(2, 2)", lambda: steiner.projective_lines(2, 2), (True, False)),
            ("PG(2, 3)", lambda: steiner.projective_lines(2, 3), (False,)),
            ("PG(3, 2)", lambda: steiner.projective_lines(3, 2), (True,)),
            ("Bose 2", lambda: steiner.bose_triples(2), (False,)),
        ]
        for real in reals
    },
}


def coherence(codes):
    gram = np.abs(codes @ codes.conj().T)
    np.testing.assert_allclose(np.diag(gram), 1, atol=1e-12)
    return np.max(gram - np.diag(np.diag(gram)))


def largest_cosine(codes):
    gram = codes @ codes.T
    np.testing.assert_allclose(np.diag(gram), 1, atol=1e-12)
    return np.max(gram - 3 * np.eye(len(gram)))


@pytest.mark.parametrize("name", ETFS)
def test_equiangular_tight_frames(name):
    codes = ETFS[name]()
    c, d = codes.shape
    assert coherence(codes) == pytest.approx(bounds.welch(c, d), abs=1e-12)
    np.testing.assert_allclose(codes.conj().T @ codes, np.eye(d) * c / d, atol=1e-11)
    assert np.isrealobj(codes) != name.endswith("complex") or "complex" not in name
    if c - d > 1:
        other = make.naimark_complement(codes)
        assert other.shape == (c, c - d)
        assert coherence(other) == pytest.approx(bounds.welch(c, c - d), abs=1e-12)


def test_naimark_refuses_what_is_not_tight():
    with pytest.raises(ValueError, match="tight frame"):
        make.naimark_complement(np.eye(3)[[0, 0, 1, 2]])
    with pytest.raises(ValueError, match=r"\(3, 3\)"):
        make.naimark_complement(np.eye(3))


@pytest.mark.parametrize("d", [2, 3, 4, 5, 7, 8, 9, 16])
def test_mutually_unbiased_bases(d):
    codes = unbiased_bases.mutually_unbiased_bases(d).reshape(d + 1, d, d)
    for i, base in enumerate(codes):
        np.testing.assert_allclose(base @ base.conj().T, np.eye(d), atol=1e-12)
        for other in codes[:i]:
            np.testing.assert_allclose(np.abs(base @ other.conj().T), d**-0.5, atol=1e-12)


@pytest.mark.parametrize("d", [4, 16, 64])
def test_real_mutually_unbiased_bases(d):
    codes = unbiased_bases.real_mutually_unbiased_bases(d)
    assert codes.shape == (d * (d // 2 + 1), d)
    assert coherence(codes) == pytest.approx(bounds.orthoplex(*codes.shape), abs=1e-12)


@pytest.mark.parametrize("d", [6, 7, 8])
def test_root_lines(d):
    codes = root_systems.root_lines(d)
    assert coherence(codes) == pytest.approx(bounds.levenshtein_second(*codes.shape), abs=1e-12)


@pytest.mark.parametrize("d", [4, 5, 6])
def test_mitchell_lines(d):
    codes = root_systems.mitchell_lines(d)
    bound = bounds.levenshtein_second(*codes.shape, "complex")
    assert coherence(codes) == pytest.approx(bound, abs=1e-12)


def test_single_optima():
    assert coherence(make.cube_lines()) == pytest.approx(bounds.orthoplex(7, 3), abs=1e-12)
    assert coherence(make.bloch_icosahedron()) == pytest.approx(points.bloch(12), abs=1e-12)
    for c in (3, 7, 20):
        lines, vertices = make.polygon(c, lines=True), make.polygon(c)
        assert coherence(lines) == pytest.approx(bounds.volume(c, 2), abs=1e-12)
        assert bounds.plane(c) == pytest.approx(bounds.volume(c, 2), abs=1e-12)
        assert largest_cosine(vertices) == pytest.approx(points.plane(c), abs=1e-12)


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_kissing_configurations(depth):
    codes = root_systems.kissing(depth)
    bound, _ = points.levenshtein_signed(*codes.shape)
    assert largest_cosine(codes) == pytest.approx(bound, abs=1e-12)


@pytest.mark.parametrize(("lines", "copies"), [((3, 2), 2), ((3, 2), 5), ((6, 3), 3), ((28, 7), 2)])
def test_bukh_cox_codes(lines, copies):
    seed = construct(*lines).codes
    codes = make.bukh_cox_codes(seed, copies)
    assert codes.shape == (lines[0] * copies, lines[0] * copies - lines[1])
    assert coherence(codes) == pytest.approx(bounds.bukh_cox(*codes.shape), abs=1e-12)


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


@pytest.mark.parametrize("field", ["real", "complex"])
def test_construct_attains_the_bound_it_names_wherever_it_answers(field):
    found = 0
    for d in range(1, 13):
        for c in range(1, 70):
            recipe = catalogue.best(c, d, field)
            if recipe is None:
                continue
            found += 1
            answer = construct(c, d, field)
            assert answer.codes.shape == (c, d), answer.name
            measured = coherence(answer.codes) if c > 1 else 0.0
            assert measured == pytest.approx(answer.value, abs=1e-12), answer.name
            named = [r.value for r in all_bounds(c, d, field) if r.name.startswith(answer.bound)]
            assert any(v is not None and abs(v - measured) < 1e-12 for v in named), answer.name
            floor = coherence_floor(c, d, field)
            assert floor.value == pytest.approx(measured, abs=1e-12), answer.name
            assert floor.attainable is True
    assert found > 150


def test_construct_signed_attains_the_floor():
    found = 0
    for d in range(1, 9):
        for c in range(1, 61):
            recipe = catalogue.best_signed(c, d)
            if recipe is None:
                continue
            found += 1
            answer = construct(c, d, signed=True)
            assert answer.codes.shape == (c, d)
            floor = coherence_floor(c, d, signed=True)
            assert floor.value == pytest.approx(answer.value, abs=1e-12)
            assert floor.attainable is True
            if c > 1:
                assert largest_cosine(answer.codes) == pytest.approx(floor.value, abs=1e-12)
    assert found > 60


def test_construct_says_that_none_is_known():
    with pytest.raises(NoConstructionError, match=r"11 codes in R\^5"):
        construct(11, 5)
    with pytest.raises(ValueError, match="real"):
        construct(5, 3, "complex", signed=True)


@pytest.mark.parametrize("n", [n for n in range(1, 110) if hadamard.hadamard_order(n)])
def test_hadamard(n):
    matrix = hadamard.hadamard(n)
    assert set(np.unique(matrix)) <= {-1, 1}
    np.testing.assert_array_equal(matrix @ matrix.T, n * np.eye(n))


@pytest.mark.parametrize("n", [n for n in range(2, 70) if hadamard.conference_order(n)])
def test_conference(n):
    matrix = hadamard.conference_matrix(n)
    np.testing.assert_array_equal(matrix @ matrix.T, (n - 1) * np.eye(n))
    sign = 1 if hadamard.conference_order(n) == "symmetric" else -1
    np.testing.assert_array_equal(matrix, sign * matrix.T)


@pytest.mark.parametrize(
    "call",
    [
        lambda: hadamard.hadamard(6),
        lambda: hadamard.hadamard(92),
        lambda: hadamard.conference_matrix(22),
        lambda: hadamard.paley_core(8),
        lambda: unbiased_bases.mutually_unbiased_bases(6),
        lambda: unbiased_bases.real_mutually_unbiased_bases(8),
        lambda: sets.paley(13),
        lambda: sets.twin_prime(7),
        lambda: FiniteField(6),
        lambda: sic.sic(1),
        lambda: root_systems.root_lines(5),
        lambda: root_systems.mitchell_lines(3),
        lambda: make.quadric_etf(2, -1),
    ],
)
def test_what_does_not_exist_is_refused(call):
    with pytest.raises(ValueError, match=r"\d"):
        call()


@pytest.mark.parametrize("q", [2, 5, 8, 9, 27])
def test_finite_fields(q):
    field = FiniteField(q)
    x = np.arange(q)
    table = field.multiply(x[:, None], x)
    assert all(sorted(row) == list(x) for row in table[1:])
    a, b, c = np.meshgrid(x, x, x, indexing="ij")
    left = field.multiply(a, field.add(b, c))
    right = field.add(field.multiply(a, b), field.multiply(a, c))
    np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(field.add(field.subtract(a, b), b), a)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_galois_rings(k):
    ring = GaloisRing(k)
    assert ring.teichmuller.shape == (2**k, k)
    units = ring.teichmuller[1:]
    products = ring.product(units[:, None], units[None])
    known = {tuple(u) for u in units}
    assert {tuple(p) for p in products.reshape(-1, k)} == known  # closed under multiplication
    assert len({tuple(t % 2) for t in ring.teichmuller}) == 2**k  # one above each of GF(2^k)
