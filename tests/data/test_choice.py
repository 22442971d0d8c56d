"""Which array of a file is meant."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from gramax.data import open_embeddings
from gramax.errors import InputError


def write(folder, kind, arrays):
    """`arrays` by name in a file of one of the formats that have names."""
    file = folder / f"emb.{kind}"
    if kind == "npz":
        np.savez(file, **arrays)
    elif kind == "safetensors":
        save_file(arrays, file)
    else:
        pq.write_table(
            pa.table({k: v if v.ndim == 1 else list(v) for k, v in arrays.items()}), file
        )
    return str(file)


KINDS = pytest.mark.parametrize("kind", ["npz", "safetensors", "parquet"])


def matrix(value):
    return np.full((2, 3), value, np.float32)


def value_of(source):
    return next(iter(source.chunks(1)))[1][0, 0]


@KINDS
def test_the_only_matrix_is_taken(tmp_path, kind):
    file = write(tmp_path, kind, {"y": np.arange(2), "w": matrix(1), "flag": np.ones(2)})
    assert value_of(open_embeddings(file)) == 1


@KINDS
@pytest.mark.parametrize(
    "names", ["other x", "x features", "features Z", "z Embedding", "z EMBEDDINGS"]
)
def test_of_several_the_usual_name_is_taken(tmp_path, kind, names):
    file = write(tmp_path, kind, {name: matrix(i) for i, name in enumerate(names.split())})
    assert value_of(open_embeddings(file)) == 1


@KINDS
def test_a_column_is_taken_by_name(tmp_path, kind):
    file = write(tmp_path, kind, {"z": matrix(0), "layer.3": matrix(1), "layer": matrix(2)})
    assert value_of(open_embeddings(file, column="layer.3")) == 1
    assert value_of(open_embeddings(file, column="layer")) == 2


@KINDS
def test_several_are_listed(tmp_path, kind):
    file = write(tmp_path, kind, {"a": matrix(0), "b": matrix(1)})
    with pytest.raises(
        InputError, match=r"several matrices: a .*, b .*; pick one with --column NAME"
    ):
        open_embeddings(file)


@KINDS
def test_an_unknown_column_lists_what_there_is(tmp_path, kind):
    file = write(tmp_path, kind, {"a": matrix(0), "y": np.arange(2)})
    with pytest.raises(InputError, match=r"emb\.\w+: has no column or array q; it has .*y int64"):
        open_embeddings(file, column="q")


@KINDS
def test_a_column_that_is_no_matrix(tmp_path, kind):
    file = write(tmp_path, kind, {"a": matrix(0), "y": np.arange(2)})
    with pytest.raises(InputError, match=r"emb\.\w+::y: embeddings must be a matrix.*int64 \[2\]"):
        open_embeddings(file, column="y")


@KINDS
def test_no_matrix_at_all(tmp_path, kind):
    file = write(tmp_path, kind, {"a": np.arange(2), "y": np.arange(2)})
    with pytest.raises(InputError, match="has no matrix of real numbers; it has a int64"):
        open_embeddings(file)


def test_objects_beside_the_matrix_do_no_harm(tmp_path):
    meta = np.array([{"model": 1}, None], object)
    np.savez(tmp_path / "emb.npz", meta=meta, z=matrix(1), ids=np.array([["a"], ["b"]]))
    assert value_of(open_embeddings(tmp_path / "emb.npz")) == 1
    with pytest.raises(InputError, match=r"::meta: holds Python objects \(a pickle\)"):
        open_embeddings(tmp_path / "emb.npz", column="meta")


def test_a_column_of_an_npy(tmp_path):
    np.save(tmp_path / "emb.npy", matrix(0))
    with pytest.raises(InputError, match="holds no names, so no z; leave --column out"):
        open_embeddings(tmp_path / "emb.npy", column="z")


def test_a_path_object_and_capital_extension(tmp_path):
    with open(tmp_path / "EMB.NPY", "wb") as file:
        np.save(file, matrix(0))
    assert open_embeddings(tmp_path / "EMB.NPY").rows == 2


def test_bfloat16_in_safetensors(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    z = np.array([[1.5, -2.0, 3e38], [np.inf, 0.1, -0.0]], ml_dtypes.bfloat16)
    save_file({"z": z}, tmp_path / "emb.safetensors")
    source = open_embeddings(tmp_path / "emb.safetensors")
    assert source.dtype == np.float32
    np.testing.assert_array_equal(next(iter(source.chunks(9)))[1], z.astype(np.float32))
