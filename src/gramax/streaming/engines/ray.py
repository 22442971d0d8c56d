"""The engine of a Ray cluster: one that runs, or one started on this machine.

Ray itself retries a function whose worker or machine died. The machines of a cluster need gramax
installed, and see files under the same paths (or at addresses, such as s3://).
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from typing import Any

from gramax._optional import need
from gramax.errors import InputError
from gramax.streaming.engines import NO_MEMORY, ONE_THREAD, Engine

RETRIES = 2
"""What Ray does by itself after the first try."""

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # It would print these on stdout, where the report goes.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed|retries remaining",
}
"""Read by Ray when it is imported: nothing is sent to its makers or printed."""

WAIT = 10.0
"""Seconds that a cluster has to answer in."""


class Ray(Engine):
    """An `Engine` on Ray. A `tick` would be a message through the cluster for each chunk."""

    def __init__(self, workers: int | None, address: str | None):
        """Join the cluster at `address` ("auto", "host:port", "ray://..."), or start one here."""
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        self._ray: Any = need("ray", "--engine ray", extra="ray")
        exceptions = need("ray.exceptions", "--engine ray", extra="ray")
        self._ours, self._closed = not self._ray.is_initialized(), False
        if self._ours:
            _start(self._ray, workers, address)
        self.lost = (
            exceptions.WorkerCrashedError,
            exceptions.OutOfMemoryError,
            exceptions.NodeDiedError,
            exceptions.RaySystemError,
        )
        self._no_memory = exceptions.OutOfMemoryError
        self.workers = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._run = self._ray.remote(max_retries=RETRIES, num_cpus=1)(_run)

    def run(self, fn: Callable[..., Any], *args: Any) -> Any:
        """What `fn(*args)` gives or raises on a core somewhere in the cluster."""
        future = None if self._closed else self._run.remote(fn, *args).future()
        while future is None or not wait([future], 0.5).done:
            if self._closed:  # by another thread, and nothing comes any more
                raise self.lost[0]
        return future.result()

    def cause(self, error: BaseException) -> str:
        """Memory, where Ray says so: it ends workers before the system does."""
        return NO_MEMORY if isinstance(error, self._no_memory) else super().cause(error)

    def close(self) -> None:
        """Leave the cluster; one that was started here ends, with all that it is doing."""
        self._closed = True
        if self._ours:
            self._ray.shutdown()


def _run(fn: Callable[..., Any], *args: Any) -> Any:
    os.environ.update(ONE_THREAD)
    return fn(*args)


def _start(ray: Any, workers: int | None, address: str | None) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"address": "local", "include_dashboard": False, "num_cpus": workers}
    else:
        _check_answer(address)
        options |= {"address": address}
    try:
        with warnings.catch_warnings(), _own_signals():
            # JAX warns of forks; Ray's are followed by an exec at once, which is harmless.
            warnings.filterwarnings("ignore", "os.fork", RuntimeWarning)
            ray.init(**options)
    except Exception as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"--engine ray: no cluster at {address or 'all'} ({why[0]})") from None


def _check_answer(address: str) -> None:
    """Refuse an address where nothing listens: Ray would try it for more than ten minutes."""
    known = _latest() if address == "auto" else address
    host, _, port = known.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=WAIT).close()
    except (OSError, OverflowError) as error:
        meant = f" means {known}, and" if known != address else ":"
        raise InputError(
            f"--engine-address {address}{meant} nothing answers there ({error}); "
            "`ray start --head` starts a cluster, and `auto` finds the one on this machine"
        ) from None


def _latest() -> str:
    """The address that "auto" means; "" where none is known, which Ray then says itself.

    What Ray noted when a cluster was last started stays there when the cluster is gone.
    """
    try:
        from ray._private import services

        logging.getLogger(services.__name__).setLevel(logging.ERROR)
        return services.get_ray_address_from_environment("auto", None) or ""
    except Exception:  # nothing of this is promised to stay
        return os.environ.get("RAY_ADDRESS", "")


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray ends a process at SIGTERM, with nothing saved; a handler that was there stays."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if callable(before) and signal.getsignal(signal.SIGTERM) != before:
            signal.signal(signal.SIGTERM, before)
