"""The grammar of `--fail-on`: NAME, a comparison, a number; for example ``effective_rank<50``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gramax.data.text import visible
from gramax.errors import InputError

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
PATTERN = re.compile(r"\s*([a-z][a-z0-9_]{0,79})\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Threshold:
    """A condition on one metric under which a run fails."""

    metric: str
    comparison: str
    bound: float

    def __str__(self) -> str:
        return f"{self.metric}{self.comparison}{self.bound:g}"

    def broken_by(self, numbers: Mapping[str, float]) -> str | None:
        """What broke it, in words, or None; an undefined number always breaks it."""
        value = numbers[self.metric]
        if math.isnan(value):
            return f"{self}: {self.metric} is undefined here"
        if COMPARISONS[self.comparison](value, self.bound):
            return f"{self}: {self.metric} is {value:.6g}"
        return None


def parse(text: str) -> Threshold:
    """A threshold from its text.

    Raises:
        InputError: the text does not follow the grammar.

    Example:
        >>> print(parse("effective_rank < 50"))
        effective_rank<50
    """
    match = PATTERN.fullmatch(text)
    bound = math.nan
    if match:
        try:
            bound = float(match[3])
        except ValueError:
            match = None
    if match is None or math.isnan(bound):
        raise InputError(
            f'--fail-on "{visible(text[:80])}" is not a condition; write NAME<NUMBER, for example '
            '"effective_rank<50" (comparisons: < <= > >= == !=)'
        )
    return Threshold(match[1], match[2], bound)


def check_names(thresholds: list[Threshold], known: Mapping[str, float]) -> None:
    """Raise `InputError` for a threshold on a metric that the report does not have."""
    for threshold in thresholds:
        if threshold.metric not in known:
            raise InputError(
                f"--fail-on {threshold}: no metric {threshold.metric!r} here; there are "
                f"{', '.join(known)}"
            )
