"""Which file is being read at this moment, for a process that watches this one from outside.

A library in C that hangs or crashes cannot say which file it was reading. So the readers say it
before they hand over to the library, and say that they are back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_listener: Callable[[str], None] | None = None


def listen(listener: Callable[[str], None] | None) -> None:
    """From now on call `listener` with the name of every file, and with "" after it.

    Args:
        listener: called from the thread that reads; None for nobody.
    """
    global _listener
    _listener = listener


def say(file: str) -> None:
    """A reader is at work on `file`, or still is; "" says that it is done."""
    if _listener is not None:
        _listener(file)


@contextmanager
def under_way(file: str) -> Iterator[None]:
    """Within the block `file` is being read, which a lack of memory then says.

    Example:
        >>> listen(print)
        >>> with under_way("z.h5"):
        ...     listen(None)
        z.h5
    """
    say(file)
    try:
        yield
    except MemoryError as error:
        error.add_note(f"while reading {file}")
        raise
    finally:
        say("")


def each_under_way(items: Iterator[T], file: str) -> Iterator[T]:
    """The items, while each of them is being made `file` is said to be read."""
    end = object()
    while True:
        with under_way(file):
            item = next(items, end)
        if item is end:
            return
        yield item  # type: ignore[misc]
