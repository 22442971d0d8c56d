"""Each law against its formula, and where there is none."""

import math

import numpy as np
import pytest
from scipy import stats
from tests.core.chance.by_hand import COUNTS, K, N, law

from gramax.uncertainty.chance import cosines
from gramax.uncertainty.chance.laws import MANY_CODES, Chance, position
from gramax.uncertainty.chance.spectrum import Spectrum, purity


def test_scatter_ratio():
    mean = (N - K) / (N - 1)
    raw = stats.beta(5 * (N - K) / 2, 5 * (K - 1) / 2)
    same = np.testing.assert_allclose
    same(law("scatter_ratio", COUNTS, 5, False), (raw.mean(), raw.std()), rtol=1e-12)
    # Σ over pairs of rows of (their weight in 1 - ratio)²/d, to first order.
    y = np.repeat(np.arange(K), COUNTS)
    sizes = np.asarray(COUNTS)[y]
    a = (N - K) / (N * (N - 1))
    weights = np.where(y[:, None] == y, 2 / sizes - 2 * a, -2 * a)[np.triu_indices(N, 1)]
    sd = np.sqrt(np.sum(weights**2) / 5) / (N - 1)
    same(law("scatter_ratio", COUNTS, 5), (mean, sd), rtol=1e-12)
    same(law("collapse_ratio", COUNTS, 5, False), (raw.mean(), raw.std()), rtol=1e-12)
    for none in (((9,), 5), ((1, 1, 1), 5)):
        assert law("scatter_ratio", *none) is None
    assert law("scatter_ratio", (2, 1), 5) is not None
    assert law("scatter_ratio", COUNTS, 5, weighting="macro") is None


@pytest.mark.parametrize("weighting", ["sample", "macro"])
def test_within_class_variance(weighting):
    counts = np.array(COUNTS, float)
    share = counts / N if weighting == "sample" else np.full(K, 1 / K)
    parts = [stats.chi2(5 * (n - 1)) if n > 1 else stats.uniform(0, 0) for n in COUNTS]
    scale = share / counts * 0.3
    mean = sum(w * (p.mean() if n > 1 else 0) for w, p, n in zip(scale, parts, COUNTS, strict=True))
    square = sum(
        w * w * (p.var() if n > 1 else 0) for w, p, n in zip(scale, parts, COUNTS, strict=True)
    )
    found = law("within_class_variance", COUNTS, 5, False, 0.3, weighting=weighting)
    np.testing.assert_allclose(found, (mean, math.sqrt(square)), rtol=1e-12)
    length, spread = cosines.mean_length(counts, 5)
    right = 2 * np.sum(share * (1 - length)), 2 * math.sqrt(np.sum(share**2 * spread))
    found = law("within_class_variance", COUNTS, 5, weighting=weighting)
    np.testing.assert_allclose(found, right, rtol=1e-12)
    assert law("within_class_variance", (1, 1), 5) is None
    assert law("within_class_variance", (2,), 5) is not None
    assert law("within_class_variance", (0.5, 0.5), 5) is None


def test_collapse_ratio_of_many_rows():
    within = law("within_class_variance", (500, 500), 5)
    np.testing.assert_allclose(
        law("collapse_ratio", (500, 500), 5), np.array(within) / (1 - 1 / 1000), rtol=1e-12
    )
    assert law("collapse_ratio", (500, 499), 5) is None
    assert law("collapse_ratio", (1000,), 5) is None
    assert law("collapse_ratio", (1,) * 1000, 5) is None


def test_crosstalk():
    same = np.testing.assert_allclose
    mean, sd = cosines.largest_cosine(40 * 39 / 2, 5)
    same(law("class_coherence", (3,) * 40, 5), (mean, sd))
    same(law("class_coherence", (3, 3), 5), cosines.largest_cosine(1, 5))
    assert law("class_coherence", (3,) * 3, 5) is None
    assert law("class_coherence", (3,) * 29, 5) is None
    assert law("class_coherence", (3,) * 30, 5) is not None
    assert law("class_coherence", (3,), 5) is None
    assert law("class_welch_gap", (3,) * 3, 5) is None
    floor = math.sqrt((40 - 5) / (5 * 39))
    same(law("class_welch_gap", (3,) * 40, 5), (mean - floor, sd), rtol=1e-12)
    same(law("class_welch_gap", (3, 3), 5), cosines.largest_cosine(1, 5))
    mean, sd = cosines.largest_signed_cosine(40 * 39 / 2, 5)
    same(law("class_largest_cosine", (3,) * 40, 5), ((40 * mean - 1) / 39, sd), rtol=1e-12)
    assert law("class_largest_cosine", (3,) * 6, 5) is None
    assert law("class_largest_cosine", (3,) * 7, 5) is not None
    assert law("class_largest_cosine", (3,) * 3, 1) is None
    assert law("class_largest_cosine", (3,) * 4, 1) is not None


def test_frame_potential_and_simplex():
    same = np.testing.assert_allclose
    mean, variance = stats.beta(0.5, 2).stats()  # cos² in 5 dimensions
    right = 40 + 40 * 39 * mean, 2 * math.sqrt(40 * 39 / 2 * variance)
    same(law("class_frame_potential", (3,) * 40, 5), right, rtol=1e-12)
    same(law("class_frame_potential", (3,) * 2, 5), (2 + 2 * mean, 2 * variance**0.5), rtol=1e-12)
    assert law("class_frame_potential", (3,), 5) is None
    assert law("class_tight_frame_gap", (3,), 5) is None
    floor = 40**2 / 5
    gap = right[0] / floor - 1, right[1] / floor
    same(law("class_tight_frame_gap", (3,) * 40, 5), gap, rtol=1e-12)
    few = law("class_frame_potential", (3,) * 3, 5)
    same(law("class_tight_frame_gap", (3,) * 3, 5), (few[0] / 3 - 1, few[1] / 3), rtol=1e-12)
    # (cos + τ)² of a pair: moments of cos of odd order are 0.
    tau = 1 / 39
    pair = mean + tau**2
    spread = variance + mean**2 + 6 * tau**2 * mean + tau**4 - pair**2
    square, var = 39 / 40 * pair, (39 / 40) ** 2 * spread / (40 * 39 / 2)
    root = math.sqrt(square) - var / (8 * square**1.5)
    found = law("class_simplex_error", (3,) * 40, 5)
    same(found, (root, math.sqrt(var / (4 * square))), rtol=1e-12)
    assert law("class_simplex_error", (3,) * 29, 5) is None
    assert law("class_simplex_error", (3,) * 30, 5) is not None


def test_mean_cosine():
    assert law("mean_cosine", COUNTS, 5) == (0, math.sqrt(1 / (N * (N - 1) / 2 * 5)))
    assert law("mean_cosine", COUNTS, 5, False) is None
    assert law("mean_cosine", (1,), 5) is None
    assert law("mean_cosine", (1, 1), 5) is not None


def test_laws_of_ranks():
    same = np.testing.assert_allclose
    s = Spectrum(80, 199)
    same(law("effective_rank", (100, 100), 80, False), s.entropy_rank(1.0, 0.0))
    plain = Spectrum(80, 200)
    same(law("rankme", (100, 100), 80, False), plain.entropy_rank(0.5, 1e-7))
    for name, one in (("nesum", s), ("stable_rank", plain)):
        top, sd = one.largest()
        ratio = 80 / top
        found = law(name, (100, 100), 80, False)
        same(found, (ratio * (1 + (sd / top) ** 2), ratio * sd / top), rtol=1e-9)
    same(
        law("nesum", (100, 100), 80, False, center="none"),
        law("stable_rank", (100, 100), 80, False),
    )
    for name in ("effective_rank", "rankme", "nesum", "stable_rank"):
        assert law(name, (100, 100), 63) is None
    for name in ("participation_ratio", "isoscore"):
        assert law(name, (100, 100), 63) is None
        assert law(name, (32, 32), 80) is None
        assert law(name, (33, 32), 80) is not None
    mean, sd = purity(200, 80, True, True)
    right = (1 + (sd / mean) ** 2) / mean, sd / mean**2
    same(law("participation_ratio", (100, 100), 80), right, rtol=1e-12)
    same(law("isoscore", (100, 100), 80), ((right[0] - 1) / 79, right[1] / 79), rtol=1e-12)


def test_distance_from_chance():
    assert Chance(1.0, 0.5, "").z(2.5) == 3
    assert Chance(1.0, 0.0, "").z(1.0) == 0
    assert Chance(1.0, 0.0, "").z(0.0) == -math.inf
    assert math.isnan(Chance(1.0, math.nan, "").z(2.0))
    assert math.isnan(Chance(math.nan, 0.5, "").z(2.0))
    assert (position(3.0, 1.0, 5.0), position(1.0, 1.0, 5.0)) == (0.5, 0)
    assert math.isnan(position(3.0, 5.0, 5.0))


def test_the_centred_simplex_error_is_that_of_drawn_codes(rng):
    c, d = MANY_CODES, 40
    x = rng.normal(size=(4000, c, d))
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    x -= x.mean(axis=1, keepdims=True)
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    simplex = np.eye(c) - (1 - np.eye(c)) / (c - 1)
    errors = np.linalg.norm(x @ x.transpose(0, 2, 1) - simplex, axis=(1, 2)) / c
    mean, sd = law("class_simplex_error_centred", (1,) * c, d)
    assert abs(mean - errors.mean()) < 0.15 * errors.std()
    assert abs(sd / errors.std() - 1) < 0.15


def test_the_centred_simplex_error_in_full():
    """Pairs of independent cosines, of E x² = v and E x⁴ = 3v²d/(d+2) about ρ, to c = d + 1."""
    c, d = 40, 39
    v = (1 - (1 / 39) ** 2) ** 2 / d
    mean_square, of_square = v * 39 / 40, (780 * (2 / 1600) ** 2) * 2 * v**2 * d / (d + 2)
    mean, sd = law("class_simplex_error_centred", (1,) * c, d)
    root = math.sqrt(mean_square)
    assert mean == pytest.approx(root - of_square / (8 * root**3), rel=1e-12)
    assert sd == pytest.approx(math.sqrt(of_square) / (2 * root), rel=1e-12)
    assert law("class_simplex_error_centred", (1,) * c, d - 1) is None
    assert law("class_simplex_error_centred", (1,) * MANY_CODES, d) is not None
    assert law("class_simplex_error_centred", (1,) * (MANY_CODES - 1), d) is None
