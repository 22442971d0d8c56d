"""Error bars: the jackknife against closed forms, and intervals that cover as often as they say."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

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
from gramax.uncertainty.chance.cosines import student_quantile
from gramax.uncertainty.errorbars import bars as errorbars
from gramax.uncertainty.errorbars.bars import EXTREMES, error_bars, jackknife, warnings_for

SEED = 20
REAL_LINE = (-np.inf, np.inf)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _data(
    rng: np.random.Generator, n: int, c: int = 3, d: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    y = rng.integers(0, c, n)
    centres = np.linspace(-1, 2, c * d).reshape(c, d) % 1.3
    return (centres[y] + 0.4 * rng.standard_normal((n, d))).astype(np.float32), y


def _whole(held: BlockMoments, blocks: int = 1) -> tuple[np.ndarray, ...]:
    """Counts, sums, and sums of squares of each of the blocks, or of all rows."""
    m = jax.tree.map(np.asarray, held.parts)
    counts, means = m.count.sum(1), m.anchor + m.mean
    squares = m.spread + counts * np.sum(means**2, axis=-1)
    found = counts, counts[..., None] * means, squares
    return tuple(f.sum(0) if blocks == 1 else f for f in found)


def _held(rng: np.random.Generator, **options: Any) -> tuple[np.ndarray, np.ndarray, BlockMoments]:
    z, y = _data(rng, 200)
    return z, y, BlockMoments.empty(3, 4, normalize=False, **options)


# -- dealing ------------------------------------------------------------------------------------


def test_dealing_depends_on_the_row_alone(rng):
    z, y, empty = _held(rng)
    parts = empty
    for at in (slice(0, 100), slice(100, 100), slice(100, 200)):
        parts = parts.update(z[at], y[at])
    whole = empty.update(z, y)
    assert parts.rows == whole.rows == 200
    for left, right in zip(_whole(parts, 20), _whole(whole, 20), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-5, atol=1e-5)


def test_blocks_partition_the_rows(rng):
    z, y, empty = _held(rng)
    member = np.eye(3)[y]
    expected = member.sum(0), member.T @ z, member.T @ np.sum(z**2, axis=1)
    for found, right in zip(_whole(empty.update(z, y)), expected, strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("period", [1, 20, 64])
def test_dealing_has_no_period(period):
    dealt = blocks.dealt(0, 20_000, 20, seed=3)
    sizes = np.bincount(dealt[::period], minlength=20)
    assert stats.chisquare(sizes).pvalue > 1e-4
    assert not np.array_equal(dealt, blocks.dealt(0, 20_000, 20, seed=4))


def test_left_out_rows_and_weights_are_kept(rng):
    z, y, empty = _held(rng)
    y[:10] = -1
    weight = np.where(np.arange(200) % 3 == 0, 0.0, 2.0)
    held = empty.update(z, y, weight)
    np.testing.assert_allclose(held.counts.sum(), weight[10:].sum())
    assert float(held.parts.left_out.sum()) == np.sum(weight[:10] > 0)


def test_merging_shards_adds_their_blocks(rng):
    z, y, empty = _held(rng)
    a, b = empty.update(z, y), replace(empty, seed=1).update(z, y)
    both = a.merge(b)
    assert both.rows == 400
    np.testing.assert_array_equal(both.counts, a.counts + b.counts)
    with pytest.raises(ValueError, match="differ in number: 20, 5"):
        a.merge(BlockMoments.empty(3, 4, blocks=5))


def test_memory_decides_blocks_and_scatter():
    assert blocks.plan(10, 64, None, None, 2**30) == (20, True)
    assert blocks.plan(10, 2048, None, None, 2**30) == (20, True)
    assert blocks.plan(10, 2500, None, None, 2**30) == (10, True)
    assert blocks.plan(10, 8192, None, None, 2**30) == (20, False)
    assert blocks.plan(10, 8192, 30, True, 2**30) == (30, True)  # asked for in so many words
    with pytest.raises(ValueError, match=r"50000 classes in 4096 dimensions need 22\.9 GiB"):
        blocks.plan(50_000, 4096, None, None, 2**30)
    with pytest.raises(ValueError, match="at least two blocks; got 1"):
        BlockMoments.empty(2, 2, blocks=1)


# -- the jackknife ------------------------------------------------------------------------------


def test_student_quantile_is_scipys():
    for level in (0.5, 0.9, 0.95, 0.999):
        for dof in (1, 2, 4, 9, 19, 99):
            mine, theirs = student_quantile(level, dof), stats.t.ppf(0.5 + level / 2, dof)
            assert mine == pytest.approx(theirs, rel=1e-4), (level, dof)


def test_error_of_a_mean_is_its_standard_error(rng):
    x = rng.standard_normal(30)
    bar = jackknife(x.mean(), (x.sum() - x) / 29, REAL_LINE, 0.9)
    assert bar.error == pytest.approx(x.std(ddof=1) / np.sqrt(30))
    assert bar.bias == pytest.approx(0, abs=1e-12)
    low, high = stats.t.interval(0.9, 29, x.mean(), bar.error)
    assert (bar.low, bar.high) == (pytest.approx(low, rel=1e-4), pytest.approx(high, rel=1e-4))


def test_bias_of_the_population_variance_is_found(rng):
    x = rng.standard_normal(30)
    without = np.array([np.delete(x, i).var() for i in range(30)])
    bar = jackknife(x.var(), without, (0, np.inf), 0.95)
    assert x.var() - bar.bias == pytest.approx(x.var(ddof=1))  # exact for this functional


@pytest.mark.parametrize("interval", [(0.0, np.inf), (0.0, 1.0), (-1.0, 1.0)])
def test_intervals_stay_inside_the_range(interval, rng):
    without = 0.01 * (1 + 0.9 * rng.uniform(-1, 1, 20))
    bar = jackknife(0.01, without, interval, 0.999)
    assert interval[0] <= bar.low < 0.01 < bar.high <= interval[1]
    assert interval[0] == -1 or bar.low > 0


def test_no_error_where_there_can_be_none():
    flat = np.ones(20)
    assert jackknife(1.0, flat, REAL_LINE, 0.95).error == 0
    assert "undefined" in jackknife(np.nan, flat, REAL_LINE, 0.95).reason
    assert "3 are needed" in jackknife(1.0, flat[:2], REAL_LINE, 0.95).reason
    flat[3] = np.nan
    assert "one of the blocks" in jackknife(1.0, flat, REAL_LINE, 0.95).reason


def test_leaving_out_by_merges_is_recomputing(rng):
    z, y, empty = _held(rng)
    held, dealt = empty.update(z, y), blocks.dealt(0, 200, 20, 0)
    names = ("scatter_ratio", "effective_rank")

    @jax.jit
    def compute(weight: jax.Array) -> list[jax.Array]:
        e = Evidence(ClassMoments.of(z.astype(np.float64), y, 3, weight, normalize=False))
        return [METRICS[name].value(e) for name in names]

    with jax.enable_x64(True):
        table = jax.device_get(errorbars._leave_one_out(held.parts, names, Options()))
        for b in (0, 19, 20):  # the last is of all rows
            expected = jax.device_get(compute(jnp.asarray(dealt != b, jnp.float64)))
            np.testing.assert_allclose([t[b] for t in table], expected, rtol=1e-5)


def test_every_number_has_an_error_or_a_reason(rng):
    z, y = _data(rng, 300, 4, 12)
    y[y == 2] = 1
    y[0] = 2  # a class of one row
    with jax.enable_x64(True):  # as in an audit, which then has compiled it
        held = BlockMoments.empty(4, 12, dtype=jnp.float64).update(z, y)
        bars = error_bars(held)
    assert list(bars) == [m.name for m in METRICS]
    for name, bar in bars.items():
        if bar.error is None:
            assert bar.reason
        else:
            assert ("worst of many" in bar.reason) == (name in EXTREMES)
            assert bar.low <= bar.value <= bar.high, name
            lone = "1 class(es) have all their rows in one block" in bar.reason
            assert lone == METRICS[name].labels
        assert name not in ("class_coherence", "effective_rank") or np.isfinite(bar.value)


# -- coverage -----------------------------------------------------------------------------------

ROWS = 400
NAMES = (
    "within_class_variance",
    "scatter_ratio",
    "effective_rank",
    "class_simplex_error",
    "class_simplex_error_centred",
    "class_frame_potential",
)


def _sample(key: jax.Array, n: int, ordered: bool) -> tuple[jax.Array, jax.Array]:
    """Four unequal, anisotropic classes in six dimensions, in random order or sorted."""
    rng = np.random.default_rng(0)
    centres, scale = jnp.asarray(rng.standard_normal((4, 6)) + 0.3), jnp.linspace(0.4, 1.2, 6)
    label, noise = jax.random.split(key)
    y = jax.random.choice(label, 4, (n,), p=jnp.array([0.1, 0.2, 0.3, 0.4]))
    y = jnp.sort(y) if ordered else y
    return centres[y] + scale * jax.random.normal(noise, (n, 6)), y


def _fresh(key: jax.Array) -> list[jax.Array]:
    e = Evidence(ClassMoments.of(*_sample(key, ROWS, False), 4))
    return [METRICS[name].value(e) for name in NAMES]


def test_intervals_cover():
    """300 repetitions: a 95% interval covers the mean of the number at this n in 90-98%."""
    empty = BlockMoments.empty(4, 6).parts
    slots = blocks._slots(blocks.dealt(0, ROWS, 20, SEED), 20)

    def held(key: jax.Array) -> list[jax.Array]:
        # Sorted by class: the dealing must not mind the order.
        parts = blocks._update(empty, *_sample(key, ROWS, True), jnp.ones(ROWS), slots)
        return errorbars._leave_one_out(parts, NAMES, Options())

    keys = jax.random.split(jax.random.key(SEED), 300)
    others = jax.random.split(jax.random.key(SEED + 1), 3000)
    tables = jax.device_get(jax.jit(jax.vmap(held))(keys))
    fresh = jax.device_get(jax.jit(partial(jax.lax.map, _fresh, batch_size=500))(others))
    for name, table, values in zip(NAMES, tables, fresh, strict=True):
        bars = [jackknife(float(t[-1]), t[:-1], METRICS[name].interval, 0.95) for t in table]
        truth = float(np.mean(values, dtype=np.float64))
        covered = np.mean([bar.low <= truth <= bar.high for bar in bars])
        ratio = np.mean([bar.error for bar in bars]) / np.std(values, dtype=np.float64)
        print(f"{name}: covers {covered:.3f}, error/sd {ratio:.3f}, seed {SEED}")
        assert 0.90 <= covered <= 0.98, (name, covered)
        assert 0.9 <= ratio <= 1.15, (name, ratio)


@pytest.mark.parametrize("tied", [True, False])
def test_errors_of_the_worst_of_many_are_not_too_small(tied):
    """Efron & Stein 1981. Codes of a simplex tie for the worst pair; else one pair stands out."""
    names = ("class_coherence", "class_largest_cosine", "class_babel", "class_average_coherence")
    centres = np.eye(6, 8) - 1 / 6 if tied else np.eye(6, 8)
    centres[5, 0] += 0.0 if tied else 1.0
    y, empty = jnp.arange(ROWS) % 6, BlockMoments.empty(6, 8)
    slots = blocks._slots(blocks.dealt(0, ROWS, 20, SEED), 20)

    def held(key: jax.Array) -> list[jax.Array]:
        z = jnp.asarray(centres, jnp.float32)[y] + 0.5 * jax.random.normal(key, (ROWS, 8))
        parts = blocks._update(empty.parts, z, y, jnp.ones(ROWS), slots)
        return errorbars._leave_one_out(parts, names, Options())

    keys = jax.random.split(jax.random.key(SEED), 600)
    tables = jax.device_get(jax.jit(partial(jax.lax.map, held))(keys))
    for name, table in zip(names, tables, strict=True):
        errors = [jackknife(float(t[-1]), t[:-1], REAL_LINE, 0.95).error for t in table]
        ratio = np.sqrt(np.mean(np.square(errors))) / np.std(table[:, -1], ddof=1)
        assert 0.9 <= ratio <= 3, (name, ratio)
        assert ratio >= 1.2 or not tied, (name, ratio)


# -- warnings -----------------------------------------------------------------------------------


def test_warnings_name_the_classes():
    assert warnings_for(1000, 10, np.full(10, 100)) == []
    few, absent = warnings_for(1000, 10, [990, 3, 4, 0], names=["cat", "dog", "eel", "fox"])
    assert few.startswith("2 classes (dog, eel) have fewer than 5 rows")
    assert absent.startswith("1 class (fox) has no rows")
    (line,) = warnings_for(8, 1, np.ones(8))
    assert "(0, 1, 2, 3, 4, …)" in line


def test_few_rows_for_the_dimensions_are_warned_of():
    (line,) = warnings_for(300, 64, [300])
    assert "below 320 rows" in line
    assert "52.7" in line  # 64/(1 + 64/299)
    assert warnings_for(320, 64, [320]) == []
