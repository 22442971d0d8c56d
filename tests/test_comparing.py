"""`compare`: alignment against brute force, paired errors, pairs that moved, the command."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gramax
from gramax.cli import main
from gramax.decide.comparison import compare, compare_saved
from gramax.decide.comparison.changes import (
    TOO_FEW,
    change,
    changes_of,
    judged_together,
    largest_moves,
)
from gramax.decide.comparison.conclusion import uses_of
from gramax.decide.comparison.results import Moved, Side
from gramax.decide.comparison.similarity import (
    A_POINT,
    NO_MEMORY,
    CentredRows,
    linear_cka,
    procrustes_similarity,
    similarities,
)
from gramax.errors import InputError
from gramax.uncertainty.errorbars import JUMP, TOO_MANY
from gramax.uncertainty.probes import Outcome
from tests.test_seed import clouds

Z, Y = clouds(7, 300, 12, 4)
NAMES = np.array(["ant", "bee", "cat", "dog"])


def tightened(share):
    means = np.stack([Z[k == Y].mean(axis=0) for k in range(4)])[Y]
    return (means + share * (Z - means)).astype(np.float32)


def similarities_of(*spaces):
    """Of rows in memory, on the sphere."""
    wide = (v.astype(np.float64) for v in spaces)
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in wide)
    return [linear_cka(a, b, debiased=True), linear_cka(a, b), procrustes_similarity(a, b)]


def values_of(found):
    return [one.value for one in found.alignment]


@pytest.fixture(scope="module")
def found():
    return compare(Z, tightened(0.6), NAMES[Y])


def test_alignment_of_streams_is_that_of_arrays(found, monkeypatch):
    expected = similarities_of(Z, tightened(0.6))
    assert values_of(found) == pytest.approx(expected, rel=1e-12)
    monkeypatch.setattr("gramax.decide.comparison.similarity.CHUNK_BYTES", 8 * 12 * 77)
    by_chunks = compare(Z, tightened(0.6), NAMES[Y])
    assert values_of(by_chunks) == pytest.approx(expected, rel=1e-12)
    errors = [one.error for one in found.alignment]
    assert [one.error for one in by_chunks.alignment] == pytest.approx(errors, rel=1e-9)
    rotated = Z @ np.linalg.qr(np.random.default_rng(0).normal(size=(12, 12)))[0]
    same = compare(Z, rotated.astype(np.float32), NAMES[Y], raw=True)
    assert values_of(same) == pytest.approx([1, 1, 1], abs=1e-6)


def test_rows_that_count_in_one_space_alone_are_not_aligned():
    a, b, names = Z.copy(), tightened(0.6), Y.copy()
    a[3], b[5], names[7] = 0, 0, -1
    a[7] = np.nan
    kept = np.delete(np.arange(300), [3, 5, 7])
    found = compare(a, b, names)
    assert found.paired
    assert values_of(found) == pytest.approx(similarities_of(a[kept], b[kept]), rel=1e-5)


def test_spaces_of_fewer_rows_than_dimensions():
    rng = np.random.default_rng(3)
    a = rng.normal(size=(30, 200))
    b = a[:, :90] + 0.5 * rng.normal(size=(30, 90))
    found = compare(a, b)
    assert any("200 and 90 dimensions" in note for note in found.notes)
    assert values_of(found) == pytest.approx(similarities_of(a, b), rel=1e-9)
    assert all(one.error > 0 and not one.reason for one in found.alignment)


@pytest.mark.parametrize(("n", "d", "q"), [(300, 12, 8), (48, 200, 90), (49, 5, 70)])
def test_errors_of_similarities_are_those_over_samples(n, d, q):
    """The deviation over 40 samples of one population; of that of near unity, within a factor."""
    rng = np.random.default_rng(11)
    mixing = rng.normal(size=(d, q)) / math.sqrt(d)
    values, errors = [], []
    for _ in range(40):
        x = rng.normal(size=(n, d)) * np.linspace(1, 3, d)
        y = x @ mixing + 0.5 * rng.normal(size=(n, q))
        found = similarities(CentredRows(x), CentredRows(y), 20)
        values.append([one.value for one in found])
        errors.append([one.error for one in found])
    ratio = np.sqrt(np.mean(np.square(errors), axis=0)) / np.std(values, axis=0, ddof=1)
    assert np.all((ratio > 0.7) & (ratio < 1.6))


def test_rows_are_paired_by_position_alone():
    """The same rows in another order are another pairing, of which nothing but chance is left."""
    shuffled = compare(Z, Z[np.random.default_rng(5).permutation(300)], raw=True)
    assert shuffled.paired
    for one in shuffled.alignment:
        assert abs(one.chance.z(one.value)) < 4
    assert shuffled["effective_rank"].difference == pytest.approx(0, abs=1e-12)


def test_a_space_of_one_point_is_like_nothing_and_says_why():
    point = np.full((300, 5), 0.1, np.float32)
    found = compare(Z, point, raw=True)
    assert [math.isnan(one.value) for one in found.alignment] == [True] * 3
    assert {one.reason for one in found.alignment} == {A_POINT}
    assert any(f"Procrustes similarity: {A_POINT}" in one for one in found.notes)
    told = found.to_dict()["alignment"][0]
    assert (told["value"], told["error"], told["reason"]) == (None, None, A_POINT)


def test_blocks_that_do_not_fit_leave_no_error(monkeypatch):
    monkeypatch.setattr("gramax.decide.comparison.similarity.MAX_BLOCK_BYTES", 8 * 24**2 * 5)
    few = compare(Z, tightened(0.6))
    assert all(one.error is not None for one in few.alignment)
    monkeypatch.setattr("gramax.decide.comparison.similarity.MAX_BLOCK_BYTES", 8 * 24**2 * 4)
    none = compare(Z, tightened(0.6))
    assert values_of(none) == pytest.approx(values_of(few), rel=1e-12)
    assert {(one.error, one.reason) for one in none.alignment} == {(None, NO_MEMORY)}


def test_a_space_has_not_changed_from_itself():
    same = compare(Z, Z.copy(), NAMES[Y])
    assert same.paired
    assert same.of_kind("better") == same.of_kind("worse") == same.of_kind("changed") == []
    assert all(change.difference == 0 for change in same.values() if change.kind == "same")
    assert values_of(same) == pytest.approx([1, 1, 1], abs=1e-6)
    assert same.moved == ()


def test_tighter_classes_are_better_and_paired_errors_tighter(found):
    assert found["collapse_ratio"].kind == "better"
    assert found["collapse_ratio"].z < -10
    assert found.headline.endswith(" within noise.")
    assert all(change.error is not None for change in found.values() if not change.reason)
    assert all(found[name].error for name in ("class_coherence", "class_babel", "two_nn", "mle_id"))
    assert found["simplex_error_centred"] is found["class_simplex_error_centred"]
    with pytest.raises(KeyError, match="did you mean"):
        found["effective_rnk"]
    apart = compare(Z, tightened(0.6), NAMES[Y], paired=False)
    assert apart.alignment == ()
    assert found["collapse_ratio"].error < 0.7 * apart["collapse_ratio"].error


def test_why_there_is_no_error():
    names = ("class_babel", "two_nn", "bulk_share")
    sides = [Side("", 9, 3, 5000, "", "", dict.fromkeys(names, value)) for value in (1.0, 2.0)]
    changes = changes_of(*sides, ({}, {}), True)
    assert [one.reason for one in changes.values()] == [TOO_MANY, TOO_FEW, JUMP]
    assert {one.kind for one in changes.values()} == {"unknown"}


def test_why_changes_cannot_be_told_is_noted():
    bare = np.eye(4, 12)[Y] * np.arange(1, 301)[:, None]  # one direction a class: no scatter within
    found = compare(bare, Z, NAMES[Y])
    unknown = found.of_kind("unknown")
    assert unknown
    for name in unknown:
        assert any(name in note and found[name].reason in note for note in found.notes)


def test_the_pairs_that_moved_are_named():
    moved = Z.copy()
    means = np.stack([Z[k == Y].mean(axis=0) for k in range(4)])
    moved[Y == 2] += means[0] - means[2]
    found = compare(Z, moved, NAMES[Y], moved=100)
    assert len(found.moved) == len(NAMES) - 1  # those that did not move are left out
    assert all("cat" in (pair.a, pair.b) for pair in found.moved)
    pair = found.moved[0]
    assert {pair.a, pair.b} == {"ant", "cat"}
    units = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (Z, moved)]
    codes = [np.stack([u[k == Y].mean(axis=0) for k in (0, 2)]) for u in units]
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in codes]
    assert [pair.before, pair.after] == pytest.approx(cosines, abs=1e-5)
    assert 0 < pair.error < 0.1


def test_a_pair_says_whether_its_move_is_real():
    pairs = [Moved("a", "b", 0.1, after, 0.1) for after in (0.39, 0.41, -0.21)]
    assert [pair.kind for pair in pairs] == ["same", "changed", "changed"]
    assert Moved("a", "b", 0.1, 0.9, None).kind == "unknown"


def test_many_numbers_are_held_to_their_false_rate():
    """By hand: tails .0074 (z = 3), .040 and .33 of Student's t with 19 degrees, times 3 over 1-3.

    A change of three errors is real alone and among three, not among forty.
    """
    few = {str(k): change(str(k), 0.0, z, 1.0) for k, z in enumerate((1.0, 3.0, 2.2))}
    rates = [one.false_rate for one in judged_together(few).values()]
    assert rates == pytest.approx([0.3299, 0.0221, 0.0606], rel=0.01)
    most = {str(k): change(str(k), 0.0, 0.1, 1.0) for k in range(39)}
    for one in (few["1"], replace(few["1"], after=-3.01)):
        assert judged_together({"x": change("x", 0.0, 3.01, 1.0)} | few)["x"].kind == "changed"
        assert judged_together(most | {"x": one})["x"].kind == "same"
    unknown = change("x", 0.0, 3.0, None, "why")
    assert judged_together({"x": unknown}) == {"x": unknown}


def test_no_pair_of_many_moves_between_two_draws_of_one_space():
    """Of 50 classes some of the 1,225 pairs always differ by more than three errors."""
    rng, y = np.random.default_rng(2), np.repeat(np.arange(50), 20)
    centres = rng.normal(size=(50, 16))
    for paired in (False, True):
        a, b = (centres[y] + rng.normal(size=(1000, 16)) for _ in range(2))
        if paired:
            a, b = (a + 0.3 * rng.normal(size=a.shape) for _ in range(2))
        found = compare(a, b, y, paired=paired)
        assert any(abs(one.after - one.before) > 3 * one.error for one in found.moved)
        assert {one.kind for one in found.moved} == {"same"}
        assert found.moved[0].sure == pytest.approx(5.3, abs=0.1)


def test_a_comparison_ends_in_a_decision(capsys):
    rng = np.random.default_rng(3)
    loose, tight = (np.eye(4)[Y] + s * rng.normal(size=(300, 4)) for s in (0.6, 0.2))
    found = compare(loose, tight, NAMES[Y])
    assert found.headline.startswith("B is better for a linear classifier (")
    assert compare(tight, loose, NAMES[Y]).headline.startswith("B is worse for")
    same = compare(loose, loose, NAMES[Y])
    assert same.headline.startswith("B is the same, within noise, for a linear classifier")
    assert found.headline in " ".join(str(found).split())
    assert found.headline in found._repr_html_()
    assert found.to_dict()["uses"]["probe"]["kind"] == "better"
    assert compare(loose, tight).headline.startswith("Which is better is open")
    assert compare(loose, loose).headline.startswith("B is the same as A")
    assert compare(loose, tight, NAMES[Y], NAMES[Y % 3]).uses == {}


def test_the_decision_of_unequal_outcomes():
    """Newcombe 1998, table II: 56 of 70 against 48 of 80, 0.2 (0.0524 to 0.3339) by method 10."""
    wilson = {"a": Outcome(0.6, 0.4904, 0.7003, ""), "b": Outcome(0.8, 0.6919, 0.8767, "")}
    sides = [
        Side("", 9, 3, 3, "", "", {}, worth={"probe": wilson[name], "nearest_mean": wilson["a"]})
        for name in "ab"
    ]
    one = uses_of(*sides)["probe"]
    assert one.difference - 1.96 * one.error == pytest.approx(0.0524, abs=2e-4)
    assert one.kind == "same"
    assert list(uses_of(sides[0], replace(sides[1], worth={}))) == []


def test_largest_moves_by_tiles(monkeypatch):
    rng = np.random.default_rng(4)
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(2, 37, 5)))
    a[5] = 0
    monkeypatch.setattr("gramax.decide.comparison.changes.TILE_CODES", 8)
    change = np.abs(a @ a.T - b @ b.T) * np.tri(37, 37, -1).T
    change[5] = change[:, 5] = 0
    order = np.argsort(-change, axis=None)[:6]
    right = np.stack(np.unravel_index(order, (37, 37)), 1)
    np.testing.assert_array_equal(largest_moves(a, b, 6), right)
    assert len(largest_moves(a[:3], b[:3], 10)) == 3


def test_rows_that_do_not_match_are_not_paired():
    other = compare(Z, Z, NAMES[Y], NAMES[np.roll(Y, 1)])
    assert not other.paired
    assert "their labels differ" in other.notes[0]
    with pytest.raises(InputError, match="rows cannot be paired: 300 and 200 rows"):
        compare(Z, Z[:200], NAMES[Y], NAMES[Y[:200]], paired=True)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", Z)
    np.save("b.npy", tightened(0.6))
    np.save("y.npy", NAMES[Y])
    run = ["compare", "a.npy", "b.npy", "--labels", "y.npy"]
    assert main([*run, "--html", "c.html", "--json", "c.json"]) == 0
    out = capsys.readouterr().out
    for words in ("collapse_ratio", "better", "linear CKA", "ant", "paired"):
        assert words in out
    assert "<h1>a.npy → b.npy</h1>" in (tmp_path / "c.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "c.json").read_text())["metrics"]["collapse_ratio"]["z"] < -10
    back = ["compare", "b.npy", "a.npy", "--labels", "y.npy", "--fail-on-worse", "collapse_ratio"]
    assert main(back) == 1
    assert "failed: collapse_ratio became worse" in capsys.readouterr().err
    assert main([*run, "--json", "a.npy"]) == 2
    assert main([*run, "--fail-on-worse", "absent"]) == 2
    capsys.readouterr()


@pytest.mark.parametrize(("b", "code"), [(Z[:, ::-1], 0), (Z + 3, 1), (tightened(0.6), None)])
def test_a_gate_that_cannot_tell_does_not_let_pass(tmp_path, monkeypatch, capsys, b, code):
    monkeypatch.chdir(tmp_path)
    for name, rows in (("a", Z), ("b", b)):
        report = gramax.audit(rows, NAMES[Y], worst=1, headroom=False, portrait=False)
        Path(f"{name}.json").write_text(json.dumps(report.to_dict()))
    found = main(["compare", "a.json", "b.json", "--fail-on-worse", "coherence"])
    said = capsys.readouterr().err
    change = compare_saved("a.json", "b.json")["class_coherence"]
    assert change.kind == "unknown"
    assert found == (change.difference > 1e-6)
    assert code in (None, found)
    assert ("failed: class_coherence went from" in said) == bool(found)


def test_saved_reports(tmp_path, capsys):
    files = []
    for name, z in (("a", Z), ("b", tightened(0.6))):
        data = gramax.audit(z, NAMES[Y], worst=1, headroom=False, portrait=False).to_dict()
        data["metrics"]["collapse_ratio"]["error"] = {"standard": 0.01}
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(data))
    saved = compare_saved(*files)
    assert saved["collapse_ratio"].kind == "better"
    assert saved["collapse_ratio"].error == pytest.approx(0.01 * math.sqrt(2))
    assert saved["effective_rank"].kind == "unknown"
    assert saved.headline.startswith("B is the same, within noise, for a linear classifier (100 ")
    assert main(["compare", *map(str, files)]) == 0
    capsys.readouterr()
    odd = json.loads(files[1].read_text())
    odd["worth"]["probe"]["accuracy"] = 2
    for content in ("[]", "{", '{"metrics": 3}', "[" * 100_000, json.dumps(odd)):
        files[1].write_text(content)
        assert main(["compare", *map(str, files)]) == 2
        assert "b.json: is not" in capsys.readouterr().err


def test_a_small_difference_of_the_same_rows_is_told():
    """McNemar by hand: 40 of 1,000 rows turn right and 5 wrong; apart, that is noise."""
    hits = np.zeros((2, 1000), np.int8)
    hits[:, :700], hits[1, :5], hits[1, 960:] = 1, 0, 1
    fold = np.arange(1000) % 20
    outcomes = [Outcome(h.mean(), h.mean() - 0.03, h.mean() + 0.03, "", h, fold) for h in hits]
    sides = [Side("", 9, 3, 3, "", "", {}, worth={"probe": one}) for one in outcomes]
    everywhere = np.arange(1000)
    one = uses_of(*sides, (everywhere, everywhere))["probe"]
    folds = 1 + 20 / 19  # of Nadeau and Bengio
    assert one.error == pytest.approx(np.sqrt(folds * (45 - 35**2 / 1000)) / 1000)
    assert (one.kind, uses_of(*sides)["probe"].kind) == ("better", "same")
