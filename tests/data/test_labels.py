"""Labels: what they may be, where they may be, and what is said when they are not."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gramax
from gramax.data import labels_from_array, open_embeddings, read_labels
from gramax.errors import InputError

pytestmark = pytest.mark.usefixtures("read_here")


@settings(deadline=None)
@given(st.lists(st.integers(-1, 2**40), min_size=1).filter(lambda y: max(y) >= 0))
def test_integers_come_back(y):
    labels = labels_from_array(y, len(y))
    assert [-1 if code < 0 else int(labels.names[code]) for code in labels.codes] == y
    assert list(labels.names) == [str(value) for value in sorted(set(y) - {-1})]


@settings(deadline=None)
@given(
    st.lists(st.none() | st.text("abcé", min_size=1, max_size=5), min_size=1).filter(
        lambda y: any(y)
    )
)
def test_texts_come_back(y):
    labels = labels_from_array(np.array([*y, None], object)[:-1], len(y))
    assert [None if code < 0 else labels.names[code] for code in labels.codes] == y
    assert list(labels.names) == sorted({text for text in y if text is not None})


@pytest.mark.parametrize(
    ("y", "codes", "names"),
    [
        ([1.0, -1.0, 3.0, -0.0], [1, -1, 2, 0], "0 1 3"),
        ([2, None, 7, 2], [0, -1, 1, 0], "2 7"),
        ([True, False, True, True], [1, 0, 1, 1], "False True"),
        ([True, None, True, True], [0, -1, 0, 0], "True"),
        (["b", float("nan"), None, "a"], [1, -1, -1, 0], "a b"),
        (["b", "", "nan", "None", "a", "<NA>"], [1, -1, -1, -1, 0, -1], "a b"),
        ([b"b", b"", b"nan", b"a"], [1, -1, -1, 0], "a b"),
        ([2.0, float("nan"), 7.0], [0, -1, 1], "2 7"),
        (np.array([2, None, 7.0, np.nan], object), [0, -1, 1, -1], "2 7"),
        (pd.Series([2, None, 7], dtype="Int64"), [0, -1, 1], "2 7"),
        (pd.Series(["b", None, "a"]), [1, -1, 0], "a b"),
        (pd.Series(["b", None, "a"], dtype="category"), [1, -1, 0], "a b"),
        ([b"b", b"a", b"\xff", b"a"], [2, 1, 0, 1], r"\xff a b"),
        (np.array(["b", "a", "a", "c"], np.dtypes.StringDType()), [1, 0, 0, 2], "a b c"),
        (np.array([2**64 - 1, 0, 1, 0], np.uint64), [2, 0, 1, 0], f"0 1 {2**64 - 1}"),
        (np.array([2, 1, 0, 300], ">i2"), [2, 1, 0, 3], "0 1 2 300"),
        (np.array(["a", "-1", "b", "b"], object), [1, 0, 2, 2], "-1 a b"),
    ],
)
def test_arrays_in_memory(y, codes, names):
    labels = labels_from_array(y, len(codes))
    assert labels.codes.tolist() == codes
    assert labels.names == tuple(names.split())


@pytest.mark.parametrize(
    ("y", "why"),
    [
        ([0, 1, -2], "row 2: label -2 is negative; -1 leaves a row out"),
        ([0, 1.5, 2], "row 1: label 1.5 is not a whole number"),
        ([0, np.inf, 1], "row 1: label inf is not"),
        ([0, 1e30, 1], r"row 1: label 1e\+30 is not"),
        ([-1, -1, -1], "labels no row"),
        ([None, None, None], "labels no row"),
        ([0, 1], "2 labels for the 3 rows of the embeddings"),
        ([[0], [1], [2]], r"one a row, of shape \[n\]; got shape \[3, 1\]"),
        (5, r"got shape \[\]"),
        ([0j, 1j, 1], r"integers or text.*; got complex128"),
        (["a", None, 3], "row 2: a label of type int is not a text"),
        (["a", "b", "c" * 5000], "row 2: a label of 5000 characters is no class name"),
        (["a", "b", 3], "row 2: a label of type int is not a text"),
        (np.array(["a", [], "b"], object), "row 1: a label of type list"),
        (np.array([0, 1, 2], "M8[s]"), "got datetime64"),
        ([[0], [1, 2], [3]], "is not an array"),
    ],
)
def test_labels_that_are_refused(y, why):
    with pytest.raises(InputError, match=f"^labels: .*{why}"):
        labels_from_array(y, 3)


def test_too_few_or_too_many_classes(tmp_path):
    with pytest.raises(InputError, match="labels no row"):
        labels_from_array([], 0)
    np.save(tmp_path / "id.npy", np.arange(12))
    with pytest.raises(InputError, match=r"id\.npy: has more than 10 different labels"):
        read_labels(tmp_path / "id.npy", None, 12, most=10)
    assert len(read_labels(tmp_path / "id.npy", None, 12, most=None).names) == 12


def test_hostile_names_are_safe():
    labels = labels_from_array(["\x1b[2J", "<b>", "x" * 500], 3)
    assert labels.names[:2] == ("\\x1b[2J", "<b>")
    assert labels.names[2] == "x" * 79 + "…"


@pytest.fixture
def emb(tmp_path):
    np.savez(tmp_path / "emb.npz", z=np.zeros((3, 2)), y=[2, 0, 2], t=["b", "a", "b"])
    return open_embeddings(tmp_path / "emb.npz")


def saved(folder, **arrays):
    np.savez(folder / "labels.npz", **arrays)
    return str(folder / "labels.npz")


def test_an_array_beside_the_embeddings(emb):
    assert read_labels("y", emb, 3).names == ("0", "2")
    assert read_labels("t", emb, 3).names == ("a", "b")


def test_a_file_with_one_array_of_labels(emb, tmp_path):
    file = saved(tmp_path, y=[1, 0, 1], weights=np.ones((3, 2)), scale=3.0)
    assert read_labels(file, emb, 3).codes.tolist() == [1, 0, 1]


def test_a_file_with_several(emb, tmp_path):
    file = saved(tmp_path, a=[1, 0, 1], b=[0, 1, 1])
    with pytest.raises(InputError, match=r"several arrays of labels: a int64 \[3\], b .*npz::NAME"):
        read_labels(file, emb, 3)
    assert read_labels(f"{file}::b", emb, 3).codes.tolist() == [0, 1, 1]
    with pytest.raises(InputError, match=r"labels.npz: has no array or column q; it has a int64"):
        read_labels(f"{file}::q", emb, 3)


def test_wrong_length_names_both_files(emb, tmp_path):
    file = saved(tmp_path, y=[1, 0, 1, 1])
    with pytest.raises(InputError, match=r"labels\.npz: 4 labels for the 3 rows of .*emb\.npz$"):
        read_labels(file, emb, 3)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("label", r"^label: no such file, nor such an array or column; .*emb.npz has z .*, y .*"),
        ("missing.npy", "^missing.npy: no such file$"),
        ("missing.npz::y", "^missing.npz: no such file$"),
        ("labels.pkl", "^labels.pkl: .pkl files are pickles"),
        ("./labels.xlsx", "xlsx: no such file, and of a type that is not read; .*: .npy, .*.txt"),
        ("z", r"emb\.npz::z: labels must be one a row"),
    ],
)
def test_labels_that_are_not_there(emb, spec, why):
    with pytest.raises(InputError, match=why):
        read_labels(spec, emb, 3)


def test_nulls_in_parquet_are_left_out(tmp_path):
    columns = {
        "int": pa.array([5, None, 0, 5, 5]),
        "tiny": pa.array([5, None, 0, 5, 5], pa.uint8()),
        "float": pa.array([5, None, 0, 5, 5], pa.float32()),
        "half": pa.array([np.float16(5), None, np.float16(0)] + [np.float16(5)] * 2, pa.float16()),
        "text": pa.array(["5", None, "0", "5", "5"]),
        "bytes": pa.array([b"5", None, b"0", b"5", b"5"], pa.large_binary()),
        "category": pa.array(["5", None, "0", "5", "5"]).dictionary_encode(),
        "bool": pa.array([True, None, False, True, True]),
    }
    file = str(tmp_path / "emb.parquet")
    pq.write_table(pa.table(columns), file, row_group_size=3)
    for name in columns:
        labels = read_labels(f"{file}::{name}", None, 5)
        assert labels.codes.tolist() == [1, -1, 0, 1, 1], name
        assert labels.names == (("False", "True") if name == "bool" else ("0", "5"))


def test_uint64_with_nulls_is_refused(tmp_path):
    file = str(tmp_path / "y.parquet")
    pq.write_table(pa.table({"y": pa.array([2**64 - 1, None], pa.uint64())}), file)
    with pytest.raises(InputError, match="uint64 and nulls; cast the column to int64"):
        read_labels(file, None, 2)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("10\n9\n-1\n", "9 10"),
        ("10\n9\nb", "10 9 b"),
        ("\ufeffa\r\nb\r\na\r\n", "a b"),
        (f"{10**30}\n1\n2\n", f"1 {10**30} 2"),
    ],
)
def test_text_files(tmp_path, text, names):
    (tmp_path / "y.txt").write_bytes(text.encode())
    assert read_labels(tmp_path / "y.txt", None, 3).names == tuple(names.split())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"a\n\nb\n", "row 1 is blank"),
        (b"1\n-7\n2\n", "row 1: label -7 is negative"),
        (b"a\nb\n", "2 labels for the 3 rows"),
        (b"\xff\xfe\x00", "not a readable UTF-8 text"),
        (b"a" * 5000, "row 0 is 4096 characters long, or more"),
        (b"", r"is empty \(0 bytes\)"),
    ],
)
def test_text_files_that_are_refused(tmp_path, text, why):
    (tmp_path / "y.txt").write_bytes(text)
    with pytest.raises(InputError, match=rf"y\.txt: .*{why}"):
        read_labels(tmp_path / "y.txt", None, 3)


def test_text_files_of_embeddings_hold_numbers(tmp_path):
    (tmp_path / "y.txt").write_text("1\n")
    (tmp_path / "t.txt").write_text("cat\n")
    assert open_embeddings(tmp_path / "y.txt").dim == 1
    with pytest.raises(InputError, match=r"t\.txt: row 0 is not a token and numbers; got 'cat'"):
        open_embeddings(tmp_path / "t.txt")


@pytest.mark.parametrize(
    ("y", "why"),
    [
        (np.array([{}, 1, 2], object), r"Python objects \(a pickle\)"),
        (np.zeros(3, "U5000"), "labels of 20000 bytes each are not class names"),
        (np.zeros(3, complex), r"integers or text.*; got complex128"),
        (np.zeros((3, 1), int), r"got shape \[3, 1\]; y\[:, 0\] is of that shape"),
        (np.eye(3), r"got shape \[3, 3\]; of one-hot rows, .* y\.argmax\(axis=1\) is the label"),
    ],
)
def test_label_files_that_are_refused(tmp_path, y, why):
    np.save(tmp_path / "y.npy", y)
    with pytest.raises(InputError, match=rf"y\.npy: .*{why}"):
        read_labels(tmp_path / "y.npy", None, 3)


def hugging_face(table, names):
    """A table as `datasets` writes it: the names of classes in the metadata of the schema."""
    features = {"z": {"_type": "List"}, "label": {"names": names, "_type": "ClassLabel"}}
    about = json.dumps({"info": {"features": features}})
    return table.replace_schema_metadata({"huggingface": about})


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_class_labels_of_hugging_face_have_names(tmp_path, kind):
    table = pa.table({"z": list(np.eye(5)), "label": pa.array([2, 0, -1, None, 2], pa.int64())})
    table, file = hugging_face(table, ["cat", "dog", "eel"]), tmp_path / f"emb.{kind}"
    if kind == "parquet":
        pq.write_table(table, file, row_group_size=2)
    else:
        with pa.ipc.new_stream(file, table.schema) as out:
            out.write_table(table, max_chunksize=2)
    labels = read_labels("label", open_embeddings(file), 5)
    assert (labels.names, labels.codes.tolist()) == (("cat", "eel"), [1, 0, -1, -1, 1])


@pytest.mark.parametrize(
    ("names", "why"),
    [(["cat"], "has labels beyond its 1 classes"), (["cat", "cat"], None), ("catdog", None)],
)
def test_class_labels_that_do_not_fit(tmp_path, names, why):
    table = pa.table({"z": list(np.eye(3)), "label": [1, 0, 1]})
    pq.write_table(hugging_face(table, names), tmp_path / "emb.parquet")
    source = open_embeddings(tmp_path / "emb.parquet")
    if why is None:  # names that are none: the numbers are read
        assert read_labels("label", source, 3).names == ("0", "1")
        return
    with pytest.raises(InputError, match=why):
        read_labels("label", source, 3)


@pytest.mark.parametrize("several", [[["a", "b"], ["a"], []], [[1, 0], [1, 1], [0, 1]]])
def test_several_labels_a_row_are_refused_with_a_way(tmp_path, several):
    way = r"where a row has several labels \(multi-hot\), each is audited by itself: .*y\[:, 0\]"
    with pytest.raises(InputError, match=way):
        labels_from_array(several, 3)
    table = pa.table({"z": list(np.eye(3)), "tags": several})
    pq.write_table(table, tmp_path / "emb.parquet")
    with pytest.raises(InputError, match=rf"emb\.parquet::tags: labels must be .*{way}"):
        read_labels("tags", open_embeddings(tmp_path / "emb.parquet"), 3)


MISSING = {
    "texts of NumPy": np.array(["a", "b", "nan", "", "None", "a"]),
    "as pandas writes CSV": ["a", "b", None, "", None, "a"],
    "with -1": [4, 7, -1, -1, -1, 4],
    "whole floats": [4.0, 7.0, np.nan, np.nan, -1, 4.0],
}


@pytest.mark.parametrize("what", MISSING)
@pytest.mark.parametrize("kind", ["npy", "csv", "parquet", "jsonl", "memory"])
def test_missing_labels_are_left_out_counted_and_said(tmp_path, what, kind):
    y, z = MISSING[what], np.random.default_rng(2).normal(size=(6, 3))
    labels = "y"
    if kind == "npy":
        if isinstance(y, list) and None in y:
            pytest.skip("objects are a pickle")
        np.savez(tmp_path / "z.npz", z=z, y=y)
    elif kind == "csv":
        frame = pd.DataFrame(z, columns=["d0", "d1", "d2"])
        frame.assign(y=y).to_csv(tmp_path / "z.csv", index=False)
    elif kind == "parquet":
        pq.write_table(pa.table({"z": list(z), "y": pa.array(y)}), tmp_path / "z.parquet")
    elif kind == "jsonl":
        rows = [{"z": row, "y": one} for row, one in zip(z.tolist(), list(y), strict=True)]
        text = "\n".join(json.dumps(row, default=str) for row in rows)
        (tmp_path / "z.jsonl").write_text(text)
    else:
        np.save(tmp_path / "z.npy", z)
        labels = y
    (file,) = tmp_path.iterdir()
    found = gramax.audit(str(file), labels, probe=False)
    names = ["4", "7"] if not isinstance(y[0], str) else ["a", "b"]
    assert [(one.name, one.count) for one in found.classes] == list(zip(names, [2, 1], strict=True))
    assert found.left_out["ignored_label"] == 3
    assert "Rows left out: 3 (without a label: -1 or missing)" in repr(found)


def test_a_header_is_asked_for(tmp_path):
    (tmp_path / "y.txt").write_text("species\na\nb\na\n")
    with pytest.raises(
        InputError, match=r"4 labels for the 3 rows .*a header\? tail -n \+2 .*y\.txt"
    ):
        read_labels(tmp_path / "y.txt", None, 3)
