"""A search for codes as it is watched: the best so far, its floor, and how the gap falls."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from gramax.render.number_text import sparkline

if TYPE_CHECKING:
    from rich.console import RenderableType

    from gramax.frames import Floor, Progress

SECONDS_BETWEEN_LINES = 5.0
"""How often `occasional_lines` writes."""

BAR_WIDTH = 48
"""Characters of the curve of gaps, and of the bar of the budget."""

LEAST_GAP = 1e-13
"""Gaps below this are rounding."""


def gap_curve(gaps: Sequence[float]) -> str:
    """Gaps as bars on a logarithmic scale, the last one at the right.

    Example:
        >>> gap_curve([1e-1, 1e-4, 1e-8])
        '█▅▁'
    """
    return sparkline([math.log10(max(gap, LEAST_GAP)) for gap in gaps], BAR_WIDTH)


class SearchOverview:
    """What is drawn while the search runs: rich draws it anew several times a second."""

    def __init__(self, floor: Floor, seconds: float | None, rounds: int | None) -> None:
        """For a search with this floor and this budget."""
        self.floor, self.seconds, self.rounds = floor, seconds, rounds
        self.began = time.monotonic()
        self.trace: list[Progress] = []
        self.add = self.trace.append

    def spent(self) -> float:
        """The part of the budget that is spent, in [0, 1]."""
        time_spent = (time.monotonic() - self.began) / (self.seconds or math.inf)
        return min(1.0, max(time_spent, len(self.trace) / (self.rounds or math.inf)))

    def __rich__(self) -> RenderableType:
        """A table of the best so far, and a bar of what is spent of the budget."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table, last = Table.grid(padding=(0, 2)), self.trace[-1] if self.trace else None
        preparing = Text("preparing: the first round compiles the search")
        best = Text(f"{last.coherence:.12f}", style="bold") if last else preparing
        table.add_row("best", best)
        table.add_row("floor", f"{self.floor.value:.12f}  {self.floor.bound}")
        if last:
            falls = gap_curve([line.gap for line in self.trace])
            table.add_row("gap", Text.assemble((f"{last.gap:.3e}  ", "bold"), (falls, "cyan")))
            table.add_row("round", f"{last.round} · {last.how}")
        left = []
        if self.seconds is not None:
            left.append(f"{max(0.0, self.seconds - time.monotonic() + self.began):.0f} s left")
        if self.rounds is not None:
            left.append(f"{max(0, self.rounds - len(self.trace))} rounds left")
        bar = ProgressBar(total=1.0, completed=self.spent(), width=BAR_WIDTH)
        foot = Table.grid(padding=(0, 2))
        foot.add_row(bar, Text(", ".join(left), style="dim"))
        return Group(table, foot)


def occasional_lines(what: str) -> Callable[[Progress], None]:
    """A function to call after every round: a line on standard error every few seconds."""
    due = time.monotonic() + SECONDS_BETWEEN_LINES

    def tell(line: Progress) -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + SECONDS_BETWEEN_LINES
            click.echo(f"gramax: {what}, round {line.round}: {line.coherence:.4f}", err=True)

    return tell


@contextmanager
def search_display(
    floor: Floor, seconds: float | None, rounds: int | None
) -> Iterator[Callable[[Progress], None]]:
    """A function to call after every round: a live table on a terminal, plain lines elsewhere.

    Both go to standard error; plain lines are written only for rounds that brought something.
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.live import Live

        overview = SearchOverview(floor, seconds, rounds)
        with Live(overview, console=Console(stderr=True), refresh_per_second=5, transient=True):
            yield overview.add
        return
    told = math.inf

    def tell(line: Progress) -> None:
        nonlocal told
        if line.coherence < told:
            told = line.coherence
            click.echo(f"{line.seconds:6.1f} s  {line.how:<12} gap {line.gap:.3e}", err=True)

    yield tell
