"""Who runs the tasks: this thread, processes on this machine, or a Ray cluster.

One seam: `run(fn, *args)`, called from as many threads as there are workers. Everything else
(retries, order, checkpoints) is the same for all, and lies with the caller.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, get_args

from gramax.errors import InputError
from gramax.streaming.execution import EngineName

THREADS = ("NPROC", "PJRT_NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ONE_THREAD: dict[str, str] = dict.fromkeys(THREADS, "1")
"""The environment of a worker: XLA and BLAS with one thread each, as there is one a core."""

NO_MEMORY = ", out of memory: give it more, or use fewer --workers"
"""Why a worker died that said so."""


class Engine:
    """What runs functions, somewhere, `workers` at a time, and can lose them."""

    workers: int
    tries: int = 1  # of a function whose worker died
    local: bool = False  # functions run in this process, and may share objects with it
    lost: tuple[type[BaseException], ...] = ()  # exceptions of a future whose worker died
    tick: Callable[[int], None] | None = None  # for functions elsewhere to tell rows that are done

    def run(self, fn: Callable[..., Any], *args: Any) -> Any:
        """What `fn(*args)` gives or raises; here, where the engine is local."""
        return fn(*args)

    def cause(self, error: BaseException) -> str:
        """Why a worker was lost, and what to do, as words that go on; "" where it is not known."""
        return NO_MEMORY if isinstance(error, MemoryError) else ""

    def told(self) -> int:
        """The rows that functions under way have told of by `tick`; those of lost ones are not."""
        return 0

    def close(self) -> None:
        """End the workers, whatever they are doing."""


class Serial(Engine):
    """The engine without workers: all runs in the thread that asks for it."""

    workers = 1
    local = True


@contextmanager
def opened(
    name: EngineName = "serial", *, workers: int | None = None, address: str | None = None
) -> Iterator[Engine]:
    """An engine, and its workers ended afterwards; by default one worker a core.

    Raises:
        InputError: the options do not fit together, or the cluster cannot be reached.
        MissingExtraError: Ray is not installed.

    Example:
        >>> with opened() as engine:
        ...     print(engine.run(max, 2, 3))
        3
    """
    engine = _open(name, workers, address)
    try:
        yield engine
    finally:
        engine.close()


def _open(name: str, workers: int | None, address: str | None) -> Engine:
    if workers is not None and workers < 1:
        raise InputError(f"--workers must be at least 1; got {workers}")
    if address is not None and name != "ray":
        raise InputError("--engine-address is the address of a Ray cluster; add --engine ray")
    if name == "processes":
        from gramax.streaming.engines.processes import Processes

        # Not every system says which cores are ours.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return Processes(workers or cores or 1)
    if name == "ray":
        from gramax.streaming.engines.ray import Ray

        return Ray(workers, address)
    if name != "serial":
        raise InputError(f"no engine {name!r}; there are {', '.join(get_args(EngineName))}")
    if workers not in (None, 1):
        raise InputError("the serial engine is one worker; add --engine processes")
    return Serial()


@contextmanager
def deaf() -> Iterator[None]:
    """Processes that are started now are deaf to Ctrl-C, from their first moment on.

    In a terminal it goes to all processes of a command; one of them is to answer.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
