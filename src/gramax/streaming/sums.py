"""`gather`: a task to its moments. A pure function that a worker anywhere can run.

Rows are summed in float64, so the numbers do not depend on how they were cut but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from gramax.arrays.rows import spanned
from gramax.moments import ClassMoments
from gramax.moments.blocks import dealt
from gramax.moments.class_moments import NOT_FINITE
from gramax.streaming.batches import BadFragmentError, Batch, ahead, batches, refuse
from gramax.streaming.results import Gathered, Refused, Sample, joined, together
from gramax.streaming.tasks import Task

LANES, LANE_ROWS = 2, 8192
"""Threads that sum, and the rows of a task from which on more than one does. The numbers must not
depend on the machine, so neither do these."""

Tick = Callable[[int], None]
"""Told how many more rows are done."""


def gather(task: Task, tick: Tick | None = None) -> Gathered | Refused:
    """The moments of the rows of a task, and those of its rows that are in the sample.

    What is wrong with a file comes back as a value, which every engine can send.

    Raises:
        MemoryError: there is not enough of it.
    """
    try:
        return _gather(task, tick)
    except BadFragmentError as bad:
        return Refused(bad.place, bad.reason)


def _gather(task: Task, tick: Tick | None) -> Gathered:
    parts: tuple[ClassMoments, ...] = ()
    kept = []
    # Threads of ours instead of those of BLAS: they share all of the work, not the products alone.
    with ThreadPoolExecutor(LANES) as pool, threadpool_limits(1, "blas"):
        for batch in ahead(batches(task)):
            kept.append(_sampled(task, batch))
            parts = _added(task, parts, batch, pool)
            if tick:
                tick(len(batch.z))
    return Gathered(parts if task.blocks > 1 else (joined(parts),), together(kept))


def _added(
    task: Task, parts: tuple[ClassMoments, ...], batch: Batch, pool: ThreadPoolExecutor
) -> tuple[ClassMoments, ...]:
    """The sums so far and the batch; a row's block depends on its number alone."""
    z, n, d = batch.z, *batch.z.shape
    if task.spanned:
        if not np.isfinite(z).all():
            refuse(task, batch)
        z = spanned(z)
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
        block = dealt(batch.start, n, task.blocks, seed=0)
        shares: list[Any] = [np.flatnonzero(block == k) for k in range(task.blocks)]
    else:
        shares = [slice(n * k // len(parts), n * (k + 1) // len(parts)) for k in range(len(parts))]
    after = tuple(pool.map(lambda part, rows: part.update(z[rows], batch.y[rows]), parts, shares))
    if _not_finite(after) > _not_finite(parts):
        refuse(task, batch)  # moments find out at no cost
    return after


def _not_finite(parts: tuple[ClassMoments, ...]) -> float:
    return float(sum(part.left_out[:, NOT_FINITE].sum() for part in parts))


def _sampled(task: Task, batch: Batch) -> Sample:
    """The rows of the batch that belong to the sample, without those that count nowhere."""
    stop = batch.start + len(batch.z)
    at = task.sample[(task.sample >= batch.start) & (task.sample < stop)] - batch.start
    z, y = batch.z[at], batch.y[at]
    kept = (y >= 0) & (z.any(axis=1) | (not task.normalize))
    return Sample(z[kept], y[kept].astype(np.int32), (at + batch.start)[kept])
