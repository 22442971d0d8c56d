"""The files of the packing benchmark: a better packing stays, and what is kept is what it says."""

import numpy as np
import pytest
from benchmarks import packing_store as store
from benchmarks.packing_store import Outcome, Row

from gramax.frames import coherence_floor, construct

ROW = Row("real", 3, 6)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "BEST", tmp_path / "best.npz")
    monkeypatch.setattr(store, "RUN", tmp_path / "run.csv")


def test_a_better_packing_is_never_replaced_by_a_worse_one():
    good = construct(6, 3).codes
    worse = good + 0.01 * np.eye(6, 3)
    worse /= np.linalg.norm(worse, axis=1, keepdims=True)
    assert store.load_best() == {}
    assert store.keep_best(ROW, worse)
    assert store.keep_best(ROW, good)
    assert not store.keep_best(ROW, worse)
    np.testing.assert_array_equal(store.load_best()[str(ROW)], good)
    assert store.verified(store.load_best())[ROW] == pytest.approx(1 / np.sqrt(5), abs=1e-15)


def test_codes_that_are_not_what_the_row_says_are_refused():
    with pytest.raises(ValueError, match="real-3-6"):
        store.verified({str(ROW): np.eye(3)})
    with pytest.raises(ValueError, match="unit"):
        store.verified({str(ROW): 2 * construct(6, 3).codes})


def test_a_run_is_read_back_as_it_was_written_and_counted():
    known = store.published()[ROW].coherence
    done = [Outcome(*ROW, known, 1.25, 0.5, 3, "hop, and a comma")]
    assert store.load_run() == (None, [])
    store.save_run("60 wall seconds a row", done)
    assert store.load_run() == ("60 wall seconds a row", done)
    matched = ["real", "1", "1 (100.0%)", "0 (0.0%)", "0", "0.5"]
    assert store.summary({ROW: known + 1e-7}, {ROW: done[0]}) == [matched]
    beaten = ["real", "1", "1 (100.0%)", "1 (100.0%)", "1", ""]
    assert store.summary({ROW: known - 1e-7}, {}) == [beaten]


def test_exact_coherence_normalises_in_50_digits():
    for codes, value in [(construct(9, 3, "complex").codes, 0.5), (np.diag([3, 1, 2.0]), 0.0)]:
        assert store.exact_coherence(1.5 * codes) == pytest.approx(value, abs=1e-15)


def test_what_is_kept_is_above_every_floor_and_below_nothing_it_should_not_be(monkeypatch):
    monkeypatch.undo()
    kept = {name: codes for name, codes in store.load_best().items() if len(codes) <= 20}
    values, published = store.verified(kept), store.published()
    assert len(values) == len(kept) > 50
    for row, value in values.items():
        floor = coherence_floor(row.n, row.d, row.field).value
        assert floor - 1e-12 <= value <= published[row].coherence + 0.01, row
    assert store.BEST.stat().st_size < 700_000
