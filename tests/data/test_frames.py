"""Frames in memory: each is read, or refused with the line to type; polars is in tests/inputs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import gramax
from gramax import InputError

pytestmark = pytest.mark.usefixtures("read_here")

Z = np.random.default_rng(9).normal(size=(60, 8)).astype(np.float32)
Y = np.array(["a", "b", "c"])[np.arange(60) % 3]
WANTED = gramax.audit(Z, Y)


def check(found, title, note=""):
    assert (found.title, found.c) == (title, 3)
    for name, value in WANTED.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-6, err_msg=name)
    assert note in "".join(found.warnings)


WIDE = pd.DataFrame(Z, columns=[f"dim_{k}" for k in range(8)])
PLAIN = pd.DataFrame(Z, columns=list("pqrstuvw"))
LISTS = pd.DataFrame({"emb": list(Z), "label": pd.Categorical(Y)})

FRAMES = {
    "pandas wide": (WIDE.assign(label=Y, id=range(60)), "dim", "8 columns, dim_0 to dim_7; besi"),
    "pandas by number": (pd.DataFrame(Z).assign(label=Y), "columns", "8 columns, 0 to 7; beside"),
    "pandas of objects": (pd.DataFrame(Z.astype(object)).assign(label=Y), "columns", ""),
    "pandas of nullable": (pd.DataFrame(Z).assign(label=Y).convert_dtypes(), "columns", ""),
    "pandas lists": (LISTS, "emb", ""),
    "labels of numbers": (PLAIN.assign(label=np.arange(60) % 3), "columns", ""),
    "pyarrow": (pa.table({"emb": list(Z), "label": Y}), "emb", ""),
    "pyarrow wide": (pa.Table.from_pandas(WIDE.assign(label=Y)), "dim", "dim_0 to dim_7"),
}


@pytest.mark.parametrize("what", FRAMES)
def test_frames(what):
    frame, name, note = FRAMES[what]
    check(gramax.audit(frame, "label"), f"frame::{name}", note)


def test_labels_of_numbers_are_no_dimension_whatever_they_are_called(tmp_path):
    """Of a table of text too: what the labels are would be in the rows."""
    frame = PLAIN.assign(kind=np.arange(60) % 3)
    check(gramax.audit(frame, "kind"), "frame::columns", "8 columns, p to w; beside it: kind")
    assert gramax.audit(frame).d == 9
    frame.to_csv(tmp_path / "z.csv", index=False)
    found = gramax.audit(str(tmp_path / "z.csv"), "kind")
    assert (found.d, found.c) == (8, 3)
    assert "is read from 8 columns, p to w; beside it: kind" in "".join(found.warnings)


def test_groups_and_ids_of_numbers_are_no_dimensions_either(tmp_path):
    order = np.random.default_rng(1).permutation(60)
    frame = PLAIN.assign(person=np.arange(60) // 2, doc=order + 100, label=Y)
    frame.to_csv(tmp_path / "a.csv", index=False)
    other = frame.iloc[order].reset_index(drop=True)
    other.to_csv(tmp_path / "b.csv", index=False)
    for a, b in ((frame, other), (str(tmp_path / "a.csv"), str(tmp_path / "b.csv"))):
        with_groups = gramax.audit(a, "label", groups="person")
        assert (with_groups.d, with_groups.c) == (9, 3)  # doc is one
        found = gramax.compare(a, b, "label", ids="doc")
        assert (found.a.d, found.a.n, found.paired) == (9, 60, True)  # person is one here
        assert [one.value for one in found.alignment] == pytest.approx([1] * len(found.alignment))


def test_columns_by_themselves_and_by_name():
    check(gramax.audit(LISTS["emb"], LISTS["label"]), "array")
    two = LISTS.assign(other=list(Z[:, :2]))
    assert gramax.audit(two, "label", column="other").d == 2
    check(gramax.audit(two, "label"), "frame::emb")


@pytest.mark.parametrize(
    ("source", "labels", "why"),
    [
        (LISTS, "kind", "^kind: no such file, nor such an array or column; frame has emb float32"),
        (LISTS.rename(columns={"emb": "p"}).assign(q=list(Z)), None, "^frame: has several matr.*p"),
        (WIDE.set_axis(["a"] * 8, axis=1), None, "has two columns named a; rename one"),
        (LISTS[["label"]], None, r"frame::label: embeddings must be .*; got text of shape \(60,\)"),
        (pd.DataFrame({"z": [[1.0], [1.0, 2.0]]}), None, r"row 1 is of shape \[2\], but row 0 has"),
        (Z, "label", "^label: no such file; beside an array, labels are a list or an array"),
        ({"z": Z}, None, r"^array: embeddings must be a matrix .*; got a dict"),
        (np.zeros((2, 3, 4)), None, r"got float64 .*; z\.reshape\(-1, 4\) has one row a vector"),
        (Z > 0, None, r"got bool .*; z \* 2\.0 - 1 has the signs"),
    ],
)
def test_what_is_refused(source, labels, why):
    with pytest.raises(InputError, match=why):
        gramax.audit(source, labels)
