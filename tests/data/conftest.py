"""One matrix and its labels, written in every layout that is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
import zarr
from safetensors.numpy import save_file

from gramax._text import visible
from gramax.data import open_embeddings
from gramax.errors import InputError


@dataclass(frozen=True)
class Written:
    """Where the embeddings are, and how their labels are asked for."""

    path: str
    labels: str
    dtype: str | None = None
    """What every number comes out as, where the format does not keep their dtype."""


def _npy(folder, z, y, convert=np.asarray):
    np.save(folder / "emb.npy", convert(z))
    np.save(folder / "labels.npy", y)
    return Written(str(folder / "emb.npy"), str(folder / "labels.npy"))


def _big_endian(z):
    return z.astype(z.dtype.newbyteorder(">"))


def _npz(folder, z, y, save=np.savez, convert=np.asarray):
    save(folder / "emb.npz", z=convert(z), label=y)
    return Written(str(folder / "emb.npz"), "label")


def _npz_of_labels(folder, z, y):
    np.save(folder / "emb.npy", z)
    np.savez_compressed(folder / "labels.npz", a=y, b=y)
    return Written(str(folder / "emb.npy"), f"{folder}/labels.npz::b")


def _safetensors(folder, z, y):
    if y.dtype.kind == "U":
        pytest.skip("safetensors holds no text")
    save_file({"label": y, "z": np.ascontiguousarray(z)}, folder / "emb.safetensors")
    return Written(str(folder / "emb.safetensors"), "label")


def _list_array(z, kind):
    values = pa.array(z.reshape(-1))
    if kind == "fixed":
        return pa.FixedSizeListArray.from_arrays(values, z.shape[1])
    if kind == "tensor":
        shape = pa.fixed_shape_tensor(values.type, [z.shape[1]])
        return pa.ExtensionArray.from_storage(shape, _list_array(z, "fixed"))
    index, make = (np.int64, pa.LargeListArray) if kind == "large" else (np.int32, pa.ListArray)
    return make.from_arrays(np.arange(len(z) + 1, dtype=index) * z.shape[1], values)


def _table(z, y, kind, text=pa.array):
    labels = pa.array(y)
    if y.dtype.kind == "U":
        labels = text(labels)
    return pa.table({"row": np.arange(len(z)), "label": labels, "z": _list_array(z, kind)})


def _parquet(folder, z, y, kind="list", group=4, text=pa.array):
    pq.write_table(_table(z, y, kind, text), folder / "emb.parquet", row_group_size=group)
    return Written(str(folder / "emb.parquet"), "label")


def _arrow(folder, z, y, kind="list", writer=pa.ipc.new_stream, text=pa.array, **options):
    table, file = _table(z, y, kind, text), folder / "emb.arrow"
    with writer(file, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as out:
        out.write_table(table, max_chunksize=4)
    return Written(str(file), "label")


def _saved_dataset(folder, z, y):
    """The layout that `datasets.Dataset.save_to_disk` writes."""
    files = []
    for k, rows in enumerate(np.array_split(np.arange(len(z)), 2)):
        _arrow(folder, z[rows], y[rows])
        files.append({"filename": f"data-{k:05}-of-00002.arrow"})
        (folder / "emb.arrow").rename(folder / files[k]["filename"])
    (folder / "state.json").write_text(json.dumps({"_data_files": files, "_split": None}))
    (folder / "dataset_info.json").write_text("{}")
    return Written(str(folder), "label")


def _hdf5(folder, z, y, **options):
    with h5py.File(folder / "emb.h5", "w") as file:
        file.create_dataset("deep/z", data=z, **options)
        file["label"] = np.char.encode(y, "utf-8") if y.dtype.kind == "U" else y
    return Written(str(folder / "emb.h5"), "label")


def _zarr(folder, z, y, zarr_format, **options):
    group = zarr.open_group(folder / "emb.zarr", mode="w", zarr_format=zarr_format)
    group.create_array("z", data=z, **options)
    if y.dtype.kind == "U":  # of any length: version 3 has no settled type for text of one width
        group.create_array("label", shape=y.shape, dtype=str, chunks=(5,))[:] = y.astype(object)
    else:
        group.create_array("label", data=y, chunks=(5,))
    return Written(str(folder / "emb.zarr"), "label")


def _txt(folder, z, y):
    np.save(folder / "emb.npy", z)
    (folder / "labels.txt").write_text("\n".join(map(str, y)) + "\n", encoding="utf-8")
    return Written(str(folder / "emb.npy"), str(folder / "labels.txt"))


def _frame(z, y):
    """One column a dimension, and labels and numbers of rows beside."""
    frame = pd.DataFrame(z.astype(np.float64), columns=[f"dim_{k}" for k in range(z.shape[1])])
    return frame.assign(label=y, row=np.arange(len(z)))


def _csv(folder, z, y, name="emb.csv", **options):
    _frame(z, y).to_csv(folder / name, index=False, **options)
    return Written(str(folder / name), "label", "float64")


def _csv_of_lists(folder, z, y):
    lists = [str(row) for row in z.astype(float).tolist()]
    pd.DataFrame({"z": lists, "label": y}).to_csv(folder / "emb.csv")
    return Written(str(folder / "emb.csv"), "label", "float64")


def _projector(folder, z, y):
    """What the Embedding Projector loads: numbers, and labels in a column without a header."""
    pd.DataFrame(z.astype(float)).to_csv(
        folder / "vectors.tsv", sep="\t", header=False, index=False
    )
    pd.Series(y).to_csv(folder / "metadata.tsv", header=False, index=False)
    return Written(f"{folder}/vectors.tsv", f"{folder}/metadata.tsv", "float64")


def _wide(folder, z, y, kind):
    frame = _frame(z, y).astype({f"dim_{k}": z.dtype for k in range(z.shape[1])})
    table = pa.Table.from_pandas(frame, preserve_index=False)
    if kind == "pq":
        pq.write_table(table, folder / "emb.pq", row_group_size=4)
    else:
        with pa.ipc.new_file(folder / "emb.arrow", table.schema) as out:
            out.write_table(table, max_chunksize=4)
    return Written(f"{folder}/emb.{kind}", "label")


def _nested(folder, z, y):
    vector = pa.StructArray.from_arrays([_list_array(z, "list")], ["text"])
    payload = pa.StructArray.from_arrays([pa.array(y)], ["label"])
    table = pa.table({"vector": vector, "payload": payload})
    pq.write_table(table, folder / "emb.parquet", row_group_size=4)
    return Written(str(folder / "emb.parquet"), "payload.label")


def _words(folder, z, y, head=""):
    lines = [
        " ".join([f"tok{k}", *map(str, row)]) for k, row in enumerate(z.astype(float).tolist())
    ]
    (folder / "emb.txt").write_text(head + "\n".join(lines) + "\n")
    np.save(folder / "labels.npy", y)
    return Written(f"{folder}/emb.txt", f"{folder}/labels.npy", "float64")


def _vecs(folder, z, y):
    rows = np.empty(len(z), [("length", "<i4"), ("values", "<f4", z.shape[1])])
    rows["length"], rows["values"] = z.shape[1], z
    rows.tofile(folder / "emb.fvecs")
    np.save(folder / "labels.npy", y)
    return Written(f"{folder}/emb.fvecs", f"{folder}/labels.npy", "float32")


def _json(folder, z, y, lines=False):
    rows = zip(z.astype(float).tolist(), y.tolist(), strict=True)
    rows = [{"vector": {"text": row}, "payload": {"label": label}} for row, label in rows]
    name = "emb.ndjson" if lines else "emb.json"
    text = "\n".join(map(json.dumps, rows)) if lines else json.dumps(rows)
    (folder / name).write_text(text)
    return Written(str(folder / name), "payload.label", "float64")


def _mat(folder, z, y):
    if z.dtype == np.float16 or y.dtype == bool:
        pytest.skip("MATLAB has no float16, and SciPy gives its booleans as numbers")
    y = y.astype(object) if y.dtype.kind == "U" else y
    scipy.io.savemat(folder / "emb.mat", {"z": z, "label": y})
    return Written(str(folder / "emb.mat"), "label")


def _mat73(folder, z, y):
    """As MATLAB writes it: HDF5, whose axes are in the other order, behind a header of its own."""
    if y.dtype.kind == "U":
        pytest.skip("MATLAB writes text as numbers")
    with h5py.File(folder / "emb.mat", "w", userblock_size=512) as file:
        file.create_dataset("z", data=z.T, chunks=(z.shape[1], 4))
        file["label"] = y[None]
    with (folder / "emb.mat").open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file")
    return Written(str(folder / "emb.mat"), "label")


def _h5ad(folder, z, y):
    """As AnnData writes it: counts in X, embeddings in obsm, labels in obs."""
    with h5py.File(folder / "emb.h5ad", "w") as file:
        file["X"] = np.zeros((len(z), 9), np.float32)
        file["obsm/X_pca"] = z
        if y.dtype.kind == "U":
            categories, codes = np.unique(y, return_inverse=True)
            file["obs/label/categories"] = categories.tolist()
            file["obs/label/codes"] = codes.astype(np.int8)
        else:
            file["obs/label"] = y
    return Written(str(folder / "emb.h5ad"), "obs/label")


LAYOUTS = {
    "npy": _npy,
    "npy fortran": lambda *a: _npy(*a, np.asfortranarray),
    "npy big-endian": lambda *a: _npy(*a, _big_endian),
    "npy and npz labels": _npz_of_labels,
    "npy and txt labels": _txt,
    "npz": _npz,
    "npz deflated": lambda *a: _npz(*a, np.savez_compressed),
    "npz fortran": lambda *a: _npz(*a, np.savez_compressed, np.asfortranarray),
    "npz big-endian": lambda *a: _npz(*a, np.savez, _big_endian),
    "safetensors": _safetensors,
    "parquet list": _parquet,
    "parquet large list": lambda *a: _parquet(
        *a, "large", 3, lambda text: text.cast(pa.large_string())
    ),
    "parquet fixed": lambda *a: _parquet(*a, "fixed", 1000, pa.Array.dictionary_encode),
    "parquet tensor": lambda *a: _parquet(*a, "tensor", 5),
    "arrow stream": _arrow,
    "arrow file": lambda *a: _arrow(
        *a, "fixed", pa.ipc.new_file, pa.Array.dictionary_encode, compression="zstd"
    ),
    "saved dataset": _saved_dataset,
    "hdf5": _hdf5,
    "hdf5 chunked": lambda *a: _hdf5(*a, chunks=(4, 2), compression="gzip", shuffle=True),
    "zarr 2": lambda *a: _zarr(*a, 2, chunks=(4, 2), order="F"),
    "zarr 3": lambda *a: _zarr(*a, 3, chunks=(3, 3)),
    "csv": _csv,
    "csv with semicolons": lambda *a: _csv(*a, sep=";"),
    "csv of lists": _csv_of_lists,
    "tsv": lambda *a: _csv(*a, "emb.tsv", sep="\t"),
    "embedding projector": _projector,
    "parquet wide": lambda *a: _wide(*a, "pq"),
    "arrow wide": lambda *a: _wide(*a, "arrow"),
    "parquet nested": _nested,
    "glove": _words,
    "word2vec": lambda folder, z, y: _words(folder, z, y, f"{len(z)} {z.shape[1]}\n"),
    "fvecs": _vecs,
    "json": _json,
    "ndjson": lambda *a: _json(*a, lines=True),
    "mat": _mat,
    "mat 7.3": _mat73,
    "h5ad": _h5ad,
    "zarr sharded": lambda *a: _zarr(*a, 3, chunks=(2, 2), shards=(6, 4)),
}


@pytest.fixture(params=LAYOUTS)
def write(request, tmp_path: Path):
    """`write(z, y)` puts a matrix and its labels into one of the layouts, and says where."""
    return lambda z, y: LAYOUTS[request.param](tmp_path, z, y)


@pytest.fixture
def refused():
    """`refused(file, why)`: reading ends in one safe line that names the file and matches."""
    return _refused


def _refused(file, why, column=None):
    with pytest.raises(InputError, match=why) as caught:
        for _ in open_embeddings(file, column=column).chunks(3):
            pass
    message = str(caught.value)
    assert message.startswith(visible(str(file)))
    assert message.isprintable()
    assert len(message) < 6000


@pytest.fixture
def memory():
    fs = fsspec.filesystem("memory")
    yield fs
    fs.rm("/", recursive=True)
