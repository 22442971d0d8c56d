"""Signals: one is enough at any moment, with each engine, and says so in one line."""

import gc
import io
import os
import random
import signal
import subprocess
import sys
import time
import weakref

import pytest
from tests.faults.processes import GRAMAX, alive, slow_audit, started, wait_for_a_save

from gramax.__main__ import stoppable
from gramax.cli.codebook import _asked_to_stop

SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("engine", "number", "code"),
    [
        ("serial", signal.SIGTERM, 143),
        ("processes", signal.SIGINT, 130),
        pytest.param("serial", signal.SIGINT, 130, marks=SLOW),
        pytest.param("processes", signal.SIGTERM, 143, marks=SLOW),
        pytest.param("ray", signal.SIGINT, 130, marks=SLOW),
        pytest.param("ray", signal.SIGTERM, 143, marks=SLOW),
    ],
)
def test_one_signal_ends_all_and_keeps_the_checkpoint(tmp_path, engine, number, code):
    """It goes to the whole group of processes, as a terminal (or a service manager) sends it."""
    if engine == "ray":
        pytest.importorskip("ray")
    saved = tmp_path / "saved"
    run = slow_audit(saved, "--engine", engine, *(["--workers", "2"] if engine != "serial" else []))
    wait_for_a_save(run, saved)
    os.killpg(run.pid, number)
    out, err = run.communicate(timeout=120)
    assert (run.returncode, out) == (code, "")
    said = [line for line in err.splitlines() if not line.startswith("gramax: ")]  # progress
    assert said == ["", "interrupted"]
    assert os.listdir(tmp_path) == ["saved"]
    assert not alive(run.pid)


@SLOW
def test_one_ctrl_c_is_enough_at_any_moment(folder):
    """From the first import to the last line; JAX's callbacks swallowed a fifth of them."""
    rng = random.Random(20261123)
    command = [*GRAMAX, "audit", "z.npy", "--labels", "y.npy", "--json", "out.json"]
    began, codes, run = time.monotonic(), [], started(command)
    run.communicate(timeout=120)
    assert run.returncode == 0
    whole = time.monotonic() - began
    for _ in range(60):
        run = started(command)
        time.sleep(rng.uniform(0.1, whole))
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
        assert run.returncode in (0, 130, -signal.SIGINT), err
        assert err.strip() == ("interrupted" if run.returncode == 130 else ""), err
        codes.append(run.returncode)
        assert set(os.listdir()) <= {"z.npy", "y.npy", "out.json"}
    assert codes.count(130) > 30


def test_signals_are_heard_before_the_command_is_loaded():
    code = "import sys, gramax.__main__; sys.exit('gramax.cli' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def signals():
    """The handlers of before, put back."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def in_the_collector():
    def callback(*_):
        signal.raise_signal(signal.SIGINT)
        gc.callbacks.remove(callback)

    gc.callbacks.append(callback)
    gc.collect()


def in_a_weak_set():
    class Signalling(set):
        def discard(self, item):
            signal.raise_signal(signal.SIGINT)
            super().discard(item)

    item = type("Item", (), {})()
    weak = weakref.WeakSet([item])
    weak.data = Signalling(weak.data)
    del item
    assert not len(weak.data)


def in_an_import():
    __import__("signalling")


@pytest.mark.parametrize("function", [in_the_collector, in_a_weak_set, in_an_import])
def test_a_signal_where_an_exception_would_be_lost_comes_after_it(
    signals, tmp_path, monkeypatch, function
):
    (tmp_path / "signalling.py").write_text("import signal; signal.raise_signal(2); done = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    steps = 0

    def run():
        nonlocal steps
        function()
        until = time.monotonic() + 30
        while time.monotonic() < until:
            steps += 1

    with stoppable() as stop, pytest.raises(KeyboardInterrupt):
        run()
    assert stop.signal == signal.SIGINT
    assert steps
    if function is in_an_import:
        assert sys.modules.pop("signalling").done


def test_a_signal_just_before_the_end_rings_no_more(signals):
    with stoppable():
        in_the_collector()
    time.sleep(0.1)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL


def test_a_signal_that_the_parent_ignores_stays_ignored(signals):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stoppable():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_signal_may_arrive_while_a_line_is_written(monkeypatch, capfd):
    class Interrupted(io.RawIOBase):
        def writable(self):
            return True

        def write(self, data):
            signal.raise_signal(signal.SIGTERM)
            return len(data)

    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(io.BufferedWriter(Interrupted())))
    with _asked_to_stop() as asked:
        print("a line", file=sys.stderr, flush=True)
    assert asked == [signal.SIGTERM]
    assert capfd.readouterr().err.startswith("stopping after this round")


def test_codebook_writes_its_best_at_sigterm(folder):
    command = [*GRAMAX, "codebook", "20", "5", "--seconds", "600", "--out", "codes.npy"]
    run = started(command)
    assert "gap" in run.stderr.readline()  # the first round is over
    run.send_signal(signal.SIGTERM)
    out, told = run.communicate(timeout=120)
    assert run.returncode == 143, told
    assert "written:  codes.npy" in out
    assert os.path.exists("codes.npy")
