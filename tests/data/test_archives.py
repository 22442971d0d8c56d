"""Rows inside archives: chained addresses of zip and tar, and what is refused of them."""

from __future__ import annotations

import json
import pickle
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from tests.data.test_places import order_of, part

from gramax.cli import main
from gramax.data import open_embeddings, read_labels
from gramax.errors import InputError


class Packed:
    """Folders of two files of each format, one as a zip and one as a tar."""

    def __init__(self, kind, folder):
        self.kind, self.file = kind, folder / f"x.{kind}"
        self.members = folder / "members"
        self.members.mkdir()

    def pack(self, **options):
        if self.kind == "zip":
            with zipfile.ZipFile(self.file, "w", **options) as out:
                for member in sorted(self.members.rglob("*")):
                    out.write(member, member.relative_to(self.members))
        else:
            with tarfile.open(self.file, "w") as out:
                out.add(self.members, "")
        return self

    def at(self, path, where=""):
        return f"{self.kind}://{path}::{where}{self.file}"


@pytest.fixture(params=["zip", "tar"])
def packed(request, tmp_path):
    from safetensors.numpy import save_file

    found = Packed(request.param, tmp_path)
    for kind in ("npy", "parquet", "safetensors", "y"):
        (found.members / kind).mkdir()
    for k in (10, 9):
        np.save(found.members / "npy" / f"part-{k}.npy", part(k))
        np.save(found.members / "y" / f"y-{k}.npy", np.full(2, k))
        table = pa.table({"z": list(part(k)), "y": [k, k]})
        pq.write_table(table, found.members / "parquet" / f"part-{k}.parquet")
        save_file({"z": part(k)}, found.members / "safetensors" / f"part-{k}.safetensors")
    (found.members / "y.txt").write_text("a\na\nb\nb\n")
    np.savez(found.members / "both.npz", y=[1, 1, 0, 0], w=[0, 1, 0, 1])
    zarr.create_array(found.members / "z.zarr", data=part(3, 7), chunks=(2, 2))
    return found.pack(compression=zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize("kind", ["npy", "parquet", "safetensors"])
@pytest.mark.parametrize("form", ["list", "pattern", "folder", "folder/"])
def test_what_is_in_an_archive(packed, kind, form):
    place = {
        "list": [packed.at(f"{kind}/part-{k}.{kind}") for k in (9, 10)],
        "pattern": packed.at(f"{kind}/part-*.{kind}", "file://"),
        "folder": packed.at(kind),
        "folder/": packed.at(f"/{kind}/"),
    }[form]
    source = open_embeddings(place)
    assert order_of(source) == [9, 9, 10, 10]
    assert len({fragment.file for fragment in source.fragments(2)}) == 2
    fragments = pickle.loads(pickle.dumps(source.fragments(2)))
    assert [int(z[0, 0]) for f in fragments for _, z in f.chunks(9)] == [9, 10]
    for spec in (
        packed.at("y/*.npy"),
        packed.at("y"),
        "y" if kind == "parquet" else packed.at("y"),
    ):
        assert read_labels(spec, source, 4).codes.tolist() == [0, 0, 1, 1]
    assert read_labels(packed.at("y.txt"), source, 4).names == ("a", "b")
    assert read_labels(packed.at("both.npz") + "::w", source, 4).codes.tolist() == [0, 1, 0, 1]


def test_a_file_of_an_archive_by_itself(packed):
    assert order_of(open_embeddings(packed.at("npy/part-9.npy", "file://"))) == [9, 9]
    assert order_of(open_embeddings(packed.at("z.zarr"))) == [3] * 7
    cached = f"simplecache::{packed.at('npy/*.npy')}"
    assert order_of(open_embeddings(cached)) == [9, 9, 10, 10]


def test_an_archive_at_an_address(memory, packed):
    memory.put(str(packed.file), f"/far/x.{packed.kind}")
    far = f"{packed.kind}://npy/part-?.npy::memory://far/x.{packed.kind}"
    assert order_of(open_embeddings(far)) == [9, 9]
    before = open_embeddings(far).fingerprint()
    assert before == open_embeddings(far).fingerprint()
    memory.put(str(packed.file), f"/far/x.{packed.kind}")
    assert before != open_embeddings(far).fingerprint()


@pytest.mark.parametrize("path", ["npy/*.npy", "z.zarr"])
def test_an_archive_that_changed_is_another_source(packed, path):
    before = open_embeddings(packed.at(path)).fingerprint()
    assert json.loads(json.dumps(before)) == before
    assert before == open_embeddings(packed.at(path)).fingerprint()
    np.save(packed.members / "npy" / "part-9.npy", part(8))
    packed.pack()
    assert before != open_embeddings(packed.at(path)).fingerprint()
    assert order_of(open_embeddings(packed.at("npy"))) == [8, 8, 10, 10]


def test_an_archive_is_not_written_over(packed, capsys):
    out = str(packed.file)
    assert main(["audit", packed.at("npy"), "--labels", packed.at("y"), "--json", out]) == 2
    assert f"{out}: is an input and is not written over" in capsys.readouterr().err


def test_archives_that_lead_nowhere(packed):
    for path, why in [
        ("npy/part-7.npy", "no such file"),
        ("npy/x*.npy", "as a pattern it matches none"),
        ("none", "of a type that is not read|no such file"),
        ("", "is a folder of .* say which, as (zip|tar)://\\*"),
    ]:
        with pytest.raises(InputError, match=why):
            open_embeddings(packed.at(path))
    with pytest.raises(InputError, match=r"^none\.zip: no such file"):
        open_embeddings("zip://npy/part-9.npy::none.zip")
    packed.file.write_bytes(b"\x93NUMPY")
    with pytest.raises(InputError, match=r"not a readable (zip|tar) archive"):
        open_embeddings(packed.at("npy/part-9.npy"))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_in_an_archive(packed, tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "outer.zip", "w", compression) as out:
        out.write(packed.file, "inner")
    place = f"{packed.kind}://npy/*.npy::zip://inner::{tmp_path}/outer.zip"
    assert order_of(open_embeddings(place)) == [9, 9, 10, 10]


def test_members_of_other_kinds(tmp_path):
    np.save(tmp_path / "z.npy", part(1))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_LZMA) as out:
        out.write(tmp_path / "z.npy", "z.npy")
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as out:
        out.add(tmp_path / "z.npy", "z.npy")
    assert order_of(open_embeddings(f"zip://z.npy::{tmp_path}/x.zip")) == [1, 1]
    with pytest.raises(InputError, match=r"x\.tgz: is a compressed tar; decompress it"):
        open_embeddings(f"tar://z.npy::{tmp_path}/x.tgz")
