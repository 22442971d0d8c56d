"""One address, many files: folders, patterns, lists, saved datasets, and fsspec addresses."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gramax.data import open_embeddings, read_labels
from gramax.errors import InputError


def part(k, rows=2, dim=3, dtype=np.float32):
    return np.full((rows, dim), k, dtype)


def order_of(source):
    """Which part each row comes from."""
    return [int(row[0]) for _, chunk in source.chunks(4) for row in chunk]


@pytest.fixture
def shards(tmp_path):
    for k in (10, 9, 1):
        np.save(tmp_path / f"part-{k}.npy", part(k))
        np.save(tmp_path / f"y-{k}.npy", np.full(2, k))
    return tmp_path


def test_a_pattern_in_natural_order(shards):
    source = open_embeddings(f"{shards}/part-*.npy")
    assert order_of(source) == [1, 1, 9, 9, 10, 10]
    assert source.name == f"{shards}/part-*.npy"
    assert [f.name for f in source.fragments(9)] == [f"{shards}/part-{k}.npy" for k in (1, 9, 10)]
    labels = read_labels(f"{shards}/y-*.npy", source, 6)
    assert labels.codes.tolist() == [0, 0, 1, 1, 2, 2]
    assert labels.part(1, 4).rows == 3


def test_two_stars_go_down(tmp_path):
    for k, folder in enumerate(["b", "a/x", "a"]):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / folder / "z.npy", part(k))
    assert order_of(open_embeddings(f"{tmp_path}/**/*.npy")) == [1, 1, 2, 2, 0, 0]


def test_a_list_keeps_its_order(shards):
    source = open_embeddings([shards / "part-9.npy", f"{shards}/part-1*.npy"])
    assert order_of(source) == [9, 9, 1, 1, 10, 10]
    assert source.name == f"{shards}/part-9.npy and 1 more"
    labels = read_labels([f"{shards}/y-{k}.npy" for k in (9, 1, 10)], source, 6)
    assert labels.codes.tolist() == [1, 1, 0, 0, 2, 2]


def test_a_file_named_like_a_pattern(tmp_path):
    np.save(tmp_path / "z[1]*.npy", part(1))
    np.save(tmp_path / "z1.npy", part(2))
    assert order_of(open_embeddings(f"{tmp_path}/z[1]*.npy")) == [1, 1]


def test_a_folder_of_one_format(tmp_path):
    folder = tmp_path / "out.parquet"  # as Spark writes it
    folder.mkdir()
    for k in (11, 2):
        pq.write_table(pa.table({"z": list(part(k)), "y": [k, k]}), folder / f"part-{k}.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".part.parquet.crc").write_bytes(b"x")
    source = open_embeddings(folder)
    assert order_of(source) == [2, 2, 11, 11]
    assert read_labels("y", source, 4).names == ("2", "11")
    assert read_labels(f"{folder}::y", None, 4).names == ("2", "11")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ([], r"is a folder without files that are read \(\.npy, "),
        (["readme.md", "_z.npy", ".z.npy"], "is a folder without files"),
        (["a.npy", "b.npy", "c.npz"], r"is a folder of 2 \.npy, 1 \.npz; say which, as .*/\*\.np"),
    ],
)
def test_folders_that_are_not_clear(tmp_path, names, why):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    with pytest.raises(InputError, match=why):
        open_embeddings(folder)


@pytest.mark.parametrize(
    ("places", "why"),
    [
        ("nothing-*.npy", r"nothing-\*\.npy: no such file; as a pattern it matches none"),
        ([], "the list of files: is empty"),
        (["part-1.npy", "*.npy"], "part-1.npy: is listed twice"),
        ("part-?.pkl", "matches none"),
    ],
)
def test_places_that_are_refused(shards, monkeypatch, places, why):
    monkeypatch.chdir(shards)
    with pytest.raises(InputError, match=why):
        open_embeddings(places)


def test_files_of_different_widths(shards):
    np.save(shards / "part-2.npy", part(2, dim=4))
    with pytest.raises(InputError, match=r"part-2\.npy: has 4 columns where .*part-1\.npy has 3"):
        open_embeddings(f"{shards}/part-*")


def test_files_of_different_dtypes(shards):
    np.save(shards / "part-2.npy", part(2, dtype=np.float64))
    source = open_embeddings(f"{shards}/part-*")
    assert source.dtype == np.float64
    assert source.notes == ("the files hold float32 and float64; all are read as float64",)
    assert {c.dtype for f in source.fragments(9) for _, c in f.chunks(9)} == {source.dtype}
    assert open_embeddings(shards / "part-1.npy").notes == ()


def test_files_without_rows_are_left_out(shards):
    np.save(shards / "part-0.npy", part(0, rows=0))
    assert order_of(open_embeddings(f"{shards}/part-*")) == [1, 1, 9, 9, 10, 10]


def test_the_matrix_has_the_same_name_in_all_files(tmp_path):
    np.savez(tmp_path / "a.npz", q=part(0), y=np.zeros(2, int))
    np.savez(tmp_path / "b.npz", q=part(1), z=part(9), y=np.ones(2, int))
    assert order_of(open_embeddings(tmp_path)) == [0, 0, 1, 1]
    np.savez(tmp_path / "c.npz", w=part(2), y=np.ones(2, int))
    with pytest.raises(InputError, match=r"c\.npz: has no column or array q; it has w .*, y "):
        open_embeddings(tmp_path)


def test_labels_beside_the_rows_are_in_every_file(tmp_path):
    np.savez(tmp_path / "a.npz", z=part(0), y=np.zeros(2, int))
    np.savez(tmp_path / "b.npz", z=part(1), w=np.ones(2, int))
    with pytest.raises(InputError, match=r"b\.npz: has no array or column y; it has z "):
        read_labels("y", open_embeddings(tmp_path), 4)


def test_labels_beside_the_rows_are_as_many_in_every_file(tmp_path):
    np.savez(tmp_path / "a.npz", z=part(0), y=np.zeros(1, int))
    np.savez(tmp_path / "b.npz", z=part(1), y=np.ones(3, int))
    with pytest.raises(InputError, match=r"a\.npz::y: 1 labels for the 2 rows of .*a\.npz"):
        read_labels("y", open_embeddings(tmp_path), 4)


def test_labels_of_two_kinds(shards):
    np.save(shards / "y-10.npy", ["a", "b"])
    with pytest.raises(InputError, match=r"y-10\.npy: labels are all numbers or all texts"):
        read_labels(f"{shards}/y-*.npy", None, 6)


@pytest.fixture
def dataset(tmp_path):
    """A dataset as `datasets` saves it: two files, which the state lists in its own order."""
    folder = tmp_path / "train"
    folder.mkdir()
    for k, name in enumerate("ba"):
        table = pa.table({"text": ["x", "y"], "z": list(part(k)), "label": [k, 7]})
        with pa.ipc.new_stream(folder / f"data-{name}.arrow", table.schema) as out:
            out.write_table(table)
    state = {"_data_files": [{"filename": "data-b.arrow"}, {"filename": "data-a.arrow"}]}
    (folder / "state.json").write_text(json.dumps(state))
    return folder


def test_a_saved_dataset(dataset):
    source = open_embeddings(dataset)
    assert order_of(source) == [0, 0, 1, 1]
    assert read_labels("label", source, 4).codes.tolist() == [0, 2, 1, 2]


def test_a_dataset_of_splits(dataset):
    (dataset.parent / "dataset_dict.json").write_text('{"splits": ["train"]}')
    with pytest.raises(InputError, match=r"holds several splits \(train\); pick one: .*/NAME"):
        open_embeddings(dataset.parent)


@pytest.mark.parametrize(
    "state",
    ["[]", "{}", '{"_data_files": []}', '{"_data_files": [{"filename": "../secret.arrow"}]}',
     '{"_data_files": [{"filename": "/etc/passwd"}]}', '{"_data_files": "data-a.arrow"}'],
)  # fmt: skip
def test_a_dataset_whose_state_lies(dataset, state):
    (dataset / "state.json").write_text(state)
    with pytest.raises(InputError, match=r"state\.json: lists no data files, or some that are not"):
        open_embeddings(dataset)


def test_every_layout_at_an_address(memory, write, tmp_path):
    z, y = part(3, 7), np.arange(7) % 3
    path = Path(write(z, y).path)
    memory.put(str(path), f"/data/{path.name}", recursive=True)
    source = open_embeddings(f"memory://data/{path.name}")
    np.testing.assert_array_equal(np.concatenate([c for _, c in source.chunks(3)]), z)
    fragments = pickle.loads(pickle.dumps(source.fragments(2)))
    assert sum(fragment.rows for fragment in fragments) == 7
    assert next(fragments[-1].chunks(9))[1][-1, 0] == 3
    before = source.fingerprint()
    assert json.loads(json.dumps(before)) == before


def test_json_lines_at_an_address(memory):
    memory.pipe("/data/z.jsonl", b'{"z": [3, 3.5], "y": 1}\n' * 7)
    source = open_embeddings("memory://data/z.jsonl")
    np.testing.assert_array_equal(next(source.chunks(9))[1], [[3, 3.5]] * 7)
    assert read_labels("y", source, 7).names == ("1",)


def test_patterns_and_folders_at_an_address(memory, shards):
    memory.put(f"{shards}/part-*.npy", "/many/")
    memory.put(f"{shards}/y-*.npy", "/labels/")
    for place in ("memory://many", "memory://many/*.npy", f"file://{shards}/part-*.npy"):
        source = open_embeddings(place)
        assert order_of(source) == [1, 1, 9, 9, 10, 10]
        labels = read_labels("memory://labels", source, 6)
        assert labels.codes.tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("memory://none/z.npy", "no such file"),
        ("memory://none/*.npy", "as a pattern it matches none"),
        ("nonsense://z.npy", r"cannot be reached \(Protocol not known: nonsense\)"),
    ],
)
def test_addresses_that_lead_nowhere(memory, address, why):
    with pytest.raises(InputError, match=why):
        open_embeddings(address)
