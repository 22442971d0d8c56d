"""A run log as it is watched in a terminal: each metric with its course, its floor, the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from gramax.audits.headline_metrics import HEADLINE
from gramax.audits.run_log import Entry
from gramax.render.number_text import SPARKLINE_WIDTH, STATUS_MARKS, number, sparkline, spoken
from gramax.render.terminal import STATUS_STYLES


def run_overview(path: str, runs: Mapping[str, Sequence[Entry]]) -> RenderableType:
    """What is known of a run: for each kind of rows its metrics, and the last verdict."""
    if not any(runs.values()):
        return Text(f"{path}: waiting for the first audit …", style="dim")
    parts: list[RenderableType] = []
    for name, entries in runs.items():
        last = entries[-1]
        extras = "".join(f", {key} {number(value)}" for key, value in last.extra.items())
        heading = Text(f"{path} {name}".strip(), style="bold")
        told = f"  step {last.step:,}{_when(last.time)}, audit {len(entries):,}{extras}"
        heading.append(told, style="not bold")
        parts += [heading, _metrics(entries), Text(f"{last.verdict}\n", style="bold")]
    return Group(*parts)


def _when(moment: float) -> str:
    """The time of day; empty where the moment in the log is none that a calendar has."""
    try:
        return f" at {datetime.fromtimestamp(moment):%H:%M:%S}" if moment else ""
    except (OverflowError, ValueError, OSError):
        return ""


def _metrics(entries: Sequence[Entry]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True, width=1)
    table.add_column("", no_wrap=True)
    table.add_column("since the start", min_width=8)
    table.add_column("now", justify="right", no_wrap=True)
    table.add_column("against", justify="right", no_wrap=True)
    last = entries[-1]
    for question, metric in HEADLINE.items():
        status = last.answers.get(question, "open")
        colour = STATUS_STYLES.get(status, "dim")
        values = [entry.numbers.get(metric, math.nan) for entry in entries]
        now = Text(number(values[-1]), style="bold")
        if not math.isfinite(values[-1]) and metric in last.reasons:
            now = Text(last.reasons[metric], style="yellow")
        against = Text(number(last.floors.get(metric, math.nan)), style="dim")
        mark = Text(STATUS_MARKS.get(status, "–"), style=colour)
        table.add_row(mark, spoken(metric), _Spark(values, colour), now, against)
    return table


@dataclass(frozen=True)
class _Spark:
    """A sparkline that takes the width that is left, so that no number is cut for it."""

    values: Sequence[float]
    style: str

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement(min(8, options.max_width), min(SPARKLINE_WIDTH, options.max_width))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(SPARKLINE_WIDTH, options.max_width)
        yield Text(sparkline(self.values, width), style=self.style)
