"""What commands write: only what was named, and never over an input, however it is reached."""

from __future__ import annotations

import os

import numpy as np
import pytest
import zarr

from gramax import _files
from gramax.cli import main
from gramax.cli.outputs import check_outputs
from gramax.errors import InputError
from tests.fuzz.handmade import BELL
from tests.fuzz.seeds import runlog

Z = np.random.default_rng(5).normal(size=(12, 4)).astype(np.float32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("shards")
    for name in ("shards/part-0", "shards/part-1", "z"):
        np.save(f"{name}.npy", Z)
    np.save("y.npy", np.arange(12) % 3)
    np.savez("y.npz", y=np.arange(12) % 3)
    zarr.create_array("z.zarr", data=Z, chunks=(12, 4))
    (tmp_path / "run.html").write_bytes(runlog())
    (tmp_path / "old").write_text("old")
    os.link("old", "twin")
    os.link("z.npy", "hard.json")
    os.symlink("z.npy", "soft.json")
    os.symlink("shards/part-1.npy", "part.json")
    os.symlink("new", "loop")
    os.symlink(tmp_path / "z.zarr", "other.zarr")
    return tmp_path


def contents(folder):
    """Every file of the folder with its bytes, and where links lead."""
    return {
        str(file.relative_to(folder)): os.readlink(file) if file.is_symlink() else file.read_bytes()
        for file in folder.rglob("*")
        if file.is_symlink() or file.is_file()
    }


READ = "is an input and is not written over"
TWICE = "is to be written twice; give every output its own name"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("audit z.npy --html z.npy", READ),
        ("audit z.npy --json soft.json", READ),
        ("audit z.npy --checkpoint hard.json", READ),
        ("audit z.npy --labels y.npy --html y.npy", READ),
        ("audit z.npy --labels y.npz::y --html y.npz", READ),
        ("audit shards --json shards/part-0.npy", READ),
        ("audit shards --html part.json", READ),
        ("audit shards/*.npy --checkpoint shards/part-1.npy", READ),
        ("audit z.zarr --json z.zarr/zarr.json", READ),
        ("audit other.zarr --json z.zarr/c/0/0", READ),
        ("compare z.npy shards --json shards/part-1.npy", READ),
        ("timeline run.html --out run.html", READ),
        ("codebook 3 4 --start z.npy --out z.npy", READ),
        ("audit z.npy --json new --html ./new", TWICE),
        ("audit z.npy --json new --html shards/../new", TWICE),
        ("audit z.npy --json new --html loop", TWICE),
        ("audit z.npy --json old --html twin", TWICE),
        ("audit z.npy --json new --checkpoint new", TWICE),
        ("compare z.npy shards --json new --html ./new", TWICE),
    ],
)
def test_outputs_are_files_of_their_own(folder, capfd, args, words):
    before = contents(folder)
    assert main(args.split()) == 2
    assert capfd.readouterr().err == f"gramax: {args.split()[-1]}: {words}\n"
    assert contents(folder) == before


def test_outputs_beside_inputs_and_nowhere_are_fine(folder):
    (folder / "shards" / "report.json").write_text("{}")
    check_outputs(["shards/report.json", os.devnull, os.devnull, None], "shards")


def test_names_of_classes_steer_neither_terminal_nor_browser(folder, capfd):
    names = [BELL, "</style>", '" onclick="x']
    np.save("names.npy", np.array(names)[np.arange(12) % 3])
    args = ["audit", "z.npy", "--labels", "names.npy", "--no-headroom", "--html", "page.html"]
    assert main(args) == 0
    out, err = capfd.readouterr()
    page = (folder / "page.html").read_text()
    for text in (out, err, page):
        assert not {ch for ch in text if not ch.isprintable()} - {"\n", "\r", "\t"}
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert '" onclick="x' not in page
    assert "</style>" not in page.replace("</style>", "", page.count("<style"))


@pytest.mark.parametrize("lost", [{"x.json"}, {"x.html"}, {"x.json", "x.html"}])
def test_what_can_be_written_is(folder, capsys, monkeypatch, lost):
    write = _files.write_text

    def failing(path, text):
        if path in lost:
            raise InputError(f"{path}: cannot be written: No space left on device")
        write(path, text)

    monkeypatch.setattr(_files, "write_text", failing)
    assert main(["audit", "z.npy", "--json", "x.json", "--html", "x.html"]) == 2
    said = capsys.readouterr().err
    for name in ("x.json", "x.html"):
        assert (f"{name}: cannot be written" in said) == (name in lost)
        assert (folder / name).exists() == (name not in lost)
