"""Error bars: blocks, leaving one out, the jackknife, and intervals that cover as they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments, blocks
from gramax.moments.blocks import BlockMoments
from gramax.uncertainty import errorbars
from gramax.uncertainty.errorbars import (
    EXTREMES,
    ErrorBar,
    error_bars,
    jackknife,
    warnings_for,
    without_each,
)

SEED = 20
REAL_LINE = (-np.inf, np.inf)
NAMES = ("scatter_ratio", "effective_rank", "class_coherence")


def _data(rng, n=200, c=3, d=4):
    y = rng.integers(0, c, n)
    centres = np.linspace(-1, 2, c * d).reshape(c, d) % 1.3
    return (centres[y] + 0.4 * rng.standard_normal((n, d))).astype(np.float32), y


def _held(z, y, c=3, **options) -> BlockMoments:
    return BlockMoments.empty(c, z.shape[1], **options).update(z, y)


# -- blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", [1, 20, 64])
def test_dealing_has_no_period(period):
    dealt = blocks.dealt(0, 20_000, 20, seed=3)
    sizes = np.bincount(dealt[::period], minlength=20)
    assert stats.chisquare(sizes).pvalue > 1e-4
    assert not np.array_equal(dealt, blocks.dealt(0, 20_000, 20, seed=4))
    np.testing.assert_array_equal(blocks.dealt(0, 5, 4, -1), blocks.dealt(0, 5, 4, 2**64 - 1))
    # SplitMix64 of 0, 1, 2 by its reference code (Steele, Lea, Flood 2014).
    first = np.uint64([0xE220A8397B1DCDAF, 0x910A2DEC89025CC1, 0x975835DE1C9756CE])
    np.testing.assert_array_equal(blocks._mixed(np.arange(3, dtype=np.uint64)), first)


def test_blocks_of_other_numbers_do_not_merge(rng):
    held = _held(*_data(rng))
    few = BlockMoments.of_parts(held.parts[:2])
    assert (few.blocks, few.rows) == (2, held.counts[:2].sum())
    with pytest.raises(ValueError, match="differ in number: 20, 2"):
        held.merge(few)
    with pytest.raises(ValueError, match="two blocks; got 1"):
        BlockMoments.of_parts(held.parts[:1])


def test_memory_decides_blocks_and_scatter():
    for classes, dim, asked, planned in (
        (10, 64, (None, None), (20, True)),
        (10, 2500, (None, None), (20, True)),
        (10, 3600, (None, None), (10, True)),
        (10, 8192, (None, None), (20, False)),
        (10, 8192, (30, True), (30, True)),  # asked for in so many words
        (10, 8192, (30, None), (30, False)),
    ):
        assert blocks.plan(classes, dim, *asked, 2**30) == planned
    assert blocks.plan(50_000, 256, None, None, 2**30)[0] == 5
    with pytest.raises(ValueError, match=r"50000 classes in 4096 dimensions need 15\.3 GiB"):
        blocks.plan(50_000, 4096, None, None, 2**30)
    with pytest.raises(ValueError, match="at least two blocks; got 1"):
        BlockMoments.empty(2, 2, blocks=1)


# -- the jackknife ------------------------------------------------------------------------------


def test_error_and_bias_of_a_mean_and_of_a_variance(rng):
    x = rng.standard_normal(30)
    bar = jackknife(x.mean(), (x.sum() - x) / 29, REAL_LINE, 0.9)
    assert bar.error == pytest.approx(x.std(ddof=1) / np.sqrt(30))
    assert bar.bias == pytest.approx(0, abs=1e-12)
    low, high = stats.t.interval(0.9, 29, x.mean(), bar.error)
    assert (bar.low, bar.high) == (pytest.approx(low, rel=1e-4), pytest.approx(high, rel=1e-4))
    without = np.array([np.delete(x, i).var() for i in range(30)])
    bar = jackknife(x.var(), without, (0, np.inf), 0.95)
    assert x.var() - bar.bias == pytest.approx(x.var(ddof=1))  # exact for this functional


@pytest.mark.parametrize(
    ("interval", "forth", "back"),
    [
        ((1.0, np.inf), lambda x: np.log(x - 1), lambda t: 1 + np.exp(t)),
        ((1.0, 5.0), lambda x: np.log((x - 1) / (5 - x)), lambda t: 1 + 4 / (1 + np.exp(-t))),
        ((2.0, np.inf), lambda x: x, lambda t: max(t, 2.0)),  # a block at the bound itself
        ((-np.inf, 2.6), lambda x: x, lambda t: min(t, 2.6)),
    ],
)
def test_intervals_on_the_scale_of_the_range(interval, forth, back):
    without = np.array([2.0, 2.1, 2.5, 2.2])
    bar = jackknife(2.3, without, interval, 0.95)
    spread = np.sqrt(3 / 4 * np.sum((forth(without) - forth(without).mean()) ** 2))
    reach = stats.t.ppf(0.975, 3) * spread
    right = back(forth(2.3) - reach), back(forth(2.3) + reach)
    np.testing.assert_allclose((bar.low, bar.high), right, rtol=1e-5)
    assert bar.error == pytest.approx(np.sqrt(3 / 4 * np.sum((without - without.mean()) ** 2)))


def test_no_error_where_there_can_be_none():
    flat, broken = np.ones(20), np.append(np.ones(19), np.nan)
    assert jackknife(1.0, flat, REAL_LINE, 0.95).error == 0
    for value, without, reason in (
        (np.nan, flat, "undefined"),
        (1.0, flat[:2], "rows in 2 block(s) only; 3 are needed"),
        (1.0, broken, "undefined where one of the blocks is left out"),
    ):
        bar = jackknife(value, without, REAL_LINE, 0.95)
        assert (bar.error, bar.low, bar.bias, bar.reason) == (None, None, None, reason)


# -- leaving one out ----------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [True, False])
def test_leaving_out_is_recomputing(rng, normalize):
    z, y = _data(rng)
    held = _held(z, y, blocks=7, normalize=normalize)
    found, block = without_each(held, names=NAMES), blocks.dealt(0, 200, 7, 0)
    assert tuple(found) == tuple(m.name for m in METRICS if m.name in NAMES)
    right = {name: [] for name in found}
    for kept in (block >= 0, *(block != b for b in range(7))):
        e = Evidence(ClassMoments.of(z[kept], y[kept], 3, normalize=normalize))
        for name in found:
            right[name].append(float(METRICS[name].value(e)))
    share = np.bincount(block) / 200 * 7
    for name, (value, left) in found.items():
        whole, *without = right[name]
        assert value == pytest.approx(whole, rel=1e-9)
        # In proportion to the rows of a block goes what depends on their number alone.
        slope = np.mean(np.array(without) - whole)
        assert left - whole == pytest.approx(
            np.array(without) - whole - slope * (share - 1), abs=1e-9
        )
    got = error_bars(held, names=NAMES, level=0.8)
    bounds = METRICS["scatter_ratio"].bounds(normalize)
    assert got["scatter_ratio"] == jackknife(*found["scatter_ratio"], bounds, 0.8)
    macro = error_bars(held, names=NAMES, options=Options(weighting="macro"))["scatter_ratio"]
    assert macro.value != got["scatter_ratio"].value


def test_every_number_has_an_error_or_a_reason(rng):
    z, y = _data(rng, 300, 4, 12)
    y[y == 2] = 1
    y[0] = 2  # a class of one row
    found = error_bars(_held(z, y, 4))
    assert list(found) == [m.name for m in METRICS]
    for name, bar in found.items():
        if bar.error is None:
            assert bar.reason
        else:
            assert ("worst of many" in bar.reason) == (name in EXTREMES)
            assert bar.low <= bar.value <= bar.high, name
            lone = "1 class(es) have all their rows in one block" in bar.reason
            assert lone == METRICS[name].labels
        assert name not in ("class_coherence", "effective_rank") or np.isfinite(bar.value)


def test_extremes_of_many_classes_are_of_all_rows_alone(rng, monkeypatch):
    held = _held(*_data(rng))
    expected = error_bars(held, names=NAMES)
    monkeypatch.setattr(errorbars, "MAX_PAIRED_CLASSES", 2)
    found = error_bars(held, names=NAMES)
    value = expected["class_coherence"].value
    none = ErrorBar(value, None, None, None, None, errorbars.TOO_MANY)
    assert found["class_coherence"] == none
    assert found["scatter_ratio"] == expected["scatter_ratio"]


def test_blocks_without_rows_are_no_blocks(rng):
    held, empty = _held(*_data(rng), scatter=False), BlockMoments.empty(3, 4, scatter=False)
    found = error_bars(BlockMoments((*held.parts, empty.parts[0]), 200), names=NAMES)
    assert "effective_rank" not in found
    assert found["scatter_ratio"] == error_bars(held, names=NAMES)["scatter_ratio"]
    none = error_bars(empty, names=NAMES)["scatter_ratio"]
    assert (none.error, none.reason) == (None, "undefined")
    one = error_bars(BlockMoments(held.parts[:1], 10), names=NAMES)["scatter_ratio"]
    assert (one.error, one.reason) == (None, "rows in 1 block(s) only; 3 are needed")


# -- coverage -----------------------------------------------------------------------------------

ROWS = 400
SMOOTH = (
    "within_class_variance",
    "scatter_ratio",
    "effective_rank",
    "class_simplex_error",
    "class_simplex_error_centred",
    "class_frame_potential",
)


def _sample(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four unequal, anisotropic classes in six dimensions, sorted: dealing must not mind."""
    centres = np.random.default_rng(0).standard_normal((4, 6)) + 0.3
    y = np.sort(rng.choice(4, ROWS, p=[0.1, 0.2, 0.3, 0.4]))
    return centres[y] + np.linspace(0.4, 1.2, 6) * rng.standard_normal((ROWS, 6)), y


@pytest.mark.parametrize("draws", [40, pytest.param(400, marks=pytest.mark.slow)])
def test_intervals_cover(draws):
    """A 95% interval covers the mean of the number at this n as often as draws of 95% do."""
    rng, found, fresh = np.random.default_rng(SEED), [], []
    for _ in range(draws):
        found.append(error_bars(_held(*_sample(rng), 4, seed=SEED), names=SMOOTH))
    for _ in range(5 * draws):
        e = Evidence(ClassMoments.of(*_sample(rng), 4))
        fresh.append([float(METRICS[name].value(e)) for name in SMOOTH])
    fewest, most = stats.binom.interval(0.999, draws, 0.95)
    slack = 1 / np.sqrt(10 * draws)  # the deviation of 5 draws each is known to so much
    for name, values in zip(SMOOTH, np.array(fresh).T, strict=True):
        these, truth = [one[name] for one in found], np.mean(values)
        covered = np.sum([bar.low <= truth <= bar.high for bar in these])
        assert fewest <= covered <= most, (name, covered)
        ratio = np.mean([bar.error for bar in these]) / np.std(values)
        assert 0.9 - slack <= ratio <= 1.15 + slack, (name, ratio)


@pytest.mark.parametrize("draws", [40, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.parametrize("tied", [True, False])
def test_errors_of_the_worst_of_many_are_not_too_small(tied, draws):
    """Codes of a simplex tie for the worst pair; else one pair stands out."""
    names = ("class_coherence", "class_babel")
    centres = np.eye(6, 8) - 1 / 6 if tied else np.eye(6, 8)
    centres[5, 0] += 0.0 if tied else 1.0
    rng, y, found = np.random.default_rng(SEED), np.arange(ROWS) % 6, []
    for _ in range(draws):
        z = centres[y] + 0.5 * rng.standard_normal((ROWS, 8))
        found.append(error_bars(_held(z, y, 6, scatter=False), names=names))
    for name in names:
        errors, values = np.array([(one[name].error, one[name].value) for one in found]).T
        ratio = np.sqrt(np.mean(np.square(errors))) / np.std(values, ddof=1)
        assert 0.9 <= ratio <= 3, (name, ratio)
        assert ratio >= 1.2 or not tied, (name, ratio)


@pytest.mark.parametrize("n", [64, 96])
def test_errors_of_ranks_are_right_where_rows_are_as_many_as_dimensions(n):
    """Blocks of a random size made them up to twenty times too large: ranks hang on n there."""
    names, rng, found = (
        ("effective_rank", "rankme", "participation_ratio"),
        np.random.default_rng(SEED),
        [],
    )
    for _ in range(40):
        blocks = _held(rng.standard_normal((n, 64)), np.zeros(n, int), 1)
        found.append(error_bars(blocks, names=(*names, "alpha_req")))
    for name in names:
        errors, values = np.array([(one[name].error, one[name].value) for one in found]).T
        ratio = np.sqrt(np.mean(np.square(errors))) / np.std(values, ddof=1)
        assert 0.8 <= ratio <= 3, (name, ratio)
    assert "as many rows as dimensions" in found[0]["alpha_req"].reason


# -- warnings -----------------------------------------------------------------------------------


def test_warnings():
    assert warnings_for(1000, 10, np.full(10, 100)) == []
    few, absent = warnings_for(1000, 10, [990, 3, 4, 0], names=["cat", "dog", "eel", "fox"])
    assert few.startswith("2 classes (dog, eel) have fewer than 5 rows")
    assert absent.startswith("1 class (fox) has no rows")
    (line,) = warnings_for(8, 1, np.ones(8))
    assert "(0, 1, 2, 3, 4, …)" in line
    (line,) = warnings_for(300, 64, [300])
    assert "below 320 rows" in line
    assert "52.7" in line  # 64/(1 + 64/299)
    assert warnings_for(320, 64, [320]) == []
