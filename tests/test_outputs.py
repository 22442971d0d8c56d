"""What commands write: only what was named, and never over an input, however it is reached."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
import zarr

from gramax import _files as files
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
    for k in range(2):
        np.save(f"shards/part-{k}.npy", Z)
    np.save("z.npy", Z)
    np.save("y.npy", np.arange(12) % 3)
    np.savez("y.npz", y=np.arange(12) % 3)
    zarr.create_array("z.zarr", data=Z, chunks=(12, 4))
    (tmp_path / "run.html").write_bytes(runlog())
    os.symlink("z.npy", "soft.json")
    os.link("z.npy", "hard.json")
    os.symlink("shards/part-1.npy", "part.json")
    os.symlink(tmp_path / "z.zarr", "other.zarr")
    return tmp_path


def contents(folder):
    """Every file of the folder with its bytes, and where links lead."""
    return {
        str(file.relative_to(folder)): os.readlink(file) if file.is_symlink() else file.read_bytes()
        for file in folder.rglob("*")
        if file.is_symlink() or file.is_file()
    }


@pytest.mark.parametrize(
    "args",
    [
        "audit z.npy --html z.npy",
        "audit z.npy --json soft.json",
        "audit z.npy --json hard.json",
        "audit z.npy --checkpoint hard.json",
        "audit z.npy --labels y.npy --html y.npy",
        "audit z.npy --labels y.npz::y --html y.npz",
        "audit shards --json shards/part-0.npy",
        "audit shards --html part.json",
        "audit shards/*.npy --checkpoint shards/part-1.npy",
        "audit z.zarr --json z.zarr/zarr.json",
        "audit other.zarr --json z.zarr/c/0/0",
        "compare z.npy shards --json shards/part-1.npy",
        "compare z.npy z.zarr --html soft.json",
        "timeline run.html --out run.html",
        "codebook 3 4 --start z.npy --out z.npy",
    ],
)
def test_inputs_are_not_written_over(folder, capfd, args):
    before = contents(folder)
    assert main(args.split()) == 2
    assert re.fullmatch(
        r"gramax: .*: is an input and is not written over\n", capfd.readouterr().err
    )
    assert contents(folder) == before


def test_a_report_beside_the_shards_is_written_again(folder, capfd):
    """What is no input, though it lies among them, is an output as any other."""
    for _ in range(2):
        assert main(["audit", "shards", "--no-headroom", "--json", "shards/report.json"]) == 0
    new = set(contents(folder)) - {"shards/part-0.npy", "shards/part-1.npy"}
    assert "shards/report.json" in new
    assert not [name for name in new if "tmp" in name or name.startswith("shards/.")]


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


@pytest.mark.parametrize(
    "args",
    [
        "audit z.npy --json new --html new",
        "audit z.npy --json new --html ./new",
        "audit z.npy --json new --html shards/../new",
        "audit z.npy --json new --html loop",
        "audit z.npy --json old --html twin",
        "audit z.npy --json new --checkpoint new",
        "compare z.npy shards --json new --html ./new",
    ],
)
def test_two_outputs_are_two_files(folder, capsys, monkeypatch, args):
    monkeypatch.setattr("gramax.audits.audit.audit", None)
    monkeypatch.setattr("gramax.comparison.compare", None)
    os.symlink("new", "loop")
    (folder / "old").write_text("old")
    os.link("old", "twin")
    before = contents(folder)
    assert main(args.split()) == 2
    err = capsys.readouterr().err
    assert err == f"gramax: {args.split()[-1]}: is to be written twice; {NAMES}\n"
    assert contents(folder) == before


NAMES = "give every output its own name"


def test_nowhere_takes_any_number_of_outputs():
    check_outputs([os.devnull, os.devnull, None])


@pytest.mark.parametrize("lost", [{"x.json"}, {"x.html"}, {"x.json", "x.html"}])
def test_what_can_be_written_is(folder, capsys, monkeypatch, lost):
    write = files.write_text

    def failing(path, text):
        if path in lost:
            raise InputError(f"{path}: cannot be written: No space left on device")
        write(path, text)

    monkeypatch.setattr(files, "write_text", failing)
    assert main(["audit", "z.npy", "--json", "x.json", "--html", "x.html"]) == 2
    said = capsys.readouterr().err
    for name in ("x.json", "x.html"):
        assert (f"{name}: cannot be written" in said) == (name in lost)
        assert (folder / name).exists() == (name not in lost)
