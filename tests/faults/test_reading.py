"""Bad sectors: reads that fail in the middle of a file are one line, and the file is named."""

import errno
import json
import os

import fsspec
import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem
from tests.streams import small_tasks
from tests.test_seed import clouds

from gramax.cli import main
from gramax.errors import InputError
from gramax.streaming import accumulate, classes_of, open_source, tasks
from gramax.streaming.collection import collect_here

N = 4000
Z, Y = clouds(7, N, 12, 4)
FORMATS = ("npy", "npz", "safetensors", "parquet", "arrow", "jsonl", "h5")


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
        while line := self.readline():
            yield line

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def __getattr__(self, name):
        return getattr(self.file, name)


@pytest.fixture(scope="module")
def formats(tmp_path_factory):
    """The same rows in every format, in a folder each, two files in it."""
    import h5py
    import pyarrow as pa
    import pyarrow.parquet as pq
    from safetensors.numpy import save_file

    root = tmp_path_factory.mktemp("formats")
    for kind in FORMATS:
        for k, z in enumerate(np.split(Z, 2)):
            path = root / kind / f"part-{k}.{kind}"
            path.parent.mkdir(exist_ok=True)
            table = pa.table({"z": pa.FixedSizeListArray.from_arrays(pa.array(z.ravel()), 12)})
            if kind == "npy":
                np.save(path, z)
            elif kind == "npz":
                np.savez(path, z=z)
            elif kind == "safetensors":
                save_file({"z": z}, path)
            elif kind == "parquet":
                pq.write_table(table, path, row_group_size=500, use_dictionary=False)
            elif kind == "arrow":
                with pa.ipc.new_file(path, table.schema) as writer:
                    writer.write_table(table, max_chunksize=500)
            elif kind == "jsonl":
                path.write_text("".join(json.dumps({"z": row}) + "\n" for row in z.tolist()))
            else:
                with h5py.File(path, "w") as file:
                    file.create_dataset("z", data=z, chunks=(100, 12))
    return root


@pytest.fixture
def faulty(monkeypatch):
    fsspec.register_implementation("faulty", Faulty, clobber=True)
    monkeypatch.setattr(tasks, "sizes", small_tasks(500, 1000))
    return lambda bad: monkeypatch.setattr(Faulty, "bad", bad)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_bad_sector_is_one_line_or_left_out(formats, faulty, capsys, kind, monkeypatch):
    monkeypatch.setattr("gramax.audits.audit.collect", collect_here)
    monkeypatch.setattr("gramax.audits.audit.build_report", lambda *_: pytest.fail("half a report"))
    bad = f"part-1.{kind}"
    faulty(bad)
    files = [f"faulty://{formats}/{kind}/part-{k}.{kind}" for k in (0, 1)]
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
def test_a_file_cut_short_while_it_is_read(formats, tmp_path, faulty, kind):
    path = tmp_path / f"z.{kind}"
    path.write_bytes((formats / kind / f"part-0.{kind}").read_bytes())
    source, _ = open_source(str(path), None)

    def cut(_phase, done, *_):
        if done:
            os.truncate(path, os.path.getsize(path) // 2)

    with pytest.raises(InputError, match=rf"^{path}") as caught:
        accumulate(source, classes_of(None, source, False), 1, True, cut)
    assert len(str(caught.value).splitlines()) == 1
