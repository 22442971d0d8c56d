"""Which reader a file belongs to, and which of the arrays in it is meant.

To add a format, write its reader in `readers/`, and name its extension in `READERS`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence

from gramax._text import cut
from gramax.data import paths
from gramax.data.checks import check_matrix, fail, readable_numbers
from gramax.data.paths import Places, addresses, extension, files_of, is_address, title
from gramax.data.readers import (
    arrow,
    delimited,
    hdf5,
    numpy,
    safetensors,
    text,
    vecs,
    whole,
    words,
    zarr,
)
from gramax.data.reading import Reading
from gramax.data.source import Entry, FileSource, Part
from gramax.data.under_way import under_way

Readers = Mapping[str, Callable[[str], tuple[Entry, ...]]]
"""By extension: from a file to the arrays in it. Each reads no more than the header."""

PLAIN_READERS: Readers = {
    ".npy": numpy.npy_entries,
    ".npz": numpy.npz_entries,
    ".safetensors": safetensors.entries,
}
"""Formats whose bytes are read by Python and NumPy alone: see `reads_in_process`."""

READERS: Readers = {
    **PLAIN_READERS,
    ".parquet": arrow.parquet_entries,
    ".pq": arrow.parquet_entries,
    ".arrow": arrow.ipc_entries,
    ".feather": arrow.ipc_entries,
    ".h5": hdf5.entries,
    ".hdf5": hdf5.entries,
    ".zarr": zarr.entries,
    ".jsonl": text.json_entries,
    ".ndjson": text.json_entries,
    ".csv": delimited.entries,
    ".tsv": delimited.entries,
    ".txt": words.entries,
    ".vec": words.entries,
    ".fvecs": vecs.entries,
    ".bvecs": vecs.entries,
    ".json": whole.json_entries,
    ".mat": whole.mat_entries,
    ".h5ad": hdf5.entries,
    ".pt": whole.torch_entries,
    ".pth": whole.torch_entries,
    ".bin": whole.torch_entries,
}

LABEL_READERS: Readers = {**READERS, ".txt": text.txt_entries}
"""What labels are read from: of .txt the lines."""

PICKLES = (".pkl", ".pickle", ".ckpt", ".joblib")

USUAL_NAMES = ("embeddings", "embedding", "z", "latents", "latent", "features", "vectors")
"""Names that settle which of several matrices is meant, the first one first."""

USUAL_WORDS = {
    *("embeddings", "embedding", "embeds", "embed", "embs", "emb", "z", "latents", "latent"),
    *("features", "feature", "feats", "vectors", "vector", "vecs", "vec"),
    *("representations", "representation", "encodings", "encoding", "hidden", "activations"),
}
"""Words of which one settles it where it is in the name of one matrix alone."""


def reads_in_process(path: str) -> bool:
    """Whether `path` is safe to open and read in this process, whatever bytes it holds.

    True for a plain file on this machine: its sizes are checked before anything is allocated.
    Others go to a library that may crash, hang, or ask for any amount of memory on hostile bytes,
    so they are to be read in a process that can be ended.
    """
    return not is_address(path) and extension(path) in PLAIN_READERS


def list_entries(file: str, readers: Readers = READERS) -> tuple[Entry, ...]:
    """The arrays in `file`, by its header."""
    kind = extension(file)
    if kind not in readers and paths.is_store(file):
        kind = ".zarr"
    if kind in PICKLES:
        raise fail(
            file,
            f"{kind} files are pickles, which can run code when opened, and are not read; "
            "save the array with numpy.save (.npy) or safetensors",
        )
    if kind not in readers:
        there = "is" if paths.exists(file) else "no such file, and"
        raise fail(file, f"{there} of a type that is not read; what is: {', '.join(readers)}")
    with under_way(file):
        return readers[kind](file)


def open_embeddings(
    path: Places, *, column: str | None = None, reading: Reading | None = None, labels: str = ""
) -> FileSource:
    """The matrix of embeddings in a file or in many, ready to be read in chunks.

    Args:
        path: a file of one of the `READERS`; a folder of files of one format, or of a Hugging
            Face dataset saved to disk; a pattern (`data/**/*.npy`); an address that fsspec knows
            (`s3://...`, `zip://z.npy::x.zip`: files, folders and patterns there); or a list of
            these. Many files are one matrix: rows in the order of the list, and in natural order
            of the names (9 before 10) in a folder or a pattern. Only headers are read here, but
            for text, whose lines are counted, and for formats that are read whole.
        column: the array, tensor or column that holds the embeddings. Left out, it is the only
            matrix of real numbers in the first file or, of several, the first of `USUAL_NAMES`, or
            the only one with one of `USUAL_WORDS` in its name; in the other files, the one of that
            name.
        reading: how stored numbers become rows.
        labels: the column of labels of a table of text, if it is known, which is no dimension.

    Returns:
        A `Source`. bfloat16 comes out as float32, other dtypes as they are, in native byte order.
        Files without rows are left out.

    Raises:
        InputError: a file cannot be read, has no such matrix, or is not as wide as the others;
            one line that says which and why.
        MissingExtraError: the format, or the address, needs a package that is not there.
    """
    written = addresses(path)
    parts: list[Part] = []
    for file in files_of(written, READERS):
        first = parts[0].entry.name if parts else ""
        parts.append(part_of(file, column, first, reading=reading, labels=labels))
    filled = [part for part in parts if part.entry.shape[0]]
    return FileSource(title(written), tuple(filled or parts[:1]))


def part_of(
    file: str,
    column: str | None,
    first: str = "",
    *,
    reading: Reading | None = None,
    labels: str = "",
) -> Part:
    """The matrix in `file`: `column`, or what is called as in the `first` file, if it has names."""
    found = list_entries(file)
    named = any(entry.name for entry in found)
    entry = chosen(found, first if column is None and first and named else column, file)
    check_matrix(entry.where, entry.shape, entry.dtype, entry.text)
    with under_way(file):
        entry = entry.without(labels).measured()
        return Part(file, reading.applied(entry) if reading else entry, found)


def chosen(found: Sequence[Entry], column: str | None, file: str) -> Entry:
    """The entry called `column`; without one, the matrix that is meant."""
    if column is None:
        return _pick_matrix(found, file)
    entry = find(found, column)
    if entry is None and any(entry.name for entry in found):
        raise fail(file, f"has no column or array {column}; it has {listing(found)}")
    if entry is None:
        raise fail(file, f"holds no names, so no {column}; leave --column out")
    return entry


def find(entries: Sequence[Entry], name: str) -> Entry | None:
    """The entry called `name`; None where there is none (an empty name names nothing)."""
    return next((entry for entry in entries if name and entry.name == name), None)


def listing(entries: Sequence[Entry], most: int = 8) -> str:
    """`z float32 [5, 3], y int64 [5]` and how many more, for messages."""
    shown = ", ".join(f"{cut(entry.name)} {entry.text}".strip() for entry in entries[:most])
    return f"{shown} and {len(entries) - most} more" if len(entries) > most else shown


def _pick_matrix(entries: Sequence[Entry], file: str) -> Entry:
    matrices = [entry for entry in entries if entry.rank == 2 and readable_numbers(entry.dtype)]
    # X of an AnnData file is counts: its embeddings are in obsm.
    matrices = [one for one in matrices if one.name.startswith("obsm/")] or matrices
    usual = [one for name in USUAL_NAMES for one in matrices if one.name.lower() == name]
    alike = [one for one in matrices if USUAL_WORDS & set(re.split(r"[\W_\d]+", one.name.lower()))]
    if len(matrices) == 1 or usual or len(alike) == 1:
        return (usual or (matrices if len(matrices) == 1 else alike))[0]
    if matrices:
        which = "several are" if alike else "none is"
        example = shlex.quote((alike or matrices)[0].name)
        why = f"has several matrices, and {which} called like an embedding"
        pick = f"pick one with --column NAME, such as --column {example}"
        raise fail(file, f"{why}: {listing(matrices)}; {pick}")
    if len(entries) == 1:  # the caller says what is wrong with it
        return entries[0]
    found = f"it has {listing(entries)}" if entries else "it is empty"
    raise fail(file, f"has no matrix of real numbers; {found}")
