"""Tasks to results, in order, on any engine: retries, poison, and what is left out.

Results come back in the order of the tasks whoever finishes first, so that merges do not depend on
the engine. At most a few wait for an earlier one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any

from gramax.errors import InputError
from gramax.streaming.engines import Engine
from gramax.streaming.results import Gathered, LeftOut, Refused
from gramax.streaming.sums import gather
from gramax.streaming.tasks import Task

PULSE = 0.25
"""Seconds between two looks at how far tasks in other processes are."""


@dataclass(frozen=True)
class Done:
    """A task's result (None where nothing of it is left), and its fragments that were left out."""

    rows: int
    found: Gathered | None
    left_out: tuple[LeftOut, ...]


@dataclass
class Running:
    """Tasks under way.

    Args:
        engine: who runs them.
        tasks: in the order of their rows.
        skip_bad: leave out what cannot be read; otherwise it is an `InputError`.
        tick: told (rows of the present task done) where the engine is this process.
        ahead: told (rows done beyond the results so far) where others work and can tell.
    """

    engine: Engine
    tasks: list[Task]
    skip_bad: bool = False
    tick: Callable[[int], None] | None = None
    ahead: Callable[[int], None] | None = None
    flying: dict[Future[Any], int] = field(default_factory=dict, init=False)
    again: deque[int] = field(default_factory=deque, init=False)
    landed: dict[int, Gathered | None] = field(default_factory=dict, init=False)
    deaths: Counter[int] = field(default_factory=Counter, init=False)
    left_out: dict[int, list[LeftOut]] = field(default_factory=dict, init=False)

    def results(self) -> Iterator[Done]:
        """One a task, in order."""
        rows = [task.rows for task in self.tasks]
        fresh = 0
        for wanted in range(len(self.tasks)):
            while True:
                # This thread is better used to merge what there is than to run the next task.
                if not (self.engine.local and wanted in self.landed):
                    fresh = self._submit(fresh, min(len(rows), wanted + 2 * self.engine.workers))
                if wanted in self.landed:
                    break
                done, _ = wait(self.flying, self._pulse, return_when=FIRST_COMPLETED)
                if self._pulse and self.ahead:
                    self.ahead(sum(rows[k] for k in self.landed) + self.engine.told())
                for future in done:
                    self._land(self.flying.pop(future), future)
            left_out = tuple(self.left_out.pop(wanted, ()))
            yield Done(rows[wanted], self.landed.pop(wanted), left_out)

    @property
    def _pulse(self) -> float | None:
        return PULSE if self.ahead and self.engine.tick else None

    def _submit(self, fresh: int, stop: int) -> int:
        """Keep every worker busy, with lost tasks first; the number of the next new task."""
        while len(self.flying) < self.engine.workers and (self.again or fresh < stop):
            if self.again:
                place = self.again.popleft()
            else:
                place, fresh = fresh, fresh + 1
            tick = (self.tick if self.engine.local else self.engine.tick,)
            self.flying[self.engine.submit(gather, self.tasks[place], *tick)] = place
        return fresh

    def _land(self, place: int, future: Future[Any]) -> None:
        task = self.tasks[place]
        try:
            found = future.result()
        except self.engine.lost:
            self._lost(place, task, future)
            return
        except Exception as error:
            error.add_note(f"while reading {task.name}")
            raise
        if isinstance(found, Refused):
            self._leave_out(place, found.fragment, found.reason)
        else:
            self.landed[place] = found

    def _lost(self, place: int, task: Task, future: Future[Any]) -> None:
        """The worker died: try again, and where that is no use find the fragment that kills."""
        self.deaths[place] += 1
        cause = self.engine.cause(future)
        if self.deaths[place] < self.engine.tries:
            self.again.append(place)
            return
        if self._dies(int):
            raise InputError(
                "the workers end as soon as they start; a script that audits with processes must "
                "call it under `if __name__ == '__main__':`"
            )
        alone = range(len(task.pieces))
        if len(task.pieces) > 1:
            alone = [k for k in alone if self._dies(gather, task.only(k))]
        if not alone:
            raise InputError(
                f"{task.name}: the worker that reads them together dies every time{cause}"
            )
        self.deaths[place] = 0
        name = task.pieces[alone[0]].fragment.name
        tries = f"({self.engine.tries} tries)"
        why = f"{name}: the worker that reads it dies every time {tries}{cause}"
        self._leave_out(place, alone[0], why)

    def _dies(self, fn: Callable[..., Any], *args: Any) -> bool:
        try:
            self.engine.submit(fn, *args).result()
        except self.engine.lost:
            return True
        return False

    def _leave_out(self, place: int, k: int, reason: str) -> None:
        if not self.skip_bad:
            raise InputError(reason)
        task = self.tasks[place]
        fragment = task.pieces[k].fragment
        self.left_out.setdefault(place, []).append(LeftOut(fragment.name, fragment.rows, reason))
        self.tasks[place] = task.without(k)
        if self.tasks[place].pieces:
            self.again.append(place)
        else:
            self.landed[place] = None
