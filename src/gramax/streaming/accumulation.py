"""From a source to moments and a sample of the rows: every task run, and merged in order.

Results are merged in the order of the tasks whoever finishes first, so that they do not depend on
the engine. At most a few wait for an earlier one.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

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
    _check_memory(source, len(classes.names), blocks)
    tasks = tasks_of(source, classes, blocks, normalize)
    with ExitStack() as stack:
        saved, totals = None, Totals()
        if checkpoint is not None:
            saved = Checkpoint.of(checkpoint, source, classes, blocks, normalize, tasks)
            totals = stack.enter_context(saved.alone()).load(skip_bad)
            stack.callback(lambda: saved and saved.save(totals))
        telling = _Telling(progress, source, totals.rows)
        for found in _Running(
            engine or Serial(), tasks[totals.done :], skip_bad, telling
        ).results():
            totals = totals.plus(found)
            telling.merged(totals.rows)
            if saved:
                saved.save_now_and_then(totals)
    if not totals.blocks:
        out = totals.left_out
        why = f"the first of {len(out)} is {out[0].reason}"
        raise InputError(f"{source.name}: no fragment can be read; {why}")
    return totals


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
    flying: dict[Future[Any], int] = field(default_factory=dict)
    again: deque[int] = field(default_factory=deque)
    landed: dict[int, Totals] = field(default_factory=dict)
    deaths: Counter[int] = field(default_factory=Counter)
    left_out: dict[int, list[LeftOut]] = field(default_factory=dict)

    def results(self) -> Iterator[Totals]:
        """One a task, in order."""
        engine, rows, fresh = self.engine, [task.rows for task in self.tasks], 0
        pulse = PULSE if self.telling.progress and engine.tick else None
        for wanted in range(len(rows)):
            while True:
                # This thread is better used to merge what there is than to run the next task.
                if not (engine.local and wanted in self.landed):
                    fresh = self._submit(fresh, min(len(rows), wanted + 2 * engine.workers))
                if wanted in self.landed:
                    break
                done, _ = wait(self.flying, pulse, return_when=FIRST_COMPLETED)
                if pulse:
                    self.telling.ahead(sum(rows[k] for k in self.landed) + engine.told())
                for future in done:
                    self._land(self.flying.pop(future), future)
            left_out = tuple(self.left_out.pop(wanted, ()))
            yield replace(self.landed.pop(wanted), rows=rows[wanted], left_out=left_out)

    def _submit(self, fresh: int, stop: int) -> int:
        """Keep every worker busy, with lost tasks first; the number of the next new task."""
        tick = self.telling.tick if self.engine.local else self.engine.tick
        while len(self.flying) < self.engine.workers and (self.again or fresh < stop):
            if self.again:
                place = self.again.popleft()
            else:
                place, fresh = fresh, fresh + 1
            self.flying[self.engine.submit(gather, self.tasks[place], tick)] = place
        return fresh

    def _land(self, place: int, future: Future[Any]) -> None:
        task = self.tasks[place]
        try:
            found = future.result()
        except self.engine.lost as error:
            self._lose(place, task, self.engine.cause(error))
        except Exception as error:
            error.add_note(f"while reading {task.name}")
            raise
        else:
            if isinstance(found, BadFragmentError):
                self._leave_out(place, found.place, found.reason)
            else:
                self.landed[place] = found

    def _lose(self, place: int, task: Task, cause: str) -> None:
        """The worker died: try again, and where that is no use find the fragment that kills."""
        self.deaths[place] += 1
        if self.deaths[place] < self.engine.tries:
            self.again.append(place)
            return
        if self._dies(int):
            raise InputError(
                "the workers end as soon as they start; a script that audits with processes must "
                "call it under `if __name__ == '__main__':`"
            )
        alone = [replace(task, pieces=(piece,)) for piece in task.pieces]
        bad = [k for k, one in enumerate(alone) if len(alone) == 1 or self._dies(gather, one)]
        if not bad:
            why = "the worker that reads them together dies every time"
            raise InputError(f"{task.name}: {why}{cause}")
        self.deaths[place] = 0
        why = f"the worker that reads it dies every time ({self.engine.tries} tries){cause}"
        self._leave_out(place, bad[0], f"{alone[bad[0]].name}: {why}")

    def _dies(self, fn: Callable[..., Any], *args: Any) -> bool:
        try:
            self.engine.submit(fn, *args).result()
        except self.engine.lost:
            return True
        return False

    def _leave_out(self, place: int, k: int, reason: str) -> None:
        if not self.skip_bad:
            raise InputError(reason)
        pieces = list(self.tasks[place].pieces)
        bad = pieces.pop(k).fragment
        self.left_out.setdefault(place, []).append(LeftOut(bad.name, bad.rows, reason))
        self.tasks[place] = replace(self.tasks[place], pieces=tuple(pieces))
        if pieces:
            self.again.append(place)
        else:
            self.landed[place] = Totals(done=1)
