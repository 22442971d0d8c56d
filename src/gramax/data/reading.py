"""How stored numbers become rows: turned, unpacked from bits, or freed from a quantisation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from gramax.data.checks import fail
from gramax.data.source import Entry, Source
from gramax.errors import InputError

MAX_TURNED_BYTES = 4 << 30
"""Of a matrix that is read whole, as its format cannot be read by columns."""

USUAL_WIDTHS = (
    64, 96, 128, 192, 256, 300, 320, 384, 512, 640, 768, 896, 1024, 1152, 1280, 1536, 1792, 2048,
    2560, 3072, 3584, 4096, 5120, 8192,
)  # fmt: skip
"""Dimensions that embeddings often have."""

PACKED_SPREAD = 50.0
"""Standard deviation of a column of bytes from which on they may be bits: eight fair bits have 74,
numbers that were quantised to their range have 30 to 45."""


@dataclass(frozen=True)
class Reading:
    """How stored numbers become rows, where they are not the rows themselves.

    Attributes:
        transpose: rows are stored as columns.
        bits: every byte holds eight dimensions, as `numpy.packbits` writes them; 1 is read as +1
            and 0 as -1.
        zero_point: the stored number that stands for 0.
        scale: what a step of the stored numbers is worth.

    Raises:
        InputError: a scale that is no positive number, or bits and a quantisation at once.

    Example:
        >>> Reading(zero_point=128).decoded(np.array([[127, 130]], np.uint8)).tolist()
        [[-1.0, 2.0]]
    """

    transpose: bool = False
    bits: bool = False
    zero_point: float | None = None
    scale: float | None = None

    def __post_init__(self):
        if self.zero_point is not None and not math.isfinite(self.zero_point):
            raise InputError(f"--zero-point must be a finite number; got {self.zero_point}")
        if self.scale is not None and not (math.isfinite(self.scale) and self.scale > 0):
            raise InputError(f"--scale must be a number above 0; got {self.scale}")
        if self.bits and self.quantised:
            raise InputError("--bits are ±1, without --zero-point and --scale; leave these out")

    @property
    def quantised(self) -> bool:
        """Whether stored numbers stand for others."""
        return self.zero_point is not None or self.scale is not None

    def applied(self, entry: Entry) -> Entry:
        """The matrix `entry` as it is to be read."""
        if self.transpose:
            turned = entry.turned() or _Turned.of(entry)
            entry = replace(turned, text=f"{entry.text}, transposed")
        if self.bits:
            if entry.dtype not in (np.uint8, np.int8):
                raise fail(entry.where, f"--bits unpacks bytes (uint8, int8); got {entry.text}")
            shape, how = (entry.shape[0], 8 * entry.shape[1]), "bits of "
        elif self.quantised:
            zero, step = self.zero_point or 0, 1 if self.scale is None else self.scale
            shape, how = entry.shape, f"(x - {zero}) * {step} of "
        else:
            return entry
        known = (entry.file, entry.name, shape, np.dtype(np.float32), how + entry.text)
        return _Decoded(*known, entry, self, note=entry.note)

    def decoded(self, rows: np.ndarray) -> np.ndarray:
        """What stored `rows` stand for, float32."""
        if self.bits:
            # Of int8 from packed bits less 128 the first bit of each byte has the other sign, which
            # is a reflection: no number hangs on it.
            bits = np.unpackbits(np.ascontiguousarray(rows).view(np.uint8), axis=1)
            return bits * np.float32(2) - np.float32(1)
        zero, step = self.zero_point or 0, 1 if self.scale is None else self.scale
        return ((rows.astype(np.float64) - zero) * step).astype(np.float32)


@dataclass(frozen=True)
class _Decoded(Entry):
    """An `Entry`: a `stored` one, each of whose rows stands for another."""

    stored: Entry
    how: Reading

    @property
    def grain(self) -> int:
        return self.stored.grain

    def cuts(self, rows: int):
        return self.stored.cuts(rows)

    def only(self, start: int, stop: int) -> Entry:
        return replace(self, stored=self.stored.only(start, stop))

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        for _, rows in self.stored.chunks(size, start, stop):
            yield self.how.decoded(rows)


@dataclass(frozen=True)
class _Turned(Entry):
    """An `Entry`: the columns of a `stored` one, which is read whole for them."""

    stored: Entry

    @classmethod
    def of(cls, entry: Entry) -> _Turned:
        """The transpose of a matrix."""
        size = math.prod(entry.shape) * entry.dtype.itemsize
        if size > MAX_TURNED_BYTES:
            why = f"would have to be read whole ({size} bytes) to be transposed; save its transpose"
            raise fail(entry.where, f"{why}, or the matrix as .npy")
        about = (entry.shape[::-1], entry.dtype, entry.text, entry)
        return cls(entry.file, entry.name, *about, note=entry.note)

    @property
    def grain(self) -> int:
        return 0

    def read(self, size: int, start: int, stop: int) -> Iterator[np.ndarray]:
        for _, rows in self.stored.chunks(max(self.stored.shape[0], 1)):
            for at in range(start, stop, size):
                yield rows.T[at : min(at + size, stop)]


def hints(source: Source, reading: Reading, labelled: bool, sample: np.ndarray) -> tuple[str, ...]:
    """What a user may want to type, as the matrix looks transposed, quantised, or packed.

    Args:
        source: whose rows were read as `reading` says.
        reading: how.
        labelled: whether there are labels, one a row.
        sample: `[m, d]` some of its rows, as they are stored.
    """
    entry, found = source.parts[0].entry, []
    # 300 is a width of word vectors, and a round number of rows.
    fits = source.dim in USUAL_WIDTHS or source.rows not in USUAL_WIDTHS or source.rows == 300
    if not (labelled or reading.transpose or fits or source.rows >= source.dim):
        shape = f"{source.rows:,} rows of {source.dim:,} numbers"
        found.append(f"{entry.where}: {shape}; if its columns are the vectors, say --transpose")
    if reading.bits or reading.quantised or source.dtype not in (np.uint8, np.int8):
        return tuple(found)
    kind, dim = source.dtype.name, 8 * source.dim
    spread = float(np.sqrt(sample.var(axis=0, dtype=np.float64).mean())) if len(sample) > 1 else 0
    if dim in USUAL_WIDTHS and spread > PACKED_SPREAD:
        why = f"these {kind} look like packed bits of {dim:,} dimensions; if they are, say --bits"
    else:
        zero = " 128 (or what stood for 0)" if kind == "uint8" else ""
        say = f"if they are quantised, say --zero-point{zero} and --scale"
        why = f"{kind} are taken as they are; {say}"
    found.append(f"{entry.where}: {why}")
    return tuple(found)
