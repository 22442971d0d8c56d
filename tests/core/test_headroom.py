"""Headroom: what is computed, what is searched, and which of the finds is kept."""

import jax
import numpy as np
import pytest

from gramax.audits import headroom
from gramax.audits.headroom import measure
from gramax.frames import coherence_floor
from gramax.frames.objective import coherence


def rows(c, d, seed=0):
    x = np.random.default_rng(seed).normal(size=(c, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def never():
    raise AssertionError


@pytest.fixture
def searches(monkeypatch):
    """Stand-ins for the two searches that record what they are given."""
    calls = []

    def fake(name, scratch, here):
        def search(codes, key, report):
            calls.append((name, codes, key, report))
            return scratch, here, f"found by {name}"

        return search

    monkeypatch.setattr(headroom, "_anneal", fake("anneal", 0.5, 0.6))
    monkeypatch.setattr(headroom, "_tiles", fake("tiles", 0.7, 0.6))
    return calls


def test_formulas_need_no_search(searches):
    found = measure(lambda: rows(6, 3), 6, 3, 0.9, 0.8)
    assert found.reachable == pytest.approx(5**-0.5)
    assert (found.how, found.from_here, found.span) == ("conference frame of order 6", None, 3)
    floor = coherence_floor(6, 3)
    assert (found.c, found.d, found.worst, found.floor) == (6, 3, 0.9, floor.value)
    assert (found.bound, found.random, found.seconds) == (floor.bound, 0.8, 0)
    assert not searches
    assert np.isnan(measure(lambda: rows(6, 3), 6, 3, 0.9).random)


def test_what_is_searched(searches):
    codes = rows(10, 4)
    codes = np.concatenate([codes[:5], np.zeros((2, 4)), codes[5:]])
    found = measure(lambda: codes, 10, 4, 0.9, key=3, report=print)
    ((name, given, key, report),) = searches
    assert (name, key, report) == ("anneal", 3, print)
    assert given.dtype == np.float64
    np.testing.assert_array_equal(given, codes[np.any(codes != 0, axis=1)])
    assert (found.reachable, found.from_here, found.how) == (0.5, 0.6, "found by anneal")
    assert found.span == 4
    assert 0 <= found.seconds < 60


def test_when_it_is_searched(searches, monkeypatch):
    def asked(c, d, **how):
        searches.clear()
        measure(lambda: rows(c, d), c, d, 0.9, **how)
        return [call[0] for call in searches]

    assert asked(10, 4) == ["anneal"]
    assert asked(10, 4, search=False) == []
    assert asked(5, 4, search=True) == []  # a simplex
    assert asked(4, 4, search=True) == []
    assert asked(6, 3) == []  # a formula
    assert asked(6, 3, search=True) == ["anneal"]
    monkeypatch.setattr(headroom, "QUICK", 400)
    assert asked(10, 4) == ["anneal"]
    monkeypatch.setattr(headroom, "QUICK", 399)
    assert asked(10, 4) == []
    assert asked(160, 2, search=True) == ["anneal"]
    assert asked(161, 2, search=True) == ["tiles"]
    monkeypatch.setattr(headroom, "SMALL", 10 * 4 * 4 - 1)
    assert measure(never, 10, 4, 0.9).span is None
    monkeypatch.setattr(headroom, "SMALL", 10 * 4 * 4)
    assert measure(lambda: rows(10, 4), 10, 4, 0.9).span == 4
    monkeypatch.setattr(headroom, "SMALL", 161 * 2 * 2)
    assert measure(lambda: rows(161, 2), 161, 2, 0.9).span == 2
    assert measure(never, 162, 2, 0.9).span is None


def test_the_better_find_is_kept(searches):
    tiled = measure(lambda: rows(170, 5), 170, 5, 0.9, search=True)
    assert (tiled.reachable, tiled.from_here, tiled.how) == (0.6, 0.6, "descent")
    known = measure(lambda: rows(6, 3), 6, 3, 0.9, search=True)
    assert known.reachable == pytest.approx(5**-0.5)
    assert (known.from_here, known.how) == (0.6, "conference frame of order 6")


def test_the_span_of_flat_codes():
    flat = rows(10, 4) * [1, 1, 1e-5, 1e-7]
    assert measure(lambda: flat, 10, 4, 0.9, search=False).span == 3


def test_a_search_of_few_codes():
    codes = rows(10, 4, seed=1)
    codes[1] = codes[0]
    with jax.disable_jit(False):
        scratch, here, how = headroom._anneal(codes, 0, None)
        near = headroom._anneal(codes, 1, None)
    best = 0.434258545911
    assert best - 1e-9 < scratch < best + 1e-3
    assert best - 1e-9 < here < 0.6
    assert how == "descent"
    assert near[:2] != (scratch, here)


def test_half_of_the_descents_start_near_the_codes(monkeypatch):
    from gramax.frames import anneal

    started = []
    monkeypatch.setattr(anneal, "adam", lambda x, *how: started.append(x) or (x, None))
    codes = rows(10, 4, seed=1)
    headroom._anneal(codes, 0, None)
    (near,) = started
    gaps = np.linalg.norm(near[:, :10] - codes, axis=2).max(axis=1)
    assert len(gaps) == 2 * headroom.STARTS
    assert np.all(gaps[headroom.STARTS :] < 0.4)
    assert np.all(gaps[headroom.STARTS :] > 1e-4)
    assert np.all(gaps[: headroom.STARTS] > 0.8)


def test_descent_never_ends_above_its_start():
    """Codes at the best known coherence: a descent that shakes them is not worse."""
    lines = np.pi * np.arange(7) / 7
    codes = np.stack([np.cos(lines), np.sin(lines)], axis=1)
    with jax.disable_jit(False):
        _, here, _ = headroom._anneal(codes, 0, None)
    assert here <= coherence(codes)


def test_a_search_of_many_codes(monkeypatch):
    calls = []

    class Found:
        coherence, found = 0.25, "by pack"

    monkeypatch.setattr(headroom, "pack", lambda *a, **k: calls.append((a, k)) or Found)
    codes = rows(170, 3)
    assert headroom._tiles(codes, 4, print) == (0.25, 0.25, "by pack")
    budget = {"rounds": headroom.ROUNDS, "seconds": headroom.SECONDS, "key": 4, "report": print}
    (first, plain), (second, own) = calls
    assert first == second == (170, 3)
    assert plain == budget
    assert own.pop("start") is codes
    assert own == {**budget, "construct": False}
