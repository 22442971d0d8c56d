"""The engine of worker processes on this machine.

When one dies (killed for its memory, say), one task is lost with it and known, and the others go
on. `ProcessPoolExecutor` gives up as a whole.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import Any

from gramax.streaming.engines import ONE_THREAD, Engine, deaf

KILLED = (
    ", killed by SIGKILL, by the system for its memory probably: "
    "give it more, or use fewer --workers"
)
"""Nobody said why; on Linux it is the out-of-memory killer, with few exceptions."""


class WorkerLostError(Exception):
    """A worker died; the words that go on say what of, where that is known."""


class Processes(Engine):
    """An `Engine` of `workers` processes, started when they are needed."""

    tries = 3
    lost: tuple[type[BaseException], ...] = (WorkerLostError, MemoryError)

    @staticmethod
    def tick(rows: int) -> None:
        """In a worker: so many more rows are done."""
        assert _parent is not None
        _parent.send(rows)

    def __init__(self, workers: int):
        self.workers = workers
        self._all = [_Worker() for _ in range(workers)]
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._all:
            self._free.put(worker)

    def run(self, fn: Callable[..., Any], *args: Any) -> Any:
        """What `fn(*args)` gives or raises in a free worker, or after what a busy one is doing."""
        worker = self._free.get()
        try:
            return worker.run(fn, args)
        finally:
            worker.told = 0
            self._free.put(worker)

    def cause(self, error: BaseException) -> str:
        """Memory, where the worker said so or was killed."""
        return str(error) if isinstance(error, WorkerLostError) else super().cause(error)

    def told(self) -> int:
        """What the workers that are at work have told."""
        return sum(worker.told for worker in self._all)

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        for worker in self._all:
            worker.end()


_starting = threading.Lock()
"""Held while a process is started or waited for: the start of one reaps others that are dead, and
whoever comes second does not know how they ended."""


class _Worker:
    """The place of one worker, from which a process that died is replaced."""

    def __init__(self):
        self.told, self.over = 0, False
        self.process: BaseProcess | None = None

    def run(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """What `fn(*args)` gives or raises in the process."""
        self._start()
        try:
            self.pipe.send((fn, args))
            while isinstance(said := self.pipe.recv(), int):
                self.told += said
        except (EOFError, OSError):
            raise WorkerLostError(KILLED if self._killed() else "") from None
        good, found = said
        if good:
            return found
        raise found

    def _start(self) -> None:
        """Start a process where there is none, or it has died."""
        spawning = multiprocessing.get_context("spawn")
        with _starting, deaf():
            if self.over:
                raise WorkerLostError
            if self.process is not None and self.process.is_alive():
                return
            self.pipe, theirs = spawning.Pipe()
            process = spawning.Process(target=_work, args=(theirs,), daemon=True)
            process.start()
            self.process = process
            theirs.close()

    def _killed(self) -> bool:
        assert self.process is not None
        with _starting:
            self.process.join()
        return self.process.exitcode == -getattr(signal, "SIGKILL", 9)

    def end(self) -> None:
        """End the process, and start no other."""
        with _starting:
            self.over = True
            if self.process is not None:
                self.process.kill()
                self.process.join()


_parent: Connection | None = None
"""In a worker: the pipe to its parent."""


def _work(pipe: Connection) -> None:
    """What a worker does: run what is sent, with one thread, deaf to Ctrl-C, until it is killed.

    It is gone with its parent, after a `kill -9` of that as well.
    """
    global _parent
    _parent = pipe
    os.environ.update(ONE_THREAD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        fn, args = pipe.recv()
        try:
            said = True, fn(*args)
        except Exception as error:
            said = False, error
        pipe.send(said)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
