"""`python -m gramax`, and the installed command, which a signal ends in good order at any moment.

Ctrl-C and SIGTERM become one exception in the main thread, raised where it cannot get lost. Python
runs the handler of a signal between any two steps of the main thread. What it raises inside a
callback of the garbage collector (JAX has one: a fifth of all Ctrl-C land there), of a weak
reference or in a `__del__` is printed and forgotten; inside the import of an extension module it
comes out as another error, or as a crash. So the handler looks where it is, and in such a place
comes back a little later. It listens before `gramax.cli` is loaded, which can be interrupted too.
"""

from __future__ import annotations

import _weakrefset
import gc
import os
import signal
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

AGAIN, MOST = 0.01, 1000
"""Seconds until the handler comes back, and how often it does before it raises anyway."""

WEAK = (weakref.__file__, _weakrefset.__file__)
"""Where the callbacks of weak sets, weak dictionaries and finalizers are."""


class Stop:
    """What was heard: `signal` is the number of the signal that asked to stop, or None."""

    signal: int | None = None
    _waited = 0

    def hear(self, number: int, frame: FrameType | None) -> None:
        """The handler: raise `KeyboardInterrupt`, now or as soon as it reaches somebody."""
        if number in (signal.SIGINT, signal.SIGTERM):
            self.signal = number
        if hasattr(signal, "setitimer") and self._waited < MOST and _forgotten(frame):
            self._waited += 1
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
            return
        raise KeyboardInterrupt


def _forgotten(frame: FrameType | None) -> bool:
    """Whether an exception in this frame is dropped, or turned into another, by a caller of it."""
    collecting = [getattr(callback, "__code__", None) for callback in gc.callbacks]
    while frame is not None:
        code = frame.f_code
        importing = code.co_filename.startswith("<frozen importlib")
        if importing or code.co_name == "__del__" or code.co_filename in WEAK or code in collecting:
            return True
        frame = frame.f_back
    return False


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Within the block SIGINT and SIGTERM raise `KeyboardInterrupt`; after it they end the process.

    Signals that the parent has set to be ignored (`nohup`, a job in the background) stay ignored.
    To be called in the main thread of a process of our own.
    """
    stop = Stop()
    stops = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    ours = [number for number, usual in stops.items() if signal.getsignal(number) == usual]
    ours += [signal.SIGALRM] if hasattr(signal, "setitimer") else []
    for number in ours:
        signal.signal(number, stop.hear)
    try:
        yield stop
    finally:
        if hasattr(signal, "setitimer"):  # an alarm while Python shuts down would kill it
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def run() -> None:
    """Run the command and leave with its exit code; 128 and the signal where one ended it."""
    with stoppable() as stop:
        code = 130
        try:
            from gramax.cli import main, streams

            streams.prepare()
            code = streams.finish(main())
        except KeyboardInterrupt:
            pass  # while the command was loaded, or a second one
    if code == 130 and stop.signal:
        # At once: what still reads in another thread is not waited for.
        os._exit(128 + stop.signal)
    sys.exit(code)


if __name__ == "__main__":
    run()
