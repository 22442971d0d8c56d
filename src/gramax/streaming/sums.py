"""`gather`: a task to its moments. A pure function that a worker anywhere can run.

Rows are summed in float64, so the numbers do not depend on how they were cut but for rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gramax.arrays.rows import spanned
from gramax.moments import BlockMoments, ClassMoments
from gramax.moments.class_moments import NOT_FINITE
from gramax.streaming.batches import BadFragmentError, Batch, ahead, batches, refuse
from gramax.streaming.results import Gathered, Refused, Sample, together
from gramax.streaming.tasks import Task

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
    sums: BlockMoments | None = None
    kept = []
    for batch in ahead(batches(task)):
        kept.append(_sampled(task, batch))
        sums = _added(task, sums, batch)
        if tick:
            tick(len(batch.z))
    assert sums is not None  # a task has rows
    return Gathered(sums.parts, together(kept))


def _added(task: Task, sums: BlockMoments | None, batch: Batch) -> BlockMoments:
    """The sums so far and the batch; a row's block depends on its number alone."""
    z, d = batch.z, batch.z.shape[1]
    if task.spanned:
        if not np.isfinite(z).all():
            refuse(task, batch)
        z = spanned(z)
    if sums is None:
        ambient = d if task.spanned else None
        empty = ClassMoments.empty(
            task.num_classes, z.shape[1], normalize=task.normalize, ambient=ambient
        )
        sums = BlockMoments((empty,) * task.blocks, 0)
    before = sum(part.left_out[:, NOT_FINITE].sum() for part in sums.parts)
    sums = replace(sums, rows=batch.start).update(z, batch.y)
    if sum(part.left_out[:, NOT_FINITE].sum() for part in sums.parts) > before:
        refuse(task, batch)  # moments find out at no cost
    return sums


def _sampled(task: Task, batch: Batch) -> Sample:
    """The rows of the batch that belong to the sample, without those that count nowhere."""
    stop = batch.start + len(batch.z)
    at = task.sample[(task.sample >= batch.start) & (task.sample < stop)] - batch.start
    z, y = batch.z[at], batch.y[at]
    kept = (y >= 0) & (z.any(axis=1) | (not task.normalize))
    return Sample(z[kept], y[kept].astype(np.int32), (at + batch.start)[kept])
