"""`gather`: a task to its moments. A pure function that a worker anywhere can run.

Rows are read in batches by a thread, while those before them are summed. Sums are of float64, so
the numbers do not depend on how rows were cut but for rounding.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
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

LANES, LANE_ROWS = 2, 8192
"""Threads that sum, and the rows of a task from which on more than one does. The numbers must not
depend on the machine, so neither do these."""

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
    parts: tuple[ClassMoments, ...] = ()
    samples = []
    bad: dict[str, LeftOut] = {}
    # Threads of ours instead of those of BLAS: they share all of the work, not the products alone.
    # Worker processes have the other cores.
    threads = 1 if multiprocessing.parent_process() else LANES
    with ThreadPoolExecutor(threads) as pool, threadpool_limits(1, "blas"):
        try:
            for batch in ahead(batches(task)):
                samples.append(_sampled(task, batch))
                parts = _added(task, parts, batch, pool, bad)
                if tick:
                    tick(len(batch.z))
        except BadFragmentError as error:
            return error
    parts = parts if task.blocks > 1 else (joined(parts),)
    return Totals(parts, (together(samples),), tuple(bad.values()), done=1)


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
        elif name == "labels" and task.rowwise:
            yield np.arange(fragment.start, fragment.start + fragment.rows, dtype=np.int32)
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


def _added(
    task: Task,
    parts: tuple[ClassMoments, ...],
    batch: Batch,
    pool: ThreadPoolExecutor,
    bad: dict[str, LeftOut],
) -> tuple[ClassMoments, ...]:
    """The sums so far and the batch; a row's block depends on its number alone.

    Rows that are left out as they are not finite are counted in `bad`, by file.
    """
    z, n, d = batch.z, *batch.z.shape
    used = np.ones(n, bool)
    if task.skip_bad or task.spanned:
        used[_bad_rows(batch)] = False
        if not used.all() and not task.skip_bad:
            _refuse(task, batch)
        _note_bad(task, batch, np.flatnonzero(~used), bad)
    if task.spanned:
        z = spanned(np.where(np.isfinite(z), z, 0))
    if not parts:
        empty = ClassMoments.empty(
            task.num_classes,
            z.shape[1],
            normalize=task.normalize,
            ambient=d if task.spanned else None,
        )
        lanes = 1 if task.rows < LANE_ROWS else LANES
        parts = (empty,) * (task.blocks if task.blocks > 1 else lanes)
    if task.blocks > 1:
        block = blocks_of(batch.numbers, task.blocks, 0, batch.groups, task.groups)
        shares: list[Any] = [np.flatnonzero((block == k) & used) for k in range(task.blocks)]
    elif not used.all():
        shares = np.array_split(np.flatnonzero(used), len(parts))
    else:
        shares = [slice(n * k // len(parts), n * (k + 1) // len(parts)) for k in range(len(parts))]
    after = tuple(pool.map(lambda part, rows: part.update(z[rows], batch.y[rows]), parts, shares))
    if _not_finite(after) > _not_finite(parts):
        _refuse(task, batch)  # moments find out at no cost
    return after


def _not_finite(parts: tuple[ClassMoments, ...]) -> float:
    return float(sum(part.left_out[:, NOT_FINITE].sum() for part in parts))


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
    stop = batch.start + len(batch.z)
    at = task.sample[(task.sample >= batch.start) & (task.sample < stop)] - batch.start
    z, y = batch.z[at], batch.y[at]
    kept = (y >= 0) & (z.any(axis=1) | (not task.normalize))
    if task.skip_bad:
        kept[_bad_rows(Batch(0, z, y, at))] = False
    groups = batch.groups[at].astype(np.int64)
    return Sample(z, y.astype(np.int32), at + batch.start, groups).at(kept)
