"""Files that are missing, cut short, of another kind, or not to be trusted."""

from __future__ import annotations

import os
import sys

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from gramax.data import open_embeddings
from gramax.errors import InputError, MissingExtraError


def _stream(file, z):
    table = pa.table({"z": list(z)})
    with pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table, max_chunksize=7)


def _hdf5(file, z):
    with h5py.File(file, "w") as out:
        out["z"] = z


WRITERS = {
    "npy": lambda file, z: np.save(file, z),
    "npz": lambda file, z: np.savez(file, z=z),
    "safetensors": lambda file, z: save_file({"z": z}, file),
    "parquet": lambda file, z: pq.write_table(pa.table({"z": list(z)}), file),
    "arrow": _stream,
    "feather": lambda file, z: pa.feather.write_feather(pa.table({"z": list(z)}), str(file)),
    "h5": _hdf5,
}
EXTENSIONS = pytest.mark.parametrize("extension", WRITERS)


@EXTENSIONS
def test_files_that_are_no_such_file(refused, tmp_path, extension):
    file = tmp_path / f"emb.{extension}"
    refused(file, "no such file$")
    file.mkdir()
    refused(file, "is a folder")
    file.rmdir()
    file.write_bytes(b"")
    refused(file, r"is empty \(0 bytes\)")
    for junk in (b"x", b"PK\x03\x04", bytes(300), np.random.default_rng(1).bytes(64)):
        file.write_bytes(junk)
        refused(file, r"not a|holds|header|magic|signature")
    file.unlink()
    os.mkfifo(file)
    refused(file, "is not a regular file")


@EXTENSIONS
@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(refused, tmp_path, extension):
    file = tmp_path / f"emb.{extension}"
    file.write_bytes(b"x" * 100)
    file.chmod(0)
    refused(file, "cannot be")


@pytest.mark.parametrize("extension", [".pkl", ".pickle", ".pt", ".pth", ".joblib", ".ckpt"])
def test_pickles_are_not_read(refused, tmp_path, extension):
    refused(tmp_path / f"emb{extension}", r"can run code .* save the array with numpy.save")


@pytest.mark.parametrize("name", ["emb.csv", "emb", "emb.npy.gz"])
def test_other_files_are_not_read(refused, tmp_path, name):
    refused(tmp_path / name, r"what is: \.npy, .*, \.jsonl$")


def test_control_characters_in_a_path(tmp_path):
    with pytest.raises(InputError) as caught:
        open_embeddings(f"{tmp_path}/\x1b[2J\n.npy")
    assert "\\x1b[2J\\n.npy: no such file" in str(caught.value)
    with pytest.raises(InputError, match=r"x00\.npy: cannot be opened"):
        open_embeddings("\x00.npy")


@EXTENSIONS
def test_truncated_anywhere(refused, tmp_path, extension):
    """Cut at every hundredth of its length, each file is refused."""
    file = tmp_path / f"emb.{extension}"
    WRITERS[extension](file, np.arange(60, dtype=np.float32).reshape(20, 3))
    whole = file.read_bytes()
    for end in range(1, len(whole), max(1, len(whole) // 100)):
        file.write_bytes(whole[:end])
        refused(file, ": ")


def test_a_file_cut_short_while_it_is_read(tmp_path):
    file = tmp_path / "emb.npy"
    np.save(file, np.zeros((100_000, 4)))
    chunks = open_embeddings(file).chunks(50_000)
    next(chunks)
    os.truncate(file, 2_000_000)
    with pytest.raises(InputError, match=r"ends \d+ bytes before the data it declares"):
        list(chunks)


@pytest.mark.parametrize("extension", ["npz", "safetensors", "parquet", "h5"])
def test_a_file_that_shrinks_while_it_is_read(tmp_path, extension):
    """Cut to a third after the first chunk: an error that names the file, whatever reads it.

    Not for Arrow, which is mapped: there the system ends the process, as SECURITY.md says.
    """
    file = tmp_path / f"emb.{extension}"
    z = np.random.default_rng(1).normal(size=(60_000, 4))
    if extension == "parquet":
        pq.write_table(pa.table({"z": list(z)}), file, row_group_size=2000, compression="none")
    else:
        WRITERS[extension](file, z)
    chunks = open_embeddings(file).chunks(1000)
    next(chunks)
    os.truncate(file, file.stat().st_size // 3)
    with pytest.raises(InputError, match=r"^\S*emb\.\w+(::z)?: "):
        list(chunks)


def test_a_link_to_an_endless_device(refused, tmp_path):
    (tmp_path / "emb.npy").symlink_to("/dev/zero")
    refused(tmp_path / "emb.npy", "is not a regular file")


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_a_file_under_two_names(tmp_path, link):
    np.save(tmp_path / "a.npy", np.eye(2))
    getattr(tmp_path / "b.npy", link)(tmp_path / "a.npy")
    with pytest.raises(InputError, match=r"b\.npy: is the same file as .*a\.npy, so its rows"):
        open_embeddings(tmp_path)


def test_a_folder_that_leads_back_to_itself(tmp_path):
    np.save(tmp_path / "a.npy", np.eye(2))
    (tmp_path / "again").symlink_to(tmp_path)
    with pytest.raises(InputError, match="is the same file as"):
        open_embeddings(f"{tmp_path}/**/*.npy")


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    WRITERS["parquet"](tmp_path / "emb.parquet", np.eye(2))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'gramax\[io\]'"):
        open_embeddings(tmp_path / "emb.parquet")
