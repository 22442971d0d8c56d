"""Headroom, and the gaps of the answers: from the best floor, signed where it is separation."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

import gramax
from gramax.audits import headroom, verdict
from gramax.audits.headroom import Headroom, measure
from gramax.cli import main
from gramax.frames import coherence_floor
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
def test_a_formula_answers_without_a_search(c, d, reachable, how):
    found = of(rows(c, d))
    assert found.reachable == pytest.approx(reachable, abs=1e-12)
    assert found.reachable == pytest.approx(found.floor, abs=1e-12)
    assert (found.how, found.from_here, found.seconds) == (how, None, 0)
    assert found.span == min(c, d)


def test_many_codes_are_not_searched_and_not_even_asked_for():
    def never():
        raise AssertionError

    found = measure(never, 50_000, 64, 0.8, 0.7)
    assert (found.reachable, found.from_here, found.span) == (None, None, None)
    assert found.floor == coherence_floor(50_000, 64).value
    assert 0 < found.floor < found.random == 0.7


def test_descent_from_random_codes_and_from_these():
    codes = rows(10, 4, seed=1)
    codes[1] = codes[0]  # descent must tell them apart
    found = of(codes)
    best_known = 0.434258545911
    assert best_known - 1e-9 < found.reachable < best_known + 1e-3
    assert found.reachable <= found.from_here < 0.6 < found.worst
    assert found == replace(of(codes), seconds=found.seconds)
    assert of(codes, key=1).from_here != found.from_here


def test_the_best_known_codes_have_no_headroom():
    codes = gramax.frames.pack(10, 4, rounds=1, starts=8, construct=False).codes
    found = of(codes)
    assert found.from_here <= found.worst
    assert found.from_here == pytest.approx(found.worst, abs=1e-6)


def test_codes_that_waste_dimensions():
    flat = rows(10, 4) * [1, 1, 0, 0]
    assert of(flat, search=False).span == 2
    words = verdict._room(of(flat, search=False))
    assert "span 2 of 4 dimensions" in words
    assert "--headroom" in words


def test_many_codes_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(headroom, "ROUNDS", 3)
    codes, told = rows(200, 4), []
    codes[100:] = codes[:100]
    found = of(codes, search=True, report=told.append)
    assert found.worst == pytest.approx(1)
    assert found.floor < found.reachable < coherence(rows(200, 4, seed=3))
    assert found.reachable <= found.from_here <= found.worst
    assert len(told) == 6
    again = of(codes, search=True)
    assert (again.reachable, again.from_here) == (found.reachable, found.from_here)


ROOM = Headroom(20, 8, worst=0.71, floor=0.21, bound="Welch", random=0.8, span=8)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "Worst crosstalk 0.71; floor 0.21 (Welch); random codes 0.8; --headroom"),
        (
            {"reachable": 0.24, "from_here": 0.26, "how": "descent"},
            "floor 0.21 (Welch); reachable 0.24 (descent), from these codes 0.26.",
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
    assert "reachable 0.447 (conference frame of order 6)" in report.answers[4].text


def test_asked_for_on_the_command_line(tmp_path, capsys):
    np.save(tmp_path / "codes.npy", rows(6, 3))
    asked = [str(tmp_path / "codes.npy"), "--codes", "--json", "-"]
    assert main(["audit", *asked, "--headroom"]) == 0
    room = json.loads(capsys.readouterr().out)["headroom"]
    assert room["reachable"] <= room["from_here"] < room["worst"]
    assert main(["audit", *asked]) == 0
    assert json.loads(capsys.readouterr().out)["headroom"]["from_here"] is None
