"""Spaces of unlike rows compared: paired by ids, or as many rows of one as of the other."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gramax
from gramax.cli import main
from gramax.decide.comparison import compare
from gramax.decide.comparison.pairing import thinned
from gramax.errors import InputError
from gramax.streaming import Request, collect, tasks

pytestmark = pytest.mark.usefixtures("read_here")

N, D, C = 300, 10, 4
CENTRES = 0.2 * np.random.default_rng(0).standard_normal((4, 64))


def rows(n=N, seed=0, d=D):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, C, n)
    return rng.normal(size=(C, d))[y] * 2 + rng.normal(size=(n, d)), y


def assert_same(found, known):
    for name, one in known.items():
        other = found[name]
        assert other.before == pytest.approx(one.before, rel=1e-9, abs=1e-9, nan_ok=True), name
        assert other.after == pytest.approx(one.after, rel=1e-9, abs=1e-9, nan_ok=True), name
        if one.error is not None:
            assert other.error == pytest.approx(one.error, rel=1e-6, abs=1e-9), name


@pytest.mark.parametrize("kind", ["numbers", "texts", "unlike"])
def test_rows_in_another_order_are_paired_by_their_ids(kind):
    """As rows that stand in the same order: numbers, errors, alignment; others are counted."""
    z, y = rows()
    other = z @ np.random.default_rng(1).normal(size=(D, 6))  # of another width
    rng = np.random.default_rng(2)
    ids = rng.permutation(10**6)[:N]
    there, mixed = np.sort(rng.permutation(N)[:200]), rng.permutation(N)[:250]
    shared = there[np.isin(there, mixed)]
    known = compare(z[shared], other[shared], y[shared])
    as_text = ids.astype(str).tolist()
    left, right = {
        "numbers": (ids[there], ids[mixed]),
        "texts": ([as_text[k] for k in there], [as_text[k] for k in mixed]),
        "unlike": (ids[there].astype(float), [as_text[k] for k in mixed]),
    }[kind]
    found = compare(z[there], other[mixed], y[there], y[mixed], ids=left, ids_b=right)
    assert found.paired
    assert found.a.n == found.b.n == len(shared)
    assert_same(found, known)
    for one, same in zip(found.alignment, known.alignment, strict=True):
        assert one.value == pytest.approx(same.value, rel=1e-9)
    told = f"{len(shared)} ids are in both; {200 - len(shared)} of A are left out"
    assert f"rows are paired: {told}; {250 - len(shared)} of B are left out" in found.notes


def test_a_column_of_files_holds_the_ids(tmp_path, capsys):
    z, y = rows()
    order = np.random.default_rng(3).permutation(N)
    ids = [f"img-{k}" if k != 5 else None for k in range(N)]
    for name, at in (("a", np.arange(N)), ("b", order)):
        columns = {"z": list(z[at] + (name == "b")), "y": y[at], "key": [ids[k] for k in at]}
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        np.savez(
            tmp_path / f"{name}.npz", z=columns["z"], y=y[at], key=np.array(columns["key"], str)
        )
    a, b = f"{tmp_path}/a.parquet", f"{tmp_path}/b.parquet"
    found = compare(a, b, "y", ids="key")
    kept = np.arange(N) != 5
    assert_same(found, compare(z[kept], z[kept] + 1, y[kept]))
    assert any("299 ids are in both; 1 of A are left out (1 have no id)" in n for n in found.notes)
    a, b = f"{tmp_path}/a.npz", f"{tmp_path}/b.npz"
    assert main(["compare", a, b, "--labels", "y", "--id", "key"]) == 0
    assert "299 ids are in both" in " ".join(capsys.readouterr().out.split())
    assert main(["compare", a, b, "--labels", "y", "--id", "kye"]) == 2
    assert "kye" in capsys.readouterr().err


def test_ids_that_pair_nothing_are_refused():
    z, _ = rows()
    ids = np.arange(N)
    with pytest.raises(InputError, match=r"array: rows 3 and 7 have the same id \(1 such rows\)"):
        compare(z, z, ids=np.where(ids == 7, 3, ids))
    with pytest.raises(InputError, match="no id of array is in array"):
        compare(z, z, ids=ids, ids_b=ids + N)
    with pytest.raises(InputError, match="299 ids for the 300 rows"):
        compare(z, z, ids=ids[1:])
    with pytest.raises(InputError, match=r"one a row, of shape \[n\]; got shape \[300, 1\]"):
        compare(z, z, ids=ids[:, None])
    with pytest.raises(InputError, match="paired by their names: give --labels"):
        compare(z, z, ids=ids, codes=True)
    with pytest.raises(InputError, match="300 and 299 rows; pair them by a column of ids"):
        compare(z, z[1:], paired=True)
    bad = z.copy()
    bad[11, 2] = np.nan
    with pytest.raises(InputError, match="row 11, column 2 is nan"):
        compare(z, bad, ids=ids, ids_b=ids[::-1])


@pytest.mark.parametrize("kept", [True, False])
def test_two_draws_of_unequal_size_are_the_same(kept, monkeypatch):
    """4,000 rows and 1,000: plain ranks differ by many errors, as those of few rows read low."""
    if not kept:  # as of rows too many to be kept
        for name in ("MAX_SAMPLED_ROWS", "SAMPLED_ROWS", "SAMPLE_BYTES"):
            monkeypatch.setattr(tasks, name, 400)
    rng = np.random.default_rng(7)
    y = [np.arange(n) % 4 for n in (4000, 1000)]
    a, b = (CENTRES[one] + rng.normal(size=(len(one), 64)) for one in y)
    found, turned = compare(a, b, *y), compare(b, a, *y[::-1])
    assert not found.paired
    assert {one.kind for one in found.values()} <= {"same", "unknown"}
    assert {one.kind for one in found.uses.values()} == {"same"}
    rank, whole = found["effective_rank"], gramax.audit(a, y[0])["effective_rank"]
    assert (rank.before, rank.after) == (
        turned["effective_rank"].after,
        turned["effective_rank"].before,
    )
    apart = whole - gramax.audit(b, y[1])["effective_rank"]
    assert apart > 5 * rank.error
    if kept:
        assert (found.a.n, found.b.n) == (1000, 1000)
        assert "A is taken at 1,000 of its 4,000 rows, as many as B has" in found.notes[1]
        assert rank.before < whole - 4 * rank.error
    else:
        assert found.a.n == 4000
        assert "4,000 and 1,000 rows: numbers are told without their bias" in found.notes
        assert abs(rank.difference) < apart / 5


def test_a_thinned_space_keeps_groups_whole():
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(100), 5)
    space = collect(Request(rng.normal(size=(500, 4)), g % 3, blocks=20, groups=g))
    some = thinned(space, 203)
    sample = some.totals.sample
    assert len(sample.rows) == 203
    assert list(np.sort(np.bincount(sample.groups, minlength=100))[-41:]) == [3] + 40 * [5]
    assert (sample.labels == sample.groups % 3).all()
    assert sum(float(part.total) for part in some.totals.blocks) == 203


def test_saved_reports_of_unlike_numbers_of_rows_say_so(tmp_path):
    z, _ = rows()
    for name, n in (("a", 300), ("b", 100)):
        np.save(tmp_path / f"{name}.npy", z[:n])
        main(["audit", f"{tmp_path}/{name}.npy", "--json", f"{tmp_path}/{name}.json"])
    found = gramax.decide.comparison.compare_saved(f"{tmp_path}/a.json", f"{tmp_path}/b.json")
    assert any("300 and 100 rows" in note for note in found.notes)
