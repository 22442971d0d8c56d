"""Reading run logs: whole, or as they grow. What is read is checked: the file may be anyone's."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gramax._text import no_constant, visible
from gramax.audits.run_log import MARK, MAX_LINE, VERSION, Entry, add_in_order
from gramax.errors import InputError

__all__ = ["Follower", "read_log", "read_runs"]

MAX_ENTRIES = 1_000_000
"""Audits of a log at most."""


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
        self.restarts = -1
        self._from_the_start()

    def _from_the_start(self) -> None:
        self.restarts += 1
        self._read, self._line, self._count = 0, 0, 0
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
                    self._from_the_start()
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
            if entry is None:
                continue
            self._count += 1
            if self._count > MAX_ENTRIES:
                raise InputError(f"{self.path}: holds more than {MAX_ENTRIES:,} audits")
            yield entry
        if len(line) > MAX_LINE:
            raise InputError(
                f"{self.path}: line {self._line + 1} is longer than {MAX_LINE:,} bytes"
            )


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
        return _checked(data)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} is not an audit: {visible(str(error))[:200]}") from None


def _checked(data: dict[str, Any]) -> Entry:
    get: Callable[[str, Any], Any] = data.get
    cosines = get("cosines", None)
    return Entry(
        step=_count(data["step"], "step"),
        numbers=_numbers(data["numbers"], "numbers"),
        reasons=_words(get("reasons", {}), "reasons"),
        name=_word(get("name", ""), "name"),
        n=_count(get("n", 0), "n"),
        d=_count(get("d", 0), "d"),
        c=_count(get("c", 0), "c"),
        floors=_numbers(get("floors", {}), "floors"),
        verdict=_word(get("verdict", ""), "verdict"),
        answers=_words(get("answers", {}), "answers"),
        extra=_numbers(get("extra", {}), "extra"),
        cosines=None if cosines is None else _square(cosines),
        classes=tuple(_word(name, "classes") for name in _list(get("classes", []), "classes")),
        time=_number(get("time", 0.0), "time"),
    )


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


def _numbers(value: Any, key: str) -> dict[str, float]:
    return {visible(name): _number(entry, key) for name, entry in _dict(value, key).items()}


def _words(value: Any, key: str) -> dict[str, str]:
    return {visible(name): _word(entry, key) for name, entry in _dict(value, key).items()}


def _word(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{key} holds what is not text")
    return visible(value)


def _dict(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{key} is not an object")
    return value


def _list(value: Any, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{key} is not a list")
    return value


def _square(value: Any) -> np.ndarray:
    rows = [
        [_number(x, "cosines") for x in _list(row, "cosines")] for row in _list(value, "cosines")
    ]
    if not rows or any(len(row) != len(rows) for row in rows):
        raise ValueError("cosines is not a square matrix")
    if any(abs(x) > 2 for row in rows for x in row):
        raise ValueError("cosines holds what is no cosine")
    return np.asarray(rows, np.float32)
