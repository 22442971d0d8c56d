"""Bad sectors: reads that fail in the middle of a file are one line, and the file is named."""

import errno
import json
import os

import fsspec
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from safetensors.numpy import save_file
from tests.streams import small_tasks
from tests.test_seed import clouds

from gramax.cli import main
from gramax.errors import InputError
from gramax.streaming import accumulate, classes_of, open_source, tasks
from gramax.streaming.collection import collect_here

Z, _ = clouds(7, 4000, 12, 4)


class Faulty(LocalFileSystem):
    """Local files, of which `bad` has a sector in the middle that cannot be read."""

    protocol = "faulty"
    cachable = False
    bad = ""

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("faulty://"))

    def _open(self, path, mode="rb", **options):
        file = super()._open(path, mode, **options)
        return BadSector(file) if os.path.basename(path) == self.bad else file


class BadSector:
    def __init__(self, file):
        self.file, self.middle = file, file.size // 2

    def _check(self, start, count):
        if start <= self.middle < start + count:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def read(self, count=-1):
        self._check(self.file.tell(), self.file.size if count < 0 else count)
        return self.file.read(count)

    def readinto(self, block):
        self._check(self.file.tell(), len(block))
        return self.file.f.readinto(block)

    def readline(self, *limit):
        self._check(self.file.tell(), 200)
        return self.file.readline(*limit)

    def __iter__(self):
        return iter(self.readline, b"")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


def table(z):
    return pa.table({"z": pa.FixedSizeListArray.from_arrays(pa.array(z.ravel()), 12)})


def write_arrow(path, z):
    with pa.ipc.new_file(path, table(z).schema) as writer:
        writer.write_table(table(z), max_chunksize=500)


def write_h5(path, z):
    with h5py.File(path, "w") as file:
        file.create_dataset("z", data=z, chunks=(100, 12))


WRITERS = {
    "npy": np.save,
    "npz": lambda path, z: np.savez(path, z=z),
    "safetensors": lambda path, z: save_file({"z": z}, path),
    "parquet": lambda path, z: pq.write_table(
        table(z), path, row_group_size=500, use_dictionary=False
    ),
    "arrow": write_arrow,
    "jsonl": lambda path, z: path.write_text(
        "".join(json.dumps({"z": row}) + "\n" for row in z.tolist())
    ),
    "h5": write_h5,
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    fsspec.register_implementation("faulty", Faulty, clobber=True)
    monkeypatch.setattr(tasks, "sizes", small_tasks(500, 1000))


@pytest.mark.parametrize("kind", WRITERS)
def test_a_bad_sector_is_one_line_or_left_out(tmp_path, capsys, kind, monkeypatch):
    monkeypatch.setattr("gramax.audits.audit.collect", collect_here)
    monkeypatch.setattr("gramax.audits.audit.build_report", lambda *_: pytest.fail("half a report"))
    monkeypatch.setattr(Faulty, "bad", f"part-1.{kind}")
    for k, z in enumerate(np.split(Z, 2)):
        WRITERS[kind](tmp_path / f"part-{k}.{kind}", z)
    files = [f"faulty://{tmp_path}/part-{k}.{kind}" for k in (0, 1)]
    assert main(["audit", *files]) == 2
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert err.startswith(f"gramax: {files[1]}")
    assert "Input/output error" in err
    source, unopened = open_source(files, None, skip_bad=True)
    found = accumulate(source, classes_of(None, source, False), 1, True, skip_bad=True)
    left = unopened + found.left_out
    assert {one.name.split(" ")[0].split("::")[0] for one in left} == {files[1]}
    assert int(found.blocks[0].counts.sum()) == source.rows - sum(one.rows or 0 for one in left)


@pytest.mark.parametrize("kind", ["npy", "safetensors", "parquet"])  # Arrow's is in test_child
def test_a_file_cut_short_while_it_is_read(tmp_path, kind):
    path = tmp_path / f"z.{kind}"
    WRITERS[kind](path, Z[:2000])
    source, _ = open_source(str(path), None)

    def cut(_phase, done, *_):
        if done:
            os.truncate(path, os.path.getsize(path) // 2)

    with pytest.raises(InputError, match=rf"^{path}") as caught:
        accumulate(source, classes_of(None, source, False), 1, True, cut)
    assert len(str(caught.value).splitlines()) == 1
