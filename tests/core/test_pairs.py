"""Reductions over pairs, the worst of them, and their bounds, against all pairs at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests import field

from gramax import pairs, screening, worst
from gramax.metrics.babel import _top_sums, average_coherence, babel
from gramax.metrics.crosstalk import (
    coherence,
    smooth_coherence_loss,
    welch_floor,
    welch_gap,
    worst_pairs,
)
from gramax.metrics.histogram import add, crosstalk_histogram

pytestmark = pytest.mark.slow  # minutes of compilation; `make mutants` runs it without jit

C, D = 11, 3


@pytest.fixture
def codes(rng):
    """Codes of many lengths, one of them absent."""
    x = rng.normal(size=(C, D)) * np.exp(rng.normal(size=(C, 1)))
    x[4] = 0
    return x


@pytest.fixture(params=[pairs.TILE, 5])
def tile(request, monkeypatch):
    monkeypatch.setattr(pairs, "TILE", request.param)


THERE = np.arange(C) != 4


def cosines(x):
    x = field.unit(x[THERE])
    return (x @ x.T)[np.triu_indices(C - 1, 1)]


def test_folding_shows_every_pair_once_with_its_place(codes, tile):
    gram = np.zeros((C, C))
    gram[np.ix_(THERE, THERE)] = field.unit(codes[THERE]) @ field.unit(codes[THERE]).T
    side = min(C, pairs.TILE)

    def step(seen, cosines, pair, row, column):
        at = row + jnp.arange(side)[:, None], column + jnp.arange(side)
        return seen.at[at].add(jnp.where(pair, cosines, 0))

    seen = pairs.reduce_pairs(jnp.asarray(codes), step, jnp.zeros((C + 4, C + 4)))
    np.testing.assert_allclose(seen[:C, :C], np.triu(gram, 1), atol=1e-14)
    assert not np.any(seen[C:])
    assert not np.any(seen[:, C:])


def test_sums_over_pairs(codes, tile):
    x, exists = jnp.asarray(codes), jnp.asarray(THERE)
    np.testing.assert_array_equal(pairs.present(x), THERE)
    inner = (codes[THERE] @ codes[THERE].T)[np.triu_indices(C - 1, 1)]
    np.testing.assert_allclose(
        pairs.squared_gaps(x, exists, 0.3), np.sum((inner - 0.3) ** 2), rtol=1e-10
    )  # in closed form: 10 codes in 3 dimensions
    some = jnp.asarray(THERE & (np.arange(C) < 7))  # 6 codes: one by one
    inner = (codes[some] @ codes[some].T)[np.triu_indices(6, 1)]
    np.testing.assert_allclose(
        pairs.squared_gaps(x, some, 0.3), np.sum((inner - 0.3) ** 2), rtol=1e-12
    )
    np.testing.assert_allclose(
        pairs.squared_gaps(x[:5], exists[:5], -1.0),
        np.sum(((codes[:4] @ codes[:4].T)[np.triu_indices(4, 1)] + 1) ** 2),
        rtol=1e-12,
    )
    assert pairs.pair_count(exists, jnp.float64) == 45
    np.testing.assert_allclose(pairs.potential(x), np.sum((codes @ codes.T) ** 2), rtol=1e-12)
    np.testing.assert_allclose(pairs.potential(x.T), np.sum((codes @ codes.T) ** 2), rtol=1e-12)
    sums = np.zeros(C)
    sums[THERE] = np.abs(field.cosines(codes[THERE])).sum(axis=1)
    np.testing.assert_allclose(pairs.row_sums(x), sums, rtol=1e-12)


def test_closed_forms_of_the_gaps_are_told_apart(monkeypatch):
    """2d codes are taken one by one, 2d + 1 together: a simplex must keep its digits."""
    called = []
    real = pairs.reduce_products
    monkeypatch.setattr(pairs, "reduce_products", lambda *a: called.append(1) or real(*a))
    for count, one_by_one in ((6, True), (7, False)):
        called.clear()
        with jax.disable_jit():
            pairs.squared_gaps(jnp.ones((9, 3)), jnp.arange(9) < count, 0.0)
            assert bool(called) == one_by_one
            called.clear()
            pairs.squared_gaps(jnp.ones((count, 3)), jnp.ones(count, bool), 0.0)
            assert bool(called) == one_by_one


def test_distances_of_close_rows(codes, tile):
    codes[7] = codes[6] * (1 + 1e-9)
    gaps = field.squared_distances(codes[THERE])[np.triu_indices(C - 1, 1)]

    def step(state, d2, pair, *_):
        total, least = state
        return total + jnp.sum(jnp.where(pair, d2, 0)), jnp.minimum(
            least, jnp.min(jnp.where(pair, d2, jnp.inf))
        )

    total, least = pairs.reduce_distances(
        jnp.asarray(codes), jnp.asarray(THERE), step, (jnp.zeros(()), jnp.asarray(jnp.inf))
    )
    np.testing.assert_allclose(total, gaps.sum(), rtol=1e-12)
    np.testing.assert_allclose(least, gaps.min(), rtol=1e-6)
    quick = jnp.zeros((2, 3))
    far = pairs.where_close(jnp.ones((2, 4)), jnp.zeros((3, 4)), quick, jnp.asarray(False))
    near = pairs.where_close(jnp.ones((2, 4)), jnp.zeros((3, 4)), quick, jnp.asarray(True))
    np.testing.assert_array_equal([far, near], [quick, quick + 4])


def test_differences_are_taken_below_a_sixteenth(monkeypatch):
    took, original = [], pairs.where_close
    monkeypatch.setattr(pairs, "where_close", lambda *v: took.append(bool(v[3])) or original(*v))
    for gap in (0.36, 0.35):  # 0.36² = 0.130 of 1 + 1, 0.35² = 0.123
        a = jnp.array([[1.0, 0.0]])
        b = jnp.array([[1.0 - gap**2 / 2, (gap**2 - gap**4 / 4) ** 0.5]])
        with jax.disable_jit():
            found = pairs._squared_distances(a, b, jnp.array([[True]]))
            pairs._squared_distances(a, b, jnp.array([[False]]))
        np.testing.assert_allclose(found, [[gap**2]], rtol=1e-10)
    assert took == [False, False, True, False]


# -- the worst pairs ----------------------------------------------------------------------------


def brute(x, k):
    gram = np.zeros((len(x), len(x)))
    there = np.any(x != 0, axis=1) & np.all(np.isfinite(x), axis=1)
    gram[np.ix_(there, there)] = field.unit(x[there]) @ field.unit(x[there]).T
    a, b = np.triu_indices(len(x), 1)
    keep = there[a] & there[b]
    a, b = a[keep], b[keep]
    order = np.argsort(-np.abs(gram[a, b]), kind="stable")[:k]
    return np.stack([a, b], axis=1)[order], gram[a, b][order]


@pytest.mark.parametrize("k", [1, 3, 7])
def test_worst_pairs(codes, tile, k):
    found, sizes = worst_pairs(codes, k)
    where, right = brute(codes, k)
    np.testing.assert_array_equal(found, where)
    np.testing.assert_allclose(sizes, right, rtol=1e-12)


def test_ties_absence_and_rows_that_are_not_finite(codes, tile):
    x = np.concatenate([codes[:3], -2 * codes[:3], codes[:1] * 3, codes[4:5]])
    x[2, 0] = np.nan
    found, sizes = worst_pairs(x, 30)
    where, right = brute(x, 30)
    assert len(where) == 15
    ones = 4  # (0, 3), (0, 6), (1, 4), (3, 6): all within rounding of 1, by index
    np.testing.assert_array_equal(found[:ones], [[0, 3], [0, 6], [1, 4], [3, 6]])
    np.testing.assert_array_equal(sizes[:ones], [-1, 1, -1, -1])
    np.testing.assert_allclose(np.sort(np.abs(sizes[:15])), np.sort(np.abs(right)), rtol=1e-12)
    np.testing.assert_array_equal(found[15:], -1)
    assert np.isnan(sizes[15:]).all()
    for k in (1, 2, 3):
        np.testing.assert_array_equal(worst_pairs(x, k)[0], found[:k])
    np.testing.assert_array_equal(worst_pairs(np.eye(3), 2)[0], [[0, 1], [0, 2]])


def test_what_is_1_within_rounding():
    eps = np.finfo(float).eps
    assert worst.same(jnp.ones((2, 9))) == 7 * eps
    for gap, one in ((1e-16, True), (1e-14, False)):
        turn = np.sqrt(2 * gap)
        x = np.array([[1.0, 0, 0], [np.cos(turn), np.sin(turn), 0]])
        assert (worst_pairs(x, 1)[1][0] == 1) == one


@pytest.mark.parametrize("seed", range(4))
def test_screens_keep_all_of_the_k_worst(monkeypatch, seed):
    """One pair is far worse than the next two: what reaches the third must not be ruled out."""
    monkeypatch.setattr(pairs, "TILE", 4)
    monkeypatch.setattr(worst, "TRIALS", 1)
    codes = np.random.default_rng(seed).normal(size=(34, 128)).astype(np.float32)
    codes[1] = codes[0] + 0.1 * codes[2]
    for k in (2, 3):
        found, plain = (worst.largest(jnp.asarray(codes), k, screened=s) for s in (True, False))
        np.testing.assert_array_equal(found.pairs, plain.pairs)


def test_one_device_is_dealt_all_tiles(codes, monkeypatch):
    monkeypatch.setattr(pairs, "TILE", 5)
    mesh = jax.make_mesh((1,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))
    with jax.disable_jit(False):
        np.testing.assert_allclose(
            pairs.row_sums(jnp.asarray(codes), mesh), pairs.row_sums(jnp.asarray(codes)), rtol=1e-12
        )


@pytest.mark.parametrize("d", [3, 128])
def test_screens_change_nothing_and_rule_out(rng, monkeypatch, d):
    monkeypatch.setattr(pairs, "TILE", 4)
    monkeypatch.setattr(worst, "TRIALS", 1)
    codes = rng.normal(size=(24, d)).astype(np.float32)
    codes[9] = codes[2] + 0.01 * codes[3]
    plain = worst.largest(jnp.asarray(codes), 1, screened=False)
    found = worst.largest(jnp.asarray(codes), 1)
    np.testing.assert_array_equal(found.pairs, plain.pairs)
    np.testing.assert_array_equal(found.pairs, [[2, 9]])
    np.testing.assert_allclose(found.cosines, plain.cosines)
    assert found.tiles[0] == 21
    assert not np.any(plain.tiles[1:])
    if d == 3:
        assert found.tiles[1] == 0
        assert found.tiles[2] > 0
    else:
        # With the head start, all off the diagonal but the tile of the worst pair.
        assert found.tiles[1] + found.tiles[2] == 14


def test_bounds_hold_and_are_close(rng):
    x = field.unit(rng.normal(size=(48, 128)) * 0.9 ** np.arange(128)).astype(np.float32)
    exact = np.abs(x[:4].astype(float) @ x[8:].T.astype(float)).max()
    for screen in (
        screening.in_all_axes(jnp.asarray(x)),
        screening.in_leading_axes(jnp.asarray(x)),
    ):
        found = float(screening.bound(screen, 0, 8, 4))
        assert exact <= found <= exact + 0.05
    eps = 2.0**-23
    assert screening._rounding(jnp.ones((2, 7))) == 14 * eps
    axes = np.asarray(screening.leading_axes(jnp.asarray(x)), float)
    assert axes.shape == (128, 32)
    np.testing.assert_allclose(axes.T @ axes, np.eye(32), atol=1e-5)
    values = np.linalg.svd(x, compute_uv=False)
    np.testing.assert_allclose(np.linalg.norm(x @ axes), np.linalg.norm(values), rtol=1e-3)


def test_the_slack_of_a_screen(rng):
    x = field.unit(rng.normal(size=(48, 128))).astype(np.float32)
    short = np.asarray(jnp.asarray(x).astype(jnp.bfloat16), float)
    lost = np.linalg.norm(x - short, axis=1).max()
    screen = screening.in_all_axes(jnp.asarray(x))
    np.testing.assert_allclose(screen.slack, 1.01 * lost * (2 + lost) + 256 * 2.0**-23, rtol=1e-4)
    assert screen.rest is None
    screen = screening.in_leading_axes(jnp.asarray(x))
    least = (256 + 2 * 32**1.5) * 2.0**-23
    assert least < screen.slack < least + 2e-5
    rest = np.sqrt(1 - np.sum(np.asarray(screen.short, float) ** 2, axis=1))
    np.testing.assert_allclose(screen.rest, rest, rtol=1e-4)


def test_a_head_start_is_reached(rng):
    x = field.unit(rng.normal(size=(40, 128))).astype(np.float32)
    x[30] = x[3]
    screen = screening.in_leading_axes(jnp.asarray(x))
    for k in (1, 5):
        least = float(screening.head_start(jnp.asarray(x), screen, k))
        sizes = np.sort(np.abs(x @ x.T)[np.triu_indices(40, 1)])[::-1]
        assert 0 < least <= sizes[k - 1]
    np.testing.assert_allclose(screening.head_start(jnp.asarray(x), screen, 1), 1, atol=1e-4)
    assert screening.head_start(jnp.asarray(x), screen, 78) == -1  # 39 + 38 neighbours
    assert screening.head_start(jnp.asarray(x), screen, 77) > -1


# -- numbers of a codebook ----------------------------------------------------------------------


def test_numbers_of_a_codebook(codes, tile):
    sizes, there = np.abs(cosines(codes)), codes[THERE]
    same = np.testing.assert_allclose
    same(coherence(codes), sizes.max(), rtol=1e-12)
    same(babel(codes), field.babel(there), rtol=1e-12)
    same(babel(codes, 3), field.babel(there, 3), rtol=1e-12)
    same(babel(codes, 1), sizes.max(), rtol=1e-12)
    same(babel(codes, C - 1), field.babel(there), rtol=1e-12)
    each = np.sort(np.abs(field.cosines(there)), axis=1)[:, -3:].sum(axis=1)
    same(_top_sums(jnp.asarray(codes), 3, None), np.insert(each, 4, 0), rtol=1e-12)
    same(average_coherence(codes), field.average_coherence(there), rtol=1e-12)
    floor = np.sqrt((10 - 3) / (3 * 9))
    same([welch_floor(10, 3), welch_floor(jnp.asarray(10.0), 3)], floor, rtol=1e-12)
    same([welch_floor(3, 3), welch_floor(1, 1), welch_floor(jnp.asarray(1.0), 1)], 0)
    same([welch_floor(2, 1), welch_floor(jnp.asarray(2.0), 1)], 1)
    same(welch_gap(codes), sizes.max() - floor, rtol=1e-12)
    x = field.unit(there)
    tight = np.sum((x.T @ x / 10 - np.eye(3) / 3) ** 2)
    smooth = np.log(2 * np.sum(np.exp(9 * sizes))) / 9
    same(smooth_coherence_loss(codes, 9.0), smooth + 0.15 * tight, rtol=1e-10)


def test_two_codes_and_fewer():
    two = np.array([[1.0, 0.0], [3.0, 4.0]])
    for f in (coherence, babel, average_coherence):
        np.testing.assert_allclose(f(two), 0.6, rtol=1e-12)
        np.testing.assert_allclose(f(np.pad(two, ((0, 3), (0, 0)))), 0.6, rtol=1e-12)
        assert np.isnan(f(two[:1]))
        assert np.isnan(f(np.where(two == 4, np.nan, two)))
    assert np.isfinite(smooth_coherence_loss(two))
    assert np.isnan(smooth_coherence_loss(two[:1]))
    np.testing.assert_allclose(babel(-two, 5), 0.6, rtol=1e-12)
    for f in (babel, worst_pairs, crosstalk_histogram):
        with pytest.raises(ValueError, match="at least 1; got 0"):
            f(two, 0)


def test_histogram(codes, tile):
    counts, edges = crosstalk_histogram(codes, 4)
    np.testing.assert_array_equal(edges, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(counts, np.histogram(np.abs(cosines(codes)), edges)[0])
    np.testing.assert_array_equal(crosstalk_histogram(np.ones((3, 2)), 1)[0], [3])
    np.testing.assert_array_equal(crosstalk_histogram(np.eye(3), 2)[0], [3, 0])
    low, high = add(jnp.uint32([[2**32 - 1], [5]]), jnp.uint32([[3], [4]]))
    assert (int(low[0]), int(high[0])) == (2, 10)
    low, high = add(jnp.uint32([[1], [0]]), jnp.uint32([[3], [0]]))
    assert (int(low[0]), int(high[0])) == (4, 0)


def test_histogram_of_more_pairs_than_32_bits(monkeypatch):
    from gramax.metrics import histogram

    monkeypatch.setattr(histogram, "_reaching", lambda *_: np.uint32([[7, 2], [3, 1]]))
    counts = crosstalk_histogram(np.eye(3), 2)[0]
    np.testing.assert_array_equal(counts, [5 + 2**33, 2 + 2**32])
