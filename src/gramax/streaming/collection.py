"""From what a user names to moments, sampled rows and classes, in this very process.

See `isolation` for which files are read here, and which in a child process.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Int
from gramax.arrays.linalg import few_threads
from gramax.data import Reading, Source, check_finite
from gramax.data.checks import readable_numbers
from gramax.data.formats import list_entries
from gramax.data.ids import labels_taken, read_ids, taken
from gramax.data.reading import hints
from gramax.moments import ClassMoments
from gramax.moments.blocks import MEMORY, plan
from gramax.streaming import engines
from gramax.streaming.accumulation import accumulate
from gramax.streaming.execution import Execution, Progress
from gramax.streaming.inputs import Classes, classes_of, groups_of, open_source
from gramax.streaming.results import LeftOut, Sample, Totals, in_words
from gramax.streaming.tasks import CHUNK_BYTES


@dataclass(frozen=True)
class Request:
    """What is to be read, and how; arguments as for `gramax.audit`, and files known to be bad.

    Without a number of `blocks` classes get as many as memory allows, and rows without them 1. With
    `rows` these alone are taken, in this order. With `ids` nothing is summed: the numbers of the
    sample are those of the ids.
    """

    source: Any
    labels: Any = None
    column: str | None = None
    codes: bool = False
    blocks: int | None = 1
    normalize: bool = True
    execution: Execution = field(default_factory=Execution)
    known_bad: tuple[LeftOut, ...] = ()
    rows: Int[np.ndarray, " m"] | None = None
    ids: Any = None
    groups: Any = None
    reading: Reading = field(default_factory=Reading)
    beside: tuple[str, ...] = ()
    """Columns that are no dimensions, beside those of labels, groups and ids."""


@dataclass(frozen=True)
class Collected:
    """All that an audit needs of its source: `rows` are all, those that count nowhere included.

    `notes` say how files were read; `label_digest` is the same for the same labels and groups, and
    empty where there are none; `unopened` are files that could not even be opened; `groups` is the
    number of groups of rows that hang together, 0 where none were named; `array` is what the matrix
    is called in its file, or empty.
    """

    name: str
    rows: int
    dim: int
    notes: tuple[str, ...]
    names: tuple[str, ...]
    labelled: bool
    label_digest: str
    totals: Totals
    unopened: tuple[LeftOut, ...] = ()
    groups: int = 0
    array: str = ""

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Files and fragments that could not be read, and were left out as was asked for."""
        return self.unopened + self.totals.left_out

    @property
    def told(self) -> tuple[str, ...]:
        """What a report says of how the files were read."""
        return (*self.notes, *([in_words(self.left_out)] if self.left_out else []))


def matrices_here(file: str) -> tuple[str, ...]:
    """The names of the matrices in a file."""
    entries = list_entries(file)
    return tuple(one.name for one in entries if one.rank == 2 and readable_numbers(one.dtype))


@dataclass(frozen=True)
class RowStream:
    """Rows that are wanted as they are, in order; arguments as for `gramax.audit`."""

    source: Any
    column: str | None = None
    reading: Reading = field(default_factory=Reading)


class Opened(NamedTuple):
    """What a source holds: how many rows of what length, and in what precision."""

    name: str
    rows: int
    dim: int
    dtype: np.dtype


@contextmanager
def streamed_here(wanted: RowStream) -> Iterator[tuple[Opened, Iterator[np.ndarray]]]:
    """A source, and its rows in chunks of some megabytes; those that are not finite are refused."""
    source, _ = open_source(wanted.source, wanted.column, reading=wanted.reading)

    def chunks() -> Iterator[np.ndarray]:
        for start, chunk in source.chunks(max(1, CHUNK_BYTES // (4 * source.dim))):
            check_finite(chunk, start, source.name)
            yield chunk

    yield Opened(source.name, source.rows, source.dim, source.dtype), chunks()


def _blocks(classes: Classes, source: Source) -> int:
    """Blocks for folds of held-out rows, within the memory that a jackknife keeps to by default."""
    if classes.labels is None or len(classes.names) < 2:
        return 1
    side = min(source.rows, source.dim)  # of rows fewer than dimensions, the space that they span
    blocks, scatter = plan(len(classes.names), side, None, None, MEMORY)
    return blocks if scatter else 1


def collect_here(request: Request, progress: Progress | None = None) -> Collected:
    """Read and sum all rows."""
    how = request.execution
    given = (request.labels, request.groups, request.ids, *request.beside)
    opened, unopened = open_source(
        *(request.source, request.column, how.skip_bad, request.known_bad),
        *(request.reading, {one for one in given if isinstance(one, str)}),
    )
    array, notes = opened.array, tuple(opened.notes)
    if request.ids is not None:
        return _only_ids(request, opened, unopened)
    groups = groups_of(request.groups, opened)
    classes = replace(classes_of(request.labels, opened, request.codes), groups=groups)
    if request.rows is not None:
        opened, classes = _only_rows(request.rows, opened, classes, how.skip_bad)
        groups = classes.groups
    blocks = request.blocks or _blocks(classes, opened)
    if groups:
        blocks = min(blocks, len(groups.names))
        notes += (f"{len(groups.names):,} groups of rows make {blocks} blocks for error bars",)
    with (
        engines.opened(how.engine, workers=how.workers, address=how.address) as engine,
        few_threads(math.isqrt(opened.rows * opened.dim)),
    ):
        totals = accumulate(
            opened,
            classes,
            blocks,
            request.normalize,
            progress,
            engine=engine,
            checkpoint=how.checkpoint,
            skip_bad=how.skip_bad,
        )
    digest, given = hashlib.blake2b(digest_size=16), [classes.labels, groups]
    for codes in (codes for one in given if one for codes in one.whole.chunks(1 << 16)):
        digest.update(np.ascontiguousarray(codes, np.int64).data)
    told = hints(opened, request.reading, request.labels is not None, totals.sample.rows)
    return Collected(
        *(opened.name, opened.rows, opened.dim, (*notes, *told)),
        *(classes.names, classes.labelled, digest.hexdigest() if any(given) else ""),
        totals,
        unopened,
        len(groups.names) if groups else 0,
        array,
    )


def _only_ids(request: Request, opened: Source, unopened: tuple[LeftOut, ...]) -> Collected:
    """The ids of all rows, as the numbers of a sample without columns."""
    ids = read_ids(request.ids, opened)
    sample = Sample(np.zeros((len(ids), 0)), np.zeros(len(ids), np.int32), ids, ids)
    totals = Totals((ClassMoments.empty(1, 1),), (sample,), done=1, rows=len(ids))
    about = (opened.name, opened.rows, opened.dim, tuple(opened.notes))
    return Collected(*about, (), False, "", totals, unopened)


def _only_rows(
    rows: Int[np.ndarray, " m"], opened: Source, classes: Classes, skip_bad: bool
) -> tuple[Source, Classes]:
    """These rows alone, with the classes and groups that they have."""
    if classes.labels is not None:
        labels = labels_taken(classes.labels, rows)
        classes = replace(classes, names=labels.names, labels=labels)
    if classes.groups is not None:
        classes = replace(classes, groups=labels_taken(classes.groups, rows))
    return taken(opened, rows, skip_bad), classes
