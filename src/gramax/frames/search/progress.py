"""The best packing so far, its trace, and the budget of a search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gramax.frames.codebooks import Kind, coherence_of_rows

ATTAINED_GAP = 1e-12
"""A packing this close to the floor counts as at the floor."""


@dataclass(frozen=True)
class Progress:
    """One line of the trace, after a batch.

    Attributes:
        round: how many batches have run.
        seconds: since the start.
        coherence: the best so far.
        gap: the best so far, less the floor.
        how: what the batch was: "random", "hop", "structured", "closure", "adam", ...
    """

    round: int
    seconds: float
    coherence: float
    gap: float
    how: str


@dataclass
class Best:
    """The best so far, its trace, and the budget: what the searches share."""

    kind: Kind
    floor: float
    seconds: float | None
    rounds: int | None
    patience: int
    report: Callable[[Progress], bool | None] | None
    clock: Callable[[], float]
    target: float | None
    began: float
    x: np.ndarray | None = None
    value: float = np.inf
    how: str = ""
    done: int = 0
    idle: int = 0
    told: bool = False
    trace: list[Progress] | None = None

    def offer(self, x: np.ndarray, how: str) -> bool:
        """Keep real rows `x` if they are the best so far; returns whether they are."""
        value = coherence_of_rows(x, self.kind)
        if not value < self.value:
            return False
        if value < self.value - 1e-10:
            self.idle = 0
        self.x, self.value, self.how = x, value, how
        return True

    def tick(self, how: str) -> None:
        """Count a round and report it."""
        self.done += 1
        self.idle += 1
        point = Progress(self.done, self.elapsed(), self.value, self.value - self.floor, how)
        self.trace = [*(self.trace or []), point]
        if self.report is not None and self.report(point):
            self.told = True

    def elapsed(self) -> float:
        """Seconds since the start."""
        return self.clock() - self.began

    def stop(self) -> str | None:
        """Why to stop now, or None."""
        if self.told:
            return "told to stop"
        if self.value <= self.floor + ATTAINED_GAP:
            return "the floor is attained: nothing better exists"
        if self.target is not None and self.value <= self.target:
            return f"the target of {self.target:.12g} is reached"
        if self.rounds is not None and self.done >= self.rounds:
            return f"the budget of {self.rounds} rounds is spent"
        if self.seconds is not None and self.elapsed() >= self.seconds:
            return f"the budget of {self.seconds:g} seconds is spent"
        if self.idle >= self.patience:
            return f"{self.idle} rounds brought nothing better"
        return None
