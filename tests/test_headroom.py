"""Headroom, looked up or searched, and the gaps of the answers from the best floor."""

import json
import subprocess
import sys
from dataclasses import replace

import jax
import numpy as np
import pytest

import gramax
from gramax.audits import headroom, verdict
from gramax.audits.headroom import Headroom, measure
from gramax.cli import main
from gramax.frames import coherence_floor, known_coherence
from gramax.frames.codebooks import coherence
from gramax.metrics.options import Options
from gramax.moments.class_moments import ClassMoments
from tests.numbers import with_options
from tests.test_verdict import six_lines

OCTAHEDRON = np.concatenate([np.eye(3), -np.eye(3)])


def rows(c, d, seed=0):
    x = np.random.default_rng(seed).normal(size=(c, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def of(codes, **how):
    return measure(lambda: codes, *codes.shape, coherence(codes), **how)


def never(*_, **__):
    raise AssertionError


@pytest.fixture
def searches(monkeypatch):
    """Stand-ins for the two searches that record what they are given."""
    calls = []

    def fake(name, scratch, here):
        def search(codes, key, report):
            calls.append((name, codes, key, report))
            return scratch, here, name

        return search

    monkeypatch.setattr(headroom, "_search_in_batches", fake("batches", 0.4, 0.6))
    monkeypatch.setattr(headroom, "_search_in_tiles", fake("tiles", 0.7, 0.6))
    return calls


@pytest.mark.parametrize(
    ("c", "d", "reachable", "how"),
    [
        (4, 9, 0.0, "orthonormal basis"),
        (5, 5, 0.0, "orthonormal basis"),
        (5, 4, 1 / 4, "regular simplex"),
        (6, 3, 5**-0.5, "conference frame of order 6"),
        (7, 2, np.cos(np.pi / 7), "regular polygon's lines"),
    ],
)
def test_a_formula_is_looked_up(searches, c, d, reachable, how):
    found = of(rows(c, d))
    assert found.reachable == pytest.approx(reachable, abs=1e-12)
    assert found.reachable == pytest.approx(found.floor, abs=1e-12)
    assert (found.how, found.from_here, found.seconds) == (f"looked up: {how}", None, 0)
    assert found.span == min(c, d)
    assert np.isnan(found.random)
    assert not searches


def test_a_packing_is_looked_up(searches):
    for search in (None, False):
        found = of(rows(10, 4), search=search)
        assert found.reachable == known_coherence(10, 4).value
        assert found.how == "looked up: packing found by gramax"
        assert found.from_here is None
    assert not searches


def test_codes_better_than_what_is_known():
    codes, known = rows(12, 11), known_coherence(12, 11).value
    assert measure(lambda: codes, 12, 11, known + 1e-7).how.startswith("looked up: ")
    assert measure(lambda: codes, 12, 11, known - 1e-7).reachable == known
    better = measure(lambda: codes, 12, 11, known - 0.01)
    assert better.reachable == known - 0.01
    assert better.how.startswith("these codes, which are better than what was looked up: ")


def test_many_codes_are_not_even_asked_for(searches):
    found = measure(never, 50_000, 64, 0.8, 0.7)
    assert (found.reachable, found.from_here, found.span) == (None, None, None)
    assert found.how == "not known without a search"
    assert found.floor == coherence_floor(50_000, 64).value
    assert 0 < found.floor < found.random == 0.7
    assert not searches


def test_what_is_searched(searches):
    codes = rows(11, 5)
    padded = np.concatenate([codes[:5], np.zeros((2, 5)), codes[5:]])
    found = measure(lambda: padded, 11, 5, 0.9, search=True, key=3, report=print)
    ((name, given, key, report),) = searches
    assert (name, key, report) == ("batches", 3, print)
    np.testing.assert_array_equal(given, codes)
    assert found.from_here == 0.6
    assert found.how == "looked up: packing found by gramax"  # 0.387, and the search has 0.4
    assert found.span == 5
    assert 0 <= found.seconds < 60


def test_which_search_runs(searches, monkeypatch):
    def asked(c, d):
        searches.clear()
        measure(lambda: rows(c, d), c, d, 0.99999, search=True)
        return [call[0] for call in searches]

    assert asked(5, 4) == asked(4, 4) == []  # a simplex, and fewer: a formula says all
    assert asked(6, 3) == asked(160, 3) == ["batches"]
    assert asked(161, 3) == ["tiles"]
    monkeypatch.setattr(headroom, "SPAN_WORK", 10 * 4 * 4 - 1)
    assert measure(never, 10, 4, 0.9).span is None


def test_the_lowest_is_kept_and_its_origin_told(searches):
    tiled = measure(lambda: rows(170, 5), 170, 5, 0.99, search=True)
    assert (tiled.reachable, tiled.from_here) == (0.6, 0.6)
    assert tiled.how == "searched: descent from these codes"
    fewer = measure(lambda: rows(30, 5), 30, 5, 0.9, search=True)
    assert (fewer.reachable, fewer.how) == (0.4, "searched: batches")


def test_descent_from_random_codes_and_from_these():
    codes = rows(10, 4, seed=1)
    codes[1] = codes[0]  # descent must tell them apart
    scratch, here, how = headroom._search_in_batches(codes, 0, None)
    best_known = 0.434258545911
    assert best_known - 1e-9 < scratch < best_known + 1e-3
    assert best_known - 1e-9 < here < 0.6
    assert how == "descent"
    found = of(codes, search=True)
    assert (found.from_here, found.how) == (here, "looked up: packing found by gramax")
    assert headroom._search_in_batches(codes, 1, None)[:2] != (scratch, here)


def test_descent_never_ends_above_its_start():
    lines = np.pi * np.arange(7) / 7
    codes = np.stack([np.cos(lines), np.sin(lines)], axis=1)
    assert headroom._search_in_batches(codes, 0, None)[1] <= coherence(codes)


def test_codes_that_waste_dimensions():
    flat = of(rows(10, 4) * [1, 1, 1e-5, 1e-7])
    assert flat.span == 3
    assert "span 3 of 4 dimensions" in verdict._room(flat)


def test_many_codes_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(headroom, "LARGE_ROUNDS", 3)
    codes, told = rows(200, 4), []
    codes[100:] = codes[:100]
    found = of(codes, search=True, report=told.append)
    assert found.worst == pytest.approx(1)
    assert found.floor < found.reachable < coherence(rows(200, 4, seed=3))
    assert found.how.startswith("searched: ")
    assert found.reachable <= found.from_here <= found.worst
    assert len(told) == 6
    again = of(codes, search=True)
    assert (again.reachable, again.from_here) == (found.reachable, found.from_here)


def test_a_look_up_imports_no_jax():
    code = (
        "import sys, numpy as np; from gramax.audits.headroom import measure;"
        "assert measure(lambda: np.eye(3), 30, 8, 0.9).reachable < 0.4;"
        "assert 'jax' not in sys.modules and 'scipy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


ROOM = Headroom(20, 8, worst=0.71, floor=0.21, bound="Welch", random=0.8, span=8)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {},
            "Worst crosstalk 0.71; floor 0.21 (Welch); random codes 0.8; "
            "what is reachable is not known: --headroom (headroom=True) searches for it.",
        ),
        (
            {"reachable": 0.24, "from_here": 0.26, "how": "searched: descent"},
            "floor 0.21 (Welch); reachable 0.24 (searched: descent), from these codes 0.26.",
        ),
        (
            {"c": 5, "reachable": 0.0, "how": "orthonormal basis"},
            "a simplex has 0.25, an orthonormal basis 0.",
        ),
    ],
)
def test_words(changes, words):
    assert words in verdict._room(replace(ROOM, **changes))
    assert verdict._room(None) == ""


def answers(codes, **how):
    return {a.question: a for a in gramax.audit(codes, codes=True, **how).answers}


def test_gaps_of_six_codes_in_three_dimensions():
    """Optimal lines, optimal points, and codes that are neither."""
    lines, points, random = (answers(x) for x in (six_lines(None), OCTAHEDRON, rows(6, 3)))
    assert lines["crosstalk"].gap == pytest.approx(0, abs=1e-9)
    assert lines["simplex"].gap > 0.4
    assert points["simplex"].gap == pytest.approx(0, abs=1e-9)
    assert points["simplex"].value == pytest.approx(0, abs=1e-9)
    assert (points["simplex"].bound, points["simplex"].status) == ("orthoplex", "good")
    assert points["crosstalk"].gap == pytest.approx(1 - 5**-0.5)
    x = rows(6, 3) - rows(6, 3).mean(axis=0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    assert random["simplex"].value == pytest.approx((x @ x.T - 2 * np.eye(6)).max(), abs=1e-9)
    for question in ("crosstalk", "simplex"):
        assert random[question].gap > 0.1
        assert random[question].status != "good"
    floor = coherence_floor(6, 3, signed=True)
    assert (random["simplex"].floor, random["simplex"].bound) == (floor.value, floor.bound)


def test_a_simplex_has_no_gap(rng):
    simplex = np.eye(5) - 0.2
    x = np.concatenate([simplex @ np.linalg.qr(rng.normal(size=(5, 5)))[0]] * 2)
    name = "class_largest_cosine"
    with jax.enable_x64(True):
        moments = ClassMoments.of(x + 3.0, np.arange(10) % 5, 5, normalize=False)
        value = float(with_options(Options(), (name,))(moments)[name])
    assert value == pytest.approx(coherence_floor(5, 5, signed=True).value, abs=1e-12)


def test_the_report_says_it_in_numbers_and_words():
    report = gramax.audit(rows(6, 3), codes=True)
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    room = data["headroom"]
    assert room["worst"] == report["class_coherence"]
    assert room["reachable"] == pytest.approx(5**-0.5)
    assert 0.5 < room["random"] < 1
    assert {"c", "d", "floor", "bound", "span", "from_here", "how", "seconds"} < set(room)
    entry = next(v for v in data["verdict"] if v["question"] == "crosstalk")
    assert entry["gap"] == pytest.approx(room["worst"] - room["floor"])
    assert "reachable 0.447 (looked up: conference frame of order 6)" in report.answers[4].text


def test_asked_for_on_the_command_line(tmp_path, capsys):
    np.save(tmp_path / "codes.npy", rows(6, 3))
    asked = [str(tmp_path / "codes.npy"), "--codes", "--json", "-"]
    assert main(["audit", *asked, "--headroom"]) == 0
    room = json.loads(capsys.readouterr().out)["headroom"]
    assert room["reachable"] <= room["from_here"] < room["worst"]
    assert main(["audit", *asked]) == 0
    room = json.loads(capsys.readouterr().out)["headroom"]
    assert (room["from_here"], room["how"]) == (None, "looked up: conference frame of order 6")
