"""Who runs the tasks: this thread, processes on this machine, or a Ray cluster.

One seam: `submit(fn, *args)` gives a future. Everything else (retries, order, checkpoints) is the
same for all, and lies with the caller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from gramax.errors import InputError

Name = Literal["serial", "processes", "ray"]

NAMES: tuple[Name, ...] = ("serial", "processes", "ray")


class Engine(Protocol):
    """What runs functions, somewhere, and can lose them."""

    workers: int
    """How many functions run at a time."""

    tries: int
    """How often a function whose worker died is worth submitting."""

    local: bool
    """Whether functions run in this process, and may share objects with it."""

    lost: tuple[type[BaseException], ...]
    """The exceptions of a future whose worker died."""

    @property
    def tick(self) -> Callable[[int], None] | None:
        """What functions elsewhere call with how many more rows are done; None: nobody hears it."""
        ...

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run `fn(*args)`; the caller keeps no more than `workers` futures waiting at a time."""
        ...

    def cause(self, future: Future[Any]) -> str:
        """Why the worker of a lost future died, and what to do, in words; "" where not known."""
        ...

    def told(self) -> int:
        """The rows that functions under way have told of by `tick`; those of lost ones are not."""
        ...

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        ...


@contextmanager
def opened(
    name: Name = "serial", *, workers: int | None = None, address: str | None = None
) -> Iterator[Engine]:
    """An engine, and its workers ended afterwards.

    Args:
        name: "serial", "processes" or "ray".
        workers: functions at a time; by default the cores of this machine (or of the cluster).
        address: of a running Ray cluster; by default Ray is started on this machine.

    Raises:
        InputError: the options do not fit together, or the cluster cannot be reached.
        MissingExtraError: Ray is not installed.

    Example:
        >>> with opened() as engine:
        ...     print(engine.submit(max, 2, 3).result())
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

        return Processes(workers or cores())
    if name == "ray":
        from gramax.streaming.engines.ray import Ray

        return Ray(workers, address)
    if name != "serial":
        raise InputError(f"no engine {name!r}; there are {', '.join(NAMES)}")
    if workers not in (None, 1):
        raise InputError("the serial engine is one worker; add --engine processes")
    from gramax.streaming.engines.serial import Serial

    return Serial()


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1
