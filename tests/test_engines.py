"""Engines: one seam, the same bits, whatever happens to the workers."""

import os
import signal
from concurrent.futures import wait

import numpy as np
import pytest

from gramax.cli import main
from gramax.errors import InputError
from gramax.streaming import accumulate, engines, tasks
from gramax.streaming import runner as running
from gramax.streaming.engines.causes import KILLED
from gramax.streaming.engines.processes import _killed
from tests.streams import ONE, Stream, assert_same, bits, small_tasks, with_engine


@pytest.fixture(scope="module")
def processes():
    with engines.opened("processes", workers=2) as engine:
        yield engine


@pytest.fixture
def gathered(monkeypatch, processes):
    monkeypatch.setattr(tasks, "sizes", small_tasks(64, 200))
    return lambda stream, **kwargs: accumulate(stream, ONE, 1, True, engine=processes, **kwargs)


@pytest.mark.parametrize(("normalize", "offset"), [(True, 0.0), (False, 0.0), (False, 100.0)])
def test_engines_agree(processes, normalize, offset):
    here = with_engine(None, normalize, offset)
    assert_same(with_engine(processes, normalize, offset), here, rtol=1e-12)


def test_a_killed_worker_costs_one_try_and_no_bit(gathered, tmp_path):
    once = str(tmp_path / "died")
    disturbed = gathered(Stream(1700, odd=((7, {"deadly": once}),)))
    assert os.path.exists(once)
    undisturbed = gathered(Stream(1700))
    assert disturbed.done == undisturbed.done == 9
    assert bits(disturbed) == bits(undisturbed)


@pytest.mark.parametrize("odd", [{}, {"deadly": "died"}])
def test_progress_moves_within_tasks(gathered, monkeypatch, tmp_path, odd):
    monkeypatch.setattr(tasks, "sizes", small_tasks(64, 400))
    monkeypatch.setattr(running, "PULSE", 0.01)
    odd = {name: str(tmp_path / once) for name, once in odd.items()}
    calls = []
    stream = Stream(800, seconds=0.2, odd=((3, odd),))
    found = gathered(stream, progress=lambda *told: calls.append(told))
    assert found.done == 2
    assert calls == sorted(calls)
    assert calls[-1] == ("reading", 800, 800, 800 * 8 * 4)
    assert len({rows for _, rows, *_ in calls if 0 < rows < 400}) > 1
    assert bits(found) == bits(gathered(Stream(800)))


def test_a_fragment_that_kills_its_reader_is_named_and_left_out(gathered):
    left = gathered(Stream(600, odd=((3, {"deadly": "always"}),)), skip_bad=True)
    assert [(one.name, one.rows) for one in left.left_out] == [("made rows 300-399", 100)]
    assert left.left_out[0].reason == (
        "made rows 300-399: the worker that reads it dies every time (3 tries), killed by SIGKILL, "
        "by the system for its memory probably: give it more, or use fewer --workers"
    )
    broken = Stream(600, odd=((3, {"broken": True}),))
    assert bits(gathered(broken, skip_bad=True))[:-1] == bits(left)[:-1]
    with pytest.raises(InputError, match="made rows 300-399: cannot be read"):
        gathered(broken)


def test_what_killed_a_worker_is_known_after_others_took_its_place(processes):
    for _ in range(5):
        dead = [processes.submit(signal.raise_signal, signal.SIGKILL) for _ in range(2)]
        wait(dead)
        assert [processes.submit(int).result() for _ in range(2)] == [0, 0]
        assert [processes.cause(one) for one in dead] == [KILLED, KILLED]


def test_a_worker_that_another_thread_is_about_to_reap_is_waited_for():
    codes = iter([None, None, -signal.SIGKILL, -signal.SIGKILL])
    assert _killed(type("Worker", (), {"exitcode": property(lambda _: next(codes))})())


def test_a_worker_out_of_memory_tries_again_and_then_names_the_fragment(gathered, tmp_path):
    undisturbed = gathered(Stream(1700))
    once = str(tmp_path / "asked")
    assert bits(gathered(Stream(1700, odd=((7, {"hungry": once}),)))) == bits(undisturbed)
    assert os.path.exists(once)
    hungry = Stream(600, odd=((3, {"hungry": "always"}),))
    with pytest.raises(InputError, match=r"^made rows 300-399: .*3 tries\), out of memory: give"):
        gathered(hungry)
    left = gathered(hungry, skip_bad=True)
    assert [(one.name, one.rows) for one in left.left_out] == [("made rows 300-399", 100)]


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
        (
            "gramax.audits.audit.build_report",
            " while computing the numbers of z.npy, 3 classes; give",
        ),
        ("gramax.streaming.accumulation.tasks_of", "; give it more, or less to do"),
    ],
)
def test_out_of_memory_after_the_sums_is_one_line(tmp_path, monkeypatch, capsys, step, doing):
    def failing(*_, **__):
        raise MemoryError

    monkeypatch.chdir(tmp_path)
    np.save("z.npy", np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32))
    np.save("y.npy", np.arange(12) % 3)
    monkeypatch.setattr(step, failing)
    assert main(["audit", "z.npy", "--labels", "y.npy", "--explain"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert said.startswith(f"gramax: out of memory{doing}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "serial", "workers": 2}, "processes"),
        ({"name": "processes", "workers": 0}, "at least 1"),
        ({"name": "processes", "address": "auto"}, "ray"),
        ({"name": "dask"}, "serial, processes, ray"),
        ({"name": "ray", "address": "127.0.0.1:1"}, "127.0.0.1:1: nothing answers there"),
        ({"name": "ray", "address": "ray://127.0.0.1:99999"}, "99999: nothing answers there"),
    ],
)
def test_options_that_do_not_fit_are_errors(options, words):
    with pytest.raises(InputError, match=words), engines.opened(**options):
        pass


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--workers", "2"], "--engine processes"),
        (["--engine", "processes", "--workers", "0"], "--workers"),
        (["--engine-address", "auto"], "--engine ray"),
        (["--checkpoint", "absent/file"], "absent/file"),
        (["--checkpoint", "made.npy"], "made.npy: is an input"),
    ],
)
def test_the_command_says_so_in_one_line(tmp_path, monkeypatch, capsys, args, words):
    monkeypatch.chdir(tmp_path)
    np.save("made.npy", np.eye(5))
    assert main(["audit", "made.npy", *args]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1
