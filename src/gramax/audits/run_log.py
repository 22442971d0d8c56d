"""The run log: one audit a line of JSON, appended while a network trains.

A line is written with one call, so a crash can tear the last line at most: readers leave it out,
and the next writer cuts it off. An undefined number is null, with its reason beside it. Lines of
another `type` than "audit" (a logger's own scalars, say) may stand between the audits.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gramax._files import lock
from gramax.errors import InputError

__all__ = ["Entry", "RunLog"]

VERSION = 1
MARK = "gramax_log"
"""The key of every line that holds the version of its layout."""

MAX_LINE = 4 << 20
"""Bytes of a line at most; a longer one is not read, and not written."""


@dataclass(frozen=True)
class Entry:
    """One audit of a run.

    Attributes:
        step: optimiser steps (or epochs, where the run says so) before the audit; from 0.
        numbers: metrics by name, NaN where undefined.
        reasons: why a number is undefined.
        name: which rows: "train", "val", a layer; "" where there is one kind.
        n: rows; d: their length; c: classes with rows.
        floors: what a number is held against, by metric name.
        verdict: the kind of space in a sentence.
        answers: "good", "fair", "poor" or "open" by question.
        extra: the run's own numbers: loss, error, epoch.
        cosines: `[c, c]` cosines of the centred class means, where there are few classes.
        classes: their names, as many as `cosines` has rows.
        time: seconds since 1970, when it was written.
    """

    step: int
    numbers: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    n: int = 0
    d: int = 0
    c: int = 0
    floors: Mapping[str, float] = field(default_factory=dict)
    verdict: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, float] = field(default_factory=dict)
    cosines: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    time: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """The entry as JSON-ready data: no NaN or infinity, null with a reason instead."""
        undefined = [name for name, value in self.numbers.items() if not math.isfinite(value)]
        data: dict[str, Any] = {
            "type": "audit",
            "step": int(self.step),
            "name": self.name,
            "time": round(self.time, 3),
            "n": self.n,
            "d": self.d,
            "c": self.c,
            "numbers": _nulled(self.numbers),
            "reasons": {k: self.reasons.get(k, "the number is not finite") for k in undefined},
            "floors": _nulled(self.floors),
            "verdict": self.verdict,
            "answers": dict(self.answers),
            "extra": _nulled(self.extra),
        }
        if self.cosines is not None:
            rounded = np.round(np.asarray(self.cosines, float), 4) + 0.0  # no -0.0
            data["cosines"] = [
                [x if math.isfinite(x) else None for x in row] for row in rounded.tolist()
            ]
            data["classes"] = list(self.classes)
        return data


def _nulled(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {k: float(value) if math.isfinite(value) else None for k, value in numbers.items()}


class RunLog:
    """A run log open for appending, by one writer at a time.

    Example:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp(), "run.jsonl")
        >>> with RunLog(path) as log:
        ...     log.append(Entry(100, {"effective_rank": 8.5}))
        >>> from gramax.audits.run_reader import read_log
        >>> [(entry.step, dict(entry.numbers)) for entry in read_log(path)]
        [(100, {'effective_rank': 8.5})]
    """

    def __init__(
        self, path: str | os.PathLike[str], *, fresh: bool = False, fsync: bool = False
    ) -> None:
        """Open `path`, made where it is missing, and cut off a last line that a crash has torn.

        Args:
            path: the file; its folder exists.
            fresh: start anew where the file holds the log of an earlier run.
            fsync: wait for the disk after every line: survives the loss of power too.

        Raises:
            InputError: it cannot be written, is no run log, or another process is writing it.
        """
        self.path = Path(path)
        self._fsync = fsync
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        try:
            self._file = os.open(self.path, flags, 0o666)
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from None
        try:
            lock(self._file)
            start = f'{{"{MARK}":'.encode()
            if not start.startswith(os.pread(self._file, len(start), 0)):
                words = "is not a run log, and is left as it is; choose another file"
                raise InputError(f"{path}: {words}")
            os.ftruncate(self._file, 0 if fresh else _whole_lines(self._file))
        except BaseException as error:
            self.close()
            if not isinstance(error, BlockingIOError):
                raise
            words = "another run (or sink) is writing this log; give each its own file"
            raise InputError(f"{path}: {words}") from None

    def append(self, entry: Entry) -> None:
        """Write one audit, as `write` does; its time is now where the entry has none."""
        self.write(entry.to_dict() | ({} if entry.time else {"time": round(time.time(), 3)}))

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one line of JSON-ready data, which has a `type`.

        Raises:
            ValueError: the log is closed, or the record is longer than `MAX_LINE`.
            InputError: the disk does not take the whole line; the log is left as it was.
        """
        if self._file < 0:
            raise ValueError(f"{self.path}: the run log is closed")
        text = json.dumps({MARK: VERSION, **record}, allow_nan=False, separators=(",", ":"))
        line = text.encode() + b"\n"
        if len(line) > MAX_LINE:
            size = f"an entry of {len(line):,} bytes; a run log takes {MAX_LINE:,}"
            raise ValueError(f"{self.path}: {size}: leave out its cosines, or shorten `extra`")
        before = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, line)
            if self._fsync:
                os.fsync(self._file)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written: {error.strerror}") from None
        if written < len(line):
            os.ftruncate(self._file, before)
            raise InputError(f"{self.path}: cannot be written: the disk is full")

    def close(self) -> None:
        """Let another writer in; closing twice does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _whole_lines(file: int) -> int:
    """Bytes up to the end of the last whole line."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(end - (1 << 16), 0)
        at = os.pread(file, end - start, start).rfind(b"\n")
        if at >= 0:
            return start + at + 1
        end = start
    return 0


def add_in_order(entries: list[Entry], entry: Entry) -> None:
    """Append an audit; where the run went back (to a checkpoint), what it wrote later counts.

    Example:
        >>> kept = []
        >>> for step in (1, 2, 3, 2):
        ...     add_in_order(kept, Entry(step, {}))
        >>> [entry.step for entry in kept]
        [1, 2]
    """
    while entries and entries[-1].step >= entry.step:
        entries.pop()
    entries.append(entry)
