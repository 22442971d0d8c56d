"""Laws of chance: against formulas, SciPy and simulation."""

import math

import numpy as np
import pytest
from scipy import integrate, special, stats
from tests.chance.drawn import SEED, law_of, rows, setting_of

from gramax.metrics import uniformity
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments.class_moments import ClassMoments
from gramax.uncertainty.chance import cosines
from gramax.uncertainty.chance.laws import LAWS, Chance
from gramax.uncertainty.chance.spectrum import Spectrum, purity

COUNTS, N, K = (9, 4, 1, 6), 20, 4
same = np.testing.assert_allclose


def test_distance_from_chance():
    sure, unknown = Chance(1.0, 0.0, ""), Chance(1.0, math.nan, "")
    assert Chance(1.0, 0.5, "").z(2.5) == 3
    assert all(math.isnan(one.z(z)) for one in (sure, unknown) for z in (0.0, 1.0))
    assert math.isnan(Chance(math.nan, 0.5, "").z(2.0))


# -- cosines ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pairs", "d"), [(1, 2), (5, 3), (45, 20), (300, 200)])
def test_the_largest_cosine(pairs, d):
    def tail(t):
        return stats.beta.sf(t * t, 0.5, (d - 1) / 2)

    def moments(above, low):
        mean = low + integrate.quad(above, low, 1, limit=200)[0]
        square = 2 * integrate.quad(lambda t: (t - mean) * above(t), low, 1, limit=200)[0]
        return mean, math.sqrt((low - mean) ** 2 + square)

    size = moments(lambda t: 1 - (1 - tail(t)) ** pairs, 0)
    signed = moments(lambda t: 1 - (1 - tail(t) / 2 if t > 0 else tail(t) / 2) ** pairs, -1)
    same(cosines.largest_cosine(pairs, d), size, rtol=2e-5)
    same(cosines.largest_cosine(pairs, d, signed=True), signed, rtol=2e-5, atol=2e-6)


def test_cosines_at_the_ends():
    assert cosines.largest_cosine(4, 1) == (1, 0)
    assert cosines.largest_cosine(2, 1, signed=True) == (0.5, math.sqrt(0.75))
    mean, _ = cosines.largest_cosine(1.25e9, 768)  # 50 000 classes
    p = special.betaincinv(383.5, 0.5, 1 / 1.25e9)  # where one pair is expected
    assert mean == pytest.approx(math.sqrt(1 - p), rel=0.02)
    mean, sd = cosines.largest_cosine(1e12, 2)
    assert mean == pytest.approx(1, abs=1e-8)
    assert sd < 1e-4


def test_students_quantile():
    for level in (0.01, 0.5, 0.99):
        for dof in (1, 2, 7, 99):
            right = stats.t.ppf(0.5 + level / 2, dof)
            assert cosines.student_quantile(level, dof) == pytest.approx(right, rel=1e-4)
    for bad in ((0, 3), (1, 3), (0.5, 0)):
        with pytest.raises(ValueError, match="needs 0 < level < 1"):
            cosines.student_quantile(*bad)


def test_the_length_of_a_mean():
    count = np.array([1.0, 2.0, 3.0, 50.0])
    a, b = cosines.length_shapes(count, 4)
    same(a[1:] / (a + b)[1:], 1 / count[1:], rtol=1e-12)
    same(stats.beta(a, b).var()[1:], (2 * (count - 1) / (4 * count**3))[1:], rtol=1e-12)
    mean, spread = cosines.mean_length(count, 4)
    root = special.beta(a + 0.5, b) / special.beta(a, b)
    same(mean, np.where(count > 1, root, 1), rtol=1e-12)
    same(spread, 1 / count - mean**2, atol=1e-15)
    # Of many rows the square of the mean length is exp(-1/2d)/m.
    for m, d in ((1e6, 50), (1e10, 10_000)):
        mean, spread = cosines.mean_length(np.array([m]), d)
        same(spread, -math.expm1(-1 / (2 * d)) / m, rtol=1e-4)


@pytest.mark.parametrize("d", [2, 3, 4, 17, 768, 100_000])
def test_angle_tail_is_the_beta_law(d):
    phi, survival = cosines.angle_tail(d)
    at = np.arange(0, 20_000, 997)
    expected = special.betainc((d - 1) / 2, 0.5, np.cos(phi[at]) ** 2)
    seen = expected > 1e-25
    same(survival[at][seen], expected[seen], rtol=2e-5 if d > 4 else 1e-3)


# -- classes ------------------------------------------------------------------------------------


def test_scatter_ratio():
    raw = stats.beta(5 * (N - K) / 2, 5 * (K - 1) / 2)
    for name in ("scatter_ratio", "collapse_ratio"):
        same(law_of(name, COUNTS, 5, False), (raw.mean(), raw.std()), rtol=1e-12)
    # Σ over pairs of rows of (their weight in 1 - ratio)²/d, to first order.
    y = np.repeat(np.arange(K), COUNTS)
    a = (N - K) / (N * (N - 1))
    pair = np.where(y[:, None] == y, 2 / np.asarray(COUNTS)[y] - 2 * a, -2 * a)
    sd = np.sqrt(np.sum(pair[np.triu_indices(N, 1)] ** 2) / 5) / (N - 1)
    same(law_of("scatter_ratio", COUNTS, 5), ((N - K) / (N - 1), sd), rtol=1e-12)


@pytest.mark.parametrize("weighting", ["sample", "macro"])
def test_within_class_variance(weighting):
    counts = np.array(COUNTS, float)
    share = counts / N if weighting == "sample" else np.full(K, 1 / K)
    freedom, scale = 5 * (counts - 1), share / counts * 0.3  # of χ² laws
    right = np.sum(scale * freedom), math.sqrt(np.sum(2 * scale**2 * freedom))
    found = law_of("within_class_variance", COUNTS, 5, False, 0.3, weighting=weighting)
    same(found, right, rtol=1e-12)
    length, spread = cosines.mean_length(counts, 5)
    right = 2 * np.sum(share * (1 - length)), 2 * math.sqrt(np.sum(share**2 * spread))
    same(law_of("within_class_variance", COUNTS, 5, weighting=weighting), right, rtol=1e-12)


SPECTRAL = ("effective_rank", "rankme", "nesum", "stable_rank", "participation_ratio")


@pytest.mark.parametrize(
    ("name", "without", "with_law"),
    [
        ("scatter_ratio", ((9,), 5), ((2, 1), 5)),
        ("scatter_ratio", ((1, 1, 1), 5), ((2, 1), 5)),
        ("within_class_variance", ((1, 1), 5), ((2,), 5)),
        ("collapse_ratio", ((500, 499), 5), ((500, 500), 5)),
        ("collapse_ratio", ((1000,), 5), ((500, 500), 5)),
        ("class_coherence", ((3,) * 3, 5), ((3,) * 2, 5)),
        ("class_coherence", ((3,) * 29, 5), ((3,) * 30, 5)),
        ("class_welch_gap", ((3,) * 3, 5), ((3,) * 2, 5)),
        ("class_largest_cosine", ((3,) * 6, 5), ((3,) * 7, 5)),
        ("class_frame_potential", ((3,), 5), ((3,) * 2, 5)),
        ("class_tight_frame_gap", ((3,), 5), ((3,) * 2, 5)),
        ("class_simplex_error", ((3,) * 29, 5), ((3,) * 30, 5)),
        ("class_simplex_error_centred", ((1,) * 40, 38), ((1,) * 40, 39)),
        ("mean_cosine", ((1,), 5), ((1, 1), 5)),
        ("mean_cosine", (COUNTS, 5, False), (COUNTS, 5)),
        ("uniformity", ((1,), 5), ((2,), 5)),
        *((name, ((100, 100), 63), ((33, 32), 80)) for name in SPECTRAL),
        *((name, ((32, 31), 80), ((33, 32), 80)) for name in SPECTRAL),
    ],
)
def test_where_laws_end(name, without, with_law):
    assert law_of(name, *without) is None
    assert law_of(name, *with_law) is not None
    assert law_of("scatter_ratio", COUNTS, 5, weighting="macro") is None


@pytest.mark.parametrize(("normalize", "d"), [(True, 12), (False, 12), (True, 48)])
def test_laws_of_the_codebook(normalize, d):
    n, c, draws = 1600, 40, 150
    setting, y, found = setting_of((n / c,) * c, d, normalize), np.arange(n) % c, []
    names = [m.name for m in METRICS if m.compute and not m.spectrum and m.name in LAWS]
    laws = {name: LAWS[name](setting) for name in names}
    laws = {name: law for name, law in laws.items() if law is not None}
    assert len(laws) >= 7
    assert ("class_simplex_error_centred" in laws) == (d >= c - 1)
    for i in range(draws):
        x = rows(np.random.default_rng([SEED, i]), n, d, normalize)
        e = Evidence(ClassMoments.of(x, y, c, normalize=normalize, scatter=False))
        found.append([float(METRICS[name].value(e)) for name in laws])
    for (name, law), values in zip(laws.items(), np.array(found).T, strict=True):
        assert values.mean() == pytest.approx(law.mean, abs=0.35 * law.sd), name
        assert values.std() == pytest.approx(law.sd, rel=0.25), name


@pytest.mark.parametrize(("n", "d"), [(60, 3), (200, 12)])
def test_law_of_the_uniformity(n, d, rng):
    found = [float(uniformity(rng.standard_normal((n, d)))) for _ in range(200)]
    mean, sd = law_of("uniformity", (n,), d)
    assert np.mean(found) == pytest.approx(mean, abs=0.25 * sd)
    assert np.std(found) == pytest.approx(sd, rel=0.2)


def test_laws_serve_as_many_classes_as_there_are():
    counts = (10.0,) * 50_000
    assert 0.6 < law_of("class_coherence", counts, 64)[0] < 0.9
    right = 5e4 + 5e4 * 49_999 / 64
    assert law_of("class_frame_potential", counts, 64)[0] == pytest.approx(right)


# -- the spectrum -------------------------------------------------------------------------------


def test_sums_over_the_spectrum():
    """E tr W = d, E tr W² = d(1 + (d+1)/m), and var tr W = 2d/m, of W = XᵀX/m."""
    d, m, y = 100, 400, 0.25
    s = Spectrum(d, m)
    same(s.sum_of(lambda x: x), (d, 2 * d / m), rtol=1e-9)
    right = d * (1 + (d + 1) / m), 8 * y * (1 + y) ** 2 + 4 * y * y
    same(s.sum_of(lambda x: x**2), right, rtol=1e-9)
    values = s.quantiles(np.linspace(0, 1, 20_001))
    same([values[0], values[-1]], [0.25, 2.25], rtol=1e-5)
    same([np.mean(values), np.mean(values**2)], [1, 1 + y], rtol=1e-4)
    density = lambda x: math.sqrt((2.25 - x) * (x - 0.25)) / (2 * math.pi * y * x)  # noqa: E731
    below = integrate.quad(density, 0.25, 1.2, epsabs=1e-12, limit=200)[0]
    same(s.quantiles(np.array([below])), 1.2, rtol=1e-6)
    scale = 30 * (1 / 20 + 1 / 10) ** (1 / 3)
    right = (900 - 1.2065335745820 * scale) / 400, 1.2680340580 * scale / 400
    same(s.largest(), right, rtol=1e-9)


def test_entropies():
    """Of λ: log d - d/2m with its correction of order 1/m; with power 0 all weights are alike."""
    same(Spectrum(100, 400).entropy_rank(0.0, 0.0), (100, 0), atol=1e-6)
    y, k = 0.25, 1e7
    mean, sd = Spectrum(k, k / y).entropy_rank(1.0, 0.0)
    same(mean, k * math.exp(-y / 2), rtol=1e-5)
    # Var of Σ f(λ), f = -λ log λ + λ(...): by quadrature of its Chebyshev coefficients.
    theta = np.linspace(0, np.pi, 200_001)
    x = 1 + y + 2 * math.sqrt(y) * np.cos(theta)
    f = -x * np.log(x / k) / k - x / k * (math.log(k) - y / 2 - 1)
    a = [2 / np.pi * np.trapezoid(f * np.cos(j * theta), theta) for j in range(1, 30)]
    right = math.sqrt(sum(j * v * v for j, v in enumerate(a, 1)) / 2)
    same(sd, k * math.exp(-y / 2) * right, rtol=1e-3)


def test_which_spectrum():
    raw, sphere = setting_of((100, 100), 80, False), setting_of((100, 100), 80)
    assert Spectrum.of(raw, True) == Spectrum(80, 199)
    assert Spectrum.of(raw, False) == Spectrum(80, 200)
    assert Spectrum.of(setting_of((100, 100), 300, False), True) == Spectrum(199, 300)
    assert Spectrum.of(sphere, False) == Spectrum(80, 200 * 82 / 80)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("centred", [True, False])
def test_purity(normalize, centred):
    """Σλ²/(Σλ)² of 6 rows in 3 dimensions, over 40 000 draws."""
    x = np.random.default_rng(1).standard_normal((40_000, 6, 3))
    if normalize:
        x /= np.linalg.norm(x, axis=2, keepdims=True)
    if centred:
        x = x - x.mean(axis=1, keepdims=True)
    gram = x @ x.transpose(0, 2, 1)
    trace, squares = np.trace(gram, axis1=1, axis2=2), np.sum(gram**2, axis=(1, 2))
    if normalize and centred:  # the law divides the mean of squares by that of the trace
        found = np.mean(squares) / np.mean(trace) ** 2
    else:
        found = np.mean(squares / trace**2)
    mean, sd = purity(6, 3, normalize, centred)
    assert mean == pytest.approx(found, rel=3e-3)
    assert sd == pytest.approx(2 / (3 * (5 if centred else 6)) * math.sqrt(2 / 5))


@pytest.mark.parametrize(("n", "d"), [(100, 300), (1200, 80)])
@pytest.mark.parametrize("normalize", [True, False])
def test_laws_of_the_spectrum(n, d, normalize):
    rng, found = np.random.default_rng(SEED), []
    for _ in range(60):
        x = rows(rng, n, d, normalize)
        short = [v @ v.T if n < d else v.T @ v for v in (x, x - x.mean(0))]
        of_x, values = (np.maximum(np.linalg.eigvalsh(gram)[::-1], 0) for gram in short)
        p, q = np.sqrt(of_x) / np.sum(np.sqrt(of_x)) + 1e-7, values[: min(n - 1, d)]
        q = q / q.sum()
        found.append(
            {
                "rankme": np.exp(-np.sum(p * np.log(p))),
                "stable_rank": np.sum(of_x) / of_x[0],
                "effective_rank": np.exp(-np.sum(q * np.log(q))),
                "participation_ratio": 1 / np.sum(q**2),
                "isoscore": (1 / np.sum(q**2) - 1) / (d - 1),
                "nesum": 1 / q[0],
            }
        )
    for name in found[0]:
        values, (mean, sd) = [one[name] for one in found], law_of(name, (n / 2,) * 2, d, normalize)
        entropy = name in ("rankme", "effective_rank") and normalize and n < 2 * d
        assert abs(np.mean(values) - mean) / sd < (1.5 if entropy else 0.9), name
        assert np.std(values) == pytest.approx(sd, rel=0.35), name
