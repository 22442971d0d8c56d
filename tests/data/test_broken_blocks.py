"""HDF5 and zarr that point elsewhere, want code to run, or claim more than there is."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import zarr
from numcodecs import Blosc, Zlib

from gramax.data import open_embeddings, read_labels
from gramax.errors import InputError

Z = np.arange(24, dtype=np.float32).reshape(8, 3)


@pytest.fixture
def h5(tmp_path):
    """`h5(write)` makes a file with the plain matrix `other`, beside what `write(file)` adds."""

    def make(write):
        with h5py.File(tmp_path / "other.h5", "w") as file:
            file["z"] = Z
        with h5py.File(tmp_path / "emb.h5", "w") as file:
            file["other"] = Z
            write(file)
        return tmp_path / "emb.h5"

    return make


def virtual(file):
    layout = h5py.VirtualLayout(shape=(8, 3), dtype="f4")
    layout[:] = h5py.VirtualSource("other.h5", "z", shape=(8, 3))
    file.create_virtual_dataset("z", layout)


def external(file):
    file.create_dataset("z", (8, 3), "f4", external=[("/etc/hostname", 0, 96)])


def plugin(file):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((2, 3))
    plan.set_filter(32_015, h5py.h5z.FLAG_OPTIONAL)  # zstd, which is a plugin
    space, kind = h5py.h5s.create_simple((8, 3)), h5py.h5t.IEEE_F32LE
    h5py.h5d.create(file.id, b"z", kind, space, plan)


@pytest.mark.parametrize(
    ("write", "why"),
    [
        (virtual, r"got float32 \[8, 3\], whose values are in other files"),
        (external, "whose values are in other files"),
        (plugin, "which needs the filter 32015"),
        (lambda f: f.update(z=h5py.ExternalLink("other.h5", "z")), "a link, which is not followed"),
        (lambda f: f.update(z=h5py.SoftLink("/other")), "a link, which is not followed"),
        (lambda f: f.create_dataset("z", data=["a", "b"]), r"got text \[2\]"),
        (
            lambda f: f.create_dataset("z", data=[["a"], ["b"]]),
            r"object \[2, 1\], whose values have no fixed length, and are not a list of texts",
        ),
        (lambda f: f.create_dataset("z", data=h5py.Empty("f4")), "an empty dataset"),
        (lambda f: f.create_dataset("z", (9, 3), "f8,f4"), "got void96"),
        (lambda f: f.create_dataset("z", (2**40, 9), "f4", chunks=(2**25, 9)), "more than"),
        (lambda f: f.create_dataset("z", (0, 3), "f4"), "has no rows"),
        (lambda f: f.create_dataset("z", (3, 3), complex), "got complex128"),
    ],
)
def test_datasets_that_are_refused(refused, h5, write, why):
    file = h5(write)
    refused(file, why, column="z")
    if why != "has no rows":
        assert open_embeddings(file).parts[0].entry.name == "other"  # the rest of the file is read


def test_a_hdf5_group_in_itself_is_walked_once(h5):
    def write(file):
        file["a/b/z"] = Z
        file["a/b/again"] = file["a"]

    source = open_embeddings(h5(write), column="other")
    names = [entry.name for entry in source.parts[0].siblings]
    assert names == ["other", "a/b/z"]


def test_text_of_any_length_is_read(h5):
    file = h5(lambda f: f.create_dataset("y", data=["a", "ü"] * 4))
    assert read_labels("y", open_embeddings(file), 8).names == ("a", "ü")


def test_codes_beyond_their_categories(h5):
    def write(file):
        file["g/categories"], file["g/codes"] = ["a", "b"], np.array([0, 1] * 3 + [2, -1], "i1")

    with pytest.raises(InputError, match="::g: has codes beyond its 2 categories"):
        read_labels("g", open_embeddings(h5(write)), 8)


def store(folder, version=2, **options):
    kind = {"chunks": (2, 2), "data": Z} | options
    zarr.create_array(folder / "emb.zarr", zarr_format=version, **kind)
    return folder / "emb.zarr"


def edit(folder, document=".zarray", **changes):
    about = json.loads((folder / document).read_text())
    (folder / document).write_text(json.dumps(about | changes))


REFUSED = [
    (2, {"dtype": "|O", "filters": [{"id": "pickle"}]}, "encoded by pickle"),
    (2, {"dtype": "f4,f4"}, "which is not read"),
    (2, {"dtype": "<M8[s]"}, "which is not read"),
    (2, {"compressor": {"id": "pickle"}}, "encoded by pickle"),
    (2, {"compressor": {"id": ["x"]}}, "encoded by"),
    (2, {"compressor": "gzip"}, "not a readable zarr metadata"),
    (2, {"chunks": [2**30, 2]}, "in chunks of more than"),
    (2, {"chunks": [2, 0]}, "in chunks of more than"),
    (2, {"shape": [8, 2**70]}, "beyond 64 bits"),
    (2, {"shape": [8, -1]}, "below 0"),
    (2, {"shape": "83"}, "not a readable zarr metadata"),
    (2, {"fill_value": "../x"}, "which is not read"),
    (2, {"shape": [9, 2**19], "chunks": [2**10, 2]}, "is stored in blocks of 1024 rows"),
    (2, {"shape": [2**40, 3]}, "claims 1099511627776 rows of 3 numbers in"),
    (3, {"data_type": "string"}, "which is not read"),
    (3, {"codecs": [{"name": "vlen-bytes"}]}, "encoded by vlen-bytes"),
    (3, {"codecs": [{"name": "bytes"}, {"name": "numcodecs.pickle"}]}, "encoded by numcodecs.pick"),
    (3, {"codecs": 3}, "not a readable zarr metadata"),
    (3, {"codecs": [{"name": "sharding_indexed", "configuration": {"codecs": [{"name": "x"}]}}]},
     "encoded by x"),
    (3, {"chunk_key_encoding": {"name": "../../x"}}, "which is not read"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "changes", "why"), REFUSED)
def test_metadata_that_are_refused(refused, tmp_path, version, changes, why):
    folder = store(tmp_path, version)
    edit(folder, ".zarray" if version == 2 else "zarr.json", **changes)
    refused(folder, why)


@pytest.mark.parametrize("compressor", [None, Zlib(), Blosc()])
@pytest.mark.parametrize("content", [bytes(15), bytes(17), bytes(1 << 20)])
def test_chunks_that_are_not_what_they_should_be(refused, tmp_path, compressor, content):
    folder = store(tmp_path, compressors=compressor)
    (folder / "0.0").write_bytes(content if compressor is None else compressor.encode(content))
    refused(folder, r"rows 0 to 1\): not a readable zarr chunk")


@pytest.mark.parametrize("at", [0, 20, -10, -3])
def test_damage_to_a_shard_is_noticed(refused, tmp_path, at):
    """Blocks are compressed with a checksum, and the index has one of its own."""
    codecs = [zarr.codecs.GzipCodec(), zarr.codecs.Crc32cCodec()]
    folder = store(tmp_path, 3, shards=(8, 4), compressors=codecs)
    file = folder / "c" / "0" / "0"
    data = bytearray(file.read_bytes())
    data[at] ^= 1
    file.write_bytes(data)
    refused(folder, "[Cc]hecksum")
    file.write_bytes(data[: len(data) // 8])
    refused(folder, "not a readable zarr chunk")


def test_a_shard_that_points_out_of_its_file(refused, tmp_path):
    folder = store(tmp_path, 3, shards=(8, 4), compressors=None)
    file = folder / "c" / "0" / "0"
    index = np.full((4, 2, 2), [2**63, 16], "<u8").tobytes()
    about = json.loads((folder / "zarr.json").read_text())
    about["codecs"][0]["configuration"]["index_codecs"] = [{"name": "bytes"}]  # no checksum
    (folder / "zarr.json").write_text(json.dumps(about))
    file.write_bytes(bytes(128) + index)
    refused(folder, "not a readable zarr chunk")


@pytest.mark.parametrize("document", [".zarray", "zarr.json"])
@pytest.mark.parametrize("text", ["", "[]", "{", "3", '{"node_type": 3}', "[" * 100_000, "\xff"])
def test_documents_that_are_no_metadata(refused, tmp_path, document, text):
    folder = tmp_path / "emb.zarr"
    folder.mkdir()
    (folder / document).write_text(text, encoding="latin1")
    refused(folder, r"not a|no array|is empty|holds several")


def test_a_store_that_leads_back_to_itself(refused, tmp_path, monkeypatch):
    monkeypatch.setattr("gramax.data.readers.zarr.MAX_OBJECTS", 20)
    folder = tmp_path / "emb.zarr"
    folder.mkdir()
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    (folder / "again").symlink_to(folder)
    refused(folder, "holds more than 20 groups and arrays")


def test_missing_chunks_are_the_fill_value(tmp_path):
    for version, fill in [(2, "NaN"), (3, "0x7fc00000"), (3, "-Infinity"), (2, None), (3, 2.5)]:
        folder = tmp_path / f"{version}{fill}"
        file = store(folder, version)
        edit(file, ".zarray" if version == 2 else "zarr.json", fill_value=fill)
        (file / ("1.0" if version == 2 else "c/1/0")).unlink()
        (_, z), *_ = open_embeddings(file).chunks(8)
        known = {"NaN": np.nan, "0x7fc00000": np.nan, "-Infinity": -np.inf, None: 0}
        np.testing.assert_array_equal(z[2:4, :2], np.full((2, 2), known.get(fill, fill)))
        np.testing.assert_array_equal(z[2:4, 2], Z[2:4, 2])
