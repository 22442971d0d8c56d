"""Disks that are full or read-only: one line, exit code 2, the old file as it was, nothing left."""

import os
from pathlib import Path

import numpy as np
import pytest
from tests.streams import small_tasks

from gramax import _files as files
from gramax.audits.run_log import Entry, RunLog
from gramax.audits.run_reader import read_log
from gramax.cli import main
from gramax.errors import InputError
from gramax.render.gif import write_gif
from gramax.streaming import checkpoint, tasks

AUDIT = ["audit", "z.npy", "--labels", "y.npy"]
LOG = "run.jsonl"
NOISE = np.random.default_rng(0).integers(0, 256, (90, 90, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: files.write_text(path, "x" * 5000),
        lambda path: files.write_array(path, np.zeros(5000)),
        lambda path: write_gif(path, [NOISE], [100]),
    ],
)
def test_a_write_that_fails_leaves_the_old_file(folder, small_files, write):
    Path("out").write_text("old")
    before = sorted(os.listdir())
    with pytest.raises(InputError, match=r"^out: cannot be written: File too large$"):
        write("out")
    assert Path("out").read_text() == "old"
    assert sorted(os.listdir()) == before


def test_a_log_that_cannot_grow_keeps_whole_lines(folder, small_files):
    def fill():
        for step in range(100):
            log.append(Entry(step, {"effective_rank": 1.0}, verdict="some words " * 9))

    with RunLog(LOG) as log, pytest.raises(InputError, match=r"^run.jsonl: cannot be written"):
        fill()
    kept = read_log(LOG)
    assert [entry.step for entry in kept] == list(range(len(kept)))
    assert Path(LOG).read_bytes().endswith(b"}\n")


OUTPUTS = [
    [*AUDIT, "--json", "disk/out"],
    [*AUDIT, "--html", "disk/out"],
    [*AUDIT, "--checkpoint", "disk/new"],
    ["codebook", "6", "3", "--rounds", "1", "--out", "disk/out"],
    ["timeline", LOG, "--out", "disk/out.html"],
]
FIGURES = ["figures", "--only", "rank-collapse", "--out", "disk/pictures"]


@pytest.mark.parametrize("command", [*OUTPUTS, pytest.param(FIGURES, marks=pytest.mark.slow)])
def test_a_full_disk_is_one_line(disk, capsys, command):
    for name in ("disk/out", "disk/out.html"):
        Path(name).write_text("old")
    with RunLog(LOG) as log:
        log.append(Entry(1, {"effective_rank": 1.0}))
        log.append(Entry(2, {"effective_rank": 2.0}))
    disk.fill()
    assert main(command) == 2
    [said] = [line for line in capsys.readouterr().err.splitlines() if " gap " not in line]
    assert said.startswith(f"gramax: {command[-1]}")
    assert "No space left on device" in said
    assert [Path(f"disk/{name}").read_text() for name in ("out", "out.html")] == ["old", "old"]
    assert set(os.listdir("disk")) <= {"out", "out.html", "filler", "pictures"}


def test_a_checkpoint_goes_on_when_there_is_space_again(disk, capsys, monkeypatch):
    monkeypatch.setattr(tasks, "sizes", small_tasks(64, 64))
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)
    audit = [*AUDIT, "--no-probe"]  # a save must fit on the disk of the test
    command = [*audit, "--checkpoint", "disk/saved"]
    save, saved = checkpoint.Checkpoint.save, []

    def fill_after_the_first(self, totals):
        save(self, totals)
        if not saved:
            saved.append(Path("disk/saved").read_bytes())
            disk.fill()

    assert main([*audit, "--json", "never.json"]) == 0
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoint, "save", fill_after_the_first)
        assert main(command) == 2
    assert "gramax: disk/saved: cannot be written: No space" in capsys.readouterr().err
    assert sorted(os.listdir("disk")) == ["filler", "saved"]
    assert Path("disk/saved").read_bytes() == saved[0]
    disk.free()
    assert main([*command, "--json", "resumed.json"]) == 0
    assert Path("resumed.json").read_bytes() == Path("never.json").read_bytes()


@pytest.mark.parametrize("command", OUTPUTS)
def test_a_read_only_disk_is_refused_before_the_work(disk, capsys, monkeypatch, command):
    monkeypatch.setattr("gramax.audits.audit.audit", None)
    monkeypatch.setattr("gramax.frames.pack", None)
    disk.read_only()
    assert main(command) == 2
    why = "cannot be written: not a file in a folder open to you"
    assert capsys.readouterr().err == f"gramax: {command[-1]}: {why}\n"


@pytest.mark.parametrize("command", ["demo", "figures"])
def test_a_folder_that_is_a_file_is_one_line(folder, capsys, monkeypatch, command):
    monkeypatch.setattr("gramax.render.figures.SCENES", {})
    assert main([command, "--out", "z.npy/inside"]) == 2
    why = f"{os.path.abspath('z.npy')!r} is not a folder open to you"
    said = f"gramax: z.npy/inside: cannot be made a folder: {why}\n"
    assert capsys.readouterr().err == said


def test_a_link_is_followed_and_what_is_no_file_is_written_to(folder):
    Path("target").write_text("old")
    os.symlink("target", "link")
    files.write_text("link", "new")
    assert os.path.islink("link")
    assert Path("target").read_text() == "new"
    with pytest.raises(InputError, match=r"^/dev/full: cannot be written: No space"):
        files.write_text("/dev/full", "new")
    files.write_text(os.devnull, "new")
    assert not any(map(os.path.isfile, ("/dev/full", os.devnull)))
