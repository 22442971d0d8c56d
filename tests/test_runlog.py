"""The run log: what is written is read, after crashes too, and hostile files are refused."""

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest

from gramax.audits.run_log import MARK, MAX_LINE, VERSION, Entry, RunLog
from gramax.audits.run_reader import Follower, read_log, read_runs
from gramax.errors import InputError

NUMBERS = {"effective_rank": 3.25, "class_coherence": float("nan")}


def entry(step, name="", **extra):
    return Entry(step, NUMBERS, {"class_coherence": "one class"}, name, 10, 4, 2, extra=extra)


def written(path, *steps, **how):
    """The log with audits of these steps more."""
    with RunLog(path, **how) as log:
        for step in steps:
            log.append(entry(step))
    return path


def steps(path):
    return [e.step for e in read_log(path)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.jsonl"


def test_what_is_written_is_read(path):
    cosines = np.array([[1.0, -0.5], [-0.5, 1.0]])
    known = {"floors": {"effective_rank": 1.0}, "verdict": "Good.", "answers": {"rank": "good"}}
    known |= {"cosines": cosines, "classes": ("a", "b"), "time": 5.0}
    whole = replace(entry(7, "val", loss=0.5), **known)
    before = time.time()
    with RunLog(path, fsync=True) as log:
        log.append(whole)
        log.write({"type": "scalars", "step": 1, "values": {"loss": 1.0}})  # is not an audit
        log.append(entry(8))
    found, later = read_log(path)
    assert np.isnan(found.numbers["class_coherence"])
    np.testing.assert_array_equal(found.cosines, whole.cosines)
    for key in set(vars(whole)) - {"numbers", "cosines"}:
        assert getattr(found, key) == getattr(whole, key)
    assert before - 1 <= later.time <= time.time() + 1
    line = json.loads(path.read_text().splitlines()[0])
    assert line["numbers"] == {"effective_rank": 3.25, "class_coherence": None}
    assert line["reasons"] == {"class_coherence": "one class"}
    assert line[MARK] == VERSION


def test_a_torn_last_line_is_left_out_and_cut_off(path):
    whole = written(path, 1, 2).read_bytes()
    for cut in (1, 40, len(whole) // 2 - 1):
        path.write_bytes(whole[:-cut])
        assert steps(path) == [1]
        assert steps(written(path, 3)) == [1, 3]
    path.write_bytes(whole[:20])
    assert steps(written(path, 4)) == [4]


def test_one_writer_at_a_time(path):
    with RunLog(path), pytest.raises(InputError, match="another run"):
        RunLog(path)
    with RunLog(path) as log:
        log.close()
        with pytest.raises(ValueError, match="closed"):
            log.append(entry(2))


@pytest.mark.parametrize("text", ["a,b\n1,2", '{"step": 1}\n', "x"])
def test_another_file_is_neither_cut_nor_appended_to(path, text):
    path.write_text(text)
    for fresh in (False, True):
        with pytest.raises(InputError, match="is not a run log, and is left as it is"):
            RunLog(path, fresh=fresh)
    assert path.read_text() == text


def test_a_fresh_log_and_a_folder_that_is_missing(path):
    assert steps(written(written(path, 1, fresh=True), 2, fresh=True)) == [2]
    with pytest.raises(InputError, match="cannot be written: No such file"):
        RunLog(path.parent / "no" / "run.jsonl")


def test_a_full_disk_leaves_the_log_as_it_was(path, monkeypatch):
    with RunLog(path) as log:
        log.append(entry(1))
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:9]))
        with pytest.raises(InputError, match="disk is full"):
            log.append(entry(2))
        monkeypatch.undo()
        log.append(entry(3))
        with pytest.raises(ValueError, match="a run log takes"):
            log.write({"type": "text", "text": "x" * MAX_LINE})
    assert steps(path) == [1, 3]


def _line(**changes):
    return json.dumps({"gramax_log": 1, "type": "audit", "step": 1, "numbers": {}} | changes)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2 is not JSON"),
        ("[" * 100_000, "line 2 is not JSON"),
        ("9" * 5000, "line 2 is not JSON"),
        ("\udcff", "line 2 is not JSON"),
        ("[1]", "line 2 is not of a run log"),
        ('{"step": 1}', "has no 'gramax_log'"),
        ('{"gramax_log": 1, "type": "audit"}', "'step'"),
        (_line(gramax_log=2), "version 2 of the run log; this gramax reads 1"),
        (_line(step=-1), "step is not a whole number"),
        (_line(step=True), "step is not a whole number"),
        (_line(step=10**30), "step is not a whole number"),
        (_line(numbers=[1]), "numbers is not an object"),
        (_line(numbers={"a": "1"}), "numbers holds what is not a number"),
        (_line(numbers={"a": 10**400}), "numbers holds what is not a number"),
        (_line(numbers={"a": 1}).replace("1}", "1e999}"), "numbers holds what is not a number"),
        (_line(numbers={"a": 1}).replace("1}", "NaN}"), "line 2 is not JSON"),
        (_line(verdict=3), "verdict holds what is not text"),
        (_line(cosines=[[1, 2], [3]]), "cosines is not a square matrix"),
        (_line(cosines=[["x"]]), "cosines holds what is not a number"),
        (_line(classes="ab"), "classes is not a list"),
    ],
)
def test_hostile_lines_are_named(path, line, words):
    path.write_bytes((_line() + "\n" + line + "\n").encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=words) as error:
        read_log(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_line_without_end_is_not_held_in_memory(path):
    with path.open("wb") as file:
        file.write((_line() + "\n").encode())
        file.truncate(1 << 31)  # sparse: two gigabytes of zeros, no line end
    with pytest.raises(InputError, match="line 2 is longer than"):
        read_log(path)


def test_a_run_that_went_back_to_a_checkpoint(path):
    with RunLog(path) as log:
        for step, loss in [(1, 1.0), (2, 2.0), (3, 3.0), (2, 20.0), (4, 4.0)]:
            log.append(entry(step, "train", loss=loss))
            log.append(entry(step, "val"))
    runs = read_runs(path)
    assert [(e.step, e.extra["loss"]) for e in runs["train"]] == [(1, 1.0), (2, 20.0), (4, 4.0)]
    assert [e.step for e in runs["val"]] == [1, 2, 4]


def test_a_follower_gives_what_is_new(path):
    follower = Follower(path)
    assert follower.poll() == []
    with RunLog(path) as log:
        log.append(entry(1))
        assert [e.step for e in follower.poll()] == [1]
        os.write(log._file, b'{"gramax_log":1,"ty')
        assert follower.poll() == []
    written(path, 2)
    assert [e.step for e in follower.poll()] == [2]
    assert follower.restarts == 0
    written(path, 9, fresh=True)
    assert [e.step for e in follower.poll()] == [9]
    assert follower.restarts == 1


def test_a_missing_and_an_empty_log(path):
    with pytest.raises(InputError, match="there is no such file"):
        read_log(path)
    with pytest.raises(InputError, match="holds no audit yet"):
        read_runs(written(path))
