"""Headers of .safetensors and columns of .parquet that lie, or hold no embeddings."""

from __future__ import annotations

import json
import struct

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


def safetensors_bytes(header, data=b"", length=None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(**changes):
    return {"z": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]} | changes}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\0" * 7, "is not a .safetensors file"),
        (safetensors_bytes({}, length=10**9), "header of 1000000000 bytes in"),
        (safetensors_bytes({}, length=2**64 - 1), "is not a .safetensors file"),
        (safetensors_bytes(b"{nope"), "not a readable .safetensors header"),
        (safetensors_bytes(b"\xff\xfe{}"), "not a readable .safetensors header"),
        (safetensors_bytes(b"[" * 200_000), "not a readable .safetensors header"),
        (safetensors_bytes(b"[]"), "not a JSON object"),
        (safetensors_bytes(b'{"z": {}, "z": {}}'), "a name occurs twice"),
        (safetensors_bytes({}), "it is empty"),
        (safetensors_bytes({"z": 3}), "::z: needs a dtype, a shape"),
        (safetensors_bytes(tensor(dtype=4), bytes(16)), "needs a dtype"),
        (safetensors_bytes(tensor(shape=[2, -2]), bytes(16)), "length below 0"),
        (safetensors_bytes(tensor(shape=[2, 2.0]), bytes(16)), "needs a dtype"),
        (safetensors_bytes(tensor(shape=[2, True]), bytes(16)), "needs a dtype"),
        (safetensors_bytes(tensor(shape=[2**60] * 100_000), bytes(16)), "declares 100000 axes"),
        (safetensors_bytes(tensor(shape=[2, 10**4000]), bytes(16)), "beyond 64 bits"),
        (safetensors_bytes({"z" * 10**6: {}}), "emb.safetensors::zzzz"),
        (safetensors_bytes(tensor(data_offsets=[0]), bytes(16)), "has 1 data_offsets"),
        (safetensors_bytes(tensor(data_offsets=[0, 17]), bytes(16)), "lies at bytes 0 to 17"),
        (safetensors_bytes(tensor(data_offsets=[16, 0]), bytes(16)), "lies at bytes 16 to 0"),
        (safetensors_bytes(tensor(shape=[2**40, 2**40]), bytes(16)), "has 16 bytes, which is not"),
        (safetensors_bytes(tensor(shape=[2, 1]), bytes(16)), "has 16 bytes, which is not F32"),
        (safetensors_bytes(tensor(dtype="F8_E4M3"), bytes(16)), r"got F8_E4M3 \[2, 2\]"),
        (safetensors_bytes(tensor(dtype="BOOL", data_offsets=[0, 4]), bytes(16)), "got bool"),
        (safetensors_bytes(b'{"\\u001b": 1}'), r"::\\x1b: needs"),
    ],
)
def test_headers_of_safetensors(refused, tmp_path, data, why):
    (tmp_path / "emb.safetensors").write_bytes(data)
    refused(tmp_path / "emb.safetensors", why)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([[1.0, 2.0], [1.0], [1.0, 2.0]], "row 1 has 1 values, but row 0 has 2"),
        ([[1.0, 2.0]] * 4 + [[1.0, 2.0, 3.0]], "row 4 has 3 values, but row 0 has 2"),
        ([[1.0, 2.0], None], "row 1 is null"),
        ([None, [1.0, 2.0]], "row 0 is null"),
        ([[1.0, 2.0]] * 4 + [[1.0, None]], "row 4, column 1 is null"),
        (pa.array([[], []], pa.list_(pa.float32())), "has no columns"),
        ([[True, False]], r"got list<\w+: bool> \[1\]"),
        ([["a", "b"]], "got list"),
        ([[[1.0], [2.0]]], "got list"),
        ([1.0, 2.0], r"matrix \[rows, columns\]; got double \[2\]"),
        ([{"a": 1}], "got struct"),
    ],
)
def test_columns_that_are_no_embeddings(refused, tmp_path, rows, why):
    file = tmp_path / "emb.parquet"
    pq.write_table(pa.table({"z": rows}), file, row_group_size=3)
    refused(file, f"::z: .*{why}|: {why}")


@pytest.mark.parametrize(("at", "why"), [(1, "row 1 is null"), (5, "row 5 is null")])
def test_nulls_in_fixed_size_lists(refused, tmp_path, at, why):
    pytest.importorskip("pyarrow", minversion="25", reason="neither writes nor reads such a null")
    rows = [[1.0, 2.0]] * 6
    rows[at] = None
    column = pa.array(rows, pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"z": column}), tmp_path / "emb.parquet", row_group_size=4)
    refused(tmp_path / "emb.parquet", why)


def test_parquet_without_rows(refused, tmp_path):
    pq.write_table(pa.table({"z": pa.array([], pa.list_(pa.float32()))}), tmp_path / "emb.parquet")
    refused(tmp_path / "emb.parquet", "has no rows")


def test_two_columns_of_one_name(refused, tmp_path):
    table = pa.Table.from_arrays([pa.array([[1.0]])] * 2, names=["z", "z"])
    pq.write_table(table, tmp_path / "emb.parquet")
    refused(tmp_path / "emb.parquet", "two columns named z")
