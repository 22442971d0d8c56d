"""Reading run logs: whole, or as they grow. What is read is checked: the file may be anyone's."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gramax._text import no_constant, visible
from gramax.audits.run_log import MARK, MAX_LINE, VERSION, Entry, add_in_order
from gramax.errors import InputError

__all__ = ["Follower", "read_log", "read_runs"]


def read_log(path: str | os.PathLike[str]) -> list[Entry]:
    """Every audit of a run log, in the order of its lines; a torn last line is left out.

    Where a run went back to a checkpoint, steps come twice: `read_runs` sorts that out.

    Args:
        path: the file that `RunLog` or `JsonLinesSink` wrote.

    Raises:
        InputError: the file cannot be read, or a line is no line of a run log (it is named).
    """
    follower = Follower(path)
    if not follower.exists():
        raise InputError(f"{path}: there is no such file")
    return follower.poll()


def read_runs(path: str | os.PathLike[str]) -> dict[str, list[Entry]]:
    """The audits of a log by the name of their rows ("train", "val"), each in order of steps.

    Where a run went back to a checkpoint, what it wrote later counts.

    Args:
        path: the file that `RunLog` or `JsonLinesSink` wrote.

    Raises:
        InputError: the file cannot be read, holds no audit, or a line is no line of a run log (it
            is named).

    Example:
        >>> import tempfile, pathlib
        >>> from gramax.audits.run_log import RunLog
        >>> path = pathlib.Path(tempfile.mkdtemp(), "run.jsonl")
        >>> with RunLog(path) as log:
        ...     for step in (1, 2, 3, 2):
        ...         log.append(Entry(step, {"effective_rank": 8.5}, name="val"))
        >>> {name: [entry.step for entry in entries] for name, entries in read_runs(path).items()}
        {'val': [1, 2]}
    """
    names: dict[str, list[Entry]] = {}
    for entry in read_log(path):
        add_in_order(names.setdefault(entry.name, []), entry)
    if not names:
        raise InputError(f"{path}: holds no audit yet")
    return names


class Follower:
    """A run log read as it grows: every `poll` gives the audits that came since the last.

    `restarts` counts how often the file was replaced by another: audits of before are void then.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Start before the first line; the file need not exist yet."""
        self.path = Path(path)
        self.restarts = 0
        self._read, self._line = 0, 0
        self._file: int | None = None

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def poll(self) -> list[Entry]:
        """The new audits; nothing where the file is missing. A replaced file is read anew.

        Raises:
            InputError: the file cannot be read, or a line is no line of a run log.
        """
        try:
            with self.path.open("rb") as file:
                about = os.fstat(file.fileno())
                if self._file not in (None, about.st_ino) or about.st_size < self._read:
                    self.restarts += 1
                    self._read, self._line = 0, 0
                self._file = about.st_ino
                file.seek(self._read)
                return list(self._entries(file))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror}") from None

    def _entries(self, file: BinaryIO) -> Iterator[Entry]:
        while (line := file.readline(MAX_LINE + 1)).endswith(b"\n"):
            self._read += len(line)
            self._line += 1
            entry = _entry(line, f"{self.path}: line {self._line}")
            if entry is not None:
                yield entry
        if len(line) > MAX_LINE:
            line = f"line {self._line + 1}"
            raise InputError(f"{self.path}: {line} is longer than {MAX_LINE:,} bytes")


def _entry(line: bytes, where: str) -> Entry | None:
    """The audit of a line, or None where it is a line of another type."""
    try:
        data = json.loads(line, parse_constant=no_constant)
    except (ValueError, RecursionError):
        raise InputError(f"{where} is not JSON: not a run log, or damaged") from None
    if not isinstance(data, dict) or MARK not in data:
        raise InputError(f"{where} is not of a run log: it has no {MARK!r}")
    if data[MARK] != VERSION:
        version = visible(str(data[MARK])[:20])
        reads = f"this gramax reads {VERSION}"
        raise InputError(f"{where} has version {version} of the run log; {reads}")
    if data.get("type") != "audit":
        return None
    try:
        asked = {key: check for key, check in CHECKS.items() if key in data or key in REQUIRED}
        return Entry(**{key: check(data[key], key) for key, check in asked.items()})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} is not an audit: {visible(str(error))[:200]}") from None


def _count(value: Any, key: str) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{key} is not a whole number from 0")
    return value


def _number(value: Any, key: str) -> float:
    if value is None:
        return math.nan
    if type(value) not in (int, float) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"{key} holds what is not a number")
    return float(value)


def _typed(value: Any, kind: type, problem: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(problem)
    return value


def _word(value: Any, key: str) -> str:
    return visible(_typed(value, str, f"{key} holds what is not text"))


def _list(value: Any, key: str) -> list[Any]:
    return _typed(value, list, f"{key} is not a list")


def _numbers(value: Any, key: str) -> dict[str, float]:
    entries = _typed(value, dict, f"{key} is not an object")
    return {visible(name): _number(entry, key) for name, entry in entries.items()}


def _words(value: Any, key: str) -> dict[str, str]:
    entries = _typed(value, dict, f"{key} is not an object")
    return {visible(name): _word(entry, key) for name, entry in entries.items()}


def _square(value: Any, key: str) -> np.ndarray | None:
    if value is None:
        return None
    rows = [[_number(x, key) for x in _list(row, key)] for row in _list(value, key)]
    if not rows or any(len(row) != len(rows) for row in rows):
        raise ValueError(f"{key} is not a square matrix")
    if any(abs(x) > 2 for row in rows for x in row):
        raise ValueError(f"{key} holds what is no cosine")
    return np.asarray(rows, np.float32)


CHECKS = {
    "step": _count,
    "numbers": _numbers,
    "reasons": _words,
    "name": _word,
    "n": _count,
    "d": _count,
    "c": _count,
    "floors": _numbers,
    "verdict": _word,
    "answers": _words,
    "extra": _numbers,
    "cosines": _square,
    "classes": lambda value, key: tuple(_word(name, key) for name in _list(value, key)),
    "time": _number,
}
"""What checks, and makes safe to show, each value of an audit."""

REQUIRED = ("step", "numbers")
