"""The best codebook that a search has found so far, its trace, and its budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gramax.frames.codebooks import Kind, coherence_of_rows

ATTAINED_GAP = 1e-12  # A packing this close to the floor counts as at the floor


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
    """The best real rows so far, their trace, and the budget: what the searches share."""

    kind: Kind
    floor: float
    seconds: float | None
    rounds: int | None
    patience: int
    report: Callable[[Progress], bool | None] | None
    clock: Callable[[], float]
    target: float | None
    x: np.ndarray | None = None
    value: float = np.inf
    how: str = ""
    idle: int = 0
    told: bool = False
    trace: list[Progress] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = self.clock()

    def offer(self, x: np.ndarray, how: str) -> None:
        """Keep real rows `x` if they are the best so far."""
        value = coherence_of_rows(x, self.kind)
        if value < self.value:
            if value < self.value - 1e-10:
                self.idle = 0
            self.x, self.value, self.how = x, value, how

    def tick(self, how: str) -> None:
        """Count a round and report it."""
        self.idle += 1
        gap, spent = self.value - self.floor, self.clock() - self.began
        self.trace.append(Progress(len(self.trace) + 1, spent, self.value, gap, how))
        self.told = self.report is not None and bool(self.report(self.trace[-1]))

    def spent(self) -> float:
        """The part of the budget that is spent, 0 to 1 and beyond."""
        parts = [len(self.trace) / self.rounds] if self.rounds is not None else []
        if self.seconds is not None:
            parts.append((self.clock() - self.began) / self.seconds)
        return max(parts)

    def stop(self) -> str | None:
        """Why to stop now, or None."""
        if self.told:
            return "told to stop"
        if self.value <= self.floor + ATTAINED_GAP:
            return "the floor is attained: nothing better exists"
        if self.target is not None and self.value <= self.target:
            return f"the target of {self.target:.12g} is reached"
        if self.rounds is not None and len(self.trace) >= self.rounds:
            return f"the budget of {self.rounds} rounds is spent"
        if self.seconds is not None and self.clock() - self.began >= self.seconds:
            return f"the budget of {self.seconds:g} seconds is spent"
        if self.idle >= self.patience:
            return f"{self.idle} rounds brought nothing better"
        return None
