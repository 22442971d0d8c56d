"""`gather`: a task to its moments. A pure function that a worker anywhere can run.

Rows are summed in their own precision over a step of some chunks, and steps are merged in float64,
so the numbers do not depend on how the rows were cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Array

from gramax.errors import exhausted
from gramax.moments.class_moments import NOT_FINITE, ClassMoments
from gramax.streaming.batches import BadFragmentError, Batch, ahead, batches, refuse
from gramax.streaming.results import Gathered, Refused, Sample, narrowed, together
from gramax.streaming.tasks import Task
from gramax.uncertainty.errorbars import BlockMoments

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
    except jax.errors.JaxRuntimeError as error:
        if not exhausted(error):
            raise
        raise MemoryError("XLA") from None


def _gather(task: Task, tick: Tick | None) -> Gathered:
    steps, kept = _Steps(task), []
    for batch in ahead(batches(task)):
        kept.append(_sampled(task, batch))
        steps.add(batch)
        if tick:
            tick(batch.rows)
    return Gathered(narrowed(steps.totals()), together(kept))


class _Steps:
    """Batches summed in steps, and steps merged in float64.

    A sum is looked at when the next one is already under way, so that the device never waits.
    """

    def __init__(self, task: Task):
        self.task = task
        self.merged: list[ClassMoments] = []
        self.part: ClassMoments | BlockMoments | None = None
        self.rows = 0
        self.coming: _Sum | None = None

    def add(self, batch: Batch) -> None:
        self.part = _added(self.task, self.part, batch)
        self.rows += batch.rows
        ends = self.rows >= self.task.sizes.step
        before, self.coming = self.coming, _Sum(self.part, batch, ends)
        if ends:
            self.part, self.rows = None, 0
        self._look(before)

    def totals(self) -> list[ClassMoments]:
        if self.coming:
            self._look(replace(self.coming, ends=True))
        return self.merged

    def _look(self, done: _Sum | None) -> None:
        if done is None:
            return
        if _refused_rows(done.part):
            refuse(self.task, done.batch)
        if done.ends:
            self.merged = _merged(self.merged, done.part)


@dataclass(frozen=True)
class _Sum:
    """The sums of a step up to a batch, still being computed perhaps, and whether it ends there."""

    part: ClassMoments | BlockMoments
    batch: Batch
    ends: bool


def _added(
    task: Task, part: ClassMoments | BlockMoments | None, batch: Batch
) -> ClassMoments | BlockMoments:
    """The sums so far and the batch; a row's block depends on its number alone."""
    c, d, blocks = task.num_classes, batch.z.shape[1], task.blocks
    kind = {"normalize": task.normalize, "dtype": batch.z.dtype}
    with jax.enable_x64(task.wide):
        if blocks == 1:
            part = ClassMoments.empty(c, d, **kind) if part is None else part
            return _update(part, batch.z, batch.y, batch.weight)
        if part is None:
            part = BlockMoments.empty(c, d, blocks=blocks, scatter=True, **kind)
        return replace(part, rows=batch.start).update(batch.z, batch.y, batch.weight)


@jax.jit
def _update(part: ClassMoments, z: Array, y: Array, weight: Array | None) -> ClassMoments:
    # As one program: checks of labels that a reader has made cost a third of the sums.
    return part.update(z, y, weight)


def _refused_rows(part: ClassMoments | BlockMoments) -> bool:
    """Whether a row with a label was not finite: moments find out at no cost."""
    moments = part if isinstance(part, ClassMoments) else part.parts
    return bool(np.asarray(moments.left_out)[..., NOT_FINITE].any())


def _merged(totals: list[ClassMoments], part: ClassMoments | BlockMoments) -> list[ClassMoments]:
    """The totals in float64 with those of one more step."""
    if isinstance(part, ClassMoments):
        parts = [part]
    else:
        stacked = jax.tree.map(np.asarray, part.parts)
        parts = [jax.tree.map(lambda leaf, k=k: leaf[k], stacked) for k in range(part.blocks)]
    with jax.enable_x64(True):
        wide = [one.widened() for one in parts]
        return [a.merge(b) for a, b in zip(totals, wide, strict=True)] if totals else wide


def _sampled(task: Task, batch: Batch) -> Sample:
    """The rows of the batch that belong to the sample, without those that count nowhere."""
    stop = batch.start + batch.rows
    at = task.sample[(task.sample >= batch.start) & (task.sample < stop)] - batch.start
    z, y = batch.z[at], batch.y[at]
    kept = (y >= 0) & (z.any(axis=1) | (not task.normalize))
    return Sample(z[kept], y[kept])
