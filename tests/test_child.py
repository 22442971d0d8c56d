"""The child process that reads what libraries in C read: same bits, and its death is one line."""

import contextlib
import os
import re
import signal
import sys

import fsspec
import h5py
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gramax
from gramax.cli import main
from gramax.errors import InputError
from gramax.streaming import Request, RowStream, child, collect, streamed
from tests.faults.processes import alive, started, wait_for_a_save
from tests.streams import bits
from tests.test_seed import clouds

Z, Y = clouds(7, 900, 12, 4)
SKIP = gramax.Execution(skip_bad=True)


def write_parquet(path, z, y, group=300):
    matrix = pa.FixedSizeListArray.from_arrays(pa.array(z.ravel()), z.shape[1])
    pq.write_table(pa.table({"z": matrix, "y": y}), path, row_group_size=group)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Rows in .npy and .parquet, few wide ones too, and in a folder of three .parquet files."""
    monkeypatch.chdir(tmp_path)
    wide = np.random.default_rng(0).normal(size=(40, 300)).astype(np.float32)
    for name, z, y in (("z", Z, Y), ("wide", wide, np.arange(40) % 4)):
        np.save(f"{name}.npy", z)
        np.save(f"{name}-y.npy", y)
        write_parquet(f"{name}.parquet", z, y)
    os.mkdir("parts")
    for k, rows in enumerate(np.split(np.arange(900), 3)):
        write_parquet(f"parts/part-{k}.parquet", Z[rows], Y[rows])
    return tmp_path


@pytest.fixture
def doing(monkeypatch):
    """Have the reader of the child do something to a file whose name has "part-1" in it."""

    def arrange(what):
        code = f"""
import os, signal, time
from gramax.data import formats
read = formats.READERS[".parquet"]
def odd(file):
    if "part-1" in file:
        {what}
    return read(file)
formats.READERS[".parquet"] = odd
"""
        monkeypatch.setattr(child, "CODE", code + child.CODE)

    return arrange


@pytest.mark.parametrize(("name", "blocks"), [("z", 20), ("wide", 1)])
def test_the_sums_are_those_of_this_process_to_the_bit(folder, name, blocks):
    told = []
    here = collect(Request(f"{name}.npy", f"{name}-y.npy", blocks=blocks))
    there = collect(Request(f"{name}.parquet", "y", blocks=blocks), lambda *now: told.append(now))
    assert bits(there.totals) == bits(here.totals)
    assert [b.ambient for b in there.totals.blocks] == [b.ambient for b in here.totals.blocks]
    assert (there.names, there.label_digest) == (here.names, here.label_digest)
    assert (there.rows, there.dim, there.labelled) == (here.rows, here.dim, True)
    assert told[0] == ("reading", 0, here.rows, 0)
    assert told[-1] == ("reading", here.rows, here.rows, 4 * here.rows * here.dim)


def test_what_is_wrong_is_said(folder):
    with pytest.raises(InputError, match=r"no column or array absent; it has z"):
        collect(Request("z.parquet", column="absent"))
    with pytest.raises(InputError, match=r"labels must be an array or a list.* got a generator"):
        collect(Request("z.parquet", (k for k in Y)))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("os.abort()", r"crashed \(SIGABRT\): the file is damaged"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was killed: it may need more memory"),
        ("os._exit(7)", r"ended early \(exit code 7\)"),
        ("time.sleep(1000)", "nothing was read for 1 seconds: the file is damaged, or the library"),
    ],
)
def test_a_reader_that_dies_is_one_line(folder, doing, monkeypatch, what, words):
    doing(what)
    if "sleep" in what:
        monkeypatch.setattr(child, "STALL_SECONDS", 1.0)
    with pytest.raises(InputError, match=f"^parts/part-1.parquet: .*{words}"):
        collect(Request("parts"))
    children = psutil.Process().children()
    assert not [one for one in children if child.CODE in " ".join(one.cmdline())]


def test_the_command_says_it_or_leaves_the_file_out(folder, doing, capfd):
    doing("os.abort()")
    assert main(["audit", "parts"]) == 2
    assert re.fullmatch("gramax: parts/part-1.parquet: .*\n", capfd.readouterr().err)
    found = gramax.audit("parts", "y", execution=SKIP)
    assert found.n == 600
    [left] = found.to_dict()["left_out_fragments"]
    assert (left["name"], left["rows"]) == ("parts/part-1.parquet", None)


def test_a_file_that_kills_is_not_left_out_of_a_checkpoint_or_where_it_is_the_only_one(
    folder, monkeypatch
):
    class Dead:
        def __init__(self, request, progress):
            self.request = request

        def collected(self):
            raise child._LostError("parts/part-1.parquet", "part-1: crashed")

        def end(self):
            pass

    monkeypatch.setattr(child, "_Child", Dead)
    how = gramax.Execution(skip_bad=True, checkpoint="saved")
    with pytest.raises(InputError, match=r"part-1: crashed; leave it out of the list"):
        collect(Request("parts", execution=how))
    with pytest.raises(InputError, match=r"part-1: crashed$"):
        collect(Request("parts/part-1.parquet", execution=SKIP))


def test_an_arrow_file_cut_short_while_it_is_read(folder, monkeypatch):
    """It is mapped into memory: what is missing then is a bus error."""
    table = pa.table({"z": pa.FixedSizeListArray.from_arrays(pa.array(np.tile(Z.ravel(), 9)), 12)})
    with pa.ipc.new_file("z.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    cut = """
import os
from gramax.streaming import child, tasks
tasks.sizes = lambda n, c, d, blocks: tasks.Sizes(500, 5000)
say = child._Saying.__call__
def cut(self, message, arrays=()):
    if message.get("progress", [0, 0])[1]:
        os.truncate("z.arrow", 90_000)
    say(self, message, arrays)
child._Saying.__call__ = cut
"""
    monkeypatch.setattr(child, "CODE", cut + child.CODE)
    with pytest.raises(InputError, match=r"^z\.arrow: the library .* crashed \(SIGBUS\): the file"):
        collect(Request("z.arrow"))


def test_a_file_that_takes_all_memory_is_one_line(folder, monkeypatch):
    with h5py.File("bomb.h5", "w") as file:
        file.create_dataset("z", (60, 1 << 20), "f8", chunks=(60, 1 << 20), compression=1)
        file["z"][0] = 1.0
    limit = "import resource as r; r.setrlimit(r.RLIMIT_DATA, (800 << 20, 800 << 20)); "
    monkeypatch.setattr(child, "CODE", limit + child.CODE)
    with pytest.raises(InputError, match=r"^bomb\.h5::z: cannot be read"):
        collect(Request("bomb.h5"))


def test_a_lack_of_memory_names_the_file_and_prints_do_not_reach_stdout(folder, doing, capfd):
    doing("os.write(1, b'noise'); print('more noise'); bytearray(1 << 60)")
    with pytest.raises(MemoryError) as caught:
        collect(Request("parts"))
    assert caught.value.__notes__ == ["while reading parts/part-1.parquet"]
    out, err = capfd.readouterr()
    assert out == ""
    assert "noise" in err


SLOW = """
import sys, time
from gramax.streaming import checkpoint, sums, tasks
tasks.sizes = lambda n, c, d, blocks: tasks.Sizes(1, 4)
checkpoint.SECONDS, checkpoint.SHARE = 0.0, 1e9
rows = sums._rows
def slow(task, place):
    for z in rows(task, place):
        time.sleep(0.02)
        yield z
sums._rows = slow
from gramax.streaming import child
"""
COMMAND = f"""SLOW = {SLOW!r}
{SLOW}
child.CODE = SLOW + child.CODE
from gramax.__main__ import run
run()
"""


@pytest.mark.parametrize(
    ("number", "group", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGTERM, False, 143), (signal.SIGKILL, False, -9)],
)
def test_a_signal_ends_parent_and_child_and_keeps_the_checkpoint(folder, number, group, code):
    write_parquet("many.parquet", np.tile(Z, (4, 1)), np.tile(Y, 4), 20)
    run = started([sys.executable, "-c", COMMAND, "audit", "many.parquet", "--checkpoint", "saved"])
    wait_for_a_save(run, folder / "saved")
    [reader] = psutil.Process(run.pid).children()
    os.killpg(run.pid, number) if group else run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == code
    said = [line for line in err.splitlines() if not line.startswith("gramax: ")]  # progress
    assert (out, said) == ("", [] if number == signal.SIGKILL else ["", "interrupted"])
    with contextlib.suppress(psutil.Error):
        reader.wait(15)
    assert not alive(run.pid, 1)
    assert (folder / "saved").exists()
    assert not (folder / ".saved.lock").exists()


def test_plain_files_labels_and_what_is_in_memory_need_no_child(folder, monkeypatch):
    monkeypatch.setattr(child, "collect_in_child", lambda *_: pytest.fail("a child was started"))
    np.savez("z.npz", z=Z, y=Y)
    (folder / "y.txt").write_text("".join(f"{k}\n" for k in Y))
    os.mkdir("plain")
    for k, part in enumerate(np.split(Z, 3)):
        np.save(f"plain/part-{k}.npy", part)
    with fsspec.open("memory://kept/z.parquet", "wb") as file:
        file.write((folder / "z.parquet").read_bytes())
    for source, labels in (
        ("plain", folder / "y.txt"),
        ("plain/*.npy", "z.npz::y"),
        ("z.npz", "y"),
        (Z, list(map(str, Y))),
        ("memory://kept/z.parquet", "y"),
    ):
        assert len(collect(Request(source, labels)).names) == 4
    names = [f"code {k}" for k in range(900)]
    assert len(collect(Request(folder / "z.npy", names, codes=True)).names) == 900


def test_rows_themselves_come_as_they_are_read(folder, doing):
    want = np.load("z.npy")
    with streamed(RowStream("z.parquet")) as (opened, chunks):
        assert opened[1:] == (*want.shape, want.dtype)
        np.testing.assert_array_equal(np.concatenate(list(chunks)), want)
    doing("os.abort()")
    with (
        pytest.raises(InputError, match=r"part-1\.parquet: the library that reads it crashed"),
        streamed(RowStream("parts")),
    ):
        pass
