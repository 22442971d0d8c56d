"""Laws of class means, of the scatter and of pairs: against formulas, SciPy and simulation."""

import math

import numpy as np
import pytest
from scipy import stats
from tests.chance.drawn import SEED, law_of, rows, setting_of

from gramax.metrics import uniformity
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.chance import cosines
from gramax.uncertainty.chance.laws import LAWS, Chance, position

COUNTS, N, K = (9, 4, 1, 6), 20, 4


def test_scatter_ratio():
    mean = (N - K) / (N - 1)
    raw = stats.beta(5 * (N - K) / 2, 5 * (K - 1) / 2)
    same = np.testing.assert_allclose
    same(law_of("scatter_ratio", COUNTS, 5, False), (raw.mean(), raw.std()), rtol=1e-12)
    same(law_of("collapse_ratio", COUNTS, 5, False), (raw.mean(), raw.std()), rtol=1e-12)
    # Σ over pairs of rows of (their weight in 1 - ratio)²/d, to first order.
    y = np.repeat(np.arange(K), COUNTS)
    sizes = np.asarray(COUNTS)[y]
    a = (N - K) / (N * (N - 1))
    weights = np.where(y[:, None] == y, 2 / sizes - 2 * a, -2 * a)[np.triu_indices(N, 1)]
    sd = np.sqrt(np.sum(weights**2) / 5) / (N - 1)
    same(law_of("scatter_ratio", COUNTS, 5), (mean, sd), rtol=1e-12)


@pytest.mark.parametrize("weighting", ["sample", "macro"])
def test_within_class_variance(weighting):
    counts = np.array(COUNTS, float)
    share = counts / N if weighting == "sample" else np.full(K, 1 / K)
    freedom, scale = 5 * (counts - 1), share / counts * 0.3  # of χ² laws
    right = np.sum(scale * freedom), math.sqrt(np.sum(2 * scale**2 * freedom))
    found = law_of("within_class_variance", COUNTS, 5, False, 0.3, weighting=weighting)
    np.testing.assert_allclose(found, right, rtol=1e-12)
    length, spread = cosines.mean_length(counts, 5)
    right = 2 * np.sum(share * (1 - length)), 2 * math.sqrt(np.sum(share**2 * spread))
    found = law_of("within_class_variance", COUNTS, 5, weighting=weighting)
    np.testing.assert_allclose(found, right, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "without", "with_law"),
    [
        ("scatter_ratio", (9,), (2, 1)),
        ("scatter_ratio", (1, 1, 1), (2, 1)),
        ("within_class_variance", (1, 1), (2,)),
        ("collapse_ratio", (500, 499), (500, 500)),
        ("collapse_ratio", (1000,), (500, 500)),
        ("class_coherence", (3,) * 3, (3,) * 2),
        ("class_coherence", (3,) * 29, (3,) * 30),
        ("class_welch_gap", (3,) * 3, (3,) * 2),
        ("class_largest_cosine", (3,) * 6, (3,) * 7),
        ("class_frame_potential", (3,), (3,) * 2),
        ("class_tight_frame_gap", (3,), (3,) * 2),
        ("class_simplex_error", (3,) * 29, (3,) * 30),
        ("mean_cosine", (1,), (1, 1)),
        ("uniformity", (1,), (2,)),
    ],
)
def test_where_laws_end(name, without, with_law):
    assert law_of(name, without, 5) is None
    assert law_of(name, with_law, 5) is not None


def test_laws_of_one_weighting_and_one_scale():
    assert law_of("scatter_ratio", COUNTS, 5, weighting="macro") is None
    assert law_of("mean_cosine", COUNTS, 5, False) is None
    assert law_of("class_simplex_error_centred", (1,) * 40, 38) is None
    assert law_of("class_simplex_error_centred", (1,) * 40, 39) is not None


@pytest.mark.parametrize(("normalize", "d"), [(True, 12), (False, 12), (True, 48)])
def test_laws_of_the_codebook(normalize, d):
    n, c, draws = 1600, 40, 150
    setting = setting_of((n / c,) * c, d, normalize)
    names = [
        name
        for name in LAWS
        if name in METRICS
        and METRICS[name].compute
        and not METRICS[name].spectrum
        and LAWS[name](setting) is not None
    ]
    assert len(names) >= 7
    assert ("class_simplex_error_centred" in names) == (d >= c - 1)
    y, found = np.arange(n) % c, []
    for i in range(draws):
        x = rows(np.random.default_rng([SEED, i]), n, d, normalize)
        e = Evidence(ClassMoments.of(x, y, c, normalize=normalize, scatter=False))
        found.append([float(METRICS[name].value(e)) for name in names])
    for name, values in zip(names, np.array(found).T, strict=True):
        law = LAWS[name](setting)
        print(f"{name}: {law.mean:.5g} ± {law.sd:.2g}, found {values.mean():.5g}, seed {SEED}")
        assert values.mean() == pytest.approx(law.mean, abs=0.35 * law.sd), name
        assert values.std() == pytest.approx(law.sd, rel=0.25), name


@pytest.mark.parametrize(("n", "d"), [(60, 3), (200, 12)])
def test_law_of_the_uniformity(n, d, rng):
    found = [float(uniformity(rng.standard_normal((n, d)))) for _ in range(200)]
    mean, sd = law_of("uniformity", (n,), d)
    assert np.mean(found) == pytest.approx(mean, abs=0.25 * sd)
    assert np.std(found) == pytest.approx(sd, rel=0.2)


def test_laws_serve_as_many_classes_as_there_are():
    setting = setting_of((10.0,) * 50_000, 64)
    assert 0.6 < LAWS["class_coherence"](setting).mean < 0.9
    assert LAWS["class_frame_potential"](setting).mean == pytest.approx(5e4 + 5e4 * 49_999 / 64)


def test_distance_from_chance():
    assert Chance(1.0, 0.5, "").z(2.5) == 3
    assert Chance(1.0, 0.0, "").z(1.0) == 0
    assert Chance(1.0, 0.0, "").z(0.0) == -math.inf
    assert math.isnan(Chance(1.0, math.nan, "").z(2.0))
    assert math.isnan(Chance(math.nan, 0.5, "").z(2.0))
    assert (position(3.0, 1.0, 5.0), position(1.0, 1.0, 5.0)) == (0.5, 0)
    assert math.isnan(position(3.0, 5.0, 5.0))
