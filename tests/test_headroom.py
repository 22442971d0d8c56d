"""Headroom, looked up or searched, and the gaps of the answers from the best floor."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import gramax
from gramax.audits import headroom, verdict
from gramax.audits.headroom import Headroom, measure
from gramax.cli import main
from gramax.frames import coherence_floor, known_coherence
from gramax.frames.codebooks import coherence
from tests.test_verdict import six_lines


def rows(c, d, seed=0):
    x = np.random.default_rng(seed).normal(size=(c, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def of(codes, worst=None, **how):
    return measure(lambda: codes, *codes.shape, worst or coherence(codes), **how)


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
        (10, 4, 0.434258545911, "packing found by gramax"),
    ],
)
def test_what_is_known_is_looked_up(searches, c, d, reachable, how):
    found = of(rows(c, d))
    assert found.reachable == pytest.approx(reachable, abs=1e-11)
    assert found.floor == coherence_floor(c, d).value
    assert (found.how, found.from_here, found.seconds) == (f"looked up: {how}", None, 0)
    assert found.span == min(c, d)
    assert np.isnan(found.random)
    assert not searches


def test_codes_better_than_what_is_known():
    codes, known = rows(12, 11), known_coherence(12, 11).value
    assert of(codes, known + 1e-7).how.startswith("looked up: ")
    assert of(codes, known - 1e-7).reachable == known
    better = of(codes, known - 0.01)
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


def test_which_search_runs_and_the_lowest_is_kept(searches):
    def searched(c, d):
        searches.clear()
        found = of(rows(c, d), 0.99999, search=True)
        return [call[0] for call in searches], found.reachable, found.how

    for c, d in ((5, 4), (4, 4)):  # a simplex, and fewer: a formula says all
        assert searched(c, d)[0] == []
    assert searched(30, 5) == (["batches"], 0.4, "searched: batches")
    assert searched(160, 3)[0] == ["batches"]
    assert searched(161, 3)[0] == ["tiles"]
    assert searched(170, 5) == (["tiles"], 0.6, "searched: descent from these codes")


def test_descent_from_random_codes_and_from_these():
    codes = rows(10, 4, seed=1)
    codes[1] = codes[0]  # descent must tell them apart
    scratch, here, how = headroom._search_in_batches(codes, 0, None)
    best_known = 0.434258545911
    assert best_known - 1e-9 < scratch < best_known + 1e-3
    assert best_known - 1e-9 < here < 0.6
    assert how == "descent"
    assert headroom._search_in_batches(codes, 1, None)[:2] != (scratch, here)
    angles = np.pi * np.arange(7) / 7  # nothing is better than these
    codes = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert headroom._search_in_batches(codes, 0, None)[1] <= coherence(codes)


def test_codes_that_waste_dimensions():
    flat = of(rows(10, 4) * [1, 1, 1e-5, 1e-7])
    assert flat.span == 3
    assert "span 3 of 4 dimensions" in verdict._room(flat)


def test_many_codes_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(headroom, "LARGE_ROUNDS", 3)
    codes, told = rows(200, 4), []
    codes[100:] = codes[:100]
    found, again = (of(codes, search=True, report=told.append) for _ in range(2))
    assert found.worst == pytest.approx(1)
    assert found.floor < found.reachable < coherence(rows(200, 4, seed=3))
    assert found.how.startswith("searched: ")
    assert found.reachable <= found.from_here <= found.worst
    assert len(told) == 12
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


def answers(codes):
    return {a.question: a for a in gramax.audit(codes, codes=True).answers}


def test_gaps_of_six_codes_in_three_dimensions():
    """Optimal lines, optimal points (an octahedron), and codes that are neither."""
    octahedron = np.concatenate([np.eye(3), -np.eye(3)])
    lines, points, random = (answers(x) for x in (six_lines(None), octahedron, rows(6, 3)))
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


def test_the_report_says_it_in_numbers_and_words(tmp_path, capsys):
    np.save(tmp_path / "codes.npy", rows(6, 3))
    asked = [str(tmp_path / "codes.npy"), "--codes", "--json", "-"]
    assert main(["audit", *asked]) == 0
    data = json.loads(capsys.readouterr().out)
    room = data["headroom"]
    assert room["worst"] == data["metrics"]["class_coherence"]["value"]
    assert room["reachable"] == pytest.approx(5**-0.5)
    assert 0.5 < room["random"] < 1
    assert {"c", "d", "floor", "bound", "span", "seconds"} < set(room)
    assert (room["from_here"], room["how"]) == (None, "looked up: conference frame of order 6")
    entries = {entry["question"]: entry for entry in data["verdict"]}
    assert entries["crosstalk"]["gap"] == pytest.approx(room["worst"] - room["floor"])
    words = "reachable 0.447 (looked up: conference frame of order 6)"
    assert words in entries["reach"]["text"]
    assert main(["audit", *asked, "--headroom"]) == 0
    room = json.loads(capsys.readouterr().out)["headroom"]
    assert room["reachable"] <= room["from_here"] < room["worst"]
