"""One matrix and its labels, written in every layout that is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from gramax.data import open_embeddings
from gramax.errors import InputError


@dataclass(frozen=True)
class Written:
    """Where the embeddings are, and how their labels are asked for."""

    path: str
    labels: str


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


def _parquet(folder, z, y, kind="list", group=4, text=pa.array):
    labels = pa.array(y)
    if y.dtype.kind == "U":
        labels = text(labels)
    table = pa.table({"row": np.arange(len(z)), "label": labels, "z": _list_array(z, kind)})
    pq.write_table(table, folder / "emb.parquet", row_group_size=group)
    return Written(str(folder / "emb.parquet"), "label")


def _txt(folder, z, y):
    np.save(folder / "emb.npy", z)
    (folder / "labels.txt").write_text("\n".join(map(str, y)) + "\n", encoding="utf-8")
    return Written(str(folder / "emb.npy"), str(folder / "labels.txt"))


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
    assert message.startswith(str(file))
    assert message.isprintable()
    assert len(message) < 6000
