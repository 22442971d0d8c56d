"""What comes back from a task: moments and sampled rows, or the reason why there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gramax._shapes import Float, Int
from gramax.moments.class_moments import ClassMoments


@dataclass(frozen=True)
class LeftOut:
    """A fragment, or a file, that could not be read and was left out.

    Attributes:
        name: of the file, with the rows where only some of it are meant.
        rows: how many; None where the file could not even be opened, so that nobody knows.
        reason: one line.
    """

    name: str
    rows: int | None
    reason: str


def in_words(left_out: Sequence[LeftOut]) -> str:
    """What was left out, in a line.

    Example:
        >>> in_words([LeftOut("a.npy", 300, "is cut short"), LeftOut("c.npy", 20, "is cut short")])
        'left out a.npy and 1 more (320 rows): cannot be read'
        >>> in_words([LeftOut("a.npy", None, "is cut short")])
        'left out a.npy (an unknown number of rows): cannot be read'
    """
    more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
    known = [one.rows for one in left_out if one.rows is not None]
    rows = [f"{sum(known):,} rows"] * bool(known)
    rows += ["an unknown number of rows"] * (len(known) < len(left_out))
    return f"left out {left_out[0].name}{more} ({' and '.join(rows)}): cannot be read"


@dataclass(frozen=True)
class Sample:
    """Some of the rows that count, a uniform sample in all, with their classes and numbers."""

    rows: Float[np.ndarray, "m d"]
    labels: Int[np.ndarray, " m"]
    numbers: Int[np.ndarray, " m"]


@dataclass(frozen=True)
class Gathered:
    """What a task found: moments, one a block, and the sampled rows."""

    blocks: tuple[ClassMoments, ...]
    sample: Sample


@dataclass(frozen=True)
class Refused:
    """The fragment of a task (its place in the task) that cannot be read, and why."""

    fragment: int
    reason: str


def joined(blocks: Sequence[ClassMoments]) -> ClassMoments:
    """The moments of all blocks together."""
    total, *rest = blocks
    for block in rest:
        total = total.merge(block)
    return total


def together(samples: Sequence[Sample]) -> Sample:
    """The rows of all samples."""
    return Sample(
        np.concatenate([one.rows for one in samples]),
        np.concatenate([one.labels for one in samples]),
        np.concatenate([one.numbers for one in samples]),
    )


@dataclass(frozen=True)
class Totals:
    """What the tasks found together, as far as they are done, in the order of their rows.

    Attributes:
        blocks: moments in float64, one a block of the jackknife; none so far if empty.
        samples: of the rows that count, together uniform.
        left_out: the fragments that could not be read.
        done: how many tasks are in here.
        rows: and how many rows those had.
    """

    blocks: tuple[ClassMoments, ...] = ()
    samples: tuple[Sample, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    done: int = 0
    rows: int = 0

    def plus(self, rows: int, found: Gathered | None, left_out: tuple[LeftOut, ...]) -> Totals:
        """With the next task, of `rows` rows."""
        blocks, samples = self.blocks, self.samples
        if found is not None:
            pairs = zip(blocks, found.blocks, strict=True) if blocks else ()
            blocks = tuple(a.merge(b) for a, b in pairs) or found.blocks
            samples = (*samples, found.sample)
        return Totals(blocks, samples, self.left_out + left_out, self.done + 1, self.rows + rows)

    @property
    def sample(self) -> Sample:
        """All sampled rows together."""
        return together(self.samples)
