"""The grammar of `--fail-on`: NAME, a comparison, a number; for example ``effective_rank<50``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from gramax._text import visible
from gramax.errors import InputError
from gramax.metrics.names import full_name

COMPARISONS = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
PATTERN = re.compile(rf"\s*([a-z][a-z0-9_ ]{{0,79}}?)\s*({'|'.join(COMPARISONS)})\s*(\S+)\s*")


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
        broken = COMPARISONS[self.comparison](value, self.bound)
        return f"{self}: {self.metric} is {value:.6g}" if broken else None


def parse(text: str) -> Threshold:
    """A threshold from its text; `InputError` where that does not follow the grammar.

    Example:
        >>> print(parse("effective_rank < 50"))
        effective_rank<50
    """
    match = PATTERN.fullmatch(text)
    try:
        bound = float(match[3]) if match else math.nan
    except ValueError:
        bound = math.nan
    if match is None or math.isnan(bound):
        raise InputError(
            f'--fail-on "{visible(text[:80])}" is not a condition; write NAME<NUMBER, for example '
            '"effective_rank<50" (comparisons: < <= > >= == !=)'
        )
    return Threshold(match[1], match[2], bound)


def named(thresholds: list[Threshold], known: Collection[str]) -> list[Threshold]:
    """The thresholds, each on a metric by its full name; `InputError` where one has none."""
    return [
        replace(one, metric=full_name(one.metric, known, f"--fail-on {one}")) for one in thresholds
    ]
