"""How an audit is carried out: who reads the rows, where what is done is kept, what may be bad."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

EngineName = Literal["serial", "processes", "ray"]

Progress = Callable[[str, int, int, int], None]
"""Told (phase, done, in all, bytes done) now and then: rows while "reading", else parts of work."""


@dataclass(frozen=True)
class Execution:
    """How rows are read and summed; no number depends on it but for rounding.

    Attributes:
        engine: who reads and sums the rows: "serial" (one process), "processes" or "ray".
        workers: of the engine; by default one a core.
        address: of a running Ray cluster; by default Ray is started on this machine.
        checkpoint: a file that keeps what is done. After a stop of any kind the same call goes on
            where it was; once all is done it answers at once.
        skip_bad: leave out fragments of files that cannot be read, which otherwise are an error.

    Example:
        >>> Execution(engine="processes", workers=4).skip_bad
        False
    """

    engine: EngineName = "serial"
    workers: int | None = None
    address: str | None = None
    checkpoint: str | os.PathLike[str] | None = None
    skip_bad: bool = False
