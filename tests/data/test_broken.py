"""Files that are cut short, lie, are of another kind, or hold no embeddings: one line says so."""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file
from tests.fuzz import seeds
from tests.fuzz.handmade import safetensors, zipped
from tests.fuzz.seeds import npy

from gramax.data import open_embeddings, read_labels
from gramax.data.readers import text as jsonl
from gramax.errors import InputError, MissingExtraError

EYE, ROWS, END = npy(np.eye(3)), [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], b"\xff\xff\xff\xff\0\0\0\0"


def npy_header(shape, descr="'<f4'", version=1) -> bytes:
    return npy_text(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}", version)


def npy_text(text, version=1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode("latin1") + bytes(16)


def npz(members, method=zipfile.ZIP_STORED) -> bytes:
    return zipped(members, method)


def flipped(data, at) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def tensor(**changes) -> bytes:
    about = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} | changes
    return safetensors({"z": about}, bytes(16))


def stream(**columns) -> bytes:
    return seeds.arrow(pa.ipc.new_stream, None, pa.table(columns))


def parquet(**columns) -> bytes:
    return seeds.parquet(pa.table(columns), row_group_size=3)


def lines(*records) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


ARRAYS = [
    (np.zeros(5), r"matrix \[rows, columns\]; got float64 \[5\]"),
    (np.zeros((2, 3, 4)), r"got float64 \[2, 3, 4\]"),
    (np.float64(3), r"got float64 \[\]"),
    (np.zeros((0, 3)), "has no rows"),
    (np.zeros((3, 0)), "has no columns"),
    (np.zeros((3, 2), bool), "embeddings must be integers, .* got bool"),
    (np.zeros((3, 2), complex), "got complex128"),
    (np.zeros((3, 2), "U4"), "got str128"),
    (np.zeros((3, 2), "M8[s]"), "got datetime64"),
    (np.zeros((3, 2), [("a", "f4")]), "got void32"),
    (np.array([[{}], [3]], object), r"Python objects \(a pickle\)"),
    (np.zeros((1, (1 << 20) + 1), np.int8), "has 1048577 columns"),
]

HEADERS = [
    (("(1000000000000, 768)",), r"holds \d+ bytes, but declares \d+"),
    ((f"({10**300}, 2)",), "beyond 64 bits"),
    (("(-1, 2)",), "length below 0"),
    ((str((2**62,) * 64),), r"holds \d+ bytes, but declares \d+"),
    ((str((2**62,) * 65),), "declares 65 axes"),
    (("(1.5, 2)",), "not a readable .npy"),
    (("(nan, 2)",), "not a readable .npy"),
    (("(True, False)",), "holds|no columns"),
    (("(2, 2)", "'|O'"), "Python objects"),
    (("(2, 2)", "[('a', '|O')]"), "Python objects"),
    (("(2, 2)", "'<V99999999999'"), "not a readable|holds"),
    (("(2, 2)", "('<f4', (1000000,))"), "not a readable|holds"),
    (("(2, 2)", "'\x1b[31m'"), "not a readable .npy"),
    (("(1, 1)", "'<f16'"), "got float128|not a readable|holds"),
]

TEXTS = ["{" * 5000, "(" * 5000 + ")" * 5000, "__import__('os').abort()", ""]

COLUMNS = [
    ([[1.0, 2.0], [1.0], [1.0, 2.0]], "row 1 has 1 values, but the first has 2"),
    ([[1.0, 2.0]] * 4 + [[1.0, 2.0, 3.0]], "row 4 has 3 values, but the first has 2"),
    (pa.array([None, None], pa.list_(pa.float32())), "is null in every row"),
    (pa.array([[], []], pa.list_(pa.float32())), "has no columns"),
    (pa.array([], pa.list_(pa.float32(), 3)), "has no rows"),
    (pa.array([], pa.list_(pa.float32())), "has no rows"),
    ([[True, False]], r"got list<\w+: bool> \[1\]"),
    ([["a", "b"]], "got list"),
    ([[[1.0], [2.0]]], "got list"),
    ([1.0, 2.0], r"matrix \[rows, columns\]; got double \[2\]"),
    ([{"a": 1}], r"z\.a: .*got int64 \[1\]"),
]

BROKEN = [
    *(("npy", npy(array), why) for array, why in ARRAYS),
    *(("npz", npz([("z.npy", npy(array))]), why) for array, why in ARRAYS),
    *(("npy", npy_header(*of, version=v), why) for of, why in HEADERS for v in (1, 2, 3)),
    *(("npy", npy_text(text, v), "not a readable .npy") for text in TEXTS for v in (1, 2, 3)),
    ("npy", b"\x93NUMPY\x02\x00" + b"\xff" * 4 + bytes(50), "declares a header of 4294967295 byt"),
    ("npy", EYE + b"\0", "bytes, but declares"),
    ("npy", EYE + EYE, "bytes, but declares"),
    ("npy", pickle.dumps([1]), "but a pickle, and pickles are not read"),
    ("npy", npz([("z.npy", b"")]), "but a zip archive"),
    ("npy", b"PAR1" + bytes(50), "but a parquet file"),
    ("npz", npz([]), "has no matrix of real numbers; it is empty"),
    ("npz", npz([("readme.txt", b"hello")]), "it is empty"),
    ("npz", npz([("z.npy", b"hello")]), "::z: is not a .npy file"),
    ("npz", npz([("z.npy", EYE + bytes(1000))]), "::z: holds 1200 bytes, but declares 200"),
    ("npz", npz([("z.npy", EYE[:-1])]), "::z: holds 199 bytes, but declares 200"),
    ("npz", npz([("z.npy", EYE)], zipfile.ZIP_BZIP2), "compressed by a method"),
    ("npz", npz([("z.npy", EYE)], zipfile.ZIP_LZMA), "compressed by a method"),
    ("npz", npz([("z.npy", EYE)]).replace(bytes(8), b"\xff" * 8, 1), "not a readable"),
    ("npz", npz([("\x1b[2J.npy", npy(np.eye(3)[0]))]), r"::\\x1b\[2J: embeddings"),
    ("npz", npz([("y.npy", EYE), ("z.npy", EYE)]).replace(b"y.npy", b"z.npy"), "two members named"),
    ("npz", flipped(npz([("z.npy", npy(np.eye(12)))]), 600), "CRC"),  # no wrong number comes out
    ("safetensors", b"\0" * 7, "is not a .safetensors file"),
    ("safetensors", safetensors({}, length=10**9), "header of 1000000000 bytes in"),
    ("safetensors", safetensors({}, length=2**64 - 1), "is not a .safetensors file"),
    ("safetensors", safetensors(b"{nope"), "not a readable .safetensors header"),
    ("safetensors", safetensors(b"\xff\xfe{}"), "not a readable .safetensors header"),
    ("safetensors", safetensors(b"[" * 200_000), "not a readable .safetensors header"),
    ("safetensors", safetensors(b"[]"), "not a JSON object"),
    ("safetensors", safetensors(b'{"z": {}, "z": {}}'), "a name occurs twice"),
    ("safetensors", safetensors({}), "it is empty"),
    ("safetensors", safetensors({"z": 3}), "::z: needs a dtype, a shape"),
    ("safetensors", safetensors({"z" * 10**6: {}}), "z.safetensors::zzzz"),
    ("safetensors", safetensors(b'{"\\u001b": 1}'), r"::\\x1b: needs"),
    ("safetensors", tensor(dtype=4), "needs a dtype"),
    ("safetensors", tensor(shape=[2, -2]), "length below 0"),
    ("safetensors", tensor(shape=[2, 2.0]), "needs a dtype"),
    ("safetensors", tensor(shape=[2, True]), "needs a dtype"),
    ("safetensors", tensor(shape=[2**60] * 100_000), "declares 100000 axes"),
    ("safetensors", tensor(shape=[2, 10**4000]), "beyond 64 bits"),
    ("safetensors", tensor(data_offsets=[0]), "has 1 data_offsets"),
    ("safetensors", tensor(data_offsets=[0, 17]), "lies at bytes 0 to 17"),
    ("safetensors", tensor(data_offsets=[16, 0]), "lies at bytes 16 to 0"),
    ("safetensors", tensor(shape=[2**40, 2**40]), "has 16 bytes, which is not"),
    ("safetensors", tensor(shape=[2, 1]), "has 16 bytes, which is not F32"),
    ("safetensors", tensor(dtype="F8_E4M3"), r"got F8_E4M3 \[2, 2\]"),
    ("safetensors", tensor(dtype="BOOL", data_offsets=[0, 4]), "got bool"),
    *(("parquet", parquet(z=column), why) for column, why in COLUMNS),
    *(("arrow", stream(z=column), why) for column, why in COLUMNS),
    ("arrow", stream(z=ROWS)[: -len(END)], "has no end mark: it was cut short, or is still being"),
    ("arrow", b"FEA1" + bytes(100), "not a readable Arrow file"),
    ("arrow", b"\xff" * 7 + b"\x7f" + bytes(100), "not a readable Arrow file"),
    ("arrow", b"\xff\xff\xff\xff\0\0\0\x80" + bytes(100), "negative metadata length"),
    ("arrow", b"\xff\xff\xff\xff\x10\0\0\0" + b"\xff" * 100, "Invalid flatbuffers message"),
    ("arrow", END, "not a readable Arrow file"),
    ("arrow", b"ARROW1\0\0" + bytes(100), "Not an Arrow file"),
    ("arrow", b"ARROW1\0\0" + bytes(100) + b"ARROW1", "not a readable Arrow file"),
    ("jsonl", b"{", "row 0: not a readable JSON object"),
    ("jsonl", b"[1]\n", "row 0 is not a JSON object"),
    ("jsonl", lines({"z": [1, 2]}) + b"\n", "row 1: not a readable JSON object"),
    ("jsonl", lines({"z": [1, 2]}, {"z": [1]}), "row 1 has 1 values, but the first has 2"),
    ("jsonl", lines({"z": [1, 2]}, {"z": [1, "2"]}), "row 1: z is not a list of numbers"),
    ("jsonl", lines({"z": [1, 2]}, {"z": [1, True]}), "row 1: z is not a list of numbers"),
    ("jsonl", lines({"z": [[1], [2]]}), "row 0: z is not a list of numbers"),
    ("jsonl", lines({"z": []}), "has no columns"),
    ("jsonl", b'{"z": [1, ' + b"9" * 400 + b"]}", "not a readable list of numbers"),
    ("jsonl", b'{"z": ' + b"[" * 100_000, "row 0: not a readable JSON object"),
    ("jsonl", lines({"y": 1}), "embeddings must be a matrix"),
    ("jsonl", lines({"y": {}}), "got neither numbers nor labels"),
]


@pytest.mark.parametrize(("extension", "data", "why"), BROKEN, ids=map(str, range(len(BROKEN))))
def test_broken_files(refused, tmp_path, extension, data, why):
    (tmp_path / f"z.{extension}").write_bytes(data)
    refused(tmp_path / f"z.{extension}", why)


def test_two_columns_of_one_name(refused, tmp_path):
    table = pa.Table.from_arrays([pa.array([[1.0]])] * 2, names=["z", "z"])
    pq.write_table(table, tmp_path / "emb.parquet")
    refused(tmp_path / "emb.parquet", "two columns named z")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_the_header_are_read(tmp_path, version):
    with open(tmp_path / "emb.npy", "wb") as out:
        np.lib.format.write_array(out, np.eye(3), version=version)
    (_, chunk), *_ = open_embeddings(tmp_path / "emb.npy").chunks(9)
    np.testing.assert_array_equal(chunk, np.eye(3))


def test_a_path_trick_in_an_archive_is_just_a_name(tmp_path):
    (tmp_path / "emb.npz").write_bytes(npz([("../../evil.npy", EYE)]))
    assert open_embeddings(tmp_path / "emb.npz").rows == 3
    assert [path.name for path in tmp_path.iterdir()] == ["emb.npz"]


@pytest.mark.parametrize("delta", [False, True])
def test_dictionaries_that_change_on_the_way(tmp_path, delta):
    file = tmp_path / "z.arrow"
    z, words = pa.array(ROWS[:1]), [["a"], ["a", "b"]] if delta else [["a"], ["b"]]
    schema = pa.schema({"z": z.type, "y": pa.dictionary(pa.int32(), pa.string())})
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=delta)
    with pa.ipc.new_stream(file, schema, options=options) as out:
        for names in words:
            labels = pa.DictionaryArray.from_arrays(pa.array([len(names) - 1], pa.int32()), names)
            out.write_batch(pa.record_batch([z, labels], schema=schema))
    labels = read_labels("y", open_embeddings(file), 2)
    assert labels.names == ("a", "b")
    assert next(labels.part(1, 2).chunks(9)).tolist() == [1]


def test_a_fragment_reads_its_own_batches_alone(tmp_path):
    file = tmp_path / "z.feather"
    pa.feather.write_feather(pa.table({"z": ROWS * 4}), str(file), chunksize=3)
    *_, last = open_embeddings(file).fragments(3)
    data = bytearray(file.read_bytes())
    data[400:600] = b"\xff" * 200  # inside the body of the first batch
    file.write_bytes(data)
    (_, z), *_ = last.chunks(9)
    np.testing.assert_array_equal(z, ROWS)


def test_a_line_of_json_is_bounded(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 100)
    (tmp_path / "z.jsonl").write_text("{" + " " * 200)
    refused(tmp_path / "z.jsonl", "row 0 is 100 bytes long, or more")


@pytest.mark.parametrize(
    ("labels", "names"),
    [([3, None, 12], "3 12"), ([3.0, 7.0, 12.0], "3 7 12"), (["b", None, "a"], "a b"),
     ([True, None, False], "False True"), ([None, "x", "y"], "x y")],
)  # fmt: skip
def test_labels_of_json(tmp_path, monkeypatch, labels, names):
    monkeypatch.setattr(jsonl, "MARK_ROWS", 2)
    (tmp_path / "z.jsonl").write_bytes(lines(*({"z": [1, 2], "y": label} for label in labels)))
    source = open_embeddings(tmp_path / "z.jsonl")
    assert [fragment.rows for fragment in source.fragments(1)] == [2, 1]
    found = read_labels("y", source, 3)
    assert found.names == tuple(names.split())
    assert [code < 0 for code in found.codes] == [label is None for label in labels]


@pytest.mark.parametrize("labels", [[1, "a"], [1, True], [1, 1.5], ["a", 1], ["a", [1]]])
def test_labels_of_json_of_two_kinds(tmp_path, labels):
    (tmp_path / "z.jsonl").write_bytes(lines(*({"z": [1, 2], "y": label} for label in labels)))
    with pytest.raises(InputError, match=r"z\.jsonl.*: (y is a number in some|row 1: .*label )"):
        read_labels("y", open_embeddings(tmp_path / "z.jsonl"), 2)


# Files as a whole, whatever their format


def _hdf5(file, z):
    with h5py.File(file, "w") as out:
        out["z"] = z


WRITERS = {
    "npy": lambda file, z: np.save(file, z),
    "npz": lambda file, z: np.savez(file, z=z),
    "safetensors": lambda file, z: save_file({"z": z}, file),
    "parquet": lambda file, z: pq.write_table(
        pa.table({"z": list(z)}), file, row_group_size=2000, compression="none"
    ),
    "arrow": lambda file, z: file.write_bytes(stream(z=list(z))),
    "feather": lambda file, z: pa.feather.write_feather(pa.table({"z": list(z)}), str(file)),
    "h5": _hdf5,
}
EXTENSIONS = pytest.mark.parametrize("extension", WRITERS)


@EXTENSIONS
def test_files_that_are_no_such_file(refused, tmp_path, extension):
    file = tmp_path / f"emb.{extension}"
    refused(file, "no such file$")
    file.mkdir()
    refused(file, "is a folder")
    file.rmdir()
    file.write_bytes(b"")
    refused(file, r"is empty \(0 bytes\)")
    for junk in (b"x", b"PK\x03\x04", bytes(300), np.random.default_rng(1).bytes(64)):
        file.write_bytes(junk)
        refused(file, r"not a|holds|header|magic|signature")
    if os.geteuid():  # root reads everything
        file.chmod(0)
        refused(file, "cannot be")
    file.unlink()
    os.mkfifo(file)
    refused(file, "is not a regular file")


@EXTENSIONS
def test_truncated_anywhere(refused, tmp_path, extension):
    """Cut at every hundredth of its length, each file is refused."""
    file = tmp_path / f"emb.{extension}"
    WRITERS[extension](file, np.arange(60, dtype=np.float32).reshape(20, 3))
    whole = file.read_bytes()
    for end in range(1, len(whole), max(1, len(whole) // 100)):
        file.write_bytes(whole[:end])
        refused(file, ": ")


@pytest.mark.parametrize("extension", ["npy", "npz", "safetensors", "parquet", "h5"])
def test_a_file_that_shrinks_while_it_is_read(tmp_path, extension):
    """Cut to a third after the first chunk: an error that names the file, whatever reads it.

    Not for Arrow, which is mapped: there the system ends the process, as SECURITY.md says.
    """
    file = tmp_path / f"emb.{extension}"
    WRITERS[extension](file, np.random.default_rng(1).normal(size=(60_000, 4)))
    chunks = open_embeddings(file).chunks(1000)
    next(chunks)
    os.truncate(file, file.stat().st_size // 3)
    with pytest.raises(InputError, match=r"^\S*emb\.\w+(::z)?: "):
        list(chunks)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        *((f"emb{kind}", r"can run code .* save the array with numpy.save")
          for kind in (".pkl", ".pickle", ".joblib", ".ckpt")),
        *((name, r"what is: \.npy, .*, \.bin$") for name in ("emb.xlsx", "emb", "emb.npy.gz")),
        ("\x1b[2J\n.npy", "no such file"),
        ("\x00.npy", r"x00\.npy: cannot be opened"),
    ],
)  # fmt: skip
def test_names_that_are_not_read(refused, tmp_path, name, why):
    refused(tmp_path / name, why)


def test_a_link_to_an_endless_device(refused, tmp_path):
    (tmp_path / "emb.npy").symlink_to("/dev/zero")
    refused(tmp_path / "emb.npy", "is not a regular file")


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_file_under_two_names(tmp_path, link):
    np.save(tmp_path / "a.npy", np.eye(2))
    getattr(tmp_path / "b.npy", link)(tmp_path / "a.npy")
    with pytest.raises(InputError, match=r"b\.npy: is the same file as .*a\.npy, so its rows"):
        open_embeddings(tmp_path)


def test_a_folder_that_leads_back_to_itself(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(2))
    (tmp_path / "again").symlink_to(tmp_path)
    with pytest.raises(InputError, match="is the same file as"):
        open_embeddings(f"{tmp_path}/**/*.npy")


@pytest.mark.parametrize(
    ("package", "place", "why"),
    [
        ("pyarrow", "emb.parquet", r"pip install 'gramax\[io\]'"),
        ("fsspec", "s3://bucket/z.npy", r"reading s3:// needs fsspec.*'gramax\[io\]'"),
    ],
)
def test_packages_that_are_not_there(tmp_path, monkeypatch, package, place, why):
    (tmp_path / "emb.parquet").write_bytes(parquet(z=ROWS))
    monkeypatch.chdir(tmp_path)
    for name in [package, f"{package}.parquet", *sys.modules]:
        if name.partition(".")[0] == package:
            monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=why):
        open_embeddings(place)
