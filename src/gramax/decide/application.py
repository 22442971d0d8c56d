"""`apply`: a transform over a source of any size, into a file written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gramax._files import replacing, safetensors_head
from gramax._optional import need
from gramax._shapes import Float
from gramax.arrays.rows import row_squares
from gramax.data import Reading
from gramax.data.paths import extension
from gramax.decide.transform import Transform
from gramax.errors import InputError
from gramax.streaming import Opened, Progress, RowStream, streamed

FORMATS = (".npy", ".safetensors", ".parquet")
"""What can be written."""

NAME = "embeddings"
"""Of the tensor, or the column, that is written."""

OTHER_LENGTHS = 4.0
"""Rows that are so many times longer or shorter than those that a transform was made from were
scaled otherwise; a transform that divides them by their lengths does not mind."""


class Applied(NamedTuple):
    """What was written: where, and how many rows of what length."""

    path: str
    rows: int
    dim: int


def apply(
    transform: Transform | str | os.PathLike[str],
    source: Any,
    out: str | os.PathLike[str],
    *,
    column: str | None = None,
    reading: Reading | None = None,
    progress: Progress | None = None,
) -> Applied:
    """Write the rows of a source after a transform, in order, a few megabytes at a time.

    Queries and corpus must go through the same transform.

    Args:
        transform: a `Transform`, or the file of one.
        source: files, or an array, as for `gramax.audit`.
        out: where to write them: a .npy, .safetensors or .parquet file. It is float64 where the
            source is, else float32.
        column: the embedding column, where there are several.
        reading: how the stored numbers become rows, as for `gramax.audit`.
        progress: called with (phase, rows done, rows in all, bytes).

    Raises:
        InputError: a file cannot be read or written; rows are not finite, not as long as those
            that the transform takes, or were scaled otherwise.

    Example:
        >>> import numpy as np, tempfile
        >>> halved = Transform(np.zeros(2), np.eye(2) / 2, "halved", before=False, after=False)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     apply(halved, np.ones((3, 2)), f"{folder}/z.npy").rows
        3
    """
    path = check_format(out)
    if not isinstance(transform, Transform):
        transform = Transform.load(transform)
    with streamed(RowStream(source, column, reading or Reading())) as (opened, chunks):
        if opened.dim != transform.width:
            raise InputError(
                f"{opened.name}: has {opened.dim} dimensions; the transform {transform.name!r} "
                f"was made from rows of {transform.width}"
            )
        dtype = np.dtype("<f8" if opened.dtype in ("f8", "i8", "u8", "i4", "u4") else "<f4")
        after = Opened(opened.name, opened.rows, transform.dim, dtype)
        done = read = 0
        with writing(path, after) as write:
            for chunk in chunks:
                if not done:
                    _check_lengths(transform, chunk, opened.name)
                write(np.ascontiguousarray(transform(chunk), dtype))
                done, read = done + len(chunk), read + chunk.nbytes
                if progress is not None:
                    progress("reading", done, opened.rows, read)
    return Applied(path, done, transform.dim)


def check_format(out: str | os.PathLike[str]) -> str:
    """The path to write to; `InputError` unless its name says a format that is written."""
    path = os.fspath(out)
    if extension(path) not in FORMATS:
        raise InputError(f"{path}: cannot be written: the name must end in {', '.join(FORMATS)}")
    return path


def _check_lengths(transform: Transform, rows: np.ndarray, name: str) -> None:
    if transform.before:
        return
    length = float(np.sqrt(np.mean(row_squares(rows.astype(np.float64)))))
    if not 1 / OTHER_LENGTHS <= length / transform.length <= OTHER_LENGTHS:
        raise InputError(
            f"{name}: has rows of length {length:.3g}, where the transform {transform.name!r} was "
            f"made from rows of length {transform.length:.3g}: they were scaled otherwise; give "
            "rows that are scaled as those were"
        )


@contextmanager
def writing(path: str, what: Opened) -> Iterator[Callable[[Float[np.ndarray, "m d"]], Any]]:
    """A function that writes chunks of rows, one after the other, into a file of its format."""
    shape = what.rows, what.dim
    with replacing(path) as temporary:
        if extension(path) == ".parquet":
            with _parquet(temporary, what) as write:
                yield write
            return
        with temporary.open("wb") as stream:
            if extension(path) == ".npy":
                head = {"descr": what.dtype.str, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, head)
            else:
                stream.write(safetensors_head({NAME: shape}, what.dtype, {"source": what.name}))
            yield lambda rows: stream.write(rows.data)


@contextmanager
def _parquet(path: Path, what: Opened) -> Iterator[Callable[[np.ndarray], Any]]:
    pa: Any = need("pyarrow", "writing parquet", extra="io")
    parquet: Any = need("pyarrow.parquet", "writing parquet", extra="io")
    kind = pa.list_(pa.from_numpy_dtype(what.dtype), what.dim)
    schema = pa.schema([(NAME, kind)])

    def write(rows: np.ndarray) -> None:
        lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), what.dim)
        writer.write_batch(pa.record_batch([lists.cast(kind)], schema=schema))

    with parquet.ParquetWriter(path, schema, use_dictionary=False) as writer:
        yield write
