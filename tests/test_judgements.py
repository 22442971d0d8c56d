"""Spaces of known truth, one for each way in which words once misjudged them."""

import json

import numpy as np
import pytest

import gramax
from gramax.audits.facts import directions_needed
from gramax.audits.merged import told_apart
from gramax.audits.verdict import tell_worth
from tests import transcription as seed
from tests.test_verdict import cloud, interleaved, simplex

ROOM = 24


def told(z, y=None, **how):
    return gramax.audit(z, y, portrait=False, **how)


def statuses(report):
    return {answer.question: answer.status for answer in report.answers}


def worded(report):
    return " ".join([report.diagnosis.text, *(answer.text for answer in report.answers)])


def well(rng, c=4, rows=40, d=ROOM):
    """Classes that a mean tells apart, in all directions."""
    return cloud(3 * rng.normal(size=(c, d)), rows, 2.0, rng)


# -- a cone, imbalance, features that are not negative --------------------------------------------


@pytest.mark.parametrize("rectify", [np.abs, np.square, lambda x: np.maximum(x, 0)])
@pytest.mark.parametrize("labelled", [True, False])
def test_features_that_are_not_negative_are_no_cone_for_that(rng, rectify, labelled):
    z, y = rectify(rng.normal(size=(300, ROOM))), np.arange(300) % 5
    report = told(z, y if labelled else None)
    assert report["mean_cosine"] > 0.25
    assert abs(report.findings.common) < 0.05
    assert "cone" not in report.diagnosis.properties
    assert statuses(report).get("cone") != "poor"


@pytest.mark.parametrize("labelled", [True, False])
def test_a_pattern_that_all_rows_share_is_a_cone_though_none_is_negative(rng, labelled):
    pattern = 20 * (np.arange(ROOM) < 4)
    z, y = np.maximum(pattern + rng.normal(size=(300, ROOM)), 0), np.arange(300) % 5
    report = told(z, y if labelled else None)
    assert report.findings.common > 0.8
    if labelled:
        assert "cone" in report.diagnosis.properties
    else:
        assert statuses(report)["cone"] == "poor"


@pytest.mark.parametrize("share", [0.2, 0.85])
def test_a_cone_does_not_hang_on_the_sizes_of_classes(rng, share):
    y = rng.choice(5, 600, p=[share, *[(1 - share) / 4] * 4])
    z = simplex(5, ROOM)[y] + 0.2 * rng.normal(size=(600, ROOM)) / np.sqrt(ROOM)
    flat, cone = told(z, y).diagnosis, told(z + 3, y).diagnosis
    assert "cone" not in flat.properties
    assert "cone" in cone.properties
    assert ("imbalance" in flat.properties) == (share > 0.5)


# -- tightness, and what classes need -------------------------------------------------------------


@pytest.mark.parametrize("c", [2, 3])
def test_few_classes_that_overlap_are_not_collapsed_well(rng, c):
    corners = np.array([[0, 0], [1, 0], [0.5, 0.75**0.5]])[:c]
    for apart in (1.5, 3.15):  # deviations: at 3.15 the variance is a tenth of the distance²
        y = np.arange(900) % c
        noise = rng.normal(size=900)[:, None] * [1, 0] if c == 2 else rng.normal(size=(900, 2))
        report = told(apart * corners[y] + noise, y, raw=True)
        assert report.diagnosis.kind == "overlapping"
        assert statuses(report)["collapse"] == "fair"


def test_what_classes_need_follows_from_their_sizes(rng):
    sizes = np.maximum(600 / np.arange(1, 101), 2).astype(int)
    y = np.repeat(np.arange(100), sizes)
    z = simplex(100, 100)[y] + 0.01 * rng.normal(size=(len(y), 100)) / 10
    report = told(z, y)
    assert directions_needed(report) < 50
    assert report["effective_rank"] == pytest.approx(directions_needed(report), rel=0.02)
    assert statuses(report)["rank"] == "good"
    assert report.diagnosis.kind == "neural-collapsed"
    assert directions_needed(told(*well(rng))) == 3


def test_classes_in_a_hierarchy_that_are_told_apart_are_not_collapsed(rng):
    coarse = 20 * rng.normal(size=(2, ROOM))
    codes = coarse[np.arange(16) // 8] + 1.5 * rng.normal(size=(16, ROOM))
    report = told(*cloud(codes, 25, 0.5, rng), raw=True)
    assert report.worth.best.accuracy == 1
    assert report["effective_rank"] < 0.5 * 15
    assert statuses(report)["rank"] == "fair"
    assert "narrow" not in worded(report)
    assert "augmentation" not in report.diagnosis.advice


# -- single classes and rows ----------------------------------------------------------------------


def test_a_class_that_is_a_point_or_flat_is_named_though_all_else_is_well(rng):
    z, y = well(rng)
    z[y == 2] = z[y == 2][0]
    report = told(z, y)
    assert report.diagnosis.properties[0] == "point classes"
    assert "2 is a point" in report.diagnosis.text
    assert report.findings.flat == ()
    assert report.findings.outlier_count == 0  # it has forty copies
    z, y = well(rng)
    z[y == 1] = z[y == 1][0] + rng.normal(size=(40, 1)) * rng.normal(size=ROOM) / 10
    report = told(z, y)
    assert report.findings.flat == ("1",)
    assert "1 spread over far fewer directions" in report.diagnosis.text
    assert not told(*well(rng)).diagnosis.properties


@pytest.mark.parametrize("labelled", [True, False])
def test_copies_and_outliers_are_named_and_counted(rng, labelled):
    z, y = rng.normal(size=(440, ROOM)) + 2, np.arange(440) % 4
    z[np.arange(4) + 100] = -4 - rng.normal(size=(4, ROOM))
    z[200:240] = z[7]
    z[[11, 13]] = z[17]
    report = told(z, y if labelled else None)
    found = report.findings
    assert set(found.outliers) == {100, 101, 102, 103}
    assert (found.copy_groups, found.copied_rows, found.largest_group) == (2, 44, 41)
    assert found.copies[0][:3] == (7, 200, 201)
    assert found.copies[1] == (11, 13, 17)
    assert found.torn_groups == (2 if labelled else 0)
    json.dumps(report.to_dict(), allow_nan=False)
    for words in ("rows 7, 200", "44", "rows 10", "far from all others"):
        assert words in worded(report)


@pytest.mark.parametrize(("n", "d"), [(300, 3), (500, 16), (200, 256)])
def test_normal_rows_and_clusters_of_any_density_have_no_outliers(rng, n, d):
    for normalize in (True, False):
        assert told(rng.normal(size=(n, d)), raw=not normalize).findings.outlier_count == 0
    mixed = np.concatenate([rng.normal(size=(n, d)), 20 + 5 * rng.normal(size=(n // 5, d))])
    assert told(mixed, raw=True).findings.outlier_count <= 1


# -- merged, random, noise ------------------------------------------------------------------------


def test_classes_are_merged_only_where_rows_held_out_are(rng):
    z, y = cloud(rng.normal(size=(100, 128)), 5, 3.0, rng)
    few = told(z, y)
    assert few.worth.nearest_neighbour.accuracy > 0.99
    assert few.merged == ()
    y = np.arange(100) % 2
    two = rng.normal(size=(100, 1024)) + 14 * y[:, None] * np.eye(1024)[0]
    assert told(two, y, raw=True).merged == ()
    same = told(
        rng.normal(size=(400, 64)) + np.arange(8)[np.arange(400) % 8, None] // 7 * 9,
        np.arange(400) % 8,
        raw=True,
    )
    assert len(same.merged) >= 4
    assert same.diagnosis.kind == "classes merged"


def test_means_that_coincide_are_not_merged_classes(rng):
    def with_last(last):  # the rows of the last of five classes, from those of the one before
        z, y = well(rng, c=5, rows=60)
        z[y == 4] = last(z[y == 3].mean(axis=0))
        report = told(z, y, raw=True)
        return [(pair.a, pair.b) for pair in report.merged], report.diagnosis.kind

    noise = rng.normal(size=(60, ROOM)) * 0.4
    assert with_last(lambda mean: mean + noise) == ([("3", "4")], "classes merged")
    assert with_last(lambda mean: mean + 12 * noise)[0] == []  # around the other
    y = np.arange(200) % 2
    z = 20 * rng.normal(size=(200, ROOM))
    z[:, 0] = 0.4 * z[:, 0] / 20 + y  # in a direction of little variance
    report = told(z, y, raw=True)
    assert report.worth.probe.accuracy > 0.8
    assert (report.merged, report.diagnosis.kind) == ((), "overlapping")
    assert statuses(report)["collapse"] == "fair"
    few, y = well(rng, c=2, rows=8)
    few[y == 1] = few[y == 0]
    assert told(few + 0.1 * rng.normal(size=few.shape), y).merged == ()


@pytest.mark.parametrize(("m", "d"), [(16, 256), (40, 24)])
def test_rows_of_one_law_are_told_apart_in_few_draws(rng, m, d):
    def draws(shift):
        pairs = rng.standard_t(3, size=(60, 2, m, d)) * np.arange(1, d + 1) ** -0.5
        return np.mean([told_apart(a, b + shift) for a, b in pairs])

    assert draws(0.0) <= 0.05
    assert draws(3.0) == 1


def test_two_opposite_classes_are_not_poor(rng):
    z, y = cloud(simplex(2, ROOM), 50, 0.5, rng)
    report = told(z, y)
    assert report.worth.best.accuracy == 1
    assert "poor" not in statuses(report).values()


def test_a_cone_in_which_classes_are_told_apart_is_no_point(rng):
    z, y = well(rng)
    report = told(z + 5e4, y)
    assert report["mean_cosine"] > 1 - 1e-6
    assert report.worth.best.accuracy > 0.95
    assert report.diagnosis.kind == "healthy"
    assert "cone" in report.diagnosis.properties


def test_poor_geometry_of_classes_told_apart_says_so_and_merged_pairs_are_excepted(rng):
    codes = 3 * rng.normal(size=(30, ROOM)) + 4 * rng.normal(size=ROOM)
    codes[7] = codes[2] + 0.5
    report = told(*cloud(codes, 40, 0.5, rng))
    poor = [answer.text for answer in report.answers if answer.status == "poor"]
    assert poor
    for text in poor:
        assert "all the same" in text or "not for search" in text
    codes[7] = codes[2]
    report = told(*cloud(codes, 40, 0.5, rng))
    assert tell_worth(report)[1].startswith("The classes can be told apart, all but 2 and 7")


@pytest.mark.parametrize("power", [0, 1.5])
@pytest.mark.parametrize(("n", "c"), [(400, 10), (60, 2), (400, 60)])
def test_noise_earns_nothing_whatever_its_spectrum(rng, power, n, c):
    z = rng.normal(size=(n, 64)) * np.arange(1, 65.0) ** (-power / 2)
    report = told(z + 0.5 * (power > 0), np.arange(n) % c)
    assert "good" not in statuses(report).values()
    assert report.diagnosis.kind == "random"
    assert told(z, rng.permutation(np.arange(n) % c)).diagnosis.kind == "random"


def test_random_labels_are_told_before_a_cone(rng):
    z, y = well(rng)
    assert told(z + 4, rng.permutation(y)).diagnosis.kind == "random"
    assert told(z + 4, y).diagnosis.kind not in ("random", "cone")


def test_coinciding_means_are_not_unrelated_labels(rng):
    z, y = interleaved(rng)
    assert told(z, y).diagnosis.kind == "interleaved"
    side = np.where(np.arange(300) % 2, 1, -1)[:, None] * 6
    y = np.arange(300) // 2 % 2
    z = side * np.eye(ROOM)[y] + rng.normal(size=(300, ROOM)) / 3
    report = told(z, y)
    assert report.worth.nearest_neighbour.accuracy == 1
    assert report.diagnosis.kind == "interleaved"
    assert "order" not in report.diagnosis.advice


def test_better_than_shuffled_labels_is_not_near_the_ideal(rng):
    z, y = cloud(rng.normal(size=(10, ROOM)) + 1, 30, 0.5, rng)
    report = told(z, y)
    assert report.worth.best.accuracy == 1
    status = statuses(report)
    assert (status["crosstalk"], status["reach"]) == ("fair", "fair")
    assert report["class_frame_potential"] > 2 * 100 / 9


# -- pairs of classes -----------------------------------------------------------------------------


def test_pairs_most_alike_and_most_opposite_and_those_that_are_confused(rng):
    codes = np.linalg.qr(rng.normal(size=(ROOM, ROOM)))[0][:8]
    codes[3] = codes[6] + 0.6 * codes[3]
    codes[1] = -codes[5]
    z, y = cloud(codes, 50, 0.9, rng)
    report = told(z, y, worst=3)
    assert (report.alike[0].a, report.alike[0].b) == ("3", "6")
    assert (report.opposite[0].a, report.opposite[0].b) == ("1", "5")
    assert report.alike[0].cosine > 0.5
    assert report.opposite[0].cosine < -0.5
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    near = np.argmax(unit @ unit.T - 2 * np.eye(len(z)), axis=1)
    confused = [{y[i], y[near[i]]} for i in range(len(z)) if y[i] != y[near[i]]]
    assert report.findings.confused[0].rows == confused.count({3, 6})
    assert {report.findings.confused[0].a, report.findings.confused[0].b} == {"3", "6"}
    said = str(report)
    assert said.index("Classes most alike") < said.index("confuse most: 3 · 6")
    assert "Classes most opposite" in said


# -- one number a question ------------------------------------------------------------------------


@pytest.mark.parametrize("draw", range(6))
def test_an_answer_tells_of_the_number_that_stands_beside_it(draw):
    rng = np.random.default_rng(draw)
    z, y = cloud(rng.normal(size=(6, 12)), 30, 0.5 + draw, rng)
    report = told(z + draw % 2, y)
    for answer in report.answers:
        text = answer.text.replace(",", "")
        if answer.question == "collapse":
            assert f"{float(f'{100 * answer.value:.3g}'):g} %" in text
        elif answer.question != "reach":
            assert f"{answer.value:.3g}" in text
    simplex_text = next(a.text for a in report.answers if a.question == "simplex")
    if "On the way" in simplex_text:
        here, there = (float(part.split()[0]) for part in simplex_text.split(" off, ")[0:1] * 2)
        assert here == there  # the same number; the reference is at least a tenth above
        assert report.numbers["class_simplex_error_centred"].chance.mean > 1.1 * here


# -- without labels -------------------------------------------------------------------------------


def corpus(rng, n=500, d=16):
    return seed.unit(rng.normal(size=(n, d)) * np.arange(1, d + 1) ** -0.5)


def amiss(name):
    """A corpus that is spoilt in one way, and what is said of it."""
    rng = np.random.default_rng(3)
    z = corpus(rng)
    if name == "copies":
        z[:100] = z[400:] + 1e-3 * rng.normal(size=(100, 16))
    elif name == "hubs":
        z = rng.normal(size=(500, 256)) * np.where(np.arange(500) < 5, 0.4, 1)[:, None]
        return told(z, raw=True)
    elif name == "cone":
        z += 5
    elif name == "lengths":
        z *= rng.exponential(size=(500, 1)) + 0.1
    elif name == "axis":
        z[:, 9] *= 60
    elif name == "dimension":
        z = rng.normal(size=(600, 400))
    elif name == "outliers":
        z[:6] = 40 * rng.normal(size=(6, 16))
        return told(z, raw=True)
    elif name == "islands":
        z[:60] = np.repeat(30 * rng.normal(size=(4, 16)), 15, axis=0) + z[:60] / 100
        return told(z, raw=True)
    elif name == "contrast":
        z = rng.normal(size=(300, 2000))
    return told(z)


@pytest.mark.parametrize("name", [
    "copies", "hubs", "cone", "lengths", "axis", "dimension", "outliers", "islands", "contrast",
])  # fmt: skip
def test_each_question_of_rows_without_labels_finds_what_is_amiss(name, rng):
    sound = {a.question: a for a in told(corpus(rng)).answers}[name]
    spoilt = {a.question: a for a in amiss(name).answers}[name]
    assert sound.status == "good"
    assert spoilt.status in ("fair", "poor")
    assert spoilt.advice
    assert not sound.advice


def test_clusters_are_told_from_normal_rows(rng):
    told_of = lambda z: {a.question: a.text for a in told(z).answers}["islands"]  # noqa: E731
    assert "form no clusters" in told_of(corpus(rng))
    assert "They form clusters" in told_of(cloud(rng.normal(size=(6, 16)), 80, 1.0, rng)[0])


def test_rank_is_no_disease_without_labels_and_noise_is_called_noise(rng):
    noise = {a.question: a for a in told(rng.normal(size=(800, 96))).answers}["rank"]
    real = {a.question: a for a in told(corpus(rng)).answers}["rank"]
    assert (noise.status, real.status) == ("open", "good")
    assert "as noise does" in noise.text
    thin = told(rng.normal(size=(400, 3)) @ rng.normal(size=(3, 64)))
    assert statuses(thin)["rank"] == "fair"
    assert thin.diagnosis.kind == "healthy"


@pytest.mark.parametrize("n", [3, 5, 12, 60])
def test_few_rows_without_labels_get_the_answers_that_they_allow(rng, n):
    report = told(rng.normal(size=(n, 8)))
    assert "annot be told" not in worded(report)
    assert all(np.isfinite(answer.value) for answer in report.answers)
    assert len(report.answers) >= (10 if n >= 50 else 6)


@pytest.mark.parametrize("labelled", [True, False])
def test_rows_that_are_one_point_or_a_line_are_told_as_such(labelled):
    line = np.linspace(1, 2, 60)[:, None] * np.ones((1, 4))
    for z, kind in ((np.ones((60, 4)), "point-collapsed"), (line, "point-collapsed")):
        for explain in (False, True):
            report = told(z, np.arange(60) % 2 if labelled else None, explain=explain)
            assert report.diagnosis.kind == kind
            json.dumps(report.to_dict(), allow_nan=False)
