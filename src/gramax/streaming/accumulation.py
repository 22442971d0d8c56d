"""From a source to moments and a sample of the rows: every task run, and merged in order."""

from __future__ import annotations

import os
from contextlib import ExitStack

from gramax.data import Source
from gramax.errors import InputError
from gramax.streaming.checkpoint import Checkpoint
from gramax.streaming.engines import Engine
from gramax.streaming.engines.serial import Serial
from gramax.streaming.execution import Progress
from gramax.streaming.inputs import Classes
from gramax.streaming.results import LeftOut, Totals
from gramax.streaming.runner import Running
from gramax.streaming.tasks import tasks_of


def accumulate(
    source: Source,
    classes: Classes,
    blocks: int,
    normalize: bool,
    progress: Progress | None = None,
    *,
    engine: Engine | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    skip_bad: bool = False,
) -> Totals:
    """Moments of all rows in float64, in random blocks, and a sample of the rows themselves.

    Args:
        source: of the rows.
        classes: of the rows.
        blocks: of a jackknife; 1 for none.
        normalize: take rows on the unit sphere.
        progress: told what is done.
        engine: who does it; by default this thread.
        checkpoint: the file to go on from, and to save to.
        skip_bad: leave out fragments that cannot be read.

    Raises:
        InputError: a fragment cannot be read, nothing is left of them, the checkpoint is of another
            audit, or another audit is writing it, or the moments are larger than this machine.
    """
    _fits(source, len(classes.names), blocks)
    tasks = tasks_of(source, classes, blocks, normalize)
    with ExitStack() as stack:
        saved, totals = None, Totals()
        if checkpoint is not None:
            saved = Checkpoint.of(checkpoint, source, classes, blocks, normalize, tasks)
            totals = stack.enter_context(saved.alone()).load(skip_bad)
        told = _Told(progress, source, totals.rows)
        left = Running(engine or Serial(), tasks[totals.done :], skip_bad, told.tick, told.ahead)
        try:
            for done in left.results():
                totals = totals.plus(done.rows, done.found, done.left_out)
                told.at(totals.rows)
                if saved:
                    saved.save_now_and_then(totals)
        finally:
            if saved:
                saved.save(totals)
    if not totals.blocks:
        raise InputError(f"{source.name}: {_nothing(totals.left_out)}")
    return totals


def _fits(source: Source, c: int, blocks: int) -> None:
    """Refuse moments that cannot be held: for wide rows they are far larger than the file."""
    d = source.dim
    side = min(source.rows, d)  # of rows fewer than dimensions, the space that they span
    needed = 8 * blocks * (side * side + 2 * c * side)
    if needed > physical_memory():
        raise InputError(
            f"{source.name}: sums of {c:,} classes in {d:,} dimensions take "
            f"{needed / 1e9:,.0f} GB, and this machine has {physical_memory() / 1e9:,.0f} GB; "
            "project the rows to fewer dimensions"
        )


def physical_memory() -> float:
    """Bytes of memory of this machine; infinite where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return float("inf")


def _nothing(left_out: tuple[LeftOut, ...]) -> str:
    return f"no fragment can be read; the first of {len(left_out)} is {left_out[0].reason}"


class _Told:
    """Progress in rows and bytes: of the tasks that are done, and of those under way.

    It never goes back, though a task that is lost or refused begins anew.
    """

    def __init__(self, progress: Progress | None, source: Source, rows: int):
        self.progress, self.all = progress, source.rows
        self.row_bytes = source.dim * source.dtype.itemsize
        self.shown = 0
        self.at(rows)

    def at(self, rows: int) -> None:
        """So many rows are done."""
        self.rows, self.present = rows, 0
        self._tell(rows)

    def tick(self, rows: int) -> None:
        """So many more rows are done of the present task."""
        self.present += rows
        self.ahead(self.present)

    def ahead(self, rows: int) -> None:
        """So many rows are done beyond those of the tasks that are merged."""
        self._tell(self.rows + rows)

    def _tell(self, rows: int) -> None:
        self.shown = max(self.shown, min(rows, self.all))
        if self.progress:
            self.progress("reading", self.shown, self.all, self.shown * self.row_bytes)
