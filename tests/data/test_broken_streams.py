"""Arrow files and JSON Lines that are cut short, lie, or hold no embeddings."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from gramax.data import open_embeddings, read_labels
from gramax.data.readers import text as jsonl
from gramax.errors import InputError

ROWS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def stream_of(**columns) -> bytes:
    out, table = io.BytesIO(), pa.table(columns)
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return out.getvalue()


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ({"z": [[1.0, 2.0], [1.0], [1.0, 2.0]]}, "row 1 has 1 values, but row 0 has 2"),
        ({"z": [[1.0, 2.0], [1.0, 2.0], None]}, "row 2 is null"),
        ({"z": [[1.0, 2.0], [1.0, 2.0], [1.0, None]]}, "row 2, column 1 is null"),
        ({"z": [["a", "b"]]}, "got list"),
        ({"z": [{"a": 1}]}, "got struct"),
        ({"z": pa.array([], pa.list_(pa.float32(), 3))}, "has no rows"),
    ],
)
def test_columns_that_are_no_embeddings(refused, tmp_path, columns, why):
    (tmp_path / "z.arrow").write_bytes(stream_of(**columns))
    refused(tmp_path / "z.arrow", why)


END = b"\xff\xff\xff\xff\0\0\0\0"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (stream_of(z=ROWS)[: -len(END)], "has no end mark: it was cut short, or is still being"),
        (b"FEA1" + bytes(100), "not a readable Arrow file"),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(100), "not a readable Arrow file"),
        (b"\xff\xff\xff\xff\0\0\0\x80" + bytes(100), "negative metadata length"),
        (b"\xff\xff\xff\xff\x10\0\0\0" + b"\xff" * 100, "Invalid flatbuffers message"),
        (END, "not a readable Arrow file"),
        (b"ARROW1\0\0" + bytes(100), "Not an Arrow file"),
        (b"ARROW1\0\0" + bytes(100) + b"ARROW1", "not a readable Arrow file"),
    ],
)
def test_messages_that_lie(refused, tmp_path, data, why):
    (tmp_path / "z.arrow").write_bytes(data)
    refused(tmp_path / "z.arrow", why)


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


def lines(*records) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "row 0: not a readable JSON object"),
        ("[1]\n", "row 0 is not a JSON object"),
        (lines({"z": [1, 2]}) + "\n" + lines({"z": [1, 2]}), "row 1: not a readable JSON object"),
        (lines({"z": [1, 2]}, {"y": 3}), "row 1 has no z"),
        (lines({"z": [1, 2]}, {"z": [1]}), "row 1 has 1 values, but row 0 has 2"),
        (lines({"z": [1, 2]}, {"z": [1, "2"]}), "row 1: z is not a list of numbers"),
        (lines({"z": [1, 2]}, {"z": [1, True]}), "row 1: z is not a list of numbers"),
        (lines({"z": [1, 2]}, {"z": None}), "row 1: z is not a list of numbers"),
        (lines({"z": [[1], [2]]}), "row 0: z is not a list of numbers"),
        (lines({"z": []}), "has no columns"),
        ('{"z": [1, NaN]}', "NaN is no number"),
        ('{"z": [1, ' + "9" * 400 + "]}", "not a readable list of numbers"),
        ('{"z": ' + "[" * 100_000, "row 0: not a readable JSON object"),
        (lines({"y": 1}), "embeddings must be a matrix"),
        (lines({"y": {}}), "got neither numbers nor labels"),
    ],
)
def test_lines_that_are_no_embeddings(refused, tmp_path, text, why):
    (tmp_path / "z.jsonl").write_text(text)
    refused(tmp_path / "z.jsonl", why)


def test_a_line_is_bounded(refused, tmp_path, monkeypatch):
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
    (tmp_path / "z.jsonl").write_text(lines(*({"z": [1, 2], "y": label} for label in labels)))
    source = open_embeddings(tmp_path / "z.jsonl")
    assert [fragment.rows for fragment in source.fragments(1)] == [2, 1]
    found = read_labels("y", source, 3)
    assert found.names == tuple(names.split())
    assert [code < 0 for code in found.codes] == [label is None for label in labels]


@pytest.mark.parametrize("labels", [[1, "a"], [1, True], [1, 1.5], ["a", 1], ["a", [1]]])
def test_labels_of_json_of_two_kinds(tmp_path, labels):
    (tmp_path / "z.jsonl").write_text(lines(*({"z": [1, 2], "y": label} for label in labels)))
    with pytest.raises(InputError, match=r"z\.jsonl.*: (y is a number in some|row 1: .*label )"):
        read_labels("y", open_embeddings(tmp_path / "z.jsonl"), 2)
