"""Metrics of rows: their values, their jackknife on some of the rows, and their chance."""

import math

import numpy as np
import pytest

from gramax.metrics import hubness, mean_cosine, mle_id, two_nn, uniformity
from gramax.metrics.registry import METRICS
from gramax.uncertainty import rows as of_rows
from gramax.uncertainty.rows import (
    BLOCKS,
    bars_of_rows,
    chance_of_rows,
    measure_rows,
    rows_without_each,
)

OF_NEIGHBOURS = {"two_nn", "mle_id", "hubness", "anti_hub_share"}


@pytest.fixture
def rows(rng):
    return rng.standard_normal((63, 4))


@pytest.mark.parametrize("normalize", [False, True])
def test_values_are_those_of_the_functions(rows, normalize):
    x = rows / np.linalg.norm(rows, axis=1, keepdims=True) if normalize else rows
    hubs = hubness(x)
    right = {"hubness": hubs.skewness, "anti_hub_share": hubs.anti_hub_share}
    right |= {f.__name__: f(x) for f in (uniformity, two_nn, mle_id, mean_cosine)}
    found = measure_rows(rows, normalize)
    assert {*found} == OF_NEIGHBOURS | {"uniformity"} | ({*()} if normalize else {"mean_cosine"})
    for name, (value, why) in found.items():
        assert value == pytest.approx(float(right[name]), rel=1e-5)
        assert why is None


def test_too_few_rows_have_no_neighbours(rows):
    value, why = measure_rows(rows[:2], True)["hubness"]
    assert math.isnan(value)
    assert why == "needs at least 3 rows, got 2"
    three = measure_rows(rows[:3], True)
    assert np.isfinite(three["uniformity"][0])
    assert three["mle_id"][1] == METRICS["mle_id"].degenerate
    assert rows_without_each(rows[:3], True) == {}
    assert len(rows_without_each(rows[:4], True)["uniformity"][1]) == 4
    none = bars_of_rows(np.full((9, 4), np.nan), False)["two_nn"]
    assert (none.error, none.reason) == (None, "undefined")
    assert chance_of_rows(2, 4, True) == {}


@pytest.mark.parametrize("normalize", [False, True])
def test_one_search_for_neighbours_serves_all_blocks(rng, normalize):
    """As if every metric were computed anew without each block; 203 rows leave 3 in no block."""
    rows = rng.standard_normal((203, 4))
    rows[7] = rows[50]
    found = rows_without_each(rows, normalize)
    order = np.random.default_rng(0).permutation(203)
    at = next(b for b in range(BLOCKS) if 7 not in order[10 * b : 10 * b + 10])
    for b in (at, BLOCKS - 1):
        kept = np.delete(rows, order[10 * b : 10 * b + 10], axis=0)
        for name, (value, _) in measure_rows(kept, normalize).items():
            assert found[name][1][b] == pytest.approx(value, rel=1e-5, abs=1e-6), name
    for name, (value, _) in measure_rows(rows, normalize).items():
        assert found[name][0] == pytest.approx(value)


def test_errors_of_some_rows_are_scaled_to_all(rng, monkeypatch):
    """The deviations of 500 rows stand for 2,000: half as large, about the value of all."""
    rows = rng.standard_normal((2000, 5)) + 3 * np.eye(5)[rng.integers(0, 2, 2000)]
    whole = bars_of_rows(rows, False)
    assert "error of" not in whole["uniformity"].reason
    monkeypatch.setattr(of_rows, "MAX_SIMULATED_ROWS", 500)
    some = bars_of_rows(rows, False, measure_rows(rows, False))
    for name, bar in some.items():
        assert bar.value == pytest.approx(whole[name].value, rel=1e-6)
        assert "error of 500 rows, times √(500/2,000)" in bar.reason
        assert ("of neighbours" in bar.reason) == (name in OF_NEIGHBOURS)
        if name != "anti_hub_share":  # 0 of most blocks
            assert 0.4 < bar.error / whole[name].error < 2.5, name
    assert some["uniformity"].error == pytest.approx(whole["uniformity"].error, rel=0.6)


def test_errors_are_not_too_small(rng):
    """Of clouds, not of isotropic rows: there the first-order variation of a mean vanishes."""
    centres, found = 2 * rng.standard_normal((6, 8)), []
    for _ in range(100):
        z = centres[rng.integers(0, 6, 200)] + rng.standard_normal((200, 8))
        found.append(bars_of_rows(z.astype(np.float32), True))
    for name in OF_NEIGHBOURS | {"uniformity"}:
        values, errors = np.array([(one[name].value, one[name].error) for one in found]).T
        ratio = np.sqrt(np.mean(errors**2)) / np.std(values, ddof=1)
        assert 0.85 <= ratio <= (2.5 if name in OF_NEIGHBOURS else 1.3), (name, ratio)


@pytest.mark.parametrize("normalize", [True, False])
def test_chance_is_that_of_isotropic_rows(normalize, monkeypatch):
    """Of as many rows as there are, though fewer are drawn."""
    draws = [np.random.default_rng([3, i]).standard_normal((600, 6)) for i in range(12)]
    found = [measure_rows(x, normalize) for x in draws]
    exact = chance_of_rows(600, 6, normalize)
    monkeypatch.setattr(of_rows, "MAX_SIMULATED_ROWS", 200)
    fewer = chance_of_rows(600, 6, normalize)
    assert exact.keys() == found[0].keys()
    assert fewer.keys() == exact.keys() - (set() if normalize else {"two_nn", "mle_id"})
    hubs = ("hubness", "anti_hub_share")  # of 200 rows
    laws = [*exact.items(), *((name, law) for name, law in fewer.items() if name not in hubs)]
    for name, law in laws:
        values = [one[name][0] for one in found]
        error = np.hypot(np.std(values, ddof=1) / np.sqrt(12), law.sd)
        assert abs(law.mean - np.mean(values)) <= 2 * error, (name, law)
        assert law.method
    assert not normalize or "200 of 600 rows" in fewer["two_nn"].method
