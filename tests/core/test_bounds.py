"""Bounds against the formulas that they are named after, and the floor among them."""

import math

import numpy as np
import pytest
from scipy import special

from gramax.frames import bounds, floor


def test_welch():
    assert bounds.welch(7, 3) == pytest.approx(math.sqrt(4 / (3 * 6)))
    assert bounds.welch(3, 3) is None
    assert bounds.welch(4, 3) == pytest.approx(1 / 3)
    assert bounds.trivial(2, 5) == 0


@pytest.mark.parametrize("field", ["real", "complex"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_welch_of_higher_order(field, k):
    """1/N_k is the mean of |<x, y>|^(2k): moments of Beta(1/2, (d-1)/2) or Beta(1, d-1)."""
    c, d = 60, 4
    a = 0.5 if field == "real" else 1.0
    mean = special.beta(a + k, a * (d - 1)) / special.beta(a, a * (d - 1))
    right = ((c * mean - 1) / (c - 1)) ** (1 / (2 * k))
    assert bounds.welch_order(c, d, k, field) == pytest.approx(right, rel=1e-12)
    size = math.floor(1 / mean + 1e-9)
    assert bounds.welch_order(size, d, k, field) is None
    assert bounds.welch_order(size + 1, d, k, field) is not None
    assert bounds.welch_order(2, 1, k, field) == 1
    with pytest.raises(ValueError, match="at least 1; got 0"):
        bounds.welch_order(c, d, 0, field)


@pytest.mark.parametrize("field", ["real", "complex"])
def test_the_best_order(field):
    for c, d in ((60, 4), (500, 3), (5000, 3)):
        every = {k: bounds.welch_order(c, d, k, field) for k in range(2, 256)}
        known = {k: v for k, v in every.items() if v is not None}
        value, order = bounds.welch_best(c, d, field)
        assert (value, order) == (max(known.values()), max(known, key=known.get))
    assert bounds.welch_best(8, 4, field) == (None, 2)
    assert bounds.welch_best(5, 1, field) == (None, 2)


def test_other_bounds():
    same = pytest.approx
    assert bounds.orthoplex(11, 4) == 0.5
    assert bounds.orthoplex(10, 4) is None
    assert bounds.orthoplex(17, 4, "complex") == 0.5
    assert bounds.orthoplex(16, 4, "complex") is None
    for c, d, m, field in ((7, 5, 0.5, "real"), (7, 5, 1.0, "complex"), (5, 4, 0.5, "real")):
        k = c - d
        z = k * (k + 1) / 2 if m == 0.5 else k * k
        right = z / (c * (1 + m * (k - 1) * math.sqrt(1 / m + k)) - z)
        assert bounds.bukh_cox(c, d, field) == same(right, rel=1e-12)
    assert bounds.bukh_cox(5, 5) is None
    assert [bounds.plane(c) for c in (1, 2, 4)] == [None, same(0, abs=1e-15), same(0.5**0.5)]
    assert bounds.plane(4, 3) is None
    x = special.betaincinv(1.5, 0.5, 1 / 80)  # caps in R⁴
    assert bounds.volume(80, 4) == same(1 - 2 * x, rel=1e-9)
    assert bounds.volume(80, 3, "complex") == same(1 - 2 * 80 ** (-1 / 2), rel=1e-12)
    assert bounds.volume(4, 3, "complex") is None  # x is 1/2
    assert bounds.volume(5, 1) is None
    assert bounds.volume(1, 4) is None
    assert bounds.volume(2, 2, "complex") is None
    assert bounds.volume(9, 2) == same(math.cos(math.pi / 9), rel=1e-9)


def test_the_floor_is_the_largest_bound():
    for c, d, field, signed in (
        *((28, 7, "real", False), (11, 4, "real", False), (500, 3, "real", False)),
        *((7, 3, "complex", False), (9, 5, "real", True), (12, 3, "real", True)),
        *((8, 4, "real", True), (40, 2, "real", True), (7, 2, "real", False)),
    ):
        rows = [r for r in floor.all_bounds(c, d, field, signed) if r.value is not None]
        found = floor.coherence_floor(c, d, field, signed)
        top = max(r.value for r in rows)
        assert found.value == pytest.approx(top, abs=1e-12)
        first = next(r for r in rows if r.value >= top - 1e-12)
        assert (found.bound, found.source) == (first.name, first.source)
    line = {r.name: r.value for r in floor.all_bounds(3, 1, signed=True)}
    assert line["pigeonhole"] == 1
    assert {r.name: r.value for r in floor.all_bounds(2, 1, signed=True)}["pigeonhole"] is None
    assert {r.name: r.value for r in floor.all_bounds(3, 2, signed=True)}["pigeonhole"] is None
    assert floor.coherence_floor(3, 1, signed=True).value == 1
    one, other = floor.coherence_floor(1, 3), floor.coherence_floor(1, 3, signed=True)
    assert (one.value, one.bound, one.attainable, one.reason) == (
        *(0.0, "trivial", True, "one code has no pair"),
    )
    assert other.value == -1
    names = [r.name for r in floor.all_bounds(7, 2)]
    assert names[3] == "polygon"
    assert [r.name for r in floor.all_bounds(7, 2, "complex")][-1] == "Fejes Tóth"
    with pytest.raises(ValueError, match="signed floors are for real codes"):
        floor.all_bounds(4, 2, "complex", signed=True)
    assert floor.coherence_floor(2, 1).value == pytest.approx(1, abs=0)
    assert np.isfinite(floor.coherence_floor(100_000, 2).value)
