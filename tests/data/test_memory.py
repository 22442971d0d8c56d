"""Reading holds about one chunk, whatever the file holds or claims to hold."""

from __future__ import annotations

import tracemalloc

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zarr
from safetensors.numpy import save_file

from gramax.data import open_embeddings, read_labels
from gramax.data.readers import numpy as npz


def peak_of(read) -> int:
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_zip_bomb_is_streamed(tmp_path):
    """64 MB out of 64 KB: never more in memory than a chunk and a few pieces."""
    np.savez_compressed(tmp_path / "emb.npz", z=np.zeros((1 << 18, 64), np.float32))

    def read():
        for start, chunk in open_embeddings(tmp_path / "emb.npz").chunks(1000):
            assert chunk.shape == (min(1000, (1 << 18) - start), 64)

    assert peak_of(read) < 8 << 20


def test_a_column_order_bomb_is_refused(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_FORTRAN_BYTES", 1000)
    np.savez(tmp_path / "emb.npz", np.asfortranarray(np.zeros((100, 3))))
    refused(tmp_path / "emb.npz", "save it in C order .*, or as .npy")


def test_reading_holds_one_chunk(tmp_path):
    z = np.zeros((1 << 16, 64), np.float32)  # 16 MB
    np.save(tmp_path / "c.npy", z)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(z))
    save_file({"z": z}, tmp_path / "z.safetensors")
    zarr.create_array(tmp_path / "z.zarr", data=z, chunks=(2048, 64))
    with h5py.File(tmp_path / "z.h5", "w") as file:
        file.create_dataset("z", data=z, chunks=(2048, 64), compression="lzf")
    for name in ("c.npy", "fortran.npy", "z.safetensors", "z.zarr", "z.h5"):
        source = open_embeddings(tmp_path / name)
        assert peak_of(lambda source=source: [None for _ in source.chunks(4096)]) < 4 << 20
        last = source.fragments(8192)[-1]
        assert peak_of(lambda last=last: list(last.chunks(4096))) < 5 << 20


def test_labels_in_files_are_not_held(tmp_path):
    """What is kept grows with the classes, not with the rows."""
    y = np.random.default_rng(0).integers(0, 100, 1 << 20)  # 8 MB
    np.save(tmp_path / "y.npy", y)
    assert peak_of(lambda: read_labels(tmp_path / "y.npy", None, len(y))) < 4 << 20
    labels = read_labels(tmp_path / "y.npy", None, len(y))
    assert peak_of(lambda: [None for _ in labels.part(0, 1 << 19).chunks(4096)]) < 4 << 20


def test_parquet_holds_a_few_pages(tmp_path):
    """One row group of 16 MB, which pyarrow would read ahead as a whole by default."""
    z = np.random.default_rng(0).normal(size=(1 << 16, 64)).astype(np.float32)
    column = pa.FixedSizeListArray.from_arrays(pa.array(z.reshape(-1)), 64)
    file = tmp_path / "emb.parquet"
    pq.write_table(pa.table({"z": column}), file, use_dictionary=False, compression="none")
    del column, z
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in open_embeddings(file).chunks(1024)]
    assert len(held) == 64
    assert max(held) < 8 << 20
