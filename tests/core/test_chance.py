"""Chance: random cosines against SciPy's laws, laws against their formulas, draws against laws."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from gramax.chance import baselines, cosines, draws
from gramax.chance.baselines import by_law, chance, position
from gramax.chance.laws import LAWS, Chance, Setting
from gramax.chance.spectrum import MANY_DIMENSIONS, TRACY_WIDOM, Spectrum, purity
from gramax.chance.work import Costs
from gramax.evidence import Options
from gramax.metrics.reach import frame_potential
from gramax.moments import ClassMoments


def setting(counts, d, normalize=True, variance=None, **options):
    counts = tuple(map(float, counts))
    return Setting(counts, d, normalize, variance or 1 / d, Options(**options))


# -- random cosines -----------------------------------------------------------------------------


def tail(t, d):
    """P(|cos| > t)."""
    return stats.beta.sf(t * t, 0.5, (d - 1) / 2)


@pytest.mark.parametrize(("pairs", "d"), [(1, 2), (5, 3), (45, 20), (300, 200)])
def test_the_largest_cosine(pairs, d):
    def moments(above, low):
        mean = low + integrate.quad(above, low, 1, limit=200)[0]
        square = 2 * integrate.quad(lambda t: (t - mean) * above(t), low, 1, limit=200)[0]
        return mean, math.sqrt((low - mean) ** 2 + square)

    size = moments(lambda t: 1 - (1 - tail(t, d)) ** pairs, 0)
    signed = moments(lambda t: 1 - (1 - tail(t, d) / 2 if t > 0 else tail(t, d) / 2) ** pairs, -1)
    np.testing.assert_allclose(cosines.largest_cosine(pairs, d), size, rtol=2e-5)
    np.testing.assert_allclose(
        cosines.largest_signed_cosine(pairs, d), signed, rtol=2e-5, atol=2e-6
    )


def test_cosines_in_one_dimension():
    assert cosines.largest_cosine(4, 1) == (1, 0)
    mean, sd = cosines.largest_signed_cosine(2, 1)  # 1 but for two times -1
    assert (mean, sd) == (0.5, math.sqrt(0.75))
    np.testing.assert_allclose(cosines.squared_cosine(5), stats.beta(0.5, 2).stats(), rtol=1e-12)
    phi, survival = cosines.angle_tail(50)
    assert (len(phi), phi[0], survival[0], survival[-1]) == (20_001, 0, 1, 0)
    assert phi[-1] == math.pi / 2
    assert cosines.angle_tail(400)[0][-1] == 13 / 20


def test_students_quantile():
    for level in (0.01, 0.5, 0.99):
        for dof in (1, 2, 7):
            right = stats.t.ppf(0.5 + level / 2, dof)
            assert cosines.student_quantile(level, dof) == pytest.approx(right, rel=1e-5)
    for bad in ((0, 3), (1, 3), (0.5, 0)):
        with pytest.raises(ValueError, match="needs 0 < level < 1"):
            cosines.student_quantile(*bad)


def test_the_length_of_a_mean():
    count = np.array([1.0, 2.0, 3.0, 50.0])
    a, b = cosines.length_shapes(count, 4)
    np.testing.assert_allclose(a[1:] / (a + b)[1:], 1 / count[1:], rtol=1e-12)
    variance = 2 * (count - 1) / (4 * count**3)
    np.testing.assert_allclose(stats.beta(a, b).var()[1:], variance[1:], rtol=1e-12)
    mean, spread = cosines.mean_length(count, 4)
    root = special.beta(a + 0.5, b) / special.beta(a, b)
    np.testing.assert_allclose(mean, np.where(count > 1, root, 1), rtol=1e-12)
    np.testing.assert_allclose(spread, 1 / count - mean**2, atol=1e-15)
    line = cosines.length_shapes(np.array([2.0]), 1)  # two rows on a line: 0 or 1
    np.testing.assert_allclose(cosines.mean_length(np.array([2.0]), 1)[0], 0.5, rtol=1e-2)
    np.testing.assert_allclose(line, 5e-4)
    assert cosines.length_shapes(np.array([1.0]), 3)[1] == 1e-9
    # Of many rows the square of the mean length is exp(-1/2d)/m.
    for m, d in ((1e6, 50), (1e10, 10_000)):
        mean, spread = cosines.mean_length(np.array([m]), d)
        exact = -math.expm1(-1 / (2 * d)) / m
        np.testing.assert_allclose(spread, exact, rtol=1e-4)
        np.testing.assert_allclose(mean**2 + spread, 1 / m, rtol=1e-12)
    z = np.array([99.0, 101.0, 3.0])
    steps = [cosines._half_step(v) for v in z]
    np.testing.assert_allclose(steps, np.log(special.poch(z, 0.5)), rtol=1e-12)


# -- laws ---------------------------------------------------------------------------------------

COUNTS = (9, 4, 1, 6)
N, K = 20, 4


def law(name, *args, **how):
    found = LAWS[name](setting(*args, **how))
    return None if found is None else (found.mean, found.sd)


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


def test_distance_from_chance():
    assert Chance(1.0, 0.5, "").z(2.5) == 3
    assert Chance(1.0, 0.0, "").z(1.0) == 0
    assert Chance(1.0, 0.0, "").z(0.0) == -math.inf
    assert math.isnan(Chance(1.0, math.nan, "").z(2.0))
    assert math.isnan(Chance(math.nan, 0.5, "").z(2.0))
    assert (position(3.0, 1.0, 5.0), position(1.0, 1.0, 5.0)) == (0.5, 0)
    assert math.isnan(position(3.0, 5.0, 5.0))


# -- the spectrum -------------------------------------------------------------------------------


def test_sums_over_the_spectrum():
    """E tr W = d, E tr W² = d(1 + (d+1)/m), and var tr W = 2d/m, of W = XᵀX/m."""
    d, m = 100, 400
    s = Spectrum(d, m)
    mean, variance = s.sum_of(lambda x: x)
    np.testing.assert_allclose((mean, variance), (d, 2 * d / m), rtol=1e-9)
    mean, variance = s.sum_of(lambda x: x**2)
    y = d / m
    np.testing.assert_allclose(mean, d * (1 + (d + 1) / m), rtol=1e-9)
    np.testing.assert_allclose(variance, 8 * y * (1 + y) ** 2 + 4 * y * y, rtol=1e-9)
    values = s.quantiles(np.linspace(0, 1, 20_001))
    np.testing.assert_allclose([values[0], values[-1]], [0.25, 2.25], rtol=1e-5)
    np.testing.assert_allclose(np.mean(values), 1, rtol=1e-4)
    np.testing.assert_allclose(np.mean(values**2), 1 + y, rtol=1e-4)
    density = lambda x: math.sqrt((2.25 - x) * (x - 0.25)) / (2 * math.pi * y * x)  # noqa: E731
    below = integrate.quad(density, 0.25, 1.2, epsabs=1e-12, limit=200)[0]
    np.testing.assert_allclose(s.quantiles(np.array([below])), 1.2, rtol=1e-6)


def test_the_largest_eigenvalue():
    mean, sd = Spectrum(100, 400).largest()
    scale = 30 * (1 / 20 + 1 / 10) ** (1 / 3)
    right = (900 - 1.2065335745820 * scale) / 400, 1.2680340580 * scale / 400
    np.testing.assert_allclose((mean, sd), right, rtol=1e-9)
    assert TRACY_WIDOM == (-1.2065335745820, 1.2680340580)


def test_entropies():
    """Of λ: log d - d/2m with its correction of order 1/m; with power 0 all weights are alike."""
    mean, sd = Spectrum(100, 400).entropy_rank(0.0, 0.0)
    np.testing.assert_allclose((mean, sd), (100, 0), atol=1e-6)
    y, k = 0.25, 1e7
    mean, sd = Spectrum(k, k / y).entropy_rank(1.0, 0.0)
    np.testing.assert_allclose(mean, k * math.exp(-y / 2), rtol=1e-5)
    # Var of Σ f(λ), f = -λ log λ + λ(...): by quadrature of its Chebyshev coefficients.
    theta = np.linspace(0, np.pi, 200_001)
    x = 1 + y + 2 * math.sqrt(y) * np.cos(theta)
    f = -x * np.log(x / k) / k - x / k * (math.log(k) - y / 2 - 1)
    a = [2 / np.pi * np.trapezoid(f * np.cos(j * theta), theta) for j in range(1, 30)]
    right = math.sqrt(sum(j * v * v for j, v in enumerate(a, 1)) / 2)
    np.testing.assert_allclose(sd, k * math.exp(-y / 2) * right, rtol=1e-3)
    small, spread = Spectrum(100, 400).entropy_rank(1.0, 0.0)
    total = Spectrum(100, 400).sum_of(lambda x: -x / 100 * np.log(x / 100))[0]
    assert small == pytest.approx(math.exp(total) * (1 + (spread / math.exp(total)) ** 2 / 2))
    raised, _ = Spectrum(100, 400).entropy_rank(1.0, 1e-4)
    assert raised == pytest.approx(small * (1 + 1e-4 * 100 * (math.log(100) - 1)), rel=0.02)


def test_which_spectrum():
    s = setting((100, 100), 80, False)
    assert Spectrum.of(s, True) == Spectrum(80, 199)
    assert Spectrum.of(s, False) == Spectrum(80, 200)
    assert Spectrum.of(setting((100, 100), 300, False), True) == Spectrum(199, 300)
    assert Spectrum.of(setting((100, 100), 80), False) == Spectrum(80, 200 * 82 / 80)
    assert Spectrum.of(setting((100, 100), 63), False) is None
    assert Spectrum.of(setting((32, 32), 80), True) is None
    assert Spectrum.of(setting((32, 32), 80), False) is not None
    assert MANY_DIMENSIONS == 64


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


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("centred", [True, False])
def test_purity(normalize, centred):
    """Σλ²/(Σλ)² of 6 rows in 3 dimensions, over 40 000 draws."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40_000, 6, 3))
    if normalize:
        x /= np.linalg.norm(x, axis=2, keepdims=True)
    trace_of = 1.0
    if centred:
        x = x - x.mean(axis=1, keepdims=True)
    gram = x @ x.transpose(0, 2, 1)
    trace = np.trace(gram, axis1=1, axis2=2)
    if normalize and centred:  # the law divides the mean of squares by that of the trace
        values = np.sum(gram**2, axis=(1, 2)) * trace_of
        m = 5
        exact = np.mean(values) / np.mean(trace) ** 2
        right = 1 / m + (1 + m * m) / (3 * 6 * m)
        assert purity(6, 3, True, True)[0] == pytest.approx(right, rel=1e-12)
        assert exact == pytest.approx(right, rel=0.2)
    else:
        values = np.sum(gram**2, axis=(1, 2)) / trace**2
        assert purity(6, 3, normalize, centred)[0] == pytest.approx(values.mean(), rel=3e-3)
    m = 5 if centred else 6
    assert purity(6, 3, normalize, centred)[1] == pytest.approx(2 / (3 * m) * math.sqrt(2 / 5))


# -- draws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("how", [draws._from_rows, draws._from_laws])
@pytest.mark.parametrize("d", [3, 25])
def test_drawn_moments(normalize, how, d):
    """Their means over 400 draws, for more and for fewer rows than dimensions."""
    s = setting(COUNTS, d, normalize, variance=1e-3)
    rng = np.random.default_rng(2)
    drawn = [how(s, rng, True) for _ in range(400)]
    means, spread, scatter = (np.array(v) for v in zip(*drawn, strict=True))
    counts, total = np.array(COUNTS, float), 1.0 if normalize else 1e-3 * d
    np.testing.assert_allclose(np.mean(np.sum(means**2, axis=2), axis=0), total / counts, rtol=0.15)
    np.testing.assert_allclose(spread.mean(axis=0), total * (counts - 1), rtol=0.1, atol=1e-12)
    np.testing.assert_allclose(np.trace(scatter, axis1=1, axis2=2), spread.sum(axis=1), rtol=1e-9)
    level = total * (N - K) / d
    np.testing.assert_allclose(scatter.mean(axis=0), level * np.eye(d), atol=0.3 * level)
    assert np.all(np.linalg.matrix_rank(scatter[:20]) == min(d, N - K))
    if normalize:
        np.testing.assert_allclose(spread, counts * (1 - np.sum(means**2, axis=2)), atol=1e-9)
    off = np.sqrt(np.mean(scatter[:, *np.triu_indices(d, 1)] ** 2))
    expected = math.sqrt(N - K) * (math.sqrt(1 / (d * (d + 2))) if normalize else 1e-3)
    assert off == pytest.approx(expected, rel=0.06)
    alone = [how(s, rng, False) for _ in range(400)]
    assert alone[0][2] is None
    spread = np.mean([a[1] for a in alone], axis=0)
    np.testing.assert_allclose(spread, total * (counts - 1), rtol=0.1, atol=1e-12)


def test_drawn_moments_lie_where_their_classes_are(monkeypatch):
    s = setting((3, 2), 4)
    for few in (2**15, 0):
        monkeypatch.setattr(draws, "FEW_VALUES", few)
        m = draws.draw(s, np.array([1, 3]), 5, np.random.default_rng(0), False)
        np.testing.assert_array_equal(m.count, [[0, 3, 0, 2, 0], [0] * 5])
        assert m.scatter is None
        assert m.normalize
        np.testing.assert_array_equal(m.anchor[jnp.array([1, 3])], [[1, 0, 0, 0]] * 2)
        lengths = np.sum((np.asarray(m.anchor) + m.mean) ** 2, axis=1)
        np.testing.assert_allclose(m.spread, np.asarray(m.counts) * (1 - lengths), atol=1e-12)
    raw = draws.draw(setting((3, 2), 4, False), np.array([1, 3]), 5, np.random.default_rng(0), True)
    assert not np.any(raw.anchor)
    assert raw.scatter.shape == (4, 4)
    monkeypatch.setattr(draws, "FEW_VALUES", 20)
    assert draws.drawn_as_rows(setting((3, 2), 4), False)
    assert not draws.drawn_as_rows(setting((3, 3), 4), False)
    assert draws.drawn_as_rows(setting((3, 3), 4), True)
    assert not draws.drawn_as_rows(setting((8, 8), 4), True)
    assert draws.drawn_as_rows(setting((8, 7), 4), True)


# -- work ---------------------------------------------------------------------------------------


def test_the_work_of_a_trace():
    def f(x):
        shared = x @ x.T
        many = jax.lax.scan(lambda s, _: (s + 1.0, None), jnp.zeros(3), None, length=7)[0]
        return shared.sum(), jnp.linalg.svd(x, compute_uv=False).sum(), many + shared[0, 0]

    with jax.disable_jit(False):
        jaxpr = jax.make_jaxpr(f)(jnp.zeros((4, 6))).jaxpr
    costs = Costs(jaxpr, ["square", "values", "loop"])
    dot = 4 * 6 * 4
    assert dot + 16 < costs.of(["square"]) < dot + 16 + 60
    assert 15 * 4 * 36 <= costs.of(["values"]) < 15 * 4 * 36 + 80
    assert dot + 21 <= costs.of(["loop"]) < dot + 16 + 90
    both = costs.of(["square", "loop"])
    assert both < costs.of(["square"]) + costs.of(["loop"]) - dot
    names = ["values", "loop", "square"]
    assert costs.affordable(names, 1e9, lambda n: 0.0) == ["square", "loop", "values"]
    assert costs.affordable(names, both, lambda n: 0.0) == ["square", "loop"]
    assert costs.affordable(names, both - 1, lambda n: 0.0) == ["square"]
    assert costs.affordable(names, both, lambda n: 1.0) == ["square"]
    assert costs.affordable(names, 1.0, lambda n: 0.0) == []


# -- the public functions -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(5)
    y = np.repeat([0, 2, 3, 4], COUNTS)
    with jax.enable_x64(True):
        return ClassMoments.of(2 * rng.normal(size=(N, 3)), y, 5, normalize=False, scatter=False)


def test_the_setting_of_data(small):
    found, places = baselines.setting_of(small, Options())
    assert found.counts == COUNTS
    np.testing.assert_array_equal(places, [0, 2, 3, 4])
    total = float(baselines._total_trace(small))
    assert found.variance == pytest.approx(total * N / ((N - 1) * 3))
    assert (found.classes, found.rows, found.dim, found.normalize) == (4, N, 3, False)
    still = ClassMoments.of(np.ones((3, 4)), None, 1, normalize=False)
    assert baselines.setting_of(still, Options())[0].variance == 1
    sphere = ClassMoments.of(np.ones((3, 4)), None, 1)
    assert baselines.setting_of(sphere, Options())[0].variance == 0.25


def test_laws_of_data(small):
    found = by_law(small)
    assert found["scatter_ratio"].mean == pytest.approx((N - K) / (N - 1))
    few = baselines._few_codes(4, 3)
    assert found["class_coherence"] == few
    rng = np.random.default_rng(9)
    x = rng.normal(size=(4000, 4, 3))
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    worst = np.abs(np.triu(x @ x.transpose(0, 2, 1), 1)).max(axis=(1, 2))
    assert few.mean == pytest.approx(worst.mean(), abs=4 * worst.std() / 20)
    assert few.sd == pytest.approx(worst.std(), rel=0.12)
    assert "400 draws, seed 0" in few.method
    rng = np.random.default_rng(0)
    x = np.array([rng.normal(size=(4, 3)) for _ in range(3)])
    x /= np.linalg.norm(x, axis=2, keepdims=True)
    worst = np.abs(np.triu(x @ x.transpose(0, 2, 1), 1)).max(axis=(1, 2))
    three = baselines._few_codes(4, 3, draws=3)
    assert (three.mean, three.sd) == pytest.approx((worst.mean(), worst.std(ddof=1)))
    single = ClassMoments.of(np.eye(4), None, 1)
    assert "class_coherence" not in by_law(single)


def test_seeds():
    assert baselines._seed(None) == 0
    assert baselines._seed(7) == 7
    assert baselines._seed(jax.random.key(5)) == 5
    assert baselines._seed(jax.random.PRNGKey(2**33 + 1)) in (2**33 + 1, 1)


def test_summaries(rng):
    values = rng.normal(size=100)
    found = baselines._summary(values, "m")
    assert (found.mean, found.sd, found.method) == (values.mean(), values.std(ddof=1), "m")
    values[:60] = np.nan
    found = baselines._summary(values, "m")
    assert found.method == "m, undefined in 60"
    assert found.mean == pytest.approx(np.nanmean(values))
    assert math.isnan(baselines._summary(np.array([1.0, np.nan]), "").mean)
    assert baselines._summary(np.array([1.0, 2.0]), "").mean == 1.5
    heavy = rng.normal(size=50)
    heavy[0] = 1e3
    found = baselines._summary(heavy, "m")
    low, middle, high = np.quantile(heavy, (0.1587, 0.5, 0.8413))
    assert (found.mean, found.sd) == (middle, (high - low) / 2)
    assert found.method == "m: median and central spread"
    assert baselines._summary(heavy[:49], "m").method == "m"


def plan(**how):
    at = setting(COUNTS, 3, **how)
    return baselines._Plan(at, np.arange(4), 4, 3, 6)


def test_the_work_of_draws(monkeypatch):
    rows = plan()
    assert rows._draw_work(["scatter_ratio"]) == 100 * N * 3
    assert rows._draw_work(["effective_rank"]) == 100 * N * 3 + (100 + 3) * 9
    monkeypatch.setattr(draws, "FEW_VALUES", 0)
    assert rows._draw_work(["scatter_ratio"]) == 100 * 4 * 3
    assert rows._draw_work(["effective_rank"]) == 100 * 4 * 3 + (100 + 3) * 9
    assert plan()._spectral(["scatter_ratio"]) is False
    assert plan().simulate([]) == {}


def test_simulation(monkeypatch):
    """Six draws of cheap numbers, as many as the budget allows; too dear a number has none."""
    names = ["class_frame_potential", "scatter_ratio"]
    found = plan().simulate(names)
    assert {f.method for f in found.values()} == {"Monte Carlo, 6 draws, seed 3"}
    codes = []
    for i in range(6):
        m = draws.draw(setting(COUNTS, 3), np.arange(4), 4, np.random.default_rng([3, i]), False)
        x = np.asarray(m.anchor + m.mean)
        codes.append(float(frame_potential(x / np.linalg.norm(x, axis=1, keepdims=True))))
    first = found["class_frame_potential"]
    assert (first.mean, first.sd) == pytest.approx((np.mean(codes), np.std(codes, ddof=1)))
    costs = plan()._costs(names)
    work = costs.of(names) + plan()._draw_work(names)
    monkeypatch.setattr(baselines, "CHEAP", 3)
    monkeypatch.setattr(baselines, "FEWEST", 2)
    monkeypatch.setattr(baselines, "DEAR_BUDGET", 0)
    fewest = "Monte Carlo, {} draws, seed 3"
    monkeypatch.setattr(baselines, "BUDGET", 4.5 * work)
    assert plan().simulate(names)["scatter_ratio"].method.startswith(fewest.format(4))
    monkeypatch.setattr(baselines, "BUDGET", 2.9 * work)
    dear = plan().simulate(names)
    assert "too dear" in min(dear.values(), key=lambda f: "Monte" in f.method).method
    monkeypatch.setattr(baselines, "BUDGET", 0)
    monkeypatch.setattr(baselines, "DEAR_BUDGET", 2 * work)
    assert plan().simulate(names)["scatter_ratio"].method.startswith(fewest.format(2))
    monkeypatch.setattr(baselines, "DEAR_BUDGET", 10)
    assert all(math.isnan(f.mean) for f in plan().simulate(names).values())


def test_chance_of_data(small):
    with pytest.raises(ValueError, match="at least 2 draws; got 1"):
        chance(small, draws=1)
    found = chance(small, draws=2, key=4)
    assert found["scatter_ratio"].method == "exact Beta law"
    assert found["cdnv"].method.startswith("Monte Carlo, 2 draws, seed 4")
    assert "effective_rank" not in found
