"""Two saved reports compared: their numbers, with the errors that they were saved with."""

from __future__ import annotations

import json
import math
import os
from typing import Any

from gramax._text import LONGEST_NAME, cut, visible
from gramax.decide.comparison.changes import change, judged_together
from gramax.decide.comparison.conclusion import USES, concluded, uses_of
from gramax.decide.comparison.results import Comparison, Side
from gramax.errors import InputError
from gramax.uncertainty.probes import Outcome

MAX_REPORT_BYTES = 1 << 28
MAX_ERROR = 1e300
"""Two standard errors of this size still add up to a number."""

SAVED_NOTE = (
    "two saved reports: numbers alone, as of different rows; audit with --explain for errors"
)


def compare_saved(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> Comparison:
    """Compare two files of `gramax audit --json`: every number that both hold.

    A change has an error where both were written with `--explain`.

    Raises:
        InputError: a file is not such a report.
    """
    first, second = _read_side(a), _read_side(b)
    changes = {}
    for name in (name for name in first.numbers if name in second.numbers):
        errors = [side.errors[name] for side in (first, second) if name in side.errors]
        error = math.hypot(*errors) if len(errors) == 2 else None
        reason = "no error saved" if error is None else ""
        changes[name] = change(name, first.numbers[name], second.numbers[name], error, reason)
    uses = uses_of(first, second) if first.c == second.c else {}
    changes = judged_together(changes)
    notes = [SAVED_NOTE]
    if first.n != second.n:
        sizes = f"{first.n:,} and {second.n:,} rows: ranks and neighbours depend on their number"
        notes.append(f"{sizes}; compare the embeddings themselves")
    return concluded(first, second, False, changes, notes=tuple(notes), uses=uses)


def _read_side(path: str | os.PathLike[str]) -> Side:
    name = os.fspath(path)
    try:
        if os.path.getsize(path) > MAX_REPORT_BYTES:
            raise InputError(f"{name}: too large for a report")
        with open(path, encoding="utf-8") as stream:
            data = json.load(stream)
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{name}: is not JSON") from None
    try:
        metrics = {_shown(k): one for k, one in data["metrics"].items()}
        values = {k: one["value"] for k, one in metrics.items()}
        worth = data.get("worth") or {}
        errors = {k: one["error"]["standard"] for k, one in metrics.items() if one.get("error")}
        return Side(
            source=_shown("::".join(filter(None, (data["source"], data.get("array"))))),
            n=int(data["n"]),
            d=int(data["d"]),
            c=int(data["c"]),
            kind=_shown(data["diagnosis"]["kind"]),
            text=visible(str(data["diagnosis"]["text"])),
            numbers={k: math.nan if v is None else float(v) for k, v in values.items()},
            errors={k: _error(v) for k, v in errors.items() if v is not None},
            worth={k: _outcome(worth[k]) for k in USES if worth.get(k)},
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError):
        raise InputError(f"{name}: is not a report of `gramax audit --json`") from None


def _outcome(told: Any) -> Outcome:
    shares = [float(told[name]) for name in ("low", "accuracy", "high")]
    if not 0 <= shares[0] <= shares[1] <= shares[2] <= 1:
        raise ValueError(f"{shares} are no accuracy in its interval")
    return Outcome(shares[1], shares[0], shares[2], _shown(told["method"]))


def _error(value: Any) -> float:
    if not 0 <= float(value) < MAX_ERROR:
        raise ValueError(f"{value} is no standard error")
    return float(value)


def _shown(name: Any) -> str:
    """A name as a terminal may show it: whoever wrote the file chose it."""
    return cut(visible(str(name)), 4 * LONGEST_NAME)
