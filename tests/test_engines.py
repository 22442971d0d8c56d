"""Engines: one seam, the same bits, whatever happens to the workers."""

import contextlib
import os
import subprocess
import sys
import time

import psutil
import pytest

from gramax import engines
from gramax.cli import main
from gramax.errors import InputError
from gramax.gathering import accumulate, tasks
from tests.streams import ONE, Stream, bits


@pytest.fixture(scope="module")
def processes():
    with engines.opened("processes", workers=2) as engine:
        yield engine


@pytest.fixture
def gathered(monkeypatch, processes):
    monkeypatch.setattr(tasks, "sizes", lambda n, c, d, blocks: tasks.Sizes(64, 128, 200))
    return lambda stream, **kwargs: accumulate(stream, ONE, 1, True, engine=processes, **kwargs)


def test_a_killed_worker_costs_one_try_and_no_bit(gathered, tmp_path):
    once = str(tmp_path / "died")
    disturbed = gathered(Stream(1700, odd=((7, {"deadly": once}),)))
    assert os.path.exists(once)
    undisturbed = gathered(Stream(1700))
    assert disturbed.done == undisturbed.done == 9
    assert bits(disturbed) == bits(undisturbed)


def test_a_fragment_that_kills_its_reader_is_named_and_left_out(gathered):
    left = gathered(Stream(600, odd=((3, {"deadly": "always"}),)), skip_bad=True)
    assert [(one.name, one.rows) for one in left.left_out] == [("made rows 300-399", 100)]
    assert left.left_out[0].reason == (
        "made rows 300-399: the worker that reads it dies every time (3 tries)"
    )
    broken = Stream(600, odd=((3, {"broken": True}),))
    assert bits(gathered(broken, skip_bad=True))[:-1] == bits(left)[:-1]
    with pytest.raises(InputError, match="made rows 300-399: cannot be read"):
        gathered(broken)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "serial", "workers": 2}, "processes"),
        ({"name": "processes", "workers": 0}, "at least 1"),
        ({"name": "processes", "address": "auto"}, "ray"),
        ({"name": "dask"}, "serial, processes, ray"),
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
    import numpy as np

    monkeypatch.chdir(tmp_path)
    np.save("made.npy", np.eye(5))
    assert main(["audit", "made.npy", *args]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


SLOW = """
import signal, sys
from gramax import auditing, cli
from gramax.gathering import tasks
from tests.streams import Stream

tasks.sizes = lambda n, c, d, blocks: tasks.Sizes(64, 128, 200)
auditing.open_source = lambda *_: (Stream(100_000, seconds=0.05), ())
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    sys.exit(cli.main(["audit", "made", "--engine", "processes", "--workers", "2",
                       "--checkpoint", sys.argv[1]]))
"""


def test_one_ctrl_c_ends_all_and_keeps_the_checkpoint(tmp_path):
    """The signal goes to the whole group of processes, as a terminal sends it."""
    (tmp_path / "slow.py").write_text(SLOW)
    saved = tmp_path / "saved.ckpt"
    run = subprocess.Popen(
        [sys.executable, tmp_path / "slow.py", saved],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path.parent), os.getcwd()])},
    )
    while not saved.exists() and run.poll() is None:
        time.sleep(0.1)
    os.killpg(run.pid, 2)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert err.splitlines()[-1] == "interrupted"
    assert "Traceback" not in err
    assert saved.exists()
    until = time.monotonic() + 30
    while alive(run.pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not alive(run.pid)


def alive(group):
    """The processes of a group that have not ended."""
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(one.pid) == group and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one.name())
    return found
