"""`gramax shrink`: exact neighbours, ties, intervals that cover, and what is recommended."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

import gramax
from gramax.decide.codecs import Codecs, Way, precision_of, ways_for
from gramax.decide.searches import found_in, true_neighbours
from gramax.decide.shrink import lost_of, share_of
from gramax.errors import InputError

K = 10


def brute(x, queries, k=K):
    """All rows no further than the k-th nearest other row, in float64."""
    found = []
    for q in queries:
        squares = np.sum((x - x[q]) ** 2, axis=1)
        squares[q] = np.inf
        found.append(set(np.flatnonzero(squares <= np.sort(squares)[k - 1]).tolist()))
    return found


@pytest.mark.parametrize("kind", ["gaussian", "far from the origin", "a lattice", "many rows"])
def test_true_neighbours_are_those_of_brute_force(kind):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000 if kind == "many rows" else 400, 6))
    if kind == "far from the origin":
        x += 1e4
    if kind == "a lattice":  # hundreds of equal distances
        x = np.stack(np.meshgrid(*[np.arange(4.0)] * 4), axis=-1).reshape(-1, 4)
    queries = np.sort(rng.choice(len(x), 60, replace=False))
    truth = true_neighbours(x, queries)
    mine = [set(truth.row[truth.query == i].tolist()) for i in range(len(queries))]
    assert mine == brute(x, queries)


def expected_recall(codes, x, q, k=K):
    """Of one query, over all orders of rows at one Hamming distance, in exact arithmetic."""
    (true,) = brute(x, [q], k)
    distance = np.sum(codes != codes[q], axis=1).astype(float)
    distance[q] = np.inf
    last = np.sort(distance)[k - 1]
    sure, tied = set(np.flatnonzero(distance < last)), set(np.flatnonzero(distance == last))
    chance = Fraction(k - len(sure), len(tied))
    return float((len(true & sure) + len(true & tied) * chance) / k)


def test_rows_that_tie_share_the_last_places():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(900, 12))
    y = rng.integers(0, 3, 900)
    queries = np.arange(0, 900, 15)
    truth = true_neighbours(x, queries)
    codecs = Codecs(x, np.arange(900), normalize=False)
    stored = codecs.stored(Way("all", 12, "binary"))
    found = found_in(stored.g, stored.half, truth, y)
    codes = x > x.mean(axis=0)
    exact = [expected_recall(codes, x, q) for q in queries]
    np.testing.assert_allclose(found.recall, exact, atol=1e-12)
    for i, q in enumerate(queries[:20]):
        distance = np.sum(codes != codes[q], axis=1).astype(float)
        distance[q] = np.inf
        best = distance == distance.min()
        assert found.right[i] == pytest.approx(np.mean(y[best] == y[q]))


def test_what_is_lossless_loses_nothing_and_the_rest_is_told():
    rng = np.random.default_rng(0)
    z = np.append(rng.normal(size=(600, 8)), np.zeros((600, 24)), axis=1)
    found = gramax.shrink(z)
    by_name = {m.way.name: m for m in found.ways}
    assert by_name["first 8"].qualities["recall"].value == 1
    assert by_name["PCA 8"].qualities["recall"].value == pytest.approx(1, abs=1e-3)
    assert by_name["first 8"].kept == pytest.approx(1)
    assert by_name["first 4"].qualities["recall"].value < 0.5
    assert by_name["random 8"].qualities["recall"].value < 0.9
    assert found.chosen.way.name == "first 8 int8" or found.chosen.way.size <= 32


def test_int8_keeps_the_share_of_variance_that_its_steps_predict():
    x = np.random.default_rng(0).uniform(-1, 1, size=(4000, 16))
    codecs = Codecs(x, np.arange(0, 4000, 2), normalize=False)
    way = Way("all", 16, "int8")
    whole = codecs.stored(Way("all", 16, "float64"))
    noise = np.sum((codecs.stored(way).g - whole.g) ** 2) / np.sum(whole.g**2)
    assert 1 - codecs.stored(way).kept == pytest.approx(noise, rel=0.05)


def test_nothing_is_recommended_where_nothing_is_sure():
    z = np.random.default_rng(0).normal(size=(300, 32)).astype(np.float32)
    found = gramax.shrink(z, loss=0.0)  # that no loss was seen is no proof of none
    assert found.chosen is None
    assert found.headline.startswith("Leave it as it is (128 bytes a row)")
    assert found.to_dict()["chosen"] is None


def test_queries_are_held_out_from_what_is_learnt():
    """Principal components of few rows fit these rows too well: fresh queries see less."""
    rng = np.random.default_rng(0)
    corpus, fresh = rng.normal(size=(2, 150, 100))
    found = {m.way.name: m for m in gramax.shrink(corpus, raw=True).ways}["PCA 75"]
    both = np.append(corpus, fresh, axis=0)
    queries = np.arange(150, 300)
    recall = []
    for q in queries:  # each alone beside the corpus
        x = both[[*range(150), q]]
        truth = true_neighbours(x, np.array([150]))
        stored = Codecs(x, np.arange(150), normalize=False).stored(Way("PCA", 75, "float32"))
        recall.append(found_in(stored.g, stored.half, truth, np.zeros(151, int)).recall[0])
    most = np.mean(recall) + 4 * np.std(recall) / math.sqrt(150)
    assert found.qualities["recall"].value < most
    flattered = Codecs(corpus, np.arange(150), normalize=False).stored(Way("PCA", 75, "float32"))
    truth = true_neighbours(corpus, np.arange(150))
    judged = found_in(flattered.g, flattered.half, truth, np.zeros(150, int))
    assert judged.recall.mean() > most


@pytest.mark.parametrize("rate", [0.003, 0.02, 0.2])
def test_intervals_cover(rate):
    rng = np.random.default_rng(0)
    draws, n = 1500, 300
    uniform = rng.random((draws, n))
    lost = (uniform < rate).astype(float) - (uniform > 1 - rate / 2)
    bars = [lost_of(one, 1.96) for one in lost]
    covered = np.mean([bar.low <= rate / 2 <= bar.high for bar in bars])
    assert 0.93 <= covered <= 1
    right = [share_of((one >= rate).astype(float)) for one in uniform]
    assert np.mean([bar.low <= 1 - rate <= bar.high for bar in right]) >= 0.93


def test_copies_count_once_and_labels_of_noise_do_not_decide():
    rng = np.random.default_rng(0)
    z = np.repeat(rng.normal(size=(200, 16)), 3, axis=0)
    found = gramax.shrink(z, rng.integers(0, 4, 600))
    assert found.corpus == 200
    assert any("400 rows are copies" in note for note in found.notes)
    assert found.by == "recall"
    assert any("recall decides" in note for note in found.notes)


def test_the_precision_of_rows_is_what_they_were_stored_in():
    halves = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float16)
    assert precision_of(halves.astype(np.float32)) == "float16"
    assert all(way.size < 16 for way in ways_for(8, "float16"))
    large = np.random.default_rng(0).normal(size=(50, 8)) * 1e6
    assert not [m for m in gramax.shrink(large, raw=True).ways if m.way.store == "float16"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": np.eye(5)}, "5 distinct rows; 10 neighbours need more"),
        ({"source": 1e60 * np.random.default_rng(0).normal(size=(50, 4)), "raw": True}, "scale"),
        ({"loss": 1.5}, "loss is a share"),
        ({"by": "probe"}, "judging by probe needs two classes at least; it has no labels"),
        ({"by": "f1"}, "no quality 'f1'; there are recall"),
    ],
)
def test_what_cannot_be_is_refused(given, words):
    rows = np.random.default_rng(0).normal(size=(50, 4))
    with pytest.raises(InputError, match=words):
        gramax.shrink(**{"source": rows} | given)
