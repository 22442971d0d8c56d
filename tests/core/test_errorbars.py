"""Error bars of few blocks: the dealing, leaving one out, the jackknife and its scales."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments, blocks
from gramax.moments.blocks import BlockMoments
from gramax.uncertainty.errorbars import bars
from gramax.uncertainty.errorbars.bars import (
    error_bars,
    standard_errors,
    warnings_for,
    without_each,
)
from gramax.uncertainty.errorbars.jackknife import ErrorBar, jackknife

N, D, C, B = 24, 3, 3, 4
LINE = (-np.inf, np.inf)


@pytest.fixture
def data(rng):
    y = np.repeat([0, 1], N // 2)
    return rng.normal(size=(N, D)) + 2 * np.eye(D)[y], y


def empty(**how):
    return BlockMoments.empty(
        C, D, **{"blocks": B, "normalize": False, "dtype": jnp.float64, "seed": 5, **how}
    )


# -- the jackknife ------------------------------------------------------------------------------


@pytest.mark.parametrize("b", [3, 20])
def test_a_mean(rng, b):
    x = rng.normal(size=b)
    bar = jackknife(x.mean(), (x.sum() - x) / (b - 1), LINE, 0.9)
    error = x.std(ddof=1) / np.sqrt(b)
    low, high = stats.t.interval(0.9, b - 1, x.mean(), error)
    found = (bar.value, bar.error, bar.low, bar.high)
    np.testing.assert_allclose(found, (x.mean(), error, low, high), rtol=1e-5)
    assert bar.bias == pytest.approx(0, abs=1e-12)
    assert bar.reason == ""


def test_bias(rng):
    x = rng.normal(size=9)
    bar = jackknife(x.var(), np.array([np.delete(x, i).var() for i in range(9)]), (0, np.inf), 0.9)
    assert x.var() - bar.bias == pytest.approx(x.var(ddof=1))


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


def test_a_value_at_a_bound_is_not_stretched():
    assert jackknife(0.0, np.array([0.1, 0.2, 0.3]), (0.0, 1.0), 0.95).low == 0
    assert jackknife(1.0, np.array([0.1, 0.2, 0.3]), (0.0, 1.0), 0.95).high == 1


def test_no_error():
    flat = np.ones(4)
    assert jackknife(np.nan, flat, LINE, 0.9).reason == "undefined"
    assert jackknife(1.0, flat[:2], LINE, 0.9) == ErrorBar(
        1.0, None, None, None, None, "rows in 2 block(s) only; 3 are needed"
    )
    flat[1] = np.inf
    assert "one of the blocks" in jackknife(1.0, flat, LINE, 0.9).reason


# -- blocks -------------------------------------------------------------------------------------


def test_dealing():
    block = blocks.dealt(3, 50, B, 7)
    np.testing.assert_array_equal(block[4:9], blocks.dealt(7, 5, B, 7))
    assert stats.chisquare(np.bincount(blocks.dealt(0, 8000, B, 7))).pvalue > 1e-3
    assert stats.chisquare(np.bincount(blocks.dealt(0, 80_000, B, 7)[::10])).pvalue > 1e-3
    assert not np.array_equal(blocks.dealt(0, 50, B, 7), blocks.dealt(0, 50, B, 8))
    np.testing.assert_array_equal(blocks.dealt(0, 5, B, -1), blocks.dealt(0, 5, B, 2**64 - 1))
    # SplitMix64 of 0, 1, 2 by its reference code (Steele, Lea, Flood 2014).
    first = np.uint64([0xE220A8397B1DCDAF, 0x910A2DEC89025CC1, 0x975835DE1C9756CE])
    np.testing.assert_array_equal(blocks._mixed(np.arange(3, dtype=np.uint64)), first)
    assert blocks.dealt(0, 1, 20, 0)[0] == int(blocks._mixed(first[:1])[0] % np.uint64(20))


def test_slots_hold_every_row_of_a_block():
    block = blocks.dealt(0, 100, B, 1)
    slots = blocks._slots(block, B)
    for k in range(B):
        rows = slots[k][slots[k] >= 0]
        np.testing.assert_array_equal(rows, np.flatnonzero(block == k))
    assert slots.shape == (B, 25 + 30 + 4)  # six sd of room, the same for every dealing
    assert blocks._slots(block[:9], B).shape == (B, 9)
    assert blocks._slots(np.zeros(400, int), 100).shape == (100, 400)


def test_blocks_hold_their_rows(data):
    z, y = data
    weight = np.where(np.arange(N) % 5 == 0, 2.0, 1.0)
    for w in (None, weight):
        held = empty()
        for at in (slice(0, 0), slice(0, 10), slice(10, N)):
            held = held.update(z[at], y[at], None if w is None else w[at])
        assert (held.rows, held.blocks, held.seed) == (N, B, 5)
        block = blocks.dealt(0, N, B, 5)
        each = np.ones(N) if w is None else w
        for k in range(B):
            of = block == k
            part = jax.tree.map(lambda a, k=k: a[k], held.parts)
            right = ClassMoments.of(z[of], y[of], C, each[of], normalize=False)
            np.testing.assert_allclose(part.counts, right.counts)
            np.testing.assert_allclose(part.anchor + part.mean, right.anchor + right.mean)
            np.testing.assert_allclose(part.scatter, right.scatter, atol=1e-12)
        np.testing.assert_allclose(held.counts.sum(axis=0), np.bincount(y, each, C))
    both = held.merge(held)
    assert both.rows == 2 * N
    np.testing.assert_allclose(both.counts, 2 * held.counts)
    with pytest.raises(ValueError, match="differ in number: 4, 2"):
        held.merge(empty(blocks=2))
    with pytest.raises(ValueError, match="length 2; these blocks hold length 3"):
        held.update(z[:, :2], y)


def test_blocks_that_exist_already(data):
    z, y = data
    parts = [ClassMoments.of(z[i::3], y[i::3], C, normalize=False) for i in range(3)]
    held = BlockMoments.of_parts(parts)
    assert (held.blocks, held.rows, held.seed) == (3, N, 0)
    np.testing.assert_allclose(held.counts.sum(axis=0), np.bincount(y, minlength=C))
    with pytest.raises(ValueError, match="two blocks; got 1"):
        BlockMoments.of_parts(parts[:1])
    assert BlockMoments.of_parts(parts[:2]).blocks == 2


def test_a_block_of_one_row_is_a_block(data):
    z, y = data
    parts = [ClassMoments.of(z[i], y[i], C, normalize=False) for i in (slice(1), slice(1, None))]
    parts.append(ClassMoments.empty(C, z.shape[1], normalize=False, dtype=z.dtype))
    held = BlockMoments.of_parts(parts)
    assert len(without_each(held, names=["scatter_ratio"])["scatter_ratio"][1]) == 2


def test_memory_decides():
    def plan(count, scatter, memory, c=5, d=100):
        return blocks.plan(c, d, count, scatter, memory)

    with_scatter, without = 12 * (2 * 500 + 10_000), 12 * 2 * 500
    assert blocks._bytes(5, 100, 7, True) == 7 * with_scatter
    assert blocks._bytes(5, 100, 7, False) == 7 * without
    assert plan(None, None, 20 * with_scatter) == (20, True)
    assert plan(None, None, 20 * with_scatter - 1) == (10, True)
    assert plan(None, None, 10 * with_scatter - 1) == (20, False)
    assert plan(None, None, 20 * without - 1) == (10, False)
    assert plan(None, None, 10 * without - 1) == (5, False)
    with pytest.raises(ValueError, match="for 5 blocks"):
        plan(None, None, 5 * without - 1)
    with pytest.raises(ValueError, match=r"need 22\.9 GiB for 5 blocks"):
        plan(None, None, 2**30, 50_000, 4096)
    assert plan(None, False, 2**30) == (20, False)
    assert plan(None, True, 10 * with_scatter) == (10, True)
    with pytest.raises(ValueError, match="for 10 blocks"):
        plan(None, True, 10 * with_scatter - 1)
    assert plan(30, None, 30 * with_scatter) == (30, True)
    assert plan(30, None, 30 * with_scatter - 1) == (30, False)
    with pytest.raises(ValueError, match="for 30 blocks"):
        plan(30, None, 30 * without - 1)
    assert plan(30, True, 0) == (30, True)
    assert plan(2, False, 0) == (2, False)
    with pytest.raises(ValueError, match="two blocks; got 1"):
        plan(1, None, 2**30)
    default = BlockMoments.empty(2, 2)
    assert (default.blocks, default.rows, default.seed) == (20, 0, 0)
    assert default.parts.normalize
    assert BlockMoments.empty(2, 2, scatter=False).parts.scatter is None


# -- leaving one out ----------------------------------------------------------------------------

NAMES = ("scatter_ratio", "effective_rank", "class_coherence")


@pytest.mark.parametrize("normalize", [True, False])
def test_leaving_out_is_recomputing(data, normalize):
    z, y = data
    held = empty(normalize=normalize).update(z, y)
    found = without_each(held, names=NAMES)
    assert tuple(found) == tuple(m.name for m in METRICS if m.name in NAMES)
    block = blocks.dealt(0, N, B, 5)
    for name in NAMES:
        of = [
            float(
                METRICS[name].value(Evidence(ClassMoments.of(z[k], y[k], C, normalize=normalize)))
            )
            for k in (*(block != b for b in range(B)), block >= 0)
        ]
        value, left = found[name]
        assert value == pytest.approx(of[-1], rel=1e-9)
        np.testing.assert_allclose(left, of[:-1], rtol=1e-9)
    got = error_bars(held, names=NAMES, level=0.8)
    value, left = found["scatter_ratio"]
    bounds = METRICS["scatter_ratio"].bounds(normalize)
    assert got["scatter_ratio"] == jackknife(value, left, bounds, 0.8)
    assert got["class_coherence"].reason == bars.WORST
    assert standard_errors(held, names=NAMES)["scatter_ratio"] == got["scatter_ratio"].error


def test_extremes_of_many_classes_are_of_all_rows_alone(data, monkeypatch):
    z, y = data
    held = empty().update(z, y)
    expected = error_bars(held, names=NAMES)
    monkeypatch.setattr(bars, "MOST", C)
    assert error_bars(held, names=NAMES) == expected
    monkeypatch.setattr(bars, "MOST", C - 1)
    jax.clear_caches()
    found = error_bars(held, names=NAMES)
    assert found["class_coherence"].value == pytest.approx(expected["class_coherence"].value)
    assert (found["class_coherence"].error, found["class_coherence"].reason) == (
        None,
        bars.TOO_MANY,
    )
    assert found["scatter_ratio"].error == pytest.approx(expected["scatter_ratio"].error)
    jax.clear_caches()


def test_blocks_without_rows_and_lone_classes(data):
    z, y = data
    y = y.copy()
    y[3] = 2
    held = empty(scatter=False).update(z, y)
    found = error_bars(held, names=(*NAMES, "mean_cosine", "class_frame_potential"))
    assert "effective_rank" not in found
    assert "1 class(es) have all their rows in one block" in found["scatter_ratio"].reason
    more = jax.tree.map(lambda a: jnp.concatenate([a, 0 * a[:1]]), held.parts)
    wide = BlockMoments(more, N, 5)
    assert len(without_each(wide, names=NAMES)["scatter_ratio"][1]) == B
    assert error_bars(wide, names=NAMES)["scatter_ratio"].error == pytest.approx(
        found["scatter_ratio"].error
    )
    options = Options(weighting="macro")
    macro = error_bars(held, names=NAMES, options=options)["scatter_ratio"].value
    assert macro != found["scatter_ratio"].value
    point = error_bars(empty(scatter=False).update(1 + 0 * z, y), names=NAMES)["scatter_ratio"]
    assert (point.error, point.reason) == (None, "undefined")


def test_one_trace_of_unlabelled_numbers(data):
    z, y = data
    y = y.copy()
    y[3] = 2
    held = empty().update(z, y)
    found = error_bars(held, names=("effective_rank", "scatter_ratio"))
    assert found["effective_rank"].reason == ""
    assert found["scatter_ratio"].reason


def test_warnings():
    assert warnings_for(50, 10, [25, 25]) == []
    (line,) = warnings_for(49, 10, [25, 24])
    assert line.startswith("49 rows in 10 dimensions: below 50 rows")
    assert f"{10 / (1 + 10 / 48):.3g};" in line
    assert "is 0.5;" in warnings_for(1, 1, [1])[0]
    few, none = warnings_for(100, 2, [88, 4, 5, 0, 1], names="abcde")
    assert few == "2 classes (b, e) have fewer than 5 rows: variances read low"
    assert none == "1 class (d) has no rows: left out of every number"
    many = warnings_for(100, 2, [1] * 6 + [94])[0]
    assert many.startswith("6 classes (0, 1, 2, 3, 4, …) have fewer")
    assert "(0, 1, 2, 3, 4) have" in warnings_for(100, 2, [1] * 5 + [95])[0]


@pytest.mark.parametrize(
    ("name", "value", "classes", "said"),
    [
        ("scatter_ratio", 0.5, bars.MOST + 1, "why"),
        ("class_coherence", 0.5, bars.MOST, "why"),
        ("class_coherence", 0.5, bars.MOST + 1, bars.TOO_MANY),
        ("class_coherence", np.nan, bars.MOST + 1, "why"),
    ],
)
def test_why_there_is_no_error(name, value, classes, said):
    bar = ErrorBar(value, None, None, None, None, "why")
    assert bars._warned(name, bar, classes, 0).reason == said
