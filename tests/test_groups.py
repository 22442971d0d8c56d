"""Rows that hang together: errors and held-out rows by whole groups."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gramax
from gramax.cli import main
from gramax.errors import InputError
from gramax.moments.blocks import blocks_of, dealt, random_parts

pytestmark = pytest.mark.usefixtures("read_here")

SEED = 5
GROUPS, VIEWS = 60, 8
CENTRES = 0.5 * np.random.default_rng(0).standard_normal((3, 6))


@pytest.fixture(autouse=True)
def errors_alone(monkeypatch):
    """What else stands beside numbers takes most of the time, and is asked for by no test here."""
    for name in ("references", "companions_with_intervals"):
        monkeypatch.setattr(f"gramax.audits.audit.{name}", lambda *_, **__: {})


def clustered(rng):
    """Eight views of each of 60 objects of three classes, sorted by object."""
    y, g = rng.integers(0, 3, GROUPS), np.repeat(np.arange(GROUPS), VIEWS)
    objects = CENTRES[y] + 0.8 * rng.standard_normal((GROUPS, 6))
    return objects[g] + 0.2 * rng.standard_normal((len(g), 6)), y[g], g


def test_groups_stay_together_and_are_dealt_evenly():
    groups = np.random.default_rng(SEED).integers(0, 43, 500)
    block = blocks_of(np.arange(500), 20, 0, groups, 43)
    of_group = [set(block[groups == k]) for k in range(43)]
    assert {len(one) for one in of_group} == {1}
    assert set(np.bincount([min(one) for one in of_group])) == {2, 3}
    loose = np.full(500, -1)  # rows of no group are dealt as without groups
    np.testing.assert_array_equal(blocks_of(np.arange(500), 20, 0, loose, 43), dealt(0, 500, 20, 0))


def test_random_parts_hold_as_many_groups_each():
    groups = np.repeat(np.arange(25), 4)
    groups[:8] = -1  # eight rows that are groups of their own
    *parts, rest = random_parts(100, 10, None, groups)
    assert np.array_equal(np.sort(np.concatenate([*parts, rest])), np.arange(100))
    units = np.where(groups < 0, -1 - np.arange(100), groups)
    assert [len(set(units[part])) for part in parts] == [3] * 10
    assert not set(units[parts[0]]) & set(units[np.concatenate([*parts[1:], rest])])
    assert sum(map(len, random_parts(100, 10, 30, groups))) == 30


def test_copies_of_every_row_as_a_group_change_no_error():
    rng = np.random.default_rng(SEED)
    y = rng.integers(0, 3, 200)
    z = CENTRES[y] + 0.6 * rng.standard_normal((200, 6))
    three = np.repeat(np.arange(200), 3)
    one = gramax.audit(z, y, groups=np.arange(200), explain=True, portrait=False)
    many = gramax.audit(z[three], y[three], groups=three, explain=True, portrait=False)
    for name in ("scatter_ratio", "cdnv", "effective_rank", "class_coherence", "two_nn"):
        error, of_many = (report.numbers[name].error for report in (one, many))
        assert of_many.error == pytest.approx(error.error, rel=1e-6), name
    assert many.worth.probe.accuracy == pytest.approx(one.worth.probe.accuracy, abs=1e-9)
    assert many.worth.nearest_neighbour.accuracy == one.worth.nearest_neighbour.accuracy
    plain = gramax.audit(z[three], y[three], explain=True, portrait=False)
    assert plain.numbers["cdnv"].error.error < 0.7 * many.numbers["cdnv"].error.error


def test_no_row_is_judged_by_its_own_group():
    """Views of one object are near each other, and labels say nothing."""
    rng = np.random.default_rng(SEED)
    g = np.repeat(np.arange(40), 25)  # more views than neighbours are looked for
    z, y = rng.standard_normal((40, 8))[g] + 0.01 * rng.standard_normal((1000, 8)), (g % 2)
    leaking, held = (gramax.audit(z, y, groups=groups, portrait=False) for groups in (None, g))
    assert leaking.worth.nearest_neighbour.accuracy == 1
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    far = -unit @ unit.T + 9.0 * (g[:, None] == g)
    hits = y[np.argmin(far, axis=1)] == y
    assert held.worth.nearest_neighbour.accuracy == np.mean(hits)
    assert held.worth.nearest_neighbour.low < 0.5 < held.worth.nearest_neighbour.high
    assert held.worth.probe.low < 0.5 < leaking.worth.probe.low


def test_two_draws_of_clustered_rows_are_the_same():
    """Without groups such a comparison often names a change."""
    rng, flagged = np.random.default_rng(SEED), 0
    for _ in range(3):
        (a, ya, ga), (b, yb, gb) = clustered(rng), clustered(rng)
        found = gramax.compare(a, b, ya, yb, groups=ga, groups_b=gb, paired=False)
        assert {one.kind for one in found.values()} <= {"same", "unknown"}
        assert {one.kind for one in found.uses.values()} == {"same"}
        assert {one.kind for one in found.moved} == {"same"}
        blind = gramax.compare(a, b, ya, yb, paired=False)
        flagged += any(one.kind not in ("same", "unknown") for one in blind.values())
    assert flagged


def test_rows_pair_where_their_groups_agree():
    z, y, g = clustered(np.random.default_rng(SEED))
    found = gramax.compare(z, z + 0.01, y, groups=g)
    assert found.paired
    assert found.alignment[0].error is not None
    other = gramax.compare(z, z, y, groups=g, groups_b=np.roll(g, 1))
    assert "their labels or groups differ" in other.notes[0]


@pytest.mark.parametrize("place", ["column", "file"])
def test_the_command_reads_groups(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    z, y, g = clustered(np.random.default_rng(SEED))
    names = [f"person {k}" for k in g]
    table = {"z": list(z.astype(np.float32)), "who": names, "y": y}
    pq.write_table(pa.table(table), "z.parquet")
    np.save("z.npy", z.astype(np.float32))
    np.save("y.npy", y)
    (tmp_path / "who.txt").write_text("\n".join(names))
    how = {
        "column": ["z.parquet", "--column", "z", "--labels", "y", "--groups", "who"],
        "file": ["z.npy", "--labels", "y.npy", "--groups", "who.txt"],
    }[place]
    assert main(["audit", *how, "--json", "-", "--explain", "--checkpoint", "kept"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = np.unique(names, return_inverse=True)[1]
    report = gramax.audit(z.astype(np.float32), y, groups=names, explain=True)
    wide = report.numbers["scatter_ratio"].error.error
    assert found["metrics"]["scatter_ratio"]["error"]["standard"] == pytest.approx(wide, rel=1e-9)
    assert "60 groups of rows make 20 blocks for error bars" in found["warnings"]
    assert main(["audit", *how[:-2], "--explain", "--checkpoint", "kept"]) == 2
    assert "is a checkpoint of another audit" in capsys.readouterr().err


def test_few_groups_make_few_blocks():
    z, y, g = clustered(np.random.default_rng(SEED))
    report = gramax.audit(z, y, groups=g % 4, explain=True)
    assert report.worth.folds == 4
    assert report.numbers["cdnv"].error.error > 0
    two = gramax.audit(z, y, groups=g % 2, explain=True).numbers["cdnv"].error
    assert two.error is None
    assert "3 are needed" in two.reason
    with pytest.raises(InputError, match="are one group"):
        gramax.audit(z, y, groups=np.zeros(len(z), int))
    with pytest.raises(InputError, match="groups: 5 labels for the 480 rows"):
        gramax.audit(z, y, groups=[1, 2, 3, 4, 5])
