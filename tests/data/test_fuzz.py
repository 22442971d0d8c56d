"""Flipped, cut and repeated bytes: a file reads, or ends in an InputError; nothing else."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from gramax.data import check_finite, open_embeddings, read_labels
from gramax.errors import InputError

N = 12
Z = np.random.default_rng(3).normal(size=(N, 5)).astype(np.float32)
Y = np.arange(N) % 3
T = np.array(["red", "green", "blue"])[Y]
FUZZ = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SEEDS = range(20)
FLIPS = 15
"""Files a seed: twenty seeds make 300 a format."""


def _npy():
    stream = io.BytesIO()
    np.save(stream, Z)
    return stream.getvalue()


def _npz(save_arrays=np.savez_compressed):
    stream = io.BytesIO()
    save_arrays(stream, z=Z, y=Y, t=T)
    return stream.getvalue()


def _parquet(compression="snappy"):
    stream = io.BytesIO()
    table = pa.table({"z": list(Z), "y": Y, "t": pa.array(T).dictionary_encode()})
    pq.write_table(table, stream, row_group_size=5, compression=compression)
    return stream.getvalue()


def _arrow(writer, compression=None):
    stream = io.BytesIO()
    table = pa.table({"z": list(Z), "y": Y, "t": pa.array(T).dictionary_encode()})
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with writer(stream, table.schema, options=options) as out:
        out.write_table(table, max_chunksize=5)
    return stream.getvalue()


def _hdf5(**options):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset("z", data=Z, **options)
        file["y"], file["t"] = Y, T.astype("S")
    return stream.getvalue()


FILES = {
    "npy": ("npy", _npy()),
    "npz stored": ("npz", _npz(np.savez)),
    "npz deflated": ("npz", _npz()),
    "safetensors": ("safetensors", save({"z": Z, "y": Y})),
    "parquet": ("parquet", _parquet()),
    "parquet plain": ("parquet", _parquet("none")),
    "arrow stream": ("arrow", _arrow(pa.ipc.new_stream)),
    "arrow file": ("arrow", _arrow(pa.ipc.new_file, "lz4")),
    "hdf5": ("h5", _hdf5()),
    "hdf5 deflated": ("h5", _hdf5(chunks=(5, 3), compression="gzip", fletcher32=True)),
}


def read_all(file):
    """Everything that an audit reads of `file`; True where all of it could be read."""
    labels = {".npy": "", ".safetensors": "y"}.get(Path(file).suffix, "y t").split()
    caught = None
    try:
        source = open_embeddings(file)
        for start, chunk in source.chunks(5):
            check_finite(chunk, start, source.name)
        for column in labels:
            assert len(read_labels(column, source, source.rows).codes) == source.rows
    except InputError as error:
        caught = str(error)
    assert caught is None or (caught.isprintable() and len(caught) < 6000)
    return caught is None


def damaged(data: bytes, random: np.random.Generator) -> bytes:
    """`data` with one to four changes, half of them near an end, where the headers are."""
    out = bytearray(data)
    for _ in range(random.integers(1, 5)):
        near = random.random() < 0.5
        at = int(random.integers(min(300, len(out)) if near else len(out)))
        at = len(out) - 1 - at if random.random() < 0.5 else at
        kind = random.integers(4)
        if kind == 0:
            out[at] ^= 1 << int(random.integers(8))
        elif kind == 1:
            out[at] = int(random.choice([0, 1, 0x7F, 0x80, 0xFF, ord("9"), ord("{")]))
        elif kind == 2:
            del out[at : at + int(random.integers(1, 9))]
        else:
            out[at:at] = out[at : at + int(random.integers(1, 9))]
        out = out or bytearray(b"\0")
    return bytes(out)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", FILES)
def test_damaged_bytes(tmp_path, kind, seed):
    extension, data = FILES[kind]
    file = tmp_path / f"emb.{extension}"
    random = np.random.default_rng([seed, len(data)])
    for _ in range(FLIPS):
        file.write_bytes(damaged(data, random))
        read_all(str(file))


@pytest.mark.parametrize("kind", FILES)
def test_undamaged_bytes_are_read(tmp_path, kind):
    """The fuzz would prove nothing if these files were refused to begin with."""
    extension, data = FILES[kind]
    (tmp_path / f"emb.{extension}").write_bytes(data)
    assert read_all(str(tmp_path / f"emb.{extension}"))


@pytest.mark.parametrize("extension", ["npy", "npz", "safetensors", "parquet", "arrow", "h5"])
@settings(FUZZ, max_examples=60)
@given(data=st.binary(min_size=1, max_size=400))
def test_arbitrary_bytes(tmp_path, extension, data):
    file = tmp_path / f"emb.{extension}"
    magic = {
        "npy": b"\x93NUMPY\x01\x00",
        "npz": b"PK\x03\x04",
        "arrow": b"\xff\xff\xff\xff\x40\0\0\0",
        "h5": b"\x89HDF\r\n\x1a\n",
    }.get(extension, b"")
    for start in {b"", magic}:
        file.write_bytes(start + data)
        assert not read_all(str(file))


@settings(FUZZ, max_examples=100)
@given(text=st.text("{}[](),:'\"<>|fiuUOV0123456789 descrshapeortn_Truel", max_size=120))
def test_arbitrary_headers_of_npy(tmp_path, text):
    file = tmp_path / "emb.npy"
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode())
    assert not read_all(str(file))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["dtype", "shape", "data_offsets", "z"]), inner, max_size=4
        )
    ),
)


@settings(FUZZ, max_examples=100)
@given(header=JSON)
def test_arbitrary_headers_of_safetensors(tmp_path, header):
    text = json.dumps({"z": header}).encode()
    file = tmp_path / "emb.safetensors"
    file.write_bytes(len(text).to_bytes(8, "little") + text + bytes(64))
    read_all(str(file))


def test_flipped_data_in_an_archive_is_noticed(tmp_path):
    """Zip keeps a checksum, and it is looked at: no wrong number comes out of a damaged .npz."""
    data = bytearray(_npz(np.savez))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.getinfo("z.npy").header_offset
    data[start + 300] ^= 1
    (tmp_path / "emb.npz").write_bytes(data)
    with pytest.raises(InputError, match="CRC"):
        list(open_embeddings(tmp_path / "emb.npz").chunks(5))
