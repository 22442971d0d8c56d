"""Engines: one seam, the same bits, whatever happens to the workers."""

import importlib.util
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gramax.cli import main
from gramax.errors import InputError
from gramax.streaming import accumulate, accumulation, engines, tasks
from gramax.streaming.engines.processes import KILLED
from tests.streams import ONE, Stream, assert_same, bits, small_tasks, with_engine


@pytest.fixture(scope="module")
def processes():
    with engines.opened("processes", workers=2) as engine:
        yield engine


@pytest.fixture
def gathered(monkeypatch, processes):
    monkeypatch.setattr(tasks, "sizes", small_tasks(64, 200))
    return lambda stream, **kwargs: accumulate(stream, ONE, 1, True, engine=processes, **kwargs)


def test_engines_agree(processes):
    for normalize, offset in ((True, 0.0), (False, 100.0)):
        here = with_engine(None, normalize, offset)
        assert_same(with_engine(processes, normalize, offset), here, rtol=1e-12)


@pytest.mark.parametrize("end", ["deadly", "hungry"])
def test_a_worker_that_dies_costs_one_try_and_no_bit(gathered, tmp_path, end):
    once = str(tmp_path / "died")
    disturbed = gathered(Stream(1700, odd=((7, {end: once}),)))
    assert os.path.exists(once)
    undisturbed = gathered(Stream(1700))
    assert disturbed.done == undisturbed.done == 9
    assert bits(disturbed) == bits(undisturbed)


def test_progress_moves_within_tasks_and_never_back(gathered, monkeypatch, tmp_path):
    monkeypatch.setattr(tasks, "sizes", small_tasks(64, 400))
    monkeypatch.setattr(accumulation, "PULSE", 0.01)
    calls = []
    stream = Stream(800, seconds=0.1, odd=((3, {"deadly": str(tmp_path / "died")}),))
    found = gathered(stream, progress=lambda *told: calls.append(told))
    assert calls == sorted(calls)
    assert calls[-1] == ("reading", 800, 800, 800 * 8 * 4)
    assert len({rows for _, rows, *_ in calls if 0 < rows < 400}) > 1
    assert bits(found) == bits(gathered(Stream(800)))


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        ({"broken": True}, "made rows 300-399: cannot be read"),
        (
            {"deadly": "always"},
            "made rows 300-399: the worker that reads it dies every time (3 tries), killed by "
            "SIGKILL, by the system for its memory probably: give it more, or use fewer --workers",
        ),
        (
            {"hungry": "always"},
            "made rows 300-399: the worker that reads it dies every time (3 tries), out of memory: "
            "give it more, or use fewer --workers",
        ),
    ],
)
def test_a_fragment_that_ends_its_reader_is_named_and_left_out(gathered, odd, why):
    stream = Stream(600, odd=((3, odd),))
    left = gathered(stream, skip_bad=True)
    assert [(one.name, one.rows) for one in left.left_out] == [("made rows 300-399", 100)]
    assert left.left_out[0].reason == why
    assert int(left.blocks[0].counts.sum()) == 500
    if "hungry" not in odd:
        with pytest.raises(InputError) as caught:
            gathered(stream)
        assert str(caught.value) == why


def test_what_killed_a_worker_is_known_and_others_take_its_place(processes):
    with ThreadPoolExecutor(2) as threads:
        dead = [threads.submit(processes.run, signal.raise_signal, signal.SIGKILL) for _ in "ab"]
        assert [processes.cause(one.exception()) for one in dead] == [KILLED, KILLED]
        alive = [threads.submit(processes.run, int) for _ in "ab"]
        assert [one.result() for one in alive] == [0, 0]


def test_out_of_memory_in_this_process_is_one_line(monkeypatch, capsys):
    hungry = Stream(600, odd=((3, {"hungry": "always"}),))
    monkeypatch.setattr("gramax.streaming.collection.open_source", lambda *_: (hungry, ()))
    assert main(["audit", "made.npy"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("gramax: out of memory while reading made rows")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("step", "doing"),
    [
        ("audits.audit.build_report", " while computing the numbers of z.npy, 3 classes; give"),
        ("streaming.accumulation.tasks_of", "; give it more, or less to do"),
    ],
)
def test_out_of_memory_after_the_sums_is_one_line(tmp_path, monkeypatch, capsys, step, doing):
    def failing(*_, **__):
        raise MemoryError

    monkeypatch.chdir(tmp_path)
    np.save("z.npy", np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32))
    np.save("y.npy", np.arange(12) % 3)
    monkeypatch.setattr(f"gramax.{step}", failing)
    assert main(["audit", "z.npy", "--labels", "y.npy", "--explain"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert said.startswith(f"gramax: out of memory{doing}")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--workers", "2"], "--engine processes"),
        (["--engine", "processes", "--workers", "0"], "--workers"),
        (["--engine-address", "auto"], "--engine ray"),
        (["--engine", "ray", "--engine-address", "127.0.0.1:1"], "127.0.0.1:1: nothing answers"),
        (["--checkpoint", "absent/file"], "absent/file"),
        (["--checkpoint", "made.npy"], "made.npy: is an input"),
    ],
)
def test_options_that_do_not_fit_are_one_line(tmp_path, monkeypatch, capsys, args, words):
    if "ray" in args and not importlib.util.find_spec("ray"):
        pytest.skip("ray is an extra")
    monkeypatch.chdir(tmp_path)
    np.save("made.npy", np.eye(5))
    assert main(["audit", "made.npy", *args]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


def test_an_engine_that_does_not_exist():
    with pytest.raises(InputError, match="serial, processes, ray"), engines.opened("dask"):
        pass
