"""Processes that tests start, signal and wait for."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil

GRAMAX = [sys.executable, "-m", "gramax"]


def started(command, **options):
    """A process in a group of its own, its output piped."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = list(map(str, command))
    # A job in the background is told to ignore Ctrl-C, and so are its children; but not these.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, **(pipes | options), text=True, start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, before)


def slow_audit(saved, *more, rows=100_000, seconds=0.05, **options):
    """An audit that takes `seconds` a hundred rows, with the checkpoint `saved`."""
    command = [sys.executable, "-m", "tests.faults.command", rows, seconds, "audit", "made.npy"]
    return started([*command, "--checkpoint", saved, *more], **options)


def wait_for_a_save(run, saved, before=0):
    """Until the checkpoint is newer than `before`, or the process is gone."""
    while run.poll() is None and saved_at(saved) == before:
        time.sleep(0.002)


def saved_at(saved):
    return os.stat(saved).st_mtime_ns if saved.exists() else 0


def alive(group, seconds=30):
    """The processes of a group that have not ended after so many seconds."""
    until = time.monotonic() + seconds
    while (found := _alive(group)) and time.monotonic() < until:
        time.sleep(0.1)
    return found


def _alive(group):
    found = []
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(one.pid) == group and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one.name())
    return found
