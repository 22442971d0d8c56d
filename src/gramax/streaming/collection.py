"""`collect`: from what a user names to moments, sampled rows and classes, wherever that is done.

Plain files (.npy, .npz, .safetensors) and arrays are read in this process. Every other format is
read by a library in C, which a damaged or hostile file may crash, hang, or make ask for all memory:
such files are opened, read and summed in a child process with limits (see `child`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gramax.data.formats import reads_in_process
from gramax.streaming import engines
from gramax.streaming.accumulation import accumulate
from gramax.streaming.execution import Execution, Progress
from gramax.streaming.inputs import Classes, classes_of, is_places, open_source
from gramax.streaming.results import LeftOut, Totals


@dataclass(frozen=True)
class Request:
    """What is to be read, and how; arguments as for `gramax.audit`.

    Attributes:
        source: an array, or the names of files.
        labels: of the rows, or where they are; None for none.
        column: the embedding column of files that hold several.
        codes: every row is a class of its own.
        blocks: of a jackknife, kept apart; 1 for none.
        normalize: take rows on the unit sphere.
        execution: who reads, and what may be bad.
        known_bad: files to leave out, with the reason: a child died of them.
    """

    source: Any
    labels: Any = None
    column: str | None = None
    codes: bool = False
    blocks: int = 1
    normalize: bool = True
    execution: Execution = field(default_factory=Execution)
    known_bad: tuple[LeftOut, ...] = ()


@dataclass(frozen=True)
class Collected:
    """All that an audit needs of its source.

    Attributes:
        name: of the source, as the user wrote it.
        rows: of the source, those that count nowhere included.
        dim: their length.
        notes: how the files were read; mostly nothing.
        names: of the classes.
        labelled: whether labels were given, or the rows are codes.
        label_digest: the same for the same labels of as many rows; empty where there are none.
        totals: moments, sampled rows, and what was left out.
        unopened: files that could not even be opened.
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

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Files and fragments that could not be read, and were left out as was asked for."""
        return self.unopened + self.totals.left_out


def collect(request: Request, progress: Progress | None = None) -> Collected:
    """Read and sum all rows, in this process or in a child that may die of what it reads.

    Raises:
        InputError: the input cannot be audited; the message names the file, row or column.
    """
    if _is_plain(request.source) and (_is_column(request.labels) or _is_plain(request.labels)):
        return collect_here(request, progress)
    from gramax.streaming.child import collect_in_child

    return collect_in_child(request, progress)


def _is_column(labels: Any) -> bool:
    """Whether it names an array beside the embeddings, not a file."""
    named = isinstance(labels, str) and "://" not in labels and not set(labels) & set("*?[")
    return named and not os.path.exists(labels)


def _is_plain(given: Any) -> bool:
    """Whether it is no file, or files that this process reads itself."""
    if not is_places(given):
        return True
    places: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
    return all(reads_in_process(os.fspath(one)) or _only_here(os.fspath(one)) for one in places)


def _only_here(place: str) -> bool:
    """Whether the address leads to the memory of this process, where a child finds nothing."""
    return "memory://" in place


def collect_here(request: Request, progress: Progress | None = None) -> Collected:
    """`collect` in this process."""
    execution = request.execution
    opened, unopened = open_source(
        request.source, request.column, execution.skip_bad, request.known_bad
    )
    classes = classes_of(request.labels, opened, request.codes)
    with engines.opened(
        execution.engine, workers=execution.workers, address=execution.address
    ) as runner:
        totals = accumulate(
            opened,
            classes,
            request.blocks,
            request.normalize,
            progress,
            engine=runner,
            checkpoint=execution.checkpoint,
            skip_bad=execution.skip_bad,
        )
    return Collected(
        opened.name,
        opened.rows,
        opened.dim,
        tuple(opened.notes),
        classes.names,
        classes.labelled,
        _digest(classes, opened.rows),
        totals,
        unopened,
    )


def _digest(classes: Classes, rows: int) -> str:
    if classes.labels is None:
        return ""
    digest = hashlib.blake2b(digest_size=16)
    for codes in classes.labels.part(0, rows).chunks(1 << 16):
        digest.update(np.ascontiguousarray(codes, np.int64))
    return digest.hexdigest()
