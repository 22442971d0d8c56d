"""Checkpoints: nothing is lost, nothing foreign is taken, and every bit is the same."""

import itertools
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from gramax.audits.run_log import Entry, RunLog
from gramax.audits.run_reader import read_runs
from gramax.errors import InputError
from gramax.streaming import accumulate, checkpoint, classes_of, open_source, tasks
from tests.streams import ONE, Stream, bits, small_tasks
from tests.test_seed import clouds

Z, Y = clouds(7, 900, 12, 4)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(tasks, "sizes", small_tasks(64, 200))
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 1e9)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("z")
    for k, part in enumerate(np.split(Z, [250, 600])):
        np.save(f"z/part-{k}.npy", part)
    np.save("y.npy", Y)
    return tmp_path


def gathered(labels="y.npy", *, blocks=1, normalize=True, saved="saved", **kwargs):
    opened, _ = open_source("z", None)
    classes = classes_of(labels, opened, False)
    return accumulate(opened, classes, blocks, normalize, checkpoint=saved, **kwargs)


class Stop(Exception):  # noqa: N818  (no error)
    pass


def stop_at(rows):
    def progress(_phase, done, *_):
        if done >= rows:
            raise Stop

    return progress


@pytest.mark.parametrize("blocks", [1, 3])
def test_stops_change_no_bit_and_what_is_done_is_not_read_again(folder, monkeypatch, blocks):
    never = bits(gathered(blocks=blocks, saved=None))
    for rows in (0, 300, 310, 800):
        with pytest.raises(Stop):
            gathered(blocks=blocks, progress=stop_at(rows))
    told = []
    found = gathered(blocks=blocks, progress=lambda *now: told.append(now[1]))
    assert 600 <= told[0] < 900
    assert bits(found) == never
    assert sorted(os.listdir()) == ["saved", "y.npy", "z"]
    monkeypatch.setattr("gramax.streaming.accumulation.gather", None)
    assert bits(gathered(blocks=blocks)) == never


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda: np.save("z/part-1.npy", Z[250:600] + 1), {}, "z/part-1.npy has changed"),
        (lambda: np.save("z/part-3.npy", Z[:5]), {}, "z/part-3.npy was not among its files"),
        (lambda: os.remove("z/part-2.npy"), {}, "z/part-2.npy is not among its files now"),
        (None, {"normalize": False}, "--raw was off, and is on"),
        (None, {"blocks": 3}, "--probe or --explain was off, and is on"),
        (None, {"labels": None}, "--labels was on, and is off"),
        (None, {"labels": (Y + 1) % 4}, "digest of the labels was"),
        (None, {"labels": "y.npy"}, "labels y.npy was not among its files"),
        ("99", {}, f"version was {checkpoint.__version__}, and is 99"),
    ],
)
def test_another_audit_is_refused_with_the_difference(folder, monkeypatch, change, options, words):
    labels = None if callable(change) else Y
    gathered(labels)
    if callable(change):
        time.sleep(0.01)  # a file system may keep times in milliseconds
        change()
    elif change:
        monkeypatch.setattr(checkpoint, "__version__", change)
    with pytest.raises(InputError, match=r"saved: is a checkpoint of another audit") as caught:
        gathered(**{"labels": labels} | options)
    assert words in str(caught.value)


def test_files_in_another_order_are_another_audit():
    one, other = {"a.npy": {}, "b.npy": {}}, {"b.npy": {}, "a.npy": {}}
    assert checkpoint.difference(one, other) == "the files are in another order"


def test_what_was_left_out_stays_left_out_and_said(tmp_path):
    stream = Stream(600, odd=((1, {"broken": True}),))
    saved = tmp_path / "saved"
    with pytest.raises(InputError, match="made rows 100-199"):
        accumulate(stream, ONE, 1, True, checkpoint=saved)
    found = accumulate(stream, ONE, 1, True, checkpoint=saved, skip_bad=True)
    again = accumulate(stream, ONE, 1, True, checkpoint=saved, skip_bad=True)
    assert bits(again) == bits(found)
    assert again.left_out[0].rows == 100
    with pytest.raises(InputError, match=r"leaves out 1 fragment.*--skip-bad"):
        accumulate(stream, ONE, 1, True, checkpoint=saved)


def rewritten(**changes):
    """The checkpoint with some arrays replaced, or taken out."""
    with np.load("saved") as archive:
        arrays = dict(archive) | changes
    with open("saved", "wb") as stream:
        np.savez(stream, **{name: a for name, a in arrays.items() if a is not None})


def about(**progress):
    with np.load("saved") as archive:
        said = json.loads(archive["about"].tobytes())
    said["progress"] |= progress
    return np.frombuffer(json.dumps(said).encode(), np.uint8)


@pytest.mark.parametrize(
    "harm",
    [
        lambda: Path("saved").write_bytes(b"no archive"),
        lambda: os.truncate("saved", os.path.getsize("saved") // 2),
        lambda: rewritten(about=None, z=Z),
        lambda: rewritten(about=np.zeros(9, np.uint8)),
        lambda: rewritten(about=np.frombuffer(b"[" * 100_000, np.uint8)),
        lambda: rewritten(about=np.frombuffer(b'{"kind": "gramax checkpoint"}', np.uint8)),
        lambda: rewritten(about=about(done=10**9)),
        lambda: rewritten(about=about(left_out=[3])),
        lambda: rewritten(**{"mean.0": None}),
        lambda: rewritten(**{"mean.0": np.zeros((4, 13))}),
        lambda: rewritten(**{"count.0": np.full((2, 4), -1.0)}),
        lambda: rewritten(rows=np.zeros((10**6, 12), np.float32)),
        lambda: rewritten(rows=np.array([{}], object)),
    ],
)
def test_a_hostile_file_is_one_line(folder, harm):
    gathered()
    harm()
    with pytest.raises(InputError, match=r"^saved[: ]") as caught:
        gathered()
    assert len(str(caught.value).splitlines()) == 1


def test_a_second_audit_of_the_same_file_is_refused_and_harms_nothing(folder):
    """By another name of it as well; a link stays one."""
    os.mkdir("elsewhere")
    os.symlink("../saved", "elsewhere/link")
    refused = []

    def meanwhile(*_):
        for name in ("saved", "elsewhere/link"):
            with pytest.raises(InputError, match=f"^{name}: another audit is at work on it; wait"):
                gathered(saved=name)
            refused.append(name)

    found = gathered(progress=meanwhile)
    assert refused
    assert bits(gathered(saved="elsewhere/link")) == bits(found)
    assert os.path.islink("elsewhere/link")
    assert sorted(os.listdir()) == ["elsewhere", "saved", "y.npy", "z"]


def test_what_a_kill_has_left_goes_and_what_is_a_strangers_stays(folder):
    """A lock that nobody holds, and half a file: as after `kill -9` in the middle of a save."""
    Path(".saved.lock").touch()
    Path(".saved.part").write_bytes(b"half")
    Path(".saved.mine").write_bytes(b"a stranger's")
    gathered()
    assert sorted(os.listdir()) == [".saved.mine", "saved", "y.npy", "z"]


def test_a_lock_is_no_link_to_follow(folder):
    Path("precious").write_bytes(b"precious")
    os.symlink("precious", ".saved.lock")
    with pytest.raises(InputError, match="saved: cannot be written"):
        gathered()
    assert Path("precious").read_bytes() == b"precious"


def test_a_file_system_without_locks_works_all_the_same(folder, monkeypatch):
    monkeypatch.setattr(checkpoint, "lock", lambda file: False)
    gathered()
    assert sorted(os.listdir()) == ["saved", "y.npy", "z"]


def test_a_clock_set_back_changes_nothing(folder, monkeypatch):
    never = bits(gathered(saved=None))
    backwards = itertools.count(2e9, -1e6)
    monkeypatch.setattr(time, "time", lambda: next(backwards))
    with pytest.raises(Stop):
        gathered(progress=stop_at(300))
    assert bits(gathered()) == never
    with RunLog("run.jsonl") as log:
        for step in (1, 2, 3):
            log.append(Entry(step, {"effective_rank": 1.0}))
    assert [entry.step for entry in read_runs("run.jsonl")[""]] == [1, 2, 3]
