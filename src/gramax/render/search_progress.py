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
    from rich.console import Console

    from gramax.frames import Floor, Progress

SECONDS_BETWEEN_LINES = 5.0
"""How often `occasional_lines` writes."""

LEAST_GAP = 1e-13
"""Gaps below this are rounding."""


def gap_curve(gaps: Sequence[float]) -> str:
    """Gaps as bars on a logarithmic scale, the last one at the right.

    Example:
        >>> gap_curve([1e-1, 1e-4, 1e-8])
        '█▅▁'
    """
    return sparkline([math.log10(max(gap, LEAST_GAP)) for gap in gaps])


@contextmanager
def search_board(
    floor: Floor, seconds: float | None, rounds: int | None, console: Console
) -> Iterator[Callable[[Progress], None]]:
    """A function to call after every round: the best so far, beside how much time is spent."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TimeElapsedColumn(), BarColumn(), TextColumn("{task.description}")
    gaps: list[float] = []
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("preparing: the first round compiles the search", total=1.0)

        def tell(line: Progress) -> None:
            gaps.append(line.gap)
            spent = len(gaps) / (rounds or math.inf)
            spent = max(spent, (bar.tasks[task].elapsed or 0.0) / (seconds or math.inf))
            words = (
                f"best {line.coherence:.12f}\nfloor {floor.value:.12f} ({floor.bound})\n"
                f"gap {line.gap:.3e} {gap_curve(gaps)}\nround {line.round}, {line.how}"
            )
            bar.update(task, completed=spent, description=words)

        yield tell


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
    """A function to call after every round: a live board on a terminal, plain lines elsewhere.

    Both go to standard error; plain lines are written only for rounds that brought something.
    """
    if sys.stderr.isatty():
        from rich.console import Console

        with search_board(floor, seconds, rounds, Console(stderr=True)) as tell:
            yield tell
        return
    told = math.inf

    def tell_better(line: Progress) -> None:
        nonlocal told
        if line.coherence < told:
            told = line.coherence
            click.echo(f"{line.seconds:6.1f} s  {line.how:<12} gap {line.gap:.3e}", err=True)

    yield tell_better
