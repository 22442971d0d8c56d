"""`gather`: a task to its moments. A pure function that a worker anywhere can run.

Rows are read in batches by a thread, while those before them are summed. Sums are of float64, so
the numbers do not depend on how rows were cut but for rounding.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from gramax._shapes import Float, Int
from gramax.arrays.rows import spanned
from gramax.data import check_finite
from gramax.data.chunks import rechunk
from gramax.errors import InputError
from gramax.moments import ClassMoments
from gramax.moments.blocks import blocks_of
from gramax.moments.class_moments import NOT_FINITE
from gramax.streaming.results import LeftOut, Sample, Totals, joined, together
from gramax.streaming.tasks import Task

LANES = 2
"""Threads that sum, each every so many batches. The numbers must not depend on the machine, so
neither does this."""

Tick = Callable[[int], None]
"""Told how many more rows are done."""


class BadFragmentError(Exception):
    """A fragment (its place in the task) that cannot be read, and why."""

    def __init__(self, place: int, reason: str):
        super().__init__(place, reason)
        self.place, self.reason = place, reason


def gather(task: Task, tick: Tick | None = None) -> Totals | BadFragmentError:
    """The moments of the rows of a task, and those of its rows that are in the sample.

    What is wrong with a file comes back as a value, which every engine can send.

    Raises:
        MemoryError: there is not enough of it.
    """
    samples: list[Sample] = []
    bad: dict[str, LeftOut] = {}
    parts: dict[int, Future[ClassMoments]] = {}
    under_way: UnderWay = deque()
    # Threads of ours instead of those of BLAS: they share all of the work, not the products alone.
    # Worker processes have the other cores.
    threads = 1 if multiprocessing.parent_process() else LANES
    with ThreadPoolExecutor(threads) as pool, threadpool_limits(1, "blas"):
        try:
            for k, batch in enumerate(ahead(batches(task))):
                samples.append(_sampled(task, batch))
                z, shares = _shares(task, batch, k, bad)
                for part, rows in shares.items():
                    before = parts.get(part)
                    parts[part] = pool.submit(_added, task, before, batch, z, rows)
                under_way.append((batch, [parts[part] for part in shares]))
                _finish(task, under_way, threads - 1, tick)
            _finish(task, under_way, 0, tick)
        except BadFragmentError as error:
            return error
        done = tuple(parts[part].result() for part in sorted(parts))
        done = done if task.blocks > 1 else (joined(done),)
    return Totals(done, (together(samples),), tuple(bad.values()), done=1)


class Batch(NamedTuple):
    """Rows with numbers from `start` on, their classes, and their groups (-1 where none)."""

    start: int
    z: Float[np.ndarray, "n d"]
    y: Int[np.ndarray, " n"]
    groups: Int[np.ndarray, " n"]

    @property
    def numbers(self) -> Int[np.ndarray, " n"]:
        """Of the rows, among all rows."""
        return np.arange(self.start, self.start + len(self.z))


UnderWay = deque[tuple[Batch, list[Future[ClassMoments]]]]
"""Batches that are being summed, the oldest first, and the sums that they are added to."""


def batches(task: Task) -> Iterator[Batch]:
    """All rows of the task, each batch of `task.sizes.chunk` rows.

    Fragments that follow each other are one run; between two runs rows were left out.
    """
    fragments, chunk = [piece.fragment for piece in task.pieces], task.sizes.chunk
    before = np.cumsum([0, *(one.rows for one in fragments)])
    runs = groupby(range(len(fragments)), lambda k: fragments[k].start - before[k])
    for run in (list(places) for _, places in runs):
        start = fragments[run[0]].start
        rows = rechunk((z for place in run for z in _rows(task, place)), chunk)
        labels = rechunk((y for place in run for y in _codes(task, place, "labels")), chunk)
        groups = rechunk((g for place in run for g in _codes(task, place, "groups")), chunk)
        for z, y, g in zip(rows, labels, groups, strict=True):
            yield Batch(start, z, y, g)
            start += len(z)


@contextmanager
def _refusing(place: int) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise BadFragmentError(place, str(error)) from None


def _rows(task: Task, place: int) -> Iterator[np.ndarray]:
    with _refusing(place):
        for _, z in task.pieces[place].fragment.chunks(task.sizes.chunk):
            wide = z.dtype == np.float64 or (z.dtype.kind in "iu" and z.dtype.itemsize > 2)
            yield z.astype(np.float64 if wide else np.float32, copy=False)


def _codes(task: Task, place: int, name: str) -> Iterator[np.ndarray]:
    """The "labels" or the "groups" of the rows, and what stands for them where there are none."""
    fragment, part = task.pieces[place].fragment, getattr(task.pieces[place], name)
    with _refusing(place):
        if part is not None:
            yield from part.chunks(task.sizes.chunk)
        else:
            yield np.full(fragment.rows, 0 if name == "labels" else -1, np.int32)


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


def _shares(
    task: Task, batch: Batch, number: int, bad: dict[str, LeftOut]
) -> tuple[np.ndarray, dict[int, Any]]:
    """The batch's rows to sum, and which of them belong to which part of the sums.

    A row's block depends on its number alone. Rows that are left out as they are not finite are
    counted in `bad`, by file.
    """
    z, used = batch.z, np.ones(len(batch.z), bool)
    if task.skip_bad or task.spanned:
        used[_bad_rows(batch)] = False
        if not used.all() and not task.skip_bad:
            _refuse(task, batch)
        _note_bad(task, batch, np.flatnonzero(~used), bad)
    if task.spanned:
        z = spanned(np.where(np.isfinite(z), z, 0))
    if task.blocks > 1:
        block = blocks_of(batch.numbers, task.blocks, 0, batch.groups, task.groups)
        return z, {k: np.flatnonzero((block == k) & used) for k in range(task.blocks)}
    return z, {number % LANES: slice(None) if used.all() else used}


def _added(
    task: Task, before: Future[ClassMoments] | None, batch: Batch, z: np.ndarray, rows: Any
) -> ClassMoments:
    """One part of the sums, and some rows of the batch as they are summed."""
    if before:
        moments = before.result()  # whose thread was asked earlier: it does not wait for this one
    else:
        ambient = batch.z.shape[1] if task.spanned else None
        size = task.num_classes, z.shape[1]
        moments = ClassMoments.empty(*size, normalize=task.normalize, ambient=ambient)
    return moments.update(z[rows], batch.y[rows])


def _finish(task: Task, under_way: UnderWay, left: int, tick: Tick | None) -> None:
    """Wait for the oldest batches, until so many are left."""
    while len(under_way) > left:
        batch, sums = under_way.popleft()
        if any(one.result().left_out[:, NOT_FINITE].any() for one in sums):
            _refuse(task, batch)  # moments find out at no cost
        if tick:
            tick(len(batch.z))


def _bad_rows(batch: Batch) -> Int[np.ndarray, " k"]:
    """The rows whose length is not finite, but for those that count nowhere."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(batch.z.astype(np.float64), axis=1)
        return np.flatnonzero(~np.isfinite(lengths) & (batch.y >= 0))


def _place(task: Task, number: int) -> int:
    """Which fragment of the task holds the row of this number."""
    starts = [piece.fragment.start for piece in task.pieces]
    return int(np.searchsorted(starts, number, side="right")) - 1


def _reason(task: Task, batch: Batch, at: int) -> str:
    """What is wrong with a row of the batch."""
    fragment = task.pieces[_place(task, batch.start + at)].fragment
    row = batch.start + at - fragment.start + fragment.first
    try:
        check_finite(batch.z[at : at + 1], row, fragment.file)
    except InputError as error:
        return str(error)
    return f"{fragment.file}: row {row} is too long for float64; scale the rows down"


def _refuse(task: Task, batch: Batch) -> None:
    """Raise `BadFragmentError` for the first row of the batch whose length is not finite."""
    at = int(_bad_rows(batch)[0])
    reason = f"{_reason(task, batch, at)}; --skip-bad leaves such rows out"
    raise BadFragmentError(_place(task, batch.start + at), reason)


def _note_bad(task: Task, batch: Batch, rows: np.ndarray, bad: dict[str, LeftOut]) -> None:
    """Count these rows of the batch, which are left out, by file."""
    for at in rows.tolist():
        file = task.pieces[_place(task, batch.start + at)].fragment.file
        before = bad.get(file)
        reason = before.reason if before else _reason(task, batch, at)
        bad[file] = LeftOut(f"rows of {file}", (before.rows or 0) + 1 if before else 1, reason)


def _sampled(task: Task, batch: Batch) -> Sample:
    """The rows of the batch that belong to the sample, without those that count nowhere."""
    first, stop = np.searchsorted(task.sample, [batch.start, batch.start + len(batch.z)])
    found = Sample(batch.z, batch.y.astype(np.int32), batch.numbers, batch.groups.astype(np.int64))
    if stop - first < len(batch.z):  # where all rows are, they are not copied yet
        found = found.at(task.sample[first:stop] - batch.start)
    kept = found.labels >= 0
    if task.normalize:
        zeros = np.flatnonzero(found.rows[:, 0] == 0)  # the only ones that may be zero throughout
        kept[zeros] &= found.rows[zeros].any(axis=1)
    if task.skip_bad:
        kept[_bad_rows(Batch(0, *found[:2], found.groups))] = False
    return found if kept.all() else found.at(kept)
