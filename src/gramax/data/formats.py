"""Which reader a file belongs to, and which of the arrays in it is meant."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import PurePath

from gramax.data import lines, npy, npz, parquet, safetensors
from gramax.data.files import fail
from gramax.data.source import Entry, FileSource, Source, readable_numbers
from gramax.data.text import cut

READERS: dict[str, Callable[[str], tuple[Entry, ...]]] = {
    ".npy": npy.entries,
    ".npz": npz.entries,
    ".safetensors": safetensors.entries,
    ".parquet": parquet.entries,
}
"""By extension: from a path to the arrays in it. Each reads no more than the header."""

PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")

USUAL_NAMES = ("embeddings", "embedding", "z", "features", "x")
"""Names that settle which of several matrices is meant, the first one first."""


def list_entries(file: str, *, labels: bool = False) -> tuple[Entry, ...]:
    """The arrays in `file`, by its header; where it holds labels, .txt is read too."""
    readers = READERS | {".txt": lines.entries} if labels else READERS
    extension = PurePath(file).suffix.lower()
    if extension in PICKLES:
        raise fail(
            file,
            f"{extension} files are pickles, which can run code when opened, and are not read; "
            "save the array with numpy.save (.npy) or safetensors",
        )
    if extension not in readers:
        raise fail(file, f"is of a type that is not read; what is: {', '.join(readers)}")
    return readers[extension](file)


def open_embeddings(path: str | os.PathLike[str], *, column: str | None = None) -> Source:
    """The matrix of embeddings in a file, ready to be read in chunks.

    Args:
        path: a .npy, .npz, .safetensors or .parquet file. Only its header is read here.
        column: the array, tensor or column that holds the embeddings. Left out, it is the only
            matrix of real numbers in the file or, of several, the one named embeddings,
            embedding, z, features or x (in any case, the first of these).

    Returns:
        A `Source`. bfloat16 comes out as float32, other dtypes as they are, in native byte order.

    Raises:
        InputError: the file cannot be read, or has no such matrix; one line that says why.
        MissingExtraError: a parquet file, without pyarrow.

    Example:
        >>> import tempfile, numpy as np
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(f"{folder}/emb.npy", np.eye(3, 2))
        ...     source = open_embeddings(f"{folder}/emb.npy")
        ...     print(source.rows, source.dim, [start for start, _ in source.chunks(2)])
        3 2 [0, 2]
    """
    file = os.fspath(path)
    found = list_entries(file)
    entry = _named(found, column, file) if column is not None else _pick_matrix(found, file)
    if not _is_matrix(entry):
        raise fail(_where(file, entry), f"{_advice(entry)}; got {entry.text}")
    return FileSource(file, entry)


def find(entries: Sequence[Entry], name: str) -> Entry | None:
    """The entry called `name`; None where there is none (an empty name names nothing)."""
    return next((entry for entry in entries if name and entry.name == name), None)


def listing(entries: Sequence[Entry], most: int = 8) -> str:
    """`z float32 [5, 3], y int64 [5]` and how many more, for messages."""
    shown = ", ".join(f"{cut(entry.name)} {entry.text}".strip() for entry in entries[:most])
    return f"{shown} and {len(entries) - most} more" if len(entries) > most else shown


def _named(entries: Sequence[Entry], column: str, file: str) -> Entry:
    entry = find(entries, column)
    if entry is None and any(entry.name for entry in entries):
        raise fail(file, f"has no column or array {column}; it has {listing(entries)}")
    if entry is None:
        raise fail(file, f"holds no names, so no {column}; leave --column out")
    return entry


def _pick_matrix(entries: Sequence[Entry], file: str) -> Entry:
    matrices = [entry for entry in entries if _is_matrix(entry)]
    if len(matrices) == 1:
        return matrices[0]
    if len(entries) == 1:  # the caller says what is wrong with it
        return entries[0]
    if not matrices:
        found = f"it has {listing(entries)}" if entries else "it is empty"
        raise fail(file, f"has no matrix of real numbers; {found}")
    for usual in USUAL_NAMES:
        for entry in matrices:
            if entry.name.lower() == usual:
                return entry
    raise fail(file, f"has several matrices: {listing(matrices)}; pick one with --column NAME")


def _is_matrix(entry: Entry) -> bool:
    return entry.rank == 2 and readable_numbers(entry.dtype)


def _advice(entry: Entry) -> str:
    if entry.dtype.hasobject:
        return "holds Python objects (a pickle), which are not read; save a matrix of numbers"
    if not readable_numbers(entry.dtype):
        return "embeddings must be integers, float16, bfloat16, float32 or float64"
    return "embeddings must be a matrix [rows, columns]"


def _where(file: str, entry: Entry) -> str:
    return f"{file}::{entry.name}" if entry.name else file
