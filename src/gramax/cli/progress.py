"""How far long work is: a bar on a terminal, plain lines elsewhere; each phase has its name."""

from __future__ import annotations

import sys
import threading
import time
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
def showing() -> Iterator[Progress]:
    """What to call with (phase, done, in all, bytes done); shows it on standard error."""
    if not sys.stderr.isatty():
        with Lines() as lines:
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
        phases = Phases()

        def tell(phase: str, done: int, total: int, size: int) -> None:
            words = phases.words(phase, done, total, size)
            known = total if total > 1 else None  # of one step nobody knows how far it is
            bar.update(task, description=phase, completed=done, total=known, words=words)

        yield tell


@dataclass
class Phases:
    """The words for how far a phase is, with a guess of the time that is left of all phases."""

    phase: str = ""
    began: float = 0.0
    before: tuple[int, int] = (0, 0)

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
        if phase != self.phase:
            self.phase, self.began, self.before = phase, now, (done, size)
        if phase != "reading":
            return f"{done / total:.0%}" if total > 1 else ""
        text = f"{done:,} of {total:,} rows"
        seconds = now - self.began
        rows, read = done - self.before[0], size - self.before[1]
        if rows <= 0 or read <= 0 or seconds <= 0:
            return text
        left = (total - done) * seconds / rows + self.after(total, size / done / 4)
        return f"{text}, {read / seconds / 1e6:,.0f} MB/s, {left:.0f} s left"

    @staticmethod
    def after(n: int, d: float) -> float:
        """Seconds that the neighbours of the rows take after they are read, about."""
        return n * n * d / 2 / PRODUCTS_A_SECOND if n <= 200_000 else 0.0


@dataclass
class Lines:
    """A line whenever work has been silent for `SECONDS`, from a thread of its own."""

    phases: Phases = field(default_factory=Phases)
    told: tuple[str, int, int, int] = ("starting", 0, 1, 0)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Lines:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()

    def __call__(self, phase: str, done: int, total: int, size: int) -> None:
        """Keep it for the next line."""
        self.phases.words(phase, done, total, size)
        self.told = phase, done, total, size

    def _watch(self) -> None:
        while not self.over.wait(min(SECONDS, threading.TIMEOUT_MAX)):
            words = self.phases.words(*self.told)
            click.echo(f"gramax: {self.told[0]}{': ' * bool(words)}{words}", err=True)
