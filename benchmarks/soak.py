"""Does a long stream need more and more memory? ``python -m benchmarks.soak``.

Writes a file of random rows and one of labels, and streams them again and again as one source, as
`gramax audit z.npy --labels y.npy --checkpoint saved` does. The resident memory of the process is
noted after every time; a line through its second half says how much an hour would add.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from gramax.data import Fragment
from gramax.data.labels import LabelPart
from gramax.streaming import accumulate, classes_of, open_source

MIB = 1 << 20

Note = tuple[int, float, float]
"""Rows so far, seconds so far, resident MiB."""


@dataclass(frozen=True)
class Again:
    """A `Source`, or its `Labels`, so many times; the rest is as the one it repeats."""

    once: Any
    rows_once: int
    times: int

    def __getattr__(self, name: str) -> Any:
        return getattr(self.once, name)

    @property
    def rows(self) -> int:
        """All of them."""
        return self.rows_once * self.times

    def fragments(self, rows: int) -> tuple[Fragment, ...]:
        """Of the source."""
        return tuple(
            replace(one, start=one.start + k * self.rows_once)
            for k in range(self.times)
            for one in self.once.fragments(rows)
        )

    def part(self, start: int, stop: int) -> LabelPart:
        """Of the labels; no fragment goes beyond the end of a file."""
        first = start % self.rows_once
        return self.once.part(first, first + stop - start)


@dataclass
class Watch:
    """The progress of a stream, noted every `every` rows."""

    every: int
    process: psutil.Process = field(default_factory=psutil.Process)
    began: float = field(default_factory=time.perf_counter)
    notes: list[Note] = field(default_factory=list)

    def __call__(self, _phase: str, rows: int, *_: int) -> None:
        """Called now and then by the stream."""
        if rows - (self.notes[-1][0] if self.notes else 0) >= self.every:
            resident = self.process.memory_info().rss / MIB
            self.notes.append((rows, time.perf_counter() - self.began, resident))


def growth(notes: list[Note]) -> float:
    """MiB an hour: the slope of a line through the second half of the notes.

    Example:
        >>> notes = [(0, 0.0, 900.0), (0, 900.0, 700.0), (0, 1800.0, 40.0), (0, 3600.0, 41.0)]
        >>> print(f"{growth(notes):.1f}")
        2.0
    """
    later = np.array(notes[len(notes) // 2 :])
    return float(np.polyfit(later[:, 1], later[:, 2], 1)[0] * 3600)


def soak(times: int, rows: int, dim: int, classes: int, folder: Path) -> list[Note]:
    """Stream a file of so many rows so many times; what was noted on the way.

    Raises:
        AssertionError: rows were lost, or counted twice.
    """
    rng = np.random.default_rng(0)
    y = rng.integers(0, classes, rows).astype(np.int32)
    np.save(folder / "y.npy", y)
    np.save(folder / "z.npy", rng.standard_normal((rows, dim), dtype=np.float32))
    once, _ = open_source(str(folder / "z.npy"), None)
    labels = classes_of(str(folder / "y.npy"), once, False)
    source: Any = Again(once, rows, times)
    labels = replace(labels, labels=Again(labels.labels, rows, times))
    watch = Watch(rows)
    found = accumulate(source, labels, 1, True, watch, checkpoint=folder / "saved")
    counts = found.blocks[0].counts
    if not np.array_equal(counts, np.bincount(y, minlength=classes) * times):
        raise AssertionError(f"{counts.sum():,.0f} of {times * rows:,} rows are in the moments")
    return watch.notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=400)
    parser.add_argument("--rows", type=int, default=1 << 18, help="of the file")
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--classes", type=int, default=100)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        notes = soak(given.times, given.rows, given.dim, given.classes, Path(folder))
    rows, seconds, _ = notes[-1]
    print(f"{rows:,} x {given.dim} float32 in {seconds:,.0f} s: {rows / seconds:,.0f} rows/s")
    print(
        f"an hour at this rate: {3600 * rows / seconds:,.0f} rows, {3600 / seconds:.1f} times this"
    )
    for k in np.linspace(0, len(notes) - 1, 9).astype(int):
        print(f"{notes[k][0]:>15,} rows  {notes[k][2]:>8.1f} MiB resident")
    print(f"second half: {growth(notes):+.1f} MiB an hour")


if __name__ == "__main__":
    main()
