"""Packing: Newton's polish, known optima, budgets, starts, fixed heads."""

import jax
import numpy as np
import pytest

from gramax.frames import bounds, codebooks, construct, etf_head, pack
from gramax.frames.search import anneal, batches, packing, starts
from gramax.frames.search.best import Best
from gramax.frames.search.polish import polish

ANTIPRISM = (2 * np.sqrt(2) - 1) / 7
"""The largest cosine of the eight best points in R³, a square antiprism."""


def rows(c, width, seed=0):
    return codebooks.unit(np.random.default_rng(seed).normal(size=(c, width)))


OPTIMA = [("real", 6, 3), ("real", 16, 6), ("complex", 9, 3), ("complex", 12, 3), ("signed", 12, 3)]


@pytest.mark.parametrize(("kind", "c", "d"), OPTIMA)
def test_polish_returns_to_an_optimum_it_was_shaken_from(kind, c, d):
    field = "complex" if kind == "complex" else "real"
    found = construct(c, d, field, signed=kind == "signed")
    x = codebooks.as_real(found.codes, kind)
    x = codebooks.unit(x + 1e-4 * rows(*x.shape, seed=1))
    assert codebooks.coherence_of_rows(x, kind) > found.value + 1e-5
    polished = polish(x, kind, steps=30)
    assert codebooks.coherence_of_rows(polished, kind) == pytest.approx(found.value, abs=1e-12)


@pytest.mark.parametrize("kind", ["real", "complex", "signed"])
def test_polish_never_makes_worse(kind):
    for seed in range(3):
        x = rows(10, 6, seed)
        y = polish(x, kind, steps=5)
        np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1, atol=1e-12)
        assert codebooks.coherence_of_rows(y, kind) <= codebooks.coherence_of_rows(x, kind)


# best-known values to nine digits or closed forms, each found from random starts
KNOWN = [
    (5, 3, "real", False, 1 / np.sqrt(5)),
    (7, 3, "real", False, 1 / np.sqrt(3)),
    (8, 3, "real", False, 0.647588978734),
    (10, 4, "real", False, 0.434258545911),
    (9, 3, "complex", False, 0.5),
    (8, 3, "real", True, ANTIPRISM),
]


@pytest.mark.parametrize(("c", "d", "field", "signed", "value"), KNOWN)
def test_known_optima_from_random_starts(c, d, field, signed, value):
    found = pack(c, d, field, signed, rounds=2, starts=8, key=3, construct=False)
    assert found.coherence == pytest.approx(value, abs=1e-8)
    assert found.coherence >= found.floor.value - 1e-12
    assert found.codes.shape == (c, d)
    assert np.iscomplexobj(found.codes) == (field == "complex")
    np.testing.assert_allclose(np.linalg.norm(found.codes, axis=1), 1, atol=1e-12)
    assert codebooks.coherence(found.codes, signed) == found.coherence


def test_a_budget_of_rounds_is_deterministic_and_bought_by_the_key():
    first, second = (pack(8, 3, rounds=2, starts=8, key=5) for _ in range(2))
    np.testing.assert_array_equal(first.codes, second.codes)
    assert [p.coherence for p in first.trace] == [p.coherence for p in second.trace]
    other = pack(8, 3, rounds=2, starts=8, key=6)
    assert not np.array_equal(first.codes, other.codes)
    assert len(first.trace) == 2
    assert first.stopped == "the budget of 2 rounds is spent"
    assert first.gap == first.coherence - first.floor.value
    traced = [p.coherence for p in first.trace]
    assert traced == sorted(traced, reverse=True)


def test_keys_of_both_kinds_and_the_callers_precision():
    key, before = jax.random.key(4), jax.config.jax_enable_x64
    found = [pack(5, 3, rounds=1, starts=8, key=k) for k in (key, jax.random.key_data(key))]
    assert jax.config.jax_enable_x64 == before
    with jax.enable_x64(True):
        found.append(pack(5, 3, rounds=1, starts=8, key=key))
    np.testing.assert_array_equal(found[0].codes, found[1].codes)
    np.testing.assert_array_equal(found[0].codes, found[2].codes)
    assert found[0].codes.dtype == np.float64


def test_one_program_serves_every_size_with_the_same_padding():
    compiled = []
    for c in (9, 11):
        pack(c, 4, rounds=1, starts=8, construct=False)
        compiled.append(anneal.lbfgs._cache_size())
    assert compiled[0] == compiled[1] > 0


def test_constructions_answer_at_once():
    seen = []
    found = pack(28, 7, report=seen.append)
    assert found.stopped.startswith("the floor is attained")
    assert found.found == construct(28, 7).name
    assert [p.how for p in seen] == ["construction"]
    assert found.gap == pytest.approx(0, abs=1e-12)


def test_a_start_that_is_given_is_kept_or_improved():
    start = construct(6, 3).codes[:5] + 0.0
    found = pack(5, 3, start=start, rounds=1, starts=8)
    assert found.coherence <= codebooks.coherence(start) + 1e-15
    with pytest.raises(ValueError, match=r"\[5, 3\]"):
        pack(5, 3, start=start[:4])
    with pytest.raises(ValueError, match="row 2"):
        pack(5, 3, start=np.where(np.arange(5)[:, None] == 2, 0.0, start))


def test_degenerate_shapes():
    values = [pack(*size).coherence for size in ((1, 3), (1, 3, "real", True), (4, 1), (3, 5))]
    np.testing.assert_allclose(values, [0, -1, 1, 0], atol=1e-15)
    for made in (pack, etf_head):
        with pytest.raises(ValueError, match="c=0"):
            made(0, 3)


def test_why_it_stops():
    found = pack(5, 3, seconds=300, starts=8, patience=2)
    assert "brought nothing better" in found.stopped
    found = pack(8, 3, rounds=20, starts=8, construct=False, target=0.66)
    assert found.stopped == "the target of 0.66 is reached"
    assert found.coherence <= 0.66
    assert len(found.trace) < 20
    times = iter(range(1000))
    found = pack(5, 3, seconds=12, starts=8, clock=lambda: float(next(times)))
    assert found.stopped == "the budget of 12 seconds is spent"
    assert next(times) < 20


def test_many_starts(monkeypatch):
    best = Best("real", 0.0, None, 1, 200, None, lambda: 0.0, None)
    search = batches.Batches(best, 5, 3, np.random.default_rng(0))
    made = [search.start("structured", 5, done) for done in range(1000)]
    assert [len(start.rows) for start in made] == [5] * 1000
    tied = [start.base is not None for start in made]
    assert any(tied[: batches.MAX_SYMMETRIC_STARTS])
    assert not any(tied[batches.MAX_SYMMETRIC_STARTS :])
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert batches.batch_size(8, 6) == 8192
    assert batches.batch_size(160, 64) > 1000


def test_starts_from_constructions_of_one_dimension_less_and_without_crowded_codes():
    lifted = next(x for x in starts.nearby(32, 8, "real") if len(x) == 28)
    assert lifted.shape == (28, 8)
    assert codebooks.coherence(lifted) == pytest.approx(1 / 3, abs=1e-12)
    codes = np.concatenate([np.eye(4), np.eye(4)[:1] + 0.01 * np.eye(4)[1:2]])
    kept = starts.shed(codebooks.unit(codes), 4, "real")
    assert kept.shape == (4, 4)
    assert codebooks.coherence(kept) < 0.02


def test_every_kind_of_batch_runs():
    found = pack(8, 3, rounds=len(batches.BATCH_CYCLE), starts=8)
    assert {p.how for p in found.trace} == set(batches.BATCH_CYCLE)
    assert found.coherence == pytest.approx(0.647588978734, abs=1e-10)


def test_large_codebooks_descend_in_tiles():
    found, again = (pack(300, 16, rounds=3, key=1, construct=False) for _ in range(2))
    assert found.floor.value < found.coherence < 0.8 * found.trace[0].coherence
    np.testing.assert_array_equal(found.codes, again.codes)


def test_large_codebooks_start_from_parts_of_constructions():
    found = pack(1000, 64, rounds=2)
    assert found.coherence <= bounds.orthoplex(2112, 64) + 1e-12
    assert found.gap < 0.005


@pytest.mark.parametrize(("c", "d"), [(2, 1), (4, 9), (10, 9)])
def test_simplex_heads(c, d):
    head = np.asarray(etf_head(c, d, key=1))  # on the host: a GPU's products are of TF32
    np.testing.assert_allclose(head @ head.T, np.where(np.eye(c), 1, -1 / (c - 1)), atol=1e-6)


def test_heads_turn_with_the_key_and_scale():
    one, same, other = (np.asarray(etf_head(4, 6, key=k)) for k in (1, 1, jax.random.key(2)))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1
    assert np.all(np.abs(one) > 0)  # no axis is special
    np.testing.assert_allclose(etf_head(4, 6, key=1, scale=5.0), 5 * one, rtol=1e-5)


def test_heads_without_a_formula_depend_on_the_key_alone(monkeypatch):
    monkeypatch.setattr(packing, "FEW_CODES_ROUNDS", 2)
    monkeypatch.setattr(batches, "batch_size", lambda *_: 8)
    one, same = (np.asarray(etf_head(8, 3, key=2)) for _ in range(2))
    np.testing.assert_array_equal(one, same)
    assert codebooks.coherence(one, signed=True) == pytest.approx(ANTIPRISM, abs=1e-6)
    timed = np.asarray(etf_head(8, 3, key=2, seconds=0.01))
    assert codebooks.coherence(timed, signed=True) < 0.3
