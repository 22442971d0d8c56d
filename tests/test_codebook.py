"""`gramax codebook`: formats, starts, Ctrl-C, and what is shown meanwhile."""

import io
import json
import os
import signal
from contextlib import contextmanager

import numpy as np
import pytest
from rich.console import Console

from gramax.cli import main
from gramax.frames import Progress, coherence_floor, sloanes
from gramax.frames.codebooks import coherence
from gramax.frames.search import batches
from gramax.render import search_progress

BEST = 5**-0.5
"""Of five lines in three dimensions; the floor is lower, so the search goes on."""


@pytest.fixture(autouse=True)
def few_starts(monkeypatch):
    monkeypatch.setattr(batches, "batch_size", lambda *_: 8)


def codebook(*args):
    return main(["codebook", "5", "3", *map(str, args)])


def test_formats_hold_the_same_codes(tmp_path, capsys):
    named = tmp_path / "3x5_abc.txt"
    assert codebook("--rounds", 1, "--out", tmp_path / "a.npy") == 0
    assert "0.447213595" in capsys.readouterr().out
    assert codebook("--rounds", 1, "--out", tmp_path / "a.txt") == 0
    capsys.readouterr()
    assert codebook("--rounds", 1, "--out", named, "--format", "sloanes", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    codes = np.load(tmp_path / "a.npy")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "a.txt"), codes)
    np.testing.assert_array_equal(sloanes.read(named, 5, 3), codes)
    assert coherence(codes) == pytest.approx(BEST, abs=1e-9)
    assert printed["coherence"] == coherence(codes)
    assert printed["gap"] == printed["coherence"] - printed["floor"]["value"]
    assert (printed["rounds"], printed["out"]) == (1, str(named))


def test_complex_codes_as_lines_of_text(tmp_path):
    path = tmp_path / "sic.txt"
    assert main(["codebook", "4", "2", "--field", "complex", "--out", str(path)]) == 0
    codes = np.loadtxt(path, dtype=complex)
    assert codes.shape == (4, 2)
    assert coherence(codes) == pytest.approx(3**-0.5, abs=1e-12)


def test_codes_of_ones_own_are_improved(tmp_path, capsys):
    np.save(tmp_path / "mine.npy", np.random.default_rng(0).normal(size=(5, 3)))
    assert codebook("--rounds", 1, "--start", tmp_path / "mine.npy") == 0
    assert "0.447213595" in capsys.readouterr().out


BAD_STARTS = {
    "shape.npy": (lambda p: np.save(p, np.eye(3)), "shape [3, 3]"),
    "whole.npy": (lambda p: np.save(p, np.ones((5, 3), int)), "is int64"),
    "objects.npy": (lambda p: np.save(p, np.full((5, 3), None)), "objects.npy"),
    "nan.npy": (lambda p: np.save(p, np.full((5, 3), np.nan)), "row 0"),
    "complex.npy": (lambda p: np.save(p, np.full((5, 3), 1j)), "--field complex"),
    "empty.npy": (lambda p: p.write_bytes(b""), "empty.npy"),
    "words.txt": (lambda p: p.write_text("no codes"), "30 numbers; got 2"),
    "absent.npy": (lambda p: None, "no such file"),
}


@pytest.mark.parametrize("name", BAD_STARTS)
def test_bad_starts(name, tmp_path, capsys):
    make, words = BAD_STARTS[name]
    make(tmp_path / name)
    assert codebook("--start", tmp_path / name) == 2
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1


def test_bad_options(tmp_path, capsys):
    for args, words in {
        ("--format", "sloanes"): "3x5_abc.txt",
        ("--format", "sloanes", "--out", str(tmp_path / "codes.txt")): "3x5_abc.txt",
        ("--format", "sloanes", "--signed"): "--signed",
        ("--field", "complex", "--signed"): "--signed",
        ("--format", "npy"): "--out",
        ("--out", str(tmp_path)): "not a file",
        ("--seconds", "0"): "0",
        ("--rounds", "0"): "0",
    }.items():
        assert codebook(*args) == 2, args
        assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["bounds", "5", "3", "--field", "complex", "--signed"]) == 2
    assert "--signed" in capsys.readouterr().err


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_keeps_the_best_so_far_and_twice_leaves_at_once(tmp_path, monkeypatch, capfd, times):
    @contextmanager
    def display(*_):
        def press(_):
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)

        yield press

    monkeypatch.setattr(search_progress, "search_display", display)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may have been ignored
    out = tmp_path / "codes.npy"
    try:
        assert codebook("--seconds", 600, "--out", out) == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    told = capfd.readouterr()
    assert out.exists() == (times == 1)
    if times == 1:
        assert coherence(np.load(out)) == pytest.approx(BEST, abs=1e-9)
        assert "interrupted" in told.out
        assert "after this round" in told.err


def test_the_board_shows_the_best_and_the_gap():
    floor, out = coherence_floor(7, 3), io.StringIO()
    console = Console(width=100, file=out, force_terminal=True)
    with search_progress.search_board(floor, 60.0, 4, console) as tell:
        for k in (1, 2, 3):
            value = floor.value + 10.0**-k
            tell(Progress(k, k, value, value - floor.value, "hop"))
    shown = out.getvalue()
    told = (f"best {value:.12f}", f"{floor.value:.12f} (orthoplex)", "1.000e-03 █▅▁", "3, hop")
    for words in ("preparing", *told):
        assert words in shown
    curve = search_progress.gap_curve(list(np.geomspace(1, 1e-9, 1000)))  # fits in the line
    assert (len(curve), curve[0], curve[-1]) == (32, "█", "▁")
    assert search_progress.gap_curve([0.0, 0.0]) == "▁▁"


def test_elsewhere_only_what_is_better_is_said_and_seldom(monkeypatch, capsys):
    with search_progress.search_display(coherence_floor(7, 3), 1.0, None) as tell:
        for k, value in enumerate((0.9, 0.9, 0.8)):
            tell(Progress(k, 1.0, value, value - 0.5, "random"))
    assert len(capsys.readouterr().err.splitlines()) == 2
    search_progress.occasional_lines("headroom")(Progress(1, 1.0, 0.25, 0.1, "random"))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(search_progress, "SECONDS_BETWEEN_LINES", 0.0)
    search_progress.occasional_lines("headroom")(Progress(2, 1.0, 0.25, 0.1, "random"))
    assert capsys.readouterr().err == "gramax: headroom, round 2: 0.2500\n"
