"""How the rows are cut into tasks: by their number, their width and the classes alone.

The cut does not depend on who does the work, so that every engine merges the same pieces in the
same order, and a run that is resumed ends like one that never stopped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gramax._shapes import Int
from gramax.data import Fragment, Source
from gramax.data.labels import LabelPart, Labels
from gramax.streaming.inputs import Classes

CHUNK_BYTES, TASK_BYTES = 1 << 24, 1 << 28
"""Bytes of float32 rows that are read at once, and that make a task."""

MAX_SAMPLED_ROWS, SAMPLED_ROWS, SAMPLE_BYTES = 200_000, 16_384, 1 << 30
"""All rows are kept for the metrics of neighbours up to so many, and so many bytes of float32; of
more, a uniform sample."""

MAX_SAMPLED_CODES = 1 << 27
"""Numbers of a codebook that is kept whole, 512 MiB of float32; a larger one is read again."""


@dataclass(frozen=True)
class Sizes:
    """Rows of a chunk, which are read at once, and of a task."""

    chunk: int
    task: int


def sizes(n: int, c: int, d: int, blocks: int) -> Sizes:
    """The sizes for n rows of length d in c classes, kept apart in some blocks.

    An update touches c·d numbers, and a merge of every block costs c·d² operations: a chunk and a
    task hold several times as many rows, so that the products of the rows are what takes the time.
    Rows that are fewer than their dimensions make one chunk and one task, as they are turned into
    the space that they span together.

    Example:
        >>> print(sizes(10**7, 100, 256, 1))
        Sizes(chunk=16384, task=262144)
    """
    if n < d:
        return Sizes(n, n)
    chunk = max(1024, 2 * c, CHUNK_BYTES // (4 * d))
    return Sizes(min(n, chunk), max(chunk, 8 * c * blocks, TASK_BYTES // (4 * d)))


def sampled(n: int, d: int, most: int | None = None) -> Int[np.ndarray, " m"]:
    """The numbers of the rows to keep, in order: all of them, or a uniform sample.

    Of codes all are kept that hold no more than `most` numbers in all.

    Example:
        >>> print(sampled(3, 2), len(sampled(10**6, 2)))
        [0 1 2] 16384
    """
    limit = min(MAX_SAMPLED_ROWS, SAMPLE_BYTES // (4 * d)) if most is None else most // d
    if n <= max(SAMPLED_ROWS, limit):
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, SAMPLED_ROWS, replace=False))


@dataclass(frozen=True)
class Piece:
    """A fragment, the labels of its rows (None where they need none), and their groups."""

    fragment: Fragment
    labels: LabelPart | None
    groups: LabelPart | None = None


@dataclass(frozen=True)
class Task:
    """Consecutive fragments that a worker reads and sums; picklable.

    `sample` holds the numbers of the rows to bring back. Blocks are dealt by the `groups`, where
    there are any. A task that is `spanned` holds all rows, fewer than their dimensions: their
    moments are those of their coordinates in the space that they span.
    """

    pieces: tuple[Piece, ...]
    sample: Int[np.ndarray, " m"]
    num_classes: int
    sizes: Sizes
    blocks: int
    normalize: bool
    spanned: bool
    skip_bad: bool = False
    """Whether rows that are not finite are left out, where they are an error otherwise."""
    groups: int = 0

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(piece.fragment.rows for piece in self.pieces)

    @property
    def name(self) -> str:
        """What messages call it."""
        first, last = self.pieces[0].fragment.name, self.pieces[-1].fragment.name
        return first if len(self.pieces) == 1 else f"{first} to {last}"


def tasks_of(source: Source, classes: Classes, blocks: int, normalize: bool) -> list[Task]:
    """All rows as tasks, in order; small fragments (of small files) share one."""
    n, c, d = source.rows, classes.summed, source.dim
    most = MAX_SAMPLED_CODES if classes.rowwise else None
    cut, sample, labels = sizes(n, c, d, blocks), sampled(n, d, most), classes.labels
    groups: list[list[Piece]] = []
    held = cut.task
    for one in source.fragments(cut.task):
        if held + one.rows > cut.task:
            groups.append([])
            held = 0
        held += one.rows
        groups[-1].append(Piece(one, *(_part(part, one) for part in (labels, classes.groups))))
    starts = [pieces[0].fragment.start for pieces in groups]
    samples = np.split(sample, np.searchsorted(sample, starts[1:]))
    fixed = (c, cut, blocks, normalize, n < d)
    count = len(classes.groups.names) if classes.groups else 0
    return [Task(tuple(p), m, *fixed, groups=count) for p, m in zip(groups, samples, strict=True)]


def _part(labels: Labels | None, rows: Fragment) -> LabelPart | None:
    return labels.part(rows.start, rows.start + rows.rows) if labels else None
