"""What comes back from the rows: moments, a sample, and what could not be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count, takewhile
from typing import Any, NamedTuple

import numpy as np

from gramax._shapes import Float, Int
from gramax._text import visible
from gramax.moments.class_moments import ClassMoments


@dataclass(frozen=True)
class LeftOut:
    """A fragment, or a file, that could not be read and was left out, and why in one line.

    Rows that are not finite are left out by themselves: `rows of FILE`, with their number.
    Nobody knows how many rows a file has that could not even be opened: they are None.
    """

    name: str
    rows: int | None
    reason: str


def in_words(left_out: Sequence[LeftOut]) -> str:
    """What was left out, in a line.

    Example:
        >>> in_words([LeftOut("a.npy", 300, "is cut short"), LeftOut("c.npy", 20, "is cut short")])
        'left out a.npy and 1 more (320 rows): cannot be read'
        >>> in_words([LeftOut("a.npy", None, "is cut short")])
        'left out a.npy (an unknown number of rows): cannot be read'
        >>> in_words([LeftOut("rows of a.npy", 2, "a.npy: row 7 is nan throughout, or null")])
        'left out rows of a.npy (2 rows): null, or not finite'
    """
    more = f" and {len(left_out) - 1} more" if len(left_out) > 1 else ""
    known = [one.rows for one in left_out if one.rows is not None]
    rows = [f"{sum(known):,} rows"] * bool(known)
    rows += ["an unknown number of rows"] * (len(known) < len(left_out))
    single = all(one.name.startswith("rows of ") for one in left_out)
    why = "null, or not finite" if single else "cannot be read"
    return f"left out {left_out[0].name}{more} ({' and '.join(rows)}): {why}"


class Sample(NamedTuple):
    """Some of the rows that count, a uniform sample in all: classes, numbers and groups (or -1)."""

    rows: Float[np.ndarray, "m d"]
    labels: Int[np.ndarray, " m"]
    numbers: Int[np.ndarray, " m"]
    groups: Int[np.ndarray, " m"]

    def at(self, kept: np.ndarray) -> Sample:
        """Those of the rows that are kept: their places, or whether each is."""
        return Sample(*(column[kept] for column in self))


def together(samples: Sequence[Sample]) -> Sample:
    """The rows of all samples; of a single one without a copy."""
    if len(samples) == 1:
        return samples[0]
    return Sample(*map(np.concatenate, zip(*samples, strict=True)))


def joined(blocks: Sequence[ClassMoments]) -> ClassMoments:
    """The moments of all blocks together."""
    total, *rest = blocks
    for block in rest:
        total = total.merge(block)
    return total


def _by_name(left_out: Sequence[LeftOut]) -> tuple[LeftOut, ...]:
    """Rows of one file that several tasks left out, as one."""
    found: dict[str, LeftOut] = {}
    for one in left_out:
        before = found.get(one.name)
        rows = (before.rows or 0) + (one.rows or 0) if before else one.rows
        found[one.name] = replace(before or one, rows=rows)
    return tuple(found.values())


def arrays_of(moments: ClassMoments) -> dict[str, np.ndarray]:
    """The arrays of moments by name."""
    return {name: leaf for name, leaf in vars(moments).items() if isinstance(leaf, np.ndarray)}


@dataclass(frozen=True)
class Totals:
    """What tasks found together, in the order of their rows: moments, one a block, and samples.

    `done` tasks are in here, which had `rows` rows.
    """

    blocks: tuple[ClassMoments, ...] = ()
    samples: tuple[Sample, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    done: int = 0
    rows: int = 0

    def plus(self, other: Totals) -> Totals:
        """With the tasks that come next."""
        blocks = self.blocks or other.blocks
        if self.blocks and other.blocks:
            blocks = tuple(a.merge(b) for a, b in zip(self.blocks, other.blocks, strict=True))
        return Totals(
            blocks,
            self.samples + other.samples,
            _by_name(self.left_out + other.left_out),
            self.done + other.done,
            self.rows + other.rows,
        )

    @property
    def sample(self) -> Sample:
        """All sampled rows together."""
        return together(self.samples)

    def packed(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What JSON holds and the arrays by name: for files and pipes without pickles."""
        left_out = [asdict(one) for one in self.left_out]
        about = {"done": self.done, "rows": self.rows, "left_out": left_out}
        arrays = self.sample._asdict() if self.samples else {}
        for k, block in enumerate(self.blocks):
            arrays |= {f"{name}.{k}": leaf for name, leaf in arrays_of(block).items()}
        return about, arrays

    @classmethod
    def unpacked(
        cls, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray], empty: ClassMoments
    ) -> Totals:
        """What `packed` has taken apart; `empty` has what is no array of moments."""
        ks = takewhile(lambda k: f"count.{k}" in arrays, count())
        return cls(
            tuple(replace(empty, **{x: arrays[f"{x}.{k}"] for x in arrays_of(empty)}) for k in ks),
            (Sample(*(arrays[x] for x in Sample._fields)),) if "rows" in arrays else (),
            tuple(
                LeftOut(visible(str(one["name"])), int(one["rows"]), visible(str(one["reason"])))
                for one in about["left_out"]
            ),
            int(about["done"]),
            int(about["rows"]),
        )
