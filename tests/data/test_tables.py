"""Tables and vectors as text, and other files that people have: which columns, and why not."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io

from gramax.data import open_embeddings, read_labels
from gramax.errors import InputError

Z = np.random.default_rng(3).normal(size=(6, 3))
Y = ["a", "b", "c"] * 2
FRAME = pd.DataFrame(Z)


def rows_of(file, column=None):
    return np.concatenate([z for _, z in open_embeddings(file, column=column).chunks(4)])


TABLES = {
    "counted by pandas": (FRAME.to_csv(index=False), ""),
    "with its index": (FRAME.to_csv(), "; beside it: one without a name"),
    "no header": (FRAME.to_csv(index=False, header=False), None),
    "tabs in a .csv": (FRAME.to_csv(index=False, sep="\t"), ""),
    "byte order mark": ("\ufeff" + FRAME.to_csv(index=False), ""),
    "line ends of Windows": (FRAME.to_csv(index=False, lineterminator="\r\n"), ""),
    "names of any kind": (
        FRAME.set_axis(["height", "width", "age"], axis=1)
        .assign(target=1, who=Y)
        .to_csv(index=False),
        "; beside it: target, who",
    ),
    "numbered ones alone": (
        FRAME.set_axis(["f_1", "f_2", "f_3"], axis=1).assign(price=1.5).to_csv(index=False),
        "; beside it: price",
    ),
    "numbered in another order": (
        FRAME.set_axis(["d0", "d1", "d2"], axis=1)[["d2", "d0", "d1"]].to_csv(index=False),
        "",
    ),
}


@pytest.mark.parametrize("what", TABLES)
def test_which_columns_are_dimensions(tmp_path, what):
    text, beside = TABLES[what]
    file = tmp_path / "z.csv"
    file.write_text(text, newline="")
    np.testing.assert_array_equal(rows_of(file), Z)
    notes = open_embeddings(file).notes
    if beside is None:
        assert not notes
    else:
        (note,) = notes
        assert " is read from 3 columns, " in note
        assert note.endswith(beside) if beside else ";" not in note


def test_a_column_of_lists_settles_it(tmp_path):
    lists = [json.dumps(row) for row in Z.tolist()]
    printed = [str(row) for row in Z]
    table = pd.DataFrame({"price": 1.5, "v": lists, "w": printed})
    table.drop(columns="w").to_csv(tmp_path / "z.csv")
    np.testing.assert_array_equal(rows_of(tmp_path / "z.csv"), Z)
    table.to_csv(tmp_path / "z.csv")
    np.testing.assert_allclose(rows_of(tmp_path / "z.csv", "w"), Z, atol=1e-8)
    with pytest.raises(
        InputError, match=r"and none is called .*: v lists \[6\], w lists \[6\]; pick"
    ):
        open_embeddings(tmp_path / "z.csv")


def test_labels_that_turn_into_text_far_down(tmp_path):
    """pyarrow settles types by the first block; the tail of a file may say otherwise."""
    n = 60_000
    table = pd.DataFrame({"d0": np.arange(n) / 8, "d1": 0.5, "kind": ["7"] * (n - 1) + ["seven"]})
    table.to_csv(tmp_path / "z.csv", index=False)
    assert (tmp_path / "z.csv").stat().st_size > 1 << 19
    source = open_embeddings(tmp_path / "z.csv")
    assert read_labels("kind", source, n).names == ("7", "seven")
    assert source.dim == 2


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("z.csv", "a,b\n1.5,2\n3\n", "Expected 2 columns, got 1"),
        ("z.csv", "a,a\n1.5,2\n", r"has two columns named a; rename one in line 1"),
        ("z.csv", "a,b\nx,y\n", r"has no matrix of real numbers; it has a text \[1\], b text"),
        ("z.csv", "v,y\n\"[1, 2]\",1\n\"[1]\",1\n", "row 1 has 1 values, but the first has 2"),
        ("z.csv", "v,y\n\"[1, 2]\",1\n\"[1, {}]\",1\n", r"row 1 is no list of numbers; got '\["),
        ("z.csv", "v,y\n[1. 2. ... 3.],1\n", r"row 0 was cut short by print \(\.\.\.\); save"),
        ("z.csv", "a,b\n" + "1.5,2.5\n" * 200_000 + "1.5,x\n", "conversion error to double"),
        ("z.tsv", "a\tb\n", r"has no matrix of real numbers; it has a text \[0\], b"),
        ("z.txt", "the 0.1 0.2\nof 0.1\n", "row 1 is not a token and 2 numbers; got 'of 0.1'"),
        ("z.txt", "the 0.1 0.2\nof 0.1 x\n", "not a readable list of numbers"),
        ("z.vec", "3 4\nthe 1 2 3 4\nof 1 2 3 4\n", "declares 3 rows in line 1 and holds 2"),
        ("z.json", "[[1, 2], [1]]", "is none of what is read: a list of vectors, a list of obj"),
        ("z.json", "[" * 100_000, "not a readable JSON file"),
        ("z.fvecs", "\2\0\0\0" + "\0" * 9, "13 bytes, which are 1 rows of 2 values and 1 bytes"),
        ("z.fvecs", "\1" + "\0" * 7 + "\2" + "\0" * 7, "row 1 has 2 values, but the first has 1"),
        ("z.bvecs", "\0" * 8, r"begins with a row of 0 values; is it \.bvecs"),
        ("z.mat", "MATLAB 5.0 MAT-file" + " " * 200, r"not a readable \.mat file"),
        ("z.mat", "MATLAB 7.3 MAT-file" + " " * 200, "cannot be read as HDF5 file"),
    ],
)  # fmt: skip
def test_what_is_refused(refused, tmp_path, name, text, why):
    (tmp_path / name).write_text(text)
    refused(tmp_path / name, why)


def test_an_empty_field_is_not_a_number(tmp_path):
    (tmp_path / "z.csv").write_text("a,b\n1.5,2\n,3\n")
    np.testing.assert_array_equal(rows_of(tmp_path / "z.csv"), [[1.5, 2], [np.nan, 3]])


def test_a_single_dimension(tmp_path):
    (tmp_path / "z.csv").write_text("x,label\n1.5,a\n2,b\n")
    np.testing.assert_array_equal(rows_of(tmp_path / "z.csv"), [[1.5], [2]])


def test_tokens_name_the_rows(tmp_path):
    """A token may have spaces in it, as some of GloVe's have."""
    (tmp_path / "glove.txt").write_text("the 0.1 0.2\n. . . 0.3 0.4\nof 5 6\n")
    source = open_embeddings(tmp_path / "glove.txt")
    labels = read_labels("tokens", source, 3)
    assert [labels.names[code] for code in labels.codes] == ["the", ". . .", "of"]
    np.testing.assert_array_equal(rows_of(tmp_path / "glove.txt"), [[0.1, 0.2], [0.3, 0.4], [5, 6]])


def test_plain_numbers_are_a_matrix(tmp_path):
    np.savetxt(tmp_path / "z.txt", Z)
    np.testing.assert_array_equal(rows_of(tmp_path / "z.txt"), Z)
    (tmp_path / "two.txt").write_text("3 2\n1 2\n")  # not the counts of word2vec
    np.testing.assert_array_equal(rows_of(tmp_path / "two.txt"), [[3, 2], [1, 2]])


@pytest.mark.parametrize("found", [Z.tolist(), {"x": Z.tolist(), "y": Y}])
def test_other_json(tmp_path, found):
    (tmp_path / "z.json").write_text(json.dumps(found))
    np.testing.assert_array_equal(rows_of(tmp_path / "z.json"), Z)


def test_notes_beside_the_files_of_a_folder_are_left_alone(tmp_path):
    np.save(tmp_path / "z.npy", Z)
    for name in ("info.json", "labels.csv", "readme.txt", "config.bin"):
        (tmp_path / name).write_text("{}")
    assert open_embeddings(tmp_path).rows == 6


def test_a_list_in_parquet_is_meant_before_numbered_columns(tmp_path):
    table = pa.table({"score_0": Y, "d_0": Z[:, 0], "d_1": Z[:, 1], "v": list(Z)})
    pq.write_table(table, tmp_path / "z.parquet")
    np.testing.assert_array_equal(rows_of(tmp_path / "z.parquet"), Z)
    pq.write_table(table.drop(["v"]), tmp_path / "z.parquet")
    np.testing.assert_array_equal(rows_of(tmp_path / "z.parquet"), Z[:, :2])


def test_cells_of_matlab_are_labels(tmp_path):
    scipy.io.savemat(tmp_path / "z.mat", {"z": Z, "who": np.array(Y, object), "n": Z[:1, :1]})
    source = open_embeddings(tmp_path / "z.mat")
    assert read_labels("who", source, 6).names == ("a", "b", "c")


def test_several_embeddings_of_cells_are_asked_for(tmp_path):
    import h5py

    with h5py.File(tmp_path / "z.h5ad", "w") as file:
        file["X"], file["obsm/X_pca"], file["obsm/X_umap"] = Z, Z, Z[:, :2]
    with pytest.raises(
        InputError, match=r"several matrices, .*: obsm/X_pca .*, obsm/X_umap .*--column"
    ):
        open_embeddings(tmp_path / "z.h5ad")


@pytest.mark.parametrize("kind", [".pt", ".pth", ".bin"])
def test_without_torch_the_line_that_saves(tmp_path, monkeypatch, kind):
    monkeypatch.setitem(sys.modules, "torch", None)
    file = tmp_path / f"z{kind}"
    file.write_bytes(b"\x80")
    with pytest.raises(
        InputError, match=r"where PyTorch is installed .*; or save it .* numpy\.save"
    ):
        open_embeddings(file)
