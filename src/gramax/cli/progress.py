"""How far a long reading of rows is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import click

SECONDS = 5.0
"""Between two lines; work that takes less leaves none."""

Progress = Callable[[int, int, int], None]


@contextmanager
def showing() -> Iterator[Progress]:
    """What to call with (rows done, rows in all, bytes done); shows it on standard error."""
    if not sys.stderr.isatty():
        yield Lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("reading"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} rows"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading", total=1, rate="")
        rate = Rate()
        yield lambda done, total, size: bar.update(
            task, completed=done, total=total, rate=rate.text(size)
        )


@dataclass
class Rate:
    """Bytes a second since the first call: what a checkpoint had done already does not count."""

    began: float | None = None
    before: int = 0

    def text(self, size: int) -> str:
        """In MB/s; empty where nothing was read yet."""
        speed = self.of(size)
        return f"{speed / 1e6:,.0f} MB/s" if speed else ""

    def of(self, size: int) -> float:
        """Bytes a second, 0 if nothing was read yet."""
        now = time.monotonic()
        if self.began is None:
            self.began, self.before = now, size
        return (size - self.before) / max(now - self.began, 1e-6)


@dataclass
class Lines:
    """A line every few seconds.

    Example:
        >>> lines = Lines()
        >>> lines(0, 1000, 0)
        >>> print(lines.line(250, 1000, 10**9, speed=5e8))
        250 of 1,000 rows, 500 MB/s, 6 s left
    """

    rate: Rate = field(default_factory=Rate)
    due: float = 0.0

    def __call__(self, done: int, total: int, size: int) -> None:
        """Print where the last line is long enough ago."""
        speed, now = self.rate.of(size), time.monotonic()
        self.due = self.due or now + SECONDS
        if now < self.due or not speed or done >= total:  # the result says that all is done
            return
        self.due = now + SECONDS
        click.echo(f"gramax: {self.line(done, total, size, speed)}", err=True)

    def line(self, done: int, total: int, size: int, speed: float) -> str:
        """The line: rows, MB/s, and the time left at this speed."""
        left = size / max(done, 1) * (total - done) / speed
        return f"{done:,} of {total:,} rows, {speed / 1e6:,.0f} MB/s, {left:.0f} s left"
