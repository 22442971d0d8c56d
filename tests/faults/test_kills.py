"""The resumable audit under SIGKILL, SIGTERM and SIGINT at random moments: the same bits."""

import os
import random
import signal
import time

import pytest
from tests.faults import command
from tests.faults.processes import saved_at, slow_audit, wait_for_a_save
from tests.streams import ONE, Stream, bits

from gramax import cli
from gramax.streaming import accumulate, checkpoint, collection, tasks

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, *5 * [signal.SIGKILL])
ENDS = {signal.SIGKILL: -signal.SIGKILL, signal.SIGTERM: 143, signal.SIGINT: 130}


@pytest.fixture
def small(monkeypatch):
    """The small tasks of the slow command, in this process too."""
    changed = ((tasks, "sizes"), (collection, "open_source"))
    for module, name in (*changed, (checkpoint, "SECONDS"), (checkpoint, "SHARE")):
        monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    command.slow(100_000, 0.0)


@pytest.mark.parametrize("stops", [3, pytest.param(140, marks=pytest.mark.slow)])
def test_stopped_at_any_moment_it_ends_with_the_same_bits(tmp_path, small, stops):
    """Stopped at a random moment after some more was saved; of 140 stops 104 are kills -9."""
    rng, saved, rows = random.Random(20261123), tmp_path / "saved", 5_000 * stops
    for k in range(stops):
        before, number = saved_at(saved), SIGNALS[k % len(SIGNALS)]
        run = slow_audit(saved, rows=rows, seconds=0.02)
        wait_for_a_save(run, saved, before)
        time.sleep(rng.uniform(0, 0.2))
        run.send_signal(number)
        out, err = run.communicate(timeout=120)
        assert run.returncode == ENDS[number], f"done before it was stopped? {err}"
        killed = number == signal.SIGKILL
        assert (out, err.strip()) == ("", "" if killed else "interrupted")
        mine = {"saved", ".saved.lock", ".saved.part"} if killed else {"saved"}
        assert set(os.listdir(tmp_path)) <= mine
    told = []
    found = accumulate(
        Stream(rows), ONE, 1, True, lambda *now: told.append(now[1]), checkpoint=saved
    )
    assert 0 < told[0] < rows
    assert os.listdir(tmp_path) == ["saved"]
    assert bits(found) == bits(accumulate(Stream(rows), ONE, 1, True))


def test_two_at_once_one_is_refused_until_the_other_is_gone(tmp_path, small, monkeypatch, capsys):
    saved = tmp_path / "saved"
    first = slow_audit(saved)
    wait_for_a_save(first, saved)
    second = ["audit", "made.npy", "--checkpoint", str(saved)]
    assert cli.main(second) == 2
    why = "another audit is at work on it; wait for its end, or name another file"
    assert capsys.readouterr().err == f"gramax: {saved}: {why}\n"
    assert first.poll() is None
    first.kill()
    first.communicate()
    told = []

    def stop(_, phase, done, *size):
        told.append(done)
        raise KeyboardInterrupt

    monkeypatch.setattr("gramax.cli.progress.Lines.__call__", stop)
    assert cli.main(second) == 130
    assert told[0] >= 200
    assert os.listdir(tmp_path) == ["saved"]
