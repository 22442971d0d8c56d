"""The numbers of a sample of rows: which rows, which numbers, their jackknife and their chance."""

import jax.numpy as jnp
import numpy as np
import pytest
from gramax.uncertainty.sampled import (
    bars_of_rows,
    chance_of_rows,
    chosen,
    measure_rows,
    rows_without_each,
)

from gramax.metrics import hubness, mean_cosine, mle_id, two_nn, uniformity
from gramax.metrics.registry import METRICS
from gramax.uncertainty import sampled

D = 4
NAMES = {"uniformity", "two_nn", "mle_id", "hubness", "anti_hub_share"}


def by_name(x):
    x = jnp.asarray(x)
    hubs = hubness(x)
    found = {"hubness": hubs.skewness, "anti_hub_share": hubs.anti_hub_share}
    found |= {f.__name__: f(x) for f in (uniformity, two_nn, mle_id, mean_cosine)}
    return {name: float(value) for name, value in found.items()}


@pytest.fixture
def rows(rng):
    return rng.standard_normal((23, D))


def test_all_rows_are_chosen_or_a_sample_in_order(monkeypatch):
    monkeypatch.setattr(sampled, "ROWS", 100)
    np.testing.assert_array_equal(chosen(100), np.arange(100))
    some = chosen(101)
    assert len(some) == len(set(some)) == 100
    assert (np.diff(some) > 0).all()
    expected = np.random.default_rng(0).choice(101, 100, replace=False)
    np.testing.assert_array_equal(some, np.sort(expected))
    assert chosen(10_000).mean() == pytest.approx(5000, abs=1000)


def test_the_numbers_of_rows_as_they_are_and_on_the_sphere(rows):
    expected = by_name(rows)
    found = measure_rows(rows, False)
    assert {*found} == NAMES | {"mean_cosine"}
    for name, (value, why) in found.items():
        assert value == pytest.approx(expected[name], rel=1e-12)
        assert why is None
    on_sphere = measure_rows(rows, True)
    expected = by_name(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    assert {*on_sphere} == NAMES
    assert on_sphere["two_nn"][0] == pytest.approx(expected["two_nn"], rel=1e-9) != found["two_nn"]


def test_too_few_rows_have_no_neighbours(rows):
    assert np.isnan([value for value, _ in measure_rows(rows[:2], True).values()]).all()
    assert measure_rows(rows[:2], True)["hubness"][1] == "needs at least 3 rows, got 2"
    three = measure_rows(rows[:3], True)
    assert np.isfinite(three["uniformity"][0])
    assert three["mle_id"][1] == METRICS["mle_id"].degenerate


@pytest.fixture
def quick(monkeypatch):
    """Numbers that cost nothing in place of the metrics: another sum of the rows for each."""

    def measure(x, normalize):
        names = sorted(sampled._names(normalize))
        return {name: np.sum(np.asarray(x) ** k) for k, name in enumerate(names, 1)}

    monkeypatch.setattr(sampled, "_measure", measure)
    return measure


def test_errors_are_a_jackknife_over_equal_blocks(quick, rows, monkeypatch):
    dealt = np.random.default_rng(0).permutation(23)
    for blocks, work in ((20, 1e9), (11, 11 * 23 * 23 * D), (10, 0)):
        monkeypatch.setattr(sampled, "BAR_WORK", work)
        found = rows_without_each(rows, False)
        assert {*found} == NAMES | {"mean_cosine"}
        left = [
            quick(np.delete(rows, block, axis=0), False)
            for block in dealt[: 23 // blocks * blocks].reshape(blocks, -1)
        ]
        for name, (value, without) in found.items():
            assert value == pytest.approx(quick(rows, False)[name])
            np.testing.assert_allclose(without, [one[name] for one in left], rtol=1e-12)


@pytest.mark.parametrize(("rows", "blocks"), [(2, None), (3, None), (4, 4), (19, 19), (41, 20)])
def test_blocks_leave_three_rows_or_more(quick, rng, rows, blocks):
    found = rows_without_each(rng.normal(size=(rows, D)), True)
    assert {len(without) for _, without in found.values()} == ({blocks} if blocks else set())


def test_what_is_said_of_errors(quick, rows):
    bars = bars_of_rows(np.abs(rows), False)
    assert {*bars} == NAMES | {"mean_cosine"}
    said = {name: bar.reason for name, bar in bars.items() if bar.error is not None}
    assert {name for name in said if said[name] == ""} == {"uniformity", "mean_cosine"}
    assert {said[name] for name in said if said[name]} == {sampled.NEIGHBOURS}
    none = bars_of_rows(np.full((9, D), np.nan), False)["two_nn"]
    assert none.error is None
    assert none.reason not in ("", sampled.NEIGHBOURS)


def test_chance_is_that_of_isotropic_draws(quick, monkeypatch):
    for draws, work in ((50, 1e9), (6, 6 * 9 * 9 * D), (5, 0)):
        monkeypatch.setattr(sampled, "WORK", work)
        rng = np.random.default_rng(0)
        values = [quick(rng.normal(size=(9, D)).astype(np.float32), True) for _ in range(draws)]
        found = chance_of_rows(9, D, True)
        assert {*found} == NAMES
        for name, chance in found.items():
            these = [one[name] for one in values]
            assert chance.mean == pytest.approx(np.mean(these), rel=1e-5)
            assert chance.sd == pytest.approx(np.std(these, ddof=1), rel=1e-5)
            assert chance.method == f"Monte Carlo, {draws} draws, seed 0"
    assert {*chance_of_rows(3, D, True)} == NAMES
    assert chance_of_rows(2, D, True) == {}
