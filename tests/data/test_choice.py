"""Which array of a file is meant."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from safetensors.numpy import save_file

from gramax.data import ArraySource, open_embeddings
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


USUAL = (
    "x latents.z",
    "x text_embedding",
    "x features",
    "features Z",
    "z Embedding",
    "z EMBEDDINGS",
)


@KINDS
@pytest.mark.parametrize(
    ("matrices", "column", "taken"),
    [
        ("w", None, 0),
        *((names, None, 1) for names in USUAL),
        ("z layer.3 layer", "layer.3", 1),
        ("z layer.3 layer", "layer", 2),
        (
            "other x",
            None,
            r"several matrices, and none is called like .*: other .*, x .*; pick one",
        ),
        (
            "x z_q z_e",
            None,
            r"and several are called like .*; pick .*--column NAME, such as .* z_[qe]$",
        ),
        ("a", "q", r"emb\.\w+: has no column or array q; it has .*y int64"),
        ("a", "y", r"emb\.\w+::y: embeddings must be a matrix.*int64 \[2\]"),
        ("", None, "has no matrix of real numbers; it has y int64"),
    ],
)
def test_which_matrix_is_taken(tmp_path, kind, matrices, column, taken):
    arrays = {name: matrix(k) for k, name in enumerate(matrices.split())}
    file = write(tmp_path, kind, arrays | {"y": np.arange(2), "flag": np.ones(2)})
    if isinstance(taken, int):
        assert value_of(open_embeddings(file, column=column)) == taken
    else:
        with pytest.raises(InputError, match=taken):
            open_embeddings(file, column=column)


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


@pytest.mark.parametrize("kind", ["safetensors", "npy", "npy F", "npz", "npz F"])
def test_bfloat16(tmp_path, kind):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    z = np.array([[1.5, -2.0, 3e38], [np.inf, 0.1, -0.0]], ml_dtypes.bfloat16)
    file = tmp_path / f"emb.{kind.rstrip(' F')}"
    stored = np.asfortranarray(z) if kind.endswith("F") else z
    if kind == "safetensors":
        save_file({"z": z}, file)
    elif kind.startswith("npy"):
        np.save(file, stored)
    else:
        np.savez(file, z=stored)
    source = open_embeddings(file)
    assert source.dtype == np.float32
    wide = z.astype(np.float32)
    np.testing.assert_array_equal(next(iter(source.chunks(9)))[1], wide)
    rows = [c for f in source.fragments(1) for _, c in f.chunks(1)]
    np.testing.assert_array_equal(np.concatenate(rows), wide)
    assert source.parts[0].entry.text == "bfloat16 [2, 3]"
    noted = ["is read as bfloat16, which numpy.save" in note for note in source.notes]
    assert noted == [True] * kind.startswith("np")


def test_bfloat16_of_many_files_is_noted_once(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for k in range(3):
        np.save(tmp_path / f"{k}.npy", np.ones((2, 3), ml_dtypes.bfloat16))
    (note,) = open_embeddings(tmp_path).notes
    assert note.startswith(f"{tmp_path}/0.npy is read as bfloat16")
    assert note.endswith("(so are 2 more files)")


def test_bfloat16_of_zarr_is_refused(tmp_path):
    """TensorStore writes it; the zarr package has no such type."""
    zarr.create_array(tmp_path / "z.zarr", data=np.zeros((2, 3), np.uint16))
    document = tmp_path / "z.zarr" / "zarr.json"
    document.write_text(document.read_text().replace('"uint16"', '"bfloat16"'))
    with pytest.raises(InputError, match=r"got bfloat16 \[2, 3\], which is not read"):
        open_embeddings(tmp_path / "z.zarr")


def test_bytes_that_lost_their_type_are_refused_with_a_way_out(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    import h5py

    z = np.ones((2, 3), ml_dtypes.bfloat16)
    np.save(tmp_path / "void.npy", z.view("V2"))
    np.save(tmp_path / "float8.npy", z.astype(ml_dtypes.float8_e4m3fn))
    with h5py.File(tmp_path / "z.h5", "w") as out:
        out["z"] = z
    for name in ("void.npy", "float8.npy", "z.h5"):
        why = r"must be integers, .*; got void(8|16) \[2, 3\], .* save z\.astype"
        with pytest.raises(InputError, match=why):
            open_embeddings(tmp_path / name)
    with pytest.raises(InputError, match=r"got void16 .*, bytes without a type, .* save z\.astype"):
        ArraySource(z.view("V2"))
