"""Packing: Newton's polish, known optima, budgets, starts."""

import jax
import numpy as np
import pytest
from tests.frames.by_definition import KINDS, rows

from gramax.frames import bounds, codebooks, coherence_floor, construct, pack
from gramax.frames.search import anneal, batches, starts
from gramax.frames.search.polish import polish

OPTIMA = [("real", 6, 3), ("real", 16, 6), ("complex", 9, 3), ("complex", 12, 3), ("signed", 12, 3)]


@pytest.mark.parametrize(("kind", "c", "d"), OPTIMA)
def test_polish_returns_to_an_optimum_it_was_shaken_from(kind, c, d):
    field = "complex" if kind == "complex" else "real"
    found = construct(c, d, field, signed=kind == "signed")
    x = codebooks.as_real(found.codes, kind)
    x = x + 1e-4 * rows(*x.shape, seed=1)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    before = codebooks.coherence(codebooks.as_codes(x, kind), kind == "signed")
    after = codebooks.coherence(
        codebooks.as_codes(polish(x, kind, steps=30), kind), kind == "signed"
    )
    assert before > found.value + 1e-5
    assert after == pytest.approx(found.value, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_polish_never_makes_worse(kind):
    for seed in range(3):
        x = rows(10, 6, seed)
        y = polish(x, kind, steps=5)
        np.testing.assert_allclose(np.linalg.norm(y, axis=1), 1, atol=1e-12)
        worst = [codebooks.coherence(codebooks.as_codes(v, kind), kind == "signed") for v in (x, y)]
        assert worst[1] <= worst[0]


# best-known values to nine digits or closed forms, each found from random starts
KNOWN = [
    (5, 3, "real", 1 / np.sqrt(5)),
    (7, 3, "real", 1 / np.sqrt(3)),
    (8, 3, "real", 0.647588978734),
    (10, 4, "real", 0.434258545911),
    (9, 3, "complex", 0.5),
]


@pytest.mark.parametrize(("c", "d", "field", "value"), KNOWN)
def test_known_optima_from_random_starts(c, d, field, value):
    found = pack(c, d, field, rounds=2, starts=8, key=3, construct=False)
    assert found.coherence == pytest.approx(value, abs=1e-8)
    assert found.coherence >= found.floor.value - 1e-12
    assert found.codes.shape == (c, d)
    assert np.iscomplexobj(found.codes) == (field == "complex")
    np.testing.assert_allclose(np.linalg.norm(found.codes, axis=1), 1, atol=1e-12)
    assert codebooks.coherence(found.codes) == found.coherence


def test_signed_packing_finds_the_square_antiprism():
    found = pack(8, 3, signed=True, rounds=2, starts=8, construct=False)
    assert found.coherence == pytest.approx((2 * np.sqrt(2) - 1) / 7, abs=1e-10)
    assert found.floor.bound in ("Fejes Tóth", "Levenshtein, degree 3")


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


def test_integer_and_jax_keys():
    key = jax.random.key(4)
    found = [pack(5, 3, rounds=1, starts=8, key=k) for k in (key, jax.random.key_data(key))]
    np.testing.assert_array_equal(found[0].codes, found[1].codes)


def test_the_callers_precision_does_not_matter_and_is_left_alone():
    before = jax.config.jax_enable_x64
    found = pack(5, 3, rounds=1, starts=8)
    assert jax.config.jax_enable_x64 == before
    with jax.enable_x64(True):
        wide = pack(5, 3, rounds=1, starts=8)
    np.testing.assert_array_equal(found.codes, wide.codes)
    assert found.codes.dtype == np.float64


def test_one_program_serves_every_size_with_the_same_padding():
    pack(9, 4, rounds=1, starts=8, construct=False)
    compiled = anneal.lbfgs._cache_size()
    assert compiled > 0
    pack(10, 4, rounds=1, starts=8, construct=False)
    pack(11, 4, rounds=1, starts=8, construct=False)
    assert anneal.lbfgs._cache_size() == compiled
    assert batches.padded(9) == batches.padded(12) == 12


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
    assert pack(1, 3).coherence == 0
    assert pack(1, 3, signed=True).coherence == -1
    assert pack(4, 1).coherence == 1
    assert pack(3, 5).coherence == pytest.approx(0, abs=1e-15)
    with pytest.raises(ValueError, match="c=0"):
        pack(0, 3)


def test_it_stops_when_nothing_improves():
    found = pack(5, 3, seconds=300, starts=8, patience=2)
    assert "brought nothing better" in found.stopped


def test_it_stops_at_the_target():
    found = pack(8, 3, rounds=20, starts=8, construct=False, target=0.66)
    assert found.stopped == "the target of 0.66 is reached"
    assert found.coherence <= 0.66
    assert len(found.trace) < 20


def test_seconds_are_those_of_the_clock():
    times = iter(range(1000))
    found = pack(5, 3, seconds=12, starts=8, clock=lambda: float(next(times)))
    assert found.stopped == "the budget of 12 seconds is spent"
    assert next(times) < 20


def test_many_starts(monkeypatch):
    found = pack(5, 3, rounds=1, starts=256)
    assert found.coherence == pytest.approx(1 / np.sqrt(5), abs=1e-12)
    pool, random = batches._Pool(), np.random.default_rng(0)
    made = batches._made("structured", 5, 3, "real", 1000, pool, random)
    assert [len(start.rows) for start in made] == [5] * 1000
    tied = [start.ties is not None for start in made]
    assert any(tied[: batches.MAX_SYMMETRIC_STARTS])
    assert not any(tied[batches.MAX_SYMMETRIC_STARTS :])
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert batches.batch_size(8, 6) == 8192
    assert batches.batch_size(160, 64) > 1000


def test_constructions_of_one_dimension_less_are_starts():
    lifted = [x for x in starts.nearby(32, 8, "real") if len(x) == 28]
    assert lifted[0].shape == (28, 8)
    assert codebooks.coherence(lifted[0]) == pytest.approx(1 / 3, abs=1e-12)


def test_shedding_drops_the_crowded_codes():
    codes = np.concatenate([np.eye(4), np.eye(4)[:1] + 0.01 * np.eye(4)[1:2]])
    kept = starts.shed(codes, 4, "real")
    assert kept.shape == (4, 4)
    assert codebooks.coherence(kept) < 0.02


def test_every_kind_of_batch_runs():
    found = pack(8, 3, rounds=len(batches.BATCH_CYCLE), starts=8)
    assert {p.how for p in found.trace} == set(batches.BATCH_CYCLE)
    assert found.coherence == pytest.approx(0.647588978734, abs=1e-10)


def test_large_codebooks_descend_in_tiles():
    found = pack(300, 16, rounds=3, key=1, construct=False)
    random_value = found.trace[0].coherence
    assert found.coherence < 0.8 * random_value
    assert found.coherence > coherence_floor(300, 16).value
    again = pack(300, 16, rounds=3, key=1, construct=False)
    np.testing.assert_array_equal(found.codes, again.codes)


def test_large_codebooks_start_from_parts_of_constructions():
    found = pack(1000, 64, rounds=2)
    assert found.coherence <= bounds.orthoplex(2112, 64) + 1e-12
    assert found.gap < 0.005
