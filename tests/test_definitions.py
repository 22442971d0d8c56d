"""Estimates and intervals to the last digits: their definitions, written out in loops."""

from __future__ import annotations

from functools import cache
from itertools import combinations, permutations, product
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

import gramax
from gramax.arrays.rows import unit_rows
from gramax.decide.codecs import Codecs, Way
from gramax.decide.held_out import Judged, falls_of
from gramax.decide.remedies import Axes
from gramax.metrics import bulk_share, outlier_directions, wasserstein_uniformity
from gramax.metrics.options import Options
from gramax.moments import BlockMoments, ClassMoments
from gramax.uncertainty.chance.laws import SHUFFLED
from gramax.uncertainty.chance.shuffled import shuffled_answers, summed_up
from gramax.uncertainty.chance.spectrum import unbiased_squares
from gramax.uncertainty.companions import companions


def student(share, freedom):
    """The two-sided quantile, between those of whole degrees of freedom."""
    low = int(freedom)
    return np.interp(
        freedom, (low, low + 1), stats.t.ppf(0.5 + share / 2, np.array([low, low + 1]))
    )


# -- companions of few rows ---------------------------------------------------------------------


def over_different(weights, count, term):
    """The mean of `term` over `count` different blocks, weighed by the products of weights."""
    places = list(permutations(range(len(weights)), count))
    return sum(term(*k) for k in places) / sum(np.prod(weights[list(k)]) for k in places)


@pytest.mark.parametrize("center", ["global", "none"])
def test_participation_ratio_from_products_of_different_blocks(rng, center):
    sizes = np.array([4, 3, 6, 5, 2])
    block, y = np.repeat(np.arange(5), sizes), np.arange(20) % 3
    z = rng.normal(size=(20, 6)) * np.arange(1, 7) + 2
    parts = [ClassMoments.of(z[block == b], y[block == b], 3, normalize=False) for b in range(5)]
    found = companions(BlockMoments.of_parts(parts), Options(center=center))
    x = z - z.mean(axis=0) if center == "global" else z
    m = [x[block == b].T @ x[block == b] for b in range(5)]
    s = [x[block == b].sum(axis=0) for b in range(5)]
    above = over_different(sizes, 2, lambda a, b: np.trace(m[a]) * np.trace(m[b]))
    below = over_different(sizes, 2, lambda a, b: np.trace(m[a] @ m[b]))
    if center == "global":
        above -= 2 * over_different(sizes, 3, lambda a, b, c: np.trace(m[a]) * s[b] @ s[c])
        below -= 2 * over_different(sizes, 3, lambda a, b, c: s[b] @ m[a] @ s[c])
        fours = over_different(sizes, 4, lambda a, b, c, d: (s[a] @ s[b]) * (s[c] @ s[d]))
        above, below = above + fours, below + fours
    assert found["participation_ratio"].value == pytest.approx(above / below, rel=1e-10)
    isotropic = (above / below - 1) / 5
    assert found["isoscore"].value == pytest.approx(isotropic, rel=1e-10)
    two = companions(BlockMoments.of_parts(parts[:2]), Options(center=center))
    assert np.isfinite(two["participation_ratio"].value) == (center == "none")


@pytest.fixture
def classes(rng):
    """Four unequal classes, and by loops over them what their companions are made of."""
    sizes, k = np.array([9, 14, 7, 20]), 4
    y, f = np.repeat(np.arange(k), sizes), 50 - k
    z = 0.3 * rng.normal(size=(k, 5))[y] + 0.1 * rng.normal(size=(50, 5)) * [0.5, 1, 1, 1.5, 2]
    rows = [z[y == c] for c in range(k)]
    spread = np.array([np.var(x, axis=0, ddof=1).sum() for x in rows])
    within = sum((x - x.mean(axis=0)).T @ (x - x.mean(axis=0)) for x in rows) / f
    first, second, third = (np.trace(np.linalg.matrix_power(within, p)) for p in (1, 2, 3))
    square = f**2 / ((f - 1) * (f + 2)) * (second - first**2 / f)
    cube = third - 3 * first * square / f - first**3 / f**2
    means = np.stack([x.mean(axis=0) for x in rows])
    found = companions(BlockMoments.empty(k, 5, normalize=False).update(z, y))
    return SimpleNamespace(
        means=means, spread=spread, within=within, square=square, cube=cube, found=found,
        noise=1 / sizes, share=sizes / 50, k=k, f=f,
    )  # fmt: skip


def test_cdnv_divides_by_distances_that_are_drawn_to_their_mean(classes):
    e, distances, variances, both = classes, [], [], []
    for a, b in combinations(range(e.k), 2):
        gap, h = e.means[a] - e.means[b], e.noise[a] + e.noise[b]
        distances.append(gap @ gap - e.spread[a] * e.noise[a] - e.spread[b] * e.noise[b])
        along = max(gap @ e.within @ gap - h * e.square, 0)
        variances.append(2 * h**2 * e.square + 4 * h * along)
        both.append(e.spread[a] + e.spread[b])
    mean, varied = np.mean(distances), np.var(distances, ddof=1) - np.mean(variances)
    assert varied > 0
    drawn = mean + np.sqrt(varied / (varied + np.mean(variances))) * (distances - mean)
    assert e.found["cdnv"].value == pytest.approx(np.mean(both / (2 * drawn)), rel=1e-9)


def gram(e, power):
    """Products of the centred means in Σ_W to a power, less those of their noise."""
    s = e.within
    matrix = (np.eye(5), s, (e.f * s @ s - np.trace(s) * s) / (e.f + 1))[power]
    lone = (e.spread, e.square, e.cube)[power] * e.noise
    centring = np.eye(e.k) - e.share
    centred = centring @ e.means
    return centred @ matrix @ centred.T - centring @ np.diag(lone) @ centring.T


def test_nc1_by_traces_of_gram_matrices_without_noise(classes):
    e = classes
    g, within, twice = (gram(e, power) for power in range(3))
    right = e.share @ e.spread * e.k / np.trace(g)
    assert e.found["nc1_quotient"].value == pytest.approx(right, rel=1e-9)
    across = np.linalg.svd(e.share[None])[2][1:].T
    values, turn = np.linalg.eigh(across.T @ g @ across)
    within, twice = (
        np.maximum(np.einsum("ij,ij->j", across @ turn, h @ across @ turn), 0)
        for h in (within, twice)
    )
    h, excess = np.mean(e.noise), 0.0
    for (i, a), (j, b) in product(enumerate(values), repeat=2):
        # The variance of an entry of the noise of G, and its covariance with that of H.
        own = (1 + (i == j)) * (h**2 * e.square + h * (within[i] + within[j]))
        shared = (1 + (i == j)) * (h**2 * e.cube + h * (twice[i] + twice[j]))
        excess += own * (2 * within[i] / (a**3 * b) + within[j] / (a * b) ** 2)
        excess -= 2 * shared / (a**2 * b)
    right = np.sum(within / values**2) - excess
    assert abs(excess) > 0.03 * right
    assert e.found["nc1_pinv"].value == pytest.approx(right, rel=1e-9)


def test_vci_of_more_rows_than_dimensions_has_wisharts_inverse(classes):
    """E S⁻¹ is Σ⁻¹/(1 - d/f), near enough; the noise of each direction adds to 1/(1+s²)."""
    e, d = classes, 5
    root = np.sqrt(e.share)[:, None]
    centring = np.eye(e.k) - e.share
    centred = root * (centring @ e.means)
    lone = root * (centring @ np.diag(e.noise) @ centring.T) * root.T * d  # in units of Σ_W
    q = (1 - d / e.f) * centred @ np.linalg.inv(e.within) @ centred.T - lone
    across = np.linalg.svd(root.T)[2][1:].T
    s = np.linalg.eigvalsh(across.T @ q @ across)
    h, added = np.mean(e.share * e.noise), 0.0
    for (i, a), (j, b) in product(enumerate(s), repeat=2):
        own = d * h**2 + h * (a + b) + (a + d * h) * (b + d * h) / (e.f - d)
        added += (1 + (i == j)) * own * (2 + a + b) / ((1 + a) * (1 + b)) ** 2 / 2 / len(s)
    right = np.mean(1 / (1 + s)) - added
    assert added > 0.01 * right
    assert e.found["vci"].value == pytest.approx(right, rel=1e-4)


def test_squares_of_eigenvalues_are_without_bias():
    """Wishart's law: E tr W² = f(f+1) tr Σ² + f (tr Σ)², E (tr W)² = f² (tr Σ)² + 2f tr Σ²."""
    values = np.array([3.0, 1.0, 0.2])
    for f in (2, 7, 40):
        t, t2 = values.sum(), np.sum(values**2)
        trace, squares = f**2 * t**2 + 2 * f * t2, f * (f + 1) * t2 + f * t**2
        assert unbiased_squares(np.sqrt(trace), squares, f) == pytest.approx(f**2 * t2)


# -- numbers of a spectrum ----------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(50, 8), (30, 40)])
def test_a_direction_stands_out_above_the_law_of_the_largest_eigenvalue(rng, n, d):
    """2.0234 is the 99 % point of the Tracy-Widom law, σ² the mean eigenvalue."""
    q = np.linalg.qr(rng.normal(size=(n, min(n - 1, d) + 1)) + np.eye(n)[:, :1])[0]
    axes = np.linalg.qr(np.column_stack([np.ones(n), q]))[0][:, 1 : min(n - 1, d) + 1]
    side = np.sqrt(n - 1) + np.sqrt(d)
    edge = side**2 + 2.0234 * side * (1 / np.sqrt(n - 1) + 1 / np.sqrt(d)) ** (1 / 3)
    edge /= (n - 1) * d  # as a share of the whole variance
    for share, told in ((1.0001 * edge, 1), (0.9999 * edge, 0)):
        values = np.full(axes.shape[1], (1 - share) / (axes.shape[1] - 1))
        values[0] = share
        assert values[1] < 0.99 * edge
        z = np.pad(axes * np.sqrt(values), ((0, 0), (0, d - axes.shape[1])))
        assert outlier_directions(z) == told
        assert bulk_share(z) == pytest.approx(1 - told * share)


def test_distance_from_uniform_is_that_of_two_normal_laws(rng):
    z = unit_rows(rng.normal(size=(30, 6)) + np.eye(6)[0])
    covariance = np.cov(z.T, bias=True)
    root = np.sum(np.sqrt(np.linalg.eigvalsh(covariance)))
    mean = z.mean(axis=0)
    right = np.sqrt(mean @ mean + 1 + np.trace(covariance) - 2 / np.sqrt(6) * root)
    assert wasserstein_uniformity(z) == pytest.approx(right, rel=1e-9)


# -- chance under shuffled labels ---------------------------------------------------------------


def test_deviation_and_skewness_of_the_scatter_under_shuffled_labels(rng):
    n, c, scale = 90, 3, np.array([3.0, 1.0, 0.5])
    x = rng.normal(size=(n, 3)) * scale
    law = shuffled_answers(ClassMoments.of(x, np.arange(n) % c, c, normalize=False), x)
    p = np.linalg.eigvalsh(np.cov(x.T))
    p /= p.sum()
    mean = (n - c) / (n - 1)
    sd = np.sqrt(2 * mean * (1 - mean) * np.sum(p**2) / (n - 1))
    skewness = np.sqrt(8 / (c - 1)) * np.sum(p**3) / np.sum(p**2) ** 1.5
    found = law["scatter_ratio"]
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert found.sd == pytest.approx(sd * (1 + 4 / 9 * skewness), rel=1e-9)
    orders = rng.permuted(np.tile(np.arange(n), (20_000, 1)), axis=1).reshape(-1, c, n // c)
    x -= x.mean(axis=0)
    between = np.sum(x[orders].mean(axis=2) ** 2, axis=(1, 2)) * n / c / np.sum(x**2)
    assert np.std(between) == pytest.approx(sd, rel=0.05)
    assert stats.skew(between) == pytest.approx(skewness, rel=0.15)


@pytest.mark.parametrize(("b", "k"), [(20, 3), (250, 5), (1000, 20)])
def test_draws_are_summed_up_by_their_outermost(b, k):
    """Evenly spread, with a tail to one side, and with one so heavy that quantiles are taken."""
    few = stats.t.ppf(0.5 + 0.9973 / 2, b - 1) / 3 * np.sqrt(1 + 1 / b)
    outer = stats.norm.pdf(stats.norm.ppf(1 - k / b)) / (k / b) / (1 + 0.3 / np.sqrt(k))
    at = (np.arange(b) + 0.5) / b
    for draws in (at, stats.expon.ppf(at), -stats.expon.ppf(at)):
        found, inner = summed_up(draws, SHUFFLED, "x"), np.sort(draws)
        sides = inner.mean() - inner[:k].mean(), inner[-k:].mean() - inner.mean()
        sd = max(np.std(draws, ddof=1), max(sides) / outer) * few
        assert (found.mean, found.sd) == pytest.approx((draws.mean(), sd), rel=1e-3)
    if b >= 250:
        heavy = summed_up(np.where(at < 0.995, at, 1e3), SHUFFLED, "x")
        assert heavy.mean == pytest.approx(0.5, abs=1 / b)
        assert heavy.sd > 10


# -- decisions ----------------------------------------------------------------------------------


def test_gains_are_paired_shares_as_far_as_blocks_bear_them_out():
    """Agresti & Min 2005 with Student's quantile; blocks that hang together widen it."""
    n, tried = 200, 7
    change = np.zeros(n)
    change[::4], change[1::20] = 1, -1
    right = np.stack([change < 0, change > 0])[None]
    rank = np.argsort(np.argsort(change, kind="stable"))
    even, lumps = rank % 10, rank // 20
    t = stats.t.ppf(1 - 0.05 / tried / 2, 9)
    middle = change.sum() / (n + 1)
    variance = (np.sum(change**2) + 1) / (n + 1) - middle**2
    one = Judged(right, even).gain(0, 1, tried)
    assert one.value == pytest.approx(change.mean())
    reach = t * np.sqrt(variance / (n + 1))
    assert (one.low, one.high) == pytest.approx((middle - reach, middle + reach), rel=1e-3)
    sums = [np.sum(change[lumps == k] - change.mean()) for k in range(10)]
    between = np.sum(np.square(sums)) / n * 10 / 9
    assert between > 2 * variance
    reach = t * np.sqrt(between / (n + 1))
    one = Judged(right, lumps).gain(0, 1, tried)
    assert (one.low, one.high) == pytest.approx((middle - reach, middle + reach), rel=1e-3)


def test_the_fall_of_hubness_has_students_interval(rng):
    hubs = rng.normal(size=(2, 5))
    found = falls_of(hubs)[1]
    gaps = hubs[0] - hubs[1]
    ends = stats.t.interval(0.95, 4, gaps.mean(), stats.sem(gaps))
    assert (found.value, found.low, found.high) == pytest.approx((gaps.mean(), *ends), rel=1e-3)


def test_spectra_are_drawn_together_by_oracle_approximating_shrinkage(rng):
    """Chen, Wiesel, Eldar & Hero 2010, equation 23."""
    x, d = rng.normal(size=(40, 6)) * np.arange(1, 7), 6
    axes = Axes(ClassMoments.of(x, np.arange(40) % 2, 2, normalize=False))
    s = np.diag(axes.principal[0])
    above = (1 - 2 / d) * np.trace(s @ s) + np.trace(s) ** 2
    rho = above / (40 + 1 - 2 / d) / (np.trace(s @ s) - np.trace(s) ** 2 / d)
    assert 0 < rho < 1
    right = (1 - rho) * s + rho * np.trace(s) / d * np.eye(d)
    np.testing.assert_allclose(axes.shrunk(np.diag(s)), np.diag(right), rtol=1e-12)
    np.testing.assert_allclose(axes.shrunk(np.full(d, 2.0)), 2.0)  # nothing to draw together
    np.testing.assert_array_equal(axes.shrunk(np.zeros(d)), 1)


def shape_of(rows):
    """Rows about their mean, of length 1 together: searches may move and scale them."""
    x = rows - rows.mean(axis=0)
    return x / np.linalg.norm(x)


@pytest.mark.parametrize("n", [60, 12], ids=["many rows", "few rows"])
def test_coordinates_are_stored_in_the_steps_that_their_rows_span(rng, n):
    x = rng.normal(size=(n, 16)) * np.linspace(2, 0.5, 16) + 1
    codecs = Codecs(x, np.arange(n), normalize=False)
    variances = np.var(x, axis=0)
    low, high = x[:, :4].min(axis=0), x[:, :4].max(axis=0)
    step = (high - low) / 255
    found = codecs.stored(Way("first", 4, "int8"))
    read = step * np.rint((x[:, :4] - low) / step)
    np.testing.assert_allclose(shape_of(found.g), shape_of(read), atol=1e-6)
    kept = (variances[:4].sum() - np.sum(step**2) / 12) / variances.sum()
    assert found.kept == pytest.approx(kept, rel=1e-5)
    components = codecs.stored(Way("PCA", 4, "float32"))
    left, sizes, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    assert components.kept == pytest.approx(np.sum(sizes[:4] ** 2) / np.sum(sizes**2), rel=1e-9)
    right = np.abs(shape_of(left[:, :4] * sizes[:4]))  # an axis may point either way
    np.testing.assert_allclose(np.abs(shape_of(components.g)), right, atol=1e-5)
    np.testing.assert_allclose(
        2 * components.half, np.sum(components.g**2, axis=1), rtol=1e-4, atol=1e-4
    )
    signs = codecs.stored(Way("all", 16, "binary"))
    np.testing.assert_array_equal(signs.g > 0, x > x.mean(axis=0))


@cache
def pairs_of(spread):
    """Rows of eight classes of unlike sizes, one of one row, and what `threshold` says of them."""
    rng = np.random.default_rng(5)
    y = np.repeat(np.arange(8), [30, 50, 25, 60, 40, 35, 45, 1])
    means = rng.normal(size=(8, 6)) + np.arange(8)[:, None] / 4
    z = means[y] + np.array(spread)[y, None] * rng.normal(size=(len(y), 6))
    return unit_rows(z), y, gramax.threshold(z, y)


@pytest.fixture
def pairs():
    return pairs_of((0.8,) * 8)


def left_out(pairs, number):
    """A number of the cosines of one class and of two: of all rows, and without each class."""
    x, y, _ = pairs
    a, b = np.triu_indices(len(x), 1)
    cosines, same = np.sum(x[a] * x[b], axis=1), y[a] == y[b]
    kept = [np.ones(len(a), bool), *((y[a] != k) & (y[b] != k) for k in range(8))]
    whole, *others = (number(cosines[k & same], cosines[k & ~same]) for k in kept)
    return whole, np.array(others)


def worth(sizes):
    return np.sum(sizes) ** 2 / np.sum(np.square(sizes))


def same_pairs(y):
    sizes = np.bincount(y)
    return sizes * (sizes - 1) / 2


def test_the_interval_of_a_distance_is_the_jackknife_over_classes(pairs):
    def apart(same, different):
        return (same.mean() - different.mean()) / np.sqrt((same.var() + different.var()) / 2)

    whole, others = left_out(pairs, apart)
    reach = student(0.95, worth(same_pairs(pairs[1])))
    reach *= np.sqrt(7 / 8 * np.sum((others - whole) ** 2))
    found = pairs[2].d_prime
    assert (found.value, found.low, found.high) == pytest.approx(
        (whole, whole - reach, whole + reach), rel=2e-3
    )


@pytest.mark.parametrize("others", [0.8, 0.05], ids=["all", "one class alone"])
def test_the_interval_of_a_rate_is_the_jackknife_of_its_logit(others):
    """Where no pair fails without one class, half a pair stands for none."""
    _, y, told = pairs = pairs_of((0.8, *(others,) * 7))
    least = 0.5 / same_pairs(y).sum()

    def rejects(same, different):
        return np.mean(same <= np.quantile(different, 0.9))

    def logit(p):
        return np.log(p / (1 - p))

    whole, without = left_out(pairs, rejects)
    assert whole > 10 * least
    assert (without.min() == 0) == (others < 0.1)
    reach = student(0.95, worth(same_pairs(y)))
    reach *= np.sqrt(7 / 8 * np.sum((logit(np.maximum(without, least)) - logit(whole)) ** 2))
    ends = (1 / (1 + np.exp(-(logit(whole) + sign * reach))) for sign in (-1, 1))
    found = told.points[0].rejects
    assert (found.value, found.low, found.high) == pytest.approx((whole, *ends), rel=0.02)


def test_the_interval_of_a_cosine_counts_each_pair_of_classes_once(pairs):
    """The jackknife leaves each out twice; Fafchamps & Gubert 2007 count it once."""
    x, y, found = pairs
    whole, others = left_out(pairs, lambda _, different: np.quantile(different, 0.9))
    excess = np.zeros((8, 8))
    for a, b in combinations(range(8), 2):
        passing = x[y == a] @ x[y == b].T > whole
        excess[a, b] = excess[b, a] = passing.sum() - 0.1 * passing.size
    part = 1 - np.sum(excess**2) / 2 / np.sum(excess.sum(axis=1) ** 2)
    assert 0.5 < part < 1
    reach = student(0.95, worth(np.bincount(y)))
    reach *= np.sqrt(part * 7 / 8 * np.sum((others - whole) ** 2))
    cosine = found.points[0].cosine
    assert (cosine.value, cosine.low, cosine.high) == pytest.approx(
        (whole, whole - reach, whole + reach), abs=3e-3
    )
