"""A number held against theory, and the error that lists every miss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """One measured number and the number that theory expects."""

    scene: str
    name: str
    measured: float
    expected: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the two agree; NaN never does."""
        return abs(self.measured - self.expected) <= self.tolerance

    def __str__(self) -> str:
        return (
            f"{self.scene}: {self.name}: measured {self.measured:.6g}, "
            f"expected {self.expected:.6g} (within {self.tolerance:g})"
        )


class FiguresError(RuntimeError):
    """A descent that missed the theory, so that no picture was written."""

    def __init__(self, misses: Sequence[Check]):
        """List every miss with the measured and the expected number."""
        self.misses = tuple(misses)
        lines = "\n".join(f"  {miss}" for miss in misses)
        super().__init__(f"a descent missed its theory; no picture was written:\n{lines}")
