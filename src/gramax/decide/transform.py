"""`Transform`: one map of rows, for any array library and for files, saved without a pickle."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import numpy as np

from gramax._files import write_safetensors
from gramax._shapes import Float
from gramax._text import cut, visible
from gramax.arrays import checks
from gramax.arrays.namespace import Array, dot, like, namespace, to_numpy
from gramax.arrays.pytree import pytree, static
from gramax.arrays.rows import unit_rows
from gramax.data.checks import MAX_COLUMNS, check_finite, fail
from gramax.data.readers.safetensors import described
from gramax.data.source import Entry

KIND = "gramax transform 1"
"""What a file says that it is, and the version of its layout."""


@pytree
class Transform:
    """A map of rows: centred, turned or scaled by a matrix, and put back on the sphere.

    Call it with rows of any array library; queries and corpus must go through the same one. It is
    a tree of arrays for JAX, and works inside jit.

    Attributes:
        mean: `[d]` what is subtracted first.
        matrix: `[d, m]` what rows are multiplied by; None leaves them as they are.
        name: of the remedy that it is.
        before: whether rows are first divided by their lengths; a row of zeros, which has no
            direction, then stays zero.
        after: whether results are divided by their lengths.
        length: the root mean square length of the rows that it was made from; with `before` any
            other length is as good.

    Example:
        >>> import numpy as np
        >>> centred = Transform(np.array([1.0, 0.0]), None, "centre", before=False, after=True)
        >>> print(centred(np.array([[1.0, 2.0], [4.0, 4.0]])))
        [[0.  1. ]
         [0.6 0.8]]
    """

    mean: Float[Array, " d"]
    matrix: Float[Array, "d m"] | None
    name: str = static(default="")
    before: bool = static(default=True)
    after: bool = static(default=True)
    length: float = static(default=1.0)

    @property
    def width(self) -> int:
        """Length d of the rows that it takes."""
        return self.mean.shape[0]

    @property
    def dim(self) -> int:
        """Length m of the rows that it gives."""
        return self.width if self.matrix is None else self.matrix.shape[1]

    def __call__(self, z: Array) -> Float[Array, "n m"]:
        """The rows after the map, in the library, on the device and in the precision of `z`.

        Args:
            z: `[n, d]` rows; half precision and integers are widened.

        Raises:
            ValueError: `z` is not a matrix of real numbers with rows of length d.
        """
        z = checks.rows(z)
        if z.shape[1] != self.width:
            raise ValueError(f"this transform takes rows of length {self.width}; got {z.shape}")
        xp = namespace(z)
        moved = (unit_rows(z) if self.before else z) - like(self.mean, z, z.dtype)
        if self.before:
            moved = xp.where(xp.any(z != 0, axis=1)[:, None], moved, 0.0)
        if self.matrix is not None:
            moved = dot(moved, like(self.matrix, z, z.dtype))
        return unit_rows(moved) if self.after else moved

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as .safetensors, whole or not at all.

        Raises:
            InputError: the file cannot be written.
        """
        arrays = {"mean": self.mean, "matrix": self.matrix}
        wide = {k: to_numpy(v).astype(np.float64) for k, v in arrays.items() if v is not None}
        about = {"name": self.name, "before": self.before, "after": self.after}
        words = json.dumps(about | {"length": self.length})
        write_safetensors(path, wide, {"kind": KIND, "about": words})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Transform:
        """Read what `save` wrote; everything that the file claims is checked.

        Raises:
            InputError: it is no such file.
        """
        file = os.fspath(path)
        entries, told = described(file)
        named = {entry.name: entry for entry in entries}
        if told.get("kind") != KIND or not {"mean"} <= set(named) <= {"mean", "matrix"}:
            raise fail(file, f"is not a transform of this version ({KIND}): make one by gramax fix")
        name, before, after, length = _about(file, told.get("about", ""))
        mean = _read(named["mean"], 1)
        matrix = _read(named["matrix"], 2) if "matrix" in named else None
        if matrix is not None and matrix.shape[0] != len(mean):
            raise fail(file, f"has a matrix of {matrix.shape} for a mean of length {len(mean)}")
        return cls(mean, matrix, name, before, after, length)


def _about(file: str, text: str) -> tuple[str, bool, bool, float]:
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    kinds = {"name": str, "before": bool, "after": bool, "length": float}
    if not isinstance(told, dict) or any(type(told.get(k)) is not kinds[k] for k in kinds):
        raise fail(file, "says of its rows what is no JSON of a name, before, after and length")
    if not (math.isfinite(told["length"]) and told["length"] > 0):
        raise fail(file, f"was made from rows of length {told['length']}, which is none")
    return visible(cut(told["name"], 100)), told["before"], told["after"], told["length"]


def _read(entry: Entry, axes: int) -> Float[np.ndarray, "..."]:
    """The array of an entry, if it has so many axes, some numbers, all finite, in float64."""
    shape = entry.shape
    if len(shape) != axes or not all(1 <= n <= MAX_COLUMNS for n in shape) or entry.dtype != "f8":
        what = ["", "a row", "a matrix"][axes]
        raise fail(entry.where, f"must be {what} of float64; got {entry.text}")
    array = np.concatenate([rows for _, rows in entry.chunks(4096)])
    check_finite(array.reshape(len(array), -1), 0, entry.where)
    return array
