"""What goes wrong at the edges, in one line that says what, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["InputError", "MissingExtraError"]


class InputError(ValueError):
    """An input that cannot be audited; the message is one line for a person to act on."""


class MissingExtraError(ImportError):
    """A feature whose optional packages are not installed."""

    def __init__(self, feature: str, package: str, extra: str | None = None):
        """Name the feature, the package it lacks, and the extra that brings it, if one does."""
        self.asked = (feature, package, extra)
        line = f"pip install {package}"
        if extra:
            line = f"pip install 'gramax[{extra}]' (or {line})"
        super().__init__(f"{feature} needs {package}, which is not installed: {line}")


@contextmanager
def telling_memory(doing: str) -> Iterator[None]:
    """A lack of memory in the block, XLA's included, is a `MemoryError` that says what was done.

    Example:
        >>> with telling_memory("counting"):
        ...     raise MemoryError
        Traceback (most recent call last):
        MemoryError
        while counting
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, MemoryError) and not exhausted(error):
            raise
        short = MemoryError("XLA") if exhausted(error) else error
        short.add_note(f"while {doing}")
        raise short from None


def exhausted(error: Exception) -> bool:
    """Whether XLA says that a device, or this process, has too little memory."""
    # By its name: this module is loaded where JAX is not.
    return type(error).__name__ == "JaxRuntimeError" and "RESOURCE_EXHAUSTED" in str(error)
