"""Sources of rows that are made as they are read; some are slow, some kill whoever reads them."""

import os
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from gramax.arrays.pytree import leaves
from gramax.data import ArraySource
from gramax.errors import InputError
from gramax.streaming import Classes, accumulate, classes_of, joined, tasks


def this_time(when):
    """Whether "always", or for the first time: then the file of this name is made."""
    if not when or os.path.exists(when):
        return False
    if when != "always":
        Path(when).touch()
    return True


@dataclass(frozen=True)
class Made:
    """A fragment whose values follow from the numbers of its rows."""

    start: int
    rows: int
    dim: int
    seconds: float = 0.0
    deadly: str = ""
    """Kill the process that reads it: "always", or while the file of this name is not there."""
    hungry: str = ""
    """Ask for more memory than there is, as often as above."""
    broken: bool = False
    file: str = "made"

    @property
    def name(self):
        return f"{self.file} rows {self.start}-{self.start + self.rows - 1}"

    @property
    def first(self):
        return self.start

    def chunks(self, size):
        if this_time(self.deadly):
            os.kill(os.getpid(), signal.SIGKILL)
        if this_time(self.hungry):
            raise MemoryError
        if self.broken:
            raise InputError(f"{self.name}: cannot be read")
        time.sleep(self.seconds)
        for at in range(self.start, self.start + self.rows, size):
            rows = np.arange(at, min(at + size, self.start + self.rows))
            yield at, np.cos(np.outer(rows + 1.0, np.arange(1, self.dim + 1))).astype(np.float32)


@dataclass(frozen=True)
class Stream:
    """A source of such rows; `odd` changes some of its fragments, by their place."""

    rows: int
    dim: int = 8
    cut: int = 100
    seconds: float = 0.0
    odd: tuple[tuple[int, dict], ...] = ()
    name: str = "made"
    array: str = ""
    notes: tuple[str, ...] = ()

    @property
    def dtype(self):
        return np.dtype(np.float32)

    def fragments(self, rows):
        starts = range(0, self.rows, self.cut)
        pieces = [
            Made(start, min(self.cut, self.rows - start), self.dim, self.seconds)
            for start in starts
        ]
        for place, change in self.odd:
            pieces[place] = replace(pieces[place], **change)
        return tuple(pieces)

    def fingerprint(self):
        return {"rows": self.rows, "dim": self.dim, "dtype": "float32", "column": ""}


ONE = Classes(("all",), labelled=False)


def bits(totals):
    """Every bit of what was found."""
    arrays = [leaf for block in totals.blocks for leaf in leaves(block)]
    arrays += [totals.sample.rows, totals.sample.labels, totals.sample.numbers]
    return [*[one.tobytes() for one in arrays], totals.left_out]


def small_tasks(chunk, task):
    """In the place of `tasks.sizes`: chunks and tasks of so many rows."""
    return lambda n, c, d, blocks: tasks.Sizes(chunk, task)


def assert_same(totals, expected, rtol=1e-6):
    """All moments agree, relative to the largest of their kind, and the sampled rows are equal."""
    got, wanted = joined(totals.blocks), joined(expected.blocks)
    for name in ("count", "left_out"):
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), err_msg=name)
    for name in ("anchor", "mean", "spread", "scatter"):
        value = getattr(wanted, name)
        np.testing.assert_allclose(
            getattr(got, name), value, rtol=rtol, atol=rtol * abs(value).max(), err_msg=name
        )
    np.testing.assert_array_equal(totals.sample.rows, expected.sample.rows)
    np.testing.assert_array_equal(totals.sample.labels, expected.sample.labels)


def with_engine(engine, normalize=True, offset=0.0):
    """The same rows in five classes, some labelled -1, in several tasks of several chunks."""
    rng = np.random.default_rng(11)
    y = rng.integers(-1, 5, 6000)
    z = rng.normal(size=(6, 64))[y] + 0.1 * rng.normal(size=(6000, 64)) + offset
    source = ArraySource(z.astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "sizes", small_tasks(256, 1500))
        classes = classes_of(y, source, False)
        found = accumulate(source, classes, 3, normalize, engine=engine)
    assert found.done == 4
    return found
