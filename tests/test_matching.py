"""Two codebooks matched one to one: the assignment, what is kept, and what is said of it."""

import json

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import gramax
from gramax.arrays import codebook as sweeping
from gramax.cli import main
from gramax.decide.comparison import dictionaries
from gramax.decide.comparison.dictionaries import assigned


def test_pairs_are_matched_as_the_whole_matrix_would_be():
    rng = np.random.default_rng(0)
    for key in range(20):
        values = rng.random((12, 15)) * (rng.random((12, 15)) < 0.15)
        pairs = np.argwhere(values)
        rng.shuffle(pairs)
        chosen, greedy = assigned(pairs, values[tuple(pairs.T)], 12)
        at = pairs[chosen]
        assert len(set(at[:, 0])) == len(set(at[:, 1])) == len(at), key
        right = values[linear_sum_assignment(-values)].sum()
        assert values[tuple(at.T)].sum() == pytest.approx(right)
        assert not greedy
    assert len(assigned(np.zeros((0, 2), int), np.zeros(0), 3)[0]) == 0


def two(c=600, d=24, key=0):
    """A codebook, and another: shuffled, with other signs and lengths, noise, and new codes."""
    rng = np.random.default_rng(key)
    x = rng.normal(size=(c, d))
    order, signs = rng.permutation(c)[: c - 40], rng.choice([-1, 1], c - 40)
    y = x[order] + 0.1 * rng.normal(size=(c - 40, d))
    y *= signs[:, None] * rng.uniform(0.5, 2, (c - 40, 1))
    y[:30] = 0.0
    y[30:60] = rng.normal(size=(30, d)) * 1e-3
    return x, y, order, signs


@pytest.mark.parametrize("tile", [1024, 128])
def test_codes_find_the_ones_they_come_from(tile, monkeypatch):
    monkeypatch.setattr(sweeping, "TILE_SIDE", tile)
    monkeypatch.setattr(sweeping, "PANEL_NUMBERS", 1)
    monkeypatch.setattr(sweeping, "PIECE_NUMBERS", 1)
    x, y, order, signs = two()
    found = gramax.compare(x, y, codes=True)
    true = {(str(a), str(b)) for b, a in enumerate(order) if b >= 60}
    pairs = {(a, b): cosine for a, b, cosine in found.matching.pairs}
    assert true <= set(pairs)
    assert len(set(pairs) - true) < 10  # of codes that are new, by chance above 0.7
    for (a, b), cosine in pairs.items():
        u, v = x[int(a)], y[int(b)]
        assert cosine == pytest.approx(u @ v / np.linalg.norm(u) / np.linalg.norm(v), abs=1e-6)
        if (a, b) in true:
            assert np.sign(cosine) == signs[int(b)]
    one = found.matching
    assert one.share_a == len(pairs) / 600
    assert one.share_b == len(pairs) / 530
    assert set(one.lost) == {str(k) for k in range(600)} - {a for a, _ in pairs}
    assert one.opposite == sum(cosine < 0 for cosine in pairs.values())
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["matching"]["share_a"]
    assert found["dead_codes"].kind == "worse"
    assert not found.notes


def test_a_codebook_is_itself_whatever_the_order_and_the_sign():
    x = np.random.default_rng(0).normal(size=(50, 200))  # fewer codes than numbers
    found = gramax.compare(x, -2 * x[::-1], codes=True)
    assert {(int(a), 49 - int(b)) for a, b, _ in found.matching.pairs} == {
        (k, k) for k in range(50)
    }
    assert found.matching.opposite == 50
    assert not found.of_kind("better") + found.of_kind("worse")
    assert "50 codes are in both, 100 % of A and 100 % of B" in found.headline
    z = x[:, :100] + 1j * x[:, 100:]
    assert gramax.compare(z, 1j * z, codes=True).matching.share_a == 1


def test_large_groups_are_matched_nearest_first_and_it_is_said(monkeypatch):
    monkeypatch.setattr(dictionaries, "MAX_GROUP", 3)
    x = np.eye(8)[:1] + 0.2 * np.random.default_rng(0).normal(size=(20, 8))
    found = gramax.compare(x, x, codes=True)
    assert found.matching.greedy == 20
    assert found.matching.share_a == 1
    assert "matched nearest first" in str(found)


def test_the_command_and_its_refusal(tmp_path, capsys):
    x, y, _, _ = two(200, 16)
    for name, rows in (("a", x), ("b", y), ("c", y[:, :9])):
        np.save(tmp_path / f"{name}.npy", rows)
    a, b, c = (str(tmp_path / f"{name}.npy") for name in "abc")
    page = str(tmp_path / "page.html")
    assert main(["compare", a, b, "--codes", "--html", page]) == 0
    said = capsys.readouterr().out
    assert "of A and " in said
    assert "codes without a match" in said
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "matched one to one above 0.7" in text
    assert "codes without a match" in text
    assert main(["compare", a, c, "--codes"]) == 2
    assert "codes of 16 numbers and of 9 numbers" in capsys.readouterr().err
