"""The engine that runs everything at once, in the calling thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Serial:
    """An `Engine` without workers; its futures are done when they are given out."""

    workers = 1
    tries = 1
    local = True
    lost: tuple[type[BaseException], ...] = ()
    tick: Callable[[int], None] | None = None

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run `fn(*args)` now."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def cause(self, future: Future[Any]) -> str:
        """Nothing: no worker dies."""
        return ""

    def told(self) -> int:
        """Nothing: a function that runs here tells whom it likes."""
        return 0

    def close(self) -> None:
        """Nothing is left to end."""
