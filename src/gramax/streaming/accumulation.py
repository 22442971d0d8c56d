"""From a source to moments and a sample of the rows: every task run, and merged in order.

Results are merged in the order of the tasks whoever finishes first, so that they do not depend on
the engine. At most a few wait for an earlier one.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from typing import Any

from threadpoolctl import threadpool_limits

from gramax.data import Source
from gramax.errors import InputError
from gramax.streaming.checkpoint import Checkpoint
from gramax.streaming.engines import Engine, Serial
from gramax.streaming.execution import Progress
from gramax.streaming.inputs import Classes
from gramax.streaming.results import LeftOut, Totals
from gramax.streaming.sums import BadFragmentError, gather
from gramax.streaming.tasks import Task, tasks_of

PULSE = 0.25
"""Seconds between two looks at how far tasks in other processes are."""


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

    Raises:
        InputError: a fragment cannot be read, nothing is left of them, the checkpoint is of another
            audit, or another audit is writing it, or the moments are larger than this machine.
    """
    _check_memory(source, classes.summed, blocks)
    tasks = tasks_of(source, classes, blocks, normalize)
    left_tasks = [replace(task, skip_bad=skip_bad) for task in tasks]
    # A thread of BLAS that has worked once keeps a core busy while it waits for more.
    with ExitStack() as stack, threadpool_limits(1, "blas"):
        saved, totals = None, Totals()
        if checkpoint is not None:
            saved = Checkpoint.of(checkpoint, source, classes, blocks, normalize, tasks)
            totals = stack.enter_context(saved.alone()).load(skip_bad)
            stack.callback(lambda: saved and saved.save(totals))
        telling = _Telling(progress, source, totals.rows)
        left = _Running(engine or Serial(), left_tasks[totals.done :], skip_bad, telling)
        for found in stack.enter_context(closing(left.results())):
            totals = totals.plus(found)
            telling.merged(totals.rows)
            if saved:
                saved.save_now_and_then(totals)
    if not totals.blocks:
        out = totals.left_out
        why = f"the first of {len(out)} is {out[0].reason}"
        raise InputError(f"{source.name}: no fragment can be read; {why}")
    return replace(totals, samples=(totals.sample,))  # joined once: it may be all of the rows


def _check_memory(source: Source, c: int, blocks: int) -> None:
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


class _Telling:
    """Progress in rows and bytes: of tasks that are merged, and of those `ahead`, under way.

    It never goes back, though a task that is lost or refused begins anew.
    """

    def __init__(self, progress: Progress | None, source: Source, rows: int):
        self.progress, self.all, self.shown = progress, source.rows, 0
        self.row_bytes = source.dim * source.dtype.itemsize
        self.merged(rows)

    def merged(self, rows: int) -> None:
        """So many rows are done and merged."""
        self.rows, self.present = rows, 0
        self.ahead(0)

    def tick(self, rows: int) -> None:
        """So many more rows are done of the present task."""
        self.present += rows
        self.ahead(self.present)

    def ahead(self, rows: int) -> None:
        """So many rows are done beyond those of the tasks that are merged."""
        self.shown = max(self.shown, min(self.rows + rows, self.all))
        if self.progress:
            self.progress("reading", self.shown, self.all, self.shown * self.row_bytes)


@dataclass
class _Running:
    """Tasks under way on an engine; those whose worker died are tried again."""

    engine: Engine
    tasks: list[Task]
    skip_bad: bool
    telling: _Telling

    def results(self) -> Generator[Totals, None, None]:
        """One a task, in order; a thread waits for each that is under way elsewhere."""
        if self.engine.local:
            yield from map(self._result, self.tasks)
            return
        threads = ThreadPoolExecutor(self.engine.workers, thread_name_prefix="waiting")
        coming: deque[tuple[Future[Totals], int]] = deque()
        try:
            for task in [*self.tasks, *[None] * (2 * self.engine.workers)]:
                if task is not None:
                    coming.append((threads.submit(self._result, task), task.rows))
                if coming and (task is None or len(coming) == 2 * self.engine.workers):
                    while not wait([coming[0][0]], PULSE).done:
                        done = sum(rows for future, rows in coming if future.done())
                        self.telling.ahead(done + self.engine.told())
                    yield coming.popleft()[0].result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)  # who closes the engine ends them

    def _result(self, task: Task) -> Totals:
        """Of the task without what cannot be read, where that may be left out."""
        rows, left_out, deaths = task.rows, [], 0
        tick = self.telling.tick if self.engine.local else self.engine.tick
        while task.pieces:
            try:
                found = self.engine.run(gather, task, tick)
            except self.engine.lost as error:
                deaths += 1
                if deaths < self.engine.tries:
                    continue
                found, deaths = self._poison(task, self.engine.cause(error)), 0
            except Exception as error:
                error.add_note(f"while reading {task.name}")
                raise
            if not isinstance(found, BadFragmentError):
                return replace(found, rows=rows, left_out=(*left_out, *found.left_out))
            if not self.skip_bad:
                raise InputError(found.reason)
            pieces = list(task.pieces)
            bad = pieces.pop(found.place).fragment
            left_out.append(LeftOut(bad.name, bad.rows, found.reason))
            task = replace(task, pieces=tuple(pieces))
        return Totals(left_out=tuple(left_out), done=1, rows=rows)

    def _poison(self, task: Task, cause: str) -> BadFragmentError:
        """The fragment that kills whoever reads it."""
        if self._dies(int):
            raise InputError(
                "the workers end as soon as they start; a script that audits with processes must "
                "call it under `if __name__ == '__main__':`"
            )
        alone = [replace(task, pieces=(piece,)) for piece in task.pieces]
        for place, one in enumerate(alone):
            if len(alone) == 1 or self._dies(gather, one):
                why = f"the worker that reads it dies every time ({self.engine.tries} tries){cause}"
                return BadFragmentError(place, f"{one.name}: {why}")
        why = "the worker that reads them together dies every time"
        raise InputError(f"{task.name}: {why}{cause}")

    def _dies(self, fn: Callable[..., Any], *args: Any) -> bool:
        try:
            self.engine.run(fn, *args)
        except self.engine.lost:
            return True
        return False
