"""A source over an array in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from gramax.data.checks import as_array, check_matrix, check_size
from gramax.data.cuts import even_cuts
from gramax.data.source import Chunks


@dataclass(frozen=True, eq=False)
class ArrayFragment:
    """A `Fragment` that holds its rows; sent to a worker, it takes them along."""

    file: str
    start: int
    array: np.ndarray
    dtype: np.dtype

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.file} rows {self.start}-{self.start + self.rows - 1}"

    @property
    def first(self) -> int:
        """The number of its first row in the array."""
        return self.start

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.array)

    def chunks(self, size: int) -> Chunks:
        """`(first row, array [m, dim])`; views, but for bfloat16 and swapped bytes."""
        size = check_size(size)
        for at in range(0, self.rows, size):
            yield self.start + at, self.array[at : at + size].astype(self.dtype, copy=False)


@dataclass(frozen=True, eq=False)
class ArraySource:
    """A `Source` over an array in memory; chunks are views of it.

    Args:
        array: `[n, d]` real numbers; anything that `numpy.asarray` takes.
        name: what messages call it.

    Raises:
        InputError: not a matrix of real numbers with at least one row and one column.

    Example:
        >>> source = ArraySource([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> print([(start, chunk.shape) for start, chunk in source.chunks(2)])
        [(0, (2, 2)), (2, (1, 2))]
    """

    array: Any
    name: str = "array"
    dtype: np.dtype = field(init=False)

    def __post_init__(self):
        array = as_array(self.array, self.name)
        # JAX's bfloat16 comes as an extension dtype that NumPy itself cannot compute with.
        bfloat16 = array.dtype.name == "bfloat16"
        dtype = np.dtype(np.float32) if bfloat16 else array.dtype.newbyteorder("=")
        check_matrix(self.name, array.shape, dtype)
        object.__setattr__(self, "array", array)
        object.__setattr__(self, "dtype", dtype)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.array.shape[0]

    @property
    def dim(self) -> int:
        """The number of columns."""
        return self.array.shape[1]

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing: an array is read as it is."""
        return ()

    def chunks(self, size: int) -> Chunks:
        """`(first row index, array [m, dim])`; views, but for bfloat16 and swapped bytes."""
        return self._fragment(0, self.rows).chunks(check_size(size))

    def fragments(self, rows: int) -> tuple[ArrayFragment, ...]:
        """Runs of `rows` rows."""
        cuts = even_cuts(self.rows, check_size(rows))
        return tuple(self._fragment(start, stop) for start, stop in pairwise(cuts))

    def fingerprint(self) -> dict[str, object]:
        """Shape, dtype and a digest of every value."""
        digest = hashlib.blake2b(digest_size=16)
        for _, chunk in self.chunks(max(1, (1 << 24) // self.array[:1].nbytes)):
            digest.update(np.ascontiguousarray(chunk).data)
        return {
            "rows": self.rows,
            "dim": self.dim,
            "dtype": self.dtype.name,
            "column": "",
            "digest": digest.hexdigest(),
        }

    def _fragment(self, start: int, stop: int) -> ArrayFragment:
        return ArrayFragment(self.name, start, self.array[start:stop], self.dtype)
