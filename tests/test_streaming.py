"""Rows in pieces: however they are cut and stored, the same numbers, in bounded memory."""

import os
import re
import subprocess
import sys

import jax
import numpy as np
import pytest

import gramax
from gramax.cli import main
from gramax.errors import InputError
from gramax.streaming import accumulate, accumulation, classes_of, joined, open_source, tasks
from tests.streams import ONE, Stream, assert_same, small_tasks
from tests.test_seed import clouds

Z, Y = clouds(7, 900, 12, 4)
SKIP = gramax.Execution(skip_bad=True)


@pytest.fixture
def small(monkeypatch):
    """Chunks of 64 rows, tasks of 200: four chunks a task."""
    monkeypatch.setattr(tasks, "sizes", small_tasks(64, 200))


def gathered(source, labels=None, blocks=1, normalize=True, **kwargs):
    opened, _ = open_source(source, None, kwargs.get("skip_bad", False))
    return accumulate(opened, classes_of(labels, opened, False), blocks, normalize, **kwargs)


@pytest.mark.parametrize("blocks", [1, 4])
def test_pieces_add_up_to_the_whole(small, monkeypatch, blocks):
    cut = gathered(Z, Y, blocks)
    assert cut.done == 5
    monkeypatch.undo()
    whole = gathered(Z, Y, blocks)
    assert whole.done == 1
    assert_same(cut, whole)
    for a, b in zip(cut.blocks, whole.blocks, strict=True):
        np.testing.assert_array_equal(a.counts, b.counts)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int8", "bfloat16"])
def test_every_dtype_is_summed_as_the_float64_of_its_values(small, tmp_path, dtype):
    if dtype == "bfloat16":
        z = jax.numpy.asarray(Z, dtype)
        values = np.asarray(z, np.float64)
    else:
        z = (Z * 4).astype(dtype)
        values = z.astype(np.float64)
        np.save(tmp_path / "z.npy", z)
        z = tmp_path / "z.npy"
    got = joined(gathered(z, Y, normalize=False).blocks)
    centred = values - np.stack([values[k == Y].mean(axis=0) for k in range(4)])[Y]
    scale = abs(centred.T @ centred).max()
    np.testing.assert_allclose(got.scatter, centred.T @ centred, atol=1e-13 * scale)


def test_files_of_any_size_are_their_rows(small, tmp_path):
    for k, rows in enumerate(np.split(np.arange(900), [3, 4, 60, 61, 700, 702])):
        np.savez(tmp_path / f"part-{k}.npz", z=Z[rows], y=Y[rows])
    source = str(tmp_path / "*.npz")
    opened, _ = open_source(source, None)
    cut = tasks.tasks_of(opened, classes_of("y", opened, False), 1, True)
    assert [len(task.pieces) for task in cut] == [4, 1, 2]  # the small ones together
    assert_same(gathered(source, "y"), gathered(Z, Y))


def test_a_bad_row_is_named_by_its_place_in_its_file(small, tmp_path):
    broken = Z.copy()
    broken[650, 3] = np.nan
    np.save(tmp_path / "a.npy", broken[:300])
    np.save(tmp_path / "b.npy", broken[300:])
    with pytest.raises(InputError, match=r"b\.npy: row 350, column 3 is nan"):
        gathered(tmp_path / "*.npy", Y)


def test_rows_longer_than_float32_holds_are_audited(small):
    huge, usual = (
        {name: number.value for name, number in gramax.audit(z, Y, portrait=False).numbers.items()}
        for z in (Z * np.float32(1e38 / abs(Z).max()), Z)
    )
    assert huge == pytest.approx(usual, rel=1e-5, nan_ok=True)


def test_what_cannot_be_read_is_left_out_and_said(small, tmp_path):
    broken = Z.copy()
    broken[30], broken[650] = np.nan, np.inf
    for k, rows in enumerate(np.split(np.arange(900), [20, 60, 90])):
        np.savez(tmp_path / f"part-{k}.npz", z=broken[rows], y=Y[rows])
    (tmp_path / "part-9.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"part-9\.npz"):
        gathered(tmp_path / "*.npz", "y")
    report = gramax.audit(tmp_path / "*.npz", "y", execution=SKIP, portrait=False)
    kept = np.delete(np.arange(900), [30, 650])
    found, whole = gathered(tmp_path / "*.npz", "y", skip_bad=True), gathered(Z[kept], Y[kept])
    np.testing.assert_array_equal(joined(found.blocks).count, joined(whole.blocks).count)
    np.testing.assert_allclose(joined(found.blocks).mean, joined(whole.blocks).mean, atol=1e-6)
    np.testing.assert_array_equal(found.sample.rows, whole.sample.rows)
    left_out = report.to_dict()["left_out_fragments"]
    assert [one["rows"] for one in left_out] == [None, 1, 1]
    reasons = ["part-9", "row 10 is nan throughout, or null", "row 560, column 0 is inf"]
    for one, words in zip(left_out, reasons, strict=True):
        assert words in one["reason"]
    many = r"left out .* and 2 more \(2 rows and an unknown number of rows\): cannot be read"
    assert any(re.search(many, warning) for warning in report.warnings)


@pytest.mark.parametrize("normalize", [True, False])
def test_one_bad_row_is_one_row(small, tmp_path, normalize):
    """Of a file that several tasks read, and of rows fewer than their dimensions."""
    broken = Z.copy()
    broken[[3, 500, 501, 899], 1] = np.nan, np.inf, -np.inf, np.nan
    np.save(tmp_path / "z.npy", broken)
    kept = np.delete(np.arange(900), [3, 500, 501, 899])
    found = gathered(tmp_path / "z.npy", Y, normalize=normalize, skip_bad=True)
    whole = gathered(Z[kept], Y[kept], normalize=normalize)
    np.testing.assert_array_equal(found.sample.rows, whole.sample.rows)
    np.testing.assert_array_equal(joined(found.blocks).count, joined(whole.blocks).count)
    [left] = found.left_out
    assert (left.name, left.rows) == (f"rows of {tmp_path}/z.npy", 4)
    assert left.reason.endswith("z.npy: row 3, column 1 is nan")


def test_one_bad_row_of_few_wide_ones():
    rng = np.random.default_rng(5)
    z, y = rng.normal(size=(20, 50)), np.arange(20) % 2
    broken = z.copy()
    broken[7, 0] = np.nan
    found = gramax.audit(broken, y, execution=SKIP, portrait=False)
    kept = np.delete(np.arange(20), 7)
    whole = gramax.audit(z[kept], y[kept], portrait=False)
    assert [one.rows for one in found.left_out_fragments] == [1]
    for name in ("effective_rank", "cdnv", "class_coherence"):
        value = whole.to_dict()["metrics"][name]["value"]
        assert found.to_dict()["metrics"][name]["value"] == pytest.approx(value, rel=1e-9)


@pytest.fixture
def sharded(tmp_path, monkeypatch):
    """Twelve files of rows and twelve of their labels; one of the rows is cut short."""
    monkeypatch.chdir(tmp_path)
    for folder, values in (("b", Z), ("by", Y)):
        (tmp_path / folder).mkdir()
        for k, part in enumerate(np.split(values, 12)):
            np.save(f"{folder}/part-{k}.npy", part)
    os.truncate("b/part-5.npy", 3000)
    return np.r_[0:375, 450:900]


@pytest.mark.parametrize("label", ["whole", "empty", "damaged"])
def test_labels_are_left_out_with_their_file(small, sharded, label):
    if label == "damaged":  # nobody needs it
        np.save("by/part-5.npy", [[object()]])
    if label == "empty":  # a file without rows is no part of the source, but has its labels
        np.save("b/part-12.npy", Z[:0])
        np.save("by/part-12.npy", Y[:0])
    assert_same(gathered("b", "by/*.npy", skip_bad=True), gathered(Z[sharded], Y[sharded]))


def test_labels_of_a_file_that_was_left_out_may_not_be_told(small, sharded, capsys):
    np.save("y.npy", Y)
    np.save("rest.npy", Y[sharded])
    assert main(["audit", "b", "--labels", "by/*.npy", "--skip-bad"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "left out b/part-5.npy (an unknown number of rows)" in said
    assert main(["audit", "b", "--labels", "y.npy", "--skip-bad"]) == 2
    assert "gramax: b/part-5.npy: cannot be opened" in capsys.readouterr().err
    assert gathered("b", "rest.npy", skip_bad=True).rows == 825
    np.save("by/part-3.npy", Y[:74])
    why = r"^b/part-5\.npy: cannot be opened, and which labels are its cannot be told: "
    for labels, which in (
        ("y.npy", r"y\.npy has 900 for the 825 rows of the other files; it can be left out"),
        (Y, "900 labels for the 825 rows of the other files; "),
        ("by/*.npy", r"by/part-3\.npy has 74 for the 75 rows of b/part-3\.npy; "),
    ):
        with pytest.raises(InputError, match=why + which):
            gathered("b", labels, skip_bad=True)


def test_nothing_left_is_an_error():
    stream = Stream(200, odd=((0, {"broken": True}), (1, {"broken": True})))
    with pytest.raises(InputError, match="no fragment can be read"):
        accumulate(stream, ONE, 1, True, skip_bad=True)


def test_progress_goes_up_to_the_end(small):
    calls = []
    gathered(Z, Y, progress=lambda *told: calls.append(told))
    assert calls[0] == ("reading", 0, 900, 0)
    assert calls[-1] == ("reading", 900, 900, Z.nbytes)
    assert calls == sorted(calls)
    assert len(calls) > 10  # within tasks as well


MEMORY = """
import resource
from gramax.streaming import accumulate, tasks
from tests.streams import ONE, Stream

tasks.CHUNK_BYTES, tasks.TASK_BYTES = 1 << 20, 1 << 22
for rows in (20_000, 40_000, 800_000):
    accumulate(Stream(rows, dim=64, cut=50_000), ONE, 1, False)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_rows():
    run = [sys.executable, "-c", MEMORY]
    out = subprocess.run(run, capture_output=True, text=True, check=True).stdout
    _, before, after = map(int, out.split())
    assert after - before < 32 * 1024  # KiB; the rows are 200 MB


def test_moments_larger_than_the_machine_are_refused(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(accumulation, "physical_memory", lambda: 1e9)
    shape = (20_000, 20_000)
    np.lib.format.open_memmap(tmp_path / "wide.npy", "w+", np.float16, shape)  # a hole in the disk
    assert main(["audit", str(tmp_path / "wide.npy")]) == 2
    assert "20,000 dimensions take 3 GB, and this machine has 1 GB" in capsys.readouterr().err
