"""`gramax threshold`: held to brute force over all pairs, closed forms, and simulations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.threshold import Kind, covered

import gramax
from gramax.arrays.rows import unit_rows
from gramax.cli import main
from gramax.decide import pair_counts
from gramax.decide.error_rates import LeaveOut, pair_moments
from gramax.decide.pair_counts import count_pairs
from gramax.metrics.evidence import Evidence
from gramax.moments import ClassMoments
from tests.numbers import mnist

BIN = 2 / pair_counts.BINS


def space(n=600, c=12, d=8, noise=0.6, seed=0):
    """Classes of unequal size in a few dimensions, unsorted."""
    rng = np.random.default_rng(seed)
    share = rng.exponential(size=c) + 0.2
    y = rng.choice(c, n, p=share / share.sum())
    return rng.normal(size=(c, d))[y] + noise * rng.normal(size=(n, d)), y


def all_cosines(z, y):
    """Cosines of all pairs of rows, of one class and of two."""
    x = unit_rows(np.asarray(z, float))
    a, b = np.triu_indices(len(x), 1)
    cosines, same = np.sum(x[a] * x[b], axis=1), y[a] == y[b]
    return cosines[same], cosines[~same]


def test_every_number_is_that_of_brute_force_over_all_pairs():
    z, y = space()
    same, different = all_cosines(z, y)
    found = gramax.threshold(z, y)
    assert found.pairs == (len(same), len(different))
    t = found.cosine
    assert np.mean(different > t) == pytest.approx(found.equal.accepts.value, abs=2e-3)
    assert np.mean(same <= t) == pytest.approx(found.equal.accepts.value, abs=2e-3)
    assert [p.accepts.value for p in found.points] == [0.1, 0.01, 0.001]
    for point in found.points:
        exact = np.quantile(different, 1 - point.accepts.value)
        assert point.cosine.value == pytest.approx(exact, abs=2 * BIN)
        assert point.rejects.value == pytest.approx(np.mean(same <= exact), abs=2e-3)
    apart = (same.mean() - different.mean()) / np.sqrt((same.var() + different.var()) / 2)
    assert found.d_prime.value == pytest.approx(apart, rel=1e-3)
    accepts, rejects = found.curve
    np.testing.assert_allclose(accepts.y, [np.mean(different > x) for x in accepts.x], atol=3e-3)
    np.testing.assert_allclose(rejects.y, [np.mean(same <= x) for x in rejects.x], atol=3e-3)
    for one in found.mixed_up[:5]:
        a, b = (unit_rows(z[y == int(name)]) for name in (one.a, one.b))
        passing = a @ b.T > t
        assert one.passing == pytest.approx(passing.mean())
        assert one.of_accepts == pytest.approx(passing.sum() / np.sum(different > t), rel=0.02)
    counts = [one.of_accepts for one in found.mixed_up]
    assert counts == sorted(counts, reverse=True)
    assert sum(counts) == pytest.approx(1, rel=0.02)


def test_moments_alone_know_both_means_and_the_spread_of_all_pairs():
    z, y = space(n=900, d=48, noise=1.0)
    kinds = all_cosines(z, y)
    known = pair_moments(Evidence(ClassMoments.of(z, y, 12)))
    np.testing.assert_allclose(known[0], [k.mean() for k in kinds], rtol=1e-9)
    square = sum(len(k) * (m * m + s * s) for k, m, s in zip(kinds, *known, strict=True))
    np.testing.assert_allclose(square, sum(float(k @ k) for k in kinds), rtol=1e-9)
    np.testing.assert_allclose(known[1], [k.std() for k in kinds], rtol=0.3)


def test_no_threshold_is_recommended_for_noise_whose_law_is_known():
    # In three dimensions the cosine of two random directions is uniform on [-1, 1].
    rng = np.random.default_rng(1)
    found = gramax.threshold(rng.normal(size=(2000, 3)), np.arange(2000) % 40)
    assert found.cosine is None
    assert found.headline.startswith("No cosine is recommended")
    assert found.to_dict()["threshold"] is None
    assert found.equal.accepts.value == pytest.approx(0.5, abs=0.01)
    assert found.points[0].cosine.value == pytest.approx(0.8, abs=0.01)
    assert found.points[0].rejects.value == pytest.approx(0.9, abs=0.01)
    assert not found.merge
    assert not found.mixed_up


def test_opposite_and_equal_rows_score_nothing():
    y = np.arange(40) % 4
    copies = gramax.threshold(np.ones((40, 3)), y)
    assert copies.cosine is None
    assert copies.equal.accepts.value == pytest.approx(0.5)
    assert np.isnan(copies.d_prime.value)
    rng = np.random.default_rng(0)
    signs = np.tile([1.0, -1.0], 20)[:, None]  # half of each class is opposite
    apart = np.eye(20)[np.repeat(np.arange(20), 2)] * signs + 0.01 * rng.normal(size=(40, 20))
    upside_down = gramax.threshold(apart, np.repeat(np.arange(20), 2))
    assert upside_down.cosine is None
    assert upside_down.equal.accepts.value > 0.5


def test_a_perfect_space_tells_how_bad_other_classes_may_be():
    found = gramax.threshold(np.repeat(np.eye(10), 5, axis=0), np.repeat(np.arange(10), 5))
    assert found.cosine == pytest.approx(0.5, abs=0.01)
    assert found.equal.accepts.value == 0
    assert found.equal.accepts.high == pytest.approx(1 - 0.05 ** (1 / 10))
    assert "up to 26 %" in found.headline


def test_counts_do_not_hang_on_tiles_and_leave_out_whole_classes(monkeypatch):
    z, y = space(c=9)
    x = unit_rows(z)
    whole = count_pairs(x, y, 9)
    monkeypatch.setattr(pair_counts, "TILE_SIDE", 37)
    tiled = count_pairs(x, y, 9)
    for name in ("same", "different", "all_different", "dyads"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(tiled, name))
    monkeypatch.setattr(pair_counts, "GROUPS", 4)
    grouped = count_pairs(x, y, 9)
    np.testing.assert_array_equal(grouped.all_same, whole.all_same)
    np.testing.assert_array_equal(grouped.all_different, whole.all_different)
    for counts in (whole, grouped):
        for g in range(len(counts.same)):
            rest = counts.group[y] != g
            kinds = all_cosines(z[rest], y[rest])
            for left, exact in zip(counts.without(g), kinds, strict=True):
                assert left.sum() == len(exact)
                far = np.abs(
                    np.cumsum(left)[::64] - [np.sum(exact < e) for e in counts.edges[1::64]]
                )
                assert far.max() <= 1  # on an edge


def test_each_pair_of_classes_is_counted_once_in_the_variance_of_dyads():
    z, y = space(c=5)
    counts, x = count_pairs(unit_rows(z), y, 5), unit_rows(z)
    at = counts.edges[pair_counts.STRIDE * 100]
    above, every = [], []
    for a in range(5):
        for b in range(a + 1, 5):
            passing = x[y == a] @ x[y == b].T > at
            above.append(passing.sum())
            every.append(passing.size)
    above, every = np.array(above, float), np.array(every, float)
    exact = (above @ above, above @ every, every @ every)
    np.testing.assert_allclose(counts.dyads[:, 100], exact)


def test_random_parts_of_many_rows_give_what_all_pairs_give(monkeypatch):
    z, y = space(n=3000, c=20)
    exact = gramax.threshold(z, y)
    monkeypatch.setattr(pair_counts, "MAX_ROWS", 1200)
    monkeypatch.setattr(pair_counts, "MAX_SAME_PAIRS", 1e5)
    part = gramax.threshold(z, y)
    assert part.pairs[0] < exact.pairs[0]
    assert part.pairs[1] < exact.pairs[1]
    assert part.cosine == pytest.approx(exact.cosine, abs=0.01)
    assert part.equal.accepts.value == pytest.approx(exact.equal.accepts.value, abs=0.01)
    assert any("not every pair" in note for note in part.notes)


def test_turning_and_scaling_rows_changes_nothing():
    z, y = space()
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(8, 8)))
    scale = np.random.default_rng(3).exponential(size=(len(z), 1)) + 0.1
    before, after = gramax.threshold(z, y), gramax.threshold(scale * z @ turn, y)
    assert after.cosine == pytest.approx(before.cosine, abs=BIN)
    assert after.equal.accepts.low == pytest.approx(before.equal.accepts.low, abs=1e-3)
    np.testing.assert_allclose(after.quick, before.quick, rtol=1e-9)


@pytest.mark.parametrize("data", ["digits", "mnist", "sentences"])
def test_the_quick_answer_is_near_on_real_rows(data):
    if data == "digits":
        z, y = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    elif data == "mnist":
        z, y = mnist()
    else:
        file = np.load(Path(__file__).parents[1] / "docs/studies/sentences.npz")
        z, y = file["embeddings"].astype(np.float32), file["modules"]
    found = gramax.threshold(z, y)
    exact = {"digits": 0.749, "mnist": 0.443, "sentences": 0.151}[data]
    assert found.cosine == pytest.approx(exact, abs=0.002)
    assert found.quick[0] == pytest.approx(found.cosine, abs=0.03)
    assert {(one.a, one.b) for one in found.merge} <= {("numpy.fft", "scipy.signal")}


def test_intervals_hold_the_truth():
    # 40 draws: fewer than 32 hits of 95 % intervals come once in three thousand times.
    assert covered(Kind(15), 40, draws=400_000).min() >= 32 / 40


def test_intervals_shrink_with_classes_not_with_rows():
    def width(c, n):
        rng, y = np.random.default_rng(0), np.arange(n) % c
        z = rng.normal(size=(c, 16))[y] * (1 + y[:, None] % 3) + rng.normal(size=(n, 16))
        rate = gramax.threshold(z, y).d_prime
        return rate.high - rate.low

    assert width(10, 1000) > 0.7 * width(10, 250)
    assert width(90, 1000) < 0.5 * width(10, 1000)


def test_one_class_under_two_names_is_to_be_merged(tmp_path):
    rng = np.random.default_rng(0)
    c, d = 150, 32
    means, y = rng.normal(size=(c, d)), rng.integers(0, c, 3000)
    means[1], means[7] = means[0], means[6] + 0.1 * rng.normal(size=d)
    names = np.array([f"n{k:03}" for k in range(c)])
    found = gramax.threshold(means[y] + 0.7 * rng.standard_t(4, size=(3000, d)), names[y])
    assert {(one.a, one.b) for one in found.merge} == {("n000", "n001"), ("n006", "n007")}
    assert all(one.distance < 0.5 for one in found.merge)
    found.save_merge(tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "a,b,passing,own,of_accepts,distance"
    assert sorted(line[:9] for line in lines[1:]) == ["n000,n001", "n006,n007"]
    with pytest.raises(gramax.InputError, match=r"as \.csv"):
        found.save_merge(tmp_path / "out.txt")


def test_what_pairs_do_not_carry_is_refused_or_said():
    z, y = space()
    found = gramax.threshold(z, y, accepts=0.05)
    assert found.chosen.accepts.value == 0.05
    assert found.cosine > found.equal.cosine.value
    with pytest.raises(gramax.InputError, match="carry false-accept rates from"):
        gramax.threshold(z, y, accepts=1e-6)
    with pytest.raises(gramax.InputError, match="between 0 and 1"):
        gramax.threshold(z, y, accepts=5)
    with pytest.raises(gramax.InputError, match="needs two rows of one class"):
        gramax.threshold(z[:9], np.arange(9))
    with pytest.raises(gramax.InputError, match="two classes at least"):
        gramax.threshold(z)
    two = gramax.threshold(z, y % 2)
    assert two.equal.accepts.low is None
    assert any("no intervals" in note for note in two.notes)


def test_classes_of_one_row_count_in_different_pairs_alone():
    z, y = space(n=200, c=6)
    alone = np.random.default_rng(5).normal(size=(30, 8))
    found = gramax.threshold(np.vstack([z, alone]), np.r_[y, 100 + np.arange(30)])
    same, different = all_cosines(np.vstack([z, alone]), np.r_[y, 100 + np.arange(30)])
    assert found.pairs == (len(same), len(different))
    assert all(np.isfinite(k) for k in found.quick)
    counts = LeaveOut(count_pairs(unit_rows(z), y, 6))
    assert 1 <= counts.worth["same"] <= counts.worth["different"] <= 6


def test_the_command_writes_all_that_is_asked_for(tmp_path, capsys):
    z, y = space()
    for name, array in (("z.npy", z), ("y.npy", y)):
        np.save(tmp_path / name, array)
    files = [str(tmp_path / name) for name in ("z.npy", "y.npy", "o.json", "o.html", "m.csv")]
    typed = ["threshold", files[0], "--labels", files[1], "--accepts", "0.01"]
    outputs = ["--json", files[2], "--html", files[3], "--merge-out", files[4]]
    assert main([*typed, *outputs]) == 0
    found = json.loads(Path(files[2]).read_text())
    assert found["threshold"] == found["at_false_accept"][1]
    assert len(found["curve"]["cosine"]) == len(found["curve"]["false_accept"])
    assert Path(files[4]).read_text().startswith("a,b,passing")
    assert main([*typed, "--merge-out", str(tmp_path / "m.txt")]) == 2
    assert main(["threshold", files[0]]) == 2
    assert "needs two classes at least" in capsys.readouterr().err
