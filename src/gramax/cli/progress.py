"""How far long work is: a bar on a terminal, plain lines elsewhere; each phase has its name."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gramax.streaming import Progress


SECONDS = 2.0
"""Between two lines: nothing is silent for longer, and what takes less leaves no line."""

PRODUCTS_A_SECOND = 8e10
"""Multiply-adds a second of the products of all pairs of rows: a guess for the time left."""


@contextmanager
def showing(sides: int = 1, explain: bool = False) -> Iterator[Progress]:
    """What to call with (phase, done, in all, bytes done); shows it on standard error.

    Args:
        sides: 2 where two spaces take their turns in each phase, "A" and "B".
        explain: error bars are to come.
    """
    phases = Phases(sides, explain)
    if not sys.stderr.isatty():
        with Lines(phases) as lines:
            yield lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=None, words="")

        def tell(phase: str, done: int, total: int, size: int) -> None:
            words = phases.words(phase, done, total, size)
            known = total if total > 1 else None  # of one step nobody knows how far it is
            bar.update(task, description=phases.name, completed=done, total=known, words=words)

        yield tell


@dataclass
class Phases:
    """The words for how far a phase is, with a guess of the time that is left of all phases."""

    sides: int = 1
    explain: bool = False
    phase: str = "starting"
    done: int = 0
    began: float = 0.0
    before: tuple[int, int] = (0, 0)
    turns: Counter[str] = field(default_factory=Counter)
    cost: float = 0.0
    """Seconds that one side takes once it is read, about."""
    due: float = 0.0
    """When all that follows reading will be done, about."""

    @property
    def name(self) -> str:
        """Of the phase, and which side it is of where there are two."""
        both = self.sides == 2 and self.phase not in ("starting", "comparing", "drawing")
        return f"{self.phase} {'AB'[self.turns[self.phase] > 1]}" if both else self.phase

    def words(self, phase: str, done: int, total: int, size: int) -> str:
        """Such as "250 of 1,000 rows, 500 MB/s, 6 s left"; what was done before does not count.

        Example:
            >>> phases = Phases()
            >>> phases.words("reading", 0, 1000, 0)
            '0 of 1,000 rows'
            >>> phases.words("numbers", 0, 1, 0)
            ''
        """
        now = time.monotonic()
        if phase != self.phase or done < self.done:  # or the same phase, of the other side
            if self.phase == "reading" != phase:
                self.due = now + self.sides * self.cost
            self.phase, self.began, self.before = phase, now, (done, size)
            self.turns[phase] += 1
        self.done, seconds = done, now - self.began
        if phase != "reading":
            left = max(self.due - now, seconds * (total - done) / done if done else 0.0)
            parts = [f"{done / total:.0%}"] * (total > 1) + [f"{left:.0f} s left"] * (left >= 1)
            return ", ".join(parts)
        text = f"{done:,} of {total:,} rows"
        rows, read = done - self.before[0], size - self.before[1]
        if rows <= 0 or read <= 0 or seconds <= 0:
            return text
        self.cost = self.after(total, size / done / 4)
        others = (self.sides - self.turns[phase]) * total  # if they are as many
        left = (total - done + others) * seconds / rows + self.sides * self.cost
        return f"{text}, {read / seconds / 1e6:,.0f} MB/s, {left:.0f} s left"

    def after(self, n: int, d: float) -> float:
        """Seconds that numbers, neighbours and error bars take after rows are read, about."""
        pairs = n * n * d / 2 if n <= 200_000 else 0.0
        return (pairs + (1 + 20 * self.explain) * 10 * d**3) / PRODUCTS_A_SECOND


@dataclass
class Lines:
    """A line whenever work has been silent for `SECONDS`, from a thread of its own."""

    phases: Phases = field(default_factory=Phases)
    told: tuple[str, int, int, int] = ("starting", 0, 1, 0)
    over: threading.Event = field(default_factory=threading.Event)
    alone: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Lines:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()

    def __call__(self, phase: str, done: int, total: int, size: int) -> None:
        """Keep it for the next line."""
        with self.alone:
            self.phases.words(phase, done, total, size)
            self.told = phase, done, total, size

    def _watch(self) -> None:
        while not self.over.wait(min(SECONDS, threading.TIMEOUT_MAX)):
            with self.alone:
                words, name = self.phases.words(*self.told), self.phases.name
            click.echo(f"gramax: {name}{': ' * bool(words)}{words}", err=True)
