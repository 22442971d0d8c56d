"""The rows of a task in batches, each read while those before it are being summed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from gramax._shapes import Float, Int
from gramax.data import check_finite
from gramax.data.chunks import rechunk
from gramax.errors import InputError
from gramax.streaming.tasks import Piece, Task


class BadFragmentError(Exception):
    """A fragment (its place in the task) that cannot be read, and why."""

    def __init__(self, place: int, reason: str):
        super().__init__(place, reason)
        self.place, self.reason = place, reason


@dataclass(frozen=True)
class Batch:
    """Rows with numbers from `start` on, and their classes."""

    start: int
    z: Float[np.ndarray, "n d"]
    y: Int[np.ndarray, " n"]


def batches(task: Task) -> Iterator[Batch]:
    """All rows of the task, each batch of `task.sizes.chunk` rows."""
    size = task.sizes.chunk
    for run in _runs(task):
        start = task.pieces[run[0]].fragment.start
        rows = rechunk((z for place in run for z in _rows(task, place)), size)
        labels = rechunk((y for place in run for y in _labels(task, place)), size)
        for z, y in zip(rows, labels, strict=True):
            yield Batch(start, z, y)
            start += len(z)


def _runs(task: Task) -> list[list[int]]:
    """Places of fragments that follow each other; between runs rows were left out."""
    runs: list[list[int]] = []
    after = None
    for place, piece in enumerate(task.pieces):
        if piece.fragment.start != after:
            runs.append([])
        runs[-1].append(place)
        after = piece.fragment.start + piece.fragment.rows
    return runs


def _rows(task: Task, place: int) -> Iterator[np.ndarray]:
    try:
        for _, z in task.pieces[place].fragment.chunks(task.sizes.chunk):
            wide = z.dtype == np.float64 or (z.dtype.kind in "iu" and z.dtype.itemsize > 2)
            yield z.astype(np.float64 if wide else np.float32, copy=False)
    except InputError as error:
        raise BadFragmentError(place, str(error)) from None


def _labels(task: Task, place: int) -> Iterator[np.ndarray]:
    piece: Piece = task.pieces[place]
    start, rows = piece.fragment.start, piece.fragment.rows
    try:
        if piece.labels is not None:
            yield from piece.labels.chunks(task.sizes.chunk)
        elif task.rowwise:
            yield np.arange(start, start + rows, dtype=np.int32)
        else:
            yield np.zeros(rows, np.int32)
    except InputError as error:
        raise BadFragmentError(place, str(error)) from None


def refuse(task: Task, batch: Batch) -> None:
    """Raise `BadFragmentError` for the first row of the batch whose length is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        bad = np.flatnonzero(~np.isfinite(np.linalg.norm(batch.z, axis=1)) & (batch.y >= 0))
    number = batch.start + int(bad[0])
    for place, piece in enumerate(task.pieces):
        one = piece.fragment
        if not one.start <= number < one.start + one.rows:
            continue
        row = number - one.start + one.first
        try:
            check_finite(batch.z[bad[0] : bad[0] + 1], row, one.file)
        except InputError as error:
            raise BadFragmentError(place, str(error)) from None
        long = f"{one.file}: row {row} is too long for {batch.z.dtype}; scale the rows down"
        raise BadFragmentError(place, long)


T = TypeVar("T")


def ahead(items: Iterator[T], held: int = 3) -> Iterator[T]:
    """The items, made by a thread while those before them are in use: no more than `held` at once.

    Example:
        >>> print(list(ahead(iter([1, 2, 3]))))
        [1, 2, 3]
    """
    done = object()
    reader = ThreadPoolExecutor(1, thread_name_prefix="reading")
    try:
        coming = deque(reader.submit(next, items, done) for _ in range(held - 1))
        while (item := coming.popleft().result()) is not done:
            coming.append(reader.submit(next, items, done))
            yield item  # type: ignore[misc]
    finally:
        # A read that hangs is not waited for, or one Ctrl-C would not be enough.
        reader.shutdown(wait=False, cancel_futures=True)
