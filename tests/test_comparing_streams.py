"""`compare` of folders: engines, checkpoints and what cannot be read, on both sides."""

import json

import numpy as np
import pytest

from gramax.cli import main
from gramax.decide.comparison import compare
from gramax.errors import InputError
from gramax.metrics.options import Options
from gramax.streaming import Execution, engines, tasks
from gramax.streaming.collection import collect_here
from gramax.streaming.engines import Serial
from tests.test_seed import clouds

Z, Y = clouds(7, 300, 12, 4)
CUTS = [100, 220]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Folders a and b of three files each, read in this process; a task is a file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gramax.streaming.child.collect_in_child", collect_here)
    monkeypatch.setattr(tasks, "sizes", lambda n, c, d, blocks: tasks.Sizes(64, 128))
    for name, z in (("a", Z), ("b", 2 * Z - Z[:1])):
        (tmp_path / name).mkdir()
        for k, part in enumerate(np.split(z, CUTS)):
            np.save(f"{name}/part-{k}.npy", part)
    np.save("y.npy", Y)
    return tmp_path


class Recorder(Serial):
    """The serial engine, that remembers what it was given."""

    def __init__(self):
        super().__init__()
        self.given = []

    def run(self, fn, *args):
        self.given.append(args[0].name.rpartition("/")[0])
        return super().run(fn, *args)


@pytest.fixture
def recorder(monkeypatch):
    made, asked = Recorder(), []
    monkeypatch.setattr(engines, "_open", lambda *args: asked.append(args) or made)
    return made, asked


@pytest.fixture
def whole():
    return compare("a", "b", "y.npy")


def test_both_sides_run_on_the_engine(recorder, whole):
    made, asked = recorder
    made.given.clear()
    found = compare("a", "b", "y.npy", execution=Execution("ray", 3, "there"))
    assert asked[-1] == ("ray", 3, "there")
    assert [name[-1] for name in made.given] == ["a"] * 3 + ["b"] * 3
    assert found.paired
    assert repr(found) == repr(whole)


def test_a_stop_costs_what_was_not_saved_and_no_bit(recorder, whole):
    made, _ = recorder

    class Stop(Exception):  # noqa: N818  (no error)
        pass

    seen = []

    def stop(phase, rows, _all, _bytes):
        seen.append((phase, rows))
        if seen.count(("reading", 164)) == 2:  # within the second file of the second side
            raise Stop

    with pytest.raises(Stop):
        compare("a", "b", "y.npy", execution=Execution(checkpoint="kept"), progress=stop)
    made.given.clear()
    found = compare("a", "b", "y.npy", execution=Execution(checkpoint="kept"))
    assert [name[-1] for name in made.given] == ["b"] * 2
    assert repr(found) == repr(whole)


def test_progress_is_that_of_one_side_after_the_other():
    seen = []
    compare("a", "b", "y.npy", progress=lambda *one: seen.append(one))
    reading = [one for one in seen if one[0] == "reading"]
    first, second = (k for k, (_, rows, _, _) in enumerate(reading) if rows == 0)
    assert {all_rows for _, _, all_rows, _ in reading} == {300}
    for side in (reading[first:second], reading[second:]):
        assert side == sorted(side)
        assert side[-1] == ("reading", 300, 300, Z.nbytes)
    assert seen[-1][0] == "comparing"


@pytest.mark.parametrize("when", ["opened", "read"])
def test_what_cannot_be_read_ends_the_pairing(folder, when, capsys):
    bad = np.split(Z, CUTS)[1].copy()
    bad[17, 3] = np.nan
    np.save("b/part-1.npy", bad)
    rows, n, why = 1, 299, "rows were left out"
    if when == "opened":
        (folder / "b/part-1.npy").write_bytes(b"\x93NUMPY no more")
        labels = ["--labels", "y.npy", "--labels-b", "yb.npy"]
        np.save("yb.npy", np.delete(Y, np.arange(*CUTS)))
        rows, n, why = None, 180, "300 and 180 rows"
    else:
        labels = ["--labels", "y.npy"]
    assert main(["compare", "a", "b", *labels]) == 2
    assert "b/part-1.npy" in capsys.readouterr().err
    assert main(["compare", "a", "b", *labels, "--skip-bad", "--paired"]) == 2
    assert f"rows cannot be paired: {why}" in capsys.readouterr().err
    assert main(["compare", "a", "b", *labels, "--skip-bad", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert not found["paired"]
    assert found["b"]["n"] == n
    assert found["a"]["left_out_fragments"] == []
    assert [one["rows"] for one in found["b"]["left_out_fragments"]] == [rows]
    assert any(note.startswith("B: left out") for note in found["notes"])
    assert any(why in note for note in found["notes"])


def test_files_of_both_sides_left_out_are_not_taken_for_the_same_rows(folder):
    (folder / "a/part-0.npy").write_bytes(b"")
    (folder / "b/part-0.npy").write_bytes(b"")
    labels = Y[CUTS[0] :]
    assert not compare("a", "b", labels, execution=Execution(skip_bad=True)).paired
    with pytest.raises(InputError, match="rows cannot be paired: rows were left out"):
        compare("a", "b", labels, execution=Execution(skip_bad=True), paired=True)


def test_the_command_hands_on_the_options_of_audit(folder, monkeypatch, capsys):
    given = {}

    def seen(*_, **kwargs):
        given.update(kwargs)
        raise InputError("seen")

    monkeypatch.setattr("gramax.decide.comparison.compare", seen)
    options = "--weighting macro --deviation sample --center none --raw --column z --skip-bad"
    engine = "--engine ray --workers 3 --engine-address auto --checkpoint kept"
    assert main(["compare", "a", "b", *options.split(), *engine.split()]) == 2
    assert "gramax: seen" in capsys.readouterr().err
    assert given["options"] == Options(weighting="macro", deviation="sample", center="none")
    assert (given["raw"], given["column"]) == (True, "z")
    assert given["execution"] == Execution("ray", 3, "auto", "kept", skip_bad=True)
    np.save("kept.npy", Z)
    (folder / "kept.npy").rename(folder / "kept.b")
    assert main(["compare", "a", "kept.b", "--checkpoint", "kept"]) == 2
    assert "kept.b: is an input and is not written over" in capsys.readouterr().err


def test_an_unknown_checkpoint_is_refused(folder):
    (folder / "kept.b").write_text("no")
    with pytest.raises(InputError, match=r"kept\.b"):
        compare("a", "b", "y.npy", execution=Execution(checkpoint="kept"))
