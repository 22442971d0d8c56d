"""The rows that a decision looks at: read once, with their classes and the moments of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gramax._shapes import Float, Int
from gramax._text import sizes
from gramax.arrays.rows import unit_rows
from gramax.audits.report import LEFT_OUT_WORDS
from gramax.data import Reading
from gramax.errors import InputError
from gramax.moments import REASONS, ClassMoments
from gramax.streaming import Collected, Execution, Progress, Request, collect, in_words

BLOCKS = 20
"""Blocks that rows are dealt to: folds for what is measured on rows held out."""


@dataclass(frozen=True)
class Rows:
    """What was read of a source."""

    name: str  # of the source
    n: int  # how many rows it has
    # those that count, or a uniform sample of very many, as they were read
    rows: Float[np.ndarray, "m d"]
    labels: Int[np.ndarray, " m"]  # their classes, all 0 without labels
    numbers: Int[np.ndarray, " m"]  # their places among all rows
    names: tuple[str, ...]  # of the classes; empty without labels
    # the moments of all rows, one for each block that `moments.blocks.dealt` deals
    blocks: tuple[ClassMoments, ...]
    normalize: bool  # whether the moments are of unit rows
    notes: tuple[str, ...]  # how the files were read, and what was left out

    @property
    def labelled(self) -> bool:
        """Whether the rows have classes."""
        return bool(self.names)

    @property
    def facts(self) -> str:
        """The sizes, in words."""
        return sizes(self.n, self.rows.shape[1], len(self.names))

    def directions(self) -> Float[np.ndarray, "m d"]:
        """The rows in float64, on the unit sphere unless they are taken as they are."""
        rows = np.asarray(self.rows, np.float64)
        return unit_rows(rows) if self.normalize else rows


def read_rows(
    source: Any,
    labels: Any = None,
    column: str | None = None,
    raw: bool = False,
    progress: Progress | None = None,
    execution: Execution | None = None,
    reading: Reading | None = None,
    *,
    needs_labels: str = "",
    blocks: int = BLOCKS,
) -> Rows:
    """Read a source once into moments of so many blocks; arguments as for `gramax.audit`.

    Raises:
        InputError: it cannot be read, or has no two classes where `needs_labels` says what they
            are needed for.
    """
    how = execution or Execution()
    request = Request(
        source, labels, column, False, blocks, not raw, how, reading=reading or Reading()
    )
    found = collect(request, progress)
    if needs_labels and len(found.names) < 2:
        has = "one class alone" if found.labelled else "no labels"
        raise InputError(
            f"{found.name}: {needs_labels} needs two classes at least; it has {has}: give "
            "--labels (a file, or the name of a column)"
        )
    sample = found.totals.sample
    return Rows(
        *(found.name, found.rows, sample.rows, sample.labels, sample.numbers),
        found.names if found.labelled else (),
        found.totals.blocks,
        not raw,
        tuple(notes_of(found)),
    )


def notes_of(found: Collected) -> list[str]:
    """How the files of a source were read, and what was left out."""
    counts = np.sum([block.left_out.sum(axis=0) for block in found.totals.blocks], axis=0)
    rows = [
        f"{count:,.0f} rows are left out ({LEFT_OUT_WORDS[why]})"
        for why, count in zip(REASONS, counts, strict=True)
        if count
    ]
    return [*found.notes, *([in_words(found.left_out)] if found.left_out else []), *rows]
