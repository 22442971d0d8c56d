"""Bounds: closed forms, the tables, and the libraries that compute the same special functions."""

import csv
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gramax.frames import all_bounds, bounds, coherence_floor
from gramax.frames.bounds import linear_programming, points
from gramax.frames.bounds.special_functions import (
    beta_cdf,
    beta_quantile,
    jacobi_largest_zero,
    jacobi_values,
)

TABLE = Path(__file__).parent / "packings.csv"
FIELDS = ("real", "complex")

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
]


@pytest.mark.parametrize(("c", "d", "field", "value", "name"), EXACT)
def test_exact_values(c, d, field, value, name):
    floor = coherence_floor(c, d, field)
    assert floor.value == pytest.approx(value, abs=1e-12)
    assert floor.bound == name


SIGNED = [
    (5, 4, -1 / 4, "simplex"),
    (3, 7, -1 / 2, "simplex"),
    (6, 4, 0.0, "orthoplex"),
    (8, 4, 0.0, "orthoplex"),
    (12, 3, 1 / math.sqrt(5), "Fejes Tóth"),
    (5, 2, math.cos(2 * math.pi / 5), "polygon"),
    (240, 8, 1 / 2, "Levenshtein, degree 6"),
    (56, 7, 1 / 3, "Levenshtein, degree 4"),
    (27, 6, 1 / 4, "Levenshtein, degree 3"),
    (196560, 24, 1 / 2, "Levenshtein, degree 10"),
    (3, 1, 1.0, "pigeonhole"),
]


@pytest.mark.parametrize(("c", "d", "value", "name"), SIGNED)
def test_exact_signed_values(c, d, value, name):
    floor = coherence_floor(c, d, signed=True)
    assert floor.value == pytest.approx(value, abs=1e-12)
    assert floor.bound == name


def test_every_row_of_the_tables():
    rows = list(csv.DictReader(TABLE.read_text().splitlines()))
    wrong = []
    for row in rows:
        floor = coherence_floor(int(row["n"]), int(row["d"]), row["field"])
        published = float(row["lower_bound"] or 0)
        known = float(row["best_known_coherence"])
        if not published - 1e-8 <= floor.value:
            wrong.append((row, floor))
        # where the library has a construction at the floor, the table may be worse: never better
        if floor.value > known + 1e-8 or (
            floor.attainable is False and floor.value > known - 1e-12
        ):
            wrong.append((row, floor))
    assert not wrong
    assert len(rows) > 400


HUGE = [10**12, 10**18 - 11, 2**99, (10**15 - 11) ** 2, 10**30]


@pytest.mark.parametrize("c", HUGE)
@pytest.mark.parametrize(("field", "signed"), [("real", False), ("real", True), ("complex", False)])
def test_floors_of_any_number_of_codes_take_no_time(c, field, signed):
    """A loop over the codes, their divisors or their factors would never end."""
    for d in (1, 2, 3, 7, 10**6, 10**15 + 37, c // 2, c - 3, c - 2, c - 1, c):
        floor = coherence_floor(c, d, field, signed)
        assert -1 <= floor.value <= 1
        assert floor.reason


def test_constructions_of_any_size_are_known():
    q = 10**9 + 7  # a prime
    v, r = q * q, q + 1
    floor = coherence_floor(v * (r + 1), v * r // q, "complex")
    assert floor.reason == f"attained by the Steiner frame of lines of AG(2, {q})"
    floor = coherence_floor(q * q + q + 1, q + 1, "complex")
    assert floor.reason == f"attained by the harmonic frame of the Singer set PG(2, {q})"


def test_numbers_beyond_reason_are_refused():
    for c, d in ((10**30 + 1, 3), (3, 10**400)):
        with pytest.raises(ValueError, match=r"go up to 1e\+30"):
            coherence_floor(c, d)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("d", [2, 3, 4, 8, 23])
def test_universal_bound_starts_with_welch_and_the_second(d, field):
    z = d * (d + 1) // 2 if field == "real" else d * d
    for c in range(d + 1, z + 1):
        value, degree = bounds.levenshtein(c, d, field)
        assert value == pytest.approx(bounds.welch(c, d), abs=1e-12)
        assert degree == 1 or c == z
    for c in range(z + 1, z + 4):
        value, degree = bounds.levenshtein(c, d, field, degree=2)
        if value is not None:
            expected = bounds.levenshtein_second(c, d, field)
            assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("d", [2, 3, 5])
def test_universal_bound_grows_without_jumps(d, field):
    values = [bounds.levenshtein(c, d, field) for c in range(d + 1, 40 * d)]
    steps = np.diff([value for value, _ in values])
    assert np.all(steps > 0)
    degrees = [degree for _, degree in values]
    assert all(a <= b for a, b in pairwise(degrees))
    assert degrees[-1] > 2


def test_universal_bound_beyond_the_last_degree_is_still_a_bound(monkeypatch):
    full, _ = bounds.levenshtein(500, 3)
    monkeypatch.setattr(linear_programming, "MAX_DEGREE", 8)
    cut, degree = bounds.levenshtein(500, 3)
    assert degree == 8
    assert 0 < cut < full
    end = linear_programming._root(linear_programming._range(8, 0.0, -0.5)[1], 8, 0.0, -0.5)
    assert cut == pytest.approx(math.sqrt((1 + end) / 2), rel=1e-12)


def test_universal_root_against_a_quadrature_of_the_definition():
    """The root of the polynomial orthogonal to the weight less a point mass, the slow way."""
    scipy_special = pytest.importorskip("scipy.special")
    c, d, k = 30, 3, 2  # degree 3 in C^3
    value, degree = bounds.levenshtein(c, d, "complex")
    assert degree == 3
    z, w = scipy_special.roots_sh_jacobi(20, d - 1, 1)  # (1-z)^(d-2) on [0, 1]
    w = w / w.sum()
    z, w = np.append(z, 1.0), np.append(w, -1 / c)
    moments = np.array([(w * z**i).sum() for i in range(2 * k)])
    system = np.array([[moments[i + j] for j in range(k)] for i in range(k)])
    low = np.linalg.solve(system, -moments[k : 2 * k])
    root = np.roots([1.0, *low[::-1]]).real.max()
    assert value**2 == pytest.approx(root, abs=1e-12)


@pytest.mark.parametrize("field", FIELDS)
def test_bounds_hold_for_random_codebooks(field):
    random = np.random.default_rng(5)
    for c, d in [(5, 2), (9, 3), (40, 3), (12, 10), (90, 2), (200, 4), (30, 8)]:
        x = random.normal(size=(c, d)) + 1j * (field == "complex") * random.normal(size=(c, d))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        gram = np.abs(x @ x.conj().T) - np.eye(c)
        for row in all_bounds(c, d, field):
            assert row.value is None or row.value <= gram.max() + 1e-12, row


def test_signed_bounds_hold_for_random_codebooks():
    random = np.random.default_rng(6)
    for c, d in [(3, 2), (5, 3), (30, 3), (200, 3), (12, 10), (90, 2), (300, 4)]:
        x = random.normal(size=(c, d))
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        gram = x @ x.T - 3 * np.eye(c)
        for row in all_bounds(c, d, signed=True):
            assert row.value is None or row.value <= gram.max() + 1e-12, row


@pytest.mark.parametrize(("field", "signed"), [("real", False), ("complex", False), ("real", True)])
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
            assert floor.reason
    one = coherence_floor(1, 3, field, signed)
    assert (one.value, one.attainable, one.reason) == (-1.0 * signed, True, "one code has no pair")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_welch_of_higher_order(field, k):
    """1/N_k is the mean of |<x, y>|^(2k): moments of Beta(1/2, (d-1)/2) or Beta(1, d-1)."""
    special = pytest.importorskip("scipy.special")
    c, d, a = 60, 4, 0.5 if field == "real" else 1.0
    mean = special.beta(a + k, a * (d - 1)) / special.beta(a, a * (d - 1))
    right = ((c * mean - 1) / (c - 1)) ** (1 / (2 * k))
    assert bounds.welch_order(c, d, k, field) == pytest.approx(right, rel=1e-12)
    size = math.floor(1 / mean + 1e-9)
    assert bounds.welch_order(size, d, k, field) is None
    assert bounds.welch_order(size + 1, d, k, field) is not None
    assert bounds.welch_order(2, 1, k, field) == 1


@pytest.mark.parametrize("field", FIELDS)
def test_the_best_order_of_welch(field):
    for c, d in ((60, 4), (500, 3), (5000, 3)):
        every = {k: bounds.welch_order(c, d, k, field) for k in range(2, 256)}
        known = {k: v for k, v in every.items() if v is not None}
        assert bounds.welch_best(c, d, field) == (max(known.values()), max(known, key=known.get))
    assert bounds.welch_best(8, 4, field) == bounds.welch_best(5, 1, field) == (None, 2)


def test_formulas_of_single_bounds():
    special = pytest.importorskip("scipy.special")
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


def test_bounds_say_nothing_outside_their_range():
    assert bounds.welch(4, 4) is None
    assert bounds.orthoplex(6, 3) is None
    assert bounds.orthoplex(9, 3, "complex") is None
    assert bounds.bukh_cox(4, 4) is None
    assert bounds.volume(5, 1) is None
    assert bounds.volume(3, 9) is None
    assert bounds.welch_order(5, 3, 2) is None
    assert bounds.orthoplex(10, 4) is None
    assert bounds.orthoplex(16, 4, "complex") is None
    assert bounds.plane(4, 3) is None
    assert bounds.plane(1) is None
    assert bounds.volume(4, 3, "complex") is None  # x is 1/2
    assert bounds.volume(1, 4) is None
    assert bounds.levenshtein(4, 4) == (None, 1)
    assert bounds.levenshtein(5, 4, degree=3) == (None, 3)
    assert points.fejes_toth(12, 4) is None
    assert points.bloch(12, 3) is None
    assert points.plane(5, 3) is None
    assert points.rankin_orthoplex(4, 3) is None
    assert points.simplex(1, 3) is None


def test_the_attainable():
    assert coherence_floor(28, 7).attainable is True
    assert coherence_floor(12, 6).attainable is False  # 2d real lines need an odd d
    assert coherence_floor(20, 12).attainable is False  # integrality
    assert coherence_floor(5, 3).bound == "Bukh-Cox"
    assert coherence_floor(40, 7).attainable is None
    assert coherence_floor(8, 3, "complex").attainable is False  # Szöllősi
    assert coherence_floor(121**2, 121, "complex").attainable is True  # Scott
    assert coherence_floor(7, 3).attainable is True
    assert coherence_floor(11, 3).attainable is None
    assert coherence_floor(24, 3, signed=True).attainable is False
    assert coherence_floor(7, 4, signed=True).attainable is True


@pytest.mark.parametrize(
    ("call", "quoted"),
    [
        (lambda: coherence_floor(0, 3), "c=0"),
        (lambda: coherence_floor(3, -1), "d=-1"),
        (lambda: coherence_floor(3.5, 2), "c=3.5"),
        (lambda: coherence_floor(3, 2, "quaternion"), "quaternion"),
        (lambda: coherence_floor(3, 2, "complex", signed=True), "real codes"),
        (lambda: bounds.welch_order(9, 2, 0), "got 0"),
    ],
)
def test_bad_arguments_are_quoted(call, quoted):
    with pytest.raises(ValueError, match=quoted):
        call()


@pytest.mark.parametrize("a", [0.5, 1.0, 3.5, 40.0, 499.5])
@pytest.mark.parametrize("b", [0.5, 1.0, 7.0])
def test_beta_law_against_scipy(a, b):
    stats = pytest.importorskip("scipy.stats")
    for x in (1e-30, 1e-3, 0.2, 0.5, 0.9, 0.999999):
        assert beta_cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-10, abs=1e-300)
    for p in (1e-12, 1e-3, 0.1, 0.5, 0.99):
        assert beta_quantile(p, a, b) == pytest.approx(stats.beta.ppf(p, a, b), rel=1e-10)
    assert beta_cdf(-1, a, b) == 0
    assert beta_cdf(1, a, b) == 1


@pytest.mark.parametrize(("a", "b"), [(-0.5, -0.5), (0.0, 0.0), (0.5, -0.5), (3.0, 0.0), (40, 1)])
def test_jacobi_polynomials_against_scipy(a, b):
    special = pytest.importorskip("scipy.special")
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


def test_names_load_on_first_use():
    from gramax import frames

    assert set(frames.__all__) == set(dir(frames))
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = frames.nothing_here
