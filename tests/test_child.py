"""The child process that reads what libraries in C read: same bits, and its death is one line."""

import contextlib
import json
import os
import re
import signal
import subprocess
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
from gramax.streaming import Request, child, collect
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
    """The same rows in .npy, .parquet and .h5; and in a folder of three .parquet files."""
    monkeypatch.chdir(tmp_path)
    np.save("z.npy", Z)
    np.save("y.npy", Y)
    write_parquet("z.parquet", Z, Y)
    with h5py.File("z.h5", "w") as file:
        file["z"], file["y"] = Z, Y
    os.mkdir("parts")
    for k, rows in enumerate(np.split(np.arange(900), 3)):
        write_parquet(f"parts/part-{k}.parquet", Z[rows], Y[rows])
    return tmp_path


@pytest.fixture
def doing(monkeypatch):
    """Have the readers of the child do something to a file whose name has "part-1" in it."""

    def arrange(what, name="part-1"):
        code = f"""
import ctypes, os, signal, sys, time
from gramax.data import formats
read = formats.READERS[".parquet"]
def odd(file):
    if {name!r} in file:
        {what}
    return read(file)
formats.READERS[".parquet"] = odd
"""
        monkeypatch.setattr(child, "CODE", code + child.CODE)

    return arrange


@pytest.mark.parametrize("blocks", [1, 20])
@pytest.mark.parametrize("name", ["z.parquet", "z.h5"])
def test_the_sums_are_those_of_this_process_to_the_bit(folder, name, blocks):
    here = collect(Request("z.npy", "y.npy", blocks=blocks))
    there = collect(Request(name, "y", blocks=blocks))
    assert bits(there.totals) == bits(here.totals)
    assert (there.names, there.label_digest) == (here.names, here.label_digest)
    assert (there.rows, there.dim, there.labelled) == (900, 12, True)


def test_the_report_is_that_of_this_process(folder, capsys):
    assert main(["audit", "z.npy", "--labels", "y.npy", "--explain", "--json", "-"]) == 0
    here = json.loads(capsys.readouterr().out)
    assert main(["audit", "z.parquet", "--labels", "y", "--explain", "--json", "-"]) == 0
    there = json.loads(capsys.readouterr().out)
    assert there["metrics"] == here["metrics"]
    wide = np.random.default_rng(0).normal(size=(40, 300)).astype(np.float32)
    np.save("wide.npy", wide)
    write_parquet("wide.parquet", wide, np.arange(40) % 4)
    a, b = gramax.audit("wide.npy", np.arange(40) % 4), gramax.audit("wide.parquet", "y")
    assert a.to_dict()["metrics"] == b.to_dict()["metrics"]


def test_rows_without_classes_and_missing_columns(folder):
    assert gramax.audit("z.parquet", codes=True, worst=1).c == 900
    with pytest.raises(InputError, match=r"no column or array absent; it has z"):
        gramax.audit("z.parquet", column="absent")
    with pytest.raises(InputError, match=r"labels must be an array or a list.* got a generator"):
        gramax.audit("z.parquet", (k for k in Y))


ENDS = [
    ("os.abort()", r"crashed \(SIGABRT\): the file is damaged"),
    ("ctypes.string_at(0)", r"crashed \(SIGSEGV\)"),
    ("os.kill(os.getpid(), signal.SIGKILL)", "was killed: it may need more memory"),
    ("os._exit(7)", r"ended early \(exit code 7\)"),
    ("time.sleep(1000)", "nothing was read for 1 seconds: the file is damaged, or the library"),
    ("while True: pass", "nothing was read for 1 seconds"),
]


@pytest.mark.parametrize(("what", "words"), ENDS)
def test_a_reader_that_dies_is_one_line_or_left_out(folder, doing, monkeypatch, capfd, what, words):
    doing(what)
    if "seconds" in words:
        monkeypatch.setattr(child, "STALL_SECONDS", 1.0)
    assert main(["audit", "parts"]) == 2
    err = capfd.readouterr().err
    assert len(err.splitlines()) == 1
    assert re.match(f"gramax: parts/part-1.parquet: .*{words}", err)
    found = gramax.audit("parts", "y", execution=SKIP)
    assert found.n == 600
    [left] = found.to_dict()["left_out_fragments"]
    assert (left["name"], left["rows"]) == ("parts/part-1.parquet", None)
    assert not _readers()


def _readers():
    """Children of this process that read for it: other tests may have left helpers of theirs."""
    children = psutil.Process().children()
    return [one for one in children if child.CODE in " ".join(one.cmdline())]


def test_a_file_that_kills_is_not_left_out_of_a_checkpoint_or_where_it_is_the_only_one(
    folder, doing
):
    doing("os.abort()")
    how = gramax.Execution(skip_bad=True, checkpoint="saved")
    with pytest.raises(InputError, match=r"part-1.*\(SIGABRT\).*leave it out of the list"):
        gramax.audit("parts", execution=how)
    with pytest.raises(InputError, match=r"part-1.* \(SIGABRT\): the file is damaged$"):
        gramax.audit("parts/part-1.parquet", execution=SKIP)


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
        gramax.audit("z.arrow")


def test_too_much_memory_is_one_line(folder):
    with h5py.File("bomb.h5", "w") as file:
        file.create_dataset("z", (60, 1 << 20), "f8", chunks=(60, 1 << 20), compression=1)
        file["z"][0] = 1.0
    command = f"ulimit -d 800000; exec {sys.executable} -m gramax audit bomb.h5"  # KiB
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
    assert ended.stderr.startswith("gramax: bomb.h5::z: cannot be read")


def test_a_lack_of_memory_names_the_file(folder, doing, capsys):
    doing("bytearray(1 << 60)")
    assert main(["audit", "parts"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("gramax: out of memory while reading parts/part-1.parquet; give it more")


def test_progress_and_notes_arrive(folder):
    seen = []
    gramax.audit("z.parquet", "y", progress=lambda *told: seen.append(told))
    assert ("reading", 0, 900, 0) in seen
    assert ("reading", 900, 900, Z.nbytes) in seen


def test_what_is_in_memory_of_this_process_is_read_here(folder):
    with fsspec.open("memory://kept/z.parquet", "wb") as file:
        file.write((folder / "z.parquet").read_bytes())
    assert gramax.audit("memory://kept/z.parquet", "y").n == 900


def test_what_libraries_print_does_not_reach_the_report(folder, doing, capfd):
    doing("os.write(1, b'noise'); print('more noise')")
    assert main(["audit", "parts", "--json", "-"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["n"] == 900
    assert "noise" in err


def test_a_script_needs_no_guard(folder):
    (folder / "script.py").write_text("import gramax\nprint(gramax.audit('z.parquet', 'y').n)\n")
    ended = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("900\n", "")


SLOW = """
import sys, time
from gramax.data.readers import arrow
from gramax.streaming import checkpoint, tasks
tasks.sizes = lambda n, c, d, blocks: tasks.Sizes(1, 4)
checkpoint.SECONDS, checkpoint.SHARE = 0.0, 1e9
from gramax.streaming import sums as batches
rows = batches._rows
def slow(task, place):
    for z in rows(task, place):
        time.sleep(0.02)
        yield z
batches._rows = slow
"""
COMMAND = (
    SLOW
    + """
from gramax.streaming import child
child.CODE = SLOW + child.CODE
from gramax.__main__ import run
run()
"""
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("group", [True, False])
def test_a_signal_ends_parent_and_child_and_keeps_the_checkpoint(folder, number, group):
    write_parquet("many.parquet", np.tile(Z, (4, 1)), np.tile(Y, 4), 20)
    code = f"SLOW = {SLOW!r}\n{COMMAND}"
    command = [sys.executable, "-c", code, "audit", "many.parquet", "--checkpoint", "saved"]
    run = started(command)
    wait_for_a_save(run, folder / "saved")
    [reader] = psutil.Process(run.pid).children()
    if group and number != signal.SIGKILL:
        os.killpg(run.pid, number)
    else:
        run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == {2: 130, 15: 143, 9: -9}[number]
    said = [line for line in err.splitlines() if not line.startswith("gramax: ")]  # progress
    assert (out, said) == ("", [] if number == signal.SIGKILL else ["", "interrupted"])
    with contextlib.suppress(psutil.Error):
        reader.wait(15)
    assert not alive(run.pid, 1)
    assert (folder / "saved").exists()
    assert not (folder / ".saved.lock").exists()


def test_plain_files_and_labels_need_no_child(folder, monkeypatch):
    monkeypatch.setattr(child, "collect_in_child", lambda *_: pytest.fail("a child was started"))
    np.savez("z.npz", z=Z, y=Y)
    (folder / "y.txt").write_text("".join(f"{k}\n" for k in Y))
    os.mkdir("plain")
    for k, part in enumerate(np.split(Z, 3)):
        np.save(f"plain/part-{k}.npy", part)
    for source, labels in [
        ("plain", folder / "y.txt"), ("plain/*.npy", "z.npz::y"),
        ("z.npz", "y"), (Z, list(map(str, Y))),
    ]:  # fmt: skip
        assert gramax.audit(source, labels, portrait=False).c == 4
    names = [f"code {k}" for k in range(900)]
    assert gramax.audit(folder / "z.npy", names, codes=True, portrait=False, worst=1).c == 900
