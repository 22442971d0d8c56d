"""Frames and files of polars."""

from __future__ import annotations

import pytest
from tests.inputs.values import Y, Z, check

import gramax
from gramax import InputError

pl = pytest.importorskip("polars")
pytestmark = pytest.mark.nightly


def test_frames_of_polars():
    wide = pl.from_numpy(Z).with_columns(label=pl.Series(Y))
    check(gramax.audit(wide, "label"), "frame::column", "column_0 to column_7; beside it: label")
    values = (pl.Series(Z, dtype=pl.Array(pl.Float32, 8)), pl.Series(Z.tolist()))
    for lists in values:
        frame = pl.DataFrame({"emb": lists, "label": pl.Series(Y, dtype=pl.Categorical)})
        check(gramax.audit(frame, "label"), "frame::emb")
    with pytest.raises(InputError, match=r"frame: is lazy; give what frame\.collect\(\) makes"):
        gramax.audit(frame.lazy(), "label")


def test_files_of_polars(tmp_path):
    """Texts in dictionaries of views, and Arrow files that begin with what is no message."""
    values = pl.Series(Z, dtype=pl.Array(pl.Float32, 8))
    frame = pl.DataFrame({"emb": values, "label": pl.Series(Y, dtype=pl.Categorical)})
    frame.write_ipc(tmp_path / "z.arrow")
    frame.write_parquet(tmp_path / "z.parquet")
    for file in ("z.arrow", "z.parquet"):
        check(gramax.audit(str(tmp_path / file), "label"), f"{tmp_path / file}::emb")
