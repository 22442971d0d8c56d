"""Two sides of one space: against plain loops, on spaces whose truth is known, and from files."""

import json
from typing import Any

import numpy as np
import pytest

import gramax
from gramax.cli import main
from gramax.data.readers.safetensors import entries
from gramax.decide import across
from gramax.decide.across import Matches, Search
from gramax.errors import InputError

N, M, D = 70, 55, 9


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def cloud(n=400, d=16, noise=0.8, gap=0.0, seed=0):
    """Two views of the same things, each moved its own way."""
    rng = np.random.default_rng(seed)
    things, way = rng.normal(size=(n, d)), unit(rng.normal(size=d))
    x, y = (things + noise * rng.normal(size=(n, d)) for _ in range(2))
    return x + gap * way, y - gap * way


def in_plain_loops(x, y, match, k):
    """Recall@k and counts of the ten nearest, by sorting all rows; nothing may tie."""
    hits, counts = [], np.zeros(len(y))
    for i, row in enumerate(x):
        wanted = {j for a, j in match if a == i}
        order = np.argsort(-(y @ row))
        if wanted:
            hits.append(bool(wanted & set(order[:k])))
            counts[order[:10]] += 1
    return np.mean(hits), counts


@pytest.mark.parametrize("kind", ["rows", "pairs", "labels"])
@pytest.mark.parametrize("strip", [100, 1 << 22])
def test_numbers_are_those_of_plain_loops(kind, strip, monkeypatch):
    monkeypatch.setattr(across, "STRIP_NUMBERS", strip)
    rng = np.random.default_rng(1)
    n, m = (N, N) if kind == "rows" else (N, M)
    a, b = rng.normal(size=(n, D)) + 0.3, rng.normal(size=(m, D)) - 0.2
    given: dict[str, Any] = {}
    match = [(i, i) for i in range(n)]
    if kind == "pairs":  # of many with many; some rows are in none
        match = sorted({(int(i), int(j)) for i, j in rng.integers(0, (40, 30), (90, 2))})
        given = {"pairs": np.array(match)[rng.permutation(len(match))]}
    if kind == "labels":
        one, other = (rng.permutation(np.arange(size) % 12) for size in (n, m))
        given = {"labels": [f"c{k}" for k in one], "labels_b": [f"c{k}" for k in other % 11]}
        match = np.argwhere(one[:, None] == other % 11).tolist()
    found = gramax.sides(a, b, **given)
    for variant, centre in enumerate((False, True)):
        x, y = (unit(unit(z) - unit(z).mean(axis=0) * centre) for z in (a, b))
        back = [(j, i) for i, j in match]
        for way, (p, q, pairs) in enumerate([(x, y, match), (y, x, back)]):
            one = found.searches[variant][way]
            for k in (1, 5, 10):
                recall, counts = in_plain_loops(p, q, pairs, k)
                assert one.recall[k].value == pytest.approx(recall)
            gaps = counts - counts.mean()
            skewness = np.mean(gaps**3) / np.mean(gaps**2) ** 1.5
            assert one.hubness[0] == pytest.approx(skewness)
            assert one.never[0] == np.mean(counts == 0)
            own = q @ q.T - 2 * np.eye(len(q))
            asked = sorted({i for i, _ in pairs})
            nearest = (p @ q.T)[asked].max(axis=1)
            outside = np.mean(nearest < np.quantile(own.max(axis=1), 0.05))
            assert one.outside.value == pytest.approx(outside)
        gap, cosines = found.gaps[variant], x @ y.T
        mask = np.zeros(cosines.shape, bool)
        mask[tuple(np.array(match).T)] = True
        assert gap.matched
        assert gap.matched.value == pytest.approx(np.mean(cosines[mask]))
        assert gap.unmatched == pytest.approx(np.mean(cosines[~mask]))
        distances = [np.sum((x[i] - y[j]) ** 2) for i, j in match]
        assert gap.alignment == pytest.approx(np.mean(distances))
        assert gap.distance.value == pytest.approx(np.linalg.norm(x.mean(axis=0) - y.mean(axis=0)))
        uniform = [float(gramax.metrics.uniformity(side)) for side in (x, y)]
        assert gap.uniformity == pytest.approx(uniform)


def test_of_ties_the_share_of_orders_that_hit():
    rng = np.random.default_rng(0)
    above, tied, twins = np.array([[0, 1, 0, 3, 2], [0, 2, 4, 1, 5], [1, 1, 2, 3, 1]])
    one = Search(above, tied, twins, twins, np.zeros(5), np.zeros(20))
    for k in (1, 2, 3, 5):
        drawn = []
        for a, t, r in zip(above, tied, twins, strict=True):
            orders = np.argsort(rng.random((2000, t + r)), axis=1)
            drawn.append(np.mean(np.any(orders[:, : max(k - a, 0)] < r, axis=1)))
        np.testing.assert_allclose(one.hits(k), drawn, atol=0.05)


@pytest.mark.parametrize("gap", [0.0, 4.0])
def test_sides_that_lie_apart_are_centred_and_others_are_left(gap):
    x, y = cloud(gap=gap)
    found = gramax.sides(x, y)
    before, after = (both[0].recall[1].value for both in found.searches)
    assert found.gaps[0].apart == (gap > 0)
    assert found.centred == (gap > 0)
    if gap:
        assert after > before + 0.2
        assert found.headline.startswith("Centre each side: recall@1 goes from")
        assert found.searches[0][0].outside.value > 0.95
        assert found.searches[1][0].outside.value < 0.1
    else:
        assert abs(after - before) < 0.05
        assert found.headline.startswith("Leave the sides as they are: they lie in one place")


def test_centring_that_takes_the_topic_away_is_refused():
    """Queries of one topic, a corpus of ten: what the queries share is what tells them apart."""
    rng = np.random.default_rng(0)
    topics = 3 * rng.normal(size=(10, 24))
    corpus = topics[np.arange(1000) % 10] + 0.5 * rng.normal(size=(1000, 24))
    rows = np.arange(0, 1000, 10)
    queries = corpus[rows] + 0.5 * rng.normal(size=(100, 24))
    found = gramax.sides(queries, corpus, pairs=np.stack([np.arange(100), rows], axis=1))
    assert not found.centred
    assert "centring each takes recall@1 from" in found.headline


def test_equal_sides_are_next_to_never_centred():
    found = [gramax.sides(*cloud(n=60, d=12, seed=seed)).centred for seed in range(15)]
    assert sum(found) <= 1


def test_distance_by_chance_is_that_of_rows_dealt_at_random():
    rng = np.random.default_rng(2)
    rows = unit(rng.normal(size=(90, 6)) + 1)
    squares, chance = [], []
    for _ in range(100):
        order = rng.permutation(90)
        gap = gramax.decide.side_measures.gap_of(rows[order[:30]], rows[order[30:]], None)
        squares.append(gap.distance.value**2)
        chance.append(gap.chance**2)
    assert np.mean(squares) == pytest.approx(np.mean(chance), rel=0.15)


@pytest.mark.parametrize("rows", [np.ones((40, 3)), np.eye(40)[:, :1] * 0 + [[1.0, 0, 0]]])
def test_collapsed_sides_find_no_more_than_chance(rows):
    found = gramax.sides(rows, rows)
    for both in found.searches:
        for way in both:
            assert way.recall[1].value == pytest.approx(1 / 40)
            assert way.recall[10].value == pytest.approx(1 / 4)
    assert not found.centred
    json.dumps(found.to_dict(), allow_nan=False)
    assert "nan" not in found.headline


def test_without_matches_the_gap_alone_is_told():
    x, y = cloud(gap=3.0)
    found = gramax.sides(x, y[:300])
    assert found.gain is None
    assert found.chart() is None
    assert found.headline.startswith("The sides lie apart: their centroids are")
    assert "--pairs or --labels" in found.headline
    mixed = gramax.sides(x, y[np.random.default_rng(0).permutation(400)])
    assert any("no more alike than others" in note for note in mixed.notes)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"b": np.ones((5, D + 1))}, "10 dimensions where array has 9"),
        ({"b": np.zeros((5, D))}, "no row|at least two rows"),
        ({"pairs": np.array([[0, 0, 0]])}, r"pairs are \[p, 2\].*got shape \[1, 3\]"),
        ({"pairs": np.array([[0, 5], [0, N]])}, "pair 1 names row 70 of B, which has rows 0 to 69"),
        ({"pairs": np.array([[0.5, 5]])}, "pair 0 names row 0.5 of A"),
        ({"labels": np.zeros(N, int), "pairs": np.zeros((1, 2))}, "give one of them"),
        ({"labels": np.zeros(N, int), "labels_b": np.ones(N, int)}, "no row of array matches"),
    ],
)
def test_what_does_not_fit_is_refused(given, words):
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=words):
        gramax.sides(rng.normal(size=(N, D)), **({"b": rng.normal(size=(N, D))} | given))


def test_the_command_reads_two_columns_and_saves_what_to_subtract(tmp_path, capsys):
    x, y = cloud(n=200, gap=4.0)
    order = np.random.default_rng(0).permutation(200)
    np.savez(tmp_path / "both.npz", image=x, text=y[order])
    np.save(tmp_path / "pairs.npy", np.stack([order, np.arange(200)], axis=1))
    file, out = f"{tmp_path}/both.npz", f"{tmp_path}/centres.safetensors"
    given = ["sides", f"{file}::image", f"{file}::text", "--pairs", f"{tmp_path}/pairs.npy"]
    assert main([*given, "--save-centres", out, "--html", f"{tmp_path}/s.html"]) == 0
    assert "Centre each side: recall@1 goes from" in capsys.readouterr().out
    page = (tmp_path / "s.html").read_text()
    assert "Recall@k" in page
    assert "Where they lie" in page
    assert main([*given, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["centre"] is True
    centres = [next(one.chunks(99))[1] for one in sorted(entries(out), key=lambda e: e.name)]
    x, y = (unit(unit(side) - centre) for side, centre in zip((x, y), centres, strict=True))
    recall = np.mean(np.argmax(x @ y.T, axis=1) == np.arange(200))
    assert found["centred"]["a_to_b"]["recall"]["1"]["value"] == pytest.approx(recall)
    assert main([*given, "--json", f"{tmp_path}/pairs.npy"]) == 2


def test_matches_of_pairs_are_the_same_from_both_sides():
    pairs = np.array([[2, 0], [0, 1], [2, 2], [0, 1]])
    one = Matches.of_pairs(pairs, 4, 3)
    mask = one.mask(np.arange(4))
    assert mask.sum() == 3
    np.testing.assert_array_equal(one.turned.mask(np.arange(3)), mask.T)
    np.testing.assert_array_equal(one.mask(np.array([0, 2])), mask[[0, 2]])
