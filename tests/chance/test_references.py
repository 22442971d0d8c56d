"""References: exact where a formula is known, and silent where there is nothing to find."""

import numpy as np
import pytest
from benchmarks.references import ALLOWED, UNLABELLED, normal, sizes, with_labels, without_labels
from tests.test_verdict import cloud

import gramax
from gramax.audits.audit import audit_moments
from gramax.metrics.evidence import Evidence
from gramax.metrics.options import Options
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.uncertainty.chance.laws import GAUSSIAN, ISOTROPIC, NOISE, SHUFFLED
from gramax.uncertainty.chance.shuffled import Deck, shuffled, shuffled_answers, summed_up
from gramax.uncertainty.references import normal_rows, references, strong_directions

COUNTS = (30, 18, 9, 3)
Y = np.repeat(np.arange(4), COUNTS)


@pytest.fixture
def rows(rng):
    return np.maximum(normal(rng, 1.0, 60, 8) + 0.2, 0) + 0.01


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("permuted", [True, False])
def test_class_means_are_dealt_by_their_law_over_permutations(rows, permuted, normalize):
    moments = ClassMoments.of(rows, Y, 4, normalize=normalize)
    deck = Deck(moments, rows if permuted else None, Options())
    rng = np.random.default_rng(1)
    means, variances = map(np.stack, zip(*(deck.deal(rng) for _ in range(4000)), strict=True))
    x = rows / np.linalg.norm(rows, axis=1, keepdims=True) if normalize else rows
    covariance, n = np.cov(x.T), len(x)
    for k, m in ((0, 0), (2, 2), (0, 1)):
        expected = covariance * ((k == m) / COUNTS[k] - 1 / n)
        found = np.einsum("bi,bj->ij", means[:, k], means[:, m]) / len(means)
        assert np.linalg.norm(found - expected) < 0.1 * np.linalg.norm(expected)
    # No permutation changes the whole scatter.
    whole = (variances + np.sum(means**2, axis=2)) @ np.array(COUNTS)
    assert whole == pytest.approx(np.full(4000, np.trace(covariance) * (n - 1)), rel=0.2)
    assert whole.mean() == pytest.approx(np.trace(covariance) * (n - 1), rel=1e-2)
    drawn = Evidence(deck.moments(rng, True))
    assert drawn.covariance.trace() == pytest.approx(np.trace(covariance), rel=0.05)


@pytest.mark.parametrize("power", [0.0, 1.5])
def test_the_share_of_the_scatter_has_its_moments_over_permutations(power):
    x = normal(np.random.default_rng(0), power, 120, 10)
    y = np.arange(120) % 5
    law = shuffled_answers(ClassMoments.of(x, y, 5, normalize=False), x)["scatter_ratio"]
    rng, found = np.random.default_rng(1), []
    for _ in range(3000):
        means = np.stack([x[p].mean(0) for p in rng.permutation(120).reshape(5, 24)])
        found.append(24 * np.sum((means - x.mean(0)) ** 2))
    found = 1 - np.array(found) / np.sum((x - x.mean(0)) ** 2)
    assert law.mean == pytest.approx(115 / 119)
    assert found.mean() == pytest.approx(115 / 119, abs=4 * found.std() / 3000**0.5)
    assert 1 <= law.sd / found.std() < 1.6  # wider by the skewness
    assert 0.0005 < np.mean(np.abs(found - law.mean) > 3 * law.sd) + 0.0005 < 0.006


@pytest.mark.parametrize("zipf", [False, True])
def test_shuffled_labels_are_not_found_to_be_anything(zipf):
    x = np.maximum(normal(np.random.default_rng(2), 0.5, 150, 8), 0) + 0.05
    found = with_labels(x, sizes(150, zipf), True, 200, 3)
    assert len(found) > 20
    assert max(found.values()) <= 2 * ALLOWED, found  # 4 of 200: of few draws some have one more
    assert np.mean(list(found.values())) < ALLOWED / 2


def test_normal_rows_are_not_found_to_be_anything():
    for name in ("isotropic", "spectrum 1/i", "strong directions"):
        found = without_labels(UNLABELLED[name], 10, 4)
        assert {"two_nn", "mle_id", "hubness", "uniformity"} <= set(found)
        assert ("alpha_req" in found) == (name != "spectrum 1/i")
        assert sum(found.values()) * 10 <= 1, found


def test_strong_directions_are_counted_where_there_is_noise_beside_them(rng):
    def count(z):
        moments = ClassMoments.of(z, np.zeros(len(z), int), 1, normalize=False)
        found = strong_directions(Evidence(moments), z)
        return found and found[0]

    noise = rng.normal(size=(400, 80))
    strong = np.linalg.qr(rng.normal(size=(80, 5)))[0] * 4
    assert count(noise) == 0
    assert count(noise + rng.normal(size=(400, 5)) @ strong.T) == 5
    assert count(noise[:60] + rng.normal(size=(60, 5)) @ strong.T) == 5
    assert count(normal(rng, 1.0, 400, 80)) is None
    assert count(normal(rng, 1.5, 400, 80)) is None


def test_each_number_is_held_against_what_it_is_of(rng):
    z, y = cloud(rng.normal(size=(4, 12)), 25, 1.0, rng)
    report = gramax.audit(z, y, explain=True)
    for name, number in report.numbers.items():
        if number.chance:
            of = number.chance.reference
            assert (of == SHUFFLED) == METRICS[name].labels, name
            assert of in (SHUFFLED, GAUSSIAN, NOISE), name
    assert report.numbers["mean_cosine"].chance is None
    assert gramax.audit(z, y).numbers["cdnv"].chance is None  # asked for by --explain
    codes = gramax.audit(z[:20], codes=True, explain=True).numbers
    assert {one.chance.reference for one in codes.values() if one.chance} == {ISOTROPIC}
    few = audit_moments(ClassMoments.of(z, y, 4, scatter=False))
    assert few.numbers["scatter_ratio"].chance.reference == ISOTROPIC
    law = audit_moments(ClassMoments.of(z, y, 4)).numbers["class_coherence"].chance
    assert law.reference == SHUFFLED
    assert law.mean == pytest.approx(report.numbers["class_coherence"].chance.mean, rel=0.1)


def test_copied_columns_do_not_make_the_reference_narrow(rng):
    """Ten times the same coordinates are no more dimensions: the deviation is that of few."""
    z = rng.normal(size=(200, 4))
    y = np.arange(200) % 4
    wide = np.repeat(z, 10, axis=1)
    one, ten = (shuffled(ClassMoments.of(x, y, 4), x) for x in (z, wide))
    for name in ("scatter_ratio", "class_coherence", "vci"):
        assert ten[name].mean == pytest.approx(one[name].mean, rel=1e-6), name
        assert ten[name].sd == pytest.approx(one[name].sd, rel=1e-4), name


def test_draws_are_summed_up_with_heavy_tails_and_without_any(rng):
    for values in (rng.normal(size=250), rng.gumbel(size=250), rng.standard_t(2, size=250)):
        law = summed_up(values, SHUFFLED, "x")
        assert np.mean(np.abs(values - law.mean) > 3 * law.sd) <= 0.01
    assert np.isnan(summed_up(np.ones(50), SHUFFLED, "x").sd)
    assert np.isnan(summed_up(np.full(50, np.nan), SHUFFLED, "x").sd)
    assert np.isnan(summed_up(np.arange(4.0), SHUFFLED, "x").sd)


def test_a_sample_of_rows_or_too_many_have_no_normal_rows(rng):
    x = rng.normal(size=(60, 4)).astype(np.float32)
    assert "two_nn" in normal_rows(x, True, 60)
    assert normal_rows(x, True, 61) == {}
    assert normal_rows(np.zeros((20_000, 16), np.float32), True, 20_000) == {}
    none = references(Evidence(ClassMoments.of(x, np.arange(60), 60)), x, labelled=True, codes=True)
    assert all(one.reference == ISOTROPIC for one in none.values())
