"""The engine of worker processes on this machine.

Every worker is a pool of its own, of one process: when it dies (killed for its memory, say), one
task is lost with it and known, and the others go on. `ProcessPoolExecutor` gives up as a whole.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any
from weakref import WeakKeyDictionary

from gramax.streaming.engines.causes import KILLED, NO_MEMORY
from gramax.streaming.signals import deaf

THREADS = ("NPROC", "PJRT_NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ONE_THREAD: dict[str, str] = dict.fromkeys(THREADS, "1")
"""The environment of a worker: XLA and BLAS with one thread each, as there is one a core."""


class Processes:
    """An `Engine` of `workers` processes, started when they are needed.

    Args:
        workers: processes.
    """

    tries = 3
    local = False
    lost: tuple[type[BaseException], ...] = (BrokenProcessPool, MemoryError)

    @staticmethod
    def tick(rows: int) -> None:
        """In a worker: so many more rows are done."""
        if _slot is not None:
            told, k = _slot
            told[k] += rows

    def __init__(self, workers: int):
        self.workers = workers
        self._spawn = [_Spawn() for _ in range(workers)]
        self._pools: list[ProcessPoolExecutor | None] = [None] * workers
        self._latest: list[Future[Any] | None] = [None] * workers
        # A dead worker's place may be taken before anyone asks what it died of.
        self._worker: WeakKeyDictionary[Future[Any], BaseProcess] = WeakKeyDictionary()
        # Nothing is ever sent: workers end when our end of the pipe is gone, as it is after a
        # `kill -9` of this process as well.
        self._read, self._write = multiprocessing.Pipe(duplex=False)
        # A number a worker, which it alone writes while it works: without a lock, which it could
        # take with it when it is killed.
        self._told = multiprocessing.get_context("spawn").RawArray("q", workers)

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run `fn(*args)` in a free worker, or after what a busy one is doing."""
        with deaf():
            return self._submit(fn, *args)

    def _submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        free = (k for k, one in enumerate(self._latest) if one is None or one.done())
        k = next(free, 0)
        self._told[k] = 0
        try:
            future = self._pool(k).submit(fn, *args)
        except BrokenProcessPool:  # it died before, or while it was idle
            self._pools[k] = None
            future = self._pool(k).submit(fn, *args)
        self._latest[k] = future
        if worker := self._spawn[k].latest:
            self._worker[future] = worker
        return future

    def cause(self, future: Future[Any]) -> str:
        """Memory, where the worker said so or was killed."""
        if isinstance(future.exception(), MemoryError):
            return NO_MEMORY
        worker = self._worker.get(future)
        return KILLED if worker and _killed(worker) else ""

    def told(self) -> int:
        """What the workers that are at work have told."""
        under_way = [one is not None and not one.done() for one in self._latest]
        return sum(rows for rows, busy in zip(self._told, under_way, strict=True) if busy)

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        self._write.close()
        for pool in self._pools:
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)
        self._read.close()

    def _pool(self, k: int) -> ProcessPoolExecutor:
        pool = self._pools[k]
        if pool is None:
            pool = ProcessPoolExecutor(
                1,
                mp_context=self._spawn[k],
                initializer=_begin,
                initargs=(self._read, self._told, k),
            )
            self._pools[k] = pool
        return pool


class _Spawn(SpawnContext):
    """How workers are started, which remembers the latest one."""

    latest: BaseProcess | None = None

    def Process(self, *args: Any, **options: Any) -> BaseProcess:  # noqa: N802  # pyright: ignore
        self.latest = SpawnProcess(*args, **options)
        return self.latest


def _killed(worker: BaseProcess) -> bool:
    # It is gone. The pool's thread reaps it as well, and whoever comes second does not know how it
    # ended until the first has noted it.
    until = time.monotonic() + 1
    while worker.exitcode is None and time.monotonic() < until:
        time.sleep(0.005)
    return worker.exitcode == -getattr(signal, "SIGKILL", 9)


_slot: tuple[Any, int] | None = None
"""In a worker: the numbers that it shares with its parent, and which one is its own."""


def _begin(parent: Connection, told: Any, k: int) -> None:
    """In a new worker: one thread, deaf to Ctrl-C, and gone with its parent."""
    global _slot
    _slot = told, k
    os.environ.update(ONE_THREAD)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    try:
        parent.recv()
    except (EOFError, OSError):
        os._exit(1)
