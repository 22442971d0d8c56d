"""Which file is being read at this moment, for a process that watches this one from outside.

A library in C that hangs or crashes cannot say which file it was reading. So the readers say it
before they hand over to the library, and say that they are back afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listener: Callable[[str], None] | None = None


def listen(listener: Callable[[str], None] | None) -> None:
    """From now on call `listener`, in the thread that reads, with every file, and "" after it."""
    global _listener
    _listener = listener


def say(file: str) -> None:
    """A reader is at work on `file`, or still is; "" says that it is done."""
    if _listener is not None:
        _listener(file)


@contextmanager
def under_way(file: str) -> Iterator[None]:
    """Within the block `file` is being read, which a lack of memory then says."""
    say(file)
    try:
        yield
    except MemoryError as error:
        error.add_note(f"while reading {file}")
        raise
    finally:
        say("")
