"""Codebooks by themselves: numbers against definitions, which codes, and files of any size."""

import itertools
import json
import math

import jax.numpy as jnp
import numpy as np
import pytest

import gramax
from gramax.arrays import codebook as sweeping
from gramax.arrays.codebook import Codebook
from gramax.cli import main
from gramax.metrics.dictionary import CodeEvidence
from gramax.metrics.evidence import Evidence
from gramax.metrics.registry import METRICS
from gramax.moments import ClassMoments
from gramax.streaming import tasks
from gramax.uncertainty.chance.codes import active_at_random, near_pairs_at_random

WORDS = ("class", "classifier", "overloaded", "badly packed", "fewer than 5 rows")


def book(c, d, key=0, shift=0.2):
    """Random codes of many lengths, with a zero one, a copy, and an opposite."""
    rng = np.random.default_rng(key)
    x = (rng.normal(size=(c, d)) + shift) * rng.uniform(0.1, 10, (c, 1))
    x[2], x[4], x[6] = 0, 3 * x[5], -x[7]
    return x


def cosines(x):
    x = x[x.any(axis=1)]
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    return u @ u.conj().T


def evidence(x):
    return CodeEvidence(Codebook.of(x))


def planted(c=3000, d=48, key=0):
    """Random codes, and in them 20 copies, 10 opposites, 15 near-copies and 8 zeros."""
    rng = np.random.default_rng(key)
    x, at = rng.normal(size=(c, d)), rng.permutation(c)
    x[at[:20]] = x[at[20:40]] * rng.uniform(0.5, 2, (20, 1))
    x[at[40:50]] = -x[at[50:60]]
    x[at[60:75]] = x[at[75:90]] + 0.15 * rng.normal(size=(15, d))
    x[at[90:98]] = 0
    pairs = [(at[k], at[k + s]) for s, ks in ((20, range(20)), (15, range(60, 75))) for k in ks]
    alike = {tuple(sorted(map(str, pair))) for pair in pairs}
    return x, alike, {str(k) for k in at[90:98]}


@pytest.fixture
def in_pieces(monkeypatch):
    """Panels, pieces and tiles of few codes, in float32."""
    monkeypatch.setattr(sweeping, "TILE_SIDE", 64)
    monkeypatch.setattr(sweeping, "PANEL_NUMBERS", 1)
    monkeypatch.setattr(sweeping, "PIECE_NUMBERS", 1)
    monkeypatch.setattr(sweeping, "WIDE_WORK", 0)


def check_against_moments(x, rtol):
    """Every metric that passes over codes compute, against that of class means."""
    moments, e = Evidence(ClassMoments.of(x, np.arange(len(x)), len(x))), evidence(x)
    both = [metric for metric in METRICS.of_codes() if metric.compute]
    assert len(both) == 9
    for metric in both:
        found, right = metric.of_codes(e), float(metric.value(moments))
        assert found == pytest.approx(right, rel=rtol, abs=rtol), metric.name


@pytest.mark.parametrize(("c", "d"), [(60, 12), (200, 70), (12, 60), (9, 2)])
def test_passes_give_what_class_means_give(c, d):
    check_against_moments(book(c, d), 1e-9)


def test_panels_and_pieces_give_what_one_does(in_pieces):
    check_against_moments(book(300, 24), 1e-5)


@pytest.mark.parametrize("kind", ["real", "complex"])
def test_numbers_of_each_code_are_as_they_are_defined(kind):
    x = book(40, 9)
    if kind == "complex":
        x = x * np.exp(1j * np.random.default_rng(1).uniform(0, 6, x.shape))
    e, g = evidence(x), np.abs(cosines(x))
    lengths = np.linalg.norm(x[x.any(axis=1)], axis=1)
    right = lengths**2 / ((g * lengths) ** 2).sum(axis=1)
    there = e.sums.alive
    np.testing.assert_allclose(e.per_code.dimensionality[there], right, rtol=1e-10)
    assert right.sum() <= 9 + 1e-9
    if kind == "real":
        found = gramax.metrics.feature_dimensionality(x)
        np.testing.assert_allclose(found[there], right, rtol=1e-10)
        assert np.isnan(found[2])
    np.fill_diagonal(g, 0)
    np.testing.assert_allclose(e.sweep.sums[there], g.sum(axis=1), rtol=1e-10)
    assert METRICS["class_coherence"].of_codes(e) == pytest.approx(g.max(), abs=1e-12)
    # The Babel function, whichever codes are active.
    mu = np.cumsum(-np.sort(-g, axis=1), axis=1).max(axis=0)
    held = [k for k in range(1, 39) if (mu[k - 2] if k > 1 else 0) + mu[k - 1] < 1 - 1e-4]
    assert METRICS["guaranteed_codes"].of_codes(e) == len(held)


def test_the_babel_function_of_more_codes_than_are_kept():
    """Beyond the nearest 16 the guarantee is from an upper bound: it never promises too much."""
    x = np.linalg.qr(np.random.default_rng(0).normal(size=(400, 400)))[0][:300]
    x += 0.003 * np.random.default_rng(1).normal(size=x.shape)
    g = np.abs(cosines(x)) - np.eye(300)
    mu = np.concatenate([[0], np.cumsum(-np.sort(-g, axis=1), axis=1).max(axis=0)])
    right = np.flatnonzero(mu[:-1] + mu[1:] >= 1)[0]
    found = METRICS["guaranteed_codes"].of_codes(evidence(x))
    assert 0.6 * right < found <= right
    assert right > 16


def test_interference_is_that_of_all_sets_of_active_codes():
    x = np.random.default_rng(0).normal(size=(7, 3)) + 0.5
    g, e = cosines(x), evidence(x)
    for place, k in enumerate(e.active[:3]):
        readings = [
            g[i, list(some)].sum()
            for some in itertools.combinations(range(7), k)
            for i in set(range(7)) - set(some)
        ]
        assert e.interference[place] == pytest.approx(np.sqrt(np.mean(np.square(readings))))


@pytest.mark.parametrize("key", range(3))
def test_draws_are_read_as_they_are_and_no_guarantee_is_broken(key):
    x = np.random.default_rng(key).normal(size=(80, 30))
    e, g = evidence(x), cosines(x)
    rng = np.random.default_rng(1)  # the orders that are drawn
    order = rng.permutation(80)[: e.active[-1]]
    for place, k in enumerate(e.active):
        readings = np.abs(g[:, order[:k]].sum(axis=1))
        active = np.isin(np.arange(80), order[:k])
        assert e.per_code.quietest[0, place] == pytest.approx(readings[active].min(), rel=1e-4)
        assert e.per_code.loudest[0, place] == pytest.approx(readings[~active].max(), rel=1e-4)
    sure = METRICS["guaranteed_codes"].of_codes(e)
    assert not e.drowned[e.active <= sure].any()
    assert METRICS["active_codes"].of_codes(e) >= sure


def test_orthogonal_codes_can_all_be_active_and_copies_none():
    report = gramax.audit(np.eye(12), codes=True)
    assert (report["active_codes"], report["guaranteed_codes"]) == (12, 12)
    assert report["feature_dimensionality"] == 1
    assert report.diagnosis.kind == "well spread"
    same = gramax.audit(np.ones((40, 5)), codes=True)
    assert (same["active_codes"], same["guaranteed_codes"], same["repeated_codes"]) == (0, 0, 1)
    assert same["feature_dimensionality"] == pytest.approx(1 / 40)
    assert same.diagnosis.kind == "one direction"
    assert len(same.codebook.groups) == 1


@pytest.mark.parametrize(("c", "d"), [(400, 40), (1000, 128)])
def test_random_codes_are_as_chance_has_them(c, d):
    e = evidence(np.random.default_rng(5).normal(size=(c, d)))
    law = active_at_random(c, d, e.active)
    assert METRICS["active_codes"].of_codes(e) == pytest.approx(law.mean, abs=1.5 + 3 * law.sd)
    few = evidence(np.random.default_rng(5).normal(size=(c, 3)))
    expected = near_pairs_at_random(c, 3, sweeping.NEAR_PAIR)
    assert few.sweep.pairs.count == pytest.approx(expected, rel=0.2)


# -- which codes --------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [False, True])
def test_all_planted_codes_are_found_and_nothing_else(pieces, request):
    if pieces:
        request.getfixturevalue("in_pieces")
    x, alike, dead = planted()
    found = gramax.audit(x, codes=True).codebook
    assert {tuple(sorted((a, b))) for a, b, cosine in found.near if cosine > 0} == alike
    assert {tuple(sorted(group)) for group in found.groups} == alike
    assert set(found.dead) == dead
    assert (found.pairs, found.opposite, found.copies) == (45, 10, 30)
    assert found.expected < 1e-6


def test_words_count_before_they_list_and_speak_of_codes_alone(monkeypatch):
    monkeypatch.setenv("COLUMNS", "110")  # no question is folded
    x, _, _ = planted()
    report = gramax.audit(x, codes=True)
    said = " ".join(str(report).split())
    assert "45 pairs above 0.95, random codes 0.6" in said
    assert "35 alike and 10 opposite, 30 of them copies up to rounding" in said
    assert "8 dead rows: " in said
    assert "(8 in the JSON)" in said
    assert "45 near-copies or opposites among 4,474,536 pairs" in said
    assert report.diagnosis.kind == "sound but for a few"
    told = said.replace("Are classes tightening?", "").replace("class codes", "").lower()
    assert not [word for word in WORDS if word in told]
    assert not report.warnings
    data = report.to_dict()["codebook"]
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert (len(data["near"]), len(data["dead"]), len(data["groups"])) == (45, 8, 35)
    assert len(data["dimensionality"]["each"]) == 3000
    assert data["dimensionality"]["each"].count(None) == 8


def test_groups_join_what_pairs_join_and_lists_keep_the_worst(monkeypatch):
    monkeypatch.setattr(sweeping, "MAX_PAIRS", 50)
    turn = 0.001 * np.arange(40)[:, None]
    x = np.concatenate([np.eye(6)[:1] + turn * np.eye(6)[1:2], np.eye(6)[2:]])
    found = gramax.audit(x, codes=True).codebook
    assert found.pairs == math.comb(40, 2)
    assert len(found.near) == 50
    assert min(cosine for *_, cosine in found.near) > 1 - 1e-5


def test_names_come_from_labels():
    x = np.eye(4)
    x[3] = x[0]
    found = gramax.audit(x, ["the", "of", "and", "The"], codes=True).codebook
    assert found.groups == (("the", "The"),)


# -- files --------------------------------------------------------------------------------------


@pytest.fixture
def large(monkeypatch):
    """Every codebook of more than 2,000 numbers is read in passes."""
    monkeypatch.setattr(tasks, "MAX_SAMPLED_CODES", 2000)
    monkeypatch.setattr(tasks, "SAMPLED_ROWS", 60)
    monkeypatch.setattr("gramax.audits.codebook.SMALL_CODES", 100)
    monkeypatch.setattr("gramax.audits.codebook.SAMPLED_ROWS", 60)


def test_a_file_read_in_passes_is_audited_as_an_array_is(tmp_path, large, in_pieces, monkeypatch):
    x = book(500, 12, shift=0).astype(np.float16)
    np.save(tmp_path / "a.npy", x[:200])
    np.save(tmp_path / "b.npy", x[200:])
    found = gramax.audit([tmp_path / "a.npy", tmp_path / "b.npy"], codes=True, portrait=True)
    assert "are of a random sample of 59 codes" in found.warnings[0]
    assert "the pictures are of a random sample" in found.warnings[-1]
    assert not found.classes
    monkeypatch.undo()
    whole = gramax.audit(x, codes=True)
    assert found.codebook.near == whole.codebook.near
    assert found.codebook.dead == whole.codebook.dead == ("2",)
    for metric in METRICS.of_codes():
        value = whole[metric.name]
        assert found[metric.name] == pytest.approx(value, rel=1e-5), metric.name
    assert found["effective_rank"] == pytest.approx(whole["effective_rank"], rel=1e-9)
    assert "single row" in found.numbers["collapse_ratio"].reason
    assert "up to 4,096 codes" in found.numbers["nc2_equinorm"].reason
    assert [pair.a for pair in found.worst_pairs[:2]] == [p.a for p in whole.worst_pairs[:2]]


def test_a_large_codebook_of_another_format_is_refused_with_what_to_do(
    tmp_path, large, monkeypatch
):
    np.save(tmp_path / "codes.npy", book(500, 12))
    monkeypatch.setattr("gramax.streaming.codebooks.reads_here", lambda _: False)
    with pytest.raises(gramax.InputError, match=r"write one with numpy\.save"):
        gramax.audit(tmp_path / "codes.npy", codes=True)


def test_rows_that_are_not_finite_are_left_out_and_are_not_dead():
    x = book(60, 8)
    x[9, 3] = np.nan
    with pytest.raises(gramax.InputError, match="row 9, column 3 is nan"):
        gramax.audit(x, codes=True)
    found = gramax.audit(x, codes=True, execution=gramax.Execution(skip_bad=True))
    assert (found.c, found.codebook.dead) == (58, ("2",))
    right = gramax.audit(np.delete(x, 9, axis=0), codes=True)
    assert found["class_babel"] == pytest.approx(right["class_babel"])
    json.dumps(found.to_dict(), allow_nan=False)


def test_refusals_of_nothing_and_of_metrics_of_codes_without_codes(tmp_path, capsys):
    with pytest.raises(gramax.InputError, match="every code is zero"):
        gramax.audit(np.zeros((4, 3)), codes=True)
    one = gramax.audit(np.ones((1, 3)), codes=True)
    assert "at least two codes" in one.numbers["class_coherence"].reason
    np.save(tmp_path / "z.npy", book(40, 6))
    asked = ["audit", str(tmp_path / "z.npy"), "--fail-on", "dead_codes>0"]
    assert main(asked) == 2
    assert "dead_codes" in capsys.readouterr().err
    assert main([*asked, "--codes"]) == 1
    assert "dead_codes is 0.025" in capsys.readouterr().err


# -- complex codes ------------------------------------------------------------------------------


def complex_codes(c=30, d=6, key=0):
    rng = np.random.default_rng(key)
    return rng.normal(size=(c, d)) + 1j * rng.normal(size=(c, d))


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_coherence_takes_complex_codes(array):
    x = complex_codes()
    g = np.abs(cosines(x)) - np.eye(30)
    limit = 1e-12 if array is np.asarray else 1e-6
    assert float(gramax.coherence(array(x))) == pytest.approx(g.max(), abs=limit)
    x[1] = 2j * x[0]
    assert float(gramax.coherence(array(x))) == pytest.approx(1)
    assert np.isnan(gramax.coherence(array(x[:1])))
    x[3, 2] = np.nan
    assert np.isnan(gramax.coherence(array(x)))


def test_a_complex_codebook_is_audited_whatever_the_phases_of_its_codes(tmp_path):
    x = complex_codes(50, 5)
    x[3] = 1j * x[4]
    x[7] = 0
    np.save(tmp_path / "codes.npy", x)
    found = gramax.audit(tmp_path / "codes.npy", codes=True)
    assert found.source == str(tmp_path / "codes.npy")
    assert (found.d, found.c, found.codebook.complex) == (5, 49, True)
    assert (found.codebook.near, found.codebook.dead) == ((("3", "4", 1.0),), ("7",))
    right = np.abs(cosines(x))
    assert found["class_babel"] == pytest.approx(right.sum(axis=1).max() - 1)
    assert found["class_frame_potential"] == pytest.approx((right**2).sum())
    assert "complex" in found.numbers["effective_rank"].reason
    assert found.answers[3].bound in {"Levenshtein, second", "Welch", "Levenshtein, first"}
    turned = gramax.audit(x * np.exp(1j * np.arange(50))[:, None], codes=True)
    for metric in METRICS.of_codes():
        if metric.name in ("class_average_coherence", "active_codes"):
            continue  # of sums of codes, which phases change
        a, b = found[metric.name], turned[metric.name]
        assert a == pytest.approx(b, rel=1e-6) or np.isnan([a, b]).all(), metric.name
    json.dumps(found.to_dict(), allow_nan=False)
    assert "complex codes × 5 dimensions" in str(found)


def test_chance_of_complex_codes_is_that_of_draws():
    found = gramax.audit(complex_codes(200, 8), codes=True).numbers["class_coherence"].chance
    drawn = [float(gramax.coherence(complex_codes(200, 8, key))) for key in range(1, 41)]
    assert found.mean == pytest.approx(np.mean(drawn), abs=4 * found.sd / 40**0.5)
    assert found.sd == pytest.approx(np.std(drawn), rel=0.5)


def test_a_search_tells_the_coherence_of_its_start(tmp_path, capsys):
    x = complex_codes(6, 3)
    np.save(tmp_path / "start.npy", x)
    asked = ["codebook", "6", "3", "--field", "complex", "--rounds", "1"]
    assert main([*asked, "--start", str(tmp_path / "start.npy")]) == 0
    right = (np.abs(cosines(x)) - np.eye(6)).max()
    line = next(line for line in capsys.readouterr().out.splitlines() if "given" in line)
    assert float(line.split()[1]) == pytest.approx(right, abs=1e-11)
    assert len(line.split()[1]) == len("0.123456789012")
