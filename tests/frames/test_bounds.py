"""Bounds: closed forms, the tables, and the libraries that compute the same special functions."""

import csv
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gramax.frames import all_bounds, bounds, coherence_floor
from gramax.frames.special_functions import (
    beta_cdf,
    beta_quantile,
    jacobi_largest_zero,
    jacobi_values,
)

special = pytest.importorskip("scipy.special")

TABLE = Path(__file__).parent / "packings.csv"
FIELDS = ("real", "complex")
KINDS = [("real", False), ("complex", False), ("real", True)]

EXACT = [
    (6, 3, "real", 1 / math.sqrt(5), "Welch"),
    (7, 3, "real", 1 / math.sqrt(3), "orthoplex"),
    (28, 7, "real", 1 / 3, "Welch"),
    (276, 23, "real", 1 / 5, "Welch"),
    (12, 4, "real", 1 / 2, "orthoplex"),
    (120, 8, "real", 1 / 2, "Levenshtein, second"),
    (4, 2, "complex", 1 / math.sqrt(3), "Welch"),
    (25, 5, "complex", 1 / math.sqrt(6), "Welch"),
    (12, 3, "complex", 1 / math.sqrt(3), "orthoplex"),
    (30, 5, "complex", 1 / math.sqrt(5), "orthoplex"),
    (40, 4, "complex", 1 / math.sqrt(3), "Levenshtein, second"),
    (9, 2, "real", math.cos(math.pi / 9), "polygon"),
    (6, 4, "real", 1 / 3, "Bukh-Cox"),
    (3, 5, "real", 0.0, "trivial"),
    (4, 1, "real", 1.0, "Welch"),
    (5, 4, "signed", -1 / 4, "simplex"),
    (3, 7, "signed", -1 / 2, "simplex"),
    (6, 4, "signed", 0.0, "orthoplex"),
    (8, 4, "signed", 0.0, "orthoplex"),
    (12, 3, "signed", 1 / math.sqrt(5), "Fejes Tóth"),
    (5, 2, "signed", math.cos(2 * math.pi / 5), "polygon"),
    (240, 8, "signed", 1 / 2, "Levenshtein, degree 6"),
    (56, 7, "signed", 1 / 3, "Levenshtein, degree 4"),
    (27, 6, "signed", 1 / 4, "Levenshtein, degree 3"),
    (196560, 24, "signed", 1 / 2, "Levenshtein, degree 10"),
    (3, 1, "signed", 1.0, "pigeonhole"),
]


@pytest.mark.parametrize(("c", "d", "kind", "value", "name"), EXACT)
def test_exact_values(c, d, kind, value, name):
    floor = coherence_floor(c, d, *(("real", True) if kind == "signed" else (kind,)))
    assert floor.value == pytest.approx(value, abs=1e-12)
    assert floor.bound == name


def test_every_row_of_the_tables():
    rows = list(csv.DictReader(TABLE.read_text().splitlines()))
    assert len(rows) > 400
    for row in rows:
        floor = coherence_floor(int(row["n"]), int(row["d"]), row["field"])
        known = float(row["best_known_coherence"])
        assert float(row["lower_bound"] or 0) - 1e-8 <= floor.value <= known + 1e-8, row
        assert floor.attainable is not False or floor.value <= known - 1e-12, row


@pytest.mark.parametrize("c", [10**8 + 7, 31_607**2, 10**9 - 63, 10**9])
@pytest.mark.parametrize(("field", "signed"), KINDS)
def test_floors_of_any_number_of_codes_take_no_time(c, field, signed):
    began = time.process_time()
    for d in (1, 2, 3, 7, 10**6, c // 2, c - 3, c - 2, c - 1, c):
        floor = coherence_floor(c, d, field, signed)
        assert -1 <= floor.value <= 1
        assert floor.reason
    assert time.process_time() - began < 5


def test_constructions_of_any_size_are_known():
    q = 499  # a prime
    v, r = q * q, q + 1
    floor = coherence_floor(v * (r + 1), v * r // q, "complex")
    assert floor.reason == f"attained by the Steiner frame of lines of AG(2, {q})"
    floor = coherence_floor(q * q + q + 1, q + 1, "complex")
    assert floor.reason == f"attained by the harmonic frame of the Singer set PG(2, {q})"


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("d", [2, 3, 8])
def test_universal_bound_starts_with_welch_and_the_second_and_grows(d, field):
    z = d * (d + 1) // 2 if field == "real" else d * d
    found = {c: bounds.levenshtein(c, d, field) for c in range(d + 1, max(z + 4, 40 * d))}
    for c in range(d + 1, z + 1):
        assert found[c][0] == pytest.approx(bounds.welch(c, d), abs=1e-12)
        assert found[c][1] == 1 or c == z
    for c, (value, degree) in found.items():
        if degree == 2 and c > z:
            expected = bounds.levenshtein_second(c, d, field)
            assert value == pytest.approx(expected, abs=1e-12)
    values, degrees = zip(*found.values(), strict=True)
    assert np.all(np.diff(values) > 0)
    assert np.all(np.diff(degrees) >= 0)
    assert degrees[-1] > 2


def test_universal_bound_beyond_the_last_degree_is_still_a_bound(monkeypatch):
    full, _ = bounds.levenshtein(500, 3)
    monkeypatch.setattr(bounds, "MAX_DEGREE", 8)
    cut, degree = bounds.levenshtein(500, 3)
    assert degree == 8
    assert 0.9 * full < cut < full


@pytest.mark.parametrize(("field", "signed"), KINDS)
def test_bounds_hold_for_random_codebooks(field, signed):
    random = np.random.default_rng(5)
    for c, d in [(3, 2), (5, 3), (40, 3), (12, 10), (90, 2), (300, 4), (30, 8)]:
        x = random.normal(size=(c, d)) + 1j * (field == "complex") * random.normal(size=(c, d))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        gram = x @ x.conj().T
        worst = np.max((gram.real if signed else np.abs(gram)) - 3 * np.eye(c))
        for row in all_bounds(c, d, field, signed):
            assert row.value is None or row.value <= worst + 1e-12, row


@pytest.mark.parametrize(("field", "signed"), KINDS)
def test_the_floor_is_the_largest_bound_and_named_for_the_first_that_gives_it(field, signed):
    for d in (1, 2, 3, 7, 50, 700):
        for c in (2, 3, d + 1, d + 2, 2 * d, d * d + 3, 10_000):
            floor = coherence_floor(c, d, field, signed)
            rows = [r for r in all_bounds(c, d, field, signed) if r.value is not None]
            top = max(r.value for r in rows)
            first = next(r for r in rows if r.value >= top - 1e-12)
            assert (floor.bound, floor.source) == (first.name, first.source)
            assert floor.value == pytest.approx(min(1, top), abs=1e-12)
            assert -signed <= floor.value <= 1
    one = coherence_floor(1, 3, field, signed)
    assert (one.value, one.attainable, one.reason) == (-1.0 * signed, True, "one code has no pair")


@pytest.mark.parametrize("field", FIELDS)
def test_welch_of_higher_order(field):
    """1/N_k is the mean of |<x, y>|^(2k): moments of Beta(1/2, (d-1)/2) or Beta(1, d-1)."""
    c, d, a = 60, 4, 0.5 if field == "real" else 1.0
    for k in (1, 2, 3):
        mean = special.beta(a + k, a * (d - 1)) / special.beta(a, a * (d - 1))
        right = ((c * mean - 1) / (c - 1)) ** (1 / (2 * k))
        assert bounds.welch_order(c, d, k, field) == pytest.approx(right, rel=1e-12)
        size = math.floor(1 / mean + 1e-9)
        assert bounds.welch_order(size, d, k, field) is None
        assert bounds.welch_order(size + 1, d, k, field) is not None
    for c, d in ((60, 4), (500, 3), (5000, 3)):
        every = {k: bounds.welch_order(c, d, k, field) for k in range(2, 256)}
        known = {k: v for k, v in every.items() if v is not None}
        assert bounds.welch_best(c, d, field) == (max(known.values()), max(known, key=known.get))
    assert bounds.welch_best(8, 4, field) == bounds.welch_best(5, 1, field) == (None, 2)


def test_formulas_of_single_bounds():
    for c, d, m, field in ((7, 5, 0.5, "real"), (7, 5, 1.0, "complex"), (5, 4, 0.5, "real")):
        k = c - d
        z = k * (k + 1) / 2 if m == 0.5 else k * k
        right = z / (c * (1 + m * (k - 1) * math.sqrt(1 / m + k)) - z)
        assert bounds.bukh_cox(c, d, field) == pytest.approx(right, rel=1e-12)
    x = special.betaincinv(1.5, 0.5, 1 / 80)  # caps in R⁴
    assert bounds.volume(80, 4) == pytest.approx(1 - 2 * x, rel=1e-9)
    for c, d in [(10, 2), (50, 3), (2000, 5)]:
        elementary = 1 - 2 * c ** (-1 / (d - 1))
        assert bounds.volume(c, d, "complex") == pytest.approx(elementary, abs=1e-14)


@pytest.mark.parametrize(
    ("bound", "outside"),
    [
        (bounds.welch, [(4, 4)]),
        (bounds.orthoplex, [(6, 3), (9, 3, "complex"), (10, 4), (16, 4, "complex")]),
        (bounds.bukh_cox, [(4, 4)]),
        (bounds.volume, [(5, 1), (3, 9), (4, 3, "complex"), (1, 4)]),
        (bounds.plane, [(4, 3), (1, 2), (5, 3, True)]),
        (bounds.fejes_toth, [(12, 4), (2, 3)]),
        (bounds.bloch, [(12, 3)]),
        (bounds.rankin_orthoplex, [(4, 3)]),
        (bounds.simplex, [(1, 3)]),
        (lambda c, d: bounds.levenshtein(c, d)[0], [(4, 4), (4, 1)]),
        (lambda c, d: bounds.levenshtein_signed(c, d)[0], [(1, 4), (4, 1)]),
    ],
)
def test_bounds_say_nothing_outside_their_range(bound, outside):
    assert [bound(*sizes) for sizes in outside] == [None] * len(outside)


@pytest.mark.parametrize(
    ("size", "attainable"),
    [
        ((28, 7), True),
        ((12, 6), False),  # 2d real lines need an odd d
        ((20, 12), False),  # integrality
        ((40, 7), None),
        ((8, 3, "complex"), False),  # Szöllősi
        ((121**2, 121, "complex"), True),  # Scott
        ((7, 3), True),
        ((11, 3), None),
        ((24, 3, "real", True), False),
        ((7, 4, "real", True), True),
    ],
)
def test_the_attainable(size, attainable):
    assert coherence_floor(*size).attainable is attainable


@pytest.mark.parametrize(
    ("size", "quoted"),
    [
        ((0, 3), "c=0"),
        ((3, -1), "d=-1"),
        ((3.5, 2), "c=3.5"),
        ((3, 10**400), "go up to 1,000,000,000"),
        ((3, 2, "quaternion"), "quaternion"),
        ((3, 2, "complex", True), "real codes"),
    ],
)
def test_bad_arguments_are_quoted(size, quoted):
    with pytest.raises(ValueError, match=quoted):
        coherence_floor(*size)


@pytest.mark.parametrize("a", [0.5, 1.0, 3.5, 40.0, 499.5])
@pytest.mark.parametrize("b", [0.5, 1.0, 7.0])
def test_beta_law_against_scipy(a, b):
    for x in (1e-30, 1e-3, 0.2, 0.5, 0.9, 0.999999):
        assert beta_cdf(x, a, b) == pytest.approx(special.betainc(a, b, x), rel=1e-10, abs=1e-300)
    for p in (1e-12, 1e-3, 0.1, 0.5, 0.99):
        assert beta_quantile(p, a, b) == pytest.approx(special.betaincinv(a, b, p), rel=1e-10)
    assert beta_cdf(-1, a, b) == 0
    assert beta_cdf(1, a, b) == 1


@pytest.mark.parametrize(("a", "b"), [(-0.5, -0.5), (0.0, 0.0), (0.5, -0.5), (3.0, 0.0), (40, 1)])
def test_jacobi_polynomials_against_scipy(a, b):
    for k in (1, 2, 3, 10, 40):
        nodes, weights = special.roots_jacobi(k, a, b)
        assert jacobi_largest_zero(k, a, b) == pytest.approx(nodes[-1], abs=1e-12)
        weights = weights / weights.sum()
        values = np.array([jacobi_values(k - 1, a, b, t) for t in nodes])
        np.testing.assert_allclose((values * weights[:, None]).T @ values, np.eye(k), atol=1e-9)
    assert jacobi_largest_zero(0, a, b) == -1


def test_nothing_but_a_search_imports_jax():
    code = (
        "import sys, gramax.frames as f; f.coherence_floor(40, 7); f.construct(16, 6);"
        "f.known_coherence(40, 7); f.Progress; f.pack(28, 7);"
        "assert 'jax' not in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
