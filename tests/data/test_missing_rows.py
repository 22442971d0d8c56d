"""One bad row is one row: what is null or not finite, in every format that can have it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gramax
from gramax import Execution
from gramax.data import open_embeddings
from gramax.errors import InputError

pytestmark = pytest.mark.usefixtures("read_here")

N, D = 40, 3
Z = np.random.default_rng(5).normal(size=(N, D)) * 10
Y = [f"c{k % 4}" for k in range(N)]
BAD = [0, 7, 21]
"""A row that is null, one in which a number is, and another that is null."""


def rows(convert=float):
    found = [list(map(convert, row)) for row in Z]
    found[0] = found[21] = None
    found[7][1] = None
    return found


def tables(folder, kind, suffix):
    """A list column of this type of Arrow, in parquet or in Arrow."""
    values = rows(int if "int" in str(kind.value_type) else float)
    table = pa.table({"z": pa.array(values, kind), "y": Y})
    if suffix == "parquet":
        pq.write_table(table, folder / "z.parquet", row_group_size=16)
    else:
        with pa.ipc.new_stream(folder / "z.arrow", table.schema) as out:
            out.write_table(table, max_chunksize=16)


def lines(folder):
    """One row is null, one is not there, and a number is NaN as Python writes it."""
    found = [{"z": row, "y": y} for row, y in zip(rows(), Y, strict=True)]
    del found[21]["z"]
    found[7]["z"][1] = float("nan")
    (folder / "z.jsonl").write_text("\n".join(map(json.dumps, found)))


def wide(folder, kind):
    frame = pd.DataFrame(Z, columns=["d_0", "d_1", "d_2"])
    frame.loc[[0, 21]] = frame.loc[7, "d_1"] = np.nan
    if kind == "csv":
        frame.assign(y=Y).to_csv(folder / "z.csv", index=False)
    elif kind == "int":
        table = pa.Table.from_pandas(frame.round().astype("Int32").assign(y=Y))
        pq.write_table(table, folder / "z.parquet", row_group_size=16)
    else:
        pq.write_table(pa.Table.from_pandas(frame.assign(y=Y)), folder / "z.parquet")


WRITERS = {
    "parquet list": lambda at: tables(at, pa.list_(pa.float64()), "parquet"),
    "parquet large list of float16": lambda at: tables(at, pa.large_list(pa.float16()), "parquet"),
    "parquet list of integers": lambda at: tables(at, pa.list_(pa.int32()), "parquet"),
    "arrow fixed": lambda at: tables(at, pa.list_(pa.float32(), D), "arrow"),
    "arrow fixed of integers": lambda at: tables(at, pa.list_(pa.int8(), D), "arrow"),
    "jsonl": lines,
    "json": lambda at: (at / "z.json").write_text(json.dumps({"z": rows(), "y": Y})),
    "csv": lambda at: wide(at, "csv"),
    "csv of lists": lambda at: pd.DataFrame({"z": rows(), "y": Y}).to_csv(at / "z.csv"),
    "parquet wide": lambda at: wide(at, "float"),
    "parquet wide of integers": lambda at: wide(at, "int"),
}


@pytest.mark.parametrize("how", WRITERS)
def test_missing_rows_and_numbers_are_nan(tmp_path, how):
    WRITERS[how](tmp_path)
    (file,) = tmp_path.iterdir()
    source = open_embeddings(file)
    found = np.concatenate([z for _, z in source.chunks(9)])
    wanted = Z.copy()
    wanted[[0, 21]] = wanted[7, 1] = np.nan
    if "integers" in how:
        wanted = wanted.round() if "wide" in how else np.trunc(wanted)
    np.testing.assert_allclose(found, wanted, atol=1e-2 if "float16" in how else 1e-5)
    again = [z for f in source.fragments(5) for _, z in f.chunks(4)]
    np.testing.assert_array_equal(np.concatenate(again), found)


@pytest.mark.parametrize("how", ["parquet list of integers", "jsonl"])
def test_they_are_left_out_one_by_one(tmp_path, how):
    WRITERS[how](tmp_path)
    (file,) = tmp_path.iterdir()
    why = r"row 0 is nan throughout, or null; --skip-bad leaves such rows out$"
    with pytest.raises(InputError, match=why):
        gramax.audit(str(file), "y")
    found = gramax.audit(str(file), "y", execution=Execution(skip_bad=True))
    (left,) = found.left_out_fragments
    assert (left.name, left.rows, found.n) == (f"rows of {file}", 3, N - 3)
    kept = np.delete(np.trunc(Z) if "integers" in how else Z, BAD, axis=0)
    alone = gramax.audit(kept, np.delete(Y, BAD).tolist())
    assert found["effective_rank"] == pytest.approx(alone["effective_rank"], rel=1e-9)


def test_in_a_pandas_frame_too():
    frame = pd.DataFrame({"z": rows(), "y": Y})
    found = gramax.audit(frame, "y", execution=Execution(skip_bad=True))
    assert [(one.name, one.rows) for one in found.left_out_fragments] == [("rows of frame", 3)]
